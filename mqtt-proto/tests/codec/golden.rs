//! Golden bytes of the standard: decoding gives the packet, encoding gives the bytes.

use mqtt_proto::{
    Ack, Auth, ConnAck, Connect, Dialect, Disconnect, Encode, Filters, Packet, PacketId,
    Properties, Property, PubAck, PubComp, PubRec, PubRel, Publish, QoS, ReasonCode, ReasonCodes,
    RetainHandling, SubAck, Subscribe, Subscription, SubscriptionOptions, Subscriptions, UnsubAck,
    Unsubscribe, Version, Will,
};

use crate::notation::{CLIENT_3, CLIENT_4, CLIENT_5, SERVER_3, SERVER_4, SERVER_5, bytes, decode};

/// Checks both directions.
#[track_caller]
fn golden(dialect: Dialect, hex: &str, packet: Packet<'_>) {
    let bytes = bytes(hex);
    assert_eq!(decode(&bytes, dialect), Ok(Some(packet)));

    let measure = packet.measure(dialect).unwrap();
    let mut out = vec![0; measure.len];
    packet.write(dialect, &measure, &mut out).unwrap();
    assert_eq!(out, bytes);
    let cut = out.len() - 1;
    assert!(packet.write(dialect, &measure, &mut out[..cut]).is_err());
}

fn id(value: u16) -> PacketId {
    PacketId::new(value).unwrap()
}

const CONNECT: Connect<'_> = Connect {
    version: Version::V5,
    clean_start: true,
    keep_alive: 60,
    properties: Properties::EMPTY,
    client_id: "",
    will: None,
    username: None,
    password: None,
};

const PUBLISH: Publish<'_> = Publish {
    dup: false,
    qos: QoS::AtMostOnce,
    retain: false,
    topic: "a/b",
    packet_id: None,
    properties: Properties::EMPTY,
    payload: b"hi",
};

/// Enforces: MQTT-3.1.2-1, MQTT-3.1.2-2, MQTT-3.1.2-3, MQTT-3.1.2-11, MQTT-3.1.2-13, MQTT-3.1.2-16,
/// MQTT-3.1.2-18, MQTT-3.1.3-3, MQTT-3.1.2-1 (3.1.1), MQTT-3.1.2-2 (3.1.1), MQTT-3.1.2-3 (3.1.1),
/// MQTT-3.1.2-11 (3.1.1), MQTT-3.1.2-13 (3.1.1), MQTT-3.1.2-15 (3.1.1), MQTT-3.1.2-18 (3.1.1),
/// MQTT-3.1.2-20 (3.1.1), MQTT-3.1.3-3 (3.1.1)
#[test]
fn connect() {
    golden(CLIENT_5, "10 0D 00 04 4D 51 54 54 05 02 00 3C 00 00 00", Packet::Connect(CONNECT));
    golden(
        CLIENT_4,
        "10 0C 00 04 4D 51 54 54 04 02 00 3C 00 00",
        Packet::Connect(Connect { version: Version::V3_1_1, ..CONNECT }),
    );
    golden(
        CLIENT_3,
        "10 0E 00 06 4D 51 49 73 64 70 03 02 00 3C 00 00",
        Packet::Connect(Connect { version: Version::V3_1, ..CONNECT }),
    );
    // A server learns the version from CONNECT itself.
    let older = bytes("10 0C 00 04 4D 51 54 54 04 02 00 3C 00 00");
    let packet = Packet::Connect(Connect { version: Version::V3_1_1, ..CONNECT });
    assert_eq!(decode(&older, CLIENT_5), Ok(Some(packet)));
}

