//! The time port.

use super::flow::Lane;
use super::keep_alive::Deadline;
use super::link::Up;
use super::{Session, SessionState};
use crate::{CloseReason, Failure, Memory, Time};

/// Why a session wants to be woken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wakeup {
    /// To send PINGREQ.
    KeepAlive,
    /// To judge whether the broker still lives.
    PingTimeout,
    /// A message that waits expires.
    MessageExpiry,
}

impl<M: Memory> Session<M> {
    /// When to call `handle_timeout` at the latest, and why.
    pub fn poll_timeout(&self) -> Option<(Time, Wakeup)> {
        let link = self.link.as_ref().filter(|link| link.up().is_some() && !link.transport_ended);
        let link =
            link.and_then(|link| link.keep_alive.deadline()).map(|deadline| match deadline {
                Deadline::Ping(at) => (at, Wakeup::KeepAlive),
                Deadline::Answer(at) => (at, Wakeup::PingTimeout),
            });
        let expiry = self.state.next_expiry.map(|at| (at, Wakeup::MessageExpiry));
        [link, expiry].into_iter().flatten().min_by_key(|(at, _)| *at)
    }

    /// Time passed. Read the transport and drain `poll_event` first, so that a peer that did
    /// answer is not found dead.
    pub fn handle_timeout(&mut self, now: Time) {
        self.advance(now);
        let link = self.link.as_mut().filter(|link| link.up().is_some() && !link.transport_ended);
        if let Some(link) = link
            && link.keep_alive.handle_timeout(self.now)
        {
            link.leave(&mut self.state.arena, CloseReason::KeepAlive);
        }
        self.expire();
    }

    /// Ends messages that expired before they were sent.
    pub(super) fn expire(&mut self) {
        if self.state.next_expiry.is_none_or(|next| next > self.now) {
            return;
        }
        let up = self.link.as_mut().and_then(|link| link.up_mut());
        self.state.expire(self.now, up);
        self.promote();
    }
}

impl<M: Memory> SessionState<M> {
    /// Ends messages that expired before they were sent, and finds the next that will.
    fn expire(&mut self, now: Time, mut up: Option<&mut Up>) {
        let mut next: Option<Time> = None;
        for lane in [Lane::Waiting, Lane::Storing, Lane::Ready] {
            let mut at = self.flows.first(lane);
            while let Some(index) = at {
                at = self.flows.next(index);
                let Some(flow) = self.flows.get(index) else { break };
                if flow.expired(now) {
                    self.fail_publish(index, Failure::Expired, up.as_deref_mut());
                } else if let Some(expires_at) = flow.expires_at() {
                    next = Some(next.map_or(expires_at, |next| next.min(expires_at)));
                }
            }
        }
        self.next_expiry = next;
    }
}
