//! What this end sends again after a connection that broke.

use mqtt_session::proto::{ConnAck, Packet, Property, ReasonCode, Version};
use mqtt_session::{Config, Connect, Failure};

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

crate::on_both_memories! {
    unacknowledged_publishes_are_sent_again_in_order
    past_pubrec_only_pubrel_is_sent_again
    the_order_survives_any_number_of_cuts
    an_answer_before_the_copy_was_sent_again_counts
    nothing_is_sent_again_on_a_live_connection
    qos_2_out_is_exactly_once_across_cuts_at_every_step
    a_carried_message_that_no_longer_fits_fails
    it_is_the_same_before_5_0
    on_3_1_a_session_goes_on_untold
}
