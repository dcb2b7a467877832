//! How a wait ends without an answer.

use mqtt_client::{ConnectError, PublishError, SubscribeError, UnsubscribeError};

/// Why there is no message or event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum RecvError {
    /// None will arrive any more.
    #[error("there will be no more")]
    Ended,
    /// None has arrived in the given time; nothing is lost.
    #[error("none has arrived in the given time")]
    TimedOut,
    /// A call that waits, inside a callback.
    #[error("a callback cannot wait")]
    InCallback,
}

/// A call that waits, inside a callback: nothing was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[error("a callback cannot wait; make the call on another thread")]
pub struct InCallback;

/// An error that can say how a wait ended.
pub(crate) trait WaitError {
    const IN_CALLBACK: Self;
    const TIMED_OUT: Self;
}

impl WaitError for ConnectError {
    const IN_CALLBACK: ConnectError = ConnectError::InCallback;
    /// Only where there is no timeout: the driver has ended.
    const TIMED_OUT: ConnectError = ConnectError::Ended;
}

impl WaitError for PublishError {
    const IN_CALLBACK: PublishError = PublishError::InCallback;
    const TIMED_OUT: PublishError = PublishError::TimedOut;
}

impl WaitError for SubscribeError {
    const IN_CALLBACK: SubscribeError = SubscribeError::InCallback;
    const TIMED_OUT: SubscribeError = SubscribeError::TimedOut;
}

impl WaitError for UnsubscribeError {
    const IN_CALLBACK: UnsubscribeError = UnsubscribeError::InCallback;
    const TIMED_OUT: UnsubscribeError = UnsubscribeError::TimedOut;
}

impl WaitError for RecvError {
    const IN_CALLBACK: RecvError = RecvError::InCallback;
    const TIMED_OUT: RecvError = RecvError::TimedOut;
}

impl WaitError for InCallback {
    const IN_CALLBACK: InCallback = InCallback;
    /// Only where there is no timeout.
    const TIMED_OUT: InCallback = InCallback;
}
