//! What the broker sends.

use mqtt_proto::{Disconnect, FixedHeader, Packet, PubAck, PubComp, PubRec, PubRel};

use super::flow::{Ended, FlowKind, Lane};
use super::journal::RECORDS_PER_PACKET;
use super::link::Link;
use super::skipping::{HEAD_START, head_len};
use super::{Room, Session, SessionState};
use crate::inbound::{LONGEST_HEADER, Parts};
use crate::memory::Topics;
use crate::{CloseReason, Event, Inbound, Memory, Message, Outcome, Time, Token, ViolationKind};

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
        let Parts { bytes, used, wanted, topics } = inbound.parts();
        let mut rest = bytes;
        let mut event = self.read(&mut rest, topics);
        *used += bytes.len() - rest.len();
        if let Some(Event::Message(Message { publish, .. })) = &mut event
            && publish.topic.is_empty()
        {
            let topic = publish.properties.topic_alias().and_then(|alias| topics.get(alias));
            publish.topic = topic.unwrap_or_default();
        }
        if event.is_some() {
            return event;
        }
        *wanted = self.wanted(rest);
        // What the packets brought about beside events of their own comes before the end.
        self.poll_own_event().or_else(|| self.poll_end())
    }

    /// Uses packets up, to the first one the owner can see.
    fn read<'i>(&mut self, bytes: &mut &'i [u8], topics: &mut M::Topics) -> Option<Event<'i>> {
        self.release_brake();
        self.read_skipped(bytes);
        while self.can_receive() {
            let start = *bytes;
            let received = match self.next_packet(bytes) {
                Ok(Some((header, body))) => self.receive(header, body, topics),
                Ok(None) => return None,
                Err(ViolationKind::PacketTooLarge(len)) => match self.begin_skipping(bytes, len) {
                    Ok(None) => return None,
                    received => received,
                },
                Err(violation) => Err(violation),
            };
            match received {
                Ok(None) => {}
                Ok(event) => return event,
                Err(ViolationKind::ReceiveMaximum) if self.brake() => *bytes = start,
                Err(violation) => {
                    if let Some(link) = &mut self.link {
                        link.misanswered = self.state.answered_request(start, link);
                    }
                    self.give_up(violation);
                }
            }
        }
        None
    }

    /// Whether there is room for whatever the next packet brings about.
    pub(super) fn can_receive(&self) -> bool {
        self.link.as_ref().is_some_and(|link| link.braked_at.is_none()) && self.has_room_to_answer()
    }

    /// Likewise, but for a message.
    pub(super) fn has_room_to_answer(&self) -> bool {
        self.link.as_ref().is_some_and(Link::can_answer)
            && self.state.journal.has_room(RECORDS_PER_PACKET)
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
        while let Some(index) = self.state.flows.first(Lane::Ended) {
            let state = &mut self.state;
            if !state.journal.has_room(RECORDS_PER_PACKET) {
                return None;
            }
            let token = state.token(index);
            let kind = state.flows.get(index)?.kind;
            state.note_done(index);
            state.retire(index, self.link.is_some());
            let FlowKind::Ended(ended) = kind else { continue };
            let event = state.outcome(token, ended);
            // Its place and its identifier may be what others wait for.
            self.promote();
            if event.is_some() {
                return event;
            }
        }
        None
    }

    /// The end of the connection, when there is nothing before it.
    fn poll_end<'i>(&mut self) -> Option<Event<'i>> {
        let link = self.link.as_ref()?;
        // Before it comes what waits for the store to be polled; what waits for room comes again.
        let is_used_up = self.has_room_to_answer() || !link.is_reading();
        let is_last = link.transport_ended && is_used_up;
        if is_last { self.end_link().map(Event::Closed) } else { None }
    }

    /// Takes the next whole packet off the bytes.
    fn next_packet<'i>(
        &self,
        bytes: &mut &'i [u8],
    ) -> Result<Option<(FixedHeader, &'i [u8])>, ViolationKind> {
        let Some(link) = self.link.as_ref().filter(|link| link.is_reading()) else {
            return Ok(None);
        };
        let header = FixedHeader::decode(bytes, link.inbound_dialect());
        let Some(header) = header.map_err(ViolationKind::Packet)? else { return Ok(None) };
        let len = header.packet_len();
        if len > self.maximum_packet_size() as usize {
            // [MQTT-3.1.2-24]
            return Err(ViolationKind::PacketTooLarge(len));
        }
        let Some((packet, after)) = bytes.split_at_checked(len) else { return Ok(None) };
        *bytes = after;
        Ok(Some((header, packet.get(usize::from(header.len)..).unwrap_or_default())))
    }

    /// Bytes of the packet of which only the start is there; of one to be skipped, of its head.
    fn wanted(&self, bytes: &[u8]) -> usize {
        let link = self.link.as_ref().filter(|link| link.is_reading());
        match link.map(|link| FixedHeader::decode(bytes, link.inbound_dialect())) {
            _ if bytes.is_empty() => 0,
            Some(Ok(Some(header))) if header.packet_len() > self.maximum_packet_size() as usize => {
                head_len(&header, bytes).unwrap_or(HEAD_START)
            }
            Some(Ok(Some(header))) => header.packet_len(),
            Some(Ok(None) | Err(_)) | None => LONGEST_HEADER,
        }
    }

    fn receive<'i>(
        &mut self,
        header: FixedHeader,
        body: &'i [u8],
        topics: &mut M::Topics,
    ) -> Received<'i> {
        let Some(link) = &self.link else { return Ok(None) };
        let (is_up, dialect) = (link.up().is_some(), link.inbound_dialect());
        let packet = Packet::decode(header, body, dialect).map_err(ViolationKind::Packet)?;
        if !link.problem_information && explains(&packet) {
            // [MQTT-3.1.2-29]
            return Err(ViolationKind::NotAskedFor);
        }
        match packet {
            Packet::Publish(publish) if is_up => self.receive_publish(publish, topics),
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
            Packet::Auth(auth) => self.receive_auth(auth),
            // Before CONNACK nothing else may come, after it no second one [MQTT-3.2.0-1]
            // [MQTT-3.2.0-2].
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
    pub(super) fn give_up(&mut self, violation: ViolationKind) {
        if let Some(link) = &mut self.link {
            let reason = CloseReason::Violation(violation);
            if violation == ViolationKind::MaximumPacketSize {
                // A DISCONNECT with its reason may not fit, either.
                link.leave(&mut self.state.arena, reason);
            } else {
                link.leave_saying(&mut self.state.arena, violation.reason_code(), reason);
            }
        }
    }
}

