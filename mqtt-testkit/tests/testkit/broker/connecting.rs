//! CONNECT, sessions, takeover, keep alive.

use std::collections::BTreeMap;
use std::num::{NonZeroU16, NonZeroU32};
use std::time::Duration;

use mqtt_proto::{
    ConnAck, Connect, Disconnect, Packet, Properties, Property, QoS, ReasonCode, Version, Will,
};
use mqtt_testkit::broker::Settings;

use super::packets::*;
use super::world::{World, decode};

const NEVER: u32 = u32::MAX;

fn connack(session_present: bool, bytes: &[u8]) -> bool {
    let expected =
        ConnAck { session_present, reason: ReasonCode::Success, properties: Properties::EMPTY };
    decode(bytes, Version::V5) == [Packet::ConnAck(expected)]
}

/// The refusal of a CONNECT, which ends the connection.
#[track_caller]
fn refused(world: &mut World, connect: &Connect<'_>) -> ReasonCode {
    let (peer, bytes) = world.try_connect(connect);
    assert!(world.broker.is_closing(peer.id));
    match decode(&bytes, connect.version).as_slice() {
        [Packet::ConnAck(connack)] => connack.reason,
        packets => panic!("{packets:?}"),
    }
}

#[test]
fn session_present_says_whether_there_is_a_session() {
    let mut world = World::new();
    for (connect, session_present) in [
        (resume("a"), false),
        (resume("a"), true),
        (resume("b"), false),
        (connect("a"), false),
        // Clean Start without Session Expiry Interval: the session ended with the connection.
        (resume("a"), false),
    ] {
        let peer = world.connect(&connect, session_present);
        world.cut(peer);
    }
}

#[test]
fn clean_session_of_3_1_1_ends_with_the_connection_and_without_it_never() {
    let mut world = World::new();
    for version in [Version::V3_1_1, Version::V3_1] {
        let clean = Connect { version, ..connect("a") };
        let kept = Connect { clean_start: false, ..clean };
        let has_flag = version == Version::V3_1_1;
        for (connect, session_present) in
            [(kept, false), (kept, has_flag), (clean, false), (kept, false), (clean, false)]
        {
            let peer = world.connect(&connect, session_present);
            world.cut(peer);
            world.pass(1_000_000);
        }
    }
}

#[test]
fn a_session_ends_when_its_interval_is_over() {
    let mut world = World::new();
    let peer = world.connect(&resume("a"), false);
    world.pass(1000);
    world.cut(peer);
    world.pass(99);
    let peer = world.connect(&resume("a"), true);
    world.cut(peer);
    world.pass(100);
    assert!(world.broker.session("a").is_none());
    assert_eq!(world.broker.poll_timeout(), None);
    world.connect(&resume("a"), false);
}

#[test]
fn disconnect_changes_the_interval() {
    let mut world = World::new();
    let peer = world.connect(&resume("a"), false);
    let properties = [Property::SessionExpiryInterval(5)];
    let reason = ReasonCode::NormalDisconnection;
    world.send(peer, &Disconnect { reason, properties: list(&properties) });
    world.cut(peer);
    world.pass(4);
    assert!(world.broker.session("a").is_some());
    world.pass(1);
    assert!(world.broker.session("a").is_none());

    // A session that was to end with the connection does.
    let peer = world.client("a");
    world.send(peer, &Disconnect { reason, properties: list(&properties) });
    world.expect_end(peer, ReasonCode::ProtocolError);
    assert!(world.broker.session("a").is_none());
}

#[test]
fn a_second_connection_takes_the_session_over() {
    let mut world = World::new();
    for version in [Version::V5, Version::V3_1_1] {
        let first = world.connect(&Connect { version, ..connect("a") }, false);
        let second = world.connect(&resume("a"), false);
        world.expect_end(first, ReasonCode::SessionTakenOver);
        let third = world.connect(&resume("a"), true);
        world.expect_end(second, ReasonCode::SessionTakenOver);
        assert_eq!(world.broker.session("a").unwrap().connection, Some(third.id));
        // The transports end later, which is no end of the session.
        world.pass(1000);
        assert_eq!(world.broker.session("a").unwrap().connection, Some(third.id));
        world.cut(third);
        world.pass(1000);
    }
}

