//! One session: what the broker keeps of a client beyond a connection (section 4.1).

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use mqtt_proto::{PacketId, QoS, SubscriptionOptions};
use mqtt_session::Time;

use super::filter::Filter;
use super::message::{Delivery, Kept, Message};
use super::outbound::Outbound;
use super::{ConnectionId, Overlapping};

#[derive(Debug)]
pub(super) struct Session {
    pub(super) presence: Presence,
    /// Session Expiry Interval in force, in seconds; `u32::MAX` for never.
    pub(super) expiry: u32,
    /// By the filter as it was subscribed to.
    pub(super) subscriptions: BTreeMap<String, Subscription>,
    pub(super) outbound: Outbound,
    /// QoS 2 messages that wait for PUBREL.
    pub(super) received: BTreeSet<PacketId>,
}

/// Where the client of a session is.
#[derive(Debug)]
pub(super) enum Presence {
    Online {
        connection: ConnectionId,
        will: Option<Will>,
    },
    Offline {
        /// When the session ends; `None` for never.
        ends: Option<Time>,
        will: Option<DueWill>,
    },
}

/// The Will of a client that is connected.
#[derive(Debug)]
pub(super) struct Will {
    pub(super) message: Message,
    /// Will Delay Interval in seconds.
    pub(super) delay: u32,
}

/// The Will of a client that has gone.
#[derive(Debug)]
pub(super) struct DueWill {
    pub(super) message: Message,
    pub(super) at: Time,
}

#[derive(Clone, Debug)]
pub(super) struct Subscription {
    pub(super) filter: Filter,
    /// With the QoS that was granted.
    pub(super) options: SubscriptionOptions,
    pub(super) identifier: Option<u32>,
}

impl Session {
    pub(super) fn new() -> Session {
        Session {
            presence: Presence::Offline { ends: None, will: None },
            expiry: 0,
            subscriptions: BTreeMap::new(),
            outbound: Outbound::default(),
            received: BTreeSet::new(),
        }
    }

    pub(super) fn connection(&self) -> Option<ConnectionId> {
        match self.presence {
            Presence::Online { connection, .. } => Some(connection),
            Presence::Offline { .. } => None,
        }
    }

    /// The connection ended at `now`; `keeps_will` unless the client said good-bye.
    pub(super) fn leave(&mut self, now: Time, keeps_will: bool) {
        let never = Presence::Offline { ends: None, will: None };
        let will = match std::mem::replace(&mut self.presence, never) {
            Presence::Online { will, .. } => will.filter(|_| keeps_will),
            Presence::Offline { .. } => None,
        };
        let ends = match self.expiry {
            u32::MAX => None,
            seconds => Some(now.after(Duration::from_secs(seconds.into()))),
        };
        let will = will.map(|Will { message, delay }| {
            let at = now.after(Duration::from_secs(delay.into()));
            // [MQTT-3.1.2-8]
            DueWill { message, at: ends.map_or(at, |ends| ends.min(at)) }
        });
        self.presence = Presence::Offline { ends, will };
        self.outbound.queue.retain(|delivery| delivery.qos != QoS::AtMostOnce);
    }

    /// The copies this client gets of a message, but those of shared subscriptions.
    pub(super) fn copies(
        &self,
        kept: &Arc<Kept>,
        is_publisher: bool,
        overlapping: Overlapping,
    ) -> Vec<Delivery> {
        let topic = &kept.message.topic;
        let mut copies: Vec<Delivery> = Vec::new();
        for subscription in self.subscriptions.values() {
            // [MQTT-3.8.3-3]
            let is_unwanted = is_publisher && subscription.options.no_local;
            if subscription.filter.is_shared || is_unwanted || !subscription.filter.matches(topic) {
                continue;
            }
            let copy = subscription.copy(kept);
            match (copies.last_mut(), overlapping) {
                (Some(first), Overlapping::OneCopy) => {
                    // [MQTT-3.3.4-2]
                    first.qos = first.qos.max(copy.qos);
                    first.retain |= copy.retain;
                    // [MQTT-3.3.4-4]
                    first.identifiers.extend(copy.identifiers);
                }
                // [MQTT-3.3.4-5]
                (None, Overlapping::OneCopy) | (_, Overlapping::CopyForEach) => copies.push(copy),
            }
        }
        copies
    }

    /// Whether so many further messages may wait for the client.
    pub(super) fn has_room(&self, copies: usize, maximum: Option<NonZeroUsize>) -> bool {
        maximum.is_none_or(|maximum| self.outbound.queue.len() + copies <= maximum.get())
    }

    /// Keeps a copy for the client; QoS 0 is not kept for one that is offline.
    pub(super) fn enqueue(&mut self, delivery: Delivery) {
        if self.connection().is_some() || delivery.qos != QoS::AtMostOnce {
            // [MQTT-4.5.0-1]
            self.outbound.queue.push_back(delivery);
        }
    }
}

impl Subscription {
    /// The copy of a message that is published now.
    pub(super) fn copy(&self, kept: &Arc<Kept>) -> Delivery {
        Delivery {
            kept: Arc::clone(kept),
            // [MQTT-3.8.4-8]
            qos: self.options.qos.min(kept.message.qos),
            // [MQTT-3.3.1-12], [MQTT-3.3.1-13]
            retain: self.options.retain_as_published && kept.message.retain,
            identifiers: self.identifier.into_iter().collect(),
        }
    }

    /// The copy of a message that was retained.
    pub(super) fn retained_copy(&self, kept: &Arc<Kept>) -> Delivery {
        Delivery { retain: true, ..self.copy(kept) }
    }
}
