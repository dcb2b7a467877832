//! The real session as the client of the model broker: QoS 0, 1 and 2 both ways, with connections
//! cut behind every byte.

use std::num::NonZeroU16;

use mqtt_proto::{Connect as ConnectPacket, Packet, Properties, QoS, ReasonCode, Version};
use mqtt_session::{Config, Connect, Event, Heap, Inbound, Outcome, Payload, Session, Token};
use mqtt_testkit::Direction;
use mqtt_testkit::broker::{Message, Settings};

use super::packets::{QOS0, QOS1, QOS2, connect, publish};
use super::world::{Peer, World, decode};

/// Each way goes one message of every payload, QoS 1 and 2 in turns.
const MESSAGES: [(QoS, &str); 6] =
    [(QOS1, "a"), (QOS2, "b"), (QOS1, "c"), (QOS2, "d"), (QOS2, "e"), (QOS1, "f")];

/// Where the connection is cut: behind so many bytes of a direction.
#[derive(Clone, Copy, Debug)]
struct Cut {
    direction: Direction,
    behind: usize,
}

/// A session and its broker, connected.
struct Pair {
    world: World,
    version: Version,
    session: Session<Heap>,
    inbound: Inbound<Heap>,
    peer: Peer,
    /// Sees what arrives at the broker.
    watcher: Peer,
    cut: Option<Cut>,
    /// Bytes carried to the broker and to the client.
    carried: [usize; 2],
    seen: Seen,
}

/// What the application saw.
#[derive(Debug, Default)]
struct Seen {
    messages: Vec<(QoS, String)>,
    delivered: Vec<Token>,
    connections: usize,
    has_ended: bool,
}

impl Pair {
    fn new(version: Version, settings: &Settings, config: &Config, cut: Option<Cut>) -> Pair {
        let mut world = World::with(settings.clone());
        let watcher = connect("watcher");
        let (watcher, _) =
            world.try_connect(&ConnectPacket { version: Version::V3_1_1, ..watcher });
        world.subscribe(watcher, "to/broker", QOS0);
        let mut session = Session::new(Config { version, ..config.clone() });
        let (inbound, peer) = open(&mut world, &mut session, version);
        let (carried, seen) = ([0; 2], Seen::default());
        Pair { world, version, session, inbound, peer, watcher, cut, carried, seen }
    }

    /// The client subscribes and publishes; when it is subscribed the broker publishes, too.
    fn converse(&mut self) -> Vec<Token> {
        let now = self.world.now;
        let filters = [super::packets::filter("to/client", QOS2)];
        self.session.subscribe(now, &filters, &[]).unwrap();
        let mut tokens = Vec::new();
        for (qos, payload) in MESSAGES {
            let packet = publish(qos, 0, "to/broker");
            let token = self.session.publish(now, &packet, Payload::Copy(payload.as_bytes()));
            tokens.push(token.unwrap().unwrap());
        }
        self.run();
        tokens
    }

    /// Carries bytes until there are none.
    fn run(&mut self) {
        loop {
            let before = (self.carried, self.seen.connections);
            if self.carry_to_broker() || self.carry_to_client() {
                self.close();
            }
            self.poll();
            if self.seen.has_ended {
                (self.inbound, self.peer) = open(&mut self.world, &mut self.session, self.version);
                self.seen.has_ended = false;
            } else if before == (self.carried, self.seen.connections) {
                return;
            }
        }
    }

    /// Says whether the connection is cut.
    fn carry_to_broker(&mut self) -> bool {
        let now = self.world.now;
        let mut bytes = Vec::new();
        self.session.poll_transmit(now, &mut bytes).unwrap();
        self.session.handle_sent(now, bytes.len());
        let is_cut = self.shorten(&mut bytes, Direction::ToServer);
        self.world.send_bytes(self.peer, &bytes);
        is_cut
    }

    /// Likewise.
    fn carry_to_client(&mut self) -> bool {
        let mut bytes = self.world.transmitted(self.peer);
        let is_cut = self.shorten(&mut bytes, Direction::ToClient);
        let taken = self.inbound.handle_input(self.world.now, &bytes);
        assert_eq!(taken, bytes.len());
        let is_closing = self.world.broker.is_closing(self.peer.id);
        assert!(!is_closing, "{:#?}", self.world.broker.log().last());
        is_cut
    }

