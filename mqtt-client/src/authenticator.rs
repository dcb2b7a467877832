//! Enhanced authentication (section 4.12): the application's side of it.

use std::error::Error;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The client's side of an authentication method, such as SCRAM, or a token that expires.
///
/// ```text
///   CONNECT ◀── start     AUTH ──▶ step ──▶ AUTH …     CONNACK, or AUTH Success ──▶ finish
/// ```
/// The driver calls it and holds no lock meanwhile. It must not block, for nothing else of the
/// client goes on; a call that waits, inside it, is one inside a callback.
///
/// An error ends the attempt to connect, which is made again at the longest delay only
/// ([`ConnectError::Authentication`](crate::ConnectError::Authentication)). During a
/// re-authentication it ends the connection.
///
/// ```
/// use std::error::Error;
/// use std::time::Duration;
///
/// use mqtt_client::{AuthResponse, Authenticator, Options};
///
/// /// A token that is good for an hour.
/// struct Token(String);
///
/// impl Authenticator for Token {
///     fn method(&self) -> &str {
///         "TOKEN"
///     }
///
///     fn start(&mut self) -> Result<AuthResponse, Box<dyn Error + Send + Sync>> {
///         Ok(AuthResponse::new(self.0.as_str()).valid_for(Duration::from_secs(3600)))
///     }
///
///     fn step(&mut self, _: &[u8]) -> Result<AuthResponse, Box<dyn Error + Send + Sync>> {
///         Err("there is nothing to add to a token".into())
///     }
/// }
///
/// # fn main() -> Result<(), Box<dyn Error>> {
/// let options = Options::new("mqtt://localhost")?.authenticator(Token("…".into()));
/// # Ok(())
/// # }
/// ```
pub trait Authenticator: Send + 'static {
    /// Authentication Method; asked for once.
    fn method(&self) -> &str;

    /// Begins anew: the Authentication Data of a CONNECT, or of the AUTH that begins a
    /// re-authentication. An exchange that was not finished is over.
    fn start(&mut self) -> Result<AuthResponse, Box<dyn Error + Send + Sync>>;

    /// Answers an AUTH of the broker with this Authentication Data, empty if there is none.
    fn step(&mut self, data: &[u8]) -> Result<AuthResponse, Box<dyn Error + Send + Sync>>;

    /// The broker accepts, with this Authentication Data, empty if there is none: the place to check
    /// that it is the right one. Before, nothing is sent to it and no message of it is handed out.
    fn finish(&mut self, _data: &[u8]) -> Result<(), Box<dyn Error + Send + Sync>> {
        Ok(())
    }
}

/// What an [`Authenticator`] says to the broker. Not shown by `Debug`.
#[derive(Clone, Default)]
#[must_use = "a response does nothing unless it is returned"]
pub struct AuthResponse {
    pub(crate) data: Option<Vec<u8>>,
    pub(crate) valid_for: Option<Duration>,
}

impl AuthResponse {
    /// This Authentication Data. [`AuthResponse::default`] has none.
    pub fn new(data: impl Into<Vec<u8>>) -> AuthResponse {
        AuthResponse { data: Some(data.into()), valid_for: None }
    }

    /// The credential expires after this time: a re-authentication begins when nine tenths of it
    /// have passed, if the connection lives then.
    pub fn valid_for(mut self, time: Duration) -> AuthResponse {
        self.valid_for = Some(time);
        self
    }
}

impl fmt::Debug for AuthResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthResponse").field("valid_for", &self.valid_for).finish_non_exhaustive()
    }
}

/// The authenticator of a client; its own lock is free whenever the driver does not ask it.
#[derive(Clone)]
pub(crate) struct SharedAuthenticator {
    method: Arc<str>,
    authenticator: Arc<Mutex<dyn Authenticator>>,
}

/// What an authenticator is asked for.
#[derive(Debug)]
pub(crate) enum Ask {
    /// To begin a re-authentication.
    Start,
    /// To answer this Authentication Data.
    Step(Vec<u8>),
    /// To check that of the CONNACK that accepted the connection.
    FinishConnect { data: Vec<u8>, session_present: bool },
    /// To check that of the AUTH that accepted a re-authentication.
    FinishReauthenticate(Vec<u8>),
}

impl SharedAuthenticator {
    pub(crate) fn new(authenticator: impl Authenticator) -> SharedAuthenticator {
        let method = authenticator.method().into();
        SharedAuthenticator { method, authenticator: Arc::new(Mutex::new(authenticator)) }
    }

    pub(crate) fn method(&self) -> &str {
        &self.method
    }

    /// Asks it; an error is what it says of itself.
    pub(crate) fn ask(&self, ask: &Ask) -> Result<AuthResponse, String> {
        let mut authenticator = self.authenticator.lock().unwrap_or_else(PoisonError::into_inner);
        let response = match ask {
            Ask::Start => authenticator.start(),
            Ask::Step(data) => authenticator.step(data),
            Ask::FinishConnect { data, .. } | Ask::FinishReauthenticate(data) => {
                authenticator.finish(data).map(|()| AuthResponse::default())
            }
        };
        response.map_err(|error| error.to_string())
    }
}

impl fmt::Debug for SharedAuthenticator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Authenticator").field(&self.method).finish()
    }
}
