//! What an application does with its session.

use std::time::Duration;

use mqtt_session::proto::{
    Properties, Property, Publish, QoS, ReasonCode, RetainHandling, Subscription,
    SubscriptionOptions,
};
use mqtt_session::{Delivery, Memory, Payload, Time};

use super::{Client, Held, Weather};
use crate::oracle::{self, Kind};
use crate::plan::{Acknowledging, FORBIDDEN, POISON, TOPICS};
use crate::tally::Fault;

/// Filters to subscribe to.
const FILTERS: [&str; 6] = ["t/0", "t/1", "t/2", "t/+", "a/longer/topic", "$share/g/t/1"];

impl<M: Memory> Client<M> {
    /// Publishes, subscribes, unsubscribes, authenticates again or disconnects.
    pub(super) fn use_session(&mut self, now: Time) {
        self.oracle.tally.steps += 1;
        if self.random.one_in(60) {
            return self.leave(now);
        }
        if self.plan.facts.authenticates && self.random.one_in(12) {
            return self.reauthenticate(now);
        }
        let subscribes = self.plan.subscribes && (!self.plan.publishes || self.random.one_in(8));
        if !subscribes {
            self.publish(now);
        } else if self.random.one_in(4) {
            self.unsubscribe(now);
        } else {
            self.subscribe(now);
        }
    }

    fn publish(&mut self, now: Time) {
        let qos = self.random.pick([0, 1, 1, 2, 2]);
        let is_v5 = self.plan.facts.level == 5;
        let is_forbidden = is_v5 && self.random.one_in(20);
        let is_poison = self.plan.poisons && self.random.one_in(15);
        let topic = match (is_forbidden, is_poison) {
            (true, _) => FORBIDDEN,
            (false, true) => POISON,
            (false, false) => self.random.pick(TOPICS),
        };
        let retain = self.random.one_in(10);
        let len = self.random.pick([8, 8, 20, 60, 250]);
        let interval = self.random.pick([1, 5, 60]);
        let expires_at = (is_v5 && self.random.one_in(4))
            .then(|| now.after(Duration::from_secs(interval.into())));
        let name = self.oracle.next_name();
        let payload = name.payload(len);
        let expiry = [Property::MessageExpiryInterval(interval)];
        let properties = if expires_at.is_some() { &expiry[..] } else { &[] };
        let message = Publish {
            dup: false,
            qos: [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce][usize::from(qos)],
            retain,
            topic,
            packet_id: None,
            properties: Properties::from_slice(properties),
            payload: &payload,
        };
        if let Ok(token) = self.endpoint.session.publish(now, &message, Payload::Copy(&payload)) {
            let publish = oracle::Publish { qos, retain, topic, len, expires_at };
            self.oracle.note_accepted(Kind::Publish(publish), token);
        }
    }

    fn subscribe(&mut self, now: Time) {
        let filter = self.random.pick(FILTERS);
        let qos = self.random.pick([QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce]);
        let options = SubscriptionOptions {
            qos,
            no_local: false,
            retain_as_published: false,
            retain_handling: RetainHandling::Send,
        };
        let has_identifier = self.plan.facts.level == 5 && self.random.one_in(2);
        let identifier = [Property::SubscriptionIdentifier(7)];
        let properties = if has_identifier { &identifier[..] } else { &[] };
        let wanted = [Subscription { filter, options }];
        if let Ok(token) = self.endpoint.session.subscribe(now, &wanted, properties) {
            let needs_identifier = has_identifier && !self.plan.config.optional_identifiers;
            let request = oracle::Request::new(filter, Some(qos as u8), needs_identifier);
            self.oracle.note_accepted(Kind::Subscribe(request), Some(token));
        }
    }

    fn unsubscribe(&mut self, now: Time) {
        let filter = self.random.pick(FILTERS);
        if let Ok(token) = self.endpoint.session.unsubscribe(now, &[filter], &[]) {
            let request = oracle::Request::new(filter, None, false);
            self.oracle.note_accepted(Kind::Unsubscribe(request), Some(token));
        }
    }

    /// A message was delivered: decides when it is acknowledged.
    pub(super) fn hold(&mut self, now: Time, delivery: Delivery) {
        let due = match (self.weather, self.plan.acknowledging) {
            (Weather::Calm, _) | (Weather::Rough, Acknowledging::AtOnce) => Some(now),
            (Weather::Rough, Acknowledging::Reluctant) if self.random.one_in(3) => {
                self.oracle.tally.strike(Fault::NoAck);
                None
            }
            (Weather::Rough, Acknowledging::Late | Acknowledging::Reluctant) => {
                self.oracle.tally.strike(Fault::LateAck);
                Some(now.after(self.random.millis(0..=5000)))
            }
        };
        self.held.push(Held { delivery, due });
    }

    /// Acknowledges what is due; true when something was.
    pub(super) fn acknowledge_due(&mut self, now: Time) -> bool {
        let mut any = false;
        while let Some(at) =
            self.held.iter().position(|held| held.due.is_some_and(|due| due <= now))
        {
            let held = self.held.remove(at);
            let is_refused = self.random.one_in(10);
            let reason = if is_refused { ReasonCode::QuotaExceeded } else { ReasonCode::Success };
            self.oracle.tally.steps += 1;
            self.endpoint.session.ack(held.delivery, reason);
            self.oracle.note_given(held.delivery, reason.to_u8());
            any = true;
        }
        any
    }
}
