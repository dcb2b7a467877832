//! PUBLISH to the broker (sections 3.3 to 3.7 and 4.3).

use mqtt_proto::{Packet, Property, PubRel, Publish, ReasonCode};

use crate::conversation::Conversation;
use crate::packets::*;
use crate::talk::{Peer, Talk};

pub(crate) const CONVERSATIONS: &[Conversation] = &[
    Conversation::both("each QoS without a subscriber", each_qos_without_subscriber),
    Conversation::both("each QoS with a subscriber", each_qos_with_subscriber),
    Conversation::both("a QoS 2 message twice", a_qos_2_message_twice),
    Conversation::both("a QoS 2 message twice over a reconnect", a_qos_2_message_twice_later),
    Conversation::both("a QoS 1 message twice", a_qos_1_message_twice),
    Conversation::both("a QoS 2 identifier is free after PUBCOMP", identifier_is_free),
    Conversation::both("PUBREL for an unknown identifier", pubrel_for_unknown),
    Conversation::both("PUBREL over a reconnect", pubrel_after_reconnect),
    Conversation::both("QoS 2 interleaved", qos_2_interleaved),
    Conversation::both("QoS 1 with an identifier of QoS 2", identifier_of_another_qos),
    Conversation::both("many messages in one write", many_at_once),
    Conversation::both("an empty payload", empty_payload),
    Conversation::both("a payload of 100,000 bytes", large_payload),
    Conversation::current("all properties of PUBLISH", all_properties),
    Conversation::current("user properties keep their order", user_properties_in_order),
    Conversation::current("a topic alias", topic_alias),
    Conversation::current("a topic alias is replaced", topic_alias_is_replaced),
    Conversation::current("a topic alias ends with its connection", topic_alias_ends),
    Conversation::current("a topic alias nobody set", topic_alias_unset),
    Conversation::current("a topic alias above the maximum", topic_alias_above),
    Conversation::current("topic alias 0", topic_alias_0),
    Conversation::current("no topic and no alias", no_topic_and_no_alias),
    Conversation::current("PUBREL with a code", pubrel_with_code),
    Conversation::current("Payload Format Indicator 1 with other bytes", payload_is_no_text),
];

fn each_qos_without_subscriber(talk: &mut Talk) {
    let a = talk.client("a");
    talk.publish(a, &publish(QOS0, 0, "t"));
    talk.publish(a, &publish(QOS1, 1, "t"));
    talk.publish(a, &publish(QOS2, 2, "t"));
    talk.send(a, &pubrel(2));
}

fn each_qos_with_subscriber(talk: &mut Talk) {
    let (a, b) = (talk.client("a"), talk.client("b"));
    talk.subscribe(b, "t", QOS0);
    talk.publish(a, &publish(QOS0, 0, "t"));
    talk.publish(a, &publish(QOS1, 1, "t"));
    talk.publish(a, &publish(QOS2, 2, "t"));
    talk.send(a, &pubrel(2));
}

/// A subscriber of QoS 0 to `t`, whose name is `b`.
fn listener(talk: &mut Talk) -> Peer {
    let b = talk.client("b");
    talk.subscribe(b, "t", QOS0);
    b
}

