//! What the application asked for, and what may come of it.

use std::time::Duration;

use mqtt_session::{Failure, Time, Token};

use super::Oracle;
use super::connection::Connection;
use crate::message::Name;
use crate::tally::Promise;
use crate::wire::Properties;

/// How often a request without an answer is made again.
pub(super) const MADE_AGAIN: u32 = 3;

/// An accepted operation.
#[derive(Clone, Debug)]
pub(crate) struct Operation {
    pub(crate) kind: Kind,
    /// How it ended; crashes may undo that.
    pub(crate) outcome: Option<Ended>,
    pub(crate) life: Life,
    /// Accepted without a connection.
    pub(super) is_offline: bool,
    /// Sent in this session, so that every copy has DUP.
    pub(super) is_carried: bool,
    /// Whether that was is not known any more.
    pub(super) may_be_carried: bool,
    /// A session that was lost may have carried it.
    pub(super) carried_before: bool,
    /// Sent on this connection.
    pub(super) is_on_wire: bool,
    /// Past PUBREC, or given up with PUBREL.
    pub(super) is_released: bool,
    /// PUBREC came.
    pub(super) has_receipt: bool,
    /// A broker granted too little for it.
    pub(super) was_forbidden: bool,
    /// Let go of without PUBREC, which a restart does not remember.
    pub(super) is_given_up: bool,
    /// A session was lost that it may have been in.
    pub(super) loss: Loss,
    pub(super) id: Option<u16>,
    /// Connections that ended with it alone in flight.
    pub(super) ends: u32,
    /// When it was asked for last, if it is a request.
    pub(super) asked_at: Option<Time>,
    /// Connections that may have ended for the request, or that it got no answer on in time.
    pub(super) misses: u32,
    /// It may be there twice at QoS 2.
    pub(crate) may_double: bool,
}

/// Who waits for its outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Life {
    /// The application, by its token.
    Awaited,
    /// Nobody: the client was restored with it.
    Restored,
    /// A crash took it.
    Gone,
}

/// What the loss of a session means for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Loss {
    None,
    /// It ends as indeterminate.
    Ends,
    /// Likewise, if it was carried, which nobody knows.
    MayEnd,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Publish(Publish),
    Subscribe(Request),
    Unsubscribe(Request),
}

/// A message as it was accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Publish {
    pub(crate) qos: u8,
    pub(crate) retain: bool,
    pub(crate) topic: &'static str,
    pub(crate) len: usize,
    pub(crate) expires_at: Option<Time>,
}

/// The filters of a SUBSCRIBE or UNSUBSCRIBE.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) filters: Vec<&'static str>,
    /// What the filters and options look like in the packet.
    pub(crate) bytes: Vec<u8>,
    /// It has a Subscription Identifier that may not be left out.
    pub(crate) needs_identifier: bool,
}

impl Request {
    /// SUBSCRIBE at a QoS, without other options, or UNSUBSCRIBE.
    pub(crate) fn new(filter: &'static str, qos: Option<u8>, needs_identifier: bool) -> Request {
        let len = u16::try_from(filter.len()).unwrap_or(u16::MAX);
        let mut bytes = len.to_be_bytes().to_vec();
        bytes.extend(filter.as_bytes());
        bytes.extend(qos);
        Request { filters: vec![filter], bytes, needs_identifier }
    }
}

/// How an operation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    Delivered,
    Rejected,
    Failed(Failure),
    Indeterminate,
    Answered,
}

impl Operation {
    pub(crate) fn publish(&self) -> Option<&Publish> {
        match &self.kind {
            Kind::Publish(publish) => Some(publish),
            Kind::Subscribe(_) | Kind::Unsubscribe(_) => None,
        }
    }

    /// The session may have the broker let go of it.
    pub(super) fn may_be_given_up(&self) -> bool {
        self.was_forbidden || self.ends >= 3
    }

    /// It may have ended without an answer, after a restart that nobody can tell after.
    pub(super) fn may_have_ended(&self) -> bool {
        self.life == Life::Restored && (self.loss != Loss::None || self.may_be_given_up())
    }

    /// Still to be finished.
    pub(super) fn is_open(&self) -> bool {
        self.outcome.is_none() && self.life != Life::Gone
    }
}

