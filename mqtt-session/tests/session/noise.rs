//! Bytes and calls of any kind, in any order.

use std::num::NonZeroU32;
use std::time::Duration;

use mqtt_session::proto::{Auth, Packet, Properties, Property, QoS, ReasonCode, Role, Version};
use mqtt_session::{Config, Connect, Inbound, Memory, Payload, Session, Time};
use proptest::prelude::*;

use crate::packets::*;
use crate::pair::{Seen, TestMemory};

/// What an arbitrary peer does.
#[derive(Clone, Debug)]
enum Noise {
    Bytes(Vec<u8>),
    /// A packet with one byte changed.
    Broken {
        packet: usize,
        at: usize,
        mask: u8,
    },
    Event,
    Transmit,
    Store,
    Publish(QoS),
    Subscribe,
    Ack,
    Abandon,
    Authenticate(ReasonCode),
    Pass(u64),
    Close,
    Open {
        version: Version,
        clean_start: bool,
        authenticates: bool,
    },
}

fn noise() -> impl Strategy<Value = Noise> {
    let version = prop_oneof![3 => Just(Version::V5), 1 => Just(Version::V3_1_1)];
    prop_oneof![
        2 => prop::collection::vec(any::<u8>(), 0..40).prop_map(Noise::Bytes),
        6 => (0..88usize, 0..12usize, prop_oneof![8 => Just(0), 1 => any::<u8>()])
            .prop_map(|(packet, at, mask)| Noise::Broken { packet, at, mask }),
        3 => Just(Noise::Event),
        3 => Just(Noise::Transmit),
        1 => Just(Noise::Store),
        2 => prop::sample::select(&[QOS0, QOS1, QOS2][..]).prop_map(Noise::Publish),
        1 => Just(Noise::Subscribe),
        2 => Just(Noise::Ack),
        1 => Just(Noise::Abandon),
        1 => (0..60u64).prop_map(Noise::Pass),
        1 => Just(Noise::Close),
        1 => any::<bool>().prop_map(|again| Noise::Authenticate(match again {
            true => ReasonCode::ReAuthenticate,
            false => ReasonCode::ContinueAuthentication,
        })),
        1 => (version, any::<bool>(), any::<bool>()).prop_map(
            |(version, clean_start, authenticates)| Noise::Open {
                version, clean_start, authenticates,
            }),
    ]
}

