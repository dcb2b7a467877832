//! What clients must not do, and what it costs them.

use std::num::{NonZeroU16, NonZeroU32};

use mqtt_proto::{
    Ack, Connect, Packet, Property, PubAck, PubRec, Publish, ReasonCode, ReasonCode as Reason,
    Subscribe, Version,
};
use mqtt_testkit::broker::{LogEvent, Persistence, Settings};

use super::packets::*;
use super::world::{World, decode};

/// A client of a broker with these settings sends this; the connection ends with this code.
#[track_caller]
fn costs(settings: Settings, packet: &Packet<'_>, reason: Reason) {
    let mut world = World::with(settings);
    let (peer, _) = world.try_connect(&connect("a"));
    world.send(peer, packet);
    world.expect_end(peer, reason);
}

#[test]
fn the_first_packet_is_connect() {
    let mut world = World::new();
    for bytes in [&[0xC0, 0x00][..], &[0xFF], &[0xE0, 0x00], b"GET / HTTP/1.1\r\n"] {
        let peer = world.open(Version::V5);
        world.send_bytes(peer, bytes);
        world.expect(peer, &[]);
        assert!(world.broker.is_closing(peer.id));
    }
}

#[test]
fn a_broken_connect_is_refused_with_its_code_in_5_0_and_without_a_word_before() {
    let mut world = World::new();
    // The reserved bit of the Connect Flags.
    for (level, expected) in [(5, Some(0x81)), (4, None)] {
        let peer = world.open(Version::V5);
        let mut bytes = *b"\x10\x0D\x00\x04MQTT\x05\x03\x00\x3C\x00\x00\x00";
        bytes[8] = level;
        world.send_bytes(peer, &bytes);
        assert_eq!(world.transmitted(peer).get(3).copied(), expected);
        assert!(world.broker.is_closing(peer.id));
    }
}

#[test]
fn connect_comes_once() {
    let mut world = World::new();
    let peer = world.client("a");
    world.send(peer, &connect("a"));
    world.expect_end(peer, Reason::ProtocolError);
}

#[test]
fn broken_packets_end_the_connection_with_their_code() {
    for (bytes, reason) in [
        (&[0x00, 0x00][..], Reason::MalformedPacket),
        (&[0xC1, 0x00], Reason::MalformedPacket),
        (&[0x36, 0x00], Reason::MalformedPacket),
        (&[0x38, 0x00], Reason::MalformedPacket),
        (&[0xC0, 0x80, 0x00], Reason::MalformedPacket),
        (&[0xC0, 0x01, 0x00], Reason::MalformedPacket),
        // A PINGRESP from a client.
        (&[0xD0, 0x00], Reason::ProtocolError),
        // A topic with a wildcard, Packet Identifier 0, an empty topic without alias.
        (b"\x30\x04\x00\x01#\x00", Reason::ProtocolError),
        (b"\x32\x06\x00\x01t\x00\x00\x00", Reason::ProtocolError),
        (b"\x30\x03\x00\x00\x00", Reason::ProtocolError),
        // A SUBSCRIBE without filters, and one with No Local on a shared subscription.
        (b"\x82\x03\x00\x01\x00", Reason::ProtocolError),
        (b"\x82\x10\x00\x01\x00\x00\x0A$share/g/t\x04", Reason::ProtocolError),
    ] {
        for version in [Version::V5, Version::V3_1_1] {
            if version == Version::V3_1_1 && reason != Reason::MalformedPacket {
                continue;
            }
            let mut world = World::new();
            let peer = world.connect(&Connect { version, ..connect("a") }, false);
            world.send_bytes(peer, bytes);
            world.expect_end(peer, reason);
        }
    }
}

#[test]
fn nothing_is_read_behind_the_end_of_a_connection() {
    let mut world = World::new();
    let watcher = world.client("w");
    world.subscribe(watcher, "#", QOS0);
    let peer = world.client("a");
    world.send_bytes(peer, b"\xE0\x00\x30\x04\x00\x01t\x00");
    world.expect(peer, &[]);
    world.send(peer, &publish(QOS0, 0, "t"));
    world.expect(watcher, &[]);
}

