//! The adapter for tokio, on both of its schedulers.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use mqtt_adapter_tokio::{
    CallbackSubscription, ClientEvent, ConnectError, Drained, Message, Options, Publish,
    PublishError, PublishHandle, ReasonCode, ReauthenticateError, Stats, SubscribeError,
    SubscribeOptions, TryRecvError, UnsubscribeError,
};
use tokio::runtime::{Builder, Runtime};

use super::{Adapter, Client, Events, Handle, Subscription};
use crate::Signal;

/// On the scheduler with one thread: the driver works only while a call runs.
pub type TokioCurrent = Tokio<0>;

/// On the scheduler with worker threads.
pub type TokioMulti = Tokio<2>;

/// A runtime with so many worker threads, and what belongs to it: calls run to their end in it.
#[derive(Clone)]
pub struct Tokio<const WORKERS: usize, T = ()> {
    runtime: Arc<Runtime>,
    inner: T,
}

impl<const WORKERS: usize, T> Tokio<WORKERS, T> {
    fn run<F: Future>(&self, future: F) -> F::Output {
        self.runtime.block_on(future)
    }

    fn with<U>(&self, inner: U) -> Tokio<WORKERS, U> {
        Tokio { runtime: Arc::clone(&self.runtime), inner }
    }
}

impl<const WORKERS: usize> Tokio<WORKERS> {
    /// Shuts the runtime down under its clients.
    ///
    /// # Panics
    /// While there are clients: they hold the runtime.
    pub fn shut_down(self) {
        drop(self.runtime);
    }
}

impl<const WORKERS: usize> Adapter for Tokio<WORKERS> {
    type Client = Tokio<WORKERS, mqtt_adapter_tokio::Client>;

    fn start() -> Self {
        let mut builder = match WORKERS {
            0 => Builder::new_current_thread(),
            _ => Builder::new_multi_thread(),
        };
        let runtime = builder.worker_threads(WORKERS.max(1)).enable_all().build();
        Tokio { runtime: Arc::new(runtime.expect("a runtime")), inner: () }
    }

    fn connect(&self, options: Options) -> Result<Self::Client, ConnectError> {
        Ok(self.with(self.run(mqtt_adapter_tokio::connect(options))?))
    }

    fn run_until(&self, signal: &Signal) {
        self.run(signal.raised());
    }
}

impl<const WORKERS: usize> Client for Tokio<WORKERS, mqtt_adapter_tokio::Client> {
    type Subscription = Tokio<WORKERS, mqtt_adapter_tokio::Subscription>;
    type Callback = CallbackSubscription;
    type Handle = Tokio<WORKERS, PublishHandle>;
    type Events = Tokio<WORKERS, mqtt_adapter_tokio::Events>;

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

    fn drain(&self, timeout: Duration) -> Drained {
        self.run(self.inner.drain(timeout))
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

impl<const WORKERS: usize> Subscription for Tokio<WORKERS, mqtt_adapter_tokio::Subscription> {
    fn recv(&mut self) -> Option<Message> {
        let Tokio { runtime, inner } = self;
        runtime.block_on(inner.recv())
    }

    fn recv_impatiently(&mut self, patience: u32) -> Option<Message> {
        let Tokio { runtime, inner } = self;
        runtime.block_on(impatiently(inner.recv(), patience)).flatten()
    }

    fn try_recv(&mut self) -> Result<Message, TryRecvError> {
        self.inner.try_recv()
    }

    fn unsubscribe(&self) -> Result<(), UnsubscribeError> {
        self.run(self.inner.unsubscribe())
    }
}

impl<const WORKERS: usize> Handle for Tokio<WORKERS, PublishHandle> {
    fn wait(self) -> Result<ReasonCode, PublishError> {
        self.runtime.block_on(self.inner)
    }
}

impl<const WORKERS: usize> Events for Tokio<WORKERS, mqtt_adapter_tokio::Events> {
    fn next(&mut self) -> Option<ClientEvent> {
        let Tokio { runtime, inner } = self;
        runtime.block_on(inner.next())
    }
}

/// Polls a future so often at most, then drops it.
async fn impatiently<F: Future>(future: F, polls: u32) -> Option<F::Output> {
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
