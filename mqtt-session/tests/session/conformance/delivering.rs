//! Messages of the broker (sections 3.3.4, 4.3 and 4.6).

use std::time::Duration;

use mqtt_session::proto::{Packet, Property, PubAck, PubRec, Publish, ReasonCode, Version};

use super::BOTH;
use crate::packets::*;
use crate::pair::{Pair, Seen, TestMemory};

/// Enforces: MQTT-4.3.2-4, MQTT-4.3.2-5, MQTT-4.3.2-2 (3.1.1)
fn after_puback_the_identifier_is_of_a_new_message<M: TestMemory>() {
    for version in BOTH {
        let mut pair = Pair::<M>::connected_in(version);
        for packet in [publish(QOS1, 5, "x"), publish_again(QOS1, 5, "x"), publish(QOS1, 5, "x")] {
            pair.send(&packet);
            let delivery = pair.expect_delivery("x");
            pair.ack(delivery);
            pair.expect(&[puback(5)]);
        }
    }
}

/// Enforces: MQTT-4.3.3-8, MQTT-4.3.3-10, MQTT-4.3.3-11, MQTT-4.3.3-12, MQTT-4.3.3-2 (3.1.1)
fn qos_2_is_delivered_once_until_pubcomp<M: TestMemory>() {
    for version in BOTH {
        let mut pair = Pair::<M>::connected_in(version);
        for round in ["first", "second"] {
            pair.send(&publish(QOS2, 6, round));
            let delivery = pair.expect_delivery(round);
            pair.ack(delivery);
            // Before and after PUBREC left, and on the next connection.
            pair.exchange(&publish_again(QOS2, 6, round), &[pubrec(6)]);
            pair.exchange(&publish_again(QOS2, 6, round), &[pubrec(6)]);
            pair.cut();
            pair.resume(true);
            pair.exchange(&publish_again(QOS2, 6, round), &[pubrec(6)]);
            pair.exchange(&pubrel(6), &[pubcomp(6)]);
        }
    }
}

/// Enforces: MQTT-4.6.0-2, MQTT-4.6.0-3, MQTT-4.6.0-2 (3.1.1), MQTT-4.6.0-3 (3.1.1)
fn acknowledgements_keep_the_order_of_arrival<M: TestMemory>() {
    for version in BOTH {
        let mut pair = Pair::<M>::connected_in(version);
        let deliveries = [(QOS1, 1), (QOS1, 2), (QOS2, 3), (QOS2, 4)].map(|(qos, id)| {
            pair.send(&publish(qos, id, ""));
            pair.expect_delivery("")
        });
        pair.ack(deliveries[1]);
        pair.ack(deliveries[3]);
        pair.expect(&[]);
        pair.ack(deliveries[0]);
        pair.expect(&[puback(1), puback(2)]);
        pair.ack(deliveries[2]);
        pair.expect(&[pubrec(3), pubrec(4)]);
    }
}

/// The bytes EF BB BF are a character of the topic like any other, wherever they stand.
///
/// Enforces: MQTT-1.5.4-3, MQTT-1.5.3-3 (3.1.1)
fn a_byte_order_mark_is_kept<M: TestMemory>() {
    for version in BOTH {
        for name in ["\u{FEFF}a", "a/\u{FEFF}", "\u{FEFF}"] {
            let mut pair = Pair::<M>::connected_in(version);
            pair.send(&Publish { topic: name, ..message(QOS0, "x") });
            match pair.poll() {
                Some(Seen::Message { topic, .. }) => assert_eq!(topic.as_bytes(), name.as_bytes()),
                other => panic!("{other:?}"),
            }
        }
    }
}

/// What the broker let expire is acknowledged all the same.
///
/// Enforces: MQTT-4.3.3-13
fn an_expired_message_is_acknowledged<M: TestMemory>() {
    let mut pair = Pair::<M>::connected_in(Version::V5);
    let expiry = [Property::MessageExpiryInterval(1)];
    for (qos, id) in [(QOS1, 1), (QOS2, 2)] {
        pair.send(&with_properties(publish(qos, id, "x"), &expiry));
    }
    let deliveries = [(); 2].map(|()| pair.expect_delivery("x"));
    pair.pass(Duration::from_secs(2));
    pair.session.handle_timeout(pair.now);
    for delivery in deliveries {
        pair.ack(delivery);
    }
    pair.expect(&[puback(1), pubrec(2)]);
    pair.pass(Duration::from_secs(2));
    pair.exchange(&pubrel(2), &[pubcomp(2)]);
}

/// A message the application refuses is over, and its identifier is of the next one.
///
/// Enforces: MQTT-4.3.3-9
fn after_a_failing_pubrec_the_identifier_is_of_a_new_message<M: TestMemory>() {
    let mut pair = Pair::<M>::connected_in(Version::V5);
    for (packet, payload) in [(publish(QOS2, 6, "a"), "a"), (publish(QOS2, 6, "b"), "b")] {
        pair.send(&packet);
        let delivery = pair.expect_delivery(payload);
        pair.session.ack(delivery, ReasonCode::NotAuthorized);
        pair.expect(&[pubrec_with(6, ReasonCode::NotAuthorized)]);
        assert_eq!(pair.session.held(), 0);
    }
    // Nor does anybody wait for its PUBREL.
    pair.exchange(&pubrel(6), &[pubcomp_with(6, ReasonCode::PacketIdentifierNotFound)]);
}

/// Whatever code the application gives, the broker gets one that the packet may have, which says
/// failure if that did.
///
/// Enforces: MQTT-3.4.2-1, MQTT-3.5.2-1
fn an_acknowledgement_has_a_code_of_its_own<M: TestMemory>() {
    let mut pair = Pair::<M>::connected_in(Version::V5);
    for given in (0..=u8::MAX).filter_map(ReasonCode::from_u8) {
        for qos in [QOS1, QOS2] {
            pair.send(&publish(qos, 1, ""));
            let delivery = pair.expect_delivery("");
            pair.session.ack(delivery, given);
            let sent = pair.transmitted();
            // Read as a broker would, which refuses any other.
            let code = match decode(&sent, Version::V5)[..] {
                [Packet::PubAck(PubAck(ack))] if qos == QOS1 => ack.reason,
                [Packet::PubRec(PubRec(ack))] if qos == QOS2 => ack.reason,
                ref other => panic!("{given}: {other:?}"),
            };
            assert_eq!(code.is_error(), given.is_error(), "{given}");
            if qos == QOS2 && !code.is_error() {
                pair.exchange(&pubrel(1), &[pubcomp(1)]);
            }
        }
    }
}

crate::on_both_memories! {
    an_acknowledgement_has_a_code_of_its_own
    after_puback_the_identifier_is_of_a_new_message
    qos_2_is_delivered_once_until_pubcomp
    acknowledgements_keep_the_order_of_arrival
    a_byte_order_mark_is_kept
    an_expired_message_is_acknowledged
    after_a_failing_pubrec_the_identifier_is_of_a_new_message
}
