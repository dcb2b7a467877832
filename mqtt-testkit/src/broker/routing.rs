//! From a message to those who want it (sections 3.3.4, 4.5 and 4.8.2).

use std::collections::BTreeMap;
use std::sync::Arc;

use super::message::{Delivery, Kept};
use super::session::{Session, Subscription};
use super::{Broker, Message};

impl Broker {
    /// Retains a message if it asks for that, and gives it to every session with a subscription
    /// that matches; says whether there was one. `publisher` is a Client Identifier.
    pub(super) fn route(&mut self, publisher: Option<&str>, message: Message) -> bool {
        let kept = Arc::new(Kept { message, arrived: self.now });
        // [MQTT-3.3.1-8]
        if kept.message.retain {
            self.retain(&kept);
        }
        let mut receivers = Vec::new();
        for (client_id, session) in &mut self.sessions {
            let is_publisher = publisher == Some(client_id);
            let copies = session.copies(&kept, is_publisher, self.settings.overlapping);
            if !copies.is_empty() {
                receivers.push(client_id.clone());
            }
            copies.into_iter().for_each(|copy| session.enqueue(copy));
        }
        receivers.extend(self.route_shared(&kept));
        for client_id in &receivers {
            let connection = self.sessions.get(client_id).and_then(Session::connection);
            if let Some(mut client) = connection.and_then(|id| self.client(id)) {
                client.pump();
            }
        }
        !receivers.is_empty()
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

    /// Gives a message to one session of every shared subscription that matches: those whose
    /// clients are connected take turns, and only without any the others.
    fn route_shared(&mut self, kept: &Arc<Kept>) -> Vec<String> {
        let mut groups: BTreeMap<String, Vec<(bool, String)>> = BTreeMap::new();
        for (client_id, session) in &self.sessions {
            for (filter, subscription) in &session.subscriptions {
                if subscription.filter.is_shared && subscription.filter.matches(&kept.message.topic)
                {
                    let member = (session.connection().is_some(), client_id.clone());
                    groups.entry(filter.clone()).or_default().push(member);
                }
            }
        }
        let chosen = groups.into_iter().filter_map(|(filter, members)| {
            let client_id = self.choose(&filter, &members)?;
            let session = self.sessions.get_mut(&client_id)?;
            // [MQTT-4.8.2-3]
            let copy = session.subscriptions.get(&filter)?.copy(kept);
            session.enqueue(copy);
            Some(client_id)
        });
        chosen.collect()
    }

    /// Whose turn it is among the members of a shared subscription, each connected or not.
    fn choose(&mut self, filter: &str, members: &[(bool, String)]) -> Option<String> {
        let is_anyone_here = members.iter().any(|(is_connected, _)| *is_connected);
        let able = members.iter().filter(|(is_connected, _)| *is_connected == is_anyone_here);
        let able: Vec<&String> = able.map(|(_, client_id)| client_id).collect();
        let turn = self.turns.entry(filter.to_owned()).or_default();
        let chosen = able.get(turn.checked_rem(able.len())?).copied().cloned();
        *turn = turn.wrapping_add(1);
        chosen
    }
}
