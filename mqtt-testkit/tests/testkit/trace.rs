//! The packet trace.

use mqtt_session::Time;
use mqtt_session::proto::{
    ConnAck, Connect, Dialect, Disconnect, Encode, Filters, Packet, PacketId, Properties, Property,
    Publish, QoS, ReasonCode, ReasonCodes, RetainHandling, Role, SubAck, Subscribe, Subscription,
    SubscriptionOptions, Subscriptions, UnsubAck, Unsubscribe, Version, Will,
};
use mqtt_testkit::Direction::{self, ToClient, ToServer};
use mqtt_testkit::{Line, Trace};

use crate::packets::{CONNACK, puback, publish};

const NOW: Time = Time::from_micros(12_000_500);
const ID: PacketId = PacketId::MIN;
const NONE: Properties<'static> = Properties::EMPTY;

fn bytes(packet: &Packet<'_>, sender: Role) -> Vec<u8> {
    let dialect = Dialect { version: Version::V5, sender, lenient: false };
    let measure = packet.measure(dialect).unwrap();
    let mut bytes = vec![0; measure.len];
    packet.write(dialect, &measure, &mut bytes).unwrap();
    bytes
}

#[track_caller]
fn expect_line(packet: &Packet<'_>, line: &str) {
    assert_eq!(Line(packet).to_string(), line);
}

/// The lines without their times.
fn texts(trace: &Trace) -> Vec<&str> {
    trace.lines().map(|line| &line["  0.000000 ".len()..]).collect()
}

#[test]
fn a_packet_is_a_line_with_its_fields() {
    let will_properties = [Property::WillDelayInterval(7)];
    let will = Will {
        qos: QoS::AtLeastOnce,
        retain: true,
        properties: Properties::from_slice(&will_properties),
        topic: "gone",
        payload: b"",
    };
    let connect_properties = [Property::ReceiveMaximum(20)];
    expect_line(
        &Packet::Connect(Connect {
            version: Version::V5,
            clean_start: true,
            keep_alive: 30,
            properties: Properties::from_slice(&connect_properties),
            client_id: "me",
            will: Some(will),
            username: Some("u"),
            password: Some(b"secret"),
        }),
        "CONNECT 5.0 \"me\" clean keep-alive 30 user \"u\" password of 6 bytes \
         [ReceiveMaximum(20)] will q1 retain \"gone\" 0 bytes [WillDelayInterval(7)]",
    );
    expect_line(&CONNACK, "CONNACK");
    let reason = ReasonCode::Success;
    let present = ConnAck { session_present: true, reason, properties: NONE };
    expect_line(&Packet::ConnAck(present), "CONNACK session-present");
    expect_line(&publish(5, "x\n"), "PUBLISH q1 id 5 \"a\" 2 bytes \"x\\n\"");
    expect_line(&puback(5), "PUBACK id 5");
    expect_line(&Packet::PingReq, "PINGREQ");
    let reason = ReasonCode::NotAuthorized;
    let disconnect = Packet::Disconnect(Disconnect { reason, properties: NONE });
    expect_line(&disconnect, "DISCONNECT 0x87 Not authorized");
}

#[test]
fn lists_are_shown_whole() {
    let options = SubscriptionOptions {
        qos: QoS::ExactlyOnce,
        no_local: true,
        retain_as_published: true,
        retain_handling: RetainHandling::DoNotSend,
    };
    let plain = SubscriptionOptions::default();
    let entries =
        [Subscription { filter: "a/#", options }, Subscription { filter: "b", options: plain }];
    let subscriptions = Subscriptions::from_slice(&entries);
    expect_line(
        &Packet::Subscribe(Subscribe { packet_id: ID, properties: NONE, subscriptions }),
        "SUBSCRIBE id 1 \"a/#\" q2 no-local retain-as-published send-no-retained \"b\" q0",
    );
    let codes = ReasonCodes::from_slice(&[ReasonCode::GrantedQoS2, ReasonCode::NotAuthorized]);
    let suback = Packet::SubAck(SubAck { packet_id: ID, properties: NONE, codes });
    expect_line(&suback, "SUBACK id 1 0x02 0x87");
    let filters = Filters::from_slice(&["a/#", "b"]);
    let unsubscribe = Unsubscribe { packet_id: ID, properties: NONE, filters };
    expect_line(&Packet::Unsubscribe(unsubscribe), "UNSUBSCRIBE id 1 \"a/#\" \"b\"");
    let codes = ReasonCodes::from_slice(&[ReasonCode::Success]);
    let unsuback = Packet::UnsubAck(UnsubAck { packet_id: ID, properties: NONE, codes });
    expect_line(&unsuback, "UNSUBACK id 1 0x00");
}

