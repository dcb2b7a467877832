//! Messages as the broker keeps them, and their copies for subscribers.

use std::sync::Arc;
use std::time::Duration;

use mqtt_proto::{Properties, Property, Publish, QoS, Will};
use mqtt_session::Time;

/// An Application Message (section 3.3): what a broker forwards unchanged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// Topic Name.
    pub topic: String,
    /// Application Message.
    pub payload: Vec<u8>,
    /// The QoS it is published with.
    pub qos: QoS,
    /// RETAIN.
    pub retain: bool,
    /// Payload Format Indicator.
    pub payload_format_indicator: Option<bool>,
    /// Message Expiry Interval in seconds, from its arrival on.
    pub message_expiry_interval: Option<u32>,
    /// Content Type.
    pub content_type: Option<String>,
    /// Response Topic.
    pub response_topic: Option<String>,
    /// Correlation Data.
    pub correlation_data: Option<Vec<u8>>,
    /// User Properties in their order.
    pub user_properties: Vec<(String, String)>,
}

impl Message {
    /// A message of QoS 0 without properties.
    pub fn new(topic: &str, payload: &[u8]) -> Message {
        Message { topic: topic.to_owned(), payload: payload.to_vec(), ..Message::default() }
    }

    /// The message of a PUBLISH whose topic, perhaps by alias, is `topic`.
    pub(super) fn of_publish(publish: &Publish<'_>, topic: &str) -> Message {
        Message {
            qos: publish.qos,
            retain: publish.retain,
            ..Message::with(topic, publish.payload, &publish.properties)
        }
    }

    pub(super) fn of_will(will: &Will<'_>) -> Message {
        Message {
            qos: will.qos,
            retain: will.retain,
            ..Message::with(will.topic, will.payload, &will.properties)
        }
    }

    /// Whether the Payload Format Indicator says text and the payload is none.
    pub(super) fn has_wrong_format(&self) -> bool {
        self.payload_format_indicator == Some(true) && std::str::from_utf8(&self.payload).is_err()
    }

    fn with(topic: &str, payload: &[u8], properties: &Properties<'_>) -> Message {
        let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        Message {
            payload_format_indicator: properties.payload_format_indicator(),
            message_expiry_interval: properties.message_expiry_interval(),
            content_type: properties.content_type().map(str::to_owned),
            response_topic: properties.response_topic().map(str::to_owned),
            correlation_data: properties.correlation_data().map(<[u8]>::to_vec),
            user_properties: properties.user_properties().map(owned).collect(),
            ..Message::new(topic, payload)
        }
    }
}

/// A message with the time it arrived at.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) message: Message,
    pub(super) arrived: Time,
}

impl Kept {
    /// Whether its Message Expiry Interval has passed.
    ///
    /// At the moment of its arrival no message has expired, so an interval of 0 reaches those that
    /// can have it at once.
    pub(super) fn has_expired(&self, now: Time) -> bool {
        let waited = now.since(self.arrived);
        self.message.message_expiry_interval.is_some_and(|seconds| {
            waited >= Duration::from_secs(seconds.into()) && !waited.is_zero()
        })
    }

    /// The Message Expiry Interval to forward: less by the seconds it waited here.
    fn remaining_expiry(&self, now: Time) -> Option<u32> {
        // [MQTT-3.3.2-6]
        let waited = u32::try_from(now.since(self.arrived).as_secs()).unwrap_or(u32::MAX);
        self.message.message_expiry_interval.map(|seconds| seconds.saturating_sub(waited))
    }
}

/// A copy of a message for one client.
#[derive(Clone, Debug)]
pub(super) struct Delivery {
    pub(super) kept: Arc<Kept>,
    pub(super) qos: QoS,
    pub(super) retain: bool,
    /// The Subscription Identifiers of the subscriptions that caused it.
    pub(super) identifiers: Vec<u32>,
}

impl Delivery {
    /// The properties of its PUBLISH in MQTT 5.0.
    pub(super) fn properties(&self, now: Time) -> Vec<Property<'_>> {
        let message = &self.kept.message;
        let mut properties = Vec::new();
        // [MQTT-3.3.2-4], [MQTT-3.3.2-15], [MQTT-3.3.2-16], [MQTT-3.3.2-20]
        properties.extend(message.payload_format_indicator.map(Property::PayloadFormatIndicator));
        properties.extend(self.kept.remaining_expiry(now).map(Property::MessageExpiryInterval));
        properties.extend(message.content_type.as_deref().map(Property::ContentType));
        properties.extend(message.response_topic.as_deref().map(Property::ResponseTopic));
        properties.extend(message.correlation_data.as_deref().map(Property::CorrelationData));
        // [MQTT-3.3.2-17], [MQTT-3.3.2-18]
        let user = message.user_properties.iter();
        properties.extend(user.map(|(name, value)| Property::UserProperty(name, value)));
        // [MQTT-3.3.4-3]
        properties.extend(self.identifiers.iter().copied().map(Property::SubscriptionIdentifier));
        properties
    }
}
