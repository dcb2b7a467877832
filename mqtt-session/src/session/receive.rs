//! What the broker sends.

use mqtt_proto::{
    Ack, Disconnect, FixedHeader, Packet, PacketId, Properties, PubAck, PubComp, PubRec,
    PubRel, Publish, QoS, ReasonCode, SubAck, UnsubAck, Version,
};

use super::flow::{FlowKind, Lane};
use super::held::{Held, Shelf};
use super::link::{Stage, Stray};
use super::{Room, Session};
use crate::record::RecordRef;
use crate::{
    CloseReason, Delivery, Event, Inbound, Memory, Message, Outcome, Refusal, Time,
    ViolationKind,
};

/// What an inbound packet came to.
type Received<'i> = Result<Option<Event<'i>>, ViolationKind>;

/// Records one inbound packet can make.
const RECORDS_PER_PACKET: usize = 4;

impl<M: Memory> Session<M> {
    /// Decodes at most one packet the owner can see, or reports what happened otherwise. `None`
    /// when all input is used up, or waits until what was polled is transmitted or stored.
    pub fn poll_event<'i>(
        &mut self,
        now: Time,
        inbound: &'i mut Inbound<M>,
    ) -> Option<Event<'i>> {
        self.advance(now);
        if let Some(event) = self.poll_own_event() {
            return Some(event);
        }
        if let Some(link) = &mut self.link {
            link.keep_alive.handle_received(inbound.received());
        }
        let (bytes, used) = inbound.parts();
        let mut rest = bytes;
        let mut event = None;
        while event.is_none() {
            match self.next_packet(rest) {
                Ok(Some((packet, after))) => {
                    rest = after;
                    event = self.receive(packet).unwrap_or_else(|violation| self.give_up(violation));
                }
                Ok(None) => break,
                Err(violation) => event = self.give_up(violation),
            }
        }
        *used += bytes.len() - rest.len();
        event.or_else(|| self.poll_end())
    }

    /// What happened without a packet.
    fn poll_own_event<'i>(&mut self) -> Option<Event<'i>> {
        if let Some(reason) = self.unreported.take() {
            return Some(Event::Closed(reason));
        }
        if let Some(index) = self.state.flows.first(Lane::Ended) {
            let token = self.state.token(index);
            let event = match self.state.flows.get(index)?.kind {
                FlowKind::RequestEnded(failure) => Event::RequestFailed { token, failure },
                FlowKind::PublishEnded(Some(failure)) => {
                    Event::Published { token, outcome: Outcome::Failed(failure) }
                }
                // Only ended flows are in this lane.
                _ => Event::Published { token, outcome: Outcome::Indeterminate },
            };
            self.state.remove_flow(index);
            return Some(event);
        }
        if self.state.room == Room::FreedAgain {
            self.state.room = Room::Enough;
            return Some(Event::Writable);
        }
        None
    }

    /// The end of the connection, when there is nothing before it.
    fn poll_end<'i>(&mut self) -> Option<Event<'i>> {
        if !self.link.as_ref()?.transport_ended {
            return None;
        }
        self.end_link().map(Event::Closed)
    }

    /// The next whole packet, and the bytes behind it.
    fn next_packet<'i>(
        &self,
        bytes: &'i [u8],
    ) -> Result<Option<(Packet<'i>, &'i [u8])>, ViolationKind> {
        let Some(link) = self.link.as_ref().filter(|link| link.is_reading()) else {
            return Ok(None);
        };
        let can_answer = link.strays.has_room() && self.state.journal.has_room(RECORDS_PER_PACKET);
        if !can_answer && !link.transport_ended {
            return Ok(None);
        }
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
            Packet::PubRec(PubRec(ack)) if is_up => self.receive_pubrec(ack),
            Packet::PubRel(PubRel(ack)) if is_up => Ok(self.receive_pubrel(ack)),
            Packet::PubComp(PubComp(ack)) if is_up => self.receive_pubcomp(ack),
            Packet::SubAck(suback) if is_up => self.receive_suback(suback),
            Packet::UnsubAck(unsuback) if is_up => self.receive_unsuback(unsuback),
            Packet::PingResp if is_up => Ok(None),
            Packet::Disconnect(disconnect) if is_up => Ok(self.receive_disconnect(disconnect)),
            Packet::ConnAck(connack) if !is_up => self.receive_connack(connack),
            // Before CONNACK nothing else may come, after it no second one; AUTH only when the
            // CONNECT had an Authentication Method.
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

    fn receive_connack<'i>(&mut self, connack: mqtt_proto::ConnAck<'i>) -> Received<'i> {
        let Some(link) = &mut self.link else { return Ok(None) };
        let (Stage::Greeting { asked, .. } | Stage::Waiting { asked }) = link.stage else {
            return Err(ViolationKind::Unexpected);
        };
        if connack.reason.is_error() {
            let refusal = Refusal { reason: connack.reason };
            link.leave(&mut self.state.arena, CloseReason::Refused(refusal));
            return Ok(Some(Event::Refused(connack)));
        }
        if connack.session_present && asked.clean_start {
            // [MQTT-3.2.2-2]
            return Err(ViolationKind::SessionPresent);
        }
        self.accept_connack(&connack, asked);
        Ok(Some(Event::Connected(connack)))
    }

    fn receive_disconnect<'i>(&mut self, disconnect: Disconnect<'i>) -> Option<Event<'i>> {
        let link = self.link.as_mut()?;
        link.leave(&mut self.state.arena, CloseReason::Disconnected(disconnect.reason));
        Some(Event::Disconnect(disconnect))
    }

    /// The broker broke the standard: says so if the version can, and ends the connection
    /// (section 4.13).
    fn give_up<'i>(&mut self, violation: ViolationKind) -> Option<Event<'i>> {
        let link = self.link.as_mut()?;
        let reason = CloseReason::Violation(violation);
        let packet = Disconnect { reason: violation.reason_code(), properties: Properties::EMPTY };
        let greeted = !matches!(link.stage, Stage::Greeting { .. });
        let says_so = link.version.has_properties() && greeted && !link.transport_ended;
        let disconnect = super::encode(&mut self.state.arena, link.version, &packet);
        let stage = match disconnect {
            Ok(disconnect) if says_so => Stage::Leaving { disconnect, reason },
            Ok(disconnect) => {
                crate::memory::Arena::give_back(&mut self.state.arena, disconnect);
                Stage::Left { reason, flush: false }
            }
            Err(_) => Stage::Left { reason, flush: false },
        };
        link.replace_stage(&mut self.state.arena, stage);
        None
    }
}

