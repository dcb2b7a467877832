//! Messages of the broker on one connection.

use mqtt_session::Config;
use mqtt_session::proto::{Packet, Publish, ReasonCode, Role, Version};

use crate::packets::*;
use crate::pair::{Pair, Seen, TestMemory};

const UNKNOWN: ReasonCode = ReasonCode::PacketIdentifierNotFound;

/// Promises: RECV-1
/// Enforces: MQTT-3.3.4-1
fn qos_0_needs_no_acknowledgement<M: TestMemory>() {
    let mut pair = Pair::<M>::connected();
    pair.send(&publish(QOS0, 0, "a"));
    assert_eq!(pair.expect_message("a"), None);
    pair.expect_events(&[]);
    pair.expect(&[]);
    assert_eq!(pair.session.held(), 0);
}

/// Promises: RECV-1
/// Enforces: MQTT-4.3.2-4, MQTT-2.2.1-5
fn qos_1_is_acknowledged_after_the_application_did<M: TestMemory>() {
    let mut pair = Pair::<M>::connected();
    pair.send(&publish(QOS1, 10, "a"));
    let delivery = pair.expect_delivery("a");
    pair.expect(&[]);
    assert_eq!(pair.session.held(), 1);
    pair.ack(delivery);
    pair.expect(&[puback(10)]);
    assert_eq!(pair.session.held(), 0);
}

/// Promises: RECV-1
/// Enforces: MQTT-4.3.3-8, MQTT-4.3.3-11
fn qos_2_is_acknowledged_and_completed<M: TestMemory>() {
    let mut pair = Pair::<M>::connected();
    pair.send(&publish(QOS2, 10, "a"));
    let delivery = pair.expect_delivery("a");
    pair.expect(&[]);
    pair.ack(delivery);
    pair.expect(&[pubrec(10)]);
    assert_eq!(pair.session.held(), 1);
    pair.exchange(&pubrel(10), &[pubcomp(10)]);
    assert_eq!(pair.session.held(), 0);
}

/// Promises: RECV-1
/// Enforces: MQTT-4.6.0-2, MQTT-4.6.0-3
fn acknowledgements_leave_in_the_order_of_arrival_per_kind<M: TestMemory>() {
    let mut pair = Pair::<M>::connected();
    let deliveries = [(QOS1, 1), (QOS2, 2), (QOS1, 3), (QOS2, 4), (QOS1, 5)].map(|(qos, id)| {
        pair.send(&publish(qos, id, ""));
        pair.expect_delivery("")
    });
    pair.ack(deliveries[4]);
    pair.ack(deliveries[3]);
    pair.ack(deliveries[2]);
    pair.expect(&[]);
    // Of one kind nothing waits for the other.
    pair.ack(deliveries[1]);
    pair.expect(&[pubrec(2), pubrec(4)]);
    pair.ack(deliveries[0]);
    pair.expect(&[puback(1), puback(3), puback(5)]);
}

/// Promises: RECV-2
fn an_acknowledgement_is_idempotent_and_an_old_one_a_no_op<M: TestMemory>() {
    let mut pair = Pair::<M>::connected();
    pair.send(&publish(QOS1, 1, "a"));
    let first = pair.expect_delivery("a");
    pair.session.ack(first, ReasonCode::Success);
    pair.session.ack(first, ReasonCode::NotAuthorized);
    pair.expect(&[puback(1)]);
    pair.ack(first);
    pair.expect(&[]);
    // The same place and identifier, another message.
    pair.send(&publish(QOS1, 1, "b"));
    let second = pair.expect_delivery("b");
    assert_eq!(first.index(), second.index());
    pair.ack(first);
    pair.expect(&[]);
    pair.ack(second);
    pair.expect(&[puback(1)]);
}

/// Promises: RECV-1
/// Enforces: MQTT-4.3.3-9
fn the_application_may_reject_a_message<M: TestMemory>() {
    let mut pair = Pair::<M>::connected();
    for (qos, id) in [(QOS1, 1), (QOS2, 2)] {
        pair.send(&publish(qos, id, ""));
        let delivery = pair.expect_delivery("");
        pair.session.ack(delivery, ReasonCode::QuotaExceeded);
    }
    let rejected = ReasonCode::QuotaExceeded;
    pair.expect(&[puback_with(1, rejected), pubrec_with(2, rejected)]);
    // The flow is over: [MQTT-4.3.3-9].
    assert_eq!(pair.session.held(), 0);
    pair.send(&publish(QOS2, 2, "new"));
    pair.expect_delivery("new");
}

