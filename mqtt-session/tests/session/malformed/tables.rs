//! What the tables of the standard forbid, entry by entry: every property and every reason code in
//! every packet that has them (sections 2.2.2.2, 2.4 and 1.5.4).

use mqtt_session::proto::Violation::{self, *};

use super::*;

/// A packet around what is tried, and what of that would be legal.
struct Packet {
    table: Table,
    /// Its first byte, and what stands before the Property Length or the reason code.
    first: u8,
    before: &'static str,
    after: &'static str,
    legal: &'static str,
}

impl Packet {
    const fn new(
        table: Table,
        first: u8,
        [before, after]: [&'static str; 2],
        legal: &'static str,
    ) -> Packet {
        Packet { table, first, before, after, legal }
    }

    fn is_legal(&self, byte: u8) -> bool {
        bytes(self.legal).contains(&byte)
    }

    /// The packet with these bytes is refused.
    fn refuse<M: TestMemory>(&self, mistake: &str, tried: &[u8], outcome: Outcome) {
        let body = [&bytes(self.before), tried, &bytes(self.after)].concat();
        let packet = [&[self.first, u8::try_from(body.len()).unwrap()], &body[..]].concat();
        let row = &Row { mistake, bytes: "", outcome };
        Trial { table: &self.table, row, bytes: &packet, split: 0 }.run::<M>();
    }

    /// The packet with these properties is refused. An AUTH has its method beside them.
    fn refuse_list<M: TestMemory>(&self, mistake: &str, properties: &[u8], outcome: Outcome) {
        let is_method = properties.first() == Some(&0x15);
        let method = if self.first == 0xF0 && !is_method { bytes("15 'm") } else { Vec::new() };
        let list = [method, properties.to_vec()].concat();
        let tried = [&[u8::try_from(list.len()).unwrap()], &list[..]].concat();
        self.refuse::<M>(mistake, &tried, outcome);
    }
}

const ACK_PROPERTIES: &str = "1F 26";

/// With the properties a server may put into each.
const LISTS: &[Packet] = &[
    Packet::new(
        Table::v5(State::Connecting, &[]),
        0x20,
        ["01 00", ""],
        "11 12 13 15 16 1A 1C 1F 21 22 24 25 26 27 28 29 2A",
    ),
    Packet::new(Table::v5(State::Idle, &[]), 0x30, ["'t", "78"], "01 02 03 08 09 0B 23 26"),
    Packet::new(Table::v5(State::Busy, &[]), 0x40, ["00 01 00", ""], ACK_PROPERTIES),
    Packet::new(Table::v5(State::Busy, &[]), 0x50, ["00 02 00", ""], ACK_PROPERTIES),
    Packet::new(Table::v5(State::Busy, &[]), 0x62, ["01 01 00", ""], ACK_PROPERTIES),
    Packet::new(Table::v5(State::Busy, &[]), 0x70, ["00 03 00", ""], ACK_PROPERTIES),
    Packet::new(Table::v5(State::Busy, &[]), 0x90, ["00 04", "01 01"], ACK_PROPERTIES),
    Packet::new(Table::v5(State::Busy, &[]), 0xB0, ["00 05", "00 00"], ACK_PROPERTIES),
    Packet::new(Table::v5(State::Busy, &[]), 0xE0, ["8B", ""], "1C 1F 26"),
    Packet::new(
        Table::v5(State::Reauthenticating, &[]).asking(METHOD),
        0xF0,
        ["00", ""],
        "15 16 1F 26",
    ),
];

/// With the reason codes that are read in each.
const CODES: &[Packet] = &[
    Packet::new(
        Table::v5(State::Connecting, &[]),
        0x20,
        ["00", "00"],
        "00 80 81 82 83 84 85 86 87 88 89 8A 8C 90 95 97 99 9A 9B 9C 9D 9F",
    ),
    Packet::new(Table::v3(State::Connecting, &[]), 0x20, ["00", ""], "00 01 02 03 04 05"),
    Packet::new(Table::v5(State::Busy, &[]), 0x40, ["00 01", ""], "00 10 80 83 87 90 91 97 99"),
    Packet::new(Table::v5(State::Busy, &[]), 0x50, ["00 02", ""], "00 10 80 83 87 90 91 97 99"),
    Packet::new(Table::v5(State::Busy, &[]), 0x62, ["01 01", ""], "00 92"),
    Packet::new(Table::v5(State::Busy, &[]), 0x70, ["00 03", ""], "00 92"),
    Packet::new(
        Table::v5(State::Busy, &[]),
        0x90,
        ["00 04 00 01", ""],
        "00 01 02 80 83 87 8F 91 97 9E A1 A2",
    ),
    Packet::new(Table::v3(State::Busy, &[]), 0x90, ["00 04", "01"], "00 01 02 80"),
    Packet::new(Table::v5(State::Busy, &[]), 0xB0, ["00 05 00", "00"], "00 11 80 83 87 8F 91"),
    // And 0x8C, which one section has and the other has not.
    Packet::new(
        Table::v5(State::Busy, &[]),
        0xE0,
        ["", ""],
        "00 80 81 82 83 87 89 8B 8C 8D 8E 8F 90 93 94 95 96 97 98 99 9A 9B 9C 9D 9E 9F A0 A1 A2",
    ),
    Packet::new(
        Table::v5(State::Reauthenticating, &[]).asking(METHOD),
        0xF0,
        ["", "[ 15 'm ]"],
        "00 18",
    ),
];

/// The value of every property there is, as its packet may have it.
fn value(id: u8) -> Option<Vec<u8>> {
    let value = match id {
        0x01 | 0x17 | 0x19 | 0x24 | 0x25 | 0x28 | 0x29 | 0x2A => "01",
        0x02 | 0x11 | 0x18 | 0x27 => "00 00 00 40",
        0x13 | 0x21 | 0x22 | 0x23 => "00 40",
        0x0B => "FF 01",
        0x26 => "'k 'v",
        0x03 | 0x08 | 0x09 | 0x12 | 0x15 | 0x16 | 0x1A | 0x1C | 0x1F => "'m",
        _ => return None,
    };
    Some(bytes(value))
}

/// Values that no property may have.
const VALUES: &[(&str, Outcome)] = &[
    ("01 02", Protocol(ValueOutOfRange)),
    ("01 FF", Protocol(ValueOutOfRange)),
    ("08 '", Protocol(EmptyTopic)),
    ("08 '#", Protocol(Wildcard)),
    ("08 '+", Protocol(Wildcard)),
    ("08 'a/+/b", Protocol(Wildcard)),
    ("0B 00", Protocol(ValueOutOfRange)),
    ("0B 80 00", Malformed(OverlongInteger)),
    ("0B FF FF FF FF 01", Malformed(UnboundedInteger)),
    ("21 00 00", Protocol(ValueOutOfRange)),
    ("23 00 00", AliasZero),
    ("24 02", Protocol(ValueOutOfRange)),
    ("24 FF", Protocol(ValueOutOfRange)),
    ("25 02", Protocol(ValueOutOfRange)),
    ("27 00 00 00 00", Protocol(ValueOutOfRange)),
    ("28 02", Protocol(ValueOutOfRange)),
    ("29 02", Protocol(ValueOutOfRange)),
    ("2A 02", Protocol(ValueOutOfRange)),
];

/// Bytes that are no text.
const TEXTS: &[(&str, Violation)] = &[
    ("80", InvalidUtf8),
    ("FF", InvalidUtf8),
    ("C3", InvalidUtf8),
    ("61 E2 82", InvalidUtf8),
    ("C3 28", InvalidUtf8),
    // U+0000, a slash and a euro sign in too many bytes.
    ("C0 80", InvalidUtf8),
    ("C0 AF", InvalidUtf8),
    ("F0 82 82 AC", InvalidUtf8),
    // Surrogates, alone and in a pair.
    ("ED A0 80", InvalidUtf8),
    ("ED BF BF", InvalidUtf8),
    ("ED A0 81 ED B0 80", InvalidUtf8),
    // Beyond U+10FFFF.
    ("F4 90 80 80", InvalidUtf8),
    ("F8 88 80 80 80", InvalidUtf8),
    ("00", NulCharacter),
    ("61 00 62", NulCharacter),
    ("61 61 61 61 61 61 61 61 00", NulCharacter),
];

/// The property with this text at every place where it has one.
fn with_text(id: u8, text: &[u8]) -> Vec<Vec<u8>> {
    let text = [&u16::try_from(text.len()).unwrap().to_be_bytes(), text].concat();
    match id {
        0x03 | 0x08 | 0x12 | 0x15 | 0x1A | 0x1C | 0x1F => vec![[vec![id], text].concat()],
        0x26 => {
            let other = bytes("'k");
            vec![[&[id], &text[..], &other].concat(), [&[id], &other[..], &text].concat()]
        }
        _ => Vec::new(),
    }
}

/// Of each packet the properties that it never has.
///
/// Promises: BAD-1, RES-1, RES-3
/// Enforces: MQTT-3.14.2-2
fn a_property_stands_where_the_standard_lists_it<M: TestMemory>() {
    for packet in LISTS {
        for id in (0..0x80).filter(|id| !packet.is_legal(*id)) {
            let outcome = match (packet.first, id) {
                // A client may send it in this packet.
                (0xE0, 0x11) => Protocol(ForbiddenProperty),
                _ if value(id).is_some() => Malformed(MisplacedProperty),
                _ => Malformed(UnknownProperty),
            };
            let property = [vec![id], value(id).unwrap_or_default()].concat();
            packet.refuse_list::<M>("a property out of place", &property, outcome);
        }
    }
}

/// Promises: BAD-1, RES-1, RES-3
fn a_property_stands_once<M: TestMemory>() {
    for packet in LISTS {
        for id in bytes(packet.legal) {
            let is_repeatable = id == 0x26 || (packet.first == 0x30 && id == 0x0B);
            let property = [vec![id], value(id).unwrap()].concat();
            if !is_repeatable {
                let twice = [&property[..], &property].concat();
                packet.refuse_list::<M>("it stands twice", &twice, Protocol(RepeatedProperty));
            }
        }
    }
}

/// Promises: BAD-1, RES-1, RES-3
/// Enforces: MQTT-3.3.2-8, MQTT-3.3.2-14
fn a_property_has_a_value_of_its_own<M: TestMemory>() {
    for packet in LISTS {
        for id in bytes(packet.legal) {
            let property = [vec![id], value(id).unwrap()].concat();
            for cut in 1..property.len() {
                packet.refuse_list::<M>("cut short", &property[..cut], Malformed(Truncated));
            }
        }
        for (property, outcome) in VALUES {
            let property = bytes(property);
            if packet.is_legal(property[0]) {
                packet.refuse_list::<M>("a value out of range", &property, *outcome);
            }
        }
    }
}

/// Promises: BAD-1, RES-1, RES-3
/// Enforces: MQTT-1.5.4-1, MQTT-1.5.4-2, MQTT-1.5.7-1, MQTT-3.3.2-13, MQTT-3.3.2-19
fn a_property_of_text_is_text<M: TestMemory>() {
    for packet in LISTS {
        for id in bytes(packet.legal) {
            for (text, violation) in TEXTS {
                for property in with_text(id, &bytes(text)) {
                    packet.refuse_list::<M>("no text", &property, Malformed(*violation));
                }
            }
        }
    }
}

/// Promises: BAD-1, RES-1, RES-3
/// Enforces: MQTT-3.2.2-8, MQTT-3.4.2-1, MQTT-3.5.2-1, MQTT-3.6.2-1, MQTT-3.7.2-1, MQTT-3.9.3-2,
/// MQTT-3.11.3-2, MQTT-3.14.2-1, MQTT-3.15.2-1, MQTT-3.2.2-6 (3.1.1), MQTT-3.9.3-2 (3.1.1)
fn a_reason_code_stands_where_the_standard_lists_it<M: TestMemory>() {
    for packet in CODES {
        for code in (0..=u8::MAX).filter(|code| !packet.is_legal(*code)) {
            packet.refuse::<M>("a code of another table", &[code], Protocol(IllegalReasonCode));
        }
    }
}

crate::on_both_memories! {
    a_property_stands_where_the_standard_lists_it
    a_property_stands_once
    a_property_has_a_value_of_its_own
    a_property_of_text_is_text
    a_reason_code_stands_where_the_standard_lists_it
}