/// What the application does.
impl Oracle {
    /// An operation was accepted. QoS 0 has no token.
    pub(crate) fn note_accepted(&mut self, kind: Kind, token: Option<Token>) {
        if let Some(token) = token {
            let is_new = self.tokens.iter().all(|(known, _)| *known != token);
            self.check(Promise::Send2, is_new, || format!("{token:?} names two operations"));
            self.tokens.push((token, self.operations.len()));
        }
        self.operations.push(Operation {
            kind,
            outcome: None,
            life: Life::Awaited,
            is_offline: self.connection.as_ref().is_none_or(|link| link.limits().is_none()),
            is_carried: false,
            may_be_carried: false,
            carried_before: false,
            is_on_wire: false,
            is_released: false,
            has_receipt: false,
            was_forbidden: false,
            is_given_up: false,
            loss: Loss::None,
            id: None,
            ends: 0,
            asked_at: None,
            misses: 0,
            may_double: false,
        });
    }

    /// The broker may lose the session now, and the client not hear of it.
    pub(crate) fn excuse_doubles(&mut self) {
        for operation in self.operations.iter_mut().filter(|operation| operation.is_open()) {
            operation.may_double |= operation.is_carried || operation.may_be_carried;
        }
    }

    /// How the next message is called.
    pub(crate) fn next_name(&self) -> Name {
        let number = u32::try_from(self.operations.len()).unwrap_or(u32::MAX);
        Name { client: self.facts.number, number }
    }
}

/// Outcomes.
impl Oracle {
    /// The session reports the end of an operation. One from before a restart has a token nobody knows;
    /// `answered` is whose answer was read just now.
    pub(super) fn note_ended(&mut self, token: Token, ended: Ended, answered: Option<usize>) {
        let known = self.tokens.iter().position(|(known, _)| *known == token);
        let at = known.map(|known| self.tokens.swap_remove(known).1);
        if let (Some(at), Some(answered)) = (at, answered) {
            self.check(Promise::Send1, at == answered, || {
                format!("the answer to {answered} is given to {at}")
            });
        }
        let Some(at) = at.or(answered) else {
            return self.note_nameless(ended);
        };
        let outcome = self.operations.get(at).and_then(|operation| operation.outcome);
        self.check(Promise::Send2, outcome.is_none(), || {
            format!("{at} ended twice: {outcome:?}, {ended:?}")
        });
        // With an answer it is what was given up before, and the broker let go of it.
        if answered.is_none() || !matches!(ended, Ended::Failed(_)) {
            self.check_ended(at, ended, answered);
        }
        if let Some(operation) = self.operations.get_mut(at) {
            operation.outcome = Some(ended);
            operation.is_on_wire = false;
        }
        self.flows.retain(|_, flow| *flow != at);
        self.released.retain(|released| *released != at);
    }

    /// An end without an answer, of something from before a restart, which nobody can name: there are
    /// never more of them than there are such things.
    fn note_nameless(&mut self, ended: Ended) {
        self.nameless += 1;
        let (nameless, restored) = (self.nameless, self.restored_open());
        self.check(Promise::Send2, nameless <= restored, || {
            format!("{ended:?}: {nameless} ends of {restored} operations")
        });
    }

    /// Operations from before a restart that no answer has ended.
    pub(super) fn restored_open(&self) -> usize {
        let restored = |operation: &&Operation| operation.life == Life::Restored;
        self.operations.iter().filter(restored).filter(|operation| operation.is_open()).count()
    }

    fn check_ended(&mut self, at: usize, ended: Ended, answered: Option<usize>) {
        match ended {
            Ended::Delivered | Ended::Rejected | Ended::Answered => {
                self.check(Promise::Send1, answered.is_some(), || {
                    format!("{at}: {ended:?} without an answer of the broker")
                });
            }
            Ended::Failed(Failure::Expired) => {
                let holds = self.may_end(at, ended);
                self.check(Promise::Send6, holds, || format!("{at} fails as expired too soon"));
            }
            Ended::Failed(Failure::NotSupported(_)) => {
                let holds = self.may_end(at, ended);
                self.check(Promise::Con2, holds, || format!("{at} fails, and nothing forbids it"));
            }
            Ended::Failed(Failure::Blamed(_) | Failure::ConnectionLost) => {
                let holds = self.may_end(at, ended);
                self.check(Promise::Send10, holds, || format!("{at}: {ended:?} too soon"));
            }
            Ended::Indeterminate => {
                let holds = self.may_end(at, ended);
                self.check(Promise::Res2, holds, || format!("{at} is indeterminate for nothing"));
            }
            Ended::Failed(Failure::NoAnswer) => {
                let holds = self.may_end(at, ended);
                self.check(Promise::Send11, holds, || format!("{at} is given up too soon"));
            }
            Ended::Failed(Failure::StoreFailed) => {
                let holds = self.may_end(at, ended);
                self.check(Promise::Sto1, holds, || format!("{at} fails, and its record did not"));
            }
            Ended::Failed(_) => {
                self.check(Promise::Send2, false, || format!("{at}: {ended:?}"));
            }
        }
    }

