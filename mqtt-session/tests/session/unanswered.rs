//! SUBSCRIBE and UNSUBSCRIBE without an answer, although the broker lives.

use std::time::Duration;

use mqtt_session::proto::{Packet, ReasonCode, Version};
use mqtt_session::{CloseReason, Closing, Config, Connect, Failure, Token, ViolationKind, Wakeup};

use crate::packets::*;
use crate::pair::{Pair, Seen, TestMemory};

const OK: ReasonCode = ReasonCode::Success;
const SECOND: Duration = Duration::from_secs(1);

fn connected<M: TestMemory>(config: Config) -> Pair<M> {
    let mut pair = Pair::with(config);
    // Without PINGREQs among the packets.
    let connect = Connect { keep_alive: 0, ..pair.clean() };
    pair.connect_with(&connect, &connack(false));
    pair
}

#[track_caller]
fn resume<M: TestMemory>(pair: &mut Pair<M>, session_present: bool) {
    let connect = Connect { keep_alive: 0, clean_start: false, ..pair.clean() };
    pair.connect_with(&connect, &connack(session_present));
}

/// Seconds pass in which the broker shows that it lives.
fn live<M: TestMemory>(pair: &mut Pair<M>, seconds: u32) {
    for _ in 0..seconds {
        pair.pass(SECOND);
        pair.send(&Packet::PingResp);
        pair.expect_events(&[]);
        pair.session.handle_timeout(pair.now);
    }
}

/// The session gives the connection up.
#[track_caller]
fn expect_end<M: TestMemory>(pair: &mut Pair<M>) {
    pair.expect(&[disconnect(ReasonCode::UnspecifiedError)]);
    assert_eq!(pair.session.closing(), Closing::AfterFlush);
    assert_eq!(pair.close(), [Seen::Closed(CloseReason::NoAnswer)]);
}

/// Promises: SEND-11
/// Enforces: MQTT-3.8.4-1
fn a_request_without_an_answer_ends_the_connection<M: TestMemory>() {
    let mut pair = connected::<M>(Config::new(1));
    pair.subscribe("a");
    // Time counts from its transmission.
    pair.pass(10 * SECOND);
    assert_ne!(pair.session.poll_timeout().map(|(_, why)| why), Some(Wakeup::ResponseTimeout));
    pair.expect(&[subscribe(1, &[filter("a")])]);
    let asked_at = pair.now;
    live(&mut pair, 28);
    let due = asked_at.after(30 * SECOND);
    assert_eq!(pair.session.poll_timeout(), Some((due, Wakeup::ResponseTimeout)));
    live(&mut pair, 1);
    pair.expect(&[]);
    live(&mut pair, 1);
    expect_end(&mut pair);
    resume(&mut pair, true);
    pair.expect(&[subscribe(2, &[filter("a")])]);
}

/// Promises: SEND-11
/// Enforces: MQTT-3.8.4-1, MQTT-3.10.4-4
fn it_is_made_again_three_times_and_then_fails<M: TestMemory>() {
    let mut pair = connected::<M>(Config::new(1));
    let subscribed = pair.subscribe("a");
    let unsubscribed = pair.unsubscribe("b");
    for round in 0..3 {
        let id = 2 * round + 1;
        pair.expect(&[subscribe(id, &[filter("a")]), unsubscribe(id + 1, &["b"])]);
        live(&mut pair, 30);
        expect_end(&mut pair);
        resume(&mut pair, true);
    }
    pair.expect(&[subscribe(7, &[filter("a")]), unsubscribe(8, &["b"])]);
    let published = pair.publish(QOS1, "x");
    pair.expect(&[publish(QOS1, 9, "x")]);
    pair.pass(30 * SECOND);
    pair.send(&puback(9));
    pair.expect_delivered(published);
    pair.session.handle_timeout(pair.now);
    pair.expect_events(&[
        Seen::RequestFailed(subscribed, Failure::NoAnswer),
        Seen::RequestFailed(unsubscribed, Failure::NoAnswer),
    ]);
    // The client stays up, and an answer after all does no harm.
    assert_eq!(pair.session.closing(), Closing::No);
    pair.exchange(&suback(7, &[OK]), &[]);
    assert_eq!(pair.session.ignored_acks(), 1);
    pair.cut();
    resume(&mut pair, true);
    pair.expect(&[]);
}

