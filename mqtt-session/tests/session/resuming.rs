//! Connections that break, and sessions that go on or are lost.

use mqtt_session::proto::{ConnAck, Packet, Property, ReasonCode, Version};
use mqtt_session::{CloseReason, Closing, Config, Connect, Failure, SessionLoss, ViolationKind};

use crate::packets::*;
use crate::pair::{Pair, Seen, TestMemory};

const OK: ReasonCode = ReasonCode::Success;

/// Promises: RES-1
/// Enforces: MQTT-4.4.0-1, MQTT-4.6.0-1, MQTT-3.3.1-1
fn unacknowledged_publishes_are_sent_again_in_order<M: TestMemory>() {
    let mut pair = Pair::<M>::connected();
    let tokens = [
        pair.publish(QOS1, "a"),
        pair.publish(QOS2, "b"),
        pair.publish(QOS1, "c"),
        pair.publish(QOS2, "d"),
    ];
    pair.transmitted();
    pair.send(&puback(3));
    pair.expect_delivered(tokens[2]);
    let never_carried = pair.publish(QOS1, "e");
    pair.cut();
    assert_eq!((pair.session.in_flight(), pair.session.pending()), (0, 4));
    pair.resume(true);
    pair.expect(&[
        publish_again(QOS1, 1, "a"),
        publish_again(QOS2, 2, "b"),
        publish_again(QOS2, 4, "d"),
        publish(QOS1, 5, "e"),
    ]);
    // Once per connection.
    pair.expect(&[]);
    pair.send(&puback(1));
    pair.send(&puback(5));
    pair.expect_events(&[Seen::Delivered(tokens[0], OK), Seen::Delivered(never_carried, OK)]);
}

/// Promises: RES-1
/// Enforces: MQTT-4.3.3-6, MQTT-4.4.0-1, MQTT-4.6.0-4
fn past_pubrec_only_pubrel_is_sent_again<M: TestMemory>() {
    let mut pair = Pair::<M>::connected();
    let tokens = ["a", "b", "c"].map(|payload| pair.publish(QOS2, payload));
    pair.transmitted();
    // The order of the PUBRECs is another one.
    pair.exchange(&pubrec(3), &[pubrel(3)]);
    pair.exchange(&pubrec(1), &[pubrel(1)]);
    // This PUBREL is never transmitted on the first connection.
    pair.send(&pubrec(2));
    pair.expect_events(&[]);
    pair.cut();
    pair.resume(true);
    pair.expect(&[pubrel(3), pubrel(1), pubrel(2)]);
    pair.cut();
    pair.resume(true);
    pair.expect(&[pubrel(3), pubrel(1), pubrel(2)]);
    pair.send(&pubcomp_with(1, ReasonCode::PacketIdentifierNotFound));
    pair.send(&pubcomp(2));
    pair.send(&pubcomp(3));
    pair.expect_events(&[
        Seen::Delivered(tokens[0], ReasonCode::PacketIdentifierNotFound),
        Seen::Delivered(tokens[1], OK),
        Seen::Delivered(tokens[2], OK),
    ]);
}

/// A connection that breaks in the middle of sending again changes no order.
///
/// Promises: RES-1
fn the_order_survives_any_number_of_cuts<M: TestMemory>() {
    let mut pair = Pair::<M>::connected();
    for payload in ["a", "b", "c", "d"] {
        pair.publish(QOS1, payload);
    }
    pair.transmitted();
    let connack = granting(&[Property::ReceiveMaximum(2)]);
    let connack = ConnAck { session_present: true, ..connack };
    let resume = Connect { clean_start: false, ..pair.clean() };
    for _ in 0..2 {
        pair.cut();
        pair.connect_with(&resume, &connack);
        pair.expect(&[publish_again(QOS1, 1, "a"), publish_again(QOS1, 2, "b")]);
    }
    // From the third on one at a time.
    for _ in 0..2 {
        pair.cut();
        pair.connect_with(&resume, &connack);
        pair.expect(&[publish_again(QOS1, 1, "a")]);
    }
    pair.send(&puback(2));
    pair.send(&puback(1));
    assert_eq!(pair.events().len(), 2);
    pair.expect(&[publish_again(QOS1, 3, "c")]);
}

