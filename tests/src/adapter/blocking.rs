//! The adapter for blocking code, with a thread and without.

use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mqtt_adapter_blocking::{
    CallbackSubscription, ClientEvent, ConnectError, ConnectionState, Drained, Io, Message,
    Options, Publication, Publish, PublishError, PublishHandle, ReasonCode, ReauthenticateError,
    Stats, SubscribeError, SubscribeOptions, TryRecvError, UnsubscribeError,
};

use super::{Adapter, Client, Events, Handle, Subscription};
use crate::Signal;

/// With a thread for the client.
pub struct Blocking;

/// Without: waiting calls turn the client's loop.
pub struct OwnLoop;

impl Adapter for Blocking {
    type Client = mqtt_adapter_blocking::Client;

    fn start() -> Blocking {
        Blocking
    }

    fn connect(&self, options: Options) -> Result<Self::Client, ConnectError> {
        mqtt_adapter_blocking::connect(options)
    }

    fn connect_impatiently(
        &self,
        options: Options,
        patience: u32,
    ) -> Option<Result<Self::Client, ConnectError>> {
        connected(self.begin(options), patience)
    }

    fn begin(&self, options: Options) -> Result<Self::Client, ConnectError> {
        mqtt_adapter_blocking::start(options)
    }

    fn over(options: Options, address: SocketAddr) -> Options {
        over(options, address)
    }

    fn run_until(&self, signal: &Signal) {
        signal.wait();
    }
}

impl Adapter for OwnLoop {
    type Client = mqtt_adapter_blocking::Client;

    fn start() -> OwnLoop {
        OwnLoop
    }

    fn connect(&self, options: Options) -> Result<Self::Client, ConnectError> {
        let client = self.begin(options)?;
        client.connected()?;
        Ok(client)
    }

    fn connect_impatiently(
        &self,
        options: Options,
        patience: u32,
    ) -> Option<Result<Self::Client, ConnectError>> {
        connected(self.begin(options), patience)
    }

    fn begin(&self, options: Options) -> Result<Self::Client, ConnectError> {
        mqtt_adapter_blocking::start_without_thread(options)
    }

    fn over(options: Options, address: SocketAddr) -> Options {
        over(options, address)
    }

    fn run_until(&self, signal: &Signal) {
        signal.wait();
    }
}

impl Client for mqtt_adapter_blocking::Client {
    type Subscription = mqtt_adapter_blocking::Subscription;
    type Callback = CallbackSubscription;
    type Handle = PublishHandle;
    type Events = mqtt_adapter_blocking::Events;

    fn publish(&self, publish: Publish<'_>) -> Result<ReasonCode, PublishError> {
        self.publish(publish)
    }

    fn publish_impatiently(
        &self,
        publish: Publish<'_>,
        patience: u32,
    ) -> Option<Result<ReasonCode, PublishError>> {
        match self.publish_timeout(publish, milliseconds(patience)) {
            Ok(Publication::Done(reason)) => Some(Ok(reason)),
            Ok(Publication::Pending(_)) | Err(PublishError::TimedOut) => None,
            Err(error) => Some(Err(error)),
        }
    }

    fn enqueue(&self, publish: Publish<'_>) -> Result<Self::Handle, PublishError> {
        self.enqueue(publish).map_err(|refused| refused.error)
    }

    fn enqueue_impatiently(
        &self,
        publish: Publish<'_>,
        patience: u32,
    ) -> Option<Result<Self::Handle, PublishError>> {
        match self.enqueue_timeout(publish, milliseconds(patience)) {
            Err(refused) if refused.error == PublishError::TimedOut => None,
            accepted => Some(accepted.map_err(|refused| refused.error)),
        }
    }

    fn try_publish(&self, publish: Publish<'_>) -> Result<Self::Handle, PublishError> {
        self.try_publish(publish).map_err(|refused| refused.error)
    }

    fn subscribe(&self, options: SubscribeOptions) -> Result<Self::Subscription, SubscribeError> {
        self.subscribe_with(options)
    }

    fn subscribe_impatiently(
        &self,
        options: SubscribeOptions,
        patience: u32,
    ) -> Option<Result<Self::Subscription, SubscribeError>> {
        match self.subscribe_timeout(options, milliseconds(patience)) {
            Err(SubscribeError::TimedOut) => None,
            subscribed => Some(subscribed),
        }
    }

