//! An MQTT 5.0 and 3.1.1 client for [smol](https://docs.rs/smol), and for async-std, whose reactor
//! is the same.
//!
//! ```no_run
//! use mqtt_adapter_smol::{Options, Publish, QoS, connect};
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
//! A client is one task, which [`connect`] starts on smol's global executor; it ends with the
//! client. [`client`](client()) leaves the task to you: for an executor of your own, or async-std's.
//! See [`Client`] for what keeps a client alive, and [`Message`] for acknowledgements.
#![forbid(unsafe_code)]

mod io;
mod timer;

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use mqtt_client::{Alarm, Clock, Runtime};
use smol::net::{TcpStream, resolve};

#[doc(inline)]
pub use mqtt_client::exports::for_async::*;

pub use io::Io;

use timer::SmolSleep;

/// Connects to a broker: starts the client's task on smol's global executor and waits until the
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

/// Starts the client's task on smol's global executor, without waiting for the connection:
/// messages of QoS 1 and 2 and subscriptions are accepted at once and sent when it is up.
///
/// Fails for options that cannot be ([`ConnectError::Options`]).
pub fn start(options: Options) -> Result<Client, ConnectError> {
    let (client, driver) = client(options)?;
    smol::spawn(driver).detach();
    Ok(client)
}

/// A client and its task, to be started on an executor of your choice. Until it is, nothing
/// happens; then it connects, which [`Client::connected`] waits for.
///
/// Fails for options that cannot be ([`ConnectError::Options`]).
///
/// ```no_run
/// use mqtt_adapter_smol::{Options, client};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let (client, driver) = client(Options::new("mqtt://localhost")?)?;
/// async_std::task::spawn(driver);
/// client.connected().await?;
/// # Ok(())
/// # }
/// ```
pub fn client(options: Options) -> Result<(Client, Driver), ConnectError> {
    let (client, driver) = mqtt_client::client(Smol { clock: Clock::start() }, options)?;
    Ok((client, Driver { driver }))
}

/// The task of a client. It is over when the client has ended: disconnected, given up, or without
/// handles. Dropped before, it ends the client, and so does a callback that panics in it.
#[derive(Debug)]
#[must_use = "a client without its task does nothing"]
pub struct Driver {
    driver: mqtt_client::Driver<Smol>,
}

impl Future for Driver {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.driver).poll(cx)
    }
}

/// smol's reactor, as the driver sees it.
#[derive(Debug)]
struct Smol {
    clock: Clock,
}

impl Runtime for Smol {
    type Transport = Io<TcpStream>;
    type Timer = Alarm<SmolSleep>;

    fn now(&self) -> mqtt_client::Time {
        self.clock.now()
    }

    async fn resolve(&self, host: &str, port: u16) -> std::io::Result<Vec<SocketAddr>> {
        resolve((host, port)).await
    }

    async fn dial(&self, address: SocketAddr) -> std::io::Result<Io<TcpStream>> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Io::new(stream))
    }

    fn timer(&self) -> Alarm<SmolSleep> {
        Alarm::new(self.clock, SmolSleep::default())
    }
}

#[cfg(test)]
mod tests;
