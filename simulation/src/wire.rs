//! A reader of packets that shares nothing with the codec under test (sections 2 and 3).

/// A packet, as far as the checks look at it. Borrows from the bytes it was read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Packet<'a> {
    Connect(Connect<'a>),
    ConnAck(ConnAck<'a>),
    Publish(Publish<'a>),
    PubAck(Ack),
    PubRec(Ack),
    PubRel(Ack),
    PubComp(Ack),
    Subscribe(Request<'a>),
    SubAck(u16),
    Unsubscribe(Request<'a>),
    UnsubAck(u16),
    PingReq,
    PingResp,
    Disconnect(u8),
    Auth(Auth<'a>),
}

/// CONNECT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Connect<'a> {
    pub(crate) level: u8,
    pub(crate) keep_alive: u16,
    pub(crate) client_id: &'a [u8],
    pub(crate) properties: Properties,
    /// Authentication Method.
    pub(crate) method: Option<&'a [u8]>,
}

/// CONNACK.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ConnAck<'a> {
    pub(crate) session_present: bool,
    pub(crate) code: u8,
    pub(crate) assigned: Option<&'a [u8]>,
    pub(crate) properties: Properties,
}

/// PUBLISH.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Publish<'a> {
    pub(crate) dup: bool,
    pub(crate) qos: u8,
    pub(crate) retain: bool,
    /// 0 for QoS 0.
    pub(crate) id: u16,
    pub(crate) topic: &'a [u8],
    pub(crate) alias: Option<u16>,
    pub(crate) expiry: Option<u32>,
    pub(crate) payload: &'a [u8],
}

/// PUBACK, PUBREC, PUBREL or PUBCOMP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ack {
    pub(crate) id: u16,
    pub(crate) code: u8,
}

/// AUTH.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Auth<'a> {
    pub(crate) code: u8,
    /// Authentication Method.
    pub(crate) method: Option<&'a [u8]>,
}

/// SUBSCRIBE or UNSUBSCRIBE; its filters are those of the payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Request<'a> {
    pub(crate) id: u16,
    pub(crate) has_identifier: bool,
    pub(crate) filters: &'a [u8],
    /// Bytes behind each filter.
    options: usize,
}

/// The properties that limit something, with the defaults of the standard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Properties {
    pub(crate) session_expiry: Option<u32>,
    pub(crate) receive_maximum: u16,
    pub(crate) packet_size: u32,
    pub(crate) alias_maximum: u16,
    pub(crate) maximum_qos: u8,
    pub(crate) retain: bool,
    pub(crate) wildcard: bool,
    pub(crate) identifiers: bool,
    pub(crate) shared: bool,
    pub(crate) server_keep_alive: Option<u16>,
    alias: Option<u16>,
    expiry: Option<u32>,
    identifier: bool,
}

const DEFAULTS: Properties = Properties {
    session_expiry: None,
    receive_maximum: u16::MAX,
    packet_size: u32::MAX,
    alias_maximum: 0,
    maximum_qos: 2,
    retain: true,
    wildcard: true,
    identifiers: true,
    shared: true,
    server_keep_alive: None,
    alias: None,
    expiry: None,
    identifier: false,
};

/// The properties that name something.
#[derive(Clone, Copy, Default)]
struct Texts<'a> {
    /// Assigned Client Identifier.
    assigned: Option<&'a [u8]>,
    /// Authentication Method.
    method: Option<&'a [u8]>,
}

