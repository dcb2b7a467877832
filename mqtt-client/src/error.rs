//! One error per call. Each says what to do about it.

mod options;
mod tls;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use mqtt_session::proto::{EncodeError, Properties, QoS, ReasonCode};
use mqtt_session::{CloseReason, Failure};
use thiserror::Error;

use crate::Publish;
use crate::operations::Unanswered;

pub use options::{OptionsError, UrlProblem};
pub use tls::{TlsFailure, TlsProblem};

/// Why there is no connection.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The options cannot work.
    #[error(transparent)]
    Options(#[from] OptionsError),
    /// The runtime has no driver for the client: it shuts down, or a thread could not be started.
    #[error("the client could not be started: {0}")]
    Start(Arc<io::Error>),
    /// The name of the host could not be resolved.
    #[error("`{host}` could not be resolved: {cause}; check the name and the network")]
    Resolve {
        /// The host.
        host: String,
        /// What the resolver said.
        cause: Arc<io::Error>,
    },
    /// No address of the host could be connected to.
    #[error("{broker} could not be reached: {cause}; check that a broker listens there")]
    Dial {
        /// The broker as `host:port`.
        broker: String,
        /// Why the last address failed.
        cause: Arc<io::Error>,
    },
    /// TLS did not come about.
    #[error("{broker}: {failure} ({cause})")]
    Tls {
        /// The broker as `host:port`.
        broker: String,
        /// What failed.
        failure: TlsFailure,
        /// What TLS or the transport said; one of TLS holds a `rustls::Error`.
        cause: Arc<io::Error>,
    },
    /// The attempt took longer than `connect_timeout`.
    #[error("{broker} did not accept the connection within {after:?}")]
    TimedOut {
        /// The broker as `host:port`.
        broker: String,
        /// The `connect_timeout`.
        after: Duration,
    },
    /// The broker refused the CONNECT.
    #[error("the broker refused the connection: {0}")]
    Refused(Box<Rejection>),
    /// The [`Authenticator`](crate::Authenticator) gave up, and why: it has nothing to say, or the
    /// broker is not the one it should be.
    #[error("enhanced authentication failed: {0}")]
    Authentication(String),
    /// The [`connect_hook`](crate::Options::connect_hook) failed, or had no answer in time.
    #[error("the connect hook failed: {0}")]
    Hook(String),
    /// The connection ended before the broker accepted it.
    #[error("{broker}: {reason}; check that it speaks this version of MQTT, and if it wants TLS")]
    Closed {
        /// The broker as `host:port`.
        broker: String,
        /// Why.
        reason: CloseReason,
    },
    /// The CONNECT cannot be sent.
    #[error("CONNECT cannot be sent: {0}")]
    Connect(EncodeError),
    /// The client was disconnected or dropped, or its driver ended.
    #[error("the client is closed; make a new one")]
    Ended,
    /// A call that waits, inside a callback.
    #[error("a callback cannot wait; connect outside of it")]
    InCallback,
}

/// Why no re-authentication begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum ReauthenticateError {
    /// There is no authenticator.
    #[error("there is no authenticator; give one with the option `authenticator`")]
    NoAuthenticator,
    /// There is no connection: the next one authenticates anyway.
    #[error("not connected; the next connection is authenticated anyway")]
    NotConnected,
}

