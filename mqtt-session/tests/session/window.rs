//! The window, identifiers, and queues that are full.

use std::collections::BTreeSet;
use std::num::NonZeroU16;

use mqtt_session::proto::{Packet, Property, QoS, ReasonCode};
use mqtt_session::{Config, PublishError};
use proptest::prelude::*;

use crate::packets::*;
use crate::pair::{Pair, Seen, TestMemory};

const OK: ReasonCode = ReasonCode::Success;

/// Promises: SEND-4
/// Enforces: MQTT-3.3.4-7, MQTT-4.9.0-2
fn a_window_of_one_sends_one_by_one_in_order<M: TestMemory>() {
    let mut pair = Pair::<M>::granted(&granting(&[Property::ReceiveMaximum(1)]));
    let tokens = [pair.publish(QOS1, "a"), pair.publish(QOS2, "b"), pair.publish(QOS1, "c")];
    assert_eq!(pair.session.pending(), 2);
    pair.expect(&[publish(QOS1, 1, "a")]);
    pair.send(&puback(1));
    pair.expect_delivered(tokens[0]);
    pair.expect(&[publish(QOS2, 2, "b")]);
    // PUBREC does not give the place back.
    pair.exchange(&pubrec(2), &[pubrel(2)]);
    pair.send(&pubcomp(2));
    pair.expect_delivered(tokens[1]);
    pair.expect(&[publish(QOS1, 3, "c")]);
}

/// Promises: SEND-4
/// Enforces: MQTT-3.3.4-7, MQTT-4.9.0-2
fn a_failing_pubrec_gives_its_place_back<M: TestMemory>() {
    let mut pair = Pair::<M>::granted(&granting(&[Property::ReceiveMaximum(1)]));
    let failing = pair.publish(QOS2, "a");
    pair.publish(QOS1, "b");
    pair.expect(&[publish(QOS2, 1, "a")]);
    pair.send(&pubrec_with(1, ReasonCode::QuotaExceeded));
    pair.expect_events(&[Seen::Rejected(failing, ReasonCode::QuotaExceeded)]);
    pair.expect(&[publish(QOS1, 2, "b")]);
}

/// Promises: SEND-4
/// Enforces: MQTT-3.3.4-8, MQTT-4.9.0-3
fn qos_0_and_requests_pass_a_publish_that_waits_for_the_window<M: TestMemory>() {
    let mut pair = Pair::<M>::granted(&granting(&[Property::ReceiveMaximum(1)]));
    pair.publish(QOS1, "a");
    pair.publish(QOS1, "waits");
    pair.try_publish(QOS0, "b").unwrap();
    pair.subscribe("f");
    pair.unsubscribe("g");
    pair.try_publish(QOS0, "c").unwrap();
    pair.expect(&[
        publish(QOS1, 1, "a"),
        publish(QOS0, 0, "b"),
        subscribe(2, &[filter("f")]),
        unsubscribe(3, &["g"]),
        publish(QOS0, 0, "c"),
    ]);
    // And what the broker sends is answered.
    pair.send(&publish(QOS1, 1, "in"));
    let delivery = pair.expect_delivery("in");
    pair.ack(delivery);
    pair.expect(&[puback(1)]);
}

/// Promises: SEND-4
fn max_in_flight_is_a_cap_of_ones_own<M: TestMemory>() {
    for (own, granted, window) in [(2, 5, 2), (5, 2, 2)] {
        let max_in_flight = NonZeroU16::new(own);
        let mut pair = Pair::<M>::with(Config { max_in_flight, ..Config::new(1) });
        assert_eq!(pair.session.send_quota(), 0);
        pair.connect_with(&pair.clean(), &granting(&[Property::ReceiveMaximum(granted)]));
        for (payload, left) in [("a", 2), ("b", 1), ("c", 0)] {
            assert_eq!(pair.session.send_quota(), left);
            pair.publish(QOS1, payload);
        }
        assert_eq!(decode(&pair.transmitted(), pair.version).len(), window);
        assert_eq!((pair.session.in_flight(), pair.session.pending()), (window, 3 - window));
    }
}

