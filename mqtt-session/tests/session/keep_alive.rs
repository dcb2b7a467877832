//! PINGREQ, and a broker that stopped answering.

use std::time::Duration;

use mqtt_session::proto::{Packet, Property};
use mqtt_session::{CloseReason, Closing, Config, Connect, Wakeup};

use crate::packets::*;
use crate::pair::{Pair, Seen, TestMemory};

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Goes to the next deadline, which is for this.
#[track_caller]
fn wake<M: TestMemory>(pair: &mut Pair<M>, why: Wakeup) -> Duration {
    let (at, reason) = pair.session.poll_timeout().expect("a deadline");
    assert_eq!(reason, why);
    let passed = at.since(pair.now);
    pair.now = at;
    pair.session.handle_timeout(at);
    let next = pair.session.poll_timeout();
    assert!(next.is_none_or(|(next, _)| next > at), "{next:?} is not later than {at:?}");
    passed
}

/// Promises: LIVE-1
/// Enforces: MQTT-3.1.2-20
fn a_quiet_connection_is_pinged<M: TestMemory>() {
    let mut pair = Pair::<M>::connected();
    assert_eq!(wake(&mut pair, Wakeup::KeepAlive), seconds(29));
    pair.expect(&[Packet::PingReq]);
    pair.expect(&[]);
    pair.pass(seconds(1));
    pair.exchange(&Packet::PingResp, &[]);
    assert_eq!(wake(&mut pair, Wakeup::KeepAlive), seconds(28));
    pair.expect(&[Packet::PingReq]);
}

/// Promises: LIVE-1
fn what_goes_both_ways_keeps_it_alive<M: TestMemory>() {
    let mut pair = Pair::<M>::connected();
    for _ in 0..60 {
        pair.pass(seconds(1));
        pair.try_publish(QOS0, "").unwrap();
        pair.expect(&[publish(QOS0, 0, "")]);
        pair.send(&publish(QOS0, 0, ""));
        pair.expect_message("");
    }
    assert_eq!(wake(&mut pair, Wakeup::KeepAlive), seconds(29));
    pair.expect(&[Packet::PingReq]);
}

/// Traffic in one direction does not keep the other alive.
///
/// Promises: LIVE-1
fn either_direction_counts<M: TestMemory>() {
    let mut pair = Pair::<M>::connected();
    for _ in 0..28 {
        pair.pass(seconds(1));
        pair.try_publish(QOS0, "").unwrap();
        pair.transmitted();
    }
    assert_eq!(wake(&mut pair, Wakeup::KeepAlive), seconds(1));
    pair.expect(&[Packet::PingReq]);
    let mut pair = Pair::<M>::connected();
    for _ in 0..28 {
        pair.pass(seconds(1));
        pair.send(&publish(QOS0, 0, ""));
        pair.expect_message("");
    }
    assert_eq!(wake(&mut pair, Wakeup::KeepAlive), seconds(1));
    pair.expect(&[Packet::PingReq]);
}

/// Promises: LIVE-1
fn any_inbound_byte_is_life<M: TestMemory>() {
    let mut pair = Pair::<M>::connected();
    wake(&mut pair, Wakeup::KeepAlive);
    pair.expect(&[Packet::PingReq]);
    pair.pass(seconds(9));
    // Half a packet, long before PINGRESP.
    pair.send_bytes(&[0x30]);
    pair.expect_events(&[]);
    pair.pass(seconds(2));
    pair.session.handle_timeout(pair.now);
    assert_eq!(pair.session.closing(), Closing::No);
}

/// Promises: LIVE-1
fn no_life_within_the_ping_timeout_closes<M: TestMemory>() {
    let mut pair = Pair::<M>::connected();
    pair.publish(QOS1, "kept");
    wake(&mut pair, Wakeup::KeepAlive);
    pair.transmitted();
    assert_eq!(wake(&mut pair, Wakeup::PingTimeout), seconds(10));
    assert_eq!(pair.session.closing(), Closing::Now);
    assert_eq!(pair.session.poll_timeout(), None);
    assert!(!pair.session.wants_input());
    assert_eq!(pair.transmitted(), []);
    assert_eq!(pair.close(), [Seen::Closed(CloseReason::KeepAlive)]);
    pair.resume(true);
    pair.expect(&[publish_again(QOS1, 1, "kept")]);
}

/// Promises: LIVE-1
fn the_ping_timeout_is_the_owners_choice<M: TestMemory>() {
    let config = Config { ping_timeout: seconds(3), ..Config::new(1) };
    let mut pair = Pair::<M>::with(config);
    pair.connect();
    wake(&mut pair, Wakeup::KeepAlive);
    assert_eq!(wake(&mut pair, Wakeup::PingTimeout), seconds(3));
}

