//! Which property may stand where, how often, and with which type of value (section 2.2.2.2).

use crate::PropertyId::{self, *};
use crate::{Field, PacketType, Role, Violation};

/// A list of properties: that of a packet, or that of the Will in a CONNECT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Packet(PacketType),
    Will,
}

/// The data types of section 1.5 that properties have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Byte,
    TwoByte,
    FourByte,
    VarInt,
    Text,
    Binary,
    TextPair,
}

/// A set of properties, one bit per identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Set(u64);

impl Set {
    pub(super) const EMPTY: Set = Set(0);

    pub(super) const fn of(ids: &[PropertyId]) -> Set {
        match ids {
            [] => Set::EMPTY,
            [first, rest @ ..] => Set(1 << first.to_u8() | Set::of(rest).0),
        }
    }

    #[inline]
    pub(super) const fn one(id: PropertyId) -> Set {
        Set(1 << id.to_u8())
    }

    #[inline]
    pub(super) const fn has(self, id: PropertyId) -> bool {
        self.0 & Set::one(id).0 != 0
    }

    const fn with(self, id: PropertyId) -> Set {
        Set(self.0 | Set::one(id).0)
    }

    #[inline]
    pub(super) const fn without(self, other: Set) -> Set {
        Set(self.0 & !other.0)
    }
}

/// Values that are never 0.
pub(super) const NOT_ZERO: Set =
    Set::of(&[SubscriptionIdentifier, ReceiveMaximum, TopicAlias, MaximumPacketSize]);

/// Judges a list from one sender, property by property.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    place: Place,
    legal: Set,
    repeatable: Set,
    /// What may still come.
    open: Set,
}

impl Rules {
    #[inline]
    pub(super) const fn new(place: Place, sender: Role) -> Rules {
        let legal = allowed(place).without(forbidden(place, sender));
        Rules { place, legal, repeatable: repeatable(place), open: legal }
    }

    /// Judges the next property of the list by its identifier.
    #[inline]
    pub(super) fn admit(&mut self, id: PropertyId) -> Result<(), Violation> {
        if !self.open.has(id) {
            return Err(self.refusal(id));
        }
        self.open = self.open.without(Set::one(id).without(self.repeatable));
        Ok(())
    }

    #[cold]
    fn refusal(self, id: PropertyId) -> Violation {
        if self.legal.has(id) {
            Violation::RepeatedProperty
        } else if allowed(self.place).has(id) {
            Violation::ForbiddenProperty
        } else {
            Violation::MisplacedProperty
        }
    }

    /// Judges the list as a whole.
    #[inline]
    pub(super) fn finish(&self) -> Result<(), Violation> {
        let seen = self.legal.without(self.open);
        if seen.has(AuthenticationData) && !seen.has(AuthenticationMethod) {
            return Err(Violation::MissingAuthenticationMethod);
        }
        Ok(())
    }
}

/// Properties that may stand several times.
const fn repeatable(place: Place) -> Set {
    const USER_PROPERTY: Set = Set::one(UserProperty);
    match place {
        // [MQTT-3.3.4-4]
        Place::Packet(PacketType::Publish) => USER_PROPERTY.with(SubscriptionIdentifier),
        _ => USER_PROPERTY,
    }
}

