//! What the broker sends.

use mqtt_proto::{Disconnect, FixedHeader, Packet, PubAck, PubComp, PubRec, PubRel};

use super::flow::{Ended, FlowKind, Lane};
use super::journal::RECORDS_PER_PACKET;
use super::link::Link;
use super::{Room, Session};
use crate::{CloseReason, Event, Inbound, Memory, Outcome, Time, ViolationKind};

/// What an inbound packet came to.
pub(super) type Received<'i> = Result<Option<Event<'i>>, ViolationKind>;

impl<M: Memory> Session<M> {
    /// Decodes at most one packet the owner can see, or reports what happened otherwise. `None`
    /// when all input is used up, or waits until something is transmitted or polled for the store.
    pub fn poll_event<'i>(&mut self, now: Time, inbound: &'i mut Inbound<M>) -> Option<Event<'i>> {
        self.advance(now);
        if let Some(link) = &mut self.link {
            link.keep_alive.handle_received(inbound.received());
        }
        if let Some(event) = self.poll_own_event() {
            return Some(event);
        }
        let (bytes, used) = inbound.parts();
        let mut rest = bytes;
        let mut event = None;
        while event.is_none() && self.can_receive() {
            match self.next_packet(rest) {
                Ok(Some((packet, after))) => {
                    rest = after;
                    match self.receive(packet) {
                        Ok(received) => event = received,
                        Err(violation) => self.give_up(violation),
                    }
                }
                Ok(None) => break,
                Err(violation) => self.give_up(violation),
            }
        }
        *used += bytes.len() - rest.len();
        // What the packets brought about beside events of their own comes before the end.
        event.or_else(|| self.poll_own_event()).or_else(|| self.poll_end())
    }

    /// Whether there is room for whatever the next packet brings about.
    pub(super) fn can_receive(&self) -> bool {
        let state = &self.state;
        self.link.as_ref().is_some_and(Link::can_answer)
            && state.journal.has_room(RECORDS_PER_PACKET)
            && !state.owes_records
    }

    /// What happened without a packet.
    fn poll_own_event<'i>(&mut self) -> Option<Event<'i>> {
        if let Some(reason) = self.unreported.take() {
            return Some(Event::Closed(reason));
        }
        if let Some(event) = self.poll_ended() {
            return Some(event);
        }
        if self.state.room == Room::FreedAgain {
            self.state.room = Room::Enough;
            return Some(Event::Writable);
        }
        None
    }

    /// The next outcome that came without an answer; its records go with it.
    fn poll_ended<'i>(&mut self) -> Option<Event<'i>> {
        let state = &mut self.state;
        while let Some(index) = state.flows.first(Lane::Ended) {
            if !state.journal.has_room(RECORDS_PER_PACKET) {
                return None;
            }
            let token = state.token(index);
            let kind = state.flows.get(index)?.kind;
            state.note_done(index);
            state.remove_flow(index);
            let FlowKind::Ended(ended) = kind else { continue };
            match ended {
                Ended::Indeterminate => {
                    return Some(Event::Published { token, outcome: Outcome::Indeterminate });
                }
                Ended::Publish(failure) => {
                    let outcome = Outcome::Failed(failure);
                    return Some(Event::Published { token, outcome });
                }
                Ended::Request(failure) => return Some(Event::RequestFailed { token, failure }),
                Ended::Subscription { filter, reason } => {
                    if state.refuse_filter(filter) {
                        return Some(Event::SubscriptionLost { reason });
                    }
                }
            }
        }
        None
    }

    /// The end of the connection, when there is nothing before it.
    fn poll_end<'i>(&mut self) -> Option<Event<'i>> {
        let link = self.link.as_ref()?;
        // Before it comes what waits for the store to be polled.
        let is_last = link.transport_ended && (self.can_receive() || !link.is_reading());
        if is_last { self.end_link().map(Event::Closed) } else { None }
    }

    /// The next whole packet, and the bytes behind it.
    fn next_packet<'i>(
        &self,
        bytes: &'i [u8],
    ) -> Result<Option<(Packet<'i>, &'i [u8])>, ViolationKind> {
        let Some(link) = self.link.as_ref().filter(|link| link.is_reading()) else {
            return Ok(None);
        };
        let dialect = link.inbound_dialect();
        let header = FixedHeader::decode(bytes, dialect).map_err(ViolationKind::Packet)?;
        let Some(header) = header else { return Ok(None) };
        let len = header.packet_len();
        if len > self.maximum_packet_size() as usize {
            // [MQTT-3.1.2-24]
            return Err(ViolationKind::PacketTooLarge(len));
        }
        let Some((packet, after)) = bytes.split_at_checked(len) else { return Ok(None) };
        let body = packet.get(usize::from(header.len)..).unwrap_or_default();
        let packet = Packet::decode(header, body, dialect).map_err(ViolationKind::Packet)?;
        Ok(Some((packet, after)))
    }

    fn receive<'i>(&mut self, packet: Packet<'i>) -> Received<'i> {
        let is_up = self.link.as_ref().is_some_and(|link| link.up().is_some());
        match packet {
            Packet::Publish(publish) if is_up => self.receive_publish(publish),
            Packet::PubAck(PubAck(ack)) if is_up => self.receive_puback(ack),
            Packet::PubRec(PubRec(ack)) if is_up => self.receive_pubrec(&ack),
            Packet::PubRel(PubRel(ack)) if is_up => {
                self.receive_pubrel(ack.packet_id);
                Ok(None)
            }
            Packet::PubComp(PubComp(ack)) if is_up => self.receive_pubcomp(ack),
            Packet::SubAck(suback) if is_up => self.receive_suback(suback),
            Packet::UnsubAck(unsuback) if is_up => self.receive_unsuback(unsuback),
            Packet::PingResp if is_up => Ok(None),
            Packet::Disconnect(disconnect) if is_up => Ok(self.receive_disconnect(disconnect)),
            Packet::ConnAck(connack) if !is_up => self.receive_connack(connack),
            // Before CONNACK nothing else may come, after it no second one [MQTT-3.2.0-1]
            // [MQTT-3.2.0-2]; AUTH only when the CONNECT had an Authentication Method.
            Packet::Publish(_)
            | Packet::PubAck(_)
            | Packet::PubRec(_)
            | Packet::PubRel(_)
            | Packet::PubComp(_)
            | Packet::SubAck(_)
            | Packet::UnsubAck(_)
            | Packet::PingResp
            | Packet::Disconnect(_)
            | Packet::ConnAck(_)
            | Packet::Auth(_)
            | Packet::Connect(_)
            | Packet::Subscribe(_)
            | Packet::Unsubscribe(_)
            | Packet::PingReq => Err(ViolationKind::Unexpected),
        }
    }

    fn receive_disconnect<'i>(&mut self, disconnect: Disconnect<'i>) -> Option<Event<'i>> {
        let link = self.link.as_mut()?;
        link.leave(&mut self.state.arena, CloseReason::Disconnected(disconnect.reason));
        Some(Event::Disconnect(disconnect))
    }

    /// The broker broke the standard: says so if the version can, and ends the connection.
    fn give_up(&mut self, violation: ViolationKind) {
        if let Some(link) = &mut self.link {
            let reason = CloseReason::Violation(violation);
            link.leave_saying(&mut self.state.arena, violation.reason_code(), reason);
        }
    }
}
