//! What survives a connection, and how the next one takes it up.

use mqtt_proto::{ConnAck, PacketId, QoS, ReasonCode};

use super::flow::{FlowKind, Lane};
use super::held::Shelf;
use super::link::{Asked, Link, Stage, Up, limits};
use super::{Room, Session, SessionState};
use crate::memory::{Arena, List};
use crate::record::{RecordKind, RecordRef};
use crate::{CloseReason, Config, Failure, Limits, Memory, Token};

impl<M: Memory> Session<M> {
    /// CONNACK accepted the connection: takes up the session, or starts it over.
    pub(super) fn accept_connack(&mut self, connack: &ConnAck<'_>, asked: Asked) {
        let Some(link) = &mut self.link else { return };
        let limits = limits(connack, &asked);
        link.keep_alive.start(self.now, limits.keep_alive);
        let up = Up::new(limits, self.config.max_in_flight);
        link.replace_stage(&mut self.state.arena, Stage::Up(up));
        if let Some(assigned) = connack.properties.assigned_client_identifier() {
            self.state.keep_client_id(assigned.as_bytes());
        }
        if !connack.session_present {
            self.state.lose_session(&self.config);
            self.state.lose_subscriptions();
        }
        self.state.fail_unsupported(&limits);
        self.resubscribe();
        self.promote();
    }

    /// Lets requests and publishes go as far as identifiers, window and store allow.
    pub(super) fn promote(&mut self) {
        let Some(up) = self.link.as_mut().and_then(Link::up_mut) else { return };
        let state = &mut self.state;
        while let Some(index) = state.flows.first(Lane::Requests) {
            if !state.give_packet_id(index) {
                return;
            }
            state.flows.move_to(index, Lane::Ready);
        }
        if state.journal.is_on() {
            state.identify_window(usize::from(up.quota()));
        }
        while let Some(index) = state.flows.first(Lane::Waiting) {
            let needs = state.flows.get(index).map_or(0, |flow| flow.needs);
            if up.quota() == 0 || !state.journal.is_stored(needs) || !state.give_packet_id(index) {
                return;
            }
            up.take_quota();
            state.leave_waiting(index);
            state.flows.move_to(index, Lane::Ready);
        }
    }

    /// Makes the subscriptions that a session loss undid again, oldest first, as far as there is
    /// room; the rest follows when these are answered.
    pub(super) fn resubscribe(&mut self) {
        if self.link.as_ref().is_none_or(|link| link.up().is_none()) {
            return;
        }
        while self.state.resubscribe_next() {}
    }

    /// Drops the connection: what it carried goes back to where the next one finds it.
    pub(super) fn end_link(&mut self) -> Option<CloseReason> {
        let mut link = self.link.take()?;
        let reason = match link.stage {
            Stage::Greeting { .. } | Stage::Waiting { .. } => CloseReason::NoConnAck,
            Stage::Up(_) => CloseReason::Lost,
            Stage::Leaving { reason, .. } | Stage::Left { reason, .. } => reason,
        };
        link.leave(&mut self.state.arena, reason);
        self.state.take_back_flows();
        self.state.take_back_held();
        Some(reason)
    }
}

/// The next Packet Identifier; 1 follows 65,535.
fn after(id: PacketId) -> PacketId {
    PacketId::new(id.get().wrapping_add(1)).unwrap_or(PacketId::MIN)
}

/// Flows of this end.
impl<M: Memory> SessionState<M> {
    pub(super) fn token(&self, index: u32) -> Token {
        Token { index, generation: self.flows.generation(index) }
    }

    /// Gives the flow a Packet Identifier no other one has; `false` when all are in use.
    pub(super) fn give_packet_id(&mut self, index: u32) -> bool {
        if self.flows.key(index) != 0 {
            return true;
        }
        if self.flows.keys() >= usize::from(u16::MAX) {
            return false;
        }
        // [MQTT-2.2.1-3]: one space for PUBLISH, SUBSCRIBE and UNSUBSCRIBE.
        let mut id = self.next_id;
        while self.flows.find(id.get()).is_some() {
            id = after(id);
        }
        self.next_id = after(id);
        self.flows.set_key(index, id.get());
        if let Some(image) = self.flows.get_mut(index).and_then(|flow| flow.image.as_mut()) {
            image.set_packet_id(&mut self.arena, id);
        }
        true
    }

    /// With a store: gives identifiers to all publishes that fit into the window, so that their
    /// records are stored together.
    fn identify_window(&mut self, quota: usize) {
        let mut at = self.flows.first(Lane::Waiting);
        for _ in 0..quota {
            let Some(index) = at else { return };
            at = self.flows.next(index);
            if self.flows.key(index) != 0 {
                continue;
            }
            if !self.journal.has_room(1) || !self.give_packet_id(index) {
                return;
            }
            self.note_sent(index);
        }
    }

