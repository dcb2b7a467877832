//! What every std MQTT client shares: options, delivery, acknowledgements, waiting calls and the
//! driver that moves the bytes.
//!
//! An application names its adapter (`mqtt-adapter-tokio`, `mqtt-adapter-blocking`, …), which
//! re-exports what it needs from here ([`exports`]). An adapter implements [`Runtime`], [`Transport`] and
//! [`Timer`], gets a [`Client`] and a [`Driver`] from [`client`](client()) and runs the driver.
//!
//! All calls of a [`Client`] work on one state under one lock, which is held for changes of that
//! state only: never over a callback, a system call or a waker.
#![forbid(unsafe_code)]

mod alarm;
mod authenticator;
mod client;
mod clock;
mod delivery;
mod driver;
mod error;
mod event;
pub mod exports;
mod message;
mod operations;
mod options;
mod over;
mod publish;
mod room;
mod router;
mod runtime;
mod security;
mod shared;
mod state;
mod stats;
mod stream;
mod subscription;
mod table;
#[cfg(feature = "tls")]
mod tls;
mod waiting;

pub use alarm::{Alarm, Sleep};
pub use authenticator::{AuthResponse, Authenticator};
pub use client::{Client, ConnectionState, Drained, Enqueue, PublishHandle, client};
pub use clock::Clock;
pub use driver::Driver;
pub use error::{
    ConnectError, OptionsError, PublishError, ReauthenticateError, Rejection, SubscribeError,
    TlsFailure, TlsProblem, TryPublishError, TryRecvError, UnsubscribeError, UrlProblem,
};
pub use event::{ClientEvent, Events};
pub use message::{Ack, Message};
pub use options::{
    Completion, ConnectAttempt, ConnectChanges, OfflineQoS0, Options, SessionExpiry, Target,
};
pub use publish::{Payload, Publish};
pub use runtime::{LONGEST_SLEEP, Runtime, Timer, Transport};
pub use stats::{Stats, Unacknowledged};
pub use subscription::{
    CallbackSubscription, DropPolicy, Overflow, SubscribeOptions, Subscription,
};
#[cfg(feature = "tls")]
pub use tls::Tls;
pub use waiting::park_on;

pub use bytes::Bytes;
pub use mqtt_session::proto::{Properties, Property, QoS, ReasonCode, RetainHandling, Version};
pub use mqtt_session::{
    Backoff, CloseReason, Failure, Limits, Refusal, SessionLoss, Time, VersionChoice, ViolationKind,
};
#[cfg(feature = "tls")]
pub use rustls;
