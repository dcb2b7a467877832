//! The brokers there are, and where one of them redirects to (section 4.11).

use mqtt_session::proto::{Properties, ReasonCode};
use mqtt_session::{Redirect, Target, Time};

use super::State;
use crate::options::Broker;
use crate::{ClientEvent, OptionsError};

/// The names of what the supervisor counts.
#[derive(Debug)]
pub(crate) struct Brokers {
    listed: Vec<Broker>,
    /// Where to go for one attempt.
    redirect: Option<Broker>,
}

impl Brokers {
    pub(crate) fn new(listed: &[Broker]) -> Brokers {
        Brokers { listed: listed.to_vec(), redirect: None }
    }

    pub(crate) fn get(&self, target: Target) -> Option<&Broker> {
        match target {
            Target::Listed(broker) => self.listed.get(broker),
            Target::Redirect => self.redirect.as_ref(),
        }
    }
}

impl State {
    /// The next attempt begins with the first of this list.
    pub(crate) fn set_brokers(&mut self, brokers: Vec<Broker>) -> Result<(), OptionsError> {
        self.security.check(&brokers)?;
        self.supervisor.set_brokers(brokers.len());
        self.attempt.outdated = true;
        self.replace_list(brokers);
        self.wake_driver();
        Ok(())
    }

    /// Each broker of the new list has its chance, too, to be the first one connected to.
    fn replace_list(&mut self, brokers: Vec<Broker>) {
        if let Some(tries) = &mut self.attempt.first_tries {
            *tries = brokers.len();
        }
        self.brokers.listed = brokers;
    }

    /// The broker ends the connection with this code, or refuses it: perhaps since another is to be
    /// used.
    pub(super) fn look_for_redirect(
        &mut self,
        now: Time,
        reason: ReasonCode,
        properties: Properties<'_>,
    ) {
        let permanent = reason == ReasonCode::ServerMoved;
        if !permanent && reason != ReasonCode::UseAnotherServer {
            return;
        }
        let references = properties.server_reference().unwrap_or_default().split(' ');
        let scheme = self.attempt.scheme;
        let brokers: Vec<_> =
            references.filter_map(|reference| Broker::referred(reference, scheme)).collect();
        let to: Vec<_> = brokers.iter().map(ToString::to_string).collect();
        let followed = self.redirect(now, permanent, brokers);
        if self.is_running() {
            self.tell(&ClientEvent::Redirected { permanent, to, followed });
        }
    }

    /// Whether the next attempt goes to one of these brokers.
    fn redirect(&mut self, now: Time, permanent: bool, brokers: Vec<Broker>) -> bool {
        let Some(first) = brokers.first() else { return false };
        if permanent {
            let moved = Redirect::Moved { brokers: brokers.len() };
            let followed = self.supervisor.handle_redirect(now, moved);
            if followed {
                self.replace_list(brokers);
            }
            return followed;
        }
        let followed = self.supervisor.handle_redirect(now, Redirect::Once);
        if followed {
            self.brokers.redirect = Some(first.clone());
        }
        followed
    }
}
