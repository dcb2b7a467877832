//! The turns of a connection.

use std::future::poll_fn;
use std::task::{Context, Poll};

use mqtt_session::{Closing, Inbound, Time};

use super::connection::{Connection, Progress, Reading, Remains};
use super::{ROUNDS, Work};
use crate::over::Dialled;
use crate::runtime::{Runtime, Timer};
use crate::state::Step;

/// How a connection is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Leave {
    /// After what is left was written.
    AfterFlush,
    /// At once.
    Now,
}

impl<R: Runtime> Work<R> {
    /// Moves bytes until the connection is over and the session knows it. CONNACK must come
    /// before `deadline`.
    pub(super) async fn converse(
        &mut self,
        mut connection: Connection<Dialled<R::Transport>>,
        deadline: Time,
    ) {
        match poll_fn(|cx| self.poll_turns(cx, &mut connection, deadline)).await {
            Leave::Now => {}
            Leave::AfterFlush => self.farewell(&mut connection).await,
        }
        self.finish(connection.hang_up());
    }

    /// One turn: read, then act on it and on the time under one lock, then write.
    fn poll_turns(
        &mut self,
        cx: &mut Context<'_>,
        connection: &mut Connection<Dialled<R::Transport>>,
        connect_deadline: Time,
    ) -> Poll<Leave> {
        for _ in 0..ROUNDS {
            let now = self.runtime.now();
            let read = connection.read(cx, now);
            if let Some(failure) = connection.take_tls_failure() {
                self.with(|state| state.attempt.tls_failure = Some(failure));
            }
            let step = self.step(cx, now, connection);
            self.run_calls();
            if step.asks && !self.run_authenticator() {
                connection.forget_input();
                return Poll::Ready(Leave::Now);
            }
            if let Some(leave) = self.judge(now, &step, connection, connect_deadline) {
                return Poll::Ready(leave);
            }
            let resumed = connection.pause(match (step.drained, step.wants_input) {
                (false, _) => Reading::Later,
                (true, false) => Reading::Paused,
                (true, true) => Reading::On,
            });
            let has_output = connection.has_output();
            let written = connection.write(cx);
            if !step.drained {
                break;
            }
            let more = read == Progress::More
                || resumed
                || !step.idle
                || (has_output && written == Progress::More);
            if more {
                continue;
            }
            let connect_deadline = Some(connect_deadline).filter(|_| !step.accepted);
            let deadlines = [step.deadline, connect_deadline, connection.leave_by];
            let Some(until) = deadlines.into_iter().flatten().min() else {
                return Poll::Pending;
            };
            if self.timer.poll_deadline(cx, until).is_pending() {
                return Poll::Pending;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Whether the connection is to be left.
    fn judge(
        &mut self,
        now: Time,
        step: &Step,
        connection: &mut Connection<Dialled<R::Transport>>,
        connect_deadline: Time,
    ) -> Option<Leave> {
        match step.closing {
            Closing::No => {}
            Closing::AfterFlush => return Some(Leave::AfterFlush),
            Closing::Now => return Some(Leave::Now),
        }
        if step.leaving {
            let leave_by = now.after(self.options.sending.disconnect_flush);
            connection.leave_by.get_or_insert(leave_by);
        }
        if !step.accepted && connect_deadline <= now {
            let timeout = self.options.attempts.connect_timeout;
            self.with(|state| state.attempt.timed_out = Some(timeout));
            return Some(Leave::Now);
        }
        let is_late = connection.leave_by.is_some_and(|leave_by| leave_by <= now);
        (step.closed.is_some() || step.abandoned || is_late).then_some(Leave::Now)
    }

    fn step(
        &mut self,
        cx: &mut Context<'_>,
        now: Time,
        connection: &mut Connection<Dialled<R::Transport>>,
    ) -> Step {
        let mut waker = Some(cx.waker().clone());
        let moved = connection.take_moved();
        let Work { shared, after, calls, .. } = self;
        let Connection { inbound, out, .. } = connection;
        shared.with_after(after, |state| state.step(now, moved, inbound, out, calls, &mut waker))
    }

    /// The transport is gone: lets the session act on what it still received, to the end.
    fn finish(&mut self, remains: Remains) {
        let Remains { mut inbound, mut moved } = remains;
        let mut out = super::OutBuffer::default();
        loop {
            // The waker kept before, to be dropped without the lock.
            let mut kept = None;
            let now = self.runtime.now();
            let Work { shared, after, calls, .. } = self;
            let step = shared.with_after(after, |state| {
                state.step(now, moved, &mut inbound, &mut out, calls, &mut kept)
            });
            self.run_calls();
            if step.asks && !self.run_authenticator() {
                inbound = Inbound::default();
            }
            (moved.received, moved.sent) = (0, 0);
            if step.closed.is_some() || step.idle {
                return;
            }
        }
    }
}
