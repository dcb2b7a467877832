//! A notation for packets: what the tests write instead of byte arrays.

pub(crate) use crate::hex::bytes;

use mqtt_proto::{DecodeError, Dialect, Encode, EncodeError, FixedHeader, Packet, Role, Version};

pub(crate) const CLIENT_5: Dialect = dialect(Version::V5, Role::Client);
pub(crate) const SERVER_5: Dialect = dialect(Version::V5, Role::Server);
pub(crate) const CLIENT_4: Dialect = dialect(Version::V3_1_1, Role::Client);
pub(crate) const SERVER_4: Dialect = dialect(Version::V3_1_1, Role::Server);
pub(crate) const CLIENT_3: Dialect = dialect(Version::V3_1, Role::Client);
pub(crate) const SERVER_3: Dialect = dialect(Version::V3_1, Role::Server);

const fn dialect(version: Version, sender: Role) -> Dialect {
    Dialect { version, sender, lenient: false }
}

/// Decodes the packet that is all of `bytes`; `None` if bytes are missing.
pub(crate) fn decode(bytes: &[u8], dialect: Dialect) -> Result<Option<Packet<'_>>, DecodeError> {
    let Some(header) = FixedHeader::decode(bytes, dialect)? else {
        return Ok(None);
    };
    let Some(body) = bytes.get(usize::from(header.len)..header.packet_len()) else {
        return Ok(None);
    };
    assert_eq!(header.packet_len(), bytes.len(), "bytes follow the packet");
    Packet::decode(header, body, dialect).map(Some)
}

/// Encodes a packet into a buffer of just its length.
pub(crate) fn encode(packet: &Packet<'_>, dialect: Dialect) -> Result<Vec<u8>, EncodeError> {
    let measure = packet.measure(dialect)?;
    let mut bytes = vec![0; measure.len];
    packet.write(dialect, &measure, &mut bytes)?;
    Ok(bytes)
}
