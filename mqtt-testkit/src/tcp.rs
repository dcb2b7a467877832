//! The model broker behind a TCP port.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::ops::ControlFlow;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use mqtt_session::Time;

use crate::Broker;
use crate::accepting::accept_each;
use crate::broker::{ConnectionId, Settings};

/// A model [`Broker`] on a free loopback port, in real time, until it is dropped.
///
/// It is for tests and examples on one machine. It is no production broker: no TLS, two threads for
/// each connection, everything in memory, and what a client does not read without a bound.
///
/// ```
/// use mqtt_testkit::TcpBroker;
/// use mqtt_testkit::broker::{Message, Persistence, Settings};
///
/// # fn main() -> std::io::Result<()> {
/// let broker = TcpBroker::start(Settings::default())?;
/// println!("connect to {}", broker.url());
/// broker.command(|broker, now| broker.publish(now, Message::new("greeting", b"hello")));
/// broker.command(|broker, now| broker.restart(now, Persistence::Kept));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct TcpBroker {
    address: SocketAddr,
    shared: Arc<Shared>,
    /// The acceptor and the clock.
    threads: Vec<JoinHandle<()>>,
}

/// How long a client may take to close its end, or to read, when the connection is to end.
const LINGER: Duration = Duration::from_secs(1);

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// There may be another deadline.
    clock: Condvar,
    start: Instant,
}

#[derive(Debug)]
struct State {
    broker: Broker,
    peers: BTreeMap<ConnectionId, Peer>,
    /// Those of the connections.
    threads: Vec<JoinHandle<()>>,
    ended: bool,
}

/// A connection that has not ended. Its threads are woken for what concerns it alone: of hundreds
/// nearly all would find nothing to do.
#[derive(Debug)]
struct Peer {
    socket: TcpStream,
    /// There may be output or wanted input, or it is to be closed, or has ended.
    changed: Arc<Condvar>,
    /// Its reader waits until input is wanted.
    holds_input: bool,
}

impl TcpBroker {
    /// Starts a broker on a free port. Fails when the system has none, or no thread.
    pub fn start(settings: Settings) -> io::Result<TcpBroker> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let state = State {
            broker: Broker::new(settings),
            peers: BTreeMap::new(),
            threads: Vec::new(),
            ended: false,
        };
        let state = Mutex::new(state);
        let shared = Arc::new(Shared { state, clock: Condvar::new(), start: Instant::now() });
        let mut broker = TcpBroker { address, shared, threads: Vec::new() };
        let shared = Arc::clone(&broker.shared);
        broker.threads.push(spawn("broker accepts", move || shared.accept(&listener))?);
        let shared = Arc::clone(&broker.shared);
        broker.threads.push(spawn("broker clock", move || shared.keep_time())?);
        Ok(broker)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("mqtt://{}", self.address)
    }

    /// Gives the broker, at the time it is, a command, or looks at it.
    pub fn command<R>(&self, command: impl FnOnce(&mut Broker, Time) -> R) -> R {
        let mut state = self.shared.lock();
        let result = command(&mut state.broker, self.shared.now());
        self.shared.tell(&state);
        result
    }
}

impl Drop for TcpBroker {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.ended = true;
        for peer in state.peers.values() {
            // It fails when the client was faster.
            peer.socket.shutdown(Shutdown::Both).ok();
            peer.changed.notify_all();
        }
        drop(state);
        self.shared.clock.notify_all();
        // Interrupts the wait for a connection.
        TcpStream::connect(self.address).ok();
        // The acceptor ends first; then no thread is added any more.
        let own = self.threads.drain(..).collect();
        join(own);
        let connections = std::mem::take(&mut self.shared.lock().threads);
        join(connections);
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes whom a change of the broker concerns.
    fn tell(&self, state: &State) {
        self.clock.notify_all();
        let broker = &state.broker;
        for (&id, peer) in &state.peers {
            let has_input = peer.holds_input && broker.wants_input(id);
            if has_input || broker.has_output(id) || broker.is_closing(id) {
                peer.changed.notify_all();
            }
        }
    }

    fn now(&self) -> Time {
        Time::ZERO.after(self.start.elapsed())
    }

    fn accept(self: Arc<Shared>, listener: &TcpListener) {
        let accept = || listener.accept().map(|(socket, _)| socket);
        accept_each(accept, |socket| {
            if self.lock().ended {
                return ControlFlow::Break(());
            }
            if let Some(socket) = socket {
                // A socket that cannot be used is one that was closed.
                self.serve(socket).ok();
            }
            ControlFlow::Continue(())
        });
    }

