//! Messages that end every connection they are sent on.

use std::time::Duration;

use mqtt_session::proto::{ConnAck, Packet, Property, ReasonCode};
use mqtt_session::{CloseReason, Config, Connect, Failure, SessionLoss, Token};
use proptest::prelude::*;

use crate::packets::*;
use crate::pair::{Pair, Seen, TestMemory};
use crate::store::Store;

const OK: ReasonCode = ReasonCode::Success;
const BLAME: ReasonCode = ReasonCode::PacketTooLarge;

/// The broker disconnects for this reason.
#[track_caller]
fn blame<M: TestMemory>(pair: &mut Pair<M>, reason: ReasonCode) {
    pair.send(&disconnect(reason));
    pair.expect_event(&Seen::Disconnect(reason));
    assert_eq!(pair.close(), [Seen::Closed(CloseReason::Disconnected(reason))]);
}

/// "a", "b" and "c", sent again.
fn again() -> [Packet<'static>; 3] {
    [publish_again(QOS1, 1, "a"), publish_again(QOS1, 2, "b"), publish_again(QOS1, 3, "c")]
}

/// Publishes "a", "b" and "c", which are sent.
fn three_sent<M: TestMemory>() -> (Pair<M>, [Token; 3]) {
    let mut pair = Pair::<M>::connected();
    let tokens = ["a", "b", "c"].map(|payload| pair.publish(QOS1, payload));
    pair.transmitted();
    (pair, tokens)
}

/// Promises: SEND-10
fn after_a_disconnect_that_blames_content_one_is_sent_at_a_time<M: TestMemory>() {
    for code in [0x81, 0x82, 0x90, 0x95, 0x97, 0x99, 0x9A, 0x9B] {
        let (mut pair, tokens) = three_sent::<M>();
        // That one was answered does not matter.
        pair.send(&puback(1));
        pair.expect_delivered(tokens[0]);
        blame(&mut pair, ReasonCode::from_u8(code).unwrap());
        pair.resume(true);
        let new = pair.publish(QOS1, "d");
        pair.expect(&[publish_again(QOS1, 2, "b")]);
        pair.send(&puback(2));
        pair.expect_delivered(tokens[1]);
        pair.expect(&[publish_again(QOS1, 3, "c")]);
        pair.publish(QOS1, "e");
        pair.send(&puback(3));
        pair.expect_delivered(tokens[2]);
        // What was not under suspicion goes together again.
        pair.expect(&[publish(QOS1, 4, "d"), publish(QOS1, 5, "e")]);
        pair.send(&puback(4));
        pair.expect_delivered(new);
    }
}

/// Promises: SEND-10
fn other_reasons_blame_no_message<M: TestMemory>() {
    for code in [0x80, 0x83, 0x87, 0x8B, 0x8E, 0x93, 0x96, 0x98] {
        let (mut pair, _) = three_sent::<M>();
        for _ in 0..5 {
            blame(&mut pair, ReasonCode::from_u8(code).unwrap());
            pair.resume(true);
            pair.expect(&again());
        }
    }
}

/// Promises: SEND-10
fn the_message_in_flight_at_the_third_end_fails_with_the_reason<M: TestMemory>() {
    let (mut pair, tokens) = three_sent::<M>();
    blame(&mut pair, BLAME);
    pair.resume(true);
    pair.expect(&[publish_again(QOS1, 1, "a")]);
    pair.send(&puback(1));
    pair.expect_delivered(tokens[0]);
    for reason in [BLAME, ReasonCode::QuotaExceeded] {
        pair.expect(&[publish_again(QOS1, 2, "b")]);
        blame(&mut pair, reason);
        pair.expect_events(&[]);
        pair.resume(true);
    }
    pair.expect(&[publish_again(QOS1, 2, "b")]);
    blame(&mut pair, ReasonCode::PayloadFormatInvalid);
    let failure = Failure::Blamed(ReasonCode::PayloadFormatInvalid);
    pair.expect_events(&[Seen::Failed(tokens[1], failure)]);
    pair.resume(true);
    // The next is still under suspicion, with a count of its own.
    for _ in 0..2 {
        pair.expect(&[publish_again(QOS1, 3, "c")]);
        blame(&mut pair, BLAME);
        pair.resume(true);
    }
    let new = pair.publish(QOS1, "d");
    pair.expect(&[publish_again(QOS1, 3, "c")]);
    pair.send(&puback(3));
    pair.expect_delivered(tokens[2]);
    pair.expect(&[publish(QOS1, 4, "d")]);
    pair.send(&puback(4));
    pair.expect_delivered(new);
}

