//! Memory of a fixed size keeps few records: what would make more waits.

use std::time::Duration;

use mqtt_session::proto::{Packet, Properties, Property, Publish, ReasonCode};
use mqtt_session::{CloseReason, Failure, Payload, PublishError};

use crate::packets::*;
use crate::pair::{Pair, Seen, Small, TestMemory, Wide};
use crate::store::{Store, session_records, stored, with_store};

const OK: ReasonCode = ReasonCode::Success;

/// Whatever waits, no record is lost.
///
/// Promises: STO-1, SEND-4
#[test]
fn a_full_journal_loses_no_record() {
    let (mut pair, mut store) = stored::<Wide>();
    // Publishes are refused, and `Writable` follows.
    let accepted = std::iter::from_fn(|| pair.try_publish(QOS2, "").ok()).count();
    assert!((3..16).contains(&accepted), "{accepted}");
    assert_eq!(pair.try_publish(QOS1, ""), Err(PublishError::Full));
    // Reading waits, and goes on when the records were polled.
    assert!(!pair.session.wants_input());
    pair.send(&publish(QOS0, 0, "waits"));
    pair.expect_events(&[]);
    store.sync(&mut pair);
    assert!(pair.session.wants_input());
    pair.expect_event(&Seen::Writable);
    pair.expect_message("waits");
    while pair.try_publish(QOS2, "").is_ok() {
        store.sync(&mut pair);
    }
    pair.events();
    // A PUBREC for each of sixteen messages, and an ack for each of sixteen received.
    let sent = pair.transmitted();
    let ids: Vec<u16> = decode(&sent, pair.version)
        .iter()
        .map(|packet| match packet {
            Packet::Publish(publish) => publish.packet_id.unwrap().get(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(ids.len(), 16);
    for id in &ids {
        pair.send(&pubrec(*id));
    }
    while !pair.events().is_empty() || store.take(&mut pair) > 0 {}
    store.sync(&mut pair);
    assert_eq!(decode(&pair.transmitted(), pair.version).len(), 16);
    let mut deliveries = Vec::new();
    for id in 1..=16 {
        pair.send(&publish(QOS2, id, ""));
        deliveries.push(pair.expect_delivery(""));
    }
    for delivery in deliveries {
        pair.ack(delivery);
    }
    for _ in 0..4 {
        store.sync(&mut pair);
    }
    assert_eq!(decode(&pair.transmitted(), pair.version).len(), 16);
    // A session loss ends all of it; the records follow as there is room.
    pair.cut();
    assert_eq!(session_records(&store.content(store.log.len())), 32);
    pair.open(&pair.clean());
    pair.send(&connack(false));
    pair.expect_event(&Seen::Connected { session_present: false });
    pair.send(&publish(QOS2, 1, "new"));
    let mut events = Vec::new();
    for _ in 0..20 {
        events.extend(pair.events());
        store.sync(&mut pair);
    }
    assert_eq!(events.len(), 17, "{events:?}");
    assert!(matches!(&events[16], Seen::Message { payload, .. } if payload == "new"));
    assert_eq!(session_records(&store.content(store.log.len())), 0, "{store:?}");
}

/// Nor is a publish sent whose identifier found no room.
///
/// Promises: STO-1, STO-2
#[test]
fn identifiers_wait_for_room_in_the_journal() {
    let mut pair = Pair::<Wide>::with(with_store());
    let mut store = Store::default();
    let mut accepted = 0;
    while pair.try_publish(QOS2, "").is_ok() {
        accepted += 1;
        store.sync(&mut pair);
    }
    pair.connect();
    let mut sent = 0;
    for _ in 0..10 {
        let bytes = pair.transmitted();
        for packet in decode(&bytes, pair.version) {
            let Packet::Publish(packet) = packet else { panic!("{packet:?}") };
            let id = packet.packet_id.unwrap().get().to_be_bytes();
            let content = store.content(store.log.len());
            let mut recorded = content.iter().filter(|(key, _)| key.0[0] == 4);
            assert!(recorded.any(|(_, value)| value[1..3] == id), "{packet:?} has no record");
            sent += 1;
        }
        store.sync(&mut pair);
    }
    assert_eq!(sent, accepted);
}

/// A PUBREC that found no room for its record finds some when the records before it fail.
///
/// Promises: STO-1, RECV-1
#[test]
fn records_that_fail_make_room() {
    let (mut pair, mut store) = stored::<Wide>();
    let failing = with_an_ack_behind_a_full_journal(&mut pair, &[]);
    let before = store.log.len();
    store.take(&mut pair);
    let at = store.log[before].seq;
    store.log.truncate(before);
    pair.session.handle_store_failed(at);
    assert_eq!(pair.events().len(), failing + 1);
    store.sync(&mut pair);
    pair.expect(&[pubrec(1)]);
}

/// Likewise when they are not needed any more.
///
/// Promises: STO-1, RECV-1
#[test]
fn records_without_a_message_make_room() {
    let (mut pair, mut store) = stored::<Wide>();
    let expired =
        with_an_ack_behind_a_full_journal(&mut pair, &[Property::MessageExpiryInterval(1)]);
    pair.pass(Duration::from_secs(2));
    pair.expect(&[]);
    assert_eq!(store.take(&mut pair), 1, "the record of the PUBREC");
    store.sync(&mut pair);
    pair.expect(&[pubrec(1)]);
    let mut failed = 0;
    for _ in 0..expired {
        let is_failed = |event: &Seen| matches!(event, Seen::Failed(_, Failure::Expired));
        failed += pair.events().iter().filter(|event| is_failed(event)).count();
        store.sync(&mut pair);
    }
    assert_eq!(failed, expired);
}

/// Publishes fill the journal, and then a message is acknowledged; gives how many there are.
fn with_an_ack_behind_a_full_journal<M: TestMemory>(
    pair: &mut Pair<M>,
    properties: &[Property<'_>],
) -> usize {
    pair.send(&publish(QOS2, 1, ""));
    let delivery = pair.expect_delivery("");
    let properties = Properties::from_slice(properties);
    let publish = Publish { properties, ..message(QOS1, "a") };
    let publish = |_: &usize| {
        pair.session.publish(pair.now, &publish, Payload::Copy(publish.payload)).is_ok()
    };
    let accepted = (0..).take_while(publish).count();
    pair.ack(delivery);
    pair.expect(&[]);
    accepted
}

/// What is whole is delivered before the end, however long the journal is full.
///
/// Promises: END-2, STO-1
#[test]
fn the_end_waits_for_room_in_the_journal() {
    let (mut pair, mut store) = stored::<Wide>();
    while pair.try_publish(QOS1, "").is_ok() {}
    pair.send(&publish(QOS0, 0, "whole"));
    pair.session.handle_closed(pair.now);
    pair.expect_events(&[]);
    store.take(&mut pair);
    pair.expect_event(&Seen::Writable);
    pair.expect_message("whole");
    pair.expect_events(&[Seen::Closed(CloseReason::Lost)]);
}

/// What is stored fits into memory after a restart: a message takes its room until its record is
/// deleted.
///
/// Promises: STO-2
#[test]
fn what_is_stored_fits_again() {
    let (mut pair, mut store) = stored::<Small>();
    pair.cut();
    let long = "x".repeat(600);
    let properties = [Property::MessageExpiryInterval(5)];
    let packet =
        Publish { properties: Properties::from_slice(&properties), ..message(QOS1, &long) };
    let payload = Payload::Copy(long.as_bytes());
    let expiring = pair.session.publish(pair.now, &packet, payload).unwrap().unwrap();
    store.sync(&mut pair);
    pair.pass(Duration::from_secs(5));
    pair.session.handle_timeout(pair.now);
    let full = Err(PublishError::Full);
    assert_eq!(pair.try_publish(QOS1, &long), full);
    pair.expect_events(&[Seen::Failed(expiring, Failure::Expired), Seen::Writable]);
    pair.publish(QOS1, &long);
    store.sync(&mut pair);
    for records in 0..=store.log.len() {
        assert!(store.crash(records).restore::<Small>(with_store()).is_ok());
    }
}

/// Likewise when one answer makes many records.
///
/// Promises: STO-1
#[test]
fn one_suback_may_make_more_records_than_there_is_room_for() {
    let (mut pair, mut store) = stored::<Wide>();
    let texts = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"];
    let filters = texts.map(filter);
    let subscriptions = |store: &Store| {
        let content = store.content(store.log.len());
        content.keys().filter(|key| key.0[0] == 1).count()
    };
    for id in 1..=2 {
        // The second time each replaces an older one.
        pair.session.subscribe(pair.now, &filters, &[]).unwrap();
        pair.transmitted();
        pair.send(&suback(id, &[OK; 12]));
        assert!(matches!(pair.poll(), Some(Seen::Subscribed(..))));
        pair.send(&publish(QOS0, 0, "behind"));
        // What would make more records waits.
        pair.expect_events(&[]);
        while store.take(&mut pair) > 0 {}
        pair.expect_message("behind");
        assert_eq!(subscriptions(&store), 12);
    }
    pair.session.unsubscribe(pair.now, &texts, &[]).unwrap();
    pair.transmitted();
    pair.send(&unsuback(3, &[OK; 12]));
    assert!(matches!(pair.poll(), Some(Seen::Unsubscribed(..))));
    while store.take(&mut pair) > 0 {}
    assert_eq!(subscriptions(&store), 0);
    pair.session.subscribe(pair.now, &filters, &[]).unwrap();
}
