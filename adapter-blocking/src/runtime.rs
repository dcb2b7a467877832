//! The runtime mqtt-client runs on: mio's sockets, one deadline, a thread per name lookup.

use std::future;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::mpsc::{self, Receiver, TryRecvError};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Wake};
use std::thread;

use mio::net::TcpStream;
use mqtt_client::{Clock, Runtime, Time, Timer};

use crate::io::Io;
use crate::reactor::Shared;

/// Sockets and time of one [`Reactor`](crate::reactor::Reactor).
///
/// A message may be kept for ever and keeps this; so this keeps no descriptor.
#[derive(Clone)]
pub(crate) struct Mio {
    clock: Clock,
    shared: Weak<Shared>,
}

impl Mio {
    pub(crate) fn new(shared: &Arc<Shared>) -> Mio {
        Mio { clock: shared.clock, shared: Arc::downgrade(shared) }
    }
}

impl Runtime for Mio {
    type Transport = Io<TcpStream>;
    type Timer = Mio;

    fn now(&self) -> Time {
        self.clock.now()
    }

    async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        if let Ok(address) = host.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(address, port)]);
        }
        let lookup = look_up(host.to_owned(), port, Weak::clone(&self.shared))?;
        future::poll_fn(move |_| match lookup.try_recv() {
            Ok(addresses) => Poll::Ready(addresses),
            Err(TryRecvError::Empty) => Poll::Pending,
            Err(TryRecvError::Disconnected) => {
                Poll::Ready(Err(io::Error::other("the lookup of the name panicked")))
            }
        })
        .await
    }

    async fn dial(&self, address: SocketAddr) -> io::Result<Io<TcpStream>> {
        Io::connect(address).await
    }

    fn timer(&self) -> Mio {
        self.clone()
    }
}

/// The one timer of the driver bounds how long the poller waits.
impl Timer for Mio {
    fn poll_deadline(&mut self, _: &mut Context<'_>, at: Time) -> Poll<()> {
        if at <= self.clock.now() {
            return Poll::Ready(());
        }
        if let Some(shared) = self.shared.upgrade() {
            shared.set_deadline(at);
        }
        Poll::Pending
    }
}

type Addresses = io::Result<Vec<SocketAddr>>;

/// Looks a name up on a thread of its own, since the system can only do it blocking. The thread
/// ends when the system has answered, and keeps nothing of the client alive until then.
fn look_up(host: String, port: u16, shared: Weak<Shared>) -> io::Result<Receiver<Addresses>> {
    let (sender, receiver) = mpsc::sync_channel(1);
    let run = move || {
        let addresses = (host.as_str(), port).to_socket_addrs().map(Iterator::collect);
        // Nobody listens any more when the attempt was given up.
        drop(sender.send(addresses));
        if let Some(shared) = shared.upgrade() {
            shared.wake();
        }
    };
    thread::Builder::new().name("mqtt-lookup".to_owned()).spawn(run)?;
    Ok(receiver)
}
