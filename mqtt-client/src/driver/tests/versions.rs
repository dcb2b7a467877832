//! VER-1: 3.1.1 where a broker does not speak 5.0.

use std::time::Duration;

use mqtt_session::proto::{self, Packet, QoS, ReasonCode, Version};

use super::identifiers::{counts, send};
use super::packets::{connack, publish};
use super::subscribing::{packet_id, stream, suback};
use super::world::World;
use crate::{
    ConnectError, Failure, Options, Publish, PublishError, SessionExpiry, Subscription,
    VersionChoice,
};

const OLD: Version = Version::V3_1_1;

fn auto(options: Options) -> Options {
    options.version(VersionChoice::Auto)
}

/// What was sent with CONNECT, which must be of this version.
#[track_caller]
fn expect_connect(world: &mut World, version: Version, connect: &str) {
    assert_eq!(world.sent(), [connect]);
    assert_eq!(world.version(), version);
}

/// Refuses 5.0; the client comes again at once.
fn refuse(world: &mut World) {
    expect_connect(world, Version::V5, "CONNECT clean=true");
    world.reply(&connack(false, ReasonCode::UnsupportedProtocolVersion));
}

/// The clean connection that precedes a session that is kept, of 3.1.1, and that session's.
fn connect_old(world: &mut World) {
    connect_twice(world, OLD);
}

/// As [`connect_old`], of a version before 5.0.
fn connect_twice(world: &mut World, version: Version) {
    expect_connect(world, version, "CONNECT clean=true");
    world.reply(&connack(false, ReasonCode::Success));
    assert_eq!(world.sent(), ["DISCONNECT 0x00"]);
    world.cut();
    expect_connect(world, version, "CONNECT clean=false");
    world.reply(&connack(false, ReasonCode::Success));
}

#[test]
fn a_broker_that_refuses_5_0_is_asked_in_3_1_1() {
    let mut world = World::new(auto);
    refuse(&mut world);
    connect_old(&mut world);
    let client = world.client();
    assert!(world.finish(client.connected()).is_ok());
    let mut messages = stream(&mut world, "a");
    world.reply(&publish("a", 1, b""));
    assert!(messages.try_recv().is_ok());
    world.cut();
    world.advance(Duration::from_secs(2));
    expect_connect(&mut world, OLD, "CONNECT clean=false");
}

/// There is no code that says so: a message nobody wants is acknowledged like any other.
///
/// Enforces: MQTT-4.5.0-2 (3.1.1)
#[test]
fn before_5_0_an_unrouted_message_is_acknowledged() {
    let old = |options: Options| {
        let options = options.version(OLD).session_expiry(SessionExpiry::Immediately);
        options.keep_alive(None).unrouted_hold(Duration::ZERO)
    };
    let mut world = World::connected(old);
    world.reply(&publish("nobody", 1, b"x"));
    assert_eq!(world.sent(), ["PUBACK 1"]);
    assert_eq!(world.client().stats().unrouted, 1);
}

#[test]
fn so_is_one_that_closes_twice() {
    let mut world = World::new(auto);
    for _ in 0..2 {
        expect_connect(&mut world, Version::V5, "CONNECT clean=true");
        world.cut();
    }
    connect_old(&mut world);
    let client = world.client();
    assert!(world.finish(client.connected()).is_ok());
}

/// The broker of 5.0 assigns an identifier, that of 3.1.1 does not.
#[test]
fn without_an_identifier_one_is_made_up_for_3_1_1_alone() {
    let mut world = World::new(|options| auto(options).client_id(""));
    expect_connect(&mut world, Version::V5, "CONNECT clean=true");
    assert_eq!(world.client().client_id(), "", "none for 5.0");
    world.reply(&connack(false, ReasonCode::UnsupportedProtocolVersion));
    expect_connect(&mut world, OLD, "CONNECT clean=false");
    world.reply(&connack(false, ReasonCode::Success));
    let made_up = world.client().client_id();
    assert!(made_up.starts_with("mqtt") && made_up.len() == 20, "{made_up}");
    world.cut();
    world.advance(Duration::from_secs(2));
    expect_connect(&mut world, OLD, "CONNECT clean=false");
    assert_eq!(world.client().client_id(), made_up);
}

/// VER-2: what was accepted for 5.0 is looked at again.
#[test]
fn what_3_1_1_cannot_say_fails() {
    let mut world = World::new(auto);
    let client = world.client();
    let message = Publish::new("a", "").qos(QoS::AtLeastOnce);
    let mut plain = world.task(client.publish(message.clone()));
    let mut typed = world.task(client.publish(message.clone().content_type("text")));
    let mut subscribing = world.task(client.subscribe("b", QoS::AtLeastOnce));
    assert!(plain.poll().is_pending() && typed.poll().is_pending());
    assert!(subscribing.poll().is_pending());
    refuse(&mut world);
    connect_old(&mut world);
    assert_eq!(world.sent(), ["SUBSCRIBE 1 b 1", "PUBLISH 2 a 0"]);
    assert!(matches!(typed.output(), Err(PublishError::Failed(Failure::Invalid(_)))));
    let mut typed = world.task(client.publish(message.content_type("text")));
    assert!(matches!(typed.poll(), std::task::Poll::Ready(Err(PublishError::Invalid(_)))));
}