    /// Whether an operation may end like that now, without an answer.
    fn may_end(&self, at: usize, ended: Ended) -> bool {
        let Some(operation) = self.operations.get(at) else { return false };
        let was_sent = operation.is_carried || operation.may_be_carried;
        let is_qos2 = operation.publish().is_some_and(|publish| publish.qos == 2);
        match ended {
            Ended::Delivered | Ended::Rejected | Ended::Answered => false,
            Ended::Failed(Failure::Expired) => {
                !was_sent && !operation.carried_before && self.has_expired(operation)
            }
            // Of those at QoS 2 the broker lets go first, which is an answer.
            Ended::Failed(
                Failure::NotSupported(_) | Failure::Blamed(_) | Failure::ConnectionLost,
            ) if is_qos2 && was_sent => false,
            Ended::Failed(Failure::NotSupported(_)) => {
                operation.was_forbidden || self.is_forbidden(at)
            }
            Ended::Failed(Failure::Blamed(_) | Failure::ConnectionLost) => operation.ends >= 3,
            Ended::Failed(Failure::NoAnswer) => {
                let misses = operation.misses + u32::from(self.is_late(operation, self.now));
                operation.publish().is_none() && misses > MADE_AGAIN
            }
            Ended::Failed(Failure::StoreFailed) => {
                let is_qos0 = operation.publish().is_none_or(|publish| publish.qos == 0);
                !is_qos0 && (self.unstored.contains(&at) || self.store.has_failed)
            }
            // What expires before it is sent again may have been taken all the same.
            Ended::Indeterminate => {
                let has_expired = !was_sent && self.has_expired(operation);
                operation.loss != Loss::None || (operation.carried_before && has_expired)
            }
            Ended::Failed(_) => false,
        }
    }

    pub(super) fn has_expired(&self, operation: &Operation) -> bool {
        let expires_at = operation.publish().and_then(|publish| publish.expires_at);
        expires_at.is_some_and(|at| at <= self.now)
    }

    /// At this time it was too late for the answer to a request.
    pub(super) fn is_late(&self, operation: &Operation, now: Time) -> bool {
        let is_due = |at: Time| now >= at.after(self.facts.response_timeout);
        operation.is_on_wire && operation.asked_at.is_some_and(is_due)
    }

    /// Whether the application subscribed to the same before this operation, and had its answer.
    pub(super) fn may_be_made_again(&self, at: usize, filters: &[u8]) -> bool {
        self.operations.iter().take(at).any(|operation| match &operation.kind {
            Kind::Subscribe(request) => !operation.is_open() && request.bytes == filters,
            Kind::Publish(_) | Kind::Unsubscribe(_) => false,
        })
    }

    /// Whether the limits of the connection forbid to send it.
    pub(super) fn is_forbidden(&self, at: usize) -> bool {
        let limits = self.connection.as_ref().and_then(Connection::limits);
        let operation = self.operations.get(at);
        limits
            .zip(operation)
            .is_some_and(|(limits, operation)| forbids(&limits, operation, self.facts.level))
    }
}

/// Whether CONNACK forbids an operation.
pub(super) fn forbids(limits: &Properties, operation: &Operation, level: u8) -> bool {
    match &operation.kind {
        Kind::Publish(publish) => {
            let is_too_large = size(publish, level) > limits.packet_size as usize;
            publish.qos > limits.maximum_qos || (publish.retain && !limits.retain) || is_too_large
        }
        Kind::Subscribe(request) => {
            let is_forbidden = |filter: &&str| {
                (filter.contains(['+', '#']) && !limits.wildcard)
                    || (filter.starts_with("$share/") && !limits.shared)
            };
            request.filters.iter().any(is_forbidden)
                || (request.needs_identifier && !limits.identifiers)
        }
        Kind::Unsubscribe(_) => false,
    }
}

/// Bytes of its PUBLISH with its topic and without an alias.
fn size(publish: &Publish, level: u8) -> usize {
    let id = if publish.qos > 0 { 2 } else { 0 };
    let expiry = if publish.expires_at.is_some() { 5 } else { 0 };
    let properties = if level == 5 { 1 + expiry } else { 0 };
    let remaining = 2 + publish.topic.len() + id + properties + publish.len;
    let header = match remaining {
        0..=127 => 2,
        128..=16_383 => 3,
        _ => 4,
    };
    header + remaining
}

/// What is left of an interval, in seconds, rounded up.
pub(super) fn seconds_left(expires_at: Time, now: Time) -> u64 {
    let left: Duration = expires_at.since(now);
    u64::try_from(left.as_micros().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}
