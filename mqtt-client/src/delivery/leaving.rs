//! Subscriptions on their way out.

use super::{Delivery, Phase, SubscriptionKey};

/// A subscription that is removed here, and whose UNSUBSCRIBE the broker has not confirmed: it may
/// still send messages that name it.
#[derive(Debug)]
pub(super) struct Departed {
    key: SubscriptionKey,
    pub(super) filter: Box<str>,
    pub(super) identifier: u32,
}

impl Delivery {
    /// UNSUBSCRIBE was accepted: the subscriptions it ends, unless the broker refuses. One to the
    /// same filter that is added later is none of them.
    pub(crate) fn begin_leaving(&mut self, filter: &str) -> Vec<SubscriptionKey> {
        let mut leaving = Vec::new();
        for (key, subscriber) in self.subscribers.iter_mut() {
            if *subscriber.filter != *filter {
                continue;
            }
            match subscriber.phase {
                Phase::Active => subscriber.phase = Phase::Leaving,
                Phase::Leaving | Phase::Detached(_) => {}
                Phase::Ended => continue,
            }
            leaving.push(key);
        }
        leaving
    }

    /// The broker did not end it.
    pub(crate) fn stay(&mut self, key: SubscriptionKey) {
        if let Some(subscriber) = self.subscribers.get_mut(key)
            && subscriber.phase == Phase::Leaving
        {
            subscriber.phase = Phase::Active;
        }
    }

    /// The broker granted this filter: it keeps it when it refuses the subscriptions that follow.
    pub(super) fn note_granted(&mut self, filter: &str) {
        for (_, subscriber) in self.subscribers.iter_mut() {
            subscriber.is_granted |= *subscriber.filter == *filter;
        }
    }

    /// Whether the broker has this filter, and is not asked to end it.
    pub(super) fn has_granted(&self, filter: &str) -> bool {
        self.with_filter(filter).any(|subscriber| subscriber.is_staying() && subscriber.is_granted)
    }

    /// Whether the broker has the filter of this subscription, and no other is there to end it.
    pub(crate) fn is_last_granted(&self, key: SubscriptionKey) -> bool {
        self.subscribers.get(key).is_some_and(|subscriber| {
            let same = self.with_filter(&subscriber.filter);
            subscriber.is_granted
                && subscriber.is_staying()
                && same.filter(|other| other.is_staying()).count() == 1
        })
    }

    /// UNSUBSCRIBE was accepted for a subscription that is removed now. Without an identifier its
    /// messages cannot be told from those of others.
    pub(crate) fn depart(&mut self, key: SubscriptionKey) {
        if let Some(subscriber) = self.subscribers.get(key)
            && let Some(identifier) = subscriber.identifier
        {
            let filter = subscriber.filter.clone();
            self.departed.push(Departed { key, filter, identifier });
        }
    }

    /// The broker has ended it.
    pub(crate) fn forget_departed(&mut self, key: SubscriptionKey) {
        self.departed.retain(|departed| departed.key != key);
    }

    /// What the broker still sends for those with this filter is for the one that is added now.
    pub(super) fn succeed_departed(&mut self, filter: &str) {
        self.departed.retain(|departed| *departed.filter != *filter);
    }

    /// The subscriptions with this filter.
    pub(crate) fn keys_of(&self, filter: &str) -> Vec<SubscriptionKey> {
        let same = self.subscribers.iter().filter(|(_, subscriber)| *subscriber.filter == *filter);
        same.map(|(key, _)| key).collect()
    }
}
