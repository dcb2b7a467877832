//! PUBLISH from the broker, and what clients answer (sections 3.3.4, 4.3, 4.4, 4.6 and 4.9).

use std::time::Duration;

use mqtt_proto::{Packet, PacketId, Property, PubAck, PubRec, Publish, ReasonCode};

use crate::conversation::{Conversation, Limits};
use crate::packets::*;
use crate::talk::{Peer, Talk};

const ALIASES: Limits =
    Limits { model: |settings| settings.outbound_aliases = true, mosquitto: &[] };

pub(crate) const CONVERSATIONS: &[Conversation] = &[
    Conversation::all("each QoS is delivered", each_qos_is_delivered),
    Conversation::both("the lower QoS is delivered", the_lower_qos_is_delivered),
    Conversation::both("acknowledgements out of order", acknowledged_out_of_order),
    Conversation::both("QoS 2 acknowledged out of order", qos_2_out_of_order),
    Conversation::both("PUBREC twice", pubrec_twice),
    Conversation::both("PUBACK for an unknown identifier", stray_puback),
    Conversation::both("PUBREC for an unknown identifier", stray_pubrec),
    Conversation::both("PUBCOMP for an unknown identifier", stray_pubcomp),
    Conversation::both("PUBACK for QoS 2", puback_for_qos_2),
    Conversation::both("PUBREC for QoS 1", pubrec_for_qos_1),
    Conversation::both("PUBCOMP for QoS 1", pubcomp_for_qos_1),
    Conversation::both("PUBCOMP before PUBREC", pubcomp_before_pubrec),
    Conversation::both("nothing is repeated on one connection", nothing_is_repeated),
    Conversation::all("what has no PUBACK is sent again", without_puback_again),
    Conversation::both("what has no PUBREC is sent again", without_pubrec_again),
    Conversation::both("PUBREL is sent again", pubrel_again),
    Conversation::both("all states are resumed in order", all_states_are_resumed),
    Conversation::both("acknowledged on the next connection", acknowledged_later),
    Conversation::both("more than 20 unacknowledged messages", more_than_20),
    Conversation::current("Receive Maximum 1", receive_maximum_1),
    Conversation::current("Receive Maximum 2", receive_maximum_2),
    Conversation::current("Receive Maximum 2 and QoS 0", receive_maximum_and_qos_0),
    Conversation::current("Receive Maximum on resuming", receive_maximum_resumed),
    Conversation::current("a smaller Receive Maximum on resuming", receive_maximum_shrinks),
    Conversation::current("Receive Maximum and QoS 2", receive_maximum_qos_2),
    Conversation::current("PUBACK with an error", puback_with_error),
    Conversation::current("PUBREC with an error", pubrec_with_error),
    Conversation::current("PUBREC with an error for an unknown identifier", stray_failing_pubrec),
    Conversation::current("messages larger than the client takes", too_large_for_the_client),
    Conversation::current("a client that takes topic aliases", takes_aliases).limits(ALIASES),
    Conversation::current("a client that takes no topic alias", takes_no_alias).limits(ALIASES),
    Conversation::current("a message expires in the queue", expires_in_the_queue),
    Conversation::current("the expiry interval counts down", expiry_counts_down),
    Conversation::current("a message in flight does not expire", in_flight_does_not_expire),
    Conversation::current("expiry interval 0", expiry_interval_0),
];

/// `b` sends `n` messages of this QoS on `t`, numbered from `first`.
fn tell(talk: &mut Talk, b: Peer, qos: mqtt_proto::QoS, numbers: std::ops::RangeInclusive<u16>) {
    for number in numbers {
        let payload = number.to_string();
        let packet_id = PacketId::new(number).filter(|_| qos != QOS0);
        let publish = Publish { packet_id, payload: payload.as_bytes(), ..publish(qos, 0, "t") };
        talk.publish(b, &publish);
        if qos == QOS2 {
            talk.send(b, &pubrel(number));
        }
    }
}

