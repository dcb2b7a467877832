//! Sessions an earlier client began (section 3.1.2.4).

use std::collections::{BTreeSet, VecDeque};

use mqtt_session::proto::{Packet, QoS, ReasonCode, Role, Version};
use mqtt_session::{CloseReason, Closing, Config, Connect, Session, ViolationKind};
use proptest::prelude::*;

use crate::packets::*;
use crate::pair::{Pair, Seen, TestMemory};
use crate::store::Store;

/// The identifier asked about first.
const FIRST: u16 = u16::MAX;

impl<M: TestMemory> Pair<M> {
    /// One whose broker has a session it knows nothing of.
    fn adopting() -> Pair<M> {
        Pair::adopting_with(Config::new(1))
    }

    fn adopting_with(config: Config) -> Pair<M> {
        let mut pair = Pair::with(config);
        pair.resume(true);
        pair
    }

    /// The broker is asked about these, and lets go of them.
    #[track_caller]
    fn probe(&mut self, ids: &[u16]) {
        self.expect(&ids.iter().map(|id| pubrel(*id)).collect::<Vec<_>>());
        for id in ids {
            self.send(&pubcomp_with(*id, ReasonCode::PacketIdentifierNotFound));
        }
        self.expect_events(&[]);
    }

    /// The broker takes a QoS 2 message with this identifier.
    #[track_caller]
    fn complete(&mut self, id: u16) {
        self.exchange(&pubrec(id), &[pubrel(id)]);
        self.send(&pubcomp(id));
        assert!(matches!(self.events()[..], [Seen::Delivered(..)]));
    }
}

/// Promises: CON-3
fn an_identifier_is_released_before_its_first_use<M: TestMemory>() {
    for mut pair in [
        Pair::<M>::adopting(),
        Pair::adopting_with(Config { version: Version::V3_1_1, ..Config::new(1) }),
    ] {
        pair.expect(&[]);
        pair.publish(QOS2, "a");
        pair.expect(&[pubrel(FIRST)]);
        pair.expect(&[]);
        assert!(!pair.session.wants_transmit());
        pair.send(&pubcomp(FIRST));
        pair.expect_events(&[]);
        pair.expect(&[publish(QOS2, FIRST, "a")]);
        pair.complete(FIRST);
        // From then on it is known what became of it.
        pair.publish(QOS2, "b");
        pair.expect(&[publish(QOS2, FIRST, "b")]);
        assert_eq!(pair.session.ignored_acks(), 0);
    }
}

/// QoS 0, QoS 1 and requests ask nothing; publishes keep their order all the same.
///
/// Promises: CON-3, SEND-4
/// Enforces: MQTT-4.6.0-1
fn publishes_keep_their_order<M: TestMemory>() {
    let mut pair = Pair::<M>::adopting();
    pair.publish(QOS1, "a");
    pair.expect(&[publish(QOS1, 1, "a")]);
    pair.publish(QOS2, "b");
    pair.publish(QOS1, "c");
    pair.publish(QOS2, "d");
    pair.try_publish(QOS0, "e").unwrap();
    pair.subscribe("f");
    pair.expect(&[
        pubrel(FIRST),
        pubrel(FIRST - 1),
        pubrel(FIRST - 2),
        publish(QOS0, 0, "e"),
        subscribe(2, &[filter("f")]),
    ]);
    // An answer that comes early waits for those before it.
    pair.exchange(&pubcomp(FIRST - 1), &[]);
    pair.exchange(
        &pubcomp(FIRST),
        &[publish(QOS2, FIRST, "b"), publish(QOS1, 3, "c"), publish(QOS2, FIRST - 1, "d")],
    );
    pair.exchange(&pubcomp(FIRST - 2), &[]);
    pair.exchange(&pubcomp(FIRST - 3), &[]);
    assert_eq!(pair.session.ignored_acks(), 1);
}

