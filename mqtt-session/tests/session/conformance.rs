//! Statements of the standard, in both versions where both have them.

use mqtt_session::proto::{Packet, Role, Version};

use crate::packets::{decode, encode};
use crate::pair::{Pair, TestMemory};

mod delivering;
mod endings;
mod greeting;
mod identifiers;
mod information;
mod limits;
mod requests;
mod sessions;
mod transfers;

/// The versions whose statements are listed.
const BOTH: [Version; 2] = [Version::V5, Version::V3_1_1];

impl<M: TestMemory> Pair<M> {
    fn connected_in(version: Version) -> Pair<M> {
        let mut pair = Pair::of(version);
        pair.connect();
        pair
    }

    /// The first bytes of what is sent, a packet each.
    fn first_bytes(&mut self) -> Vec<u8> {
        let sent = self.transmitted();
        let mut rest = &sent[..];
        let mut first = Vec::new();
        for packet in decode(&sent, self.version) {
            first.push(rest[0]);
            rest = &rest[encode(&packet, self.version, Role::Client).len()..];
        }
        first
    }
}

/// The Packet Identifier of a packet that asks for an answer.
fn asked_id(packet: &Packet<'_>) -> u16 {
    let id = match packet {
        Packet::Publish(publish) => publish.packet_id,
        Packet::Subscribe(subscribe) => Some(subscribe.packet_id),
        Packet::Unsubscribe(unsubscribe) => Some(unsubscribe.packet_id),
        other => panic!("asks for nothing: {other:?}"),
    };
    id.expect("a Packet Identifier").get()
}