/// Before 5.0 no broker says what it takes.
///
/// Promises: SEND-4
#[test]
fn before_5_0_the_window_is_what_brokers_take() {
    let mut pair = Pair::<mqtt_session::Heap>::v3();
    pair.connect();
    for _ in 0..30 {
        pair.publish(QOS2, "");
    }
    pair.transmitted();
    let window = usize::from(Config::MAX_IN_FLIGHT_V3.get());
    assert_eq!((pair.session.in_flight(), pair.session.pending()), (window, 30 - window));
    let max_in_flight = NonZeroU16::new(25);
    let config = Config { max_in_flight, version: pair.version, ..Config::new(1) };
    let mut pair = Pair::<mqtt_session::Heap>::with(config);
    pair.connect();
    for _ in 0..30 {
        pair.publish(QOS2, "");
    }
    pair.transmitted();
    assert_eq!(pair.session.in_flight(), 25);
}

/// Brokers count flows past PUBREC, too.
///
/// Promises: SEND-4, RES-1
fn resumed_pubrels_take_their_places_in_the_window<M: TestMemory>() {
    let window = granting(&[Property::ReceiveMaximum(2)]);
    let mut pair = Pair::<M>::granted(&window);
    let tokens = [pair.publish(QOS2, "a"), pair.publish(QOS2, "b")];
    pair.transmitted();
    pair.exchange(&pubrec(1), &[pubrel(1)]);
    pair.exchange(&pubrec(2), &[pubrel(2)]);
    pair.publish(QOS1, "c");
    pair.publish(QOS1, "d");
    pair.cut();
    let resume = mqtt_session::Connect { clean_start: false, ..pair.clean() };
    pair.connect_with(&resume, &mqtt_session::proto::ConnAck { session_present: true, ..window });
    pair.expect(&[pubrel(1), pubrel(2)]);
    pair.send(&pubcomp(1));
    pair.expect_delivered(tokens[0]);
    pair.expect(&[publish(QOS1, 3, "c")]);
    pair.send(&pubcomp(2));
    pair.expect_delivered(tokens[1]);
    pair.expect(&[publish(QOS1, 4, "d")]);
    assert_eq!(pair.session.in_flight(), 2);
}

/// The window of the next connection may be smaller than what is open.
///
/// Promises: SEND-4, RES-1
fn a_window_that_shrank_opens_when_enough_is_done<M: TestMemory>() {
    let mut pair = Pair::<M>::connected();
    let tokens = ["a", "b", "c"].map(|payload| pair.publish(QOS2, payload));
    pair.transmitted();
    for id in 1..=3 {
        pair.exchange(&pubrec(id), &[pubrel(id)]);
    }
    pair.publish(QOS1, "d");
    pair.cut();
    let connack = granting(&[Property::ReceiveMaximum(1)]);
    let resume = mqtt_session::Connect { clean_start: false, ..pair.clean() };
    pair.connect_with(&resume, &mqtt_session::proto::ConnAck { session_present: true, ..connack });
    pair.expect(&[pubrel(1), pubrel(2), pubrel(3)]);
    for (id, token) in (1..).zip(tokens) {
        pair.expect(&[]);
        pair.send(&pubcomp(id));
        pair.expect_delivered(token);
    }
    pair.expect(&[publish(QOS1, 4, "d")]);
}

/// Promises: SEND-4
fn a_full_queue_says_full_and_then_writable<M: TestMemory>() {
    let mut pair = Pair::<M>::with(Config { max_pending: 1, ..Config::new(1) });
    pair.connect_with(&pair.clean(), &granting(&[Property::ReceiveMaximum(1)]));
    let token = pair.publish(QOS1, "a");
    pair.publish(QOS1, "b");
    assert_eq!(pair.try_publish(QOS1, "c"), Err(PublishError::Full));
    assert_eq!(pair.try_publish(QOS2, "c"), Err(PublishError::Full));
    pair.expect_events(&[]);
    pair.expect(&[publish(QOS1, 1, "a")]);
    pair.send(&puback(1));
    pair.expect_events(&[Seen::Delivered(token, OK), Seen::Writable]);
    pair.publish(QOS1, "c");
    // Only who was told that there is no room hears that there is.
    pair.expect(&[publish(QOS1, 2, "b")]);
    pair.send(&puback(2));
    assert_eq!(pair.events().len(), 1);
}