/// Promises: SEND-10
fn three_closes_in_a_row_before_any_acknowledgement_are_suspicious<M: TestMemory>() {
    let (mut pair, tokens) = three_sent::<M>();
    for _ in 0..2 {
        pair.cut();
        // A connection that carried nothing says nothing.
        pair.open(&pair.clean());
        assert_eq!(pair.close(), [Seen::Closed(CloseReason::NoConnAck)]);
        pair.resume(true);
        pair.expect(&again());
    }
    for _ in 0..3 {
        pair.cut();
        pair.resume(true);
        pair.expect(&again()[..1]);
    }
    // The third time with "a" alone.
    assert_eq!(pair.close(), [Seen::Closed(CloseReason::Lost)]);
    pair.expect_events(&[Seen::Failed(tokens[0], Failure::ConnectionLost)]);
    pair.resume(true);
    pair.expect(&again()[1..2]);
}

/// Promises: SEND-10
fn an_acknowledgement_ends_the_row<M: TestMemory>() {
    let (mut pair, tokens) = three_sent::<M>();
    for _ in 0..2 {
        pair.cut();
        pair.resume(true);
        pair.transmitted();
    }
    pair.send(&puback(1));
    pair.expect_delivered(tokens[0]);
    for _ in 0..3 {
        pair.cut();
        pair.resume(true);
        pair.expect(&[publish_again(QOS1, 2, "b"), publish_again(QOS1, 3, "c")]);
    }
    pair.cut();
    pair.resume(true);
    pair.expect(&[publish_again(QOS1, 2, "b")]);
}

/// Promises: SEND-10
fn connections_without_a_message_in_flight_say_nothing<M: TestMemory>() {
    let mut pair = Pair::<M>::connected();
    for _ in 0..5 {
        // QoS 0 is not sent again.
        pair.try_publish(QOS0, "z").unwrap();
        pair.transmitted();
        blame(&mut pair, BLAME);
        pair.resume(true);
        pair.cut();
        pair.resume(true);
    }
    pair.publish(QOS1, "a");
    pair.publish(QOS1, "b");
    pair.transmitted();
    pair.cut();
    pair.resume(true);
    pair.expect(&[publish_again(QOS1, 1, "a"), publish_again(QOS1, 2, "b")]);
}

/// The broker that may have half of it is told to let go.
///
/// Promises: SEND-10
fn qos_2_is_let_go<M: TestMemory>() {
    let mut pair = Pair::<M>::connected();
    let token = pair.publish(QOS2, "a");
    pair.transmitted();
    for _ in 0..3 {
        blame(&mut pair, BLAME);
        pair.resume(true);
        pair.expect(&[publish_again(QOS2, 1, "a")]);
    }
    blame(&mut pair, BLAME);
    pair.resume(true);
    pair.expect(&[pubrel(1)]);
    pair.send(&pubcomp_with(1, ReasonCode::PacketIdentifierNotFound));
    pair.expect_events(&[Seen::Failed(token, Failure::Blamed(BLAME))]);
    pair.publish(QOS1, "b");
    pair.expect(&[publish(QOS1, 2, "b")]);
}

/// What is sent as new after a session loss is under suspicion all the same.
///
/// Promises: SEND-10
fn a_session_loss_acquits_nobody<M: TestMemory>() {
    let session_loss = SessionLoss { qos1: true, qos2: true };
    let mut pair = Pair::<M>::with(Config { session_loss, ..Config::new(1) });
    pair.connect();
    let token = pair.publish(QOS2, "a");
    pair.publish(QOS1, "b");
    pair.transmitted();
    blame(&mut pair, BLAME);
    for _ in 0..3 {
        pair.resume(false);
        pair.expect(&[publish(QOS2, 1, "a")]);
        blame(&mut pair, BLAME);
    }
    pair.resume(false);
    // "a" went with the session.
    pair.expect_events(&[Seen::Failed(token, Failure::Blamed(BLAME))]);
    pair.expect(&[publish(QOS1, 2, "b")]);
}

/// The last that is under suspicion may end otherwise: those before it still are.
///
/// Promises: SEND-10
fn the_expiry_of_the_last_acquits_nobody<M: TestMemory>() {
    let mut pair = Pair::<M>::connected();
    let poisonous = pair.publish(QOS1, "a");
    let expiring = pair.publish_expiring(10);
    pair.transmitted();
    blame(&mut pair, BLAME);
    pair.resume(false);
    pair.expect(&[publish(QOS1, 1, "a")]);
    blame(&mut pair, BLAME);
    let new = pair.publish(QOS1, "c");
    pair.pass(Duration::from_secs(11));
    pair.session.handle_timeout(pair.now);
    pair.expect_events(&[Seen::Indeterminate(expiring)]);
    for _ in 0..2 {
        pair.resume(true);
        pair.expect(&[publish_again(QOS1, 1, "a")]);
        blame(&mut pair, BLAME);
    }
    pair.expect_events(&[Seen::Failed(poisonous, Failure::Blamed(BLAME))]);
    pair.resume(true);
    pair.expect(&[publish(QOS1, 3, "c")]);
    pair.send(&puback(3));
    pair.expect_delivered(new);
}

