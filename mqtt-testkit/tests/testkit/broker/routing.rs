//! SUBSCRIBE and UNSUBSCRIBE: codes, matching, options, identifiers, properties.

use mqtt_proto::{
    Connect, Packet, Property, Publish, ReasonCode, Subscribe, Subscription, SubscriptionOptions,
    Version,
};
use mqtt_testkit::broker::{Overlapping, Settings};

use super::packets::*;
use super::world::{Peer, World};

const GRANTED: [ReasonCode; 3] =
    [ReasonCode::GrantedQoS0, ReasonCode::GrantedQoS1, ReasonCode::GrantedQoS2];

/// Subscribes with a Subscription Identifier.
#[track_caller]
fn identify(world: &mut World, peer: Peer, topic_filter: &str, qos: mqtt_proto::QoS, id: u32) {
    let (filters, identifier) =
        ([filter(topic_filter, qos)], [Property::SubscriptionIdentifier(id)]);
    let subscribe = Subscribe { properties: list(&identifier), ..subscribe(1, &filters) };
    world.exchange(peer, &subscribe, &[suback(1, &[GRANTED[qos as usize]])]);
}

#[test]
fn one_suback_has_a_code_for_each_filter() {
    let settings = Settings {
        topic_alias_maximum: 0,
        forbidden: vec!["secret".to_owned()],
        maximum_qos: QOS1,
        ..Settings::default()
    };
    let mut world = World::with(settings);
    let (peer, _) = world.try_connect(&connect("a"));
    let filters =
        [filter("a", QOS0), filter("secret", QOS1), filter("c/+", QOS1), filter("d", QOS2)];
    let [zero, one, _] = GRANTED;
    world.exchange(
        peer,
        &subscribe(7, &filters),
        &[suback(7, &[zero, ReasonCode::NotAuthorized, one, one])],
    );
    assert_eq!(world.broker.session("a").unwrap().filters, ["a", "c/+", "d"]);
    let old = world.connect(&Connect { version: Version::V3_1_1, ..connect("b") }, false);
    let codes = [zero, ReasonCode::UnspecifiedError, one, one];
    world.exchange(old, &subscribe(7, &filters), &[suback(7, &codes)]);
}

#[test]
fn a_forbidden_topic_is_not_published_to() {
    let forbidden = vec!["secret/#".to_owned()];
    let settings = Settings { topic_alias_maximum: 0, forbidden, ..Settings::default() };
    let mut world = World::with(settings);
    let peer = world.client("a");
    world.subscribe(peer, "#", QOS0);
    let refused = ReasonCode::NotAuthorized;
    let puback = Packet::PubAck(mqtt_proto::PubAck(ack(1, refused)));
    world.exchange(peer, &publish(QOS1, 1, "secret/x"), &[puback]);
    let pubrec = Packet::PubRec(mqtt_proto::PubRec(ack(2, refused)));
    world.exchange(peer, &publish(QOS2, 2, "secret/x"), &[pubrec]);
    world.exchange(peer, &publish(QOS0, 0, "secret/x"), &[]);
    assert_eq!(world.broker.session("a").unwrap().unreleased, 0);
}

#[test]
fn a_poisonous_topic_ends_the_connection() {
    let poisonous = vec!["poison/#".to_owned()];
    let settings = Settings { poisonous, topic_alias_maximum: 0, ..Settings::default() };
    let mut world = World::with(settings);
    for (qos, packet_id) in [(QOS0, 0), (QOS1, 1), (QOS2, 2)] {
        let (peer, other) = (world.client("a"), world.client("b"));
        world.subscribe(other, "#", QOS0);
        world.send(peer, &publish(qos, packet_id, "poison/x"));
        world.expect_end(peer, ReasonCode::PayloadFormatInvalid);
        world.exchange(other, &publish(QOS0, 0, "x"), &[Packet::Publish(publish(QOS0, 0, "x"))]);
        assert_eq!(world.broker.session("a").map_or(0, |session| session.unreleased), 0);
    }
}

#[test]
fn unsubscribe_removes_exactly_what_it_names() {
    let mut world = World::new();
    let peer = world.client("a");
    let filters = [filter("a/+", QOS0), filter("a/b", QOS0)];
    world.exchange(peer, &subscribe(1, &filters), &[suback(1, &[GRANTED[0]; 2])]);
    let codes = [ReasonCode::NoSubscriptionExisted, ReasonCode::Success];
    world.exchange(peer, &unsubscribe(2, &["a/#", "a/+"]), &[unsuback(2, &codes)]);
    world.exchange(peer, &publish(QOS0, 0, "a/c"), &[]);
    world.exchange(peer, &publish(QOS0, 0, "a/b"), &[Packet::Publish(publish(QOS0, 0, "a/b"))]);
    let old = world.connect(&Connect { version: Version::V3_1_1, ..connect("b") }, false);
    world.exchange(old, &unsubscribe(2, &["x"]), &[unsuback(2, &[])]);
}

#[test]
fn a_delivery_that_was_started_outlives_its_subscription() {
    let mut world = World::new();
    let peer = world.connect(&resume("a"), false);
    world.subscribe(peer, "t", QOS2);
    let message = publish(QOS2, 1, "t");
    world.send(peer, &publish(QOS2, 5, "t"));
    world.transmitted(peer);
    world.exchange(peer, &unsubscribe(2, &["t"]), &[unsuback(2, &[ReasonCode::Success])]);
    world.cut(peer);
    let (peer, bytes) = world.try_connect(&resume("a"));
    let again = Packet::Publish(Publish { dup: true, ..message });
    assert_eq!(super::world::decode(&bytes[5..], Version::V5), [again]);
    world.exchange(peer, &pubrec(1), &[pubrel(1)]);
}

