//! Messages and events, one by one.

use std::time::{Duration, Instant};

use mqtt_client::{ClientEvent, Message, TryRecvError, UnsubscribeError};

use crate::RecvError;
use crate::mover::{Mover, deadline};

/// A subscription whose messages are taken one by one. As an iterator it waits for each, and ends
/// with the subscription.
///
/// Keeps the client alive. Dropped, it is ended with UNSUBSCRIBE if the client lives on for 5 s
/// without another subscription to the same filter; until then QoS 1/2 messages are held for that
/// one. [`Subscription::unsubscribe`] ends it at once.
#[derive(Debug)]
#[must_use = "a subscription that is dropped is ended"]
pub struct Subscription {
    subscription: mqtt_client::Subscription,
    mover: Mover,
}

impl Subscription {
    pub(crate) fn new(subscription: mqtt_client::Subscription, mover: &Mover) -> Subscription {
        Subscription { subscription, mover: mover.clone() }
    }

    /// Waits for the next message. [`RecvError::Ended`] when the subscription has ended, and all
    /// that had arrived was taken.
    pub fn recv(&mut self) -> Result<Message, RecvError> {
        self.recv_until(None)
    }

    /// As [`Subscription::recv`], for `timeout` at most. When the time is over nothing is lost.
    pub fn recv_timeout(&mut self, timeout: Duration) -> Result<Message, RecvError> {
        self.recv_until(deadline(timeout))
    }

    /// The next message, if one has arrived.
    pub fn try_recv(&mut self) -> Result<Message, TryRecvError> {
        self.subscription.try_recv()
    }

    /// The Topic Filter.
    pub fn filter(&self) -> &str {
        self.subscription.filter()
    }

    /// Ends the subscription: at once if the client has another one to the same filter, else
    /// with UNSUBSCRIBE, waiting for the broker's answer. What has arrived can still be taken.
    pub fn unsubscribe(&self) -> Result<(), UnsubscribeError> {
        self.mover.call(self.subscription.unsubscribe())
    }

    fn recv_until(&mut self, deadline: Option<Instant>) -> Result<Message, RecvError> {
        let Subscription { subscription, mover } = self;
        mover.call_until(deadline, async { subscription.recv().await.ok_or(RecvError::Ended) })
    }
}

impl Iterator for Subscription {
    type Item = Message;

    fn next(&mut self) -> Option<Message> {
        self.recv().ok()
    }
}

/// A subscription whose messages a callback gets.
///
/// Keeps the client alive. Dropped, it is ended with UNSUBSCRIBE if the client lives on for 5 s
/// without another subscription to the same filter; until then the callback is called.
#[derive(Debug)]
#[must_use = "a subscription that is dropped is ended"]
pub struct CallbackSubscription {
    subscription: mqtt_client::CallbackSubscription,
    mover: Mover,
}

impl CallbackSubscription {
    pub(crate) fn new(
        subscription: mqtt_client::CallbackSubscription,
        mover: &Mover,
    ) -> CallbackSubscription {
        CallbackSubscription { subscription, mover: mover.clone() }
    }

    /// The Topic Filter.
    pub fn filter(&self) -> &str {
        self.subscription.filter()
    }

    /// Ends the subscription, as [`Subscription::unsubscribe`] does.
    pub fn unsubscribe(&self) -> Result<(), UnsubscribeError> {
        self.mover.call(self.subscription.unsubscribe())
    }
}

/// The events of a client from the moment this was made. As an iterator it waits for each, and
/// ends with the client.
///
/// At most 256 are kept for a listener that does not look: then the oldest are dropped and counted
/// by [`Events::missed`]. Does not keep the client alive.
#[derive(Debug)]
pub struct Events {
    events: mqtt_client::Events,
    mover: Mover,
}

impl Events {
    pub(crate) fn new(events: mqtt_client::Events, mover: &Mover) -> Events {
        Events { events, mover: mover.guest() }
    }

    /// Waits for the next event, for `timeout` at most. When the time is over nothing is lost.
    /// [`RecvError::Ended`] after [`ClientEvent::Closed`].
    pub fn next_timeout(&mut self, timeout: Duration) -> Result<ClientEvent, RecvError> {
        self.next_until(deadline(timeout))
    }

    /// The next event, if something has happened.
    pub fn try_next(&mut self) -> Result<ClientEvent, TryRecvError> {
        self.events.try_next()
    }

    /// How many events were dropped.
    pub fn missed(&self) -> u64 {
        self.events.missed()
    }

    fn next_until(&mut self, deadline: Option<Instant>) -> Result<ClientEvent, RecvError> {
        let Events { events, mover } = self;
        mover.call_until(deadline, async { events.next().await.ok_or(RecvError::Ended) })
    }
}

impl Iterator for Events {
    type Item = ClientEvent;

    fn next(&mut self) -> Option<ClientEvent> {
        self.next_until(None).ok()
    }
}
