//! QoS 0, 1 and 2 to clients: flow control, resuming, queues, limits, aliases.

use mqtt_proto::{
    Connect, Packet, Property, PubComp, PubRec, PubRel, Publish, ReasonCode, Version,
};
use mqtt_testkit::broker::{Dropped, LogEvent, Message, Settings};

use super::packets::*;
use super::world::{Peer, World, decode};

/// The broker publishes a message with this payload on `t`.
fn tell(world: &mut World, qos: mqtt_proto::QoS, payload: &str) {
    let message = Message { qos, ..Message::new("t", payload.as_bytes()) };
    world.broker.publish(world.now, message);
}

/// What arrives on `t`.
fn message(qos: mqtt_proto::QoS, packet_id: u16, payload: &'static str) -> Publish<'static> {
    Publish { payload: payload.as_bytes(), ..publish(qos, packet_id, "t") }
}

fn again(publish: Publish<'_>) -> Packet<'_> {
    Packet::Publish(Publish { dup: true, ..publish })
}

/// A client with this Receive Maximum and a session that is kept, subscribed to `t`.
fn subscriber(world: &mut World, receive_maximum: u16) -> Peer {
    let peer = connect_with(world, receive_maximum, false);
    world.subscribe(peer, "t", QOS2);
    peer
}

#[track_caller]
fn connect_with(world: &mut World, receive_maximum: u16, session_present: bool) -> Peer {
    let properties =
        [Property::SessionExpiryInterval(100), Property::ReceiveMaximum(receive_maximum)];
    let connect =
        Connect { clean_start: false, properties: list(&properties), ..connect("client") };
    let peer = world.open(Version::V5);
    world.send(peer, &connect);
    let mut bytes = world.transmitted(peer);
    assert_eq!(bytes.drain(..5).collect::<Vec<_>>(), [0x20, 3, u8::from(session_present), 0, 0]);
    assert!(bytes.is_empty(), "{:?}", decode(&bytes, Version::V5));
    peer
}

/// Connects again, and gets exactly these packets behind CONNACK.
#[track_caller]
fn come_back(world: &mut World, receive_maximum: u16, packets: &[Packet<'_>]) -> Peer {
    let properties =
        [Property::SessionExpiryInterval(100), Property::ReceiveMaximum(receive_maximum)];
    let connect =
        Connect { clean_start: false, properties: list(&properties), ..connect("client") };
    let (peer, bytes) = world.try_connect(&connect);
    assert_eq!(bytes[..5], [0x20, 3, 1, 0, 0]);
    assert_eq!(decode(&bytes[5..], Version::V5), packets);
    peer
}

#[test]
fn each_qos_is_delivered_by_its_flow() {
    for version in [Version::V5, Version::V3_1_1, Version::V3_1] {
        let mut world = World::new();
        let receiver = world.connect(&Connect { version, ..connect("r") }, false);
        let sender = world.connect(&Connect { version, ..connect("s") }, false);
        world.subscribe(receiver, "t", QOS2);
        world.exchange(sender, &publish(QOS0, 0, "t"), &[]);
        world.exchange(sender, &publish(QOS1, 5, "t"), &[puback(5)]);
        world.exchange(sender, &publish(QOS2, 6, "t"), &[pubrec(6)]);
        world.exchange(sender, &pubrel(6), &[pubcomp(6)]);
        let expected = [publish(QOS0, 0, "t"), publish(QOS1, 1, "t"), publish(QOS2, 2, "t")];
        world.expect(receiver, &expected.map(Packet::Publish));
        world.acknowledge(receiver, 1);
        world.exchange(receiver, &pubrec(2), &[pubrel(2)]);
        world.exchange(receiver, &pubcomp(2), &[]);
        assert_eq!(world.broker.session("r").unwrap().in_flight, 0);
    }
}

#[test]
fn delivery_qos_is_the_lower_of_published_and_granted() {
    let mut world = World::with(Settings { topic_alias_maximum: 0, ..Settings::default() });
    let peer = world.client("a");
    for granted in [QOS0, QOS1, QOS2] {
        world.subscribe(peer, "t", granted);
        for published in [QOS0, QOS1, QOS2] {
            tell(&mut world, published, "x");
            let bytes = world.transmitted(peer);
            let [Packet::Publish(got)] = decode(&bytes, Version::V5)[..] else { panic!() };
            assert_eq!(got.qos, granted.min(published));
            assert!(!got.dup && !got.retain);
        }
    }
}

#[test]
fn a_publisher_hears_whether_anybody_listens() {
    let mut world = World::new();
    let nobody = ReasonCode::NoMatchingSubscribers;
    let peer = world.client("a");
    let puback = Packet::PubAck(mqtt_proto::PubAck(ack(1, nobody)));
    world.exchange(peer, &publish(QOS1, 1, "t"), &[puback]);
    world.exchange(peer, &publish(QOS2, 2, "t"), &[Packet::PubRec(PubRec(ack(2, nobody)))]);
    world.exchange(peer, &pubrel(2), &[pubcomp(2)]);
    let old = world.connect(&Connect { version: Version::V3_1_1, ..connect("b") }, false);
    world.exchange(old, &publish(QOS1, 1, "t"), &[super::packets::puback(1)]);
}

#[test]
fn a_qos_2_message_is_taken_once_until_pubrel_on_any_connection() {
    let mut world = World::new();
    let receiver = world.client("r");
    world.subscribe(receiver, "t", QOS0);
    let sender = world.connect(&resume("s"), false);
    let (sent, again) = (publish(QOS2, 9, "t"), Publish { dup: true, ..publish(QOS2, 9, "t") });
    world.exchange(sender, &sent, &[pubrec(9)]);
    world.exchange(sender, &again, &[pubrec(9)]);
    world.cut(sender);
    let sender = world.connect(&resume("s"), true);
    world.exchange(sender, &again, &[pubrec(9)]);
    world.expect(receiver, &[Packet::Publish(publish(QOS0, 0, "t"))]);
    world.exchange(sender, &pubrel(9), &[pubcomp(9)]);
    // PUBREL again: nobody knows the Packet Identifier any more.
    let not_found = ack(9, ReasonCode::PacketIdentifierNotFound);
    world.exchange(sender, &pubrel(9), &[Packet::PubComp(PubComp(not_found))]);
    // Behind PUBCOMP it is a new message, whatever DUP says.
    world.exchange(sender, &again, &[pubrec(9)]);
    world.expect(receiver, &[Packet::Publish(publish(QOS0, 0, "t"))]);
}

#[test]
fn a_qos_1_message_after_its_puback_is_a_new_one_whatever_dup_says() {
    let mut world = World::new();
    let peer = world.client("a");
    world.subscribe(peer, "t", QOS0);
    let delivered = Packet::Publish(publish(QOS0, 0, "t"));
    world.exchange(peer, &publish(QOS1, 5, "t"), &[delivered, puback(5)]);
    let again = Publish { dup: true, ..publish(QOS1, 5, "t") };
    world.exchange(peer, &again, &[delivered, puback(5)]);
}

#[test]
fn receive_maximum_of_the_client_holds_messages_back_and_nothing_else() {
    let mut world = World::new();
    let peer = subscriber(&mut world, 2);
    for payload in ["1", "2", "3", "4"] {
        tell(&mut world, QOS1, payload);
    }
    let messages = [message(QOS1, 1, "1"), message(QOS1, 2, "2")];
    world.expect(peer, &messages.map(Packet::Publish));
    world.exchange(peer, &Packet::PingReq, &[Packet::PingResp]);
    world.exchange(
        peer,
        &publish(QOS2, 1, "u"),
        &[Packet::PubRec(PubRec(ack(1, ReasonCode::NoMatchingSubscribers)))],
    );
    world.exchange(peer, &puback(2), &[Packet::Publish(message(QOS1, 3, "3"))]);
    world.exchange(peer, &puback(1), &[Packet::Publish(message(QOS1, 4, "4"))]);
    tell(&mut world, QOS2, "5");
    world.exchange(peer, &puback(3), &[Packet::Publish(message(QOS2, 5, "5"))]);
    tell(&mut world, QOS1, "6");
    world.expect(peer, &[]);
    world.exchange(peer, &puback(4), &[Packet::Publish(message(QOS1, 6, "6"))]);
}

#[test]
fn qos_2_gives_its_room_back_at_pubcomp_or_at_a_failing_pubrec() {
    let mut world = World::new();
    let peer = subscriber(&mut world, 1);
    for payload in ["1", "2", "3"] {
        tell(&mut world, QOS2, payload);
    }
    world.expect(peer, &[Packet::Publish(message(QOS2, 1, "1"))]);
    world.exchange(peer, &pubrec(1), &[pubrel(1)]);
    // PUBREC again gets PUBREL again.
    world.exchange(peer, &pubrec(1), &[pubrel(1)]);
    world.exchange(peer, &pubcomp(1), &[Packet::Publish(message(QOS2, 2, "2"))]);
    let failing = Packet::PubRec(PubRec(ack(2, ReasonCode::QuotaExceeded)));
    world.exchange(peer, &failing, &[Packet::Publish(message(QOS2, 3, "3"))]);
    // The failed one is gone for good.
    world.cut(peer);
    come_back(&mut world, 1, &[again(message(QOS2, 3, "3"))]);
}

#[test]
fn what_was_not_acknowledged_is_sent_again_in_its_order() {
    let mut world = World::new();
    let peer = subscriber(&mut world, 9);
    for (qos, payload) in [(QOS2, "1"), (QOS1, "2"), (QOS2, "3"), (QOS1, "4"), (QOS2, "5")] {
        tell(&mut world, qos, payload);
    }
    world.transmitted(peer);
    world.exchange(peer, &pubrec(3), &[pubrel(3)]);
    world.exchange(peer, &pubrec(1), &[pubrel(1)]);
    world.acknowledge(peer, 2);
    world.cut(peer);
    tell(&mut world, QOS1, "6");
    tell(&mut world, QOS0, "not kept");
    let expected = [
        // In the order of the PUBRECs.
        pubrel(3),
        pubrel(1),
        again(message(QOS1, 4, "4")),
        again(message(QOS2, 5, "5")),
        Packet::Publish(message(QOS1, 6, "6")),
    ];
    let peer = come_back(&mut world, 9, &expected);
    world.acknowledge(peer, 4);
    world.exchange(peer, &pubcomp(3), &[]);
    world.cut(peer);
    // Once more, and the new one has become an old one.
    let expected = [pubrel(1), again(message(QOS2, 5, "5")), again(message(QOS1, 6, "6"))];
    let peer = come_back(&mut world, 9, &expected);
    // Nothing is sent again on a connection that lives.
    world.pass(50);
    world.expect(peer, &[]);
}

#[test]
fn a_smaller_receive_maximum_holds_back_what_is_sent_again() {
    let mut world = World::new();
    let peer = subscriber(&mut world, 3);
    for payload in ["1", "2", "3", "4"] {
        tell(&mut world, QOS1, payload);
    }
    world.transmitted(peer);
    world.cut(peer);
    let peer = come_back(&mut world, 1, &[again(message(QOS1, 1, "1"))]);
    world.exchange(peer, &puback(1), &[again(message(QOS1, 2, "2"))]);
    world.cut(peer);
    let peer = come_back(&mut world, 1, &[again(message(QOS1, 2, "2"))]);
    world.exchange(peer, &puback(2), &[again(message(QOS1, 3, "3"))]);
    world.exchange(peer, &puback(3), &[Packet::Publish(message(QOS1, 4, "4"))]);
}

#[test]
fn an_acknowledgement_ahead_of_what_is_sent_again_is_stray() {
    let failing = Packet::PubRec(PubRec(ack(2, ReasonCode::QuotaExceeded)));
    for (qos, early) in [(QOS1, puback(2)), (QOS2, pubrec(2)), (QOS2, failing)] {
        let mut world = World::new();
        let peer = subscriber(&mut world, 3);
        tell(&mut world, QOS1, "1");
        tell(&mut world, qos, "2");
        tell(&mut world, QOS1, "3");
        world.transmitted(peer);
        world.cut(peer);
        let peer = come_back(&mut world, 1, &[again(message(QOS1, 1, "1"))]);
        world.exchange(peer, &early, &[]);
        let (connection, packet_id) = (peer.id, 2);
        let stray = LogEvent::Stray { connection, packet_id };
        assert!(world.broker.log().any(|entry| entry.event == stray));
        world.exchange(peer, &puback(1), &[again(message(qos, 2, "2"))]);
    }
}

#[test]
fn a_repeated_pubrel_takes_its_place_in_the_window() {
    let mut world = World::new();
    let peer = subscriber(&mut world, 1);
    tell(&mut world, QOS2, "1");
    world.transmitted(peer);
    world.exchange(peer, &pubrec(1), &[pubrel(1)]);
    world.cut(peer);
    for payload in ["2", "3"] {
        tell(&mut world, QOS1, payload);
    }
    let peer = come_back(&mut world, 1, &[pubrel(1)]);
    world.exchange(peer, &pubcomp(1), &[Packet::Publish(message(QOS1, 2, "2"))]);
    world.exchange(peer, &puback(2), &[Packet::Publish(message(QOS1, 3, "3"))]);
    world.acknowledge(peer, 3);
    tell(&mut world, QOS1, "4");
    world.expect(peer, &[Packet::Publish(message(QOS1, 4, "4"))]);
}

#[test]
fn an_identifier_is_used_again_after_the_others() {
    let mut world = World::new();
    let peer = subscriber(&mut world, 65_535);
    tell(&mut world, QOS1, "first");
    for _ in 1..65_535 {
        tell(&mut world, QOS1, "");
    }
    tell(&mut world, QOS1, "waits");
    world.transmitted(peer);
    assert_eq!(world.broker.session("client").unwrap().queued, 1);
    world.exchange(peer, &puback(7), &[Packet::Publish(message(QOS1, 7, "waits"))]);
}

#[test]
fn messages_expire_in_the_queue_and_carry_what_is_left() {
    let mut world = World::new();
    let peer = subscriber(&mut world, 9);
    world.cut(peer);
    for (seconds, payload) in [(10, "short"), (20, "long")] {
        let message_expiry_interval = Some(seconds);
        let message =
            Message { qos: QOS1, message_expiry_interval, ..Message::new("t", payload.as_bytes()) };
        world.broker.publish(world.now, message);
    }
    world.pass(10);
    let left = [Property::MessageExpiryInterval(10)];
    let expected = Publish { properties: list(&left), ..message(QOS1, 1, "long") };
    let peer = come_back(&mut world, 9, &[Packet::Publish(expected)]);
    let why = Dropped::Expired;
    let dropped = LogEvent::Dropped { client_id: "client".to_owned(), topic: "t".to_owned(), why };
    assert!(world.broker.log().any(|entry| entry.event == dropped));
    // What was sent once does not expire any more.
    world.cut(peer);
    world.pass(30);
    let left = [Property::MessageExpiryInterval(0)];
    let expected = Publish { properties: list(&left), ..message(QOS1, 1, "long") };
    come_back(&mut world, 9, &[again(expected)]);
}

#[test]
fn a_message_the_client_does_not_take_is_dropped_and_the_next_is_not() {
    let mut world = World::new();
    let limit = [Property::MaximumPacketSize(20)];
    let peer = world.connect(&Connect { properties: list(&limit), ..connect("a") }, false);
    world.subscribe(peer, "t", QOS2);
    for qos in [QOS0, QOS1, QOS2] {
        tell(&mut world, qos, "much more than twenty bytes");
    }
    tell(&mut world, QOS1, "small");
    world.expect(peer, &[Packet::Publish(message(QOS1, 1, "small"))]);
    assert_eq!(world.broker.session("a").unwrap().in_flight, 1);
}

#[test]
fn a_message_that_cannot_be_said_is_not_called_too_large() {
    let mut world = World::new();
    let peer = world.client("a");
    world.subscribe(peer, "a/#", QOS1);
    world.broker.publish(world.now, Message::new("a/#", b""));
    world.expect(peer, &[]);
    let (client_id, topic, why) = ("a".to_owned(), "a/#".to_owned(), Dropped::Unwritable);
    let dropped = LogEvent::Dropped { client_id, topic, why };
    assert!(world.broker.log().any(|entry| entry.event == dropped));
}

#[test]
fn aliases_stand_for_the_first_topics_of_a_connection() {
    let mut world = World::new();
    let maximum = [Property::TopicAliasMaximum(1), Property::SessionExpiryInterval(9)];
    let connect = Connect { clean_start: false, properties: list(&maximum), ..connect("a") };
    let peer = world.connect(&connect, false);
    world.subscribe(peer, "#", QOS1);
    let alias = [Property::TopicAlias(1)];
    let first = Publish { properties: list(&alias), ..message(QOS1, 1, "x") };
    tell(&mut world, QOS1, "x");
    world.expect(peer, &[Packet::Publish(first)]);
    tell(&mut world, QOS1, "y");
    let short = Publish { topic: "", properties: list(&alias), ..message(QOS1, 2, "y") };
    world.expect(peer, &[Packet::Publish(short)]);
    world.broker.publish(world.now, Message::new("u", b"hi"));
    world.expect(peer, &[Packet::Publish(publish(QOS0, 0, "u"))]);
    // The next connection has aliases of its own.
    world.cut(peer);
    let (_, bytes) = world.try_connect(&connect);
    let full = Publish { topic: "t", ..first };
    let short = Publish { packet_id: Some(id(2)), topic: "", payload: b"y", ..first };
    assert_eq!(decode(&bytes[5..], Version::V5), [again(full), again(short)]);
}

#[test]
fn aliases_of_the_client_are_resolved_and_end_with_the_connection() {
    let mut world = World::with(Settings { topic_alias_maximum: 2, ..Settings::default() });
    let watcher = world.try_connect(&connect("w")).0;
    world.subscribe(watcher, "#", QOS0);
    let peer = world.try_connect(&connect("a")).0;
    for (topic, alias, resolved) in [("t", 2, "t"), ("", 2, "t"), ("u", 2, "u"), ("", 2, "u")] {
        let properties = [Property::TopicAlias(alias)];
        world.send(peer, &Publish { properties: list(&properties), ..publish(QOS0, 0, topic) });
        world.expect(watcher, &[Packet::Publish(publish(QOS0, 0, resolved))]);
    }
    for alias in [1, 2] {
        let peer = world.try_connect(&connect("a")).0;
        let properties = [Property::TopicAlias(alias)];
        world.send(peer, &Publish { properties: list(&properties), ..publish(QOS0, 0, "") });
        world.expect_end(peer, ReasonCode::ProtocolError);
    }
}

#[test]
fn pubrel_with_an_error_code_lets_go_of_the_identifier_as_well() {
    let mut world = World::new();
    let peer = world.client("a");
    world.send(peer, &publish(QOS2, 3, "t"));
    world.transmitted(peer);
    let not_found = Packet::PubRel(PubRel(ack(3, ReasonCode::PacketIdentifierNotFound)));
    world.exchange(peer, &not_found, &[pubcomp(3)]);
    assert_eq!(world.broker.session("a").unwrap().unreleased, 0);
}
