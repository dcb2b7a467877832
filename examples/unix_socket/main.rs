//! The client over a Unix socket, as mosquitto has with `listener 0 /run/mosquitto.sock`.
//!
//! `cargo run --example unix_socket -- /run/mosquitto.sock`
#![cfg(unix)]
#![allow(clippy::print_stdout, reason = "what it received is its output")]

use std::env;
use std::error::Error;
use std::path::PathBuf;

use mqtt_adapter_tokio::{ConnectError, Io, Options, Publish, QoS, connect};
use tokio::net::UnixStream;

/// Sends itself a message; returns what was received.
async fn exchange(path: PathBuf) -> Result<Vec<u8>, Box<dyn Error>> {
    // The URL names the broker in messages; nothing resolves it.
    let options = Options::new("mqtt://mosquitto")?.transport(move |_| {
        let path = path.clone();
        async { Ok(Io::new(UnixStream::connect(path).await?)) }
    });
    let client = connect(options).await?;
    let mut messages = client.subscribe("hello", QoS::AtLeastOnce).await?;
    client.publish(Publish::new("hello", "over a Unix socket").qos(QoS::AtLeastOnce)).await?;
    let message = messages.recv().await.ok_or(ConnectError::Ended)?;
    client.disconnect().await;
    Ok(message.payload().to_vec())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let path = env::args().nth(1).unwrap_or_else(|| "/run/mosquitto.sock".to_owned());
    println!("received: {}", String::from_utf8_lossy(&exchange(path.into()).await?));
    Ok(())
}

#[cfg(test)]
mod tests;