impl<M: Memory> SessionState<M> {
    /// How a flow ended; `None` when nobody is to hear of it. The caller saw room for a record.
    fn outcome<'i>(&mut self, token: Token, ended: Ended) -> Option<Event<'i>> {
        let outcome = match ended {
            Ended::Transmitted => Outcome::Transmitted,
            Ended::Indeterminate => Outcome::Indeterminate,
            Ended::Publish(failure) => Outcome::Failed(failure),
            Ended::Request(failure) => return Some(Event::RequestFailed { token, failure }),
            Ended::Subscription { filter, reason } => {
                return self.refuse_filter(filter).then_some(Event::SubscriptionLost { reason });
            }
        };
        Some(Event::Published { token, outcome })
    }
}

/// Whether the packet has a Reason String or User Properties of the kind that CONNECT can turn off.
fn explains(packet: &Packet<'_>) -> bool {
    let properties = match packet {
        Packet::PubAck(PubAck(ack))
        | Packet::PubRec(PubRec(ack))
        | Packet::PubRel(PubRel(ack))
        | Packet::PubComp(PubComp(ack)) => &ack.properties,
        Packet::SubAck(suback) => &suback.properties,
        Packet::UnsubAck(unsuback) => &unsuback.properties,
        Packet::Auth(auth) => &auth.properties,
        Packet::Publish(_)
        | Packet::ConnAck(_)
        | Packet::Disconnect(_)
        | Packet::PingResp
        | Packet::Connect(_)
        | Packet::Subscribe(_)
        | Packet::Unsubscribe(_)
        | Packet::PingReq => return false,
    };
    properties.reason_string().is_some() || properties.user_properties().next().is_some()
}
