//! Clients of bare packets on one broker, and what they say and hear.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use mqtt_proto::{
    Connect, Dialect, Encode, FixedHeader, Packet, PacketId, PacketType, Properties, Property,
    Publish, QoS, ReasonCode, Role, Subscription, SubscriptionOptions, Version,
};

use crate::normal::{self, Ids};
use crate::packets;
use crate::side::Side;

/// How long an answer may take; both brokers give one, or end the connection.
const PATIENCE: Duration = Duration::from_secs(20);

/// A packet that asks whether everything before it was read and answered.
const PINGREQ: [u8; 2] = [0xC0, 0];

/// One conversation while it runs on one broker.
///
/// After each step all clients ask for a PINGRESP, the one that spoke first: both brokers answer
/// the packets of a connection in order, so nothing is under way any more, and no step depends on
/// how fast a broker is. Each connection has a trace of its own: which of two connections is served
/// first is nobody's business.
pub(crate) struct Talk {
    pub(crate) version: Version,
    side: Side,
    clients: Vec<Client>,
    /// The Packet Identifiers the broker gave, by client.
    ids: BTreeMap<&'static str, Ids>,
}

/// Names a connection of a conversation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(usize);

struct Client {
    /// Its Client Identifier.
    name: &'static str,
    /// The same; with a number from its second connection on.
    label: String,
    lines: Vec<String>,
    socket: TcpStream,
    input: Vec<u8>,
    phase: Phase,
    /// PINGREQs of the conversation without their PINGRESPs, and all of them.
    own_pings: u32,
    pings: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// No CONNACK has accepted it.
    Opened,
    Connected,
    Ended,
}

/// Making one, and what became of it.
impl Talk {
    pub(crate) fn new(side: Side, version: Version) -> Talk {
        Talk { version, side, clients: Vec::new(), ids: BTreeMap::new() }
    }

    /// The traces of the connections, in the order these were opened.
    pub(crate) fn into_traces(self) -> Vec<Vec<String>> {
        self.clients.into_iter().map(|client| client.lines).collect()
    }
}

/// Connections come and go.
impl Talk {
    /// A transport alone.
    pub(crate) fn open(&mut self, name: &'static str) -> Peer {
        let socket = TcpStream::connect(self.side.address()).expect("the broker listens");
        socket.set_nodelay(true).unwrap();
        let label = match self.clients.iter().filter(|client| client.name == name).count() {
            0 => name.to_owned(),
            others => format!("{name}{}", others + 1),
        };
        let (lines, input, phase) = (Vec::new(), Vec::new(), Phase::Opened);
        let (own_pings, pings) = (0, 0);
        let client = Client { name, label, lines, socket, input, phase, own_pings, pings };
        self.clients.push(client);
        Peer(self.clients.len() - 1)
    }

    /// Connects with this, in the version of the conversation.
    pub(crate) fn connect(&mut self, name: &'static str, connect: &Connect<'_>) -> Peer {
        let peer = self.open(name);
        self.send(peer, &Packet::Connect(Connect { version: self.version, ..*connect }));
        peer
    }

    /// Connects with a new session that ends with the connection.
    pub(crate) fn client(&mut self, name: &'static str) -> Peer {
        self.connect(name, &packets::connect(name))
    }

    /// Connects with the session there is, or a new one; it outlives the connection.
    pub(crate) fn resume(&mut self, name: &'static str) -> Peer {
        self.resume_with(name, &[])
    }

    /// Likewise, in 5.0 with more properties.
    pub(crate) fn resume_with(&mut self, name: &'static str, more: &[Property<'_>]) -> Peer {
        let mut properties = vec![Property::SessionExpiryInterval(100)];
        properties.extend(more);
        let properties = match self.version {
            Version::V5 => Properties::from_slice(&properties),
            Version::V3_1 | Version::V3_1_1 => Properties::EMPTY,
        };
        let connect = Connect { clean_start: false, properties, ..packets::connect(name) };
        self.connect(name, &connect)
    }

    /// The client goes without a word.
    pub(crate) fn cut(&mut self, peer: Peer) {
        self.say(peer, "goes");
        // It fails when the broker was faster.
        self.clients[peer.0].socket.shutdown(Shutdown::Write).ok();
        self.read_to_end(peer);
        self.settle(None);
    }

    /// The client says good-bye.
    pub(crate) fn leave(&mut self, peer: Peer) {
        self.send_last(peer, &packets::disconnect(ReasonCode::NormalDisconnection));
    }

    /// The broker is stopped and comes back with what it has stored.
    pub(crate) fn restart_broker(&mut self) {
        self.mark("the broker restarts");
        self.side.restart();
        for index in 0..self.clients.len() {
            self.read_to_end(Peer(index));
        }
    }
}