/// Promises: CON-3
fn what_was_not_answered_is_asked_again<M: TestMemory>() {
    let mut pair = Pair::<M>::adopting();
    let [a, b] = [pair.publish(QOS2, "a"), pair.publish(QOS2, "b")];
    pair.expect(&[pubrel(FIRST), pubrel(FIRST - 1)]);
    pair.exchange(&pubcomp(FIRST), &[publish(QOS2, FIRST, "a")]);
    pair.cut();
    pair.resume(true);
    pair.expect(&[pubrel(FIRST - 1), publish_again(QOS2, FIRST, "a")]);
    pair.send(&pubcomp(FIRST - 1));
    pair.expect_events(&[]);
    pair.expect(&[publish(QOS2, FIRST - 1, "b")]);
    for (id, token) in [(FIRST, a), (FIRST - 1, b)] {
        pair.exchange(&pubrec(id), &[pubrel(id)]);
        pair.send(&pubcomp(id));
        pair.expect_delivered(token);
    }
    // A clean identifier stays clean.
    pair.cut();
    pair.resume(true);
    pair.publish(QOS2, "c");
    pair.expect(&[publish(QOS2, FIRST, "c")]);
}

/// Promises: CON-3, RES-2
fn it_ends_with_the_session<M: TestMemory>() {
    let mut pair = Pair::<M>::adopting();
    pair.publish(QOS2, "a");
    pair.expect(&[pubrel(FIRST)]);
    pair.cut();
    pair.resume(false);
    pair.expect(&[publish(QOS2, 1, "a")]);
    pair.complete(1);
    pair.cut();
    pair.resume(true);
    pair.publish(QOS2, "b");
    pair.expect(&[publish(QOS2, 2, "b")]);
}

/// Promises: CON-3
/// Enforces: MQTT-3.2.2-4
fn strict_session_closes_instead<M: TestMemory>() {
    let config = Config { strict_session: true, ..Config::new(1) };
    let mut pair = Pair::<M>::with(config.clone());
    pair.open(&Connect { clean_start: false, ..pair.clean() });
    pair.exchange(&Packet::ConnAck(connack(true)), &[disconnect(ReasonCode::ProtocolError)]);
    assert_eq!(pair.session.closing(), Closing::AfterFlush);
    let violation = CloseReason::Violation(ViolationKind::SessionPresent);
    assert_eq!(pair.close(), [Seen::Closed(violation)]);
    // Not when there is state of it.
    pair.resume(false);
    pair.cut();
    pair.resume(true);
    pair.publish(QOS2, "a");
    pair.expect(&[publish(QOS2, 1, "a")]);
    // And a restart with a store is no new client.
    let mut store = Store::default();
    let config = Config { store: true, ..config };
    let mut pair = Pair::<M>::with(config.clone());
    pair.connect();
    store.sync(&mut pair);
    let mut pair = store.restore::<M>(config).unwrap();
    pair.resume(true);
}

/// Promises: CON-3, STO-2
fn a_restart_does_not_make_it_known<M: TestMemory>() {
    let config = Config { store: true, ..Config::new(1) };
    let mut store = Store::default();
    let mut pair = Pair::<M>::adopting_with(config.clone());
    pair.publish(QOS2, "a");
    store.sync(&mut pair);
    pair.probe(&[FIRST]);
    store.sync(&mut pair);
    pair.expect(&[publish(QOS2, FIRST, "a")]);
    pair.exchange(&pubrec(FIRST), &[]);
    store.sync(&mut pair);
    pair.expect(&[pubrel(FIRST)]);
    pair.send(&pubcomp(FIRST));
    assert_eq!(pair.events().len(), 1);
    store.sync(&mut pair);
    let mut store = store.crash(store.log.len());
    let mut pair = store.restore::<M>(config.clone()).unwrap();
    pair.resume(true);
    pair.publish(QOS2, "b");
    store.sync(&mut pair);
    pair.probe(&[FIRST]);
    // With the session that ends, in the store as well.
    pair.cut();
    pair.resume(false);
    store.sync(&mut pair);
    let mut store = store.crash(store.log.len());
    let mut pair = store.restore::<M>(config).unwrap();
    pair.resume(true);
    pair.publish(QOS2, "c");
    store.sync(&mut pair);
    assert!(!decode(&pair.transmitted(), pair.version).contains(&pubrel(FIRST)));
}

