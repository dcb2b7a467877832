//! What always holds.

use std::collections::BTreeSet;
use std::time::Duration;

use mqtt_session::proto::{
    Auth, ConnAck, Packet, PacketId, Properties, Property, QoS, ReasonCode, Role, Version,
};
use mqtt_session::{Config, Connect, Delivery, Inbound, Memory, Output, Session, Time, Token};
use proptest::prelude::*;

use crate::packets::*;
use crate::pair::{Pair, Seen, TestMemory};
use crate::store::Store;

/// What the application does.
#[derive(Clone, Debug)]
enum Command {
    Publish(QoS),
    Subscribe,
    Unsubscribe,
    /// Acknowledges the oldest message not acknowledged.
    Ack,
    /// Gives it up.
    Abandon,
    /// Time passes.
    Pass(u64),
}

/// Commands, then packets of the broker, then perhaps another connection.
#[derive(Clone, Debug)]
struct Round {
    commands: Vec<Command>,
    /// Messages the broker sends, and how many of its answers.
    messages: Vec<QoS>,
    answers: usize,
    /// Unknown PUBRELs and PUBRECs among them.
    strays: u16,
    reconnect: Option<bool>,
}

fn qos() -> impl Strategy<Value = QoS> {
    prop_oneof![Just(QOS0), Just(QOS1), Just(QOS2)]
}

fn rounds() -> impl Strategy<Value = Vec<Round>> {
    let command = prop_oneof![
        4 => qos().prop_map(Command::Publish),
        1 => Just(Command::Subscribe),
        1 => Just(Command::Unsubscribe),
        3 => Just(Command::Ack),
        1 => Just(Command::Abandon),
        1 => (0..40u64).prop_map(Command::Pass),
    ];
    let round = (
        prop::collection::vec(command, 0..6),
        prop::collection::vec(qos(), 0..3),
        0..8usize,
        0..3u16,
        prop_oneof![6 => Just(None), 1 => any::<bool>().prop_map(Some)],
    )
        .prop_map(|(commands, messages, answers, strays, reconnect)| Round {
            commands,
            messages,
            answers,
            strays,
            reconnect,
        });
    prop::collection::vec(round, 1..8)
}

/// How a run is drained between two rounds: where the input is split, and what is polled there.
#[derive(Clone, Debug)]
enum Drain {
    Event,
    Transmit(usize),
    Store,
    Report,
}

fn drains() -> impl Strategy<Value = Vec<(usize, Drain)>> {
    let drain = prop_oneof![
        2 => Just(Drain::Event),
        2 => (20..64usize).prop_map(Drain::Transmit),
        1 => Just(Drain::Store),
        1 => Just(Drain::Report),
    ];
    prop::collection::vec((1..12usize, drain), 1..40)
}

/// A broker whose answers depend on nothing but what it got.
#[derive(Default)]
struct Broker {
    answers: Vec<Vec<u8>>,
    next_id: u16,
    open: Vec<u16>,
}

impl Broker {
    fn receive(&mut self, packet: &Packet<'_>) {
        let answer = match packet {
            Packet::Publish(publish) => match (publish.qos, publish.packet_id) {
                (QoS::AtLeastOnce, Some(id)) => puback(id.get()),
                (QoS::ExactlyOnce, Some(id)) => pubrec(id.get()),
                (_, _) => return,
            },
            Packet::PubRel(ack) if ack.0.reason.is_error() => return,
            Packet::PubRel(ack) => pubcomp(ack.0.packet_id.get()),
            Packet::PubRec(ack) => pubrel(ack.0.packet_id.get()),
            Packet::Subscribe(packet) => suback(packet.packet_id.get(), &[ReasonCode::GrantedQoS1]),
            Packet::Unsubscribe(packet) => unsuback(packet.packet_id.get(), &[ReasonCode::Success]),
            Packet::PingReq => Packet::PingResp,
            Packet::PubAck(ack) => {
                self.open.retain(|id| *id != ack.0.packet_id.get());
                return;
            }
            Packet::PubComp(ack) => {
                self.open.retain(|id| *id != ack.0.packet_id.get());
                return;
            }
            other => panic!("{other:?}"),
        };
        self.answers.push(encode(&answer, Version::V5, Role::Server));
    }