/// An answer to what an earlier connection carried is an answer.
///
/// Promises: RES-1
fn an_answer_before_the_copy_was_sent_again_counts<M: TestMemory>() {
    let mut pair = Pair::<M>::connected();
    let tokens = [pair.publish(QOS2, "a"), pair.publish(QOS2, "b"), pair.publish(QOS1, "c")];
    pair.transmitted();
    pair.cut();
    let connack = granting(&[Property::ReceiveMaximum(1)]);
    let resume = Connect { clean_start: false, ..pair.clean() };
    pair.connect_with(&resume, &ConnAck { session_present: true, ..connack });
    pair.expect(&[publish_again(QOS2, 1, "a")]);
    // A PUBREL of 0x92 would make the broker take the copy for another message.
    pair.exchange(&pubrec(2), &[pubrel(2)]);
    pair.send(&puback(3));
    pair.expect_delivered(tokens[2]);
    assert_eq!(pair.session.ignored_acks(), 0);
    pair.exchange(&pubrec(1), &[pubrel(1)]);
    pair.publish(QOS1, "d");
    pair.publish(QOS1, "e");
    pair.send(&pubcomp(1));
    pair.expect_delivered(tokens[0]);
    // It has its place in the window, which is what it was.
    pair.expect(&[]);
    pair.send(&pubcomp(2));
    pair.expect_delivered(tokens[1]);
    pair.expect(&[publish(QOS1, 4, "d")]);
}

/// Promises: RES-1
/// Enforces: MQTT-4.4.0-1
fn nothing_is_sent_again_on_a_live_connection<M: TestMemory>() {
    let mut pair = Pair::<M>::connected();
    pair.publish(QOS1, "a");
    pair.publish(QOS2, "b");
    pair.transmitted();
    pair.exchange(&pubrec(2), &[pubrel(2)]);
    for _ in 0..100 {
        pair.pass(std::time::Duration::from_secs(1));
        pair.send(&Packet::PingResp);
        pair.expect_events(&[]);
        pair.session.handle_timeout(pair.now);
        let sent = pair.transmitted();
        assert!(sent.is_empty() || sent == [0xC0, 0x00], "{sent:?}");
    }
}

/// QoS 2 outwards, cut after each of its steps.
///
/// Promises: RES-1, SEND-1
fn qos_2_out_is_exactly_once_across_cuts_at_every_step<M: TestMemory>() {
    for cut_after in 0..=4 {
        let mut pair = Pair::<M>::connected();
        let mut broker = Once::default();
        let token = pair.publish(QOS2, "a");
        for step in 0..20 {
            if step == cut_after {
                pair.cut();
                pair.resume(true);
            }
            let outcome = broker.step(&mut pair);
            if let Some(outcome) = outcome {
                assert!(matches!(outcome, Seen::Delivered(done, _) if done == token));
                break;
            }
        }
        assert_eq!((broker.delivered, pair.session.in_flight()), (1, 0), "cut {cut_after}");
    }
}

/// A broker that takes one step at a time: reads one packet, or sends one.
#[derive(Default)]
struct Once {
    delivered: usize,
    received: bool,
    answer: Option<Packet<'static>>,
}

impl Once {
    fn step<M: TestMemory>(&mut self, pair: &mut Pair<M>) -> Option<Seen> {
        let sent = pair.transmitted();
        if let Some(packet) = decode(&sent, pair.version).first() {
            self.answer = match packet {
                Packet::Publish(publish) => {
                    if !std::mem::replace(&mut self.received, true) {
                        self.delivered += 1;
                    }
                    publish.packet_id.map(|id| pubrec(id.get()))
                }
                Packet::PubRel(ack) => {
                    let known = std::mem::take(&mut self.received);
                    let code = ReasonCode::PacketIdentifierNotFound;
                    let code = if known { ReasonCode::Success } else { code };
                    Some(pubcomp_with(ack.0.packet_id.get(), code))
                }
                other => panic!("{other:?}"),
            };
            return None;
        }
        if let Some(answer) = self.answer.take() {
            pair.send(&answer);
        }
        pair.poll()
    }
}

