//! What always holds, however the input is split and the output drained.

mod script;

use std::collections::BTreeSet;
use std::time::Duration;

use mqtt_session::proto::{ConnAck, Packet, PacketId, Property, Role};
use mqtt_session::{Config, Connect, Delivery, Output, Token};
use proptest::prelude::*;

use crate::packets::*;
use crate::pair::{Pair, Seen, TestMemory};
use crate::store::Store;
use script::{Broker, Command, Drain, Round, drains, rounds};

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
    /// Runs the script, perhaps in a session an earlier client began. With the bytes another run's
    /// broker spoke, the broker says the same; with drains, the input is split and drained as they
    /// say.
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
}
