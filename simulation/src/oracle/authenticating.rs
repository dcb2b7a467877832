//! Who is to speak in an exchange of AUTH packets (section 4.12).

use super::Oracle;
use super::connection::Stage;
use crate::plan::METHOD;
use crate::tally::Promise;
use crate::wire::Auth;

/// More is to come.
const CONTINUE: u8 = 0x18;

/// The client begins anew.
const AGAIN: u8 = 0x19;

/// Whose turn it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// No exchange runs.
    Nobody,
    Broker,
    Client,
    /// The application spoke: AUTH with this code is to leave, or DISCONNECT.
    Spoken {
        code: u8,
        /// Something else left before it.
        is_overtaken: bool,
    },
}

/// The application.
impl Oracle {
    /// Whether the application may speak with this code.
    pub(crate) fn may_authenticate(&self, code: u8) -> bool {
        let Some(connection) = &self.connection else { return false };
        let turn = if code == AGAIN { Turn::Nobody } else { Turn::Client };
        match connection.stage {
            Stage::Waiting => code == CONTINUE && connection.turn == turn,
            Stage::Up(_) => connection.turn == turn,
            Stage::Left(_) => false,
        }
    }

    /// The application spoke with this code.
    pub(crate) fn note_authenticated(&mut self, code: u8) {
        let Some(connection) = &mut self.connection else { return };
        connection.turn = Turn::Spoken { code, is_overtaken: false };
    }

    /// An exchange that runs on a connection that is up.
    pub(crate) fn is_authenticating(&self) -> bool {
        self.connection.as_ref().is_some_and(|connection| {
            connection.turn != Turn::Nobody && connection.limits().is_some()
        })
    }
}

/// The bytes.
impl Oracle {
    /// AUTH was sent: nothing else since the application spoke.
    pub(super) fn note_auth(&mut self, auth: &Auth<'_>) {
        let Some(connection) = &mut self.connection else { return };
        let turn = std::mem::replace(&mut connection.turn, Turn::Broker);
        let due = Turn::Spoken { code: auth.code, is_overtaken: false };
        self.check(Promise::Auth, turn == due, || format!("{auth:?} at {turn:?}"));
        let is_method = auth.method == Some(METHOD.as_bytes());
        self.check(Promise::Auth, is_method && self.facts.authenticates, || {
            format!("{auth:?}, the method is {METHOD}")
        });
    }

    /// Something else was sent.
    pub(super) fn note_other(&mut self) {
        if let Some(connection) = &mut self.connection
            && let Turn::Spoken { is_overtaken, .. } = &mut connection.turn
        {
            *is_overtaken = true;
        }
    }

    /// AUTH came.
    pub(super) fn note_asked(&mut self, code: u8) {
        let Some(connection) = &mut self.connection else { return };
        connection.turn = if code == CONTINUE { Turn::Client } else { Turn::Nobody };
    }
}