/// QoS 2 inwards, cut after each of its steps.
///
/// Promises: RES-1, RECV-1
fn qos_2_in_is_exactly_once_across_cuts_at_every_step<M: TestMemory>() {
    for cut_after in 0..=5 {
        let mut pair = Pair::<M>::connected();
        let mut steps = 0;
        let mut delivery = None;
        let mut deliveries = 0;
        let mut got_pubrec = false;
        for connection in 0..2 {
            let mut goes_on = |_: &mut Pair<M>| {
                steps += 1;
                connection == 1 || steps <= cut_after
            };
            let packet = match connection {
                0 => publish(QOS2, 1, "a"),
                _ => publish_again(QOS2, 1, "a"),
            };
            if !got_pubrec && goes_on(&mut pair) {
                pair.send(&packet);
                if let Some(Seen::Message { delivery: message, .. }) = pair.poll() {
                    delivery = message;
                    deliveries += 1;
                }
                if goes_on(&mut pair) {
                    pair.ack(delivery.unwrap());
                }
                if goes_on(&mut pair) {
                    pair.expect(&[pubrec(1)]);
                    got_pubrec = true;
                }
            }
            if got_pubrec && goes_on(&mut pair) {
                pair.send(&pubrel(1));
                pair.expect_events(&[]);
                if goes_on(&mut pair) {
                    pair.expect(&[pubcomp(1)]);
                    break;
                }
            }
            pair.cut();
            pair.resume(true);
        }
        assert_eq!((deliveries, pair.session.held()), (1, 0), "cut after {cut_after}");
    }
}

/// Promises: RES-1, RECV-2, RECV-3
fn an_ack_given_while_disconnected_answers_the_copy_sent_again<M: TestMemory>() {
    for (qos, answer) in [(QOS1, puback(1)), (QOS2, pubrec(1))] {
        let mut pair = Pair::<M>::connected();
        pair.send(&publish(qos, 1, "a"));
        let delivery = pair.expect_delivery("a");
        pair.cut();
        pair.ack(delivery);
        pair.resume(true);
        // Not before the broker asks.
        pair.expect(&[]);
        pair.exchange(&publish_again(qos, 1, "a"), &[answer]);
    }
}

/// Acknowledgements keep the order in which the copies come.
///
/// Promises: RES-1, RECV-3
fn copies_sent_again_are_acknowledged_in_their_order<M: TestMemory>() {
    let mut pair = Pair::<M>::connected();
    let deliveries = [1, 2].map(|id| {
        pair.send(&publish(QOS1, id, ""));
        pair.expect_delivery("")
    });
    pair.cut();
    pair.ack(deliveries[1]);
    pair.resume(true);
    pair.exchange(&publish_again(QOS1, 1, ""), &[]);
    pair.exchange(&publish_again(QOS1, 2, ""), &[]);
    pair.ack(deliveries[0]);
    pair.expect(&[puback(1), puback(2)]);
}

/// Later acknowledgements wait for it as long as the connection lives, and not on the next.
///
/// Promises: RES-1, RECV-1
fn a_message_given_up_comes_again_after_a_resume<M: TestMemory>() {
    for (qos, answers) in [(QOS1, [puback(1), puback(2)]), (QOS2, [pubrec(1), pubrec(2)])] {
        let mut pair = Pair::<M>::connected();
        let [first, second] = [(1, "a"), (2, "b")].map(|(id, payload)| {
            pair.send(&publish(qos, id, payload));
            pair.expect_delivery(payload)
        });
        pair.session.abandon(first);
        pair.ack(second);
        // Nothing takes it back, and until the connection ends the message is held.
        pair.ack(first);
        pair.exchange(&publish_again(qos, 1, "a"), &[]);
        pair.cut();
        pair.resume(true);
        pair.send(&publish_again(qos, 1, "a"));
        let again = pair.expect_delivery("a");
        assert_eq!((again.index(), pair.session.held()), (first.index(), 2));
        pair.ack(first);
        pair.exchange(&publish_again(qos, 2, "b"), &[]);
        pair.ack(again);
        pair.expect(&answers);
    }
}

/// Promises: RES-1, RECV-2
fn a_message_may_be_given_up_between_two_connections<M: TestMemory>() {
    let mut pair = Pair::<M>::connected();
    let [first, second] = [(1, "a"), (2, "b")].map(|(id, payload)| {
        pair.send(&publish(QOS1, id, payload));
        pair.expect_delivery(payload)
    });
    pair.ack(second);
    pair.session.abandon(second);
    pair.cut();
    pair.session.abandon(first);
    pair.resume(true);
    pair.send(&publish_again(QOS1, 1, "a"));
    let again = pair.expect_delivery("a");
    pair.exchange(&publish_again(QOS1, 2, "b"), &[]);
    // An outdated delivery is a no-op.
    pair.session.abandon(first);
    pair.ack(again);
    pair.expect(&[puback(1), puback(2)]);
}

