//! What the broker sends, and what is due for it.

use mqtt_session::Delivery;

use super::authenticating::Turn;
use super::connection::Stage;
use super::operation::{Loss, forbids};
use super::{Knowledge, Oracle};
use crate::message::Name;
use crate::tally::Promise;
use crate::wire::{ConnAck, Packet, Publish};

/// A message of the broker that is not finished.
#[derive(Clone, Copy, Debug)]
pub(super) struct Inbound {
    pub(super) qos: u8,
    /// What the application has it by.
    pub(super) delivery: Option<Delivery>,
    /// The code of the application's acknowledgement.
    pub(super) answer: Option<u8>,
    /// PUBREC was sent: whatever comes, it is not delivered again.
    pub(super) is_received: bool,
    /// It came on this connection.
    pub(super) is_on_wire: bool,
}

impl Inbound {
    /// As it was stored.
    pub(super) const RECEIVED: Inbound =
        Inbound { qos: 2, delivery: None, answer: Some(0), is_received: true, is_on_wire: false };

    /// The application acknowledged it.
    pub(super) fn is_answered(&self) -> bool {
        self.answer.is_some()
    }

    /// The application has it at QoS 2, whether PUBREC has said so or not.
    fn is_accepted(&self) -> bool {
        let is_given = self.answer.is_some_and(|code| code < 0x80);
        self.is_received || (self.qos == 2 && is_given)
    }
}

/// The event that is due for a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Due {
    Connected,
    Refused,
    /// Of this QoS, with this topic.
    Message {
        id: u16,
        qos: u8,
        name: Option<Name>,
        topic: Vec<u8>,
    },
    /// Perhaps.
    Copy {
        id: u16,
        dup: bool,
        name: Option<Name>,
    },
    /// The end of an operation by an answer.
    Ended {
        at: usize,
        is_rejected: bool,
    },
    /// With what was asked.
    Answered(usize, Vec<u8>),
    Disconnect,
    /// AUTH with this code.
    Auth(u8),
}

impl Oracle {
    /// The session used up a packet. Gives the event that is due.
    pub(super) fn note_received(&mut self, packet: &Packet<'_>) -> Option<Due> {
        match packet {
            Packet::ConnAck(connack) => Some(self.note_connack(connack)),
            Packet::Publish(publish) => self.note_message(publish),
            Packet::PubAck(ack) => self.note_acknowledged(ack.id, ack.code, 1),
            Packet::PubRec(ack) if ack.code >= 0x80 => self.note_acknowledged(ack.id, ack.code, 2),
            Packet::PubRec(ack) => {
                self.note_receipt(ack.id);
                None
            }
            Packet::PubRel(ack) => {
                self.note_their_release(ack.id);
                None
            }
            Packet::PubComp(ack) => self.note_completed(ack.id),
            Packet::SubAck(id) | Packet::UnsubAck(id) => {
                let asked = self.connection.as_mut()?.requests.remove(id)?;
                let at = asked.operation?;
                let operation = self.operations.get_mut(at)?;
                operation.is_on_wire = false;
                // It may have been given up.
                operation.is_open().then_some(Due::Answered(at, asked.bytes))
            }
            Packet::Disconnect(_) => Some(Due::Disconnect),
            Packet::Auth(auth) => {
                self.note_asked(auth.code);
                Some(Due::Auth(auth.code))
            }
            Packet::PingResp
            | Packet::PingReq
            | Packet::Connect(_)
            | Packet::Subscribe(_)
            | Packet::Unsubscribe(_) => None,
        }
    }

    fn note_connack(&mut self, connack: &ConnAck<'_>) -> Due {
        if connack.code > 0 {
            return Due::Refused;
        }
        let limits = connack.properties;
        let Some(connection) = &mut self.connection else { return Due::Connected };
        connection.stage = Stage::Up(limits);
        connection.turn = Turn::Nobody;
        if let Some(keep_alive) = limits.server_keep_alive {
            connection.keep_alive.seconds = keep_alive;
        }
        if !connack.session_present {
            self.lose_session();
            self.knowledge = Knowledge::Whole;
        } else if self.knowledge == Knowledge::None {
            self.knowledge = Knowledge::Adopted;
        } else {
            let released = self.released.iter();
            let ids = released.filter_map(|at| self.operations.get(*at)?.id);
            connection.releasing = ids.collect();
        }
        for message in self.inbound.values_mut() {
            message.is_on_wire = false;
        }
        let level = self.facts.level;
        for operation in self.operations.iter_mut().filter(|operation| operation.is_open()) {
            operation.was_forbidden |= forbids(&limits, operation, level);
        }
        Due::Connected
    }