/// What clients say.
impl Talk {
    pub(crate) fn send(&mut self, peer: Peer, packet: &Packet<'_>) {
        let bytes = self.encode(packet);
        let line = self.line(peer, Role::Client, packet);
        self.send_bytes(peer, line, &bytes);
    }

    /// Sends bytes that are no packet, or none a client may send; `what` says what they are.
    pub(crate) fn send_bytes(&mut self, peer: Peer, what: impl Display, bytes: &[u8]) {
        self.say(peer, what);
        if bytes.first().is_some_and(|first| first >> 4 == PINGREQ[0] >> 4) {
            let client = &mut self.clients[peer.0];
            client.own_pings += 1;
            client.pings += 1;
        }
        self.write(peer, bytes);
        self.settle(Some(peer));
    }

    /// Sends several packets at once.
    pub(crate) fn send_all(&mut self, peer: Peer, packets: &[Packet<'_>]) {
        let mut bytes = Vec::new();
        for packet in packets {
            bytes.extend(self.encode(packet));
            let line = self.line(peer, Role::Client, packet);
            self.say(peer, line);
        }
        self.write(peer, &bytes);
        self.settle(Some(peer));
    }

    /// Sends a packet behind which the broker ends the connection.
    pub(crate) fn send_last(&mut self, peer: Peer, packet: &Packet<'_>) {
        let bytes = self.encode(packet);
        let line = self.line(peer, Role::Client, packet);
        self.say(peer, line);
        self.write(peer, &bytes);
        self.read_to_end(peer);
        self.settle(None);
    }

    /// Subscribes to one filter.
    pub(crate) fn subscribe(&mut self, peer: Peer, filter: &str, qos: QoS) {
        let options = SubscriptionOptions { qos, ..SubscriptionOptions::default() };
        self.send(peer, &packets::subscribe(1, &[Subscription { filter, options }]));
    }

    pub(crate) fn publish(&mut self, peer: Peer, publish: &Publish<'_>) {
        self.send(peer, &Packet::Publish(*publish));
    }

    /// The Packet Identifier of the message that came as the `nth`, from 1, of QoS 1/2; one that
    /// nobody uses when there was none.
    pub(crate) fn id(&self, peer: Peer, nth: usize) -> PacketId {
        let ids = self.ids.get(self.clients[peer.0].name);
        ids.and_then(|ids| ids.nth(nth)).unwrap_or(packets::id(u16::MAX))
    }

    /// Time passes, in which the clients are silent and what comes is not read.
    pub(crate) fn wait(&mut self, time: Duration) {
        self.mark(&format!("{} s pass", time.as_secs_f32()));
        thread::sleep(time);
        self.settle(None);
    }

    /// The client is silent until the broker ends the connection, but no longer than this.
    pub(crate) fn wait_for_end(&mut self, peer: Peer, time: Duration) {
        self.say(peer, "is silent");
        let deadline = Instant::now() + time;
        while self.clients[peer.0].phase != Phase::Ended && Instant::now() < deadline {
            self.read_packet(peer, deadline);
        }
        self.settle(None);
    }

    fn say(&mut self, peer: Peer, what: impl Display) {
        let client = &mut self.clients[peer.0];
        client.lines.push(format!("{} -> {what}", client.label));
    }

    /// Adds a line to all traces.
    fn mark(&mut self, what: &str) {
        self.clients.iter_mut().for_each(|client| client.lines.push(what.to_owned()));
    }

    fn encode(&self, packet: &Packet<'_>) -> Vec<u8> {
        let dialect = Dialect { version: self.version, sender: Role::Client, lenient: false };
        let measure = packet.measure(dialect).expect("the conversation is well written");
        let mut bytes = vec![0; measure.len];
        packet.write(dialect, &measure, &mut bytes).unwrap();
        bytes
    }

    fn write(&mut self, peer: Peer, bytes: &[u8]) {
        // It fails when the broker has ended the connection, which is read next.
        self.clients[peer.0].socket.write_all(bytes).ok();
    }

    fn line(&mut self, peer: Peer, sender: Role, packet: &Packet<'_>) -> String {
        let name = self.clients[peer.0].name;
        normal::line(packet, sender, self.ids.entry(name).or_default())
    }
}

/// What clients hear.
impl Talk {
    /// Reads all that is under way: what `first` hears, and then the others.
    fn settle(&mut self, first: Option<Peer>) {
        if let Some(peer) = first {
            self.drain(peer);
        }
        for index in 0..self.clients.len() {
            self.drain(Peer(index));
        }
    }