#[test]
fn what_connack_denies_must_not_be_used() {
    let refusing = Settings {
        maximum_qos: QOS1,
        retain_available: false,
        maximum_packet_size: NonZeroU32::new(40),
        wildcard_available: false,
        subscription_identifier_available: false,
        shared_available: false,
        topic_alias_maximum: 2,
        ..Settings::default()
    };
    let costs = |packet: Packet<'_>, reason| costs(refusing.clone(), &packet, reason);
    costs(Packet::Publish(publish(QOS2, 1, "t")), Reason::QoSNotSupported);
    costs(Packet::Publish(retained("t", "x")), Reason::RetainNotSupported);
    let large = Publish { payload: &[0; 100], ..publish(QOS0, 0, "t") };
    costs(Packet::Publish(large), Reason::PacketTooLarge);
    let wildcard = [filter("a/#", QOS0)];
    costs(Packet::Subscribe(subscribe(1, &wildcard)), Reason::WildcardSubscriptionsNotSupported);
    let shared = [filter("$share/g/a", QOS0)];
    costs(Packet::Subscribe(subscribe(1, &shared)), Reason::SharedSubscriptionsNotSupported);
    let (plain, identifier) = ([filter("a", QOS0)], [Property::SubscriptionIdentifier(1)]);
    let identified = Subscribe { properties: list(&identifier), ..subscribe(1, &plain) };
    costs(Packet::Subscribe(identified), Reason::SubscriptionIdentifiersNotSupported);
    let alias = [Property::TopicAlias(3)];
    let aliased = Publish { properties: list(&alias), ..publish(QOS0, 0, "t") };
    costs(Packet::Publish(aliased), Reason::TopicAliasInvalid);
}

#[test]
fn before_5_0_what_is_not_available_is_a_filter_refused() {
    let settings = Settings { wildcard_available: false, ..Settings::default() };
    for version in [Version::V3_1_1, Version::V3_1] {
        let mut world = World::with(settings.clone());
        let peer = world.connect(&Connect { version, ..connect("a") }, false);
        let wanted = [filter("a/#", QOS1), filter("b", QOS1)];
        let codes = [Reason::UnspecifiedError, Reason::GrantedQoS1];
        world.exchange(peer, &subscribe(1, &wanted), &[suback(1, &codes)]);
        assert_eq!(world.broker.session("a").unwrap().filters, ["b"]);
    }
}

#[test]
fn a_packet_too_large_is_refused_by_its_length() {
    let settings = Settings { maximum_packet_size: NonZeroU32::new(40), ..Settings::default() };
    let mut world = World::with(settings);
    let (peer, _) = world.try_connect(&connect("a"));
    world.send_bytes(peer, &[0x30, 38]);
    assert!(!world.broker.is_closing(peer.id));
    let (peer, _) = world.try_connect(&connect("b"));
    world.send_bytes(peer, &[0x30, 39]);
    world.expect_end(peer, Reason::PacketTooLarge);
}

#[test]
fn a_connect_too_large_is_refused_with_its_code_in_5_0_and_without_a_word_before() {
    let settings = Settings { maximum_packet_size: NonZeroU32::new(40), ..Settings::default() };
    for (version, expected) in [(Version::V5, Some(0x95)), (Version::V3_1_1, None)] {
        let mut world = World::with(settings.clone());
        let large = Connect { version, ..connect("a Client Identifier of 31 bytes") };
        let (peer, bytes) = world.try_connect(&large);
        assert_eq!(bytes.get(3).copied(), expected);
        assert!(world.broker.is_closing(peer.id));
        let refused = world.broker.log().any(|entry| {
            matches!(entry.event, LogEvent::Refused { reason: Reason::PacketTooLarge, .. })
        });
        assert!(refused);
        // The second CONNECT of a connection is no exception.
        let (peer, _) = world.try_connect(&Connect { version, ..connect("a") });
        world.send_bytes(peer, &[0x10, 39]);
        world.expect_end(peer, Reason::PacketTooLarge);
    }
}

#[test]
fn receive_maximum_counts_qos_2_until_pubcomp() {
    let receive_maximum = NonZeroU16::new(2).unwrap();
    let settings =
        Settings { receive_maximum, reports_no_subscribers: false, ..Settings::default() };
    let mut world = World::with(settings);
    let (peer, _) = world.try_connect(&resume("a"));
    world.exchange(peer, &publish(QOS2, 1, "t"), &[pubrec(1)]);
    world.exchange(peer, &publish(QOS2, 2, "t"), &[pubrec(2)]);
    // The same message again is no further one.
    world.exchange(peer, &Publish { dup: true, ..publish(QOS2, 2, "t") }, &[pubrec(2)]);
    world.exchange(peer, &pubrel(1), &[pubcomp(1)]);
    world.exchange(peer, &publish(QOS2, 4, "t"), &[pubrec(4)]);
    world.send(peer, &publish(QOS2, 5, "t"));
    world.expect_end(peer, Reason::ReceiveMaximumExceeded);
}