/// Every message gets an acknowledgement, whatever code the application gave.
///
/// Promises: RECV-1
fn a_code_that_does_not_exist_is_replaced<M: TestMemory>() {
    let mut pair = Pair::<M>::connected();
    let codes = [
        (ReasonCode::GrantedQoS2, ReasonCode::Success),
        (ReasonCode::NoMatchingSubscribers, ReasonCode::Success),
        (ReasonCode::SessionTakenOver, ReasonCode::UnspecifiedError),
    ];
    for (given, sent) in codes {
        pair.send(&publish(QOS1, 1, ""));
        let delivery = pair.expect_delivery("");
        pair.session.ack(delivery, given);
        pair.expect(&[puback_with(1, sent)]);
    }
}

/// 3.1.1 has no way to reject a message.
///
/// Promises: RECV-1
fn before_5_0_a_rejection_is_an_acknowledgement<M: TestMemory>() {
    let mut pair = Pair::<M>::v3();
    pair.connect();
    for (qos, id) in [(QOS1, 1), (QOS2, 2)] {
        pair.send(&publish(qos, id, ""));
        let delivery = pair.expect_delivery("");
        pair.session.ack(delivery, ReasonCode::NotAuthorized);
    }
    pair.expect(&[puback(1), pubrec(2)]);
    assert_eq!(pair.session.held(), 1);
    pair.exchange(&pubrel(2), &[pubcomp(2)]);
    // An unknown PUBREL has no code either.
    pair.exchange(&pubrel(7), &[pubcomp(7)]);
    pair.exchange(&pubrec(7), &[pubrel(7)]);
}

/// Promises: RECV-2
/// Enforces: MQTT-4.3.3-10, MQTT-4.3.3-12
fn until_pubrel_a_repeated_qos_2_is_answered_and_not_delivered<M: TestMemory>() {
    let mut pair = Pair::<M>::connected();
    pair.send(&publish(QOS2, 1, "a"));
    let delivery = pair.expect_delivery("a");
    pair.ack(delivery);
    pair.expect(&[pubrec(1)]);
    pair.exchange(&publish_again(QOS2, 1, "a"), &[pubrec(1)]);
    // DUP does not matter.
    pair.exchange(&publish(QOS2, 1, "a"), &[pubrec(1)]);
    pair.exchange(&pubrel(1), &[pubcomp(1)]);
    // [MQTT-4.3.3-12]
    pair.send(&publish(QOS2, 1, "b"));
    pair.expect_delivery("b");
}

/// Promises: RECV-2
/// Enforces: MQTT-4.3.3-10, MQTT-4.6.0-3
fn repeats_do_not_change_the_order_of_pubrecs<M: TestMemory>() {
    let mut pair = Pair::<M>::connected();
    for (id, payload) in [(1, "a"), (2, "b")] {
        pair.send(&publish(QOS2, id, payload));
        let delivery = pair.expect_delivery(payload);
        pair.ack(delivery);
    }
    pair.send(&publish_again(QOS2, 1, "a"));
    pair.expect_events(&[]);
    pair.expect(&[pubrec(1), pubrec(2)]);
}

/// Promises: RECV-2
/// Enforces: MQTT-3.7.2-1
fn an_unknown_pubrel_is_answered_with_0x92<M: TestMemory>() {
    let mut pair = Pair::<M>::connected();
    pair.exchange(&pubrel(9), &[pubcomp_with(9, UNKNOWN)]);
    // A PUBREL belongs to nothing, either, if its message is not received yet.
    pair.send(&publish(QOS2, 1, "a"));
    let delivery = pair.expect_delivery("a");
    pair.exchange(&pubrel(1), &[pubcomp_with(1, UNKNOWN)]);
    pair.ack(delivery);
    pair.expect(&[pubrec(1)]);
}

/// PUBREL twice before PUBCOMP could leave.
///
/// Promises: RECV-2
fn one_pubcomp_answers_two_pubrels_at_once<M: TestMemory>() {
    let mut pair = Pair::<M>::connected();
    pair.send(&publish(QOS2, 1, "a"));
    let delivery = pair.expect_delivery("a");
    pair.ack(delivery);
    pair.transmitted();
    pair.send(&pubrel(1));
    pair.exchange(&pubrel(1), &[pubcomp(1)]);
}

