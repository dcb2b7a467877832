//! Brokers that break the standard.

use std::num::NonZeroU32;

use mqtt_session::proto::{Auth, ConnAck, Packet, Properties, Property, ReasonCode, Version};
use mqtt_session::{CloseReason, Closing, Config, Connect, PublishError, ViolationKind};

use crate::packets::*;
use crate::pair::{Pair, Seen, TestMemory};

/// The broker sends these bytes, gets DISCONNECT with this code, and the connection is closed.
#[track_caller]
fn is_refused<M: TestMemory>(mut pair: Pair<M>, bytes: &[u8], code: ReasonCode) -> ViolationKind {
    pair.send_bytes(bytes);
    pair.expect_events(&[]);
    // Nothing behind it is read.
    assert!(!pair.session.wants_input());
    pair.send(&publish(QOS0, 0, "behind"));
    pair.expect_events(&[]);
    match pair.version {
        Version::V5 => {
            assert_eq!(pair.session.closing(), Closing::No);
            pair.expect(&[disconnect(code)]);
            assert_eq!(pair.session.closing(), Closing::AfterFlush);
        }
        Version::V3_1_1 | Version::V3_1 => {
            assert_eq!(pair.session.closing(), Closing::Now);
            pair.expect(&[]);
        }
    }
    pair.expect(&[]);
    let events = pair.close();
    let [Seen::Closed(CloseReason::Violation(violation))] = events[..] else {
        panic!("{events:?}")
    };
    violation
}

/// Section 4.13.
///
/// Promises: BAD-1
/// Enforces: MQTT-4.13.2-1
fn a_violation_is_answered_with_its_code<M: TestMemory>() {
    let malformed = ReasonCode::MalformedPacket;
    let protocol = ReasonCode::ProtocolError;
    let cases: [(&[u8], ReasonCode); 14] = [
        // Packet type 0, flags of PUBACK, QoS 3, DUP at QoS 0.
        (&[0x00, 0x00], malformed),
        (&[0x41, 0x02, 0x00, 0x01], malformed),
        (&[0x36, 0x03, 0x00, 0x01], malformed),
        (&[0x38, 0x05, 0x00, 0x01, b't', 0x00, b'x'], malformed),
        // A Remaining Length of five bytes, and one longer than it needs to be.
        (&[0x30, 0xFF, 0xFF, 0xFF, 0xFF], malformed),
        (&[0xD0, 0x80, 0x00], malformed),
        // Truncated, trailing, and not UTF-8.
        (&[0x40, 0x01, 0x00], malformed),
        (&[0xD0, 0x01, 0x00], malformed),
        (&[0x30, 0x04, 0x00, 0x01, 0xFF, 0x00], malformed),
        // Packet Identifier 0, a wildcard in a topic, an empty topic.
        (&[0x40, 0x02, 0x00, 0x00], protocol),
        (&[0x30, 0x04, 0x00, 0x01, b'#', 0x00], protocol),
        (&[0x30, 0x03, 0x00, 0x00, 0x00], protocol),
        // What only a client sends.
        (&[0xC0, 0x00], protocol),
        (&[0x82, 0x07, 0x00, 0x01, 0x00, 0x00, 0x01, b'a', 0x00], protocol),
    ];
    for (bytes, code) in cases {
        let violation = is_refused(Pair::<M>::connected(), bytes, code);
        assert_eq!(violation.reason_code(), code, "{bytes:02X?}");
        assert!(matches!(violation, ViolationKind::Packet(_)), "{bytes:02X?}: {violation}");
    }
}

/// 3.1.1 has no DISCONNECT for it: the Will is published.
///
/// Promises: BAD-1
/// Enforces: MQTT-4.8.0-1 (3.1.1)
fn before_5_0_it_closes_without_disconnect<M: TestMemory>() {
    let mut pair = Pair::<M>::v3();
    pair.connect();
    is_refused(pair, &[0x00, 0x00], ReasonCode::MalformedPacket);
}