/// Why a publish was not accepted, or how it ended without being delivered.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PublishError {
    /// The send queue is full: wait with `publish` or `enqueue`, or try later. Nothing was sent.
    #[error("the send queue is full; wait with `publish`, or try again later")]
    Full,
    /// A QoS 0 message, and there is no connection: see
    /// [`offline_qos0`](crate::Options::offline_qos0). Nothing was sent.
    #[error(
        "not connected; QoS 1 and 2 are kept until there is a connection, QoS 0 with the option \
         `offline_qos0`"
    )]
    NotConnected,
    /// The client was closed, or drains. If the message had been accepted, it may have been
    /// delivered.
    #[error("the client is closed")]
    Closed,
    /// A call that waits, inside a callback. Nothing was sent.
    #[error("a callback cannot wait; use `try_publish`")]
    InCallback,
    /// The time given to a blocking call is over. Nothing was sent.
    #[error("there was no room in the given time; nothing was sent")]
    TimedOut,
    /// The standard or the version in use forbids it: above all, a Topic Name that is not one.
    /// Nothing was sent.
    #[error("{0}")]
    Invalid(EncodeError),
    /// The broker's Maximum QoS is lower. Nothing was sent.
    #[error("the broker takes QoS {} at most", *.0 as u8)]
    QoSNotSupported(QoS),
    /// The broker has no retained messages. Nothing was sent.
    #[error("the broker does not support retained messages")]
    RetainNotSupported,
    /// The packet is above the broker's Maximum Packet Size. Nothing was sent.
    #[error("the packet has {len} bytes, the broker takes {max} at most")]
    TooLarge {
        /// Bytes of the packet.
        len: usize,
        /// Bytes possible.
        max: usize,
    },
    /// The broker rejected the message.
    #[error("the broker rejected the message: {0}")]
    Rejected(Box<Rejection>),
    /// It was accepted here and will not be sent any more. Only with [`Failure::NotSupported`],
    /// [`Failure::Invalid`], [`Failure::Blamed`] and [`Failure::ConnectionLost`] may it have been
    /// sent before.
    #[error("{0}")]
    Failed(Failure),
    /// The connection ended before a QoS 0 message was written, with
    /// [`Completion::Written`](crate::Completion::Written). It is not sent again, and may have been
    /// delivered if it was written at the last moment.
    #[error("the connection ended before the message was written")]
    ConnectionLost,
    /// It was sent, and the session ended before the broker's answer: it may have been delivered.
    #[error("the session was lost before the answer; the message may have been delivered")]
    Indeterminate,
}

/// A publish that was not accepted, and the message back.
#[derive(Clone, Debug, Error)]
#[error("{error}")]
pub struct TryPublishError<'a> {
    /// Why.
    pub error: PublishError,
    /// The message, as it was given.
    pub publish: Publish<'a>,
}

/// Why there is no subscription.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SubscribeError {
    /// The client was closed, or drains.
    #[error("the client is closed")]
    Closed,
    /// A call that waits, inside a callback.
    #[error("a callback cannot wait; subscribe outside of it")]
    InCallback,
    /// The time given to the call is over. If the broker still grants it, the subscription is
    /// ended again.
    #[error("no answer in the time given; try again")]
    TimedOut,
    /// The standard or the version in use forbids it: above all, a Topic Filter that is not one.
    #[error("{0}")]
    Invalid(EncodeError),
    /// This client has a subscription to the same filter with another No Local or Retain As
    /// Published, and the broker keeps one per filter.
    #[error(
        "another subscription to this filter has other options; use the same, or end it before"
    )]
    Conflict,
    /// The broker does not support what was asked for.
    #[error("the broker does not support it: {0}")]
    NotSupported(ReasonCode),
    /// The packet is above the broker's Maximum Packet Size.
    #[error("the packet has {len} bytes, the broker takes {max} at most")]
    TooLarge {
        /// Bytes of the packet.
        len: usize,
        /// Bytes possible.
        max: usize,
    },
    /// The broker refused the subscription.
    #[error("the broker refused the subscription: {0}")]
    Refused(Box<Rejection>),
    /// It could not be carried out.
    #[error("{0}")]
    Failed(Failure),
}

/// Why subscriptions were not ended. They go on.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum UnsubscribeError {
    /// The client was closed, or drains.
    #[error("the client is closed")]
    Closed,
    /// A call that waits, inside a callback.
    #[error("a callback cannot wait; unsubscribe outside of it")]
    InCallback,
    /// The time given to the call is over. If there was room for it, the UNSUBSCRIBE is sent
    /// nevertheless.
    #[error("no answer in the time given; it is carried out nevertheless if there was room")]
    TimedOut,
    /// The standard forbids it: above all, a Topic Filter that is not one.
    #[error("{0}")]
    Invalid(EncodeError),
    /// The packet is above the broker's Maximum Packet Size.
    #[error("the packet has {len} bytes, the broker takes {max} at most")]
    TooLarge {
        /// Bytes of the packet.
        len: usize,
        /// Bytes possible.
        max: usize,
    },
    /// The broker refused it.
    #[error("the broker refused to end the subscription: {0}")]
    Refused(Box<Rejection>),
    /// It could not be carried out.
    #[error("{0}")]
    Failed(Failure),
}