/// Promises: SEND-8, SEND-11
fn an_identifier_given_up_stays_taken_until_the_connection_ends<M: TestMemory>() {
    let config = Config { response_timeout: Some(SECOND), ..Config::new(1) };
    let mut pair = connected::<M>(config);
    pair.unsubscribe("a");
    for _ in 0..3 {
        pair.transmitted();
        live(&mut pair, 1);
        expect_end(&mut pair);
        resume(&mut pair, true);
    }
    pair.expect(&[unsubscribe(4, &["a"])]);
    pair.pass(SECOND);
    pair.session.handle_timeout(pair.now);
    assert!(matches!(pair.events()[..], [Seen::RequestFailed(_, Failure::NoAnswer)]));
    // All other identifiers have their turn, and this one has not.
    for n in 0..u16::MAX {
        let id = match n {
            0..65_531 => n + 5,
            65_531..65_534 => n - 65_530,
            65_534.. => 5,
        };
        let token = pair.publish(QOS1, "x");
        pair.expect(&[publish(QOS1, id, "x")]);
        pair.send(&puback(id));
        pair.expect_delivered(token);
    }
    pair.cut();
    // Its place in memory is free again.
    resume(&mut pair, true);
    for _ in 0..8 {
        pair.publish(QOS1, "x");
    }
}

/// What is given up does not take all the memory there is.
///
/// Promises: SEND-11
fn requests_given_up_leave_room<M: TestMemory>() {
    let mut pair = connected::<M>(Config::new(1));
    for _ in 0..8 {
        pair.unsubscribe("a");
    }
    for _ in 0..3 {
        pair.transmitted();
        live(&mut pair, 30);
        expect_end(&mut pair);
        resume(&mut pair, true);
    }
    pair.transmitted();
    pair.pass(30 * SECOND);
    pair.session.handle_timeout(pair.now);
    assert_eq!(pair.events().len(), 8);
    for id in [33, 34] {
        let token = pair.publish(QOS1, "x");
        pair.expect(&[publish(QOS1, id, "x")]);
        pair.send(&puback(id));
        pair.expect_delivered(token);
    }
}

/// Promises: SEND-11
fn an_answered_request_has_no_deadline<M: TestMemory>() {
    let mut pair = connected::<M>(Config::new(1));
    pair.subscribe("a");
    pair.transmitted();
    live(&mut pair, 20);
    pair.subscribe("b");
    pair.transmitted();
    pair.send(&suback(1, &[OK]));
    assert_eq!(pair.events().len(), 1);
    // The other one was sent later.
    live(&mut pair, 29);
    pair.expect(&[]);
    pair.send(&suback(2, &[OK]));
    assert_eq!(pair.events().len(), 1);
    live(&mut pair, 100);
    assert_eq!(pair.session.closing(), Closing::No);
}

/// Only what was late is counted.
///
/// Promises: SEND-11
fn one_that_was_not_late_is_not_counted<M: TestMemory>() {
    let mut pair = connected::<M>(Config::new(1));
    let late = pair.subscribe("a");
    pair.transmitted();
    live(&mut pair, 29);
    // This one was sent a moment ago when the connection ends.
    let other = pair.subscribe("b");
    pair.transmitted();
    live(&mut pair, 1);
    expect_end(&mut pair);
    for id in [3, 5] {
        resume(&mut pair, true);
        pair.expect(&[subscribe(id, &[filter("a")]), subscribe(id + 1, &[filter("b")])]);
        live(&mut pair, 30);
        expect_end(&mut pair);
    }
    resume(&mut pair, true);
    pair.expect(&[subscribe(7, &[filter("a")]), subscribe(8, &[filter("b")])]);
    pair.pass(30 * SECOND);
    pair.session.handle_timeout(pair.now);
    // The connection ends because of the other one.
    pair.expect_events(&[Seen::RequestFailed(late, Failure::NoAnswer)]);
    expect_end(&mut pair);
    resume(&mut pair, true);
    pair.expect(&[subscribe(9, &[filter("b")])]);
    pair.pass(30 * SECOND);
    pair.session.handle_timeout(pair.now);
    pair.expect_events(&[Seen::RequestFailed(other, Failure::NoAnswer)]);
}

