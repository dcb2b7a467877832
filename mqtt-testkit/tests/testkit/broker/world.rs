//! A broker, and clients of bare packets.

use std::time::Duration;

use mqtt_proto::{
    ConnAck, Connect, Dialect, Disconnect, Encode, FixedHeader, Packet, Properties, QoS,
    ReasonCode, Role, Version,
};
use mqtt_session::Time;
use mqtt_testkit::broker::{Broker, ConnectionId, LogEvent, Settings};

use super::packets::{connect, filter, list, puback, suback, subscribe};

/// A broker and the time.
pub(crate) struct World {
    pub(crate) broker: Broker,
    pub(crate) now: Time,
}

/// A connection and the version it speaks.
#[derive(Clone, Copy)]
pub(crate) struct Peer {
    pub(crate) id: ConnectionId,
    pub(crate) version: Version,
}

impl World {
    /// A generous broker that announces nothing.
    pub(crate) fn new() -> World {
        World::with(Settings { topic_alias_maximum: 0, ..Settings::default() })
    }

    pub(crate) fn with(settings: Settings) -> World {
        World { broker: Broker::new(settings), now: Time::from_micros(1_000_000) }
    }

    /// Time passes, and nothing happens too late.
    pub(crate) fn pass(&mut self, seconds: u64) {
        let end = self.now.after(Duration::from_secs(seconds));
        while let Some(at) = self.broker.poll_timeout().filter(|&at| at <= end) {
            self.now = self.now.max(at);
            self.broker.handle_timeout(at);
            assert!(self.broker.poll_timeout().is_none_or(|next| next > at), "a busy loop");
        }
        self.now = end;
    }

    pub(crate) fn open(&mut self, version: Version) -> Peer {
        Peer { id: self.broker.open(self.now), version }
    }

    /// Connects and expects to be let in without any property.
    #[track_caller]
    pub(crate) fn connect(&mut self, connect: &Connect<'_>, session_present: bool) -> Peer {
        let peer = self.open(connect.version);
        self.send(peer, connect);
        self.expect_connack(peer, session_present);
        peer
    }

    /// Connects with Clean Start in 5.0.
    #[track_caller]
    pub(crate) fn client(&mut self, client_id: &str) -> Peer {
        self.connect(&connect(client_id), false)
    }

    #[track_caller]
    fn expect_connack(&mut self, peer: Peer, session_present: bool) {
        let (reason, properties) = (ReasonCode::Success, Properties::EMPTY);
        let connack = Packet::ConnAck(ConnAck { session_present, reason, properties });
        // What a session waited with stands behind it and is left for the test.
        let bytes = self.transmitted(peer);
        let expected = encode(&connack, peer.version, Role::Server);
        let rest = bytes.strip_prefix(expected.as_slice());
        let rest = rest.unwrap_or_else(|| panic!("{:?}", decode(&bytes, peer.version)));
        assert!(rest.is_empty(), "behind CONNACK: {:?}", decode(rest, peer.version));
    }

    /// Connects and gives what comes in answer.
    pub(crate) fn try_connect(&mut self, connect: &Connect<'_>) -> (Peer, Vec<u8>) {
        let peer = self.open(connect.version);
        self.send(peer, connect);
        let bytes = self.transmitted(peer);
        (peer, bytes)
    }

    pub(crate) fn send(&mut self, peer: Peer, packet: &impl Encode) {
        self.send_bytes(peer, &encode(packet, peer.version, Role::Client));
    }

    pub(crate) fn send_bytes(&mut self, peer: Peer, bytes: &[u8]) {
        self.broker.handle_input(self.now, peer.id, bytes);
    }

    pub(crate) fn transmitted(&mut self, peer: Peer) -> Vec<u8> {
        let mut out = Vec::new();
        self.broker.poll_transmit(peer.id, &mut out);
        out
    }

