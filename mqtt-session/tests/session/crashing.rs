//! A session that crashes, its store, and a broker that keeps its half of the session.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use mqtt_session::proto::{ConnAck, Packet, Property, QoS, ReasonCode, Version};
use mqtt_session::{Config, Connect, Delivery, Failure, RecordKey};
use proptest::prelude::*;

use crate::packets::*;
use crate::pair::{Pair, Seen, TestMemory};
use crate::store::Store;

#[derive(Clone, Debug)]
enum Step {
    /// The application publishes, so many bytes.
    Publish(QoS, usize),
    /// The broker publishes.
    Send(QoS),
    /// What may leave arrives at the broker.
    Transmit,
    /// So many packets of the broker arrive.
    Receive(usize),
    /// The application acknowledges its oldest message.
    Ack,
    /// The store takes the records.
    Take,
    /// The store reports so many of those it took and did not report.
    Report(usize),
    /// All of that once, as far as it goes.
    Round,
    /// The connection breaks, with what is under way both ways.
    Cut(Next),
    /// The client crashes; of the records not reported so many are there nevertheless.
    Crash(usize, Next),
}

const ROUND: [Step; 5] =
    [Step::Transmit, Step::Receive(4), Step::Ack, Step::Take, Step::Report(100)];

/// How the broker takes the client up after that.
#[derive(Clone, Copy, Debug)]
enum Next {
    Resumes,
    /// It lost the session.
    Forgets,
    /// It grants QoS 1 at most.
    Limits,
}

fn step() -> impl Strategy<Value = Step> {
    let qos = || prop_oneof![1 => Just(QOS1), 2 => Just(QOS2)];
    let next =
        || prop_oneof![3 => Just(Next::Resumes), 1 => Just(Next::Forgets), 1 => Just(Next::Limits)];
    prop_oneof![
        4 => (qos(), 0..300usize).prop_map(|(qos, len)| Step::Publish(qos, len)),
        3 => qos().prop_map(Step::Send),
        6 => Just(Step::Transmit),
        6 => (1..4usize).prop_map(Step::Receive),
        4 => Just(Step::Ack),
        6 => Just(Step::Take),
        6 => (1..6usize).prop_map(Step::Report),
        4 => Just(Step::Round),
        1 => next().prop_map(Step::Cut),
        2 => (0..8usize, next()).prop_map(|(kept, next)| Step::Crash(kept, next)),
    ]
}

/// The broker's half of the session.
#[derive(Default)]
struct Broker {
    /// How often each message of the client was delivered to its subscribers.
    delivered: BTreeMap<String, usize>,
    /// QoS 2 messages of the client between PUBLISH and PUBREL.
    received: BTreeSet<u16>,
    /// Its own messages, in order: identifier, QoS, payload, and whether PUBREC came.
    own: Vec<(u16, QoS, String, bool)>,
    next_id: u16,
    /// How often it lost the session. Its identifiers are others then, so that tests can tell.
    losses: u16,
    next_payload: usize,
    /// Packets on their way to the client.
    outgoing: VecDeque<Vec<u8>>,
}

impl Broker {
    fn put(&mut self, packet: &Packet<'_>, version: Version) {
        let bytes = encode(packet, version, mqtt_session::proto::Role::Server);
        self.outgoing.push_back(bytes);
    }

    fn publish(&mut self, qos: QoS, version: Version) {
        if self.own.len() >= 4 {
            return;
        }
        let after = |id| id % 5 + 1;
        let base = self.losses * 5;
        self.next_id = after(self.next_id);
        while self.own.iter().any(|(id, ..)| *id == base + self.next_id) {
            self.next_id = after(self.next_id);
        }
        self.next_payload += 1;
        let payload = format!("in {}", self.next_payload);
        self.put(&publish(qos, base + self.next_id, &payload), version);
        self.own.push((base + self.next_id, qos, payload, false));
    }

    fn forget(&mut self) {
        self.losses += 1;
        self.received.clear();
        self.own.clear();
    }