    fn serve(self: &Arc<Shared>, socket: TcpStream) -> io::Result<()> {
        socket.set_nodelay(true)?;
        let (input, output) = (socket.try_clone()?, socket.try_clone()?);
        output.set_write_timeout(Some(LINGER))?;
        let mut state = self.lock();
        if state.ended {
            return Ok(());
        }
        let id = state.broker.open(self.now());
        let changed = Arc::new(Condvar::new());
        let peer = Peer { socket, changed: Arc::clone(&changed), holds_input: false };
        state.peers.insert(id, peer);
        state.threads.retain(|thread| !thread.is_finished());
        let (shared, wakes_reader) = (Arc::clone(self), Arc::clone(&changed));
        state.threads.push(spawn("broker reads", move || shared.read(id, input, &wakes_reader))?);
        let shared = Arc::clone(self);
        state.threads.push(spawn("broker writes", move || shared.write(id, output, &changed))?);
        self.tell(&state);
        Ok(())
    }

    /// Reads until the connection ends.
    fn read(&self, id: ConnectionId, mut socket: TcpStream, changed: &Condvar) {
        let mut buffer = [0; 16 << 10];
        while let Ok(read @ 1..) = socket.read(&mut buffer) {
            let mut state = self.lock();
            while !state.broker.wants_input(id) && !state.ended {
                state.hold_input(id, true);
                state = wait(changed, state);
                state.hold_input(id, false);
            }
            state.broker.handle_input(self.now(), id, buffer.get(..read).unwrap_or_default());
            self.tell(&state);
        }
        let mut state = self.lock();
        state.broker.handle_closed(self.now(), id);
        state.peers.remove(&id);
        changed.notify_all();
        self.tell(&state);
    }

    /// Writes until the connection is to end, then ends it.
    fn write(&self, id: ConnectionId, mut socket: TcpStream, changed: &Condvar) {
        let mut bytes = Vec::new();
        while self.wait_for_output(id, changed, &mut bytes) {
            if self.write_all(id, &mut socket, &bytes).is_err() {
                break;
            }
            bytes.clear();
        }
        // Closed at once, a socket with unread input would take what was sent along. So the client
        // may read on and close first.
        socket.shutdown(Shutdown::Write).ok();
        let deadline = Instant::now() + LINGER;
        let mut state = self.lock();
        while state.peers.contains_key(&id) && !state.ended {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            state = wait_for(changed, state, left);
        }
        drop(state);
        socket.shutdown(Shutdown::Both).ok();
    }

    /// Writes however long the client takes, unless the connection is to end meanwhile.
    fn write_all(
        &self,
        id: ConnectionId,
        socket: &mut TcpStream,
        mut bytes: &[u8],
    ) -> io::Result<()> {
        use io::ErrorKind::{Interrupted, TimedOut, WouldBlock};
        while !bytes.is_empty() {
            match socket.write(bytes) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
                Err(error) if error.kind() == Interrupted => {}
                Err(error) if matches!(error.kind(), TimedOut | WouldBlock) => {
                    let state = self.lock();
                    if state.broker.is_closing(id) || state.ended {
                        return Err(error);
                    }
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Waits for something to write; `false` when there will be nothing any more.
    fn wait_for_output(&self, id: ConnectionId, changed: &Condvar, bytes: &mut Vec<u8>) -> bool {
        let mut state = self.lock();
        loop {
            state.broker.poll_transmit(id, bytes);
            if !bytes.is_empty() {
                return true;
            }
            if state.broker.is_closing(id) || state.ended {
                return false;
            }
            state = wait(changed, state);
        }
    }

    /// Tells the broker when its deadlines have come.
    fn keep_time(&self) {
        let mut state = self.lock();
        while !state.ended {
            let now = self.now();
            let deadline = state.broker.poll_timeout();
            state = match deadline {
                Some(deadline) if deadline <= now => {
                    state.broker.handle_timeout(now);
                    self.tell(&state);
                    state
                }
                Some(deadline) => wait_for(&self.clock, state, deadline.since(now)),
                None => wait(&self.clock, state),
            };
        }
    }
}

impl State {
    fn hold_input(&mut self, id: ConnectionId, holds_input: bool) {
        if let Some(peer) = self.peers.get_mut(&id) {
            peer.holds_input = holds_input;
        }
    }
}

fn wait<'a>(changed: &Condvar, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
    changed.wait(state).unwrap_or_else(PoisonError::into_inner)
}

fn wait_for<'a>(
    changed: &Condvar,
    state: MutexGuard<'a, State>,
    time: Duration,
) -> MutexGuard<'a, State> {
    changed.wait_timeout(state, time).unwrap_or_else(PoisonError::into_inner).0
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
    thread::Builder::new().name(name.into()).spawn(work)
}

/// Waits until they have ended. What one of them panicked with was printed then.
fn join(threads: Vec<JoinHandle<()>>) {
    for thread in threads {
        thread.join().ok();
    }
}
