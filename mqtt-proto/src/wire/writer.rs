//! Writing a packet from front to back, after it was measured.

use core::mem;

use crate::{EncodeError, Field, MAX_REMAINING_LENGTH, Measure};

use super::has_nul;

/// `total` and `more` bytes, as long as one packet can hold both.
#[inline]
pub(crate) fn add_len(total: u32, more: usize) -> Result<u32, EncodeError> {
    u32::try_from(more)
        .ok()
        .and_then(|more| total.checked_add(more))
        .filter(|&total| total <= MAX_REMAINING_LENGTH)
        .ok_or(EncodeError::PacketTooLarge)
}

/// Bytes `value` takes with its length.
#[inline]
pub(crate) fn binary_len(value: &[u8], field: Field) -> Result<u32, EncodeError> {
    u16::try_from(value.len())
        .map(|len| 2 + u32::from(len))
        .map_err(|_| EncodeError::TooLong(field))
}

/// Bytes `value` takes with its length; it has no U+0000.
#[inline]
pub(crate) fn text_len(value: &str, field: Field) -> Result<u32, EncodeError> {
    // [MQTT-1.5.4-2]
    if has_nul(value.as_bytes()) {
        return Err(EncodeError::NulCharacter(field));
    }
    binary_len(value.as_bytes(), field)
}

/// The part of a buffer that is not written yet.
#[derive(Debug, Default)]
pub(crate) struct Writer<'a> {
    rest: &'a mut [u8],
}

impl<'a> Writer<'a> {
    /// Writes the fixed header of a packet to the start of `out`.
    #[inline]
    pub(crate) fn start(
        first_byte: u8,
        measure: &Measure,
        out: &'a mut [u8],
    ) -> Result<Writer<'a>, EncodeError> {
        let mut writer = Writer { rest: out };
        writer.u8(first_byte)?;
        writer.var_int(measure.remaining_length)?;
        Ok(writer)
    }

    /// How many bytes of the buffer are left.
    #[inline]
    pub(crate) const fn len(&self) -> usize {
        self.rest.len()
    }

    #[inline]
    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> Result<(), EncodeError> {
        let (to, rest) = mem::take(&mut self.rest)
            .split_at_mut_checked(bytes.len())
            .ok_or(EncodeError::BufferTooSmall)?;
        to.copy_from_slice(bytes);
        self.rest = rest;
        Ok(())
    }

    #[inline]
    fn array<const N: usize>(&mut self, bytes: [u8; N]) -> Result<(), EncodeError> {
        let (to, rest) = mem::take(&mut self.rest)
            .split_first_chunk_mut::<N>()
            .ok_or(EncodeError::BufferTooSmall)?;
        *to = bytes;
        self.rest = rest;
        Ok(())
    }

    #[inline]
    pub(crate) fn u8(&mut self, value: u8) -> Result<(), EncodeError> {
        self.array([value])
    }

    #[inline]
    pub(crate) fn u16(&mut self, value: u16) -> Result<(), EncodeError> {
        self.array(value.to_be_bytes())
    }

    #[inline]
    pub(crate) fn u32(&mut self, value: u32) -> Result<(), EncodeError> {
        self.array(value.to_be_bytes())
    }

    /// Writes `value` in its shortest form.
    #[inline]
    pub(crate) fn var_int(&mut self, mut value: u32) -> Result<(), EncodeError> {
        // [MQTT-1.5.5-1]
        loop {
            let [.., low] = (value & 0x7F).to_be_bytes();
            value >>= 7;
            if value == 0 {
                return self.u8(low);
            }
            self.u8(low | 0x80)?;
        }
    }

    #[inline]
    pub(crate) fn binary(&mut self, value: &[u8]) -> Result<(), EncodeError> {
        self.u16(u16::try_from(value.len()).map_err(|_| EncodeError::PacketTooLarge)?)?;
        self.bytes(value)
    }

    #[inline]
    pub(crate) fn text(&mut self, value: &str) -> Result<(), EncodeError> {
        self.binary(value.as_bytes())
    }
}
