//! LIVE-5: other brokers, be they named by the application or by a broker.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use mqtt_session::proto::{ConnAck, Disconnect, Packet, Properties, Property, QoS, ReasonCode};

use super::pipe::End;
use super::world::{Dialling, World};
use crate::{Backoff, Client, ClientEvent, Events, Options, OptionsError, Publish};

const SECOND: Duration = Duration::from_secs(1);

fn following(options: Options) -> Options {
    options.follow_redirects(true)
}

/// A CONNACK that refuses with this code and names these brokers.
fn refuse(world: &mut World, reason: ReasonCode, reference: &str) {
    let properties = [Property::ServerReference(reference)];
    let properties = Properties::from_slice(&properties);
    world.run();
    world.reply(&Packet::ConnAck(ConnAck { session_present: false, reason, properties }));
}

fn disconnect(world: &mut World, reason: ReasonCode, reference: &str) {
    let properties = [Property::ServerReference(reference)];
    let properties = Properties::from_slice(&properties);
    world.reply(&Packet::Disconnect(Disconnect { reason, properties }));
    world.cut();
}

fn hosts(world: &World) -> Vec<String> {
    world.sky().hosts.lock().unwrap().clone()
}

/// The redirects that were told, as their brokers and whether they are followed.
fn redirects(events: &mut Events) -> Vec<(bool, String, bool)> {
    let told = std::iter::from_fn(|| events.try_next().ok());
    told.filter_map(|event| match event {
        ClientEvent::Redirected { permanent, to, followed } => {
            Some((permanent, to.join(" "), followed))
        }
        _ => None,
    })
    .collect()
}

#[test]
fn a_redirect_is_followed_for_one_attempt() {
    let mut world = World::new(following);
    let mut events = world.client().events();
    let named = "/dev/mqtt [fe80::1]:1883 third";
    refuse(&mut world, ReasonCode::UseAnotherServer, named);
    assert_eq!(hosts(&world), ["broker", "fe80::1"], "the first that can be used, at once");
    world.accept(false);
    assert_eq!(redirects(&mut events), [(false, "[fe80::1]:1883 third:1883".into(), true)]);
    world.cut();
    world.advance(2 * SECOND);
    assert_eq!(hosts(&world), ["broker", "fe80::1", "broker"]);
}

#[test]
fn a_move_replaces_the_list() {
    let mut world = World::connected(following);
    let mut events = world.client().events();
    disconnect(&mut world, ReasonCode::ServerMoved, "second third");
    assert_eq!(redirects(&mut events), [(true, "second:1883 third:1883".into(), true)]);
    *world.sky().dialling.lock().unwrap() = Dialling::Refused;
    world.cut();
    world.advance(20 * SECOND);
    assert_eq!(hosts(&world)[..4], ["broker", "second", "third", "second"]);
}

#[test]
fn without_the_option_a_redirect_is_only_reported() {
    let mut world = World::connected(|options| options);
    let mut events = world.client().events();
    disconnect(&mut world, ReasonCode::UseAnotherServer, "second");
    assert_eq!(redirects(&mut events), [(false, "second:1883".into(), false)]);
    world.advance(2 * SECOND);
    assert_eq!(hosts(&world), ["broker", "broker"]);
}

#[test]
fn one_that_names_nobody_cannot_be_followed() {
    for reference in ["", "mqtt://second", "a:b:c"] {
        let mut world = World::connected(following);
        let mut events = world.client().events();
        disconnect(&mut world, ReasonCode::UseAnotherServer, reference);
        assert_eq!(redirects(&mut events), [(false, String::new(), false)], "{reference}");
        world.advance(2 * SECOND);
        assert_eq!(hosts(&world), ["broker", "broker"]);
    }
}

#[test]
fn at_most_five_redirects_in_a_row_are_followed() {
    let mut world = World::new(|options| following(options).retry_initial_connect(true));
    let mut events = world.client().events();
    for _ in 0..6 {
        refuse(&mut world, ReasonCode::UseAnotherServer, "second");
    }
    let followed: Vec<_> = redirects(&mut events).into_iter().map(|(.., it)| it).collect();
    assert_eq!(followed, [true, true, true, true, true, false]);
    assert_eq!(hosts(&world).len(), 6);
    world.advance(2 * SECOND);
    assert_eq!(hosts(&world).last().unwrap(), "broker");
}

