//! Shared subscriptions.

use mqtt_proto::{Packet, Property, Publish, ReasonCode, Subscribe, Version};

use super::packets::*;
use super::world::{Peer, World, decode};

const SHARED: &str = "$share/group/t";

/// How many messages came.
fn count(world: &mut World, peer: Peer) -> usize {
    decode(&world.transmitted(peer), Version::V5).len()
}

#[test]
fn the_members_of_a_group_take_turns() {
    let mut world = World::new();
    let members = ["a", "b", "c"].map(|client_id| world.client(client_id));
    for member in members {
        world.subscribe(member, SHARED, QOS0);
    }
    let (other, plain) = (world.client("other"), world.client("plain"));
    world.subscribe(other, "$share/others/t", QOS0);
    world.subscribe(plain, "t", QOS0);
    let sender = world.client("sender");
    for _ in 0..6 {
        world.send(sender, &publish(QOS0, 0, "t"));
    }
    assert_eq!(members.map(|member| count(&mut world, member)), [2, 2, 2]);
    assert_eq!([other, plain].map(|peer| count(&mut world, peer)), [6, 6]);
}

#[test]
fn a_client_gets_a_copy_for_its_own_subscription_and_one_for_the_group() {
    let mut world = World::new();
    let peer = world.client("a");
    world.subscribe(peer, "t", QOS0);
    let (filters, identifier) = ([filter(SHARED, QOS1)], [Property::SubscriptionIdentifier(4)]);
    let packet = Subscribe { properties: list(&identifier), ..subscribe(2, &filters) };
    world.exchange(peer, &packet, &[suback(2, &[ReasonCode::GrantedQoS1])]);
    let shared = Publish { properties: list(&identifier), ..publish(QOS1, 1, "t") };
    let copies = [publish(QOS0, 0, "t"), shared].map(Packet::Publish);
    world.exchange(peer, &publish(QOS1, 9, "t"), &[copies[0], copies[1], puback(9)]);
}

#[test]
fn no_retained_messages_come_with_a_shared_subscription() {
    let mut world = World::new();
    let peer = world.client("a");
    world.exchange(peer, &retained("t", "x"), &[]);
    world.subscribe(peer, SHARED, QOS1);
    world.expect(peer, &[]);
}

#[test]
fn those_who_are_here_come_first_and_what_one_has_it_keeps() {
    let mut world = World::new();
    let (first, second) = (world.connect(&resume("a"), false), world.connect(&resume("b"), false));
    world.subscribe(first, SHARED, QOS2);
    world.subscribe(second, SHARED, QOS2);
    let sender = world.client("sender");
    world.exchange(sender, &publish(QOS2, 1, "t"), &[pubrec(1)]);
    assert_eq!(count(&mut world, first), 1);
    // The first has a message and goes away: nobody else gets it, and it gets no other.
    world.cut(first);
    world.exchange(sender, &publish(QOS2, 2, "t"), &[pubrec(2)]);
    world.exchange(sender, &publish(QOS2, 3, "t"), &[pubrec(3)]);
    assert_eq!(count(&mut world, second), 2);
    let (_, bytes) = world.try_connect(&resume("a"));
    let again = Publish { dup: true, ..publish(QOS2, 1, "t") };
    assert_eq!(decode(&bytes[5..], Version::V5), [Packet::Publish(again)]);
    // With nobody here, one of them finds it when it comes back.
    let mut world = World::new();
    let (first, second) = (world.connect(&resume("a"), false), world.connect(&resume("b"), false));
    world.subscribe(first, SHARED, QOS1);
    world.subscribe(second, SHARED, QOS1);
    world.cut(first);
    world.cut(second);
    let sender = world.client("sender");
    world.exchange(sender, &publish(QOS1, 1, "t"), &[puback(1)]);
    assert_eq!(["a", "b"].map(|id| world.broker.session(id).unwrap().queued), [1, 0]);
}

#[test]
fn unsubscribe_names_the_group() {
    let mut world = World::new();
    let peer = world.client("a");
    world.subscribe(peer, SHARED, QOS1);
    let codes = [ReasonCode::NoSubscriptionExisted, ReasonCode::Success];
    world.exchange(peer, &unsubscribe(2, &["t", SHARED]), &[unsuback(2, &codes)]);
    world.exchange(peer, &publish(QOS0, 0, "t"), &[]);
}
