//! The connect hook is the application's, so it is asked without the lock.

use mqtt_session::Time;

use super::Work;
use crate::runtime::Runtime;
use crate::state::Dial;
use crate::{ConnectAttempt, ConnectChanges, ConnectError};

impl<R: Runtime> Work<R> {
    /// What the hook changes about an attempt; nothing without one.
    pub(super) async fn ask_hook(
        &mut self,
        dial: &Dial,
        deadline: Time,
    ) -> Result<ConnectChanges, ConnectError> {
        let Some(hook) = self.options.connect.hook.clone() else {
            return Ok(ConnectChanges::default());
        };
        let failure = self.with(|state| state.attempt.failure.clone());
        let (broker, version) = (dial.broker.to_string(), dial.version);
        let asked = hook.ask(ConnectAttempt { broker, version, failure });
        let changes = match self.by(&dial.broker, deadline, asked).await {
            Ok(answer) => answer.map_err(ConnectError::Hook)?,
            Err(ConnectError::TimedOut { after, .. }) => {
                return Err(ConnectError::Hook(format!("no answer within {after:?}")));
            }
            Err(ended) => return Err(ended),
        };
        if let Some(broker) = &changes.broker {
            self.with(|state| state.attempt.goes_to(broker));
        }
        Ok(changes)
    }
}