/// Flows of this end.
impl<M: Memory> Session<M> {
    fn receive_puback<'i>(&mut self, ack: Ack<'i>) -> Received<'i> {
        let Some(index) = self.sent_flow(ack.packet_id) else { return Ok(self.ignore()) };
        match self.state.flows.get(index).map(|flow| flow.kind) {
            Some(FlowKind::Publish { qos: QoS::AtLeastOnce, .. }) => {
                Ok(Some(self.end_publish(index, ack)))
            }
            Some(FlowKind::Publish { qos: QoS::ExactlyOnce, .. }) if self.tolerates_puback() => {
                Ok(Some(self.end_publish(index, ack)))
            }
            _ => Err(ViolationKind::WrongAck),
        }
    }

    /// Brokers of 3.1.1 in use answer QoS 2 with PUBACK, which ends the flow.
    fn tolerates_puback(&self) -> bool {
        let version = self.link.as_ref().map(|link| link.version);
        version != Some(Version::V5) && !self.config.strict
    }

    fn receive_pubrec<'i>(&mut self, ack: Ack<'i>) -> Received<'i> {
        let Some(index) = self.sent_flow(ack.packet_id) else {
            self.state.ignored_acks += 1;
            self.answer_stray(Stray::PubRel(ack.packet_id));
            return Ok(None);
        };
        match self.state.flows.get(index).map(|flow| flow.kind) {
            Some(FlowKind::Publish { qos: QoS::ExactlyOnce, .. }) if ack.reason.is_error() => {
                Ok(Some(self.end_publish(index, ack)))
            }
            Some(FlowKind::Publish { qos: QoS::ExactlyOnce, .. }) => {
                self.release(index);
                Ok(None)
            }
            Some(FlowKind::Release) => {
                // PUBREC again: PUBREL again.
                self.state.flows.move_to(index, Lane::Releasing);
                Ok(None)
            }
            _ => Err(ViolationKind::WrongAck),
        }
    }

    /// The broker has the message: from now on only PUBREL is sent [MQTT-4.3.3-4].
    fn release(&mut self, index: u32) {
        let id = self.state.flows.key(index);
        self.state.free_image(index);
        let Some(flow) = self.state.flows.get_mut(index) else { return };
        flow.kind = FlowKind::Release;
        flow.expiry = None;
        let message = flow.message;
        let needs = self.state.journal.push(RecordRef::Released { message, id });
        if let (Ok(needs), Some(flow)) = (needs, self.state.flows.get_mut(index)) {
            flow.needs = needs;
        }
        self.state.flows.move_to(index, Lane::Releasing);
    }

    fn receive_pubcomp<'i>(&mut self, ack: Ack<'i>) -> Received<'i> {
        let Some(index) = self.sent_flow(ack.packet_id) else { return Ok(self.ignore()) };
        match self.state.flows.get(index).map(|flow| flow.kind) {
            Some(FlowKind::Release) => {
                let token = self.state.token(index);
                self.finish_publish(index);
                Ok(Some(Event::Published { token, outcome: Outcome::Delivered(ack) }))
            }
            _ => Err(ViolationKind::WrongAck),
        }
    }

    /// A publish got its last answer.
    fn end_publish<'i>(&mut self, index: u32, ack: Ack<'i>) -> Event<'i> {
        let token = self.state.token(index);
        self.finish_publish(index);
        let outcome = match ack.reason.is_error() {
            true => Outcome::Rejected(ack),
            false => Outcome::Delivered(ack),
        };
        Event::Published { token, outcome }
    }

    fn finish_publish(&mut self, index: u32) {
        self.state.note_done(index);
        self.state.remove_flow(index);
        if let Some(up) = self.link.as_mut().and_then(|link| link.up_mut()) {
            up.give_quota();
        }
        self.promote();
    }

    /// The flow this end sent a packet of on this connection.
    fn sent_flow(&self, id: PacketId) -> Option<u32> {
        let index = self.state.flows.find(id.get())?;
        match self.state.flows.list_of(index)? {
            Lane::InFlight | Lane::Releasing | Lane::Released | Lane::Requested => Some(index),
            Lane::Waiting | Lane::Ready | Lane::Requests | Lane::Ended => None,
        }
    }

    fn ignore<'i>(&mut self) -> Option<Event<'i>> {
        self.state.ignored_acks += 1;
        None
    }

    fn answer_stray(&mut self, stray: Stray) {
        if let Some(link) = &mut self.link {
            link.strays.push(stray);
        }
    }

    fn receive_suback<'i>(&mut self, suback: SubAck<'i>) -> Received<'i> {
        let Some(index) = self.sent_flow(suback.packet_id) else { return Ok(self.ignore()) };
        match self.state.flows.get(index).map(|flow| flow.kind) {
            Some(FlowKind::Subscribe { filters, .. }) if filters != suback.codes.len() => {
                Err(ViolationKind::CodeCount)
            }
            Some(FlowKind::Subscribe { own: false, .. }) => {
                let token = self.state.token(index);
                self.state.note_subscribed(index, &suback);
                self.end_request(index);
                Ok(Some(Event::Subscribed { token, suback }))
            }
            Some(FlowKind::Subscribe { own: true, .. }) => {
                let reason = suback.codes.get(0).unwrap_or(ReasonCode::UnspecifiedError);
                let kept = self.state.note_resubscribed(index, reason);
                self.end_request(index);
                Ok((!kept).then_some(Event::SubscriptionLost { reason }))
            }
            _ => Err(ViolationKind::WrongAck),
        }
    }

    fn receive_unsuback<'i>(&mut self, unsuback: UnsubAck<'i>) -> Received<'i> {
        let Some(index) = self.sent_flow(unsuback.packet_id) else { return Ok(self.ignore()) };
        let is_v5 = self.state.version.has_properties();
        match self.state.flows.get(index).map(|flow| flow.kind) {
            Some(FlowKind::Unsubscribe { filters }) if is_v5 && filters != unsuback.codes.len() => {
                Err(ViolationKind::CodeCount)
            }
            Some(FlowKind::Unsubscribe { .. }) => {
                let token = self.state.token(index);
                self.state.note_unsubscribed(index, &unsuback);
                self.end_request(index);
                Ok(Some(Event::Unsubscribed { token, unsuback }))
            }
            _ => Err(ViolationKind::WrongAck),
        }
    }

    fn end_request(&mut self, index: u32) {
        self.state.remove_flow(index);
        self.resubscribe();
        self.promote();
    }
}