/// `a`, a client with a session that is kept, subscribed to `t`; and `b`.
fn two(talk: &mut Talk) -> (Peer, Peer) {
    let a = talk.resume("a");
    talk.subscribe(a, "t", QOS2);
    (a, talk.client("b"))
}

fn acknowledge(talk: &mut Talk, a: Peer, nth: usize) {
    let id = talk.id(a, nth);
    talk.send(a, &puback(id));
}

fn receive(talk: &mut Talk, a: Peer, nth: usize) {
    let id = talk.id(a, nth);
    talk.send(a, &pubrec(id));
}

fn complete(talk: &mut Talk, a: Peer, nth: usize) {
    let id = talk.id(a, nth);
    talk.send(a, &pubcomp(id));
}

fn each_qos_is_delivered(talk: &mut Talk) {
    let (a, b) = two(talk);
    tell(talk, b, QOS0, 1..=1);
    tell(talk, b, QOS1, 2..=2);
    acknowledge(talk, a, 1);
    tell(talk, b, QOS2, 3..=3);
    receive(talk, a, 2);
    complete(talk, a, 2);
    tell(talk, b, QOS1, 4..=4);
    acknowledge(talk, a, 3);
}

fn the_lower_qos_is_delivered(talk: &mut Talk) {
    let (a, b) = two(talk);
    for granted in [QOS0, QOS1, QOS2] {
        talk.subscribe(a, "t", granted);
        tell(talk, b, QOS0, 1..=1);
        tell(talk, b, QOS1, 2..=2);
        tell(talk, b, QOS2, 3..=3);
    }
}

fn acknowledged_out_of_order(talk: &mut Talk) {
    let (a, b) = two(talk);
    tell(talk, b, QOS1, 1..=3);
    for nth in [2, 3, 1] {
        acknowledge(talk, a, nth);
    }
}

fn qos_2_out_of_order(talk: &mut Talk) {
    let (a, b) = two(talk);
    tell(talk, b, QOS2, 1..=3);
    for nth in [2, 3, 1] {
        receive(talk, a, nth);
    }
    for nth in [3, 1, 2] {
        complete(talk, a, nth);
    }
}

fn pubrec_twice(talk: &mut Talk) {
    let (a, b) = two(talk);
    tell(talk, b, QOS2, 1..=1);
    receive(talk, a, 1);
    receive(talk, a, 1);
    complete(talk, a, 1);
    complete(talk, a, 1);
}

fn stray_puback(talk: &mut Talk) {
    let (a, _) = two(talk);
    talk.send(a, &puback(id(900)));
}

fn stray_pubrec(talk: &mut Talk) {
    let (a, _) = two(talk);
    talk.send(a, &pubrec(id(900)));
}

fn stray_pubcomp(talk: &mut Talk) {
    let (a, _) = two(talk);
    talk.send(a, &pubcomp(id(900)));
}

fn puback_for_qos_2(talk: &mut Talk) {
    let (a, b) = two(talk);
    tell(talk, b, QOS2, 1..=1);
    acknowledge(talk, a, 1);
}

fn pubrec_for_qos_1(talk: &mut Talk) {
    let (a, b) = two(talk);
    tell(talk, b, QOS1, 1..=1);
    receive(talk, a, 1);
}

fn pubcomp_for_qos_1(talk: &mut Talk) {
    let (a, b) = two(talk);
    tell(talk, b, QOS1, 1..=1);
    complete(talk, a, 1);
}

fn pubcomp_before_pubrec(talk: &mut Talk) {
    let (a, b) = two(talk);
    tell(talk, b, QOS2, 1..=1);
    complete(talk, a, 1);
}

fn nothing_is_repeated(talk: &mut Talk) {
    let (_, b) = two(talk);
    tell(talk, b, QOS1, 1..=1);
    tell(talk, b, QOS2, 2..=2);
    talk.wait(Duration::from_secs(4));
}