    /// Takes away what is behind the cut, and says whether it is there.
    fn shorten(&mut self, bytes: &mut Vec<u8>, direction: Direction) -> bool {
        let carried = &mut self.carried[direction as usize];
        let left = match self.cut {
            Some(cut) if cut.direction == direction => cut.behind - *carried,
            _ => usize::MAX,
        };
        let is_cut = bytes.len() > left;
        bytes.truncate(left);
        *carried += bytes.len();
        is_cut
    }

    fn close(&mut self) {
        self.cut = None;
        self.world.cut(self.peer);
        self.session.handle_closed(self.world.now);
    }

    fn poll(&mut self) {
        let now = self.world.now;
        while let Some(event) = self.session.poll_event(now, &mut self.inbound) {
            let mut delivery = None;
            match event {
                Event::Message(message) => {
                    let payload = String::from_utf8(message.publish.payload.to_vec()).unwrap();
                    self.seen.messages.push((message.publish.qos, payload));
                    delivery = message.delivery;
                }
                Event::Published { token, outcome: Outcome::Delivered(_) } => {
                    self.seen.delivered.push(token);
                }
                Event::Subscribed { .. } => {
                    for (qos, payload) in MESSAGES {
                        let message =
                            Message { qos, ..Message::new("to/client", payload.as_bytes()) };
                        self.world.broker.publish(now, message);
                    }
                }
                Event::Connected(_) => self.seen.connections += 1,
                Event::Writable => {}
                Event::Closed(_) => self.seen.has_ended = true,
                other => panic!("{other:?}"),
            }
            if let Some(delivery) = delivery {
                self.session.ack(delivery, ReasonCode::Success);
            }
        }
    }

    /// What the broker took, from a watcher's view.
    fn taken(&mut self) -> Vec<String> {
        let bytes = self.world.transmitted(self.watcher);
        let packets = decode(&bytes, Version::V3_1_1);
        let payload = |packet: &Packet<'_>| match packet {
            Packet::Publish(publish) => String::from_utf8(publish.payload.to_vec()).unwrap(),
            other => panic!("{other:?}"),
        };
        packets.iter().map(payload).collect()
    }

    /// Nothing is left over at either end.
    fn assert_done(&self) {
        assert_eq!(
            (self.session.in_flight(), self.session.pending(), self.session.held()),
            (0, 0, 0)
        );
        let session = self.world.broker.session("client").unwrap();
        assert_eq!((session.in_flight, session.queued, session.unreleased), (0, 0, 0));
        assert_eq!(session.filters, ["to/client"]);
    }
}

fn open(world: &mut World, session: &mut Session<Heap>, version: Version) -> (Inbound<Heap>, Peer) {
    let connect = Connect { version, clean_start: false, ..Connect::new("client") };
    (session.open(world.now, &connect).unwrap(), world.open(version))
}

/// QoS 2 came exactly once, QoS 1 once or, behind a cut, again; the first copies are in order.
#[track_caller]
fn assert_complete(seen: &[String], is_cut: bool) {
    let mut firsts: Vec<&str> = Vec::new();
    for payload in seen {
        if firsts.contains(&payload.as_str()) {
            let again = MESSAGES.iter().find(|(_, message)| message == payload);
            assert!(is_cut && again.is_some_and(|(qos, _)| *qos == QOS1), "{seen:?}");
        } else {
            firsts.push(payload);
        }
    }
    for qos in [QOS1, QOS2] {
        let of = |payloads: &mut dyn Iterator<Item = &'static str>| payloads.collect::<Vec<_>>();
        let sent = of(&mut MESSAGES.iter().filter(|message| message.0 == qos).map(|it| it.1));
        let seen: Vec<&str> =
            firsts.iter().copied().filter(|payload| sent.contains(payload)).collect();
        assert_eq!(seen, sent);
    }
}

