//! What holds for any input.

use mqtt_proto::{Encode, Packet, Property, Publish, Role, Subscribe, Version};
use mqtt_testkit::broker::Settings;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::packets::*;
use super::world::{Peer, World, encode};

const TOPICS: [&str; 4] = ["t", "t/u", "u", ""];
const FILTERS: [&str; 5] = ["t", "t/#", "+", "$share/g/t", "#"];

/// Something a client does.
#[derive(Clone, Debug)]
enum Act {
    Send(Vec<u8>),
    Cut,
    /// Seconds.
    Pass(u64),
}

fn bytes(packet: &impl Encode) -> Vec<u8> {
    encode(packet, Version::V5, Role::Client)
}

fn a_publish() -> impl Strategy<Value = Vec<u8>> {
    let topics = select(TOPICS.as_slice());
    (topics, 0..3_u8, 1..4_u16, any::<bool>(), 1..4_u16).prop_map(
        |(topic, qos, packet_id, retain, alias)| {
            let qos = mqtt_proto::QoS::from_u8(qos).unwrap();
            let packet_id = if qos == QOS0 { 0 } else { packet_id };
            let alias = [Property::TopicAlias(alias)];
            let properties = if topic.is_empty() { list(&alias) } else { list(&[]) };
            bytes(&Publish { retain, properties, ..publish(qos, packet_id, topic) })
        },
    )
}

fn a_subscribe() -> impl Strategy<Value = Vec<u8>> {
    (select(FILTERS.as_slice()), 0..3_u8, 1..4_u16, 1..4_u32).prop_map(
        |(topic_filter, qos, packet_id, identifier)| {
            let filters = [filter(topic_filter, mqtt_proto::QoS::from_u8(qos).unwrap())];
            let identifier = [Property::SubscriptionIdentifier(identifier)];
            let packet = subscribe(packet_id, &filters);
            bytes(&Subscribe { properties: list(&identifier), ..packet })
        },
    )
}

fn an_act() -> impl Strategy<Value = Act> {
    let acks = vec![puback, pubrec, pubrel, pubcomp];
    prop_oneof![
        6 => a_publish().prop_map(Act::Send),
        3 => a_subscribe().prop_map(Act::Send),
        6 => (select(acks), 1..5_u16).prop_map(|(ack, id)| Act::Send(bytes(&ack(id)))),
        1 => Just(Act::Send(bytes(&Packet::PingReq))),
        1 => vec(any::<u8>(), 1..9).prop_map(Act::Send),
        1 => Just(Act::Cut),
        1 => (0..60_u64).prop_map(Act::Pass),
    ]
}

fn conversation() -> impl Strategy<Value = Vec<(Index, Act)>> {
    vec((any::<Index>(), an_act()), 0..60)
}

/// Plays it with three clients that come back whenever their connections end; bytes arrive in
/// pieces of this size. Gives what the clients got.
fn play(conversation: &[(Index, Act)], piece: usize) -> Vec<Vec<u8>> {
    let mut world = World::with(Settings { topic_alias_maximum: 2, ..Settings::default() });
    let mut got = vec![Vec::new(); 3];
    let mut peers: Vec<Peer> = (0..3).map(|index| come_back(&mut world, index)).collect();
    for (index, act) in conversation {
        let index = index.index(3);
        match act {
            Act::Send(bytes) => {
                let pieces = bytes.chunks(piece);
                pieces.for_each(|bytes| world.send_bytes(peers[index], bytes));
            }
            Act::Cut => world.cut(peers[index]),
            Act::Pass(seconds) => world.pass(*seconds),
        }
        for (index, peer) in peers.iter_mut().enumerate() {
            got[index].extend(world.transmitted(*peer));
            if world.broker.is_closing(peer.id) {
                world.cut(*peer);
                *peer = come_back(&mut world, index);
            }
        }
    }
    got
}

fn come_back(world: &mut World, index: usize) -> Peer {
    let properties = [
        Property::SessionExpiryInterval(100),
        Property::ReceiveMaximum(2),
        Property::TopicAliasMaximum(1),
    ];
    let client_id = ["a", "b", "c"][index];
    let connect =
        mqtt_proto::Connect { keep_alive: 30, properties: list(&properties), ..resume(client_id) };
    let peer = world.open(Version::V5);
    world.send(peer, &connect);
    peer
}

/// Checks what one client got: whole packets, and no alias that it does not know.
fn check(mut bytes: &[u8]) {
    let dialect =
        mqtt_proto::Dialect { version: Version::V5, sender: Role::Server, lenient: false };
    let mut known_alias = false;
    while let Some(header) = mqtt_proto::FixedHeader::decode(bytes, dialect).unwrap() {
        let (packet, rest) = bytes.split_at(header.packet_len());
        let body = &packet[usize::from(header.len)..];
        match Packet::decode(header, body, dialect).unwrap() {
            // A new connection.
            Packet::ConnAck(_) => known_alias = false,
            Packet::Publish(publish) => {
                assert!(publish.properties.topic_alias().is_none_or(|alias| alias == 1));
                assert!(!publish.topic.is_empty() || known_alias, "an alias of nothing");
                known_alias |= publish.properties.topic_alias().is_some();
            }
            _ => {}
        }
        bytes = rest;
    }
    assert!(bytes.is_empty(), "half a packet");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn pieces_change_nothing_and_what_comes_out_is_whole(
        conversation in conversation(),
        piece in 1..5_usize,
    ) {
        let got = play(&conversation, usize::MAX);
        prop_assert_eq!(&got, &play(&conversation, piece));
        got.iter().for_each(|bytes| check(bytes));
    }

    #[test]
    fn any_first_bytes_are_taken_without_a_panic(bytes in vec(any::<u8>(), 0..64)) {
        let mut world = World::new();
        let first = world.open(Version::V5);
        world.send_bytes(first, &bytes);
        // A CONNECT with a byte that may be wrong.
        let mut connect = encode(&resume("a"), Version::V5, Role::Client);
        let at = bytes.len() % connect.len();
        connect[at] = bytes.first().copied().unwrap_or_default();
        let second = world.open(Version::V5);
        world.send_bytes(second, &connect);
        world.pass(100);
        for peer in [first, second] {
            let is_in = world.broker.sessions().any(|session| session.connection == Some(peer.id));
            prop_assert!(is_in || world.broker.is_closing(peer.id));
        }
    }
}
