//! The streams of mio as transports.

use std::future;
use std::io::{self, IoSlice, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::sync::Arc;
use std::task::{Context, Poll};

use mio::event::Source;
use mio::net::TcpStream;
#[cfg(unix)]
use mio::net::UnixStream;
use mqtt_client::Transport;

use crate::reactor::{self, Shared};

/// A byte stream that never blocks and whose readiness [`mio`](crate::mio) tells.
pub trait Stream: Source + Read + Write + Send + Unpin + 'static {
    /// Ends the sending half, where there are halves.
    fn end_sending(&mut self) -> io::Result<()>;
}

impl Stream for TcpStream {
    fn end_sending(&mut self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }
}

#[cfg(unix)]
impl Stream for UnixStream {
    fn end_sending(&mut self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }
}

/// A transport over a stream of mio's, for [`Options::transport`](crate::Options::transport).
#[derive(Debug)]
pub struct Io<S> {
    stream: S,
    shared: Arc<Shared>,
    /// The count of readable turns at which the last read would have blocked.
    read_blocked: usize,
    /// The same for writing.
    write_blocked: usize,
}

impl<S: Stream> Io<S> {
    /// A transport over a stream that is connected; to be made where the client dials, since it
    /// stands on that client's poller. Anywhere else this is an error. mio's `TcpStream::connect`
    /// only begins a connection: [`Io::connect`] waits for it.
    ///
    /// ```no_run
    /// # #[cfg(unix)]
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use mqtt_adapter_blocking::mio::net::UnixStream;
    /// use mqtt_adapter_blocking::{Io, Options};
    ///
    /// let dial = |_| async { Io::new(UnixStream::connect("/run/mosquitto.sock")?) };
    /// let options = Options::new("mqtt://broker")?.transport(dial);
    /// # Ok(())
    /// # }
    /// # #[cfg(not(unix))]
    /// # fn main() {}
    /// ```
    pub fn new(mut stream: S) -> io::Result<Io<S>> {
        let shared = reactor::current();
        let shared = shared.ok_or_else(|| io::Error::other("no client dials here"))?;
        shared.register(&mut stream)?;
        Ok(Io { stream, shared, read_blocked: 0, write_blocked: 0 })
    }

    /// Writes, unless that would still block.
    fn poll_out<T>(
        &mut self,
        mut operation: impl FnMut(&mut S) -> io::Result<T>,
    ) -> Poll<io::Result<T>> {
        let Io { stream, shared, write_blocked, .. } = self;
        poll_io(write_blocked, shared.writable(), || operation(stream))
    }
}

impl Io<TcpStream> {
    /// A connection over TCP without Nagle's algorithm, as the client makes it itself; where it
    /// dials, as [`Io::new`].
    ///
    /// ```no_run
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use mqtt_adapter_blocking::{Io, Options};
    ///
    /// let address = "127.0.0.1:1883".parse()?;
    /// let options = Options::new("mqtt://broker")?.transport(move |_| Io::connect(address));
    /// # Ok(())
    /// # }
    /// ```
    pub async fn connect(address: SocketAddr) -> io::Result<Self> {
        let mut io = Io::new(TcpStream::connect(address)?)?;
        io.write_blocked = io.shared.writable();
        future::poll_fn(|_| io.poll_out(|stream| finish_connecting(stream))).await?;
        Ok(io)
    }
}

/// Would block while the connection is only begun.
fn finish_connecting(stream: &TcpStream) -> io::Result<()> {
    if let Some(error) = stream.take_error()? {
        return Err(error);
    }
    match stream.peer_addr() {
        Ok(_) => stream.set_nodelay(true),
        Err(error) if is_connecting(&error) => Err(io::ErrorKind::WouldBlock.into()),
        Err(error) => Err(error),
    }
}

/// Whether the peer's address is not known yet: by one of two errors, as mio's `TcpStream::connect`
/// says. std's kind for EINPROGRESS is unstable.
fn is_connecting(error: &io::Error) -> bool {
    let in_progress = cfg!(unix) && error.raw_os_error() == Some(libc::EINPROGRESS);
    in_progress || error.kind() == io::ErrorKind::NotConnected
}

impl<S: Stream> Transport for Io<S> {
    fn poll_read(&mut self, _: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        let Io { stream, shared, read_blocked, .. } = self;
        poll_io(read_blocked, shared.readable(), || stream.read(buf))
    }

    fn poll_write(&mut self, _: &mut Context<'_>, bufs: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        self.poll_out(|stream| stream.write_vectored(bufs))
    }

    fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_out(Write::flush)
    }

    fn poll_close(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.stream.end_sending())
    }
}

/// An operation that blocked at this count of ready turns is not tried again on the same turn.
fn poll_io<T>(
    blocked: &mut usize,
    ready: usize,
    mut operation: impl FnMut() -> io::Result<T>,
) -> Poll<io::Result<T>> {
    if *blocked == ready {
        return Poll::Pending;
    }
    loop {
        match operation() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                *blocked = ready;
                return Poll::Pending;
            }
            result => return Poll::Ready(result),
        }
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_in_progress_has_not_failed() {
        let of = |code| is_connecting(&io::Error::from_raw_os_error(code));
        assert!(of(libc::EINPROGRESS) && of(libc::ENOTCONN));
        assert!(!of(libc::ECONNREFUSED));
    }
}