/// Those of the session's own as well.
///
/// Promises: SEND-11, RES-3
fn a_subscription_made_again_is_lost_without_an_answer<M: TestMemory>() {
    let mut pair = connected::<M>(Config::new(1));
    pair.subscribe("a");
    pair.transmitted();
    pair.send(&suback(1, &[OK]));
    assert_eq!(pair.events().len(), 1);
    pair.cut();
    for id in [2, 3, 4] {
        resume(&mut pair, false);
        pair.expect(&[subscribe(id, &[filter("a")])]);
        live(&mut pair, 30);
        expect_end(&mut pair);
    }
    resume(&mut pair, false);
    pair.expect(&[subscribe(5, &[filter("a")])]);
    pair.pass(30 * SECOND);
    pair.session.handle_timeout(pair.now);
    pair.expect_events(&[Seen::SubscriptionLost(ReasonCode::UnspecifiedError)]);
    assert_eq!(pair.session.lost_subscription(), "a");
    assert_eq!(pair.session.closing(), Closing::No);
    pair.cut();
    resume(&mut pair, false);
    pair.expect(&[]);
}

/// An answer starts the count over.
///
/// Promises: SEND-11, RES-3
fn a_subscription_that_was_answered_is_counted_anew<M: TestMemory>() {
    let mut pair = connected::<M>(Config::new(1));
    pair.subscribe("a");
    pair.transmitted();
    pair.send(&suback(1, &[OK]));
    assert_eq!(pair.events().len(), 1);
    pair.cut();
    for round in 0..6 {
        resume(&mut pair, false);
        pair.expect(&[subscribe(round + 2, &[filter("a")])]);
        if round == 2 {
            pair.send(&suback(round + 2, &[OK]));
            pair.expect_events(&[]);
            pair.cut();
        } else {
            live(&mut pair, 30);
            expect_end(&mut pair);
        }
    }
}

/// Promises: SEND-11, LIVE-1
fn while_this_end_does_not_read_it_waits<M: TestMemory>() {
    let mut pair = connected::<M>(Config::new(1));
    pair.subscribe("a");
    pair.transmitted();
    live(&mut pair, 10);
    pair.session.handle_paused(pair.now, true);
    pair.pass(100 * SECOND);
    pair.session.handle_timeout(pair.now);
    let reasons = pair.session.poll_timeout().map(|(_, why)| why);
    assert_ne!(reasons, Some(Wakeup::ResponseTimeout));
    pair.session.handle_paused(pair.now, false);
    pair.transmitted();
    live(&mut pair, 29);
    pair.expect(&[]);
    live(&mut pair, 1);
    expect_end(&mut pair);
}

/// Promises: SEND-11
fn without_a_timeout_it_waits_for_ever<M: TestMemory>() {
    let mut pair = connected::<M>(Config { response_timeout: None, ..Config::new(1) });
    pair.subscribe("a");
    pair.transmitted();
    live(&mut pair, 1000);
    assert_eq!(pair.session.closing(), Closing::No);
}

