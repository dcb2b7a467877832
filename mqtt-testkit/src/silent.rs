//! An address that does not answer.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

/// An address on loopback that does not answer: whoever dials it is neither accepted nor refused.
#[derive(Debug)]
pub struct Silent {
    address: SocketAddr,
    /// Its queue is full, and nobody accepts.
    _listener: TcpListener,
    _queued: Vec<TcpStream>,
}

/// An answer on loopback does not take as long.
const ANSWERED: Duration = Duration::from_millis(200);

impl Silent {
    /// Takes a free port. Fails when the system has none, or refuses what fills its queue.
    pub fn start() -> io::Result<Silent> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        rustix::net::listen(&listener, 0)?;
        let address = listener.local_addr()?;
        let mut queued = Vec::new();
        loop {
            match TcpStream::connect_timeout(&address, ANSWERED) {
                Ok(stream) => queued.push(stream),
                Err(error) if error.kind() == io::ErrorKind::TimedOut => break,
                Err(error) => return Err(error),
            }
        }
        Ok(Silent { address, _listener: listener, _queued: queued })
    }

    /// The address.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}
