//! How connections end: DISCONNECT, takeover, Keep Alive (sections 3.1.2.10, 3.1.4 and 3.14).

use std::time::Duration;

use mqtt_proto::{Connect, Disconnect, Packet, Property, ReasonCode};

use crate::conversation::Conversation;
use crate::packets::*;
use crate::talk::Talk;

pub(crate) const CONVERSATIONS: &[Conversation] = &[
    Conversation::both("takeover", takeover),
    Conversation::both("takeover by a clean session", takeover_clean),
    Conversation::both("takeover of a clean session", takeover_of_clean),
    Conversation::both("Keep Alive is not kept", keep_alive_is_not_kept),
    Conversation::both("Keep Alive is kept", keep_alive_is_kept),
    Conversation::both("bytes behind DISCONNECT", bytes_behind_disconnect),
    Conversation::current("DISCONNECT with an expiry", disconnect_with_expiry),
    Conversation::current("DISCONNECT with an expiry after 0", disconnect_with_expiry_after_0),
    Conversation::current("DISCONNECT of one byte", disconnect_of_one_byte),
    Conversation::current("DISCONNECT with a code of servers", disconnect_with_foreign_code),
    Conversation::current("DISCONNECT with an unknown code", disconnect_with_unknown_code),
    Conversation::current("DISCONNECT with a Server Reference", disconnect_with_reference),
    Conversation::old("DISCONNECT with a body", disconnect_of_one_byte),
];

fn takeover(talk: &mut Talk) {
    let first = talk.resume("a");
    talk.subscribe(first, "t", QOS1);
    let second = talk.resume("a");
    talk.publish(second, &publish(QOS1, 1, "t"));
}

fn takeover_clean(talk: &mut Talk) {
    let first = talk.resume("a");
    talk.subscribe(first, "t", QOS1);
    let second = talk.client("a");
    talk.publish(second, &publish(QOS0, 0, "t"));
    talk.leave(second);
    talk.resume("a");
}

fn takeover_of_clean(talk: &mut Talk) {
    let first = talk.client("a");
    talk.subscribe(first, "t", QOS1);
    let second = talk.resume("a");
    talk.publish(second, &publish(QOS0, 0, "t"));
}

fn keep_alive_is_not_kept(talk: &mut Talk) {
    let a = talk.connect("a", &Connect { keep_alive: 1, ..connect("a") });
    talk.wait_for_end(a, Duration::from_secs(30));
}

fn keep_alive_is_kept(talk: &mut Talk) {
    let a = talk.connect("a", &Connect { keep_alive: 4, ..connect("a") });
    for _ in 0..3 {
        talk.wait(Duration::from_secs(3));
        talk.send(a, &Packet::PingReq);
    }
}

fn bytes_behind_disconnect(talk: &mut Talk) {
    let (a, b) = (talk.client("a"), talk.client("b"));
    talk.subscribe(a, "t", QOS0);
    talk.send_all(
        b,
        &[disconnect(ReasonCode::NormalDisconnection), Packet::Publish(publish(QOS0, 0, "t"))],
    );
}

/// DISCONNECT that sets the Session Expiry Interval.
fn leave_with_expiry(talk: &mut Talk, peer: crate::talk::Peer, seconds: u32) {
    let properties = [Property::SessionExpiryInterval(seconds)];
    let reason = ReasonCode::NormalDisconnection;
    let disconnect = Disconnect { reason, properties: list(&properties) };
    talk.send_last(peer, &Packet::Disconnect(disconnect));
}

fn disconnect_with_expiry(talk: &mut Talk) {
    let a = talk.resume("a");
    leave_with_expiry(talk, a, 0);
    let a = talk.resume("a");
    leave_with_expiry(talk, a, 50);
    talk.resume("a");
}

fn disconnect_with_expiry_after_0(talk: &mut Talk) {
    let a = talk.client("a");
    leave_with_expiry(talk, a, 50);
    talk.resume("a");
}

fn disconnect_of_one_byte(talk: &mut Talk) {
    let a = talk.client("a");
    talk.send_bytes(a, "DISCONNECT E0 01 00", b"\xE0\x01\0");
}

fn disconnect_with_foreign_code(talk: &mut Talk) {
    let a = talk.client("a");
    talk.send_bytes(a, "DISCONNECT 0x89 Server busy", b"\xE0\x01\x89");
}

fn disconnect_with_unknown_code(talk: &mut Talk) {
    let a = talk.client("a");
    talk.send_bytes(a, "DISCONNECT 0x42", b"\xE0\x01\x42");
}

fn disconnect_with_reference(talk: &mut Talk) {
    let a = talk.client("a");
    talk.send_bytes(a, "DISCONNECT with a Server Reference", b"\xE0\x06\0\x04\x1C\0\x01x");
}