/// Without DUP it is another message, also after a resume.
///
/// Promises: RECV-2, RECV-3
fn without_dup_a_message_after_a_resume_is_new<M: TestMemory>() {
    let mut pair = Pair::<M>::connected();
    pair.send(&publish(QOS1, 1, "a"));
    let old = pair.expect_delivery("a");
    pair.cut();
    pair.resume(true);
    pair.send(&publish(QOS1, 1, "b"));
    let new = pair.expect_delivery("b");
    pair.ack(old);
    pair.expect(&[]);
    pair.ack(new);
    pair.expect(&[puback(1)]);
}

/// Promises: RES-1, RECV-2
/// Enforces: MQTT-4.3.3-10
fn an_acknowledged_qos_2_is_remembered<M: TestMemory>() {
    let mut pair = Pair::<M>::connected();
    pair.send(&publish(QOS2, 1, "a"));
    let delivery = pair.expect_delivery("a");
    pair.ack(delivery);
    // PUBREC is not transmitted, or is and lost.
    for _ in 0..2 {
        pair.cut();
        pair.resume(true);
        pair.exchange(&publish_again(QOS2, 1, "a"), &[pubrec(1)]);
    }
    pair.cut();
    pair.resume(true);
    // PUBREC arrived after all.
    pair.exchange(&pubrel(1), &[pubcomp(1)]);
    // PUBCOMP did not.
    pair.cut();
    pair.resume(true);
    pair.exchange(&pubrel(1), &[pubcomp_with(1, ReasonCode::PacketIdentifierNotFound)]);
}

/// PUBREL was read, PUBCOMP not transmitted.
///
/// Promises: RES-1
fn pubrel_is_answered_on_the_next_connection<M: TestMemory>() {
    let mut pair = Pair::<M>::connected();
    pair.send(&publish(QOS2, 1, "a"));
    let delivery = pair.expect_delivery("a");
    pair.ack(delivery);
    pair.transmitted();
    pair.send(&pubrel(1));
    pair.expect_events(&[]);
    pair.cut();
    pair.resume(true);
    pair.expect(&[]);
    pair.exchange(&pubrel(1), &[pubcomp(1)]);
    assert_eq!(pair.session.held(), 0);
}

/// Promises: RES-2, SEND-2
/// Enforces: MQTT-3.2.2-5
fn after_a_session_loss_each_message_has_its_fate<M: TestMemory>() {
    let mut pair = Pair::<M>::connected();
    let carried = pair.publish(QOS1, "carried 1");
    let uncertain = pair.publish(QOS2, "carried 2");
    let released = pair.publish(QOS2, "released");
    pair.transmitted();
    pair.exchange(&pubrec(3), &[pubrel(3)]);
    pair.cut();
    let [new_1, new_2] = [pair.publish(QOS1, "new 1"), pair.publish(QOS2, "new 2")];
    pair.resume(false);
    pair.expect_events(&[Seen::Indeterminate(released), Seen::Indeterminate(uncertain)]);
    // What is sent again is new to the broker: no DUP.
    pair.expect(&[
        publish(QOS1, 1, "carried 1"),
        publish(QOS1, 4, "new 1"),
        publish(QOS2, 5, "new 2"),
    ]);
    pair.send(&puback(1));
    pair.send(&puback(4));
    pair.expect_events(&[Seen::Delivered(carried, OK), Seen::Delivered(new_1, OK)]);
    pair.exchange(&pubrec(5), &[pubrel(5)]);
    pair.send(&pubcomp(5));
    pair.expect_delivered(new_2);
}

/// Promises: RES-2
fn what_a_session_loss_means_is_the_owners_choice<M: TestMemory>() {
    let run = |session_loss| {
        let mut pair = Pair::<M>::with(Config { session_loss, ..Config::new(1) });
        pair.connect();
        pair.publish(QOS1, "a");
        pair.publish(QOS2, "b");
        pair.transmitted();
        pair.cut();
        pair.resume(false);
        let sent = pair.transmitted();
        let sent: Vec<String> = decode(&sent, pair.version)
            .iter()
            .map(|packet| match packet {
                Packet::Publish(publish) if !publish.dup => {
                    String::from_utf8_lossy(publish.payload).into_owned()
                }
                other => panic!("{other:?}"),
            })
            .collect();
        (sent.concat(), pair.events().len())
    };
    assert_eq!(run(SessionLoss { qos1: true, qos2: false }), ("a".to_owned(), 1));
    assert_eq!(run(SessionLoss { qos1: false, qos2: false }), (String::new(), 2));
    assert_eq!(run(SessionLoss { qos1: true, qos2: true }), ("ab".to_owned(), 0));
}

