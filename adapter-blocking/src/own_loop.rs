//! A driver without a thread of its own.

use std::future::Future;
use std::io;
use std::mem;
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use crate::Driver;
use crate::mover::left;
use crate::reactor::{Reactor, Shared, Turned};
use crate::readiness::Readiness;

/// A driver that callers turn: one at a time, while the others wait for that turn to be over.
#[derive(Debug)]
pub(crate) struct OwnLoop {
    state: Mutex<State>,
    turned: Condvar,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct State {
    reactor: Slot,
    /// Counts turns, so that nobody waits for one that is over already.
    turns: u64,
    /// Something came of a turn since the owner's last one, who may not know of it.
    news: bool,
    /// The owner has asked since what to wait for.
    waits: bool,
}

#[derive(Debug)]
enum Slot {
    Free(Box<Reactor<Driver>>),
    Turning,
    Ended,
}

impl OwnLoop {
    pub(crate) fn new(reactor: Reactor<Driver>) -> OwnLoop {
        let shared = Arc::clone(&reactor.shared);
        let reactor = Slot::Free(Box::new(reactor));
        OwnLoop {
            state: Mutex::new(State { reactor, turns: 0, news: false, waits: false }),
            turned: Condvar::new(),
            shared,
        }
    }

    /// Turns until the future has ended, and once at least before it says `None`: that `deadline`
    /// has passed.
    pub(crate) fn run<F: Future>(
        &self,
        mut future: Pin<&mut F>,
        deadline: Option<Instant>,
    ) -> Option<F::Output> {
        // Interrupts the turn that waits.
        let waker = Waker::from(Arc::clone(&self.shared));
        let mut context = Context::from_waker(&waker);
        let (mut over, mut leaving) = (false, None);
        loop {
            let turns = self.lock().turns;
            if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
                return Some(output);
            }
            if over {
                return None;
            }
            leaving.get_or_insert_with(|| Leaving(self));
            over = left(deadline).is_some_and(|left| left.is_zero());
            // The end of the driver is the end of whatever a future may wait for.
            over |= !self.turn_after(turns, deadline).unwrap_or(false);
        }
    }

    /// Turns once, for the owner, who looks at everything then. `false` when the driver has ended.
    pub(crate) fn turn(&self, deadline: Option<Instant>) -> io::Result<bool> {
        let turns = self.lock().turns;
        let turned = self.turn_after(turns, deadline);
        let mut state = self.lock();
        (state.news, state.waits) = (false, false);
        turned
    }

    /// What the owner waits for, who has looked at everything up to the last turn it made.
    pub(crate) fn readiness(&self) -> Readiness {
        let mut state = self.lock();
        state.waits = true;
        let timeout = if state.news { Some(Duration::ZERO) } else { self.shared.park() };
        Readiness::new(Arc::clone(&self.shared), timeout)
    }

    /// Turns once, or waits for somebody else's turn, unless there was one since `turns`.
    fn turn_after(&self, turns: u64, deadline: Option<Instant>) -> io::Result<bool> {
        let mut state = self.lock();
        if state.turns != turns {
            return Ok(true);
        }
        match mem::replace(&mut state.reactor, Slot::Turning) {
            Slot::Free(reactor) => {
                drop(state);
                Turn { own_loop: self, after: Slot::Ended, news: true }.make(reactor, deadline)
            }
            Slot::Turning => {
                let left = left(deadline).unwrap_or(Duration::MAX);
                drop(self.turned.wait_timeout(state, left));
                Ok(true)
            }
            Slot::Ended => {
                state.reactor = Slot::Ended;
                Ok(false)
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A call that has turned. When it leaves, the owner's wait ends: it is that of before these turns.
struct Leaving<'a>(&'a OwnLoop);

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        if self.0.lock().waits {
            self.0.shared.interrupt();
        }
    }
}

/// A turn being made: gives the reactor back when it is over, or not when a callback panicked.
struct Turn<'a> {
    own_loop: &'a OwnLoop,
    after: Slot,
    news: bool,
}

impl Turn<'_> {
    fn make(
        mut self,
        mut reactor: Box<Reactor<Driver>>,
        deadline: Option<Instant>,
    ) -> io::Result<bool> {
        let turned = reactor.turn(left(deadline))?;
        match turned {
            Turned::Ended => return Ok(false),
            Turned::Idle => self.news = false,
            Turned::Worked => {}
        }
        self.after = Slot::Free(reactor);
        Ok(true)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut state = self.own_loop.lock();
        state.reactor = mem::replace(&mut self.after, Slot::Ended);
        state.turns = state.turns.wrapping_add(1);
        state.news |= self.news;
        self.own_loop.turned.notify_all();
    }
}
