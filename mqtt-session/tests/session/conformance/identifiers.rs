//! Packet Identifiers (sections 2.2.1 of 5.0 and 2.3.1 of 3.1.1).

use std::collections::BTreeSet;

use mqtt_session::proto::{Packet, ReasonCode, Version};

use super::{BOTH, asked_id};
use crate::packets::*;
use crate::pair::{Pair, Seen, TestMemory};

const OK: ReasonCode = ReasonCode::Success;

/// The codes of an UNSUBACK, of which 3.1.1 has none.
fn codes(version: Version) -> &'static [ReasonCode] {
    if version == Version::V5 { &[OK] } else { &[] }
}

/// Enforces: MQTT-2.2.1-3, MQTT-4.3.2-1, MQTT-4.3.3-1, MQTT-2.3.1-1 (3.1.1),
/// MQTT-2.3.1-2 (3.1.1), MQTT-4.3.2-1 (3.1.1), MQTT-4.3.3-1 (3.1.1)
fn whatever_is_open_has_an_identifier_of_its_own<M: TestMemory>() {
    for version in BOTH {
        let mut pair = Pair::<M>::connected_in(version);
        for text in ["a", "b"] {
            pair.publish(QOS1, text);
            pair.publish(QOS2, text);
            pair.subscribe(text);
            pair.unsubscribe(text);
        }
        let sent = pair.transmitted();
        let packets = decode(&sent, version);
        let ids: BTreeSet<u16> = packets.iter().map(asked_id).collect();
        assert_eq!((packets.len(), ids.len(), ids.contains(&0)), (8, 8, false), "{packets:?}");
    }
}

/// Over the whole range: what is open keeps its identifier, also on the next connection, and no
/// other gets it before the last acknowledgement.
///
/// Enforces: MQTT-2.3.1-1 (3.1.1), MQTT-2.3.1-2 (3.1.1), MQTT-2.3.1-3 (3.1.1)
fn before_5_0_an_open_identifier_is_nobody_elses<M: TestMemory>() {
    let mut pair = Pair::<M>::connected_in(Version::V3_1_1);
    pair.publish(QOS1, "kept");
    pair.publish(QOS2, "kept");
    pair.subscribe("kept");
    pair.transmitted();
    pair.exchange(&pubrec(2), &[pubrel(2)]);
    for expected in (4..=u16::MAX).chain([4, 5]) {
        pair.publish(QOS1, "");
        pair.expect(&[publish(QOS1, expected, "")]);
        pair.send(&puback(expected));
        assert_eq!(pair.events().len(), 1);
    }
    pair.cut();
    pair.resume(true);
    pair.expect(&[pubrel(2), subscribe(6, &[filter("kept")]), publish_again(QOS1, 1, "kept")]);
    pair.send(&puback(1));
    pair.send(&pubcomp(2));
    assert_eq!(pair.events().len(), 2);
}

/// Enforces: MQTT-2.2.1-5, MQTT-3.3.4-1, MQTT-4.3.2-4, MQTT-4.3.3-8, MQTT-4.3.3-11,
/// MQTT-2.3.1-6 (3.1.1), MQTT-3.3.4-1 (3.1.1)
fn acknowledgements_repeat_the_identifier<M: TestMemory>() {
    for version in BOTH {
        let mut pair = Pair::<M>::connected_in(version);
        pair.send(&publish(QOS0, 0, "zero"));
        assert_eq!(pair.expect_message("zero"), None);
        pair.expect(&[]);
        for (qos, id, answer) in [(QOS1, 0x1234, puback(0x1234)), (QOS2, 0x1235, pubrec(0x1235))] {
            pair.send(&publish(qos, id, "x"));
            let delivery = pair.expect_delivery("x");
            pair.ack(delivery);
            pair.expect(&[answer]);
        }
        pair.exchange(&pubrel(0x1235), &[pubcomp(0x1235)]);
        // And those of this end.
        pair.publish(QOS2, "y");
        pair.expect(&[publish(QOS2, 1, "y")]);
        pair.exchange(&pubrec(1), &[pubrel(1)]);
    }
}