/// Promises: RECV-3
fn with_dup_a_message_still_held_is_not_delivered_again<M: TestMemory>() {
    for qos in [QOS1, QOS2] {
        let mut pair = Pair::<M>::connected();
        pair.send(&publish(qos, 1, "a"));
        let delivery = pair.expect_delivery("a");
        pair.exchange(&publish_again(qos, 1, "a"), &[]);
        assert_eq!(pair.session.held(), 1);
        pair.ack(delivery);
        pair.expect(&[if qos == QOS1 { puback(1) } else { pubrec(1) }]);
    }
}

/// Promises: RECV-3
fn without_dup_it_is_a_new_message_and_the_older_ack_a_no_op<M: TestMemory>() {
    for qos in [QOS1, QOS2] {
        let mut pair = Pair::<M>::connected();
        pair.send(&publish(qos, 1, "a"));
        let old = pair.expect_delivery("a");
        pair.send(&publish(qos, 1, "b"));
        let new = pair.expect_delivery("b");
        pair.ack(old);
        pair.expect(&[]);
        pair.ack(new);
        pair.expect(&[if qos == QOS1 { puback(1) } else { pubrec(1) }]);
    }
}

/// What was acknowledged behind the older one waits for it no longer.
///
/// Promises: RECV-1, RECV-3
/// Enforces: MQTT-4.6.0-2, MQTT-4.6.0-3
fn a_message_that_is_replaced_holds_nothing_up<M: TestMemory>() {
    for (qos, answer) in [(QOS1, puback(2)), (QOS2, pubrec(2))] {
        let mut pair = Pair::<M>::connected();
        let [_, behind] = [(1, "a"), (2, "b")].map(|(id, payload)| {
            pair.send(&publish(qos, id, payload));
            pair.expect_delivery(payload)
        });
        pair.ack(behind);
        pair.expect(&[]);
        pair.send(&publish(qos, 1, "c"));
        pair.expect_delivery("c");
        pair.expect(&[answer]);
    }
}

/// DUP says nothing about a message of another QoS, or one that was acknowledged.
///
/// Promises: RECV-3
/// Enforces: MQTT-4.3.2-5
fn dup_of_something_else_is_a_new_message<M: TestMemory>() {
    let mut pair = Pair::<M>::connected();
    pair.send(&publish(QOS1, 1, "a"));
    let old = pair.expect_delivery("a");
    pair.send(&publish_again(QOS2, 1, "b"));
    let new = pair.expect_delivery("b");
    pair.ack(old);
    pair.ack(new);
    pair.expect(&[pubrec(1)]);
    pair.exchange(&pubrel(1), &[pubcomp(1)]);
    pair.send(&publish(QOS1, 2, "c"));
    let delivery = pair.expect_delivery("c");
    pair.ack(delivery);
    pair.expect(&[puback(2)]);
    pair.send(&publish_again(QOS1, 2, "c"));
    pair.expect_delivery("c");
}

/// The identifiers of the two directions have nothing to do with each other.
fn both_directions_may_use_one_identifier<M: TestMemory>() {
    let mut pair = Pair::<M>::connected();
    let token = pair.publish(QOS2, "out");
    pair.expect(&[publish(QOS2, 1, "out")]);
    pair.send(&publish(QOS2, 1, "in"));
    let delivery = pair.expect_delivery("in");
    pair.ack(delivery);
    pair.expect(&[pubrec(1)]);
    pair.exchange(&pubrec(1), &[pubrel(1)]);
    pair.exchange(&pubrel(1), &[pubcomp(1)]);
    pair.send(&pubcomp(1));
    pair.expect_delivered(token);
}

/// The event borrows from the input; what it says is what was sent.
///
/// Enforces: MQTT-1.5.4-3, MQTT-3.3.4-4
fn a_message_is_delivered_as_it_was_sent<M: TestMemory>() {
    let mut pair = Pair::<M>::connected();
    let properties = [
        mqtt_session::proto::Property::ContentType("text"),
        mqtt_session::proto::Property::SubscriptionIdentifier(1),
        mqtt_session::proto::Property::SubscriptionIdentifier(2),
    ];
    let Packet::Publish(sent) = with_properties(publish(QOS0, 0, "payload"), &properties) else {
        unreachable!()
    };
    let sent = Publish { retain: true, topic: "a/\u{FEFF}/b", ..sent };
    pair.send(&sent);
    match pair.session.poll_event(pair.now, &mut pair.inbound) {
        Some(mqtt_session::Event::Message(message)) => {
            assert_eq!(message.publish, sent);
            assert_eq!(message.delivery, None);
        }
        other => panic!("{other:?}"),
    }
}

