//! Records: what waits for them, and what a store that fails comes to.

use mqtt_session::proto::{Packet, ReasonCode};
use mqtt_session::{CloseReason, Closing, Failure};

use crate::packets::*;
use crate::pair::{Seen, TestMemory};
use crate::store::{session_records, stored, with_store};

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

crate::on_both_memories! {
    a_publish_waits_for_its_record
    publishes_leave_in_order_as_far_as_they_are_stored
    what_needs_no_record_does_not_wait
    pubrel_waits_for_its_record_and_the_outcome_for_none
    pubrec_and_pubcomp_wait_for_their_records
    each_kind_of_acknowledgement_waits_for_itself
    publishes_that_cannot_be_stored_fail
    an_identifier_without_its_message_is_deleted
    without_any_other_record_the_session_stops
}
