//! Packets in a stream of bytes.

use mqtt_session::proto::{DecodeError, Dialect, Encode, EncodeError, FixedHeader, Packet};

/// Bytes received in one direction and not used up.
#[derive(Clone, Debug)]
pub(crate) struct Frames {
    pub(crate) dialect: Dialect,
    bytes: Vec<u8>,
    start: usize,
}

impl Frames {
    pub(crate) const fn new(dialect: Dialect) -> Frames {
        Frames { dialect, bytes: Vec::new(), start: 0 }
    }

    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.bytes.drain(..self.start);
        self.start = 0;
        self.bytes.extend_from_slice(bytes);
    }

    /// The bytes not used up.
    pub(crate) fn rest(&self) -> &[u8] {
        self.bytes.get(self.start..).unwrap_or_default()
    }

    /// Uses up the next `len` bytes, when there are so many.
    pub(crate) fn take(&mut self, len: usize) -> Option<&[u8]> {
        let end = self.start.checked_add(len)?;
        let taken = self.bytes.get(self.start..end)?;
        self.start = end;
        Some(taken)
    }

    /// Uses up all bytes.
    pub(crate) fn take_all(&mut self) -> &[u8] {
        let start = self.start;
        self.start = self.bytes.len();
        self.bytes.get(start..).unwrap_or_default()
    }

    /// Uses up the next packet, when it is whole. An error means that no packet starts here.
    pub(crate) fn next(&mut self) -> Result<Option<&[u8]>, DecodeError> {
        let Some(header) = FixedHeader::decode(self.rest(), self.dialect)? else { return Ok(None) };
        Ok(self.take(header.packet_len()))
    }
}

/// Reads a packet that has come whole.
pub(crate) fn decode(frame: &[u8], dialect: Dialect) -> Result<Option<Packet<'_>>, DecodeError> {
    let Some(header) = FixedHeader::decode(frame, dialect)? else { return Ok(None) };
    let Some(body) = frame.get(usize::from(header.len)..) else { return Ok(None) };
    Packet::decode(header, body, dialect).map(Some)
}

pub(crate) fn encode(packet: &Packet<'_>, dialect: Dialect) -> Result<Vec<u8>, EncodeError> {
    let measure = packet.measure(dialect)?;
    let mut bytes = vec![0; measure.len];
    packet.write(dialect, &measure, &mut bytes)?;
    Ok(bytes)
}
