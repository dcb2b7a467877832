//! From a PUBLISH to the subscriptions it goes to, and from their acknowledgements to the one the
//! broker gets.

mod arriving;
mod holds;
mod identifiers;
mod leaving;
mod queue;
mod subscriber;
mod unrouted;

use std::collections::VecDeque;
use std::task::Waker;
use std::time::Duration;

use mqtt_session::proto::{SubscriptionOptions, TopicFilter};
use mqtt_session::{Delivery as Delivered, Time};

use crate::Ack;
use crate::message::Arrived;
use crate::options::{ConsumerOptions, ReceivingOptions};
use crate::router::Router;
use crate::shared::After;
use crate::table::{Key, Table};

use holds::Holds;
pub(crate) use holds::Verdict;
pub(crate) use identifiers::Retained;
use leaving::Departed;
pub(crate) use queue::{Shape, StreamQueue};
pub(crate) use subscriber::{Callback, Phase, Sink, Subscriber};
use unrouted::Unrouted;

/// Names a subscription until it is removed.
pub(crate) type SubscriptionKey = Key;

/// All subscriptions and what they hold.
///
/// ```text
///   PUBLISH ─▶ Router ─▶ StreamQueue ─▶ recv ─▶ Message ─▶ ack ─┐
///                  ├───▶ Callback ───────────▶ Message ─▶ ack ──┼─▶ Holds ─▶ Session::ack
///                  └───▶ Unrouted ──────── after a while ───────┘
///   What a queue drops is acknowledged at once, or after its hook has seen it.
/// ```
pub(crate) struct Delivery {
    subscribers: Table<Subscriber>,
    router: Router<SubscriptionKey>,
    holds: Holds,
    unrouted: Unrouted,
    /// Messages for callbacks, until the driver takes them.
    calls: Vec<Call>,
    /// Bytes of the QoS 0 messages in queues.
    held_bytes: usize,
    held_bytes_limit: usize,
    /// Subscriptions without a handle.
    detached: usize,
    /// Removed subscriptions the broker may still have.
    departed: Vec<Departed>,
    default_ack: Ack,
    consumers: ConsumerOptions,
    /// The Subscription Identifier of the next filter, if any is left.
    next_identifier: Option<u32>,
    /// Gets what no subscription matches.
    default_handler: Option<Callback>,
    /// The subscriptions of the message at hand.
    found: Vec<SubscriptionKey>,
    /// QoS 1/2 messages that queues dropped, to be acknowledged.
    dropped: Vec<Delivered>,
    /// How many messages were dropped at a limit, whatever their QoS.
    drops: u64,
}

/// A message for a callback, which the driver calls once the lock is free.
pub(crate) struct Call {
    pub(crate) callback: Callback,
    pub(crate) arrived: Arrived,
    pub(crate) ack: Ack,
}

impl Delivery {
    pub(crate) fn new(options: &ReceivingOptions) -> Delivery {
        Delivery {
            subscribers: Table::default(),
            router: Router::default(),
            holds: Holds::default(),
            unrouted: Unrouted::new(
                options.unrouted_hold,
                usize::from(options.receive_maximum) / 2,
            ),
            calls: Vec::new(),
            held_bytes: 0,
            held_bytes_limit: options.held_bytes,
            detached: 0,
            departed: Vec::new(),
            default_ack: options.ack,
            consumers: options.consumers.clone(),
            next_identifier: Some(1),
            default_handler: options.default_handler.clone(),
            found: Vec::new(),
            dropped: Vec::new(),
            drops: 0,
        }
    }

    /// Adds a subscription and its route. Messages that wait for one like it go to it.
    pub(crate) fn add(&mut self, mut subscriber: Subscriber, after: &mut After) -> SubscriptionKey {
        if subscriber.identifier == self.next_identifier {
            self.next_identifier = self.next_identifier.and_then(identifiers::after);
        }
        self.share_identifier(&subscriber);
        self.succeed_departed(&subscriber.filter);
        self.ask_retained(&mut subscriber);
        subscriber.is_granted = self.has_granted(&subscriber.filter);
        let text = subscriber.filter.clone();
        let inherited = self.find_detached(&text).map(|key| self.remove(key, after));
        let key = self.subscribers.insert(subscriber);
        if let Ok(filter) = TopicFilter::new(&text) {
            self.router.insert(filter, key);
            let inherited = inherited.unwrap_or_default().into_iter();
            for arrived in inherited.chain(self.unrouted.claim(filter)) {
                self.give(key, arrived.is_qos0(), || arrived, after);
            }
        }
        key
    }