/// The question goes ahead of the record, the message waits for it.
///
/// Promises: CON-3, STO-1
fn the_message_waits_for_its_records<M: TestMemory>() {
    let mut store = Store::default();
    let mut pair = Pair::<M>::adopting_with(Config { store: true, ..Config::new(1) });
    pair.publish(QOS2, "a");
    pair.probe(&[FIRST]);
    pair.expect(&[]);
    store.sync(&mut pair);
    pair.expect(&[publish(QOS2, FIRST, "a")]);
}

/// What the broker keeps for another ClientID is another session.
///
/// Promises: CON-3, RES-2
/// Enforces: MQTT-3.1.3-2
fn another_client_identifier_has_another_session<M: TestMemory>() {
    let mut pair = Pair::<M>::connected();
    let token = pair.publish(QOS2, "a");
    pair.expect(&[publish(QOS2, 1, "a")]);
    pair.cut();
    let other = Connect { clean_start: false, ..Connect::new("other") };
    pair.connect_with(&other, &connack(true));
    pair.expect_events(&[Seen::Indeterminate(token)]);
    pair.publish(QOS2, "b");
    pair.probe(&[FIRST]);
    pair.expect(&[publish(QOS2, FIRST, "b")]);
}

/// What got its identifier in the session of another ClientID gets one of this session, and no crash
/// brings the old one back.
///
/// Promises: CON-3, STO-2
fn no_identifier_is_taken_into_another_session<M: TestMemory>() {
    let config = Config { store: true, ..Config::new(1) };
    let mut store = Store::default();
    let mut pair = Pair::<M>::with(config.clone());
    pair.connect();
    pair.publish(QOS2, "a");
    store.take(&mut pair);
    pair.cut();
    let other = Connect { clean_start: false, ..Connect::new("other") };
    pair.connect_with(&other, &connack(true));
    let adopted = store.log.len();
    store.sync(&mut pair);
    pair.probe(&[FIRST]);
    store.sync(&mut pair);
    pair.expect(&[publish(QOS2, FIRST, "a")]);
    for records in adopted..=store.log.len() {
        let mut store = store.crash(records);
        for _ in 0..2 {
            let mut pair = store.restore::<M>(config.clone()).unwrap();
            pair.connect_with(&other, &connack(true));
            pair.events();
            pair.publish(QOS1, "b");
            store.sync(&mut pair);
            let sent = pair.transmitted();
            let packets = decode(&sent, pair.version);
            let is_old = |packet: &&Packet<'_>| {
                matches!(packet, Packet::Publish(publish)
                    if publish.qos == QOS2 && publish.packet_id.unwrap().get() != FIRST)
            };
            assert_eq!(packets.iter().find(is_old), None, "{records}: {packets:?}");
            store = store.crash(store.log.len());
        }
    }
}

/// Identifiers are asked about some at a time, and each once.
///
/// Promises: CON-3, SEND-4
#[test]
fn many_messages_wait_for_many_identifiers() {
    let mut pair = Pair::<mqtt_session::Heap>::adopting();
    for n in 0..100 {
        pair.publish(QOS2, &n.to_string());
    }
    let mut asked = Vec::new();
    let mut messages = Vec::new();
    for _ in 0..20 {
        let sent = pair.transmitted();
        for packet in decode(&sent, pair.version) {
            let answer = match packet {
                Packet::PubRel(ack) => {
                    asked.push(ack.0.packet_id.get());
                    pubcomp(ack.0.packet_id.get())
                }
                Packet::Publish(publish) => {
                    let id = publish.packet_id.unwrap().get();
                    assert!(asked.contains(&id));
                    messages.push(String::from_utf8(publish.payload.to_vec()).unwrap());
                    continue;
                }
                other => panic!("{other:?}"),
            };
            pair.send(&answer);
        }
        pair.events();
    }
    assert_eq!(messages, (0..100).map(|n| n.to_string()).collect::<Vec<_>>());
    assert_eq!(asked.len(), 100);
    asked.dedup();
    assert_eq!(asked.len(), 100);
    assert_eq!(pair.session.in_flight(), 100);
}

