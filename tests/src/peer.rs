//! A scripted broker on a real socket.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use mqtt_proto::{Property, ReasonCode};

use crate::connection::Connection;
use crate::signal::Signal;
use crate::tls::Acceptor;
use crate::trace::Trace;

/// Where a scripted broker listens, and how far its script is.
#[derive(Clone, Debug)]
pub struct Peer {
    address: SocketAddr,
    finished: Signal,
}

impl Peer {
    /// Its address.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("mqtt://{}", self.address)
    }

    /// Its URL for TLS.
    pub fn tls_url(&self) -> String {
        format!("mqtts://{}", self.address)
    }

    /// Raised when its script has ended.
    pub fn finished(&self) -> &Signal {
        &self.finished
    }
}

/// The broker a script plays: it accepts connections one by one.
#[derive(Debug)]
pub struct Broker {
    listener: TcpListener,
    peer: Peer,
    trace: Trace,
}

impl Broker {
    pub(crate) fn bind(trace: Trace) -> Broker {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a loopback port");
        let address = listener.local_addr().expect("the address of a bound socket");
        Broker { listener, peer: Peer { address, finished: Signal::new() }, trace }
    }

    pub(crate) fn peer(&self) -> &Peer {
        &self.peer
    }

    /// Waits for a connection; nothing is read from it yet.
    pub fn accept(&self) -> Connection {
        let _wait = self.trace.wait(&self.peer.address.to_string(), "a connection");
        let (stream, from) = self.listener.accept().expect("a connection");
        Connection::new(stream, from, self.trace.clone())
    }

    /// Waits for a connection and for the end of its TLS handshake; why that failed if it did.
    pub fn accept_tls(&self, acceptor: &Acceptor) -> io::Result<Connection> {
        let _wait = self.trace.wait(&self.peer.address.to_string(), "a connection under TLS");
        let (stream, from) = self.listener.accept().expect("a connection");
        let wire = acceptor.accept(stream);
        if let Err(error) = &wire {
            self.trace.line(format_args!("client:{}: {error}", from.port()));
        }
        Ok(Connection::over(wire?, from, self.trace.clone()))
    }

    /// Waits for a connection under TLS with its CONNECT and accepts it, Session Present as given.
    pub fn open_tls(&self, acceptor: &Acceptor, session_present: bool) -> Connection {
        let mut connection = self.accept_tls(acceptor).expect("a handshake");
        connection.expect_connect();
        connection.connack(session_present, ReasonCode::Success, &[]);
        connection
    }

    /// Waits for a connection with its CONNECT and accepts it, Session Present as given.
    pub fn open(&self, session_present: bool) -> Connection {
        self.open_with(session_present, &[])
    }

    /// As [`Broker::open`], with properties in CONNACK.
    pub fn open_with(&self, session_present: bool, properties: &[Property<'_>]) -> Connection {
        let mut connection = self.accept();
        connection.expect_connect();
        connection.connack(session_present, ReasonCode::Success, properties);
        connection
    }

    /// Waits for a connection with its CONNECT and refuses it.
    pub fn refuse(&self, reason: ReasonCode) {
        let mut connection = self.accept();
        connection.expect_connect();
        connection.connack(false, reason, &[]);
        connection.expect_end();
    }
}
