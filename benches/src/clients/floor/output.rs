//! What callers and the driver share: the output, and the QoS 1 flows.

use std::mem;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use super::wake;
use crate::{Result, WINDOW, wire};

/// Output that may wait for the driver, about 700 small messages.
const LIMIT: usize = 64 * 1024;

#[derive(Debug)]
pub(super) struct Shared {
    state: Mutex<State>,
}

#[derive(Debug)]
pub(super) struct State {
    out: Vec<u8>,
    flows: Flows,
    phase: Phase,
    /// The driver, while it has nothing to do.
    driver: Option<Waker>,
    /// The caller, while it waits for room or for PUBACKs.
    caller: Option<Waker>,
}

#[derive(Debug)]
enum Phase {
    Open,
    /// DISCONNECT is the last packet in `out`.
    Disconnecting,
    Closed,
}

/// What the driver got from [`Shared::take`].
pub(super) enum Taken {
    Output,
    Nothing,
    /// Nothing, and nothing will come: close.
    End,
}

impl Shared {
    pub(super) fn new() -> Self {
        Self {
            state: Mutex::new(State {
                out: Vec::with_capacity(LIMIT + 1024),
                flows: Flows::new(WINDOW),
                phase: Phase::Open,
                driver: None,
                caller: None,
            }),
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Encodes one PUBLISH into the output, when there is room.
    pub(super) fn poll_publish(
        &self,
        cx: &Context<'_>,
        topic: &str,
        qos: u8,
        payload: &[u8],
    ) -> Poll<Result<()>> {
        let mut state = self.lock();
        let State { out, flows, phase, .. } = &mut *state;
        if let Phase::Closed = phase {
            return Poll::Ready(Err("the driver has ended".into()));
        }
        if out.len() >= LIMIT || (qos > 0 && flows.free.is_empty()) {
            state.caller = Some(cx.waker().clone());
            return Poll::Pending;
        }
        if qos == 0 {
            wire::publish(out, topic, None, payload);
        } else {
            flows.publish(out, topic, payload);
        }
        wake_driver(state);
        Poll::Ready(Ok(()))
    }

    /// Waits until no PUBLISH is without its PUBACK.
    pub(super) fn poll_acknowledged(&self, cx: &Context<'_>) -> Poll<Result<()>> {
        let mut state = self.lock();
        if let Phase::Closed = state.phase {
            return Poll::Ready(Err("the driver has ended".into()));
        }
        if state.flows.is_idle() {
            return Poll::Ready(Ok(()));
        }
        state.caller = Some(cx.waker().clone());
        Poll::Pending
    }

    pub(super) fn subscribe(&self, filter: &str, qos: u8) {
        let mut state = self.lock();
        wire::subscribe(&mut state.out, filter, qos);
        wake_driver(state);
    }

    pub(super) fn disconnect(&self) {
        let mut state = self.lock();
        state.out.extend_from_slice(&wire::DISCONNECT);
        state.phase = Phase::Disconnecting;
        wake_driver(state);
    }

    /// Swaps all output into `written`, which is empty, or notes that the driver sleeps.
    pub(super) fn take(&self, cx: &Context<'_>, written: &mut Vec<u8>) -> Taken {
        let mut state = self.lock();
        if state.out.is_empty() {
            if let Phase::Disconnecting = state.phase {
                return Taken::End;
            }
            state.driver = Some(cx.waker().clone());
            return Taken::Nothing;
        }
        mem::swap(&mut state.out, written);
        let caller = state.caller.take();
        drop(state);
        wake(caller);
        Taken::Output
    }

    /// The driver has ended.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.phase = Phase::Closed;
        let caller = state.caller.take();
        drop(state);
        wake(caller);
    }
}

impl State {
    /// Ends the flow of `id`. The driver wakes the caller when it has read all PUBACKs.
    pub(super) fn handle_puback(&mut self, id: u16) -> Result<()> {
        self.flows.complete(id)
    }

    pub(super) fn take_caller(&mut self) -> Option<Waker> {
        self.caller.take()
    }
}

fn wake_driver(mut state: MutexGuard<'_, State>) {
    let driver = state.driver.take();
    drop(state);
    wake(driver);
}

/// A pooled image of each PUBLISH that waits for its PUBACK, at its Packet Identifier less one.
#[derive(Debug)]
struct Flows {
    images: Vec<Vec<u8>>,
    free: Vec<u16>,
}

impl Flows {
    fn new(window: u16) -> Self {
        Self { images: vec![Vec::new(); window.into()], free: (1..=window).rev().collect() }
    }

    fn is_idle(&self) -> bool {
        self.free.len() == self.images.len()
    }

    fn publish(&mut self, out: &mut Vec<u8>, topic: &str, payload: &[u8]) {
        let Some(id) = self.free.pop() else { return };
        let image = &mut self.images[usize::from(id) - 1];
        wire::publish(image, topic, Some(id), payload);
        out.extend_from_slice(image);
    }

    fn complete(&mut self, id: u16) -> Result<()> {
        let image = id.checked_sub(1).and_then(|place| self.images.get_mut(usize::from(place)));
        match image {
            Some(image) if !image.is_empty() => image.clear(),
            _ => return Err(format!("PUBACK of {id}, which is not in flight").into()),
        }
        self.free.push(id);
        Ok(())
    }
}
