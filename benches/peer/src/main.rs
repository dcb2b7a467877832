//! The far end of every measurement: a raw source and sink of MQTT 5 packets.
//!
//! `peer sink|source <messages> <qos>` listens on a free loopback port, prints
//! `listening <port>`, serves one connection and prints its verdict: `ok <messages>`, or
//! `void: <why>` and exit code 1. One thread, blocking calls, only the standard library.
//!
//! It is no broker: it answers CONNECT, SUBSCRIBE and PINGREQ, acknowledges or sends PUBLISH, and
//! takes anything unexpected as a fault of the run.
#![expect(clippy::print_stdout, reason = "its verdict is its output")]

mod connection;
mod payload;
mod sink;
mod source;
#[cfg(test)]
mod tests;
mod wire;

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::process::ExitCode;

use connection::Connection;

/// Why a run does not count.
#[derive(Debug)]
struct Void(String);

impl fmt::Display for Void {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<io::Error> for Void {
    fn from(error: io::Error) -> Self {
        Self(error.to_string())
    }
}

/// What the one connection is for.
struct Task {
    role: Role,
    messages: u64,
    qos: u8,
}

enum Role {
    Sink,
    Source,
}

impl Task {
    fn from_args(mut args: impl Iterator<Item = String>) -> Option<Self> {
        let role = match args.next()?.as_str() {
            "sink" => Role::Sink,
            "source" => Role::Source,
            _ => return None,
        };
        let messages = args.next()?.parse().ok()?;
        let qos = args.next()?.parse().ok().filter(|&qos| qos <= 1)?;
        Some(Self { role, messages, qos })
    }

    fn serve(&self) -> Result<(), Void> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        println!("listening {}", listener.local_addr()?.port());
        let (stream, _) = listener.accept()?;
        drop(listener);
        let mut connection = Connection::new(stream)?;
        let receive_maximum = connection.handshake()?;
        match self.role {
            Role::Sink => sink::run(&mut connection, self.messages, self.qos),
            Role::Source => source::run(&mut connection, self.messages, self.qos, receive_maximum),
        }
    }
}

fn main() -> ExitCode {
    let Some(task) = Task::from_args(std::env::args().skip(1)) else {
        eprintln!("usage: peer sink|source <messages> <qos 0|1>");
        return ExitCode::from(2);
    };
    match task.serve() {
        Ok(()) => {
            println!("ok {}", task.messages);
            ExitCode::SUCCESS
        }
        Err(why) => {
            println!("void: {why}");
            ExitCode::FAILURE
        }
    }
}