/// Why there is no message or event now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
pub enum TryRecvError {
    /// None has arrived.
    #[error("nothing has arrived")]
    Empty,
    /// None will arrive any more.
    #[error("there will be no more")]
    Ended,
}

/// A negative answer of the broker.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{reason}{}", self.detail())]
pub struct Rejection {
    /// The reason code, 0x80 or above.
    pub reason: ReasonCode,
    /// Reason String (5.0), if the broker gave one.
    pub reason_string: Option<String>,
    /// Server Reference (5.0): another broker to use.
    pub server_reference: Option<String>,
    /// User Properties (5.0).
    pub user_properties: Vec<(String, String)>,
}

impl Rejection {
    pub(crate) fn new(reason: ReasonCode, properties: Properties<'_>) -> Box<Rejection> {
        Box::new(Rejection {
            reason,
            reason_string: properties.reason_string().map(str::to_owned),
            server_reference: properties.server_reference().map(str::to_owned),
            user_properties: properties
                .user_properties()
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
        })
    }

    fn detail(&self) -> String {
        self.reason_string.as_deref().map(|text| format!(" ({text})")).unwrap_or_default()
    }
}

impl From<mqtt_session::PublishError> for PublishError {
    fn from(error: mqtt_session::PublishError) -> PublishError {
        use mqtt_session::PublishError as Session;
        match error {
            Session::Full => PublishError::Full,
            Session::NotConnected => PublishError::NotConnected,
            Session::Disconnecting => PublishError::Closed,
            Session::Invalid(error) => PublishError::Invalid(error),
            Session::QoSNotSupported(maximum) => PublishError::QoSNotSupported(maximum),
            Session::RetainNotSupported => PublishError::RetainNotSupported,
            Session::TooLarge { len, max } => PublishError::TooLarge { len, max },
        }
    }
}

impl From<Unanswered> for PublishError {
    fn from(why: Unanswered) -> PublishError {
        match why {
            Unanswered::Rejected(rejection) => PublishError::Rejected(rejection),
            Unanswered::Failed(Failure::Closed) => PublishError::Closed,
            Unanswered::Failed(Failure::Unsent) => PublishError::ConnectionLost,
            Unanswered::Failed(failure) => PublishError::Failed(failure),
            Unanswered::Indeterminate => PublishError::Indeterminate,
        }
    }
}

impl From<Unanswered> for SubscribeError {
    fn from(why: Unanswered) -> SubscribeError {
        match why {
            Unanswered::Rejected(rejection) => SubscribeError::Refused(rejection),
            Unanswered::Failed(Failure::Closed) | Unanswered::Indeterminate => {
                SubscribeError::Closed
            }
            Unanswered::Failed(failure) => SubscribeError::Failed(failure),
        }
    }
}

impl From<SubscribeError> for UnsubscribeError {
    fn from(error: SubscribeError) -> UnsubscribeError {
        match error {
            SubscribeError::Closed | SubscribeError::Conflict => UnsubscribeError::Closed,
            SubscribeError::InCallback => UnsubscribeError::InCallback,
            SubscribeError::TimedOut => UnsubscribeError::TimedOut,
            SubscribeError::Invalid(error) => UnsubscribeError::Invalid(error),
            SubscribeError::TooLarge { len, max } => UnsubscribeError::TooLarge { len, max },
            SubscribeError::Refused(rejection) => UnsubscribeError::Refused(rejection),
            SubscribeError::NotSupported(reason) => {
                UnsubscribeError::Failed(Failure::NotSupported(reason))
            }
            SubscribeError::Failed(failure) => UnsubscribeError::Failed(failure),
        }
    }
}
