//! A message arrives: who gets it, and what is dropped.

use mqtt_session::{Delivery as Delivered, Message, Time};

use super::{Call, Delivery, Phase, Sink, SubscriptionKey};
use crate::Ack;
use crate::message::Arrived;
use crate::shared::After;

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
        message: &Message<'_>,
        awaited: bool,
        after: &mut After,
    ) -> Fate {
        self.found.clear();
        self.router.find(message.publish.topic, &mut self.found);
        if self.found.is_empty() {
            return self.keep(now, message);
        }
        if self.found.len() > 1 {
            self.choose(&message.publish);
        }
        if message.delivery.is_none() && awaited && self.is_over_limit() {
            for index in 0..self.found.len() {
                self.drop_message(self.found[index], || Arrived::copy(message));
            }
            return Fate::default();
        }
        if let Some(delivery) = message.delivery {
            self.holds.hold(now, delivery, self.found.len(), message.publish.topic);
        }
        for index in 0..self.found.len() {
            self.give(self.found[index], || Arrived::copy(message), after);
        }
        Fate::default()
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
        make: impl FnOnce() -> Arrived,
        after: &mut After,
    ) {
        let Some(subscriber) = self.subscribers.get_mut(key) else { return };
        match &mut subscriber.sink {
            Sink::Callback(callback) => {
                let (callback, ack) = (callback.clone(), subscriber.ack);
                self.calls.push(Call { callback, arrived: make(), ack });
            }
            Sink::Stream(queue) => {
                let held = queue.held_bytes();
                let dropped = queue.push(make(), subscriber.phase == Phase::Active);
                self.held_bytes = self.held_bytes - held + queue.held_bytes();
                after.wake(queue.wake());
                if let Some(arrived) = dropped {
                    self.drop_message(key, || arrived);
                }
            }
        }
    }

    /// A subscription drops a message: its hook sees it before it is acknowledged.
    fn drop_message(&mut self, key: SubscriptionKey, make: impl FnOnce() -> Arrived) {
        self.drops += 1;
        let hook = self.subscribers.get(key).and_then(|subscriber| subscriber.on_drop.clone());
        match hook {
            Some(callback) => self.calls.push(Call { callback, arrived: make(), ack: Ack::OnDrop }),
            None => self.dropped.extend(make().delivery),
        }
    }

    /// Keeps a message that nobody subscribed to, if it can be.
    fn keep(&mut self, now: Time, message: &Message<'_>) -> Fate {
        let topic = message.publish.topic;
        if let Some(handler) = &self.default_handler {
            if let Some(delivery) = message.delivery {
                self.holds.hold(now, delivery, 1, topic);
            }
            let (callback, arrived) = (handler.clone(), Arrived::copy(message));
            self.calls.push(Call { callback, arrived, ack: self.default_ack });
            return Fate::default();
        }
        match message.delivery {
            None => Fate { unrouted: true, refuse: None },
            Some(delivery) if self.unrouted.has_room(now) => {
                self.holds.hold(now, delivery, 1, topic);
                self.unrouted.keep(Arrived::copy(message));
                Fate::default()
            }
            refuse @ Some(_) => Fate { unrouted: true, refuse },
        }
    }
}
