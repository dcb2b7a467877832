//! Messages that come again after a connection that broke.

use mqtt_session::Config;
use mqtt_session::proto::ReasonCode;

use crate::packets::*;
use crate::pair::{Pair, Seen, TestMemory};

/// QoS 2 inwards, cut after each of its steps.
///
/// Promises: RES-1, RECV-1
fn qos_2_in_is_exactly_once_across_cuts_at_every_step<M: TestMemory>() {
    for cut_after in 0..=5 {
        let mut pair = Pair::<M>::connected();
        let mut steps = 0;
        let mut delivery = None;
        let mut deliveries = 0;
        let mut got_pubrec = false;
        for connection in 0..2 {
            let mut goes_on = |_: &mut Pair<M>| {
                steps += 1;
                connection == 1 || steps <= cut_after
            };
            let packet = match connection {
                0 => publish(QOS2, 1, "a"),
                _ => publish_again(QOS2, 1, "a"),
            };
            if !got_pubrec && goes_on(&mut pair) {
                pair.send(&packet);
                if let Some(Seen::Message { delivery: message, .. }) = pair.poll() {
                    delivery = message;
                    deliveries += 1;
                }
                if goes_on(&mut pair) {
                    pair.ack(delivery.unwrap());
                }
                if goes_on(&mut pair) {
                    pair.expect(&[pubrec(1)]);
                    got_pubrec = true;
                }
            }
            if got_pubrec && goes_on(&mut pair) {
                pair.send(&pubrel(1));
                pair.expect_events(&[]);
                if goes_on(&mut pair) {
                    pair.expect(&[pubcomp(1)]);
                    break;
                }
            }
            pair.cut();
            pair.resume(true);
        }
        assert_eq!((deliveries, pair.session.held()), (1, 0), "cut after {cut_after}");
    }
}

/// Promises: RES-1, RECV-2, RECV-3
fn an_ack_given_while_disconnected_answers_the_copy_sent_again<M: TestMemory>() {
    for (qos, answer) in [(QOS1, puback(1)), (QOS2, pubrec(1))] {
        let mut pair = Pair::<M>::connected();
        pair.send(&publish(qos, 1, "a"));
        let delivery = pair.expect_delivery("a");
        pair.cut();
        pair.ack(delivery);
        pair.resume(true);
        // Not before the broker asks.
        pair.expect(&[]);
        pair.exchange(&publish_again(qos, 1, "a"), &[answer]);
    }
}

/// Acknowledgements keep the order in which the copies come.
///
/// Promises: RES-1, RECV-3
fn copies_sent_again_are_acknowledged_in_their_order<M: TestMemory>() {
    let mut pair = Pair::<M>::connected();
    let deliveries = [1, 2].map(|id| {
        pair.send(&publish(QOS1, id, ""));
        pair.expect_delivery("")
    });
    pair.cut();
    pair.ack(deliveries[1]);
    pair.resume(true);
    pair.exchange(&publish_again(QOS1, 1, ""), &[]);
    pair.exchange(&publish_again(QOS1, 2, ""), &[]);
    pair.ack(deliveries[0]);
    pair.expect(&[puback(1), puback(2)]);
}

/// Later acknowledgements wait for it as long as the connection lives, and not on the next.
///
/// Promises: RES-1, RECV-1
fn a_message_given_up_comes_again_after_a_resume<M: TestMemory>() {
    for (qos, answers) in [(QOS1, [puback(1), puback(2)]), (QOS2, [pubrec(1), pubrec(2)])] {
        let mut pair = Pair::<M>::connected();
        let [first, second] = [(1, "a"), (2, "b")].map(|(id, payload)| {
            pair.send(&publish(qos, id, payload));
            pair.expect_delivery(payload)
        });
        pair.session.abandon(first);
        pair.ack(second);
        // Nothing takes it back, and until the connection ends the message is held.
        pair.ack(first);
        pair.exchange(&publish_again(qos, 1, "a"), &[]);
        pair.cut();
        pair.resume(true);
        pair.send(&publish_again(qos, 1, "a"));
        let again = pair.expect_delivery("a");
        assert_eq!((again.index(), pair.session.held()), (first.index(), 2));
        pair.ack(first);
        pair.exchange(&publish_again(qos, 2, "b"), &[]);
        pair.ack(again);
        pair.expect(&answers);
    }
}

