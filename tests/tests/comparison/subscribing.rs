//! SUBSCRIBE, UNSUBSCRIBE and which topics match (sections 3.8 to 3.11 and 4.7).

use mqtt_proto::{Property, RetainHandling, Subscription, SubscriptionOptions};

use crate::conversation::Conversation;
use crate::packets::*;
use crate::talk::{Peer, Talk};

pub(crate) const CONVERSATIONS: &[Conversation] = &[
    Conversation::both("each QoS is granted", each_qos_is_granted),
    Conversation::both("several filters in one SUBSCRIBE", several_filters),
    Conversation::both("a filter twice in one SUBSCRIBE", a_filter_twice),
    Conversation::both("a subscription is replaced", a_subscription_is_replaced),
    Conversation::both("wildcards", wildcards),
    Conversation::both("topics with empty levels", empty_levels),
    Conversation::both("topics that begin with $", dollar_topics),
    Conversation::both("topics tell capitals and forms apart", exact_topics),
    Conversation::all("UNSUBSCRIBE", unsubscribe_some),
    Conversation::both("UNSUBSCRIBE by another filter that matches", unsubscribe_other),
    Conversation::both("overlapping filters", overlapping),
    Conversation::both("overlapping filters of several QoS", overlapping_qos),
    Conversation::current("overlapping filters with identifiers", overlapping_identifiers),
    Conversation::current("a Subscription Identifier is replaced", identifier_is_replaced),
    Conversation::current("the largest Subscription Identifier", largest_identifier),
    Conversation::current("No Local", no_local),
    Conversation::current("Retain As Published", retain_as_published),
    Conversation::current("Retain Handling", retain_handling),
    Conversation::current("Retain Handling for a filter there is", retain_handling_again),
    Conversation::current("user properties in SUBSCRIBE", user_properties),
    Conversation::both("SUBSCRIBE with an identifier in use", identifier_in_use),
];

fn each_qos_is_granted(talk: &mut Talk) {
    let a = talk.client("a");
    for qos in [QOS0, QOS1, QOS2] {
        talk.subscribe(a, "t", qos);
        talk.publish(a, &publish(QOS0, 0, "t"));
    }
}

fn several_filters(talk: &mut Talk) {
    let a = talk.client("a");
    let filters = [filter("a", QOS0), filter("b/+", QOS1), filter("c/#", QOS2)];
    talk.send(a, &subscribe(7, &filters));
}

fn a_filter_twice(talk: &mut Talk) {
    let a = talk.client("a");
    let filters = [filter("t", QOS1), filter("t", QOS0)];
    talk.send(a, &subscribe(7, &filters));
    talk.publish(a, &publish(QOS1, 1, "t"));
}

fn a_subscription_is_replaced(talk: &mut Talk) {
    let a = talk.client("a");
    talk.subscribe(a, "t", QOS1);
    talk.subscribe(a, "t", QOS0);
    talk.publish(a, &publish(QOS1, 1, "t"));
}