// The table of section 2.2.2.2, one packet per row.
const CONNECT: Set = Set::of(&[
    SessionExpiryInterval,
    AuthenticationMethod,
    AuthenticationData,
    RequestProblemInformation,
    RequestResponseInformation,
    ReceiveMaximum,
    TopicAliasMaximum,
    UserProperty,
    MaximumPacketSize,
]);
const CONNACK: Set = Set::of(&[
    SessionExpiryInterval,
    AssignedClientIdentifier,
    ServerKeepAlive,
    AuthenticationMethod,
    AuthenticationData,
    ResponseInformation,
    ServerReference,
    ReasonString,
    ReceiveMaximum,
    TopicAliasMaximum,
    MaximumQoS,
    RetainAvailable,
    UserProperty,
    MaximumPacketSize,
    WildcardSubscriptionAvailable,
    SubscriptionIdentifierAvailable,
    SharedSubscriptionAvailable,
]);
const MESSAGE: Set = Set::of(&[
    PayloadFormatIndicator,
    MessageExpiryInterval,
    ContentType,
    ResponseTopic,
    CorrelationData,
    UserProperty,
]);
const PUBLISH: Set = MESSAGE.with(SubscriptionIdentifier).with(TopicAlias);
const WILL: Set = MESSAGE.with(WillDelayInterval);
const ACK: Set = Set::of(&[ReasonString, UserProperty]);
const SUBSCRIBE: Set = Set::of(&[SubscriptionIdentifier, UserProperty]);
const UNSUBSCRIBE: Set = Set::of(&[UserProperty]);
const DISCONNECT: Set = ACK.with(SessionExpiryInterval).with(ServerReference);
const AUTH: Set = ACK.with(AuthenticationMethod).with(AuthenticationData);

/// Properties of a list, whoever sends it.
const fn allowed(place: Place) -> Set {
    match place {
        Place::Will => WILL,
        Place::Packet(packet) => match packet {
            PacketType::Connect => CONNECT,
            PacketType::ConnAck => CONNACK,
            PacketType::Publish => PUBLISH,
            PacketType::PubAck
            | PacketType::PubRec
            | PacketType::PubRel
            | PacketType::PubComp
            | PacketType::SubAck
            | PacketType::UnsubAck => ACK,
            PacketType::Subscribe => SUBSCRIBE,
            PacketType::Unsubscribe => UNSUBSCRIBE,
            PacketType::PingReq | PacketType::PingResp => Set::EMPTY,
            PacketType::Disconnect => DISCONNECT,
            PacketType::Auth => AUTH,
        },
    }
}

/// Properties of a packet both ends send that only the other end may use.
const fn forbidden(place: Place, sender: Role) -> Set {
    match (place, sender) {
        // [MQTT-3.3.4-6]
        (Place::Packet(PacketType::Publish), Role::Client) => Set::one(SubscriptionIdentifier),
        (Place::Packet(PacketType::Disconnect), Role::Client) => Set::one(ServerReference),
        // [MQTT-3.14.2-2]
        (Place::Packet(PacketType::Disconnect), Role::Server) => Set::one(SessionExpiryInterval),
        _ => Set::EMPTY,
    }
}

impl Place {
    pub(super) const fn packet(self) -> PacketType {
        match self {
            Place::Packet(packet) => packet,
            Place::Will => PacketType::Connect,
        }
    }

    /// A field of a packet's list, as it is called in this one.
    #[inline]
    pub(super) const fn field(self, field: Field) -> Field {
        match (self, field) {
            (Place::Will, Field::PropertyLength) => Field::WillPropertyLength,
            (Place::Will, Field::PropertyIdentifier) => Field::WillPropertyIdentifier,
            (Place::Will, Field::Property(id)) => Field::WillProperty(id),
            (_, field) => field,
        }
    }
}

impl PropertyId {
    #[inline]
    pub(super) const fn kind(self) -> Kind {
        match self {
            PayloadFormatIndicator
            | RequestProblemInformation
            | RequestResponseInformation
            | MaximumQoS
            | RetainAvailable
            | WildcardSubscriptionAvailable
            | SubscriptionIdentifierAvailable
            | SharedSubscriptionAvailable => Kind::Byte,
            ServerKeepAlive | ReceiveMaximum | TopicAliasMaximum | TopicAlias => Kind::TwoByte,
            MessageExpiryInterval
            | SessionExpiryInterval
            | WillDelayInterval
            | MaximumPacketSize => Kind::FourByte,
            SubscriptionIdentifier => Kind::VarInt,
            ContentType
            | ResponseTopic
            | AssignedClientIdentifier
            | AuthenticationMethod
            | ResponseInformation
            | ServerReference
            | ReasonString => Kind::Text,
            CorrelationData | AuthenticationData => Kind::Binary,
            UserProperty => Kind::TextPair,
        }
    }
}