/// Bytes from the front.
#[derive(Clone, Copy)]
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    fn two(&mut self) -> Option<u16> {
        Some(u16::from_be_bytes(self.take(2)?.try_into().ok()?))
    }

    fn four(&mut self) -> Option<u32> {
        Some(u32::from_be_bytes(self.take(4)?.try_into().ok()?))
    }

    fn text(&mut self) -> Option<&'a [u8]> {
        let len = self.two()?;
        self.take(len.into())
    }

    fn integer(&mut self) -> Option<u32> {
        let mut value = 0;
        for shift in [0, 7, 14, 21] {
            let byte = self.byte()?;
            value |= u32::from(byte & 0x7F) << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    /// The list of properties.
    fn properties(&mut self, level: u8) -> Option<(Properties, Texts<'a>)> {
        let (mut found, mut texts) = (DEFAULTS, Texts::default());
        if level < 5 {
            return Some((found, texts));
        }
        let len = self.integer()?;
        let mut list = Reader(self.take(usize::try_from(len).ok()?)?);
        while !list.0.is_empty() {
            match list.byte()? {
                0x01 | 0x17 | 0x19 => drop(list.byte()?),
                0x02 => found.expiry = Some(list.four()?),
                0x03 | 0x08 | 0x09 | 0x16 | 0x1A | 0x1C | 0x1F => drop(list.text()?),
                0x0B => {
                    list.integer()?;
                    found.identifier = true;
                }
                0x11 => found.session_expiry = Some(list.four()?),
                0x12 => texts.assigned = Some(list.text()?),
                0x13 => found.server_keep_alive = Some(list.two()?),
                0x15 => texts.method = Some(list.text()?),
                0x18 => drop(list.four()?),
                0x21 => found.receive_maximum = list.two()?,
                0x22 => found.alias_maximum = list.two()?,
                0x23 => found.alias = Some(list.two()?),
                0x24 => found.maximum_qos = list.byte()?,
                0x25 => found.retain = list.byte()? == 1,
                0x26 => {
                    list.text()?;
                    list.text()?;
                }
                0x27 => found.packet_size = list.four()?,
                0x28 => found.wildcard = list.byte()? == 1,
                0x29 => found.identifiers = list.byte()? == 1,
                0x2A => found.shared = list.byte()? == 1,
                _ => return None,
            }
        }
        Some((found, texts))
    }
}

/// The length of the first packet; `None` while its header is not whole.
pub(crate) fn packet_len(bytes: &[u8]) -> Option<usize> {
    let mut reader = Reader(bytes.get(1..)?);
    let before = reader.0.len();
    let remaining = reader.integer()?;
    Some(1 + (before - reader.0.len()) + usize::try_from(remaining).ok()?)
}

/// Reads a packet that is there whole, of a connection at this protocol level. `None` when it is none.
pub(crate) fn read(packet: &[u8], level: u8) -> Option<Packet<'_>> {
    let mut reader = Reader(packet);
    let first = reader.byte()?;
    reader.integer()?;
    let flags = first & 0x0F;
    let expected_flags = match first >> 4 {
        3 => flags,
        6 | 8 | 10 => 2,
        _ => 0,
    };
    if flags != expected_flags {
        return None;
    }
    match first >> 4 {
        1 => connect(reader).map(Packet::Connect),
        2 => connack(reader, level).map(Packet::ConnAck),
        3 => publish(flags, reader, level).map(Packet::Publish),
        4 => ack(reader, level).map(Packet::PubAck),
        5 => ack(reader, level).map(Packet::PubRec),
        6 => ack(reader, level).map(Packet::PubRel),
        7 => ack(reader, level).map(Packet::PubComp),
        8 => request(reader, level, 1).map(Packet::Subscribe),
        9 => reader.two().map(Packet::SubAck),
        10 => request(reader, level, 0).map(Packet::Unsubscribe),
        11 => reader.two().map(Packet::UnsubAck),
        12 => reader.0.is_empty().then_some(Packet::PingReq),
        13 => reader.0.is_empty().then_some(Packet::PingResp),
        14 => Some(Packet::Disconnect(reader.byte().unwrap_or(0))),
        15 if level >= 5 => auth(reader).map(Packet::Auth),
        _ => None,
    }
}

