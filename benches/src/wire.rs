//! The few packets the floor writes and reads, by hand: the least that decoding and encoding cost.
//!
//! It checks lengths and that a topic is UTF-8 and knows no other rule; properties stay bytes until
//! somebody reads them.

mod properties;

pub use properties::MessageProperties;

use crate::WINDOW;

/// A packet that the floor cannot read.
pub type Result<T> = std::result::Result<T, &'static str>;

/// CONNECT: Clean Start, Keep Alive 0, Receive Maximum 100, empty Client Identifier.
pub const CONNECT: [u8; 18] =
    [0x10, 16, 0, 4, b'M', b'Q', b'T', b'T', 5, 2, 0, 0, 3, 0x21, 0, WINDOW as u8, 0, 0];
/// DISCONNECT: normal disconnection.
pub const DISCONNECT: [u8; 2] = [0xE0, 0];

/// Length of the peer's CONNACK, which has one property: Receive Maximum.
pub const CONNACK_LEN: usize = 8;

/// A packet that the peer sends after CONNACK.
#[derive(Clone, Copy, Debug)]
pub enum Packet<'a> {
    /// PUBLISH.
    Publish(Publish<'a>),
    /// PUBACK, whatever its reason.
    PubAck {
        /// Packet Identifier.
        id: u16,
    },
    /// SUBACK, whatever it grants.
    SubAck,
}

/// A PUBLISH that borrows from what was read.
#[derive(Clone, Copy, Debug)]
pub struct Publish<'a> {
    /// Topic Name, checked to be UTF-8.
    pub topic: &'a [u8],
    /// Packet Identifier; `None` at QoS 0.
    pub id: Option<u16>,
    /// The bytes behind the Property Length, unchecked.
    pub properties: &'a [u8],
    /// Application Message.
    pub payload: &'a [u8],
}

/// Checks that the connection is accepted with a window of at least our own.
pub fn check_connack(packet: &[u8; CONNACK_LEN]) -> Result<()> {
    match *packet {
        [0x20, 6, _, 0, 3, 0x21, high, low] if u16::from_be_bytes([high, low]) >= WINDOW => Ok(()),
        _ => Err("unexpected CONNACK"),
    }
}

/// Appends a PUBLISH without properties; `id` is there at QoS 1 and absent at QoS 0.
pub fn publish(out: &mut Vec<u8>, topic: &str, id: Option<u16>, payload: &[u8]) {
    let id_len = if id.is_some() { 2 } else { 0 };
    let remaining_length = 2 + topic.len() + id_len + 1 + payload.len();
    out.reserve(5 + remaining_length);
    out.push(if id.is_some() { 0x32 } else { 0x30 });
    variable_byte_integer(out, remaining_length);
    out.extend_from_slice(&(topic.len() as u16).to_be_bytes());
    out.extend_from_slice(topic.as_bytes());
    if let Some(id) = id {
        out.extend_from_slice(&id.to_be_bytes());
    }
    out.push(0); // Property Length
    out.extend_from_slice(payload);
}

/// Appends a PUBLISH of QoS 0 with properties.
pub fn publish_with_properties(
    out: &mut Vec<u8>,
    topic: &str,
    properties: &MessageProperties<'_>,
    payload: &[u8],
) {
    let mut body = Vec::new();
    body.extend_from_slice(&(topic.len() as u16).to_be_bytes());
    body.extend_from_slice(topic.as_bytes());
    properties.write(&mut body);
    body.extend_from_slice(payload);
    out.push(0x30);
    variable_byte_integer(out, body.len());
    out.extend_from_slice(&body);
}

/// Appends a SUBSCRIBE of one filter.
pub fn subscribe(out: &mut Vec<u8>, filter: &str, qos: u8) {
    out.push(0x82);
    variable_byte_integer(out, 2 + 1 + 2 + filter.len() + 1);
    out.extend_from_slice(&[0, 1, 0]); // Packet Identifier, Property Length
    out.extend_from_slice(&(filter.len() as u16).to_be_bytes());
    out.extend_from_slice(filter.as_bytes());
    out.push(qos);
}

/// Appends a PUBACK.
pub fn puback(out: &mut Vec<u8>, id: u16) {
    let [high, low] = id.to_be_bytes();
    out.extend_from_slice(&[0x40, 2, high, low]);
}

