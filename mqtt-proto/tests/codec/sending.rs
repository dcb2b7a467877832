//! What a client writes, in every combination.

use mqtt_proto::{
    Ack, Auth, Connect, Dialect, Disconnect, Encode, EncodeError, Packet, PacketId, PacketType,
    Properties, Property, PubAck, PubComp, PubRec, PubRel, Publish, QoS, ReasonCode, Role, Version,
    Will,
};

use crate::notation::{CLIENT_4, CLIENT_5, SERVER_5, bytes, decode, encode};
use crate::tables::reason_codes;

const EMPTY: Properties<'_> = Properties::EMPTY;

const PUBLISH: Publish<'_> = Publish {
    dup: false,
    qos: QoS::AtMostOnce,
    retain: false,
    topic: "a",
    packet_id: None,
    properties: EMPTY,
    payload: b"",
};

/// A Variable Byte Integer of each length has no byte too many, and is read back.
///
/// Enforces: MQTT-1.5.5-1
#[test]
fn integers_take_their_shortest_form() {
    let boundaries = [
        (127, "7F"),
        (128, "80 01"),
        (16_383, "FF 7F"),
        (16_384, "80 80 01"),
        (2_097_151, "FF FF 7F"),
        (2_097_152, "80 80 80 01"),
        (268_435_455, "FF FF FF 7F"),
    ];
    for (value, form) in boundaries {
        let identifier = [Property::SubscriptionIdentifier(value)];
        let publish = Publish { properties: Properties::from_slice(&identifier), ..PUBLISH };
        let packet = encode(&Packet::Publish(publish), SERVER_5).unwrap();
        let written = [&[0x0B], &bytes(form)[..]].concat();
        assert!(packet.ends_with(&written), "{value}: {packet:02X?}");
        assert_eq!(decode(&packet, SERVER_5), Ok(Some(Packet::Publish(publish))));
        // As a Remaining Length, but for those that take megabytes.
        if value < 2_097_152 {
            let payload = vec![0; value as usize - 3];
            let publish = Publish { topic: "a", payload: &payload, ..PUBLISH };
            let packet = encode(&Packet::Publish(publish), CLIENT_4).unwrap();
            assert!(packet[1..].starts_with(&bytes(form)), "{value}");
        }
    }
}

/// The fields a CONNECT may leave out.
#[derive(Clone, Copy, Debug)]
struct Parts {
    version: Version,
    clean_start: bool,
    will: Option<(QoS, bool)>,
    username: Option<&'static str>,
    password: Option<&'static str>,
}

impl Parts {
    fn all() -> Vec<Parts> {
        let wills = [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce];
        let wills =
            wills.into_iter().flat_map(|qos| [false, true].map(|retain| Some((qos, retain))));
        let wills: Vec<_> = wills.chain([None]).collect();
        let mut all = Vec::new();
        for version in [Version::V5, Version::V3_1_1] {
            for clean_start in [false, true] {
                for will in &wills {
                    for username in [None, Some(""), Some("user")] {
                        for password in [None, Some(""), Some("word")] {
                            let will = *will;
                            all.push(Parts { version, clean_start, will, username, password });
                        }
                    }
                }
            }
        }
        all
    }

    fn encode(&self, dialect: Dialect) -> Result<Vec<u8>, EncodeError> {
        let will = self.will.map(|(qos, retain)| Will {
            qos,
            retain,
            properties: EMPTY,
            topic: "w",
            payload: b"",
        });
        let connect = Connect {
            version: self.version,
            clean_start: self.clean_start,
            keep_alive: 0x0102,
            properties: EMPTY,
            client_id: "c",
            will,
            username: self.username,
            password: self.password.map(str::as_bytes),
        };
        encode(&Packet::Connect(connect), dialect)
    }

