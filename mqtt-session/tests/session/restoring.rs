//! Records: the session that is made of them after a restart.

mod broken;
mod subscriptions;

use mqtt_session::proto::{Packet, Property, ReasonCode, Version};
use mqtt_session::{Config, Connect, Failure};

use crate::packets::*;
use crate::pair::{Pair, Seen, TestMemory};
use crate::store::{Store, session_records, stored, with_store};

const OK: ReasonCode = ReasonCode::Success;

/// A session of which everything is stored: one QoS 2 publish sent, two past PUBREC in another
/// order than they were sent, one inbound QoS 2 message acknowledged, one subscription.
fn in_every_stage<M: TestMemory>() -> Store {
    let (mut pair, mut store) = stored::<M>();
    let asked = pair.subscribe("f");
    pair.transmitted();
    pair.send(&suback(1, &[OK]));
    pair.expect_events(&[Seen::Subscribed(asked, vec![OK])]);
    for payload in ["a", "b", "c"] {
        pair.publish(QOS2, payload);
    }
    store.sync(&mut pair);
    pair.transmitted();
    for id in [4, 2] {
        pair.send(&pubrec(id));
    }
    pair.expect_events(&[]);
    pair.send(&publish(QOS2, 7, "in"));
    let delivery = pair.expect_delivery("in");
    pair.ack(delivery);
    store.sync(&mut pair);
    store
}

/// Promises: STO-2, RES-1
fn a_restored_session_goes_on<M: TestMemory>() {
    let mut store = in_every_stage::<M>();
    let mut pair = store.restore::<M>(with_store()).unwrap();
    assert_eq!(pair.session.client_id(), "client");
    assert_eq!((pair.session.pending(), pair.session.held()), (1, 1));
    pair.resume(true);
    assert_eq!(store.take(&mut pair), 0);
    pair.expect(&[pubrel(4), pubrel(2), publish_again(QOS2, 3, "b")]);
    pair.exchange(&publish_again(QOS2, 7, "in"), &[pubrec(7)]);
    pair.exchange(&pubrel(7), &[]);
    store = store.crash(0);
    store.sync(&mut pair);
    pair.expect(&[pubcomp(7)]);
    for id in [4, 2] {
        pair.send(&pubcomp(id));
        assert!(matches!(pair.poll(), Some(Seen::Delivered(..))));
    }
    pair.exchange(&pubrec(3), &[]);
    store.sync(&mut pair);
    pair.expect(&[pubrel(3)]);
    pair.send(&pubcomp(3));
    assert!(matches!(pair.poll(), Some(Seen::Delivered(..))));
    store.sync(&mut pair);
    let deleted = store.log.iter().filter(|record| record.value.is_none()).count();
    // Released of three, the message of the last of them, Received of one: nothing is left.
    assert_eq!(deleted, 5, "{store:?}");
}

/// The order of PUBRECs survives any number of restarts.
///
/// Promises: STO-2, RES-1
/// Enforces: MQTT-4.6.0-4
fn pubrels_keep_their_order_over_restarts<M: TestMemory>() {
    let mut store = in_every_stage::<M>();
    let mut order = vec![pubrel(4), pubrel(2)];
    for next in [3, 5, 6] {
        store = store.crash(store.log.len());
        let mut pair = store.restore::<M>(with_store()).unwrap();
        pair.resume(true);
        if next > 3 {
            pair.session.handle_closed(pair.now);
            pair.events();
            pair.publish(QOS2, "more");
            store.sync(&mut pair);
            pair.resume(true);
            store.sync(&mut pair);
        }
        pair.transmitted();
        let sent = pair.session.in_flight();
        assert_eq!(sent, order.len() + 1);
        let id = if next == 3 { 3 } else { newest_id(&store) };
        pair.send(&pubrec(id));
        pair.expect_events(&[]);
        store.sync(&mut pair);
        order.push(pubrel(id));
        let mut pair = store.restore::<M>(with_store()).unwrap();
        pair.resume(true);
        pair.expect(&order);
    }
}

