//! Sessions that go on, end, or are another's (sections 3.1.2.4, 3.2.2 and 4.4).

use std::time::Duration;

use mqtt_session::proto::{Packet, ReasonCode, Version};
use mqtt_session::{CloseReason, Config, Connect, SessionLoss, ViolationKind};

use super::BOTH;
use crate::packets::*;
use crate::pair::{Pair, Seen, TestMemory};

/// A PUBLISH of each QoS, a PUBREL and an inbound message without PUBREL are open.
fn with_open_flows<M: TestMemory>(config: Config) -> Pair<M> {
    let mut pair = Pair::with(config);
    pair.connect();
    for (qos, payload) in [(QOS1, "a"), (QOS2, "b"), (QOS2, "c"), (QOS1, "d")] {
        pair.publish(qos, payload);
    }
    pair.transmitted();
    pair.exchange(&pubrec(2), &[pubrel(2)]);
    pair.send(&publish(QOS2, 1, "in"));
    let delivery = pair.expect_delivery("in");
    pair.ack(delivery);
    pair.expect(&[pubrec(1)]);
    pair
}

/// The PUBCOMP for an identifier of which nothing is known.
fn pubcomp_of_unknown(version: Version, id: u16) -> Packet<'static> {
    match version {
        Version::V5 => pubcomp_with(id, ReasonCode::PacketIdentifierNotFound),
        Version::V3_1_1 | Version::V3_1 => pubcomp(id),
    }
}

/// However often the connection breaks.
///
/// Enforces: MQTT-3.1.2-23, MQTT-3.2.2-3, MQTT-3.3.1-1, MQTT-4.4.0-1, MQTT-4.6.0-1,
/// MQTT-2.3.1-3 (3.1.1), MQTT-3.1.2-4 (3.1.1), MQTT-3.2.2-2 (3.1.1), MQTT-3.3.1-1 (3.1.1),
/// MQTT-4.1.0-1 (3.1.1), MQTT-4.4.0-1 (3.1.1), MQTT-4.6.0-1 (3.1.1)
fn what_is_open_outlives_the_connection<M: TestMemory>() {
    for version in BOTH {
        let mut pair = with_open_flows::<M>(Config { version, ..Config::new(1) });
        for _ in 0..2 {
            pair.cut();
            pair.pass(Duration::from_secs(200));
            pair.session.handle_timeout(pair.now);
            pair.resume(true);
            pair.expect(&[
                pubrel(2),
                publish_again(QOS1, 1, "a"),
                publish_again(QOS2, 3, "c"),
                publish_again(QOS1, 4, "d"),
            ]);
        }
        pair.exchange(&publish_again(QOS2, 1, "in"), &[pubrec(1)]);
        pair.exchange(&pubrel(1), &[pubcomp(1)]);
        for packet in [puback(1), puback(4), pubcomp(2)] {
            pair.send(&packet);
            assert_eq!(pair.events().len(), 1);
        }
        pair.exchange(&pubrec(3), &[pubrel(3)]);
    }
}

/// The application is told, and gets nothing twice: the QoS 2 messages are no more.
///
/// Enforces: MQTT-3.2.2-3, MQTT-3.2.2-5, MQTT-3.2.2-3 (3.1.1)
fn a_broker_without_the_session_ends_it_here<M: TestMemory>() {
    for version in BOTH {
        let session_loss = SessionLoss { qos1: false, qos2: false };
        let mut pair = with_open_flows::<M>(Config { version, session_loss, ..Config::new(1) });
        pair.cut();
        pair.resume(false);
        let events = pair.events();
        assert_eq!(events.len(), 4, "{events:?}");
        assert!(events.iter().all(|event| matches!(event, Seen::Indeterminate(_))), "{events:?}");
        pair.expect(&[]);
        pair.exchange(&pubrel(1), &[pubcomp_of_unknown(version, 1)]);
        pair.send(&publish(QOS2, 1, "another"));
        pair.expect_delivery("another");
    }
}