/// Promises: SEND-4
fn the_queue_is_bounded_in_bytes<M: TestMemory>() {
    let mut pair = Pair::<M>::with(Config { max_pending_bytes: 20, ..Config::new(1) });
    // A PUBLISH of QoS 1 on a topic of one byte has 8 bytes besides its payload.
    pair.publish(QOS1, "1234");
    assert_eq!(pair.try_publish(QOS1, "1"), Err(PublishError::Full));
    pair.publish(QOS1, "");
    assert_eq!(pair.try_publish(QOS1, ""), Err(PublishError::Full));
    // A window that opens takes them.
    pair.connect();
    pair.expect_events(&[Seen::Writable]);
    pair.publish(QOS1, "1");
    assert_eq!(decode(&pair.transmitted(), pair.version).len(), 3);
}

/// Room that CONNACK makes is room, too.
///
/// Promises: SEND-4, SEND-5
fn a_queue_of_none_opens_with_the_window<M: TestMemory>() {
    let mut pair = Pair::<M>::with(Config { max_pending: 0, ..Config::new(1) });
    assert_eq!(pair.try_publish(QOS1, "a"), Err(PublishError::Full));
    pair.connect();
    pair.expect_events(&[Seen::Writable]);
    pair.publish(QOS1, "a");
    pair.expect(&[publish(QOS1, 1, "a")]);
}

/// Promises: SEND-4
fn qos_0_is_bounded_by_the_write_queue<M: TestMemory>() {
    let mut pair = Pair::<M>::with(Config { write_queue: 16, ..Config::new(1) });
    pair.connect();
    // One is taken however long it is.
    pair.try_publish(QOS0, "a message longer than that").unwrap();
    assert_eq!(pair.try_publish(QOS0, ""), Err(PublishError::Full));
    pair.publish(QOS1, "another bound");
    assert_eq!(decode(&pair.transmitted(), pair.version).len(), 2);
    pair.expect_events(&[Seen::Writable]);
    pair.try_publish(QOS0, "a").unwrap();
    pair.try_publish(QOS0, "b").unwrap();
    assert_eq!(pair.try_publish(QOS0, "c"), Err(PublishError::Full));
    // What the connection takes along makes room as well.
    pair.cut();
    pair.expect_events(&[Seen::Writable]);
}

/// However memory fills up, `Full` is followed by `Writable`.
///
/// Promises: SEND-4
#[cfg(feature = "fixed")]
#[test]
fn fixed_memory_that_is_full_says_so_and_then_writable() {
    let mut pair = Pair::<crate::pair::Small>::connected();
    let tokens: Vec<_> = (0..8).map(|_| pair.publish(QOS1, "")).collect();
    assert_eq!(pair.try_publish(QOS1, ""), Err(PublishError::Full));
    assert_eq!(pair.try_publish(QOS0, ""), Err(PublishError::Full));
    let asked = pair.session.subscribe(pair.now, &[filter("a")], &[]);
    assert_eq!(asked, Err(mqtt_session::SubscribeError::Full));
    pair.transmitted();
    pair.send(&puback(1));
    pair.expect_events(&[Seen::Delivered(tokens[0], OK), Seen::Writable]);
    // Bytes that PUBREC frees are room.
    let mut pair = Pair::<crate::pair::Small>::connected();
    let long = "x".repeat(800);
    pair.publish(QOS2, &long);
    assert_eq!(pair.try_publish(QOS2, &long), Err(PublishError::Full));
    pair.transmitted();
    pair.send(&pubrec(1));
    pair.expect_events(&[Seen::Writable]);
    pair.publish(QOS2, &long);
    // What can never fit is another error.
    let longer = "x".repeat(1100);
    assert_eq!(
        pair.try_publish(QOS1, &longer),
        Err(PublishError::TooLarge { len: 1109, max: 1020 })
    );
    // Subscriptions are counted, and none of a SUBSCRIBE is kept that does not fit whole.
    let mut pair = Pair::<crate::pair::Small>::connected();
    pair.subscribe("a");
    let four = ["b", "c", "d", "e"].map(filter);
    assert_eq!(
        pair.session.subscribe(pair.now, &four, &[]),
        Err(mqtt_session::SubscribeError::Full)
    );
    pair.session.subscribe(pair.now, &four[..3], &[]).unwrap();
    pair.expect(&[subscribe(1, &[filter("a")]), subscribe(2, &four[..3])]);
}

