//! Records: what waits for them, what comes back, and failures.

use std::collections::BTreeMap;

use mqtt_session::proto::{Packet, Property, ReasonCode, Version};
use mqtt_session::{
    CloseReason, Closing, Config, Connect, Failure, RecordKey, RestoreError, Session, Time,
};

use crate::packets::*;
use crate::pair::{Pair, Seen, TestMemory};
use crate::store::Store;

const OK: ReasonCode = ReasonCode::Success;

fn with_store() -> Config {
    Config { store: true, ..Config::new(1) }
}

/// A connected session whose records so far are stored.
fn stored<M: TestMemory>() -> (Pair<M>, Store) {
    let mut pair = Pair::with(with_store());
    let mut store = Store::default();
    pair.connect();
    store.sync(&mut pair);
    (pair, store)
}

/// Promises: STO-1, SEND-2
fn a_publish_waits_for_its_record<M: TestMemory>() {
    let (mut pair, mut store) = stored::<M>();
    for qos in [QOS1, QOS2] {
        pair.publish(qos, "a");
        pair.expect(&[]);
        // One record, identifier included, as the window is open.
        assert_eq!(store.take(&mut pair), 1);
        pair.expect(&[]);
        assert!(!pair.session.wants_transmit());
        store.sync(&mut pair);
        assert_eq!(decode(&pair.transmitted(), pair.version).len(), 1);
    }
}

/// The longest prefix whose records are stored.
///
/// Promises: STO-1
fn publishes_leave_in_order_as_far_as_they_are_stored<M: TestMemory>() {
    let (mut pair, mut store) = stored::<M>();
    for payload in ["a", "b", "c"] {
        pair.publish(QOS1, payload);
    }
    assert_eq!(store.take(&mut pair), 3);
    let second = store.log[store.log.len() - 2].seq;
    pair.session.handle_stored(second);
    pair.expect(&[publish(QOS1, 1, "a"), publish(QOS1, 2, "b")]);
    pair.session.handle_stored(second + 1);
    pair.expect(&[publish(QOS1, 3, "c")]);
}

/// A slow store delays only what needs it.
///
/// Promises: STO-1, LIVE-1
fn what_needs_no_record_does_not_wait<M: TestMemory>() {
    let (mut pair, _) = stored::<M>();
    pair.publish(QOS1, "waits");
    pair.try_publish(QOS0, "passes").unwrap();
    pair.subscribe("a");
    pair.send(&publish(QOS1, 9, ""));
    let delivery = pair.expect_delivery("");
    pair.ack(delivery);
    let (at, _) = pair.session.poll_timeout().unwrap();
    pair.now = at;
    pair.session.handle_timeout(at);
    pair.expect(&[
        Packet::PingReq,
        puback(9),
        publish(QOS0, 0, "passes"),
        subscribe(2, &[filter("a")]),
    ]);
    pair.disconnect();
    pair.expect(&[disconnect(ReasonCode::NormalDisconnection)]);
}

/// Outwards, each step of QoS 2 waits for the record of the one before.
///
/// Promises: STO-1
fn pubrel_waits_for_its_record_and_the_outcome_for_none<M: TestMemory>() {
    let (mut pair, mut store) = stored::<M>();
    let token = pair.publish(QOS2, "a");
    store.sync(&mut pair);
    pair.expect(&[publish(QOS2, 1, "a")]);
    pair.exchange(&pubrec(1), &[]);
    assert!(!pair.session.wants_transmit());
    store.sync(&mut pair);
    pair.expect(&[pubrel(1)]);
    pair.send(&pubcomp(1));
    pair.expect_delivered(token);
    store.sync(&mut pair);
    assert_eq!(session_records(&store.content(store.log.len())), 0, "{store:?}");
}

