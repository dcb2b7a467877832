//! A runtime whose connections may be the application's own.

use std::future::Future;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};

use mqtt_session::Time;

use crate::options::{Broker, Dialer};
use crate::runtime::{Runtime, Transport};

/// The clock and timers of a runtime, and its connections unless the application has a dialer.
pub(crate) struct Over<R> {
    runtime: Arc<R>,
    dialer: Option<Dialer>,
}

impl<R: Runtime> Over<R> {
    pub(crate) fn new(runtime: Arc<R>, dialer: Option<Dialer>) -> Over<R> {
        Over { runtime, dialer }
    }

    pub(crate) fn now(&self) -> Time {
        self.runtime.now()
    }

    pub(crate) fn timer(&self) -> R::Timer {
        self.runtime.timer()
    }

    /// Has the application's dialer, if there is one, open a connection to this broker.
    pub(crate) fn open(
        &self,
        broker: &Broker,
    ) -> Option<impl Future<Output = io::Result<Dialled<R::Transport>>> + use<R>> {
        let opening = self.dialer.as_ref()?.dial(broker);
        Some(async { Ok(Dialled::Own(opening.await?)) })
    }

    pub(crate) async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        self.runtime.resolve(host, port).await
    }

    pub(crate) async fn dial(&self, address: SocketAddr) -> io::Result<Dialled<R::Transport>> {
        self.runtime.dial(address).await.map(Dialled::Runtime)
    }
}

/// A connection, and whose it is.
pub(crate) enum Dialled<T> {
    Runtime(T),
    Own(Box<dyn Transport>),
}

impl<T: Transport> Transport for Dialled<T> {
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        match self {
            Dialled::Runtime(transport) => transport.poll_read(cx, buf),
            Dialled::Own(transport) => transport.poll_read(cx, buf),
        }
    }

    fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self {
            Dialled::Runtime(transport) => transport.poll_write(cx, bufs),
            Dialled::Own(transport) => transport.poll_write(cx, bufs),
        }
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Dialled::Runtime(transport) => transport.poll_flush(cx),
            Dialled::Own(transport) => transport.poll_flush(cx),
        }
    }

    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Dialled::Runtime(transport) => transport.poll_close(cx),
            Dialled::Own(transport) => transport.poll_close(cx),
        }
    }
}
