//! A byte stream of one's own in place of TCP.

use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;

use super::Options;
use crate::runtime::Transport;

impl Options {
    /// Has every attempt to connect made over a byte stream of your own in place of TCP: a Unix
    /// socket, a serial line, a pipe in memory. `dial` opens one for each attempt. Default: TCP.
    ///
    /// The URLs then only name brokers: no name of theirs is resolved, and `dial` serves all of
    /// them. One that takes TLS takes it over this stream. An error fails the attempt
    /// ([`ConnectError::Dial`](crate::ConnectError::Dial)), which is made again as others are.
    ///
    /// What it opens implements [`Transport`]; for the streams of a runtime its adapter has done so
    /// (`Io`). The driver polls the future and holds no lock meanwhile; nothing in it may block. It
    /// has its share of [`connect_timeout`](Options::connect_timeout), and is dropped when that is
    /// over or the client ends.
    pub fn transport<T, F>(mut self, dial: impl Fn() -> F + Send + Sync + 'static) -> Options
    where
        T: Transport,
        F: Future<Output = io::Result<T>> + Send + 'static,
    {
        let boxed = move || -> Opening {
            let opening = dial();
            Box::pin(async { Ok(Box::new(opening.await?) as Box<dyn Transport>) })
        };
        self.dialer = Some(Dialer(Arc::new(boxed)));
        self
    }
}

/// What opens the byte streams of a client.
#[derive(Clone)]
pub(crate) struct Dialer(Arc<dyn Fn() -> Opening + Send + Sync>);

/// A byte stream being opened.
type Opening = Pin<Box<dyn Future<Output = io::Result<Box<dyn Transport>>> + Send>>;

impl Dialer {
    /// Opens one.
    pub(crate) async fn dial(&self) -> io::Result<Box<dyn Transport>> {
        (self.0)().await
    }
}

impl fmt::Debug for Dialer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dialer").finish_non_exhaustive()
    }
}