/// Inwards likewise.
///
/// Promises: STO-1, RECV-1
fn pubrec_and_pubcomp_wait_for_their_records<M: TestMemory>() {
    let (mut pair, mut store) = stored::<M>();
    pair.send(&publish(QOS2, 1, "a"));
    let delivery = pair.expect_delivery("a");
    assert_eq!(store.take(&mut pair), 0);
    pair.ack(delivery);
    pair.expect(&[]);
    store.sync(&mut pair);
    pair.expect(&[pubrec(1)]);
    pair.exchange(&pubrel(1), &[]);
    store.sync(&mut pair);
    pair.expect(&[pubcomp(1)]);
    assert_eq!(session_records(&store.content(store.log.len())), 0, "{store:?}");
}

/// One kind of acknowledgement does not wait for the records of another.
///
/// Promises: STO-1
fn each_kind_of_acknowledgement_waits_for_itself<M: TestMemory>() {
    let (mut pair, mut store) = stored::<M>();
    for (qos, id) in [(QOS2, 1), (QOS1, 2), (QOS2, 3)] {
        pair.send(&publish(qos, id, ""));
        let delivery = pair.expect_delivery("");
        pair.ack(delivery);
    }
    pair.expect(&[puback(2)]);
    store.take(&mut pair);
    let first = store.log[store.log.len() - 2].seq;
    pair.session.handle_stored(first);
    pair.expect(&[pubrec(1)]);
    store.sync(&mut pair);
    pair.expect(&[pubrec(3)]);
}

/// Messages, their stages and received identifiers: all but session and subscriptions.
fn session_records(content: &BTreeMap<RecordKey, Vec<u8>>) -> usize {
    content.keys().filter(|key| key.0[0] >= 2).count()
}

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

