//! CONNECT and what answers it (sections 3.1 and 3.2).

use std::time::Duration;

use mqtt_session::proto::{ConnAck, Packet, Property, ReasonCode, Version};
use mqtt_session::{
    CloseReason, Closing, Config, Connect, OpenError, Refusal, ViolationKind, Wakeup,
};

use super::BOTH;
use crate::packets::*;
use crate::pair::{Pair, Seen, TestMemory};

/// The Connect Reason Codes of failure (section 3.2.2.2).
const CONNACK_FAILURES: [u8; 21] = [
    0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8A, 0x8C, 0x90, 0x95, 0x97, 0x99,
    0x9A, 0x9B, 0x9C, 0x9D, 0x9F,
];

/// Whatever was asked for before.
///
/// Enforces: MQTT-3.1.0-1, MQTT-3.1.0-1 (3.1.1)
fn connect_comes_first<M: TestMemory>() {
    for version in BOTH {
        let mut pair = Pair::<M>::of(version);
        pair.publish(QOS1, "early");
        pair.subscribe("early");
        pair.expect(&[]);
        let sent = pair.open(&pair.clean());
        assert_eq!(sent[0], 0x10);
        pair.publish(QOS2, "early");
        pair.expect(&[]);
    }
}

/// Enforces: MQTT-3.1.0-2, MQTT-3.1.0-2 (3.1.1)
fn connect_is_sent_once<M: TestMemory>() {
    for version in BOTH {
        for is_up in [false, true] {
            let mut pair = Pair::<M>::of(version);
            pair.open(&pair.clean());
            if is_up {
                pair.send(&connack(false));
                pair.expect_event(&Seen::Connected { session_present: false });
            }
            let again = pair.session.open(pair.now, &pair.clean()).map(|_| ());
            assert_eq!(again, Err(OpenError::AlreadyOpen));
            pair.pass(Duration::from_secs(1));
            pair.session.handle_timeout(pair.now);
            pair.expect(&[]);
        }
    }
}

/// With the code, whether or not the broker closes, and nothing more is sent.
///
/// Enforces: MQTT-3.1.2-1, MQTT-3.1.3-8, MQTT-3.2.2-7, MQTT-3.2.2-12, MQTT-3.2.2-13,
/// MQTT-4.12.0-1, MQTT-4.13.2-1, MQTT-3.1.2-2 (3.1.1), MQTT-3.1.3-8 (3.1.1),
/// MQTT-3.1.3-9 (3.1.1), MQTT-3.2.2-5 (3.1.1)
fn a_refusal_is_the_end_of_the_connection<M: TestMemory>() {
    let of_5_0 = CONNACK_FAILURES.map(|byte| (byte, ReasonCode::from_u8(byte).unwrap()));
    let of_3_1_1 = [
        (1, ReasonCode::UnsupportedProtocolVersion),
        (2, ReasonCode::ClientIdentifierNotValid),
        (3, ReasonCode::ServerUnavailable),
        (4, ReasonCode::BadUserNameOrPassword),
        (5, ReasonCode::NotAuthorized),
    ];
    for (version, codes) in [(Version::V5, &of_5_0[..]), (Version::V3_1_1, &of_3_1_1)] {
        for (byte, reason) in codes {
            let mut pair = Pair::<M>::of(version);
            pair.publish(QOS1, "early");
            pair.open(&pair.clean());
            match version {
                Version::V5 => pair.send_bytes(&[0x20, 0x03, 0x00, *byte, 0x00]),
                Version::V3_1_1 | Version::V3_1 => pair.send_bytes(&[0x20, 0x02, 0x00, *byte]),
            }
            pair.expect_events(&[Seen::Refused(*reason)]);
            assert_eq!(pair.session.closing(), Closing::Now, "{reason}");
            pair.expect(&[]);
            let refusal = Refusal { reason: *reason };
            assert_eq!(pair.close(), [Seen::Closed(CloseReason::Refused(refusal))]);
        }
    }
}