/// What is sent again as new may expire like any other; that it was sent before stays true.
///
/// Promises: SEND-6, RES-2
fn a_message_sent_as_new_after_a_loss_expires<M: TestMemory>() {
    let mut pair = Pair::<M>::granted(&granting(&[Property::ReceiveMaximum(1)]));
    let token = pair.publish_expiring(60);
    pair.transmitted();
    // Once it is carried, it has no deadline any more.
    let waits = pair.publish_expiring(50);
    pair.pass(std::time::Duration::from_secs(50));
    pair.session.handle_timeout(pair.now);
    pair.expect_events(&[Seen::Failed(waits, Failure::Expired)]);
    pair.cut();
    assert_eq!(pair.session.poll_timeout(), None);
    pair.resume(false);
    pair.pass(std::time::Duration::from_secs(10));
    pair.expect(&[]);
    pair.expect_events(&[Seen::Indeterminate(token)]);
}

/// Promises: RES-2, RECV-2
fn a_session_loss_discards_what_was_received<M: TestMemory>() {
    let mut pair = Pair::<M>::connected();
    pair.send(&publish(QOS1, 1, "a"));
    let old = pair.expect_delivery("a");
    pair.send(&publish(QOS2, 2, "b"));
    let done = pair.expect_delivery("b");
    pair.ack(done);
    pair.expect(&[pubrec(2)]);
    pair.cut();
    pair.resume(false);
    assert_eq!(pair.session.held(), 0);
    pair.ack(old);
    pair.expect(&[]);
    // Identifiers start anew: DUP or not, these are other messages.
    pair.send(&publish_again(QOS1, 1, "c"));
    pair.expect_delivery("c");
    pair.send(&publish_again(QOS2, 2, "d"));
    pair.expect_delivery("d");
    pair.exchange(&pubrel(2), &[pubcomp_with(2, ReasonCode::PacketIdentifierNotFound)]);
}

/// Promises: CON-3, BAD-1
/// Enforces: MQTT-3.2.2-2
fn session_present_after_clean_start_is_a_violation<M: TestMemory>() {
    let mut pair = Pair::<M>::new();
    pair.open(&pair.clean());
    pair.exchange(&Packet::ConnAck(connack(true)), &[disconnect(ReasonCode::ProtocolError)]);
    assert_eq!(pair.session.closing(), Closing::AfterFlush);
    let violation = CloseReason::Violation(ViolationKind::SessionPresent);
    assert_eq!(pair.close(), [Seen::Closed(violation)]);
}

/// Promises: CON-3
fn session_present_without_state_goes_on<M: TestMemory>() {
    let mut pair = Pair::<M>::new();
    pair.resume(true);
    pair.publish(QOS1, "a");
    pair.expect(&[publish(QOS1, 1, "a")]);
}

/// A message that may have been carried and no longer fits fails; the broker lets go of its
/// identifier before another message gets it.
///
/// Promises: CON-2, RES-1
fn a_carried_message_that_no_longer_fits_fails<M: TestMemory>() {
    let mut pair = Pair::<M>::connected();
    let [one, two] = [pair.publish(QOS1, "long message"), pair.publish(QOS2, "long message")];
    pair.transmitted();
    pair.cut();
    let connack = granting(&[Property::MaximumPacketSize(12)]);
    let resume = Connect { clean_start: false, ..pair.clean() };
    pair.connect_with(&resume, &ConnAck { session_present: true, ..connack });
    let failure = Failure::NotSupported(ReasonCode::PacketTooLarge);
    pair.expect_events(&[Seen::Failed(one, failure)]);
    pair.expect(&[pubrel(2)]);
    pair.send(&pubcomp_with(2, ReasonCode::PacketIdentifierNotFound));
    pair.expect_events(&[Seen::Failed(two, failure)]);
}

/// 3.1.1 resumes alike.
///
/// Promises: RES-1, SEND-1
fn it_is_the_same_before_5_0<M: TestMemory>() {
    let mut pair = Pair::<M>::v3();
    pair.connect();
    let tokens = [pair.publish(QOS1, "a"), pair.publish(QOS2, "b"), pair.publish(QOS2, "c")];
    pair.transmitted();
    pair.exchange(&pubrec(3), &[pubrel(3)]);
    pair.cut();
    pair.resume(true);
    pair.expect(&[pubrel(3), publish_again(QOS1, 1, "a"), publish_again(QOS2, 2, "b")]);
    pair.cut();
    pair.resume(false);
    pair.expect_events(&[Seen::Indeterminate(tokens[2]), Seen::Indeterminate(tokens[1])]);
    pair.expect(&[publish(QOS1, 1, "a")]);
}

