//! Enhanced authentication.

use mqtt_proto::{Auth, ConnAck, Connect, Disconnect, Packet, Property, ReasonCode, Version};
use mqtt_testkit::broker::{Authentication, Settings};

use super::packets::*;
use super::world::{Peer, World, decode};

const METHOD: Property<'_> = Property::AuthenticationMethod("script");

fn world() -> World {
    let authentication = Authentication {
        method: "script".to_owned(),
        first: Some(b"hello".to_vec()),
        rounds: vec![(b"1+1".to_vec(), b"2".to_vec()), (b"2+2".to_vec(), b"4".to_vec())],
        last: Some(b"welcome".to_vec()),
    };
    World::with(Settings {
        authentication: Some(authentication),
        topic_alias_maximum: 0,
        ..Settings::default()
    })
}

fn data(data: &[u8]) -> [Property<'_>; 2] {
    [METHOD, Property::AuthenticationData(data)]
}

fn auth<'a>(reason: ReasonCode, properties: &'a [Property<'a>]) -> Auth<'a> {
    Auth { reason, properties: list(properties) }
}

const GO_ON: ReasonCode = ReasonCode::ContinueAuthentication;

/// Answers both questions of the script.
#[track_caller]
fn answer(world: &mut World, peer: Peer, end: Packet<'_>) {
    world.expect(peer, &[Packet::Auth(auth(GO_ON, &data(b"1+1")))]);
    world.exchange(peer, &auth(GO_ON, &data(b"2")), &[Packet::Auth(auth(GO_ON, &data(b"2+2")))]);
    world.exchange(peer, &auth(GO_ON, &data(b"4")), &[end]);
}

fn connected(world: &mut World) -> Peer {
    let peer = world.open(Version::V5);
    world.send(peer, &Connect { properties: list(&data(b"hello")), ..connect("a") });
    let welcome = data(b"welcome");
    let (reason, properties) = (ReasonCode::Success, list(&welcome));
    let connack = ConnAck { session_present: false, reason, properties };
    answer(world, peer, Packet::ConnAck(connack));
    peer
}

#[test]
fn a_client_is_let_in_after_all_rounds() {
    let mut world = world();
    let peer = connected(&mut world);
    world.exchange(peer, &Packet::PingReq, &[Packet::PingResp]);
    // A client without a method needs none.
    world.client("b");
}

/// This CONNECT, then this packet, end in a CONNACK with this code.
#[track_caller]
fn refused(connect: &Connect<'_>, packet: Option<&Packet<'_>>, reason: ReasonCode) {
    let mut world = world();
    let (peer, mut bytes) = world.try_connect(connect);
    if let Some(packet) = packet {
        world.send(peer, packet);
        bytes = world.transmitted(peer);
    }
    let [Packet::ConnAck(connack)] = decode(&bytes, Version::V5)[..] else { panic!() };
    assert_eq!(connack.reason, reason);
    assert!(world.broker.is_closing(peer.id));
    assert_eq!(world.broker.sessions().count(), 0);
}

#[test]
fn a_wrong_step_is_refused() {
    let (hello, wrong) = (data(b"hello"), data(b"wrong"));
    let right = Connect { properties: list(&hello), ..connect("a") };
    let other = [Property::AuthenticationMethod("other")];
    let unknown = Connect { properties: list(&other), ..right };
    refused(&unknown, None, ReasonCode::BadAuthenticationMethod);
    let unproved = Connect { properties: list(&wrong), ..right };
    refused(&unproved, None, ReasonCode::NotAuthorized);
    let answer = Packet::Auth(auth(GO_ON, &wrong));
    refused(&right, Some(&answer), ReasonCode::NotAuthorized);
    let answer = Packet::Auth(auth(GO_ON, &other));
    refused(&right, Some(&answer), ReasonCode::ProtocolError);
    let answer = Packet::Auth(auth(ReasonCode::ReAuthenticate, &hello));
    refused(&right, Some(&answer), ReasonCode::ProtocolError);
    let early = Packet::Publish(publish(QOS0, 0, "t"));
    refused(&right, Some(&early), ReasonCode::ProtocolError);
}

#[test]
fn a_client_may_give_up_before_connack() {
    let mut world = world();
    let peer = world.open(Version::V5);
    let hello = data(b"hello");
    world.send(peer, &Connect { properties: list(&hello), ..connect("a") });
    world.transmitted(peer);
    let reason = ReasonCode::NormalDisconnection;
    world.exchange(peer, &Disconnect { reason, properties: list(&[]) }, &[]);
    assert!(world.broker.is_closing(peer.id));
}

#[test]
fn a_client_authenticates_again_while_other_packets_go_on() {
    let mut world = world();
    let peer = connected(&mut world);
    for _ in 0..2 {
        let again = data(b"hello");
        world.send(peer, &auth(ReasonCode::ReAuthenticate, &again));
        let welcome = data(b"welcome");
        answer(&mut world, peer, Packet::Auth(auth(ReasonCode::Success, &welcome)));
    }
    let again = data(b"hello");
    world.send(peer, &auth(ReasonCode::ReAuthenticate, &again));
    world.transmitted(peer);
    world.exchange(peer, &Packet::PingReq, &[Packet::PingResp]);
    world.send(peer, &auth(GO_ON, &data(b"3")));
    world.expect_end(peer, ReasonCode::NotAuthorized);
}

#[test]
fn auth_out_of_turn_ends_the_connection() {
    let mut world = world();
    let peer = connected(&mut world);
    world.send(peer, &auth(GO_ON, &data(b"2")));
    world.expect_end(peer, ReasonCode::ProtocolError);
    let peer = world.client("b");
    world.send(peer, &auth(ReasonCode::ReAuthenticate, &data(b"hello")));
    world.expect_end(peer, ReasonCode::ProtocolError);
}

#[test]
fn a_client_that_does_not_answer_is_not_waited_for() {
    let mut world = world();
    let hello = data(b"hello");
    let (peer, _) = world.try_connect(&Connect { properties: list(&hello), ..connect("a") });
    world.pass(10);
    assert!(world.broker.is_closing(peer.id));
}
