//! What can be wrong with a packet, and where.

use core::fmt;

use thiserror::Error;

use crate::{MAX_REMAINING_LENGTH, PacketType, PropertyId, ReasonCode};

/// Received bytes that are no packet, or one the sender may not send.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub struct DecodeError {
    /// The rule that is broken.
    pub violation: Violation,
    /// The packet, unless its type could not be told.
    pub packet: Option<PacketType>,
    /// The place in the packet.
    pub field: Field,
}

impl DecodeError {
    /// The code a DISCONNECT or CONNACK gives for it (section 4.13).
    pub const fn reason_code(&self) -> ReasonCode {
        self.violation.reason_code()
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(packet) = self.packet {
            write!(f, "{packet}: ")?;
        }
        write!(f, "{}: {}", self.field, self.violation)
    }
}

/// A rule of the standard that a received packet breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum Violation {
    /// Packet type 0, or AUTH before 5.0.
    #[error("the packet type is reserved")]
    ReservedType,
    /// Reserved bits that do not have the value the standard gives them.
    #[error("reserved bits are wrong")]
    ReservedBits,
    /// QoS 3 in a PUBLISH or a Will.
    #[error("QoS 3 does not exist")]
    InvalidQoS,
    /// DUP in a PUBLISH of QoS 0.
    #[error("DUP is set at QoS 0")]
    DupAtQoS0,
    /// Will QoS or Will Retain without Will Flag.
    #[error("bits of a Will are set without a Will")]
    WillBitsWithoutWill,
    /// A Variable Byte Integer in more bytes than it needs.
    #[error("the Variable Byte Integer is not in its shortest form")]
    OverlongInteger,
    /// A Variable Byte Integer that goes on after its fourth byte.
    #[error("the Variable Byte Integer is longer than four bytes")]
    UnboundedInteger,
    /// The packet ends before the field does.
    #[error("the packet ends too early")]
    Truncated,
    /// Bytes after the last field.
    #[error("bytes follow the last field")]
    TrailingBytes,
    /// Text that is not UTF-8.
    #[error("it is not UTF-8")]
    InvalidUtf8,
    /// U+0000 in a text.
    #[error("U+0000 is not allowed")]
    NulCharacter,
    /// A property identifier the standard does not define.
    #[error("no property has this identifier")]
    UnknownProperty,
    /// A property of another packet.
    #[error("the property does not belong into this packet")]
    MisplacedProperty,
    /// A property of the other sender.
    #[error("the sender may not use this property here")]
    ForbiddenProperty,
    /// A second copy of a property that stands once.
    #[error("the property is given twice")]
    RepeatedProperty,
    /// A value outside its range.
    #[error("the value is out of range")]
    ValueOutOfRange,
    /// Topic Alias 0.
    #[error("a Topic Alias is never 0")]
    TopicAliasZero,
    /// A packet that only the other end sends.
    #[error("the sender may not send this packet")]
    ForbiddenPacket,
    /// A reason code that is unknown or not legal in this packet from this sender.
    #[error("the reason code is not legal here")]
    IllegalReasonCode,
    /// Packet Identifier 0.
    #[error("a Packet Identifier is never 0")]
    PacketIdentifierZero,
    /// An empty topic or filter.
    #[error("it is empty")]
    EmptyTopic,
    /// A wildcard in a Topic Name.
    #[error("wildcards are not allowed in a Topic Name")]
    Wildcard,
    /// A wildcard that is not a whole level, or a shared subscription without its parts.
    #[error("it is no Topic Filter")]
    InvalidFilter,
    /// No Local on a shared subscription.
    #[error("No Local is not allowed on a shared subscription")]
    NoLocalOnShared,
    /// A list that needs an entry.
    #[error("the list has no entry")]
    EmptyList,
    /// Session Present beside a code that refuses the connection.
    #[error("Session Present is set in a refusal")]
    SessionPresentInRefusal,
    /// AUTH, or Authentication Data, without Authentication Method.
    #[error("the Authentication Method is missing")]
    MissingAuthenticationMethod,
    /// Password without User Name, before 5.0.
    #[error("a Password needs a User Name")]
    PasswordWithoutUserName,
    /// A protocol name or level that is none of the three versions.
    #[error("the protocol version is not supported")]
    UnsupportedVersion,
    /// An empty Client Identifier without Clean Session, before 5.0.
    #[error("an empty Client Identifier needs Clean Session")]
    ClientIdMissing,
}

