//! Finding packets in a stream of bytes.

use crate::packet::publish;
use crate::wire::VarInt;
use crate::wire_enum::wire_enum;
use crate::{DecodeError, Dialect, EncodeError, Field, Role, Version, Violation};

/// The largest Remaining Length a packet can announce (section 1.5.5).
pub const MAX_REMAINING_LENGTH: u32 = 268_435_455;

wire_enum! {
    /// Control packet types with their value in the first byte (section 2.1.2).
    pub enum PacketType {
        1 Connect "CONNECT",
        2 ConnAck "CONNACK",
        3 Publish "PUBLISH",
        4 PubAck "PUBACK",
        5 PubRec "PUBREC",
        6 PubRel "PUBREL",
        7 PubComp "PUBCOMP",
        8 Subscribe "SUBSCRIBE",
        9 SubAck "SUBACK",
        10 Unsubscribe "UNSUBSCRIBE",
        11 UnsubAck "UNSUBACK",
        12 PingReq "PINGREQ",
        13 PingResp "PINGRESP",
        14 Disconnect "DISCONNECT",
        15 Auth "AUTH",
    }
}

/// The first two to five bytes of a packet (section 2.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FixedHeader {
    /// What follows.
    pub packet_type: PacketType,
    /// The lower four bits of the first byte, already checked against the type.
    pub flags: u8,
    /// Bytes that follow the fixed header.
    pub remaining_length: u32,
    /// Bytes of the fixed header itself: 2 to 5.
    pub len: u8,
}

impl FixedHeader {
    /// Reads the fixed header at the start of `input`.
    ///
    /// `Ok(None)` when more bytes are needed. Refuses reserved types and flags, packets the
    /// sender may not send, and a Remaining Length that is over-long or beyond four bytes
    /// (sections 2.1 and 1.5.5). Any first byte that is refused is refused without waiting for
    /// the second.
    #[inline]
    pub fn decode(input: &[u8], dialect: Dialect) -> Result<Option<FixedHeader>, DecodeError> {
        let Some((&first, rest)) = input.split_first() else {
            return Ok(None);
        };
        let packet_type = match first {
            // PUBLISH with any flags but QoS 3, and DUP at QoS 0.
            0x30..=0x35 | 0x3A..=0x3D => PacketType::Publish,
            _ => PacketType::from_first_byte(first, dialect)?,
        };
        let (remaining_length, len) = match *rest {
            [byte @ ..0x80, ..] => (u32::from(byte), 2),
            [low, high @ 1..0x80, ..] => (u32::from(low & 0x7F) | u32::from(high) << 7, 3),
            _ => match read_remaining_length(rest, packet_type, dialect)? {
                Some(int) => (int.value, 1 + int.len),
                None => return Ok(None),
            },
        };
        Ok(Some(FixedHeader { packet_type, flags: first & 0x0F, remaining_length, len }))
    }

    /// Bytes of the whole packet, fixed header included.
    pub fn packet_len(&self) -> usize {
        usize::from(self.len).saturating_add(self.remaining_length as usize)
    }
}

/// Reads a Remaining Length that is not one byte, or two in their shortest form.
fn read_remaining_length(
    bytes: &[u8],
    packet: PacketType,
    dialect: Dialect,
) -> Result<Option<VarInt>, DecodeError> {
    let int = VarInt::read(bytes).and_then(|int| match int {
        // [MQTT-1.5.5-1]
        Some(int) if int.overlong && !dialect.lenient => Err(Violation::OverlongInteger),
        int => Ok(int),
    });
    int.map_err(|violation| packet.error(violation, Field::RemainingLength))
}

impl PacketType {
    /// Judges type, sender and flags.
    fn from_first_byte(byte: u8, dialect: Dialect) -> Result<PacketType, DecodeError> {
        let flags = byte & 0x0F;
        let Some(packet) = PacketType::from_u8(byte >> 4) else {
            let (violation, field) = (Violation::ReservedType, Field::PacketType);
            return Err(DecodeError { violation, packet: None, field });
        };
        if packet == PacketType::Publish {
            return match publish::Flags::from_u8(flags) {
                Ok(_) => Ok(packet),
                Err(violation) => Err(packet.error(violation, Field::Flags)),
            };
        }
        packet
            .check_sender(dialect)
            .map_err(|violation| packet.error(violation, Field::PacketType))?;
        packet
            .check_flags(flags, dialect)
            .map_err(|violation| packet.error(violation, Field::Flags))?;
        Ok(packet)
    }

    #[inline]
    const fn error(self, violation: Violation, field: Field) -> DecodeError {
        DecodeError { violation, packet: Some(self), field }
    }

    /// Judges whether the sender of `dialect` sends packets of this type.
    #[inline]
    const fn check_sender(self, dialect: Dialect) -> Result<(), Violation> {
        let sender = match self {
            PacketType::Connect
            | PacketType::Subscribe
            | PacketType::Unsubscribe
            | PacketType::PingReq => Role::Client,
            PacketType::ConnAck
            | PacketType::SubAck
            | PacketType::UnsubAck
            | PacketType::PingResp => Role::Server,
            PacketType::Publish
            | PacketType::PubAck
            | PacketType::PubRec
            | PacketType::PubRel
            | PacketType::PubComp => return Ok(()),
            PacketType::Disconnect => match dialect.version {
                Version::V5 => return Ok(()),
                Version::V3_1 | Version::V3_1_1 => Role::Client,
            },
            PacketType::Auth => match dialect.version {
                Version::V5 => return Ok(()),
                Version::V3_1 | Version::V3_1_1 => return Err(Violation::ReservedType),
            },
        };
        match (sender, dialect.sender) {
            (Role::Client, Role::Client) | (Role::Server, Role::Server) => Ok(()),
            (Role::Client, Role::Server) | (Role::Server, Role::Client) => {
                Err(Violation::ForbiddenPacket)
            }
        }
    }

    /// What a sender is told that does not send packets of this type.
    #[inline]
    pub(crate) fn check_encode(self, dialect: Dialect) -> Result<(), EncodeError> {
        self.check_sender(dialect).map_err(|violation| match violation {
            Violation::ReservedType => EncodeError::NotInVersion(Field::PacketType),
            _ => EncodeError::WrongSender(Field::PacketType),
        })
    }

    /// The first byte of a packet of this type; PUBLISH adds its flags.
    #[inline]
    pub(crate) const fn first_byte(self) -> u8 {
        self.to_u8() << 4 | self.reserved_flags()
    }

    #[inline]
    const fn reserved_flags(self) -> u8 {
        match self {
            PacketType::PubRel | PacketType::Subscribe | PacketType::Unsubscribe => 0b0010,
            _ => 0,
        }
    }

    #[inline]
    const fn check_flags(self, flags: u8, dialect: Dialect) -> Result<(), Violation> {
        let ignored = match self {
            PacketType::PingResp if dialect.lenient => 0b1111,
            // MQTT 3.1 has a DUP flag in these.
            PacketType::PubRel | PacketType::Subscribe | PacketType::Unsubscribe
                if matches!(dialect.version, Version::V3_1) =>
            {
                0b1000
            }
            _ => 0,
        };
        // [MQTT-2.1.3-1], [MQTT-3.6.1-1], [MQTT-3.8.1-1], [MQTT-3.10.1-1], [MQTT-3.14.1-1],
        // [MQTT-3.15.1-1]
        if (flags ^ self.reserved_flags()) & !ignored != 0 {
            return Err(Violation::ReservedBits);
        }
        Ok(())
    }
}