    /// The bytes of one round.
    fn speak(&mut self, round: &Round) -> Vec<u8> {
        let mut bytes = Vec::new();
        let answers = round.answers.min(self.answers.len());
        for answer in self.answers.drain(..answers) {
            bytes.extend(answer);
        }
        for qos in &round.messages {
            let mut id = 0;
            if *qos != QOS0 {
                if self.open.len() >= 4 {
                    continue;
                }
                while id == 0 || self.open.contains(&id) {
                    self.next_id = self.next_id % 1000 + 1;
                    id = self.next_id;
                }
                self.open.push(id);
            }
            let payload = format!("message {id}");
            bytes.extend(encode(&publish(*qos, id, &payload), Version::V5, Role::Server));
        }
        for stray in 0..round.strays {
            let stray = if stray == 0 { pubrel(5000) } else { pubrec(6000 + stray) };
            bytes.extend(encode(&stray, Version::V5, Role::Server));
        }
        bytes
    }
}

/// What a run shows to the outside.
#[derive(Debug, Default, PartialEq)]
struct Shown {
    events: Vec<String>,
    /// How often there was room again; when that is depends on what left before.
    writable: usize,
    /// The packets of each lane; acknowledgements of each kind are a lane of their own.
    lanes: [Vec<Vec<u8>>; 10],
}

fn lane(packet: &Packet<'_>) -> usize {
    match packet {
        Packet::Connect(_) | Packet::Disconnect(_) | Packet::Auth(_) => 0,
        Packet::PingReq => 1,
        Packet::PubAck(_) => 2,
        Packet::PubRec(_) => 3,
        Packet::PubComp(ack) if !ack.0.reason.is_error() => 4,
        Packet::PubRel(ack) if !ack.0.reason.is_error() => 5,
        // About identifiers that belong to nothing.
        Packet::PubComp(_) | Packet::PubRel(_) => 6,
        Packet::Publish(publish) if publish.qos != QOS0 => 7,
        // QoS 0 and requests pass publishes that wait.
        Packet::Publish(_) | Packet::Subscribe(_) | Packet::Unsubscribe(_) => 8,
        other => panic!("{other:?}"),
    }
}

/// PUBRELs that ask whether the broker is done with an identifier of an adopted session.
const PROBES: usize = 9;

/// One run of a script.
struct Run<M: TestMemory> {
    pair: Pair<M>,
    broker: Broker,
    store: Store,
    has_store: bool,
    /// The bytes the broker sent in each round.
    spoken: Vec<Vec<u8>>,
    shown: Shown,
    unacknowledged: Vec<Delivery>,
    /// Identifiers of QoS 2 messages that were not released.
    unreleased: BTreeSet<u16>,
    /// The operations accepted, in order.
    accepted: Vec<Token>,
    /// Every byte in order.
    sent: Vec<u8>,
    drains: Vec<(usize, Drain)>,
    drained: usize,
}

impl<M: TestMemory> Run<M> {
    /// Runs the script, perhaps in a session an earlier client began. With the bytes another run's broker spoke, the broker says the same;
    /// with drains, the input is split and drained as they say.
    fn new(
        rounds: &[Round],
        spoken: Option<&[Vec<u8>]>,
        drains: &[(usize, Drain)],
        has_store: bool,
        adopts: bool,
    ) -> Run<M> {
        let mut run = Run {
            // What leaves before a connection ends is a matter of when the store reports.
            pair: Pair::with(Config { response_timeout: None, store: has_store, ..Config::new(1) }),
            broker: Broker::default(),
            store: Store::default(),
            has_store,
            spoken: Vec::new(),
            shown: Shown::default(),
            unacknowledged: Vec::new(),
            unreleased: BTreeSet::new(),
            accepted: Vec::new(),
            sent: Vec::new(),
            drains: drains.to_vec(),
            drained: 0,
        };
        run.connect(adopts);
        for (n, round) in rounds.iter().enumerate() {
            for command in &round.commands {
                run.command(command);
            }
            run.take_time();
            let bytes = match spoken {
                Some(spoken) => spoken[n].clone(),
                None => run.broker.speak(round),
            };
            run.feed(&bytes);
            run.spoken.push(bytes);
            run.quiet();
            if let Some(session_present) = round.reconnect {
                run.pair.session.handle_closed(run.pair.now);
                run.quiet();
                run.connect(session_present);
            }
        }
        run
    }