fn variable_byte_integer(out: &mut Vec<u8>, mut value: usize) {
    while value > 0x7F {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Decodes the packet at the front of `bytes`. Returns its length too; `None` if more must come.
pub fn packet(bytes: &[u8]) -> Result<Option<(Packet<'_>, usize)>> {
    let Some((&first, rest)) = bytes.split_first() else {
        return Ok(None);
    };
    let Some((remaining_length, size)) = read_variable_byte_integer(rest)? else {
        return Ok(None);
    };
    let Some(body) = rest.get(size..size + remaining_length) else {
        return Ok(None);
    };
    let packet = match first {
        0x30 => Packet::Publish(read_publish(body, false)?),
        0x32 => Packet::Publish(read_publish(body, true)?),
        0x40 => Packet::PubAck { id: read_u16(body)?.0 },
        0x90 => Packet::SubAck,
        _ => return Err("unexpected packet"),
    };
    Ok(Some((packet, 1 + size + remaining_length)))
}

#[inline]
fn read_publish(body: &[u8], identified: bool) -> Result<Publish<'_>> {
    let (topic_len, rest) = read_u16(body)?;
    let (topic, rest) = rest.split_at_checked(topic_len.into()).ok_or("topic cut off")?;
    if !topic.is_ascii() && str::from_utf8(topic).is_err() {
        return Err("topic is not UTF-8");
    }
    let (id, rest) = if identified {
        let (id, rest) = read_u16(rest)?;
        (Some(id), rest)
    } else {
        (None, rest)
    };
    let (len, size) = read_variable_byte_integer(rest)?.ok_or("Property Length cut off")?;
    let rest = rest.get(size..).ok_or("properties cut off")?;
    let (properties, payload) = rest.split_at_checked(len).ok_or("properties cut off")?;
    Ok(Publish { topic, id, properties, payload })
}

#[inline]
fn read_u16(bytes: &[u8]) -> Result<(u16, &[u8])> {
    let (value, rest) = bytes.split_first_chunk().ok_or("two bytes cut off")?;
    Ok((u16::from_be_bytes(*value), rest))
}

#[inline]
fn read_variable_byte_integer(bytes: &[u8]) -> Result<Option<(usize, usize)>> {
    match bytes.first() {
        Some(&byte) if byte <= 0x7F => Ok(Some((byte.into(), 1))),
        _ => read_long_integer(bytes),
    }
}

fn read_long_integer(bytes: &[u8]) -> Result<Option<(usize, usize)>> {
    let mut value = 0;
    for (at, byte) in bytes.iter().take(4).enumerate() {
        value |= usize::from(byte & 0x7F) << (7 * at);
        if byte & 0x80 == 0 {
            return Ok(Some((value, at + 1)));
        }
    }
    if bytes.len() < 4 { Ok(None) } else { Err("a length of more than four bytes") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn publish_round_trips_at_every_split() {
        for id in [None, Some(10)] {
            for payload in [&b"hi"[..], &[7; 200]] {
                let mut bytes = Vec::new();
                publish(&mut bytes, "a/b", id, payload);
                for cut in 0..bytes.len() {
                    assert!(packet(&bytes[..cut]).unwrap().is_none());
                }
                let (Packet::Publish(read), len) = packet(&bytes).unwrap().unwrap() else {
                    panic!("not a PUBLISH");
                };
                assert_eq!((read.topic, read.id, read.payload), (&b"a/b"[..], id, payload));
                assert_eq!(len, bytes.len());
            }
        }
    }

    #[test]
    fn publish_with_properties_round_trips() {
        let mut bytes = Vec::new();
        publish_with_properties(&mut bytes, "a/b", &MessageProperties::EXAMPLE, b"hi");
        let (Packet::Publish(read), len) = packet(&bytes).unwrap().unwrap() else {
            panic!("not a PUBLISH");
        };
        assert_eq!((read.topic, read.payload, len), (&b"a/b"[..], &b"hi"[..], bytes.len()));
        assert_eq!(MessageProperties::read(read.properties), Ok(MessageProperties::EXAMPLE));
    }

    #[test]
    fn golden_bytes() {
        let mut bytes = Vec::new();
        publish(&mut bytes, "a/b", Some(10), b"hi");
        assert_eq!(bytes, b"\x32\x0a\0\x03a/b\0\x0a\0hi");
        bytes.clear();
        subscribe(&mut bytes, "a/b", 1);
        assert_eq!(bytes, b"\x82\x09\0\x01\0\0\x03a/b\x01");
    }

    #[test]
    fn malformed_publish_is_refused() {
        for bytes in [&b"\x30\x03\0\x02a"[..], b"\x30\x04\0\x01\xff\0", b"\x30\xff\xff\xff\xff\x01"]
        {
            packet(bytes).unwrap_err();
        }
    }
}
