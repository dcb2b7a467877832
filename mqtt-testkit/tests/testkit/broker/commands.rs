//! What a broker is told to do.

use mqtt_proto::{Connect, Disconnect, Packet, Publish, ReasonCode, Version, Will};
use mqtt_testkit::broker::{Broker, LogEvent, Persistence, Settings};

use super::packets::*;
use super::world::{World, decode};

#[test]
fn the_next_connects_are_refused_in_turn() {
    let mut world = World::new();
    world.broker.refuse_next(ReasonCode::ServerBusy);
    world.broker.redirect_next(ReasonCode::ServerMoved, "other:1883");
    world.broker.refuse_next(ReasonCode::ServerUnavailable);
    world.broker.refuse_next(ReasonCode::ServerBusy);
    let (peer, bytes) = world.try_connect(&connect("a"));
    let [Packet::ConnAck(connack)] = decode(&bytes, Version::V5)[..] else { panic!() };
    assert_eq!(connack.reason, ReasonCode::ServerBusy);
    assert!(world.broker.is_closing(peer.id));
    let (_, bytes) = world.try_connect(&connect("a"));
    let [Packet::ConnAck(connack)] = decode(&bytes, Version::V5)[..] else { panic!() };
    assert_eq!(connack.reason, ReasonCode::ServerMoved);
    assert_eq!(connack.properties.server_reference(), Some("other:1883"));
    // 3.1.1 has a return code for the one and none for the other.
    let old = Connect { version: Version::V3_1_1, ..connect("a") };
    assert_eq!(world.try_connect(&old).1, b"\x20\x02\x00\x03");
    let (peer, bytes) = world.try_connect(&old);
    assert!(bytes.is_empty() && world.broker.is_closing(peer.id));
    world.connect(&old, false);
}

#[test]
fn a_client_is_disconnected_with_a_code() {
    let mut world = World::new();
    let peer = world.client("a");
    world.broker.disconnect(world.now, peer.id, ReasonCode::ServerShuttingDown);
    world.expect_end(peer, ReasonCode::ServerShuttingDown);
    let peer = world.client("a");
    world.broker.disconnect_to(world.now, peer.id, ReasonCode::UseAnotherServer, "other");
    let bytes = world.transmitted(peer);
    let [Packet::Disconnect(disconnect)] = decode(&bytes, Version::V5)[..] else { panic!() };
    assert_eq!(disconnect.reason, ReasonCode::UseAnotherServer);
    assert_eq!(disconnect.properties.server_reference(), Some("other"));
    let old = world.connect(&Connect { version: Version::V3_1_1, ..connect("b") }, false);
    world.broker.disconnect(world.now, old.id, ReasonCode::ServerShuttingDown);
    world.expect_end(old, ReasonCode::ServerShuttingDown);
}

#[test]
fn a_lost_session_is_gone_without_a_word() {
    let mut world = World::new();
    let watcher = world.client("w");
    world.subscribe(watcher, "#", QOS0);
    let will =
        Will { qos: QOS0, retain: false, properties: list(&[]), topic: "will", payload: b"" };
    let peer = world.connect(&Connect { will: Some(will), ..resume("a") }, false);
    assert!(world.broker.lose_session(world.now, "a"));
    assert!(!world.broker.lose_session(world.now, "a"));
    assert!(world.broker.is_closing(peer.id));
    world.expect(peer, &[]);
    world.expect(watcher, &[]);
    world.connect(&resume("a"), false);
}

#[test]
fn a_restart_keeps_what_is_persistent() {
    for persistence in [Persistence::Kept, Persistence::Lost] {
        let is_kept = persistence == Persistence::Kept;
        let mut world = World::new();
        let peer = world.connect(&resume("a"), false);
        let short = world.client("b");
        world.subscribe(peer, "t", QOS1);
        world.send(peer, &Publish { retain: true, ..publish(QOS1, 5, "t") });
        world.broker.restart(world.now, persistence);
        for peer in [peer, short] {
            world.expect(peer, &[]);
            assert!(world.broker.is_closing(peer.id));
            world.cut(peer);
        }
        assert!(world.broker.session("b").is_none());
        assert_eq!(world.broker.retained().count(), usize::from(is_kept));
        let (_, bytes) = world.try_connect(&resume("a"));
        assert_eq!(bytes[..5], [0x20, 3, u8::from(is_kept), 0, 0]);
        let again = Packet::Publish(Publish { dup: true, ..publish(QOS1, 1, "t") });
        let expected = if is_kept { vec![again] } else { vec![] };
        assert_eq!(decode(&bytes[5..], Version::V5), expected);
    }
}