/// Promises: BAD-1
/// Enforces: MQTT-3.2.0-1, MQTT-3.14.0-1
fn before_connack_nothing_else_may_come<M: TestMemory>() {
    let first = [
        publish(QOS0, 0, "a"),
        puback(1),
        suback(1, &[ReasonCode::Success]),
        Packet::PingResp,
        disconnect(ReasonCode::ServerBusy),
    ];
    for packet in first {
        let mut pair = Pair::<M>::new();
        pair.open(&pair.clean());
        let bytes = encode(&packet, pair.version, mqtt_session::proto::Role::Server);
        let violation = is_refused(pair, &bytes, ReasonCode::ProtocolError);
        assert_eq!(violation, ViolationKind::Unexpected, "{packet:?}");
    }
}

/// What an earlier connection left to be sent again is not sent with the DISCONNECT either.
///
/// Promises: BAD-1, RES-1
/// Enforces: MQTT-3.1.2-30
fn before_connack_nothing_but_disconnect_leaves<M: TestMemory>() {
    let method = [Property::AuthenticationMethod("m")];
    let connect = Connect { properties: Properties::from_slice(&method), ..Connect::new("client") };
    let mut pair = Pair::<M>::new();
    pair.connect_with(&connect, &granting(&method));
    pair.publish(QOS2, "a");
    pair.transmitted();
    pair.exchange(&pubrec(1), &[pubrel(1)]);
    pair.cut();
    pair.open(&Connect { clean_start: false, ..connect });
    is_refused(pair, &[0x00, 0x00], ReasonCode::MalformedPacket);
}

/// Promises: BAD-1
/// Enforces: MQTT-3.2.0-2
fn a_second_connack_is_a_violation<M: TestMemory>() {
    let violation =
        is_refused(Pair::<M>::connected(), &[0x20, 0x03, 0, 0, 0], ReasonCode::ProtocolError);
    assert_eq!(violation, ViolationKind::Unexpected);
}

/// Promises: BAD-1
/// Enforces: MQTT-4.12.0-6
fn auth_without_an_authentication_method_is_a_violation<M: TestMemory>() {
    let properties = [Property::AuthenticationMethod("m")];
    let auth = Auth {
        reason: ReasonCode::ContinueAuthentication,
        properties: Properties::from_slice(&properties),
    };
    let bytes = encode(&auth, Version::V5, mqtt_session::proto::Role::Server);
    let violation = is_refused(Pair::<M>::connected(), &bytes, ReasonCode::ProtocolError);
    assert_eq!(violation, ViolationKind::Authentication);
}

/// A CONNACK that refuses the connection has no method either.
///
/// Promises: BAD-1
/// Enforces: MQTT-4.12.0-6
fn a_method_nobody_asked_for_is_a_violation<M: TestMemory>() {
    let method = [Property::AuthenticationMethod("m")];
    for reason in [ReasonCode::Success, ReasonCode::BadAuthenticationMethod] {
        let mut pair = Pair::<M>::new();
        pair.open(&pair.clean());
        let connack = ConnAck { reason, ..granting(&method) };
        let bytes = encode(&connack, Version::V5, mqtt_session::proto::Role::Server);
        let violation = is_refused(pair, &bytes, ReasonCode::ProtocolError);
        assert_eq!(violation, ViolationKind::Authentication);
    }
}

/// Promises: BAD-1
/// Enforces: MQTT-3.1.2-27
fn a_topic_alias_nobody_allowed_is_a_violation<M: TestMemory>() {
    let alias = [Property::TopicAlias(1)];
    let bytes = encode(
        &with_properties(publish(QOS0, 0, "a"), &alias),
        Version::V5,
        mqtt_session::proto::Role::Server,
    );
    let violation = is_refused(Pair::<M>::connected(), &bytes, ReasonCode::TopicAliasInvalid);
    assert_eq!(violation, ViolationKind::TopicAlias);
}

/// Decided by the fixed header alone.
///
/// Promises: BAD-1, BAD-3
/// Enforces: MQTT-3.1.2-24
fn a_packet_above_ones_own_limit_is_a_violation<M: TestMemory>() {
    let config = Config { maximum_packet_size: NonZeroU32::new(20), ..Config::new(1) };
    let mut pair = Pair::<M>::with(config);
    pair.connect();
    pair.send(&publish(QOS0, 0, "a message that"));
    pair.expect_message("a message that");
    let mut pair =
        Pair::<M>::with(Config { maximum_packet_size: NonZeroU32::new(20), ..Config::new(1) });
    pair.connect();
    pair.send_bytes(&[0x30, 19]);
    pair.expect_events(&[]);
    pair.expect(&[disconnect(ReasonCode::PacketTooLarge)]);
    let closed = CloseReason::Violation(ViolationKind::PacketTooLarge(21));
    assert_eq!(pair.close(), [Seen::Closed(closed)]);
}