/// An identifier belongs to one flow, and to no flow while the broker is asked about it.
///
/// Promises: CON-3, SEND-8
#[test]
fn identifiers_in_use_are_not_asked_about() {
    let mut pair = Pair::<mqtt_session::Heap>::adopting();
    let once = |pair: &mut Pair<mqtt_session::Heap>, id| {
        pair.publish(QOS1, "");
        pair.expect(&[publish(QOS1, id, "")]);
        pair.send(&puback(id));
        assert_eq!(pair.events().len(), 1);
    };
    (1..FIRST).for_each(|id| once(&mut pair, id));
    pair.publish(QOS1, "");
    pair.expect(&[publish(QOS1, FIRST, "")]);
    pair.publish(QOS2, "a");
    pair.expect(&[]);
    pair.send(&puback(FIRST));
    assert_eq!(pair.events().len(), 1);
    pair.expect(&[pubrel(FIRST)]);
    // While that is asked, the next round of identifiers goes past it.
    let subscribe_all = |pair: &mut Pair<mqtt_session::Heap>| {
        for _ in 1..FIRST {
            pair.subscribe("f");
            let sent = pair.transmitted();
            let Some(Packet::Subscribe(packet)) = decode(&sent, pair.version).pop() else {
                panic!("no SUBSCRIBE")
            };
            pair.send(&suback(packet.packet_id.get(), &[ReasonCode::GrantedQoS0]));
            assert_eq!(pair.events().len(), 1);
        }
    };
    subscribe_all(&mut pair);
    pair.subscribe("f");
    pair.expect(&[subscribe(1, &[filter("f")])]);
    pair.send(&pubcomp(FIRST));
    pair.expect_events(&[]);
    pair.expect(&[publish(QOS2, FIRST, "a")]);
}

/// A message that expires while it waits asks for nothing more.
///
/// Promises: CON-3, SEND-6
fn a_session_with_nothing_to_ask_is_quiet<M: TestMemory>() {
    let session = Session::<M>::new(Config::new(1));
    assert!(!session.wants_transmit());
    let mut pair = Pair::<M>::adopting();
    pair.publish(QOS1, "a");
    pair.expect(&[publish(QOS1, 1, "a")]);
    pair.exchange(&pubcomp(FIRST), &[]);
    assert_eq!(pair.session.ignored_acks(), 1);
}

/// What happens to a client that adopts.
#[derive(Clone, Debug)]
enum Step {
    Publish(QoS),
    /// So many packets reach the broker, and so many of its answers the client.
    Exchange(usize, usize),
    Cut,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let qos = prop_oneof![1 => Just(QOS1), 3 => Just(QOS2)];
    let step = prop_oneof![
        6 => qos.prop_map(Step::Publish),
        4 => (0..8usize, 0..8usize).prop_map(|(to, from)| Step::Exchange(to, from)),
        1 => Just(Step::Cut),
    ];
    prop::collection::vec(step, 0..60)
}

/// Identifiers an earlier client left open, where this one begins to take its own.
fn left_open() -> impl Strategy<Value = BTreeSet<u16>> {
    prop::collection::btree_set(prop_oneof![1..20u16, FIRST - 20..=FIRST], 0..30)
}

/// A broker that takes a message with an identifier that is open for one it has already.
struct Broker {
    open: BTreeSet<u16>,
    messages: Vec<String>,
    /// Packets on their way to it, and its answers.
    wire: VecDeque<Vec<u8>>,
    answers: VecDeque<Vec<u8>>,
}

