//! What survives a connection, and how the next one takes it up.

use mqtt_proto::{QoS, ReasonCode};

use super::flow::{Ended, FlowKind, Lane};
use super::link::Stage;
use super::publishing::unsupported;
use super::{Session, SessionState};
use crate::memory::{Arena, Full};
use crate::record::{RecordKind, RecordRef};
use crate::{CloseReason, Config, Failure, Limits, Memory};

/// The number of a record that does not exist yet.
const NEVER: u64 = u64::MAX;

impl<M: Memory> Session<M> {
    /// Drops the connection: what it carried goes back to where the next one finds it.
    pub(super) fn end_link(&mut self) -> Option<CloseReason> {
        let mut link = self.link.take()?;
        let reason = match link.stage {
            Stage::Greeting { .. } | Stage::Waiting { .. } => CloseReason::NoConnAck,
            Stage::Up(_) => CloseReason::Lost,
            Stage::Leaving { reason, .. } | Stage::Left { reason, .. } => reason,
        };
        link.leave(&mut self.state.arena, reason);
        self.state.judge_end(reason);
        self.state.judge_requests(reason, link.misanswered);
        let keeps = self.keeps_at_most_once();
        self.state.take_back_flows(keeps);
        self.state.take_back_held();
        self.state.note_room();
        Some(reason)
    }
}

/// The end of a connection.
impl<M: Memory> SessionState<M> {
    /// Publishes wait again in the order they were sent, requests in call order, QoS 0 is gone
    /// unless it is kept.
    fn take_back_flows(&mut self, keeps_at_most_once: bool) {
        self.identity.origin.take_back_probes();
        let mut at = self.flows.first(Lane::Ready);
        while let Some(index) = at {
            at = self.flows.next(index);
            let Some(flow) = self.flows.get(index) else { break };
            match flow.kind {
                FlowKind::AtMostOnce { .. } | FlowKind::Kept { .. } => {
                    if !keeps_at_most_once {
                        self.lose_at_most_once(index, Failure::Unsent);
                    }
                }
                FlowKind::Subscribe { .. }
                | FlowKind::Resubscribe { .. }
                | FlowKind::Unsubscribe { .. } => self.flows.move_to(index, Lane::Requested),
                // Behind those transmitted before.
                FlowKind::Publish { .. } => self.flows.move_to(index, Lane::InFlight),
                FlowKind::Release { .. } | FlowKind::Ended(_) => {}
            }
        }
        if !keeps_at_most_once {
            self.qos0_bytes = 0;
        }
        self.take_back_requests();
        for lane in [Lane::Storing, Lane::InFlight] {
            let len = self.flows.iter(lane).map(|index| self.image_len(index)).sum::<usize>();
            self.waiting_bytes += len;
            self.flows.prepend(lane, Lane::Waiting);
        }
        self.flows.prepend(Lane::Released, Lane::Releasing);
    }

    /// Pending SUBSCRIBEs and UNSUBSCRIBEs are made anew, with new identifiers; those of the
    /// session's own are made when the next CONNACK says that they are needed.
    fn take_back_requests(&mut self) {
        for lane in [Lane::Resubscribing, Lane::Requested] {
            let mut at = self.flows.first(lane);
            while let Some(index) = at {
                at = self.flows.next(index);
                self.flows.clear_key(index);
                let kind = self.flows.get(index).map(|flow| flow.kind);
                if let Some(FlowKind::Resubscribe { filter }) = kind {
                    self.lose_again(filter);
                    self.remove_flow(index);
                }
            }
        }
        self.flows.prepend(Lane::Requested, Lane::Requests);
        while let Some(index) = self.flows.first(Lane::GivenUp) {
            self.remove_flow(index);
        }
    }
}

