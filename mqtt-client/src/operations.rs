//! Operations that wait for the broker's answer.

use std::mem;
use std::task::Waker;

use mqtt_session::proto::ReasonCode;
use mqtt_session::{Failure, Token};

use crate::Rejection;

/// How an operation ended: the broker's code below 0x80, or why there is none.
pub(crate) type Answer = Result<ReasonCode, Unanswered>;

/// Why an operation did not succeed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Unanswered {
    Rejected(Box<Rejection>),
    Failed(Failure),
    Indeterminate,
}

/// The place of an operation, until its answer was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OperationKey(usize);

/// A table that grows to the largest number of operations ever open, and no further.
#[derive(Debug, Default)]
pub(crate) struct Operations {
    places: Vec<Place>,
    vacant: Vec<OperationKey>,
    /// Which place an open token of the session has, by its index.
    by_token: Vec<Option<OperationKey>>,
    /// How many the session is not done with.
    unanswered: usize,
    /// How many calls wait at this moment.
    awaited: usize,
}

#[derive(Debug, Default)]
enum Place {
    #[default]
    Vacant,
    /// The call that waits, if one does at this moment.
    Open(Option<Waker>),
    /// Nobody wants the answer.
    Orphaned,
    Answered(Answer),
}

impl Operations {
    /// Notes an operation the session accepted.
    pub(crate) fn open(&mut self, token: Token) -> OperationKey {
        let key = self.vacant.pop().unwrap_or_else(|| {
            self.places.push(Place::Vacant);
            OperationKey(self.places.len() - 1)
        });
        self.replace(key, Place::Open(None));
        self.unanswered += 1;
        if self.by_token.len() <= token.index() {
            self.by_token.resize(token.index() + 1, None);
        }
        if let Some(known) = self.by_token.get_mut(token.index()) {
            *known = Some(key);
        }
        key
    }

    /// The answer came. Returns whom to wake.
    pub(crate) fn answer(&mut self, token: Token, answer: Answer) -> Option<Waker> {
        let key = self.take(token)?;
        self.settle(key, answer)
    }

    /// The session is done with an operation, whose answer is to be settled still.
    pub(crate) fn take(&mut self, token: Token) -> Option<OperationKey> {
        let key = self.by_token.get_mut(token.index())?.take();
        self.unanswered -= usize::from(key.is_some());
        key
    }

    /// Ends all that are open: none will be answered any more. `wake` is given whom to wake.
    pub(crate) fn end_all(&mut self, mut wake: impl FnMut(Option<Waker>)) {
        self.unanswered = 0;
        for key in mem::take(&mut self.by_token).into_iter().flatten() {
            wake(self.settle(key, Err(Unanswered::CLOSED)));
        }
    }

    /// Takes the answer, or keeps `waker` until it comes. A waker that is not kept, or the one
    /// kept before, is left in `waker`, to be dropped without the lock.
    pub(crate) fn poll(&mut self, key: OperationKey, waker: &mut Option<Waker>) -> Option<Answer> {
        match self.places.get_mut(key.0) {
            Some(Place::Open(kept)) => {
                mem::swap(kept, waker);
                self.awaited += usize::from(waker.is_none());
                None
            }
            Some(Place::Answered(_)) => match self.vacate(key) {
                Place::Answered(answer) => Some(answer),
                Place::Vacant | Place::Open(_) | Place::Orphaned => None,
            },
            Some(Place::Vacant | Place::Orphaned) | None => Some(Err(Unanswered::CLOSED)),
        }
    }

    /// The caller goes away. Returns the answer if it is there already. The waker kept is left in
    /// `waker`, to be dropped without the lock.
    pub(crate) fn give_up(
        &mut self,
        key: OperationKey,
        waker: &mut Option<Waker>,
    ) -> Option<Answer> {
        match self.replace(key, Place::Orphaned) {
            Place::Open(kept) => {
                self.awaited -= usize::from(kept.is_some());
                *waker = kept;
                None
            }
            Place::Answered(answer) => {
                self.vacate(key);
                Some(answer)
            }
            place @ (Place::Vacant | Place::Orphaned) => {
                self.replace(key, place);
                None
            }
        }
    }

    /// Whether the session is not done with an operation.
    pub(crate) fn is_open(&self, token: Token) -> bool {
        self.by_token.get(token.index()).is_some_and(Option::is_some)
    }

    /// How many the session is not done with, whether somebody wants to know or not.
    pub(crate) fn unanswered(&self) -> usize {
        self.unanswered
    }

    /// How many calls wait for an answer at this moment.
    pub(crate) fn awaited(&self) -> usize {
        self.awaited
    }

    /// Answers an operation. Returns whom to wake.
    pub(crate) fn settle(&mut self, key: OperationKey, answer: Answer) -> Option<Waker> {
        match self.replace(key, Place::Vacant) {
            Place::Open(waker) => {
                self.awaited -= usize::from(waker.is_some());
                self.replace(key, Place::Answered(answer));
                waker
            }
            Place::Orphaned => {
                self.vacate(key);
                None
            }
            place @ (Place::Vacant | Place::Answered(_)) => {
                self.replace(key, place);
                None
            }
        }
    }

    fn vacate(&mut self, key: OperationKey) -> Place {
        self.vacant.push(key);
        self.replace(key, Place::Vacant)
    }

    fn replace(&mut self, key: OperationKey, place: Place) -> Place {
        match self.places.get_mut(key.0) {
            Some(slot) => mem::replace(slot, place),
            None => Place::Vacant,
        }
    }
}

impl Unanswered {
    pub(crate) const CLOSED: Unanswered = Unanswered::Failed(Failure::Closed);
}

#[cfg(test)]
mod tests;
