//! The streams of futures-io as transports.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use mqtt_client::Transport;
use smol::io::{AsyncRead, AsyncWrite};

/// A transport over what smol and async-std read and write (the traits of futures-io), for
/// [`Options::transport`](crate::Options::transport).
#[derive(Debug)]
pub struct Io<S> {
    stream: S,
}

impl<S: AsyncRead + AsyncWrite + Send + Unpin + 'static> Io<S> {
    /// A transport over a stream that is connected.
    pub fn new(stream: S) -> Io<S> {
        Io { stream }
    }
}

impl<S: AsyncRead + AsyncWrite + Send + Unpin + 'static> Transport for Io<S> {
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }

    fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let stream = Pin::new(&mut self.stream);
        match bufs {
            [buf] => stream.poll_write(cx, buf),
            bufs => stream.poll_write_vectored(cx, bufs),
        }
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_close(cx)
    }
}
