//! What outlives a connection, and how long (sections 3.1.2.11.2, 4.1 and 4.5).

use std::num::NonZeroUsize;
use std::time::Duration;

use mqtt_proto::{Connect, Property, Publish};

use crate::conversation::{Conversation, Limits};
use crate::packets::*;
use crate::talk::{Peer, Talk};

const SHORT: Limits = Limits {
    model: |settings| settings.maximum_session_expiry = 3600,
    mosquitto: &["persistent_client_expiration 1h"],
};

const NARROW: Limits = Limits {
    model: |settings| settings.maximum_queued = NonZeroUsize::new(2),
    mosquitto: &["max_queued_messages 2"],
};

pub(crate) const CONVERSATIONS: &[Conversation] = &[
    Conversation::both("messages wait for a client", messages_wait),
    Conversation::both("a clean session has nothing waiting", nothing_waits_for_clean),
    Conversation::both("a subscription of QoS 0 has nothing waiting", nothing_waits_at_qos_0),
    Conversation::both("unsubscribed while messages wait", unsubscribed_while_waiting),
    Conversation::both("sessions outlive a restart", over_a_restart),
    Conversation::current("a session expires", a_session_expires),
    Conversation::current("a session does not expire too early", not_too_early),
    Conversation::current("Clean Start with an expiry", clean_start_with_expiry),
    Conversation::current("Session Expiry Interval 0xFFFFFFFF", never_expires),
    Conversation::current("the next CONNECT sets the expiry", the_next_connect_decides),
    Conversation::both("more messages wait than may", more_than_may_wait).limits(NARROW),
    Conversation::current("a granted Session Expiry Interval", never_expires).limits(SHORT),
];

fn tell(talk: &mut Talk, b: Peer, qos: mqtt_proto::QoS, packet_id: u16) {
    talk.publish(b, &publish(qos, packet_id, "t"));
}

fn messages_wait(talk: &mut Talk) {
    let (a, b) = (talk.resume("a"), talk.client("b"));
    talk.subscribe(a, "t", QOS2);
    talk.leave(a);
    tell(talk, b, QOS0, 0);
    for packet_id in 1..=3 {
        let payload = [b'0' + u8::try_from(packet_id).unwrap()];
        talk.publish(b, &Publish { payload: &payload, ..publish(QOS1, packet_id, "t") });
    }
    tell(talk, b, QOS2, 4);
    talk.send(b, &pubrel(4));
    talk.resume("a");
}

fn more_than_may_wait(talk: &mut Talk) {
    let (a, b) = (talk.resume("a"), talk.client("b"));
    talk.subscribe(a, "t", QOS1);
    talk.leave(a);
    for packet_id in 1..=3 {
        tell(talk, b, QOS1, packet_id);
    }
    talk.resume("a");
}

fn nothing_waits_for_clean(talk: &mut Talk) {
    let (a, b) = (talk.client("a"), talk.client("b"));
    talk.subscribe(a, "t", QOS1);
    talk.leave(a);
    tell(talk, b, QOS1, 1);
    talk.resume("a");
}

fn nothing_waits_at_qos_0(talk: &mut Talk) {
    let (a, b) = (talk.resume("a"), talk.client("b"));
    talk.subscribe(a, "t", QOS0);
    talk.leave(a);
    tell(talk, b, QOS1, 1);
    talk.resume("a");
}

fn unsubscribed_while_waiting(talk: &mut Talk) {
    let a = talk.resume("a");
    talk.subscribe(a, "t", QOS1);
    for packet_id in 1..=22 {
        tell(talk, a, QOS1, packet_id);
    }
    talk.send(a, &unsubscribe(30, &["t"]));
    let first = talk.id(a, 1);
    talk.send(a, &puback(first));
}

fn over_a_restart(talk: &mut Talk) {
    let (a, b) = (talk.resume("a"), talk.client("b"));
    talk.subscribe(a, "t", QOS1);
    talk.leave(a);
    tell(talk, b, QOS1, 1);
    talk.restart_broker();
    talk.resume("a");
}

/// `a` with this expiry interval and a subscription.
fn subscriber(talk: &mut Talk, clean_start: bool, seconds: u32) -> Peer {
    let properties = [Property::SessionExpiryInterval(seconds)];
    let a = Connect { clean_start, properties: list(&properties), ..connect("a") };
    let a = talk.connect("a", &a);
    talk.subscribe(a, "t", QOS1);
    a
}

fn a_session_expires(talk: &mut Talk) {
    let a = subscriber(talk, false, 1);
    talk.cut(a);
    talk.wait(Duration::from_secs(4));
    talk.resume("a");
}

fn not_too_early(talk: &mut Talk) {
    let a = subscriber(talk, false, 8);
    talk.cut(a);
    talk.wait(Duration::from_secs(4));
    talk.resume("a");
}

fn clean_start_with_expiry(talk: &mut Talk) {
    let a = subscriber(talk, true, 50);
    talk.cut(a);
    talk.resume("a");
}

fn never_expires(talk: &mut Talk) {
    let a = subscriber(talk, false, u32::MAX);
    talk.cut(a);
    talk.resume("a");
}

fn the_next_connect_decides(talk: &mut Talk) {
    let a = subscriber(talk, false, 50);
    talk.cut(a);
    let a = talk.connect("a", &Connect { clean_start: false, ..connect("a") });
    talk.cut(a);
    talk.resume("a");
}
