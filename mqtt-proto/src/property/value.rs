//! One property: checking, reading, measuring and writing its value.

use crate::topic;
use crate::wire::{Reader, Writer, binary_len, text_len, var_int_len};
use crate::{
    DecodeError, EncodeError, Field, MAX_REMAINING_LENGTH, Property, PropertyId, QoS, Violation,
};

use super::rules::{Kind, NOT_ZERO};

/// The value of a property as its data type.
enum Value<'a> {
    Byte(u8),
    TwoByte(u16),
    FourByte(u32),
    VarInt(u32),
    Text(&'a str),
    Binary(&'a [u8]),
    TextPair(&'a str, &'a str),
}

impl PropertyId {
    /// Checks the value that comes next and passes it.
    #[inline]
    pub(super) fn check(self, field: Field, body: &mut Reader<'_>) -> Result<(), DecodeError> {
        let number = match self.kind() {
            Kind::Byte => match body.u8(field)? {
                byte @ 0..=1 => u32::from(byte),
                _ => return Err(body.error(Violation::ValueOutOfRange, field)),
            },
            Kind::TwoByte => u32::from(body.u16(field)?),
            Kind::FourByte => body.u32(field)?,
            Kind::VarInt => body.var_int(field)?,
            // [MQTT-3.3.2-13], [MQTT-3.3.2-14]
            Kind::Text if self == PropertyId::ResponseTopic => return body.check_topic_name(field),
            Kind::Text => return body.check_text(field),
            Kind::Binary => return body.binary(field).map(|_| ()),
            Kind::TextPair => {
                // [MQTT-1.5.7-1]
                body.check_text(field)?;
                return body.check_text(field);
            }
        };
        if number == 0 && NOT_ZERO.has(self) {
            return Err(body.error(self.zero(), field));
        }
        Ok(())
    }

    /// What 0 breaks where it is not allowed.
    const fn zero(self) -> Violation {
        match self {
            // [MQTT-3.3.2-8]
            PropertyId::TopicAlias => Violation::TopicAliasZero,
            _ => Violation::ValueOutOfRange,
        }
    }

    /// Passes a value that was checked before.
    #[inline]
    pub(super) fn skip(self, body: &mut Reader<'_>) -> Option<()> {
        let field = Field::Property(self);
        let len = match self.kind() {
            Kind::Byte => 1,
            Kind::TwoByte => 2,
            Kind::FourByte => 4,
            Kind::VarInt => return body.var_int(field).ok().map(|_| ()),
            Kind::Text | Kind::Binary => usize::from(body.u16(field).ok()?),
            Kind::TextPair => {
                body.binary(field).ok()?;
                usize::from(body.u16(field).ok()?)
            }
        };
        body.bytes(len, field).ok().map(|_| ())
    }
}

impl<'a> Property<'a> {
    /// Its identifier.
    #[inline]
    pub fn id(&self) -> PropertyId {
        self.parts().0
    }

    /// Reads the value of a property `id` that was checked before.
    #[inline]
    pub(super) fn read(id: PropertyId, body: &mut Reader<'a>) -> Result<Property<'a>, DecodeError> {
        use PropertyId as Id;
        let field = Field::Property(id);
        Ok(match id {
            Id::PayloadFormatIndicator => Self::PayloadFormatIndicator(body.flag(field)?),
            Id::MessageExpiryInterval => Self::MessageExpiryInterval(body.u32(field)?),
            Id::ContentType => Self::ContentType(body.utf8(field)?),
            Id::ResponseTopic => Self::ResponseTopic(body.utf8(field)?),
            Id::CorrelationData => Self::CorrelationData(body.binary(field)?),
            Id::SubscriptionIdentifier => Self::SubscriptionIdentifier(body.var_int(field)?),
            Id::SessionExpiryInterval => Self::SessionExpiryInterval(body.u32(field)?),
            Id::AssignedClientIdentifier => Self::AssignedClientIdentifier(body.utf8(field)?),
            Id::ServerKeepAlive => Self::ServerKeepAlive(body.u16(field)?),
            Id::AuthenticationMethod => Self::AuthenticationMethod(body.utf8(field)?),
            Id::AuthenticationData => Self::AuthenticationData(body.binary(field)?),
            Id::RequestProblemInformation => Self::RequestProblemInformation(body.flag(field)?),
            Id::WillDelayInterval => Self::WillDelayInterval(body.u32(field)?),
            Id::RequestResponseInformation => Self::RequestResponseInformation(body.flag(field)?),
            Id::ResponseInformation => Self::ResponseInformation(body.utf8(field)?),
            Id::ServerReference => Self::ServerReference(body.utf8(field)?),
            Id::ReasonString => Self::ReasonString(body.utf8(field)?),
            Id::ReceiveMaximum => Self::ReceiveMaximum(body.u16(field)?),
            Id::TopicAliasMaximum => Self::TopicAliasMaximum(body.u16(field)?),
            Id::TopicAlias => Self::TopicAlias(body.u16(field)?),
            Id::MaximumQoS => {
                Self::MaximumQoS(if body.flag(field)? { QoS::AtLeastOnce } else { QoS::AtMostOnce })
            }
            Id::RetainAvailable => Self::RetainAvailable(body.flag(field)?),
            Id::UserProperty => {
                let (name, value) = body.utf8_pair(field)?;
                Self::UserProperty(name, value)
            }
            Id::MaximumPacketSize => Self::MaximumPacketSize(body.u32(field)?),
            Id::WildcardSubscriptionAvailable => {
                Self::WildcardSubscriptionAvailable(body.flag(field)?)
            }
            Id::SubscriptionIdentifierAvailable => {
                Self::SubscriptionIdentifierAvailable(body.flag(field)?)
            }
            Id::SharedSubscriptionAvailable => Self::SharedSubscriptionAvailable(body.flag(field)?),
        })
    }

    /// Bytes of identifier and value on the wire; 0 for a value no packet may carry.
    pub fn encoded_len(&self) -> usize {
        self.measure(Field::Property(self.id())).map_or(0, |len| len as usize)
    }

    #[inline]
    fn parts(&self) -> (PropertyId, Value<'a>) {
        use PropertyId as Id;
        match *self {
            Self::PayloadFormatIndicator(v) => {
                (Id::PayloadFormatIndicator, Value::Byte(u8::from(v)))
            }
            Self::MessageExpiryInterval(v) => (Id::MessageExpiryInterval, Value::FourByte(v)),
            Self::ContentType(v) => (Id::ContentType, Value::Text(v)),
            Self::ResponseTopic(v) => (Id::ResponseTopic, Value::Text(v)),
            Self::CorrelationData(v) => (Id::CorrelationData, Value::Binary(v)),
            Self::SubscriptionIdentifier(v) => (Id::SubscriptionIdentifier, Value::VarInt(v)),
            Self::SessionExpiryInterval(v) => (Id::SessionExpiryInterval, Value::FourByte(v)),
            Self::AssignedClientIdentifier(v) => (Id::AssignedClientIdentifier, Value::Text(v)),
            Self::ServerKeepAlive(v) => (Id::ServerKeepAlive, Value::TwoByte(v)),
            Self::AuthenticationMethod(v) => (Id::AuthenticationMethod, Value::Text(v)),
            Self::AuthenticationData(v) => (Id::AuthenticationData, Value::Binary(v)),
            Self::RequestProblemInformation(v) => {
                (Id::RequestProblemInformation, Value::Byte(u8::from(v)))
            }
            Self::WillDelayInterval(v) => (Id::WillDelayInterval, Value::FourByte(v)),
            Self::RequestResponseInformation(v) => {
                (Id::RequestResponseInformation, Value::Byte(u8::from(v)))
            }
            Self::ResponseInformation(v) => (Id::ResponseInformation, Value::Text(v)),
            Self::ServerReference(v) => (Id::ServerReference, Value::Text(v)),
            Self::ReasonString(v) => (Id::ReasonString, Value::Text(v)),
            Self::ReceiveMaximum(v) => (Id::ReceiveMaximum, Value::TwoByte(v)),
            Self::TopicAliasMaximum(v) => (Id::TopicAliasMaximum, Value::TwoByte(v)),
            Self::TopicAlias(v) => (Id::TopicAlias, Value::TwoByte(v)),
            Self::MaximumQoS(v) => (Id::MaximumQoS, Value::Byte(v as u8)),
            Self::RetainAvailable(v) => (Id::RetainAvailable, Value::Byte(u8::from(v))),
            Self::UserProperty(name, v) => (Id::UserProperty, Value::TextPair(name, v)),
            Self::MaximumPacketSize(v) => (Id::MaximumPacketSize, Value::FourByte(v)),
            Self::WildcardSubscriptionAvailable(v) => {
                (Id::WildcardSubscriptionAvailable, Value::Byte(u8::from(v)))
            }
            Self::SubscriptionIdentifierAvailable(v) => {
                (Id::SubscriptionIdentifierAvailable, Value::Byte(u8::from(v)))
            }
            Self::SharedSubscriptionAvailable(v) => {
                (Id::SharedSubscriptionAvailable, Value::Byte(u8::from(v)))
            }
        }
    }

    /// Checks the value and gives the bytes of identifier and value.
    pub(super) fn measure(&self, field: Field) -> Result<u32, EncodeError> {
        let (id, value) = self.parts();
        let (number, len) = match value {
            Value::Byte(value) => (u32::from(value), 1),
            Value::TwoByte(value) => (u32::from(value), 2),
            Value::FourByte(value) => (value, 4),
            Value::VarInt(value) => (value, var_int_len(value)),
            Value::Text(value) if matches!(id, PropertyId::ResponseTopic) => {
                topic::check_name(value.as_bytes())
                    .map_err(|error| EncodeError::Topic { field, error })?;
                return Ok(1 + binary_len(value.as_bytes(), field)?);
            }
            Value::Text(value) => return Ok(1 + text_len(value, field)?),
            Value::Binary(value) => return Ok(1 + binary_len(value, field)?),
            Value::TextPair(name, value) => {
                return Ok(1 + text_len(name, field)? + text_len(value, field)?);
            }
        };
        let maximum = match id.kind() {
            Kind::Byte => 1,
            Kind::VarInt => MAX_REMAINING_LENGTH,
            Kind::TwoByte | Kind::FourByte | Kind::Text | Kind::Binary | Kind::TextPair => u32::MAX,
        };
        if number > maximum || (number == 0 && NOT_ZERO.has(id)) {
            return Err(EncodeError::OutOfRange(field));
        }
        Ok(1 + len)
    }

    pub(super) fn write(&self, out: &mut Writer<'_>) -> Result<(), EncodeError> {
        let (id, value) = self.parts();
        out.u8(id.to_u8())?;
        match value {
            Value::Byte(value) => out.u8(value),
            Value::TwoByte(value) => out.u16(value),
            Value::FourByte(value) => out.u32(value),
            Value::VarInt(value) => out.var_int(value),
            Value::Text(value) => out.text(value),
            Value::Binary(value) => out.binary(value),
            Value::TextPair(name, value) => {
                out.text(name)?;
                out.text(value)
            }
        }
    }
}
