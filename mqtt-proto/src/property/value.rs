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
            Kind::Text => {
                let text = body.text_bytes(field)?;
                // [MQTT-3.3.2-13], [MQTT-3.3.2-14]
                if matches!(self, PropertyId::ResponseTopic) {
                    topic::check_name(text)
                        .map_err(|error| body.error(error.violation(), field))?;
                }
                return Ok(());
            }
            Kind::Binary => return body.binary(field).map(|_| ()),
            Kind::TextPair => {
                // [MQTT-1.5.7-1]
                body.text_bytes(field)?;
                return body.text_bytes(field).map(|_| ());
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

impl<'a> Value<'a> {
    /// Reads a value that was checked before.
    #[inline]
    fn read(kind: Kind, body: &mut Reader<'a>, field: Field) -> Result<Value<'a>, DecodeError> {
        Ok(match kind {
            Kind::Byte => Value::Byte(body.u8(field)?),
            Kind::TwoByte => Value::TwoByte(body.u16(field)?),
            Kind::FourByte => Value::FourByte(body.u32(field)?),
            Kind::VarInt => Value::VarInt(body.var_int(field)?),
            Kind::Text => Value::Text(body.utf8(field)?),
            Kind::Binary => Value::Binary(body.binary(field)?),
            Kind::TextPair => Value::TextPair(body.utf8(field)?, body.utf8(field)?),
        })
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
    pub(super) fn read(id: PropertyId, body: &mut Reader<'a>) -> Option<Property<'a>> {
        let value = Value::read(id.kind(), body, Field::Property(id)).ok()?;
        Property::from_parts(id, value)
    }

    /// `None` for a value of another type.
    #[inline]
    fn from_parts(id: PropertyId, value: Value<'a>) -> Option<Property<'a>> {
        use PropertyId as Id;
        Some(match (id, value) {
            (Id::PayloadFormatIndicator, Value::Byte(v)) => Self::PayloadFormatIndicator(v != 0),
            (Id::MessageExpiryInterval, Value::FourByte(v)) => Self::MessageExpiryInterval(v),
            (Id::ContentType, Value::Text(v)) => Self::ContentType(v),
            (Id::ResponseTopic, Value::Text(v)) => Self::ResponseTopic(v),
            (Id::CorrelationData, Value::Binary(v)) => Self::CorrelationData(v),
            (Id::SubscriptionIdentifier, Value::VarInt(v)) => Self::SubscriptionIdentifier(v),
            (Id::SessionExpiryInterval, Value::FourByte(v)) => Self::SessionExpiryInterval(v),
            (Id::AssignedClientIdentifier, Value::Text(v)) => Self::AssignedClientIdentifier(v),
            (Id::ServerKeepAlive, Value::TwoByte(v)) => Self::ServerKeepAlive(v),
            (Id::AuthenticationMethod, Value::Text(v)) => Self::AuthenticationMethod(v),
            (Id::AuthenticationData, Value::Binary(v)) => Self::AuthenticationData(v),
            (Id::RequestProblemInformation, Value::Byte(v)) => {
                Self::RequestProblemInformation(v != 0)
            }
            (Id::WillDelayInterval, Value::FourByte(v)) => Self::WillDelayInterval(v),
            (Id::RequestResponseInformation, Value::Byte(v)) => {
                Self::RequestResponseInformation(v != 0)
            }
            (Id::ResponseInformation, Value::Text(v)) => Self::ResponseInformation(v),
            (Id::ServerReference, Value::Text(v)) => Self::ServerReference(v),
            (Id::ReasonString, Value::Text(v)) => Self::ReasonString(v),
            (Id::ReceiveMaximum, Value::TwoByte(v)) => Self::ReceiveMaximum(v),
            (Id::TopicAliasMaximum, Value::TwoByte(v)) => Self::TopicAliasMaximum(v),
            (Id::TopicAlias, Value::TwoByte(v)) => Self::TopicAlias(v),
            (Id::MaximumQoS, Value::Byte(v)) => Self::MaximumQoS(QoS::from_u8(v)?),
            (Id::RetainAvailable, Value::Byte(v)) => Self::RetainAvailable(v != 0),
            (Id::UserProperty, Value::TextPair(name, v)) => Self::UserProperty(name, v),
            (Id::MaximumPacketSize, Value::FourByte(v)) => Self::MaximumPacketSize(v),
            (Id::WildcardSubscriptionAvailable, Value::Byte(v)) => {
                Self::WildcardSubscriptionAvailable(v != 0)
            }
            (Id::SubscriptionIdentifierAvailable, Value::Byte(v)) => {
                Self::SubscriptionIdentifierAvailable(v != 0)
            }
            (Id::SharedSubscriptionAvailable, Value::Byte(v)) => {
                Self::SharedSubscriptionAvailable(v != 0)
            }
            _ => return None,
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