/// Promises: SEND-11
/// Enforces: MQTT-3.8.4-1 (3.1.1)
fn before_5_0_the_transport_is_closed<M: TestMemory>() {
    let mut pair = connected::<M>(Config { version: Version::V3_1_1, ..Config::new(1) });
    pair.subscribe("a");
    pair.transmitted();
    live(&mut pair, 30);
    pair.expect(&[]);
    assert_eq!(pair.session.closing(), Closing::Now);
    assert_eq!(pair.close(), [Seen::Closed(CloseReason::NoAnswer)]);
}

/// Whether a request fails now.
#[track_caller]
fn expect_failure<M: TestMemory>(pair: &mut Pair<M>, request: Token, fails: bool) {
    let failed = [Seen::RequestFailed(request, Failure::NoAnswer)];
    pair.expect_events(&failed[..usize::from(fails)]);
}

/// As a broker answers 3.1.1 that knows the codes of 5.0 alone.
///
/// Promises: SEND-11, BAD-4
fn a_request_with_a_malformed_answer_fails_at_last<M: TestMemory>() {
    let mut pair = connected::<M>(Config { version: Version::V3_1_1, ..Config::new(1) });
    let subscribed = pair.subscribe("a");
    for id in 1..=4 {
        pair.expect(&[subscribe(id, &[filter("a")])]);
        pair.send_bytes(&[0x90, 3, 0, id as u8, 0x8F]);
        pair.expect_events(&[]);
        let closed = pair.close();
        assert!(matches!(closed[..], [Seen::Closed(CloseReason::Violation(_))]), "{closed:?}");
        expect_failure(&mut pair, subscribed, id == 4);
        resume(&mut pair, true);
    }
    pair.expect(&[]);
}