/// In whatever order the answers come, and whatever else comes.
///
/// Enforces: MQTT-2.2.1-6, MQTT-3.8.4-2, MQTT-3.10.4-5, MQTT-2.3.1-7 (3.1.1),
/// MQTT-3.8.4-2 (3.1.1), MQTT-3.10.4-4 (3.1.1)
fn answers_are_matched_by_identifier<M: TestMemory>() {
    for version in BOTH {
        let mut pair = Pair::<M>::connected_in(version);
        let subscribed = ["a", "b"].map(|text| pair.subscribe(text));
        let unsubscribed = ["c", "d"].map(|text| pair.unsubscribe(text));
        pair.transmitted();
        let codes = codes(version);
        for stray in [suback(9, &[OK]), unsuback(9, codes)] {
            pair.exchange(&stray, &[]);
        }
        assert_eq!(pair.session.ignored_acks(), 2);
        pair.send(&unsuback(4, codes));
        pair.send(&suback(2, &[ReasonCode::GrantedQoS2]));
        pair.send(&suback(1, &[ReasonCode::GrantedQoS1]));
        pair.send(&unsuback(3, codes));
        pair.expect_events(&[
            Seen::Unsubscribed(unsubscribed[1], codes.to_vec()),
            Seen::Subscribed(subscribed[1], vec![ReasonCode::GrantedQoS2]),
            Seen::Subscribed(subscribed[0], vec![ReasonCode::GrantedQoS1]),
            Seen::Unsubscribed(unsubscribed[0], codes.to_vec()),
        ]);
    }
}

/// The broker counts for itself: an identifier open in both directions is two.
///
/// Enforces: MQTT-2.3.1-4 (3.1.1)
fn each_direction_has_its_identifiers<M: TestMemory>() {
    for version in BOTH {
        let mut pair = Pair::<M>::connected_in(version);
        let token = pair.publish(QOS2, "out");
        pair.expect(&[publish(QOS2, 1, "out")]);
        pair.send(&publish(QOS2, 1, "in"));
        let delivery = pair.expect_delivery("in");
        pair.ack(delivery);
        pair.expect(&[pubrec(1)]);
        pair.exchange(&pubrec(1), &[pubrel(1)]);
        pair.exchange(&pubrel(1), &[pubcomp(1)]);
        pair.send(&pubcomp(1));
        pair.expect_delivered(token);
    }
}

/// Nothing has the identifier 0, not even what the broker says has it.
///
/// Enforces: MQTT-2.2.1-4, MQTT-2.3.1-1 (3.1.1), MQTT-2.3.1-4 (3.1.1)
fn zero_is_no_identifier<M: TestMemory>() {
    for version in BOTH {
        for first in [0x32, 0x34] {
            let mut pair = Pair::<M>::connected_in(version);
            let tail: &[u8] = if version == Version::V5 { &[0x00] } else { &[] };
            let body = [&[0x00, 0x01, b't', 0x00, 0x00][..], tail].concat();
            pair.send_bytes(&[&[first, body.len() as u8][..], &body].concat());
            pair.expect_events(&[]);
            let said: &[Packet<'_>] = &[disconnect(ReasonCode::ProtocolError)];
            pair.expect(if version == Version::V5 { said } else { &[] });
            assert!(matches!(pair.close()[..], [Seen::Closed(_)]));
        }
    }
}

crate::on_both_memories! {
    whatever_is_open_has_an_identifier_of_its_own
    before_5_0_an_open_identifier_is_nobody_elses
    acknowledgements_repeat_the_identifier
    answers_are_matched_by_identifier
    each_direction_has_its_identifiers
    zero_is_no_identifier
}