/// Clean Start 1, and CleanSession 1 of 3.1.1, which also ends with its connection.
///
/// Enforces: MQTT-3.1.2-4, MQTT-3.1.2-6 (3.1.1)
fn a_clean_start_leaves_nothing<M: TestMemory>() {
    for version in BOTH {
        let session_loss = SessionLoss { qos1: false, qos2: false };
        let mut pair = with_open_flows::<M>(Config { version, session_loss, ..Config::new(1) });
        let clean = Connect { clean_start: true, session_expiry: 0, ..pair.clean() };
        pair.cut();
        pair.connect_with(&clean, &connack(false));
        assert_eq!(pair.events().len(), 4);
        pair.expect(&[]);
        pair.exchange(&pubrel(1), &[pubcomp_of_unknown(version, 1)]);
        // Nothing is left of what this connection begins, either.
        pair.publish(QOS2, "e");
        pair.transmitted();
        pair.cut();
        pair.connect_with(&clean, &connack(false));
        assert_eq!(pair.events().len(), 1);
        pair.expect(&[]);
    }
}

/// Enforces: MQTT-3.1.3-2, MQTT-3.1.3-2 (3.1.1)
fn another_client_id_has_another_session<M: TestMemory>() {
    for version in BOTH {
        let session_loss = SessionLoss { qos1: false, qos2: false };
        let mut pair = with_open_flows::<M>(Config { version, session_loss, ..Config::new(1) });
        pair.cut();
        let other = Connect { client_id: "other", clean_start: false, ..pair.clean() };
        pair.connect_with(&other, &connack(true));
        assert_eq!(pair.events().len(), 4);
        pair.expect(&[]);
        pair.exchange(&pubrel(1), &[pubcomp_of_unknown(version, 1)]);
    }
}

/// A session that ends with its connection does not end before, however long that lasts.
///
/// Enforces: MQTT-4.1.0-1, MQTT-4.1.0-1 (3.1.1), MQTT-4.1.0-2 (3.1.1)
fn a_session_lasts_as_long_as_its_connection<M: TestMemory>() {
    for version in BOTH {
        let mut pair = Pair::<M>::of(version);
        let connect = Connect { session_expiry: 0, keep_alive: 0, ..pair.clean() };
        pair.connect_with(&connect, &connack(false));
        let tokens = [pair.publish(QOS1, "a"), pair.publish(QOS2, "b")];
        pair.transmitted();
        pair.send(&publish(QOS2, 1, "in"));
        let delivery = pair.expect_delivery("in");
        pair.ack(delivery);
        pair.expect(&[pubrec(1)]);
        pair.pass(Duration::from_secs(100_000));
        pair.session.handle_timeout(pair.now);
        pair.expect_events(&[]);
        pair.exchange(&publish_again(QOS2, 1, "in"), &[pubrec(1)]);
        pair.send(&puback(1));
        pair.expect_delivered(tokens[0]);
        pair.exchange(&pubrec(2), &[pubrel(2)]);
        pair.send(&pubcomp(2));
        pair.expect_delivered(tokens[1]);
        pair.exchange(&pubrel(1), &[pubcomp(1)]);
    }
}

/// Enforces: MQTT-3.2.2-2, MQTT-3.2.2-1 (3.1.1)
fn session_present_after_a_clean_start_is_a_violation<M: TestMemory>() {
    for version in BOTH {
        let mut pair = Pair::<M>::of(version);
        pair.open(&Connect { session_expiry: 0, ..pair.clean() });
        pair.send(&connack(true));
        pair.expect_events(&[]);
        let said: &[Packet<'_>] = &[disconnect(ReasonCode::ProtocolError)];
        pair.expect(if version == Version::V5 { said } else { &[] });
        let closed = CloseReason::Violation(ViolationKind::SessionPresent);
        assert_eq!(pair.close(), [Seen::Closed(closed)]);
    }
}

crate::on_both_memories! {
    what_is_open_outlives_the_connection
    a_broker_without_the_session_ends_it_here
    a_clean_start_leaves_nothing
    another_client_id_has_another_session
    a_session_lasts_as_long_as_its_connection
    session_present_after_a_clean_start_is_a_violation
}
