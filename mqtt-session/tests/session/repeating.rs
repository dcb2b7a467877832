//! Copies of QoS 2 messages that the application has acknowledged.

use mqtt_session::{Config, Connect};

use crate::packets::*;
use crate::pair::{Pair, TestMemory};
use crate::store::Store;

/// The broker resumes: "a" with identifier 1 is acknowledged since an earlier connection.
fn resumed<M: TestMemory>() -> Pair<M> {
    let mut pair = Pair::<M>::connected();
    pair.send(&publish(QOS2, 1, "a"));
    let delivery = pair.expect_delivery("a");
    pair.ack(delivery);
    pair.expect(&[pubrec(1)]);
    pair.cut();
    pair.resume(true);
    pair
}

/// The PUBRECs of a connection leave in the order in which its messages came.
///
/// Promises: RECV-1, RECV-2
/// Enforces: MQTT-4.6.0-3, MQTT-4.3.3-10
fn a_copy_is_answered_behind_what_came_before_it<M: TestMemory>() {
    let mut pair = resumed::<M>();
    pair.send(&publish(QOS2, 2, "b"));
    let before = pair.expect_delivery("b");
    pair.exchange(&publish_again(QOS2, 1, "a"), &[]);
    pair.send(&publish(QOS2, 3, "c"));
    let behind = pair.expect_delivery("c");
    assert_eq!(pair.session.held(), 3);
    pair.ack(behind);
    pair.expect(&[]);
    pair.ack(before);
    pair.expect(&[pubrec(2), pubrec(1), pubrec(3)]);
    pair.exchange(&pubrel(1), &[pubcomp(1)]);
    assert_eq!(pair.session.held(), 2);
}

/// Likewise within one connection, before PUBREL and before PUBCOMP left.
///
/// Promises: RECV-1, RECV-2
/// Enforces: MQTT-4.6.0-3
fn a_copy_on_the_same_connection_waits_as_well<M: TestMemory>() {
    for released in [false, true] {
        let mut pair = Pair::<M>::connected();
        pair.send(&publish(QOS2, 1, "a"));
        let first = pair.expect_delivery("a");
        pair.ack(first);
        pair.expect(&[pubrec(1)]);
        pair.send(&publish(QOS2, 2, "b"));
        let before = pair.expect_delivery("b");
        if released {
            pair.send(&pubrel(1));
        }
        pair.exchange(&publish_again(QOS2, 1, "a"), &[]);
        pair.ack(before);
        pair.expect(&[pubrec(2), pubrec(1)]);
    }
}

/// While it waits it stays a message the application has, whatever DUP says of further copies.
///
/// Promises: RECV-2, RECV-3
/// Enforces: MQTT-4.3.3-10
fn a_copy_that_waits_is_not_delivered_again<M: TestMemory>() {
    let mut pair = resumed::<M>();
    pair.send(&publish(QOS2, 2, "b"));
    let before = pair.expect_delivery("b");
    for packet in [publish_again(QOS2, 1, "a"), publish(QOS2, 1, "a")] {
        pair.exchange(&packet, &[]);
        assert_eq!(pair.session.held(), 2);
    }
    // Nor after one more cut, nor without DUP.
    pair.cut();
    pair.resume(true);
    pair.exchange(&publish(QOS2, 1, "a"), &[pubrec(1)]);
    pair.exchange(&publish_again(QOS2, 2, "b"), &[]);
    pair.ack(before);
    pair.expect(&[pubrec(2)]);
    pair.exchange(&pubrel(1), &[pubcomp(1)]);
    pair.exchange(&pubrel(2), &[pubcomp(2)]);
    assert_eq!(pair.session.held(), 0);
}

/// PUBREL is answered at once, be it on this connection or, if the copy waited to its end, the next.
///
/// Promises: RECV-2
/// Enforces: MQTT-4.3.3-11
fn pubrel_ends_a_copy_that_waits<M: TestMemory>() {
    for cut in [false, true] {
        let mut pair = resumed::<M>();
        pair.send(&publish(QOS2, 2, "b"));
        let before = pair.expect_delivery("b");
        pair.exchange(&publish_again(QOS2, 1, "a"), &[]);
        if cut {
            pair.cut();
            pair.resume(true);
            pair.exchange(&publish_again(QOS2, 2, "b"), &[]);
        }
        pair.exchange(&pubrel(1), &[pubcomp(1)]);
        pair.ack(before);
        pair.expect(&[pubrec(2)]);
        // [MQTT-4.3.3-12]
        pair.send(&publish(QOS2, 1, "new"));
        pair.expect_delivery("new");
    }
}