/// A SUBSCRIBE that the broker does not bear is not blamed on a message.
///
/// Promises: SEND-10
fn a_message_waits_for_the_answers_to_requests<M: TestMemory>() {
    let (mut pair, tokens) = three_sent::<M>();
    let subscribed = pair.subscribe("f");
    pair.transmitted();
    for id in 5..8 {
        blame(&mut pair, ReasonCode::MalformedPacket);
        pair.resume(true);
        pair.try_publish(QOS0, "z").unwrap();
        pair.expect(&[subscribe(id, &[filter("f")]), publish(QOS0, 0, "z")]);
    }
    pair.send(&suback(7, &[OK]));
    pair.expect_events(&[Seen::Subscribed(subscribed, vec![OK])]);
    pair.expect(&[publish_again(QOS1, 1, "a")]);
    pair.send(&puback(1));
    pair.expect_delivered(tokens[0]);
    pair.expect(&[publish_again(QOS1, 2, "b")]);
}

/// Promises: SEND-10
fn with_a_request_beside_it_a_message_is_not_blamed<M: TestMemory>() {
    let (mut pair, _) = three_sent::<M>();
    blame(&mut pair, BLAME);
    pair.resume(true);
    pair.expect(&[publish_again(QOS1, 1, "a")]);
    for id in [4, 6, 8, 10] {
        let subscribed = pair.subscribe("f");
        pair.expect(&[subscribe(id, &[filter("f")])]);
        blame(&mut pair, BLAME);
        pair.resume(true);
        pair.expect(&[subscribe(id + 1, &[filter("f")])]);
        pair.send(&suback(id + 1, &[OK]));
        pair.expect_events(&[Seen::Subscribed(subscribed, vec![OK])]);
        pair.expect(&[publish_again(QOS1, 1, "a")]);
    }
}

/// PUBRELs of an earlier connection are done before the first is sent alone.
///
/// Promises: SEND-10, RES-1
fn releases_come_first<M: TestMemory>() {
    let mut pair = Pair::<M>::connected();
    let released = pair.publish(QOS2, "a");
    pair.publish(QOS1, "b");
    pair.publish(QOS1, "c");
    pair.transmitted();
    pair.exchange(&pubrec(1), &[pubrel(1)]);
    blame(&mut pair, BLAME);
    pair.resume(true);
    pair.expect(&[pubrel(1)]);
    pair.send(&pubcomp(1));
    pair.expect_delivered(released);
    pair.expect(&[publish_again(QOS1, 2, "b")]);
}

/// After the last that was under suspicion as many are in flight as the broker granted.
///
/// Promises: SEND-10, SEND-4
fn the_window_of_the_broker_comes_back<M: TestMemory>() {
    let mut pair = Pair::<M>::connected();
    pair.publish(QOS1, "a");
    pair.transmitted();
    blame(&mut pair, BLAME);
    let connack = granting(&[Property::ReceiveMaximum(2)]);
    let resume = Connect { clean_start: false, ..pair.clean() };
    pair.connect_with(&resume, &ConnAck { session_present: true, ..connack });
    for payload in ["b", "c", "d"] {
        pair.publish(QOS1, payload);
    }
    pair.expect(&[publish_again(QOS1, 1, "a")]);
    pair.send(&puback(1));
    assert_eq!(pair.events().len(), 1);
    pair.expect(&[publish(QOS1, 2, "b"), publish(QOS1, 3, "c")]);
}

/// A broker that ends every connection on which it sees the payload "poison".
#[derive(Clone, Copy, Debug)]
struct Allergic {
    /// It says why, or just closes.
    says_why: bool,
    /// It answers what came before.
    answers: bool,
    /// It keeps sessions.
    keeps: bool,
}

impl Allergic {
    /// Answers all that leaves, until nothing does, or ends the connection. `false` when it did.
    fn converse<M: TestMemory>(
        self,
        pair: &mut Pair<M>,
        store: &mut Store,
        outcomes: &mut Vec<Seen>,
    ) -> bool {
        loop {
            drain(pair, store, outcomes);
            let sent = pair.transmitted();
            let packets = decode(&sent, pair.version);
            let is_poisoned = packets.iter().any(is_poison);
            for packet in packets.iter().take_while(|packet| !is_poison(packet)) {
                if is_poisoned && !self.answers {
                    break;
                }
                pair.send(&match packet {
                    Packet::Publish(publish) if publish.qos == QOS1 => {
                        puback(publish.packet_id.unwrap().get())
                    }
                    Packet::Publish(publish) => pubrec(publish.packet_id.unwrap().get()),
                    Packet::PubRel(ack) => pubcomp(ack.0.packet_id.get()),
                    other => panic!("{other:?}"),
                });
            }
            if is_poisoned && self.says_why {
                pair.send(&disconnect(BLAME));
            }
            if is_poisoned {
                pair.session.handle_closed(pair.now);
            }
            drain(pair, store, outcomes);
            if is_poisoned || sent.is_empty() {
                return !is_poisoned;
            }
        }
    }
}

