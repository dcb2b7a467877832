//! What CONNACK says to a client that is let in (section 3.2.2.3).

use mqtt_proto::{Connect, Property, QoS};

use super::Settings;
use super::connection::asked_expiry;

/// What is granted to one client beyond the settings.
pub(super) struct Grant<'a> {
    pub(super) connect: &'a Connect<'a>,
    /// Assigned Client Identifier.
    pub(super) assigned: Option<&'a str>,
    /// Session Expiry Interval in force.
    pub(super) expiry: u32,
    /// Authentication Data that ends an enhanced authentication.
    pub(super) authentication_data: Option<&'a [u8]>,
}

impl Settings {
    /// The CONNACK properties of 5.0: those whose absence would say something else.
    pub(super) fn grant<'a>(&'a self, grant: &Grant<'a>) -> Vec<Property<'a>> {
        let asked = &grant.connect.properties;
        let mut properties = Vec::new();
        if grant.expiry != asked_expiry(grant.connect) {
            properties.push(Property::SessionExpiryInterval(grant.expiry));
        }
        // [MQTT-3.1.3-7], [MQTT-3.2.2-16]
        properties.extend(grant.assigned.map(Property::AssignedClientIdentifier));
        // [MQTT-3.2.2-21]
        properties.extend(self.server_keep_alive.map(Property::ServerKeepAlive));
        // [MQTT-3.1.2-28]
        if asked.request_response_information() == Some(true) {
            let information = self.response_information.as_deref();
            properties.extend(information.map(Property::ResponseInformation));
        }
        // [MQTT-4.12.0-5], [MQTT-4.12.0-6]
        properties.extend(asked.authentication_method().map(Property::AuthenticationMethod));
        properties.extend(grant.authentication_data.map(Property::AuthenticationData));
        self.announce(&mut properties);
        properties
    }

    /// What holds for every client.
    fn announce(&self, properties: &mut Vec<Property<'_>>) {
        if self.receive_maximum.get() != u16::MAX {
            properties.push(Property::ReceiveMaximum(self.receive_maximum.get()));
        }
        match self.maximum_qos {
            // [MQTT-3.2.2-9]
            QoS::AtMostOnce | QoS::AtLeastOnce => {
                properties.push(Property::MaximumQoS(self.maximum_qos));
            }
            QoS::ExactlyOnce => {}
        }
        if !self.retain_available {
            properties.push(Property::RetainAvailable(false));
        }
        let size = self.maximum_packet_size;
        properties.extend(size.map(|size| Property::MaximumPacketSize(size.get())));
        if self.topic_alias_maximum > 0 {
            properties.push(Property::TopicAliasMaximum(self.topic_alias_maximum));
        }
        if !self.wildcard_available {
            properties.push(Property::WildcardSubscriptionAvailable(false));
        }
        if !self.subscription_identifier_available {
            properties.push(Property::SubscriptionIdentifierAvailable(false));
        }
        if !self.shared_available {
            properties.push(Property::SharedSubscriptionAvailable(false));
        }
    }
}
