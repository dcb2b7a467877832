//! How the application takes leave (section 3.14).

use super::Oracle;
use super::received::Inbound;
use crate::tally::Promise;

/// A DISCONNECT that the application asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Leaving {
    code: u8,
    /// PUBACKs, and PUBRECs, that were given before it and have not left.
    acks: [usize; 2],
}

impl Leaving {
    /// An acknowledgement left: those given before do so first.
    pub(super) fn note_answer(&mut self, kind: usize) {
        if let Some(acks) = self.acks.get_mut(kind) {
            *acks = acks.saturating_sub(1);
        }
    }
}

impl Oracle {
    /// The application disconnects; from the first time on nothing changes that.
    pub(crate) fn note_leaving(&mut self, code: u8) {
        let Some(connection) = &mut self.connection else { return };
        // Without its store the session leaves by itself.
        if connection.leaving.is_some() || self.store.has_failed {
            return;
        }
        let is_given = |id: &&u16| self.inbound.get(id).is_some_and(Inbound::is_answered);
        let acks = connection.owed.each_ref().map(|owed| owed.iter().take_while(is_given).count());
        connection.leaving = Some(Leaving { code, acks });
    }

    /// DISCONNECT was sent: for a reason of the session's own, or the application's. Then what that
    /// acknowledged before has left, as far as its records are stored.
    pub(super) fn note_disconnect(&mut self, code: u8) {
        let Some(connection) = &self.connection else { return };
        let next = connection.owed[1].front().copied();
        let Some(Leaving { code: given, acks }) = connection.leaving else {
            return self.check(Promise::End1, code >= 0x80, || "nobody takes leave".to_owned());
        };
        let given = if self.facts.level == 5 { given } else { 0 };
        self.check(Promise::End1, code == given, || format!("{code:#04x} instead of {given:#04x}"));
        let may_wait = self.facts.has_store && next.is_some_and(|id| !self.store.has_received(id));
        self.check(Promise::End1, acks[0] == 0 && (acks[1] == 0 || may_wait), || {
            format!("{acks:?} acknowledgements given before DISCONNECT have not left")
        });
    }

    /// The connection ended because the application wanted it to.
    pub(super) fn check_left(&mut self, is_leaving: bool) {
        self.check(Promise::End1, is_leaving, || "disconnected, and nobody wanted it".to_owned());
    }
}
