//! A subscription in the hands of the application.

use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use mqtt_session::proto::{QoS, RetainHandling, SubscriptionOptions};

use crate::client::unsubscribe_one;
use crate::delivery::{Callback, Phase, Shape, Sink, StreamQueue, SubscriptionKey};
use crate::message::Arrived;
use crate::options::ConsumerOptions;
use crate::shared::Handle;
use crate::{Ack, Message, TryRecvError, UnsubscribeError};

/// What to subscribe to, and how messages are delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "options do nothing until they are given to a client"]
pub struct SubscribeOptions {
    pub(crate) filter: String,
    pub(crate) wire: SubscriptionOptions,
    pub(crate) ack: Option<Ack>,
    pub(crate) on_drop: Option<Callback>,
    pub(crate) overflow: Option<Overflow>,
    pub(crate) buffer: Option<usize>,
    pub(crate) hold_limit: Option<(usize, DropPolicy)>,
    pub(crate) queue: Option<DropPolicy>,
    pub(crate) queue_size: Option<usize>,
}

/// What happens when QoS 0 messages come faster than a stream is read. QoS 1/2 are held
/// unacknowledged, which Receive Maximum limits, or
/// [`hold_limit`](SubscribeOptions::hold_limit).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Overflow {
    /// They are held up to the client's `held_bytes`; above it reading pauses, so that the broker
    /// holds them. While a call waits for an answer reading cannot pause: then streams that hold an
    /// equal part of `held_bytes` or more drop the newest, which is counted.
    #[default]
    Pause,
    /// Beyond `buffer` the newest is dropped and counted.
    DropNewest,
    /// Beyond `buffer` the oldest is dropped and counted.
    DropOldest,
}

/// Which message goes when a limit is reached. It is acknowledged and counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DropPolicy {
    /// The one that came last.
    DropNewest,
    /// The one that has waited longest.
    DropOldest,
}

impl SubscribeOptions {
    /// A Topic Filter, which is checked when it is subscribed to: QoS 0, and all options as the
    /// standard has them.
    pub fn new(filter: impl Into<String>) -> SubscribeOptions {
        SubscribeOptions {
            filter: filter.into(),
            wire: SubscriptionOptions::default(),
            ack: None,
            on_drop: None,
            overflow: None,
            buffer: None,
            hold_limit: None,
            queue: None,
            queue_size: None,
        }
    }

    /// Maximum QoS. Default: 0.
    pub fn qos(mut self, qos: QoS) -> SubscribeOptions {
        self.wire.qos = qos;
        self
    }

    /// No Local (5.0): not what this client publishes itself. Default: false.
    pub fn no_local(mut self, no_local: bool) -> SubscribeOptions {
        self.wire.no_local = no_local;
        self
    }

    /// Retain As Published (5.0): RETAIN as it was published, not only on messages from before the
    /// subscription. Default: false.
    pub fn retain_as_published(mut self, as_published: bool) -> SubscribeOptions {
        self.wire.retain_as_published = as_published;
        self
    }

    /// Retain Handling (5.0): whether retained messages are sent at first. Default: they are.
    pub fn retain_handling(mut self, handling: RetainHandling) -> SubscribeOptions {
        self.wire.retain_handling = handling;
        self
    }

    /// When messages are acknowledged. Default: as the client's options say.
    pub fn ack(mut self, ack: Ack) -> SubscribeOptions {
        self.ack = Some(ack);
        self
    }

    /// What happens when QoS 0 messages come faster than the stream is read. Default: as
    /// the client's options say.
    pub fn qos0_overflow(mut self, overflow: Overflow) -> SubscribeOptions {
        self.overflow = Some(overflow);
        self
    }

    /// How many QoS 0 messages wait for the reader before the overflow policy drops some; a batch
    /// it has already taken comes on top. Default: as the client's options say; at least 1.
    pub fn buffer(mut self, messages: usize) -> SubscribeOptions {
        self.buffer = Some(messages.max(1));
        self
    }

