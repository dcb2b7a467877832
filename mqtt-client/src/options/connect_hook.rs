//! A CONNECT that is built afresh for every attempt.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use mqtt_session::proto::Version;

use super::{Broker, Options};
use crate::{ConnectError, OptionsError};

impl Options {
    /// Has `hook` say before every attempt to connect what is different this time: a token that
    /// expires, or a URL that was signed for it. An error fails the attempt
    /// ([`ConnectError::Hook`]), which is made again as others are. Default: none.
    ///
    /// The driver polls the future and holds no lock meanwhile; nothing in it may block, and a call
    /// that waits, inside it, is one inside a callback where the adapter is blocking. It has its
    /// share of [`connect_timeout`](Options::connect_timeout), and is dropped when that is over or
    /// the client ends. With tokio it may use tokio; the blocking adapter polls it where the client
    /// is driven, without a runtime: there it has its answer at once, or waits for a thread of your
    /// own that wakes it. A hook that panics ends the client. One that owns a [`Client`](crate::Client)
    /// keeps it alive for ever.
    ///
    /// ```
    /// use mqtt_client::{ConnectChanges, Options};
    ///
    /// # async fn fetch_token() -> Result<String, std::io::Error> { Ok(String::new()) }
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let options = Options::new("mqtt://device@localhost")?.connect_hook(|_| async {
    ///     let token = fetch_token().await?;
    ///     Ok(ConnectChanges::new().password(token))
    /// });
    /// # Ok(())
    /// # }
    /// ```
    pub fn connect_hook<F>(
        mut self,
        hook: impl Fn(ConnectAttempt) -> F + Send + Sync + 'static,
    ) -> Options
    where
        F: Future<Output = Result<ConnectChanges, Box<dyn Error + Send + Sync>>> + Send + 'static,
    {
        let boxed = move |attempt| -> Answer { Box::pin(hook(attempt)) };
        self.connect.hook = Some(ConnectHook(Arc::new(boxed)));
        self
    }
}

/// An attempt to connect that is about to be made.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ConnectAttempt {
    /// The broker as `host:port`.
    pub broker: String,
    /// The version that CONNECT will speak.
    pub version: Version,
    /// Why the attempt before it failed; `None` if that was accepted, or this is the first.
    pub failure: Option<ConnectError>,
}

/// What is different about one attempt to connect; the rest is as the options say. Not shown by
/// `Debug`, but for the broker.
#[derive(Clone, Default)]
#[must_use = "changes do nothing unless the hook returns them"]
pub struct ConnectChanges {
    pub(crate) broker: Option<Broker>,
    pub(crate) username: Option<String>,
    pub(crate) password: Option<Vec<u8>>,
    pub(crate) user_properties: Vec<(String, String)>,
}

impl ConnectChanges {
    /// None.
    pub fn new() -> ConnectChanges {
        ConnectChanges::default()
    }

    /// User Name.
    pub fn username(mut self, username: impl Into<String>) -> ConnectChanges {
        self.username = Some(username.into());
        self
    }

    /// Password.
    pub fn password(mut self, password: impl Into<Vec<u8>>) -> ConnectChanges {
        self.password = Some(password.into());
        self
    }

    /// One more User Property (5.0), behind those of the options.
    pub fn user_property(
        mut self,
        name: impl Into<String>,
        value: impl Into<String>,
    ) -> ConnectChanges {
        self.user_properties.push((name.into(), value.into()));
        self
    }

    /// Where to connect to in place of the broker whose turn it is, and the credentials if there are
    /// any in it: see [`Options::new`]. It must share sessions with the others, as
    /// [`Options::broker`] says.
    pub fn url(mut self, url: impl AsRef<str>) -> Result<ConnectChanges, OptionsError> {
        let (broker, credentials) = Broker::parse(url.as_ref())?;
        self.broker = Some(broker);
        if let Some((username, password)) = credentials {
            self.username = Some(username);
            self.password = password.or(self.password);
        }
        Ok(self)
    }
}

impl fmt::Debug for ConnectChanges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectChanges").field("broker", &self.broker).finish_non_exhaustive()
    }
}

/// The hook of a client.
#[derive(Clone)]
pub(crate) struct ConnectHook(Arc<dyn Fn(ConnectAttempt) -> Answer + Send + Sync>);

/// What a hook says about one attempt.
type Answer =
    Pin<Box<dyn Future<Output = Result<ConnectChanges, Box<dyn Error + Send + Sync>>> + Send>>;

impl ConnectHook {
    /// Asks it; an error is what it says of itself.
    pub(crate) async fn ask(&self, attempt: ConnectAttempt) -> Result<ConnectChanges, String> {
        (self.0)(attempt).await.map_err(|error| error.to_string())
    }
}

impl fmt::Debug for ConnectHook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectHook").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_not_shown() {
        let changes = ConnectChanges::new().url("mqtt://token:secret@host").unwrap();
        let changes = changes.user_property("name", "signed");
        assert_eq!(changes.username.as_deref(), Some("token"));
        assert_eq!(changes.password.as_deref(), Some(b"secret".as_slice()));
        let shown = format!("{changes:?}");
        assert!(shown.contains("host") && !shown.contains("token"), "{shown}");
        assert!(!shown.contains("secret") && !shown.contains("signed"), "{shown}");
        let renamed = changes.url("mqtt://other@host").unwrap();
        assert_eq!(renamed.password.as_deref(), Some(b"secret".as_slice()), "there is none in it");
        let wrong = ConnectChanges::new().url("mqtt://token:secret@host:0").unwrap_err();
        assert!(!wrong.to_string().contains("secret"), "{wrong}");
    }
}