/// 3.1 does not say whether the session is there: what this end knows of it goes on, and its
/// subscriptions are made again in case it is not.
///
/// Promises: VER-1, RES-1, RES-3
fn on_3_1_a_session_goes_on_untold<M: TestMemory>() {
    let mut pair = Pair::<M>::with(Config { version: Version::V3_1, ..Config::new(1) });
    pair.connect();
    let token = pair.subscribe("a");
    pair.expect(&[subscribe(1, &[filter("a")])]);
    pair.send(&suback(1, &[ReasonCode::GrantedQoS1]));
    pair.expect_events(&[Seen::Subscribed(token, vec![ReasonCode::GrantedQoS1])]);
    let tokens = [pair.publish(QOS1, "a"), pair.publish(QOS2, "b"), pair.publish(QOS2, "c")];
    pair.transmitted();
    pair.exchange(&pubrec(4), &[pubrel(4)]);
    pair.send(&publish(QOS2, 9, "in"));
    let delivery = pair.expect_delivery("in");
    pair.ack(delivery);
    pair.expect(&[pubrec(9)]);
    pair.cut();
    pair.open(&Connect { clean_start: false, ..pair.clean() });
    pair.send(&connack(false));
    pair.expect_event(&Seen::Connected { session_present: true });
    pair.expect(&[
        pubrel(4),
        subscribe(5, &[filter("a")]),
        publish_again(QOS1, 2, "a"),
        publish_again(QOS2, 3, "b"),
    ]);
    pair.exchange(&publish_again(QOS2, 9, "in"), &[pubrec(9)]);
    pair.cut();
    // After Clean Session there is none.
    let clean = Connect { session_expiry: 0, ..pair.clean() };
    pair.connect_with(&clean, &connack(false));
    pair.expect_events(&[Seen::Indeterminate(tokens[2]), Seen::Indeterminate(tokens[1])]);
    pair.expect(&[subscribe(6, &[filter("a")]), publish(QOS1, 2, "a")]);
}

/// What the broker has not sent again on this connection does not count.
///
/// Promises: BAD-2, RES-1
/// Enforces: MQTT-3.3.4-9
fn receive_maximum_counts_messages_of_this_connection<M: TestMemory>() {
    let receive_maximum = std::num::NonZeroU16::new(2).unwrap();
    let mut pair = Pair::<M>::with(Config { receive_maximum, strict: true, ..Config::new(1) });
    pair.connect();
    pair.send(&publish(QOS2, 1, "a"));
    let delivery = pair.expect_delivery("a");
    pair.ack(delivery);
    pair.expect(&[pubrec(1)]);
    pair.send(&publish(QOS1, 2, "b"));
    pair.expect_delivery("b");
    pair.cut();
    pair.resume(true);
    for id in [3, 4] {
        pair.send(&publish(QOS1, id, ""));
        pair.expect_delivery("");
    }
    pair.exchange(&pubrel(1), &[pubcomp(1)]);
    pair.exchange(&publish(QOS1, 5, ""), &[disconnect(ReasonCode::ReceiveMaximumExceeded)]);
}

crate::on_both_memories! {
    receive_maximum_counts_messages_of_this_connection
    unacknowledged_publishes_are_sent_again_in_order
    past_pubrec_only_pubrel_is_sent_again
    the_order_survives_any_number_of_cuts
    an_answer_before_the_copy_was_sent_again_counts
    nothing_is_sent_again_on_a_live_connection
    qos_2_out_is_exactly_once_across_cuts_at_every_step
    qos_2_in_is_exactly_once_across_cuts_at_every_step
    an_ack_given_while_disconnected_answers_the_copy_sent_again
    copies_sent_again_are_acknowledged_in_their_order
    a_message_given_up_comes_again_after_a_resume
    a_message_may_be_given_up_between_two_connections
    without_dup_a_message_after_a_resume_is_new
    an_acknowledged_qos_2_is_remembered
    pubrel_is_answered_on_the_next_connection
    after_a_session_loss_each_message_has_its_fate
    what_a_session_loss_means_is_the_owners_choice
    a_message_sent_as_new_after_a_loss_expires
    a_session_loss_discards_what_was_received
    session_present_after_clean_start_is_a_violation
    session_present_without_state_goes_on
    a_carried_message_that_no_longer_fits_fails
    it_is_the_same_before_5_0
    on_3_1_a_session_goes_on_untold
}
