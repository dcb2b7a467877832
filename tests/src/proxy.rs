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
    broker: SocketAddr,
    ended: AtomicBool,
    /// Both sockets of each connection.
    connections: Mutex<Vec<TcpStream>>,
}

impl Proxy {
    /// Listens on a free loopback port.
    pub fn start(broker: SocketAddr) -> Proxy {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a loopback port");
        let address = listener.local_addr().expect("the address of a bound socket");
        let shared = Arc::new(Shared {
            broker,
            ended: AtomicBool::new(false),
            connections: Mutex::default(),
        });
        let acceptor = thread::spawn({
            let shared = Arc::clone(&shared);
            move || shared.accept(&listener)
        });
        Proxy { address, shared, acceptor: Some(acceptor) }
    }

    /// The URL clients connect to.
    pub fn url(&self) -> String {
        format!("mqtt://{}", self.address)
    }

    /// Cuts the connections there are; later ones are forwarded again.
    pub fn cut(&self) {
        for socket in self.shared.connections().drain(..) {
            // It fails when the other end was faster.
            drop(socket.shutdown(Shutdown::Both));
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::Release);
        // Interrupts the wait for a connection.
        drop(TcpStream::connect(self.address));
        if let Some(acceptor) = self.acceptor.take() {
            drop(acceptor.join());
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
            drop(self.forward(client));
        }
    }

    fn forward(&self, client: TcpStream) -> io::Result<()> {
        let broker = TcpStream::connect(self.broker)?;
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
            if to.write_all(&buffer[..read]).is_err() {
                break;
            }
        }
        // It fails when the connection was cut.
        drop(to.shutdown(Shutdown::Write));
    });
}
