//! How a call waits: parked while the driver's thread works, or by turning the driver itself.

use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use mqtt_client::park_on;

use crate::error::WaitError;
use crate::own_loop::OwnLoop;
use crate::reactor::in_callback;

/// What moves the bytes while a call waits.
#[derive(Clone, Debug)]
pub(crate) enum Mover {
    /// A thread that turns the driver until it ends.
    Thread,
    /// Whoever waits; this keeps the driver.
    Owner(Arc<OwnLoop>),
    /// Whoever waits, while a client or subscription keeps the driver.
    Guest(Weak<OwnLoop>),
}

impl Mover {
    /// Runs a call of mqtt-client to its end.
    pub(crate) fn call<T, E: WaitError>(
        &self,
        call: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        self.call_until(None, call)
    }

    /// Runs a call of mqtt-client and drops it when `deadline` passes first. Inside a callback it
    /// is not even begun.
    pub(crate) fn call_until<T, E: WaitError>(
        &self,
        deadline: Option<Instant>,
        call: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        if in_callback() {
            return Err(E::IN_CALLBACK);
        }
        let output = match self.own_loop() {
            Some(own_loop) => own_loop.run(pin!(call), deadline),
            None => park_on(call, deadline),
        };
        output.unwrap_or(Err(E::TIMED_OUT))
    }

    /// The same for what does not keep the client alive.
    pub(crate) fn guest(&self) -> Mover {
        match self {
            Mover::Thread => Mover::Thread,
            Mover::Owner(own_loop) => Mover::Guest(Arc::downgrade(own_loop)),
            Mover::Guest(own_loop) => Mover::Guest(Weak::clone(own_loop)),
        }
    }

    /// The loop to turn; `None` where a thread does it, or nobody has to any more.
    pub(crate) fn own_loop(&self) -> Option<Arc<OwnLoop>> {
        match self {
            Mover::Thread => None,
            Mover::Owner(own_loop) => Some(Arc::clone(own_loop)),
            Mover::Guest(own_loop) => own_loop.upgrade(),
        }
    }
}

/// The time when a wait that starts now is over; `None` when that is beyond all clocks.
pub(crate) fn deadline(timeout: Duration) -> Option<Instant> {
    Instant::now().checked_add(timeout)
}

/// What is left until `deadline`.
pub(crate) fn left(deadline: Option<Instant>) -> Option<Duration> {
    deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()))
}