impl Violation {
    /// The code a DISCONNECT or CONNACK gives for it (section 4.13).
    pub const fn reason_code(self) -> ReasonCode {
        match self {
            Violation::ReservedType
            | Violation::ReservedBits
            | Violation::InvalidQoS
            | Violation::DupAtQoS0
            | Violation::WillBitsWithoutWill
            | Violation::OverlongInteger
            | Violation::UnboundedInteger
            | Violation::Truncated
            | Violation::TrailingBytes
            | Violation::InvalidUtf8
            | Violation::NulCharacter
            | Violation::UnknownProperty
            | Violation::MisplacedProperty => ReasonCode::MalformedPacket,
            Violation::ForbiddenProperty
            | Violation::RepeatedProperty
            | Violation::ValueOutOfRange
            | Violation::ForbiddenPacket
            | Violation::IllegalReasonCode
            | Violation::PacketIdentifierZero
            | Violation::EmptyTopic
            | Violation::Wildcard
            | Violation::InvalidFilter
            | Violation::NoLocalOnShared
            | Violation::EmptyList
            | Violation::SessionPresentInRefusal
            | Violation::MissingAuthenticationMethod
            | Violation::PasswordWithoutUserName => ReasonCode::ProtocolError,
            Violation::TopicAliasZero => ReasonCode::TopicAliasInvalid,
            Violation::UnsupportedVersion => ReasonCode::UnsupportedProtocolVersion,
            Violation::ClientIdMissing => ReasonCode::ClientIdentifierNotValid,
        }
    }
}

/// A packet that cannot be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// The version has no way to say it.
    #[error("{0}: MQTT 3 cannot say it; leave it out or speak MQTT 5.0")]
    NotInVersion(Field),
    /// The other end sends it, not this one.
    #[error("{0}: only the other end sends it; leave it out")]
    WrongSender(Field),
    /// A property of another packet.
    #[error("{0}: it does not belong into this packet; leave it out")]
    Misplaced(Field),
    /// A property that stands once.
    #[error("{0}: it is given twice; give it once")]
    Repeated(Field),
    /// Something the packet needs.
    #[error("{0}: it is missing; the packet needs it")]
    Missing(Field),
    /// Something that must not stand beside the rest of the packet.
    #[error("{0}: the rest of the packet rules it out; leave it out")]
    Unexpected(Field),
    /// A value outside its range.
    #[error("{0}: the value is out of range")]
    OutOfRange(Field),
    /// A text or binary field of more than 65,535 bytes.
    #[error("{0}: longer than 65,535 bytes; shorten it")]
    TooLong(Field),
    /// A text with U+0000.
    #[error("{0}: U+0000 is not allowed; remove it")]
    NulCharacter(Field),
    /// A reason code that is not legal in this packet from this sender.
    #[error("{0}: the reason code is not legal in this packet from this sender")]
    IllegalReasonCode(ReasonCode),
    /// A Topic Name or Topic Filter that breaks the rules of section 4.7.
    #[error("{field}: {error}")]
    Topic {
        /// The place in the packet.
        field: Field,
        /// What is wrong with it.
        error: TopicError,
    },
    /// More than a Remaining Length can say.
    #[error("the packet is longer than {MAX_REMAINING_LENGTH} bytes; shorten it")]
    PacketTooLarge,
    /// The buffer is shorter than [`crate::Measure::len`].
    #[error("the buffer is too small; give it the measured length")]
    BufferTooSmall,
}