/// Enforces: MQTT-3.1.2-9, MQTT-3.1.2-17, MQTT-3.1.2-19, MQTT-3.1.3-1, MQTT-3.1.2-9 (3.1.1),
/// MQTT-3.1.2-19 (3.1.1), MQTT-3.1.2-21 (3.1.1), MQTT-3.1.3-1 (3.1.1)
#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn connect_with_everything() {
    let properties = [
        Property::SessionExpiryInterval(0xFFFF_FFFF),
        Property::ReceiveMaximum(10),
        Property::MaximumPacketSize(0x1000),
        Property::TopicAliasMaximum(5),
        Property::RequestResponseInformation(true),
        Property::RequestProblemInformation(false),
        Property::UserProperty("k", "v"),
        Property::AuthenticationMethod("m"),
        Property::AuthenticationData(&[0xFF]),
    ];
    let will_properties = [
        Property::WillDelayInterval(1),
        Property::PayloadFormatIndicator(true),
        Property::MessageExpiryInterval(2),
        Property::ContentType("t"),
        Property::ResponseTopic("r"),
        Property::CorrelationData(&[]),
        Property::UserProperty("", ""),
    ];
    golden(
        CLIENT_5,
        "10 5D 00 04 4D 51 54 54 05 F4 00 0A \
         23 11 FF FF FF FF 21 00 0A 27 00 00 10 00 22 00 05 19 01 17 00 \
         26 00 01 6B 00 01 76 15 00 01 6D 16 00 01 FF \
         00 03 63 69 64 \
         1C 18 00 00 00 01 01 01 02 00 00 00 02 03 00 01 74 08 00 01 72 09 00 00 \
         26 00 00 00 00 \
         00 01 77 00 02 00 FF 00 01 75 00 01 70",
        Packet::Connect(Connect {
            keep_alive: 10,
            clean_start: false,
            properties: Properties::from_slice(&properties),
            client_id: "cid",
            will: Some(Will {
                qos: QoS::ExactlyOnce,
                retain: true,
                properties: Properties::from_slice(&will_properties),
                topic: "w",
                payload: &[0x00, 0xFF],
            }),
            username: Some("u"),
            password: Some(b"p"),
            ..CONNECT
        }),
    );
    golden(
        CLIENT_4,
        "10 18 00 04 4D 51 54 54 04 CE 00 3C 00 01 63 00 01 77 00 00 00 01 75 00 01 70",
        Packet::Connect(Connect {
            version: Version::V3_1_1,
            client_id: "c",
            will: Some(Will {
                qos: QoS::AtLeastOnce,
                retain: false,
                properties: Properties::EMPTY,
                topic: "w",
                payload: &[],
            }),
            username: Some("u"),
            password: Some(b"p"),
            ..CONNECT
        }),
    );
}

/// Enforces: MQTT-3.1.2-19
#[test]
fn password_without_user_name() {
    golden(
        CLIENT_5,
        "10 10 00 04 4D 51 54 54 05 42 00 3C 00 00 00 00 01 70",
        Packet::Connect(Connect { password: Some(b"p"), ..CONNECT }),
    );
}

#[test]
fn connack() {
    let accepted = ConnAck {
        session_present: false,
        reason: ReasonCode::Success,
        properties: Properties::EMPTY,
    };
    golden(SERVER_5, "20 03 00 00 00", Packet::ConnAck(accepted));
    golden(SERVER_4, "20 02 00 00", Packet::ConnAck(accepted));
    golden(SERVER_4, "20 02 01 00", Packet::ConnAck(ConnAck { session_present: true, ..accepted }));
    let codes = [
        (1, ReasonCode::UnsupportedProtocolVersion),
        (2, ReasonCode::ClientIdentifierNotValid),
        (3, ReasonCode::ServerUnavailable),
        (4, ReasonCode::BadUserNameOrPassword),
        (5, ReasonCode::NotAuthorized),
    ];
    for (code, reason) in codes {
        let packet = Packet::ConnAck(ConnAck { reason, ..accepted });
        golden(SERVER_4, &format!("20 02 00 {code:02X}"), packet);
    }
}

#[test]
fn connack_with_everything() {
    let properties = [
        Property::SessionExpiryInterval(1),
        Property::ReceiveMaximum(65_535),
        Property::MaximumQoS(QoS::AtLeastOnce),
        Property::RetainAvailable(false),
        Property::MaximumPacketSize(0xFFFF_FFFF),
        Property::AssignedClientIdentifier("x"),
        Property::TopicAliasMaximum(0),
        Property::ReasonString("y"),
        Property::UserProperty("k", "v"),
        Property::UserProperty("k", "v"),
        Property::WildcardSubscriptionAvailable(true),
        Property::SubscriptionIdentifierAvailable(true),
        Property::SharedSubscriptionAvailable(true),
        Property::ServerKeepAlive(0),
        Property::ResponseInformation("z"),
        Property::ServerReference("s"),
        Property::AuthenticationMethod("m"),
        Property::AuthenticationData(b""),
    ];
    golden(
        SERVER_5,
        "20 45 01 00 42 11 00 00 00 01 21 FF FF 24 01 25 00 27 FF FF FF FF 12 00 01 78 22 00 00 \
         1F 00 01 79 26 00 01 6B 00 01 76 26 00 01 6B 00 01 76 28 01 29 01 2A 01 13 00 00 \
         1A 00 01 7A 1C 00 01 73 15 00 01 6D 16 00 00",
        Packet::ConnAck(ConnAck {
            session_present: true,
            reason: ReasonCode::Success,
            properties: Properties::from_slice(&properties),
        }),
    );
}

