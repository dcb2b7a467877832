//! Subscription Identifiers: which of the subscriptions that match a message it is for.

use mqtt_session::proto::RetainHandling;

use super::{Delivery, Phase, Subscriber, SubscriptionKey};
use crate::message::Incoming;

/// Whether the retained messages that answer a SUBSCRIBE are for this subscription, where several
/// have its filter and so its identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Retained {
    /// It asks for them; the broker has not answered.
    Asked,
    /// It has asked for them.
    Coming,
    /// It has not, or a later subscription to the filter has.
    ForOthers,
}

impl Delivery {
    /// The Subscription Identifier for a subscription to this filter: that of the others to it.
    pub(crate) fn identifier_for(&self, filter: &str) -> Option<u32> {
        let same = self.with_filter(filter).filter_map(|subscriber| subscriber.identifier);
        let departed = self.departed.iter().filter(|departed| *departed.filter == *filter);
        same.chain(departed.map(|departed| departed.identifier)).next().or(self.next_identifier)
    }

    /// The broker keeps one identifier per filter, that of the last SUBSCRIBE: in 3.1.1 none.
    pub(super) fn share_identifier(&mut self, subscriber: &Subscriber) {
        for (_, other) in self.subscribers.iter_mut() {
            if other.filter == subscriber.filter {
                other.identifier = subscriber.identifier;
            }
        }
    }

    /// The broker granted a subscription.
    pub(crate) fn handle_granted(&mut self, key: SubscriptionKey) {
        let Some(subscriber) = self.subscribers.get_mut(key) else { return };
        if subscriber.retained == Retained::Asked {
            subscriber.retained = Retained::Coming;
        }
        let filter = subscriber.filter.clone();
        self.note_granted(&filter);
    }

    /// A new subscription asks with these options: whom the retained messages that come now are
    /// for. One that asks at the same time goes on getting them.
    pub(super) fn ask_retained(&mut self, subscriber: &mut Subscriber) {
        let is_new = !self.with_filter(&subscriber.filter).any(Subscriber::is_staying);
        let asks = match subscriber.wire.retain_handling {
            RetainHandling::Send => true,
            RetainHandling::SendIfNew => is_new,
            RetainHandling::DoNotSend => false,
        };
        if !asks {
            subscriber.retained = Retained::ForOthers;
            return;
        }
        subscriber.retained = Retained::Asked;
        for (_, other) in self.subscribers.iter_mut() {
            if other.retained == Retained::Coming && other.filter == subscriber.filter {
                other.retained = Retained::ForOthers;
            }
        }
    }

    /// The subscriptions are made again for all of their holders.
    pub(super) fn ask_retained_again(&mut self) {
        for (_, subscriber) in self.subscribers.iter_mut() {
            if subscriber.retained == Retained::ForOthers
                && subscriber.wire.retain_handling != RetainHandling::DoNotSend
            {
                subscriber.retained = Retained::Coming;
            }
        }
    }

    /// Leaves of the subscriptions that match those the broker names, if it names any: none, when it
    /// names only such as departed.
    pub(super) fn choose(&mut self, message: Incoming<'_>) {
        let Delivery { subscribers, found, departed, .. } = self;
        let identifier = |key: &SubscriptionKey| subscribers.get(*key).and_then(|it| it.identifier);
        let is_named =
            |own: u32| message.properties().subscription_identifiers().any(|id| id == own);
        let names_one = found.iter().any(|key| identifier(key).is_some_and(is_named));
        if !names_one && !departed.iter().any(|departed| is_named(departed.identifier)) {
            return;
        }
        // What was subscribed to before 5.0 cannot be named: it may be for that, too.
        found.retain(|key| identifier(key).is_none_or(is_named));
        let is_for =
            |key: &SubscriptionKey| subscribers.get(*key).is_some_and(Subscriber::takes_retained);
        if message.retain() && found.iter().any(is_for) {
            found.retain(is_for);
        }
    }

    pub(super) fn with_filter(&self, filter: &str) -> impl Iterator<Item = &Subscriber> {
        let subscribers = self.subscribers.iter().map(|(_, subscriber)| subscriber);
        subscribers.filter(move |subscriber| *subscriber.filter == *filter)
    }
}

impl Subscriber {
    /// Whether the broker has its filter, and is not asked to end it.
    pub(super) fn is_staying(&self) -> bool {
        match self.phase {
            Phase::Active | Phase::Detached(_) => true,
            Phase::Leaving | Phase::Ended => false,
        }
    }

    /// Whether a message with RETAIN is for it. With Retain As Published that may also be one that
    /// was published just now.
    fn takes_retained(&self) -> bool {
        self.wire.retain_as_published || self.retained != Retained::ForOthers
    }
}

/// The identifier after this one; there are none above 268,435,455.
pub(super) fn after(identifier: u32) -> Option<u32> {
    Some(identifier + 1).filter(|next| *next <= 0x0FFF_FFFF)
}