impl EncodeError {
    /// The place in the packet, if it is one place.
    pub const fn field(&self) -> Option<Field> {
        match *self {
            EncodeError::NotInVersion(field)
            | EncodeError::WrongSender(field)
            | EncodeError::Misplaced(field)
            | EncodeError::Repeated(field)
            | EncodeError::Missing(field)
            | EncodeError::Unexpected(field)
            | EncodeError::OutOfRange(field)
            | EncodeError::TooLong(field)
            | EncodeError::NulCharacter(field)
            | EncodeError::Topic { field, .. } => Some(field),
            EncodeError::IllegalReasonCode(_) => Some(Field::ReasonCode),
            EncodeError::PacketTooLarge | EncodeError::BufferTooSmall => None,
        }
    }
}

/// What is wrong with a Topic Name or Topic Filter (section 4.7). Positions count bytes from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum TopicError {
    /// No character at all.
    #[error("it is empty")]
    Empty,
    /// More than 65,535 bytes.
    #[error("longer than 65,535 bytes")]
    TooLong,
    /// U+0000.
    #[error("U+0000 at byte {at} is not allowed")]
    NulCharacter {
        /// Where it stands.
        at: usize,
    },
    /// `+` or `#` in a Topic Name.
    #[error("the wildcard at byte {at} is allowed in a Topic Filter only")]
    Wildcard {
        /// Where it stands.
        at: usize,
    },
    /// `#` that is not the whole last level.
    #[error("the # at byte {at} must be the whole last level")]
    MultiLevelWildcard {
        /// Where it stands.
        at: usize,
    },
    /// `+` that is not a whole level.
    #[error("the + at byte {at} must be a whole level")]
    SingleLevelWildcard {
        /// Where it stands.
        at: usize,
    },
    /// `$share/` that no Share Name follows, or one with a wildcard.
    #[error("$share/ needs a name without wildcards at byte {at}")]
    ShareName {
        /// Where the name starts, or its wildcard stands.
        at: usize,
    },
    /// A Share Name that no Topic Filter follows.
    #[error("$share/ and a name need a Topic Filter at byte {at}")]
    SharedFilter {
        /// Where it should start.
        at: usize,
    },
}

/// A named place in a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the names are the standard's own")]
pub enum Field {
    PacketType,
    Flags,
    RemainingLength,
    ProtocolName,
    ProtocolVersion,
    ConnectFlags,
    KeepAlive,
    ClientId,
    WillTopic,
    WillPayload,
    UserName,
    Password,
    AcknowledgeFlags,
    ReasonCode,
    TopicName,
    PacketIdentifier,
    TopicFilter,
    SubscriptionOptions,
    PropertyLength,
    /// Where the identifier of a property should stand.
    PropertyIdentifier,
    Property(PropertyId),
    WillPropertyLength,
    /// Where the identifier of a Will property should stand.
    WillPropertyIdentifier,
    WillProperty(PropertyId),
    /// What follows the last field.
    End,
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Field::PacketType => "packet type",
            Field::Flags => "flags",
            Field::RemainingLength => "Remaining Length",
            Field::ProtocolName => "Protocol Name",
            Field::ProtocolVersion => "Protocol Version",
            Field::ConnectFlags => "Connect Flags",
            Field::KeepAlive => "Keep Alive",
            Field::ClientId => "Client Identifier",
            Field::WillTopic => "Will Topic",
            Field::WillPayload => "Will Payload",
            Field::UserName => "User Name",
            Field::Password => "Password",
            Field::AcknowledgeFlags => "Connect Acknowledge Flags",
            Field::ReasonCode => "reason code",
            Field::TopicName => "Topic Name",
            Field::PacketIdentifier => "Packet Identifier",
            Field::TopicFilter => "Topic Filter",
            Field::SubscriptionOptions => "Subscription Options",
            Field::PropertyLength => "Property Length",
            Field::PropertyIdentifier => "property identifier",
            Field::WillPropertyLength => "Will Property Length",
            Field::WillPropertyIdentifier => "Will property identifier",
            Field::End => "end",
            Field::Property(id) => return write!(f, "{id}"),
            Field::WillProperty(id) => return write!(f, "Will {id}"),
        })
    }
}
