//! SUBSCRIBE (section 3.8).

use core::{fmt, iter};

use crate::property::{Place, list_len};
use crate::topic;
use crate::wire::{Reader, Writer, add_len, binary_len};
use crate::{
    DecodeError, Dialect, Encode, EncodeError, Field, Measure, PacketId, PacketType, Properties,
    QoS, Version, Violation,
};

const PLACE: Place = Place::Packet(PacketType::Subscribe);

/// SUBSCRIBE (section 3.8).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Subscribe<'a> {
    /// Packet Identifier.
    pub packet_id: PacketId,
    /// SUBSCRIBE properties.
    pub properties: Properties<'a>,
    /// What is subscribed to: at least one entry.
    pub subscriptions: Subscriptions<'a>,
}

/// A Topic Filter with its options, as SUBSCRIBE lists them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subscription<'a> {
    /// Topic Filter.
    pub filter: &'a str,
    /// Subscription Options.
    pub options: SubscriptionOptions,
}

/// Subscription Options (section 3.8.3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct SubscriptionOptions {
    /// Maximum QoS.
    pub qos: QoS,
    /// No Local (5.0).
    pub no_local: bool,
    /// Retain As Published (5.0).
    pub retain_as_published: bool,
    /// Retain Handling (5.0).
    pub retain_handling: RetainHandling,
}

/// What happens to retained messages when a subscription is made (section 3.8.3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[repr(u8)]
pub enum RetainHandling {
    /// They are sent.
    #[default]
    Send = 0,
    /// They are sent if the subscription is new.
    SendIfNew = 1,
    /// They are not sent.
    DoNotSend = 2,
}

/// The subscriptions of a SUBSCRIBE: checked wire bytes, or a slice to be written.
#[derive(Clone, Copy)]
pub struct Subscriptions<'a> {
    /// Checked bytes; empty if `slice` is not.
    wire: &'a [u8],
    slice: &'a [Subscription<'a>],
}

impl<'a> Subscribe<'a> {
    pub(super) fn decode(
        mut body: Reader<'a>,
        dialect: Dialect,
    ) -> Result<Subscribe<'a>, DecodeError> {
        let packet_id = body.packet_id()?;
        let properties = Properties::decode(&mut body, PLACE, dialect)?;
        let subscriptions = Subscriptions::decode(body, dialect.version)?;
        Ok(Subscribe { packet_id, properties, subscriptions })
    }
}

impl<'a> Subscriptions<'a> {
    /// The subscriptions to ask for, in this order.
    pub const fn from_slice(slice: &'a [Subscription<'a>]) -> Subscriptions<'a> {
        Subscriptions { wire: &[], slice }
    }

    /// The subscriptions in their order.
    pub fn iter(&self) -> impl Iterator<Item = Subscription<'a>> + Clone + use<'a> {
        let mut body = Reader::checked(self.wire);
        // The bytes were checked: an error cannot happen, and would end the list.
        iter::from_fn(move || Subscription::read(&mut body).ok()).chain(self.slice.iter().copied())
    }

    fn decode(mut body: Reader<'a>, version: Version) -> Result<Subscriptions<'a>, DecodeError> {
        let wire = body.rest();
        // [MQTT-3.8.3-2]
        if body.is_empty() {
            return Err(body.error(Violation::EmptyList, Field::TopicFilter));
        }
        while !body.is_empty() {
            Subscription::check(&mut body, version)?;
        }
        Ok(Subscriptions { wire, slice: &[] })
    }

    fn measure(&self, version: Version) -> Result<u32, EncodeError> {
        let mut len = 0;
        for subscription in self.iter() {
            len = add_len(len, subscription.measure(version)? as usize)?;
        }
        // [MQTT-3.8.3-2]
        if len == 0 { Err(EncodeError::Missing(Field::TopicFilter)) } else { Ok(len) }
    }

    fn write(&self, out: &mut Writer<'_>) -> Result<(), EncodeError> {
        out.bytes(self.wire)?;
        self.slice.iter().try_for_each(|subscription| subscription.write(out))
    }
}

