//! UNSUBSCRIBE (section 3.10).

use core::{fmt, iter};

use crate::property::{Place, list_len};
use crate::topic;
use crate::wire::{Reader, Writer, add_len, binary_len};
use crate::{
    DecodeError, Dialect, Encode, EncodeError, Field, Measure, PacketId, PacketType, Properties,
    Version, Violation,
};

const PLACE: Place = Place::Packet(PacketType::Unsubscribe);

/// UNSUBSCRIBE (section 3.10).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Unsubscribe<'a> {
    /// Packet Identifier.
    pub packet_id: PacketId,
    /// UNSUBSCRIBE properties.
    pub properties: Properties<'a>,
    /// The Topic Filters: at least one.
    pub filters: Filters<'a>,
}

/// The Topic Filters of an UNSUBSCRIBE: checked wire bytes, or a slice to be written.
#[derive(Clone, Copy)]
pub struct Filters<'a> {
    /// Checked bytes; empty if `slice` is not.
    wire: &'a [u8],
    slice: &'a [&'a str],
}

impl<'a> Unsubscribe<'a> {
    pub(super) fn decode(
        mut body: Reader<'a>,
        dialect: Dialect,
    ) -> Result<Unsubscribe<'a>, DecodeError> {
        let packet_id = body.packet_id()?;
        let properties = Properties::decode(&mut body, PLACE, dialect)?;
        let filters = Filters::decode(body, dialect.version)?;
        Ok(Unsubscribe { packet_id, properties, filters })
    }
}

impl<'a> Filters<'a> {
    /// The Topic Filters to leave, in this order.
    pub const fn from_slice(slice: &'a [&'a str]) -> Filters<'a> {
        Filters { wire: &[], slice }
    }

    /// The Topic Filters in their order.
    pub fn iter(&self) -> impl Iterator<Item = &'a str> + Clone + use<'a> {
        let mut body = Reader::checked(self.wire);
        // The bytes were checked: an error cannot happen, and would end the list.
        iter::from_fn(move || body.utf8(Field::TopicFilter).ok()).chain(self.slice.iter().copied())
    }

    fn decode(mut body: Reader<'a>, version: Version) -> Result<Filters<'a>, DecodeError> {
        let wire = body.rest();
        // [MQTT-3.10.3-2]
        if body.is_empty() {
            return Err(body.error(Violation::EmptyList, Field::TopicFilter));
        }
        while !body.is_empty() {
            // [MQTT-3.10.3-1]
            body.topic_filter(version)?;
        }
        Ok(Filters { wire, slice: &[] })
    }

    fn measure(&self, version: Version) -> Result<u32, EncodeError> {
        let mut len = 0;
        for filter in self.iter() {
            topic::check_filter(filter, version)
                .map_err(|error| EncodeError::Topic { field: Field::TopicFilter, error })?;
            len = add_len(len, binary_len(filter.as_bytes(), Field::TopicFilter)? as usize)?;
        }
        // [MQTT-3.10.3-2]
        if len == 0 { Err(EncodeError::Missing(Field::TopicFilter)) } else { Ok(len) }
    }

    fn write(&self, out: &mut Writer<'_>) -> Result<(), EncodeError> {
        out.bytes(self.wire)?;
        self.slice.iter().try_for_each(|filter| out.text(filter))
    }
}

impl PartialEq for Filters<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl fmt::Debug for Filters<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl Encode for Unsubscribe<'_> {
    fn measure(&self, dialect: Dialect) -> Result<Measure, EncodeError> {
        PacketType::Unsubscribe.check_encode(dialect)?;
        let properties = self.properties.measure(PLACE, dialect)?;
        let filters = self.filters.measure(dialect.version)?;
        Measure::new(2 + list_len(properties, dialect.version) + filters, properties)
    }

    fn write(
        &self,
        dialect: Dialect,
        measure: &Measure,
        out: &mut [u8],
    ) -> Result<(), EncodeError> {
        let mut out = Writer::start(PacketType::Unsubscribe.first_byte(), measure, out)?;
        out.u16(self.packet_id.get())?;
        self.properties.write(measure.properties, dialect.version, &mut out)?;
        self.filters.write(&mut out)
    }
}