#[test]
fn a_subscription_to_the_same_filter_replaces_the_old_one() {
    let mut world = World::new();
    let peer = world.client("a");
    identify(&mut world, peer, "t", QOS1, 5);
    // Without an identifier there is none any more.
    world.subscribe(peer, "t", QOS0);
    world.exchange(
        peer,
        &publish(QOS1, 1, "t"),
        &[Packet::Publish(publish(QOS0, 0, "t")), puback(1)],
    );
}

#[test]
fn overlapping_subscriptions_bring_one_copy_with_all_identifiers() {
    let mut world = World::new();
    let peer = world.client("a");
    identify(&mut world, peer, "t/#", QOS1, 7);
    identify(&mut world, peer, "t/+", QOS2, 9);
    world.subscribe(peer, "t/x", QOS0);
    let identifiers = [7, 9].map(Property::SubscriptionIdentifier);
    let delivered = Publish { properties: list(&identifiers), ..publish(QOS2, 1, "t/x") };
    world.exchange(peer, &publish(QOS2, 1, "t/x"), &[Packet::Publish(delivered), pubrec(1)]);
}

#[test]
fn overlapping_subscriptions_bring_a_copy_each_where_the_broker_is_so() {
    let overlapping = Overlapping::CopyForEach;
    let mut world =
        World::with(Settings { overlapping, topic_alias_maximum: 0, ..Settings::default() });
    let peer = world.client("a");
    identify(&mut world, peer, "t/#", QOS1, 7);
    world.subscribe(peer, "t/x", QOS0);
    let identifier = [Property::SubscriptionIdentifier(7)];
    let first = Publish { properties: list(&identifier), ..publish(QOS1, 1, "t/x") };
    let copies = [first, publish(QOS0, 0, "t/x")].map(Packet::Publish);
    world.exchange(peer, &publish(QOS1, 1, "t/x"), &[copies[0], copies[1], puback(1)]);
}

#[test]
fn no_local_keeps_a_clients_own_messages_away() {
    let mut world = World::new();
    let (own, other) = (world.client("a"), world.client("b"));
    let options = SubscriptionOptions { no_local: true, ..SubscriptionOptions::default() };
    let filters = [Subscription { filter: "t", options }];
    world.exchange(own, &subscribe(1, &filters), &[suback(1, &[GRANTED[0]])]);
    world.exchange(own, &publish(QOS0, 0, "t"), &[]);
    world.send(other, &publish(QOS0, 0, "t"));
    world.expect(own, &[Packet::Publish(publish(QOS0, 0, "t"))]);
}

#[test]
fn retain_as_published_keeps_the_flag() {
    let mut world = World::new();
    let peer = world.client("a");
    for retain_as_published in [false, true] {
        let options = SubscriptionOptions { retain_as_published, ..SubscriptionOptions::default() };
        let options = SubscriptionOptions {
            retain_handling: mqtt_proto::RetainHandling::DoNotSend,
            ..options
        };
        let filters = [Subscription { filter: "t", options }];
        world.exchange(peer, &subscribe(1, &filters), &[suback(1, &[GRANTED[0]])]);
        for retain in [false, true] {
            let sent = Publish { retain, ..publish(QOS0, 0, "t") };
            let expected = Publish { retain: retain && retain_as_published, ..sent };
            world.exchange(peer, &sent, &[Packet::Publish(expected)]);
        }
    }
}

#[test]
fn every_property_of_a_message_is_forwarded_and_none_of_the_connection() {
    let mut world = World::with(Settings { topic_alias_maximum: 1, ..Settings::default() });
    let (receiver, _) = world.try_connect(&connect("r"));
    let (sender, _) = world.try_connect(&connect("s"));
    let old = world.connect(&Connect { version: Version::V3_1_1, ..connect("o") }, false);
    world.subscribe(receiver, "t", QOS0);
    world.subscribe(old, "t", QOS0);
    let properties = [
        Property::PayloadFormatIndicator(true),
        Property::MessageExpiryInterval(60),
        Property::ContentType("text/plain"),
        Property::ResponseTopic("reply"),
        Property::CorrelationData(b"\x00\xFF"),
        Property::UserProperty("b", "1"),
        Property::UserProperty("a", ""),
        Property::UserProperty("b", "1"),
        Property::TopicAlias(1),
    ];
    world.send(sender, &Publish { properties: list(&properties), ..publish(QOS0, 0, "t") });
    let forwarded = Publish { properties: list(&properties[..8]), ..publish(QOS0, 0, "t") };
    world.expect(receiver, &[Packet::Publish(forwarded)]);
    world.expect(old, &[Packet::Publish(publish(QOS0, 0, "t"))]);
}

#[test]
fn before_5_0_a_shared_filter_is_a_filter_like_any_other() {
    let mut world = World::new();
    let peer = world.connect(&Connect { version: Version::V3_1_1, ..connect("a") }, false);
    world.subscribe(peer, "$share/g/t", QOS0);
    world.exchange(peer, &publish(QOS0, 0, "t"), &[]);
    let named = publish(QOS0, 0, "$share/g/t");
    world.exchange(peer, &named, &[Packet::Publish(named)]);
}