/// Section 3.2 of MQTT 3.1: the byte is reserved, and not used.
#[test]
fn connack_of_3_1_says_nothing_of_a_session() {
    let accepted = ConnAck {
        session_present: false,
        reason: ReasonCode::Success,
        properties: Properties::EMPTY,
    };
    golden(SERVER_3, "20 02 00 00", Packet::ConnAck(accepted));
    for flags in ["01", "02", "FF"] {
        let bytes = bytes(&format!("20 02 {flags} 00"));
        assert_eq!(decode(&bytes, SERVER_3), Ok(Some(Packet::ConnAck(accepted))));
    }
    let refused = ConnAck { reason: ReasonCode::NotAuthorized, ..accepted };
    assert_eq!(decode(&bytes("20 02 01 05"), SERVER_3), Ok(Some(Packet::ConnAck(refused))));
}

#[test]
fn unsupported_version_in_the_form_of_3_1_1() {
    let bytes = bytes("20 02 00 01");
    let refused = ConnAck {
        session_present: false,
        reason: ReasonCode::UnsupportedProtocolVersion,
        properties: Properties::EMPTY,
    };
    assert_eq!(decode(&bytes, SERVER_5), Ok(Some(Packet::ConnAck(refused))));
}

/// Enforces: MQTT-2.2.1-2, MQTT-3.3.2-1, MQTT-2.3.1-5 (3.1.1), MQTT-3.3.2-1 (3.1.1)
#[test]
fn publish() {
    for dialect in [CLIENT_5, SERVER_5] {
        golden(dialect, "30 08 00 03 61 2F 62 00 68 69", Packet::Publish(PUBLISH));
        golden(
            dialect,
            "32 0A 00 03 61 2F 62 00 0A 00 68 69",
            Packet::Publish(Publish { qos: QoS::AtLeastOnce, packet_id: Some(id(10)), ..PUBLISH }),
        );
    }
    golden(CLIENT_4, "30 07 00 03 61 2F 62 68 69", Packet::Publish(PUBLISH));
    golden(
        SERVER_4,
        "3D 07 00 03 61 2F 62 FF FF",
        Packet::Publish(Publish {
            dup: true,
            qos: QoS::ExactlyOnce,
            retain: true,
            packet_id: Some(id(0xFFFF)),
            payload: b"",
            ..PUBLISH
        }),
    );
}

#[test]
fn publish_with_properties() {
    let properties = [
        Property::PayloadFormatIndicator(true),
        Property::MessageExpiryInterval(10),
        Property::TopicAlias(3),
        Property::ResponseTopic("r"),
        Property::CorrelationData(&[1, 2]),
        Property::UserProperty("k", "v"),
        Property::SubscriptionIdentifier(1),
        Property::SubscriptionIdentifier(268_435_455),
        Property::ContentType("é"),
    ];
    golden(
        SERVER_5,
        "30 29 00 00 26 01 01 02 00 00 00 0A 23 00 03 08 00 01 72 09 00 02 01 02 \
         26 00 01 6B 00 01 76 0B 01 0B FF FF FF 7F 03 00 02 C3 A9",
        Packet::Publish(Publish {
            topic: "",
            properties: Properties::from_slice(&properties),
            payload: b"",
            ..PUBLISH
        }),
    );
}

#[test]
fn a_payload_sent_from_where_it_lies() {
    let measure = PUBLISH.measure(CLIENT_5).unwrap();
    let mut out = [0xEE; 16];
    assert_eq!(PUBLISH.write_head(CLIENT_5, &measure, &mut out), Ok(8));
    assert_eq!(out[..9], *bytes("30 08 00 03 61 2F 62 00 EE"));
}

