//! Publishes at every QoS on one connection.

use std::time::Duration;

use mqtt_session::proto::{Packet, Property, ReasonCode};
use mqtt_session::{CloseReason, Config, Failure, PublishError, Token, ViolationKind};

use crate::packets::*;
use crate::pair::{Pair, Seen, TestMemory};

const OK: ReasonCode = ReasonCode::Success;

/// Promises: SEND-1
/// Enforces: MQTT-4.3.1-1, MQTT-3.3.1-2
fn qos_0_is_sent_and_done<M: TestMemory>() {
    let mut pair = Pair::<M>::connected();
    assert_eq!(pair.try_publish(QOS0, "a"), Ok(None));
    assert_eq!(pair.try_publish(QOS0, "b"), Ok(None));
    pair.expect(&[publish(QOS0, 0, "a"), publish(QOS0, 0, "b")]);
    assert_eq!((pair.session.in_flight(), pair.session.pending()), (0, 0));
    pair.expect_events(&[]);
}

/// Promises: SEND-2
fn qos_0_that_is_not_sent_is_counted<M: TestMemory>() {
    let mut pair = Pair::<M>::connected();
    for payload in ["a", "b", "c"] {
        pair.try_publish(QOS0, payload).unwrap();
    }
    let mut one = [0; 8];
    let mut out = mqtt_session::SliceOutput::new(&mut one);
    pair.session.poll_transmit(pair.now, &mut out).unwrap();
    assert_eq!(decode(out.filled(), pair.version), [publish(QOS0, 0, "a")]);
    assert_eq!(pair.session.unsent(), 0);
    pair.cut();
    assert_eq!(pair.session.unsent(), 2);

    pair.resume(true);
    static LARGE: [u8; 5000] = [b'x'; 5000];
    let kept = mqtt_session::Payload::Keep(M::body(&LARGE));
    let expiry = [Property::MessageExpiryInterval(1)];
    let Packet::Publish(expiring) = with_properties(publish(QOS0, 0, ""), &expiry) else { return };
    pair.session.publish(pair.now, &expiring, kept).unwrap();
    pair.pass(Duration::from_secs(1));
    pair.expect(&[]);
    assert_eq!(pair.session.unsent(), 3);
}

/// What an owner keeps about operations fits a table as long as there are operations.
fn open_operations_have_small_numbers_of_their_own<M: TestMemory>() {
    let mut pair = Pair::<M>::connected();
    let tokens: [_; 4] = std::array::from_fn(|_| pair.publish(QOS1, ""));
    let mut numbers = tokens.map(Token::index);
    numbers.sort_unstable();
    assert_eq!(numbers, [0, 1, 2, 3]);
}

/// Promises: SEND-1, SEND-2
fn qos_0_has_an_outcome_when_asked_for<M: TestMemory>() {
    let mut pair = Pair::<M>::with(Config { report_qos0: true, ..Config::new(1) });
    pair.connect();
    let [first, second] = ["a", "b"].map(|payload| pair.publish(QOS0, payload));
    pair.expect_events(&[]);
    let mut one = [0; 8];
    let mut out = mqtt_session::SliceOutput::new(&mut one);
    pair.session.poll_transmit(pair.now, &mut out).unwrap();
    assert_eq!(decode(out.filled(), pair.version), [publish(QOS0, 0, "a")]);
    pair.expect_events(&[Seen::Transmitted(first)]);
    let expiry = [Property::MessageExpiryInterval(1)];
    let Packet::Publish(expiring) = with_properties(publish(QOS0, 0, "c"), &expiry) else { return };
    let payload = mqtt_session::Payload::Copy(b"c");
    let expired = pair.session.publish(pair.now, &expiring, payload).unwrap().unwrap();
    pair.pass(Duration::from_secs(1));
    pair.session.handle_timeout(pair.now);
    pair.expect_events(&[Seen::Failed(expired, Failure::Expired)]);
    pair.cut();
    pair.expect_events(&[Seen::Failed(second, Failure::Unsent)]);
    assert_eq!((pair.session.unsent(), pair.session.pending()), (2, 0));
}

