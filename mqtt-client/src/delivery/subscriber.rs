//! One subscription and the messages that wait in it.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use mqtt_session::Time;
use mqtt_session::proto::SubscriptionOptions;

use super::{Retained, StreamQueue};
use crate::shared::After;
use crate::{Ack, Message};

/// A callback; its own lock is free whenever the driver does not run it.
#[derive(Clone)]
pub(crate) struct Callback(Arc<Mutex<Function>>);

type Function = dyn FnMut(&Message) + Send;

/// A subscription as the state knows it.
pub(crate) struct Subscriber {
    pub(crate) filter: Box<str>,
    /// What was asked for.
    pub(crate) wire: SubscriptionOptions,
    /// The Subscription Identifier asked for with it (5.0).
    pub(crate) identifier: Option<u32>,
    pub(crate) retained: Retained,
    /// The broker granted the filter, to this subscription or to another.
    pub(crate) is_granted: bool,
    pub(crate) ack: Ack,
    pub(crate) sink: Sink,
    /// Sees what is dropped.
    pub(crate) on_drop: Option<Callback>,
    pub(crate) phase: Phase,
}

/// Where its messages go.
pub(crate) enum Sink {
    Stream(StreamQueue),
    Callback(Callback),
}

/// Whether messages still come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Active,
    /// UNSUBSCRIBE was accepted, and has no answer yet.
    Leaving,
    /// The handle was dropped; UNSUBSCRIBE follows at this time, once the driver has set it.
    Detached(Option<Time>),
    /// No more messages come; what is there can still be read.
    Ended,
}

impl Subscriber {
    pub(super) fn end(&mut self, after: &mut After) {
        match self.phase {
            Phase::Active | Phase::Leaving => self.phase = Phase::Ended,
            Phase::Detached(_) | Phase::Ended => {}
        }
        if let Sink::Stream(queue) = &mut self.sink {
            after.wake(queue.wake());
        }
    }

    pub(crate) fn is_detached(&self) -> bool {
        matches!(self.phase, Phase::Detached(_))
    }

    pub(super) fn detached_until(&self) -> Option<Time> {
        match self.phase {
            Phase::Detached(until) => until,
            Phase::Active | Phase::Leaving | Phase::Ended => None,
        }
    }
}

impl Phase {
    /// Whether somebody takes the messages.
    pub(super) fn has_reader(self) -> bool {
        match self {
            Phase::Active | Phase::Leaving => true,
            Phase::Detached(_) | Phase::Ended => false,
        }
    }
}

impl Callback {
    pub(crate) fn new(callback: impl FnMut(&Message) + Send + 'static) -> Callback {
        Callback(Arc::new(Mutex::new(callback)))
    }

    pub(crate) fn call(&self, message: &Message) {
        let mut callback = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        callback(message);
    }
}

impl PartialEq for Callback {
    fn eq(&self, other: &Callback) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Callback {}

impl fmt::Debug for Callback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Callback").finish_non_exhaustive()
    }
}