/// Enforces: MQTT-2.1.3-1, MQTT-3.6.1-1, MQTT-2.2.2-1 (3.1.1), MQTT-3.6.1-1 (3.1.1)
#[test]
fn acks() {
    for dialect in [CLIENT_5, SERVER_5, CLIENT_4, SERVER_4] {
        golden(dialect, "40 02 00 0A", Packet::PubAck(PubAck(Ack::success(id(10)))));
        golden(dialect, "50 02 00 0A", Packet::PubRec(PubRec(Ack::success(id(10)))));
        golden(dialect, "62 02 00 0A", Packet::PubRel(PubRel(Ack::success(id(10)))));
        golden(dialect, "70 02 00 0A", Packet::PubComp(PubComp(Ack::success(id(10)))));
    }
    golden(
        SERVER_5,
        "40 03 00 0A 10",
        Packet::PubAck(PubAck(Ack {
            reason: ReasonCode::NoMatchingSubscribers,
            ..Ack::success(id(10))
        })),
    );
    let properties = [Property::ReasonString("no"), Property::UserProperty("k", "v")];
    golden(
        CLIENT_5,
        "70 10 00 0A 92 0C 1F 00 02 6E 6F 26 00 01 6B 00 01 76",
        Packet::PubComp(PubComp(Ack {
            packet_id: id(10),
            reason: ReasonCode::PacketIdentifierNotFound,
            properties: Properties::from_slice(&properties),
        })),
    );
    golden(
        CLIENT_5,
        "50 09 00 0A 00 05 1F 00 02 6E 6F",
        Packet::PubRec(PubRec(Ack {
            properties: Properties::from_slice(&properties[..1]),
            ..Ack::success(id(10))
        })),
    );
}

/// Enforces: MQTT-2.1.3-1, MQTT-2.2.2-1, MQTT-3.8.1-1, MQTT-3.8.3-3, MQTT-3.8.3-5,
/// MQTT-2.2.2-1 (3.1.1), MQTT-3.8.1-1 (3.1.1), MQTT-3.8.3-4 (3.1.1)
#[test]
fn subscribe() {
    let at_least_once = Subscription {
        filter: "a/b",
        options: SubscriptionOptions { qos: QoS::AtLeastOnce, ..SubscriptionOptions::default() },
    };
    let one = [at_least_once];
    let subscribe = Subscribe {
        packet_id: id(10),
        properties: Properties::EMPTY,
        subscriptions: Subscriptions::from_slice(&one),
    };
    golden(CLIENT_5, "82 09 00 0A 00 00 03 61 2F 62 01", Packet::Subscribe(subscribe));
    golden(CLIENT_4, "82 08 00 0A 00 03 61 2F 62 01", Packet::Subscribe(subscribe));
    let everything = Subscription {
        filter: "#",
        options: SubscriptionOptions {
            qos: QoS::ExactlyOnce,
            no_local: true,
            retain_as_published: true,
            retain_handling: RetainHandling::DoNotSend,
        },
    };
    golden(
        CLIENT_5,
        "82 10 00 0A 03 0B 80 01 00 03 61 2F 62 01 00 01 23 2E",
        Packet::Subscribe(Subscribe {
            properties: Properties::from_slice(&[Property::SubscriptionIdentifier(128)]),
            subscriptions: Subscriptions::from_slice(&[at_least_once, everything]),
            ..subscribe
        }),
    );
    assert_eq!(format!("{:?}", subscribe.subscriptions), format!("{one:?}"));
}

#[test]
fn suback() {
    let granted = SubAck {
        packet_id: id(10),
        properties: Properties::EMPTY,
        codes: ReasonCodes::from_slice(&[ReasonCode::GrantedQoS1]),
    };
    golden(SERVER_5, "90 04 00 0A 00 01", Packet::SubAck(granted));
    golden(SERVER_4, "90 03 00 0A 01", Packet::SubAck(granted));
    let codes = [ReasonCode::GrantedQoS0, ReasonCode::GrantedQoS2, ReasonCode::UnspecifiedError];
    golden(
        SERVER_4,
        "90 05 00 0A 00 02 80",
        Packet::SubAck(SubAck { codes: ReasonCodes::from_slice(&codes), ..granted }),
    );
    assert_eq!(format!("{:?}", granted.codes), "[GrantedQoS1]");
}

