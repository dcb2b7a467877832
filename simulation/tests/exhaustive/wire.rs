//! The bytes of the client's connections, and what must hold for them.

use std::collections::{BTreeMap, BTreeSet};

use mqtt_session::proto::{Dialect, FixedHeader, Packet, QoS, Role, Version};
use mqtt_testkit::Direction;

use crate::application::number;

/// What went over one connection.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wire {
    /// What the client transmitted, be it that it got lost.
    pub(crate) transmitted: Vec<u8>,
    /// What the broker took.
    pub(crate) served: Vec<u8>,
    /// What the client took.
    pub(crate) received: Vec<u8>,
    /// The client ran again before it, restored from its records.
    pub(crate) is_restored: bool,
}

impl Wire {
    /// How many bytes arrived.
    pub(crate) fn arrived(&self, direction: Direction) -> usize {
        match direction {
            Direction::ToServer => self.served.len(),
            Direction::ToClient => self.received.len(),
        }
    }

    /// Whether a DISCONNECT arrived in whole.
    pub(crate) fn is_disconnected(&self, version: Version) -> bool {
        let mut is_disconnected = false;
        for_each_packet(&self.served, Role::Client, version, |packet| {
            is_disconnected |= matches!(packet, Packet::Disconnect(_));
        });
        is_disconnected
    }
}

/// Calls `each` with the packets that are there whole.
pub(crate) fn for_each_packet(
    bytes: &[u8],
    sender: Role,
    version: Version,
    mut each: impl FnMut(&Packet<'_>),
) {
    let dialect = Dialect { version, sender, lenient: false };
    let mut rest = bytes;
    while let Ok(Some(header)) = FixedHeader::decode(rest, dialect)
        && let Some(packet) = rest.get(..header.packet_len())
    {
        let body = &packet[usize::from(header.len)..];
        each(&Packet::decode(header, body, dialect).expect("a packet"));
        rest = &rest[header.packet_len()..];
    }
}

/// What is known of the messages of the client from the connections before.
#[derive(Debug, Default)]
struct Resending {
    transmitted: BTreeSet<usize>,
    /// The messages of QoS 2 that are not done, by Packet Identifier.
    open: BTreeMap<u16, usize>,
}

/// Checks order and DUP of what the client sent on its connections, one after the other.
pub(crate) fn check(wires: &[Wire], version: Version) -> Result<(), String> {
    let mut resending = Resending::default();
    for (at, wire) in wires.iter().enumerate() {
        resending.check(wire, version).map_err(|what| format!("connection {at}: {what}"))?;
    }
    Ok(())
}

impl Resending {
    fn check(&mut self, wire: &Wire, version: Version) -> Result<(), String> {
        for_each_packet(&wire.received, Role::Server, version, |packet| {
            if let Packet::ConnAck(connack) = packet
                && !connack.session_present
            {
                *self = Resending::default();
            }
        });
        let before = self.transmitted.clone();
        let (mut messages, mut releases, mut wrong) = (Vec::new(), Vec::new(), Vec::new());
        for_each_packet(&wire.transmitted, Role::Client, version, |packet| match packet {
            Packet::Publish(publish) => {
                let number = number(publish.payload);
                let was_sent = before.contains(&number);
                // A record may be there of what never left.
                let may_be = publish.dup == was_sent || (wire.is_restored && publish.dup);
                if !may_be {
                    wrong.push(format!("message {number} has DUP {}", publish.dup));
                }
                messages.push(number);
                self.transmitted.insert(number);
                if publish.qos == QoS::ExactlyOnce
                    && let Some(id) = publish.packet_id
                {
                    self.open.insert(id.get(), number);
                }
            }
            Packet::PubRel(ack) => releases.extend(self.open.get(&ack.0.packet_id.get())),
            _ => {}
        });
        for_each_packet(&wire.received, Role::Server, version, |packet| {
            if let Packet::PubComp(ack) = packet {
                self.open.remove(&ack.0.packet_id.get());
            }
        });
        if let Some(wrong) = wrong.pop() {
            return Err(wrong);
        }
        for (what, order) in [("PUBLISH", messages), ("PUBREL", releases)] {
            if !order.is_sorted_by(|one, next| one < next) {
                return Err(format!("{what} in the order {order:?}"));
            }
        }
        Ok(())
    }
}
