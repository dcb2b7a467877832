//! Before 5.0 a broker is not told how many messages this end holds: while it has no room for one
//! more, nothing is read.

use super::held::{Answer, Shelf};
use super::link::Link;
use super::{Lane, Phase, Session, SessionState};
use crate::{Memory, Time, ViolationKind};

impl<M: Memory> Session<M> {
    /// There is no room for the next message: whether it is left unread until there is. Not when only
    /// a packet behind it could make some.
    #[cold]
    pub(super) fn brake(&mut self) -> bool {
        let can_wait = self.state.can_make_room();
        let Some(link) = self.link.as_mut().filter(|link| !link.version.has_properties()) else {
            return false;
        };
        if !can_wait && !link.transport_ended {
            return false;
        }
        link.braked_at.get_or_insert(self.now);
        link.note_reading(self.now);
        true
    }

    /// Goes on reading if there is room now, or will be none.
    pub(super) fn release_brake(&mut self) {
        if self.link.as_ref().is_some_and(|link| link.braked_at.is_some()) && !self.is_braked() {
            let Some(link) = &mut self.link else { return };
            link.braked_at = None;
            link.note_reading(self.now);
        }
    }

    /// Whether the next message still waits for room.
    pub(super) fn is_braked(&self) -> bool {
        let braked = self.link.as_ref().filter(|link| link.braked_at.is_some());
        let has_room = |link| self.has_room_for_message(link) || !self.state.can_make_room();
        braked.is_some_and(|link| link.transport_ended || !has_room(link))
    }

    /// When an answer of the broker's has waited too long behind the message.
    pub(super) fn brake_ends_at(&self, link: &Link<M>) -> Option<Time> {
        let braked_at = link.braked_at.filter(|_| self.state.awaits_answer())?;
        Some(braked_at.after(self.config.response_timeout?.max(super::time::SHORTEST)))
    }

    /// Gives up a connection whose next message waited too long.
    pub(super) fn give_up_braking(&mut self) {
        let ends_at = self.link.as_ref().and_then(|link| self.brake_ends_at(link));
        if ends_at.is_some_and(|at| at <= self.now) && self.phase() == Phase::Connected {
            self.give_up(ViolationKind::ReceiveMaximum);
        }
    }
}

impl<M: Memory> SessionState<M> {
    /// Whether an answer of the broker's is missing.
    pub(super) fn awaits_answer(&self) -> bool {
        let lanes = [Lane::InFlight, Lane::Releasing, Lane::Released, Lane::Requested];
        lanes.into_iter().any(|lane| !self.flows.is_empty(lane))
    }

    /// Whether a place can become free without another packet of the broker's: by an acknowledgement
    /// that leaves, or that the application gives.
    fn can_make_room(&self) -> bool {
        let is_waited_for = |shelf| {
            let first = self.held.first(shelf).and_then(|index| self.held.get(index));
            first.is_some_and(|held| held.answer != Answer::GivenUp)
        };
        [Shelf::PubAck, Shelf::PubRec, Shelf::PubComp, Shelf::Forgotten]
            .into_iter()
            .any(|shelf| !self.held.is_empty(shelf))
            || [Shelf::Qos1, Shelf::Qos2].into_iter().any(is_waited_for)
    }
}
