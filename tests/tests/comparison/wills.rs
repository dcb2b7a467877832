//! Will Messages (sections 3.1.2.5 and 3.1.3.2).

use std::time::Duration;

use mqtt_proto::{Connect, Property, ReasonCode, Will};

use crate::conversation::Conversation;
use crate::packets::*;
use crate::talk::{Peer, Talk};

pub(crate) const CONVERSATIONS: &[Conversation] = &[
    Conversation::all("a Will after a cut", after_a_cut),
    Conversation::both("no Will after DISCONNECT", none_after_disconnect),
    Conversation::both("a retained Will", a_retained_will),
    Conversation::both("a Will of each QoS", a_will_of_each_qos),
    Conversation::both("an empty Will", an_empty_will),
    Conversation::both("a Will after a protocol error", after_a_protocol_error),
    Conversation::both("a Will after takeover", after_takeover),
    Conversation::both("a Will after takeover of a session", after_takeover_of_a_session),
    Conversation::both("the Will of the new connection", the_will_of_the_new_connection),
    Conversation::both("a Will for oneself", for_oneself),
    Conversation::both("a Will after Keep Alive", after_keep_alive),
    Conversation::current("DISCONNECT 0x04 with a Will", disconnect_with_will),
    Conversation::current("the properties of a Will", the_properties_of_a_will),
    Conversation::current("Will Delay", will_delay),
    Conversation::current("Will Delay and a reconnect", will_delay_and_reconnect),
    Conversation::current("Will Delay and a clean start", will_delay_and_clean_start),
    Conversation::current("Will Delay beyond the session", will_delay_beyond_the_session),
    Conversation::current("Will Delay and takeover", will_delay_and_takeover),
    Conversation::current("Will Delay and DISCONNECT 0x04", will_delay_and_disconnect),
];

/// `b`, which is subscribed to Wills.
fn witness(talk: &mut Talk) -> Peer {
    let b = talk.client("b");
    talk.subscribe(b, "will", QOS2);
    b
}

/// `a` with this Will, whose session ends with its connection.
fn mortal(talk: &mut Talk, will: Will<'_>) -> Peer {
    talk.connect("a", &Connect { will: Some(will), ..connect("a") })
}

/// `a` with a Will of this delay, whose session is kept for so long.
fn delayed(talk: &mut Talk, delay: u32, session: u32) -> Peer {
    let (will, session) =
        ([Property::WillDelayInterval(delay)], [Property::SessionExpiryInterval(session)]);
    let will = Some(Will { properties: list(&will), ..WILL });
    let properties = list(&session);
    talk.connect("a", &Connect { will, properties, clean_start: false, ..connect("a") })
}

fn after_a_cut(talk: &mut Talk) {
    witness(talk);
    let a = mortal(talk, WILL);
    talk.cut(a);
}

fn none_after_disconnect(talk: &mut Talk) {
    witness(talk);
    let a = mortal(talk, WILL);
    talk.leave(a);
}

fn a_retained_will(talk: &mut Talk) {
    let a = mortal(talk, Will { retain: true, ..WILL });
    talk.cut(a);
    witness(talk);
}

fn a_will_of_each_qos(talk: &mut Talk) {
    witness(talk);
    for qos in [QOS0, QOS1, QOS2] {
        let a = mortal(talk, Will { qos, ..WILL });
        talk.cut(a);
    }
}

fn an_empty_will(talk: &mut Talk) {
    witness(talk);
    let a = mortal(talk, Will { payload: b"", ..WILL });
    talk.cut(a);
}

fn after_a_protocol_error(talk: &mut Talk) {
    witness(talk);
    let a = mortal(talk, WILL);
    talk.send_bytes(a, "a packet of type 0", b"\0\0");
}

fn after_takeover(talk: &mut Talk) {
    witness(talk);
    mortal(talk, WILL);
    talk.client("a");
}

fn after_takeover_of_a_session(talk: &mut Talk) {
    witness(talk);
    if talk.version.has_properties() {
        delayed(talk, 0, 100);
    } else {
        talk.connect("a", &Connect { will: Some(WILL), clean_start: false, ..connect("a") });
    }
    talk.resume("a");
}

fn the_will_of_the_new_connection(talk: &mut Talk) {
    witness(talk);
    let a = mortal(talk, WILL);
    talk.cut(a);
    let a = mortal(talk, Will { payload: b"another", ..WILL });
    talk.cut(a);
    let a = talk.client("a");
    talk.cut(a);
}

fn for_oneself(talk: &mut Talk) {
    let a = talk.resume("a");
    talk.subscribe(a, "will", QOS1);
    talk.cut(a);
    let properties = [Property::SessionExpiryInterval(100)];
    let properties = if talk.version.has_properties() { list(&properties) } else { list(&[]) };
    let with_will = Connect { will: Some(WILL), properties, clean_start: false, ..connect("a") };
    let a = talk.connect("a", &with_will);
    talk.cut(a);
    talk.resume("a");
}

fn after_keep_alive(talk: &mut Talk) {
    let a = talk.connect("a", &Connect { keep_alive: 1, will: Some(WILL), ..connect("a") });
    talk.wait_for_end(a, Duration::from_secs(30));
    witness(talk);
}

fn disconnect_with_will(talk: &mut Talk) {
    witness(talk);
    let a = mortal(talk, WILL);
    talk.send_last(a, &disconnect(ReasonCode::DisconnectWithWillMessage));
}

fn the_properties_of_a_will(talk: &mut Talk) {
    witness(talk);
    let properties = [
        Property::PayloadFormatIndicator(true),
        Property::MessageExpiryInterval(60),
        Property::ContentType("text/plain"),
        Property::ResponseTopic("answers"),
        Property::CorrelationData(b"x"),
        Property::UserProperty("b", "1"),
        Property::UserProperty("a", "2"),
    ];
    let a = mortal(talk, Will { properties: list(&properties), ..WILL });
    talk.cut(a);
}

fn will_delay(talk: &mut Talk) {
    witness(talk);
    let a = delayed(talk, 4, 100);
    talk.cut(a);
    talk.wait(Duration::from_millis(500));
    talk.wait(Duration::from_millis(5500));
}

fn will_delay_and_reconnect(talk: &mut Talk) {
    witness(talk);
    let a = delayed(talk, 4, 100);
    talk.cut(a);
    talk.resume("a");
    talk.wait(Duration::from_secs(6));
}

fn will_delay_and_clean_start(talk: &mut Talk) {
    witness(talk);
    let a = delayed(talk, 4, 100);
    talk.cut(a);
    talk.client("a");
    talk.wait(Duration::from_secs(6));
}

fn will_delay_beyond_the_session(talk: &mut Talk) {
    witness(talk);
    let a = delayed(talk, 60, 1);
    talk.cut(a);
    talk.wait(Duration::from_secs(4));
}

fn will_delay_and_takeover(talk: &mut Talk) {
    witness(talk);
    delayed(talk, 4, 100);
    talk.resume("a");
    talk.wait(Duration::from_secs(6));
}

fn will_delay_and_disconnect(talk: &mut Talk) {
    witness(talk);
    let a = delayed(talk, 4, 100);
    talk.send_last(a, &disconnect(ReasonCode::DisconnectWithWillMessage));
    talk.wait(Duration::from_secs(6));
}
