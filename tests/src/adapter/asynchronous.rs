//! The adapters for async runtimes, each call run to its end.

mod async_std;
mod smol;
mod tokio;

use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use mqtt_adapter_tokio::{
    CallbackSubscription, ClientEvent, ConnectError, ConnectionState, Drained, Message, Options,
    Publish, PublishError, PublishHandle, ReasonCode, ReauthenticateError, Stats, SubscribeError,
    SubscribeOptions, TryRecvError, UnsubscribeError,
};

use super::{Adapter, Client, Events, Handle, Subscription};
use crate::Signal;

/// The async runtimes.
pub mod executors {
    pub use super::async_std::AsyncStd;
    pub use super::smol::Smol;
    pub use super::tokio::Tokio;
}

/// An async runtime and the adapter for it.
pub trait Executor: Clone + Send + 'static {
    /// Starts it.
    fn start() -> Self;

    /// Runs a future to its end on it.
    fn block_on<F: Future>(&self, future: F) -> F::Output;

    /// Connects and waits for CONNACK.
    fn connect(
        &self,
        options: Options,
    ) -> impl Future<Output = Result<mqtt_adapter_tokio::Client, ConnectError>>;

    /// Starts a client without waiting for CONNACK.
    fn begin(&self, options: Options) -> Result<mqtt_adapter_tokio::Client, ConnectError>;

    /// As [`Adapter::over`].
    fn over(options: Options, address: SocketAddr) -> Options;
}

/// A runtime, and what belongs to it.
#[derive(Clone)]
pub struct Asynchronous<E, T = ()> {
    executor: E,
    inner: T,
}

impl<E: Executor, T> Asynchronous<E, T> {
    fn run<F: Future>(&self, future: F) -> F::Output {
        self.executor.block_on(future)
    }

    fn with<U>(&self, inner: U) -> Asynchronous<E, U> {
        Asynchronous { executor: self.executor.clone(), inner }
    }
}

impl<E: Executor> Adapter for Asynchronous<E> {
    type Client = Asynchronous<E, mqtt_adapter_tokio::Client>;

    fn start() -> Self {
        Asynchronous { executor: E::start(), inner: () }
    }

    fn connect(&self, options: Options) -> Result<Self::Client, ConnectError> {
        Ok(self.with(self.run(self.executor.connect(options))?))
    }

    fn connect_impatiently(
        &self,
        options: Options,
        patience: u32,
    ) -> Option<Result<Self::Client, ConnectError>> {
        let connected = self.run(impatiently(self.executor.connect(options), patience))?;
        Some(connected.map(|client| self.with(client)))
    }

    fn begin(&self, options: Options) -> Result<Self::Client, ConnectError> {
        Ok(self.with(self.executor.begin(options)?))
    }

    fn over(options: Options, address: SocketAddr) -> Options {
        E::over(options, address)
    }

    fn run_until(&self, signal: &Signal) {
        self.run(signal.raised());
    }
}

impl<E: Executor> Client for Asynchronous<E, mqtt_adapter_tokio::Client> {
    type Subscription = Asynchronous<E, mqtt_adapter_tokio::Subscription>;
    type Callback = CallbackSubscription;
    type Handle = Asynchronous<E, PublishHandle>;
    type Events = Asynchronous<E, mqtt_adapter_tokio::Events>;

    fn publish(&self, publish: Publish<'_>) -> Result<ReasonCode, PublishError> {
        self.run(self.inner.publish(publish))
    }

    fn publish_impatiently(
        &self,
        publish: Publish<'_>,
        patience: u32,
    ) -> Option<Result<ReasonCode, PublishError>> {
        self.run(impatiently(self.inner.publish(publish), patience))
    }

    fn enqueue(&self, publish: Publish<'_>) -> Result<Self::Handle, PublishError> {
        let handle = self.run(self.inner.enqueue(publish)).map_err(|refused| refused.error)?;
        Ok(self.with(handle))
    }

    fn enqueue_impatiently(
        &self,
        publish: Publish<'_>,
        patience: u32,
    ) -> Option<Result<Self::Handle, PublishError>> {
        let accepted = self.run(impatiently(self.inner.enqueue(publish), patience))?;
        Some(accepted.map(|handle| self.with(handle)).map_err(|refused| refused.error))
    }

    fn try_publish(&self, publish: Publish<'_>) -> Result<Self::Handle, PublishError> {
        let handle = self.inner.try_publish(publish).map_err(|refused| refused.error)?;
        Ok(self.with(handle))
    }

