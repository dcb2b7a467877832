//! Before 5.0 a broker is not told how many messages this end holds.

use std::num::NonZeroU16;
use std::time::Duration;

use mqtt_session::proto::{Packet, QoS, Version};
use mqtt_session::{CloseReason, Closing, Config, Connect, Delivery, ViolationKind, Wakeup};

use crate::packets::*;
use crate::pair::{Pair, Seen, TestMemory};

const SECOND: Duration = Duration::from_secs(1);

/// The connection is given up for want of room.
const NO_ROOM: Seen = Seen::Closed(CloseReason::Violation(ViolationKind::ReceiveMaximum));

fn connected<M: TestMemory>() -> Pair<M> {
    let config = Config { receive_maximum: NonZeroU16::MIN, ..Config::new(1) };
    let mut pair = Pair::with(Config { version: Version::V3_1_1, ..config });
    pair.connect();
    pair
}

/// How many messages are held.
fn room<M: TestMemory>() -> u16 {
    if M::KEEP_FROM == 0 { 8 } else { 33 }
}

/// Takes so many messages.
#[track_caller]
fn take<M: TestMemory>(pair: &mut Pair<M>, messages: u16) -> Vec<Delivery> {
    (0..messages).map(|_| pair.expect_delivery("x")).collect()
}

/// So many messages arrive at once and are taken, and one more that is not.
#[track_caller]
fn fill<M: TestMemory>(pair: &mut Pair<M>, qos: QoS) -> Vec<Delivery> {
    for id in 1..=room::<M>() + 1 {
        pair.send(&publish(qos, id, "x"));
    }
    let deliveries = take(pair, room::<M>());
    pair.expect_events(&[]);
    deliveries
}

/// What one read brought is more than there is room for, but for that only acknowledgements have to
/// leave.
///
/// Promises: BAD-2, RECV-4
fn a_burst_is_taken_as_acknowledgements_leave<M: TestMemory>() {
    let mut pair = connected::<M>();
    let burst = 3 * room::<M>();
    for id in 1..=burst {
        pair.send(&publish(QOS1, id, "x"));
    }
    for round in 0..3 {
        for delivery in take(&mut pair, room::<M>()) {
            pair.ack(delivery);
        }
        pair.expect_events(&[]);
        assert_eq!(pair.session.wants_input(), round == 2);
        let first = round * room::<M>() + 1;
        let acks: Vec<_> = (first..first + room::<M>()).map(puback).collect();
        pair.expect(&acks);
        assert!(pair.session.wants_input());
    }
    assert_eq!(pair.session.closing(), Closing::No);
    assert_eq!(pair.session.tolerated(), 0);
}

/// Silence proves nothing meanwhile; the broker hears PINGREQs.
///
/// Promises: BAD-2, RECV-4, LIVE-1
fn reading_waits_for_the_application<M: TestMemory>() {
    let mut pair = connected::<M>();
    let deliveries = fill(&mut pair, QOS1);
    assert!(!pair.session.wants_input());
    for _ in 0..10 {
        pair.pass(60 * SECOND);
        // The owner pauses and goes on as ever.
        pair.session.handle_paused(pair.now, false);
        pair.session.handle_timeout(pair.now);
        pair.expect_events(&[]);
        pair.expect(&[Packet::PingReq]);
    }
    for (delivery, id) in deliveries.into_iter().zip(1..) {
        pair.ack(delivery);
        pair.expect(&[puback(id)]);
        assert!(pair.session.wants_input());
        if id == 1 {
            take(&mut pair, 1);
        }
    }
    // From now on it does.
    pair.pass(60 * SECOND);
    pair.session.handle_timeout(pair.now);
    assert_eq!(pair.close(), [Seen::Closed(CloseReason::KeepAlive)]);
}

/// Only PUBRELs would make room, and they are behind it. All that was acknowledged the broker knows,
/// so that it comes further on each connection.
///
/// Promises: BAD-2, RECV-1
fn at_qos_2_the_connection_ends_once_all_is_acknowledged<M: TestMemory>() {
    let mut pair = connected::<M>();
    let deliveries = fill(&mut pair, QOS2);
    assert!(!pair.session.wants_input());
    for (delivery, id) in deliveries.into_iter().zip(1..) {
        pair.expect_events(&[]);
        pair.ack(delivery);
        pair.expect(&[pubrec(id)]);
    }
    assert!(pair.session.wants_input());
    pair.expect_events(&[]);
    assert_eq!(pair.session.closing(), Closing::Now);
    assert_eq!(pair.close(), [NO_ROOM]);
    pair.resume(true);
    for id in 1..=room::<M>() {
        pair.exchange(&pubrel(id), &[pubcomp(id)]);
    }
    pair.send(&publish_again(QOS2, room::<M>() + 1, "x"));
    take(&mut pair, 1);
}