    fn subscribe_callback(
        &self,
        options: SubscribeOptions,
        callback: impl FnMut(&Message) + Send + 'static,
    ) -> Result<Self::Callback, SubscribeError> {
        self.subscribe_callback(options, callback)
    }

    fn unsubscribe(&self, filter: &str) -> Result<(), UnsubscribeError> {
        self.unsubscribe(filter)
    }

    fn unsubscribe_impatiently(
        &self,
        filter: &str,
        patience: u32,
    ) -> Option<Result<(), UnsubscribeError>> {
        match self.unsubscribe_timeout(filter, milliseconds(patience)) {
            Err(UnsubscribeError::TimedOut) => None,
            unsubscribed => Some(unsubscribed),
        }
    }

    fn disconnect(&self) {
        self.disconnect().expect("not in a callback");
    }

    fn disconnect_unattended(&self) {
        let client = self.clone();
        thread::spawn(move || client.disconnect());
    }

    fn drain(&self, timeout: Duration) -> Drained {
        self.drain(timeout).expect("not in a callback")
    }

    fn drain_unattended(&self, timeout: Duration) {
        let client = self.clone();
        thread::spawn(move || client.drain(timeout));
    }

    fn state(&self) -> ConnectionState {
        self.state()
    }

    fn set_brokers(&self, urls: &[&str]) {
        self.set_brokers(urls).expect("URLs of brokers");
    }

    fn reauthenticate(&self) -> Result<(), ReauthenticateError> {
        self.reauthenticate()
    }

    fn events(&self) -> Self::Events {
        self.events()
    }

    fn stats(&self) -> Stats {
        self.stats()
    }

    fn oldest_unacknowledged(&self) -> Option<String> {
        self.oldest_unacknowledged().map(|oldest| oldest.topic)
    }

    fn run_until(&self, signal: &Signal) {
        // Without a thread the client works only while it is turned; the signal does not end a
        // turn, so that is kept short. With one this is an error, and there is only to wait.
        while !signal.is_raised() {
            if self.turn(Duration::from_millis(5)).is_err() {
                signal.wait();
            }
        }
    }
}

impl Subscription for mqtt_adapter_blocking::Subscription {
    fn recv(&mut self) -> Option<Message> {
        self.next()
    }

    fn recv_impatiently(&mut self, patience: u32) -> Option<Message> {
        self.recv_timeout(milliseconds(patience)).ok()
    }

    fn try_recv(&mut self) -> Result<Message, TryRecvError> {
        self.try_recv()
    }

    fn unsubscribe(&self) -> Result<(), UnsubscribeError> {
        self.unsubscribe()
    }
}

impl Handle for PublishHandle {
    fn wait(self) -> Result<ReasonCode, PublishError> {
        self.wait()
    }

    fn wait_impatiently(&mut self, patience: u32) -> Option<Result<ReasonCode, PublishError>> {
        self.wait_timeout(milliseconds(patience))
    }
}

impl Events for mqtt_adapter_blocking::Events {
    fn next(&mut self) -> Option<ClientEvent> {
        Iterator::next(self)
    }

    fn next_impatiently(&mut self, patience: u32) -> Option<ClientEvent> {
        self.next_timeout(milliseconds(patience)).ok()
    }
}

/// Connecting has no timeout of its own: the client is dropped when it is not up by then.
fn connected(
    client: Result<mqtt_adapter_blocking::Client, ConnectError>,
    patience: u32,
) -> Option<Result<mqtt_adapter_blocking::Client, ConnectError>> {
    let client = match client {
        Ok(client) => client,
        Err(error) => return Some(Err(error)),
    };
    let deadline = Instant::now() + milliseconds(patience);
    while client.state() == ConnectionState::Connecting {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return None;
        }
        // With a thread there is nothing to turn.
        if client.turn(left).is_err() {
            thread::yield_now();
        }
    }
    Some(Ok(client))
}

fn over(options: Options, address: SocketAddr) -> Options {
    options.transport(move |_| async move {
        let stream = std::net::TcpStream::connect(address)?;
        stream.set_nonblocking(true)?;
        Io::new(TcpStream::from_std(stream))
    })
}

fn milliseconds(patience: u32) -> Duration {
    Duration::from_millis(patience.into())
}