    fn resume(&mut self, version: Version) {
        self.outgoing.clear();
        for (id, qos, payload, released) in self.own.clone() {
            match released {
                true => self.put(&pubrel(id), version),
                false => self.put(&publish_again(qos, id, &payload), version),
            }
        }
    }

    fn receive(&mut self, packet: &Packet<'_>, version: Version) -> Result<(), TestCaseError> {
        match packet {
            Packet::Publish(publish) => {
                let payload = String::from_utf8_lossy(publish.payload).into_owned();
                let id = publish.packet_id.unwrap().get();
                if publish.qos == QOS1 {
                    *self.delivered.entry(payload).or_default() += 1;
                    self.put(&puback(id), version);
                } else {
                    if self.received.insert(id) {
                        *self.delivered.entry(payload).or_default() += 1;
                    }
                    self.put(&pubrec(id), version);
                }
            }
            Packet::PubRel(ack) => {
                let id = ack.0.packet_id.get();
                let known = self.received.remove(&id);
                let code = match known || version != Version::V5 {
                    true => ReasonCode::Success,
                    false => ReasonCode::PacketIdentifierNotFound,
                };
                self.put(&pubcomp_with(id, code), version);
            }
            Packet::PubAck(ack) => {
                let id = ack.0.packet_id.get();
                let before = self.own.len();
                self.own.retain(|(own, qos, ..)| (*own, *qos) != (id, QOS1));
                prop_assert_eq!(self.own.len() + 1, before, "a PUBACK for nothing");
            }
            Packet::PubRec(ack) => {
                let id = ack.0.packet_id.get();
                let own = self.own.iter_mut().find(|(own, ..)| *own == id);
                let Some((_, QoS::ExactlyOnce, _, released)) = own else {
                    return Err(TestCaseError::fail("a PUBREC for nothing"));
                };
                *released = true;
                self.put(&pubrel(id), version);
            }
            Packet::PubComp(ack) => {
                let id = ack.0.packet_id.get();
                self.own.retain(|(own, _, _, released)| *own != id || !released);
            }
            other => return Err(TestCaseError::fail(format!("{other:?}"))),
        }
        Ok(())
    }
}

/// Client, store and broker, and what the application knows.
struct World<M: TestMemory> {
    config: Config,
    pair: Pair<M>,
    store: Store,
    /// Records of the log that were reported.
    reported: usize,
    broker: Broker,
    published: Vec<(String, QoS)>,
    /// Those whose records were reported: accepted for good.
    accepted: BTreeSet<String>,
    /// Those that may fail: QoS 2 when the session was lost or the broker took no more of it.
    may_fail: BTreeSet<String>,
    /// Those that may be published twice: QoS 2 when the session was lost, as a crash may come before
    /// that is recorded.
    may_double: BTreeSet<String>,
    /// How the broker answers the CONNECT, while the client did not take that in.
    answer: Option<Next>,
    /// Messages the application has and did not acknowledge.
    unacknowledged: VecDeque<(u16, String, Delivery)>,
    /// Messages of QoS 2 acknowledged whose records were not reported yet, by identifier.
    acknowledged: BTreeMap<u16, String>,
    /// Those that must not be delivered again.
    done: BTreeSet<String>,
}

impl<M: TestMemory> World<M> {
    fn new(version: Version) -> World<M> {
        let config = Config { store: true, version, ..Config::new(1) };
        let mut world = World {
            pair: Pair::with(config.clone()),
            config,
            store: Store::default(),
            reported: 0,
            broker: Broker::default(),
            published: Vec::new(),
            accepted: BTreeSet::new(),
            may_fail: BTreeSet::new(),
            may_double: BTreeSet::new(),
            answer: None,
            unacknowledged: VecDeque::new(),
            acknowledged: BTreeMap::new(),
            done: BTreeSet::new(),
        };
        let connect = Connect { clean_start: false, ..world.pair.clean() };
        world.pair.connect_with(&connect, &connack(false));
        world
    }