/// A message of QoS 1 ends what was remembered of its identifier, also while its PUBREC waits; and that
/// there is something to remember is recorded once.
///
/// Promises: STO-2, RECV-2, RECV-3
fn a_copy_that_waits_is_recorded_once<M: TestMemory>() {
    let config = Config { store: true, ..Config::new(1) };
    let mut pair = Pair::<M>::with(config.clone());
    let mut store = Store::default();
    pair.connect();
    store.sync(&mut pair);
    pair.send(&publish(QOS2, 1, "a"));
    let delivery = pair.expect_delivery("a");
    pair.ack(delivery);
    assert_eq!(store.take(&mut pair), 1);
    store.sync(&mut pair);
    pair.expect(&[pubrec(1)]);
    pair.send(&publish(QOS2, 2, "b"));
    let before = pair.expect_delivery("b");
    pair.exchange(&publish_again(QOS2, 1, "a"), &[]);
    assert_eq!(store.take(&mut pair), 0);
    pair.ack(before);
    // That of "b".
    assert_eq!(store.take(&mut pair), 1);
    store.sync(&mut pair);
    pair.expect(&[pubrec(2), pubrec(1)]);

    pair.send(&publish(QOS2, 3, "c"));
    pair.expect_delivery("c");
    pair.exchange(&publish_again(QOS2, 1, "a"), &[]);
    pair.send(&publish(QOS1, 1, "other"));
    pair.expect_delivery("other");
    assert_eq!(store.take(&mut pair), 1);
    store.sync(&mut pair);
    let mut pair = store.restore::<M>(config).unwrap();
    pair.resume(true);
    pair.send(&publish(QOS2, 1, "new"));
    pair.expect_delivery("new");
}

/// The next CONNECT keeps a place for it, whether the end of the connection was polled or not.
///
/// Promises: BAD-3
fn a_copy_that_waits_keeps_its_place<M: TestMemory>() {
    let connects = [true, false].map(|polled| {
        let mut pair = resumed::<M>();
        pair.send(&publish(QOS2, 2, "b"));
        pair.expect_delivery("b");
        pair.exchange(&publish_again(QOS2, 1, "a"), &[]);
        if polled {
            pair.cut();
        } else {
            pair.session.handle_closed(pair.now);
        }
        pair.open(&Connect { clean_start: false, ..pair.clean() })
    });
    assert_eq!(connects[0], connects[1]);
}

/// What is known of earlier connections takes nothing from the Receive Maximum of this one, which may be
/// less because of it.
///
/// Promises: RECV-3, RECV-4
fn what_is_announced_is_taken_whatever_is_known<M: TestMemory>() {
    let receive_maximum = std::num::NonZeroU16::new(8).unwrap();
    let config = Config { receive_maximum, strict: true, ..Config::new(1) };
    let mut pair = Pair::<M>::with(config);
    pair.connect();
    for id in 1..=5 {
        pair.send(&publish(QOS2, id, "a"));
        let delivery = pair.expect_delivery("a");
        pair.ack(delivery);
        pair.expect(&[pubrec(id)]);
    }
    pair.cut();
    // Memory of eight places has announced three.
    pair.resume(true);
    pair.exchange(&publish_again(QOS2, 1, "a"), &[pubrec(1)]);
    for id in [6, 7] {
        pair.send(&publish(QOS1, id, "b"));
        pair.expect_delivery("b");
    }
}

crate::on_both_memories! {
    a_copy_that_waits_keeps_its_place
    a_copy_is_answered_behind_what_came_before_it
    a_copy_on_the_same_connection_waits_as_well
    a_copy_that_waits_is_not_delivered_again
    pubrel_ends_a_copy_that_waits
    a_copy_that_waits_is_recorded_once
    what_is_announced_is_taken_whatever_is_known
}