    /// The broker has no session: nothing of the old one is left.
    fn lose_session(&mut self) {
        self.inbound.clear();
        self.flows.clear();
        self.released.clear();
        self.last_suspect = None;
        self.clean.clear();
        for operation in &mut self.operations {
            let Some(qos) = operation.publish().map(|publish| publish.qos) else { continue };
            if !operation.is_open() || qos == 0 {
                continue;
            }
            let repeats = self.facts.repeats[usize::from(qos == 2)];
            let was_carried = operation.is_carried || operation.is_released;
            if was_carried && (!repeats || operation.is_released) {
                operation.loss = Loss::Ends;
            } else if operation.may_be_carried && !repeats {
                operation.loss = Loss::MayEnd;
            }
            operation.may_double |= was_carried || operation.may_be_carried;
            operation.carried_before |= was_carried || operation.may_be_carried;
            operation.is_carried = false;
            operation.may_be_carried = false;
            operation.is_released = false;
            operation.has_receipt = false;
        }
    }

    fn note_message(&mut self, publish: &Publish<'_>) -> Option<Due> {
        let topic = self.resolve(publish);
        let name = Name::of(publish.payload);
        let (id, qos) = (publish.id, publish.qos);
        let message = Some(Due::Message { id, qos, name, topic });
        if qos == 0 {
            return message;
        }
        let connection = self.connection.as_mut()?;
        let is_received = qos == 2 && self.inbound.get(&id).is_some_and(Inbound::is_accepted);
        let owed = &mut connection.owed[usize::from(qos == 2)];
        // One PUBREC answers all copies of what was acknowledged, in the place of the first.
        if !is_received || !owed.contains(&id) {
            owed.push_back(id);
        }
        connection.open += 1;
        let (open, most) = (connection.open, usize::from(connection.announced.receive_maximum));
        self.check(Promise::Recv4, open <= most, || format!("{open} messages, {most} announced"));
        if let Some(known) = self.inbound.get_mut(&id)
            && known.qos == qos
            && (publish.dup || known.is_accepted())
        {
            let was_on_wire = std::mem::replace(&mut known.is_on_wire, true);
            if was_on_wire && let Some(connection) = &mut self.connection {
                connection.open -= 1;
            }
            return Some(Due::Copy { id, dup: publish.dup, name });
        }
        let fresh =
            Inbound { qos, delivery: None, answer: None, is_received: false, is_on_wire: true };
        self.inbound.insert(id, fresh);
        message
    }

    fn resolve(&mut self, publish: &Publish<'_>) -> Vec<u8> {
        let topic = publish.topic.to_vec();
        let (Some(alias), Some(connection)) = (publish.alias, &mut self.connection) else {
            return topic;
        };
        if topic.is_empty() {
            return connection.their_aliases.get(&alias).cloned().unwrap_or_default();
        }
        connection.their_aliases.insert(alias, topic.clone());
        topic
    }

    /// PUBACK, or PUBREC that ends the flow.
    fn note_acknowledged(&mut self, id: u16, code: u8, qos: u8) -> Option<Due> {
        let at = *self.flows.get(&id)?;
        let asked = self.operations.get(at)?.publish()?.qos;
        self.check(Promise::Send8, asked == qos, || format!("{at} is answered by another kind"));
        self.flows.remove(&id);
        let is_rejected = code >= 0x80;
        Some(Due::Ended { at, is_rejected })
    }

    fn note_receipt(&mut self, id: u16) {
        let is_known = self.flows.contains_key(&id);
        let Some(connection) = &mut self.connection else { return };
        if is_known {
            if !connection.releasing.contains(&id) {
                connection.releasing.push_back(id);
            }
            if let Some(at) = self.flows.get(&id) {
                self.operations[*at].has_receipt = true;
            }
            self.release(id);
        } else {
            connection.stray_receipts.push_back(id);
        }
    }

    fn note_completed(&mut self, id: u16) -> Option<Due> {
        if let Some(connection) = &mut self.connection
            && let Some(probe) = connection.probes.iter().position(|probe| *probe == id)
        {
            connection.probes.remove(probe);
            self.clean.insert(id);
            return None;
        }
        let at = *self.flows.get(&id)?;
        self.flows.remove(&id);
        self.released.retain(|released| *released != at);
        Some(Due::Ended { at, is_rejected: false })
    }

    fn note_their_release(&mut self, id: u16) {
        let is_known = self.inbound.get(&id).is_some_and(|message| message.is_received);
        let Some(connection) = &mut self.connection else { return };
        if is_known {
            if !connection.completing.contains(&id) {
                connection.completing.push_back(id);
            }
        } else {
            connection.stray_releases.push_back(id);
        }
    }
}

/// The application.
impl Oracle {
    /// The application acknowledges a message; the first time counts.
    pub(crate) fn note_given(&mut self, delivery: Delivery, code: u8) {
        let code = if self.facts.level == 5 { code } else { 0 };
        let mut messages = self.inbound.values_mut();
        if let Some(message) = messages.find(|message| message.delivery == Some(delivery)) {
            message.answer.get_or_insert(code);
        }
    }
}