fn without_puback_again(talk: &mut Talk) {
    let (a, b) = two(talk);
    tell(talk, b, QOS1, 1..=3);
    acknowledge(talk, a, 2);
    talk.cut(a);
    tell(talk, b, QOS1, 4..=5);
    let a = talk.resume("a");
    for nth in [1, 3, 4, 5] {
        acknowledge(talk, a, nth);
    }
    talk.cut(a);
    talk.resume("a");
}

fn without_pubrec_again(talk: &mut Talk) {
    let (a, b) = two(talk);
    tell(talk, b, QOS2, 1..=2);
    talk.cut(a);
    let a = talk.resume("a");
    receive(talk, a, 1);
    complete(talk, a, 1);
    talk.cut(a);
    talk.resume("a");
}

fn pubrel_again(talk: &mut Talk) {
    let (a, b) = two(talk);
    tell(talk, b, QOS2, 1..=1);
    receive(talk, a, 1);
    talk.cut(a);
    let a = talk.resume("a");
    complete(talk, a, 1);
    talk.cut(a);
    talk.resume("a");
}

fn all_states_are_resumed(talk: &mut Talk) {
    let (a, b) = two(talk);
    tell(talk, b, QOS1, 1..=1);
    tell(talk, b, QOS2, 2..=3);
    tell(talk, b, QOS1, 4..=4);
    tell(talk, b, QOS0, 5..=5);
    receive(talk, a, 3);
    talk.cut(a);
    tell(talk, b, QOS0, 6..=6);
    tell(talk, b, QOS2, 7..=7);
    talk.resume("a");
}

fn acknowledged_later(talk: &mut Talk) {
    let (a, b) = two(talk);
    tell(talk, b, QOS1, 1..=1);
    tell(talk, b, QOS2, 2..=2);
    talk.cut(a);
    let a = talk.resume("a");
    acknowledge(talk, a, 1);
    receive(talk, a, 2);
    complete(talk, a, 2);
    talk.cut(a);
    talk.resume("a");
}

fn more_than_20(talk: &mut Talk) {
    let (a, b) = two(talk);
    tell(talk, b, QOS1, 1..=25);
    for nth in 1..=25 {
        acknowledge(talk, a, nth);
    }
}

/// Like `two`, where `a` has this Receive Maximum.
fn two_with(talk: &mut Talk, receive_maximum: u16) -> (Peer, Peer) {
    let a = talk.resume_with("a", &[Property::ReceiveMaximum(receive_maximum)]);
    talk.subscribe(a, "t", QOS2);
    (a, talk.client("b"))
}

fn receive_maximum_1(talk: &mut Talk) {
    let (a, b) = two_with(talk, 1);
    tell(talk, b, QOS1, 1..=3);
    for nth in 1..=3 {
        acknowledge(talk, a, nth);
    }
}

fn receive_maximum_2(talk: &mut Talk) {
    let (a, b) = two_with(talk, 2);
    tell(talk, b, QOS1, 1..=5);
    for nth in 1..=5 {
        acknowledge(talk, a, nth);
    }
}

fn receive_maximum_and_qos_0(talk: &mut Talk) {
    let (a, b) = two_with(talk, 2);
    tell(talk, b, QOS1, 1..=3);
    tell(talk, b, QOS0, 4..=4);
    for nth in 1..=3 {
        acknowledge(talk, a, nth);
    }
}

fn receive_maximum_resumed(talk: &mut Talk) {
    let (a, b) = two_with(talk, 2);
    tell(talk, b, QOS1, 1..=4);
    talk.cut(a);
    let a = talk.resume_with("a", &[Property::ReceiveMaximum(2)]);
    for nth in 1..=4 {
        acknowledge(talk, a, nth);
    }
}

fn receive_maximum_shrinks(talk: &mut Talk) {
    let (a, b) = two_with(talk, 3);
    tell(talk, b, QOS1, 1..=3);
    talk.cut(a);
    let a = talk.resume_with("a", &[Property::ReceiveMaximum(1)]);
    for nth in 1..=3 {
        acknowledge(talk, a, nth);
    }
}