    fn drain(&mut self, peer: Peer) {
        let deadline = Instant::now() + PATIENCE;
        while self.clients[peer.0].phase == Phase::Opened {
            self.read_packet(peer, deadline);
            assert!(Instant::now() < deadline, "no answer: {}", self.trace(peer));
        }
        if self.clients[peer.0].phase == Phase::Ended {
            return;
        }
        self.clients[peer.0].pings += 1;
        self.write(peer, &PINGREQ);
        let deadline = Instant::now() + PATIENCE;
        while self.clients[peer.0].phase == Phase::Connected {
            match self.read_packet(peer, deadline) {
                Some(_) if self.clients[peer.0].pings == 0 => return,
                Some(_) => {}
                None => assert!(Instant::now() < deadline, "no PINGRESP: {}", self.trace(peer)),
            }
        }
    }

    fn read_to_end(&mut self, peer: Peer) {
        let deadline = Instant::now() + PATIENCE;
        while self.clients[peer.0].phase != Phase::Ended {
            self.read_packet(peer, deadline);
            assert!(Instant::now() < deadline, "no end: {}", self.trace(peer));
        }
    }

    /// Reads one packet; `None` when the connection ended, or the deadline passed.
    fn read_packet(&mut self, peer: Peer, deadline: Instant) -> Option<PacketType> {
        loop {
            if let Some(frame) = self.next_frame(peer) {
                return Some(self.hear(peer, &frame));
            }
            let left = deadline.saturating_duration_since(Instant::now());
            let client = &mut self.clients[peer.0];
            if left.is_zero() {
                return None;
            }
            client.socket.set_read_timeout(Some(left)).unwrap();
            let mut buffer = [0; 4096];
            match client.socket.read(&mut buffer) {
                Ok(read @ 1..) => client.input.extend_from_slice(&buffer[..read]),
                Err(error) if is_late(error.kind()) => return None,
                // However it ended: a reset says no more than an end.
                Ok(_) | Err(_) => {
                    client.phase = Phase::Ended;
                    client.lines.push(format!("{} <- end", client.label));
                    return None;
                }
            }
        }
    }

    /// The next packet, when it is whole.
    fn next_frame(&mut self, peer: Peer) -> Option<Vec<u8>> {
        let dialect = self.their_dialect();
        let input = &mut self.clients[peer.0].input;
        let header = FixedHeader::decode(input, dialect).expect("a broker sends packets")?;
        (input.len() >= header.packet_len()).then(|| input.drain(..header.packet_len()).collect())
    }

    fn hear(&mut self, peer: Peer, frame: &[u8]) -> PacketType {
        let dialect = self.their_dialect();
        let header = FixedHeader::decode(frame, dialect).unwrap().unwrap();
        let name = self.clients[peer.0].name;
        let line = match Packet::decode(header, &frame[usize::from(header.len)..], dialect) {
            Ok(Packet::PingResp) if !self.clients[peer.0].is_own_ping() => {
                return PacketType::PingResp;
            }
            Ok(packet) => {
                if let Packet::ConnAck(connack) = packet
                    && !connack.reason.is_error()
                {
                    self.clients[peer.0].phase = Phase::Connected;
                    if !connack.session_present {
                        self.ids.remove(name);
                    }
                }
                self.line(peer, Role::Server, &packet)
            }
            Err(error) => format!("malformed ({error}): {frame:02X?}"),
        };
        let client = &mut self.clients[peer.0];
        client.lines.push(format!("{} <- {line}", client.label));
        header.packet_type
    }

    fn trace(&self, peer: Peer) -> String {
        self.clients[peer.0].lines.join("\n")
    }

    /// A broker may say what this client would refuse: the comparison shows it.
    fn their_dialect(&self) -> Dialect {
        Dialect { version: self.version, sender: Role::Server, lenient: true }
    }
}

impl Client {
    /// A PINGRESP came: whether it answers a PINGREQ of the conversation. Those come first.
    fn is_own_ping(&mut self) -> bool {
        self.pings = self.pings.saturating_sub(1);
        let is_own = self.own_pings > 0;
        self.own_pings = self.own_pings.saturating_sub(1);
        is_own
    }
}

fn is_late(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}
