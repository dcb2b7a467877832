//! Why a connection ended.

use mqtt_proto::{DecodeError, ReasonCode};

/// Why a connection ended: exactly one per connection that was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CloseReason {
    /// The broker refused the CONNECT.
    #[error("the broker refused the connection: {0}")]
    Refused(Refusal),
    /// The transport ended before CONNACK.
    #[error("the connection ended before the broker answered CONNECT")]
    NoConnAck,
    /// The broker sent DISCONNECT.
    #[error("the broker disconnected: {0}")]
    Disconnected(ReasonCode),
    /// The transport ended without a DISCONNECT.
    #[error("the connection was lost")]
    Lost,
    /// Nothing arrived within the ping timeout after PINGREQ.
    #[error("the broker stopped answering")]
    KeepAlive,
    /// The broker lives, but did not answer a SUBSCRIBE or UNSUBSCRIBE within the response timeout.
    #[error("the broker did not answer SUBSCRIBE or UNSUBSCRIBE")]
    NoAnswer,
    /// The broker broke the standard.
    #[error("the broker broke the protocol: {0}")]
    Violation(ViolationKind),
    /// `disconnect` was called.
    #[error("disconnected")]
    Local,
    /// A record could not be stored that the session cannot go on without.
    #[error("the session could not be stored")]
    StoreFailed,
}

/// Whether this code blames what was sent, so that the same again has the same answer.
pub(crate) fn blames_content(code: ReasonCode) -> bool {
    matches!(
        code,
        ReasonCode::MalformedPacket
            | ReasonCode::ProtocolError
            | ReasonCode::TopicNameInvalid
            | ReasonCode::PacketTooLarge
            | ReasonCode::QuotaExceeded
            | ReasonCode::PayloadFormatInvalid
            | ReasonCode::RetainNotSupported
            | ReasonCode::QoSNotSupported
    )
}

/// A refused CONNECT.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Refusal {
    /// The Connect Reason Code; return codes of 3.1.1 as the code that says the same.
    pub reason: ReasonCode,
}

/// What the broker did that the standard forbids.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ViolationKind {
    /// A packet that is malformed or forbidden in itself.
    #[error("{0}")]
    Packet(DecodeError),
    /// A packet that may not come in this phase.
    #[error("a packet that may not come now")]
    Unexpected,
    /// Session Present after Clean Start, with a refusal, or (`Config::strict_session`) where this
    /// end has no state of the session.
    #[error("Session Present where it cannot be")]
    SessionPresent,
    /// AUTH out of turn, or another Authentication Method than that of the CONNECT.
    #[error("enhanced authentication out of turn or by another method")]
    Authentication,
    /// More unfinished QoS 1/2 messages than Receive Maximum allows; before 5.0, which does not
    /// know it, than there is room for, where waiting makes none.
    #[error("Receive Maximum exceeded")]
    ReceiveMaximum,
    /// A packet above Maximum Packet Size.
    #[error("packet of {0} bytes is too large")]
    PacketTooLarge(usize),
    /// A Topic Alias above Topic Alias Maximum.
    #[error("Topic Alias out of range")]
    TopicAlias,
    /// A Topic Alias that stands for no topic.
    #[error("Topic Alias that stands for no topic")]
    UnknownTopicAlias,
    /// An acknowledgement of the wrong kind for its flow.
    #[error("acknowledgement of the wrong kind")]
    WrongAck,
    /// SUBACK or UNSUBACK with another count than the request.
    #[error("another number of reason codes than filters")]
    CodeCount,
    /// A Reason String, User Properties or Response Information that the CONNECT did not ask for.
    #[error("information that the CONNECT did not ask for")]
    NotAskedFor,
    /// A Maximum Packet Size that has no room for an acknowledgement. The standard allows it, but there
    /// is nothing a client could say to such a broker.
    #[error("Maximum Packet Size below that of an acknowledgement")]
    MaximumPacketSize,
    /// No Assigned Client Identifier for an empty ClientID. Only with
    /// [`Config::strict`](crate::Config::strict).
    #[error("no Assigned Client Identifier")]
    NoClientId,
}

impl ViolationKind {
    /// The code a DISCONNECT gives for it (section 4.13).
    pub const fn reason_code(&self) -> ReasonCode {
        match self {
            ViolationKind::Packet(error) => error.reason_code(),
            ViolationKind::ReceiveMaximum => ReasonCode::ReceiveMaximumExceeded,
            ViolationKind::PacketTooLarge(_) => ReasonCode::PacketTooLarge,
            ViolationKind::TopicAlias => ReasonCode::TopicAliasInvalid,
            ViolationKind::Unexpected
            | ViolationKind::SessionPresent
            | ViolationKind::Authentication
            | ViolationKind::UnknownTopicAlias
            | ViolationKind::WrongAck
            | ViolationKind::CodeCount
            | ViolationKind::NotAskedFor
            | ViolationKind::MaximumPacketSize
            | ViolationKind::NoClientId => ReasonCode::ProtocolError,
        }
    }
}

/// What the driver is to do with the transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closing {
    /// Keep it.
    No,
    /// Write what `poll_transmit` gave, flush, end the sending half, read until the peer ends
    /// (500 ms at most), close, then call `handle_closed`.
    AfterFlush,
    /// Close at once, then call `handle_closed`.
    Now,
}