#[test]
fn a_long_payload_is_cut_short() {
    let payload = "x".repeat(25);
    let Packet::Publish(message) = publish(1, &payload) else { unreachable!() };
    let shown = "x".repeat(24);
    expect_line(
        &Packet::Publish(Publish { retain: true, ..message }),
        &format!("PUBLISH q1 id 1 retain \"a\" 25 bytes \"{shown}\"…"),
    );
    expect_line(&publish(1, &shown), &format!("PUBLISH q1 id 1 \"a\" 24 bytes \"{shown}\""));
}

#[test]
fn packets_are_found_however_their_bytes_come() {
    let stream =
        [bytes(&publish(1, "one"), Role::Client), bytes(&puback(2), Role::Client)].concat();
    for len in 1..=stream.len() {
        let mut trace = Trace::new(Version::V5);
        for piece in stream.chunks(len) {
            trace.record(NOW, ToServer, piece);
            trace.record(NOW, ToClient, &[]);
        }
        let lines: Vec<_> = trace.lines().collect();
        let expected =
            [" 12.000500 -> PUBLISH q1 id 1 \"a\" 3 bytes \"one\"", " 12.000500 -> PUBACK id 2"];
        assert_eq!(lines, expected, "in pieces of {len}");
    }
}

#[test]
fn a_connect_sets_the_version_of_both_directions() {
    let mut trace = Trace::new(Version::V5);
    trace.record(NOW, ToServer, b"\x10\x0D\x00\x04MQTT\x04\x02\x00\x00\x00\x01c");
    trace.record(NOW, ToClient, b"\x30\x04\x00\x01ax");
    let expected =
        ["-> CONNECT 3.1.1 \"c\" clean keep-alive 0", "<- PUBLISH q0 \"a\" 1 bytes \"x\""];
    assert_eq!(texts(&trace), expected);
}

#[test]
fn what_is_no_packet_is_shown_as_bytes() {
    let mut trace = Trace::new(Version::V5);
    // The body is wrong: the next packet is found.
    trace.record(NOW, ToClient, b"\x40\x02\x00\x00\xD0\x00");
    // The header is wrong: nothing is.
    trace.record(NOW, ToClient, b"\x00\x01");
    trace.record(NOW, ToClient, b"\xD0\x00");
    let expected = [
        "<- malformed (PUBACK: Packet Identifier: a Packet Identifier is never 0): 40 02 00 00",
        "<- PINGRESP",
        "<- malformed (packet type: the packet type is reserved): 00 01",
        "<- D0 00",
    ];
    assert_eq!(texts(&trace), expected);
}

#[test]
fn at_the_end_a_packet_in_part_is_shown_and_the_next_connection_starts_afresh() {
    let mut trace = Trace::new(Version::V5);
    trace.record(NOW, ToServer, b"\x40\x02");
    trace.record(NOW, ToClient, b"\xFF");
    trace.end(NOW);
    for direction in Direction::BOTH {
        trace.record(NOW, direction, b"\x40\x02\x00\x01");
    }
    let seen = texts(&trace);
    assert!(seen[0].starts_with("<- malformed (AUTH: "), "{seen:?}");
    assert_eq!(
        seen[1..],
        ["-> a packet in part: 40 02", "-- end", "-> PUBACK id 1", "<- PUBACK id 1"],
    );
}
