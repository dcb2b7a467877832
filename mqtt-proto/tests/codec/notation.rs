//! A notation for packets: what the tests write instead of byte arrays.

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

/// The bytes of a text of tokens: `3D` is a byte, `'a/b` a text with its two-byte length, and
/// `[ … ]` stands behind the one-byte length of what it encloses.
pub(crate) fn bytes(text: &str) -> Vec<u8> {
    let mut open = vec![Vec::new()];
    for token in text.split_whitespace() {
        match token {
            "[" => open.push(Vec::new()),
            "]" => {
                let inner = open.pop().unwrap();
                let outer = open.last_mut().unwrap();
                assert!(inner.len() < 0x80);
                outer.push(inner.len() as u8);
                outer.extend(inner);
            }
            _ => match token.strip_prefix('\'') {
                Some(text) => {
                    let len = u16::try_from(text.len()).unwrap();
                    open.last_mut().unwrap().extend(len.to_be_bytes());
                    open.last_mut().unwrap().extend(text.as_bytes());
                }
                None => open.last_mut().unwrap().push(u8::from_str_radix(token, 16).unwrap()),
            },
        }
    }
    open.pop().unwrap()
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
