//! SUBSCRIBE and UNSUBSCRIBE (sections 3.8 to 3.11).

use mqtt_proto::{
    PacketId, Properties, QoS, ReasonCode, ReasonCodes, RetainHandling, SubAck, Subscribe,
    SubscriptionOptions, UnsubAck, Unsubscribe,
};

use super::filter::Filter;
use super::message::Delivery;
use super::session::Subscription;
use super::wire::Fault;
use super::{Broker, ConnectionId};

impl Broker {
    pub(super) fn handle_subscribe(
        &mut self,
        id: ConnectionId,
        packet: &Subscribe<'_>,
    ) -> Result<(), Fault> {
        let identifier = packet.properties.subscription_identifiers().next();
        if identifier.is_some() && !self.settings.subscription_identifier_available {
            return Err(Fault::new(
                ReasonCode::SubscriptionIdentifiersNotSupported,
                "Subscription Identifiers are not available",
            ));
        }
        let Some(client) = self.client(id) else { return Ok(()) };
        let version = client.link.version;
        let wanted = packet.subscriptions.iter().map(|wanted| {
            let filter = Filter::new(wanted.filter, version);
            let options = wanted.options;
            (wanted.filter, Subscription { filter, options, identifier })
        });
        let wanted: Vec<(&str, Subscription)> = wanted.collect();
        if version.has_properties() {
            for (_, subscription) in &wanted {
                self.check_features(&subscription.filter)?;
            }
        }
        let is_in_use = self.is_in_use(id, packet.packet_id);
        let maximum = self.settings.maximum_queued;
        let mut retained = Vec::new();
        let mut codes = Vec::new();
        for (filter, subscription) in wanted {
            codes.push(if is_in_use {
                ReasonCode::PacketIdentifierInUse
            } else {
                self.subscribe(id, filter, subscription, &mut retained)
            });
        }
        let Some(mut client) = self.client(id) else { return Ok(()) };
        if !version.has_properties() {
            codes.iter_mut().filter(|code| code.is_error()).for_each(|code| {
                *code = ReasonCode::UnspecifiedError;
            });
        }
        // [MQTT-3.8.4-1], [MQTT-3.8.4-2], [MQTT-3.8.4-5], [MQTT-3.8.4-6], [MQTT-3.9.3-1]
        client.send(&SubAck {
            packet_id: packet.packet_id,
            properties: Properties::EMPTY,
            codes: ReasonCodes::from_slice(&codes),
        })?;
        for delivery in retained {
            client.give(delivery, maximum);
            client.pump();
        }
        Ok(())
    }

    /// Judges what CONNACK has told the client in 5.0, and no client before.
    fn check_features(&self, filter: &Filter) -> Result<(), Fault> {
        if filter.is_shared && !self.settings.shared_available {
            let reason = ReasonCode::SharedSubscriptionsNotSupported;
            return Err(Fault::new(reason, "Shared Subscriptions are not available"));
        }
        if filter.has_wildcard() && !self.settings.wildcard_available {
            let reason = ReasonCode::WildcardSubscriptionsNotSupported;
            return Err(Fault::new(reason, "Wildcard Subscriptions are not available"));
        }
        Ok(())
    }

    /// Makes or replaces a subscription and gives its code; adds the retained messages it brings.
    fn subscribe(
        &mut self,
        id: ConnectionId,
        filter: &str,
        mut subscription: Subscription,
        retained: &mut Vec<Delivery>,
    ) -> ReasonCode {
        if self.settings.forbidden.iter().any(|forbidden| forbidden == filter) {
            return ReasonCode::NotAuthorized;
        }
        // [MQTT-3.8.3-2] of MQTT 3.1.1
        if let Err(fault) = self.check_features(&subscription.filter) {
            return fault.reason;
        }
        // [MQTT-3.2.2-10]
        let qos = subscription.options.qos.min(self.settings.maximum_qos);
        subscription.options = SubscriptionOptions { qos, ..subscription.options };
        let copies = self.retained_copies(&subscription);
        let Some(client) = self.client(id) else { return ReasonCode::UnspecifiedError };
        let is_shared = subscription.filter.is_shared;
        let handling = subscription.options.retain_handling;
        // [MQTT-3.8.4-3]
        let replaced = client.session.subscriptions.insert(filter.to_owned(), subscription);
        let are_wanted = match handling {
            // [MQTT-3.3.1-9], [MQTT-3.8.4-4]
            RetainHandling::Send => true,
            // [MQTT-3.3.1-10]
            RetainHandling::SendIfNew => replaced.is_none(),
            // [MQTT-3.3.1-11]
            RetainHandling::DoNotSend => false,
        };
        if are_wanted && !is_shared {
            retained.extend(copies);
        }
        // [MQTT-3.8.4-7]
        match qos {
            QoS::AtMostOnce => ReasonCode::GrantedQoS0,
            QoS::AtLeastOnce => ReasonCode::GrantedQoS1,
            QoS::ExactlyOnce => ReasonCode::GrantedQoS2,
        }
    }

    pub(super) fn handle_unsubscribe(
        &mut self,
        id: ConnectionId,
        packet: &Unsubscribe<'_>,
    ) -> Result<(), Fault> {
        let is_in_use = self.is_in_use(id, packet.packet_id);
        let Some(mut client) = self.client(id) else { return Ok(()) };
        let codes = packet.filters.iter().map(|filter| {
            if is_in_use {
                return ReasonCode::PacketIdentifierInUse;
            }
            // [MQTT-3.10.4-1], [MQTT-3.10.4-2]
            match client.session.subscriptions.remove(filter) {
                Some(_) => ReasonCode::Success,
                None => ReasonCode::NoSubscriptionExisted,
            }
        });
        let mut codes: Vec<ReasonCode> = codes.collect();
        if !client.link.version.has_properties() {
            codes.clear();
        }
        // [MQTT-3.10.4-4], [MQTT-3.10.4-5], [MQTT-3.10.4-6], [MQTT-3.11.3-1]
        client.send(&UnsubAck {
            packet_id: packet.packet_id,
            properties: Properties::EMPTY,
            codes: ReasonCodes::from_slice(&codes),
        })
    }

    /// Whether a QoS 2 message of the client has this Packet Identifier. Before 5.0 nobody says so.
    fn is_in_use(&mut self, id: ConnectionId, packet_id: PacketId) -> bool {
        self.client(id).is_some_and(|client| {
            // [MQTT-2.2.1-3]
            client.link.version.has_properties() && client.session.received.contains(&packet_id)
        })
    }
}
