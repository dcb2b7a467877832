//! RECV-7: each subscription gets exactly its messages, once each, even when filters overlap.

use std::time::Duration;

use mqtt_session::proto::{
    ConnAck, Packet, PacketId, Properties, Property, Publish, QoS, ReasonCode, RetainHandling,
    Version,
};

use super::packets::{connack, id, publish};
use super::subscribing::{grant, packet_id, stream, suback, unsuback};
use super::world::World;
use crate::{SubscribeOptions, Subscription};

/// A PUBLISH of QoS 1 for the subscriptions with these identifiers.
pub(super) fn send(world: &mut World, topic: &str, id: u16, retain: bool, identifiers: &[u32]) {
    let properties: Vec<_> =
        identifiers.iter().map(|it| Property::SubscriptionIdentifier(*it)).collect();
    world.reply(&Packet::Publish(Publish {
        dup: false,
        qos: QoS::AtLeastOnce,
        retain,
        topic,
        packet_id: PacketId::new(id),
        properties: Properties::from_slice(&properties),
        payload: b"",
    }));
}

fn without_identifiers(world: &mut World) {
    world.reply(&Packet::ConnAck(ConnAck {
        session_present: false,
        reason: ReasonCode::Success,
        properties: Properties::from_slice(&[Property::SubscriptionIdentifierAvailable(false)]),
    }));
}

/// How many messages each of these has got.
pub(super) fn counts<const N: usize>(streams: [&mut Subscription; N]) -> [usize; N] {
    streams.map(|stream| std::iter::from_fn(|| stream.try_recv().ok()).count())
}

#[test]
fn every_filter_has_an_identifier_of_its_own() {
    let mut world = World::connected(|options| options);
    let client = world.client();
    let mut kept = Vec::new();
    for (number, filter) in ["a/#", "a/+", "b", "a/+"].into_iter().enumerate() {
        let mut task = world.task(client.subscribe(filter, QoS::AtLeastOnce));
        assert!(task.poll().is_pending());
        let identifier = if number == 3 { 2 } else { number + 1 };
        assert_eq!(world.sent(), [format!("SUBSCRIBE {} id={identifier} {filter} 1", number + 1)]);
        world.reply(&suback(PacketId::new(number as u16 + 1).unwrap(), &[ReasonCode::GrantedQoS1]));
        kept.push(task.output().unwrap());
    }
}

/// Both ways a broker has: a copy for each subscription, or one that names all.
///
/// Enforces: MQTT-3.3.4-3, MQTT-3.3.4-4, MQTT-3.3.4-5
#[test]
fn identifiers_choose_among_what_matches() {
    let mut world = World::connected(|options| options);
    let (mut all, mut one) = (stream(&mut world, "a/#"), stream(&mut world, "a/+"));
    let mut other = stream(&mut world, "b");
    let mut got = |world: &mut World, identifiers: &[u32]| {
        send(world, "a/x", 1, false, identifiers);
        let got = counts([&mut all, &mut one, &mut other]);
        assert_eq!(world.sent(), ["PUBACK 1"]);
        got
    };
    assert_eq!(got(&mut world, &[1]), [1, 0, 0]);
    assert_eq!(got(&mut world, &[2]), [0, 1, 0]);
    assert_eq!(got(&mut world, &[1, 2]), [1, 1, 0]);
    assert_eq!(got(&mut world, &[2, 3, 9]), [0, 1, 0]);
    for strangers in [&[][..], &[3], &[9]] {
        assert_eq!(got(&mut world, strangers), [1, 1, 0], "the topic says it");
    }
}