#[test]
fn the_list_can_be_replaced() {
    let mut world = World::connected(|options| options);
    let client = world.client();
    client.set_brokers(["mqtt://second", "mqtt://third"]).unwrap();
    world.run();
    assert_eq!(hosts(&world), ["broker"], "the connection stays");
    *world.sky().dialling.lock().unwrap() = Dialling::Refused;
    world.cut();
    world.advance(20 * SECOND);
    assert_eq!(hosts(&world)[..4], ["broker", "second", "third", "second"]);
    for list in [&[][..], &["mqtt://a", "mqtt://user@b"]] {
        let refused = client.set_brokers(list);
        assert!(matches!(refused, Err(OptionsError::Value { option: "brokers", .. })));
    }
    assert!(matches!(client.set_brokers(["a"]), Err(OptionsError::Url { .. })));
}

/// A transport of one's own hears where each attempt goes.
#[test]
fn a_dialer_is_told_the_broker() {
    let targets = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&targets);
    let mut world = World::new(|options| {
        let options = options.broker("mqtt://[::1]:2883").unwrap().retry_initial_connect(true);
        options.transport(move |target| {
            told.lock().unwrap().push((target.host, target.port));
            async { Err::<End, _>(io::Error::other("refused")) }
        })
    });
    world.advance(10 * SECOND);
    world.client().set_brokers(["mqtt://other"]).unwrap();
    world.advance(60 * SECOND);
    let targets = targets.lock().unwrap();
    assert_eq!(targets[..2], [("broker".to_owned(), 1883), ("::1".to_owned(), 2883)]);
    assert_eq!(targets.last(), Some(&("other".to_owned(), 1883)));
    assert!(hosts(&world).is_empty(), "no name is resolved");
}

/// Each broker of the new list has its chance at the first connection.
#[test]
fn the_list_can_be_replaced_before_the_first_connection() {
    let mut world = World::new(|options| options.broker("mqtt://second").unwrap());
    *world.sky().dialling.lock().unwrap() = Dialling::Refused;
    world.run();
    world.client().set_brokers(["mqtt://third", "mqtt://fourth"]).unwrap();
    world.advance(60 * SECOND);
    assert_eq!(hosts(&world), ["broker", "third", "fourth"]);
    assert!(world.driver_has_ended());

    let mut world = World::new(|options| options);
    *world.sky().dialling.lock().unwrap() = Dialling::Hangs;
    world.run();
    world.client().set_brokers(["mqtt://second"]).unwrap();
    world.advance(60 * SECOND);
    assert_eq!(hosts(&world), ["broker", "second"], "although an attempt was under way");
    assert!(world.driver_has_ended());
}

/// A payload whose end replaces the list, while the driver is between two steps.
struct Replaces(Client);

impl AsRef<[u8]> for Replaces {
    fn as_ref(&self) -> &[u8] {
        &[0; 5_000]
    }
}

impl Drop for Replaces {
    fn drop(&mut self) {
        self.0.set_brokers(["mqtt://third"]).unwrap();
    }
}

/// ... also when it is replaced just as an attempt begins.
#[test]
fn the_list_can_be_replaced_as_an_attempt_begins() {
    let mut world = World::new(|options| {
        options.backoff(Backoff::Constant(SECOND)).broker("mqtt://second").unwrap()
    });
    *world.sky().dialling.lock().unwrap() = Dialling::Refused;
    world.run();
    let payload = Bytes::from_owner(Replaces(world.client()));
    let expiring = Publish::new("a", payload).qos(QoS::AtLeastOnce).message_expiry(SECOND);
    world.client().try_publish(expiring).unwrap().detach();
    world.advance(60 * SECOND);
    assert_eq!(hosts(&world), ["broker", "second", "third"]);
    assert!(world.driver_has_ended());
}