    /// How many QoS 1/2 messages wait for the reader at most. Beyond, `policy` drops one, which is
    /// acknowledged and counted. A batch the reader has already taken comes on top. Default: as the
    /// client's options say, which drop nothing unless told to.
    ///
    /// Acknowledgements leave in the order of arrival (section 4.6), so those of all later messages,
    /// whoever they are for, wait for the oldest one kept. With [`DropPolicy::DropOldest`] and fewer
    /// messages than Receive Maximum a reader that stands still cannot stop the others for good;
    /// with [`DropPolicy::DropNewest`] it can.
    pub fn hold_limit(mut self, messages: usize, policy: DropPolicy) -> SubscribeOptions {
        self.hold_limit = Some((messages.max(1), policy));
        self
    }

    /// Makes it a queue: it keeps [`queue_size`](SubscribeOptions::queue_size) messages, whatever
    /// their QoS, and drops beyond. What limits a stream (`qos0_overflow`, `buffer`, `hold_limit`)
    /// plays no part. Default: a stream, which drops nothing.
    pub fn queue(mut self, policy: DropPolicy) -> SubscribeOptions {
        self.queue = Some(policy);
        self
    }

    /// How many messages wait in a [`queue`](SubscribeOptions::queue); a batch its reader has
    /// already taken comes on top. Default: as the client's options say; at least 1.
    pub fn queue_size(mut self, messages: usize) -> SubscribeOptions {
        self.queue_size = Some(messages.max(1));
        self
    }

    /// Has `hook` called, by the driver, for every message that a limit drops, before it is
    /// acknowledged. It must not block. One that owns a [`Client`](crate::Client) keeps it alive as
    /// long as the subscription lasts. Default: as the client's options say.
    pub fn on_drop(mut self, hook: impl FnMut(&Message) + Send + 'static) -> SubscribeOptions {
        self.on_drop = Some(Callback::new(hook));
        self
    }

    /// The stream or queue they describe.
    pub(crate) fn stream(&self, consumer: &ConsumerOptions) -> Sink {
        let ConsumerOptions { buffer, overflow, hold_limit, queue_size, .. } = *consumer;
        Sink::Stream(StreamQueue::new(match self.queue {
            None => Shape::Stream { buffer, overflow, hold_limit },
            Some(policy) => Shape::Queue { size: queue_size, policy },
        }))
    }
}

impl fmt::Display for Overflow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Overflow::Pause => "pause",
            Overflow::DropNewest => "drop-newest",
            Overflow::DropOldest => "drop-oldest",
        })
    }
}

impl fmt::Display for DropPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            DropPolicy::DropNewest => "drop-newest",
            DropPolicy::DropOldest => "drop-oldest",
        })
    }
}

/// A subscription whose messages are taken one by one.
///
/// Keeps the client alive. Dropped, it is ended with UNSUBSCRIBE if the client lives on for 5 s
/// without another subscription to the same filter; until then QoS 1/2 messages are held for that
/// one. [`Subscription::unsubscribe`] ends it at once.
#[must_use = "a subscription that is dropped is ended"]
pub struct Subscription {
    handle: Handle,
    key: SubscriptionKey,
    ack: Ack,
    filter: String,
    /// What was taken from the queue under one lock.
    reader: VecDeque<Arrived>,
}

impl Subscription {
    pub(crate) fn new(
        handle: Handle,
        key: SubscriptionKey,
        ack: Ack,
        options: SubscribeOptions,
    ) -> Subscription {
        Subscription { handle, key, ack, filter: options.filter, reader: VecDeque::new() }
    }

    /// Waits for the next message. `None` when the subscription has ended, and all that had
    /// arrived was taken.
    ///
    /// Cancelling loses nothing.
    pub async fn recv(&mut self) -> Option<Message> {
        poll_fn(|cx| self.poll_recv(cx)).await
    }

