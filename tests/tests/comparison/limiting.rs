//! What the broker announces, and what happens to who does not keep to it (section 3.2.2.3).

use std::num::NonZeroU32;

use mqtt_proto::{Connect, Packet, PacketId, Publish, Will};

use crate::conversation::{Conversation, Limits};
use crate::packets::*;
use crate::talk::Talk;

const SMALL: Limits = Limits {
    model: |settings| settings.maximum_packet_size = NonZeroU32::new(60),
    mosquitto: &["max_packet_size 60"],
};

const QOS_1: Limits =
    Limits { model: |settings| settings.maximum_qos = QOS1, mosquitto: &["max_qos 1"] };

/// A broker that does not say whether anybody listens.
const SILENT: Limits =
    Limits { model: |settings| settings.reports_no_subscribers = false, mosquitto: &[] };

pub(crate) const CONVERSATIONS: &[Conversation] = &[
    Conversation::current("a packet above Maximum Packet Size", too_large).limits(SMALL),
    Conversation::current("a packet of Maximum Packet Size", just_not_too_large).limits(SMALL),
    Conversation::current("PUBLISH above Maximum QoS", above_maximum_qos).limits(QOS_1),
    Conversation::current("a subscription above Maximum QoS", granted_maximum_qos).limits(QOS_1),
    Conversation::both("a forbidden topic", forbidden_topic),
    Conversation::both("a forbidden filter", forbidden_filter),
    Conversation::both("a forbidden Will Topic", forbidden_will_topic),
    Conversation::current("above Receive Maximum", above_receive_maximum).limits(SILENT),
    Conversation::current("as many as Receive Maximum", just_receive_maximum).limits(SILENT),
    Conversation::current("QoS 1 above Receive Maximum", qos_1_above_receive_maximum)
        .limits(SILENT),
];

fn too_large(talk: &mut Talk) {
    let a = talk.client("a");
    talk.publish(a, &Publish { payload: &[b'x'; 60], ..publish(QOS1, 1, "t") });
}

fn just_not_too_large(talk: &mut Talk) {
    let a = talk.client("a");
    // 2 bytes of fixed header, 3 of topic, 2 of identifier, 1 of properties.
    talk.publish(a, &Publish { payload: &[b'x'; 52], ..publish(QOS1, 1, "t") });
}

fn above_maximum_qos(talk: &mut Talk) {
    let a = talk.client("a");
    talk.publish(a, &publish(QOS1, 1, "t"));
    talk.publish(a, &publish(QOS2, 2, "t"));
}

fn granted_maximum_qos(talk: &mut Talk) {
    let a = talk.client("a");
    talk.subscribe(a, "t", QOS2);
    talk.publish(a, &publish(QOS1, 1, "t"));
}

fn forbidden_topic(talk: &mut Talk) {
    let (a, b) = (talk.client("a"), talk.client("b"));
    talk.subscribe(b, "#", QOS0);
    talk.publish(a, &publish(QOS1, 1, "forbidden/x"));
    talk.publish(a, &publish(QOS2, 2, "forbidden/x"));
    talk.publish(a, &publish(QOS0, 0, "forbidden/x"));
}

fn forbidden_filter(talk: &mut Talk) {
    let a = talk.client("a");
    talk.send(a, &subscribe(3, &[filter("x", QOS1), filter("forbidden/#", QOS1)]));
}

fn forbidden_will_topic(talk: &mut Talk) {
    let b = talk.client("b");
    talk.subscribe(b, "#", QOS0);
    let will = Some(Will { topic: "forbidden/x", ..WILL });
    let a = talk.connect("a", &Connect { will, ..connect("a") });
    talk.cut(a);
}

/// So many QoS 2 messages without PUBREL.
fn unreleased(count: u16) -> Vec<Packet<'static>> {
    let message = |number| {
        Packet::Publish(Publish { packet_id: PacketId::new(number), ..publish(QOS2, 0, "t") })
    };
    (1..=count).map(message).collect()
}

fn above_receive_maximum(talk: &mut Talk) {
    let a = talk.client("a");
    talk.send_all(a, &unreleased(20));
    talk.publish(a, &publish(QOS2, 21, "t"));
}

fn just_receive_maximum(talk: &mut Talk) {
    let a = talk.client("a");
    talk.send_all(a, &unreleased(20));
    talk.send(a, &pubrel(1));
    talk.publish(a, &publish(QOS2, 21, "t"));
    for packet_id in 2..=21 {
        talk.send(a, &pubrel(packet_id));
    }
}

fn qos_1_above_receive_maximum(talk: &mut Talk) {
    let a = talk.client("a");
    talk.send_all(a, &unreleased(20));
    talk.publish(a, &publish(QOS1, 22, "t"));
}