    fn connect(&mut self, session_present: bool) {
        self.broker.answers.clear();
        if !session_present {
            self.broker.open.clear();
        }
        let window = [Property::ReceiveMaximum(3)];
        let connect = Connect { clean_start: false, ..self.pair.clean() };
        let sent = self.pair.open(&connect);
        self.sent.extend(sent);
        self.pair.send(&ConnAck { session_present, ..granting(&window) });
        self.quiet();
    }

    fn command(&mut self, command: &Command) {
        let pair = &mut self.pair;
        match *command {
            Command::Publish(qos) => {
                self.accepted.extend(pair.try_publish(qos, "out").ok().flatten());
            }
            Command::Subscribe => {
                self.accepted.extend(pair.session.subscribe(pair.now, &[filter("f")], &[]).ok());
            }
            Command::Unsubscribe => {
                self.accepted.extend(pair.session.unsubscribe(pair.now, &["f"], &[]).ok());
            }
            Command::Ack => {
                if !self.unacknowledged.is_empty() {
                    pair.ack(self.unacknowledged.remove(0));
                }
            }
            Command::Abandon => {
                if !self.unacknowledged.is_empty() {
                    pair.session.abandon(self.unacknowledged.remove(0));
                }
            }
            Command::Pass(seconds) => pair.pass(Duration::from_secs(seconds)),
        }
    }

    /// Time passed: acts on it as drivers do.
    fn take_time(&mut self) {
        let now = self.pair.now;
        if self.pair.session.poll_timeout().is_some_and(|(at, _)| at <= now) {
            self.pair.session.handle_timeout(now);
        }
        let next = self.pair.session.poll_timeout();
        assert!(next.is_none_or(|(at, _)| at > now), "{next:?} is not later than {now:?}");
    }

    /// Bytes arrive, split and drained as the script of drains says.
    fn feed(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let drain = self.drains.get(self.drained % self.drains.len().max(1)).cloned();
            self.drained += 1;
            let n = drain.as_ref().map_or(bytes.len(), |(n, _)| (*n).min(bytes.len()));
            self.pair.send_bytes(&bytes[..n]);
            bytes = &bytes[n..];
            match drain {
                None => {}
                Some((_, Drain::Event)) => drop(self.event()),
                Some((_, Drain::Transmit(room))) => self.transmit(room),
                Some((_, Drain::Store)) => drop(self.store.take(&mut self.pair)),
                Some((_, Drain::Report)) => {
                    if let Some(last) = self.store.log.last() {
                        self.pair.session.handle_stored(last.seq);
                    }
                }
            }
        }
    }

    fn event(&mut self) -> bool {
        let Some(mut event) = self.pair.poll() else { return false };
        if event == Seen::Writable {
            self.shown.writable += 1;
            return true;
        }
        // Which place an operation or a message gets in memory is nobody's business.
        let operation = match &mut event {
            Seen::Message { delivery, .. } => {
                self.unacknowledged.extend(delivery.take());
                None
            }
            Seen::Delivered(token, _)
            | Seen::Downgraded(token)
            | Seen::Rejected(token, _)
            | Seen::Failed(token, _)
            | Seen::Transmitted(token)
            | Seen::Indeterminate(token)
            | Seen::Subscribed(token, _)
            | Seen::Unsubscribed(token, _)
            | Seen::RequestFailed(token, _) => {
                let number = self.accepted.iter().rposition(|accepted| accepted == token);
                *token = self.accepted[0];
                number
            }
            Seen::Connected { .. }
            | Seen::Skipped { .. }
            | Seen::Refused(_)
            | Seen::Authenticate { .. }
            | Seen::Reauthenticated { .. }
            | Seen::SubscriptionLost(_)
            | Seen::Writable
            | Seen::Disconnect(_)
            | Seen::Closed(_) => None,
        };
        self.shown.events.push(format!("{operation:?} {event:?}"));
        true
    }

    fn transmit(&mut self, room: usize) {
        let mut out = Room { bytes: Vec::new(), room };
        self.pair.session.poll_transmit(self.pair.now, &mut out).unwrap();
        self.pair.session.handle_sent(self.pair.now, out.bytes.len());
        for packet in decode(&out.bytes, self.pair.version) {
            self.broker.receive(&packet);
            let bytes = encode(&packet, self.pair.version, Role::Client);
            let lane = self.lane(&packet);
            self.shown.lanes[lane].push(bytes);
        }
        self.sent.extend(out.bytes);
    }

    fn lane(&mut self, packet: &Packet<'_>) -> usize {
        match packet {
            Packet::Publish(publish) if publish.qos == QOS2 => {
                self.unreleased.extend(publish.packet_id.map(PacketId::get));
            }
            Packet::PubRel(ack)
                if !ack.0.reason.is_error() && !self.unreleased.remove(&ack.0.packet_id.get()) =>
            {
                return PROBES;
            }
            _ => {}
        }
        lane(packet)
    }

    /// Drains all until nothing happens any more.
    fn quiet(&mut self) {
        for _ in 0..100 {
            let before = (self.shown.events.len(), self.sent.len(), self.store.log.len());
            while self.event() {}
            if self.has_store {
                self.store.sync(&mut self.pair);
            }
            self.transmit(usize::MAX);
            if before == (self.shown.events.len(), self.sent.len(), self.store.log.len()) {
                return;
            }
        }
        panic!("it never gets quiet");
    }

    /// All that can be seen of the state, and what a resume makes of it.
    fn end(mut self) -> (Shown, String, Vec<u8>) {
        let session = &self.pair.session;
        let state = format!(
            "{session:?} {} {:?} {:?} {} {}",
            session.ignored_acks(),
            session.limits(),
            session.poll_timeout(),
            session.wants_transmit(),
            session.wants_input(),
        );
        let shown = std::mem::take(&mut self.shown);
        self.sent.clear();
        self.pair.session.handle_closed(self.pair.now);
        self.quiet();
        self.connect(true);
        (shown, state, self.sent)
    }
}