    fn step(&mut self, step: &Step) -> Result<(), TestCaseError> {
        match *step {
            Step::Publish(qos, len) => {
                let payload = format!("out {} {}", self.published.len(), "x".repeat(len));
                if self.pair.try_publish(qos, &payload).is_ok() {
                    self.published.push((payload, qos));
                    self.note_answer();
                }
            }
            Step::Send(qos) => self.broker.publish(qos, self.pair.version),
            Step::Transmit => {
                let sent = self.pair.transmitted();
                for packet in decode(&sent, self.pair.version) {
                    self.broker.receive(&packet, self.pair.version)?;
                }
            }
            Step::Receive(n) => {
                for _ in 0..n {
                    if let Some(packet) = self.broker.outgoing.pop_front() {
                        self.pair.send_bytes(&packet);
                    }
                    self.poll()?;
                }
            }
            Step::Ack => {
                if let Some((id, payload, delivery)) = self.unacknowledged.pop_front() {
                    self.pair.ack(delivery);
                    self.acknowledged.insert(id, payload);
                }
            }
            Step::Take => {
                self.store.take(&mut self.pair);
            }
            Step::Report(n) => self.report(n),
            Step::Round => {
                for step in &ROUND {
                    self.step(step)?;
                }
            }
            Step::Cut(next) => {
                self.pair.session.handle_closed(self.pair.now);
                while self.poll()? {}
                self.reconnect(next)?;
            }
            Step::Crash(kept, next) => {
                let kept = (self.reported + kept).min(self.store.log.len());
                self.store = self.store.crash(kept);
                self.reported = 0;
                self.pair = self.store.restore(self.config.clone()).unwrap();
                self.unacknowledged.clear();
                self.acknowledged.clear();
                self.reconnect(next)?;
            }
        }
        Ok(())
    }

    fn report(&mut self, n: usize) {
        let up_to = (self.reported + n).min(self.store.log.len());
        for record in &self.store.log[self.reported..up_to] {
            // The acknowledgement of a QoS 2 message is durable: it must not come again.
            if record.key.0[0] == 5 && record.value.is_some() {
                let id = u16::from_be_bytes([record.key.0[7], record.key.0[8]]);
                self.done.extend(self.acknowledged.remove(&id));
            }
            if let (3, Some(value)) = (record.key.0[0], &record.value) {
                let payload = value.windows(4).rposition(|bytes| bytes == b"out ").unwrap();
                self.accepted.insert(String::from_utf8_lossy(&value[payload..]).into_owned());
            }
        }
        self.reported = up_to;
        if let Some(last) = self.store.log[..up_to].last() {
            self.pair.session.handle_stored(last.seq);
        }
    }

    fn reconnect(&mut self, next: Next) -> Result<(), TestCaseError> {
        let connect = Connect { clean_start: false, ..self.pair.clean() };
        self.pair.open(&connect);
        let limits = [Property::MaximumQoS(QOS1)];
        // Before 5.0 there are no limits.
        let next = match next {
            Next::Limits if self.pair.version != Version::V5 => Next::Resumes,
            next => next,
        };
        self.answer = Some(next);
        self.note_answer();
        match next {
            Next::Resumes => self.pair.send(&connack(true)),
            Next::Forgets => {
                self.broker.forget();
                self.pair.send(&connack(false));
            }
            Next::Limits => {
                self.pair.send(&ConnAck { session_present: true, ..granting(&limits) });
            }
        }
        self.broker.resume(self.pair.version);
        while self.poll()? {}
        Ok(())
    }

    /// What the answer to the CONNECT may do to the messages published before it was taken in: a
    /// client without room for records leaves it unread.
    fn note_answer(&mut self) {
        let qos2 = self.published.iter().filter(|(_, qos)| *qos == QOS2);
        let qos2 = qos2.map(|(payload, _)| payload.clone());
        match self.answer {
            None | Some(Next::Resumes) => {}
            Some(Next::Forgets) => {
                self.may_fail.extend(qos2.clone());
                self.may_double.extend(qos2);
            }
            Some(Next::Limits) => self.may_fail.extend(qos2),
        }
    }