/// Promises: SEND-1, SEND-2
/// Enforces: MQTT-4.3.2-1, MQTT-4.3.2-2, MQTT-4.3.2-3
fn qos_1_is_done_at_puback<M: TestMemory>() {
    let mut pair = Pair::<M>::connected();
    let token = pair.publish(QOS1, "a");
    pair.expect(&[publish(QOS1, 1, "a")]);
    assert_eq!(pair.session.in_flight(), 1);
    pair.pass(Duration::from_secs(5));
    pair.expect(&[]);
    pair.send(&puback(1));
    pair.expect_events(&[Seen::Delivered(token, OK)]);
    assert_eq!(pair.session.in_flight(), 0);
}

/// Promises: SEND-1, SEND-2
/// Enforces: MQTT-4.3.3-1, MQTT-4.3.3-2, MQTT-4.3.3-3, MQTT-4.3.3-4, MQTT-4.3.3-5
fn qos_2_is_done_at_pubcomp<M: TestMemory>() {
    let mut pair = Pair::<M>::connected();
    let token = pair.publish(QOS2, "a");
    pair.expect(&[publish(QOS2, 1, "a")]);
    pair.exchange(&pubrec(1), &[pubrel(1)]);
    assert_eq!(pair.session.in_flight(), 1);
    pair.send(&pubcomp(1));
    pair.expect_events(&[Seen::Delivered(token, OK)]);
    assert_eq!(pair.session.in_flight(), 0);
}

/// Promises: SEND-1
/// Enforces: MQTT-4.3.3-4, MQTT-4.4.0-2
fn a_code_of_0x80_and_above_ends_the_flow<M: TestMemory>() {
    let mut pair = Pair::<M>::connected();
    let one = pair.publish(QOS1, "a");
    let two = pair.publish(QOS2, "b");
    pair.expect(&[publish(QOS1, 1, "a"), publish(QOS2, 2, "b")]);
    pair.send(&puback_with(1, ReasonCode::NotAuthorized));
    pair.send(&pubrec_with(2, ReasonCode::QuotaExceeded));
    pair.expect_events(&[
        Seen::Rejected(one, ReasonCode::NotAuthorized),
        Seen::Rejected(two, ReasonCode::QuotaExceeded),
    ]);
    // No PUBREL, and nothing is left to be sent again.
    pair.expect(&[]);
    pair.cut();
    pair.resume(true);
    pair.expect(&[]);
}

/// A code below 0x80 is a success that says something.
///
/// Promises: SEND-1
/// Enforces: MQTT-4.3.3-4
fn no_matching_subscribers_is_a_delivery<M: TestMemory>() {
    let mut pair = Pair::<M>::connected();
    let one = pair.publish(QOS1, "a");
    let two = pair.publish(QOS2, "b");
    pair.transmitted();
    pair.send(&puback_with(1, ReasonCode::NoMatchingSubscribers));
    pair.send(&pubrec_with(2, ReasonCode::NoMatchingSubscribers));
    pair.expect_events(&[Seen::Delivered(one, ReasonCode::NoMatchingSubscribers)]);
    pair.expect(&[pubrel(2)]);
    pair.send(&pubcomp_with(2, ReasonCode::PacketIdentifierNotFound));
    // The broker took it over at PUBREC, whatever it remembers now.
    pair.expect_events(&[Seen::Delivered(two, ReasonCode::PacketIdentifierNotFound)]);
}

/// Enforces: MQTT-4.6.0-4
fn pubrels_leave_in_the_order_of_the_pubrecs<M: TestMemory>() {
    let mut pair = Pair::<M>::connected();
    for payload in ["a", "b", "c"] {
        pair.publish(QOS2, payload);
    }
    pair.transmitted();
    for id in [3, 1, 2] {
        pair.send(&pubrec(id));
    }
    pair.expect_events(&[]);
    pair.expect(&[pubrel(3), pubrel(1), pubrel(2)]);
}

