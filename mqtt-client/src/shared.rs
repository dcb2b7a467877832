//! The state all parts of a client share, its lock, and what happens after unlocking.

use std::any::Any;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use bytes::Bytes;
use mqtt_session::Time;
use mqtt_session::proto::QoS;

use crate::state::State;

/// One state under one lock, which is held for changes of that state only.
///
/// ```text
///   calls ──┐                            ┌── poll_event ◀── Inbound ◀── read ──┐
///   acks  ──┼──▶ Mutex<State> ◀── turn ──┤                                     transport
///   drops ──┘        │                   └── poll_transmit ──▶ OutBuffer ──▶ write ──┘
///                    └──▶ After: wakers and drops, once the lock is free
/// ```
pub(crate) struct Shared {
    state: Mutex<State>,
    clock: Box<dyn Fn() -> Time + Send + Sync>,
    default_qos: QoS,
    handles: AtomicUsize,
}

impl Shared {
    pub(crate) fn new(
        state: State,
        clock: impl Fn() -> Time + Send + Sync + 'static,
        default_qos: QoS,
    ) -> Arc<Shared> {
        Arc::new(Shared {
            state: Mutex::new(state),
            clock: Box::new(clock),
            default_qos,
            handles: AtomicUsize::new(0),
        })
    }

    /// Changes the state. Nothing `change` calls may block, run code of the application or touch
    /// the system; what is to be woken or dropped is left in [`State::after`] and done here, after
    /// the lock is free.
    pub(crate) fn with<R>(&self, change: impl FnOnce(&mut State) -> R) -> R {
        let mut state = self.lock();
        let result = change(&mut state);
        if state.after.is_empty() {
            return result;
        }
        let after = state.after.take();
        drop(state);
        after.run();
        result
    }

    /// As [`Shared::with`], for the driver: `after` is empty and lends its capacity. Only what the
    /// driver does can be the last use of a payload.
    pub(crate) fn with_after<R>(
        &self,
        after: &mut After,
        change: impl FnOnce(&mut State) -> R,
    ) -> R {
        let mut state = self.lock();
        let result = change(&mut state);
        state.hand_back();
        std::mem::swap(after, &mut state.after);
        drop(state);
        after.drain();
        result
    }

    /// The time now, by the runtime's clock.
    pub(crate) fn now(&self) -> Time {
        (self.clock)()
    }

    /// The QoS of messages that were told none.
    #[inline]
    pub(crate) fn default_qos(&self) -> QoS {
        self.default_qos
    }

    /// Whether nobody holds the lock at this moment.
    #[cfg(test)]
    pub(crate) fn is_free(&self) -> bool {
        !matches!(self.state.try_lock(), Err(std::sync::TryLockError::WouldBlock))
    }

    /// A panic under the lock leaves the state as it was between two steps: the driver's drop
    /// guard must still be able to close it.
    #[inline]
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keeps the client alive: clients and subscriptions hold one, messages do not.
pub(crate) struct Handle(Arc<Shared>);

impl Handle {
    pub(crate) fn new(shared: Arc<Shared>) -> Handle {
        shared.handles.fetch_add(1, Ordering::Relaxed);
        Handle(shared)
    }
}

impl Clone for Handle {
    fn clone(&self) -> Handle {
        Handle::new(Arc::clone(&self.0))
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        if self.0.handles.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.with(State::abandon);
        }
    }
}

impl std::ops::Deref for Handle {
    type Target = Arc<Shared>;

    fn deref(&self) -> &Arc<Shared> {
        &self.0
    }
}

/// What is done once the lock is free: a waker may run any code, and so may a drop.
#[derive(Default)]
pub(crate) struct After {
    driver: Option<Waker>,
    one: Option<Waker>,
    more: Vec<Waker>,
    drops: Vec<Box<dyn Any + Send>>,
    payloads: Vec<Bytes>,
}

impl After {
    /// Wakes the driver, when it sleeps.
    pub(crate) fn wake_driver(&mut self, waker: &mut Option<Waker>) {
        if let Some(waker) = waker.take() {
            self.driver = Some(waker);
        }
    }

    pub(crate) fn wake(&mut self, waker: Option<Waker>) {
        match waker {
            None => {}
            Some(waker) if self.one.is_none() => self.one = Some(waker),
            Some(waker) => self.more.push(waker),
        }
    }

    /// Drops something of the application's own.
    pub(crate) fn discard(&mut self, value: impl Any + Send) {
        self.drops.push(Box::new(value));
    }

    /// Drops payloads, which may be of a type of the application's own.
    pub(crate) fn discard_payloads(&mut self, payloads: impl Iterator<Item = Bytes>) {
        self.payloads.extend(payloads);
    }

    pub(crate) fn is_empty(&self) -> bool {
        let After { driver, one, more, drops, payloads } = self;
        let none_waits = driver.is_none() && one.is_none() && more.is_empty();
        none_waits && drops.is_empty() && payloads.is_empty()
    }

    fn take(&mut self) -> After {
        std::mem::take(self)
    }

    fn run(mut self) {
        self.drain();
    }

    fn drain(&mut self) {
        let After { driver, one, more, drops, payloads } = self;
        // Wakers first: a drop may panic.
        driver.take().into_iter().chain(one.take()).chain(more.drain(..)).for_each(Waker::wake);
        drops.clear();
        payloads.clear();
    }
}