/// An output of limited room.
struct Room {
    bytes: Vec<u8>,
    room: usize,
}

impl<B: AsRef<[u8]>> Output<B> for Room {
    fn room(&self) -> usize {
        self.room - self.bytes.len()
    }

    fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    fn put(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }
}

fn draining_changes_nothing<M: TestMemory>(
    rounds: &[Round],
    drains: &[(usize, Drain)],
    (has_store, adopts): (bool, bool),
) -> Result<(), TestCaseError> {
    let plain = Run::<M>::new(rounds, None, &[], has_store, adopts);
    let spoken = plain.spoken.clone();
    let split = Run::<M>::new(rounds, Some(&spoken), drains, has_store, adopts);
    let (plain, split) = (plain.end(), split.end());
    prop_assert_eq!(plain.0, split.0);
    prop_assert_eq!(plain.1, split.1);
    prop_assert_eq!(plain.2, split.2);
    Ok(())
}

fn the_same_again<M: TestMemory>(
    rounds: &[Round],
    drains: &[(usize, Drain)],
    adopts: bool,
) -> Result<(), TestCaseError> {
    let run = || {
        let run = Run::<M>::new(rounds, None, drains, true, adopts);
        (run.sent, run.shown, run.store.log)
    };
    prop_assert_eq!(run(), run());
    Ok(())
}

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
        2 => qos().prop_map(Noise::Publish),
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
        maximum_packet_size: std::num::NonZeroU32::new(100),
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
                let payload = mqtt_session::Payload::Copy(b"x");
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
    #[test]
    fn splitting_and_draining_change_nothing(
        rounds in rounds(), drains in drains(), kind: (bool, bool),
    ) {
        draining_changes_nothing::<mqtt_session::Heap>(&rounds, &drains, kind)?;
    }

    #[cfg(feature = "fixed")]
    #[test]
    fn splitting_and_draining_change_nothing_in_fixed_memory(
        rounds in rounds(), drains in drains(), kind: (bool, bool),
    ) {
        draining_changes_nothing::<crate::pair::Small>(&rounds, &drains, kind)?;
    }

    #[test]
    fn the_same_seed_gives_the_same_bytes(
        rounds in rounds(), drains in drains(), adopts: bool,
    ) {
        the_same_again::<mqtt_session::Heap>(&rounds, &drains, adopts)?;
    }

    #[cfg(feature = "fixed")]
    #[test]
    fn the_same_seed_gives_the_same_bytes_in_fixed_memory(
        rounds in rounds(), drains in drains(), adopts: bool,
    ) {
        the_same_again::<crate::pair::Small>(&rounds, &drains, adopts)?;
    }

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
