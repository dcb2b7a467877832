//! Answers of the broker to flows of this end.

use mqtt_proto::{
    Ack, FixedHeader, PacketId, PacketType, QoS, ReasonCode, SubAck, UnsubAck, Version,
};

use super::flow::{FlowKind, Lane};
use super::link::{Link, Stray};
use super::receive::Received;
use super::{Session, SessionState};
use crate::record::RecordRef;
use crate::{Event, Failure, Memory, Outcome, ViolationKind};

/// The answer a flow waits for.
#[derive(Clone, Copy, Debug)]
enum Awaited {
    PubAck,
    PubRec,
    PubComp {
        abandoned: Option<Failure>,
    },
    SubAck {
        first: u64,
        filters: usize,
    },
    /// For a SUBSCRIBE of the session's own.
    OwnSubAck {
        filter: u64,
    },
    UnsubAck {
        filters: usize,
    },
}

impl FlowKind {
    fn awaited(self) -> Option<Awaited> {
        match self {
            FlowKind::AtMostOnce { .. }
            | FlowKind::Kept { .. }
            | FlowKind::Publish { qos: QoS::AtMostOnce, .. } => None,
            FlowKind::Publish { qos: QoS::AtLeastOnce, .. } => Some(Awaited::PubAck),
            FlowKind::Publish { qos: QoS::ExactlyOnce, .. } => Some(Awaited::PubRec),
            FlowKind::Release { abandoned } => Some(Awaited::PubComp { abandoned }),
            FlowKind::Subscribe { first, filters } => Some(Awaited::SubAck { first, filters }),
            FlowKind::Resubscribe { filter } => Some(Awaited::OwnSubAck { filter }),
            FlowKind::Unsubscribe { filters, .. } => Some(Awaited::UnsubAck { filters }),
            FlowKind::Ended(_) => None,
        }
    }
}

/// Publishes.
impl<M: Memory> Session<M> {
    pub(super) fn receive_puback<'i>(&mut self, ack: Ack<'i>) -> Received<'i> {
        let Some((index, awaited)) = self.state.awaiting(ack.packet_id) else {
            return Ok(self.ignore());
        };
        match awaited {
            Awaited::PubAck => Ok(Some(self.end_publish(index, ack))),
            Awaited::PubRec if self.tolerates_puback() => {
                self.state.tolerated += 1;
                Ok(Some(self.finish_publish(index, Outcome::Downgraded(ack))))
            }
            Awaited::PubRec
            | Awaited::PubComp { .. }
            | Awaited::SubAck { .. }
            | Awaited::OwnSubAck { .. }
            | Awaited::UnsubAck { .. } => Err(ViolationKind::WrongAck),
        }
    }

    /// Brokers of 3.1.1 in use answer QoS 2 with PUBACK, which ends the flow.
    fn tolerates_puback(&self) -> bool {
        let version = self.link.as_ref().map(|link| link.version);
        version != Some(Version::V5) && !self.config.strict
    }

    pub(super) fn receive_pubrec<'i>(&mut self, ack: &Ack<'i>) -> Received<'i> {
        let Some((index, awaited)) = self.state.awaiting(ack.packet_id) else {
            if !ack.reason.is_error() {
                self.answer_stray(Stray::PubRel(ack.packet_id));
            }
            return Ok(self.ignore());
        };
        match awaited {
            // [MQTT-4.4.0-2]
            Awaited::PubRec if ack.reason.is_error() => Ok(Some(self.end_publish(index, *ack))),
            Awaited::PubRec => {
                self.release(index);
                Ok(None)
            }
            Awaited::PubComp { .. } => {
                // PUBREC again: PUBREL again, unless the first is still to be transmitted.
                if self.state.flows.list_of(index) == Some(Lane::Released) {
                    self.state.flows.move_to(index, Lane::Releasing);
                }
                Ok(None)
            }
            Awaited::PubAck
            | Awaited::SubAck { .. }
            | Awaited::OwnSubAck { .. }
            | Awaited::UnsubAck { .. } => Err(ViolationKind::WrongAck),
        }
    }

    /// The broker has the message: from now on only PUBREL is sent [MQTT-4.3.3-4].
    fn release(&mut self, index: u32) {
        if self.state.flows.list_of(index) == Some(Lane::Waiting) {
            self.state.leave_waiting(index);
            if let Some(up) = self.link.as_mut().and_then(|link| link.up_mut()) {
                up.take_quota();
            }
        }
        let state = &mut self.state;
        state.poison.note_answer();
        let id = state.flows.key(index);
        let Some(flow) = state.flows.get(index) else { return };
        let released = state.journal.push(RecordRef::Released { message: flow.message, id });
        state.note_done(index);
        state.free_image(index);
        if let (Ok(released), Some(flow)) = (released, state.flows.get_mut(index)) {
            flow.kind = FlowKind::Release { abandoned: None };
            flow.needs = released;
            flow.released = released;
        }
        state.flows.move_to(index, Lane::Releasing);
    }

    pub(super) fn receive_pubcomp<'i>(&mut self, ack: Ack<'i>) -> Received<'i> {
        let Some((index, awaited)) = self.state.awaiting(ack.packet_id) else {
            return Ok(if self.end_probe(ack.packet_id) { None } else { self.ignore() });
        };
        match awaited {
            Awaited::PubComp { abandoned } => {
                let outcome = abandoned.map_or(Outcome::Delivered(ack), Outcome::Failed);
                Ok(Some(self.finish_publish(index, outcome)))
            }
            Awaited::PubAck
            | Awaited::PubRec
            | Awaited::SubAck { .. }
            | Awaited::OwnSubAck { .. }
            | Awaited::UnsubAck { .. } => Err(ViolationKind::WrongAck),
        }
    }

    /// A publish got its last answer.
    fn end_publish<'i>(&mut self, index: u32, ack: Ack<'i>) -> Event<'i> {
        let outcome = match ack.reason.is_error() {
            true => Outcome::Rejected(ack),
            false => Outcome::Delivered(ack),
        };
        self.finish_publish(index, outcome)
    }

    fn finish_publish<'i>(&mut self, index: u32, outcome: Outcome<'i>) -> Event<'i> {
        let token = self.state.token(index);
        let up = self.link.as_mut().and_then(|link| link.up_mut());
        self.state.poison.note_answer();
        self.state.leave_window(index, up);
        self.state.note_done(index);
        self.state.remove_flow(index);
        self.promote();
        Event::Published { token, outcome }
    }

    fn ignore<'i>(&mut self) -> Option<Event<'i>> {
        self.state.ignored_acks += 1;
        None
    }

    pub(super) fn answer_stray(&mut self, stray: Stray) {
        if let Some(link) = &mut self.link {
            link.strays.push(stray);
        }
    }
}

