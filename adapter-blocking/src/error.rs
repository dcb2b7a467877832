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

macro_rules! wait_errors {
    ($($error:ident: $timed_out:ident;)*) => {
        $(impl WaitError for $error {
            const IN_CALLBACK: $error = $error::InCallback;
            const TIMED_OUT: $error = $error::$timed_out;
        })*
    };
}

wait_errors! {
    // There is no timeout: the driver has ended.
    ConnectError: Ended;
    PublishError: TimedOut;
    SubscribeError: TimedOut;
    UnsubscribeError: TimedOut;
    RecvError: TimedOut;
}

impl WaitError for InCallback {
    const IN_CALLBACK: InCallback = InCallback;
    /// There is no timeout.
    const TIMED_OUT: InCallback = InCallback;
}