#[test]
fn receive_maximum_counts_qos_1_until_puback() {
    let receive_maximum = NonZeroU16::new(1).unwrap();
    let settings =
        Settings { receive_maximum, reports_no_subscribers: false, ..Settings::default() };
    let mut world = World::with(settings);
    let (peer, _) = world.try_connect(&connect("a"));
    world.exchange(peer, &publish(QOS1, 1, "t"), &[puback(1)]);
    world.exchange(peer, &publish(QOS1, 2, "t"), &[puback(2)]);
    world.exchange(peer, &publish(QOS2, 3, "t"), &[pubrec(3)]);
    world.send(peer, &publish(QOS1, 4, "t"));
    world.expect_end(peer, Reason::ReceiveMaximumExceeded);
}

#[test]
fn receive_maximum_counts_what_the_client_cannot_have_heard_of() {
    let receive_maximum = NonZeroU16::new(2).unwrap();
    let settings = Settings {
        receive_maximum,
        reports_no_subscribers: false,
        forbidden: vec!["forbidden".to_owned()],
        ..Settings::default()
    };
    let message = |qos, packet_id| Packet::Publish(publish(qos, packet_id, "t"));
    let forbidden = Packet::Publish(publish(QOS2, 3, "forbidden"));
    let refused = Packet::PubRec(PubRec(ack(3, Reason::NotAuthorized)));
    for (open, packets, answers) in [
        (vec![], [message(QOS1, 3), message(QOS1, 4)], [puback(3), puback(4)]),
        (vec![], [forbidden, message(QOS2, 4)], [refused, pubrec(4)]),
        (
            vec![message(QOS2, 3), message(QOS2, 4)],
            [pubrel(3), pubrel(4)],
            [pubcomp(3), pubcomp(4)],
        ),
    ] {
        let mut world = World::with(settings.clone());
        let (peer, _) = world.try_connect(&connect("a"));
        open.iter().for_each(|packet| world.send(peer, packet));
        world.transmitted(peer);
        packets.iter().for_each(|packet| world.send(peer, packet));
        world.send(peer, &message(QOS1, 5));
        assert!(world.broker.is_closing(peer.id), "{packets:?}");
        let bytes = world.transmitted(peer);
        let [first, second, Packet::Disconnect(end)] = decode(&bytes, Version::V5)[..] else {
            panic!("{:?}", decode(&bytes, Version::V5));
        };
        assert_eq!([first, second], answers);
        assert_eq!(end.reason, Reason::ReceiveMaximumExceeded);
    }
}

#[test]
fn receive_maximum_leaves_out_what_an_earlier_connection_carried() {
    let receive_maximum = NonZeroU16::new(1).unwrap();
    let settings =
        Settings { receive_maximum, reports_no_subscribers: false, ..Settings::default() };
    let mut world = World::with(settings);
    let (peer, _) = world.try_connect(&resume("a"));
    world.exchange(peer, &publish(QOS2, 1, "t"), &[pubrec(1)]);
    world.cut(peer);
    let (peer, _) = world.try_connect(&resume("a"));
    world.send(peer, &pubrel(1));
    world.exchange(peer, &publish(QOS1, 2, "t"), &[pubcomp(1), puback(2)]);
}

#[test]
fn a_packet_identifier_in_use_is_refused_for_anything_else() {
    let settings =
        Settings { reports_no_subscribers: false, topic_alias_maximum: 0, ..Settings::default() };
    let mut world = World::with(settings);
    let peer = world.client("a");
    world.exchange(peer, &publish(QOS2, 7, "t"), &[pubrec(7)]);
    let in_use = Reason::PacketIdentifierInUse;
    let (filters, names) = ([filter("t", QOS0)], ["t"]);
    world.exchange(peer, &subscribe(7, &filters), &[suback(7, &[in_use])]);
    world.exchange(peer, &unsubscribe(7, &names), &[unsuback(7, &[in_use])]);
    let refused = Packet::PubAck(PubAck(ack(7, in_use)));
    world.exchange(peer, &publish(QOS1, 7, "t"), &[refused]);
    assert_eq!(world.broker.session("a").unwrap().filters, [""; 0]);
}

/// The Packet Identifiers whose DUP is logged as wrong, and those acknowledged out of order.
fn faults(world: &World) -> [Vec<u16>; 2] {
    let mut faults = [vec![], vec![]];
    for entry in world.broker.log() {
        match entry.event {
            LogEvent::WrongDup { packet_id, .. } => faults[0].push(packet_id),
            LogEvent::OutOfOrder { packet_id, .. } => faults[1].push(packet_id),
            _ => {}
        }
    }
    faults
}