/// A PUBREC that comes again is answered again, and changes no order.
fn a_repeated_pubrec_is_answered_with_pubrel<M: TestMemory>() {
    let mut pair = Pair::<M>::connected();
    let tokens = [pair.publish(QOS2, "a"), pair.publish(QOS2, "b")];
    pair.transmitted();
    for id in [1, 2, 1] {
        pair.send(&pubrec(id));
    }
    pair.expect_events(&[]);
    pair.expect(&[pubrel(1), pubrel(2)]);
    pair.exchange(&pubrec(1), &[pubrel(1)]);
    pair.send(&pubcomp(1));
    pair.send(&pubcomp(2));
    pair.expect_events(&tokens.map(|token| Seen::Delivered(token, OK)));
}

/// Promises: SEND-8
/// Enforces: MQTT-2.2.1-3, MQTT-2.2.1-5, MQTT-3.6.2-1
fn a_stray_acknowledgement_is_counted_and_frees_nothing<M: TestMemory>() {
    let mut pair = Pair::<M>::connected();
    let token = pair.publish(QOS1, "a");
    pair.transmitted();
    for packet in [puback(7), pubcomp(7), suback(7, &[OK]), unsuback(7, &[OK])] {
        pair.exchange(&packet, &[]);
    }
    let unknown = ReasonCode::PacketIdentifierNotFound;
    pair.exchange(&pubrec(7), &[pubrel_with(7, unknown)]);
    // What failed needs no PUBREL.
    pair.exchange(&pubrec_with(7, ReasonCode::QuotaExceeded), &[]);
    assert_eq!((pair.session.ignored_acks(), pair.session.in_flight()), (6, 1));
    pair.send(&puback(1));
    pair.expect_events(&[Seen::Delivered(token, OK)]);
    // A second PUBACK belongs to nothing.
    pair.exchange(&puback(1), &[]);
    assert_eq!(pair.session.ignored_acks(), 7);
}

/// An identifier that is given but was not sent yet has no answer.
///
/// Promises: SEND-8
fn an_answer_to_what_was_not_sent_is_stray<M: TestMemory>() {
    let mut pair = Pair::<M>::connected();
    let token = pair.publish(QOS1, "a");
    pair.send(&puback(1));
    pair.expect_events(&[]);
    assert_eq!(pair.session.ignored_acks(), 1);
    pair.expect(&[publish(QOS1, 1, "a")]);
    pair.send(&puback(1));
    pair.expect_events(&[Seen::Delivered(token, OK)]);
}

/// Promises: BAD-1
fn an_acknowledgement_of_the_wrong_kind_is_a_violation<M: TestMemory>() {
    let wrong = [
        (QOS1, pubrec(1)),
        (QOS1, pubcomp(1)),
        (QOS1, suback(1, &[OK])),
        (QOS1, unsuback(1, &[OK])),
        (QOS2, puback(1)),
        (QOS2, pubcomp(1)),
        (QOS2, suback(1, &[OK])),
    ];
    for (qos, answer) in wrong {
        let mut pair = Pair::<M>::connected();
        pair.publish(qos, "a");
        pair.transmitted();
        pair.exchange(&answer, &[disconnect(ReasonCode::ProtocolError)]);
        let closed = Seen::Closed(CloseReason::Violation(ViolationKind::WrongAck));
        assert_eq!(pair.close(), [closed], "{answer:?}");
    }
    let mut pair = Pair::<M>::connected();
    pair.subscribe("a");
    pair.transmitted();
    pair.exchange(&puback(1), &[disconnect(ReasonCode::ProtocolError)]);
    let mut pair = Pair::<M>::connected();
    pair.publish(QOS2, "a");
    pair.transmitted();
    pair.exchange(&pubrec(1), &[pubrel(1)]);
    pair.exchange(&puback(1), &[disconnect(ReasonCode::ProtocolError)]);
}

/// Promises: BAD-2
fn before_5_0_puback_may_end_qos_2_unless_strict<M: TestMemory>() {
    let mut pair = Pair::<M>::v3();
    pair.connect();
    let token = pair.publish(QOS2, "a");
    pair.transmitted();
    pair.send(&puback(1));
    pair.expect_events(&[Seen::Downgraded(token)]);
    pair.expect(&[]);
    assert_eq!((pair.session.in_flight(), pair.session.tolerated()), (0, 1));
    let version = pair.version;
    let mut pair = Pair::<M>::with(Config { strict: true, version, ..Config::new(1) });
    pair.connect();
    pair.publish(QOS2, "a");
    pair.transmitted();
    pair.exchange(&puback(1), &[]);
    assert_eq!(pair.close(), [Seen::Closed(CloseReason::Violation(ViolationKind::WrongAck))]);
}

