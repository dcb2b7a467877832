//! A byte stream of one's own in place of TCP.

use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;

use super::{Broker, Options};
use crate::runtime::Transport;

/// Where an attempt to connect goes, for [`Options::transport`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Target {
    /// The host of the broker's URL, an IPv6 address without brackets.
    pub host: String,
    /// The port of the URL, or the one registered for its scheme.
    pub port: u16,
}

impl Options {
    /// Has every attempt to connect made over a byte stream of your own in place of TCP: a Unix
    /// socket, a serial line, a pipe in memory. `dial` opens one for each attempt. Default: TCP.
    ///
    /// It is told which broker is meant: one of the list, the one the connect hook named, or the one a
    /// redirect leads to. No name is resolved. The URLs are as ever: `mqtt://` takes the stream as
    /// it is, `mqtts://` takes TLS over it. An error fails the attempt
    /// ([`ConnectError::Dial`](crate::ConnectError::Dial)), which is made again as others are.
    ///
    /// What it opens implements [`Transport`]; for the streams of a runtime its adapter has done so
    /// (`Io`). The driver polls the future and holds no lock meanwhile; nothing in it may block. It
    /// has its share of [`connect_timeout`](Options::connect_timeout), and is dropped when that is
    /// over or the client ends.
    pub fn transport<T, F>(mut self, dial: impl Fn(Target) -> F + Send + Sync + 'static) -> Options
    where
        T: Transport,
        F: Future<Output = io::Result<T>> + Send + 'static,
    {
        let boxed = move |target| -> Opening {
            let opening = dial(target);
            Box::pin(async { Ok(Box::new(opening.await?) as Box<dyn Transport>) })
        };
        self.dialer = Some(Dialer(Arc::new(boxed)));
        self
    }
}

/// What opens the byte streams of a client.
#[derive(Clone)]
pub(crate) struct Dialer(Arc<dyn Fn(Target) -> Opening + Send + Sync>);

/// A byte stream being opened.
pub(crate) type Opening = Pin<Box<dyn Future<Output = io::Result<Box<dyn Transport>>> + Send>>;

impl Dialer {
    /// Opens one to this broker.
    pub(crate) fn dial(&self, broker: &Broker) -> Opening {
        (self.0)(Target { host: broker.host.clone(), port: broker.port })
    }
}

impl fmt::Debug for Dialer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dialer").finish_non_exhaustive()
    }
}
