//! An MQTT client for blocking code: std threads and [mio](https://docs.rs/mio), no async runtime.
//!
//! ```no_run
//! use mqtt_adapter_blocking::{Options, Publish, QoS};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let client = mqtt_adapter_blocking::connect(Options::new("mqtt://localhost")?)?;
//! let messages = client.subscribe("sensors/+/temperature", QoS::AtLeastOnce)?;
//! client.publish(Publish::new("sensors/7/temperature", "21.5").qos(QoS::AtLeastOnce))?;
//! for message in messages.take(1) {
//!     println!("{}: {:?}", message.topic(), message.payload());
//! }
//! client.disconnect()?;
//! # Ok(())
//! # }
//! ```
//!
//! Every client has one thread, which moves the bytes, keeps time and calls callbacks. It is
//! detached: it ends by itself once the client has, be that by [`Client::disconnect`] or because
//! its last handle was dropped. A name is looked up on a thread of its own, which ends when the
//! system has answered. [`start_without_thread`] is for those who own their loop.
#![forbid(unsafe_code)]

mod client;
mod error;
mod io;
mod mover;
mod own_loop;
mod publishing;
mod reactor;
mod readiness;
mod receiving;
mod runtime;

use std::sync::Arc;
use std::thread;

#[doc(inline)]
pub use mqtt_client::exports::for_all::*;

/// Its streams are those of [`Io`]: what this crate takes is of this version.
pub use mio;

pub use client::Client;
pub use error::{InCallback, RecvError};
pub use io::{Io, Stream};
pub use publishing::{Publication, PublishHandle};
pub use readiness::Readiness;
pub use receiving::{CallbackSubscription, Events, Subscription};

use mover::Mover;
use own_loop::OwnLoop;
use reactor::{Reactor, Shared, in_callback};
use runtime::Mio;

/// Connects to a broker: starts the client's thread and waits until the broker has accepted the
/// connection.
///
/// An error means that the client has ended. With
/// [`retry_initial_connect`](Options::retry_initial_connect) this waits, however often it fails,
/// until the client gives up.
pub fn connect(options: Options) -> Result<Client, ConnectError> {
    if in_callback() {
        return Err(ConnectError::InCallback);
    }
    let client = start(options)?;
    client.connected()?;
    Ok(client)
}

/// Starts the client's thread, without waiting for the connection: messages of QoS 1 and 2 and
/// subscriptions are accepted at once and sent when it is up.
///
/// Fails for options that cannot be ([`ConnectError::Options`]), and where the system has no thread or
/// descriptor for it ([`ConnectError::Start`]).
pub fn start(options: Options) -> Result<Client, ConnectError> {
    start_with(options, |mut reactor| {
        thread::Builder::new().name("mqtt".to_owned()).spawn(move || reactor.run())?;
        Ok(Mover::Thread)
    })
}

/// A client without a thread, for those who own their loop: it connects, and works, only while
/// [`Client::turn`] or a call that waits ([`Client::connected`] first of all) is running, and
/// calls callbacks there. Fails as [`start`] does.
pub fn start_without_thread(options: Options) -> Result<Client, ConnectError> {
    start_with(options, |reactor| Ok(Mover::Owner(Arc::new(OwnLoop::new(reactor)))))
}

type Driver = mqtt_client::Driver<Mio>;

fn start_with(
    options: Options,
    start: impl FnOnce(Reactor<Driver>) -> std::io::Result<Mover>,
) -> Result<Client, ConnectError> {
    let failed = |error| ConnectError::Start(Arc::new(error));
    let (poll, shared) = Shared::new().map_err(failed)?;
    let (client, driver) = mqtt_client::client(Mio::new(&shared), options)?;
    let mover = start(Reactor::new(poll, shared, driver)).map_err(failed)?;
    Ok(Client::new(client, mover))
}

#[cfg(test)]
mod tests;
