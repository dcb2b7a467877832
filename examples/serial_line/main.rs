//! The client over a serial line with a broker, or a gateway to one, at its other end.
//!
//! `stty -F /dev/ttyUSB0 115200 raw && cargo run --example serial_line -- /dev/ttyUSB0`
#![allow(clippy::print_stdout, reason = "what it received is its output")]

mod line;

use std::env;
use std::error::Error;
use std::fs::File;

use mqtt_adapter_blocking::{Options, Publish, QoS, connect};

use crate::line::Line;

/// Sends itself a message; returns what was received.
fn exchange(line: Line) -> Result<Vec<u8>, Box<dyn Error>> {
    let options = Options::new("mqtt://gateway")?.transport(move |_| {
        let attempt = line.open();
        async { Ok(attempt) }
    });
    let client = connect(options)?;
    let mut messages = client.subscribe("hello", QoS::AtLeastOnce)?;
    client.publish(Publish::new("hello", "over a line").qos(QoS::AtLeastOnce))?;
    let message = messages.recv()?;
    client.disconnect()?;
    Ok(message.payload().to_vec())
}

fn main() -> Result<(), Box<dyn Error>> {
    let device = env::args().nth(1).ok_or("name a device, such as /dev/ttyUSB0")?;
    let output = File::options().read(true).write(true).open(device)?;
    let line = Line::new(output.try_clone()?, output)?;
    println!("received: {}", String::from_utf8_lossy(&exchange(line)?));
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;

    use mqtt_testkit::TcpBroker;
    use mqtt_testkit::broker::Settings;

    use super::*;

    #[test]
    fn a_message_comes_round() {
        let broker = TcpBroker::start(Settings::default()).unwrap();
        let stream = TcpStream::connect(broker.address()).unwrap();
        let line = Line::new(stream.try_clone().unwrap(), stream).unwrap();
        assert_eq!(exchange(line).unwrap(), b"over a line");
    }
}
