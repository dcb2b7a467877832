//! A client and a broker in one process, with a pipe in memory between them: no socket at all.
//!
//! `cargo run --example pipe`
#![allow(clippy::print_stdout, reason = "what it received is its output")]

mod broker;
mod pipe;

use std::error::Error;
use std::thread;

use mqtt_adapter_blocking::{Options, Publish, QoS, connect};

use crate::broker::serve;
use crate::pipe::pipe;

/// Sends itself a message; returns what was received.
fn exchange() -> Result<Vec<u8>, Box<dyn Error>> {
    let options = Options::new("mqtt://in-memory")?.transport(|_| async {
        let (here, there) = pipe();
        thread::Builder::new().name("broker".to_owned()).spawn(|| serve(there))?;
        Ok(here)
    });
    let client = connect(options)?;
    let mut messages = client.subscribe("hello", QoS::ExactlyOnce)?;
    client.publish(Publish::new("hello", "through a pipe").qos(QoS::ExactlyOnce))?;
    let message = messages.recv()?;
    client.disconnect()?;
    Ok(message.payload().to_vec())
}

fn main() -> Result<(), Box<dyn Error>> {
    println!("received: {}", String::from_utf8_lossy(&exchange()?));
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_message_comes_round() {
        assert_eq!(super::exchange().unwrap(), b"through a pipe");
    }
}
