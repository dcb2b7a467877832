//! Will Messages.

use mqtt_proto::{Connect, Packet, Properties, Property, Publish, ReasonCode, Version, Will};
use mqtt_testkit::broker::LogEvent;

use super::packets::*;
use super::world::{Peer, World};

const WILL: Will<'_> =
    Will { qos: QOS1, retain: false, properties: Properties::EMPTY, topic: "will", payload: b"hi" };

/// A world with somebody who reads Wills.
fn world() -> (World, Peer) {
    let mut world = World::new();
    let reader = world.client("reader");
    world.subscribe(reader, "will", QOS0);
    (world, reader)
}

#[track_caller]
fn expect_will(world: &mut World, reader: Peer) {
    world.expect(reader, &[Packet::Publish(publish(QOS0, 0, "will"))]);
}

fn wills(world: &World) -> usize {
    let wills = world.broker.log();
    wills.filter(|entry| matches!(entry.event, LogEvent::WillPublished { .. })).count()
}

#[test]
fn every_end_but_a_normal_disconnect_publishes_the_will_once() {
    for version in [Version::V5, Version::V3_1_1] {
        let (mut world, reader) = world();
        let connect = Connect { version, will: Some(WILL), keep_alive: 10, ..connect("a") };
        let peer = world.connect(&connect, false);
        world.leave(peer, ReasonCode::NormalDisconnection);
        world.expect(reader, &[]);

        let peer = world.connect(&connect, false);
        world.cut(peer);
        expect_will(&mut world, reader);

        let peer = world.connect(&connect, false);
        world.pass(15);
        assert!(world.broker.is_closing(peer.id));
        expect_will(&mut world, reader);
        world.cut(peer);

        let peer = world.connect(&connect, false);
        world.send_bytes(peer, &[0xFF]);
        expect_will(&mut world, reader);
        world.cut(peer);
        world.expect(reader, &[]);
        assert_eq!(wills(&world), 3);
    }
}

#[test]
fn disconnect_with_any_other_code_publishes_the_will() {
    let (mut world, reader) = world();
    for reason in [ReasonCode::DisconnectWithWillMessage, ReasonCode::UnspecifiedError] {
        let peer = world.connect(&Connect { will: Some(WILL), ..connect("a") }, false);
        world.leave(peer, reason);
        expect_will(&mut world, reader);
    }
}

#[test]
fn a_will_has_its_properties_and_may_be_retained() {
    let mut world = World::new();
    let reader = world.client("reader");
    world.subscribe(reader, "will", QOS1);
    let properties = [
        Property::WillDelayInterval(0),
        Property::MessageExpiryInterval(9),
        Property::ContentType("c"),
        Property::UserProperty("b", "1"),
        Property::UserProperty("a", "2"),
    ];
    let will = Will { retain: true, properties: list(&properties), ..WILL };
    let peer = world.connect(&Connect { will: Some(will), ..connect("a") }, false);
    world.pass(50);
    world.cut(peer);
    let expected = Publish { properties: list(&properties[1..]), ..publish(QOS1, 1, "will") };
    world.expect(reader, &[Packet::Publish(expected)]);
    assert_eq!(
        world.broker.retained().map(|message| &*message.topic).collect::<Vec<_>>(),
        ["will"]
    );
}

/// A CONNECT whose Will is delayed by so many seconds, and whose session is kept for 100.
fn delayed<'a>(delay: &'a [Property<'a>]) -> Connect<'a> {
    Connect { will: Some(Will { properties: list(delay), ..WILL }), ..resume("a") }
}

#[test]
fn a_delayed_will_waits_for_the_client_to_come_back() {
    let delay = [Property::WillDelayInterval(10)];
    let (mut world, reader) = world();
    let peer = world.connect(&delayed(&delay), false);
    world.cut(peer);
    world.pass(9);
    let peer = world.connect(&delayed(&delay), true);
    world.pass(100);
    world.expect(reader, &[]);
    world.cut(peer);
    world.pass(9);
    world.expect(reader, &[]);
    world.pass(1);
    expect_will(&mut world, reader);
    world.pass(200);
    assert_eq!(wills(&world), 1);
}

#[test]
fn a_will_does_not_outlive_its_session() {
    let delay = [Property::WillDelayInterval(1000)];
    let (mut world, reader) = world();
    // The interval of the session is shorter.
    let peer = world.connect(&delayed(&delay), false);
    world.cut(peer);
    world.pass(99);
    world.expect(reader, &[]);
    world.pass(1);
    expect_will(&mut world, reader);
    assert!(world.broker.session("a").is_none());
    // Clean Start ends the session.
    let peer = world.connect(&delayed(&delay), false);
    world.cut(peer);
    let peer = world.connect(&connect("a"), false);
    expect_will(&mut world, reader);
    world.cut(peer);
    // The session ends with the connection.
    let will = Some(Will { properties: list(&delay), ..WILL });
    let peer = world.connect(&Connect { will, ..connect("a") }, false);
    world.cut(peer);
    expect_will(&mut world, reader);
}

#[test]
fn a_takeover_publishes_the_will_unless_it_is_delayed_and_the_session_goes_on() {
    let delay = [Property::WillDelayInterval(10)];
    let (mut world, reader) = world();
    world.connect(&delayed(&delay), false);
    world.connect(&delayed(&delay), true);
    world.expect(reader, &[]);
    // Clean Start ends the session.
    world.connect(&Connect { clean_start: true, ..delayed(&[]) }, false);
    expect_will(&mut world, reader);
    // No delay.
    world.connect(&resume("a"), true);
    expect_will(&mut world, reader);
}

#[test]
fn the_will_of_a_new_connection_replaces_the_old_one() {
    let (mut world, reader) = world();
    let delay = [Property::WillDelayInterval(10)];
    let peer = world.connect(&delayed(&delay), false);
    world.cut(peer);
    // The new connection has none.
    let peer = world.connect(&resume("a"), true);
    world.cut(peer);
    world.pass(1000);
    world.expect(reader, &[]);
}
