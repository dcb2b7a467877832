//! Retained messages.

use mqtt_proto::{
    Connect, Packet, Property, Publish, RetainHandling, Subscribe, Subscription,
    SubscriptionOptions, Version,
};
use mqtt_proto::{QoS, ReasonCode};
use mqtt_testkit::broker::Message;

use super::packets::*;
use super::world::{Peer, World};

/// Subscribes to `t/#` and gets exactly these retained messages.
#[track_caller]
fn subscribe_for(world: &mut World, peer: Peer, handling: RetainHandling, got: &[Publish<'_>]) {
    let options = SubscriptionOptions {
        qos: QOS1,
        retain_handling: handling,
        ..SubscriptionOptions::default()
    };
    let filters = [Subscription { filter: "t/#", options }];
    world.send(peer, &subscribe(1, &filters));
    let mut expected = vec![suback(1, &[ReasonCode::GrantedQoS1])];
    expected.extend(got.iter().copied().map(Packet::Publish));
    world.expect(peer, &expected);
}

#[test]
fn the_last_retained_message_of_a_topic_is_kept_until_an_empty_one() {
    let mut world = World::new();
    let peer = world.client("a");
    for message in [retained("t/a", "1"), retained("t/a", "2"), retained("t/b", "3")] {
        world.exchange(peer, &message, &[]);
    }
    // Without RETAIN nothing changes, even if it is empty.
    world.exchange(peer, &publish(QOS0, 0, "t/a"), &[]);
    world.exchange(peer, &Publish { retain: false, ..retained("t/a", "") }, &[]);
    let kept: Vec<&[u8]> = world.broker.retained().map(|message| &message.payload[..]).collect();
    assert_eq!(kept, [b"2", b"3"]);
    world.exchange(peer, &retained("t/a", ""), &[]);
    assert_eq!(world.broker.retained().count(), 1);
    subscribe_for(&mut world, peer, RetainHandling::Send, &[retained("t/b", "3")]);
}

#[test]
fn retain_handling_says_when_retained_messages_come() {
    let mut world = World::new();
    let peer = world.client("a");
    world.exchange(peer, &retained("t/a", "1"), &[]);
    let (message, none) = ([retained("t/a", "1")], []);
    subscribe_for(&mut world, peer, RetainHandling::DoNotSend, &none);
    subscribe_for(&mut world, peer, RetainHandling::SendIfNew, &none);
    subscribe_for(&mut world, peer, RetainHandling::Send, &message);
    subscribe_for(&mut world, peer, RetainHandling::Send, &message);
    let other = world.client("b");
    subscribe_for(&mut world, other, RetainHandling::SendIfNew, &message);
    subscribe_for(&mut world, other, RetainHandling::SendIfNew, &none);
    // A session that goes on has its subscriptions.
    let kept = world.connect(&resume("c"), false);
    subscribe_for(&mut world, kept, RetainHandling::SendIfNew, &message);
    world.cut(kept);
    let kept = world.connect(&resume("c"), true);
    subscribe_for(&mut world, kept, RetainHandling::SendIfNew, &none);
}

#[test]
fn before_5_0_every_subscribe_brings_them() {
    let mut world = World::new();
    let peer = world.connect(&Connect { version: Version::V3_1_1, ..connect("a") }, false);
    world.exchange(peer, &retained("t/a", "1"), &[]);
    for _ in 0..2 {
        subscribe_for(&mut world, peer, RetainHandling::Send, &[retained("t/a", "1")]);
    }
}

#[test]
fn a_retained_message_comes_with_the_lower_qos_and_the_identifier() {
    let mut world = World::new();
    let peer = world.client("a");
    for (qos, expected) in [(QOS2, publish(QOS1, 1, "t")), (QOS0, publish(QOS0, 0, "t"))] {
        let message = Message { qos, retain: true, ..Message::new("t", b"hi") };
        world.broker.publish(world.now, message);
        let (filters, identifier) =
            ([filter("t", QoS::AtLeastOnce)], [Property::SubscriptionIdentifier(3)]);
        let packet = Subscribe { properties: list(&identifier), ..subscribe(1, &filters) };
        let delivered = Publish { retain: true, properties: list(&identifier), ..expected };
        let granted = suback(1, &[ReasonCode::GrantedQoS1]);
        world.exchange(peer, &packet, &[granted, Packet::Publish(delivered)]);
        let gone = unsuback(2, &[ReasonCode::Success]);
        world.exchange(peer, &unsubscribe(2, &["t"]), &[gone]);
    }
}

#[test]
fn a_retained_message_expires() {
    let mut world = World::new();
    let peer = world.client("a");
    let expiry = [Property::MessageExpiryInterval(10)];
    world.exchange(peer, &Publish { properties: list(&expiry), ..retained("t/a", "1") }, &[]);
    world.pass(4);
    let left = [Property::MessageExpiryInterval(6)];
    let message = Publish { properties: list(&left), ..retained("t/a", "1") };
    subscribe_for(&mut world, peer, RetainHandling::Send, &[message]);
    world.pass(6);
    subscribe_for(&mut world, peer, RetainHandling::Send, &[]);
    assert_eq!(world.broker.retained().count(), 0);
}

#[test]
fn the_broker_keeps_its_own_topics_from_wildcards() {
    let mut world = World::new();
    let peer = world.client("a");
    let message = Message { retain: true, ..Message::new("$SYS/version", b"hi") };
    world.broker.publish(world.now, message);
    world.subscribe(peer, "#", QOS0);
    let filters = [filter("$SYS/#", QOS0)];
    let message = Publish { retain: true, ..publish(QOS0, 0, "$SYS/version") };
    let answers = [suback(2, &[ReasonCode::GrantedQoS0]), Packet::Publish(message)];
    world.exchange(peer, &subscribe(2, &filters), &answers);
}
