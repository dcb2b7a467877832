//! Publishes on their way into the window: identifiers, quota, and what they give back.

use core::mem;

use mqtt_proto::PacketId;

use super::flow::{Ended, Flow, FlowKind, Lane, set_packet_id};
use super::link::{Link, Up};
use super::put::packets;
use super::{Session, SessionState};
use crate::memory::Arena;
use crate::record::{RecordKind, RecordRef};
use crate::{Failure, Memory, Token};

impl<M: Memory> Session<M> {
    /// Lets requests and publishes go as far as identifiers, window and store allow.
    pub(super) fn promote(&mut self) {
        let Some(up) = self.link.as_mut().and_then(Link::up_mut) else { return };
        let state = &mut self.state;
        state.resubscribe(&up.limits);
        for lane in [Lane::Resubscribing, Lane::Requests] {
            while let Some(index) = state.flows.first(lane)
                && state.give_packet_id(index)
            {
                state.flows.move_to(index, Lane::Ready);
            }
        }
        let is_held_back = state.is_held_back(up);
        while let Some(index) = state.flows.first(Lane::Waiting) {
            // [MQTT-3.3.4-7]
            if up.quota() == 0 || is_held_back || !state.identify(index) {
                break;
            }
            state.enter_window(index, up);
        }
        while let Some(index) = state.flows.first(Lane::Storing) {
            let needs = state.flows.get(index).map_or(0, |flow| flow.needs);
            if !state.journal.is_stored(needs) {
                break;
            }
            state.flows.move_to(index, Lane::Ready);
        }
    }
}

/// The next Packet Identifier; 1 follows 65,535.
fn after(id: PacketId) -> PacketId {
    PacketId::new(id.get().wrapping_add(1)).unwrap_or(PacketId::MIN)
}

impl<M: Memory> SessionState<M> {
    pub(super) fn token(&self, index: u32) -> Token {
        Token { index, generation: self.flows.generation(index) }
    }

    /// Gives the flow a Packet Identifier no other one has; `false` when there is none now.
    pub(super) fn give_packet_id(&mut self, index: u32) -> bool {
        if self.flows.key(index) != 0 {
            return true;
        }
        let id = match self.needs_clean_id(index) {
            true => self.clean_packet_id(),
            false => self.free_packet_id(),
        };
        let Some(id) = id else { return false };
        self.flows.set_key(index, id.get());
        self.write_packet_id(index, id);
        true
    }

    /// The next identifier that no flow has.
    fn free_packet_id(&mut self) -> Option<PacketId> {
        let origin = &self.identity.origin;
        if self.flows.keys() + origin.asked() >= usize::from(u16::MAX) {
            return None;
        }
        // [MQTT-2.2.1-3]: one space for PUBLISH, SUBSCRIBE and UNSUBSCRIBE.
        let mut id = self.next_id;
        while self.flows.find(id.get()).is_some() || origin.is_asked(id) {
            id = after(id);
        }
        self.next_id = after(id);
        Some(id)
    }

    /// Writes the identifier into the packet of the flow.
    pub(super) fn write_packet_id(&mut self, index: u32, id: PacketId) {
        let Some(flow) = self.flows.get_mut(index) else { return };
        let block = match (&mut flow.image, flow.kind) {
            (Some(image), _) => Some(&mut image.head),
            (None, FlowKind::Resubscribe { filter }) => self.subscriptions.image_mut(filter),
            (None, _) => None,
        };
        if let Some(block) = block {
            set_packet_id(self.arena.bytes_mut(block), id);
        }
    }

    /// Gives a publish its identifier and records that; `false` when either has to wait.
    fn identify(&mut self, index: u32) -> bool {
        if self.flows.key(index) != 0 {
            return true;
        }
        if !self.journal.has_room(1) || !self.give_packet_id(index) {
            return false;
        }
        let id = self.flows.key(index);
        let Some(flow) = self.flows.get_mut(index) else { return false };
        if let Ok(needs) = self.journal.push(RecordRef::Sent { message: flow.message, id }) {
            flow.needs = needs;
            flow.has_sent_record = self.journal.is_on();
        }
        true
    }

    /// A publish with an identifier takes its place in the window.
    pub(super) fn enter_window(&mut self, index: u32, up: &mut Up) {
        up.take_quota();
        self.leave_waiting(index);
        self.flows.move_to(index, Lane::Storing);
    }

    /// A publish leaves `Lane::Waiting`: what it took there is free.
    pub(super) fn leave_waiting(&mut self, index: u32) {
        self.waiting_bytes = self.waiting_bytes.saturating_sub(self.image_len(index));
        self.note_room();
    }

