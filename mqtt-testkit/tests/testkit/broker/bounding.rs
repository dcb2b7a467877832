//! A bound on what waits for a client, and payloads that are not what they say.

use std::num::NonZeroUsize;

use mqtt_proto::{
    Connect, Packet, Property, PubAck, PubRec, Publish, QoS, ReasonCode, Version, Will,
};
use mqtt_testkit::broker::{Dropped, LogEvent, Message, Settings};

use super::packets::*;
use super::world::{Peer, World, decode};

/// A broker that keeps two messages for each client, and `client`, which is away.
fn full_after_two() -> World {
    let maximum_queued = NonZeroUsize::new(2);
    let mut world =
        World::with(Settings { maximum_queued, topic_alias_maximum: 0, ..Settings::default() });
    let client = world.connect(&resume("client"), false);
    world.subscribe(client, "t", QOS2);
    world.cut(client);
    world
}

/// A publisher, and two messages of its that wait for `client`.
fn filled(world: &mut World, version: Version) -> Peer {
    let peer = world.connect(&Connect { version, ..connect("b") }, false);
    world.exchange(peer, &publish(QOS1, 1, "t"), &[puback(1)]);
    world.exchange(peer, &publish(QOS2, 2, "t"), &[pubrec(2)]);
    peer
}

fn queued(world: &World) -> usize {
    world.broker.session("client").unwrap().queued
}

fn dropped(world: &World) -> Vec<(&str, Dropped)> {
    let dropped = world.broker.log().filter_map(|entry| match &entry.event {
        LogEvent::Dropped { client_id, why, .. } => Some((client_id.as_str(), *why)),
        _ => None,
    });
    dropped.collect()
}

#[test]
fn a_message_that_finds_no_room_is_refused_and_reaches_nobody() {
    let mut world = full_after_two();
    let peer = filled(&mut world, Version::V5);
    let watcher = world.client("w");
    world.subscribe(watcher, "t", QOS0);
    let exceeded = ReasonCode::QuotaExceeded;
    let kept = Publish { retain: true, ..publish(QOS1, 3, "t") };
    world.exchange(peer, &kept, &[Packet::PubAck(PubAck(ack(3, exceeded)))]);
    world.exchange(peer, &publish(QOS2, 4, "t"), &[Packet::PubRec(PubRec(ack(4, exceeded)))]);
    world.expect(watcher, &[]);
    assert_eq!((queued(&world), world.broker.retained().count()), (2, 0));
    // The identifier of the refused message is free, and there is room again.
    world.connect_and_take(2);
    let nobody = ReasonCode::Success;
    world.exchange(peer, &publish(QOS2, 4, "t"), &[Packet::PubRec(PubRec(ack(4, nobody)))]);
    assert_eq!(queued(&world), 1);
    assert_eq!(dropped(&world), []);
}

#[test]
fn before_5_0_a_message_that_finds_no_room_ends_the_connection() {
    let mut world = full_after_two();
    let peer = filled(&mut world, Version::V3_1_1);
    world.send(peer, &publish(QOS1, 3, "t"));
    world.expect_end(peer, ReasonCode::QuotaExceeded);
    assert_eq!(queued(&world), 2);
}

#[test]
fn what_nobody_can_be_refused_is_dropped() {
    let mut world = full_after_two();
    filled(&mut world, Version::V5);
    let message = Message { qos: QoS::AtLeastOnce, ..Message::new("t", b"own") };
    world.broker.publish(world.now, message);
    let will = Will { qos: QOS1, retain: false, properties: list(&[]), topic: "t", payload: b"" };
    let mortal = world.connect(&Connect { will: Some(will), ..connect("c") }, false);
    world.cut(mortal);
    assert_eq!(queued(&world), 2);
    assert_eq!(dropped(&world), [("client", Dropped::NoRoom); 2]);
}

