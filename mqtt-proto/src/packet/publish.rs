//! PUBLISH (section 3.3).

use crate::property::{Place, list_len};
use crate::topic;
use crate::wire::{Reader, Writer, add_len, binary_len};
use crate::{
    DecodeError, Dialect, Encode, EncodeError, Field, Measure, PacketId, PacketType, Properties,
    QoS, Violation,
};

const PLACE: Place = Place::Packet(PacketType::Publish);

/// PUBLISH (section 3.3).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Publish<'a> {
    /// Sent again after a resume.
    pub dup: bool,
    /// QoS.
    pub qos: QoS,
    /// RETAIN.
    pub retain: bool,
    /// Topic Name; empty only beside a Topic Alias.
    pub topic: &'a str,
    /// Packet Identifier, exactly when the QoS is above 0.
    pub packet_id: Option<PacketId>,
    /// PUBLISH properties.
    pub properties: Properties<'a>,
    /// Application Message.
    pub payload: &'a [u8],
}

/// The lower four bits of the first byte.
///
/// ```text
///   3     2  1    0
///  DUP    QoS   RETAIN
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Flags {
    dup: bool,
    qos: QoS,
    retain: bool,
}

impl Flags {
    #[inline]
    pub(crate) const fn from_u8(bits: u8) -> Result<Flags, Violation> {
        // [MQTT-3.3.1-4]
        let Some(qos) = QoS::from_u8(bits >> 1 & 0b11) else {
            return Err(Violation::InvalidQoS);
        };
        let dup = bits & 0b1000 != 0;
        // [MQTT-3.3.1-2]
        if dup && matches!(qos, QoS::AtMostOnce) {
            return Err(Violation::DupAtQoS0);
        }
        Ok(Flags { dup, qos, retain: bits & 0b0001 != 0 })
    }

    #[inline]
    const fn to_u8(self) -> u8 {
        (self.dup as u8) << 3 | (self.qos as u8) << 1 | self.retain as u8
    }
}

impl<'a> Publish<'a> {
    #[inline(always)]
    pub(super) fn decode(
        flags: u8,
        mut body: Reader<'a>,
        dialect: Dialect,
    ) -> Result<Publish<'a>, DecodeError> {
        let Flags { dup, qos, retain } =
            Flags::from_u8(flags).map_err(|violation| body.error(violation, Field::Flags))?;
        let topic = body.utf8(Field::TopicName)?;
        if !topic.is_empty() {
            // [MQTT-3.3.2-1], [MQTT-3.3.2-2]
            topic::check_name(topic.as_bytes())
                .map_err(|error| body.error(error.violation(), Field::TopicName))?;
        }
        // [MQTT-2.2.1-2]
        let packet_id = match qos {
            QoS::AtMostOnce => None,
            QoS::AtLeastOnce | QoS::ExactlyOnce => Some(body.packet_id()?),
        };
        let properties = Properties::decode(&mut body, PLACE, dialect)?;
        if topic.is_empty() && properties.topic_alias().is_none() {
            return Err(body.error(Violation::EmptyTopic, Field::TopicName));
        }
        Ok(Publish { dup, qos, retain, topic, packet_id, properties, payload: body.rest() })
    }

    /// Writes all but the payload and returns how many bytes that is.
    ///
    /// For a payload that is sent from where it lies. `measure` is that of the whole packet.
    #[inline]
    pub fn write_head(
        &self,
        dialect: Dialect,
        measure: &Measure,
        out: &mut [u8],
    ) -> Result<usize, EncodeError> {
        let room = out.len();
        Ok(room - self.start(dialect, measure, out)?.len())
    }

    /// Writes all but the payload.
    #[inline(always)]
    fn start<'b>(
        &self,
        dialect: Dialect,
        measure: &Measure,
        out: &'b mut [u8],
    ) -> Result<Writer<'b>, EncodeError> {
        let flags = Flags { dup: self.dup, qos: self.qos, retain: self.retain };
        let first_byte = PacketType::Publish.first_byte() | flags.to_u8();
        let mut out = Writer::start(first_byte, measure, out)?;
        out.text(self.topic)?;
        if let Some(packet_id) = self.packet_id {
            out.u16(packet_id.get())?;
        }
        self.properties.write(measure.properties, dialect.version, &mut out)?;
        Ok(out)
    }

    /// Checks the fixed header and the Packet Identifier.
    #[inline(always)]
    fn check_qos(&self) -> Result<(), EncodeError> {
        match (self.qos, self.packet_id) {
            // [MQTT-3.3.1-2]
            (QoS::AtMostOnce, None) if self.dup => Err(EncodeError::Unexpected(Field::Flags)),
            (QoS::AtMostOnce, None) => Ok(()),
            // [MQTT-2.2.1-2]
            (QoS::AtMostOnce, Some(_)) => Err(EncodeError::Unexpected(Field::PacketIdentifier)),
            (QoS::AtLeastOnce | QoS::ExactlyOnce, Some(_)) => Ok(()),
            // [MQTT-2.2.1-3]
            (QoS::AtLeastOnce | QoS::ExactlyOnce, None) => {
                Err(EncodeError::Missing(Field::PacketIdentifier))
            }
        }
    }

    /// Checks the Topic Name, which a Topic Alias may stand for.
    #[inline(always)]
    fn check_topic(&self) -> Result<(), EncodeError> {
        if self.topic.is_empty() && self.properties.topic_alias().is_some() {
            return Ok(());
        }
        // [MQTT-3.3.2-2]
        topic::check_name(self.topic.as_bytes())
            .map_err(|error| EncodeError::Topic { field: Field::TopicName, error })
    }
}

// Inlined, packet and measure stay in registers, which halves the cost of the two calls.
impl Encode for Publish<'_> {
    #[inline(always)]
    fn measure(&self, dialect: Dialect) -> Result<Measure, EncodeError> {
        self.check_qos()?;
        self.check_topic()?;
        let properties = self.properties.measure(PLACE, dialect)?;
        let mut len = binary_len(self.topic.as_bytes(), Field::TopicName)?;
        if self.packet_id.is_some() {
            len += 2;
        }
        len += list_len(properties, dialect.version);
        Measure::new(add_len(len, self.payload.len())?, properties)
    }

    #[inline(always)]
    fn write(
        &self,
        dialect: Dialect,
        measure: &Measure,
        out: &mut [u8],
    ) -> Result<(), EncodeError> {
        self.start(dialect, measure, out)?.bytes(self.payload)
    }
}