/// The identifier given last.
fn newest_id(store: &Store) -> u16 {
    let sent = store.log.iter().rev().find(|record| record.key.0[0] == 4);
    let value = sent.and_then(|record| record.value.clone()).unwrap();
    u16::from_be_bytes([value[1], value[2]])
}

/// Promises: STO-2, RES-2, RES-3
fn a_restored_session_may_be_lost<M: TestMemory>() {
    let mut store = in_every_stage::<M>();
    let mut pair = store.restore::<M>(with_store()).unwrap();
    store = store.crash(store.log.len());
    pair.publish(QOS1, "new");
    pair.open(&pair.clean());
    pair.send(&connack(false));
    pair.expect_event(&Seen::Connected { session_present: false });
    let mut outcomes = Vec::new();
    for _ in 0..4 {
        outcomes.extend(pair.events());
        store.sync(&mut pair);
    }
    let is_indeterminate = |event: &Seen| matches!(event, Seen::Indeterminate(_));
    assert_eq!(outcomes.len(), 3);
    assert!(outcomes.iter().all(is_indeterminate), "{outcomes:?}");
    let new = newest_id(&store);
    pair.expect(&[subscribe(1, &[filter("f")]), publish(QOS1, new, "new")]);
    // The new message and its identifier.
    assert_eq!(session_records(&store.content(store.log.len())), 2, "{store:?}");
}

/// A crash while the records of a lost session are deleted.
///
/// Promises: STO-2, RES-2
fn every_prefix_of_a_session_loss_can_be_restored<M: TestMemory>() {
    let store = in_every_stage::<M>();
    let mut pair = store.restore::<M>(with_store()).unwrap();
    let mut store = store.crash(store.log.len());
    pair.open(&pair.clean());
    pair.send(&connack(false));
    pair.expect_event(&Seen::Connected { session_present: false });
    // Before the outcomes of the old messages are polled, new ones are accepted.
    for _ in 0..3 {
        pair.publish(QOS2, "new");
        store.sync(&mut pair);
    }
    pair.transmitted();
    pair.events();
    store.sync(&mut pair);
    for records in 0..=store.log.len() {
        assert!(store.crash(records).restore::<M>(with_store()).is_ok(), "{records}: {store:?}");
    }
}

/// The broker sends "a" at QoS 2, and has its PUBREC.
#[track_caller]
fn receive<M: TestMemory>(pair: &mut Pair<M>, store: &mut Store) {
    pair.send(&publish(QOS2, 1, "a"));
    let delivery = pair.expect_delivery("a");
    pair.ack(delivery);
    store.sync(pair);
    pair.expect(&[pubrec(1)]);
}

/// A connected session that has done so.
fn received<M: TestMemory>() -> (Pair<M>, Store) {
    let (mut pair, mut store) = stored::<M>();
    receive(&mut pair, &mut store);
    (pair, store)
}

/// Until a store forgot what came in a lost session, nothing is subscribed to in the next one: after a
/// crash its first message with such an identifier would be taken for a copy.
///
/// Promises: STO-1, STO-2, RECV-3
fn nothing_is_subscribed_to_before_a_lost_session_is_forgotten<M: TestMemory>() {
    let (mut pair, mut store) = stored::<M>();
    pair.subscribe("f");
    store.sync(&mut pair);
    pair.expect(&[subscribe(1, &[filter("f")])]);
    pair.send(&suback(1, &[OK]));
    pair.events();
    receive(&mut pair, &mut store);
    pair.cut();
    pair.resume(false);
    store.take(&mut pair);
    pair.expect(&[]);
    assert!(!pair.session.wants_transmit());
    store.sync(&mut pair);
    pair.expect(&[subscribe(2, &[filter("f")])]);
    let mut pair = store.restore::<M>(with_store()).unwrap();
    pair.resume(true);
    pair.send(&publish(QOS2, 1, "b"));
    pair.expect_delivery("b");
}

