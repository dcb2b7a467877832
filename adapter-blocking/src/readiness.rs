//! A client in a loop that waits for other things, too.

#[cfg(unix)]
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::time::Duration;

use crate::reactor::Shared;

/// What one wait of a loop is for, where the client is one thing of several: a descriptor for mio,
/// epoll or `poll`, and a time.
///
/// The descriptor is that of the client's own poller: it is readable when its sockets can be read
/// or written as the client wants, and when another thread made a call. So a loop always waits for
/// it to be readable and never for it to be writable, whatever the client is about to do; and it is
/// the same for as long as the client lives. When it is readable, or the time is over, it is the
/// client's turn:
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
        self.shared.as_fd()
    }
}