    /// As [`Subscription::recv`], for callers that poll.
    #[inline]
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        if self.reader.is_empty() {
            match self.poll_take(cx) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(Ended)) => return Poll::Ready(None),
                Poll::Pending => return Poll::Pending,
            }
        }
        Poll::Ready(self.hand_out())
    }

    /// The next message, if one has arrived.
    pub fn try_recv(&mut self) -> Result<Message, TryRecvError> {
        if self.reader.is_empty() {
            let (key, reader) = (self.key, &mut self.reader);
            let taken = self.handle.with(|state| state.take_messages(key, reader, &mut None));
            taken.map_err(|phase| match phase {
                Phase::Ended => TryRecvError::Ended,
                Phase::Active | Phase::Leaving | Phase::Detached(_) => TryRecvError::Empty,
            })?;
        }
        self.hand_out().ok_or(TryRecvError::Empty)
    }

    #[inline]
    fn hand_out(&mut self) -> Option<Message> {
        let arrived = self.reader.pop_front()?;
        Some(Message::hand_out(arrived, self.ack, &self.handle))
    }

    /// Takes what has arrived into the empty `reader`, or waits for it.
    fn poll_take(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Ended>> {
        let mut waker = None;
        let mut registered = false;
        loop {
            let (key, reader) = (self.key, &mut self.reader);
            match self.handle.with(|state| state.take_messages(key, reader, &mut waker)) {
                Ok(()) => return Poll::Ready(Ok(())),
                Err(Phase::Ended) => return Poll::Ready(Err(Ended)),
                Err(_) if registered => return Poll::Pending,
                Err(Phase::Active | Phase::Leaving | Phase::Detached(_)) => {
                    // A waker is cloned without the lock, and only when it is needed.
                    waker = Some(cx.waker().clone());
                    registered = true;
                }
            }
        }
    }

    /// The Topic Filter.
    pub fn filter(&self) -> &str {
        &self.filter
    }

    /// Ends the subscription: at once if the client has another one to the same filter, else
    /// with UNSUBSCRIBE, waiting for the broker's answer. What has arrived can still be taken.
    ///
    /// Cancelling while it waits for room: nothing was sent. After that only the waiting ends.
    pub async fn unsubscribe(&self) -> Result<(), UnsubscribeError> {
        unsubscribe_one(&self.handle, self.key).await
    }
}

/// As [`Subscription::poll_recv`].
impl Stream for Subscription {
    type Item = Message;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        self.get_mut().poll_recv(cx)
    }
}

/// No more messages will come.
struct Ended;

impl Drop for Subscription {
    fn drop(&mut self) {
        let (key, reader) = (self.key, &mut self.reader);
        self.handle.with(|state| state.detach(key, reader));
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription").field("filter", &self.filter).finish_non_exhaustive()
    }
}

/// A subscription whose messages a callback gets.
///
/// Keeps the client alive. Dropped, it is ended with UNSUBSCRIBE if the client lives on for 5 s
/// without another subscription to the same filter; until then the callback is called.
#[must_use = "a subscription that is dropped is ended"]
pub struct CallbackSubscription {
    handle: Handle,
    key: SubscriptionKey,
    filter: String,
}

impl CallbackSubscription {
    pub(crate) fn new(
        handle: Handle,
        key: SubscriptionKey,
        options: SubscribeOptions,
    ) -> CallbackSubscription {
        CallbackSubscription { handle, key, filter: options.filter }
    }

    /// The Topic Filter.
    pub fn filter(&self) -> &str {
        &self.filter
    }

    /// Ends the subscription, as [`Subscription::unsubscribe`] does.
    pub async fn unsubscribe(&self) -> Result<(), UnsubscribeError> {
        unsubscribe_one(&self.handle, self.key).await
    }
}

impl Drop for CallbackSubscription {
    fn drop(&mut self) {
        self.handle.with(|state| state.detach(self.key, &mut VecDeque::new()));
    }
}

impl fmt::Debug for CallbackSubscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallbackSubscription").field("filter", &self.filter).finish_non_exhaustive()
    }
}
