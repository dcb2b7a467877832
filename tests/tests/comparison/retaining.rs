//! Retained messages (section 3.3.1.3).

use std::time::Duration;

use mqtt_proto::{Property, Publish};

use crate::conversation::{Conversation, Limits};
use crate::packets::*;
use crate::talk::Talk;

const NOT_AVAILABLE: Limits = Limits {
    model: |settings| settings.retain_available = false,
    mosquitto: &["retain_available false"],
};

pub(crate) const CONVERSATIONS: &[Conversation] = &[
    Conversation::all("a message is retained", a_message_is_retained),
    Conversation::both("a retained message is replaced", a_retained_message_is_replaced),
    Conversation::both("a retained message is cleared", a_retained_message_is_cleared),
    Conversation::both("a retained message of each QoS", retained_of_each_qos),
    Conversation::both("retained messages by wildcard", retained_by_wildcard),
    Conversation::both("a subscription again brings it again", retained_again),
    Conversation::both("a resumed subscription does not", not_for_a_resumed_subscription),
    Conversation::both("retained messages of $-topics", retained_dollar_topics),
    Conversation::both("two overlapping filters in one SUBSCRIBE", retained_for_overlapping),
    Conversation::current("a retained message expires", a_retained_message_expires),
    Conversation::current("the expiry of a retained message counts down", expiry_counts_down),
    Conversation::current("properties are retained", properties_are_retained),
    Conversation::current("a retained message with an identifier", with_identifier),
    Conversation::both("retained messages outlive a restart", over_a_restart),
    Conversation::current("retaining is not available", a_message_is_retained)
        .limits(NOT_AVAILABLE),
];

fn a_message_is_retained(talk: &mut Talk) {
    let (a, b) = (talk.client("a"), talk.client("b"));
    talk.subscribe(b, "t", QOS0);
    talk.publish(a, &retained("t", "kept"));
    let c = talk.client("c");
    talk.subscribe(c, "t", QOS0);
    talk.publish(a, &publish(QOS0, 0, "t"));
    let d = talk.client("d");
    talk.subscribe(d, "t", QOS0);
}

fn a_retained_message_is_replaced(talk: &mut Talk) {
    let (a, b) = (talk.client("a"), talk.client("b"));
    talk.publish(a, &retained("t", "first"));
    talk.publish(a, &retained("t", "second"));
    talk.subscribe(b, "t", QOS0);
}

fn a_retained_message_is_cleared(talk: &mut Talk) {
    let (a, b) = (talk.client("a"), talk.client("b"));
    talk.publish(a, &retained("t", "kept"));
    talk.subscribe(b, "t", QOS0);
    talk.publish(a, &retained("t", ""));
    talk.subscribe(b, "t", QOS0);
    talk.publish(a, &retained("t", ""));
}

fn retained_of_each_qos(talk: &mut Talk) {
    let (a, b, d) = (talk.client("a"), talk.client("b"), talk.client("d"));
    talk.subscribe(d, "#", QOS0);
    talk.publish(a, &retained("t/0", "zero"));
    talk.publish(a, &Publish { retain: true, ..publish(QOS1, 1, "t/1") });
    talk.publish(a, &Publish { retain: true, ..publish(QOS2, 2, "t/2") });
    talk.send(a, &pubrel(2));
    for topic in ["t/0", "t/1", "t/2"] {
        talk.subscribe(b, topic, QOS2);
    }
    let c = talk.client("c");
    for topic in ["t/0", "t/1", "t/2"] {
        talk.subscribe(c, topic, QOS1);
    }
}

fn retained_by_wildcard(talk: &mut Talk) {
    let (a, b) = (talk.client("a"), talk.client("b"));
    for topic in ["x", "t/a", "t/b", "t/b/c"] {
        talk.publish(a, &retained(topic, topic));
    }
    talk.subscribe(b, "t/b/#", QOS0);
    talk.subscribe(b, "+", QOS0);
    talk.subscribe(b, "t/a/+", QOS0);
}

fn retained_again(talk: &mut Talk) {
    let a = talk.client("a");
    talk.publish(a, &retained("t", "kept"));
    talk.subscribe(a, "t", QOS0);
    talk.subscribe(a, "t", QOS0);
}

fn not_for_a_resumed_subscription(talk: &mut Talk) {
    let (a, b) = (talk.resume("a"), talk.client("b"));
    talk.subscribe(a, "t", QOS1);
    talk.cut(a);
    talk.publish(b, &Publish { retain: true, ..publish(QOS1, 1, "t") });
    talk.resume("a");
}

fn retained_dollar_topics(talk: &mut Talk) {
    let a = talk.client("a");
    talk.publish(a, &retained("$own/x", "kept"));
    talk.subscribe(a, "#", QOS0);
    talk.subscribe(a, "$own/+", QOS0);
}

fn retained_for_overlapping(talk: &mut Talk) {
    let a = talk.client("a");
    talk.publish(a, &retained("t/x", "kept"));
    talk.send(a, &subscribe(3, &[filter("t/#", QOS0), filter("t/+", QOS0)]));
}

/// A retained message with this expiry interval.
fn retain_for(talk: &mut Talk, seconds: u32) {
    let a = talk.client("a");
    let properties = [Property::MessageExpiryInterval(seconds)];
    talk.publish(a, &Publish { properties: list(&properties), ..retained("t", "kept") });
}

fn a_retained_message_expires(talk: &mut Talk) {
    retain_for(talk, 1);
    talk.wait(Duration::from_millis(2500));
    let b = talk.client("b");
    talk.subscribe(b, "t", QOS0);
}

fn expiry_counts_down(talk: &mut Talk) {
    retain_for(talk, 10);
    talk.wait(Duration::from_secs(6));
    let b = talk.client("b");
    talk.subscribe(b, "t", QOS0);
}

fn properties_are_retained(talk: &mut Talk) {
    let a = talk.client("a");
    let properties = [
        Property::PayloadFormatIndicator(true),
        Property::ContentType("text/plain"),
        Property::ResponseTopic("answers"),
        Property::CorrelationData(b"x"),
        Property::UserProperty("b", "1"),
        Property::UserProperty("a", "2"),
    ];
    talk.publish(a, &Publish { properties: list(&properties), ..retained("t", "kept") });
    talk.subscribe(a, "t", QOS0);
}

fn with_identifier(talk: &mut Talk) {
    let a = talk.client("a");
    talk.publish(a, &retained("t", "kept"));
    let properties = [Property::SubscriptionIdentifier(7)];
    talk.send(a, &subscribe_with(1, &[filter("t", QOS0)], list(&properties)));
}

fn over_a_restart(talk: &mut Talk) {
    let (a, b) = (talk.client("a"), talk.resume("b"));
    talk.subscribe(b, "other", QOS1);
    talk.publish(a, &retained("t", "kept"));
    talk.restart_broker();
    let b = talk.resume("b");
    talk.subscribe(b, "t", QOS0);
}
