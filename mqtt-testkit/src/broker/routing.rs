//! From a message to those who want it (sections 3.3.4, 4.5 and 4.8.2).

use std::collections::BTreeMap;
use std::sync::Arc;

use mqtt_proto::QoS;

use super::message::{Delivery, Kept};
use super::session::{Session, Subscription};
use super::{Broker, Dropped, LogEvent, Message};

impl Broker {
    /// Takes over a message that no client is waiting to hear about.
    pub(super) fn route(&mut self, publisher: Option<&str>, message: Message) -> bool {
        self.route_kept(publisher, &Arc::new(Kept { message, arrived: self.now }))
    }

    /// Retains a message if it asks for that, and gives it to every session with a subscription
    /// that matches; says whether there was one. `publisher` is a Client Identifier.
    pub(super) fn route_kept(&mut self, publisher: Option<&str>, kept: &Arc<Kept>) -> bool {
        // [MQTT-3.3.1-8]
        if kept.message.retain {
            self.retain(kept);
        }
        let maximum = self.settings.maximum_queued;
        let mut receivers = Vec::new();
        for (client_id, session) in &mut self.sessions {
            let is_publisher = publisher == Some(client_id);
            let copies = session.copies(kept, is_publisher, self.settings.overlapping);
            if !copies.is_empty() {
                receivers.push(client_id.clone());
            }
            if session.has_room(copies.len(), maximum) {
                copies.into_iter().for_each(|copy| session.enqueue(copy));
            } else {
                self.log.push(self.now, no_room(client_id, kept));
            }
        }
        receivers.extend(self.route_shared(kept));
        for client_id in &receivers {
            let connection = self.sessions.get(client_id).and_then(Session::connection);
            if let Some(mut client) = connection.and_then(|id| self.client(id)) {
                client.pump();
            }
        }
        !receivers.is_empty()
    }

    /// Whether every session that is to keep a message until it is acknowledged has room for it.
    pub(super) fn has_room_for(&self, publisher: Option<&str>, kept: &Arc<Kept>) -> bool {
        let (maximum, overlapping) = (self.settings.maximum_queued, self.settings.overlapping);
        if maximum.is_none() || kept.message.qos == QoS::AtMostOnce {
            return true;
        }
        let own = self.sessions.iter().all(|(client_id, session)| {
            let copies = session.copies(kept, publisher == Some(client_id), overlapping);
            let is_kept = copies.iter().any(|copy| copy.qos != QoS::AtMostOnce);
            !is_kept || session.has_room(copies.len(), maximum)
        });
        let can_have_it = |member: &Member| member.has_room || member.qos == QoS::AtMostOnce;
        own && self.groups(kept).values().all(|members| members.iter().any(can_have_it))
    }

    fn retain(&mut self, kept: &Arc<Kept>) {
        let topic = &kept.message.topic;
        if kept.message.payload.is_empty() {
            // [MQTT-3.3.1-6], [MQTT-3.3.1-7]
            self.retained.remove(topic);
        } else {
            // [MQTT-3.3.1-5]
            self.retained.insert(topic.clone(), Arc::clone(kept));
        }
    }

    /// The retained messages a new subscription gets.
    pub(super) fn retained_copies(&self, subscription: &Subscription) -> Vec<Delivery> {
        let matching = self.retained.values().filter(|kept| {
            subscription.filter.matches(&kept.message.topic) && !kept.has_expired(self.now)
        });
        matching.map(|kept| subscription.retained_copy(kept)).collect()
    }

    /// The shared subscriptions that match, by their filters.
    fn groups(&self, kept: &Kept) -> BTreeMap<String, Vec<Member>> {
        let mut groups: BTreeMap<String, Vec<Member>> = BTreeMap::new();
        for (client_id, session) in &self.sessions {
            for (filter, subscription) in &session.subscriptions {
                if subscription.filter.is_shared && subscription.filter.matches(&kept.message.topic)
                {
                    let member = Member {
                        client_id: client_id.clone(),
                        is_connected: session.connection().is_some(),
                        has_room: session.has_room(1, self.settings.maximum_queued),
                        qos: subscription.options.qos,
                    };
                    groups.entry(filter.clone()).or_default().push(member);
                }
            }
        }
        groups
    }

    /// Gives a message to one session of every shared subscription that matches.
    fn route_shared(&mut self, kept: &Arc<Kept>) -> Vec<String> {
        let mut chosen = Vec::new();
        for (filter, members) in self.groups(kept) {
            let Some(member) = self.choose(&filter, &members) else { continue };
            let client_id = member.client_id.clone();
            if !member.has_room {
                self.log.push(self.now, no_room(&client_id, kept));
            } else if let Some(session) = self.sessions.get_mut(&client_id)
                && let Some(subscription) = session.subscriptions.get(&filter)
            {
                // [MQTT-4.8.2-3]
                let copy = subscription.copy(kept);
                session.enqueue(copy);
            }
            chosen.push(client_id);
        }
        chosen
    }

    /// Whose turn it is among the members of a shared subscription: those with room before those
    /// without, and among them those whose clients are connected before the others.
    fn choose<'a>(&mut self, filter: &str, members: &'a [Member]) -> Option<&'a Member> {
        let rank = |member: &Member| (member.has_room, member.is_connected);
        let best = members.iter().map(rank).max()?;
        let able: Vec<&Member> = members.iter().filter(|member| rank(member) == best).collect();
        let turn = self.turns.entry(filter.to_owned()).or_default();
        let chosen = able.get(turn.checked_rem(able.len())?).copied();
        *turn = turn.wrapping_add(1);
        chosen
    }
}

/// A session with a shared subscription.
struct Member {
    client_id: String,
    is_connected: bool,
    has_room: bool,
    /// What was granted.
    qos: QoS,
}

fn no_room(client_id: &str, kept: &Kept) -> LogEvent {
    let (client_id, topic) = (client_id.to_owned(), kept.message.topic.clone());
    LogEvent::Dropped { client_id, topic, why: Dropped::NoRoom }
}
