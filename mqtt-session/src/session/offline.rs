//! QoS 0 without a connection, for owners that want it kept.
//!
//! ```text
//!  publish --> Ready --CONNACK--> checked --> Ready, behind the requests --transmitted--> (gone)
//!                ^                   |          |
//!                |       not taken   |          |
//!                |        (gone) <---+          |
//!                +-------connection ends--------+
//! ```
//! No connection carried it, so it is part of no session: losing one does not touch it.

use mqtt_proto::QoS;

use super::flow::{Flow, FlowKind, Image, Lane};
use super::publishing::unsupported;
use super::put::first_packet_len;
use super::reencode::differ;
use super::{Session, SessionState};
use crate::memory::Arena;
use crate::{Failure, Limits, Memory};

impl<M: Memory> Session<M> {
    /// Whether QoS 0 waits for a connection. After a failure of the store there will be none.
    pub(super) fn keeps_at_most_once(&self) -> bool {
        self.config.keep_qos0 && !self.state.journal.has_failed()
    }

    /// QoS 0 publishes that wait to be transmitted, on this connection or a later one, and have no
    /// outcome to come: with [`Config::keep_qos0`](crate::Config::keep_qos0) and without
    /// [`Config::report_qos0`](crate::Config::report_qos0), else 0. Looks at each of them.
    pub fn kept(&self) -> u64 {
        if !self.keeps_at_most_once() || self.state.reports_qos0 {
            return 0;
        }
        let ready = self.state.flows.iter(Lane::Ready);
        ready.map(|index| self.state.untransmitted(index)).sum()
    }
}

impl<M: Memory> SessionState<M> {
    /// The first `kept` flows of `Lane::Ready` were accepted before CONNACK came. They go behind
    /// what may leave since: a subscription is there before the request whose response it gets.
    pub(super) fn send_kept(&mut self, kept: usize, limits: &Limits) {
        for _ in 0..kept {
            let Some(index) = self.flows.first(Lane::Ready) else { break };
            match self.burst(index) {
                None => self.send_one(index, limits),
                Some(left) if self.takes_burst(index, left, limits) => {
                    self.flows.move_to(index, Lane::Ready);
                }
                Some(left) => self.split(index, left, limits),
            }
        }
    }

    /// Bytes to be transmitted of a flow with more than one packet; `None` for any other.
    fn burst(&self, index: u32) -> Option<usize> {
        let flow = self.flows.get(index)?;
        let FlowKind::AtMostOnce { transmitted, .. } = flow.kind else { return None };
        let image = flow.image.as_ref()?;
        let len = self.arena.bytes(&image.head).len();
        let first = first_packet_len(Some(self.arena.bytes(&image.head)), image.version)?;
        (first < len).then(|| len.saturating_sub(transmitted))
    }

    /// Whether any packet in a burst may be sent, whatever it says.
    fn takes_burst(&self, index: u32, left: usize, limits: &Limits) -> bool {
        let image = self.flows.get(index).and_then(|flow| flow.image.as_ref());
        let goes_as_it_is = image.is_some_and(|image| !differ(image.version, self.version()));
        goes_as_it_is && limits.retain_available && left <= limits.packet_size()
    }

    /// Makes a flow of each packet in the last `left` bytes, and sends those the broker takes.
    fn split(&mut self, index: u32, left: usize, limits: &Limits) {
        let image = self.flows.get_mut(index).and_then(|flow| flow.image.take());
        self.remove_flow(index);
        let Some(Image { head, version, .. }) = image else { return };
        let mut at = self.arena.bytes(&head).len().saturating_sub(left);
        while let Some(len) = first_packet_len(self.arena.bytes(&head).get(at..), version) {
            match self.arena.copy(&head, at, len) {
                Ok(head) => {
                    let image = Image { head, body: None, version };
                    let kind = FlowKind::Kept { reported: false };
                    let token = self.queue(Lane::Ready, Flow::new(kind, Some(image)));
                    self.send_one(token.index, limits);
                }
                // Memory of a fixed size makes no bursts.
                Err(_) => self.unsent += 1,
            }
            at += len;
        }
        self.give_back(head);
    }

    /// Sends a packet if the broker takes it (section 3.2.2.3).
    fn send_one(&mut self, index: u32, limits: &Limits) {
        let failure = self.unsendable(index, limits).or_else(|| {
            let retain = self.is_retained(index);
            unsupported(limits, QoS::AtMostOnce, retain).map(Failure::NotSupported)
        });
        if let Some(failure) = failure {
            self.lose_at_most_once(index, failure);
            return;
        }
        if let Some(flow) = self.flows.get_mut(index)
            && let FlowKind::AtMostOnce { reported, .. } = flow.kind
        {
            flow.kind = FlowKind::Kept { reported };
        }
        self.flows.move_to(index, Lane::Ready);
    }
}
