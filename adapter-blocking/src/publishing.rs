//! A publish on its way.

use std::time::{Duration, Instant};

use mqtt_client::{PublishError, ReasonCode};

use crate::mover::{Mover, deadline};

/// What [`Client::publish_timeout`](crate::Client::publish_timeout) found when it returned.
#[derive(Debug)]
#[must_use = "a message that is pending may still fail"]
pub enum Publication {
    /// The message was delivered, as [`Client::publish`](crate::Client::publish) says.
    Done(ReasonCode),
    /// The time was over first: the message was accepted and is delivered nevertheless.
    Pending(PublishHandle),
}

/// The outcome of a message that was accepted, to be waited for.
///
/// Dropping it changes nothing about the message. It does not keep the client alive.
#[derive(Debug)]
#[must_use = "wait for it to know whether the message was delivered, or drop it not to know"]
pub struct PublishHandle {
    handle: mqtt_client::PublishHandle,
    mover: Mover,
}

impl PublishHandle {
    pub(crate) fn new(handle: mqtt_client::PublishHandle, mover: &Mover) -> PublishHandle {
        PublishHandle { handle, mover: mover.guest() }
    }

    /// Waits for the outcome. [`PublishError::InCallback`] and the end of the handle if that is
    /// tried inside a callback; the message is delivered nevertheless.
    pub fn wait(self) -> Result<ReasonCode, PublishError> {
        self.mover.call(self.handle)
    }

    /// Waits for the outcome, for `timeout` at most. `None` when the time is over; then, or later,
    /// it can be waited for again. Once there was an outcome it stays.
    pub fn wait_timeout(&mut self, timeout: Duration) -> Option<Result<ReasonCode, PublishError>> {
        self.wait_until(deadline(timeout))
    }

    pub(crate) fn wait_until(
        &mut self,
        deadline: Option<Instant>,
    ) -> Option<Result<ReasonCode, PublishError>> {
        match self.mover.call_until(deadline, &mut self.handle) {
            Err(PublishError::TimedOut) => None,
            outcome => Some(outcome),
        }
    }
}
