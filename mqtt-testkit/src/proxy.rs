//! A TCP proxy that can cut connections.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

/// Forwards every connection to one broker until it is dropped.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    /// As `host:port`.
    broker: String,
    ended: AtomicBool,
    /// Both sockets of each connection.
    connections: Mutex<Vec<TcpStream>>,
}

impl Proxy {
    /// Listens on a free loopback port, for clients of the broker at `host:port`.
    pub fn start(broker: &impl ToString) -> io::Result<Proxy> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            broker: broker.to_string(),
            ended: AtomicBool::new(false),
            connections: Mutex::default(),
        });
        let acceptor = thread::Builder::new().name("proxy".into()).spawn({
            let shared = Arc::clone(&shared);
            move || shared.accept(&listener)
        })?;
        Ok(Proxy { address, shared, acceptor: Some(acceptor) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL clients connect to.
    pub fn url(&self) -> String {
        format!("mqtt://{}", self.address)
    }

    /// Cuts the connections there are, wherever they are in a packet; later ones are forwarded
    /// again.
    pub fn cut(&self) {
        for socket in self.shared.connections().drain(..) {
            // It fails when the other end was faster.
            socket.shutdown(Shutdown::Both).ok();
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::Release);
        // Interrupts the wait for a connection.
        TcpStream::connect(self.address).ok();
        if let Some(acceptor) = self.acceptor.take() {
            acceptor.join().ok();
        }
        self.cut();
    }
}

impl Shared {
    fn accept(&self, listener: &TcpListener) {
        while let Ok((client, _)) = listener.accept() {
            if self.ended.load(Ordering::Acquire) {
                return;
            }
            // A broker that is down is a connection that ends at once.
            self.forward(client).ok();
        }
    }

    fn forward(&self, client: TcpStream) -> io::Result<()> {
        let broker = TcpStream::connect(&self.broker)?;
        client.set_nodelay(true)?;
        broker.set_nodelay(true)?;
        self.connections().extend([client.try_clone()?, broker.try_clone()?]);
        pump(client.try_clone()?, broker.try_clone()?);
        pump(broker, client);
        Ok(())
    }

    fn connections(&self) -> MutexGuard<'_, Vec<TcpStream>> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Copies one direction until it ends, on a thread of its own.
fn pump(mut from: TcpStream, mut to: TcpStream) {
    thread::spawn(move || {
        let mut buffer = [0; 16 << 10];
        while let Ok(read @ 1..) = from.read(&mut buffer) {
            if buffer.get(..read).is_none_or(|bytes| to.write_all(bytes).is_err()) {
                break;
            }
        }
        // It fails when the connection was cut.
        to.shutdown(Shutdown::Write).ok();
    });
}