/// All events, although a small journal has to be polled between them.
fn drain<M: TestMemory>(pair: &mut Pair<M>, store: &mut Store, outcomes: &mut Vec<Seen>) {
    loop {
        let event = pair.poll();
        let stored = store.log.len();
        store.sync(pair);
        if event.is_none() && store.log.len() == stored {
            return;
        }
        outcomes.extend(event);
    }
}

fn is_poison(packet: &Packet<'_>) -> bool {
    matches!(packet, Packet::Publish(publish) if publish.payload == b"poison")
}

/// Whatever is published in whatever order, the poison fails, and nothing else does.
fn the_poison_is_found<M: TestMemory>(
    messages: &[(bool, bool)],
    broker: Allergic,
) -> Result<(), TestCaseError> {
    let session_loss = SessionLoss { qos1: true, qos2: true };
    let mut pair = Pair::<M>::with(Config { session_loss, store: true, ..Config::new(1) });
    let mut store = Store::default();
    let (mut poisons, mut others) = (Vec::new(), Vec::new());
    for (is_poison, exactly_once) in messages {
        let qos = if *exactly_once { QOS2 } else { QOS1 };
        match is_poison {
            true => poisons.push(pair.publish(qos, "poison")),
            false => others.push(pair.publish(qos, "harmless")),
        }
        store.sync(&mut pair);
    }
    let mut outcomes = Vec::new();
    pair.connect();
    let mut connections = 1;
    while !broker.converse(&mut pair, &mut store, &mut outcomes) {
        pair.resume(broker.keeps);
        connections += 1;
        prop_assert!(connections < 50, "it goes on for ever");
    }
    outcomes.retain(|seen| !matches!(seen, Seen::Closed(_) | Seen::Disconnect(_)));
    let failure = if broker.says_why { Failure::Blamed(BLAME) } else { Failure::ConnectionLost };
    let failed = |token: &Token| outcomes.contains(&Seen::Failed(*token, failure));
    let delivered = |token: &Token| {
        // One past PUBREC may go with the session.
        outcomes.contains(&Seen::Delivered(*token, OK))
            || !broker.keeps && outcomes.contains(&Seen::Indeterminate(*token))
    };
    prop_assert!(poisons.iter().all(failed), "{outcomes:?}");
    prop_assert!(others.iter().all(delivered), "{outcomes:?}");
    prop_assert_eq!(outcomes.len(), messages.len());
    // Nothing but the session itself is left in the store.
    store.sync(&mut pair);
    prop_assert_eq!(store.content(store.log.len()).len(), 1);
    Ok(())
}

fn messages() -> impl Strategy<Value = Vec<(bool, bool)>> {
    let message = (prop::bool::weighted(0.2), any::<bool>());
    prop::collection::vec(message, 1..7)
}

fn broker() -> impl Strategy<Value = Allergic> {
    (any::<bool>(), any::<bool>(), any::<bool>()).prop_map(|(says_why, answers, keeps)| Allergic {
        says_why,
        answers,
        keeps,
    })
}

proptest! {
    /// Promises: SEND-2, SEND-10
    #[test]
    fn whatever_is_poison_is_found(messages in messages(), broker in broker()) {
        the_poison_is_found::<mqtt_session::Heap>(&messages, broker)?;
    }

    /// Promises: SEND-2, SEND-10
    #[cfg(feature = "fixed")]
    #[test]
    fn whatever_is_poison_is_found_in_fixed_memory(messages in messages(), broker in broker()) {
        the_poison_is_found::<crate::pair::Small>(&messages, broker)?;
    }
}

crate::on_both_memories! {
    after_a_disconnect_that_blames_content_one_is_sent_at_a_time
    other_reasons_blame_no_message
    the_message_in_flight_at_the_third_end_fails_with_the_reason
    three_closes_in_a_row_before_any_acknowledgement_are_suspicious
    an_acknowledgement_ends_the_row
    connections_without_a_message_in_flight_say_nothing
    qos_2_is_let_go
    a_session_loss_acquits_nobody
    the_expiry_of_the_last_acquits_nobody
    a_message_waits_for_the_answers_to_requests
    with_a_request_beside_it_a_message_is_not_blamed
    releases_come_first
    the_window_of_the_broker_comes_back
}
