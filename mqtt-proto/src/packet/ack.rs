//! PUBACK, PUBREC, PUBREL and PUBCOMP (sections 3.4 to 3.7).

use crate::property::{Place, list_len};
use crate::wire::{Reader, Writer};
use crate::{
    DecodeError, Dialect, Encode, EncodeError, Measure, PacketId, PacketType, Properties,
    ReasonCode,
};

/// What PUBACK, PUBREC, PUBREL and PUBCOMP carry (sections 3.4 to 3.7).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ack<'a> {
    /// The Packet Identifier of the PUBLISH.
    pub packet_id: PacketId,
    /// The reason code; 3.1.1 knows only [`ReasonCode::Success`].
    pub reason: ReasonCode,
    /// Reason String and User Properties.
    pub properties: Properties<'a>,
}

/// PUBACK (section 3.4).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PubAck<'a>(pub Ack<'a>);

/// PUBREC (section 3.5).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PubRec<'a>(pub Ack<'a>);

/// PUBREL (section 3.6).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PubRel<'a>(pub Ack<'a>);

/// PUBCOMP (section 3.7).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PubComp<'a>(pub Ack<'a>);

impl Ack<'static> {
    /// The short form: success without properties.
    pub const fn success(packet_id: PacketId) -> Ack<'static> {
        Ack { packet_id, reason: ReasonCode::Success, properties: Properties::EMPTY }
    }
}

impl<'a> Ack<'a> {
    fn decode(
        packet: PacketType,
        mut body: Reader<'a>,
        dialect: Dialect,
    ) -> Result<Ack<'a>, DecodeError> {
        let mut ack = Ack::success(body.packet_id()?);
        if dialect.version.has_properties() && !body.is_empty() {
            ack.reason = body.reason_code(dialect.sender)?;
            if !body.is_empty() {
                ack.properties = Properties::decode(&mut body, Place::Packet(packet), dialect)?;
            }
        }
        body.finish()?;
        Ok(ack)
    }

    fn measure(&self, packet: PacketType, dialect: Dialect) -> Result<Measure, EncodeError> {
        self.reason.check_encode(packet, dialect)?;
        let properties = self.properties.measure(Place::Packet(packet), dialect)?;
        let tail = match (self.reason, properties) {
            (ReasonCode::Success, 0) => 0,
            (_, 0) => 1,
            (_, properties) => 1 + list_len(properties, dialect.version),
        };
        Measure::new(2 + tail, properties)
    }

    fn write(
        &self,
        packet: PacketType,
        dialect: Dialect,
        measure: &Measure,
        out: &mut [u8],
    ) -> Result<(), EncodeError> {
        let mut out = Writer::start(packet.first_byte(), measure, out)?;
        out.u16(self.packet_id.get())?;
        if measure.remaining_length > 2 {
            out.u8(self.reason.to_u8())?;
        }
        if measure.remaining_length > 3 {
            self.properties.write(measure.properties, dialect.version, &mut out)?;
        }
        Ok(())
    }
}

/// Decoding and encoding of the four packets, which differ in their type alone.
macro_rules! ack {
    ($($ack:ident)*) => {
        $(
            impl<'a> $ack<'a> {
                pub(super) fn decode(
                    body: Reader<'a>,
                    dialect: Dialect,
                ) -> Result<$ack<'a>, DecodeError> {
                    Ack::decode(PacketType::$ack, body, dialect).map($ack)
                }
            }

            impl Encode for $ack<'_> {
                fn measure(&self, dialect: Dialect) -> Result<Measure, EncodeError> {
                    self.0.measure(PacketType::$ack, dialect)
                }

                fn write(
                    &self,
                    dialect: Dialect,
                    measure: &Measure,
                    out: &mut [u8],
                ) -> Result<(), EncodeError> {
                    self.0.write(PacketType::$ack, dialect, measure, out)
                }
            }
        )*
    };
}

ack! { PubAck PubRec PubRel PubComp }