impl PartialEq for Subscriptions<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl fmt::Debug for Subscriptions<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<'a> Subscription<'a> {
    fn check(body: &mut Reader<'a>, version: Version) -> Result<(), DecodeError> {
        // [MQTT-3.8.3-1]
        let filter = body.topic_filter(version)?;
        let options = SubscriptionOptions::from_u8(body.u8(Field::SubscriptionOptions)?, version)
            .map_err(|violation| body.error(violation, Field::SubscriptionOptions))?;
        // [MQTT-3.8.3-4]
        if options.no_local && topic::is_shared(filter) {
            return Err(body.error(Violation::NoLocalOnShared, Field::SubscriptionOptions));
        }
        Ok(())
    }

    /// Reads an entry that was checked before.
    fn read(body: &mut Reader<'a>) -> Result<Subscription<'a>, DecodeError> {
        let filter = body.utf8(Field::TopicFilter)?;
        // Before 5.0 the bits of the later options are 0, which is their default.
        let options =
            SubscriptionOptions::from_u8(body.u8(Field::SubscriptionOptions)?, Version::V5)
                .map_err(|violation| body.error(violation, Field::SubscriptionOptions))?;
        Ok(Subscription { filter, options })
    }

    fn measure(&self, version: Version) -> Result<u32, EncodeError> {
        topic::check_filter(self.filter, version)
            .map_err(|error| EncodeError::Topic { field: Field::TopicFilter, error })?;
        self.options.check_encode(version)?;
        // [MQTT-3.8.3-4]
        if self.options.no_local && topic::is_shared(self.filter) {
            return Err(EncodeError::Unexpected(Field::SubscriptionOptions));
        }
        Ok(binary_len(self.filter.as_bytes(), Field::TopicFilter)? + 1)
    }

    fn write(&self, out: &mut Writer<'_>) -> Result<(), EncodeError> {
        out.text(self.filter)?;
        out.u8(self.options.to_u8())
    }
}

impl SubscriptionOptions {
    /// Reads the byte behind a Topic Filter.
    ///
    /// ```text
    ///   7  6      5  4             3               2        1  0
    ///  reserved  Retain Handling  Retain As Published  No Local  Maximum QoS
    /// ```
    fn from_u8(bits: u8, version: Version) -> Result<SubscriptionOptions, Violation> {
        let reserved = if version == Version::V5 { 0b1100_0000 } else { 0b1111_1100 };
        // [MQTT-3.8.3-5]
        if bits & reserved != 0 {
            return Err(Violation::ReservedBits);
        }
        Ok(SubscriptionOptions {
            qos: QoS::from_u8(bits & 0b11).ok_or(Violation::ValueOutOfRange)?,
            no_local: bits & 0b0100 != 0,
            retain_as_published: bits & 0b1000 != 0,
            retain_handling: RetainHandling::from_u8(bits >> 4 & 0b11)
                .ok_or(Violation::ValueOutOfRange)?,
        })
    }

    fn to_u8(self) -> u8 {
        (self.retain_handling as u8) << 4
            | u8::from(self.retain_as_published) << 3
            | u8::from(self.no_local) << 2
            | self.qos as u8
    }

    fn check_encode(self, version: Version) -> Result<(), EncodeError> {
        let plain = SubscriptionOptions { qos: self.qos, ..SubscriptionOptions::default() };
        if version != Version::V5 && self != plain {
            return Err(EncodeError::NotInVersion(Field::SubscriptionOptions));
        }
        Ok(())
    }
}

impl RetainHandling {
    const fn from_u8(value: u8) -> Option<RetainHandling> {
        match value {
            0 => Some(RetainHandling::Send),
            1 => Some(RetainHandling::SendIfNew),
            2 => Some(RetainHandling::DoNotSend),
            _ => None,
        }
    }
}

impl Encode for Subscribe<'_> {
    fn measure(&self, dialect: Dialect) -> Result<Measure, EncodeError> {
        PacketType::Subscribe.check_encode(dialect)?;
        let properties = self.properties.measure(PLACE, dialect)?;
        let subscriptions = self.subscriptions.measure(dialect.version)?;
        let len = 2 + list_len(properties, dialect.version) + subscriptions;
        Measure::new(len, properties)
    }

    fn write(
        &self,
        dialect: Dialect,
        measure: &Measure,
        out: &mut [u8],
    ) -> Result<(), EncodeError> {
        let mut out = Writer::start(PacketType::Subscribe.first_byte(), measure, out)?;
        out.u16(self.packet_id.get())?;
        self.properties.write(measure.properties, dialect.version, &mut out)?;
        self.subscriptions.write(&mut out)
    }
}
