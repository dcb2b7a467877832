//! A connected client: its connection and its session together.

use std::num::NonZeroUsize;

use mqtt_proto::{
    Ack, Encode, PacketId, PubAck, PubComp, PubRec, PubRel, QoS, ReasonCode, Version,
};
use mqtt_session::Time;

use super::connection::{Link, Phase, Sending};
use super::log::Log;
use super::message::Delivery;
use super::outbound::{Acknowledged, Published};
use super::session::Session;
use super::wire::{self, Fault, Unwritten};
use super::{Broker, ConnectionId, Dropped, LogEvent};

/// What belongs to one connected client.
pub(super) struct Client<'a> {
    id: ConnectionId,
    pub(super) link: &'a mut Link,
    pub(super) session: &'a mut Session,
    pub(super) output: &'a mut Vec<u8>,
    log: &'a mut Log,
    now: Time,
}

impl Broker {
    /// The client behind a connection, if CONNACK accepted it.
    pub(super) fn client(&mut self, id: ConnectionId) -> Option<Client<'_>> {
        let connection = self.connections.get_mut(&id)?;
        let link = match &mut connection.phase {
            Phase::Connected(link) => link,
            Phase::Opened { .. } | Phase::Authenticating(_) | Phase::Closing => return None,
        };
        let session = self.sessions.get_mut(&link.client_id)?;
        let (output, log) = (&mut connection.output, &mut self.log);
        Some(Client { id, link, session, output, log, now: self.now })
    }
}

impl Client<'_> {
    /// Writes a packet the client can take; one it cannot take ends the connection.
    pub(super) fn send(&mut self, packet: &impl Encode) -> Result<(), Fault> {
        let written = wire::write(packet, self.link.version, self.link.packet_limit, self.output);
        let too_large = "the client takes no packet of this size";
        written.map_err(|_| Fault::new(ReasonCode::PacketTooLarge, too_large))
    }

    /// The session goes on: sends again what was not acknowledged, then what is new.
    pub(super) fn resume(&mut self) -> Result<(), Fault> {
        let releases: Vec<PacketId> = self.session.outbound.resume().collect();
        for packet_id in releases {
            // [MQTT-3.3.4-9]
            self.link.quota.take();
            self.send(&PubRel(Ack::success(packet_id)))?;
        }
        self.pump();
        Ok(())
    }

    /// Has a message wait for the client, if there is room.
    pub(super) fn give(&mut self, delivery: Delivery, maximum: Option<NonZeroUsize>) {
        if self.session.has_room(1, maximum) {
            self.session.enqueue(delivery);
        } else {
            self.note_dropped(&delivery, Dropped::NoRoom);
        }
    }

    /// Sends the messages that may be sent now.
    pub(super) fn pump(&mut self) {
        while !self.link.quota.is_used_up() {
            let Some(published) = self.session.outbound.next_again() else { break };
            let Published { packet_id, delivery } = &published;
            // [MQTT-4.4.0-1]
            if self.publish(delivery, Sending::Again(*packet_id)) {
                self.session.outbound.sent(published);
            } else {
                self.session.outbound.give_up(*packet_id);
            }
        }
        while let Some(sending) = self.next_sending() {
            let Some(delivery) = self.session.outbound.queue.pop_front() else { return };
            if delivery.kept.has_expired(self.now) {
                // [MQTT-3.3.2-5]
                self.note_dropped(&delivery, Dropped::Expired);
                continue;
            }
            let is_sent = self.publish(&delivery, sending);
            match sending {
                Sending::First(packet_id) | Sending::Again(packet_id) if is_sent => {
                    self.session.outbound.sent(Published { packet_id, delivery });
                }
                Sending::AtMostOnce | Sending::First(_) | Sending::Again(_) => {}
            }
        }
    }

    /// How the next message of the queue is sent; `None` if there is none or it has to wait. Those
    /// behind it wait as well, QoS 0 too: a client gets its messages in one order.
    fn next_sending(&self) -> Option<Sending> {
        let outbound = &self.session.outbound;
        match outbound.queue.front()?.qos {
            QoS::AtMostOnce => Some(Sending::AtMostOnce),
            QoS::AtLeastOnce | QoS::ExactlyOnce if self.link.quota.is_used_up() => None,
            QoS::AtLeastOnce | QoS::ExactlyOnce => outbound.free_packet_id().map(Sending::First),
        }
    }

    fn publish(&mut self, delivery: &Delivery, sending: Sending) -> bool {
        let why = match self.link.publish(delivery, sending, self.now, self.output) {
            Ok(()) => return true,
            Err(Unwritten::TooLarge) => Dropped::TooLarge,
            Err(Unwritten::Unsayable) => Dropped::Unwritable,
        };
        // [MQTT-3.1.2-25]
        self.note_dropped(delivery, why);
        false
    }

    fn note_dropped(&mut self, delivery: &Delivery, why: Dropped) {
        let client_id = self.link.client_id.clone();
        let topic = delivery.kept.message.topic.clone();
        self.log.push(self.now, LogEvent::Dropped { client_id, topic, why });
    }
}