    /// Takes one event; `false` when there is none.
    fn poll(&mut self) -> Result<bool, TestCaseError> {
        let Some(event) = self.pair.poll() else { return Ok(false) };
        if let Seen::Connected { .. } = event {
            self.answer = None;
        }
        if let Seen::Message { qos, payload, delivery: Some(delivery), .. } = event {
            prop_assert!(!self.done.contains(&payload), "{payload} was delivered again");
            let own = self.broker.own.iter().find(|(_, _, own, _)| *own == payload);
            let id = own.filter(|_| qos == QOS2).map_or(0, |(id, ..)| *id);
            self.unacknowledged.push_back((id, payload, delivery));
        }
        Ok(true)
    }

    /// Lets everything run to its end, and checks what came of it.
    fn settle(mut self) -> Result<(), TestCaseError> {
        for _ in 0..200 {
            self.step(&Step::Round)?;
            let session = &self.pair.session;
            let open = session.in_flight() + session.pending() + self.held();
            let is_done = open + self.broker.own.len() + self.broker.outgoing.len() == 0;
            if is_done && !session.wants_transmit() {
                break;
            }
        }
        while self.poll()? || self.store.take(&mut self.pair) > 0 {}
        prop_assert_eq!((self.pair.session.in_flight(), self.pair.session.pending()), (0, 0));
        prop_assert_eq!((self.held(), self.broker.own.len()), (0, 0));
        for (payload, qos) in &self.published {
            let delivered = self.broker.delivered.get(payload).copied().unwrap_or(0);
            let is_due = self.accepted.contains(payload) && !self.may_fail.contains(payload);
            prop_assert!(delivered > 0 || !is_due, "{} was lost", payload);
            let may_double = *qos == QOS1 || self.may_double.contains(payload);
            prop_assert!(delivered < 2 || may_double, "{} was duplicated", payload);
        }
        // Nothing is left in the store but what the session is.
        let content = self.store.content(self.store.log.len());
        let is_due = |key: &RecordKey| key.0[0] == 0 || key.0[0] == 5 && self.broker.losses > 0;
        prop_assert!(content.keys().all(is_due), "{:?}", content);
        Ok(())
    }

    /// Messages of the broker that are not finished. One of a lost session may be remembered for
    /// ever if a crash came before its record was deleted.
    fn held(&self) -> usize {
        if self.broker.losses > 0 { 0 } else { self.pair.session.held() }
    }
}

/// A lost session leaves the identifiers of the store what they are: after any number of crashes no
/// two messages have the same.
///
/// Promises: STO-2, RES-2
fn no_loss_makes_a_store_unreadable<M: TestMemory>() {
    let mut pair = Pair::<M>::with(with_store());
    let mut store = Store::default();
    pair.connect();
    pair.publish(QOS1, "first");
    pair.publish(QOS1, "a");
    store.sync(&mut pair);
    pair.expect(&[publish(QOS1, 1, "first"), publish(QOS1, 2, "a")]);
    pair.send(&puback(1));
    pair.events();
    store.sync(&mut pair);

    // The identifier of the first is free again.
    store = store.crash(store.log.len());
    pair = store.restore(with_store()).unwrap();
    pair.resume(true);
    pair.publish(QOS1, "b");
    store.sync(&mut pair);
    pair.expect(&[publish_again(QOS1, 2, "a"), publish(QOS1, 1, "b")]);

    for _ in 0..3 {
        store = store.crash(store.log.len());
        pair = store.restore(with_store()).unwrap();
        pair.resume(false);
        store.sync(&mut pair);
        pair.expect(&[publish(QOS1, 2, "a"), publish(QOS1, 1, "b")]);
    }
    pair.send(&puback(2));
    pair.send(&puback(1));
    assert_eq!(pair.events().len(), 2);
}

/// Of two messages stored with one identifier none is lost.
///
/// Promises: STO-2
fn messages_with_one_identifier_are_both_restored<M: TestMemory>() {
    let mut pair = Pair::<M>::with(with_store());
    let mut store = Store::default();
    pair.connect();
    pair.publish(QOS1, "a");
    pair.publish(QOS1, "b");
    store.take(&mut pair);
    for record in store.log.iter_mut().filter(|record| record.key.0[0] == 3) {
        // Behind the format and the version.
        record.value.as_mut().unwrap()[2..4].copy_from_slice(&[0, 7]);
    }
    let mut pair = store.restore::<M>(with_store()).unwrap();
    pair.resume(true);
    store.sync(&mut pair);
    pair.expect(&[publish_again(QOS1, 7, "a"), publish(QOS1, 1, "b")]);
}