/// Promises: SEND-8
/// Enforces: MQTT-2.2.1-3
fn identifiers_wrap_around_past_65_535_and_skip_those_in_use<M: TestMemory>() {
    let mut pair = Pair::<M>::connected();
    // 1 stays open all the time, and so do 2 for an UNSUBSCRIBE and 3 for a QoS 2 publish.
    pair.publish(QOS1, "kept");
    pair.unsubscribe("kept");
    pair.publish(QOS2, "kept");
    pair.transmitted();
    pair.exchange(&pubrec(3), &[pubrel(3)]);
    for expected in (4..=u16::MAX).chain([4, 5, 6]) {
        let token = pair.publish(QOS1, "");
        pair.expect(&[publish(QOS1, expected, "")]);
        pair.send(&puback(expected));
        pair.expect_delivered(token);
    }
    pair.cut();
    pair.publish(QOS1, "new");
    pair.resume(true);
    // Resumed ones keep theirs; the UNSUBSCRIBE is made anew.
    pair.expect(&[
        pubrel(3),
        unsubscribe(7, &["kept"]),
        publish_again(QOS1, 1, "kept"),
        publish(QOS1, 8, "new"),
    ]);
}

/// All identifiers in use: the next waits, in order.
///
/// Promises: SEND-8
#[test]
fn with_all_identifiers_in_use_callers_wait() {
    let config = Config { max_pending: usize::MAX, store: true, ..Config::new(1) };
    let mut pair = Pair::<mqtt_session::Heap>::with(config);
    let mut store = crate::store::Store::default();
    pair.connect();
    for _ in 0..usize::from(u16::MAX) {
        pair.publish(QOS1, "");
    }
    let waiting = pair.publish(QOS1, "waits");
    pair.subscribe("waits");
    // What waits for an identifier does not hold up what has one.
    pair.expect(&[]);
    store.sync(&mut pair);
    assert_eq!(decode(&pair.transmitted(), pair.version).len(), usize::from(u16::MAX));
    pair.send(&puback(7));
    assert!(matches!(pair.events()[..], [Seen::Delivered(..)]));
    pair.expect(&[subscribe(7, &[filter("waits")])]);
    pair.send(&puback(9));
    assert!(matches!(pair.events()[..], [Seen::Delivered(..)]));
    store.sync(&mut pair);
    pair.expect(&[publish(QOS1, 9, "waits")]);
    pair.send(&puback(9));
    pair.expect_delivered(waiting);
}

#[derive(Clone, Debug)]
enum Step {
    Publish(QoS),
    Subscribe,
    Unsubscribe,
    Transmit,
    /// The broker answers the nth of what it got and has not answered.
    Answer(usize),
    Reconnect {
        session_present: bool,
    },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => prop_oneof![Just(QOS1), Just(QOS2)].prop_map(Step::Publish),
        1 => Just(Step::Subscribe),
        1 => Just(Step::Unsubscribe),
        3 => Just(Step::Transmit),
        4 => (0..8usize).prop_map(Step::Answer),
        1 => any::<bool>().prop_map(|session_present| Step::Reconnect { session_present }),
    ]
}

