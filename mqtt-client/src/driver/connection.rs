//! One stream and the bytes on their way.

use std::io::{self, IoSlice};
use std::mem;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use mqtt_session::{Heap, Inbound, Time};

use super::OutBuffer;
use crate::TlsFailure;
use crate::runtime::Transport;
use crate::state::Moved;
use crate::stream::Stream;

/// A stream, what was read from it and what is to be written to it.
pub(super) struct Connection<T> {
    stream: Stream<T>,
    pub(super) inbound: Inbound<Heap<Bytes>>,
    pub(super) out: OutBuffer,
    /// Until when the last packets must be written.
    pub(super) leave_by: Option<Time>,
    /// What the state was not told yet.
    moved: Moved,
    /// Bytes the transport took and may still hold.
    unflushed: usize,
    reading: Reading,
    /// Writing failed: what has arrived is still read, since it may say why.
    broken: bool,
    /// Reading failed since the broker refused, by TLS: in TLS 1.3 it may do so after the handshake.
    tls_failure: Option<(TlsFailure, Arc<io::Error>)>,
}

/// What is left of a connection whose transport is closed.
pub(super) struct Remains {
    pub(super) inbound: Inbound<Heap<Bytes>>,
    pub(super) moved: Moved,
}

/// Whether the stream is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    On,
    /// Not before what was read is used up.
    Later,
    /// Not while the state wants no more input.
    Paused,
}

/// What became of a read or a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// There may be more at once.
    More,
    /// The task is woken when there is more.
    Blocked,
}

impl<T: Transport> Connection<T> {
    pub(super) fn new(stream: Stream<T>, inbound: Inbound<Heap<Bytes>>) -> Connection<T> {
        Connection {
            stream,
            inbound,
            out: OutBuffer::default(),
            leave_by: None,
            moved: Moved::default(),
            unflushed: 0,
            reading: Reading::On,
            broken: false,
            tls_failure: None,
        }
    }

    /// Pauses reading, or goes on with it; returns whether it goes on again.
    pub(super) fn pause(&mut self, reading: Reading) -> bool {
        mem::replace(&mut self.reading, reading) != Reading::On && reading == Reading::On
    }

    /// What happened since the last call, for the state.
    pub(super) fn take_moved(&mut self) -> Moved {
        let told = self.moved;
        self.moved.received = 0;
        self.moved.sent = 0;
        told
    }

    /// Reads what has arrived, a few buffers at most. Once nothing can be written, a pause is over: the
    /// broker's last words may be among what is there.
    pub(super) fn read(&mut self, cx: &mut Context<'_>, now: Time) -> Progress {
        match self.reading {
            Reading::On => self.read_some(cx, now, READS),
            Reading::Paused if self.broken => {
                let progress = self.read_some(cx, now, LAST_READS);
                self.moved.ended = true;
                progress
            }
            Reading::Later | Reading::Paused => Progress::Blocked,
        }
    }

    fn read_some(&mut self, cx: &mut Context<'_>, now: Time, reads: usize) -> Progress {
        for _ in 0..reads {
            let space = self.inbound.space();
            if self.moved.ended || space.is_empty() {
                return Progress::More;
            }
            match self.stream.poll_read(cx, space) {
                Poll::Pending if self.broken => self.moved.ended = true,
                Poll::Pending => {
                    if self.stream.has_arrived() {
                        self.inbound.handle_sign_of_life(now);
                    }
                    return Progress::Blocked;
                }
                Poll::Ready(Ok(0)) => self.moved.ended = true,
                Poll::Ready(Err(error)) => {
                    self.moved.ended = true;
                    let failure = self.stream.tls_failure(&error);
                    let failure = failure.filter(|failure| failure.is_permanent());
                    self.tls_failure = failure.map(|failure| (failure, Arc::new(error)));
                }
                Poll::Ready(Ok(n)) => {
                    self.inbound.handle_received(now, n);
                    self.moved.received += n;
                }
            }
        }
        Progress::More
    }

    /// Writes until all is written and flushed, or the transport takes no more.
    pub(super) fn write(&mut self, cx: &mut Context<'_>) -> Progress {
        self.moved.write_blocked = false;
        while !self.out.is_empty() && !self.broken {
            let mut slices = [IoSlice::new(&[]); SLICES];
            let filled = self.out.fill(&mut slices);
            let filled = slices.get(..filled).unwrap_or_default();
            match self.stream.poll_write(cx, filled) {
                Poll::Pending => {
                    self.moved.write_blocked = true;
                    break;
                }
                Poll::Ready(Ok(0) | Err(_)) => self.broken = true,
                Poll::Ready(Ok(n)) => {
                    self.out.advance(n);
                    self.unflushed += n;
                }
            }
        }
        match self.flush(cx) {
            Progress::More if self.moved.write_blocked && !self.broken => Progress::Blocked,
            progress => progress,
        }
    }

    /// Whether something is to be written or flushed.
    pub(super) fn has_output(&self) -> bool {
        !self.out.is_empty() || self.unflushed > 0
    }

    /// Ends the sending half.
    pub(super) fn close(&mut self, cx: &mut Context<'_>) -> Progress {
        match self.stream.poll_close(cx) {
            Poll::Pending => Progress::Blocked,
            Poll::Ready(Ok(())) => Progress::More,
            Poll::Ready(Err(_)) => {
                self.broken = true;
                Progress::More
            }
        }
    }

    /// Reads and forgets what still arrives.
    pub(super) fn discard(&mut self, cx: &mut Context<'_>) -> Progress {
        let mut scratch = [0; 4096];
        for _ in 0..READS {
            match self.stream.poll_read(cx, &mut scratch) {
                Poll::Pending => return Progress::Blocked,
                Poll::Ready(Ok(0) | Err(_)) => {
                    self.moved.ended = true;
                    return Progress::More;
                }
                Poll::Ready(Ok(n)) => self.moved.received += n,
            }
        }
        Progress::More
    }

    /// Nothing that was received is to be looked at.
    pub(super) fn forget_input(&mut self) {
        self.inbound = Inbound::default();
    }

    /// Why the broker refused the connection by TLS, if it did.
    pub(super) fn take_tls_failure(&mut self) -> Option<(TlsFailure, Arc<io::Error>)> {
        self.tls_failure.take()
    }

    /// Whether the transport ended.
    pub(super) fn has_ended(&self) -> bool {
        self.moved.ended
    }

    /// Whether nothing can be written any more.
    pub(super) fn is_broken(&self) -> bool {
        self.broken
    }

    /// Closes the transport; what was received stays.
    pub(super) fn hang_up(self) -> Remains {
        Remains { inbound: self.inbound, moved: Moved { ended: true, ..self.moved } }
    }

    fn flush(&mut self, cx: &mut Context<'_>) -> Progress {
        if self.unflushed == 0 || self.broken {
            return Progress::More;
        }
        match self.stream.poll_flush(cx) {
            Poll::Pending => return Progress::Blocked,
            Poll::Ready(Ok(())) => self.moved.sent += mem::take(&mut self.unflushed),
            Poll::Ready(Err(_)) => self.broken = true,
        }
        Progress::More
    }
}

/// Reads in one turn, so that writing comes to its turn.
const READS: usize = 2;
/// Reads of what is left to read when a pause is over: enough for what a socket holds, and no more than
/// memory can bear.
const LAST_READS: usize = 64;
/// Parts of one vectored write.
const SLICES: usize = 16;
