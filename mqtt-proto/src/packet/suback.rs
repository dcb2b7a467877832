//! SUBACK and UNSUBACK (sections 3.9 and 3.11).

use core::fmt;

use crate::property::{Place, list_len};
use crate::wire::{Reader, Writer, add_len};
use crate::{
    DecodeError, Dialect, Encode, EncodeError, Field, Measure, PacketId, PacketType, Properties,
    ReasonCode, Violation,
};

/// SUBACK (section 3.9).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SubAck<'a> {
    /// The Packet Identifier of the SUBSCRIBE.
    pub packet_id: PacketId,
    /// SUBACK properties.
    pub properties: Properties<'a>,
    /// One code per subscription, in the order of the SUBSCRIBE.
    pub codes: ReasonCodes<'a>,
}

/// UNSUBACK (section 3.11).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct UnsubAck<'a> {
    /// The Packet Identifier of the UNSUBSCRIBE.
    pub packet_id: PacketId,
    /// UNSUBACK properties.
    pub properties: Properties<'a>,
    /// One code per Topic Filter, in the order of the UNSUBSCRIBE; none in 3.1.1.
    pub codes: ReasonCodes<'a>,
}

/// The reason codes of a SUBACK or UNSUBACK: checked wire bytes, or a slice to be written.
#[derive(Clone, Copy)]
pub struct ReasonCodes<'a> {
    /// Checked bytes; empty if `slice` is not.
    wire: &'a [u8],
    slice: &'a [ReasonCode],
}

impl<'a> ReasonCodes<'a> {
    /// No codes, as in an UNSUBACK of 3.1.1.
    pub const EMPTY: ReasonCodes<'static> = ReasonCodes { wire: &[], slice: &[] };

    /// The codes to send, in this order.
    pub const fn from_slice(slice: &'a [ReasonCode]) -> ReasonCodes<'a> {
        ReasonCodes { wire: &[], slice }
    }

    /// How many there are.
    pub const fn len(&self) -> usize {
        self.wire.len() + self.slice.len()
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.wire.is_empty() && self.slice.is_empty()
    }

    /// The code of entry `index`, counted from 0.
    pub fn get(&self, index: usize) -> Option<ReasonCode> {
        self.iter().nth(index)
    }

    /// The codes in their order.
    pub fn iter(&self) -> impl Iterator<Item = ReasonCode> + Clone + use<'a> {
        let received = self.wire.iter().map_while(|&code| ReasonCode::from_u8(code));
        received.chain(self.slice.iter().copied())
    }

    fn decode(mut body: Reader<'a>, dialect: Dialect) -> Result<ReasonCodes<'a>, DecodeError> {
        let wire = body.rest();
        // [MQTT-3.8.4-6]
        if body.is_empty() {
            return Err(body.error(Violation::EmptyList, Field::ReasonCode));
        }
        while !body.is_empty() {
            let code = body.reason_code(dialect.sender)?;
            if !dialect.version.has_properties() && !is_return_code(code) {
                return Err(body.error(Violation::IllegalReasonCode, Field::ReasonCode));
            }
        }
        Ok(ReasonCodes { wire, slice: &[] })
    }

    fn measure(&self, packet: PacketType, dialect: Dialect) -> Result<u32, EncodeError> {
        let has_codes = packet == PacketType::SubAck || dialect.version.has_properties();
        if self.is_empty() {
            return if has_codes { Err(EncodeError::Missing(Field::ReasonCode)) } else { Ok(0) };
        }
        for code in self.iter() {
            if dialect.version.has_properties() {
                code.check_encode(packet, dialect)?;
            } else if !has_codes || !is_return_code(code) {
                return Err(EncodeError::NotInVersion(Field::ReasonCode));
            }
        }
        add_len(0, self.len())
    }

    fn write(&self, out: &mut Writer<'_>) -> Result<(), EncodeError> {
        out.bytes(self.wire)?;
        self.slice.iter().try_for_each(|code| out.u8(code.to_u8()))
    }
}

/// Whether a SUBACK before 5.0 may say `code`.
const fn is_return_code(code: ReasonCode) -> bool {
    matches!(
        code,
        ReasonCode::GrantedQoS0
            | ReasonCode::GrantedQoS1
            | ReasonCode::GrantedQoS2
            | ReasonCode::UnspecifiedError
    )
}

impl PartialEq for ReasonCodes<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl fmt::Debug for ReasonCodes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<'a> SubAck<'a> {
    pub(super) fn decode(
        mut body: Reader<'a>,
        dialect: Dialect,
    ) -> Result<SubAck<'a>, DecodeError> {
        let packet_id = body.packet_id()?;
        let properties = Properties::decode(&mut body, Place::Packet(PacketType::SubAck), dialect)?;
        // [MQTT-3.9.3-2], [MQTT-3.8.4-7]
        let codes = ReasonCodes::decode(body, dialect)?;
        Ok(SubAck { packet_id, properties, codes })
    }
}

impl<'a> UnsubAck<'a> {
    pub(super) fn decode(
        mut body: Reader<'a>,
        dialect: Dialect,
    ) -> Result<UnsubAck<'a>, DecodeError> {
        let packet_id = body.packet_id()?;
        if !dialect.version.has_properties() {
            body.finish()?;
            let (properties, codes) = (Properties::EMPTY, ReasonCodes::EMPTY);
            return Ok(UnsubAck { packet_id, properties, codes });
        }
        let properties =
            Properties::decode(&mut body, Place::Packet(PacketType::UnsubAck), dialect)?;
        // [MQTT-3.11.3-2]
        let codes = ReasonCodes::decode(body, dialect)?;
        Ok(UnsubAck { packet_id, properties, codes })
    }
}

/// Encoding of the two packets, which differ in their type alone.
macro_rules! encode {
    ($($packet:ident)*) => {
        $(
            impl Encode for $packet<'_> {
                fn measure(&self, dialect: Dialect) -> Result<Measure, EncodeError> {
                    const PACKET: PacketType = PacketType::$packet;
                    PACKET.check_encode(dialect)?;
                    let properties = self.properties.measure(Place::Packet(PACKET), dialect)?;
                    let codes = self.codes.measure(PACKET, dialect)?;
                    Measure::new(2 + list_len(properties, dialect.version) + codes, properties)
                }

                fn write(
                    &self,
                    dialect: Dialect,
                    measure: &Measure,
                    out: &mut [u8],
                ) -> Result<(), EncodeError> {
                    let mut out = Writer::start(PacketType::$packet.first_byte(), measure, out)?;
                    out.u16(self.packet_id.get())?;
                    self.properties.write(measure.properties, dialect.version, &mut out)?;
                    self.codes.write(&mut out)
                }
            }
        )*
    };
}

encode! { SubAck UnsubAck }