fn again(publish: Publish<'_>) -> Publish<'_> {
    Publish { dup: true, ..publish }
}

fn a_qos_2_message_twice(talk: &mut Talk) {
    listener(talk);
    let a = talk.client("a");
    talk.publish(a, &publish(QOS2, 5, "t"));
    talk.publish(a, &again(publish(QOS2, 5, "t")));
    talk.send(a, &pubrel(5));
    talk.send(a, &pubrel(5));
}

fn a_qos_2_message_twice_later(talk: &mut Talk) {
    listener(talk);
    let a = talk.resume("a");
    talk.publish(a, &publish(QOS2, 5, "t"));
    talk.cut(a);
    let a = talk.resume("a");
    talk.publish(a, &again(publish(QOS2, 5, "t")));
    talk.send(a, &pubrel(5));
}

fn a_qos_1_message_twice(talk: &mut Talk) {
    listener(talk);
    let a = talk.client("a");
    talk.publish(a, &publish(QOS1, 5, "t"));
    talk.publish(a, &again(publish(QOS1, 5, "t")));
}

fn identifier_is_free(talk: &mut Talk) {
    listener(talk);
    let a = talk.client("a");
    for _ in 0..2 {
        talk.publish(a, &publish(QOS2, 5, "t"));
        talk.send(a, &pubrel(5));
    }
}

fn pubrel_for_unknown(talk: &mut Talk) {
    let a = talk.client("a");
    talk.send(a, &pubrel(77));
}

fn pubrel_after_reconnect(talk: &mut Talk) {
    listener(talk);
    let a = talk.resume("a");
    talk.publish(a, &publish(QOS2, 5, "t"));
    talk.cut(a);
    let a = talk.resume("a");
    talk.send(a, &pubrel(5));
    talk.publish(a, &publish(QOS2, 5, "t"));
    talk.send(a, &pubrel(5));
}

fn qos_2_interleaved(talk: &mut Talk) {
    listener(talk);
    let a = talk.client("a");
    for packet_id in [3, 1, 2] {
        talk.publish(a, &publish(QOS2, packet_id, "t"));
    }
    for packet_id in [2, 3, 1] {
        talk.send(a, &pubrel(packet_id));
    }
}

fn identifier_of_another_qos(talk: &mut Talk) {
    listener(talk);
    let a = talk.client("a");
    talk.publish(a, &publish(QOS2, 5, "t"));
    talk.publish(a, &publish(QOS1, 5, "t"));
    talk.send(a, &pubrel(5));
}

fn many_at_once(talk: &mut Talk) {
    listener(talk);
    let a = talk.client("a");
    let message = |qos, packet_id| Packet::Publish(publish(qos, packet_id, "t"));
    let packets: Vec<Packet<'_>> = (1..=12)
        .flat_map(|number| {
            let (first, second) = (2 * number, 2 * number + 1);
            [message(QOS0, 0), message(QOS1, first), message(QOS2, second), pubrel(second)]
        })
        .collect();
    talk.send_all(a, &packets);
}

fn empty_payload(talk: &mut Talk) {
    listener(talk);
    let a = talk.client("a");
    talk.publish(a, &Publish { payload: b"", ..publish(QOS1, 1, "t") });
}

fn large_payload(talk: &mut Talk) {
    listener(talk);
    let a = talk.client("a");
    let payload = vec![b'x'; 100_000];
    talk.publish(a, &Publish { payload: &payload, ..publish(QOS1, 1, "t") });
}

fn all_properties(talk: &mut Talk) {
    listener(talk);
    let a = talk.client("a");
    let properties = [
        Property::PayloadFormatIndicator(true),
        Property::MessageExpiryInterval(60),
        Property::ContentType("text/plain"),
        Property::ResponseTopic("answers"),
        Property::CorrelationData(b"\0\x01"),
        Property::UserProperty("name", "value"),
    ];
    talk.publish(a, &Publish { properties: list(&properties), ..publish(QOS1, 1, "t") });
}

fn user_properties_in_order(talk: &mut Talk) {
    listener(talk);
    let a = talk.client("a");
    let properties = [("b", "1"), ("a", "2"), ("b", "3"), ("", ""), ("a", "1")];
    let properties = properties.map(|(name, value)| Property::UserProperty(name, value));
    talk.publish(a, &Publish { properties: list(&properties), ..publish(QOS0, 0, "t") });
}

/// Publishes with a topic alias.
fn publish_as(talk: &mut Talk, peer: Peer, topic: &'static str, alias: u16) {
    let properties = [Property::TopicAlias(alias)];
    talk.publish(peer, &Publish { properties: list(&properties), ..publish(QOS0, 0, topic) });
}

fn topic_alias(talk: &mut Talk) {
    listener(talk);
    let a = talk.client("a");
    publish_as(talk, a, "t", 1);
    publish_as(talk, a, "", 1);
    publish_as(talk, a, "other", 10);
    publish_as(talk, a, "", 1);
}

fn topic_alias_is_replaced(talk: &mut Talk) {
    listener(talk);
    let a = talk.client("a");
    publish_as(talk, a, "other", 1);
    publish_as(talk, a, "t", 1);
    publish_as(talk, a, "", 1);
}

fn topic_alias_ends(talk: &mut Talk) {
    listener(talk);
    let a = talk.resume("a");
    publish_as(talk, a, "t", 1);
    talk.cut(a);
    let a = talk.resume("a");
    publish_as(talk, a, "", 1);
}

fn topic_alias_unset(talk: &mut Talk) {
    let a = talk.client("a");
    publish_as(talk, a, "", 1);
}

fn topic_alias_above(talk: &mut Talk) {
    let a = talk.client("a");
    publish_as(talk, a, "t", 11);
}

fn topic_alias_0(talk: &mut Talk) {
    let a = talk.client("a");
    talk.send_bytes(a, "PUBLISH with Topic Alias 0", b"\x30\x07\0\x01t\x03\x23\0\0");
}

fn no_topic_and_no_alias(talk: &mut Talk) {
    let a = talk.client("a");
    talk.send_bytes(a, "PUBLISH without a topic and an alias", b"\x30\x03\0\0\0");
}

fn pubrel_with_code(talk: &mut Talk) {
    listener(talk);
    let a = talk.client("a");
    talk.publish(a, &publish(QOS2, 5, "t"));
    let not_found = ack(id(5), ReasonCode::PacketIdentifierNotFound);
    talk.send(a, &Packet::PubRel(PubRel(not_found)));
    talk.publish(a, &publish(QOS2, 5, "t"));
    talk.send(a, &pubrel(5));
}

fn payload_is_no_text(talk: &mut Talk) {
    listener(talk);
    let a = talk.client("a");
    let properties = [Property::PayloadFormatIndicator(true)];
    let text = Publish { properties: list(&properties), ..publish(QOS1, 1, "t") };
    talk.publish(a, &Publish { payload: b"\xFF", ..text });
}
