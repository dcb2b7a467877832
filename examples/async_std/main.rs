//! The client on async-std: the adapter for smol, whose reactor is the same, and a task of
//! async-std's.
//!
//! `cargo run --example async_std -- mqtt://host:port`
#![allow(clippy::print_stdout, reason = "what it received is its output")]

use std::env;
use std::error::Error;

use async_std::task;
use mqtt_adapter_smol::{ConnectError, Options, Publish, QoS, client};

/// Sends itself a message; returns what was received.
async fn exchange(url: &str) -> Result<Vec<u8>, Box<dyn Error>> {
    let (client, driver) = client(Options::new(url)?)?;
    task::spawn(driver);
    client.connected().await?;

    let mut messages = client.subscribe("hello", QoS::AtLeastOnce).await?;
    client.publish(Publish::new("hello", "async-std").qos(QoS::AtLeastOnce)).await?;
    let message = messages.recv().await.ok_or(ConnectError::Ended)?;

    client.disconnect().await;
    Ok(message.payload().to_vec())
}

fn main() -> Result<(), Box<dyn Error>> {
    let url = env::args().nth(1).unwrap_or_else(|| "mqtt://localhost:1883".to_owned());
    println!("received: {}", String::from_utf8_lossy(&task::block_on(exchange(&url))?));
    Ok(())
}

#[cfg(test)]
mod tests {
    use mqtt_testkit::TcpBroker;
    use mqtt_testkit::broker::Settings;

    use super::*;

    #[test]
    fn a_message_comes_round() {
        let broker = TcpBroker::start(Settings::default()).unwrap();
        assert_eq!(task::block_on(exchange(&broker.url())).unwrap(), b"async-std");
    }
}