/// However the bytes arrive, the events are the same.
///
/// Enforces: MQTT-4.2-1
fn packets_split_at_every_byte_give_the_same_events<M: TestMemory>() {
    let properties = [mqtt_session::proto::Property::ReasonString("why")];
    let script: Vec<u8> = [
        Packet::ConnAck(granting(&properties)),
        publish(QOS0, 0, "zero"),
        publish(QOS1, 1, "one"),
        publish(QOS2, 2, "two"),
        pubrel(7),
        puback(9),
        Packet::PingResp,
        disconnect(ReasonCode::ServerShuttingDown),
    ]
    .iter()
    .flat_map(|packet| encode(packet, Version::V5, Role::Server))
    .collect();
    let run = |first: usize, second: usize| {
        let mut pair = Pair::<M>::new();
        pair.open(&pair.clean());
        let mut events = Vec::new();
        for part in [&script[..first], &script[first..second], &script[second..]] {
            pair.send_bytes(part);
            events.extend(pair.events());
            pair.transmitted();
        }
        events.extend(pair.close());
        events
    };
    let whole = run(script.len(), script.len());
    assert_eq!(whole.len(), 6, "{whole:?}");
    for split in 0..script.len() {
        assert_eq!(run(split, script.len()), whole);
        assert_eq!(run(split, split + 1), whole);
    }
}

/// Promises: BAD-2, BAD-3
/// Enforces: MQTT-3.3.4-9
fn receive_maximum_is_enforced_with_a_tolerance_unless_strict<M: TestMemory>() {
    for (strict, announced, most) in [(false, 2, 34), (false, 40, 80), (true, 2, 2)] {
        // Fixed memory announces no more than it holds, and holds no more.
        let (announced, most) = match holds::<M>() {
            Some(held) => (held.min(announced), held.min(most)),
            None => (announced, most),
        };
        let config = Config { strict, receive_maximum: maximum(announced), ..Config::new(1) };
        let mut pair = Pair::<M>::with(config);
        pair.connect();
        for id in 1..=most {
            pair.send(&publish(QOS1, id, ""));
            pair.expect_delivery("");
        }
        assert_eq!(pair.session.tolerated(), u64::from(most - announced));
        // QoS 0 is not limited.
        pair.send(&publish(QOS0, 0, ""));
        assert_eq!(pair.expect_message(""), None);
        let exceeded = disconnect(ReasonCode::ReceiveMaximumExceeded);
        pair.exchange(&publish(QOS1, most + 1, ""), &[exceeded]);
    }
}

/// Before 5.0 a broker is not told the Receive Maximum, and not held to it to the letter: what it has
/// open on one connection it sends again on the next, however strict this end is.
///
/// Promises: BAD-2
fn before_5_0_nobody_is_strict_about_receive_maximum<M: TestMemory>() {
    let config = Config { strict: true, receive_maximum: maximum(2), ..Config::new(1) };
    let mut pair = Pair::<M>::with(Config { version: Version::V3_1_1, ..config });
    pair.connect();
    for dup in [false, true] {
        for id in 1..=6 {
            match dup {
                false => pair.send(&publish(QOS1, id, "")),
                true => pair.send(&publish_again(QOS1, id, "")),
            }
        }
        let events = pair.events();
        assert!(!events.iter().any(|event| matches!(event, Seen::Closed(_))), "{events:?}");
        assert_eq!(pair.session.held(), 6);
        pair.cut();
        pair.resume(true);
    }
    assert_eq!(pair.session.tolerated(), 0);
}

fn maximum(messages: u16) -> std::num::NonZeroU16 {
    std::num::NonZeroU16::new(messages).unwrap()
}

/// How many messages a memory holds that does not grow.
fn holds<M: TestMemory>() -> Option<u16> {
    (M::KEEP_FROM == 0).then_some(8)
}