/// Promises: RES-1, RECV-2
fn a_message_may_be_given_up_between_two_connections<M: TestMemory>() {
    let mut pair = Pair::<M>::connected();
    let [first, second] = [(1, "a"), (2, "b")].map(|(id, payload)| {
        pair.send(&publish(QOS1, id, payload));
        pair.expect_delivery(payload)
    });
    pair.ack(second);
    pair.session.abandon(second);
    pair.cut();
    pair.session.abandon(first);
    pair.resume(true);
    pair.send(&publish_again(QOS1, 1, "a"));
    let again = pair.expect_delivery("a");
    pair.exchange(&publish_again(QOS1, 2, "b"), &[]);
    // An outdated delivery is a no-op.
    pair.session.abandon(first);
    pair.ack(again);
    pair.expect(&[puback(1), puback(2)]);
}

/// Without DUP it is another message, also after a resume.
///
/// Promises: RECV-2, RECV-3
fn without_dup_a_message_after_a_resume_is_new<M: TestMemory>() {
    let mut pair = Pair::<M>::connected();
    pair.send(&publish(QOS1, 1, "a"));
    let old = pair.expect_delivery("a");
    pair.cut();
    pair.resume(true);
    pair.send(&publish(QOS1, 1, "b"));
    let new = pair.expect_delivery("b");
    pair.ack(old);
    pair.expect(&[]);
    pair.ack(new);
    pair.expect(&[puback(1)]);
}

/// Promises: RES-1, RECV-2
/// Enforces: MQTT-4.3.3-10
fn an_acknowledged_qos_2_is_remembered<M: TestMemory>() {
    let mut pair = Pair::<M>::connected();
    pair.send(&publish(QOS2, 1, "a"));
    let delivery = pair.expect_delivery("a");
    pair.ack(delivery);
    // PUBREC is not transmitted, or is and lost.
    for _ in 0..2 {
        pair.cut();
        pair.resume(true);
        pair.exchange(&publish_again(QOS2, 1, "a"), &[pubrec(1)]);
    }
    pair.cut();
    pair.resume(true);
    // PUBREC arrived after all.
    pair.exchange(&pubrel(1), &[pubcomp(1)]);
    // PUBCOMP did not.
    pair.cut();
    pair.resume(true);
    pair.exchange(&pubrel(1), &[pubcomp_with(1, ReasonCode::PacketIdentifierNotFound)]);
}

/// PUBREL was read, PUBCOMP not transmitted.
///
/// Promises: RES-1
fn pubrel_is_answered_on_the_next_connection<M: TestMemory>() {
    let mut pair = Pair::<M>::connected();
    pair.send(&publish(QOS2, 1, "a"));
    let delivery = pair.expect_delivery("a");
    pair.ack(delivery);
    pair.transmitted();
    pair.send(&pubrel(1));
    pair.expect_events(&[]);
    pair.cut();
    pair.resume(true);
    pair.expect(&[]);
    pair.exchange(&pubrel(1), &[pubcomp(1)]);
    assert_eq!(pair.session.held(), 0);
}

/// What the broker has not sent again on this connection does not count.
///
/// Promises: BAD-2, RES-1
/// Enforces: MQTT-3.3.4-9
fn receive_maximum_counts_messages_of_this_connection<M: TestMemory>() {
    let receive_maximum = std::num::NonZeroU16::new(2).unwrap();
    let mut pair = Pair::<M>::with(Config { receive_maximum, strict: true, ..Config::new(1) });
    pair.connect();
    pair.send(&publish(QOS2, 1, "a"));
    let delivery = pair.expect_delivery("a");
    pair.ack(delivery);
    pair.expect(&[pubrec(1)]);
    pair.send(&publish(QOS1, 2, "b"));
    pair.expect_delivery("b");
    pair.cut();
    pair.resume(true);
    for id in [3, 4] {
        pair.send(&publish(QOS1, id, ""));
        pair.expect_delivery("");
    }
    pair.exchange(&pubrel(1), &[pubcomp(1)]);
    pair.exchange(&publish(QOS1, 5, ""), &[disconnect(ReasonCode::ReceiveMaximumExceeded)]);
}

crate::on_both_memories! {
    receive_maximum_counts_messages_of_this_connection
    qos_2_in_is_exactly_once_across_cuts_at_every_step
    an_ack_given_while_disconnected_answers_the_copy_sent_again
    copies_sent_again_are_acknowledged_in_their_order
    a_message_given_up_comes_again_after_a_resume
    a_message_may_be_given_up_between_two_connections
    without_dup_a_message_after_a_resume_is_new
    an_acknowledged_qos_2_is_remembered
    pubrel_is_answered_on_the_next_connection
}