    /// Takes a subscription away, and returns the messages nobody read.
    pub(crate) fn remove(&mut self, key: SubscriptionKey, after: &mut After) -> VecDeque<Arrived> {
        let Some(subscriber) = self.subscribers.remove(key) else { return VecDeque::new() };
        if let Ok(filter) = TopicFilter::new(&subscriber.filter) {
            self.router.remove(filter, key);
        }
        self.detached -= usize::from(subscriber.is_detached());
        if let Some(hook) = subscriber.on_drop {
            after.discard(hook);
        }
        match subscriber.sink {
            Sink::Callback(callback) => {
                after.discard(callback);
                VecDeque::new()
            }
            Sink::Stream(mut queue) => {
                self.held_bytes -= queue.held_bytes();
                after.wake(queue.wake());
                queue.into_messages()
            }
        }
    }

    /// Since when the oldest message has waited for its acknowledgement, and its topic.
    pub(crate) fn oldest_unacknowledged(&self) -> Option<(Time, &str)> {
        self.holds.oldest()
    }

    /// One holder of a message answered it. Returns what all of them say when it was the last.
    pub(crate) fn answer(&mut self, delivery: Delivered, verdict: Verdict) -> Option<Verdict> {
        self.holds.answer(delivery, verdict)
    }

    /// Moves messages to a reader that has none. `Err` when it has to wait, or has no more to
    /// wait for: then `waker`, if there is one, is kept until something changes.
    pub(crate) fn take(
        &mut self,
        key: SubscriptionKey,
        reader: &mut VecDeque<Arrived>,
        waker: &mut Option<Waker>,
    ) -> Result<(), Phase> {
        let subscriber = self.subscribers.get_mut(key).ok_or(Phase::Ended)?;
        let Sink::Stream(queue) = &mut subscriber.sink else { return Err(Phase::Ended) };
        let held = queue.held_bytes();
        queue.take(reader);
        self.held_bytes -= held - queue.held_bytes();
        if !reader.is_empty() {
            return Ok(());
        }
        if waker.is_some() {
            queue.wait(waker);
        }
        Err(subscriber.phase)
    }

    /// The handle of a subscription was dropped. Returns how many messages went with it.
    pub(crate) fn detach(&mut self, key: SubscriptionKey, reader: &mut VecDeque<Arrived>) -> u64 {
        let Some(subscriber) = self.subscribers.get_mut(key) else { return 0 };
        subscriber.phase = Phase::Detached(None);
        self.detached += 1;
        match &mut subscriber.sink {
            Sink::Callback(_) => 0,
            Sink::Stream(queue) => {
                self.held_bytes -= queue.held_bytes();
                queue.put_back(reader)
            }
        }
    }

    /// A subscription without a handle is ended at this time.
    pub(crate) fn detach_until(&mut self, key: SubscriptionKey, until: Time) {
        if let Some(subscriber) = self.subscribers.get_mut(key) {
            self.detached += usize::from(!subscriber.is_detached());
            subscriber.phase = Phase::Detached(Some(until));
        }
    }

    /// No more messages come for this subscription.
    pub(crate) fn end_one(&mut self, key: SubscriptionKey, after: &mut After) {
        let Some(subscriber) = self.subscribers.get_mut(key) else { return };
        subscriber.end(after);
        if let Ok(filter) = TopicFilter::new(&subscriber.filter) {
            self.router.remove(filter, key);
        }
    }

    /// No more messages come at all.
    pub(crate) fn end_all(&mut self, after: &mut After) {
        self.subscribers.iter_mut().for_each(|(_, subscriber)| subscriber.end(after));
    }