/// What was received before the judgement counts, however late it is polled.
///
/// Promises: LIVE-1
fn unread_input_is_life<M: TestMemory>() {
    let mut pair = Pair::<M>::connected();
    wake(&mut pair, Wakeup::KeepAlive);
    pair.expect(&[Packet::PingReq]);
    pair.pass(seconds(5));
    pair.send(&publish(QOS0, 0, "a"));
    pair.pass(seconds(6));
    // Drained first, as the documentation of `handle_timeout` says.
    pair.expect_message("a");
    pair.session.handle_timeout(pair.now);
    assert_eq!(pair.session.closing(), Closing::No);
}

/// Promises: LIVE-1
fn while_the_owner_does_not_read_silence_proves_nothing<M: TestMemory>() {
    let mut pair = Pair::<M>::connected();
    wake(&mut pair, Wakeup::KeepAlive);
    pair.expect(&[Packet::PingReq]);
    pair.session.handle_paused(pair.now, true);
    // But pings go on: they are owed to the broker.
    for _ in 0..3 {
        assert_eq!(wake(&mut pair, Wakeup::KeepAlive), seconds(29));
        pair.expect(&[Packet::PingReq]);
    }
    pair.session.handle_paused(pair.now, false);
    assert_eq!(wake(&mut pair, Wakeup::PingTimeout), seconds(10));
    assert_eq!(pair.session.closing(), Closing::Now);
}

/// Promises: LIVE-1
fn keep_alive_0_never_pings<M: TestMemory>() {
    let mut pair = Pair::<M>::new();
    pair.connect_with(&Connect { keep_alive: 0, ..pair.clean() }, &connack(false));
    assert_eq!(pair.session.poll_timeout(), None);
    pair.pass(seconds(100_000));
    pair.session.handle_timeout(pair.now);
    pair.expect(&[]);
    assert_eq!(pair.session.closing(), Closing::No);
}

/// Promises: CON-2, LIVE-1
/// Enforces: MQTT-3.1.2-21, MQTT-3.2.2-21
fn server_keep_alive_replaces_ones_own<M: TestMemory>() {
    let mut pair = Pair::<M>::granted(&granting(&[Property::ServerKeepAlive(10)]));
    assert_eq!(wake(&mut pair, Wakeup::KeepAlive), seconds(9));
    let off = granting(&[Property::ServerKeepAlive(0)]);
    let pair = Pair::<M>::granted(&off);
    assert_eq!(pair.session.poll_timeout(), None);
}

/// Promises: LIVE-4
fn a_clock_that_jumps_is_time_passed<M: TestMemory>() {
    let mut pair = Pair::<M>::connected();
    pair.pass(seconds(3600));
    pair.session.handle_timeout(pair.now);
    // Overdue: the link is checked at once, and not given up unasked.
    pair.expect(&[Packet::PingReq]);
    assert_eq!(pair.session.closing(), Closing::No);
    assert_eq!(wake(&mut pair, Wakeup::PingTimeout), seconds(10));
    assert_eq!(pair.session.closing(), Closing::Now);
}

/// Time that goes back stands still.
///
/// Promises: LIVE-4
fn a_clock_that_goes_back_stands_still<M: TestMemory>() {
    let mut pair = Pair::<M>::connected();
    let deadline = pair.session.poll_timeout();
    let early = mqtt_session::Time::ZERO;
    pair.session.handle_timeout(early);
    pair.session.handle_sent(early, 1);
    pair.session.publish(early, &message(QOS1, ""), mqtt_session::Payload::Copy(b"")).unwrap();
    assert_eq!(pair.session.poll_timeout(), deadline);
}

/// An ended transport has no deadlines; what it left is still delivered.
///
/// Promises: LIVE-1
fn an_ended_transport_is_not_given_up_again<M: TestMemory>() {
    let mut pair = Pair::<M>::connected();
    wake(&mut pair, Wakeup::KeepAlive);
    pair.send(&publish(QOS0, 0, "late"));
    pair.session.handle_closed(pair.now);
    assert_eq!(pair.session.poll_timeout(), None);
    pair.pass(seconds(100));
    pair.session.handle_timeout(pair.now);
    pair.expect_message("late");
    pair.expect_events(&[Seen::Closed(CloseReason::Lost)]);
}

crate::on_both_memories! {
    a_quiet_connection_is_pinged
    what_goes_both_ways_keeps_it_alive
    either_direction_counts
    any_inbound_byte_is_life
    no_life_within_the_ping_timeout_closes
    the_ping_timeout_is_the_owners_choice
    unread_input_is_life
    while_the_owner_does_not_read_silence_proves_nothing
    keep_alive_0_never_pings
    server_keep_alive_replaces_ones_own
    a_clock_that_jumps_is_time_passed
    a_clock_that_goes_back_stands_still
    an_ended_transport_is_not_given_up_again
}