/// What still comes for a subscription the broker is to end is for no other.
#[test]
fn a_subscription_on_its_way_out_keeps_its_messages_from_others() {
    let mut world = World::connected(|options| options.unrouted_hold(Duration::ZERO));
    let (all, mut one) = (stream(&mut world, "a/#"), stream(&mut world, "a/b"));
    drop(all);
    world.advance(Duration::from_secs(5));
    assert_eq!(world.sent(), ["UNSUBSCRIBE 3 a/#"]);
    let mut got = |world: &mut World, identifiers: &[u32]| {
        send(world, "a/b", 1, false, identifiers);
        (counts([&mut one]), world.sent().concat())
    };
    assert_eq!(got(&mut world, &[1]), ([0], "PUBACK 1 0x83".into()));
    for others in [&[][..], &[2], &[1, 2], &[9]] {
        assert_eq!(got(&mut world, others), ([1], "PUBACK 1".into()));
    }
    world.reply(&unsuback(id(3), &[ReasonCode::Success]));
    assert_eq!(got(&mut world, &[1]), ([1], "PUBACK 1".into()), "unknown again: the topic says it");
}

/// ... through an outage, and even when the broker refuses to end it.
#[test]
fn a_subscription_the_broker_keeps_keeps_its_messages_from_others() {
    let mut world = World::connected(|options| options.unrouted_hold(Duration::ZERO));
    let (all, mut one) = (stream(&mut world, "a/#"), stream(&mut world, "a/b"));
    world.cut();
    drop(all);
    world.advance(Duration::from_secs(10));
    world.accept(true);
    assert_eq!(world.sent(), ["UNSUBSCRIBE 3 a/#"]);
    send(&mut world, "a/b", 1, false, &[1]);
    world.reply(&unsuback(id(3), &[ReasonCode::NotAuthorized]));
    send(&mut world, "a/b", 2, false, &[1]);
    assert_eq!(counts([&mut one]), [0]);
    assert_eq!(world.sent(), ["PUBACK 1 0x83", "PUBACK 2 0x83"]);
}

/// ... but for one to the same filter: it has what the broker still sends for the one before.
#[test]
fn a_new_subscription_has_the_identifier_of_the_one_on_its_way_out() {
    let mut world = World::connected(|options| options);
    let (all, mut one) = (stream(&mut world, "a/#"), stream(&mut world, "a/b"));
    drop(all);
    world.advance(Duration::from_secs(5));
    let client = world.client();
    let mut task = world.task(client.subscribe("a/#", QoS::AtLeastOnce));
    assert!(task.poll().is_pending());
    assert_eq!(world.sent(), ["UNSUBSCRIBE 3 a/#", "SUBSCRIBE 4 id=1 a/# 1"]);
    send(&mut world, "a/b", 1, false, &[1]);
    world.reply(&unsuback(id(3), &[ReasonCode::NotAuthorized]));
    world.reply(&suback(id(4), &[ReasonCode::GrantedQoS1]));
    send(&mut world, "a/b", 2, false, &[1]);
    let mut all = task.output().unwrap();
    assert_eq!(counts([&mut all, &mut one]), [2, 0]);
}

/// The retained messages that answer a second subscription to a filter go to it alone.
#[test]
fn retained_messages_go_to_who_asked_for_them() {
    let mut world = World::connected(|options| options);
    let mut first = stream(&mut world, "a");
    send(&mut world, "a", 1, true, &[1]);
    assert_eq!(counts([&mut first]), [1]);
    let client = world.client();
    let mut task = world.task(client.subscribe("a", QoS::AtLeastOnce));
    assert!(task.poll().is_pending());
    let asked = packet_id(world.sent().last().unwrap(), "SUBSCRIBE");
    send(&mut world, "a", 1, true, &[1]);
    world.reply(&suback(asked, &[ReasonCode::GrantedQoS1]));
    let mut second = task.output().unwrap();
    send(&mut world, "a", 2, true, &[1]);
    assert_eq!(counts([&mut first, &mut second]), [0, 2], "before SUBACK and after it");
    send(&mut world, "a", 3, false, &[1]);
    assert_eq!(counts([&mut first, &mut second]), [1, 1]);
    let options = SubscribeOptions::new("a").retain_handling(RetainHandling::DoNotSend);
    let mut third = grant(&mut world, client.subscribe_with(options), ReasonCode::GrantedQoS1);
    send(&mut world, "a", 4, true, &[1]);
    assert_eq!(counts([&mut first, &mut second, &mut third]), [0, 1, 0], "the third wants none");
}

