//! One error per command. An error means that nothing changed.

use mqtt_proto::{EncodeError, QoS};

use crate::memory::Full;

/// Why `open` did nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// A connection is open; end it with `handle_closed`.
    #[error("a connection is already open")]
    AlreadyOpen,
    /// The CONNECT cannot be said in this version or breaks the standard.
    #[error("CONNECT: {0}")]
    Connect(#[from] EncodeError),
    /// The memory has no room for the CONNECT. There always is for one no longer than the last, and
    /// for a first one of up to a quarter of the memory. A longer first one is opened before anything
    /// is accepted; a longer later one once less waits to be sent, over connections as the last.
    #[error("no memory for CONNECT")]
    Full,
}

impl From<Full> for OpenError {
    fn from(_: Full) -> OpenError {
        OpenError::Full
    }
}

/// Why `publish` accepted nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    /// No room now; [`Event::Writable`](crate::Event::Writable) follows when there is.
    #[error("the send queue is full")]
    Full,
    /// QoS 0 without a connection, unless it is kept
    /// ([`Config::keep_qos0`](crate::Config::keep_qos0)).
    #[error("not connected")]
    NotConnected,
    /// `disconnect` was called.
    #[error("the session is disconnecting")]
    Disconnecting,
    /// The standard or the version forbids it.
    #[error("{0}")]
    Invalid(#[from] EncodeError),
    /// The broker's Maximum QoS is lower.
    #[error("the broker's Maximum QoS is {}", *.0 as u8)]
    QoSNotSupported(QoS),
    /// The broker has no retained messages.
    #[error("the broker does not support retained messages")]
    RetainNotSupported,
    /// The packet is above what the broker or the memory takes.
    #[error("packet of {len} bytes, at most {max} are possible")]
    TooLarge {
        /// Bytes of the packet.
        len: usize,
        /// Bytes possible.
        max: usize,
    },
}

/// Why `subscribe` or `unsubscribe` accepted nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SubscribeError {
    /// No room now; [`Event::Writable`](crate::Event::Writable) follows when there is.
    #[error("the send queue is full")]
    Full,
    /// `disconnect` was called.
    #[error("the session is disconnecting")]
    Disconnecting,
    /// The standard or the version forbids it.
    #[error("{0}")]
    Invalid(#[from] EncodeError),
    /// The broker has no wildcard subscriptions.
    #[error("the broker does not support wildcard subscriptions")]
    WildcardNotSupported,
    /// The broker has no shared subscriptions.
    #[error("the broker does not support shared subscriptions")]
    SharedNotSupported,
    /// The broker has no Subscription Identifiers.
    #[error("the broker does not support Subscription Identifiers")]
    IdentifierNotSupported,
    /// The packet is above what the broker or the memory takes.
    #[error("packet of {len} bytes, at most {max} are possible")]
    TooLarge {
        /// Bytes of the packet.
        len: usize,
        /// Bytes possible.
        max: usize,
    },
}

/// Why `authenticate` sent nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthenticateError {
    /// No connection is open.
    #[error("not connected")]
    NotConnected,
    /// The CONNECT had no Authentication Method.
    #[error("the CONNECT had no Authentication Method")]
    NoMethod,
    /// The CONNECT had another Authentication Method.
    #[error("the CONNECT had another Authentication Method")]
    OtherMethod,
    /// The broker did not ask, or is asked already.
    #[error("it is not the turn of this end")]
    NotNow,
    /// No room now; [`Event::Writable`](crate::Event::Writable) follows when there is.
    #[error("no memory for AUTH")]
    Full,
    /// The standard or the version forbids it.
    #[error("{0}")]
    Invalid(#[from] EncodeError),
    /// The packet is above what the broker or the memory takes.
    #[error("packet of {len} bytes, at most {max} are possible")]
    TooLarge {
        /// Bytes of the packet.
        len: usize,
        /// Bytes possible.
        max: usize,
    },
}

/// Why `disconnect` did nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DisconnectError {
    /// No connection is open.
    #[error("not connected")]
    NotConnected,
    /// The memory has no room for the DISCONNECT; try again when something ended.
    #[error("no memory for DISCONNECT")]
    Full,
    /// The standard or the version forbids it.
    #[error("{0}")]
    Invalid(#[from] EncodeError),
}
