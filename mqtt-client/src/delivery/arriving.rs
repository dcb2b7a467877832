//! A message arrives: who gets it, and what is dropped.

use mqtt_session::{Delivery as Delivered, Time};

use super::{Call, Delivery, Sink, SubscriptionKey};
use crate::message::{Arrived, Incoming};
use crate::shared::After;
use crate::{Ack, DropPolicy};

/// What became of a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fate {
    /// Nobody subscribed to it, and it was not kept.
    pub(crate) unrouted: bool,
    /// The broker is to be told so.
    pub(crate) refuse: Option<Delivered>,
}

impl Delivery {
    /// Gives a message to all subscriptions that match. `awaited` says that a call waits for an
    /// answer, so that reading cannot pause.
    pub(crate) fn deliver(
        &mut self,
        now: Time,
        message: Incoming<'_>,
        awaited: bool,
        after: &mut After,
    ) -> Fate {
        self.found.clear();
        self.router.find(message.topic(), &mut self.found);
        if self.found.len() > 1 || !self.departed.is_empty() {
            self.choose(message);
        }
        if self.found.is_empty() {
            return self.keep(now, message);
        }
        let is_qos0 = message.delivery().is_none();
        if let Some(delivery) = message.delivery() {
            self.holds.hold(now, delivery, self.found.len(), message.topic());
        }
        let is_short = is_qos0 && awaited && self.is_over_limit();
        for index in 0..self.found.len() {
            let key = self.found[index];
            if is_short && self.has_its_share(key) {
                self.drop_message(key, || message.to_arrived());
            } else {
                self.give(key, is_qos0, || message.to_arrived(), after);
            }
        }
        Fate::default()
    }

    /// Whether a subscription holds an equal part of all that may be held for consumers, or more.
    #[cold]
    fn has_its_share(&self, key: SubscriptionKey) -> bool {
        let share = self.held_bytes_limit.checked_div(self.subscribers.len()).unwrap_or_default();
        match self.subscribers.get(key).map(|subscriber| &subscriber.sink) {
            Some(Sink::Stream(queue)) => queue.held_bytes() >= share.max(1),
            Some(Sink::Callback(_)) | None => false,
        }
    }

    /// A QoS 1/2 message that was dropped and is to be acknowledged.
    pub(crate) fn take_dropped(&mut self) -> Option<Delivered> {
        self.dropped.pop()
    }

    /// Gives a subscription a message, made in its place: moving it right afterwards costs as much
    /// as making it.
    #[inline]
    pub(super) fn give(
        &mut self,
        key: SubscriptionKey,
        is_qos0: bool,
        make: impl FnOnce() -> Arrived,
        after: &mut After,
    ) {
        let Some(subscriber) = self.subscribers.get_mut(key) else { return };
        let queue = match &mut subscriber.sink {
            Sink::Stream(queue) => queue,
            Sink::Callback(callback) => {
                let (callback, ack) = (callback.clone(), subscriber.ack);
                self.calls.push(Call { callback, arrived: make(), ack });
                return;
            }
        };
        let held = queue.held_bytes();
        let mut oldest = None;
        match queue.drops_for(is_qos0, subscriber.phase.has_reader()) {
            None => {}
            Some(DropPolicy::DropOldest) => oldest = queue.drop_oldest(is_qos0),
            Some(DropPolicy::DropNewest) => return self.drop_message(key, make),
        }
        queue.push(make());
        self.held_bytes = self.held_bytes - held + queue.held_bytes();
        after.wake(queue.wake());
        if let Some(oldest) = oldest {
            self.drop_message(key, || oldest);
        }
    }

    /// A subscription drops a message: its hook sees it before it is acknowledged.
    #[cold]
    fn drop_message(&mut self, key: SubscriptionKey, make: impl FnOnce() -> Arrived) {
        self.drops += 1;
        let hook = self.subscribers.get(key).and_then(|subscriber| subscriber.on_drop.clone());
        match hook {
            Some(callback) => self.calls.push(Call { callback, arrived: make(), ack: Ack::OnDrop }),
            None => self.dropped.extend(make().delivery),
        }
    }

    /// Keeps a message that nobody subscribed to, if it can be.
    fn keep(&mut self, now: Time, message: Incoming<'_>) -> Fate {
        let topic = message.topic();
        if let Some(handler) = &self.default_handler {
            if let Some(delivery) = message.delivery() {
                self.holds.hold(now, delivery, 1, topic);
            }
            let (callback, arrived) = (handler.clone(), message.to_arrived());
            self.calls.push(Call { callback, arrived, ack: self.default_ack });
            return Fate::default();
        }
        match message.delivery() {
            None => Fate { unrouted: true, refuse: None },
            Some(delivery) if self.unrouted.has_room(now) => {
                self.holds.hold(now, delivery, 1, topic);
                self.unrouted.keep(message.to_arrived());
                Fate::default()
            }
            refuse @ Some(_) => Fate { unrouted: true, refuse },
        }
    }
}