    /// Records the identifier, unless the record of the message itself will carry it.
    fn note_sent(&mut self, index: u32) {
        let id = self.flows.key(index);
        let Some(flow) = self.flows.get_mut(index) else { return };
        if self.journal.is_polled(flow.needs) {
            let record = RecordRef::Sent { message: flow.message, id };
            if let Ok(needs) = self.journal.push(record) {
                flow.needs = needs;
                flow.has_sent_record = true;
            }
        }
    }

    /// A publish leaves `Lane::Waiting`: what it took there is free.
    pub(super) fn leave_waiting(&mut self, index: u32) {
        let image = self.flows.get(index).and_then(|flow| flow.image.as_ref());
        let len = image.map_or(0, |image| image.len(&self.arena));
        self.waiting_bytes = self.waiting_bytes.saturating_sub(len);
        if self.room == Room::Refused {
            self.room = Room::FreedAgain;
        }
    }

    /// The outcome of a publish is known without a packet: it is reported next. QoS 0 has none.
    pub(super) fn fail_publish(&mut self, index: u32, failure: Failure, up: Option<&mut Up>) {
        let len = self.image_len(index);
        let is_ready = self.flows.list_of(index) == Some(Lane::Ready);
        if self.flows.get(index).is_some_and(|flow| flow.kind == FlowKind::AtMostOnce) {
            self.qos0_bytes = self.qos0_bytes.saturating_sub(len);
            self.remove_flow(index);
            return;
        }
        match up.filter(|_| is_ready) {
            Some(up) => up.give_quota(),
            None => self.leave_waiting(index),
        }
        self.end_flow(index, FlowKind::PublishEnded(Some(failure)));
    }

    fn image_len(&self, index: u32) -> usize {
        let image = self.flows.get(index).and_then(|flow| flow.image.as_ref());
        image.map_or(0, |image| image.len(&self.arena))
    }

    /// Keeps only the outcome of a flow, to be polled.
    fn end_flow(&mut self, index: u32, kind: FlowKind) {
        self.note_done(index);
        self.free_image(index);
        self.flows.clear_key(index);
        if let Some(flow) = self.flows.get_mut(index) {
            flow.kind = kind;
        }
        self.flows.move_to(index, Lane::Ended);
    }

    /// Deletes the records of a publish, the message first: without it the others mean nothing.
    pub(super) fn note_done(&mut self, index: u32) {
        let Some(flow) = self.flows.get(index) else { return };
        let (message, sent) = (flow.message, flow.has_sent_record);
        let released = flow.kind == FlowKind::Release;
        self.note(RecordRef::Delete { key: RecordKind::Message.key(message) });
        if sent {
            self.note(RecordRef::Delete { key: RecordKind::Sent.key(message) });
        }
        if released {
            self.note(RecordRef::Delete { key: RecordKind::Released.key(message) });
        }
    }

    /// The connection ended: publishes wait again in the order they were sent, requests in call
    /// order, QoS 0 is gone.
    fn take_back_flows(&mut self) {
        let mut at = self.flows.first(Lane::Ready);
        while let Some(index) = at {
            at = self.flows.next(index);
            match self.flows.get(index).map(|flow| flow.kind) {
                Some(FlowKind::AtMostOnce) => self.remove_flow(index),
                Some(FlowKind::Subscribe { .. } | FlowKind::Unsubscribe { .. }) => {
                    self.flows.move_to(index, Lane::Requested);
                }
                _ => {}
            }
        }
        self.qos0_bytes = 0;
        self.take_back_requests();
        let len = |lane| self.flows.iter(lane).map(|index| self.image_len(index)).sum::<usize>();
        self.waiting_bytes += len(Lane::Ready) + len(Lane::InFlight);
        self.flows.prepend(Lane::Ready, Lane::Waiting);
        self.flows.prepend(Lane::InFlight, Lane::Waiting);
        self.flows.prepend(Lane::Released, Lane::Releasing);
    }

    /// Pending SUBSCRIBEs and UNSUBSCRIBEs are made anew, with new identifiers; those of the
    /// session's own are made when the next CONNACK says that they are needed.
    fn take_back_requests(&mut self) {
        let mut at = self.flows.first(Lane::Requested);
        while let Some(index) = at {
            at = self.flows.next(index);
            self.flows.clear_key(index);
            if let Some(FlowKind::Subscribe { own: true, .. }) =
                self.flows.get(index).map(|flow| flow.kind)
            {
                self.lose_again(index);
                self.remove_flow(index);
            }
        }
        self.flows.prepend(Lane::Requested, Lane::Requests);
    }

