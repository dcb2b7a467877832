//! The few packets the peer reads and writes.

use crate::Void;

/// First bytes of the packets a client may send (§2.1.2, §2.1.3).
pub(crate) const CONNECT: u8 = 0x10;
pub(crate) const PUBLISH: u8 = 0x30;
pub(crate) const PUBACK: u8 = 0x40;
pub(crate) const SUBSCRIBE: u8 = 0x82;
pub(crate) const PINGREQ: u8 = 0xC0;
pub(crate) const DISCONNECT: u8 = 0xE0;

/// What the peer announces, and the most it keeps outstanding itself.
pub(crate) const RECEIVE_MAXIMUM: u16 = 100;

/// Success, no session, Receive Maximum 100.
pub(crate) const CONNACK: [u8; 8] = [0x20, 0x06, 0, 0, 3, 0x21, 0, RECEIVE_MAXIMUM as u8];
pub(crate) const PINGRESP: [u8; 2] = [0xD0, 0];

/// The fields of a packet after its fixed header, read from the front.
pub(crate) struct Fields<'a>(pub(crate) &'a [u8]);

impl<'a> Fields<'a> {
    pub(crate) fn bytes(&mut self, len: usize) -> Result<&'a [u8], Void> {
        let (bytes, rest) = self
            .0
            .split_at_checked(len)
            .ok_or_else(|| Void("a field overruns its packet".into()))?;
        self.0 = rest;
        Ok(bytes)
    }

    pub(crate) fn byte(&mut self) -> Result<u8, Void> {
        Ok(self.bytes(1)?[0])
    }

    pub(crate) fn u16(&mut self) -> Result<u16, Void> {
        let bytes = self.bytes(2)?;
        Ok(u16::from_be_bytes([bytes[0], bytes[1]]))
    }

    /// A UTF-8 String or Binary Data, without its length.
    pub(crate) fn string(&mut self) -> Result<&'a [u8], Void> {
        let len = self.u16()?;
        self.bytes(len.into())
    }

    /// Everything in Property Length.
    pub(crate) fn properties(&mut self) -> Result<Fields<'a>, Void> {
        let Some((len, size)) = variable_byte_integer(self.0)? else {
            return Err(Void("Property Length is cut off".into()));
        };
        self.bytes(size)?;
        Ok(Fields(self.bytes(len)?))
    }
}

/// Decodes a Variable Byte Integer: its value and how many bytes it took; `None` if more must come.
pub(crate) fn variable_byte_integer(bytes: &[u8]) -> Result<Option<(usize, usize)>, Void> {
    let mut value = 0;
    for (at, byte) in bytes.iter().take(4).enumerate() {
        value |= usize::from(byte & 0x7F) << (7 * at);
        if byte & 0x80 == 0 {
            return Ok(Some((value, at + 1)));
        }
    }
    if bytes.len() < 4 {
        return Ok(None);
    }
    Err(Void("a Variable Byte Integer of more than four bytes".into()))
}
