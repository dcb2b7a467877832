//! Waiting for room in the session.

use std::task::{Context, Poll, Waker};

use crate::PublishError;
use crate::room::{Lane, Place};
use crate::shared::Shared;
use crate::state::{Refusal, State};

/// A call that wants something accepted. Dropped before it was, nothing happened, and what room it
/// may have been given goes to the next.
pub(super) struct Admission<'a> {
    shared: &'a Shared,
    lane: Lane,
    place: Option<Place>,
    /// The driver had its turn, if that was called for.
    yielded: bool,
}

/// Whether an error says that there is no room now.
pub(super) trait Full {
    fn is_full(&self) -> bool;
}

/// What became of a call under one lock.
enum Step<T> {
    Done(T),
    Waits,
    /// The driver should have its turn first.
    Yields,
    NeedsWaker,
}

impl<'a> Admission<'a> {
    pub(super) fn new(shared: &'a Shared, lane: Lane) -> Admission<'a> {
        Admission { shared, lane, place: None, yielded: false }
    }

    /// Makes the attempt when it is this call's turn.
    #[inline]
    pub(super) fn poll<T, E: Full>(
        &mut self,
        cx: &mut Context<'_>,
        mut attempt: impl FnMut(&mut State) -> Result<T, E>,
    ) -> Poll<Result<T, E>> {
        if self.place.is_none()
            && let Some(result) = self.shared.with(|state| self.try_first(state, &mut attempt))
        {
            return Poll::Ready(result);
        }
        self.poll_in_turn(cx, attempt)
    }

    /// The attempt of a call that has no place, when it need not wait for anybody.
    #[inline]
    fn try_first<T, E: Full>(
        &self,
        state: &mut State,
        attempt: impl FnOnce(&mut State) -> Result<T, E>,
    ) -> Option<Result<T, E>> {
        let may_try = !state.is_ahead() && state.room.is_free(self.lane);
        if !may_try && state.takes_work() {
            return None;
        }
        let result = attempt(state);
        if result.as_ref().is_err_and(Full::is_full) { None } else { Some(result) }
    }

    #[inline(never)]
    fn poll_in_turn<T, E: Full>(
        &mut self,
        cx: &mut Context<'_>,
        mut attempt: impl FnMut(&mut State) -> Result<T, E>,
    ) -> Poll<Result<T, E>> {
        let (mut waker, mut kept) = (None, None);
        loop {
            let shared = self.shared;
            match shared.with(|state| self.step(state, &mut waker, &mut kept, &mut attempt)) {
                Step::Done(result) => return Poll::Ready(result),
                Step::Waits => return Poll::Pending,
                Step::Yields => {
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                // A waker is cloned without the lock, and only when it is needed.
                Step::NeedsWaker => waker = Some(cx.waker().clone()),
            }
        }
    }

    fn step<T, E: Full>(
        &mut self,
        state: &mut State,
        waker: &mut Option<Waker>,
        kept: &mut Option<Waker>,
        attempt: &mut impl FnMut(&mut State) -> Result<T, E>,
    ) -> Step<Result<T, E>> {
        if state.is_ahead() && !std::mem::replace(&mut self.yielded, true) {
            return Step::Yields;
        }
        if let Some(result) = self.try_now(state, kept, attempt) {
            return Step::Done(result);
        }
        if waker.is_none() {
            return Step::NeedsWaker;
        }
        match self.place {
            Some(place) => state.room.wait_on(self.lane, place, waker),
            None => self.place = Some(state.room.join(self.lane, waker.take())),
        }
        state.look_at_pause();
        Step::Waits
    }

    /// `None` when it is not this call's turn, or there is no room. A waker kept before is left in
    /// `kept`, to be dropped without the lock.
    fn try_now<T, E: Full>(
        &mut self,
        state: &mut State,
        kept: &mut Option<Waker>,
        attempt: &mut impl FnMut(&mut State) -> Result<T, E>,
    ) -> Option<Result<T, E>> {
        let may_try = match self.place {
            None => state.room.is_free(self.lane),
            Some(place) => state.room.is_granted(self.lane, place),
        };
        if !may_try && state.takes_work() {
            return None;
        }
        let result = attempt(state);
        if result.as_ref().is_err_and(Full::is_full) {
            return None;
        }
        if let Some(place) = self.place.take() {
            let next = state.room.leave(self.lane, place, kept);
            state.after.wake(next);
        }
        Some(result)
    }

    #[cold]
    fn give_up(&self, place: Place) {
        let mut waker = None;
        self.shared.with(|state| {
            let next = state.room.leave(self.lane, place, &mut waker);
            state.after.wake(next);
        });
    }
}

impl Drop for Admission<'_> {
    #[inline]
    fn drop(&mut self) {
        if let Some(place) = self.place {
            self.give_up(place);
        }
    }
}

impl Full for PublishError {
    fn is_full(&self) -> bool {
        matches!(self, PublishError::Full)
    }
}

impl Full for Refusal {
    fn is_full(&self) -> bool {
        matches!(self, Refusal::Full)
    }
}