/// The start of the next.
impl<M: Memory> SessionState<M> {
    /// The broker has no session: nothing that belonged to it is left (section 3.1.2.4).
    pub(super) fn lose_session(&mut self, config: &Config) {
        self.forget_held();
        while let Some(index) = self.flows.first(Lane::Releasing) {
            let Some(flow) = self.flows.get(index) else { break };
            let FlowKind::Release { abandoned } = flow.kind else { break };
            self.end_flow(index, abandoned.map_or(Ended::Indeterminate, Ended::Publish));
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
                flow.carried_before = true;
                let expiry = flow.expiry;
                // It keeps its identifier, which is recorded: in a session that begins all are free.
                self.note_expiry(expiry);
            } else {
                self.leave_waiting(index);
                self.end_flow(index, Ended::Indeterminate);
            }
        }
    }

    /// What the application has unsubscribed from meanwhile is not made again.
    pub(super) fn end_unwanted(&mut self) {
        let mut at = self.flows.first(Lane::Requests);
        while let Some(index) = at {
            at = self.flows.next(index);
            self.end_lost(index);
        }
    }

    /// Messages and requests that do not fit what the broker grants (section 3.2.2.3), or that its
    /// version cannot say, fail.
    pub(super) fn fail_unsupported(&mut self, limits: &Limits) {
        self.fail_unsupported_requests(limits);
        let mut at = self.flows.first(Lane::Waiting);
        while let Some(index) = at {
            at = self.flows.next(index);
            let Some(flow) = self.flows.get(index) else { break };
            let FlowKind::Publish { qos, .. } = flow.kind else { continue };
            let failure = self.unsendable(index, limits).or_else(|| {
                unsupported(limits, qos, self.is_retained(index)).map(Failure::NotSupported)
            });
            if let Some(failure) = failure {
                self.fail_unsendable(index, failure);
            }
        }
    }

    /// Messages that no connection carried go at QoS 1 where the broker has no QoS 2. With a store
    /// they stay what their records say.
    pub(super) fn downgrade_unsent(&mut self, limits: &Limits) {
        if limits.maximum_qos != QoS::AtLeastOnce || self.journal.is_on() {
            return;
        }
        let mut at = self.flows.first(Lane::Waiting);
        while let Some(index) = at {
            at = self.flows.next(index);
            let Some(flow) = self.flows.get_mut(index) else { break };
            if let (FlowKind::Publish { qos, carried: false }, Some(image)) =
                (&mut flow.kind, &mut flow.image)
                && *qos == QoS::ExactlyOnce
                && let Some(first) = self.arena.bytes_mut(&mut image.head).first_mut()
            {
                *qos = QoS::AtLeastOnce;
                *first ^= (QoS::ExactlyOnce as u8 ^ QoS::AtLeastOnce as u8) << 1;
            }
        }
    }

    /// A publish that no connection has a place for is not sent (again). If the broker may have it
    /// at QoS 2 and wait for PUBREL, it gets one, or it would take the next message with the
    /// identifier for this one.
    pub(super) fn fail_unsendable(&mut self, index: u32, failure: Failure) {
        let kind = self.flows.get(index).map(|flow| flow.kind);
        if kind != Some(FlowKind::Publish { qos: QoS::ExactlyOnce, carried: true }) {
            self.fail_publish(index, failure, None);
            return;
        }
        self.leave_window(index, None);
        self.free_image(index);
        if let Some(flow) = self.flows.get_mut(index) {
            flow.kind = FlowKind::Release { abandoned: Some(failure) };
            if flow.message > 0 {
                flow.needs = NEVER;
            }
        }
        self.flows.move_to(index, Lane::Releasing);
        self.owes_records |= self.settle_abandoned().is_err();
    }

    /// Records that what was abandoned is past its message, as far as there is room. Until that is
    /// recorded its PUBREL waits: with the message alone, a restart would send that again.
    pub(super) fn settle_abandoned(&mut self) -> Result<(), Full> {
        let mut at = self.flows.first(Lane::Releasing);
        while let Some(index) = at {
            at = self.flows.next(index);
            self.note_abandoned(index)?;
        }
        Ok(())
    }

    /// The records of one flow, each at most once. Those of the message go before the next flow has
    /// any, the message last: nothing else says that there is something left to do.
    fn note_abandoned(&mut self, index: u32) -> Result<(), Full> {
        let id = self.flows.key(index);
        let Some(flow) = self.flows.get_mut(index) else { return Ok(()) };
        let message = flow.message;
        if message == 0 {
            return Ok(());
        }
        if flow.released == 0 {
            flow.released = self.journal.push(RecordRef::Released { message, id })?;
            flow.needs = flow.released;
        }
        if flow.has_sent_record {
            self.journal.push(RecordRef::Delete { key: RecordKind::Sent.key(message) })?;
            flow.has_sent_record = false;
        }
        self.journal.push(RecordRef::Delete { key: RecordKind::Message.key(message) })?;
        flow.message = 0;
        Ok(())
    }

    fn fail_unsupported_requests(&mut self, limits: &Limits) {
        let mut at = self.flows.first(Lane::Requests);
        while let Some(index) = at {
            at = self.flows.next(index);
            let Some(flow) = self.flows.get(index) else { break };
            let asked = match flow.kind {
                FlowKind::Subscribe { first, filters } => Some((first, filters)),
                FlowKind::Unsubscribe { .. }
                | FlowKind::AtMostOnce { .. }
                | FlowKind::Kept { .. }
                | FlowKind::Publish { .. }
                | FlowKind::Release { .. }
                | FlowKind::Resubscribe { .. }
                | FlowKind::Ended(_) => None,
            };
            let failure = self.unsendable(index, limits).or_else(|| {
                let (first, filters) = asked?;
                self.unsupported_filter(first, filters, limits).map(Failure::NotSupported)
            });
            let Some(failure) = failure else { continue };
            if let Some((first, filters)) = asked {
                self.forget_asked(first, filters);
            }
            self.end_flow(index, Ended::Request(failure));
        }
    }

    /// Why the packet of a flow cannot be sent on this connection, whatever it says.
    pub(super) fn unsendable(&self, index: u32, limits: &Limits) -> Option<Failure> {
        match self.said_len(index) {
            // [MQTT-3.2.2-15]
            Ok(len) if len > limits.packet_size() => {
                Some(Failure::NotSupported(ReasonCode::PacketTooLarge))
            }
            Ok(_) => None,
            Err(error) => Some(Failure::Invalid(error)),
        }
    }

    pub(super) fn is_retained(&self, index: u32) -> bool {
        let image = self.flows.get(index).and_then(|flow| flow.image.as_ref());
        let first = image.and_then(|image| self.arena.bytes(&image.head).first());
        first.is_some_and(|first| first & 1 != 0)
    }
}
