//! One face for every adapter: straight-line code that blocks.

mod asynchronous;
mod blocking;

use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use mqtt_adapter_blocking::{
    ClientEvent, ConnectError, ConnectionState, Drained, Message, Options, Publish, PublishError,
    ReasonCode, ReauthenticateError, Stats, SubscribeError, SubscribeOptions, TryRecvError,
    UnsubscribeError,
};

use crate::Signal;

use self::asynchronous::Asynchronous;

pub use self::asynchronous::{Executor, executors, impatiently};
pub use self::blocking::{Blocking, OwnLoop};

/// tokio on its scheduler with one thread: the driver works only while a call runs.
pub type TokioCurrent = Asynchronous<executors::Tokio<0>>;

/// tokio on its scheduler with worker threads.
pub type TokioMulti = Asynchronous<executors::Tokio<2>>;

/// smol on its global executor.
pub type Smol = Asynchronous<executors::Smol>;

/// async-std, with the adapter for smol.
pub type AsyncStd = Asynchronous<executors::AsyncStd>;

/// One adapter on its runtime.
pub trait Adapter: Sized + Send + 'static {
    /// Its client.
    type Client: Client;

    /// Starts the runtime.
    fn start() -> Self;

    /// Connects and waits for CONNACK.
    fn connect(&self, options: Options) -> Result<Self::Client, ConnectError>;

    /// Connects and gives up as [`Client::publish_impatiently`] does.
    fn connect_impatiently(
        &self,
        options: Options,
        patience: u32,
    ) -> Option<Result<Self::Client, ConnectError>>;

    /// Starts a client without waiting for CONNACK.
    fn begin(&self, options: Options) -> Result<Self::Client, ConnectError>;

    /// The same options, with a transport of the application's own: a stream of the runtime, which
    /// is connected to this address.
    fn over(options: Options, address: SocketAddr) -> Options;

    /// Lets the runtime work, without a client, until the signal is raised.
    fn run_until(&self, signal: &Signal);
}

/// A client; each call blocks until the adapter's has ended.
pub trait Client: Clone + Send + 'static {
    /// A stream of messages.
    type Subscription: Subscription;
    /// A subscription with a callback.
    type Callback: Send + 'static;
    /// A publish on its way.
    type Handle: Handle;
    /// What happens to the connection.
    type Events: Events;

    /// Publishes and waits for the outcome.
    fn publish(&self, publish: Publish<'_>) -> Result<ReasonCode, PublishError>;

    /// Publishes and gives up soon: a future after so many polls, a blocking call after so many
    /// milliseconds. `None` when it was given up.
    fn publish_impatiently(
        &self,
        publish: Publish<'_>,
        patience: u32,
    ) -> Option<Result<ReasonCode, PublishError>>;

    /// Waits until the message is accepted.
    fn enqueue(&self, publish: Publish<'_>) -> Result<Self::Handle, PublishError>;

    /// Waits until the message is accepted and gives up as [`Client::publish_impatiently`] does.
    fn enqueue_impatiently(
        &self,
        publish: Publish<'_>,
        patience: u32,
    ) -> Option<Result<Self::Handle, PublishError>>;

    /// Publishes without waiting.
    fn try_publish(&self, publish: Publish<'_>) -> Result<Self::Handle, PublishError>;

    /// Subscribes and waits for SUBACK.
    fn subscribe(&self, options: SubscribeOptions) -> Result<Self::Subscription, SubscribeError>;

    /// Subscribes and gives up as [`Client::publish_impatiently`] does.
    fn subscribe_impatiently(
        &self,
        options: SubscribeOptions,
        patience: u32,
    ) -> Option<Result<Self::Subscription, SubscribeError>>;

    /// Subscribes with a callback.
    fn subscribe_callback(
        &self,
        options: SubscribeOptions,
        callback: impl FnMut(&Message) + Send + 'static,
    ) -> Result<Self::Callback, SubscribeError>;

    /// Ends the subscriptions to a filter.
    fn unsubscribe(&self, filter: &str) -> Result<(), UnsubscribeError>;

    /// Unsubscribes and gives up as [`Client::publish_impatiently`] does.
    fn unsubscribe_impatiently(
        &self,
        filter: &str,
        patience: u32,
    ) -> Option<Result<(), UnsubscribeError>>;

    /// Takes leave.
    fn disconnect(&self);

    /// Takes leave and does not wait for it: a future after one poll, a blocking call on a thread
    /// of its own.
    fn disconnect_unattended(&self);

    /// Takes leave when everything has its outcome.
    fn drain(&self, timeout: Duration) -> Drained;

    /// Takes leave like that and does not wait for it, as [`Client::disconnect_unattended`].
    fn drain_unattended(&self, timeout: Duration);

    /// How it stands with its broker.
    fn state(&self) -> ConnectionState;

    /// Replaces the list of brokers.
    fn set_brokers(&self, urls: &[&str]);

    /// Begins a re-authentication.
    fn reauthenticate(&self) -> Result<(), ReauthenticateError>;

    /// What happens from now on.
    fn events(&self) -> Self::Events;

    /// What happened so far.
    fn stats(&self) -> Stats;

    /// The topic of the oldest unacknowledged message.
    fn oldest_unacknowledged(&self) -> Option<String>;

    /// Lets the runtime work until the signal is raised.
    fn run_until(&self, signal: &Signal);

    /// Lets time pass, in which the client works.
    fn pass(&self, time: Duration) {
        let signal = Signal::new();
        let alarm = signal.clone();
        thread::spawn(move || {
            thread::sleep(time);
            alarm.raise();
        });
        self.run_until(&signal);
    }
}

/// A stream of messages.
pub trait Subscription: Send + 'static {
    /// Waits for a message; `None` at the end.
    fn recv(&mut self) -> Option<Message>;

    /// Waits for a message and gives up as [`Client::publish_impatiently`] does.
    fn recv_impatiently(&mut self, patience: u32) -> Option<Message>;

    /// A message, if one has arrived.
    fn try_recv(&mut self) -> Result<Message, TryRecvError>;

    /// Ends it.
    fn unsubscribe(&self) -> Result<(), UnsubscribeError>;
}

/// A publish on its way.
pub trait Handle: Send + 'static {
    /// Waits for the outcome.
    fn wait(self) -> Result<ReasonCode, PublishError>;

    /// Waits for the outcome and gives up as [`Client::publish_impatiently`] does.
    fn wait_impatiently(&mut self, patience: u32) -> Option<Result<ReasonCode, PublishError>>;
}

/// What happens to the connection.
pub trait Events: Send + 'static {
    /// Waits for the next event; `None` at the end.
    fn next(&mut self) -> Option<ClientEvent>;

    /// Waits for the next event and gives up as [`Client::publish_impatiently`] does.
    fn next_impatiently(&mut self, patience: u32) -> Option<ClientEvent>;
}
