//! Subscriptions on their way out.

use super::{Delivery, Phase, SubscriptionKey};

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

    /// The subscriptions with this filter.
    pub(crate) fn keys_of(&self, filter: &str) -> Vec<SubscriptionKey> {
        let same = self.subscribers.iter().filter(|(_, subscriber)| *subscriber.filter == *filter);
        same.map(|(key, _)| key).collect()
    }
}
