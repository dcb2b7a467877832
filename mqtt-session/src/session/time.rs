//! The time port.

use core::time::Duration;

use mqtt_proto::ReasonCode;

use super::flow::{Ended, FlowKind, Lane};
use super::keep_alive::Deadline;
use super::link::{Link, Up};
use super::{Session, SessionState};
use crate::close::blames_content;
use crate::{CloseReason, Failure, Memory, Time};

/// Why a session wants to be woken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wakeup {
    /// To send PINGREQ.
    KeepAlive,
    /// To judge whether the broker still lives.
    PingTimeout,
    /// To give up waiting for the answer to a SUBSCRIBE or UNSUBSCRIBE; before 5.0 also for room to
    /// hold a message, behind which answers wait.
    ResponseTimeout,
    /// A message that waits expires.
    MessageExpiry,
}

impl<M: Memory> Session<M> {
    /// When to call `handle_timeout` at the latest, and why.
    pub fn poll_timeout(&self) -> Option<(Time, Wakeup)> {
        let link = self.link.as_ref().filter(|link| is_up(link));
        let alive =
            link.and_then(|link| link.keep_alive.deadline()).map(|deadline| match deadline {
                Deadline::Ping(at) => (at, Wakeup::KeepAlive),
                Deadline::Answer(at) => (at, Wakeup::PingTimeout),
            });
        let oldest = self.state.flows.first(Lane::Requested);
        let answer = oldest.zip(link).and_then(|(oldest, link)| self.answer_at(oldest, link));
        let answer = answer.or_else(|| self.brake_ends_at(link?));
        let answer = answer.map(|at| (at, Wakeup::ResponseTimeout));
        let expiry = self.state.next_expiry.map(|at| (at, Wakeup::MessageExpiry));
        [alive, answer, expiry].into_iter().flatten().min_by_key(|(at, _)| *at)
    }

    /// When it is too late for the answer to a request.
    fn answer_at(&self, request: u32, link: &Link<M>) -> Option<Time> {
        let asked_at = self.state.flows.get(request)?.asked_at;
        let heard_since = asked_at.max(link.keep_alive.reading_since()?);
        Some(heard_since.after(self.config.response_timeout?.max(SHORTEST)))
    }

    /// Time passed. Read the transport and drain `poll_event` first, so that a peer that did
    /// answer is not found dead.
    pub fn handle_timeout(&mut self, now: Time) {
        self.advance(now);
        if let Some(link) = self.link.as_mut().filter(|link| is_up(link))
            && link.keep_alive.handle_timeout(self.now)
        {
            link.leave(&mut self.state.arena, CloseReason::KeepAlive);
        }
        self.give_up_requests();
        self.give_up_braking();
        self.expire();
    }

    /// Requests that got no answer in time: the connection ends, so that they are made again; or
    /// they fail, if that was done often enough.
    fn give_up_requests(&mut self) {
        let mut is_broken = false;
        let mut any_failed = false;
        let mut at = self.state.flows.first(Lane::Requested);
        while let Some(index) = at {
            at = self.state.flows.next(index);
            let link = self.link.as_ref().filter(|link| is_up(link));
            let due = link.and_then(|link| self.answer_at(index, link));
            if due.is_none_or(|due| due > self.now) {
                break;
            }
            match self.state.miss_answer(index) {
                true => is_broken = true,
                false => any_failed = true,
            }
        }
        if let Some(link) = self.link.as_mut().filter(|_| is_broken) {
            let code = ReasonCode::UnspecifiedError;
            link.leave_saying(&mut self.state.arena, code, CloseReason::NoAnswer);
        }
        if any_failed {
            self.promote();
        }
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

/// How often a request without an answer is made again.
const MADE_AGAIN: u8 = 3;

/// A deadline that is over when it is set would be one for ever.
pub(super) const SHORTEST: Duration = Duration::from_micros(1);

/// Whether the connection is up and its transport was not heard to end.
fn is_up<M: Memory>(link: &Link<M>) -> bool {
    link.up().is_some() && !link.transport_ended
}

/// Whether a connection may have ended because of the oldest request on it. One that was just lost, or
/// on which the broker broke the standard elsewhere, may have ended for any reason: what nobody waits
/// for is then made again, however often.
fn may_end_for_request(reason: CloseReason, is_own: bool) -> bool {
    match reason {
        CloseReason::Disconnected(code) => blames_content(code),
        CloseReason::Lost | CloseReason::Violation(_) => !is_own,
        CloseReason::Refused(_)
        | CloseReason::NoConnAck
        | CloseReason::KeepAlive
        | CloseReason::NoAnswer
        | CloseReason::Local
        | CloseReason::StoreFailed => false,
    }
}

impl<M: Memory> SessionState<M> {
    /// A connection ended: the request whose answer broke the standard, or the oldest without one may
    /// be why, and has then missed it. What was sent behind it the broker need not have come to.
    pub(super) fn judge_requests(&mut self, reason: CloseReason, misanswered: Option<u32>) {
        let Some(oldest) = self.flows.first(Lane::Requested) else { return };
        let kind = self.flows.get(oldest).map(|flow| flow.kind);
        let is_own = matches!(kind, Some(FlowKind::Resubscribe { .. }));
        let suspect = may_end_for_request(reason, is_own).then_some(oldest);
        if let Some(missed) = misanswered.or(suspect) {
            self.miss_answer(missed);
        }
    }

    /// A request got no answer in time, or on its connection. `false` when it fails, `true` when it is
    /// to be made again.
    fn miss_answer(&mut self, index: u32) -> bool {
        let Some(flow) = self.flows.get_mut(index) else { return false };
        let mut subscription = None;
        let ended = match flow.kind {
            FlowKind::Subscribe { .. } | FlowKind::Unsubscribe { .. } => {
                Ended::Request(Failure::NoAnswer)
            }
            FlowKind::Resubscribe { filter } => {
                subscription = self.subscriptions.get_mut(filter);
                Ended::Subscription { filter, reason: ReasonCode::UnspecifiedError }
            }
            // Flows of these kinds are never in `Lane::Requested`.
            FlowKind::AtMostOnce { .. }
            | FlowKind::Kept { .. }
            | FlowKind::Publish { .. }
            | FlowKind::Release { .. }
            | FlowKind::Ended(_) => return false,
        };
        let unanswered = subscription.map_or(&mut flow.unanswered, |filter| &mut filter.unanswered);
        if *unanswered < MADE_AGAIN {
            *unanswered += 1;
            return true;
        }
        if let FlowKind::Subscribe { first, filters } = flow.kind {
            self.forget_asked(first, filters);
        }
        self.end_flow(index, ended);
        false
    }

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
