//! A client in a loop that waits for other things, too.

#[cfg(unix)]
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::time::Duration;

use crate::reactor::Shared;

/// What one wait of a loop is for, where the client is one thing of several: a descriptor for mio,
/// epoll or `poll`, and a time.
///
/// The descriptor is that of the client's own poller, which is readable when there is something to
/// do: a socket of the client can be read, or can be written where a write blocked before, or another
/// thread made a call. So what loops ask a single socket has one answer here: the client wants to
/// read, always, and never to write, since its poller has the sockets wait for both. That is also why
/// the descriptor is the same as long as the client lives, through every connection, race of
/// addresses and reconnect, and need be registered only once. When it is readable, or the time is
/// over, it is the client's turn:
///
/// ```no_run
/// use std::os::fd::BorrowedFd;
/// use std::time::Duration;
///
/// use mqtt_adapter_blocking::{Options, start_without_thread};
/// use std::os::fd::AsFd;
///
/// /// The wait of the loop, by whatever means.
/// fn wait_until_readable(client: BorrowedFd<'_>, timeout: Option<Duration>) { /* … */ }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let client = start_without_thread(Options::new("mqtt://localhost")?)?;
/// loop {
///     let readiness = client.readiness()?;
///     wait_until_readable(readiness.as_fd(), readiness.timeout());
///     if !client.turn(Duration::ZERO)? {
///         break;
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Readiness {
    shared: Arc<Shared>,
    timeout: Option<Duration>,
}

impl Readiness {
    pub(crate) fn new(shared: Arc<Shared>, timeout: Option<Duration>) -> Readiness {
        Readiness { shared, timeout }
    }

    /// How long the wait may take; `None` when nothing is due.
    pub fn timeout(&self) -> Option<Duration> {
        self.timeout
    }
}

#[cfg(unix)]
impl AsFd for Readiness {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.shared.registry.as_fd()
    }
}
