//! The bytes of a connection: those of the transport, or what TLS makes of them.

use std::io::{self, IoSlice};
use std::task::{Context, Poll};

use crate::TlsFailure;
use crate::runtime::Transport;
#[cfg(feature = "tls")]
use crate::tls::{TlsStream, failure_of};

/// A transport as MQTT sees it.
pub(crate) enum Stream<T> {
    /// Itself.
    Plain(T),
    /// Under TLS.
    #[cfg(feature = "tls")]
    Tls(Box<TlsStream<T>>),
}

impl<T: Transport> Stream<T> {
    /// Ready when application data may flow.
    pub(crate) fn poll_handshake(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match (self, cx) {
            (Stream::Plain(_), _) => Poll::Ready(Ok(())),
            #[cfg(feature = "tls")]
            (Stream::Tls(stream), cx) => stream.poll_handshake(cx),
        }
    }

    /// Whether the last read took something from the transport, though it may have given nothing.
    pub(crate) fn has_arrived(&self) -> bool {
        match self {
            // What arrives is given.
            Stream::Plain(_) => false,
            #[cfg(feature = "tls")]
            Stream::Tls(stream) => stream.has_arrived(),
        }
    }

    /// What an error of this stream says about TLS.
    pub(crate) fn tls_failure(&self, error: &io::Error) -> Option<TlsFailure> {
        match (self, error) {
            (Stream::Plain(_), _) => None,
            #[cfg(feature = "tls")]
            (Stream::Tls(_), error) => Some(failure_of(error)),
        }
    }
}

impl<T: Transport> Transport for Stream<T> {
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        match self {
            Stream::Plain(transport) => transport.poll_read(cx, buf),
            #[cfg(feature = "tls")]
            Stream::Tls(stream) => stream.poll_read(cx, buf),
        }
    }

    fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self {
            Stream::Plain(transport) => transport.poll_write(cx, bufs),
            #[cfg(feature = "tls")]
            Stream::Tls(stream) => stream.poll_write(cx, bufs),
        }
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Stream::Plain(transport) => transport.poll_flush(cx),
            #[cfg(feature = "tls")]
            Stream::Tls(stream) => stream.poll_flush(cx),
        }
    }

    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Stream::Plain(transport) => transport.poll_close(cx),
            #[cfg(feature = "tls")]
            Stream::Tls(stream) => stream.poll_close(cx),
        }
    }
}