/// Runs the conversation with this cut; gives the bytes that were carried.
fn run(version: Version, settings: &Settings, config: &Config, cut: Option<Cut>) -> [usize; 2] {
    let mut pair = Pair::new(version, settings, config, cut);
    let mut tokens = pair.converse();
    tokens.sort_by_key(|token| token.index());
    pair.seen.delivered.sort_by_key(|token| token.index());
    assert_eq!(pair.seen.delivered, tokens, "{cut:?}");
    let payloads: Vec<String> =
        pair.seen.messages.iter().map(|(_, payload)| payload.clone()).collect();
    assert_complete(&payloads, cut.is_some());
    assert_complete(&pair.taken(), cut.is_some());
    pair.assert_done();
    assert_eq!(pair.cut.map(|cut| cut.behind), None, "the cut never came");
    pair.carried
}

/// Cuts the conversation behind every byte of both directions.
fn cut_everywhere(version: Version, settings: &Settings, config: &Config) {
    let carried = run(version, settings, config, None);
    for direction in Direction::BOTH {
        for behind in 0..carried[direction as usize] {
            run(version, settings, config, Some(Cut { direction, behind }));
        }
    }
}

#[test]
fn no_byte_is_a_bad_place_to_cut_in_5_0() {
    cut_everywhere(Version::V5, &Settings::default(), &Config::new(1));
}

#[test]
fn no_byte_is_a_bad_place_to_cut_in_3_1_1() {
    cut_everywhere(Version::V3_1_1, &Settings::default(), &Config::new(1));
}

#[test]
fn no_byte_is_a_bad_place_to_cut_with_one_message_at_a_time() {
    let one = NonZeroU16::MIN;
    let settings = Settings { receive_maximum: one, ..Settings::default() };
    // Strict, so that the session counts a repeated PUBREL as an unfinished message, and so must the
    // broker.
    let config = Config { receive_maximum: one, strict: true, ..Config::new(1) };
    cut_everywhere(Version::V5, &settings, &config);
}

#[test]
fn no_byte_is_a_bad_place_to_cut_with_aliases() {
    let config = Config { topic_alias_maximum: 5, outbound_aliases: true, ..Config::new(1) };
    cut_everywhere(Version::V5, &Settings::default(), &config);
}

#[test]
fn qos_0_goes_both_ways() {
    let mut pair = Pair::new(Version::V5, &Settings::default(), &Config::new(1), None);
    pair.run();
    let now = pair.world.now;
    let packet = publish(QOS0, 0, "to/broker");
    pair.session.publish(now, &packet, Payload::Copy(b"x")).unwrap();
    pair.session.subscribe(now, &[super::packets::filter("#", QOS0)], &[]).unwrap();
    pair.run();
    assert_eq!(pair.taken(), ["x"]);
    assert_eq!(pair.seen.messages.len(), MESSAGES.len());
    assert!(pair.seen.messages.iter().all(|(qos, _)| *qos == QOS0));
}

#[test]
fn a_lost_session_is_noticed_and_its_subscriptions_are_made_again() {
    let mut pair = Pair::new(Version::V5, &Settings::default(), &Config::new(1), None);
    pair.converse();
    pair.world.broker.lose_session(pair.world.now, "client");
    pair.close();
    pair.poll();
    (pair.inbound, pair.peer) = open(&mut pair.world, &mut pair.session, Version::V5);
    pair.seen = Seen::default();
    pair.run();
    assert_eq!(pair.seen.connections, 1);
    pair.assert_done();
}

#[test]
fn a_will_reaches_nobody_when_the_session_disconnects() {
    let mut pair = Pair::new(Version::V5, &Settings::default(), &Config::new(1), None);
    pair.run();
    let properties = Properties::EMPTY;
    let will = mqtt_proto::Will {
        qos: QOS0,
        retain: false,
        properties,
        topic: "to/broker",
        payload: b"w",
    };
    pair.close();
    pair.poll();
    let now = pair.world.now;
    let connect = Connect { will: Some(will), ..Connect::new("client") };
    pair.inbound = pair.session.open(now, &connect).unwrap();
    pair.peer = pair.world.open(Version::V5);
    pair.seen.has_ended = false;
    pair.run();
    pair.session.disconnect(now, ReasonCode::NormalDisconnection, &[]).unwrap();
    pair.carry_to_broker();
    assert!(pair.world.broker.is_closing(pair.peer.id));
    pair.close();
    assert_eq!(pair.taken(), [""; 0]);
}