    /// Connect Flags and payload, as the standard has them.
    fn expected(&self) -> (u8, Vec<u8>) {
        let is_v5 = self.version == Version::V5;
        let mut flags = u8::from(self.clean_start) << 1;
        let mut payload = bytes("'c");
        if let Some((qos, retain)) = self.will {
            flags |= 0x04 | (qos as u8) << 3 | u8::from(retain) << 5;
            payload.extend(bytes(if is_v5 { "00 'w '" } else { "'w '" }));
        }
        if let Some(username) = self.username {
            flags |= 0x80;
            payload.extend(bytes(&format!("'{username}")));
        }
        if let Some(password) = self.password {
            flags |= 0x40;
            payload.extend(bytes(&format!("'{password}")));
        }
        (flags, payload)
    }
}

/// Flags say what is there, what is there is in its order, and nothing else is.
///
/// Enforces: MQTT-3.1.2-3, MQTT-3.1.2-9, MQTT-3.1.2-11, MQTT-3.1.2-12, MQTT-3.1.2-13,
/// MQTT-3.1.2-16, MQTT-3.1.2-17, MQTT-3.1.2-18, MQTT-3.1.2-19, MQTT-3.1.3-1, MQTT-3.1.3-3,
/// MQTT-3.1.2-3 (3.1.1), MQTT-3.1.2-9 (3.1.1), MQTT-3.1.2-11 (3.1.1), MQTT-3.1.2-13 (3.1.1),
/// MQTT-3.1.2-14 (3.1.1), MQTT-3.1.2-15 (3.1.1), MQTT-3.1.2-18 (3.1.1), MQTT-3.1.2-19 (3.1.1),
/// MQTT-3.1.2-20 (3.1.1), MQTT-3.1.2-21 (3.1.1), MQTT-3.1.2-22 (3.1.1), MQTT-3.1.3-1 (3.1.1),
/// MQTT-3.1.3-3 (3.1.1)
#[test]
fn connect_flags_are_those_of_the_payload() {
    for parts in Parts::all() {
        let (dialect, head) = match parts.version {
            Version::V5 => (CLIENT_5, "'MQTT 05"),
            Version::V3_1_1 | Version::V3_1 => (CLIENT_4, "'MQTT 04"),
        };
        let encoded = parts.encode(dialect);
        if parts.version == Version::V3_1_1 && parts.username.is_none() && parts.password.is_some()
        {
            assert!(encoded.is_err(), "{parts:?}");
            continue;
        }
        let (flags, payload) = parts.expected();
        let mut body = bytes(head);
        body.extend([flags, 0x01, 0x02]);
        if parts.version == Version::V5 {
            body.push(0);
        }
        body.extend(payload);
        let packet = [&[0x10, body.len() as u8], &body[..]].concat();
        assert_eq!(encoded.as_deref(), Ok(&packet[..]), "{parts:?}");
    }
}

/// No packet says a code that the standard does not list for a client.
///
/// Enforces: MQTT-3.4.2-1, MQTT-3.5.2-1, MQTT-3.6.2-1, MQTT-3.7.2-1, MQTT-3.14.2-1, MQTT-3.15.2-1
#[test]
fn a_client_says_no_code_of_another_table() {
    let method = [Property::AuthenticationMethod("m")];
    for reason in (0..=u8::MAX).filter_map(ReasonCode::from_u8) {
        let ack = Ack { reason, ..Ack::success(PacketId::MIN) };
        let auth = Auth { reason, properties: Properties::from_slice(&method) };
        let packets = [
            (PacketType::PubAck, Packet::PubAck(PubAck(ack))),
            (PacketType::PubRec, Packet::PubRec(PubRec(ack))),
            (PacketType::PubRel, Packet::PubRel(PubRel(ack))),
            (PacketType::PubComp, Packet::PubComp(PubComp(ack))),
            (PacketType::Disconnect, Packet::Disconnect(Disconnect { reason, properties: EMPTY })),
            (PacketType::Auth, Packet::Auth(auth)),
        ];
        for (kind, packet) in packets {
            let is_legal = reason_codes(kind, Role::Client).contains(&reason);
            let expected =
                if is_legal { Ok(()) } else { Err(EncodeError::IllegalReasonCode(reason)) };
            assert_eq!(packet.measure(CLIENT_5).map(|_| ()), expected, "{packet:?}");
        }
    }
}