/// A message of QoS 1 ends what was remembered of its identifier.
///
/// Promises: STO-2, RECV-3
fn a_record_of_a_reused_identifier_is_deleted<M: TestMemory>() {
    let (mut pair, mut store) = stored::<M>();
    pair.send(&publish(QOS2, 1, "a"));
    let delivery = pair.expect_delivery("a");
    pair.ack(delivery);
    store.sync(&mut pair);
    pair.expect(&[pubrec(1)]);
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
    let (mut pair, mut store) = stored::<M>();
    pair.send(&publish(QOS2, 1, "a"));
    let delivery = pair.expect_delivery("a");
    pair.ack(delivery);
    store.sync(&mut pair);
    pair.expect(&[pubrec(1)]);
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
    let (mut pair, mut store) = stored::<M>();
    pair.send(&publish(QOS2, 1, "a"));
    let delivery = pair.expect_delivery("a");
    pair.ack(delivery);
    store.sync(&mut pair);
    pair.expect(&[pubrec(1)]);
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

/// What no version of this crate wrote is refused with its key.
fn unreadable_records_are_refused<M: TestMemory>() {
    let store = in_every_stage::<M>();
    let content = store.content(store.log.len());
    let restore = |content: &BTreeMap<RecordKey, Vec<u8>>| {
        let records = content.iter().map(|(key, value)| (*key, &value[..]));
        Session::<M>::restore(with_store(), Time::ZERO, records).map(|_| ())
    };
    assert_eq!(restore(&content), Ok(()));
    for (key, value) in &content {
        let mut broken = content.clone();
        // Another format.
        broken.insert(*key, [&[0xFF], &value[1..]].concat());
        assert_eq!(restore(&broken), Err(RestoreError::Unreadable { key: *key }));
        broken.insert(*key, Vec::new());
        assert_eq!(restore(&broken), Err(RestoreError::Unreadable { key: *key }));
    }
    for unknown in [RecordKey([9; 9]), RecordKey([1, 255, 255, 255, 255, 255, 255, 255, 255])] {
        let mut broken = content.clone();
        broken.insert(unknown, vec![1, 5]);
        assert_eq!(restore(&broken), Err(RestoreError::Unreadable { key: unknown }));
    }
    let (first, last) = (content.iter().next().unwrap(), content.iter().last().unwrap());
    let disordered = [last, first].map(|(key, value)| (*key, &value[..]));
    let restored = Session::<M>::restore(with_store(), Time::ZERO, disordered).map(|_| ());
    assert_eq!(restored, Err(RestoreError::Order { key: *first.0 }));
}

/// Whatever the bytes are, restoring them is an answer and no panic.
fn broken_values_never_panic<M: TestMemory>() {
    let store = in_every_stage::<M>();
    let content = store.content(store.log.len());
    for (key, value) in &content {
        for at in 0..value.len() {
            for broken in [
                value[..at].to_vec(),
                [&value[..at], &[value[at] ^ 0xFF], &value[at + 1..]].concat(),
            ] {
                let mut content = content.clone();
                content.insert(*key, broken);
                let records = content.iter().map(|(key, value)| (*key, &value[..]));
                let session = Session::<M>::restore(with_store(), Time::ZERO, records);
                let Ok(session) = session else { continue };
                let mut pair = Pair::<M>::new();
                pair.session = session;
                let version = if pair.session.open(pair.now, &pair.clean()).is_ok() {
                    Version::V5
                } else {
                    continue;
                };
                pair.version = version;
                pair.session.poll_transmit(pair.now, &mut Vec::new()).unwrap();
                pair.send(&connack(false));
                pair.events();
                pair.session.poll_transmit(pair.now, &mut Vec::new()).unwrap();
            }
        }
    }
}

/// Promises: STO-1
fn publishes_that_cannot_be_stored_fail<M: TestMemory>() {
    let (mut pair, mut store) = stored::<M>();
    let safe = pair.publish(QOS1, "safe");
    store.sync(&mut pair);
    let failing = [pair.publish(QOS1, "a"), pair.publish(QOS2, "b")];
    store.take(&mut pair);
    let untried = pair.publish(QOS1, "c");
    let at = store.log[store.log.len() - 2].seq;
    pair.session.handle_store_failed(at);
    pair.expect_events(&failing.map(|token| Seen::Failed(token, Failure::StoreFailed)));
    pair.expect(&[publish(QOS1, 1, "safe")]);
    // The store may recover.
    store.sync(&mut pair);
    pair.expect(&[publish(QOS1, 4, "c")]);
    for (id, token) in [(1, safe), (4, untried)] {
        pair.send(&puback(id));
        pair.expect_delivered(token);
    }
    // There is nothing to delete of what was never there.
    store.sync(&mut pair);
    let deleted = store.log.iter().filter(|record| record.value.is_none()).count();
    assert_eq!(deleted, 2, "{store:?}");
}

/// A message that cannot be stored leaves no record of its identifier behind.
///
/// Promises: STO-1, STO-2
fn an_identifier_without_its_message_is_deleted<M: TestMemory>() {
    let (mut pair, mut store) = stored::<M>();
    pair.cut();
    let token = pair.publish(QOS1, "a");
    store.take(&mut pair);
    let message = store.log.pop().unwrap();
    // The window opens: the identifier is recorded behind the message.
    pair.resume(true);
    pair.session.handle_store_failed(message.seq);
    pair.expect_events(&[Seen::Failed(token, Failure::StoreFailed)]);
    store.sync(&mut pair);
    assert_eq!(session_records(&store.content(store.log.len())), 0, "{store:?}");
}

/// Promises: STO-1
fn without_any_other_record_the_session_stops<M: TestMemory>() {
    let (mut pair, mut store) = stored::<M>();
    pair.publish(QOS2, "a");
    store.sync(&mut pair);
    pair.transmitted();
    pair.send(&pubrec(1));
    pair.expect_events(&[]);
    let unstored = pair.publish(QOS1, "b");
    store.take(&mut pair);
    // PUBREC, the end of its message, and the new message.
    let at = store.log[store.log.len() - 3].seq;
    pair.session.handle_store_failed(at);
    pair.expect_events(&[Seen::Failed(unstored, Failure::StoreFailed)]);
    // PUBREL depends on the record and is not sent.
    pair.expect(&[disconnect(ReasonCode::ImplementationSpecificError)]);
    assert_eq!(pair.session.closing(), Closing::AfterFlush);
    assert_eq!(pair.close(), [Seen::Closed(CloseReason::StoreFailed)]);
    assert_eq!(store.take(&mut pair), 0);
    // Nor is it ever.
    let never = pair.publish(QOS1, "c");
    pair.expect_events(&[Seen::Failed(never, Failure::StoreFailed)]);
    pair.inbound = pair.session.open(pair.now, &pair.clean()).unwrap();
    assert_eq!(pair.session.closing(), Closing::Now);
    pair.expect(&[]);
    assert_eq!(pair.close(), [Seen::Closed(CloseReason::StoreFailed)]);
    // The store has what was reported: the message goes out again from there.
    let mut pair = store.crash(at as usize - 1).restore::<M>(with_store()).unwrap();
    pair.resume(true);
    pair.expect(&[publish_again(QOS2, 1, "a")]);
}

/// A crash between the record of a subscription and the end of the one it replaced leaves two to one
/// filter: what ends one of them ends both.
///
/// Promises: STO-2, RES-3
fn equal_subscriptions_end_together<M: TestMemory>() {
    let (mut pair, mut store) = stored::<M>();
    for id in [1, 2] {
        pair.subscribe("a");
        pair.transmitted();
        pair.send(&suback(id, &[OK]));
        pair.poll();
        store.sync(&mut pair);
    }
    let deleted = store.log.len() - 1;
    assert_eq!(store.log[deleted].value, None);
    for (answer, left) in [(unsuback(1, &[OK]), 0), (suback(1, &[OK]), 1)] {
        let mut after = store.crash(deleted);
        let mut pair = after.restore::<M>(with_store()).unwrap();
        pair.resume(true);
        match left {
            0 => pair.unsubscribe("a"),
            _ => pair.subscribe("a"),
        };
        pair.transmitted();
        pair.send(&answer);
        pair.poll();
        after.sync(&mut pair);
        // The session is recorded, too.
        assert_eq!(after.content(after.log.len()).len(), 1 + left);
        pair.cut();
        pair.resume(false);
        pair.expect(&[subscribe(2, &[filter("a")])][..left]);
    }
    let mut pair = store.crash(deleted).restore::<M>(with_store()).unwrap();
    pair.unsubscribe("a");
    pair.resume(false);
    pair.expect(&[unsubscribe(1, &["a"])]);
}

/// Records of subscriptions follow what the broker granted.
///
/// Promises: STO-1, RES-3
fn subscriptions_are_stored<M: TestMemory>() {
    let (mut pair, mut store) = stored::<M>();
    for (id, text) in [(1, "a"), (2, "b"), (3, "a")] {
        pair.subscribe(text);
        pair.transmitted();
        pair.send(&suback(id, &[OK]));
        pair.poll();
    }
    pair.unsubscribe("b");
    pair.transmitted();
    pair.send(&unsuback(4, &[OK]));
    pair.poll();
    store.sync(&mut pair);
    // Session, and one subscription.
    assert_eq!(store.content(store.log.len()).len(), 2);
    let mut pair = store.restore::<M>(with_store()).unwrap();
    pair.resume(false);
    pair.expect(&[subscribe(1, &[filter("a")])]);
    pair.send(&suback(1, &[ReasonCode::NotAuthorized]));
    pair.expect_events(&[Seen::SubscriptionLost(ReasonCode::NotAuthorized)]);
    let mut after = store.crash(store.log.len());
    after.sync(&mut pair);
    assert_eq!(after.content(after.log.len()).len(), 1);
}

/// Fixed memory keeps few records; what would make more waits, and none is lost.
///
/// Promises: STO-1, SEND-4
#[cfg(feature = "fixed")]
#[test]
fn a_full_journal_loses_no_record() {
    use mqtt_session::PublishError;
    let (mut pair, mut store) = stored::<crate::pair::Wide>();
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
#[cfg(feature = "fixed")]
#[test]
fn identifiers_wait_for_room_in_the_journal() {
    let mut pair = Pair::<crate::pair::Wide>::with(with_store());
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
#[cfg(feature = "fixed")]
#[test]
fn records_that_fail_make_room() {
    let (mut pair, mut store) = stored::<crate::pair::Wide>();
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
#[cfg(feature = "fixed")]
#[test]
fn records_without_a_message_make_room() {
    let (mut pair, mut store) = stored::<crate::pair::Wide>();
    let expired =
        with_an_ack_behind_a_full_journal(&mut pair, &[Property::MessageExpiryInterval(1)]);
    pair.pass(std::time::Duration::from_secs(2));
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
#[cfg(feature = "fixed")]
fn with_an_ack_behind_a_full_journal<M: TestMemory>(
    pair: &mut Pair<M>,
    properties: &[Property<'_>],
) -> usize {
    use mqtt_session::{Payload, proto};
    pair.send(&publish(QOS2, 1, ""));
    let delivery = pair.expect_delivery("");
    let properties = proto::Properties::from_slice(properties);
    let publish = proto::Publish { properties, ..message(QOS1, "a") };
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
#[cfg(feature = "fixed")]
#[test]
fn the_end_waits_for_room_in_the_journal() {
    let (mut pair, mut store) = stored::<crate::pair::Wide>();
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
#[cfg(feature = "fixed")]
#[test]
fn what_is_stored_fits_again() {
    let (mut pair, mut store) = stored::<crate::pair::Small>();
    pair.cut();
    let long = "x".repeat(600);
    let properties = [Property::MessageExpiryInterval(5)];
    let packet = mqtt_session::proto::Publish {
        properties: mqtt_session::proto::Properties::from_slice(&properties),
        ..message(QOS1, &long)
    };
    let payload = mqtt_session::Payload::Copy(long.as_bytes());
    let expiring = pair.session.publish(pair.now, &packet, payload).unwrap().unwrap();
    store.sync(&mut pair);
    pair.pass(std::time::Duration::from_secs(5));
    pair.session.handle_timeout(pair.now);
    let full = Err(mqtt_session::PublishError::Full);
    assert_eq!(pair.try_publish(QOS1, &long), full);
    pair.expect_events(&[Seen::Failed(expiring, Failure::Expired), Seen::Writable]);
    pair.publish(QOS1, &long);
    store.sync(&mut pair);
    for records in 0..=store.log.len() {
        assert!(store.crash(records).restore::<crate::pair::Small>(with_store()).is_ok());
    }
}

/// Likewise when one answer makes many records.
///
/// Promises: STO-1
#[cfg(feature = "fixed")]
#[test]
fn one_suback_may_make_more_records_than_there_is_room_for() {
    let (mut pair, mut store) = stored::<crate::pair::Wide>();
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

crate::on_both_memories! {
    a_publish_waits_for_its_record
    publishes_leave_in_order_as_far_as_they_are_stored
    what_needs_no_record_does_not_wait
    pubrel_waits_for_its_record_and_the_outcome_for_none
    pubrec_and_pubcomp_wait_for_their_records
    each_kind_of_acknowledgement_waits_for_itself
    a_restored_session_goes_on
    pubrels_keep_their_order_over_restarts
    a_restored_session_may_be_lost
    every_prefix_of_a_session_loss_can_be_restored
    a_record_of_a_reused_identifier_is_deleted
    a_message_that_comes_back_before_pubcomp_is_recorded_again
    a_message_that_comes_back_without_pubcomp_is_recorded_again
    the_version_is_restored
    before_5_0_a_rejected_message_is_remembered
    expiry_is_restored
    what_was_sent_before_is_not_said_to_be_unsent
    a_kept_payload_is_restored
    unreadable_records_are_refused
    broken_values_never_panic
    publishes_that_cannot_be_stored_fail
    an_identifier_without_its_message_is_deleted
    without_any_other_record_the_session_stops
    equal_subscriptions_end_together
    subscriptions_are_stored
}