/// What no connection takes any more is not published again, wherever the crash comes once the broker
/// was told to let go of it.
///
/// Promises: STO-1, STO-2, CON-2
fn what_is_abandoned_is_not_published_again<M: TestMemory>() {
    let mut pair = Pair::<M>::with(with_store());
    let mut store = Store::default();
    pair.connect();
    // What is accepted without a connection has a record of its own for its identifier.
    pair.cut();
    let tokens = ["a", "b", "c"].map(|payload| {
        let token = pair.publish(QOS2, payload);
        store.sync(&mut pair);
        token
    });
    pair.resume(true);
    let sent = [publish(QOS2, 1, "a"), publish(QOS2, 2, "b"), publish(QOS2, 3, "c")];
    store.sync(&mut pair);
    pair.expect(&sent);
    pair.cut();

    let limits = [Property::MaximumQoS(QOS1)];
    let resume = Connect { clean_start: false, ..pair.clean() };
    pair.connect_with(&resume, &ConnAck { session_present: true, ..granting(&limits) });
    pair.expect(&[]);
    let mut released = 0;
    for _ in 0..9 {
        let before = store.log.len();
        store.take(&mut pair);
        for records in before..store.log.len() {
            pair.session.handle_stored(store.log[records].seq);
            let packets = pair.transmitted();
            released += decode(&packets, pair.version).len();
            assert_resumes_past::<M>(released, &store.crash(records + 1));
        }
    }
    assert_eq!(released, 3);
    for (id, token) in (1..).zip(tokens) {
        pair.send(&pubcomp(id));
        let failure = Failure::NotSupported(ReasonCode::QoSNotSupported);
        pair.expect_events(&[Seen::Failed(token, failure)]);
    }
    store.sync(&mut pair);
    assert!(store.content(store.log.len()).keys().all(|key| key.0[0] == 0), "{store:?}");
}

/// A session restored from this publishes none of the first so many messages.
fn assert_resumes_past<M: TestMemory>(released: usize, store: &Store) {
    let mut pair = store.restore::<M>(with_store()).unwrap();
    pair.resume(true);
    store.clone().sync(&mut pair);
    let sent = pair.transmitted();
    let packets = decode(&sent, pair.version);
    assert_eq!(packets.len(), 3, "{packets:?}");
    let is_pubrel = |packet: &Packet<'_>| matches!(packet, Packet::PubRel(_));
    assert!(packets[..released].iter().all(is_pubrel), "{packets:?}");
}

fn with_store() -> Config {
    Config { store: true, ..Config::new(1) }
}

crate::on_both_memories! {
    no_loss_makes_a_store_unreadable
    messages_with_one_identifier_are_both_restored
    what_is_abandoned_is_not_published_again
}

/// Promises: STO-2
fn run<M: TestMemory>(version: Version, steps: &[Step]) -> Result<(), TestCaseError> {
    let mut world = World::<M>::new(version);
    for step in steps {
        world.step(step)?;
    }
    world.settle()
}

proptest! {
    /// Promises: STO-2, RES-1, RECV-1
    #[test]
    fn no_crash_loses_or_duplicates(steps in prop::collection::vec(step(), 0..80)) {
        run::<mqtt_session::Heap>(Version::V5, &steps)?;
    }

    /// Promises: STO-2, RES-1, RECV-1
    #[test]
    fn nor_does_one_before_5_0(steps in prop::collection::vec(step(), 0..80)) {
        run::<mqtt_session::Heap>(Version::V3_1_1, &steps)?;
    }

    /// Promises: STO-2, RES-1, RECV-1
    #[cfg(feature = "fixed")]
    #[test]
    fn nor_does_one_with_fixed_memory(steps in prop::collection::vec(step(), 0..80)) {
        run::<crate::pair::Small>(Version::V5, &steps)?;
    }
}
