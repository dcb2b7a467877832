//! Messages that end every connection they are sent on.

use mqtt_proto::ReasonCode;

use super::SessionState;
use super::flow::{FlowKind, Lane};
use super::link::Up;
use crate::close::blames_content;
use crate::{CloseReason, Failure, Memory, Token};

/// Whether connections end because of a message, and which one it is.
///
/// ```text
///        +------- the last is done -------+
///        v                                |
///    Answered ------- blamed -------> OneByOne --+ blamed or lost with one in flight:
///     |    ^                              ^  ^   | the third time it fails
///    end   | acknowledgement              |  +---+
///     v    |                              |
///    Unanswered --- blamed, or lost ------+
///        |   ^      for the third time
///        +---+ lost: one more
/// ```
/// Blamed: ended by a DISCONNECT that blames content. Ends with nothing in flight say nothing, and
/// neither do QoS 0 and requests: what is to blame is what every connection sends again.
#[derive(Clone, Copy, Debug)]
pub(super) enum Poison {
    /// No publish was acknowledged since this connection began; so many before it were lost likewise,
    /// in a row.
    Unanswered { lost: u8 },
    /// A publish was acknowledged on this connection.
    Answered,
    /// Up to this one publishes are sent one at a time.
    OneByOne { last: Token, suspect: Option<Suspect> },
}

/// The publish that was in flight alone when a connection ended, and how often.
#[derive(Clone, Copy, Debug)]
pub(super) struct Suspect {
    token: Token,
    ends: u8,
}

/// So many ends in a row make suspicious, and so many with one message in flight are proof.
const ENDS: u8 = 3;

/// What the end of a connection says about the messages in flight.
#[derive(Clone, Copy, Debug)]
enum Charge {
    Blamed(ReasonCode),
    Lost,
}

impl Charge {
    fn of(reason: CloseReason) -> Option<Charge> {
        match reason {
            CloseReason::Disconnected(code) => blames_content(code).then_some(Charge::Blamed(code)),
            CloseReason::Lost => Some(Charge::Lost),
            CloseReason::Refused(_)
            | CloseReason::NoConnAck
            | CloseReason::KeepAlive
            | CloseReason::NoAnswer
            | CloseReason::Violation(_)
            | CloseReason::Local
            | CloseReason::StoreFailed => None,
        }
    }

    fn failure(self) -> Failure {
        match self {
            Charge::Blamed(code) => Failure::Blamed(code),
            Charge::Lost => Failure::ConnectionLost,
        }
    }
}

impl Default for Poison {
    fn default() -> Poison {
        Poison::Unanswered { lost: 0 }
    }
}

impl Poison {
    /// The broker acknowledged a publish.
    pub(super) fn note_answer(&mut self) {
        match self {
            Poison::Unanswered { .. } => *self = Poison::Answered,
            Poison::Answered | Poison::OneByOne { .. } => {}
        }
    }

    pub(super) fn is_one_by_one(&self) -> bool {
        match self {
            Poison::OneByOne { .. } => true,
            Poison::Unanswered { .. } | Poison::Answered => false,
        }
    }
}

impl<M: Memory> SessionState<M> {
    /// A connection ended; what was in flight on it still is.
    pub(super) fn judge_end(&mut self, reason: CloseReason) {
        let charge = Charge::of(reason);
        let any_in_flight = !self.flows.is_empty(Lane::InFlight);
        let lost = match (self.poison, charge, any_in_flight) {
            (Poison::OneByOne { last, suspect }, Some(charge), true) => {
                self.poison = self.judge_suspect(last, suspect, charge);
                return;
            }
            (Poison::OneByOne { .. }, ..) | (Poison::Unanswered { .. }, _, false) => return,
            (Poison::Unanswered { lost }, Some(Charge::Lost), true) => lost + 1,
            (Poison::Unanswered { .. } | Poison::Answered, ..) => 0,
        };
        let is_blamed = any_in_flight && matches!(charge, Some(Charge::Blamed(_)));
        let last = if is_blamed || lost >= ENDS { self.last_carried() } else { None };
        self.poison = match last {
            Some(last) => Poison::OneByOne { last: self.token(last), suspect: None },
            None => Poison::Unanswered { lost },
        };
    }

    /// The last publish that the next connection sends again.
    fn last_carried(&self) -> Option<u32> {
        let lanes = [Lane::Waiting, Lane::Storing, Lane::Ready, Lane::InFlight];
        lanes.into_iter().find_map(|lane| {
            let is_carried = |index: &u32| {
                let kind = self.flows.get(*index).map(|flow| flow.kind);
                matches!(kind, Some(FlowKind::Publish { carried: true, .. }))
            };
            self.flows.iter(lane).filter(is_carried).last()
        })
    }

    /// Counts one more end against the message in flight, and lets it fail at the third.
    fn judge_suspect(&mut self, last: Token, suspect: Option<Suspect>, charge: Charge) -> Poison {
        // With a request or another message beside it, that may be the one.
        let is_alone = self.flows.len(Lane::InFlight) == 1 && self.flows.is_empty(Lane::Requested);
        let Some(index) = self.flows.first(Lane::InFlight).filter(|_| is_alone) else {
            return Poison::OneByOne { last, suspect };
        };
        let token = self.token(index);
        let before = suspect.filter(|suspect| suspect.token == token);
        let ends = before.map_or(0, |suspect| suspect.ends) + 1;
        if ends < ENDS {
            return Poison::OneByOne { last, suspect: Some(Suspect { token, ends }) };
        }
        self.fail_unsendable(index, charge.failure());
        if token == last {
            Poison::Unanswered { lost: 0 }
        } else {
            Poison::OneByOne { last, suspect: None }
        }
    }

    /// Whether the next publish waits although the window is open: one that is sent alone waits for
    /// the answers to requests on their way. Opens the window again once the last message
    /// under suspicion is done.
    pub(super) fn is_held_back(&mut self, up: &mut Up) -> bool {
        let Poison::OneByOne { last, suspect } = self.poison else { return false };
        if !self.flows.is_current(last.index, last.generation) {
            // It was answered, and those before it were; or it expired, and there may be some.
            let Some(last) = self.last_carried() else {
                self.poison = Poison::Answered;
                up.widen();
                return false;
            };
            self.poison = Poison::OneByOne { last: self.token(last), suspect };
        }
        // All but QoS 0 has an identifier.
        let has_answer = |index| self.flows.key(index) != 0;
        !self.flows.is_empty(Lane::Requested) || self.flows.iter(Lane::Ready).any(has_answer)
    }
}