/// A length that is declared costs nothing.
///
/// Promises: BAD-3
fn a_declared_length_costs_nothing<M: TestMemory>() {
    let mut pair = Pair::<M>::connected();
    let before = pair.inbound.capacity();
    // 200 MB, of which a few bytes arrive. Fixed memory announced less and refuses it.
    pair.send_bytes(&[0x30, 0x80, 0x84, 0xAF, 0x5F, 0x00, 0x01, b't']);
    pair.expect_events(&[]);
    assert_eq!(pair.inbound.capacity(), before);
}

/// Promises: BAD-2
fn lenient_reads_long_lengths_and_flags_of_pingresp<M: TestMemory>() {
    let deviations: [&[u8]; 2] = [&[0x30, 0x84, 0x00, 0x00, 0x01, b't', 0x00], &[0xDF, 0x00]];
    for (lenient, strict) in [(true, false), (true, true), (false, false)] {
        for bytes in deviations {
            let config = Config { lenient, strict, ..Config::new(1) };
            let mut pair = Pair::<M>::with(config);
            pair.connect();
            if lenient && !strict {
                pair.send_bytes(bytes);
                pair.events();
                pair.expect(&[]);
                pair.send(&publish(QOS0, 0, "after it"));
                pair.expect_message("after it");
            } else {
                is_refused(pair, bytes, ReasonCode::MalformedPacket);
            }
        }
    }
}

/// Acknowledgements already given leave before DISCONNECT.
///
/// Promises: BAD-1
fn a_violation_does_not_hold_back_acknowledgements<M: TestMemory>() {
    let mut pair = Pair::<M>::connected();
    pair.send(&publish(QOS1, 1, "a"));
    let delivery = pair.expect_delivery("a");
    pair.ack(delivery);
    pair.send_bytes(&[0x00]);
    pair.expect_events(&[]);
    pair.expect(&[puback(1), disconnect(ReasonCode::MalformedPacket)]);
}

/// What was under way goes on with the next connection.
///
/// Promises: BAD-1, SEND-3
fn a_violation_loses_nothing<M: TestMemory>() {
    let mut pair = Pair::<M>::connected();
    pair.publish(QOS1, "a");
    pair.transmitted();
    pair.send_bytes(&[0x00]);
    pair.expect_events(&[]);
    pair.expect(&[disconnect(ReasonCode::MalformedPacket)]);
    pair.publish(QOS1, "b");
    pair.close();
    pair.resume(true);
    pair.expect(&[publish_again(QOS1, 1, "a"), publish(QOS1, 2, "b")]);
}

/// While DISCONNECT still waits to leave, work is accepted as without a connection.
///
/// Promises: BAD-1, SEND-5
fn a_violation_refuses_no_work<M: TestMemory>() {
    let mut pair = Pair::<M>::connected();
    pair.send_bytes(&[0x00]);
    pair.expect_events(&[]);
    assert_eq!(pair.try_publish(QOS0, "a"), Err(PublishError::NotConnected));
    let published = pair.publish(QOS1, "b");
    pair.subscribe("c");
    pair.unsubscribe("d");
    pair.expect(&[disconnect(ReasonCode::MalformedPacket)]);
    pair.close();
    pair.resume(true);
    pair.expect(&[subscribe(1, &[filter("c")]), unsubscribe(2, &["d"]), publish(QOS1, 3, "b")]);
    pair.send(&puback(3));
    pair.expect_delivered(published);
}

crate::on_both_memories! {
    a_violation_is_answered_with_its_code
    before_5_0_it_closes_without_disconnect
    before_connack_nothing_else_may_come
    before_connack_nothing_but_disconnect_leaves
    a_second_connack_is_a_violation
    auth_without_an_authentication_method_is_a_violation
    a_method_nobody_asked_for_is_a_violation
    a_topic_alias_nobody_allowed_is_a_violation
    a_packet_above_ones_own_limit_is_a_violation
    a_declared_length_costs_nothing
    lenient_reads_long_lengths_and_flags_of_pingresp
    a_violation_does_not_hold_back_acknowledgements
    a_violation_loses_nothing
    a_violation_refuses_no_work
}
