//! Enhanced authentication: the authenticator is the application's, so it is asked without the
//! lock.

use super::Work;
use crate::ConnectError;
use crate::authenticator::{Ask, AuthResponse};
use crate::runtime::Runtime;

impl<R: Runtime> Work<R> {
    /// What the authenticator has for CONNECT; `None` without one.
    pub(super) fn start_authenticator(&self) -> Result<Option<AuthResponse>, ConnectError> {
        let authenticator = self.options.connect.authenticator.as_ref();
        let response = authenticator.map(|authenticator| authenticator.ask(&Ask::Start));
        response.transpose().map_err(ConnectError::Authentication)
    }

    /// Asks the authenticator what the state wants to know. Returns whether the connection may go
    /// on; if not, nothing it received is to be looked at.
    pub(super) fn run_authenticator(&mut self) -> bool {
        let Some(ask) = self.with(|state| state.authentication.take_ask()) else { return true };
        let Some(authenticator) = &self.options.connect.authenticator else { return true };
        let response = authenticator.ask(&ask);
        let now = self.runtime.now();
        self.with(|state| state.handle_response(now, &ask, response))
    }
}
