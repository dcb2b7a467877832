//! The task that owns the socket.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::output::{Shared, Taken};
use super::queue::Queue;
use super::wake;
use crate::wire::{self, Packet, Publish};
use crate::{Plan, Result, Sequence};

/// Bytes asked for in one read.
const INPUT: usize = 64 * 1024;

/// Where messages go.
pub(super) enum Delivery {
    /// Checked and dropped; after `messages` of them the driver disconnects.
    InPlace { sequence: Sequence, messages: u64 },
    /// Copied, and handed to another task.
    Queue(Arc<Queue>),
}

pub(super) struct Driver {
    stream: TcpStream,
    shared: Arc<Shared>,
    delivery: Delivery,
    /// `input[..filled]` is read and not decoded.
    input: Vec<u8>,
    filled: usize,
    /// `output[sent..]` is still to be written.
    output: Vec<u8>,
    sent: usize,
}

impl Delivery {
    pub(super) fn in_place(plan: &Plan) -> Self {
        Self::InPlace { sequence: Sequence::default(), messages: plan.messages }
    }

    pub(super) fn queue() -> Self {
        Self::Queue(Arc::new(Queue::new()))
    }

    pub(super) fn queue_handle(&self) -> Option<Arc<Queue>> {
        match self {
            Self::InPlace { .. } => None,
            Self::Queue(queue) => Some(Arc::clone(queue)),
        }
    }

    fn poll_room(&self, cx: &Context<'_>) -> Poll<()> {
        match self {
            Self::InPlace { .. } => Poll::Ready(()),
            Self::Queue(queue) => queue.poll_room(cx),
        }
    }
}

impl Driver {
    pub(super) fn new(stream: TcpStream, shared: Arc<Shared>, delivery: Delivery) -> Self {
        let input = vec![0; INPUT];
        Self { stream, shared, delivery, input, filled: 0, output: Vec::new(), sent: 0 }
    }

    /// Reads once and handles every packet that is whole.
    fn poll_input(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        ready!(self.delivery.poll_room(cx));
        let mut free = ReadBuf::new(&mut self.input[self.filled..]);
        ready!(Pin::new(&mut self.stream).poll_read(cx, &mut free))?;
        if free.filled().is_empty() {
            return Poll::Ready(Err("closed by the peer".into()));
        }
        self.filled += free.filled().len();
        let packets = &self.input[..self.filled];
        let decoded = match &mut self.delivery {
            Delivery::InPlace { sequence, messages } => {
                let check = |publish: &Publish<'_>| sequence.check(publish.payload);
                let decoded = decode(packets, &self.shared, &mut self.output, check)?;
                if sequence.count() == *messages {
                    self.shared.disconnect();
                }
                decoded
            }
            Delivery::Queue(queue) => queue.extend(|messages| {
                let push = |publish: &Publish<'_>| {
                    messages.push(publish);
                    Ok(())
                };
                decode(packets, &self.shared, &mut self.output, push)
            })?,
        };
        self.input.copy_within(decoded..self.filled, 0);
        self.filled -= decoded;
        Poll::Ready(Ok(()))
    }

    /// Writes until there is nothing to write (pending) or DISCONNECT has left (ready).
    fn poll_output(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        loop {
            if self.sent == self.output.len() {
                self.output.clear();
                self.sent = 0;
                match self.shared.take(cx, &mut self.output) {
                    Taken::Output => {}
                    Taken::Nothing => return Poll::Pending,
                    Taken::End => return Poll::Ready(Ok(())),
                }
            }
            let unsent = &self.output[self.sent..];
            self.sent += ready!(Pin::new(&mut self.stream).poll_write(cx, unsent))?;
        }
    }
}

impl Future for Driver {
    type Output = Result<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        loop {
            let input = self.poll_input(cx)?;
            if self.poll_output(cx)?.is_ready() {
                return Poll::Ready(Ok(()));
            }
            ready!(input);
        }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.shared.close();
        if let Delivery::Queue(queue) = &self.delivery {
            queue.close();
        }
    }
}

/// Handles every whole packet at the front of `bytes`; returns how many bytes they took. PUBACKs
/// for what came are appended to `output`; those that came are handled under one lock.
fn decode(
    bytes: &[u8],
    shared: &Shared,
    output: &mut Vec<u8>,
    mut deliver: impl FnMut(&Publish<'_>) -> Result<()>,
) -> Result<usize> {
    let mut decoded = 0;
    let mut state = None;
    while let Some((packet, len)) = wire::packet(&bytes[decoded..])? {
        match packet {
            Packet::Publish(publish) => {
                deliver(&publish)?;
                if let Some(id) = publish.id {
                    wire::puback(output, id);
                }
            }
            Packet::PubAck { id } => {
                let state = state.get_or_insert_with(|| shared.lock());
                state.handle_puback(id)?;
            }
            Packet::SubAck => {}
        }
        decoded += len;
    }
    let caller = state.and_then(|mut state| state.take_caller());
    wake(caller);
    Ok(decoded)
}
