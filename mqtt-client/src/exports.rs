//! What an application finds in its adapter: every adapter re-exports one of these lists whole, so
//! that their interfaces do not drift apart.

/// What has nothing to do with how one waits: for every adapter.
pub mod for_all {
    pub use crate::{
        Ack, AuthResponse, Authenticator, Backoff, Bytes, ClientEvent, CloseReason, Completion,
        ConnectAttempt, ConnectChanges, ConnectError, ConnectionState, Drained, DropPolicy,
        Failure, Limits, Message, OfflineQoS0, Options, OptionsError, Overflow, Payload,
        Properties, Property, Publish, PublishError, QoS, ReasonCode, ReauthenticateError, Refusal,
        Rejection, RetainHandling, SessionExpiry, SessionLoss, Stats, SubscribeError,
        SubscribeOptions, Target, TlsFailure, TlsProblem, Transport, TryPublishError, TryRecvError,
        Unacknowledged, UnsubscribeError, UrlProblem, Version, VersionChoice, ViolationKind,
    };
    #[cfg(feature = "tls")]
    pub use crate::{Tls, rustls};
}

/// That, and the calls that are futures: for adapters of async runtimes.
pub mod for_async {
    pub use super::for_all::*;
    pub use crate::{CallbackSubscription, Client, Enqueue, Events, PublishHandle, Subscription};
}