#[test]
fn an_empty_client_identifier_is_assigned() {
    let mut world = World::new();
    let mut assigned = Vec::new();
    for _ in 0..2 {
        let (_, bytes) = world.try_connect(&connect(""));
        let [Packet::ConnAck(connack)] = decode(&bytes, Version::V5)[..] else { panic!() };
        assigned.push(connack.properties.assigned_client_identifier().unwrap().to_owned());
    }
    assert_ne!(assigned[0], assigned[1]);
    for client_id in &assigned {
        assert!((1..=23).contains(&client_id.len()));
        assert!(client_id.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        assert!(world.broker.session(client_id).is_some());
    }
    // Before 5.0 nobody says so.
    world.connect(&Connect { version: Version::V3_1_1, ..connect("") }, false);
    // Without Clean Session it is refused: "identifier rejected".
    let peer = world.open(Version::V3_1_1);
    world.send_bytes(peer, b"\x10\x0C\x00\x04MQTT\x04\x00\x00\x3C\x00\x00");
    assert_eq!(world.transmitted(peer), b"\x20\x02\x00\x02");
    assert!(world.broker.is_closing(peer.id));
}

#[test]
fn versions_are_refused_in_a_form_the_client_reads() {
    let mut world =
        World::with(Settings { versions: vec![Version::V3_1_1], ..Settings::default() });
    assert_eq!(refused(&mut world, &connect("a")), ReasonCode::UnsupportedProtocolVersion);
    let unknown = |world: &mut World, bytes: &[u8]| {
        let peer = world.open(Version::V5);
        world.send_bytes(peer, bytes);
        assert!(world.broker.is_closing(peer.id));
        world.transmitted(peer)
    };
    let answer = unknown(&mut world, b"\x10\x0D\x00\x04MQTT\x06\x02\x00\x3C\x00\x00\x00");
    assert_eq!(answer[..4], [0x20, answer.len() as u8 - 2, 0x00, 0x84]);
    let answer = unknown(&mut world, b"\x10\x0C\x00\x04MQTT\x02\x02\x00\x3C\x00\x00");
    assert_eq!(answer, b"\x20\x02\x00\x01");
}

#[test]
fn credentials_are_checked() {
    let credentials = BTreeMap::from([("user".to_owned(), b"secret".to_vec())]);
    let settings =
        Settings { credentials: Some(credentials), topic_alias_maximum: 0, ..Settings::default() };
    let mut world = World::with(settings);
    let right = Connect { username: Some("user"), password: Some(b"secret"), ..connect("a") };
    world.connect(&right, false);
    for wrong in [
        connect("a"),
        Connect { password: Some(b"other"), ..right },
        Connect { password: None, ..right },
        Connect { username: Some("other"), ..right },
    ] {
        assert_eq!(refused(&mut world, &wrong), ReasonCode::BadUserNameOrPassword);
        let v3 = Connect { version: Version::V3_1_1, ..wrong };
        assert_eq!(refused(&mut world, &v3), ReasonCode::BadUserNameOrPassword);
    }
    assert_eq!(world.broker.sessions().count(), 1);
}

#[test]
fn connack_announces_the_settings() {
    let settings = Settings {
        maximum_session_expiry: 50,
        receive_maximum: NonZeroU16::new(3).unwrap(),
        maximum_qos: QOS1,
        retain_available: false,
        maximum_packet_size: NonZeroU32::new(1000),
        topic_alias_maximum: 7,
        wildcard_available: false,
        subscription_identifier_available: false,
        shared_available: false,
        server_keep_alive: Some(9),
        response_information: Some("replies/".to_owned()),
        ..Settings::default()
    };
    let mut world = World::with(settings);
    let asked = [Property::SessionExpiryInterval(100), Property::RequestResponseInformation(true)];
    let (_, bytes) = world.try_connect(&Connect { properties: list(&asked), ..connect("a") });
    let expected = [
        Property::SessionExpiryInterval(50),
        Property::ServerKeepAlive(9),
        Property::ResponseInformation("replies/"),
        Property::ReceiveMaximum(3),
        Property::MaximumQoS(QoS::AtLeastOnce),
        Property::RetainAvailable(false),
        Property::MaximumPacketSize(1000),
        Property::TopicAliasMaximum(7),
        Property::WildcardSubscriptionAvailable(false),
        Property::SubscriptionIdentifierAvailable(false),
        Property::SharedSubscriptionAvailable(false),
    ];
    let [Packet::ConnAck(connack)] = decode(&bytes, Version::V5)[..] else { panic!() };
    assert_eq!(connack.properties, list(&expected));
    // Response Information only for those who ask, and nothing of it before 5.0.
    let (_, bytes) = world.try_connect(&connect("b"));
    let [Packet::ConnAck(connack)] = decode(&bytes, Version::V5)[..] else { panic!() };
    assert_eq!(connack.properties.response_information(), None);
    world.connect(&Connect { version: Version::V3_1_1, ..connect("c") }, false);
}

#[test]
fn a_will_the_broker_cannot_serve_is_refused() {
    let settings = Settings { maximum_qos: QOS1, retain_available: false, ..Settings::default() };
    let mut world = World::with(settings);
    let will =
        Will { qos: QOS2, retain: false, properties: Properties::EMPTY, topic: "w", payload: b"" };
    let with = |will| Connect { will: Some(will), ..connect("a") };
    assert_eq!(refused(&mut world, &with(will)), ReasonCode::QoSNotSupported);
    let retained = Will { qos: QOS0, retain: true, ..will };
    assert_eq!(refused(&mut world, &with(retained)), ReasonCode::RetainNotSupported);
    // 3.1.1 has no code for it: the connection just ends.
    let peer = world.open(Version::V3_1_1);
    world.send(peer, &Connect { version: Version::V3_1_1, ..with(will) });
    world.expect(peer, &[]);
    assert!(world.broker.is_closing(peer.id));
}

#[test]
fn a_client_may_be_silent_for_one_and_a_half_keep_alives() {
    let mut world = World::new();
    for version in [Version::V5, Version::V3_1_1] {
        let peer = world.connect(&Connect { version, keep_alive: 10, ..connect("a") }, false);
        for _ in 0..3 {
            world.pass(14);
            world.exchange(peer, &Packet::PingReq, &[Packet::PingResp]);
        }
        // Half a packet is no packet.
        world.pass(14);
        world.send_bytes(peer, &[0xC0]);
        world.pass(1);
        world.expect_end(peer, ReasonCode::KeepAliveTimeout);
        let peer = world.connect(&Connect { version, ..connect("a") }, false);
        world.pass(1_000_000);
        assert!(!world.broker.is_closing(peer.id));
        world.cut(peer);
    }
}

#[test]
fn server_keep_alive_replaces_that_of_a_5_0_client() {
    let mut world = World::with(Settings { server_keep_alive: Some(2), ..Settings::default() });
    let (peer, _) = world.try_connect(&Connect { keep_alive: 100, ..connect("a") });
    world.pass(3);
    world.expect_end(peer, ReasonCode::KeepAliveTimeout);
}

#[test]
fn a_connection_without_connect_ends() {
    let mut world = World::new();
    let peer = world.open(Version::V5);
    assert_eq!(world.broker.poll_timeout(), Some(world.now.after(Duration::from_secs(10))));
    world.pass(10);
    assert!(world.broker.is_closing(peer.id));
    world.expect(peer, &[]);
    world.cut(peer);
    assert_eq!(world.broker.poll_timeout(), None);
}

#[test]
fn an_interval_of_u32_max_never_ends() {
    let mut world = World::new();
    let properties = [Property::SessionExpiryInterval(NEVER)];
    let kept = Connect { properties: list(&properties), clean_start: false, ..connect("a") };
    let peer = world.connect(&kept, false);
    world.cut(peer);
    assert_eq!(world.broker.poll_timeout(), None);
    world.pass(u64::from(NEVER) + 1);
    let (_, bytes) = world.try_connect(&kept);
    assert!(connack(true, &bytes));
}

#[test]
fn input_may_come_in_any_pieces() {
    let mut world = World::new();
    let mut bytes = super::world::encode(&connect("a"), Version::V5, mqtt_proto::Role::Client);
    bytes.extend(*b"\xC0\x00\xC0\x00");
    for split in 0..=bytes.len() {
        let peer = world.open(Version::V5);
        let (first, second) = bytes.split_at(split);
        world.send_bytes(peer, first);
        world.send_bytes(peer, second);
        assert_eq!(world.transmitted(peer), b"\x20\x03\x00\x00\x00\xD0\x00\xD0\x00");
    }
}

#[test]
fn a_client_that_takes_no_connack_is_let_go() {
    let mut world = World::new();
    let limit = [Property::MaximumPacketSize(4)];
    let (peer, bytes) = world.try_connect(&Connect { properties: list(&limit), ..connect("a") });
    assert!(bytes.is_empty() && world.broker.is_closing(peer.id));
    assert_eq!(world.broker.sessions().count(), 0);
}
