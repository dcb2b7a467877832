//! Shared subscriptions (section 4.8.2).

use mqtt_proto::{Packet, Property, PubAck, QoS, ReasonCode, RetainHandling, SubscriptionOptions};

use crate::conversation::Conversation;
use crate::packets::*;
use crate::talk::{Peer, Talk};

pub(crate) const CONVERSATIONS: &[Conversation] = &[
    Conversation::current("one member", one_member),
    Conversation::current("one of two members", one_of_two_members),
    Conversation::current("each group gets a copy", each_group),
    Conversation::current("shared and not shared", shared_and_not),
    Conversation::current("the QoS of the member", qos_of_the_member),
    Conversation::current("a shared subscription gets no retained message", no_retained),
    Conversation::current("the identifier of a shared subscription", with_identifier),
    Conversation::current("a member leaves", a_member_leaves),
    Conversation::current("a member that is away", a_member_away),
    Conversation::current("a member refuses", a_member_refuses),
    Conversation::current("QoS 2 goes on with the same member", the_same_member),
    Conversation::current("No Local on a shared subscription", no_local),
    Conversation::current("a share without a name", no_share_name),
    Conversation::current("a share without a filter", no_shared_filter),
    Conversation::current("a ShareName with a wildcard", wildcard_share_name),
    Conversation::current("a shared filter with an empty level", empty_level),
    Conversation::both("publishing to $share", publishing_to_share),
];

/// Publishes on `t`.
fn tell(talk: &mut Talk, peer: Peer, qos: QoS, packet_id: u16) {
    talk.publish(peer, &publish(qos, packet_id, "t"));
}

fn one_member(talk: &mut Talk) {
    let (a, b) = (talk.client("a"), talk.client("b"));
    talk.subscribe(a, "$share/g/t", QOS1);
    tell(talk, b, QOS0, 0);
    tell(talk, b, QOS1, 1);
    talk.send(a, &unsubscribe(2, &["$share/g/t", "t"]));
    tell(talk, b, QOS0, 0);
}

fn one_of_two_members(talk: &mut Talk) {
    let (a, b, c) = (talk.client("a"), talk.client("b"), talk.client("c"));
    talk.subscribe(a, "$share/g/t", QOS0);
    talk.subscribe(b, "$share/g/t", QOS0);
    for _ in 0..4 {
        tell(talk, c, QOS0, 0);
    }
}

fn each_group(talk: &mut Talk) {
    let (a, b) = (talk.client("a"), talk.client("b"));
    talk.subscribe(a, "$share/g/t", QOS0);
    talk.subscribe(b, "$share/h/t", QOS0);
    tell(talk, a, QOS0, 0);
}

fn shared_and_not(talk: &mut Talk) {
    let (a, b) = (talk.client("a"), talk.client("b"));
    talk.subscribe(a, "$share/g/t", QOS0);
    talk.subscribe(a, "t", QOS0);
    tell(talk, b, QOS0, 0);
}

fn qos_of_the_member(talk: &mut Talk) {
    let (a, b) = (talk.client("a"), talk.client("b"));
    talk.subscribe(a, "$share/g/t", QOS1);
    tell(talk, b, QOS2, 1);
    talk.send(b, &pubrel(1));
}

fn no_retained(talk: &mut Talk) {
    let a = talk.client("a");
    talk.publish(a, &retained("t", "kept"));
    talk.subscribe(a, "$share/g/t", QOS0);
    let retain_handling = RetainHandling::SendIfNew;
    let options = SubscriptionOptions { retain_handling, ..SubscriptionOptions::default() };
    let filters = [mqtt_proto::Subscription { filter: "$share/h/t", options }];
    talk.send(a, &subscribe(2, &filters));
}

fn with_identifier(talk: &mut Talk) {
    let a = talk.client("a");
    let properties = [Property::SubscriptionIdentifier(5)];
    talk.send(a, &subscribe_with(1, &[filter("$share/g/t", QOS0)], list(&properties)));
    tell(talk, a, QOS0, 0);
}

fn a_member_leaves(talk: &mut Talk) {
    let (a, b, c) = (talk.client("a"), talk.client("b"), talk.client("c"));
    talk.subscribe(a, "$share/g/t", QOS0);
    talk.subscribe(b, "$share/g/t", QOS0);
    talk.leave(a);
    for _ in 0..3 {
        tell(talk, c, QOS0, 0);
    }
}

fn a_member_away(talk: &mut Talk) {
    let (a, b) = (talk.resume("a"), talk.client("b"));
    talk.subscribe(a, "$share/g/t", QOS1);
    talk.cut(a);
    tell(talk, b, QOS1, 1);
    talk.resume("a");
}

fn a_member_refuses(talk: &mut Talk) {
    let (a, b, c) = (talk.client("a"), talk.client("b"), talk.client("c"));
    talk.subscribe(a, "$share/g/t", QOS1);
    tell(talk, c, QOS1, 1);
    talk.subscribe(b, "$share/g/t", QOS1);
    let refused = ack(talk.id(a, 1), ReasonCode::NotAuthorized);
    talk.send(a, &Packet::PubAck(PubAck(refused)));
}

fn the_same_member(talk: &mut Talk) {
    let (a, c) = (talk.resume("a"), talk.client("c"));
    talk.subscribe(a, "$share/g/t", QOS2);
    tell(talk, c, QOS2, 1);
    talk.send(c, &pubrel(1));
    let b = talk.client("b");
    talk.subscribe(b, "$share/g/t", QOS2);
    talk.cut(a);
    let a = talk.resume("a");
    let id = talk.id(a, 1);
    talk.send(a, &pubrec(id));
    talk.send(a, &pubcomp(id));
}

fn no_local(talk: &mut Talk) {
    let a = talk.client("a");
    let bytes = b"\x82\x10\0\x01\0\0\x0A$share/g/t\x04";
    talk.send_bytes(a, "SUBSCRIBE $share/g/t with No Local", bytes);
}

fn no_share_name(talk: &mut Talk) {
    let a = talk.client("a");
    talk.send_bytes(a, "SUBSCRIBE $share//t", b"\x82\x0F\0\x01\0\0\x09$share//t\0");
}

fn no_shared_filter(talk: &mut Talk) {
    let a = talk.client("a");
    talk.send_bytes(a, "SUBSCRIBE $share/g", b"\x82\x0E\0\x01\0\0\x08$share/g\0");
}

fn wildcard_share_name(talk: &mut Talk) {
    let a = talk.client("a");
    talk.send_bytes(a, "SUBSCRIBE $share/+/t", b"\x82\x10\0\x01\0\0\x0A$share/+/t\0");
}

fn empty_level(talk: &mut Talk) {
    let (a, b) = (talk.client("a"), talk.client("b"));
    talk.subscribe(a, "$share/g//x", QOS0);
    talk.publish(b, &publish(QOS0, 0, "/x"));
    talk.publish(b, &publish(QOS0, 0, "x"));
}

fn publishing_to_share(talk: &mut Talk) {
    let (a, b) = (talk.client("a"), talk.client("b"));
    talk.subscribe(a, "t", QOS0);
    talk.publish(b, &publish(QOS0, 0, "$share/g/t"));
}