/// Flows of the broker.
impl<M: Memory> Session<M> {
    fn receive_publish<'i>(&mut self, publish: Publish<'i>) -> Received<'i> {
        if publish.properties.topic_alias().is_some() {
            // [MQTT-3.1.2-27]
            return Err(ViolationKind::TopicAlias);
        }
        let Some(id) = publish.packet_id else {
            return Ok(Some(Event::Message(Message { publish, delivery: None })));
        };
        if self.comes_again(&publish, id) {
            return Ok(None);
        }
        let index = self.hold(publish.qos, id)?;
        let delivery = Delivery { index, generation: self.state.held.generation(index) };
        Ok(Some(Event::Message(Message { publish, delivery: Some(delivery) })))
    }

    /// Whether the application has this message already. What is left of an older one that only
    /// shares its identifier is dropped.
    fn comes_again(&mut self, publish: &Publish<'_>, id: PacketId) -> bool {
        let held = &mut self.state.held;
        let Some(index) = held.find(id.get()) else { return false };
        let (Some(message), Some(shelf)) = (held.get(index).copied(), held.list_of(index)) else {
            return false;
        };
        let exactly_once = publish.qos == QoS::ExactlyOnce;
        match shelf {
            // [MQTT-4.3.3-10]: answered with PUBREC until PUBREL comes.
            Shelf::PubRec | Shelf::Received | Shelf::PubComp if exactly_once => {
                held.move_to(index, Shelf::PubRec);
                true
            }
            Shelf::Orphan if publish.dup && message.exactly_once == exactly_once => {
                held.move_to(index, if exactly_once { Shelf::Qos2 } else { Shelf::Qos1 });
                self.state.release_answers();
                true
            }
            Shelf::Qos1 | Shelf::Qos2 if publish.dup && message.exactly_once == exactly_once => true,
            Shelf::Qos1
            | Shelf::Qos2
            | Shelf::PubAck
            | Shelf::PubRec
            | Shelf::Received
            | Shelf::PubComp
            | Shelf::Orphan => {
                held.remove(index);
                false
            }
        }
    }

    /// Takes a place for a new message.
    fn hold(&mut self, qos: QoS, id: PacketId) -> Result<u32, ViolationKind> {
        let exactly_once = qos == QoS::ExactlyOnce;
        let state = &mut self.state;
        let open = state.held.total() - state.held.len(Shelf::Orphan);
        let announced = usize::from(self.config.receive_maximum.get());
        // Brokers in use exceed it after acknowledgements; twice is tolerated.
        let most = if self.config.strict { announced } else { announced * 2 };
        if open >= most {
            // [MQTT-3.3.4-7]
            return Err(ViolationKind::ReceiveMaximum);
        }
        if !state.held.has_room()
            && let Some(oldest) = state.held.first(Shelf::Orphan)
        {
            // The broker will send it again.
            state.held.remove(oldest);
        }
        let shelf = if exactly_once { Shelf::Qos2 } else { Shelf::Qos1 };
        let held = Held { exactly_once, answer: None, needs: 0 };
        let index =
            state.held.insert(shelf, held).map_err(|_| ViolationKind::ReceiveMaximum)?;
        state.held.set_key(index, id.get());
        Ok(index)
    }

    fn receive_pubrel<'i>(&mut self, ack: Ack<'i>) -> Option<Event<'i>> {
        let held = &mut self.state.held;
        let found = held.find(ack.packet_id.get());
        match found.and_then(|index| Some((index, held.list_of(index)?))) {
            Some((index, Shelf::PubRec | Shelf::Received)) => {
                held.move_to(index, Shelf::PubComp);
                self.state.note_completed(index);
            }
            // PUBREL again before PUBCOMP left: one answers both.
            Some((_, Shelf::PubComp)) => {}
            Some((_, Shelf::Qos1 | Shelf::Qos2 | Shelf::PubAck | Shelf::Orphan)) | None => {
                self.answer_stray(Stray::PubComp(ack.packet_id));
            }
        }
        None
    }
}
