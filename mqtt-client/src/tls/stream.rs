//! TLS between a transport and MQTT.

use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::task::{Context, Poll, ready};

use rustls::{ClientConnection, Error};

use crate::runtime::Transport;

/// One TLS connection over a transport.
///
/// ```text
///            reader          read_tls
///   MQTT ◀── plaintext ◀──┐ ◀──────── transport
///   MQTT ──▶ records ─────┘ ────────▶ transport
///            writer          write_tls
/// ```
///
/// What was decrypted waits in the session until it is read, and is read before the transport is; what
/// was encrypted waits there until the transport takes it, and nothing more is encrypted before.
pub(crate) struct TlsStream<T> {
    transport: T,
    session: ClientConnection,
    /// Nothing behind what was already decrypted can be read.
    failure: Option<Error>,
    closing: Closing,
    /// ALPN was offered: the broker must choose a protocol.
    needs_alpn: bool,
    /// What a read had TLS say is not passed on.
    owes: bool,
    /// The last read took something from the transport.
    arrived: bool,
}

/// Whether `close_notify` was said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Closing {
    No,
    Said,
}

impl<T> TlsStream<T> {
    pub(super) fn new(transport: T, session: ClientConnection, needs_alpn: bool) -> TlsStream<T> {
        let closing = Closing::No;
        TlsStream {
            transport,
            session,
            failure: None,
            closing,
            needs_alpn,
            owes: false,
            arrived: false,
        }
    }
}

impl<T: Transport> TlsStream<T> {
    /// Ready when the handshake is over and all of it was passed on.
    pub(crate) fn poll_handshake(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            if let Some(failure) = &self.failure {
                return Poll::Ready(Err(invalid(failure)));
            }
            if let Err(error) = ready!(self.poll_flush(cx)) {
                return Poll::Ready(Err(self.explain(cx, error)));
            }
            if !self.session.is_handshaking() {
                return Poll::Ready(self.check_alpn());
            }
            if ready!(self.poll_pull(cx))? == 0 && self.failure.is_none() {
                return Poll::Ready(Err(ErrorKind::UnexpectedEof.into()));
            }
        }
    }

    /// A server that knows no ALPN ignores what was offered, and may stand for another service.
    fn check_alpn(&self) -> io::Result<()> {
        if self.needs_alpn && self.session.alpn_protocol().is_none() {
            return Err(invalid(&Error::NoApplicationProtocol));
        }
        Ok(())
    }

    /// Reads what the transport has and decrypts it. Returns how many bytes; 0 at the end.
    fn poll_pull(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        self.answer(cx);
        let read = {
            let TlsStream { transport, session, .. } = self;
            session.read_tls(&mut Io { transport, cx })
        };
        let read = ready!(pending(read))?;
        self.arrived |= read > 0;
        self.failure = self.session.process_new_packets().err();
        self.owes |= self.session.wants_write();
        self.answer(cx);
        Poll::Ready(Ok(read))
    }

    /// Passes an alert or an answer of TLS on. If that fails, so does the next write, which tells.
    fn answer(&mut self, cx: &mut Context<'_>) {
        if self.owes {
            self.owes = self.poll_flush(cx).is_pending();
        }
    }

    /// Whether the last read took something from the transport, be it only part of a record.
    pub(crate) fn has_arrived(&self) -> bool {
        self.arrived
    }

    /// Has the transport take what is encrypted.
    fn poll_push(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let TlsStream { transport, session, .. } = self;
        while session.wants_write() {
            let written = session.write_tls(&mut Io { transport: &mut *transport, cx });
            if ready!(pending(written))? == 0 {
                return Poll::Ready(Err(ErrorKind::WriteZero.into()));
            }
        }
        Poll::Ready(Ok(()))
    }

    /// The peer may have said why it takes no more.
    fn explain(&mut self, cx: &mut Context<'_>, error: io::Error) -> io::Error {
        while self.failure.is_none() && matches!(self.poll_pull(cx), Poll::Ready(Ok(1..))) {}
        self.failure.as_ref().map_or(error, invalid)
    }
}

impl<T: Transport> Transport for TlsStream<T> {
    /// The end without `close_notify` is an error: somebody on the way may have made it.
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        self.arrived = false;
        loop {
            if let Poll::Ready(read) = pending(self.session.reader().read(buf)) {
                return Poll::Ready(read);
            }
            if let Some(failure) = &self.failure {
                let error = invalid(failure);
                self.answer(cx);
                return Poll::Ready(Err(error));
            }
            ready!(self.poll_pull(cx))?;
        }
    }

    fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_push(cx))?;
        let taken = self.session.writer().write_vectored(bufs)?;
        match self.poll_push(cx) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Ready(Ok(())) | Poll::Pending => Poll::Ready(Ok(taken)),
        }
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_push(cx))?;
        self.transport.poll_flush(cx)
    }

    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.closing {
            Closing::No => self.session.send_close_notify(),
            Closing::Said => {}
        }
        self.closing = Closing::Said;
        ready!(self.poll_flush(cx))?;
        self.transport.poll_close(cx)
    }
}

/// A transport as rustls wants it.
struct Io<'a, 'b, T> {
    transport: &'a mut T,
    cx: &'a mut Context<'b>,
}

impl<T: Transport> Read for Io<'_, '_, T> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        blocking(self.transport.poll_read(self.cx, buf))
    }
}

impl<T: Transport> Write for Io<'_, '_, T> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.write_vectored(&[IoSlice::new(buf)])
    }

    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        blocking(self.transport.poll_write(self.cx, bufs))
    }

    /// rustls does not flush.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn blocking<T>(polled: Poll<io::Result<T>>) -> io::Result<T> {
    match polled {
        Poll::Ready(result) => result,
        Poll::Pending => Err(ErrorKind::WouldBlock.into()),
    }
}

fn pending<T>(result: io::Result<T>) -> Poll<io::Result<T>> {
    match result {
        Err(error) if error.kind() == ErrorKind::WouldBlock => Poll::Pending,
        result => Poll::Ready(result),
    }
}

fn invalid(failure: &Error) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, failure.clone())
}

#[cfg(test)]
mod tests;