fn receive_maximum_qos_2(talk: &mut Talk) {
    let (a, b) = two_with(talk, 1);
    tell(talk, b, QOS2, 1..=2);
    receive(talk, a, 1);
    complete(talk, a, 1);
    receive(talk, a, 2);
    complete(talk, a, 2);
}

fn puback_with_error(talk: &mut Talk) {
    let (a, b) = two(talk);
    tell(talk, b, QOS1, 1..=1);
    let refused = ack(talk.id(a, 1), ReasonCode::NotAuthorized);
    talk.send(a, &Packet::PubAck(PubAck(refused)));
    talk.cut(a);
    talk.resume("a");
}

fn pubrec_with_error(talk: &mut Talk) {
    let (a, b) = two(talk);
    tell(talk, b, QOS2, 1..=1);
    let refused = ack(talk.id(a, 1), ReasonCode::NotAuthorized);
    talk.send(a, &Packet::PubRec(PubRec(refused)));
    talk.cut(a);
    talk.resume("a");
}

fn stray_failing_pubrec(talk: &mut Talk) {
    let (a, _) = two(talk);
    let refused = ack(id(900), ReasonCode::NotAuthorized);
    talk.send(a, &Packet::PubRec(PubRec(refused)));
}

fn too_large_for_the_client(talk: &mut Talk) {
    let a = talk.resume_with("a", &[Property::MaximumPacketSize(40)]);
    talk.subscribe(a, "t", QOS2);
    let b = talk.client("b");
    for qos in [QOS0, QOS1] {
        let packet_id = PacketId::new(1).filter(|_| qos != QOS0);
        let large = Publish { packet_id, payload: &[b'x'; 60], ..publish(qos, 0, "t") };
        talk.publish(b, &large);
    }
    tell(talk, b, QOS1, 2..=2);
    acknowledge(talk, a, 1);
}

fn takes_aliases(talk: &mut Talk) {
    let a = talk.resume_with("a", &[Property::TopicAliasMaximum(1)]);
    talk.subscribe(a, "#", QOS0);
    let b = talk.client("b");
    for topic in ["t", "t", "u", "t"] {
        talk.publish(b, &publish(QOS0, 0, topic));
    }
}

fn takes_no_alias(talk: &mut Talk) {
    let (a, b) = two(talk);
    tell(talk, b, QOS0, 1..=2);
    talk.leave(a);
}

/// `b` sends a message of QoS 1 with this expiry interval on `t`.
fn tell_for(talk: &mut Talk, b: Peer, packet_id: u16, seconds: u32) {
    let properties = [Property::MessageExpiryInterval(seconds)];
    let publish = Publish { properties: list(&properties), ..publish(QOS1, packet_id, "t") };
    talk.publish(b, &publish);
}

fn expires_in_the_queue(talk: &mut Talk) {
    let (a, b) = two(talk);
    talk.cut(a);
    tell_for(talk, b, 1, 1);
    tell_for(talk, b, 2, 60);
    talk.wait(Duration::from_millis(2500));
    talk.resume("a");
}

fn expiry_counts_down(talk: &mut Talk) {
    let (a, b) = two(talk);
    tell_for(talk, b, 1, 10);
    talk.cut(a);
    tell_for(talk, b, 2, 10);
    talk.wait(Duration::from_secs(6));
    talk.resume("a");
}

fn in_flight_does_not_expire(talk: &mut Talk) {
    let (a, b) = two(talk);
    tell_for(talk, b, 1, 1);
    talk.cut(a);
    talk.wait(Duration::from_millis(2500));
    talk.resume("a");
}

fn expiry_interval_0(talk: &mut Talk) {
    let (a, b) = two(talk);
    tell_for(talk, b, 1, 0);
    talk.cut(a);
    tell_for(talk, b, 2, 0);
    talk.wait(Duration::from_millis(1500));
    talk.resume("a");
}