/// A message of QoS 1 ends what was remembered of its identifier.
///
/// Promises: STO-2, RECV-3
fn a_record_of_a_reused_identifier_is_deleted<M: TestMemory>() {
    let (mut pair, mut store) = received::<M>();
    pair.send(&publish(QOS1, 1, "b"));
    pair.expect_delivery("b");
    store.sync(&mut pair);
    let mut pair = store.restore::<M>(with_store()).unwrap();
    pair.resume(true);
    pair.send(&publish(QOS2, 1, "c"));
    pair.expect_delivery("c");
}

/// A PUBLISH behind its PUBREL, before PUBCOMP left.
///
/// Promises: STO-2, RECV-2
fn a_message_that_comes_back_before_pubcomp_is_recorded_again<M: TestMemory>() {
    let (mut pair, mut store) = received::<M>();
    pair.exchange(&pubrel(1), &[]);
    pair.exchange(&publish_again(QOS2, 1, "a"), &[]);
    store.sync(&mut pair);
    pair.expect(&[pubrec(1)]);
    let mut pair = store.restore::<M>(with_store()).unwrap();
    pair.resume(true);
    pair.exchange(&publish_again(QOS2, 1, "a"), &[pubrec(1)]);
}

/// Likewise behind the connection on which PUBREL came.
///
/// Promises: STO-1, STO-2
fn a_message_that_comes_back_without_pubcomp_is_recorded_again<M: TestMemory>() {
    let (mut pair, mut store) = received::<M>();
    pair.exchange(&pubrel(1), &[]);
    pair.cut();
    store.sync(&mut pair);
    pair.resume(true);
    pair.exchange(&publish_again(QOS2, 1, "a"), &[]);
    store.sync(&mut pair);
    pair.expect(&[pubrec(1)]);
    pair.exchange(&pubrel(1), &[]);
    store.sync(&mut pair);
    pair.expect(&[pubcomp(1)]);
    assert_eq!(session_records(&store.content(store.log.len())), 0, "{store:?}");
}

/// The version is stored, so that the packets of a session of 3.1.1 are taken for what they are.
///
/// Promises: STO-2, VER-1
fn the_version_is_restored<M: TestMemory>() {
    let mut store = Store::default();
    let config = Config { version: Version::V3_1_1, ..with_store() };
    let mut pair = Pair::<M>::with(config);
    pair.connect();
    pair.publish(QOS1, "a");
    store.sync(&mut pair);
    pair.transmitted();
    let mut pair = store.restore::<M>(with_store()).unwrap();
    pair.version = Version::V3_1_1;
    pair.resume(true);
    pair.expect(&[publish_again(QOS1, 1, "a")]);
    // Also when a later connection speaks another one.
    let (mut pair, mut store) = stored::<M>();
    pair.cut();
    pair.version = Version::V3_1_1;
    pair.connect();
    pair.publish(QOS1, "a");
    store.sync(&mut pair);
    let mut pair = store.restore::<M>(with_store()).unwrap();
    pair.version = Version::V3_1_1;
    pair.resume(true);
    assert!(!pair.transmitted().is_empty());
}

/// 3.1.1 cannot reject a message, so it is received, and remembered as such.
///
/// Promises: STO-2, RECV-1
fn before_5_0_a_rejected_message_is_remembered<M: TestMemory>() {
    let mut store = Store::default();
    let config = Config { version: Version::V3_1_1, ..with_store() };
    let mut pair = Pair::<M>::with(config.clone());
    pair.connect();
    pair.send(&publish(QOS2, 1, "a"));
    let delivery = pair.expect_delivery("a");
    pair.session.ack(delivery, ReasonCode::NotAuthorized);
    store.sync(&mut pair);
    pair.expect(&[pubrec(1)]);
    let mut pair = store.restore::<M>(config).unwrap();
    pair.resume(true);
    pair.exchange(&publish_again(QOS2, 1, "a"), &[pubrec(1)]);
}

