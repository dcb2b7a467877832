//! Publishes of this end (section 4.3).

use std::time::Duration;

use mqtt_session::proto::{Packet, Publish, Version};
use mqtt_session::{Event, Payload};

use super::{BOTH, asked_id};
use crate::packets::*;
use crate::pair::{Pair, TestMemory};

/// Publishes, retained.
fn retain<M: TestMemory>(pair: &mut Pair<M>, packet: &Publish<'_>) {
    let packet = Publish { retain: true, ..*packet };
    pair.session.publish(pair.now, &packet, Payload::Copy(packet.payload)).unwrap();
}

/// Enforces: MQTT-4.3.1-1, MQTT-3.3.1-2, MQTT-2.2.1-2, MQTT-4.3.1-1 (3.1.1),
/// MQTT-3.3.1-2 (3.1.1), MQTT-2.3.1-5 (3.1.1)
fn qos_0_is_sent_once<M: TestMemory>() {
    for version in BOTH {
        let mut pair = Pair::<M>::connected_in(version);
        pair.try_publish(QOS0, "a").unwrap();
        let sent = pair.transmitted();
        let expected: &[u8] = if version == Version::V5 {
            &[0x30, 0x05, 0x00, 0x01, b't', 0x00, b'a']
        } else {
            &[0x30, 0x04, 0x00, 0x01, b't', b'a']
        };
        assert_eq!(sent, expected);
        retain(&mut pair, &message(QOS0, "b"));
        assert_eq!(pair.first_bytes(), [0x31]);
        pair.cut();
        pair.resume(true);
        pair.expect(&[]);
    }
}

/// Enforces: MQTT-4.3.2-1, MQTT-4.3.2-2, MQTT-4.3.2-3, MQTT-4.3.2-1 (3.1.1)
fn qos_1_is_open_until_puback<M: TestMemory>() {
    for version in BOTH {
        let mut pair = Pair::<M>::connected_in(version);
        let token = pair.publish(QOS1, "a");
        retain(&mut pair, &message(QOS1, "b"));
        let sent = pair.transmitted();
        let packets = decode(&sent, version);
        let ids: Vec<_> = packets.iter().map(asked_id).collect();
        assert_eq!((sent[0], &ids[..]), (0x32, &[1, 2][..]));
        pair.pass(Duration::from_secs(5));
        pair.expect_events(&[]);
        assert_eq!(pair.session.in_flight(), 2);
        // Nothing but its PUBACK ends it.
        pair.exchange(&puback(3), &[]);
        pair.send(&puback(1));
        pair.expect_delivered(token);
        assert_eq!(pair.session.in_flight(), 1);
    }
}

/// Enforces: MQTT-4.3.3-2, MQTT-4.3.3-3, MQTT-4.3.3-4, MQTT-4.3.3-5, MQTT-4.3.3-6,
/// MQTT-4.3.3-1 (3.1.1)
fn qos_2_goes_from_publish_to_pubrel<M: TestMemory>() {
    for version in BOTH {
        let mut pair = Pair::<M>::connected_in(version);
        let token = pair.publish(QOS2, "a");
        retain(&mut pair, &message(QOS2, "b"));
        let sent = pair.transmitted();
        assert_eq!(sent[0], 0x34);
        assert_eq!(decode(&sent, version).len(), 2);
        // Before PUBREC it is the PUBLISH that is sent again, ...
        pair.cut();
        pair.resume(true);
        assert_eq!(pair.first_bytes(), [0x3C, 0x3D]);
        pair.exchange(&pubrec(1), &[pubrel(1)]);
        pair.expect_events(&[]);
        // ... after it PUBREL and never the PUBLISH.
        for _ in 0..2 {
            pair.cut();
            pair.resume(true);
            assert_eq!(pair.first_bytes(), [0x62, 0x3D]);
        }
        assert_eq!(pair.session.in_flight(), 2);
        pair.send(&pubcomp(1));
        pair.expect_delivered(token);
        assert_eq!(pair.session.in_flight(), 1);
    }
}

/// DUP says that this very packet was sent before, whatever came in and whatever the owner says.
///
/// Enforces: MQTT-3.3.1-1, MQTT-3.3.1-3, MQTT-3.3.1-1 (3.1.1), MQTT-3.3.1-3 (3.1.1)
fn dup_is_not_handed_on<M: TestMemory>() {
    for version in BOTH {
        let mut pair = Pair::<M>::connected_in(version);
        pair.send(&publish_again(QOS1, 7, "again"));
        let Some(Event::Message(message)) = pair.session.poll_event(pair.now, &mut pair.inbound)
        else {
            panic!("no message")
        };
        assert!(message.publish.dup);
        let received = message.publish;
        pair.session.publish(pair.now, &received, Payload::Copy(b"again")).unwrap();
        pair.expect(&[publish(QOS1, 1, "again")]);
        pair.cut();
        pair.resume(true);
        pair.expect(&[publish_again(QOS1, 1, "again")]);
    }
}

/// Enforces: MQTT-4.6.0-4, MQTT-4.6.0-4 (3.1.1)
fn pubrels_keep_the_order_of_the_pubrecs<M: TestMemory>() {
    for version in BOTH {
        let mut pair = Pair::<M>::connected_in(version);
        for payload in ["a", "b", "c"] {
            pair.publish(QOS2, payload);
        }
        pair.transmitted();
        for id in [3, 1, 2] {
            pair.send(&pubrec(id));
        }
        pair.expect_events(&[]);
        pair.expect(&[pubrel(3), pubrel(1), pubrel(2)]);
        pair.cut();
        pair.resume(true);
        pair.expect(&[pubrel(3), pubrel(1), pubrel(2)]);
    }
}

/// Without an answer for however long.
///
/// Enforces: MQTT-4.4.0-1
fn a_live_connection_repeats_nothing<M: TestMemory>() {
    for version in BOTH {
        let mut pair = Pair::<M>::connected_in(version);
        pair.publish(QOS1, "a");
        pair.publish(QOS2, "b");
        pair.transmitted();
        pair.exchange(&pubrec(2), &[pubrel(2)]);
        for _ in 0..100 {
            pair.pass(Duration::from_secs(1));
            pair.send(&Packet::PingResp);
            pair.expect_events(&[]);
            pair.session.handle_timeout(pair.now);
            assert!(pair.first_bytes().iter().all(|first| *first == 0xC0));
        }
    }
}

/// A PUBREC with a code of failure needs no PUBREL, one without does.
///
/// Enforces: MQTT-4.3.3-4, MQTT-4.4.0-2
fn pubrec_goes_on_below_0x80_only<M: TestMemory>() {
    for byte in [0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99] {
        let mut pair = Pair::<M>::connected_in(Version::V5);
        pair.publish(QOS2, "a");
        pair.transmitted();
        pair.send_bytes(&[0x50, 0x03, 0x00, 0x01, byte]);
        assert_eq!(pair.events().len(), usize::from(byte >= 0x80), "{byte:02X}");
        let released: &[Packet<'_>] = &[pubrel(1)];
        let released = if byte < 0x80 { released } else { &[] };
        pair.expect(released);
        pair.cut();
        pair.resume(true);
        pair.expect(released);
    }
}

crate::on_both_memories! {
    qos_0_is_sent_once
    qos_1_is_open_until_puback
    qos_2_goes_from_publish_to_pubrel
    dup_is_not_handed_on
    pubrels_keep_the_order_of_the_pubrecs
    a_live_connection_repeats_nothing
    pubrec_goes_on_below_0x80_only
}