const METHOD: [Property<'static>; 1] = [Property::AuthenticationMethod("M")];

/// A packet a broker may send, right or wrong.
fn broker_packet(n: usize, version: Version) -> Vec<u8> {
    let id = u16::try_from(n / 22 + 1).unwrap_or(1);
    let alias = [Property::TopicAlias(id)];
    let large = "x".repeat(200);
    let packet = match n % 22 {
        0..=2 => Packet::ConnAck(connack(n.is_multiple_of(2))),
        3 => publish(QOS0, 0, "x"),
        4 | 5 => publish(QOS1, id, "x"),
        6 | 7 => publish(QOS2, id, "x"),
        8 => publish_again(QOS2, id, "x"),
        9 => puback(id),
        10 => pubrec(id),
        11 => pubrel(id),
        12 => pubcomp(id),
        13 => suback(id, &[ReasonCode::GrantedQoS0]),
        14 if version == Version::V5 => unsuback(id, &[ReasonCode::Success]),
        15 if version == Version::V5 => disconnect(ReasonCode::ServerBusy),
        16 if version == Version::V5 => Packet::ConnAck(granting(&METHOD)),
        17 | 18 if version == Version::V5 => {
            let reasons = [ReasonCode::ContinueAuthentication, ReasonCode::Success];
            let properties = Properties::from_slice(&METHOD);
            Packet::Auth(Auth { reason: reasons[n % 2], properties })
        }
        19 if version == Version::V5 => with_properties(publish(QOS0, 0, "x"), &alias),
        20 => publish([QOS0, QOS1, QOS2][n % 3], id, &large),
        _ => Packet::PingResp,
    };
    encode(&packet, version, Role::Server)
}

/// Nothing a peer, an owner and a store do in any order panics or goes on for ever.
#[expect(clippy::too_many_lines, reason = "one arm for each noise")]
fn survives<M: TestMemory>(
    noises: &[Noise],
    (store, report_qos0, keep_qos0): (bool, bool, bool),
) -> Result<(), TestCaseError> {
    let mut session = Session::<M>::new(Config {
        store,
        report_qos0,
        keep_qos0,
        topic_alias_maximum: 2,
        outbound_aliases: true,
        maximum_packet_size: NonZeroU32::new(100),
        ..Config::new(1)
    });
    let mut inbound = Inbound::<M>::default();
    let mut now = Time::from_micros(1);
    let mut version = Version::V5;
    let mut deliveries = Vec::new();
    let open = Noise::Open { version, clean_start: true, authenticates: false };
    let first = [open, Noise::Transmit];
    let first = first.into_iter().chain([Noise::Broken { packet: 0, at: 0, mask: 0 }]);
    for noise in first.chain(noises.iter().cloned()) {
        match noise {
            Noise::Bytes(bytes) => drop(inbound.handle_input(now, &bytes)),
            Noise::Broken { packet, at, mask } => {
                let mut bytes = broker_packet(packet, version);
                let len = bytes.len();
                bytes[at % len] ^= mask;
                inbound.handle_input(now, &bytes);
            }
            Noise::Event => {
                // Every event but a few uses up bytes or something that was accepted.
                let most = inbound.len() + 40;
                let events = (0..=most).take_while(|_| {
                    let event = session.poll_event(now, &mut inbound);
                    match event.map(|event| Seen::of(&event)) {
                        Some(Seen::Message { delivery, .. }) => deliveries.extend(delivery),
                        Some(_) => {}
                        None => return false,
                    }
                    true
                });
                prop_assert!(events.count() <= most, "events without end");
            }
            Noise::Transmit => {
                let mut out = Vec::new();
                session.poll_transmit(now, &mut out).unwrap();
                session.handle_sent(now, out.len());
                decode(&out, version);
            }
            Noise::Store => {
                let mut last = 0;
                while let Some(record) = session.poll_store() {
                    prop_assert!(record.seq > last);
                    last = record.seq;
                }
                session.handle_stored(last);
            }
            Noise::Publish(qos) => {
                let message = message(qos, "x");
                let payload = Payload::Copy(b"x");
                session.publish(now, &message, payload).ok();
            }
            Noise::Subscribe => {
                session.subscribe(now, &[filter("f")], &[]).ok();
            }
            Noise::Ack => {
                if let Some(delivery) = deliveries.pop() {
                    session.ack(delivery, ReasonCode::Success);
                }
            }
            Noise::Abandon => {
                if let Some(delivery) = deliveries.pop() {
                    session.abandon(delivery);
                }
            }
            Noise::Pass(seconds) => {
                now = now.after(Duration::from_secs(seconds));
                session.handle_timeout(now);
                let next = session.poll_timeout();
                prop_assert!(next.is_none_or(|(at, _)| at > now), "{:?} at {:?}", next, now);
            }
            Noise::Close => session.handle_closed(now),
            Noise::Authenticate(reason) => {
                session.authenticate(now, reason, &METHOD).ok();
            }
            Noise::Open { version: next, clean_start, authenticates } => {
                let properties = if authenticates { &METHOD[..] } else { &[] };
                let connect = Connect {
                    version: next,
                    clean_start,
                    keep_alive: 10,
                    properties: Properties::from_slice(properties),
                    ..Connect::new("c")
                };
                if let Ok(opened) = session.open(now, &connect) {
                    inbound = opened;
                    version = next;
                }
            }
        }
    }
    bounded(&session, &inbound)
}

/// What a broker can make a session hold is bounded.
fn bounded<M: Memory>(session: &Session<M>, inbound: &Inbound<M>) -> Result<(), TestCaseError> {
    prop_assert!(session.held() <= 4096);
    prop_assert!(inbound.capacity() < session.memory_bound());
    Ok(())
}

proptest! {
    /// Promises: BAD-4
    #[test]
    fn no_bytes_make_it_panic_or_loop(
        noises in prop::collection::vec(noise(), 0..60), kind: (bool, bool, bool),
    ) {
        survives::<mqtt_session::Heap>(&noises, kind)?;
    }

    /// Promises: BAD-4
    #[cfg(feature = "fixed")]
    #[test]
    fn no_bytes_make_it_panic_or_loop_in_fixed_memory(
        noises in prop::collection::vec(noise(), 0..60), kind: (bool, bool, bool),
    ) {
        survives::<crate::pair::Small>(&noises, kind)?;
    }
}
