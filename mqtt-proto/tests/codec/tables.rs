//! The tables of the standard, written down once more: which property and which reason code is
//! legal in which packet, and from whom.

use mqtt_proto::{
    Dialect, PacketType, Properties, PropertyId, ReasonCode, Role, Version, Violation,
};

use crate::notation::{CLIENT_5, bytes, decode};

/// The properties of each packet, by identifier.
const PROPERTIES: &[(PacketType, &str)] = &[
    (PacketType::Connect, "11 15 16 17 19 21 22 26 27"),
    (PacketType::ConnAck, "11 12 13 15 16 1A 1C 1F 21 22 24 25 26 27 28 29 2A"),
    (PacketType::Publish, "01 02 03 08 09 0B 23 26"),
    (PacketType::PubAck, "1F 26"),
    (PacketType::PubRec, "1F 26"),
    (PacketType::PubRel, "1F 26"),
    (PacketType::PubComp, "1F 26"),
    (PacketType::Subscribe, "0B 26"),
    (PacketType::SubAck, "1F 26"),
    (PacketType::Unsubscribe, "26"),
    (PacketType::UnsubAck, "1F 26"),
    (PacketType::PingReq, ""),
    (PacketType::PingResp, ""),
    (PacketType::Disconnect, "11 1C 1F 26"),
    (PacketType::Auth, "15 16 1F 26"),
];

/// The properties of a Will.
const WILL_PROPERTIES: &str = "01 02 03 08 09 18 26";

/// The reason codes of each packet from a client, and those of each packet from a server.
const REASON_CODES: &[(PacketType, &str, &str)] = &[
    (PacketType::Connect, "", ""),
    (PacketType::ConnAck, "", "00 80 81 82 83 84 85 86 87 88 89 8A 8C 90 95 97 99 9A 9B 9C 9D 9F"),
    (PacketType::Publish, "", ""),
    (PacketType::PubAck, "00 80 83 87 90 91 97 99", "00 10 80 83 87 90 91 97 99"),
    (PacketType::PubRec, "00 80 83 87 90 91 97 99", "00 10 80 83 87 90 91 97 99"),
    (PacketType::PubRel, "00 92", "00 92"),
    (PacketType::PubComp, "00 92", "00 92"),
    (PacketType::Subscribe, "", ""),
    (PacketType::SubAck, "", "00 01 02 80 83 87 8F 91 97 9E A1 A2"),
    (PacketType::Unsubscribe, "", ""),
    (PacketType::UnsubAck, "", "00 11 80 83 87 8F 91"),
    (PacketType::PingReq, "", ""),
    (PacketType::PingResp, "", ""),
    (
        PacketType::Disconnect,
        "00 04 80 81 82 83 90 93 94 95 96 97 98 99",
        "00 80 81 82 83 87 89 8B 8D 8E 8F 90 93 94 95 96 97 98 99 9A 9B 9C 9D 9E 9F A0 A1 A2",
    ),
    (PacketType::Auth, "18 19", "00 18"),
];

/// The properties `sender` may put into a `packet`.
pub(crate) fn properties(packet: PacketType, sender: Role) -> Vec<PropertyId> {
    let (_, ids) = PROPERTIES.iter().find(|row| row.0 == packet).unwrap();
    let forbidden = match (packet, sender) {
        (PacketType::Publish, Role::Client) => Some(PropertyId::SubscriptionIdentifier),
        (PacketType::Disconnect, Role::Client) => Some(PropertyId::ServerReference),
        (PacketType::Disconnect, Role::Server) => Some(PropertyId::SessionExpiryInterval),
        _ => None,
    };
    let ids = bytes(ids).into_iter().map(|id| PropertyId::from_u8(id).unwrap());
    ids.filter(|id| Some(*id) != forbidden).collect()
}

/// The properties of a Will.
pub(crate) fn will_properties() -> Vec<PropertyId> {
    bytes(WILL_PROPERTIES).into_iter().map(|id| PropertyId::from_u8(id).unwrap()).collect()
}

/// The reason codes `sender` may put into a `packet`.
pub(crate) fn reason_codes(packet: PacketType, sender: Role) -> Vec<ReasonCode> {
    let (_, client, server) = REASON_CODES.iter().find(|row| row.0 == packet).unwrap();
    let codes = match sender {
        Role::Client => client,
        Role::Server => server,
    };
    bytes(codes).into_iter().map(|code| ReasonCode::from_u8(code).unwrap()).collect()
}

fn packet_types() -> impl Iterator<Item = PacketType> {
    (1..=15).filter_map(PacketType::from_u8)
}

/// Enforces: MQTT-3.2.2-8, MQTT-3.4.2-1, MQTT-3.5.2-1, MQTT-3.6.2-1, MQTT-3.7.2-1, MQTT-3.9.3-2,
/// MQTT-3.11.3-2, MQTT-3.14.2-1, MQTT-3.15.2-1
#[test]
fn reason_codes_are_legal_where_the_standard_lists_them() {
    for packet in packet_types() {
        for sender in [Role::Client, Role::Server] {
            let legal = reason_codes(packet, sender);
            for code in (0..=u8::MAX).filter_map(ReasonCode::from_u8) {
                assert_eq!(
                    code.is_legal(packet, sender),
                    legal.contains(&code),
                    "{code} in {packet} from {sender:?}"
                );
            }
        }
    }
}

#[test]
fn there_are_43_reason_codes_and_27_properties() {
    assert_eq!((0..=u8::MAX).filter_map(ReasonCode::from_u8).count(), 43);
    assert_eq!((0..=u8::MAX).filter_map(PropertyId::from_u8).count(), 27);
}

#[test]
fn properties_are_legal_where_the_standard_lists_them() {
    for packet in packet_types() {
        for sender in [Role::Client, Role::Server] {
            let legal = properties(packet, sender);
            let dialect = Dialect { version: Version::V5, sender, lenient: false };
            for id in (0..=u8::MAX).filter_map(PropertyId::from_u8) {
                let result = Properties::from_wire(&sample(id), packet, dialect).map(|_| ());
                assert_eq!(result.is_ok(), legal.contains(&id), "{id} in {packet}: {result:?}");
            }
        }
    }
}

#[test]
fn properties_are_legal_in_a_will_where_the_standard_lists_them() {
    let legal = will_properties();
    for id in (0..=u8::MAX).filter_map(PropertyId::from_u8) {
        let sample = sample(id);
        let mut packet = bytes("10 00 'MQTT 05 06 00 00 [ ] '");
        packet.push(sample.len() as u8);
        packet.extend(sample);
        packet.extend(bytes("'w '"));
        packet[1] = packet.len() as u8 - 2;
        let result = decode(&packet, CLIENT_5);
        assert_eq!(result.is_ok(), legal.contains(&id), "{id}");
        let misplaced = Violation::MisplacedProperty;
        assert!(result.err().is_none_or(|error| error.violation == misplaced), "{id}");
    }
}

/// One property on the wire, with what it needs beside it.
fn sample(id: PropertyId) -> Vec<u8> {
    let value = match id.to_u8() {
        0x01 | 0x17 | 0x19 | 0x24 | 0x25 | 0x28 | 0x29 | 0x2A => "01",
        0x02 | 0x11 | 0x18 | 0x27 => "00 00 00 01",
        0x13 | 0x21 | 0x22 | 0x23 => "00 01",
        0x0B => "7F",
        0x26 => "'k 'v",
        0x16 => "'d 15 'm",
        _ => "'v",
    };
    [vec![id.to_u8()], bytes(value)].concat()
}
