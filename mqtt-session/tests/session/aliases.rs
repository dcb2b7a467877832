//! Topic aliases, both ways.

use std::collections::BTreeMap;
use std::time::Duration;

use mqtt_session::proto::{
    ConnAck, Packet, Properties, Property, Publish, QoS, ReasonCode, Role, Version,
};
use mqtt_session::{
    BufferTooSmall, CloseReason, Config, Connect, Event, Heap, Payload, SliceOutput, ViolationKind,
};
use proptest::prelude::*;

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

/// However the bytes arrive, the topics are the same.
#[test]
fn aliases_split_at_every_byte_give_the_same_topics() {
    let mut script = Vec::new();
    for (topic, alias) in [("a/b", 1), ("", 1), ("c", 2), ("d/e/f", 1), ("", 2), ("", 1)] {
        let alias = [Property::TopicAlias(alias)];
        let packet = on(publish(QOS0, 0, "x"), topic, &alias);
        script.extend(encode(&packet, Version::V5, Role::Server));
    }
    for split in 0..script.len() {
        let mut pair = accepting::<Heap>(2);
        let mut topics = Vec::new();
        for part in [&script[..split], &script[split..]] {
            pair.send_bytes(part);
            for event in pair.events() {
                let Seen::Message { topic, .. } = event else { panic!("{event:?}") };
                topics.push(topic);
            }
        }
        assert_eq!(topics, ["a/b", "a/b", "c", "d/e/f", "c", "d/e/f"]);
    }
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

/// A session that uses aliases, and a broker that granted so many.
fn using<M: TestMemory>(maximum: u16, more: &[Property<'_>]) -> Pair<M> {
    let mut pair = Pair::with(Config { outbound_aliases: true, ..Config::new(1) });
    let grants: Vec<_> =
        std::iter::once(Property::TopicAliasMaximum(maximum)).chain(more.iter().copied()).collect();
    pair.connect_with(&pair.clean(), &granting(&grants));
    pair
}

/// Publishes on a topic.
#[track_caller]
fn publish_on<M: TestMemory>(pair: &mut Pair<M>, qos: QoS, topic: &str) {
    let message = Publish { topic, ..message(qos, "x") };
    pair.session.publish(pair.now, &message, Payload::Copy(message.payload)).unwrap();
}

/// The packet with this alias, as the broker gets it.
fn aliased<'a>(qos: QoS, id: u16, topic: &'a str, alias: &'a [Property<'a>; 1]) -> Packet<'a> {
    on(publish(qos, id, "x"), topic, alias)
}