/// Requests.
impl<M: Memory> Session<M> {
    pub(super) fn receive_suback<'i>(&mut self, suback: SubAck<'i>) -> Received<'i> {
        let Some((index, awaited)) = self.state.awaiting(suback.packet_id) else {
            return Ok(self.ignore());
        };
        let event = match awaited {
            // [MQTT-3.8.4-6]
            Awaited::SubAck { filters, .. } if filters != suback.codes.len() => {
                return Err(ViolationKind::CodeCount);
            }
            Awaited::OwnSubAck { .. } if suback.codes.len() != 1 => {
                return Err(ViolationKind::CodeCount);
            }
            Awaited::SubAck { first, .. } => {
                self.state.note_subscribed(first, &suback);
                Some(Event::Subscribed { token: self.state.token(index), suback })
            }
            Awaited::OwnSubAck { filter } => {
                let reason = suback.codes.get(0).unwrap_or(ReasonCode::UnspecifiedError);
                let is_lost = !self.state.note_resubscribed(filter, reason);
                is_lost.then_some(Event::SubscriptionLost { reason })
            }
            Awaited::PubAck
            | Awaited::PubRec
            | Awaited::PubComp { .. }
            | Awaited::UnsubAck { .. } => return Err(ViolationKind::WrongAck),
        };
        self.end_request(index);
        Ok(event)
    }

    pub(super) fn receive_unsuback<'i>(&mut self, unsuback: UnsubAck<'i>) -> Received<'i> {
        let Some((index, awaited)) = self.state.awaiting(unsuback.packet_id) else {
            return Ok(self.ignore());
        };
        let has_codes = self.state.version().has_properties();
        match awaited {
            Awaited::UnsubAck { filters } if has_codes && filters != unsuback.codes.len() => {
                Err(ViolationKind::CodeCount)
            }
            Awaited::UnsubAck { .. } => {
                let token = self.state.token(index);
                self.state.note_unsubscribed(index, &unsuback);
                self.end_request(index);
                Ok(Some(Event::Unsubscribed { token, unsuback }))
            }
            Awaited::PubAck
            | Awaited::PubRec
            | Awaited::PubComp { .. }
            | Awaited::SubAck { .. }
            | Awaited::OwnSubAck { .. } => Err(ViolationKind::WrongAck),
        }
    }

    fn end_request(&mut self, index: u32) {
        self.state.remove_flow(index);
        self.promote();
    }
}

impl<M: Memory> SessionState<M> {
    /// The flow a connection may have carried a packet of, and what it waits for. That may have
    /// been an earlier connection of the session: its answer is as good.
    fn awaiting(&self, id: PacketId) -> Option<(u32, Awaited)> {
        let index = self.flows.find(id.get())?;
        let kind = self.flows.get(index)?.kind;
        let was_sent = match self.flows.list_of(index)? {
            Lane::InFlight | Lane::Releasing | Lane::Released | Lane::Requested => true,
            Lane::Waiting | Lane::Storing | Lane::Ready => {
                matches!(kind, FlowKind::Publish { carried: true, .. })
            }
            Lane::Resubscribing | Lane::Requests | Lane::Ended | Lane::GivenUp => false,
        };
        Some((index, kind.awaited().filter(|_| was_sent)?))
    }

    /// The request on its way that a packet was to answer, however badly it does; for SUBACK and
    /// UNSUBACK that do not say, the oldest.
    pub(super) fn answered_request(&self, packet: &[u8], link: &Link<M>) -> Option<u32> {
        let oldest = match PacketType::from_u8(packet.first()? >> 4)? {
            PacketType::SubAck | PacketType::UnsubAck => self.flows.first(Lane::Requested),
            PacketType::PubAck | PacketType::PubRec | PacketType::PubComp => None,
            PacketType::Connect
            | PacketType::ConnAck
            | PacketType::Publish
            | PacketType::PubRel
            | PacketType::Subscribe
            | PacketType::Unsubscribe
            | PacketType::PingReq
            | PacketType::PingResp
            | PacketType::Disconnect
            | PacketType::Auth => return None,
        };
        let header = FixedHeader::decode(packet, link.inbound_dialect()).ok().flatten();
        let id = header.and_then(|header| packet.get(usize::from(header.len)..)?.first_chunk());
        let named = id.and_then(|id| self.flows.find(u16::from_be_bytes(*id)));
        named.filter(|index| self.flows.list_of(*index) == Some(Lane::Requested)).or(oldest)
    }
}
