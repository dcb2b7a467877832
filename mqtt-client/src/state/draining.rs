//! What was accepted has its outcome before the client takes leave.

use mqtt_session::Time;

use super::{Lifecycle, State};
use crate::Drained;

impl State {
    /// Accepts nothing any more, and takes leave once everything has its outcome, or then. Called
    /// again, the earlier time holds.
    pub(crate) fn begin_draining(&mut self, until: Time) {
        let until = match self.lifecycle {
            Lifecycle::Running => until,
            Lifecycle::Draining { until: known } => known.min(until),
            Lifecycle::Leaving | Lifecycle::Abandoned | Lifecycle::Ended(_) => return,
        };
        self.lifecycle = Lifecycle::Draining { until };
        let State { room, after, .. } = self;
        room.end_all(|waker| after.wake(waker));
        self.wake_driver();
    }

    /// What was accepted and has no outcome.
    pub(super) fn unanswered(&self) -> Drained {
        // Of its own accord the client unsubscribes, too.
        let asked = self.requests.keys().filter(|token| self.operations.is_open(**token));
        let requests = asked.count();
        let publishes = self.open_operations().saturating_sub(requests);
        Drained { publishes: publishes + self.kept(), requests }
    }

    /// QoS 0 that is done but waits for a connection.
    fn kept(&self) -> usize {
        usize::try_from(self.session.kept()).unwrap_or(usize::MAX)
    }

    fn open_operations(&self) -> usize {
        self.operations.unanswered() + self.unwritten.len()
    }

    /// When draining ends at the latest.
    pub(super) fn drain_deadline(&self) -> Option<Time> {
        match self.lifecycle {
            Lifecycle::Draining { until } => Some(until),
            Lifecycle::Running
            | Lifecycle::Leaving
            | Lifecycle::Abandoned
            | Lifecycle::Ended(_) => None,
        }
    }

    /// Whether the client drained to the end and is to take leave.
    pub(super) fn has_drained(&self) -> bool {
        self.drain_deadline().is_some() && self.open_operations() == 0 && self.kept() == 0
    }

    /// Takes leave when draining is over.
    pub(super) fn finish_draining(&mut self, now: Time) {
        if self.has_drained() || self.drain_deadline().is_some_and(|until| until <= now) {
            self.disconnect(now);
        }
    }
}