/// Promises: BAD-2
fn what_the_application_gave_up_is_not_waited_for<M: TestMemory>() {
    let mut pair = connected::<M>();
    let deliveries = fill(&mut pair, QOS1);
    pair.session.abandon(deliveries[0]);
    assert!(pair.session.wants_input());
    pair.expect_events(&[]);
    assert_eq!(pair.close(), [NO_ROOM]);
}

/// An answer may be behind what is not read.
///
/// Promises: BAD-2, BAD-4
fn while_an_answer_is_missing_it_waits_no_longer_than_for_one<M: TestMemory>() {
    let mut pair = connected::<M>();
    pair.cut();
    // Without PINGREQs among the deadlines.
    let connect = Connect { keep_alive: 0, ..pair.clean() };
    pair.connect_with(&connect, &connack(false));
    fill(&mut pair, QOS1);
    assert_eq!(pair.session.poll_timeout(), None);
    pair.pass(100 * SECOND);
    pair.session.handle_timeout(pair.now);
    pair.publish(QOS1, "y");
    pair.expect(&[publish(QOS1, 1, "y")]);
    let due = pair.now.after(30 * SECOND);
    assert_eq!(pair.session.poll_timeout(), Some((due, Wakeup::ResponseTimeout)));
    pair.pass(10 * SECOND);
    pair.publish(QOS1, "z");
    pair.expect(&[publish(QOS1, 2, "z")]);
    assert_eq!(pair.session.poll_timeout(), Some((due, Wakeup::ResponseTimeout)));
    pair.pass(20 * SECOND);
    pair.session.handle_timeout(pair.now);
    assert_eq!(pair.session.poll_timeout(), None);
    assert_eq!(pair.close(), [NO_ROOM]);
}

/// What was not read is sent again.
///
/// Promises: BAD-2, RES-1
fn the_end_of_the_connection_waits_for_no_room<M: TestMemory>() {
    let mut pair = connected::<M>();
    fill(&mut pair, QOS1);
    pair.cut();
    pair.resume(true);
    for id in 1..=room::<M>() {
        pair.exchange(&publish_again(QOS1, id, "x"), &[]);
    }
    // Of what is read only after the end likewise.
    pair.send(&publish_again(QOS1, room::<M>() + 1, "x"));
    pair.cut();
}

/// Promises: BAD-2, BAD-3
fn a_message_above_the_limit_waits_for_room_to_acknowledge_it<M: TestMemory>() {
    let maximum_packet_size = std::num::NonZeroU32::new(100);
    let config = Config { receive_maximum: NonZeroU16::MIN, maximum_packet_size, ..Config::new(1) };
    let mut pair = Pair::<M>::with(Config { version: Version::V3_1_1, ..config });
    pair.connect();
    for id in 1..=room::<M>() {
        pair.send(&publish(QOS1, id, "x"));
    }
    let mut deliveries = take(&mut pair, room::<M>()).into_iter();
    let long = "x".repeat(200);
    pair.send(&publish(QOS1, 100, &long));
    assert!(matches!(pair.events()[..], [Seen::Skipped { .. }]));
    assert!(!pair.session.wants_input());
    pair.ack(deliveries.next().unwrap());
    pair.expect(&[puback(1)]);
    pair.expect_events(&[]);
    // In the order of arrival.
    let rest: Vec<_> = (2..=room::<M>()).chain([100]).map(puback).collect();
    deliveries.for_each(|delivery| pair.ack(delivery));
    pair.expect(&rest);
    assert!(pair.session.wants_input());
}

crate::on_both_memories! {
    a_burst_is_taken_as_acknowledgements_leave
    reading_waits_for_the_application
    at_qos_2_the_connection_ends_once_all_is_acknowledged
    what_the_application_gave_up_is_not_waited_for
    while_an_answer_is_missing_it_waits_no_longer_than_for_one
    the_end_of_the_connection_waits_for_no_room
    a_message_above_the_limit_waits_for_room_to_acknowledge_it
}
