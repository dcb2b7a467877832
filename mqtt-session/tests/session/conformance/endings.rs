//! The end of a connection (sections 3.14 and 4.13 of 5.0, 3.14 and 4.8 of 3.1.1).

use std::time::Duration;

use mqtt_session::proto::{Packet, ReasonCode, Version};
use mqtt_session::{CloseReason, Closing, Config, PublishError};

use super::BOTH;
use crate::packets::*;
use crate::pair::{Pair, Seen, TestMemory};
use crate::store::Store;

/// Enforces: MQTT-3.14.1-1, MQTT-3.14.4-1, MQTT-3.14.4-2, MQTT-3.14.1-1 (3.1.1),
/// MQTT-3.14.4-1 (3.1.1), MQTT-3.14.4-2 (3.1.1)
fn disconnect_is_the_last_packet<M: TestMemory>() {
    for version in BOTH {
        let mut pair = Pair::<M>::connected_in(version);
        pair.send(&publish(QOS1, 1, "in"));
        let delivery = pair.expect_delivery("in");
        pair.publish(QOS1, "a");
        pair.transmitted();
        pair.disconnect();
        assert_eq!(pair.try_publish(QOS1, "b"), Err(PublishError::Disconnecting));
        assert_eq!(pair.transmitted(), [0xE0, 0x00]);
        // The transport is to be closed, whatever comes or becomes ready.
        assert_eq!(pair.session.closing(), Closing::AfterFlush);
        pair.ack(delivery);
        pair.send(&publish(QOS1, 2, "late"));
        pair.expect_events(&[]);
        pair.pass(Duration::from_secs(100));
        pair.session.handle_timeout(pair.now);
        pair.expect(&[]);
        assert_eq!(pair.session.closing(), Closing::AfterFlush);
        assert_eq!(pair.close(), [Seen::Closed(CloseReason::Local)]);
    }
}

/// What follows the DISCONNECT of a broker is not read, and nothing answers it.
///
/// Enforces: MQTT-3.1.4-3, MQTT-3.14.4-1, MQTT-4.13.2-1
fn behind_disconnect_of_the_broker_is_nothing<M: TestMemory>() {
    for reason in [ReasonCode::NormalDisconnection, ReasonCode::SessionTakenOver] {
        let mut pair = Pair::<M>::connected_in(Version::V5);
        pair.publish(QOS1, "unsent");
        pair.send(&disconnect(reason));
        pair.send(&publish(QOS1, 1, "behind"));
        pair.send_bytes(&[0x00]);
        pair.expect_events(&[Seen::Disconnect(reason)]);
        assert_eq!(pair.session.closing(), Closing::Now);
        pair.expect(&[]);
        assert_eq!(pair.close(), [Seen::Closed(CloseReason::Disconnected(reason))]);
    }
}

/// Reserved packet types, packets of clients, and flags that cannot be: 5.0 says why, 3.1.1 closes
/// without a word, so that a Will is published.
///
/// Enforces: MQTT-4.13.2-1, MQTT-2.1.3-1, MQTT-3.3.1-2, MQTT-3.3.1-4, MQTT-3.6.1-1, MQTT-3.14.1-1,
/// MQTT-3.15.1-1, MQTT-2.2.2-2 (3.1.1), MQTT-3.3.1-2 (3.1.1), MQTT-3.3.1-4 (3.1.1),
/// MQTT-3.6.1-1 (3.1.1), MQTT-4.8.0-1 (3.1.1)
fn a_first_byte_that_cannot_be_ends_the_connection<M: TestMemory>() {
    // PUBLISH of QoS 0, 1 and 2, where DUP and RETAIN are free but for DUP at QoS 0.
    let publishes = [0x30, 0x31, 0x32, 0x33, 0x34, 0x35, 0x3A, 0x3B, 0x3C, 0x3D];
    let fixed = [0x40, 0x50, 0x62, 0x70, 0x90, 0xB0, 0xD0];
    for version in BOTH {
        for first in 0..=u8::MAX {
            let of_version = if version == Version::V5 { &[0x20, 0xE0, 0xF0][..] } else { &[0x20] };
            if publishes.contains(&first) || fixed.contains(&first) || of_version.contains(&first) {
                continue;
            }
            let mut pair = Pair::<M>::connected_in(version);
            pair.send_bytes(&[first]);
            pair.expect_events(&[]);
            let is_of_client = match first >> 4 {
                0x1 | 0x8 | 0xA | 0xC => true,
                0xE => version != Version::V5,
                _ => false,
            };
            let code =
                if is_of_client { ReasonCode::ProtocolError } else { ReasonCode::MalformedPacket };
            let said: &[Packet<'_>] = &[disconnect(code)];
            pair.expect(if version == Version::V5 { said } else { &[] });
            assert_ne!(pair.session.closing(), Closing::No, "{first:02X}");
            let [Seen::Closed(CloseReason::Violation(violation))] = pair.close()[..] else {
                panic!("{first:02X}: no violation")
            };
            assert_eq!(violation.reason_code(), code, "{first:02X}");
        }
    }
}

/// A message whose record cannot be stored is not acknowledged.
///
/// Enforces: MQTT-4.8.0-2 (3.1.1)
fn what_cannot_be_stored_is_not_acknowledged<M: TestMemory>() {
    let version = Version::V3_1_1;
    let mut pair = Pair::<M>::with(Config { version, store: true, ..Config::new(1) });
    let mut store = Store::default();
    pair.connect();
    store.sync(&mut pair);
    pair.send(&publish(QOS2, 1, "a"));
    let delivery = pair.expect_delivery("a");
    pair.ack(delivery);
    assert_eq!(store.take(&mut pair), 1);
    pair.expect(&[]);
    let record = store.log.last().unwrap().seq;
    pair.session.handle_store_failed(record);
    pair.expect_events(&[]);
    pair.expect(&[]);
    assert_ne!(pair.session.closing(), Closing::No);
    assert_eq!(pair.close(), [Seen::Closed(CloseReason::StoreFailed)]);
}

crate::on_both_memories! {
    disconnect_is_the_last_packet
    behind_disconnect_of_the_broker_is_nothing
    a_first_byte_that_cannot_be_ends_the_connection
    what_cannot_be_stored_is_not_acknowledged
}