/// Expiry survives a restart: time is that of the epoch.
///
/// Promises: SEND-6, STO-2
fn expiry_is_restored<M: TestMemory>() {
    let (mut pair, mut store) = stored::<M>();
    pair.cut();
    pair.publish_expiring(60);
    store.sync(&mut pair);
    let at = pair.now;
    let mut pair = store.restore::<M>(with_store()).unwrap();
    pair.now = at.after(std::time::Duration::from_secs(20));
    pair.resume(true);
    store = store.crash(store.log.len());
    store.sync(&mut pair);
    let left = [Property::MessageExpiryInterval(40)];
    pair.expect(&[with_properties(publish(QOS1, 1, "x"), &left)]);
    let mut pair = store.crash(0).restore::<M>(with_store()).unwrap();
    pair.now = at.after(std::time::Duration::from_secs(60));
    pair.session.handle_timeout(pair.now);
    assert!(matches!(pair.events()[..], [Seen::Failed(_, Failure::Expired)]));
}

/// What was sent in a session that was lost may have been delivered, wherever the client crashes.
///
/// Promises: SEND-2, SEND-6, RES-2
fn what_was_sent_before_is_not_said_to_be_unsent<M: TestMemory>() {
    let (mut pair, mut store) = stored::<M>();
    pair.publish_expiring(60);
    store.sync(&mut pair);
    assert!(!pair.transmitted().is_empty());
    let sent = store.log.len();
    pair.cut();
    // Under another ClientID no identifier is taken.
    let connect = Connect { clean_start: false, ..Connect::new("other") };
    pair.connect_with(&connect, &connack(false));
    store.sync(&mut pair);
    let mut unsent = 0;
    for records in sent..=store.log.len() {
        let at = pair.now.after(std::time::Duration::from_secs(60));
        let mut pair = store.crash(records).restore::<M>(with_store()).unwrap();
        pair.now = at;
        pair.session.handle_timeout(pair.now);
        let events = pair.events();
        assert!(matches!(events[..], [] | [Seen::Indeterminate(_)]), "{records}: {events:?}");
        unsent += events.len();
    }
    assert!(unsent > 0, "at no place it waits to be sent as new");
}

/// A payload that is kept is stored like any other, and is there after a restart.
///
/// Promises: STO-2
fn a_kept_payload_is_restored<M: TestMemory>() {
    static BODY: [u8; 700] = [b'x'; 700];
    let (mut pair, mut store) = stored::<M>();
    pair.cut();
    let packet = message(QOS1, "ignored");
    let mut publish = || {
        let body = mqtt_session::Payload::Keep(M::body(&BODY));
        pair.session.publish(pair.now, &packet, body)
    };
    publish().unwrap();
    // What memory of a fixed size accepts it must be able to hold after a restart.
    let fits_twice = publish().is_ok();
    assert_eq!(fits_twice, M::KEEP_FROM > 0);
    store.sync(&mut pair);
    let mut pair = store.restore::<M>(with_store()).unwrap();
    pair.resume(true);
    store = store.crash(store.log.len());
    store.sync(&mut pair);
    let sent = pair.transmitted();
    let packets = decode(&sent, pair.version);
    assert_eq!(packets.len(), 1 + usize::from(fits_twice));
    assert!(matches!(packets[0], Packet::Publish(publish) if publish.payload == BODY));
}

crate::on_both_memories! {
    a_restored_session_goes_on
    pubrels_keep_their_order_over_restarts
    a_restored_session_may_be_lost
    every_prefix_of_a_session_loss_can_be_restored
    nothing_is_subscribed_to_before_a_lost_session_is_forgotten
    a_record_of_a_reused_identifier_is_deleted
    a_message_that_comes_back_before_pubcomp_is_recorded_again
    a_message_that_comes_back_without_pubcomp_is_recorded_again
    the_version_is_restored
    before_5_0_a_rejected_message_is_remembered
    expiry_is_restored
    what_was_sent_before_is_not_said_to_be_unsent
    a_kept_payload_is_restored
}
