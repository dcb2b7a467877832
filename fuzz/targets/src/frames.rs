//! Packets in a row of bytes.

use mqtt_proto::{DecodeError, Dialect, FixedHeader, Packet, Role, Version};

/// Every way to speak.
pub(crate) fn dialects() -> impl Iterator<Item = Dialect> {
    let versions = [Version::V3_1, Version::V3_1_1, Version::V5];
    let ends = [Role::Client, Role::Server];
    let ways = versions.into_iter().flat_map(move |version| ends.map(|sender| (version, sender)));
    ways.flat_map(|(version, sender)| {
        [false, true].map(|lenient| Dialect { version, sender, lenient })
    })
}

/// The packets at the start of `bytes`, to the first that is not whole or has no legal fixed header.
pub(crate) struct Frames<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) dialect: Dialect,
}

/// Bytes of one packet.
#[derive(Clone, Copy)]
pub(crate) struct Frame<'a> {
    pub(crate) header: FixedHeader,
    pub(crate) whole: &'a [u8],
    pub(crate) dialect: Dialect,
}

impl<'a> Frame<'a> {
    /// What follows the fixed header.
    pub(crate) fn body(&self) -> &'a [u8] {
        &self.whole[usize::from(self.header.len)..]
    }

    pub(crate) fn decode(&self) -> Result<Packet<'a>, DecodeError> {
        Packet::decode(self.header, self.body(), self.dialect)
    }
}

impl<'a> Iterator for Frames<'a> {
    type Item = Frame<'a>;

    fn next(&mut self) -> Option<Frame<'a>> {
        let header = FixedHeader::decode(self.bytes, self.dialect).ok()??;
        let (whole, rest) = self.bytes.split_at_checked(header.packet_len())?;
        self.bytes = rest;
        Some(Frame { header, whole, dialect: self.dialect })
    }
}
