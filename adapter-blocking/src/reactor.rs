//! The readiness loop: mio tells when the driver can go on.
//!
//! Whatever becomes ready (a socket, the timer, a wake) polls the whole driver, which has only a
//! handful of things to look at. So no source keeps a waker: one that is not ready returns
//! `Pending` and is asked again on the next turn.

use std::cell::RefCell;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use mio::event::{Event, Source};
use mio::{Events, Interest, Registry, Token};
use mqtt_client::{Clock, LONGEST_SLEEP, Time};

/// The driver of one client and the poller it stands on.
#[derive(Debug)]
pub(crate) struct Reactor<D> {
    driver: Pin<Box<D>>,
    poll: mio::Poll,
    events: Events,
    pub(crate) shared: Arc<Shared>,
    waker: Waker,
}

/// What came of a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turned {
    /// Nothing was ready or due.
    Idle,
    /// There was something to do, and there may be more later.
    Worked,
    /// The driver has ended.
    Ended,
}

impl<D: Future<Output = ()>> Reactor<D> {
    /// A driver of what `poll` and `shared` were made for.
    pub(crate) fn new(poll: mio::Poll, shared: Arc<Shared>, driver: D) -> Reactor<D> {
        let (driver, waker) = (Box::pin(driver), Waker::from(Arc::clone(&shared)));
        Reactor { driver, poll, events: Events::with_capacity(EVENTS), shared, waker }
    }

    /// Waits until something is ready, `timeout` at most, then polls the driver once. It is not to be
    /// turned again once it has ended.
    pub(crate) fn turn(&mut self, timeout: Option<Duration>) -> io::Result<Turned> {
        let timeout = self.shared.park().into_iter().chain(timeout).min();
        let polled = self.poll.poll(&mut self.events, timeout);
        let due = self.shared.unpark();
        if let Err(error) = polled
            && error.kind() != io::ErrorKind::Interrupted
        {
            return Err(error);
        }
        self.events.iter().for_each(|event| self.shared.note(event));
        let _driving = Driving::enter(&self.shared);
        match self.driver.as_mut().poll(&mut Context::from_waker(&self.waker)) {
            Poll::Ready(()) => Ok(Turned::Ended),
            Poll::Pending if due || !self.events.is_empty() => Ok(Turned::Worked),
            Poll::Pending => Ok(Turned::Idle),
        }
    }

    /// Turns until the driver has ended.
    pub(crate) fn run(&mut self) {
        while matches!(self.turn(None), Ok(Turned::Idle | Turned::Worked)) {}
    }
}

/// What sockets, timer and wakers know of the poller.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) registry: Registry,
    interrupt: mio::Waker,
    /// `RUNNING`, `PARKED` or `WOKEN`.
    state: AtomicU8,
    /// Counts the turns on which some socket became readable.
    readable: AtomicUsize,
    /// Counts the turns on which some socket became writable.
    writable: AtomicUsize,
    pub(crate) clock: Clock,
    /// When the driver wants to be polled at the latest, in microseconds by `clock`.
    deadline: AtomicU64,
}

/// The driver is polled, or is about to be.
const RUNNING: u8 = 0;
/// The poller waits and must be interrupted by a wake.
const PARKED: u8 = 1;
/// The next turn does not wait. Of many wakes only the first interrupts the poller.
const WOKEN: u8 = 2;

const NEVER: u64 = u64::MAX;
const INTERRUPT: Token = Token(0);
const SOCKET: Token = Token(1);
/// One socket and the interrupt; more only while addresses race.
const EVENTS: usize = 16;

impl Shared {
    /// A poller, and what is known of it.
    pub(crate) fn new() -> io::Result<(mio::Poll, Arc<Shared>)> {
        let poll = mio::Poll::new()?;
        let shared = Shared {
            registry: poll.registry().try_clone()?,
            interrupt: mio::Waker::new(poll.registry(), INTERRUPT)?,
            state: AtomicU8::new(WOKEN),
            readable: AtomicUsize::new(1),
            writable: AtomicUsize::new(1),
            clock: Clock::start(),
            deadline: AtomicU64::new(NEVER),
        };
        Ok((poll, Arc::new(shared)))
    }

    /// Has the driver polled once at this time, instead of the one asked for before.
    pub(crate) fn set_deadline(&self, at: Time) {
        self.deadline.store(at.as_micros(), Ordering::Relaxed);
    }

    pub(crate) fn register(&self, socket: &mut impl Source) -> io::Result<()> {
        self.registry.register(socket, SOCKET, Interest::READABLE | Interest::WRITABLE)
    }

    /// A count of the turns with a readable socket: one found blocked at this count still is.
    pub(crate) fn readable(&self) -> usize {
        self.readable.load(Ordering::Relaxed)
    }

    /// The same for writing.
    pub(crate) fn writable(&self) -> usize {
        self.writable.load(Ordering::Relaxed)
    }

    /// From here on a wake makes the poller's descriptor readable. How long the poller may wait: not
    /// at all when a wake came first.
    pub(crate) fn park(&self) -> Option<Duration> {
        let woken = self.state.fetch_max(PARKED, Ordering::AcqRel) == WOKEN;
        if woken { Some(Duration::ZERO) } else { self.left() }
    }

    /// Makes the poller's descriptor readable. It fails only where the poller is beyond use; the turn
    /// then fails too.
    pub(crate) fn interrupt(&self) {
        drop(self.interrupt.wake());
    }

    /// The time until the deadline. The poller's own may stand still while the machine is suspended.
    fn left(&self) -> Option<Duration> {
        match self.deadline.load(Ordering::Relaxed) {
            NEVER => None,
            at => Some(Time::from_micros(at).since(self.clock.now()).min(LONGEST_SLEEP)),
        }
    }

    /// From here on a wake is for the next turn. Whether this one has a wake or the deadline behind
    /// it.
    fn unpark(&self) -> bool {
        let late = self.left() == Some(Duration::ZERO);
        if late {
            self.deadline.store(NEVER, Ordering::Relaxed);
        }
        self.state.swap(RUNNING, Ordering::AcqRel) == WOKEN || late
    }

    fn note(&self, event: &Event) {
        if event.token() != SOCKET {
            return;
        }
        if event.is_readable() || event.is_read_closed() || event.is_error() {
            self.readable.fetch_add(1, Ordering::Relaxed);
        }
        if event.is_writable() || event.is_write_closed() || event.is_error() {
            self.writable.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Wake for Shared {
    fn wake(self: Arc<Self>) {
        if self.state.swap(WOKEN, Ordering::AcqRel) == PARKED {
            self.interrupt();
        }
    }
}

thread_local! {
    /// What the driver stands on that this thread is inside of.
    static DRIVING: RefCell<Option<Arc<Shared>>> = const { RefCell::new(None) };
}

/// Whether this thread is inside the driver, that is in a callback of the application.
pub(crate) fn in_callback() -> bool {
    DRIVING.with_borrow(Option::is_some)
}

/// What the driver stands on that this thread is inside of, as where it dials.
pub(crate) fn current() -> Option<Arc<Shared>> {
    DRIVING.with_borrow(Clone::clone)
}

/// Marks the thread as being inside the driver while it lives.
struct Driving;

impl Driving {
    fn enter(shared: &Arc<Shared>) -> Driving {
        DRIVING.set(Some(Arc::clone(shared)));
        Driving
    }
}

impl Drop for Driving {
    fn drop(&mut self) {
        DRIVING.set(None);
    }
}

#[cfg(test)]
mod tests;