/// Promises: SEND-6
fn message_expiry_counts_down_while_a_message_waits<M: TestMemory>() {
    let mut pair = Pair::<M>::new();
    let properties = [Property::UserProperty("before", "1"), Property::MessageExpiryInterval(60)];
    let waiting = expiring(&mut pair, QOS1, &properties);
    pair.pass(Duration::from_millis(10_500));
    pair.connect();
    // 49.5 s are left, which is not said to be less.
    let properties = [Property::UserProperty("before", "1"), Property::MessageExpiryInterval(50)];
    pair.expect(&[with_properties(publish(QOS1, 1, "x"), &properties)]);
    pair.send(&puback(1));
    pair.expect_events(&[Seen::Delivered(waiting, OK)]);
}

/// Promises: SEND-6
fn the_place_of_the_expiry_does_not_matter<M: TestMemory>() {
    let before = Property::ContentType("text");
    let behind = Property::CorrelationData(b"id");
    let orders = |seconds| {
        let expiry = Property::MessageExpiryInterval(seconds);
        [[expiry, before, behind], [before, expiry, behind], [before, behind, expiry]]
    };
    for (given, expected) in orders(1000).iter().zip(&orders(900)) {
        let mut pair = Pair::<M>::connected();
        expiring(&mut pair, QOS2, given);
        pair.pass(Duration::from_secs(100));
        pair.expect(&[with_properties(publish(QOS2, 1, "x"), expected)]);
    }
}

/// Promises: SEND-6
fn an_expired_message_is_never_sent_and_fails<M: TestMemory>() {
    let mut pair = Pair::<M>::connected();
    pair.cut();
    let expiry = [Property::MessageExpiryInterval(5)];
    let expired = expiring(&mut pair, QOS1, &expiry);
    let stays = pair.publish(QOS1, "stays");
    pair.pass(Duration::from_secs(4));
    let later = expiring(&mut pair, QOS1, &expiry);
    let (deadline, why) = pair.session.poll_timeout().unwrap();
    assert_eq!(why, mqtt_session::Wakeup::MessageExpiry);
    pair.now = deadline;
    pair.session.handle_timeout(pair.now);
    pair.expect_events(&[Seen::Failed(expired, Failure::Expired)]);
    pair.resume(true);
    // While connected as well: the transport takes nothing until it is too late.
    pair.pass(Duration::from_secs(4));
    pair.expect(&[publish(QOS1, 1, "stays")]);
    pair.expect_events(&[Seen::Failed(later, Failure::Expired)]);
    pair.send(&puback(1));
    pair.expect_events(&[Seen::Delivered(stays, OK)]);
}

/// Promises: SEND-6
fn an_expired_qos_0_is_not_sent<M: TestMemory>() {
    let mut pair = Pair::<M>::connected();
    let packet = mqtt_session::proto::Publish {
        properties: mqtt_session::proto::Properties::from_slice(&[
            Property::MessageExpiryInterval(5),
        ]),
        ..message(QOS0, "x")
    };
    let payload = mqtt_session::Payload::Copy(b"x");
    pair.session.publish(pair.now, &packet, payload).unwrap();
    pair.try_publish(QOS0, "y").unwrap();
    pair.pass(Duration::from_secs(5));
    pair.expect(&[publish(QOS0, 0, "y")]);
}

/// Promises: SEND-6
/// Enforces: MQTT-4.3.3-7
fn a_message_that_was_carried_is_completed_whatever_its_expiry<M: TestMemory>() {
    let mut pair = Pair::<M>::connected();
    let expiry = [Property::MessageExpiryInterval(5)];
    let token = expiring(&mut pair, QOS2, &expiry);
    pair.transmitted();
    pair.cut();
    pair.pass(Duration::from_secs(100));
    pair.session.handle_timeout(pair.now);
    pair.expect_events(&[]);
    pair.resume(true);
    let gone = [Property::MessageExpiryInterval(0)];
    pair.expect(&[with_properties(publish_again(QOS2, 1, "x"), &gone)]);
    pair.exchange(&pubrec(1), &[pubrel(1)]);
    pair.send(&pubcomp(1));
    pair.expect_events(&[Seen::Delivered(token, OK)]);
}

