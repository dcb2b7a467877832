//! What an adapter implements: one runtime's clock, sockets and timers.

use std::future::Future;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::task::{Context, Poll};
use std::time::Duration;

use mqtt_session::Time;

/// One runtime, as the [`Driver`](crate::Driver) sees it.
///
/// Starting the driver is the adapter's business alone: it takes what [`client`](crate::client())
/// returns, runs the driver to its end (a task, a thread) and hands out the
/// [`Client`](crate::Client).
pub trait Runtime: Send + Sync + 'static {
    /// A byte stream to a broker.
    type Transport: Transport;
    /// The one timer of a driver.
    type Timer: Timer;

    /// The time now: never goes back, and goes on while the machine is suspended where the
    /// platform has such a clock.
    fn now(&self) -> Time;

    /// The addresses of a host, in the order of preference; they are raced (RFC 8305). `host` may
    /// be an address itself, without brackets. An empty list is an error of the attempt.
    fn resolve(
        &self,
        host: &str,
        port: u16,
    ) -> impl Future<Output = io::Result<Vec<SocketAddr>>> + Send;

    /// Opens a connection to one address; those to several may be on their way at once. Dropping
    /// the future gives the attempt up.
    fn dial(&self, address: SocketAddr)
    -> impl Future<Output = io::Result<Self::Transport>> + Send;

    /// A timer that is not armed.
    fn timer(&self) -> Self::Timer;
}

/// A byte stream to a broker. Dropping it closes it at once.
///
/// `Pending` means that the waker of `cx` is woken when the same call is worth making again; an
/// error other than that ends the connection.
pub trait Transport: Send + Unpin + 'static {
    /// Reads into the start of `buf`, which is not empty, and returns how many bytes; 0 when the
    /// peer ended its sending half.
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>>;

    /// Writes from `bufs`, which hold at least one byte, and returns how many bytes were taken; 0
    /// ends the connection as broken.
    fn poll_write(&mut self, cx: &mut Context<'_>, bufs: &[IoSlice<'_>])
    -> Poll<io::Result<usize>>;

    /// Passes on what a layer in between (TLS, WebSocket) still holds: what was taken counts as
    /// written once this is ready.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Ends the sending half; reading goes on until the peer ends its own.
    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;
}

/// The one timer of a driver.
pub trait Timer: Send + Unpin + 'static {
    /// Ready once the time is `at` or later; else the waker of `cx` is woken then.
    ///
    /// Called with the same `at` again and again, and now and then with another one, which
    /// replaces it: compare with the clock first, and touch the runtime's timer only when `at`
    /// or the waker changed.
    ///
    /// A runtime whose sleeping stands still while the machine is suspended sleeps no longer than
    /// [`LONGEST_SLEEP`] at a time and compares with the clock again.
    fn poll_deadline(&mut self, cx: &mut Context<'_>, at: Time) -> Poll<()>;
}

/// How long a [`Timer`] may sleep without a look at the clock: so long after a suspend a deadline
/// that passed meanwhile is found. Half of the time a broker has for its answer to PINGREQ; a
/// wake-up each time costs an idle machine next to nothing.
pub const LONGEST_SLEEP: Duration = Duration::from_secs(5);
