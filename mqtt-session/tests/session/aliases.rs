//! Topic aliases, both ways.

use mqtt_session::proto::{Packet, Property, Publish, ReasonCode, Version};
use mqtt_session::{CloseReason, Config, Heap, ViolationKind};

use crate::packets::*;
use crate::pair::{Pair, Seen, TestMemory};

/// The message on this topic; an empty one leaves it to the alias.
fn on<'a>(packet: Packet<'a>, topic: &'a str, properties: &'a [Property<'a>]) -> Packet<'a> {
    let Packet::Publish(publish) = with_properties(packet, properties) else { unreachable!() };
    Packet::Publish(Publish { topic, ..publish })
}

/// A connection that announced this Topic Alias Maximum.
fn accepting<M: TestMemory>(topic_alias_maximum: u16) -> Pair<M> {
    let mut pair = Pair::with(Config { topic_alias_maximum, ..Config::new(1) });
    pair.connect();
    pair
}

/// The next message has this topic.
#[track_caller]
fn expect_topic<M: TestMemory>(pair: &mut Pair<M>, expected: &str) {
    match pair.poll() {
        Some(Seen::Message { topic, .. }) => assert_eq!(topic, expected),
        other => panic!("expected a message on {expected}, got {other:?}"),
    }
}

#[track_caller]
fn expect_violation<M: TestMemory>(pair: &mut Pair<M>, violation: ViolationKind) {
    pair.expect_events(&[]);
    pair.expect(&[disconnect(violation.reason_code())]);
    assert_eq!(pair.close(), [Seen::Closed(CloseReason::Violation(violation))]);
}

/// The Topic Alias Maximum in a CONNECT.
fn announced(sent: &[u8], version: Version) -> Option<u16> {
    match decode(sent, version)[..] {
        [Packet::Connect(connect)] => connect.properties.topic_alias_maximum(),
        ref other => panic!("{other:?}"),
    }
}

/// Fixed memory has no room for topics and says so.
fn the_maximum_is_announced_where_it_can_be<M: TestMemory>() {
    let has_room = M::KEEP_FROM > 0;
    for (version, maximum, expected) in
        [(Version::V5, 7, Some(7)), (Version::V5, 0, None), (Version::V3_1_1, 7, None)]
    {
        let config = Config { topic_alias_maximum: maximum, version, ..Config::new(1) };
        let mut pair = Pair::<M>::with(config);
        let sent = pair.open(&pair.clean());
        assert_eq!(announced(&sent, version), expected.filter(|_| has_room));
    }
}

/// Promises: BAD-1
/// Enforces: MQTT-3.1.2-26, MQTT-3.1.2-27, MQTT-3.3.2-8, MQTT-3.3.2-11
fn an_alias_that_was_not_allowed_is_a_violation<M: TestMemory>() {
    let above = if M::KEEP_FROM > 0 { 6 } else { 1 };
    for topic in ["a", ""] {
        let mut pair = accepting::<M>(5);
        pair.send(&on(publish(QOS0, 0, ""), topic, &[Property::TopicAlias(above)]));
        expect_violation(&mut pair, ViolationKind::TopicAlias);
    }
    let mut pair = accepting::<M>(5);
    pair.send_bytes(&[0x30, 7, 0, 1, b'a', 3, 0x23, 0, 0]);
    pair.expect_events(&[]);
    pair.expect(&[disconnect(ReasonCode::TopicAliasInvalid)]);
}

/// Section 3.3.2.3.4.
///
/// Enforces: MQTT-3.3.2-10
#[test]
fn every_alias_up_to_the_maximum_stands_for_its_topic() {
    let mut pair = accepting::<Heap>(5);
    for alias in 1..=5 {
        let topic = format!("topic/{alias}");
        pair.send(&on(publish(QOS0, 0, ""), &topic, &[Property::TopicAlias(alias)]));
        expect_topic(&mut pair, &topic);
    }
    // All in one read, and a topic with another length.
    for alias in [5, 3, 1] {
        pair.send(&on(publish(QOS1, alias, ""), "", &[Property::TopicAlias(alias)]));
    }
    pair.send(&on(publish(QOS0, 0, ""), "another", &[Property::TopicAlias(3)]));
    pair.send(&on(publish(QOS0, 0, ""), "", &[Property::TopicAlias(3)]));
    for topic in ["topic/5", "topic/3", "topic/1", "another", "another"] {
        expect_topic(&mut pair, topic);
    }
    pair.expect_events(&[]);
}

/// What is not delivered again still says what its alias stands for.
///
/// Promises: RECV-3
#[test]
fn a_message_that_comes_again_sets_its_alias() {
    let mut pair = accepting::<Heap>(1);
    pair.send(&publish(QOS1, 1, "a"));
    pair.expect_delivery("a");
    pair.send(&on(publish_again(QOS1, 1, "a"), "t", &[Property::TopicAlias(1)]));
    pair.send(&on(publish(QOS0, 0, "b"), "", &[Property::TopicAlias(1)]));
    expect_topic(&mut pair, "t");
}

/// Promises: BAD-1
#[test]
fn an_alias_that_stands_for_nothing_is_a_violation() {
    let mut pair = accepting::<Heap>(5);
    pair.send(&on(publish(QOS0, 0, ""), "a", &[Property::TopicAlias(2)]));
    expect_topic(&mut pair, "a");
    pair.send(&on(publish(QOS0, 0, ""), "", &[Property::TopicAlias(1)]));
    expect_violation(&mut pair, ViolationKind::UnknownTopicAlias);
}

/// Enforces: MQTT-3.3.2-7
#[test]
fn aliases_of_the_broker_end_with_the_connection() {
    let mut pair = accepting::<Heap>(5);
    pair.send(&on(publish(QOS0, 0, ""), "a", &[Property::TopicAlias(1)]));
    expect_topic(&mut pair, "a");
    pair.cut();
    pair.resume(true);
    pair.send(&on(publish(QOS0, 0, ""), "", &[Property::TopicAlias(1)]));
    expect_violation(&mut pair, ViolationKind::UnknownTopicAlias);
}

crate::on_both_memories! {
    the_maximum_is_announced_where_it_can_be
    an_alias_that_was_not_allowed_is_a_violation
}