/// Of two that ask at the same time neither loses what answers it.
#[test]
fn those_who_ask_together_share_retained_messages() {
    let mut world = World::connected(|options| options);
    let client = world.client();
    let mut tasks = [(); 2].map(|()| world.task(client.subscribe("a", QoS::AtLeastOnce)));
    assert!(tasks.iter_mut().all(|task| task.poll().is_pending()));
    for line in world.sent() {
        world.reply(&suback(packet_id(&line, "SUBSCRIBE"), &[ReasonCode::GrantedQoS1]));
    }
    send(&mut world, "a", 1, true, &[1]);
    let [mut first, mut second] = tasks.map(|task| task.output().unwrap());
    assert_eq!(counts([&mut first, &mut second]), [1, 1]);
}

/// With Retain As Published the flag does not tell what answers a SUBSCRIBE.
#[test]
fn retained_as_published_goes_to_all() {
    let mut world = World::connected(|options| options);
    let client = world.client();
    let mut streams = [(); 2].map(|()| {
        let options = SubscribeOptions::new("a").retain_as_published(true);
        grant(&mut world, client.subscribe_with(options), ReasonCode::GrantedQoS0)
    });
    send(&mut world, "a", 1, true, &[1]);
    assert_eq!(counts(streams.each_mut()), [1, 1]);
}

/// What comes when a lost session is made anew is for all.
#[test]
fn a_lost_session_brings_retained_messages_to_all() {
    let mut world = World::connected(|options| options);
    let (mut first, mut second) = (stream(&mut world, "a"), stream(&mut world, "a"));
    world.pipe().change(|state| state.broker_closed = true);
    world.advance(Duration::from_secs(2));
    world.accept(false);
    let sent = world.sent();
    assert_eq!(sent, ["SUBSCRIBE 3 id=1 a 1"]);
    world.reply(&suback(packet_id(&sent[0], "SUBSCRIBE"), &[ReasonCode::GrantedQoS1]));
    send(&mut world, "a", 1, true, &[1]);
    assert_eq!(counts([&mut first, &mut second]), [1, 1]);
}

/// A broker without identifiers gets none, be it the first or a later one.
#[test]
fn a_broker_without_identifiers_gets_none() {
    let mut world = World::new(|options| options);
    let client = world.client();
    let mut early = world.task(client.subscribe("a", QoS::AtLeastOnce));
    assert!(early.poll().is_pending());
    assert_eq!(world.sent(), ["CONNECT clean=true"]);
    without_identifiers(&mut world);
    assert_eq!(world.sent(), ["SUBSCRIBE 1 a 1"]);
    world.reply(&suback(PacketId::new(1).unwrap(), &[ReasonCode::GrantedQoS1]));
    let mut first = early.output().unwrap();
    let mut second = stream(&mut world, "+");
    world.reply(&publish("a", 1, b""));
    assert_eq!(counts([&mut first, &mut second]), [1, 1], "each gets every copy");
    for (identifiers, expected) in [
        (true, ["SUBSCRIBE 3 id=1 a 1", "SUBSCRIBE 4 id=2 + 1"]),
        (false, ["SUBSCRIBE 5 a 1", "SUBSCRIBE 6 + 1"]),
    ] {
        world.pipe().change(|state| state.broker_closed = true);
        world.advance(Duration::from_secs(2));
        world.sent();
        match identifiers {
            true => world.reply(&connack(false, ReasonCode::Success)),
            false => without_identifiers(&mut world),
        }
        assert_eq!(world.sent(), expected);
    }
}

#[test]
fn before_5_0_there_are_none() {
    let mut world = World::new(|options| options.version(Version::V3_1_1).client_id(""));
    world.accept(false);
    let (mut first, mut second) = (stream(&mut world, "a"), stream(&mut world, "a"));
    world.reply(&publish("a", 1, b""));
    assert_eq!(counts([&mut first, &mut second]), [1, 1]);
}