    fn subscribe(&self, options: SubscribeOptions) -> Result<Self::Subscription, SubscribeError> {
        Ok(self.with(self.run(self.inner.subscribe_with(options))?))
    }

    fn subscribe_impatiently(
        &self,
        options: SubscribeOptions,
        patience: u32,
    ) -> Option<Result<Self::Subscription, SubscribeError>> {
        let subscribed = self.run(impatiently(self.inner.subscribe_with(options), patience))?;
        Some(subscribed.map(|subscription| self.with(subscription)))
    }

    fn subscribe_callback(
        &self,
        options: SubscribeOptions,
        callback: impl FnMut(&Message) + Send + 'static,
    ) -> Result<Self::Callback, SubscribeError> {
        self.run(self.inner.subscribe_callback(options, callback))
    }

    fn unsubscribe(&self, filter: &str) -> Result<(), UnsubscribeError> {
        self.run(self.inner.unsubscribe(filter))
    }

    fn unsubscribe_impatiently(
        &self,
        filter: &str,
        patience: u32,
    ) -> Option<Result<(), UnsubscribeError>> {
        self.run(impatiently(self.inner.unsubscribe(filter), patience))
    }

    fn disconnect(&self) {
        self.run(self.inner.disconnect());
    }

    fn disconnect_unattended(&self) {
        let over = self.run(impatiently(self.inner.disconnect(), 1));
        assert_eq!(over, None, "it takes more than one poll");
    }

    fn drain(&self, timeout: Duration) -> Drained {
        self.run(self.inner.drain(timeout))
    }

    fn drain_unattended(&self, timeout: Duration) {
        let over = self.run(impatiently(self.inner.drain(timeout), 1));
        assert_eq!(over, None, "it takes more than one poll");
    }

    fn state(&self) -> ConnectionState {
        self.inner.state()
    }

    fn set_brokers(&self, urls: &[&str]) {
        self.inner.set_brokers(urls).expect("URLs of brokers");
    }

    fn reauthenticate(&self) -> Result<(), ReauthenticateError> {
        self.inner.reauthenticate()
    }

    fn events(&self) -> Self::Events {
        self.with(self.inner.events())
    }

    fn stats(&self) -> Stats {
        self.inner.stats()
    }

    fn oldest_unacknowledged(&self) -> Option<String> {
        self.inner.oldest_unacknowledged().map(|oldest| oldest.topic)
    }

    fn run_until(&self, signal: &Signal) {
        self.run(signal.raised());
    }
}

impl<E: Executor> Subscription for Asynchronous<E, mqtt_adapter_tokio::Subscription> {
    fn recv(&mut self) -> Option<Message> {
        let Asynchronous { executor, inner } = self;
        executor.block_on(inner.recv())
    }

    fn recv_impatiently(&mut self, patience: u32) -> Option<Message> {
        let Asynchronous { executor, inner } = self;
        executor.block_on(impatiently(inner.recv(), patience)).flatten()
    }

    fn try_recv(&mut self) -> Result<Message, TryRecvError> {
        self.inner.try_recv()
    }

    fn unsubscribe(&self) -> Result<(), UnsubscribeError> {
        self.run(self.inner.unsubscribe())
    }
}

impl<E: Executor> Handle for Asynchronous<E, PublishHandle> {
    fn wait(self) -> Result<ReasonCode, PublishError> {
        self.executor.block_on(self.inner)
    }

    fn wait_impatiently(&mut self, patience: u32) -> Option<Result<ReasonCode, PublishError>> {
        let Asynchronous { executor, inner } = self;
        executor.block_on(impatiently(inner, patience))
    }
}

impl<E: Executor> Events for Asynchronous<E, mqtt_adapter_tokio::Events> {
    fn next(&mut self) -> Option<ClientEvent> {
        let Asynchronous { executor, inner } = self;
        executor.block_on(inner.next())
    }

    fn next_impatiently(&mut self, patience: u32) -> Option<ClientEvent> {
        let Asynchronous { executor, inner } = self;
        executor.block_on(impatiently(inner.next(), patience)).flatten()
    }
}

/// Polls a future so often at most, then drops it.
pub async fn impatiently<F: Future>(future: F, polls: u32) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut left = polls;
    poll_fn(|cx| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        match future.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if left == 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}