/// Promises: SEND-11, BAD-4
fn a_request_answered_by_another_packet_fails_at_last<M: TestMemory>() {
    let answers: [fn(u16) -> Packet<'static>; 3] = [puback, pubrec, pubcomp];
    for answer in answers {
        let mut pair = connected::<M>(Config::new(1));
        let [waiting, subscribed] = ["a", "b"].map(|topic| pair.subscribe(topic));
        for round in 0..4 {
            let id = 2 * round + 1;
            pair.expect(&[subscribe(id, &[filter("a")]), subscribe(id + 1, &[filter("b")])]);
            pair.send(&answer(id + 1));
            pair.expect_events(&[]);
            let closed = [Seen::Closed(CloseReason::Violation(ViolationKind::WrongAck))];
            assert_eq!(pair.close(), closed);
            expect_failure(&mut pair, subscribed, round == 3);
            resume(&mut pair, true);
        }
        // The one before it is not to blame.
        pair.expect(&[subscribe(9, &[filter("a")])]);
        pair.send(&suback(9, &[OK]));
        pair.expect_events(&[Seen::Subscribed(waiting, vec![OK])]);
    }
}

/// As a broker answers that sends a retained message it got wrong.
///
/// Promises: SEND-11, BAD-4
fn a_request_with_a_malformed_message_before_its_answer_fails_at_last<M: TestMemory>() {
    let mut pair = connected::<M>(Config::new(1));
    let subscribed = pair.subscribe("a");
    for id in 1..=4 {
        pair.expect(&[subscribe(id, &[filter("a")])]);
        // QoS 3.
        pair.send_bytes(&[0x36, 5, 0, 1, b'a', 0, 1]);
        pair.expect_events(&[]);
        let closed = pair.close();
        assert!(matches!(closed[..], [Seen::Closed(CloseReason::Violation(_))]), "{closed:?}");
        expect_failure(&mut pair, subscribed, id == 4);
        resume(&mut pair, true);
    }
    pair.expect(&[]);
}

/// As a broker of 3.1.1 answers what it does not allow.
///
/// Promises: SEND-11, BAD-4
fn a_request_at_which_the_broker_hangs_up_fails_at_last<M: TestMemory>() {
    let mut pair = connected::<M>(Config::new(1));
    let subscribed = pair.subscribe("a");
    for id in 1..=4 {
        pair.expect(&[subscribe(id, &[filter("a")])]);
        pair.cut();
        expect_failure(&mut pair, subscribed, id == 4);
        resume(&mut pair, true);
    }
    pair.expect(&[]);
}

/// A night of lost connections ends no subscription.
///
/// Promises: SEND-11, RES-3
fn a_subscription_made_again_outlives_any_number_of_lost_connections<M: TestMemory>() {
    let mut pair = connected::<M>(Config::new(1));
    pair.subscribe("a");
    pair.transmitted();
    pair.send(&suback(1, &[OK]));
    assert_eq!(pair.events().len(), 1);
    for id in 2..=20 {
        pair.cut();
        resume(&mut pair, false);
        pair.expect(&[subscribe(id, &[filter("a")])]);
    }
    pair.send(&suback(20, &[OK]));
    pair.expect_events(&[]);
}

/// "a", "b" and "c" are granted.
fn three_granted<M: TestMemory>(config: Config) -> Pair<M> {
    let mut pair = connected::<M>(config);
    for (id, topic) in [(1, "a"), (2, "b"), (3, "c")] {
        pair.subscribe(topic);
        pair.transmitted();
        pair.send(&suback(id, &[OK]));
        assert_eq!(pair.events().len(), 1);
    }
    pair.cut();
    pair
}

/// "a", "b" and "c" are made again with identifiers from this one on.
#[track_caller]
fn expect_three<M: TestMemory>(pair: &mut Pair<M>, id: u16) {
    resume(pair, false);
    let [a, b, c] = ["a", "b", "c"].map(|topic| [filter(topic)]);
    pair.expect(&[subscribe(id, &a), subscribe(id + 1, &b), subscribe(id + 2, &c)]);
}

/// What is sent behind it is not to blame.
///
/// Promises: SEND-11, BAD-4
fn of_three_requests_the_one_to_blame_fails<M: TestMemory>() {
    let mut pair = connected::<M>(Config::new(1));
    let [granted, poison, other] = ["a", "b", "c"].map(|topic| pair.subscribe(topic));
    pair.transmitted();
    pair.send(&suback(1, &[OK]));
    pair.expect_events(&[Seen::Subscribed(granted, vec![OK])]);
    pair.cut();
    for id in [4, 6, 8] {
        pair.expect_events(&[]);
        resume(&mut pair, true);
        pair.expect(&[subscribe(id, &[filter("b")]), subscribe(id + 1, &[filter("c")])]);
        pair.cut();
    }
    pair.expect_events(&[Seen::RequestFailed(poison, Failure::NoAnswer)]);
    // It has its own four.
    for id in [10, 11, 12] {
        resume(&mut pair, true);
        pair.expect(&[subscribe(id, &[filter("c")])]);
        pair.cut();
        pair.expect_events(&[]);
    }
    resume(&mut pair, true);
    pair.expect(&[subscribe(13, &[filter("c")])]);
    pair.send(&suback(13, &[OK]));
    pair.expect_events(&[Seen::Subscribed(other, vec![OK])]);
}

/// The broker grants "a" and sends a malformed message of it, before it has answered the others.
///
/// Promises: SEND-11, RES-3, BAD-4
fn a_malformed_message_ends_no_subscription<M: TestMemory>() {
    let mut pair = three_granted::<M>(Config::new(1));
    for round in 1..=6 {
        let id = 3 * round + 1;
        expect_three(&mut pair, id);
        pair.send(&suback(id, &[OK]));
        // QoS 3.
        pair.send_bytes(&[0x36, 5, 0, 1, b'a', 0, 1]);
        pair.expect_events(&[]);
        let closed = pair.close();
        assert!(matches!(closed[..], [Seen::Closed(CloseReason::Violation(_))]), "{closed:?}");
        pair.expect_events(&[]);
    }
}

/// However it is malformed, down to its first byte.
///
/// Promises: SEND-11, RES-3, BAD-4
fn a_malformed_answer_ends_the_subscription_it_is_due_to<M: TestMemory>() {
    for suback in [[0x90, 4, 0, 0, 0, 0x7F], [0x91, 4, 0, 0, 0, 0]] {
        let mut pair = three_granted::<M>(Config::new(1));
        for round in 1..=4 {
            let id = 3 * round + 1;
            expect_three(&mut pair, id);
            let mut suback = suback;
            suback[3] = id as u8;
            pair.send_bytes(&suback);
            pair.expect_events(&[]);
            let closed = pair.close();
            assert!(matches!(closed[..], [Seen::Closed(CloseReason::Violation(_))]), "{closed:?}");
            let lost = [Seen::SubscriptionLost(ReasonCode::UnspecifiedError)];
            pair.expect_events(&lost[..usize::from(round == 4)]);
        }
        assert_eq!(pair.session.lost_subscription(), "a");
        resume(&mut pair, false);
        pair.expect(&[subscribe(16, &[filter("b")]), subscribe(17, &[filter("c")])]);
    }
}

/// Promises: SEND-11, RES-3, BAD-4
fn an_answer_of_another_kind_ends_the_subscription_it_names<M: TestMemory>() {
    let mut pair = three_granted::<M>(Config::new(1));
    for round in 1..=4 {
        let id = 3 * round + 1;
        expect_three(&mut pair, id);
        pair.send(&puback(id + 1));
        pair.expect_events(&[]);
        let closed = [Seen::Closed(CloseReason::Violation(ViolationKind::WrongAck))];
        assert_eq!(pair.close(), closed);
        let lost = [Seen::SubscriptionLost(ReasonCode::UnspecifiedError)];
        pair.expect_events(&lost[..usize::from(round == 4)]);
    }
    assert_eq!(pair.session.lost_subscription(), "b");
}

/// Promises: SEND-11, RES-3, BAD-4
fn a_disconnect_that_blames_content_ends_the_oldest_subscription<M: TestMemory>() {
    let blamed = ReasonCode::QuotaExceeded;
    let mut pair = three_granted::<M>(Config::new(1));
    for round in 1..=4 {
        let id = 3 * round + 1;
        expect_three(&mut pair, id);
        pair.send(&suback(id, &[OK]));
        pair.send(&disconnect(blamed));
        pair.expect_event(&Seen::Disconnect(blamed));
        assert_eq!(pair.close(), [Seen::Closed(CloseReason::Disconnected(blamed))]);
        let lost = [Seen::SubscriptionLost(ReasonCode::UnspecifiedError)];
        pair.expect_events(&lost[..usize::from(round == 4)]);
    }
    assert_eq!(pair.session.lost_subscription(), "b");
    resume(&mut pair, false);
    pair.expect(&[subscribe(16, &[filter("a")]), subscribe(17, &[filter("c")])]);
}

crate::on_both_memories! {
    of_three_requests_the_one_to_blame_fails
    a_malformed_message_ends_no_subscription
    a_malformed_answer_ends_the_subscription_it_is_due_to
    a_disconnect_that_blames_content_ends_the_oldest_subscription
    a_request_with_a_malformed_answer_fails_at_last
    a_request_answered_by_another_packet_fails_at_last
    a_request_with_a_malformed_message_before_its_answer_fails_at_last
    an_answer_of_another_kind_ends_the_subscription_it_names
    a_request_at_which_the_broker_hangs_up_fails_at_last
    a_subscription_made_again_outlives_any_number_of_lost_connections
    a_request_without_an_answer_ends_the_connection
    it_is_made_again_three_times_and_then_fails
    an_identifier_given_up_stays_taken_until_the_connection_ends
    requests_given_up_leave_room
    an_answered_request_has_no_deadline
    one_that_was_not_late_is_not_counted
    a_subscription_made_again_is_lost_without_an_answer
    a_subscription_that_was_answered_is_counted_anew
    while_this_end_does_not_read_it_waits
    without_a_timeout_it_waits_for_ever
    before_5_0_the_transport_is_closed
}