#[test]
fn a_restart_ends_all_connections_before_the_wills_are_published() {
    let mut world = World::new();
    for client_id in ["a", "b"] {
        let will = Will {
            qos: QOS1,
            retain: false,
            properties: list(&[]),
            topic: client_id,
            payload: b"",
        };
        let peer = world.connect(&Connect { will: Some(will), ..resume(client_id) }, false);
        world.subscribe(peer, "+", QOS1);
    }
    world.broker.restart(world.now, Persistence::Kept);
    let will = |packet_id, topic| {
        Packet::Publish(Publish { payload: b"", ..publish(QOS1, packet_id, topic) })
    };
    for client_id in ["a", "b"] {
        let (_, bytes) = world.try_connect(&resume(client_id));
        assert_eq!(decode(&bytes[5..], Version::V5), [will(1, "a"), will(2, "b")]);
    }
}

#[test]
fn only_a_connection_there_was_is_lost() {
    for end in [Broker::drop_connection, |broker: &mut Broker, now, _| {
        broker.restart(now, Persistence::Kept);
    }] {
        let mut world = World::new();
        world.broker.refuse_next(ReasonCode::ServerBusy);
        let refused = world.try_connect(&connect("a")).0;
        let left = world.client("a");
        let reason = ReasonCode::NormalDisconnection;
        world.send(left, &Disconnect { reason, properties: list(&[]) });
        let dropped = world.client("b");
        for peer in [refused, left, dropped] {
            end(&mut world.broker, world.now, peer.id);
            world.cut(peer);
        }
        let lost = world.broker.log().filter_map(|entry| match entry.event {
            LogEvent::Lost(id) => Some(id),
            _ => None,
        });
        assert_eq!(lost.collect::<Vec<_>>(), [dropped.id]);
    }
}

#[test]
fn a_stalled_connection_neither_reads_nor_writes() {
    let mut world = World::new();
    let peer = world.connect(&Connect { keep_alive: 10, ..connect("a") }, false);
    world.subscribe(peer, "t", QOS0);
    world.broker.stall(peer.id);
    world.exchange(peer, &Packet::PingReq, &[]);
    world.exchange(peer, &publish(QOS0, 0, "t"), &[]);
    world.pass(1000);
    assert!(!world.broker.is_closing(peer.id));
    world.broker.unstall(world.now, peer.id);
    world.expect(peer, &[Packet::PingResp, Packet::Publish(publish(QOS0, 0, "t"))]);
    world.pass(15);
    world.expect_end(peer, ReasonCode::KeepAliveTimeout);
}

#[test]
fn a_stalled_connection_ends_without_a_word() {
    for end in [Broker::drop_connection, |broker: &mut Broker, now, id| {
        broker.disconnect(now, id, ReasonCode::ServerShuttingDown);
    }] {
        let mut world = World::new();
        let peer = world.client("a");
        world.broker.stall(peer.id);
        assert!(!world.broker.wants_input(peer.id));
        world.exchange(peer, &Packet::PingReq, &[]);
        end(&mut world.broker, world.now, peer.id);
        world.expect(peer, &[]);
        assert!(world.broker.is_closing(peer.id));
        assert!(world.broker.wants_input(peer.id), "nobody reads that its client ends, too");
    }
}

#[test]
fn a_connection_is_dropped_with_what_was_not_transmitted() {
    let mut world = World::new();
    let peer = world.connect(&resume("a"), false);
    world.send(peer, &Packet::PingReq);
    world.broker.drop_connection(world.now, peer.id);
    world.expect(peer, &[]);
    assert!(world.broker.is_closing(peer.id));
    assert_eq!(world.broker.session("a").unwrap().connection, None);
    world.cut(peer);
    assert_eq!(world.broker.connections().count(), 0);
}

#[test]
fn the_log_keeps_the_newest_entries() {
    let settings = Settings { log_length: 3, topic_alias_maximum: 0, ..Settings::default() };
    let mut world = World::with(settings);
    let first = world.client("a");
    let second = world.connect(&connect("a"), false);
    world.leave(second, ReasonCode::NormalDisconnection);
    assert!(world.broker.is_closing(first.id));
    let client_id = "a".to_owned();
    let (connection, reason) = (second.id, ReasonCode::NormalDisconnection);
    let expected = [
        LogEvent::Connected { connection, client_id: client_id.clone(), session_present: false },
        LogEvent::Disconnected { connection, reason },
        LogEvent::SessionEnded { client_id },
    ];
    assert!(world.broker.log().map(|entry| &entry.event).eq(&expected));
}
