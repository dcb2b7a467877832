//! Reading a packet's body from front to back.

use crate::{
    DecodeError, Field, PacketId, PacketType, ReasonCode, Role, Version, Violation, topic,
};

use super::text;
use super::var_int::VarInt;

/// The bytes of a body that were not read yet. Each call names the field it reads.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a> {
    packet: PacketType,
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    #[inline]
    pub(crate) const fn new(packet: PacketType, bytes: &'a [u8]) -> Reader<'a> {
        Reader { packet, rest: bytes }
    }

    /// A reader of `bytes` that were checked before: there will be no error to name the packet in.
    #[inline]
    pub(crate) const fn checked(bytes: &'a [u8]) -> Reader<'a> {
        Reader::new(PacketType::Publish, bytes)
    }

    /// The violation at a place in this packet.
    #[inline]
    pub(crate) const fn error(&self, violation: Violation, field: Field) -> DecodeError {
        DecodeError { violation, packet: Some(self.packet), field }
    }

    #[inline]
    pub(crate) const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// All that is left.
    #[inline]
    pub(crate) const fn rest(self) -> &'a [u8] {
        self.rest
    }

    /// Refuses what is left: every body parser ends here.
    #[inline]
    pub(crate) fn finish(self) -> Result<(), DecodeError> {
        if self.is_empty() { Ok(()) } else { Err(self.error(Violation::TrailingBytes, Field::End)) }
    }

    #[inline]
    pub(crate) fn bytes(&mut self, len: usize, field: Field) -> Result<&'a [u8], DecodeError> {
        match self.rest.split_at_checked(len) {
            Some((bytes, rest)) => {
                self.rest = rest;
                Ok(bytes)
            }
            None => Err(self.error(Violation::Truncated, field)),
        }
    }

    #[inline]
    fn array<const N: usize>(&mut self, field: Field) -> Result<[u8; N], DecodeError> {
        match self.rest.split_first_chunk::<N>() {
            Some((bytes, rest)) => {
                self.rest = rest;
                Ok(*bytes)
            }
            None => Err(self.error(Violation::Truncated, field)),
        }
    }

    #[inline]
    pub(crate) fn u8(&mut self, field: Field) -> Result<u8, DecodeError> {
        self.array(field).map(u8::from_be_bytes)
    }

    /// A byte that was checked to be 0 or 1.
    #[inline]
    pub(crate) fn flag(&mut self, field: Field) -> Result<bool, DecodeError> {
        self.u8(field).map(|byte| byte != 0)
    }

    #[inline]
    pub(crate) fn u16(&mut self, field: Field) -> Result<u16, DecodeError> {
        self.array(field).map(u16::from_be_bytes)
    }

    #[inline]
    pub(crate) fn u32(&mut self, field: Field) -> Result<u32, DecodeError> {
        self.array(field).map(u32::from_be_bytes)
    }

    #[inline]
    pub(crate) fn var_int(&mut self, field: Field) -> Result<u32, DecodeError> {
        match self.rest.split_first() {
            Some((&byte, rest)) if byte < 0x80 => {
                self.rest = rest;
                Ok(u32::from(byte))
            }
            _ => {
                let int = VarInt::shortest(self.rest)
                    .map_err(|violation| self.error(violation, field))?;
                self.bytes(usize::from(int.len), field)?;
                Ok(int.value)
            }
        }
    }

    #[inline]
    pub(crate) fn packet_id(&mut self) -> Result<PacketId, DecodeError> {
        let value = self.u16(Field::PacketIdentifier)?;
        // [MQTT-2.2.1-3], [MQTT-2.2.1-4]
        PacketId::new(value)
            .ok_or(self.error(Violation::PacketIdentifierZero, Field::PacketIdentifier))
    }

    /// A reason code that `sender` may put into this packet in 5.0.
    #[inline]
    pub(crate) fn reason_code(&mut self, sender: Role) -> Result<ReasonCode, DecodeError> {
        let value = self.u8(Field::ReasonCode)?;
        ReasonCode::from_u8(value)
            .filter(|code| code.is_tolerated(self.packet, sender))
            .ok_or(self.error(Violation::IllegalReasonCode, Field::ReasonCode))
    }

    #[inline]
    pub(crate) fn binary(&mut self, field: Field) -> Result<&'a [u8], DecodeError> {
        let len = self.u16(field)?;
        self.bytes(usize::from(len), field)
    }

    /// UTF-8 in which U+0000 may stand.
    #[inline]
    pub(crate) fn utf8(&mut self, field: Field) -> Result<&'a str, DecodeError> {
        text::utf8(self.binary(field)?).map_err(|violation| self.error(violation, field))
    }

    /// Two texts, which are read as one if the length between them can be.
    #[inline]
    pub(crate) fn utf8_pair(&mut self, field: Field) -> Result<(&'a str, &'a str), DecodeError> {
        let mut start = *self;
        let (first, second) = (self.binary(field)?, self.binary(field)?);
        start.u16(field)?;
        let both = start.bytes(first.len() + 2 + second.len(), field)?;
        if let Ok(both) = core::str::from_utf8(both)
            && let (Some(first), Some(second)) =
                (both.get(..first.len()), both.get(first.len() + 2..))
        {
            return Ok((first, second));
        }
        let utf8 = |bytes| text::utf8(bytes).map_err(|violation| self.error(violation, field));
        Ok((utf8(first)?, utf8(second)?))
    }

    #[inline]
    pub(crate) fn text(&mut self, field: Field) -> Result<&'a str, DecodeError> {
        text::read(self.binary(field)?).map_err(|violation| self.error(violation, field))
    }

    /// Text as it is checked, but not made a `&str`.
    #[inline(always)]
    pub(crate) fn check_text(&mut self, field: Field) -> Result<(), DecodeError> {
        let bytes = self.binary(field)?;
        text::check(bytes).map_err(|violation| self.error(violation, field))
    }

    /// A Topic Name as it is checked, but not made a `&str`.
    #[inline(always)]
    pub(crate) fn check_topic_name(&mut self, field: Field) -> Result<(), DecodeError> {
        let before = *self;
        let bytes = self.binary(field)?;
        if !bytes.is_empty() && text::is_plain_topic(bytes) {
            return Ok(());
        }
        *self = before;
        self.topic_name(field).map(|_| ())
    }

    #[inline]
    pub(crate) fn topic_name(&mut self, field: Field) -> Result<&'a str, DecodeError> {
        let name = self.utf8(field)?;
        topic::check_name(name.as_bytes()).map_err(|error| self.error(error.violation(), field))?;
        Ok(name)
    }

    #[inline]
    pub(crate) fn topic_filter(&mut self, version: Version) -> Result<&'a str, DecodeError> {
        let filter = self.utf8(Field::TopicFilter)?;
        topic::check_filter(filter, version)
            .map_err(|error| self.error(error.violation(), Field::TopicFilter))?;
        Ok(filter)
    }
}
