//! Proving who it is, at the beginning and again (section 4.12).

use std::time::Duration;

use mqtt_session::proto::{Property, ReasonCode};
use mqtt_session::{AuthenticateError, Memory, Time};

use super::{Client, Weather};
use crate::plan::{METHOD, OPENING, RIDDLES};
use crate::tally::{Fault, Promise};

/// How long to wait for room.
const PATIENCE: Duration = Duration::from_secs(1);

/// An AUTH to send.
#[derive(Clone, Copy, Debug)]
pub(super) struct Answer {
    pub(super) due: Time,
    data: &'static [u8],
}

/// The properties of a packet with this Authentication Data.
pub(super) fn proof(data: &[u8]) -> [Property<'_>; 2] {
    [Property::AuthenticationMethod(METHOD), Property::AuthenticationData(data)]
}

impl<M: Memory> Client<M> {
    /// The application authenticates again, if it is its turn.
    pub(super) fn reauthenticate(&mut self, now: Time) {
        self.speak(now, ReasonCode::ReAuthenticate, OPENING);
    }

    /// AUTH with this code and Authentication Data. False if there is no room.
    fn speak(&mut self, now: Time, reason: ReasonCode, data: &[u8]) -> bool {
        let may_speak = self.oracle.may_authenticate(reason.to_u8());
        let spoken = self.endpoint.session.authenticate(now, reason, &proof(data));
        let holds = match spoken {
            Ok(()) => may_speak,
            Err(AuthenticateError::NotNow) => !may_speak,
            // It may have left, or the broker.
            Err(AuthenticateError::NotConnected | AuthenticateError::Full) => true,
            Err(
                AuthenticateError::NoMethod
                | AuthenticateError::OtherMethod
                | AuthenticateError::Invalid(_)
                | AuthenticateError::TooLarge { .. },
            ) => false,
        };
        self.oracle.check(Promise::Auth, holds, || format!("{reason}: {spoken:?}"));
        if spoken.is_ok() {
            self.oracle.note_authenticated(reason.to_u8());
        }
        spoken != Err(AuthenticateError::Full)
    }

    /// The broker asks: decides what it is told, and when.
    pub(super) fn be_asked(&mut self, now: Time, asked: &[u8]) {
        let riddle = RIDDLES.iter().find(|(riddle, _)| *riddle == asked);
        self.oracle.check(Promise::Auth, riddle.is_some(), || format!("asked {asked:?}"));
        let Some((_, answer)) = riddle else { return };
        self.answer = match self.weather {
            Weather::Calm => Some(Answer { due: now, data: answer }),
            Weather::Rough => {
                let is_wrong = self.random.one_in(12);
                if is_wrong {
                    self.oracle.tally.strike(Fault::Unproved);
                }
                let most = self.random.pick([0, 0, 3000]);
                let due = now.after(self.random.millis(0..=most));
                Some(Answer { due, data: if is_wrong { b"no idea" } else { answer } })
            }
        };
    }

    /// Answers the broker when it is time; true when it was.
    pub(super) fn answer_due(&mut self, now: Time) -> bool {
        let Some(Answer { data, .. }) = self.answer.take_if(|answer| answer.due <= now) else {
            return false;
        };
        self.oracle.tally.steps += 1;
        if !self.speak(now, ReasonCode::ContinueAuthentication, data) {
            self.answer = Some(Answer { due: now.after(PATIENCE), data });
        }
        true
    }
}