impl Broker {
    fn receive(&mut self, packet: &Packet<'_>, version: Version) {
        let answer = match packet {
            Packet::Publish(publish) => {
                let id = publish.packet_id.unwrap().get();
                let text = String::from_utf8(publish.payload.to_vec()).unwrap();
                if publish.qos == QOS1 {
                    puback(id)
                } else {
                    if self.open.insert(id) {
                        self.messages.push(text);
                    }
                    pubrec(id)
                }
            }
            Packet::PubRel(ack) => {
                let id = ack.0.packet_id.get();
                match self.open.remove(&id) {
                    true => pubcomp(id),
                    false => pubcomp_with(id, ReasonCode::PacketIdentifierNotFound),
                }
            }
            other => panic!("{other:?}"),
        };
        self.answers.push_back(encode(&answer, version, Role::Server));
    }

    fn exchange<M: TestMemory>(&mut self, pair: &mut Pair<M>, to: usize, from: usize) {
        let sent = pair.transmitted();
        let packets = decode(&sent, pair.version);
        self.wire.extend(packets.iter().map(|one| encode(one, pair.version, Role::Client)));
        for packet in self.wire.drain(..to.min(self.wire.len())).collect::<Vec<_>>() {
            self.receive(&decode(&packet, pair.version)[0], pair.version);
        }
        for answer in self.answers.drain(..from.min(self.answers.len())).collect::<Vec<_>>() {
            pair.send_bytes(&answer);
        }
        pair.events();
    }
}

/// Whatever the earlier client left open, QoS 2 messages arrive once and in order.
fn none_is_lost<M: TestMemory>(open: BTreeSet<u16>, steps: &[Step]) -> Result<(), TestCaseError> {
    let mut pair = Pair::<M>::adopting();
    let (wire, answers) = (VecDeque::new(), VecDeque::new());
    let mut broker = Broker { open, messages: Vec::new(), wire, answers };
    let mut accepted = Vec::new();
    for (n, step) in steps.iter().enumerate() {
        match step {
            Step::Publish(qos) => {
                let is_accepted = pair.try_publish(*qos, &n.to_string()).is_ok();
                if is_accepted && *qos == QOS2 {
                    accepted.push(n.to_string());
                }
            }
            Step::Exchange(to, from) => broker.exchange(&mut pair, *to, *from),
            Step::Cut => {
                pair.close();
                broker.wire.clear();
                broker.answers.clear();
                pair.open(&Connect { clean_start: false, ..pair.clean() });
                pair.send(&connack(true));
                pair.events();
            }
        }
    }
    for _ in 0..200 {
        broker.exchange(&mut pair, usize::MAX, usize::MAX);
    }
    prop_assert_eq!(broker.messages, accepted);
    prop_assert_eq!(pair.session.in_flight() + pair.session.pending(), 0);
    Ok(())
}

proptest! {
    /// Promises: CON-3, SEND-2
    #[test]
    fn what_was_left_open_swallows_nothing(
        open in left_open(), steps in steps(),
    ) {
        none_is_lost::<mqtt_session::Heap>(open, &steps)?;
    }

    /// Promises: CON-3, SEND-2
    #[cfg(feature = "fixed")]
    #[test]
    fn what_was_left_open_swallows_nothing_in_fixed_memory(
        open in left_open(), steps in steps(),
    ) {
        none_is_lost::<crate::pair::Small>(open, &steps)?;
    }
}

crate::on_both_memories! {
    an_identifier_is_released_before_its_first_use
    publishes_keep_their_order
    what_was_not_answered_is_asked_again
    it_ends_with_the_session
    strict_session_closes_instead
    a_restart_does_not_make_it_known
    the_message_waits_for_its_records
    another_client_identifier_has_another_session
    no_identifier_is_taken_into_another_session
    a_session_with_nothing_to_ask_is_quiet
}
