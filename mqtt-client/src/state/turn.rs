//! One turn of the driver, as far as it needs the lock.

use std::mem;
use std::task::Waker;

use bytes::Bytes;
use mqtt_session::proto::Version;
use mqtt_session::{Action, CloseReason, Closing, Event, Heap, Inbound, Phase, Time};

use super::{Lifecycle, State};
use crate::delivery::Call;
use crate::driver::OutBuffer;
use crate::message::{Arrived, Incoming};
use crate::options::Broker;

/// What happened to the transport since the last step.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Moved {
    /// Bytes that were read.
    pub(crate) received: usize,
    /// Bytes that were written and flushed.
    pub(crate) sent: usize,
    /// The transport takes no more at the moment.
    pub(crate) write_blocked: bool,
    /// The transport ended.
    pub(crate) ended: bool,
}

/// What the driver is to do next.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    /// Read the transport.
    pub(crate) wants_input: bool,
    /// What to do with the transport.
    pub(crate) closing: Closing,
    /// The session takes leave: what is left must be written soon.
    pub(crate) leaving: bool,
    /// The connection is over.
    pub(crate) closed: Option<CloseReason>,
    /// What was received is used up; otherwise those who got it should have their turn first.
    pub(crate) drained: bool,
    /// The authenticator is to be asked, before anything else.
    pub(crate) asks: bool,
    /// Nothing is left to do now: the driver may sleep, and will be woken.
    pub(crate) idle: bool,
    /// When to come back at the latest.
    pub(crate) deadline: Option<Time>,
    /// The broker accepted the connection.
    pub(crate) accepted: bool,
    /// Nobody has a handle any more: drop everything.
    pub(crate) abandoned: bool,
}

/// An attempt that is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Dial {
    pub(crate) broker: Broker,
    pub(crate) version: Version,
}

/// What the driver is to do while there is no connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Idle {
    /// Make an attempt.
    Dial(Dial),
    /// End.
    Stopped,
    /// Come back at once.
    Again,
    /// Sleep until then, or until woken.
    Until(Option<Time>),
}

impl State {
    /// Takes over what the transport did, acts on what was received and on the time, and collects
    /// what to write. `waker` is kept if the driver may sleep.
    pub(crate) fn step(
        &mut self,
        now: Time,
        moved: Moved,
        inbound: &mut Inbound<Heap<Bytes>>,
        out: &mut OutBuffer,
        calls: &mut Vec<Call>,
        waker: &mut Option<Waker>,
    ) -> Step {
        self.note(now, moved);
        let mut budget = EVENTS;
        let mut closed = self.drain(now, inbound, &mut budget);
        let paused = self.delivery.is_over_limit() && !self.awaits_answer();
        self.session.handle_paused(now, paused);
        if closed.is_none() && !self.authentication.asks() {
            if budget > 0 {
                self.handle_time(now);
            }
            self.collect(now, out);
            closed = self.drain(now, inbound, &mut budget);
        }
        self.delivery.take_calls(calls);
        let drained = budget > 0;
        let asks = self.authentication.asks();
        let waits = calls.is_empty() && !asks && !self.has_drained();
        let idle = drained && waits && (moved.write_blocked || out.is_empty());
        self.driver.output_blocked = moved.write_blocked;
        if idle {
            mem::swap(&mut self.driver.waker, waker);
        }
        Step {
            wants_input: self.session.wants_input() && !paused,
            closing: self.session.closing(),
            leaving: self.session.phase() == Phase::Closing,
            closed,
            drained,
            asks,
            idle,
            deadline: self.deadline(),
            accepted: self.attempt.accepted,
            abandoned: matches!(self.lifecycle, Lifecycle::Abandoned),
        }
    }

    /// While there is no connection: acts on the time and says what is to be done. `waker` is kept
    /// if the driver may sleep.
    pub(crate) fn idle_step(
        &mut self,
        now: Time,
        inbound: &mut Inbound<Heap<Bytes>>,
        calls: &mut Vec<Call>,
        waker: &mut Option<Waker>,
    ) -> Idle {
        self.driver.now = now;
        self.driver.output_blocked = true;
        let mut budget = EVENTS;
        self.drain(now, inbound, &mut budget);
        self.handle_time(now);
        self.drain(now, inbound, &mut budget);
        self.delivery.take_calls(calls);
        if !self.is_running() {
            return Idle::Stopped;
        }
        let wait = match self.supervisor.poll(now) {
            Action::Dial { target, version, .. } => {
                let Some(broker) = self.brokers.get(target).cloned() else { return Idle::Stopped };
                self.begin_attempt(&broker);
                return Idle::Dial(Dial { broker, version });
            }
            Action::Stopped => return Idle::Stopped,
            Action::Busy => None,
            Action::Wait(until) => {
                self.announce_wait(until.since(now));
                Some(until)
            }
        };
        if budget == 0 || !calls.is_empty() || self.has_drained() {
            return Idle::Again;
        }
        mem::swap(&mut self.driver.waker, waker);
        Idle::Until(wait.into_iter().chain(self.deadline()).min())
    }

    /// Whether a call waits for something only the broker can give, so that reading cannot pause.
    pub(crate) fn awaits_answer(&self) -> bool {
        let awaited = self.operations.awaited() > 0 || self.room.is_awaited();
        awaited || self.drain_deadline().is_some()
    }

    fn note(&mut self, now: Time, moved: Moved) {
        self.driver.now = now;
        self.driver.unseen = 0;
        self.stats.bytes_in += moved.received as u64;
        self.handle_sent(now, moved.sent);
        if moved.ended {
            self.session.handle_closed(now);
        }
    }

    /// Acts on events until there are none, the connection is over, or the budget is.
    fn drain(
        &mut self,
        now: Time,
        inbound: &mut Inbound<Heap<Bytes>>,
        budget: &mut usize,
    ) -> Option<CloseReason> {
        while *budget > 0 && !self.authentication.asks() {
            let event = self.session.poll_event(now, inbound)?;
            *budget -= 1;
            if let Event::Message(message) = &event
                && message.publish.payload.len() >= Inbound::<Heap<Bytes>>::LARGE
            {
                let len = message.publish.payload.len();
                let mut arrived = Arrived::copy_head(message);
                arrived.set_payload(inbound.take_payload(len), len);
                self.handle_message(now, Incoming::Taken(&arrived));
                continue;
            }
            if let closed @ Some(_) = self.handle_event(now, &event) {
                return closed;
            }
        }
        None
    }

    fn handle_time(&mut self, now: Time) {
        if self.session.poll_timeout().is_some_and(|(at, _)| at <= now) {
            self.session.handle_timeout(now);
        }
        self.renew(now);
        self.expire(now);
        self.finish_draining(now);
    }

    fn deadline(&self) -> Option<Time> {
        let session = self.session.poll_timeout().map(|(at, _)| at);
        let renewal = self.authentication.deadline(self.attempt.accepted);
        let own = renewal.into_iter().chain(self.drain_deadline());
        session.into_iter().chain(self.delivery.deadline()).chain(own).min()
    }
}

/// Events acted on under one lock, so that calls come to their turn.
const EVENTS: usize = 256;
