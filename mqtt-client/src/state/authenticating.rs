//! Enhanced authentication as far as the state knows of it: whose turn it is.

use std::mem;

use mqtt_session::proto::{Auth, ConnAck, Property, ReasonCode};
use mqtt_session::{AuthenticateError, Phase, Time};

use super::State;
use crate::authenticator::{Ask, AuthResponse, SharedAuthenticator};
use crate::{ClientEvent, ConnectError, ReauthenticateError};

/// The exchange of the connection at hand.
#[derive(Debug)]
pub(crate) struct Authentication {
    /// None without an authenticator.
    method: Option<String>,
    turn: Turn,
    /// When a re-authentication is due.
    renew_at: Option<Time>,
    /// Why the authenticator gave up.
    failure: Option<String>,
}

/// Whose turn it is.
///
/// ```text
///   Idle --CONNECT--> Other --AUTH--> Driver(Step) --asked--> Other --accepted--> Driver(Finish)
///    |                  ^                                                            |
///    +--> Driver(Start) +                          Idle <----------------------------+
/// ```
#[derive(Debug)]
enum Turn {
    /// No exchange runs.
    Idle,
    /// The driver is to ask the authenticator.
    Driver(Ask),
    /// The authenticator, whom the driver asks, or the broker.
    Other,
}

impl Authentication {
    pub(crate) fn new(authenticator: Option<&SharedAuthenticator>) -> Authentication {
        let method = authenticator.map(|it| it.method().to_owned());
        Authentication { method, turn: Turn::Idle, renew_at: None, failure: None }
    }

    /// Whether the authenticator is to be asked before anything else is done.
    pub(crate) fn asks(&self) -> bool {
        matches!(self.turn, Turn::Driver(_))
    }

    /// What to ask it.
    pub(crate) fn take_ask(&mut self) -> Option<Ask> {
        match mem::replace(&mut self.turn, Turn::Other) {
            Turn::Driver(ask) => Some(ask),
            turn @ (Turn::Idle | Turn::Other) => {
                self.turn = turn;
                None
            }
        }
    }

    /// The authenticator began with a CONNECT.
    pub(crate) fn begin(&mut self, now: Time, response: &AuthResponse) {
        self.turn = Turn::Other;
        self.note_validity(now, response);
    }

    /// When a re-authentication is due; `None` while none can begin.
    pub(super) fn deadline(&self, accepted: bool) -> Option<Time> {
        self.renew_at.filter(|_| accepted && matches!(self.turn, Turn::Idle))
    }

    /// The connection is over. Returns why, if the authenticator gave it up.
    pub(super) fn handle_closed(&mut self) -> Option<String> {
        self.turn = Turn::Idle;
        self.renew_at = None;
        self.failure.take()
    }

    fn note_validity(&mut self, now: Time, response: &AuthResponse) {
        if let Some(time) = response.valid_for {
            self.renew_at = Some(now.after((time / 10).saturating_mul(9)));
        }
    }
}

impl State {
    /// Has the authenticator begin a re-authentication, unless an exchange runs.
    pub(crate) fn reauthenticate(&mut self) -> Result<(), ReauthenticateError> {
        if self.authentication.method.is_none() {
            return Err(ReauthenticateError::NoAuthenticator);
        }
        let is_up = self.attempt.accepted && self.session.phase() == Phase::Connected;
        if !is_up {
            return Err(ReauthenticateError::NotConnected);
        }
        if matches!(self.authentication.turn, Turn::Idle) {
            self.authentication.turn = Turn::Driver(Ask::Start);
            self.wake_driver();
        }
        Ok(())
    }

    /// Begins the re-authentication that is due.
    pub(super) fn renew(&mut self, now: Time) {
        let is_due =
            self.authentication.deadline(self.attempt.accepted).is_some_and(|at| at <= now);
        if is_due {
            self.authentication.renew_at = None;
            // A connection that is being left needs none.
            self.reauthenticate().ok();
        }
    }

    /// The broker asks on.
    pub(super) fn handle_challenge(&mut self, auth: &Auth<'_>) {
        let data = auth.properties.authentication_data().unwrap_or_default();
        self.authentication.turn = Turn::Driver(Ask::Step(data.to_vec()));
    }

    /// The broker accepted the connection; so must the authenticator, if there is one.
    pub(super) fn handle_connack(&mut self, now: Time, connack: &ConnAck<'_>) {
        let session_present = connack.session_present;
        if self.authentication.method.is_none() {
            return self.handle_connected(now, session_present);
        }
        let data = connack.properties.authentication_data().unwrap_or_default().to_vec();
        self.authentication.turn = Turn::Driver(Ask::FinishConnect { data, session_present });
    }

    /// The broker accepted a re-authentication.
    pub(super) fn handle_reauthenticated(&mut self, auth: &Auth<'_>) {
        let data = auth.properties.authentication_data().unwrap_or_default();
        self.authentication.turn = Turn::Driver(Ask::FinishReauthenticate(data.to_vec()));
    }

    /// What the authenticator said. Returns whether the connection may go on.
    pub(crate) fn handle_response(
        &mut self,
        now: Time,
        ask: &Ask,
        response: Result<AuthResponse, String>,
    ) -> bool {
        let response = match response {
            Ok(response) => response,
            Err(cause) => return self.give_up(now, cause),
        };
        match *ask {
            Ask::Start => self.send_auth(now, ReasonCode::ReAuthenticate, &response),
            Ask::Step(_) => self.send_auth(now, ReasonCode::ContinueAuthentication, &response),
            Ask::FinishConnect { session_present, .. } => {
                self.authentication.turn = Turn::Idle;
                self.handle_connected(now, session_present);
                true
            }
            Ask::FinishReauthenticate(_) => {
                self.authentication.turn = Turn::Idle;
                self.tell(&ClientEvent::Reauthenticated);
                true
            }
        }
    }

    fn send_auth(&mut self, now: Time, reason: ReasonCode, response: &AuthResponse) -> bool {
        self.authentication.note_validity(now, response);
        let method = self.authentication.method.as_deref().map(Property::AuthenticationMethod);
        let data = response.data.as_deref().map(Property::AuthenticationData);
        let properties: Vec<_> = method.into_iter().chain(data).collect();
        match self.session.authenticate(now, reason, &properties) {
            // Without a connection there is nobody to answer: its end is still to be told.
            Ok(()) | Err(AuthenticateError::NotConnected) => true,
            Err(error) => self.give_up(now, error.to_string()),
        }
    }

    /// The authenticator cannot go on. A broker that was accepted is told, any other is left at
    /// once.
    fn give_up(&mut self, now: Time, cause: String) -> bool {
        let goes_on = self.attempt.accepted;
        if goes_on {
            self.tell(&ClientEvent::ReauthenticationFailed { cause: cause.clone() });
            self.attempt.failure = Some(ConnectError::Authentication(cause.clone()));
        }
        // An error means that the connection is over already.
        self.session.disconnect(now, ReasonCode::UnspecifiedError, &[]).ok();
        self.authentication.turn = Turn::Other;
        self.authentication.failure = Some(cause);
        goes_on
    }
}