/// VER-2: nothing is left out of CONNECT to make it fit.
#[test]
fn a_connect_that_3_1_1_cannot_say_is_an_error() {
    let mut world = World::new(|options| auto(options).connect_user_property("a", "b"));
    world.sent();
    world.reply(&connack(false, ReasonCode::UnsupportedProtocolVersion));
    world.run();
    let client = world.client();
    let error = world.finish(client.connected()).unwrap_err();
    assert!(matches!(error, ConnectError::Connect(_)), "{error}");
    assert_eq!(world.connections(), 2, "nothing was sent on the second");
    assert_eq!(world.sent(), [""; 0]);
}

/// RECV-7: a subscription made in 3.1.1 has no identifier, later ones have; nothing is lost for it.
#[test]
fn identifiers_come_with_5_0() {
    let mut world = World::new(auto);
    refuse(&mut world);
    connect_old(&mut world);
    let client = world.client();
    let mut old = [stream(&mut world, "a"), stream(&mut world, "b")];
    client.set_brokers(["mqtt://new"]).unwrap();
    world.cut();
    world.advance(Duration::from_secs(2));
    expect_connect(&mut world, Version::V5, "CONNECT clean=false");
    world.reply(&connack(false, ReasonCode::Success));
    let sent = world.sent();
    assert_eq!(sent, ["SUBSCRIBE 3 a 1", "SUBSCRIBE 4 b 1"]);
    for line in &sent {
        world.reply(&suback(packet_id(line, "SUBSCRIBE"), &[ReasonCode::GrantedQoS1]));
    }
    let mut any = granted(&mut world, "+", "SUBSCRIBE 5 id=1 + 1");
    let mut same = granted(&mut world, "b", "SUBSCRIBE 6 id=2 b 1");
    let [a, b] = &mut old;
    // One copy for all, or one for each.
    send(&mut world, "a", 1, false, &[1]);
    assert_eq!(counts([&mut any, a, b, &mut same]), [1, 1, 0, 0]);
    send(&mut world, "b", 2, false, &[2]);
    assert_eq!(counts([&mut any, a, b, &mut same]), [0, 0, 1, 1]);
}

/// ... and a filter that is subscribed to again in 3.1.1 loses its own.
#[test]
fn identifiers_go_with_3_1_1() {
    let mut world = World::new(|options| auto(options).client_id(""));
    world.accept(false);
    let (mut any, mut first) = (stream(&mut world, "+"), stream(&mut world, "a"));
    world.cut();
    world.advance(Duration::from_secs(2));
    expect_connect(&mut world, Version::V5, "CONNECT clean=false");
    world.reply(&connack(false, ReasonCode::UnsupportedProtocolVersion));
    expect_connect(&mut world, OLD, "CONNECT clean=false");
    world.reply(&connack(true, ReasonCode::Success));
    let mut second = granted(&mut world, "a", "SUBSCRIBE 3 a 1");
    world.client().set_brokers(["mqtt://new"]).unwrap();
    world.cut();
    world.advance(Duration::from_secs(2));
    expect_connect(&mut world, Version::V5, "CONNECT clean=false");
    world.reply(&connack(true, ReasonCode::Success));
    send(&mut world, "a", 1, false, &[1]);
    assert_eq!(counts([&mut any, &mut first, &mut second]), [1, 1, 1]);
}

/// Subscribes with this packet.
#[track_caller]
fn granted(world: &mut World, filter: &str, packet: &str) -> Subscription {
    let client = world.client();
    let mut task = world.task(client.subscribe(filter, QoS::AtLeastOnce));
    assert!(task.poll().is_pending());
    assert_eq!(world.sent(), [packet]);
    world.reply(&suback(packet_id(packet, "SUBSCRIBE"), &[ReasonCode::GrantedQoS1]));
    task.output().unwrap()
}

/// RES-1: 3.1 does not say whether the session is there. What was held over the end of a connection
/// is acknowledged all the same.
#[test]
fn on_3_1_a_message_held_over_a_reconnect_is_acknowledged() {
    let mut world = World::new(|options| options.version(Version::V3_1));
    world.run();
    connect_twice(&mut world, Version::V3_1);
    let mut messages = stream(&mut world, "a");
    world.reply(&publish("a", 1, b""));
    let held = world.finish(messages.recv()).unwrap();
    world.cut();
    world.advance(Duration::from_secs(2));
    expect_connect(&mut world, Version::V3_1, "CONNECT clean=false");
    world.reply(&connack(false, ReasonCode::Success));
    assert_eq!(world.sent().len(), 1, "SUBSCRIBE");
    let Packet::Publish(again) = publish("a", 1, b"") else { unreachable!() };
    world.reply(&Packet::Publish(proto::Publish { dup: true, ..again }));
    assert!(messages.try_recv().is_err(), "it is held");
    drop(held);
    assert_eq!(world.sent(), ["PUBACK 1"]);
}