/// Acknowledgements of what was sent to the client, and PUBREL.
impl Client<'_> {
    pub(super) fn handle_puback(mut self, ack: &PubAck<'_>) -> Result<(), Fault> {
        let packet_id = ack.0.packet_id;
        self.judge_order(packet_id, QoS::AtLeastOnce);
        match self.session.outbound.handle_puback(packet_id) {
            Acknowledged::Expected => self.finish(),
            Acknowledged::Early | Acknowledged::Repeated | Acknowledged::Unknown => {
                self.note_stray(packet_id);
            }
            Acknowledged::WrongQoS => return Err(Fault::protocol_error("PUBACK for QoS 2")),
        }
        Ok(())
    }

    pub(super) fn handle_pubrec(mut self, ack: &PubRec<'_>) -> Result<(), Fault> {
        let packet_id = ack.0.packet_id;
        self.judge_order(packet_id, QoS::ExactlyOnce);
        let outbound = &mut self.session.outbound;
        if ack.0.reason.is_error() {
            match outbound.handle_failing_pubrec(packet_id) {
                Acknowledged::Expected => self.finish(),
                Acknowledged::Early | Acknowledged::Repeated | Acknowledged::Unknown => {
                    self.note_stray(packet_id);
                }
                Acknowledged::WrongQoS => return Err(Fault::protocol_error("PUBREC for QoS 1")),
            }
            return Ok(());
        }
        match outbound.handle_pubrec(packet_id) {
            // [MQTT-4.3.3-4], [MQTT-4.6.0-4]
            Acknowledged::Expected | Acknowledged::Repeated => {
                self.send(&PubRel(Ack::success(packet_id)))
            }
            // It comes again, and so does PUBREC then.
            Acknowledged::Early => {
                self.note_stray(packet_id);
                Ok(())
            }
            Acknowledged::Unknown => {
                self.note_stray(packet_id);
                let not_found = self.not_found(packet_id);
                self.send(&PubRel(not_found))
            }
            Acknowledged::WrongQoS => Err(Fault::protocol_error("PUBREC for QoS 1")),
        }
    }

    pub(super) fn handle_pubcomp(mut self, ack: &PubComp<'_>) -> Result<(), Fault> {
        let packet_id = ack.0.packet_id;
        match self.session.outbound.handle_pubcomp(packet_id) {
            Acknowledged::Expected => self.finish(),
            Acknowledged::Early | Acknowledged::Repeated | Acknowledged::Unknown => {
                self.note_stray(packet_id);
            }
            Acknowledged::WrongQoS => return Err(Fault::protocol_error("PUBCOMP before PUBREL")),
        }
        Ok(())
    }

    /// The client lets go of a QoS 2 message it sent.
    pub(super) fn handle_pubrel(mut self, ack: &PubRel<'_>) -> Result<(), Fault> {
        let packet_id = ack.0.packet_id;
        self.link.finish(packet_id);
        // [MQTT-4.3.3-12]
        let is_known = self.session.received.remove(&packet_id);
        // [MQTT-4.3.3-11]
        let answer = if is_known { Ack::success(packet_id) } else { self.not_found(packet_id) };
        self.send(&PubComp(answer))
    }

    /// A flow is over: the next message may go.
    fn finish(&mut self) {
        self.link.quota.give_back();
        self.pump();
    }

    /// The answer for a Packet Identifier nobody uses; before 5.0 it has no code.
    fn not_found(&self, packet_id: PacketId) -> Ack<'static> {
        let success = Ack::success(packet_id);
        if self.link.version.has_properties() {
            return Ack { reason: ReasonCode::PacketIdentifierNotFound, ..success };
        }
        success
    }

    /// Logs a PUBACK or PUBREC that comes too soon.
    fn judge_order(&mut self, packet_id: PacketId, qos: QoS) {
        // [MQTT-4.6.0-2], [MQTT-4.6.0-3]
        let has_order = self.link.version != Version::V3_1;
        if has_order && self.session.outbound.is_ahead(packet_id, qos) {
            let packet_id = packet_id.get();
            self.log.push(self.now, LogEvent::OutOfOrder { connection: self.id, packet_id });
        }
    }

    /// Logs a DUP that cannot be right for a QoS 1/2 message from the client.
    pub(super) fn judge_dup(&mut self, dup: bool, qos: QoS, packet_id: PacketId) {
        // [MQTT-3.3.1-1], [MQTT-4.4.0-1]
        if !self.link.version.has_properties() {
            return;
        }
        let is_first = self.link.carried.insert(packet_id);
        let is_known = qos == QoS::ExactlyOnce && self.session.received.contains(&packet_id);
        let is_wrong = if dup { !is_first } else { is_known };
        if is_wrong {
            let packet_id = packet_id.get();
            self.log.push(self.now, LogEvent::WrongDup { connection: self.id, packet_id });
        }
    }

    fn note_stray(&mut self, packet_id: PacketId) {
        let packet_id = packet_id.get();
        self.log.push(self.now, LogEvent::Stray { connection: self.id, packet_id });
    }
}