const A1: [Property<'_>; 1] = [Property::TopicAlias(1)];
const A2: [Property<'_>; 1] = [Property::TopicAlias(2)];

/// Promises: SEND-7
/// Enforces: MQTT-3.2.2-17, MQTT-3.3.2-9
#[test]
fn a_topic_is_said_once_for_each_alias() {
    let mut pair = using::<Heap>(2, &[]);
    for topic in ["topic/a", "topic/b", "topic/b", "topic/a"] {
        publish_on(&mut pair, QOS0, topic);
    }
    publish_on(&mut pair, QOS1, "topic/a");
    publish_on(&mut pair, QOS2, "topic/b");
    pair.expect(&[
        aliased(QOS0, 0, "topic/a", &A1),
        aliased(QOS0, 0, "topic/b", &A2),
        aliased(QOS0, 0, "", &A2),
        aliased(QOS0, 0, "", &A1),
        aliased(QOS1, 1, "", &A1),
        aliased(QOS2, 2, "", &A2),
    ]);
    // A third one takes the place of the oldest.
    publish_on(&mut pair, QOS0, "topic/c");
    publish_on(&mut pair, QOS0, "topic/b");
    publish_on(&mut pair, QOS0, "topic/a");
    pair.expect(&[
        aliased(QOS0, 0, "topic/c", &A1),
        aliased(QOS0, 0, "", &A2),
        aliased(QOS0, 0, "topic/a", &A2),
    ]);
}

/// Over many topics no alias is above what was granted, nor above 64.
///
/// Enforces: MQTT-3.3.2-9
#[test]
fn aliases_stay_within_what_was_granted() {
    for (granted, most) in [(1, 1), (3, 3), (1000, 64)] {
        let mut pair = using::<Heap>(granted, &[]);
        for n in 0..200 {
            publish_on(&mut pair, QOS0, &format!("topic/{n}"));
        }
        let sent = pair.transmitted();
        let aliases = decode(&sent, pair.version).into_iter().map(|packet| match packet {
            Packet::Publish(publish) => publish.properties.topic_alias().unwrap(),
            other => panic!("{other:?}"),
        });
        assert_eq!(aliases.max(), Some(most));
    }
}

/// By the broker, by the configuration, by the version, by the memory.
///
/// Enforces: MQTT-3.2.2-18
fn without_leave_no_alias_is_used<M: TestMemory>() {
    let v3 = Config { version: Version::V3_1_1, outbound_aliases: true, ..Config::new(1) };
    let mut pairs = vec![Pair::<M>::granted(&granting(&[Property::TopicAliasMaximum(9)]))];
    pairs.push(using(0, &[]));
    pairs.push(Pair::with(v3));
    pairs[2].connect();
    if M::KEEP_FROM == 0 {
        pairs.push(using(9, &[]));
    }
    for mut pair in pairs {
        for _ in 0..2 {
            publish_on(&mut pair, QOS0, "topic");
            pair.expect(&[on(publish(QOS0, 0, "x"), "topic", &[])]);
        }
    }
}

/// Promises: SEND-7, RES-1
/// Enforces: MQTT-3.3.2-7
#[test]
fn what_is_sent_again_carries_its_topic() {
    let mut pair = using::<Heap>(2, &[]);
    for _ in 0..2 {
        publish_on(&mut pair, QOS1, "topic/a");
    }
    pair.expect(&[aliased(QOS1, 1, "topic/a", &A1), aliased(QOS1, 2, "", &A1)]);
    publish_on(&mut pair, QOS1, "topic/a");
    pair.cut();
    let connect = Connect { clean_start: false, ..pair.clean() };
    let grant = [Property::TopicAliasMaximum(2)];
    pair.connect_with(&connect, &ConnAck { session_present: true, ..granting(&grant) });
    publish_on(&mut pair, QOS0, "topic/a");
    let again = |id| {
        let Packet::Publish(again) = publish_again(QOS1, id, "x") else { unreachable!() };
        Packet::Publish(Publish { topic: "topic/a", ..again })
    };
    let sent = pair.transmitted();
    let sent = decode(&sent, pair.version);
    assert_eq!(sent[..2], [again(1), again(2)]);
    assert_eq!(sent[2..], [aliased(QOS1, 3, "topic/a", &A1), aliased(QOS0, 0, "", &A1)]);
}

/// With a Message Expiry Interval, properties, a lent payload and any length of the parts.
///
/// Promises: SEND-6, SEND-7
#[test]
fn nothing_else_of_the_message_changes() {
    let value = "v".repeat(116);
    let long: &'static [u8] = Box::leak(vec![b'x'; 20_000].into_boxed_slice());
    for n in [0, 1, 3, 100, 112, 113, 114, 115, 116] {
        for payload in [&long[..0], &long[..3], &long[..120], &long[..16_250], long] {
            let mut pair = using::<Heap>(2, &[]);
            let properties =
                [Property::MessageExpiryInterval(9), Property::ContentType(&value[..n])];
            let message = Publish {
                topic: "topic",
                payload,
                retain: true,
                properties: Properties::from_slice(&properties),
                ..message(QOS1, "")
            };
            for (id, topic) in [(1, "topic"), (2, "")] {
                let payload = Payload::Keep(payload.to_vec());
                pair.session.publish(pair.now, &message, payload).unwrap();
                pair.pass(Duration::from_secs(2));
                let [expiry, content] =
                    [Property::MessageExpiryInterval(7), Property::ContentType(&value[..n])];
                let properties = [Property::TopicAlias(1), expiry, content];
                let properties = Properties::from_slice(&properties);
                let expected =
                    Publish { topic, properties, packet_id: Some(self::id(id)), ..message };
                pair.expect(&[Packet::Publish(expected)]);
            }
        }
    }
}

/// An alias must not make a packet too large, nor one too short for it longer.
///
/// Promises: CON-2
/// Enforces: MQTT-3.2.2-15
#[test]
fn a_packet_at_the_limit_goes_without() {
    let mut pair = using::<Heap>(2, &[Property::MaximumPacketSize(14)]);
    for topic in ["12345678", "12345678", "1234567", "1234567", "abc", "abc"] {
        publish_on(&mut pair, QOS0, topic);
    }
    let plain = |topic| on(publish(QOS0, 0, "x"), topic, &[]);
    pair.expect(&[
        // 14 and 13 bytes, and with an alias 17 and 16.
        plain("12345678"),
        plain("12345678"),
        plain("1234567"),
        plain("1234567"),
        plain("abc"),
        plain("abc"),
    ]);
    publish_on(&mut pair, QOS0, "12345");
    publish_on(&mut pair, QOS0, "12345");
    pair.expect(&[aliased(QOS0, 0, "12345", &A1), aliased(QOS0, 0, "", &A1)]);
}

/// What is transmitted means the same, in buffers of any size.
#[test]
fn a_packet_that_did_not_fit_uses_no_alias() {
    let mut pair = using::<Heap>(1, &[]);
    publish_on(&mut pair, QOS0, "topic/a");
    publish_on(&mut pair, QOS0, "topic/b");
    publish_on(&mut pair, QOS0, "topic/b");
    let needed = 2 + 2 + 7 + 1 + 3 + 1;
    let mut bytes = vec![0; needed - 1];
    let result = pair.session.poll_transmit(pair.now, &mut SliceOutput::new(&mut bytes));
    assert_eq!(result, Err(BufferTooSmall { needed }));
    let mut sent = Vec::new();
    for _ in 0..3 {
        let mut bytes = vec![0; needed];
        let mut out = SliceOutput::new(&mut bytes);
        pair.session.poll_transmit(pair.now, &mut out).unwrap();
        sent.extend(out.filled());
    }
    let expected = [
        aliased(QOS0, 0, "topic/a", &A1),
        aliased(QOS0, 0, "topic/b", &A1),
        aliased(QOS0, 0, "", &A1),
    ];
    assert_eq!(decode(&sent, pair.version), expected);
}

/// Topics change their aliases all the time, both ways, and their buffers stay.
#[test]
fn in_steady_state_aliases_allocate_nothing() {
    let config = Config { topic_alias_maximum: 3, outbound_aliases: true, ..Config::new(1) };
    let mut pair = Pair::<Heap>::with(config);
    pair.connect_with(&pair.clean(), &granting(&[Property::TopicAliasMaximum(3)]));
    let topics = ["topic/1", "topic/22", "topic/333", "topic/4444"];
    let incoming: Vec<u8> = (0..4)
        .flat_map(|n| {
            let alias = [Property::TopicAlias(n % 3 + 1)];
            let said = on(publish(QOS0, 0, "x"), topics[usize::from(n)], &alias);
            let used = on(publish(QOS0, 0, "x"), "", &alias);
            [said, used].map(|packet| encode(&packet, Version::V5, Role::Server)).concat()
        })
        .collect();
    let mut out = Vec::with_capacity(4096);
    let mut step = || {
        for topic in topics.iter().chain(&topics) {
            let message = Publish { topic, ..message(QOS0, "x") };
            pair.session.publish(pair.now, &message, Payload::Copy(message.payload)).unwrap();
        }
        out.clear();
        pair.session.poll_transmit(pair.now, &mut out).unwrap();
        let space = pair.inbound.space();
        space[..incoming.len()].copy_from_slice(&incoming);
        pair.inbound.handle_received(pair.now, incoming.len());
        while let Some(event) = pair.session.poll_event(pair.now, &mut pair.inbound) {
            assert!(matches!(event, Event::Message(_)), "{event:?}");
        }
    };
    (0..20).for_each(|_| step());
    let allocations = allocation_counter::measure(|| (0..20).for_each(|_| step()));
    assert_eq!(allocations.count_total, 0, "{allocations:?}");
}

/// After a farewell, too.
#[test]
fn the_last_messages_use_aliases() {
    let mut pair = using::<Heap>(1, &[]);
    publish_on(&mut pair, QOS1, "topic");
    publish_on(&mut pair, QOS0, "topic");
    pair.disconnect();
    pair.expect(&[
        aliased(QOS1, 1, "topic", &A1),
        aliased(QOS0, 0, "", &A1),
        disconnect(ReasonCode::NormalDisconnection),
    ]);
}

proptest! {
    /// With aliases resolved, a broker gets what it would get without.
    ///
    /// Promises: SEND-7
    #[test]
    fn resolved_they_change_nothing(
        steps in prop::collection::vec((0..6usize, 0..3usize, 0..9u8), 1..60), maximum in 1..4u16,
    ) {
        let [plain, aliased] = [false, true].map(|outbound_aliases| {
            let config = Config { outbound_aliases, ..Config::new(1) };
            resolved(config, &steps, maximum)
        });
        prop_assert_eq!(plain, aliased);
    }
}

/// Publishes, transmits and now and then reconnects; gives what the broker understood.
fn resolved(config: Config, steps: &[(usize, usize, u8)], maximum: u16) -> Vec<String> {
    let topics = ["a", "abcd", "topic/1", "topic/2", "topic/3", "topic/"];
    let grant = [Property::TopicAliasMaximum(maximum)];
    let mut pair = Pair::<Heap>::with(config);
    pair.connect_with(&pair.clean(), &granting(&grant));
    let mut known = BTreeMap::new();
    let mut seen = Vec::new();
    for (topic, qos, then) in steps {
        let message = Publish { topic: topics[*topic], ..message([QOS0, QOS1, QOS2][*qos], "x") };
        pair.session.publish(pair.now, &message, Payload::Copy(message.payload)).unwrap();
        if *then > 5 {
            continue;
        }
        if *then == 0 {
            known.clear();
            // Three ends without an acknowledgement make a message suspicious, and fail it.
            pair.close();
            pair.open(&Connect { clean_start: false, ..pair.clean() });
            pair.send(&ConnAck { session_present: true, ..granting(&grant) });
            pair.events();
        }
        let sent = pair.transmitted();
        for packet in decode(&sent, pair.version) {
            let Packet::Publish(publish) = packet else {
                seen.push(format!("{packet:?}"));
                continue;
            };
            let mut topic = publish.topic.to_owned();
            match publish.properties.topic_alias() {
                Some(alias) if topic.is_empty() => topic = String::clone(&known[&alias]),
                Some(alias) => drop(known.insert(alias, topic.clone())),
                None => {}
            }
            assert!(!publish.dup || publish.properties.is_empty());
            seen.push(format!("{topic} {:?} {}", publish.packet_id, publish.dup));
        }
    }
    seen
}

crate::on_both_memories! {
    without_leave_no_alias_is_used
    the_maximum_is_announced_where_it_can_be
    an_alias_that_was_not_allowed_is_a_violation
}
