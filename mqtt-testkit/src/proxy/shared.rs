//! What the threads of a proxy share.

use std::io;
use std::mem;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::num::NonZeroUsize;
use std::ops::RangeInclusive;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use mqtt_session::Time;

use super::pump::Pump;
use crate::direction::Each;
use crate::link::Lane;
use crate::random::Random;
use crate::{Chunking, Direction};

#[derive(Debug)]
pub(super) struct Shared {
    /// As `host:port`.
    broker: String,
    start: Instant,
    state: Mutex<State>,
    /// Something may go on: it flows again, or was cut.
    changed: Condvar,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) admission: Admission,
    flow: Flow,
    pub(super) chunking: Chunking,
    pub(super) delays: Each<RangeInclusive<Duration>>,
    /// So many bytes are forwarded before a cut.
    pub(super) cut_after: Each<Option<usize>>,
    /// How often connections were cut: one that was made before the last cut is over.
    cuts: u64,
    random: Random,
    connections: Vec<Connection>,
}

/// What becomes of new connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admission {
    Open,
    /// The next so many end at once.
    RefusingNext(NonZeroUsize),
    Refusing,
    /// The proxy was dropped.
    Ended,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flow {
    Moving,
    Stalled,
}

/// How much of a piece is forwarded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Allowed {
    All,
    /// So many bytes, then everything is cut.
    ThenCut(usize),
}

#[derive(Debug)]
struct Connection {
    client: Arc<TcpStream>,
    broker: Arc<TcpStream>,
    pumps: [JoinHandle<()>; 2],
}

impl Shared {
    pub(super) fn new(broker: String, seed: u64) -> Shared {
        let no_delay = || Duration::ZERO..=Duration::ZERO;
        let state = State {
            admission: Admission::Open,
            flow: Flow::Moving,
            chunking: Chunking::AsSent,
            delays: Each { to_server: no_delay(), to_client: no_delay() },
            cut_after: Each::default(),
            cuts: 0,
            random: Random::new(seed),
            connections: Vec::new(),
        };
        let (start, state) = (Instant::now(), Mutex::new(state));
        Shared { broker, start, state, changed: Condvar::new() }
    }

    pub(super) fn now(&self) -> Time {
        Time::ZERO.after(self.start.elapsed())
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn accept(self: &Arc<Shared>, listener: &TcpListener) {
        while let Ok((client, _)) = listener.accept() {
            let (admission, cuts) = self.lock().admit();
            match admission {
                // A broker that is down is a connection that ends at once.
                Admission::Open => drop(self.forward(client, cuts)),
                Admission::RefusingNext(_) | Admission::Refusing => {}
                Admission::Ended => return,
            }
        }
    }

    /// Forwards a connection that was accepted after so many cuts.
    fn forward(self: &Arc<Shared>, client: TcpStream, cuts: u64) -> io::Result<()> {
        let broker = TcpStream::connect(&self.broker)?;
        client.set_nodelay(true)?;
        broker.set_nodelay(true)?;
        let (client, broker) = (Arc::new(client), Arc::new(broker));
        let mut state = self.lock();
        state.connections.retain(|connection| !connection.is_over());
        if state.cuts != cuts {
            return Ok(());
        }
        let pumps = [
            self.pump(&mut state, Direction::ToServer, &client, &broker),
            self.pump(&mut state, Direction::ToClient, &broker, &client),
        ];
        state.connections.push(Connection { client, broker, pumps });
        Ok(())
    }

    fn pump(
        self: &Arc<Shared>,
        state: &mut State,
        direction: Direction,
        from: &Arc<TcpStream>,
        to: &Arc<TcpStream>,
    ) -> JoinHandle<()> {
        let (from, to) = (Arc::clone(from), Arc::clone(to));
        let lane = Lane::new(Random::new(state.random.next()));
        Pump::new(Arc::clone(self), direction, state.cuts, lane, from, to).start()
    }

    pub(super) fn set_flow(&self, flow: Flow) {
        self.lock().flow = flow;
        self.changed.notify_all();
    }

    pub(super) fn cut(&self) {
        let mut state = self.lock();
        state.cuts += 1;
        // What was to be cut is.
        state.cut_after = Each::default();
        for connection in &state.connections {
            // It fails when the other end was faster.
            connection.client.shutdown(Shutdown::Both).ok();
            connection.broker.shutdown(Shutdown::Both).ok();
        }
        self.changed.notify_all();
    }

    /// Waits for the ends of all connections, which were cut.
    pub(super) fn join(&self) {
        let connections = mem::take(&mut self.lock().connections);
        for pump in connections.into_iter().flat_map(|connection| connection.pumps) {
            pump.join().ok();
        }
    }

    /// Waits until bytes flow; `None` when what was made after so many cuts is over.
    pub(super) fn flowing(&self, cuts: u64) -> Option<MutexGuard<'_, State>> {
        let is_stalled = |state: &mut State| state.cuts == cuts && state.flow == Flow::Stalled;
        let state = self.changed.wait_while(self.lock(), is_stalled);
        Some(state.unwrap_or_else(PoisonError::into_inner)).filter(|state| state.cuts == cuts)
    }

    /// Waits until this time; `None` as soon as what was made after so many cuts is over.
    pub(super) fn sleep_until(&self, time: Time, cuts: u64) -> Option<()> {
        let duration = time.since(self.now());
        let goes_on = |state: &mut State| state.cuts == cuts;
        let waited = self.changed.wait_timeout_while(self.lock(), duration, goes_on);
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        (state.cuts == cuts).then_some(())
    }
}

impl State {
    /// What becomes of the connection that is there, and how often others were cut before.
    fn admit(&mut self) -> (Admission, u64) {
        let admission = self.admission;
        if let Admission::RefusingNext(count) = admission {
            let left = NonZeroUsize::new(count.get() - 1);
            self.admission = left.map_or(Admission::Open, Admission::RefusingNext);
        }
        (admission, self.cuts)
    }

    /// Takes note that `len` bytes are about to be forwarded.
    pub(super) fn allow(&mut self, direction: Direction, len: usize) -> Allowed {
        let left = self.cut_after.of_mut(direction);
        match *left {
            Some(bytes) if bytes <= len => {
                *left = None;
                Allowed::ThenCut(bytes)
            }
            Some(bytes) => {
                *left = Some(bytes - len);
                Allowed::All
            }
            None => Allowed::All,
        }
    }
}

impl Connection {
    fn is_over(&self) -> bool {
        self.pumps.iter().all(JoinHandle::is_finished)
    }
}