    /// The broker has no session: nothing that belonged to it is left (section 3.1.2.4).
    fn lose_session(&mut self, config: &Config) {
        for shelf in [Shelf::Orphan, Shelf::Received, Shelf::PubRec, Shelf::PubComp] {
            while let Some(index) = self.held.first(shelf) {
                if shelf != Shelf::Orphan {
                    self.note_completed(index);
                }
                self.held.remove(index);
            }
        }
        while let Some(index) = self.flows.first(Lane::Releasing) {
            self.end_flow(index, FlowKind::PublishEnded(None));
        }
        let mut at = self.flows.first(Lane::Waiting);
        while let Some(index) = at {
            at = self.flows.next(index);
            let Some(flow) = self.flows.get_mut(index) else { break };
            let FlowKind::Publish { qos, carried: true } = flow.kind else { continue };
            let again = match qos {
                QoS::ExactlyOnce => config.session_loss.qos2,
                QoS::AtMostOnce | QoS::AtLeastOnce => config.session_loss.qos1,
            };
            if again {
                flow.kind = FlowKind::Publish { qos, carried: false };
                self.flows.clear_key(index);
            } else {
                self.leave_waiting(index);
                self.end_flow(index, FlowKind::PublishEnded(None));
            }
        }
    }

    /// Messages that no longer fit what the broker grants fail (section 3.2.2.3).
    fn fail_unsupported(&mut self, limits: &Limits) {
        let max = limits.maximum_packet_size.map_or(usize::MAX, |size| size.get() as usize);
        self.fail_unsupported_requests(limits, max);
        let mut at = self.flows.first(Lane::Waiting);
        while let Some(index) = at {
            at = self.flows.next(index);
            let Some(FlowKind::Publish { qos, .. }) = self.flows.get(index).map(|flow| flow.kind)
            else {
                continue;
            };
            let reason = if qos > limits.maximum_qos {
                ReasonCode::QoSNotSupported
            } else if self.is_retained(index) && !limits.retain_available {
                ReasonCode::RetainNotSupported
            } else if self.image_len(index) > max {
                ReasonCode::PacketTooLarge
            } else {
                continue;
            };
            self.fail_publish(index, Failure::NotSupported(reason), None);
        }
    }

    /// Requests that no longer fit fail likewise.
    fn fail_unsupported_requests(&mut self, limits: &Limits, max: usize) {
        let mut at = self.flows.first(Lane::Requests);
        while let Some(index) = at {
            at = self.flows.next(index);
            let unsupported = if self.image_len(index) > max {
                Some(ReasonCode::PacketTooLarge)
            } else {
                self.unsupported_filter(index, limits)
            };
            if let Some(reason) = unsupported {
                self.forget_asked(index);
                self.end_flow(index, FlowKind::RequestEnded(Failure::NotSupported(reason)));
            }
        }
    }

    /// Whether packets wait that were encoded for the version of the last connection.
    pub(super) fn has_images(&self) -> bool {
        self.flows.total() > 0 || !self.filters.as_ref().is_empty()
    }

    fn is_retained(&self, index: u32) -> bool {
        let image = self.flows.get(index).and_then(|flow| flow.image.as_ref());
        let first = image.and_then(|image| self.arena.bytes(&image.head).first());
        first.is_some_and(|first| first & 1 != 0)
    }
}

/// What is neither.
impl<M: Memory> SessionState<M> {
    /// Makes a record that nothing waits for.
    pub(super) fn note(&mut self, record: RecordRef) {
        // Without room the journal says so itself: see `Journal::has_overflowed`.
        self.journal.push(record).ok();
    }

    /// Remembers the ClientID in use.
    pub(super) fn keep_client_id(&mut self, id: &[u8]) {
        self.client_id = M::ClientId::default();
        if id.iter().try_for_each(|byte| self.client_id.push(*byte)).is_err() {
            self.client_id = M::ClientId::default();
        }
        self.note(RecordRef::Session);
    }
}

/// Flows of the broker.
impl<M: Memory> SessionState<M> {
    /// The connection ended: what was not acknowledged to the broker comes again, with DUP. A QoS
    /// 2 message past the application's acknowledgement stays received.
    fn take_back_held(&mut self) {
        for shelf in [Shelf::PubAck, Shelf::Qos1, Shelf::PubRec, Shelf::Qos2, Shelf::PubComp] {
            while let Some(index) = self.held.first(shelf) {
                let accepted = self
                    .held
                    .get(index)
                    .and_then(|held| held.answer)
                    .is_some_and(|reason| !reason.is_error());
                let to = match shelf {
                    Shelf::PubRec | Shelf::PubComp if accepted => Shelf::Received,
                    _ => Shelf::Orphan,
                };
                self.held.move_to(index, to);
            }
        }
    }
}