/// The place of an expired message goes to the next.
///
/// Promises: SEND-4, SEND-6
fn an_expired_message_gives_its_place_in_the_window_back<M: TestMemory>() {
    let mut pair = Pair::<M>::granted(&granting(&[Property::ReceiveMaximum(1)]));
    let expired = expiring(&mut pair, QOS1, &[Property::MessageExpiryInterval(5)]);
    let next = pair.publish(QOS1, "next");
    pair.pass(Duration::from_secs(6));
    pair.expect(&[publish(QOS1, 2, "next")]);
    pair.expect_events(&[Seen::Failed(expired, Failure::Expired)]);
    pair.send(&puback(2));
    pair.expect_events(&[Seen::Delivered(next, OK)]);
}

/// Promises: SEND-5
fn offline_qos_1_and_2_are_kept_and_qos_0_fails<M: TestMemory>() {
    let mut pair = Pair::<M>::new();
    assert_eq!(pair.try_publish(QOS0, ""), Err(PublishError::NotConnected));
    let tokens = [pair.publish(QOS1, "a"), pair.publish(QOS2, "b")];
    assert_eq!(pair.session.pending(), 2);
    pair.connect();
    pair.expect(&[publish(QOS1, 1, "a"), publish(QOS2, 2, "b")]);
    pair.send(&puback(1));
    pair.expect_delivered(tokens[0]);
    pair.exchange(&pubrec(2), &[pubrel(2)]);
    pair.send(&pubcomp(2));
    pair.expect_delivered(tokens[1]);
}

/// A topic alias is the session's business.
fn a_topic_alias_of_the_owner_is_refused<M: TestMemory>() {
    let mut pair = Pair::<M>::connected();
    let alias = [Property::TopicAlias(1)];
    let packet = mqtt_session::proto::Publish {
        properties: mqtt_session::proto::Properties::from_slice(&alias),
        ..message(QOS0, "x")
    };
    let published = pair.session.publish(pair.now, &packet, mqtt_session::Payload::Copy(b"x"));
    assert!(matches!(published, Err(PublishError::Invalid(_))), "{published:?}");
}

/// Publishes "x" with these properties.
fn expiring<M: TestMemory>(
    pair: &mut Pair<M>,
    qos: mqtt_session::proto::QoS,
    properties: &[Property<'_>],
) -> Token {
    let packet = mqtt_session::proto::Publish {
        properties: mqtt_session::proto::Properties::from_slice(properties),
        ..message(qos, "x")
    };
    let payload = mqtt_session::Payload::Copy(b"x");
    pair.session.publish(pair.now, &packet, payload).unwrap().unwrap()
}

crate::on_both_memories! {
    qos_0_is_sent_and_done
    qos_0_that_is_not_sent_is_counted
    open_operations_have_small_numbers_of_their_own
    qos_0_has_an_outcome_when_asked_for
    qos_1_is_done_at_puback
    qos_2_is_done_at_pubcomp
    a_code_of_0x80_and_above_ends_the_flow
    no_matching_subscribers_is_a_delivery
    pubrels_leave_in_the_order_of_the_pubrecs
    a_repeated_pubrec_is_answered_with_pubrel
    a_stray_acknowledgement_is_counted_and_frees_nothing
    an_answer_to_what_was_not_sent_is_stray
    an_acknowledgement_of_the_wrong_kind_is_a_violation
    before_5_0_puback_may_end_qos_2_unless_strict
    message_expiry_counts_down_while_a_message_waits
    the_place_of_the_expiry_does_not_matter
    an_expired_message_is_never_sent_and_fails
    an_expired_qos_0_is_not_sent
    a_message_that_was_carried_is_completed_whatever_its_expiry
    an_expired_message_gives_its_place_in_the_window_back
    offline_qos_1_and_2_are_kept_and_qos_0_fails
    a_topic_alias_of_the_owner_is_refused
}