fn connect(mut reader: Reader<'_>) -> Option<Connect<'_>> {
    let name = reader.text()?;
    let level = reader.byte()?;
    if (name, level) != (b"MQTT", 5) && (name, level) != (b"MQTT", 4) {
        return None;
    }
    let _flags = reader.byte()?;
    let keep_alive = reader.two()?;
    let (properties, Texts { method, .. }) = reader.properties(level)?;
    let client_id = reader.text()?;
    Some(Connect { level, keep_alive, client_id, properties, method })
}

fn connack(mut reader: Reader<'_>, level: u8) -> Option<ConnAck<'_>> {
    let flags = reader.byte()?;
    let code = reader.byte()?;
    let (properties, Texts { assigned, .. }) = reader.properties(level)?;
    let is_known = flags <= 1 && reader.0.is_empty();
    is_known.then_some(ConnAck { session_present: flags == 1, code, assigned, properties })
}

fn publish(flags: u8, mut reader: Reader<'_>, level: u8) -> Option<Publish<'_>> {
    let qos = flags >> 1 & 3;
    let topic = reader.text()?;
    let id = if qos > 0 { reader.two()? } else { 0 };
    let (properties, _) = reader.properties(level)?;
    let (alias, expiry) = (properties.alias, properties.expiry);
    let is_legal = qos < 3
        && (qos > 0) == (id > 0)
        && (flags & 8 == 0 || qos > 0)
        && (!topic.is_empty() || alias.is_some())
        && alias != Some(0);
    let (dup, retain) = (flags & 8 != 0, flags & 1 != 0);
    is_legal.then_some(Publish { dup, qos, retain, id, topic, alias, expiry, payload: reader.0 })
}

fn ack(mut reader: Reader<'_>, level: u8) -> Option<Ack> {
    let id = reader.two()?;
    let code = if level >= 5 { reader.byte().unwrap_or(0) } else { 0 };
    if !reader.0.is_empty() {
        reader.properties(level)?;
    }
    (id > 0 && reader.0.is_empty()).then_some(Ack { id, code })
}

/// Without anything behind its header it is a success (section 3.15.2.1).
fn auth(mut reader: Reader<'_>) -> Option<Auth<'_>> {
    if reader.0.is_empty() {
        return Some(Auth { code: 0, method: None });
    }
    let code = reader.byte()?;
    let (_, Texts { method, .. }) = reader.properties(5)?;
    reader.0.is_empty().then_some(Auth { code, method })
}

fn request(mut reader: Reader<'_>, level: u8, options: usize) -> Option<Request<'_>> {
    let id = reader.two()?;
    let (properties, _) = reader.properties(level)?;
    let request = Request { id, has_identifier: properties.identifier, filters: reader.0, options };
    while !reader.0.is_empty() {
        reader.text()?;
        reader.take(options)?;
    }
    (id > 0 && !request.filters.is_empty()).then_some(request)
}

impl<'a> Request<'a> {
    /// The filters in their order.
    pub(crate) fn filters(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let (mut reader, options) = (Reader(self.filters), self.options);
        std::iter::from_fn(move || {
            let filter = reader.text()?;
            reader.take(options)?;
            Some(filter)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_publish_is_read() {
        let bytes = b"\x3B\x12\x00\x03a/b\x00\x05\x08\x02\x00\x00\x00\x07\x23\x00\x01hi";
        assert_eq!(packet_len(bytes), Some(bytes.len()));
        let expected = Publish {
            dup: true,
            qos: 1,
            retain: true,
            id: 5,
            topic: b"a/b",
            alias: Some(1),
            expiry: Some(7),
            payload: b"hi",
        };
        assert_eq!(read(bytes, 5), Some(Packet::Publish(expected)));
        // DUP with QoS 0, no topic, flags of PUBREL, a byte behind PINGREQ.
        for bytes in
            [&b"\x38\x03\x00\x01a"[..], b"\x30\x02\x00\x00", b"\x60\x02\x00\x01", b"\xC0\x01\x00"]
        {
            assert_eq!(read(bytes, 4), None, "{bytes:02X?}");
        }
    }

    #[test]
    fn requests_and_limits_are_read() {
        let bytes = b"\x82\x0B\x00\x01\x02\x0B\x05\x00\x03t/+\x02";
        let Some(Packet::Subscribe(request)) = read(bytes, 5) else { panic!("no SUBSCRIBE") };
        assert!(request.has_identifier);
        assert_eq!(request.filters().collect::<Vec<_>>(), [b"t/+"]);
        let bytes = b"\x20\x0A\x01\x00\x07\x21\x00\x01\x24\x01\x25\x00";
        let Some(Packet::ConnAck(connack)) = read(bytes, 5) else { panic!("no CONNACK") };
        let Properties { receive_maximum, maximum_qos, retain, .. } = connack.properties;
        assert!(connack.session_present);
        assert_eq!((receive_maximum, maximum_qos, retain), (1, 1, false));
    }
}
