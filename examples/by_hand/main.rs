//! The whole drive loop by hand, without a runtime: the session sends itself a message over TCP.
#![allow(clippy::print_stdout, reason = "what it received is its output")]

use std::env;
use std::net::TcpStream;
use std::time::Duration;

// As it stands in the README.
include!("exchange.rs");

fn main() -> Result<(), Box<dyn Error>> {
    let broker = env::args().nth(1).unwrap_or_else(|| "localhost:1883".to_owned());
    let transport = TcpStream::connect(broker)?;
    transport.set_read_timeout(Some(Duration::from_millis(100)))?;
    println!("received: {}", String::from_utf8_lossy(&exchange(transport)?));
    Ok(())
}

#[cfg(test)]
mod tests;
