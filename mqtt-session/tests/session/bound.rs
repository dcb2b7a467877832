//! The memory a broker can make a client take.

use std::num::{NonZeroU16, NonZeroU32};

use mqtt_session::proto::{Packet, Property, Publish, ReasonCode, Role, Version};
use mqtt_session::{Config, Connect, Event, Inbound, Memory, Session, Time};

use crate::packets::*;
use crate::pair::TestMemory;

/// What a broker sends that wants to take all it can: on each connection a long ClientID, topics for
/// all aliases, messages it never comes back to, and a packet of the largest size, never completed.
fn floods(version: Version, size: usize, receive: u16, aliases: u16) -> Vec<Vec<Vec<u8>>> {
    let bytes = |packet: &dyn Fn() -> Packet<'static>| encode(&packet(), version, Role::Server);
    let v5 = version == Version::V5;
    let text = "x".repeat(size.min(65_535) - 20);
    let text: &'static str = text.leak();
    let connack = |n: usize| {
        let mut grants = Vec::new();
        if v5 && n == 0 {
            grants.push(Property::AssignedClientIdentifier(text));
        }
        Packet::ConnAck(mqtt_session::proto::ConnAck {
            session_present: n > 0,
            ..granting(grants.leak())
        })
    };
    let connection = |n: usize| {
        let mut packets = vec![bytes(&|| connack(n))];
        for alias in 1..=aliases {
            for len in [text.len() / 3, text.len() / 2, text.len()] {
                packets.push(bytes(&|| {
                    let alias = vec![Property::TopicAlias(alias)];
                    let packet = with_properties(publish(QOS0, 0, ""), alias.leak());
                    let Packet::Publish(publish) = packet else { unreachable!() };
                    Packet::Publish(Publish { topic: &text[..len], ..publish })
                }));
            }
        }
        let first = u16::try_from(n).unwrap() * receive;
        for id in first + 1..=first + receive {
            packets.push(bytes(&|| publish(if id % 2 == 0 { QOS1 } else { QOS2 }, id, "")));
        }
        // The largest packet; one byte more than fits is skipped or refused.
        for more in [0, 1] {
            let body = "x".repeat(size - 9 + more).leak();
            let mut large = bytes(&|| publish(QOS0, 0, body));
            large.truncate(size - 1);
            packets.push(large);
        }
        packets
    };
    (0..20).map(connection).collect()
}

/// Lets a broker do its worst; gives the memory that took at most.
fn flood<M: Memory>(session: &mut Session<M>, version: Version, floods: &[Vec<Vec<u8>>]) -> u64 {
    let mut out = Vec::with_capacity(1 << 20);
    let now = Time::from_micros(1);
    let run = allocation_counter::measure(|| {
        for (n, flood) in floods.iter().enumerate() {
            let client_id = if version == Version::V5 { "" } else { "client" };
            let connect = Connect { version, clean_start: n == 0, ..Connect::new(client_id) };
            let mut inbound = session.open(now, &connect).unwrap();
            out.clear();
            session.poll_transmit(now, &mut out).unwrap();
            for packet in flood {
                feed(session, &mut inbound, packet);
                out.clear();
                session.poll_transmit(now, &mut out).unwrap();
            }
            session.handle_closed(now);
            while session.poll_event(now, &mut inbound).is_some() {}
        }
    });
    run.bytes_max
}

fn feed<M: Memory>(session: &mut Session<M>, inbound: &mut Inbound<M>, mut packet: &[u8]) {
    let now = Time::from_micros(1);
    while !packet.is_empty() && session.wants_input() {
        let space = inbound.space();
        let n = packet.len().min(space.len());
        space[..n].copy_from_slice(&packet[..n]);
        inbound.handle_received(now, n);
        packet = &packet[n..];
        // The application acknowledges QoS 2 alone.
        while let Some(event) = session.poll_event(now, inbound) {
            if let Event::Message(message) = event
                && message.publish.qos == QOS2
                && let Some(delivery) = message.delivery
            {
                session.ack(delivery, ReasonCode::Success);
            }
        }
    }
}

/// Promises: BAD-3
fn a_broker_cannot_make_it_take_more<M: TestMemory>() {
    let own = size_of::<Session<M>>() + size_of::<Inbound<M>>();
    for version in [Version::V5, Version::V3_1_1] {
        for (size, receive, aliases) in
            [(100, 2, 0), (5_000, 60, 9), (200_000, 10, 3), (3_000_000, 1, 0)]
        {
            let aliases = if version == Version::V5 { aliases } else { 0 };
            let config = Config {
                version,
                maximum_packet_size: NonZeroU32::new(size),
                receive_maximum: NonZeroU16::new(receive).unwrap(),
                topic_alias_maximum: aliases,
                ..Config::new(1)
            };
            let mut session = Session::<M>::new(config);
            let floods = floods(version, usize::try_from(size).unwrap(), receive, aliases);
            let taken = usize::try_from(flood(&mut session, version, &floods)).unwrap();
            let bound = session.memory_bound();
            assert!(own + taken <= bound, "{taken} bytes at {size}, bound {bound}");
            if M::KEEP_FROM == 0 {
                assert_eq!((taken, bound), (0, own));
            } else if size >= 200_000 {
                // It says something.
                assert!(bound < 4 * taken, "{taken} bytes at {size}, bound {bound}");
            }
        }
    }
}

/// Promises: BAD-3
#[test]
fn it_follows_the_configuration() {
    let bound = |config: Config| Session::<mqtt_session::Heap>::new(config).memory_bound();
    let config = || Config { maximum_packet_size: NonZeroU32::new(1 << 20), ..Config::new(1) };
    let megabytes = bound(config()) >> 20;
    assert_eq!(megabytes, 2);
    // Without a limit only that of the protocol is left.
    assert_eq!(bound(Config::new(1)) >> 20, 512);
    let aliased = Config { topic_alias_maximum: 100, ..config() };
    assert!(bound(aliased) >= bound(config()) + 100 * 65_535);
    // A connection before 5.0 may be made, which nobody is strict about.
    let strict = Config { strict: true, ..config() };
    assert_eq!(bound(strict), bound(config()));
}

crate::on_both_memories! {
    a_broker_cannot_make_it_take_more
}