    pub(super) fn image_len(&self, index: u32) -> usize {
        let image = self.flows.get(index).and_then(|flow| flow.image.as_ref());
        image.map_or(0, |image| image.len(&self.arena))
    }

    /// A publish leaves the lane it is in for good, and its place in the window if it has one.
    pub(super) fn leave_window(&mut self, index: u32, up: Option<&mut Up>) {
        match self.flows.list_of(index) {
            Some(Lane::Waiting) => self.leave_waiting(index),
            Some(
                Lane::Storing | Lane::Ready | Lane::InFlight | Lane::Releasing | Lane::Released,
            ) => {
                if let Some(up) = up {
                    up.give_quota();
                }
            }
            Some(
                Lane::Resubscribing
                | Lane::Requests
                | Lane::Requested
                | Lane::Ended
                | Lane::GivenUp,
            )
            | None => {}
        }
    }

    /// QoS 0 is not transmitted any more, which is counted.
    pub(super) fn lose_at_most_once(&mut self, index: u32, failure: Failure) {
        self.qos0_bytes = self.qos0_bytes.saturating_sub(self.image_len(index));
        self.unsent += self.untransmitted(index);
        self.end_at_most_once(index, Ended::Publish(failure));
    }

    /// How many QoS 0 publishes of a flow were not transmitted.
    pub(super) fn untransmitted(&self, index: u32) -> u64 {
        match self.flows.get(index) {
            Some(Flow { kind: FlowKind::Kept { .. }, .. }) => 1,
            Some(Flow {
                kind: FlowKind::AtMostOnce { transmitted, .. },
                image: Some(image),
                ..
            }) => {
                let left = self.arena.bytes(&image.head).get(*transmitted..).unwrap_or_default();
                packets(left, image.version)
            }
            Some(_) | None => 0,
        }
    }

    /// QoS 0 is over. It has an outcome only if it is to be reported.
    pub(super) fn end_at_most_once(&mut self, index: u32, ended: Ended) {
        let kind = self.flows.get(index).map(|flow| flow.kind);
        if let Some(
            FlowKind::AtMostOnce { reported: true, .. } | FlowKind::Kept { reported: true },
        ) = kind
        {
            self.end_flow(index, ended);
        } else {
            self.remove_flow(index);
        }
    }

    /// A publish fails without a packet: that is reported next.
    pub(super) fn fail_publish(&mut self, index: u32, failure: Failure, up: Option<&mut Up>) {
        let Some(flow) = self.flows.get(index) else { return };
        if let FlowKind::AtMostOnce { .. } | FlowKind::Kept { .. } = flow.kind {
            self.lose_at_most_once(index, failure);
            return;
        }
        let ended = match failure {
            // It is late to be sent again, which does not undo that it was sent.
            Failure::Expired if flow.carried_before => Ended::Indeterminate,
            failure => Ended::Publish(failure),
        };
        self.leave_window(index, up);
        self.end_flow(index, ended);
    }

    /// Keeps the outcome of a flow, to be polled. Its identifier stays taken until then, and the
    /// message in memory if it is stored: that is when the records about it are deleted.
    pub(super) fn end_flow(&mut self, index: u32, ended: Ended) {
        if let Some(flow) = self.flows.get_mut(index) {
            flow.kind = FlowKind::Ended(ended);
            if flow.message == 0 {
                self.free_image(index);
            }
        }
        self.flows.move_to(index, Lane::Ended);
    }

    /// Deletes the records of a publish, the message first: without it that of its identifier means
    /// nothing. The caller saw room for `RECORDS_PER_PACKET`.
    pub(super) fn note_done(&mut self, index: u32) {
        let Some(flow) = self.flows.get_mut(index) else { return };
        let (message, released) = (mem::take(&mut flow.message), mem::take(&mut flow.released));
        let has_sent_record = mem::take(&mut flow.has_sent_record);
        let keys = [
            (message > 0).then(|| RecordKind::Message.key(message)),
            has_sent_record.then(|| RecordKind::Sent.key(message)),
            (released > 0).then(|| RecordKind::Released.key(released)),
        ];
        for key in keys.into_iter().flatten() {
            self.journal.push(RecordRef::Delete { key }).ok();
        }
    }

    /// Takes a flow out, and gives back what it holds.
    pub(super) fn remove_flow(&mut self, index: u32) {
        self.free_image(index);
        self.flows.remove(index);
        self.note_room();
    }

    pub(super) fn free_image(&mut self, index: u32) {
        if let Some(image) = self.flows.get_mut(index).and_then(|flow| flow.image.take()) {
            self.give_back(image.head);
            self.note_spent(image.body);
        }
    }
}