/// What the broker was sent and has not finished: identifiers with the answer that is due.
#[derive(Default)]
struct Broker {
    open: Vec<(u16, Due)>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Due {
    PubAck,
    PubRec,
    PubComp,
    SubAck,
    UnsubAck,
}

impl Broker {
    fn take<M: TestMemory>(&mut self, pair: &mut Pair<M>) -> Result<(), TestCaseError> {
        let sent = pair.transmitted();
        for packet in decode(&sent, pair.version) {
            let (id, due) = match packet {
                Packet::Publish(publish) => match (publish.qos, publish.packet_id) {
                    (QoS::AtLeastOnce, Some(id)) => (id, Due::PubAck),
                    (QoS::ExactlyOnce, Some(id)) => (id, Due::PubRec),
                    (_, _) => continue,
                },
                Packet::PubRel(ack) => (ack.0.packet_id, Due::PubComp),
                Packet::Subscribe(subscribe) => (subscribe.packet_id, Due::SubAck),
                Packet::Unsubscribe(unsubscribe) => (unsubscribe.packet_id, Due::UnsubAck),
                other => return Err(TestCaseError::fail(format!("{other:?}"))),
            };
            if due == Due::PubComp {
                self.open.retain(|(open, _)| *open != id.get());
            }
            self.open.push((id.get(), due));
        }
        let ids: BTreeSet<u16> = self.open.iter().map(|(id, _)| *id).collect();
        prop_assert_eq!(ids.len(), self.open.len(), "an identifier twice: {:?}", &self.open);
        let publishes = |due: &Due| matches!(due, Due::PubAck | Due::PubRec | Due::PubComp);
        let open = self.open.iter().filter(|(_, due)| publishes(due)).count();
        prop_assert!(open <= WINDOW, "{} publishes are open: {:?}", open, &self.open);
        Ok(())
    }

    fn answer<M: TestMemory>(&mut self, pair: &mut Pair<M>, nth: usize) {
        let Some(nth) = nth.checked_rem(self.open.len()) else { return };
        let (id, due) = self.open[nth];
        match due {
            Due::PubAck => pair.send(&puback(id)),
            Due::PubRec => pair.send(&pubrec(id)),
            Due::PubComp => pair.send(&pubcomp(id)),
            Due::SubAck => pair.send(&suback(id, &[OK])),
            Due::UnsubAck => pair.send(&unsuback(id, &[OK])),
        }
        // After PUBREC it is PUBREL that opens it again.
        self.open.remove(nth);
    }
}

const WINDOW: usize = 3;

fn run<M: TestMemory>(steps: &[Step]) -> Result<(), TestCaseError> {
    let window = [Property::ReceiveMaximum(WINDOW as u16)];
    let mut pair = Pair::<M>::granted(&granting(&window));
    let mut broker = Broker::default();
    for step in steps {
        match *step {
            Step::Publish(qos) => {
                pair.try_publish(qos, "").ok();
            }
            Step::Subscribe => {
                pair.session.subscribe(pair.now, &[filter("a")], &[]).ok();
            }
            Step::Unsubscribe => {
                pair.session.unsubscribe(pair.now, &["a"], &[]).ok();
            }
            Step::Transmit => broker.take(&mut pair)?,
            Step::Answer(nth) => {
                broker.answer(&mut pair, nth);
                pair.events();
            }
            Step::Reconnect { session_present } => {
                pair.close();
                broker.open.clear();
                let connect = mqtt_session::Connect { clean_start: false, ..pair.clean() };
                let connack = mqtt_session::proto::ConnAck { session_present, ..granting(&window) };
                pair.open(&connect);
                pair.send(&connack);
                pair.events();
            }
        }
    }
    prop_assert_eq!(pair.session.ignored_acks(), 0);
    Ok(())
}

proptest! {
    /// Promises: SEND-4, SEND-8
    #[test]
    fn no_two_open_flows_share_an_identifier(steps in prop::collection::vec(step(), 0..80)) {
        run::<mqtt_session::Heap>(&steps)?;
    }

    /// Promises: SEND-4, SEND-8
    #[cfg(feature = "fixed")]
    #[test]
    fn nor_do_they_in_fixed_memory(steps in prop::collection::vec(step(), 0..80)) {
        run::<crate::pair::Small>(&steps)?;
    }
}

crate::on_both_memories! {
    a_window_of_one_sends_one_by_one_in_order
    a_failing_pubrec_gives_its_place_back
    qos_0_and_requests_pass_a_publish_that_waits_for_the_window
    max_in_flight_is_a_cap_of_ones_own
    resumed_pubrels_take_their_places_in_the_window
    a_window_that_shrank_opens_when_enough_is_done
    a_full_queue_says_full_and_then_writable
    the_queue_is_bounded_in_bytes
    a_queue_of_none_opens_with_the_window
    qos_0_is_bounded_by_the_write_queue
    identifiers_wrap_around_past_65_535_and_skip_those_in_use
}