    /// When messages are acknowledged, unless a subscription says otherwise.
    pub(crate) fn default_ack(&self) -> Ack {
        self.default_ack
    }

    /// What limits a subscription, unless it says otherwise.
    pub(crate) fn consumers(&self) -> &ConsumerOptions {
        &self.consumers
    }

    pub(crate) fn get_mut(&mut self, key: SubscriptionKey) -> Option<&mut Subscriber> {
        self.subscribers.get_mut(key)
    }

    /// What the subscriptions with this filter have asked for, at the highest QoS of them.
    pub(crate) fn options_of(&self, filter: &str) -> Option<SubscriptionOptions> {
        let subscribers = self.subscribers.iter().map(|(_, subscriber)| subscriber);
        let same = subscribers.filter(|it| it.phase == Phase::Active && *it.filter == *filter);
        same.map(|subscriber| subscriber.wire).max_by_key(|wire| wire.qos)
    }

    /// Whether another subscription with this filter goes on.
    pub(crate) fn is_shared(&self, key: SubscriptionKey, filter: &str) -> bool {
        self.subscribers.iter().any(|(other, subscriber)| {
            other != key && subscriber.phase == Phase::Active && *subscriber.filter == *filter
        })
    }

    /// A connection came up.
    pub(crate) fn handle_connected(&mut self, now: Time, session_present: bool) {
        self.unrouted.handle_connected(now, session_present);
        if session_present {
            self.holds.forget_given_up();
        } else {
            self.holds.clear();
            self.ask_retained_again();
        }
    }

    /// Whether QoS 0 messages hold all the memory they may, so that reading is to pause.
    pub(crate) fn is_over_limit(&self) -> bool {
        self.held_bytes >= self.held_bytes_limit
    }

    /// Bytes of the QoS 0 messages in queues.
    pub(crate) fn held_bytes(&self) -> usize {
        self.held_bytes
    }

    /// How many messages were dropped at a limit.
    pub(crate) fn drops(&self) -> u64 {
        self.drops
    }

    /// How many subscriptions there are.
    pub(crate) fn len(&self) -> usize {
        self.subscribers.len()
    }

    /// What callbacks are to be called with; `calls` is empty and lends its capacity.
    pub(crate) fn take_calls(&mut self, calls: &mut Vec<Call>) {
        std::mem::swap(&mut self.calls, calls);
    }

    /// When `expire` has something to give.
    pub(crate) fn deadline(&self) -> Option<Time> {
        let detached = self.subscribers.iter().filter_map(|(_, it)| it.detached_until());
        let detached = if self.detached > 0 { detached.min() } else { None };
        detached.into_iter().chain(self.unrouted.deadline()).min()
    }

    /// A message nobody subscribed to in time.
    pub(crate) fn expire_unrouted(&mut self, now: Time) -> Option<Arrived> {
        self.unrouted.expire(now)
    }

    /// A subscription nobody took over in time.
    pub(crate) fn expire_detached(&mut self, now: Time) -> Option<(SubscriptionKey, Box<str>)> {
        if self.detached == 0 {
            return None;
        }
        let mut expired = None;
        for (key, subscriber) in self.subscribers.iter_mut() {
            match &mut subscriber.phase {
                Phase::Detached(until @ None) => *until = Some(now.after(DETACHED_HOLD)),
                Phase::Detached(Some(until)) if *until <= now => {
                    expired = Some((key, subscriber.filter.clone()));
                }
                Phase::Detached(Some(_)) | Phase::Active | Phase::Leaving | Phase::Ended => {}
            }
        }
        expired
    }

    fn find_detached(&self, filter: &str) -> Option<SubscriptionKey> {
        let mut subscribers = self.subscribers.iter();
        let detached = subscribers
            .find(|(_, subscriber)| subscriber.is_detached() && *subscriber.filter == *filter);
        detached.map(|(key, _)| key)
    }
}

/// How long a subscription without a handle waits for a new holder.
const DETACHED_HOLD: Duration = Duration::from_secs(5);
