//! A TCP proxy with the faults of a network.

mod pump;
mod shared;

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::num::NonZeroUsize;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::{Chunking, Direction};
use shared::{Admission, Flow, Shared};

/// Forwards every connection to one broker until it is dropped, as well as it is told to.
///
/// All faults hold for all connections, and can be changed at any time. Its threads end when it is
/// dropped; one that dials a broker that does not answer when the system gives up.
///
/// ```
/// use std::io::{Read, Write};
/// use std::net::{TcpListener, TcpStream};
///
/// use mqtt_testkit::{Direction, Proxy};
///
/// // What stands for a broker here.
/// let broker = TcpListener::bind("127.0.0.1:0")?;
/// let proxy = Proxy::start(&broker.local_addr()?)?;
/// proxy.cut_after(Direction::ToServer, 3);
///
/// let mut client = TcpStream::connect(proxy.address())?;
/// client.write_all(b"hello")?;
/// let mut received = String::new();
/// broker.accept()?.0.read_to_string(&mut received)?;
/// assert_eq!(received, "hel");
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

/// Making one.
impl Proxy {
    /// Listens on a free loopback port, for clients of the broker at `host:port`. Random choices come
    /// from the seed 0.
    ///
    /// Fails when the system has no port or no thread. The broker is looked for with each connection,
    /// which ends when there is none, or nothing is called like that.
    pub fn start(broker: &impl ToString) -> io::Result<Proxy> {
        Proxy::start_seeded(broker, 0)
    }

    /// As [`start`](Proxy::start), with random choices from this seed. How the system splits what
    /// is sent is not in its hands.
    pub fn start_seeded(broker: &impl ToString, seed: u64) -> io::Result<Proxy> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::new(broker.to_string(), seed));
        let acceptor = thread::Builder::new().name("proxy".into()).spawn({
            let shared = Arc::clone(&shared);
            move || shared.accept(&listener)
        })?;
        Ok(Proxy { address, shared, acceptor: Some(acceptor) })
    }
}

/// Getters.
impl Proxy {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL clients connect to.
    pub fn url(&self) -> String {
        format!("mqtt://{}", self.address)
    }
}

/// How bytes travel from now on.
impl Proxy {
    /// In what pieces bytes are forwarded, in both directions. The system may join pieces that
    /// follow each other without a delay.
    pub fn set_chunking(&self, chunking: Chunking) {
        self.shared.lock().chunking = chunking;
    }

    /// How long pieces travel: a random time in this range, longer where they would overtake.
    pub fn set_delay(&self, direction: Direction, delay: RangeInclusive<Duration>) {
        *self.shared.lock().delays.of_mut(direction) = delay;
    }
}

/// Faults.
impl Proxy {
    /// Cuts the connections there are, wherever they are in a packet; later ones are forwarded
    /// again.
    pub fn cut(&self) {
        self.shared.cut();
    }

    /// Cuts the connections there are once `bytes` more were forwarded in this direction; for 0
    /// before the next one is. Bytes of all connections count together. Nothing is left of it
    /// once they were cut for another reason.
    pub fn cut_after(&self, direction: Direction, bytes: usize) {
        *self.shared.lock().cut_after.of_mut(direction) = Some(bytes);
    }

    /// Makes every connection half-open, later ones included: nothing is forwarded, not even an end,
    /// and nobody is told.
    pub fn stall(&self) {
        self.shared.set_flow(Flow::Stalled);
    }

    /// Forwards again, first what has come meanwhile.
    pub fn resume(&self) {
        self.shared.set_flow(Flow::Moving);
    }

    /// Ends new connections as soon as they are there; those there are go on.
    pub fn refuse(&self) {
        self.shared.lock().admission = Admission::Refusing;
    }

    /// Ends the next so many connections as soon as they are there, and takes those after them.
    pub fn refuse_next(&self, count: NonZeroUsize) {
        self.shared.lock().admission = Admission::RefusingNext(count);
    }

    /// Takes new connections again.
    pub fn admit(&self) {
        self.shared.lock().admission = Admission::Open;
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.lock().admission = Admission::Ended;
        // Interrupts the wait for a connection.
        TcpStream::connect(self.address).ok();
        if let Some(acceptor) = self.acceptor.take() {
            acceptor.join().ok();
        }
        self.shared.cut();
        self.shared.join();
    }
}
