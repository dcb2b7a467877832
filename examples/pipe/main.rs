//! A client and a broker in one process, with a pipe in memory between them: no socket at all.
//!
//! `cargo run --example pipe`
#![allow(clippy::print_stdout, reason = "what it received is its output")]

mod pipe;

use std::error::Error;
use std::future::poll_fn;
use std::thread;
use std::time::Instant;

use mqtt_adapter_blocking::{Options, Publish, QoS, Transport, connect};
use mqtt_session::Time;
use mqtt_testkit::Broker;
use mqtt_testkit::broker::Settings;

use crate::pipe::{End, pipe};

/// Sends itself a message; returns what was received.
fn exchange() -> Result<Vec<u8>, Box<dyn Error>> {
    let options = Options::new("mqtt://in-memory")?.transport(|| async {
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

/// The testkit's broker, which is a value as the session is, at the other end of one pipe.
fn serve(mut end: End) {
    let start = Instant::now();
    let now = || Time::ZERO.after(start.elapsed());
    let mut broker = Broker::new(Settings::default());
    let connection = broker.open(now());
    let (mut buffer, mut out) = ([0; 4096], Vec::new());
    while let Ok(read @ 1..) = smol::block_on(poll_fn(|cx| end.poll_read(cx, &mut buffer))) {
        broker.handle_input(now(), connection, &buffer[..read]);
        broker.poll_transmit(connection, &mut out);
        while !out.is_empty() {
            let bufs = [std::io::IoSlice::new(&out)];
            match smol::block_on(poll_fn(|cx| end.poll_write(cx, &bufs))) {
                Ok(written) => drop(out.drain(..written)),
                Err(_) => return,
            }
        }
    }
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