#[test]
fn a_dup_that_cannot_be_right_is_logged() {
    for (version, wrong) in [(Version::V5, vec![1, 2, 2, 1]), (Version::V3_1_1, vec![])] {
        let mut world = World::new();
        let properties = if version == Version::V5 { KEPT } else { &[] };
        let properties = list(properties);
        let resume = Connect { version, clean_start: false, properties, ..connect("a") };
        let peer = world.connect(&resume, false);
        let message = |dup, qos, packet_id| Publish { dup, ..publish(qos, packet_id, "t") };
        // What an earlier connection may have carried, and what is new.
        world.send(peer, &message(true, QOS1, 9));
        world.send(peer, &message(false, QOS1, 9));
        world.send(peer, &message(false, QOS1, 1));
        world.send(peer, &message(false, QOS2, 2));
        assert_eq!(faults(&world), [[0; 0]; 2]);
        // Sent again on the connection that carried it.
        world.send(peer, &message(true, QOS1, 1));
        world.send(peer, &message(true, QOS2, 2));
        world.cut(peer);
        let (peer, _) = world.try_connect(&resume);
        // A new message, which vanishes, then as it is right.
        world.send(peer, &message(false, QOS2, 2));
        world.cut(peer);
        let (peer, _) = world.try_connect(&resume);
        world.send(peer, &message(true, QOS2, 2));
        world.send(peer, &pubrel(2));
        world.send(peer, &message(false, QOS2, 2));
        world.send(peer, &message(false, QOS1, 1));
        world.send(peer, &message(true, QOS1, 1));
        assert_eq!(faults(&world), [wrong, vec![]]);
    }
}

#[test]
fn after_a_session_is_lost_both_a_new_and_an_old_message_may_come() {
    for dup in [false, true] {
        let mut world = World::new();
        let peer = world.connect(&resume("a"), false);
        world.send(peer, &publish(QOS2, 1, "t"));
        world.broker.restart(world.now, Persistence::Lost);
        world.cut(peer);
        let peer = world.connect(&resume("a"), false);
        world.send(peer, &Publish { dup, ..publish(QOS2, 1, "t") });
        assert_eq!(faults(&world), [[0; 0]; 2]);
    }
}

#[test]
fn acknowledgements_out_of_order_are_logged() {
    for (version, wrong) in [(Version::V5, vec![3, 6]), (Version::V3_1, vec![])] {
        let mut world = World::new();
        let peer = world.connect(&Connect { version, ..connect("a") }, false);
        world.subscribe(peer, "t", QOS2);
        for (qos, packet_id) in [(QOS1, 1), (QOS2, 2), (QOS1, 3), (QOS2, 4), (QOS1, 5), (QOS2, 6)] {
            let sender = world.connect(&Connect { version, ..connect("s") }, false);
            world.send(sender, &publish(qos, packet_id, "t"));
        }
        // Each QoS has an order of its own.
        for packet in [pubrec(2), puback(3), puback(1), puback(5), pubrec(6), pubrec(4)] {
            world.send(peer, &packet);
        }
        assert_eq!(faults(&world), [vec![], wrong]);
    }
}

#[test]
fn acknowledgements_of_the_wrong_kind_end_the_connection_and_stray_ones_do_not() {
    for (qos, wrong) in
        [(QOS1, pubrec(1)), (QOS1, pubcomp(1)), (QOS2, puback(1)), (QOS2, pubcomp(1))]
    {
        let mut world = World::new();
        let peer = world.client("a");
        world.subscribe(peer, "t", qos);
        world.send(peer, &publish(qos, 9, "t"));
        world.transmitted(peer);
        world.send(peer, &wrong);
        world.expect_end(peer, Reason::ProtocolError);
    }
    let mut world = World::new();
    let peer = world.client("a");
    world.exchange(peer, &puback(5), &[]);
    world.exchange(peer, &pubcomp(6), &[]);
    let not_found = ReasonCode::PacketIdentifierNotFound;
    let answer = |ack: Ack<'static>| Packet::PubRel(mqtt_proto::PubRel(ack));
    world.exchange(peer, &pubrec(7), &[answer(ack(7, not_found))]);
    world.exchange(peer, &Packet::PubRec(PubRec(ack(8, Reason::NotAuthorized))), &[]);
    let strays = world.broker.log().filter_map(|entry| match entry.event {
        LogEvent::Stray { packet_id, .. } => Some(packet_id),
        _ => None,
    });
    assert_eq!(strays.collect::<Vec<_>>(), [5, 6, 7, 8]);
}