/// Publishes on each of these topics.
fn publish_on(talk: &mut Talk, peer: Peer, topics: &[&'static str]) {
    for topic in topics {
        talk.publish(peer, &publish(QOS0, 0, topic));
    }
}

fn wildcards(talk: &mut Talk) {
    let (a, b) = (talk.client("a"), talk.client("b"));
    talk.subscribe(a, "sport/tennis/#", QOS0);
    publish_on(talk, b, &["sport/tennis", "sport/tennis/a", "sport/tennis/a/b", "sport/tennis2"]);
    let c = talk.client("c");
    talk.subscribe(c, "sport/+", QOS0);
    publish_on(talk, b, &["sport", "sport/", "sport/a", "sport/a/b"]);
    let d = talk.client("d");
    talk.subscribe(d, "+/+/x", QOS0);
    publish_on(talk, b, &["a/b/x", "a/b/y", "//x"]);
    let e = talk.client("e");
    talk.subscribe(e, "#", QOS0);
    publish_on(talk, b, &["z", "/"]);
}

fn empty_levels(talk: &mut Talk) {
    let (a, b) = (talk.client("a"), talk.client("b"));
    talk.subscribe(a, "/+", QOS0);
    publish_on(talk, b, &["/finance", "finance", "/"]);
    let c = talk.client("c");
    talk.subscribe(c, "a//b", QOS0);
    publish_on(talk, b, &["a//b", "a/b", "a/x/b"]);
}

fn dollar_topics(talk: &mut Talk) {
    let (a, b) = (talk.client("a"), talk.client("b"));
    talk.subscribe(a, "#", QOS0);
    talk.subscribe(a, "+/x", QOS0);
    publish_on(talk, b, &["$own/x"]);
    talk.subscribe(a, "$own/#", QOS0);
    publish_on(talk, b, &["$own/x"]);
}

fn exact_topics(talk: &mut Talk) {
    let (a, b) = (talk.client("a"), talk.client("b"));
    talk.subscribe(a, "\u{E9}", QOS0);
    publish_on(talk, b, &["e\u{301}", "\u{C9}", "\u{E9}"]);
    talk.subscribe(a, "\u{FEFF}t", QOS0);
    publish_on(talk, b, &["t", "\u{FEFF}t"]);
}

fn unsubscribe_some(talk: &mut Talk) {
    let a = talk.client("a");
    talk.subscribe(a, "a", QOS0);
    talk.subscribe(a, "b", QOS0);
    talk.send(a, &unsubscribe(9, &["a", "c"]));
    publish_on(talk, a, &["a", "b"]);
    talk.send(a, &unsubscribe(10, &["a"]));
}

fn unsubscribe_other(talk: &mut Talk) {
    let a = talk.client("a");
    talk.subscribe(a, "a/#", QOS0);
    talk.send(a, &unsubscribe(9, &["a/b", "#"]));
    publish_on(talk, a, &["a/b"]);
}

fn overlapping(talk: &mut Talk) {
    let (a, b) = (talk.client("a"), talk.client("b"));
    talk.subscribe(a, "t/#", QOS0);
    talk.subscribe(a, "t/+", QOS0);
    publish_on(talk, b, &["t/x"]);
}

fn overlapping_qos(talk: &mut Talk) {
    let (a, b) = (talk.client("a"), talk.client("b"));
    talk.subscribe(a, "t/#", QOS0);
    talk.subscribe(a, "t/+", QOS2);
    talk.publish(b, &publish(QOS1, 1, "t/x"));
}

/// Subscribes with an identifier.
fn subscribe_as(talk: &mut Talk, peer: Peer, topic_filter: &str, identifier: u32) {
    let properties = [Property::SubscriptionIdentifier(identifier)];
    let filters = [filter(topic_filter, QOS0)];
    talk.send(peer, &subscribe_with(1, &filters, list(&properties)));
}

fn overlapping_identifiers(talk: &mut Talk) {
    let (a, b) = (talk.client("a"), talk.client("b"));
    subscribe_as(talk, a, "t/#", 1);
    subscribe_as(talk, a, "t/+", 2);
    subscribe_as(talk, a, "u", 2);
    publish_on(talk, b, &["t/x", "t", "u"]);
}

fn identifier_is_replaced(talk: &mut Talk) {
    let a = talk.client("a");
    subscribe_as(talk, a, "t", 1);
    publish_on(talk, a, &["t"]);
    subscribe_as(talk, a, "t", 2);
    publish_on(talk, a, &["t"]);
    talk.subscribe(a, "t", QOS0);
    publish_on(talk, a, &["t"]);
}

fn largest_identifier(talk: &mut Talk) {
    let a = talk.client("a");
    subscribe_as(talk, a, "t", 268_435_455);
    publish_on(talk, a, &["t"]);
}

/// Subscribes with options.
fn subscribe_so(talk: &mut Talk, peer: Peer, filter: &str, options: SubscriptionOptions) {
    talk.send(peer, &subscribe(1, &[Subscription { filter, options }]));
}

fn no_local(talk: &mut Talk) {
    let (a, b) = (talk.client("a"), talk.client("b"));
    let options = SubscriptionOptions { no_local: true, ..SubscriptionOptions::default() };
    subscribe_so(talk, a, "t", options);
    talk.publish(a, &publish(QOS1, 1, "t"));
    talk.publish(b, &publish(QOS1, 1, "t"));
    talk.publish(a, &retained("t", "kept"));
    let c = talk.client("c");
    subscribe_so(talk, c, "t", options);
}

fn retain_as_published(talk: &mut Talk) {
    let (a, b) = (talk.client("a"), talk.client("b"));
    let options =
        SubscriptionOptions { retain_as_published: true, ..SubscriptionOptions::default() };
    subscribe_so(talk, a, "t", options);
    talk.subscribe(b, "t", QOS0);
    talk.publish(a, &retained("t", "kept"));
    talk.publish(a, &publish(QOS0, 0, "t"));
    talk.publish(a, &retained("t", ""));
}

const HANDLINGS: [RetainHandling; 3] =
    [RetainHandling::Send, RetainHandling::SendIfNew, RetainHandling::DoNotSend];

fn retain_handling(talk: &mut Talk) {
    let a = talk.client("a");
    talk.publish(a, &retained("t", "kept"));
    for retain_handling in HANDLINGS {
        let options = SubscriptionOptions { retain_handling, ..SubscriptionOptions::default() };
        subscribe_so(talk, a, "t", options);
        talk.send(a, &unsubscribe(2, &["t"]));
    }
}

fn retain_handling_again(talk: &mut Talk) {
    let a = talk.client("a");
    talk.publish(a, &retained("t", "kept"));
    talk.subscribe(a, "t", QOS0);
    for retain_handling in HANDLINGS {
        let options = SubscriptionOptions { retain_handling, ..SubscriptionOptions::default() };
        subscribe_so(talk, a, "t", options);
    }
}

fn user_properties(talk: &mut Talk) {
    let a = talk.client("a");
    let properties = [Property::UserProperty("a", "1")];
    talk.send(a, &subscribe_with(1, &[filter("t", QOS0)], list(&properties)));
}

fn identifier_in_use(talk: &mut Talk) {
    let (a, b) = (talk.client("a"), talk.client("b"));
    talk.subscribe(b, "t", QOS0);
    talk.publish(a, &publish(QOS2, 7, "t"));
    talk.send(a, &subscribe(7, &[filter("x", QOS0)]));
    talk.send(a, &unsubscribe(7, &["x"]));
    talk.send(a, &pubrel(7));
}
