//! A driver without a thread of its own.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use crate::Driver;
use crate::mover::left;
use crate::reactor::{Leaving, Reactor, Shared};
use crate::readiness::Readiness;

/// A driver that callers turn: one at a time, while the others wait for that turn to be over.
pub(crate) struct OwnLoop {
    state: Mutex<State>,
    turned: Condvar,
    /// Interrupts the turn that waits.
    waker: Waker,
    shared: Arc<Shared>,
}

struct State {
    reactor: Slot,
    /// Counts turns, so that nobody waits for one that is over already.
    turns: u64,
}

enum Slot {
    Free(Box<Reactor<Driver>>),
    Turning,
    Ended,
}

impl OwnLoop {
    pub(crate) fn new(reactor: Reactor<Driver>) -> OwnLoop {
        OwnLoop {
            waker: reactor.waker().clone(),
            shared: Arc::clone(reactor.shared()),
            state: Mutex::new(State { reactor: Slot::Free(Box::new(reactor)), turns: 0 }),
            turned: Condvar::new(),
        }
    }

    /// Turns until the future has ended, and once at least before it says `None`: that `deadline`
    /// has passed.
    pub(crate) fn run<F: Future>(
        &self,
        mut future: Pin<&mut F>,
        deadline: Option<Instant>,
    ) -> Option<F::Output> {
        let mut context = Context::from_waker(&self.waker);
        let (mut over, mut leaving) = (false, None);
        loop {
            let turns = self.lock().turns;
            if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
                return Some(output);
            }
            if over {
                return None;
            }
            leaving.get_or_insert_with(|| Leaving(&self.shared));
            over = left(deadline).is_some_and(|left| left.is_zero());
            // The end of the driver is the end of whatever a future may wait for.
            over |= !self.turn_after(turns, deadline).unwrap_or(false);
        }
    }

    /// Turns once, for who looks at everything then. `false` when the driver has ended.
    pub(crate) fn turn(&self, deadline: Option<Instant>) -> io::Result<bool> {
        let turns = self.lock().turns;
        let turned = self.turn_after(turns, deadline);
        self.shared.catch_up();
        turned
    }

    /// What the turns wait for.
    pub(crate) fn readiness(&self) -> Readiness {
        Readiness::of(&self.shared)
    }

    /// Turns once, or waits for somebody else's turn, unless there was one since `turns`.
    fn turn_after(&self, turns: u64, deadline: Option<Instant>) -> io::Result<bool> {
        let mut state = self.lock();
        if state.turns != turns {
            return Ok(true);
        }
        match std::mem::replace(&mut state.reactor, Slot::Turning) {
            Slot::Free(reactor) => {
                drop(state);
                Turn { own_loop: self, after: Slot::Ended }.make(reactor, deadline)
            }
            Slot::Turning => {
                self.wait(state, deadline);
                Ok(true)
            }
            Slot::Ended => {
                state.reactor = Slot::Ended;
                Ok(false)
            }
        }
    }

    fn wait(&self, state: MutexGuard<'_, State>, deadline: Option<Instant>) {
        match left(deadline) {
            None => drop(self.turned.wait(state)),
            Some(left) => drop(self.turned.wait_timeout(state, left)),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A turn being made: gives the reactor back when it is over, or not when a callback panicked.
struct Turn<'a> {
    own_loop: &'a OwnLoop,
    after: Slot,
}

impl Turn<'_> {
    fn make(
        mut self,
        mut reactor: Box<Reactor<Driver>>,
        deadline: Option<Instant>,
    ) -> io::Result<bool> {
        let ended = reactor.turn(left(deadline))?.is_ready();
        if !ended {
            self.after = Slot::Free(reactor);
        }
        Ok(!ended)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut state = self.own_loop.lock();
        state.reactor = std::mem::replace(&mut self.after, Slot::Ended);
        state.turns = state.turns.wrapping_add(1);
        self.own_loop.turned.notify_all();
    }
}