/// A code that no CONNACK has is none, and a CONNACK with a code of failure has no session.
///
/// Enforces: MQTT-3.2.2-6, MQTT-3.2.2-8, MQTT-3.2.2-4 (3.1.1), MQTT-3.2.2-6 (3.1.1)
fn a_connack_that_cannot_be_is_a_violation<M: TestMemory>() {
    let cases: [(Version, &[u8]); 6] = [
        (Version::V5, &[0x20, 0x03, 0x00, 0x01, 0x00]),
        (Version::V5, &[0x20, 0x03, 0x00, 0x8E, 0x00]),
        (Version::V5, &[0x20, 0x03, 0x01, 0x87, 0x00]),
        (Version::V3_1_1, &[0x20, 0x02, 0x00, 0x06]),
        (Version::V3_1_1, &[0x20, 0x02, 0x00, 0xFF]),
        (Version::V3_1_1, &[0x20, 0x02, 0x01, 0x05]),
    ];
    for (version, bytes) in cases {
        let mut pair = Pair::<M>::of(version);
        pair.open(&pair.clean());
        pair.send_bytes(bytes);
        pair.expect_events(&[]);
        let said: &[Packet<'_>] = &[disconnect(ReasonCode::ProtocolError)];
        pair.expect(if version == Version::V5 { said } else { &[] });
        let closed = pair.close();
        let violation = |event: &Seen| {
            matches!(event, Seen::Closed(CloseReason::Violation(ViolationKind::Packet(_))))
        };
        assert!(closed.iter().all(violation), "{bytes:02X?}: {closed:?}");
    }
}

/// Enforces: MQTT-3.2.0-1, MQTT-3.2.0-1 (3.1.1), MQTT-4.8.0-1 (3.1.1)
fn connack_comes_first<M: TestMemory>() {
    for version in BOTH {
        for packet in [publish(QOS1, 1, "a"), puback(1), pubrel(1), Packet::PingResp] {
            let mut pair = Pair::<M>::of(version);
            pair.open(&pair.clean());
            pair.send(&packet);
            pair.send(&connack(false));
            pair.expect_events(&[]);
            let said: &[Packet<'_>] = &[disconnect(ReasonCode::ProtocolError)];
            pair.expect(if version == Version::V5 { said } else { &[] });
            let closed = CloseReason::Violation(ViolationKind::Unexpected);
            assert_eq!(pair.close(), [Seen::Closed(closed)]);
        }
    }
}

/// A broker that closes instead of answering, with and without a CONNACK on its way.
///
/// Enforces: MQTT-3.1.2-1 (3.1.1), MQTT-3.1.2-2 (3.1.1), MQTT-3.2.2-6 (3.1.1), MQTT-3.1.2-2
fn a_close_without_connack_is_reported<M: TestMemory>() {
    for version in BOTH {
        for answer in [&[][..], &[0x20], &[0x20, 0x02]] {
            let mut pair = Pair::<M>::of(version);
            pair.open(&pair.clean());
            pair.send_bytes(answer);
            assert_eq!(pair.close(), [Seen::Closed(CloseReason::NoConnAck)]);
        }
    }
}

/// Tolerated unless strict: a client without a name can still talk.
///
/// Promises: BAD-2
/// Enforces: MQTT-3.2.2-16
fn an_empty_client_id_has_one_assigned<M: TestMemory>() {
    let assigned = [Property::AssignedClientIdentifier("a")];
    let nothing = [Property::AssignedClientIdentifier("")];
    for (strict, client_id, granted, tolerated) in [
        (false, "", &[][..], 1),
        (false, "", &nothing, 1),
        (false, "", &assigned, 0),
        (true, "", &assigned, 0),
        (true, "own", &[], 0),
    ] {
        let mut pair = Pair::<M>::with(Config { strict, ..Config::new(1) });
        pair.connect_with(&Connect { client_id, ..pair.clean() }, &granting(granted));
        assert_eq!(pair.session.tolerated(), tolerated);
    }
    for granted in [&[][..], &nothing] {
        let mut pair = Pair::<M>::with(Config { strict: true, ..Config::new(1) });
        pair.open(&Connect { client_id: "", ..pair.clean() });
        pair.send(&granting(granted));
        pair.expect_events(&[]);
        pair.expect(&[disconnect(ReasonCode::ProtocolError)]);
        let closed = CloseReason::Violation(ViolationKind::NoClientId);
        assert_eq!(pair.close(), [Seen::Closed(closed)]);
    }
    // 3.1.1 has no way to say it.
    let version = Version::V3_1_1;
    let mut pair = Pair::<M>::with(Config { strict: true, version, ..Config::new(1) });
    let nameless = Connect { client_id: "", session_expiry: 0, ..pair.clean() };
    pair.connect_with(&nameless, &connack(false));
    assert_eq!(pair.session.tolerated(), 0);
}

/// To have none assigned is to keep one's own, and with it the session.
///
/// Promises: RES-1
/// Enforces: MQTT-3.1.3-2
fn an_empty_assigned_identifier_is_none<M: TestMemory>() {
    let mut pair = Pair::<M>::connected_in(Version::V5);
    pair.publish(QOS2, "a");
    pair.transmitted();
    pair.cut();
    let nothing = [Property::AssignedClientIdentifier("")];
    let connack = ConnAck { session_present: true, ..granting(&nothing) };
    pair.connect_with(&Connect { clean_start: false, ..pair.clean() }, &connack);
    assert_eq!(pair.session.client_id(), "client");
    pair.expect_events(&[]);
    pair.expect(&[publish_again(QOS2, 1, "a")]);
}

/// Enforces: MQTT-3.1.4-2 (3.1.1)
fn a_client_taken_over_without_a_word_is_lost<M: TestMemory>() {
    let mut pair = Pair::<M>::connected_in(Version::V3_1_1);
    assert_eq!(pair.close(), [Seen::Closed(CloseReason::Lost)]);
}

/// Enforces: MQTT-3.1.2-20, MQTT-3.1.2-23 (3.1.1)
fn an_idle_client_pings_in_time<M: TestMemory>() {
    for version in BOTH {
        for keep_alive in [1, 2, 60, u16::MAX] {
            let mut pair = Pair::<M>::of(version);
            pair.connect_with(&Connect { keep_alive, ..pair.clean() }, &connack(false));
            for _ in 0..3 {
                let sent_at = pair.now;
                let (at, why) = pair.session.poll_timeout().unwrap();
                assert_eq!(why, Wakeup::KeepAlive);
                pair.now = at;
                pair.session.handle_timeout(at);
                pair.expect(&[Packet::PingReq]);
                let quiet = at.since(sent_at);
                assert!(quiet < Duration::from_secs(keep_alive.into()), "{keep_alive}: {quiet:?}");
                pair.exchange(&Packet::PingResp, &[]);
            }
        }
        let mut pair = Pair::<M>::of(version);
        pair.connect_with(&Connect { keep_alive: 0, ..pair.clean() }, &connack(false));
        assert_eq!(pair.session.poll_timeout(), None);
        pair.pass(Duration::from_secs(100_000));
        pair.session.handle_timeout(pair.now);
        pair.expect(&[]);
    }
}

/// Enforces: MQTT-3.12.4-1, MQTT-3.12.4-1 (3.1.1)
fn a_ping_without_an_answer_ends_the_connection<M: TestMemory>() {
    for version in BOTH {
        let mut pair = Pair::<M>::connected_in(version);
        let (at, _) = pair.session.poll_timeout().unwrap();
        pair.now = at;
        pair.session.handle_timeout(at);
        pair.expect(&[Packet::PingReq]);
        let (at, why) = pair.session.poll_timeout().unwrap();
        assert_eq!((at.since(pair.now), why), (Duration::from_secs(10), Wakeup::PingTimeout));
        pair.now = at;
        pair.session.handle_timeout(at);
        assert_eq!(pair.close(), [Seen::Closed(CloseReason::KeepAlive)]);
    }
}

crate::on_both_memories! {
    connect_comes_first
    connect_is_sent_once
    a_refusal_is_the_end_of_the_connection
    a_connack_that_cannot_be_is_a_violation
    connack_comes_first
    a_close_without_connack_is_reported
    an_empty_client_id_has_one_assigned
    an_empty_assigned_identifier_is_none
    a_client_taken_over_without_a_word_is_lost
    an_idle_client_pings_in_time
    a_ping_without_an_answer_ends_the_connection
}