#[test]
fn a_client_that_takes_what_comes_needs_no_room() {
    let maximum_queued = NonZeroUsize::new(1);
    let mut world =
        World::with(Settings { maximum_queued, topic_alias_maximum: 0, ..Settings::default() });
    let peer = world.client("a");
    for topic in ["r/1", "r/2", "r/3"] {
        world.broker.publish(world.now, Message { retain: true, ..Message::new(topic, b"x") });
    }
    world.send(peer, &subscribe(1, &[filter("r/+", QOS1)]));
    let bytes = world.transmitted(peer);
    assert_eq!(decode(&bytes, Version::V5).len(), 4);
    for packet_id in 1..=3 {
        world.exchange(peer, &publish(QOS1, packet_id, "x"), &[no_subscriber(packet_id)]);
    }
    assert_eq!(dropped(&world), []);
}

fn no_subscriber(packet_id: u16) -> Packet<'static> {
    Packet::PubAck(PubAck(ack(packet_id, ReasonCode::NoMatchingSubscribers)))
}

#[test]
fn a_share_goes_to_who_has_room() {
    let maximum_queued = NonZeroUsize::new(1);
    let mut world =
        World::with(Settings { maximum_queued, topic_alias_maximum: 0, ..Settings::default() });
    for name in ["m", "n"] {
        let member = world.connect(&resume(name), false);
        world.subscribe(member, "$share/g/t", QOS1);
        world.cut(member);
    }
    let peer = world.client("b");
    world.exchange(peer, &publish(QOS1, 1, "t"), &[puback(1)]);
    world.exchange(peer, &publish(QOS1, 2, "t"), &[puback(2)]);
    for name in ["m", "n"] {
        assert_eq!(world.broker.session(name).unwrap().queued, 1);
    }
    let refused = Packet::PubAck(PubAck(ack(3, ReasonCode::QuotaExceeded)));
    world.exchange(peer, &publish(QOS1, 3, "t"), &[refused]);
}

impl World {
    /// `client` comes back, gets so many messages and leaves them unacknowledged.
    fn connect_and_take(&mut self, count: usize) {
        let (client, bytes) = self.try_connect(&resume("client"));
        assert_eq!(decode(&bytes, Version::V5).len(), 1 + count);
        self.cut(client);
    }
}

/// A message that says it is text, and is not.
fn no_text(qos: QoS, packet_id: u16) -> Publish<'static> {
    const TEXT: &[Property<'_>] = &[Property::PayloadFormatIndicator(true)];
    Publish { properties: list(TEXT), payload: b"\xFF", ..publish(qos, packet_id, "t") }
}

#[test]
fn a_payload_that_is_no_text_is_refused_where_that_is_checked() {
    let invalid = ReasonCode::PayloadFormatInvalid;
    let settings = Settings {
        checks_payload_format: true,
        reports_no_subscribers: false,
        topic_alias_maximum: 0,
        ..Settings::default()
    };
    let mut world = World::with(settings);
    let peer = world.client("a");
    world.exchange(peer, &Publish { payload: b"text", ..no_text(QOS1, 1) }, &[puback(1)]);
    world.exchange(peer, &no_text(QOS1, 2), &[Packet::PubAck(PubAck(ack(2, invalid)))]);
    world.exchange(peer, &no_text(QOS2, 3), &[Packet::PubRec(PubRec(ack(3, invalid)))]);
    world.send(peer, &no_text(QOS0, 0));
    world.expect_end(peer, invalid);
    let properties = no_text(QOS0, 0).properties;
    let will = Will { qos: QOS0, retain: false, properties, topic: "will", payload: b"\xFF" };
    let (_, bytes) = world.try_connect(&Connect { will: Some(will), ..connect("b") });
    let [Packet::ConnAck(connack)] = decode(&bytes, Version::V5)[..] else { panic!() };
    assert_eq!(connack.reason, invalid);
}

#[test]
fn a_payload_is_not_looked_at_unless_asked_for() {
    let mut world = World::new();
    let peer = world.client("a");
    world.exchange(peer, &no_text(QOS1, 1), &[no_subscriber(1)]);
}
