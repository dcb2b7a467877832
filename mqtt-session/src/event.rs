//! What a session tells its owner.

use mqtt_proto::{
    Ack, Auth, ConnAck, Disconnect, EncodeError, Publish, ReasonCode, SubAck, UnsubAck,
};

use crate::CloseReason;

/// Names an operation until its outcome was polled.
///
/// `index` is small and dense, so an owner can keep what belongs to an operation in a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Token {
    pub(crate) index: u32,
    pub(crate) generation: u32,
}

impl Token {
    /// Unique among the operations that are open now; reused after the outcome.
    pub fn index(self) -> usize {
        self.index as usize
    }
}

/// Names an inbound QoS 1/2 message until it is acknowledged.
///
/// An acknowledgement with an outdated one does nothing. `index` as in [`Token::index`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Delivery {
    pub(crate) index: u32,
    pub(crate) generation: u32,
}

impl Delivery {
    /// Unique among the messages held now; reused after the acknowledgement was sent.
    pub fn index(self) -> usize {
        self.index as usize
    }
}

/// What happened; borrows from [`Inbound`](crate::Inbound).
#[derive(Debug)]
pub enum Event<'a> {
    /// CONNACK accepted the connection; what was pending is on its way. In 3.1, which has no Session
    /// Present, it says whether the session is taken to go on.
    Connected(ConnAck<'a>),
    /// CONNACK refused the connection. [`Event::Closed`] follows.
    Refused(ConnAck<'a>),
    /// The broker asks on with AUTH, while connecting or after
    /// [`authenticate`](crate::Session::authenticate), which is also the answer.
    Authenticate(Auth<'a>),
    /// The broker accepted a re-authentication.
    Reauthenticated(Auth<'a>),
    /// A message for the application.
    Message(Message<'a>),
    /// The broker of 3.1.1 sends a message above the limit (`Config::maximum_packet_size`, or what
    /// the memory holds), which is skipped: it is acknowledged when all of it passed by. Reported
    /// each time it comes, which is again if the connection ends before.
    Skipped {
        /// The PUBLISH without its payload.
        publish: Publish<'a>,
        /// Bytes of the whole packet.
        len: usize,
    },
    /// A QoS 1/2 publish has its outcome.
    Published {
        /// Which.
        token: Token,
        /// How it ended.
        outcome: Outcome<'a>,
    },
    /// A SUBSCRIBE was answered; one code per filter, in its order.
    Subscribed {
        /// Which.
        token: Token,
        /// The answer.
        suback: SubAck<'a>,
    },
    /// An UNSUBSCRIBE was answered; one code per filter, in its order (none in 3.1.1).
    Unsubscribed {
        /// Which.
        token: Token,
        /// The answer.
        unsuback: UnsubAck<'a>,
    },
    /// A SUBSCRIBE or UNSUBSCRIBE ended without an answer.
    RequestFailed {
        /// Which.
        token: Token,
        /// Why.
        failure: Failure,
    },
    /// The broker lost the session and refused a subscription made again, or never answered: then
    /// the reason is [`ReasonCode::UnspecifiedError`]. Its Topic Filter is
    /// [`Session::lost_subscription`](crate::Session::lost_subscription).
    SubscriptionLost {
        /// Why.
        reason: ReasonCode,
    },
    /// There is room again after an error `Full`.
    Writable,
    /// The broker sent DISCONNECT. [`Event::Closed`] follows.
    Disconnect(Disconnect<'a>),
    /// The connection is over: the last event of it.
    Closed(CloseReason),
}

/// An inbound message.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// The PUBLISH, its topic resolved if it came by alias. On the heap a large payload can be
    /// taken without a copy, by `Inbound::take_payload`.
    pub publish: Publish<'a>,
    /// What to give to [`Session::ack`](crate::Session::ack): `Some` exactly for QoS 1/2.
    pub delivery: Option<Delivery>,
}

/// How a publish ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Outcome<'a> {
    /// The broker has it: PUBACK, or PUBCOMP. The acknowledgement's code may be
    /// [`ReasonCode::NoMatchingSubscribers`], or that of a PUBCOMP after a resume
    /// [`ReasonCode::PacketIdentifierNotFound`]: the broker was done with it before.
    Delivered(Ack<'a>),
    /// The broker of 3.1.1 has it, but answered QoS 2 with this PUBACK: it handles it as QoS 1.
    /// Not with [`Config::strict`](crate::Config::strict).
    Downgraded(Ack<'a>),
    /// The broker rejected it: PUBACK or PUBREC with this code of 0x80 or above.
    Rejected(Ack<'a>),
    /// QoS 0: it was transmitted. Only with [`Config::report_qos0`](crate::Config::report_qos0).
    Transmitted,
    /// Nothing of it will be sent any more. Only with [`Failure::NotSupported`],
    /// [`Failure::Invalid`], [`Failure::Blamed`] and [`Failure::ConnectionLost`] may an earlier
    /// connection have carried it.
    Failed(Failure),
    /// It may have been delivered: the session ended before the answer.
    Indeterminate,
}

/// Why an accepted operation could not be carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// Its Message Expiry Interval passed before it was sent.
    #[error("the message expired before it was sent")]
    Expired,
    /// The broker that answered now does not take it.
    #[error("the broker does not take it: {0}")]
    NotSupported(ReasonCode),
    /// It was accepted for another version, and that of the broker that answered now cannot say it:
    /// before 5.0 there are neither properties nor options of a subscription beside its QoS, and
    /// 5.0 is stricter about shared subscriptions. Nothing is left out to make it fit.
    #[error("the version of this connection cannot say it: {0}")]
    Invalid(EncodeError),
    /// Three times it was the one message in flight when the broker disconnected for a reason that
    /// blames content, this one the last time.
    #[error("the broker disconnects whenever it is sent: {0}")]
    Blamed(ReasonCode),
    /// Likewise, but the last time the connection was lost without a word.
    #[error("the connection is lost whenever it is sent")]
    ConnectionLost,
    /// Four times the broker did not answer it in time, or the connection ended while it was the oldest
    /// without an answer: lost, or for a reason that may concern it.
    #[error("the broker does not answer")]
    NoAnswer,
    /// Its record could not be stored.
    #[error("the message could not be stored")]
    StoreFailed,
    /// QoS 0: the connection ended before it was transmitted. Only with
    /// [`Config::report_qos0`](crate::Config::report_qos0), and unless it is kept.
    #[error("the connection ended before the message was sent")]
    Unsent,
    /// The session ended for good.
    #[error("the session was closed")]
    Closed,
}