/// However often the broker starts over, the messages of earlier connections that it does not come
/// back to take no more memory than those of two; what it would send again makes way.
///
/// Promises: BAD-3
fn messages_of_earlier_connections_are_bounded<M: TestMemory>() {
    let config = Config { receive_maximum: maximum(4), ..Config::new(1) };
    let mut pair = Pair::<M>::with(config);
    pair.connect();
    let most = usize::from(holds::<M>().unwrap_or(2 * 36));
    let mut next = 0;
    for _ in 0..30 {
        for _ in 0..4 {
            next += 1;
            pair.send(&publish(QOS1, next, ""));
            pair.expect_delivery("");
        }
        assert!(pair.session.held() <= most, "{} messages held", pair.session.held());
        pair.cut();
        pair.resume(true);
    }
    assert_eq!(pair.session.held(), most);
}

/// Likewise those of QoS 2 the application has: they must not be forgotten, so it is the broker
/// that must come back to them.
///
/// Promises: BAD-3
fn a_broker_that_never_completes_qos_2_is_stopped<M: TestMemory>() {
    let config = Config { receive_maximum: maximum(4), ..Config::new(1) };
    let mut pair = Pair::<M>::with(config);
    pair.connect();
    let most = usize::from(holds::<M>().unwrap_or(2 * 36));
    for next in 1.. {
        pair.send(&publish(QOS2, next, ""));
        if pair.session.held() == most {
            break;
        }
        let delivery = pair.expect_delivery("");
        pair.ack(delivery);
        pair.expect(&[pubrec(next)]);
        if next % 4 == 0 {
            pair.cut();
            pair.resume(true);
        }
    }
    pair.expect_events(&[]);
    pair.expect(&[disconnect(ReasonCode::ReceiveMaximumExceeded)]);
    pair.close();
    // Nothing is lost: it may complete them now.
    pair.resume(true);
    pair.exchange(&pubrel(1), &[pubcomp(1)]);
    pair.send(&publish(QOS2, 500, "more"));
    pair.expect_delivery("more");
}

/// A stream of unknown PUBRELs is answered as fast as the answers leave, and no faster.
fn reading_waits_while_answers_wait<M: TestMemory>() {
    let mut pair = Pair::<M>::connected();
    assert!(pair.session.wants_input());
    for id in 1..=20 {
        pair.send(&pubrel(id));
    }
    let mut answered = Vec::new();
    for _ in 0..10 {
        pair.expect_events(&[]);
        answered.extend(pair.transmitted());
    }
    let expected: Vec<u8> = (1..=20)
        .flat_map(|id| encode(&pubcomp_with(id, UNKNOWN), pair.version, Role::Client))
        .collect();
    assert_eq!(answered, expected);
    for id in 1..=20 {
        pair.send(&pubrel(id));
    }
    pair.expect_events(&[]);
    assert!(!pair.session.wants_input());
    pair.transmitted();
    assert!(pair.session.wants_input());
    // After the transport ended nobody waits for answers.
    pair.send(&publish(QOS0, 0, "last"));
    pair.session.handle_closed(pair.now);
    assert_eq!(pair.expect_message("last"), None);
    assert!(matches!(pair.poll(), Some(Seen::Closed(_))));
}

crate::on_both_memories! {
    qos_0_needs_no_acknowledgement
    qos_1_is_acknowledged_after_the_application_did
    qos_2_is_acknowledged_and_completed
    acknowledgements_leave_in_the_order_of_arrival_per_kind
    an_acknowledgement_is_idempotent_and_an_old_one_a_no_op
    the_application_may_reject_a_message
    a_code_that_does_not_exist_is_replaced
    before_5_0_a_rejection_is_an_acknowledgement
    until_pubrel_a_repeated_qos_2_is_answered_and_not_delivered
    repeats_do_not_change_the_order_of_pubrecs
    an_unknown_pubrel_is_answered_with_0x92
    one_pubcomp_answers_two_pubrels_at_once
    with_dup_a_message_still_held_is_not_delivered_again
    without_dup_it_is_a_new_message_and_the_older_ack_a_no_op
    a_message_that_is_replaced_holds_nothing_up
    dup_of_something_else_is_a_new_message
    both_directions_may_use_one_identifier
    a_message_is_delivered_as_it_was_sent
    packets_split_at_every_byte_give_the_same_events
    receive_maximum_is_enforced_with_a_tolerance_unless_strict
    before_5_0_nobody_is_strict_about_receive_maximum
    messages_of_earlier_connections_are_bounded
    a_broker_that_never_completes_qos_2_is_stopped
    reading_waits_while_answers_wait
}