    /// The client gets exactly these packets.
    #[track_caller]
    pub(crate) fn expect(&mut self, peer: Peer, packets: &[Packet<'_>]) {
        let bytes = self.transmitted(peer);
        let expected: Vec<u8> =
            packets.iter().flat_map(|packet| encode(packet, peer.version, Role::Server)).collect();
        if bytes != expected {
            let lines = |packets: &[Packet<'_>]| {
                packets.iter().map(|packet| format!("\n  {packet:?}")).collect::<String>()
            };
            let got = decode(&bytes, peer.version);
            panic!("the client got{}\nbut expected{}", lines(&got), lines(packets));
        }
    }

    /// The client sends this and gets exactly that.
    #[track_caller]
    pub(crate) fn exchange(&mut self, peer: Peer, packet: &impl Encode, answers: &[Packet<'_>]) {
        self.send(peer, packet);
        self.expect(peer, answers);
    }

    /// The client is granted one filter.
    #[track_caller]
    pub(crate) fn subscribe(&mut self, peer: Peer, topic_filter: &str, qos: QoS) {
        let granted = ReasonCode::from_u8(qos as u8).unwrap();
        let filters = [filter(topic_filter, qos)];
        self.exchange(peer, &subscribe(1, &filters), &[suback(1, &[granted])]);
    }

    /// The client acknowledges a message of QoS 1.
    #[track_caller]
    pub(crate) fn acknowledge(&mut self, peer: Peer, packet_id: u16) {
        self.exchange(peer, &puback(packet_id), &[]);
    }

    /// The broker ends the connection: with this code in 5.0, without a word before.
    #[track_caller]
    pub(crate) fn expect_end(&mut self, peer: Peer, reason: ReasonCode) {
        assert!(self.broker.is_closing(peer.id), "the connection goes on");
        let bytes = self.transmitted(peer);
        match (peer.version, decode(&bytes, peer.version).as_slice()) {
            (Version::V5, [Packet::Disconnect(disconnect)]) => {
                assert_eq!(disconnect.reason, reason, "{disconnect:?}");
            }
            (Version::V3_1 | Version::V3_1_1, []) => {}
            (_, packets) => panic!("{packets:?}"),
        }
        let logged = self.broker.log().any(|entry| {
            let LogEvent::Ended { connection, reason: logged, .. } = &entry.event else {
                return false;
            };
            *connection == peer.id && *logged == reason
        });
        assert!(logged, "the log does not say {reason}");
        self.broker.handle_closed(self.now, peer.id);
    }

    /// The client goes without a word.
    pub(crate) fn cut(&mut self, peer: Peer) {
        self.broker.handle_closed(self.now, peer.id);
    }

    /// The client says good-bye, or something else.
    #[track_caller]
    pub(crate) fn leave(&mut self, peer: Peer, reason: ReasonCode) {
        self.send(peer, &Disconnect { reason, properties: list(&[]) });
        assert!(self.broker.is_closing(peer.id));
        self.expect(peer, &[]);
        self.cut(peer);
    }
}

pub(crate) fn encode(packet: &impl Encode, version: Version, sender: Role) -> Vec<u8> {
    let dialect = Dialect { version, sender, lenient: false };
    let measure = packet.measure(dialect).unwrap();
    let mut bytes = vec![0; measure.len];
    packet.write(dialect, &measure, &mut bytes).unwrap();
    bytes
}

/// The packets of a broker in `bytes`, which holds them whole.
pub(crate) fn decode(mut bytes: &[u8], version: Version) -> Vec<Packet<'_>> {
    let dialect = Dialect { version, sender: Role::Server, lenient: false };
    let mut packets = Vec::new();
    while let Some(header) = FixedHeader::decode(bytes, dialect).unwrap() {
        let (packet, rest) = bytes.split_at(header.packet_len());
        packets.push(Packet::decode(header, &packet[usize::from(header.len)..], dialect).unwrap());
        bytes = rest;
    }
    packets
}
