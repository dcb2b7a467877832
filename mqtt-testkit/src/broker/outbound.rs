//! The messages of a session on their way to its client (sections 4.3, 4.4 and 4.6).

use std::collections::{BTreeSet, VecDeque};

use mqtt_proto::{PacketId, QoS};

use super::message::Delivery;

/// QoS 1/2 messages for a client, from the match with a subscription to the last acknowledgement.
///
/// ```text
/// queue ──PUBLISH──▶ published ──PUBACK──▶ gone
///                     ▲     │
///        PUBLISH, DUP │     └──PUBREC──▶ released ──PUBCOMP──▶ gone
///                  again
/// ```
///
/// A connection that ends takes nothing along: on the next one, all that was `published` is sent
/// `again` first.
#[derive(Debug, Default)]
pub(super) struct Outbound {
    /// Not sent yet.
    pub(super) queue: VecDeque<Delivery>,
    /// Sent on this connection, in the order it was sent first.
    published: VecDeque<Published>,
    /// Sent on an earlier connection; stands behind `published` in that order.
    again: VecDeque<Published>,
    /// PUBREL was sent, in the order of the PUBRECs.
    released: VecDeque<PacketId>,
    used: BTreeSet<PacketId>,
    last: Option<PacketId>,
}

#[derive(Debug)]
pub(super) struct Published {
    pub(super) packet_id: PacketId,
    pub(super) delivery: Delivery,
}

/// What an acknowledgement of a PUBLISH means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Acknowledged {
    /// The message was waiting for it.
    Expected,
    /// The message is still to be sent again: this connection has not carried it.
    Early,
    /// PUBREC for a message that has its PUBREL.
    Repeated,
    /// No message has this Packet Identifier.
    Unknown,
    /// A message of the other QoS has it.
    WrongQoS,
}

impl Outbound {
    /// QoS 1/2 messages sent and not finished.
    pub(super) fn in_flight(&self) -> usize {
        self.used.len()
    }

    /// A new connection resumes the session: gives the PUBRELs to repeat.
    pub(super) fn resume(&mut self) -> impl Iterator<Item = PacketId> {
        // [MQTT-4.6.0-1]
        self.published.append(&mut self.again);
        std::mem::swap(&mut self.published, &mut self.again);
        // [MQTT-4.4.0-1]
        self.released.iter().copied()
    }

    /// The next message to be sent again.
    pub(super) fn next_again(&mut self) -> Option<Published> {
        self.again.pop_front()
    }

    /// A Packet Identifier that no message has.
    pub(super) fn free_packet_id(&self) -> Option<PacketId> {
        if self.used.len() == usize::from(u16::MAX) {
            return None;
        }
        let mut packet_id = self.last;
        loop {
            packet_id = packet_id
                .and_then(|id| PacketId::new(id.get().wrapping_add(1)))
                .or(Some(PacketId::MIN));
            match packet_id {
                Some(free) if !self.used.contains(&free) => return Some(free),
                Some(_) | None => {}
            }
        }
    }

    /// A message was sent with this Packet Identifier.
    pub(super) fn sent(&mut self, published: Published) {
        self.used.insert(published.packet_id);
        self.last = Some(published.packet_id);
        self.published.push_back(published);
    }

    /// A message is given up that was to be sent again.
    pub(super) fn give_up(&mut self, packet_id: PacketId) {
        self.used.remove(&packet_id);
    }

    /// Whether an acknowledgement of a message passes that of one of its QoS that was sent before it.
    pub(super) fn is_ahead(&self, packet_id: PacketId, qos: QoS) -> bool {
        let mut others = self.published.iter().filter(|message| message.delivery.qos == qos);
        others.position(|message| message.packet_id == packet_id).is_some_and(|at| at > 0)
    }

    /// PUBACK.
    pub(super) fn handle_puback(&mut self, packet_id: PacketId) -> Acknowledged {
        let acknowledged = self.judge(packet_id, QoS::AtLeastOnce);
        if acknowledged == Acknowledged::Expected {
            self.remove(packet_id);
            self.used.remove(&packet_id);
        }
        acknowledged
    }

    /// PUBREC below 0x80: the message itself is done with, its Packet Identifier is not.
    pub(super) fn handle_pubrec(&mut self, packet_id: PacketId) -> Acknowledged {
        let acknowledged = self.judge(packet_id, QoS::ExactlyOnce);
        if acknowledged == Acknowledged::Expected {
            // [MQTT-4.3.3-6]
            self.remove(packet_id);
            self.released.push_back(packet_id);
        }
        acknowledged
    }

    /// PUBREC of 0x80 or above ends the flow, and no PUBREL follows.
    pub(super) fn handle_failing_pubrec(&mut self, packet_id: PacketId) -> Acknowledged {
        let acknowledged = self.judge(packet_id, QoS::ExactlyOnce);
        if acknowledged == Acknowledged::Expected {
            // [MQTT-4.4.0-2]
            self.remove(packet_id);
            self.used.remove(&packet_id);
        }
        acknowledged
    }

    /// PUBCOMP; `WrongQoS` if PUBREL was not sent yet.
    pub(super) fn handle_pubcomp(&mut self, packet_id: PacketId) -> Acknowledged {
        let Some(at) = self.released.iter().position(|&released| released == packet_id) else {
            let is_known = self.used.contains(&packet_id);
            return if is_known { Acknowledged::WrongQoS } else { Acknowledged::Unknown };
        };
        self.released.remove(at);
        self.used.remove(&packet_id);
        Acknowledged::Expected
    }

    fn judge(&self, packet_id: PacketId, qos: QoS) -> Acknowledged {
        if !self.used.contains(&packet_id) {
            return Acknowledged::Unknown;
        }
        match (qos_of(&self.published, packet_id), qos_of(&self.again, packet_id)) {
            (Some(sent), _) if sent == qos => Acknowledged::Expected,
            (None, Some(sent)) if sent == qos => Acknowledged::Early,
            (None, None) if qos == QoS::ExactlyOnce => Acknowledged::Repeated,
            (Some(_), _) | (None, Some(_) | None) => Acknowledged::WrongQoS,
        }
    }

    fn remove(&mut self, packet_id: PacketId) {
        let mut ids = self.published.iter().map(|published| published.packet_id);
        if let Some(at) = ids.position(|id| id == packet_id) {
            self.published.remove(at);
        }
    }
}

/// The QoS of the message that has this Packet Identifier.
fn qos_of(list: &VecDeque<Published>, packet_id: PacketId) -> Option<QoS> {
    let message = list.iter().find(|published| published.packet_id == packet_id);
    message.map(|message| message.delivery.qos)
}
