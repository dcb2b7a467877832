//! What the threads of a proxy share.

use std::net::{Shutdown, TcpListener, TcpStream};
use std::num::NonZeroUsize;
use std::ops::{ControlFlow, RangeInclusive};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use std::{io, mem};

use mqtt_session::Time;

use super::pump::Pump;
use crate::accepting::accept_each;
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
    /// Those whose connections are there, or are being made.
    clients: Vec<Weak<TcpStream>>,
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
            clients: Vec::new(),
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
        let accept = || listener.accept().map(|(client, _)| client);
        accept_each(accept, |client| {
            if self.lock().admission == Admission::Ended {
                return ControlFlow::Break(());
            }
            if let Some(client) = client {
                self.take(client);
            }
            ControlFlow::Continue(())
        });
    }

    /// Does with a connection what is to be done with it now.
    fn take(self: &Arc<Shared>, client: TcpStream) {
        let mut state = self.lock();
        match state.admit() {
            Admission::Open => {}
            Admission::RefusingNext(_) | Admission::Refusing | Admission::Ended => return,
        }
        let client = Arc::new(client);
        state.clients.retain(|client| client.strong_count() > 0);
        state.clients.push(Arc::downgrade(&client));
        let (cuts, lanes) = (state.cuts, state.lanes());
        drop(state);
        let shared = Arc::clone(self);
        // A broker that is down, or a thread that cannot be, is a connection that ends at once.
        let dial = move || shared.forward(&client, cuts, lanes).ok();
        thread::Builder::new().name("proxy dials".into()).spawn(dial).ok();
    }

    /// Forwards a connection that was accepted after so many cuts.
    fn forward(
        self: &Arc<Shared>,
        client: &Arc<TcpStream>,
        cuts: u64,
        lanes: Each<Lane>,
    ) -> io::Result<()> {
        let broker = Arc::new(TcpStream::connect(&self.broker)?);
        client.set_nodelay(true)?;
        broker.set_nodelay(true)?;
        let mut state = self.lock();
        state.connections.retain(|connection| !connection.is_over());
        if state.cuts != cuts {
            return Ok(());
        }
        let pump = |direction, lane, from: &Arc<TcpStream>, to: &Arc<TcpStream>| {
            let (from, to) = (Arc::clone(from), Arc::clone(to));
            Pump::new(Arc::clone(self), direction, cuts, lane, from, to).start()
        };
        let pumps = [
            pump(Direction::ToServer, lanes.to_server, client, &broker),
            pump(Direction::ToClient, lanes.to_client, &broker, client),
        ];
        state.connections.push(Connection { broker, pumps });
        Ok(())
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
        let clients: Vec<_> = state.clients.drain(..).filter_map(|it| it.upgrade()).collect();
        let brokers = state.connections.iter().map(|connection| &connection.broker);
        for socket in clients.iter().chain(brokers) {
            // It fails when the other end was faster.
            socket.shutdown(Shutdown::Both).ok();
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
    /// What becomes of the connection that is there.
    fn admit(&mut self) -> Admission {
        let admission = self.admission;
        if let Admission::RefusingNext(count) = admission {
            let left = NonZeroUsize::new(count.get() - 1);
            self.admission = left.map_or(Admission::Open, Admission::RefusingNext);
        }
        admission
    }

    /// The two directions of a new connection.
    fn lanes(&mut self) -> Each<Lane> {
        let mut lane = || Lane::new(Random::new(self.random.next()));
        Each { to_server: lane(), to_client: lane() }
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
