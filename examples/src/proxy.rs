//! A TCP proxy that cuts its connections when told to.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// A proxy in front of one address; its threads end with their connections.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    open: Arc<Mutex<Vec<TcpStream>>>,
}

impl Proxy {
    /// Listens on a free loopback port and connects whoever comes with `upstream`.
    pub fn start(upstream: String) -> io::Result<Proxy> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let open = Arc::new(Mutex::new(Vec::new()));
        let all = Arc::clone(&open);
        thread::Builder::new().name("proxy".into()).spawn(move || {
            for client in listener.incoming().flatten() {
                // A broker that cannot be reached is seen by the client as a closed connection.
                connect(client, &upstream, &all).ok();
            }
        })?;
        Ok(Proxy { address, open })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Cuts every connection, wherever it is in a packet.
    pub fn cut(&self) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        for stream in open.drain(..) {
            // One that is closed already needs no cut.
            stream.shutdown(Shutdown::Both).ok();
        }
    }
}

fn connect(client: TcpStream, upstream: &str, all: &Mutex<Vec<TcpStream>>) -> io::Result<()> {
    let broker = TcpStream::connect(upstream)?;
    client.set_nodelay(true)?;
    broker.set_nodelay(true)?;
    let mut open = all.lock().unwrap_or_else(PoisonError::into_inner);
    open.extend([client.try_clone()?, broker.try_clone()?]);
    drop(open);
    let (from_client, to_client) = (client.try_clone()?, client);
    let (from_broker, to_broker) = (broker.try_clone()?, broker);
    thread::Builder::new().spawn(move || pump(from_client, to_broker))?;
    thread::Builder::new().spawn(move || pump(from_broker, to_client))?;
    Ok(())
}

/// Moves bytes one way until either end closes, then closes both.
fn pump(mut from: TcpStream, mut to: TcpStream) {
    let mut buffer = [0; 16 << 10];
    while let Ok(n @ 1..) = from.read(&mut buffer) {
        if buffer.get(..n).is_none_or(|bytes| to.write_all(bytes).is_err()) {
            break;
        }
    }
    // The other pump may have closed them before.
    from.shutdown(Shutdown::Both).ok();
    to.shutdown(Shutdown::Both).ok();
}