/// Enforces: MQTT-2.1.3-1, MQTT-2.2.2-1, MQTT-3.10.1-1, MQTT-2.2.2-1 (3.1.1),
/// MQTT-3.10.1-1 (3.1.1), MQTT-3.10.3-1 (3.1.1)
#[test]
fn unsubscribe() {
    let one = Unsubscribe {
        packet_id: id(11),
        properties: Properties::EMPTY,
        filters: Filters::from_slice(&["a/b"]),
    };
    golden(CLIENT_5, "A2 08 00 0B 00 00 03 61 2F 62", Packet::Unsubscribe(one));
    golden(CLIENT_4, "A2 07 00 0B 00 03 61 2F 62", Packet::Unsubscribe(one));
    golden(
        CLIENT_4,
        "A2 0A 00 0B 00 03 61 2F 62 00 01 2B",
        Packet::Unsubscribe(Unsubscribe { filters: Filters::from_slice(&["a/b", "+"]), ..one }),
    );
    assert_eq!(format!("{:?}", one.filters), r#"["a/b"]"#);
    assert_ne!(one.filters, Filters::from_slice(&["a/c"]));
}

#[test]
fn unsuback() {
    let codes = [ReasonCode::Success, ReasonCode::NoSubscriptionExisted];
    let unsuback = UnsubAck {
        packet_id: id(11),
        properties: Properties::EMPTY,
        codes: ReasonCodes::from_slice(&codes),
    };
    golden(SERVER_5, "B0 05 00 0B 00 00 11", Packet::UnsubAck(unsuback));
    golden(
        SERVER_4,
        "B0 02 00 0B",
        Packet::UnsubAck(UnsubAck { codes: ReasonCodes::EMPTY, ..unsuback }),
    );
}

/// Enforces: MQTT-2.1.3-1, MQTT-2.2.2-1 (3.1.1)
#[test]
fn pings() {
    for (client, server) in [(CLIENT_5, SERVER_5), (CLIENT_4, SERVER_4)] {
        golden(client, "C0 00", Packet::PingReq);
        golden(server, "D0 00", Packet::PingResp);
    }
}

/// Enforces: MQTT-3.14.1-1, MQTT-3.14.1-1 (3.1.1)
#[test]
fn disconnect() {
    let normal =
        Disconnect { reason: ReasonCode::NormalDisconnection, properties: Properties::EMPTY };
    for dialect in [CLIENT_5, SERVER_5, CLIENT_4] {
        golden(dialect, "E0 00", Packet::Disconnect(normal));
    }
    golden(
        CLIENT_5,
        "E0 01 04",
        Packet::Disconnect(Disconnect { reason: ReasonCode::DisconnectWithWillMessage, ..normal }),
    );
    golden(
        CLIENT_5,
        "E0 07 00 05 11 00 00 00 3C",
        Packet::Disconnect(Disconnect {
            properties: Properties::from_slice(&[Property::SessionExpiryInterval(60)]),
            ..normal
        }),
    );
    golden(
        SERVER_5,
        "E0 06 9C 04 1C 00 01 73",
        Packet::Disconnect(Disconnect {
            reason: ReasonCode::UseAnotherServer,
            properties: Properties::from_slice(&[Property::ServerReference("s")]),
        }),
    );
}

/// Enforces: MQTT-3.15.1-1
#[test]
fn auth() {
    let properties = [Property::AuthenticationMethod("m"), Property::AuthenticationData(&[0])];
    for dialect in [CLIENT_5, SERVER_5] {
        golden(
            dialect,
            "F0 0A 18 08 15 00 01 6D 16 00 01 00",
            Packet::Auth(Auth {
                reason: ReasonCode::ContinueAuthentication,
                properties: Properties::from_slice(&properties),
            }),
        );
    }
}

#[test]
fn packets_that_can_be_written_in_more_than_one_way() {
    let ack = Packet::PubAck(PubAck(Ack::success(id(10))));
    let normal = Packet::Disconnect(Disconnect {
        reason: ReasonCode::NormalDisconnection,
        properties: Properties::EMPTY,
    });
    let cases = [
        ("40 03 00 0A 00", ack),
        ("40 04 00 0A 00 00", ack),
        ("E0 01 00", normal),
        ("E0 02 00 00", normal),
    ];
    for (hex, packet) in cases {
        let bytes = bytes(hex);
        assert_eq!(decode(&bytes, SERVER_5), Ok(Some(packet)), "{hex}");
    }
}
