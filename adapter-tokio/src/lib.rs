//! An MQTT 5.0 and 3.1.1 client for [tokio](https://tokio.rs).
//!
//! ```no_run
//! use mqtt_adapter_tokio::{Options, Publish, QoS, connect};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let client = connect(Options::new("mqtt://localhost")?).await?;
//! let mut messages = client.subscribe("sensors/+/temperature", QoS::AtLeastOnce).await?;
//!
//! let publish = Publish::new("sensors/7/temperature", "21.5").qos(QoS::AtLeastOnce);
//! client.publish(publish).await?;
//!
//! if let Some(message) = messages.recv().await {
//!     println!("{}: {} bytes", message.topic(), message.payload().len());
//! }
//! client.disconnect().await;
//! # Ok(())
//! # }
//! ```
//!
//! A client is one task, which [`connect`] starts; it ends with the client. See [`Client`] for
//! what keeps a client alive, and [`Message`] for acknowledgements.
#![forbid(unsafe_code)]

mod io;
mod timer;

use std::net::SocketAddr;
use std::sync::Arc;

use mqtt_client::{Alarm, Clock, Runtime};
use tokio::net::{TcpStream, lookup_host};
use tokio::runtime::Handle;

#[doc(inline)]
pub use mqtt_client::exports::for_async::*;

pub use io::Io;

use timer::TokioSleep;

/// Connects to a broker: starts the client's task on the current tokio runtime and waits until the
/// broker has accepted the connection.
///
/// An error means that the client has ended. With
/// [`retry_initial_connect`](Options::retry_initial_connect) this waits, however often it fails,
/// until the client gives up.
///
/// Cancelling ends the client.
pub async fn connect(options: Options) -> Result<Client, ConnectError> {
    let client = start(options)?;
    client.connected().await?;
    Ok(client)
}

/// Starts the client's task on the current tokio runtime, without waiting for the connection:
/// messages of QoS 1 and 2 and subscriptions are accepted at once and sent when it is up.
///
/// Fails for options that cannot be ([`ConnectError::Options`]), and outside of a runtime
/// ([`ConnectError::Start`]).
pub fn start(options: Options) -> Result<Client, ConnectError> {
    let runtime = Handle::try_current()
        .map_err(|error| ConnectError::Start(Arc::new(std::io::Error::other(error))))?;
    let (client, driver) = mqtt_client::client(Tokio { clock: Clock::start() }, options)?;
    runtime.spawn(driver);
    Ok(client)
}

/// tokio, as the driver sees it.
#[derive(Debug)]
struct Tokio {
    clock: Clock,
}

impl Runtime for Tokio {
    type Transport = Io<TcpStream>;
    type Timer = Alarm<TokioSleep>;

    fn now(&self) -> mqtt_client::Time {
        self.clock.now()
    }

    async fn resolve(&self, host: &str, port: u16) -> std::io::Result<Vec<SocketAddr>> {
        Ok(lookup_host((host, port)).await?.collect())
    }

    async fn dial(&self, address: SocketAddr) -> std::io::Result<Io<TcpStream>> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Io::new(stream))
    }

    fn timer(&self) -> Alarm<TokioSleep> {
        Alarm::new(self.clock, TokioSleep::default())
    }
}

#[cfg(test)]
mod tests;
