//! A message to publish.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use mqtt_session::Heap;
use mqtt_session::proto::{self, Properties, Property, QoS};

/// A message to publish (section 3.3): not retained, without properties unless told otherwise.
///
/// Topic and payload may be borrowed: what is kept of them is copied when the message is accepted.
/// A large payload given as [`Bytes`] or `Vec<u8>` is kept without a copy.
#[derive(Clone, PartialEq, Eq)]
#[must_use = "a message is sent when it is given to a client"]
pub struct Publish<'a> {
    topic: Cow<'a, str>,
    payload: Payload<'a>,
    /// `None` is the default of the client.
    qos: Option<QoS>,
    retain: bool,
    message_expiry: Option<u32>,
    properties: Option<Box<Described<'a>>>,
}

/// The payload of a message to publish.
#[derive(Clone)]
pub enum Payload<'a> {
    /// Copied when the message is accepted.
    Borrowed(&'a [u8]),
    /// Kept; copied only when it is small.
    Owned(Bytes),
}

/// The properties few messages have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Described<'a> {
    payload_format_utf8: bool,
    content_type: Option<Cow<'a, str>>,
    response_topic: Option<Cow<'a, str>>,
    correlation_data: Option<Cow<'a, [u8]>>,
    user_properties: Vec<(Cow<'a, str>, Cow<'a, str>)>,
}

impl<'a> Publish<'a> {
    /// A message for this Topic Name, which is checked when it is published.
    pub fn new(topic: impl Into<Cow<'a, str>>, payload: impl Into<Payload<'a>>) -> Publish<'a> {
        Publish {
            topic: topic.into(),
            payload: payload.into(),
            qos: None,
            retain: false,
            message_expiry: None,
            properties: None,
        }
    }

    /// Quality of service. Default: the client's [`default_qos`](crate::Options::default_qos), which is
    /// QoS 0 unless told otherwise; of a will QoS 0.
    pub fn qos(mut self, qos: QoS) -> Publish<'a> {
        self.qos = Some(qos);
        self
    }

    /// RETAIN: the broker keeps the message for those who subscribe later.
    pub fn retain(mut self, retain: bool) -> Publish<'a> {
        self.retain = retain;
        self
    }

    /// Message Expiry Interval (5.0), in whole seconds: counts down here, too, while the message
    /// waits; one that expires before it was sent is not sent and fails as expired.
    pub fn message_expiry(mut self, expiry: Duration) -> Publish<'a> {
        self.message_expiry = Some(u32::try_from(expiry.as_secs()).unwrap_or(u32::MAX));
        self
    }

    /// Payload Format Indicator (5.0): the payload is UTF-8 text.
    pub fn payload_format_utf8(mut self) -> Publish<'a> {
        self.described().payload_format_utf8 = true;
        self
    }

    /// Content Type (5.0).
    pub fn content_type(mut self, content_type: impl Into<Cow<'a, str>>) -> Publish<'a> {
        self.described().content_type = Some(content_type.into());
        self
    }

    /// Response Topic (5.0).
    pub fn response_topic(mut self, topic: impl Into<Cow<'a, str>>) -> Publish<'a> {
        self.described().response_topic = Some(topic.into());
        self
    }

    /// Correlation Data (5.0).
    pub fn correlation_data(mut self, data: impl Into<Cow<'a, [u8]>>) -> Publish<'a> {
        self.described().correlation_data = Some(data.into());
        self
    }

    /// One more User Property (5.0).
    pub fn user_property(
        mut self,
        name: impl Into<Cow<'a, str>>,
        value: impl Into<Cow<'a, str>>,
    ) -> Publish<'a> {
        self.described().user_properties.push((name.into(), value.into()));
        self
    }

    /// The same message, borrowing nothing.
    pub fn into_owned(self) -> Publish<'static> {
        Publish {
            topic: Cow::Owned(self.topic.into_owned()),
            payload: self.payload.into_owned(),
            qos: self.qos,
            retain: self.retain,
            message_expiry: self.message_expiry,
            properties: self.properties.map(|described| Box::new(described.into_owned())),
        }
    }

    /// The Topic Name.
    pub fn topic(&self) -> &str {
        &self.topic
    }

    /// The payload.
    pub fn payload(&self) -> &[u8] {
        self.payload.as_ref()
    }

    /// The QoS it is published with.
    pub(crate) fn quality(&self) -> QoS {
        self.qos.unwrap_or(QoS::AtMostOnce)
    }

    /// Has this QoS if it was not told another.
    pub(crate) fn set_default_qos(&mut self, qos: QoS) {
        self.qos.get_or_insert(qos);
    }

    /// About the length of its packet, in bytes.
    pub(crate) fn len(&self) -> usize {
        self.topic.len() + self.payload.as_ref().len()
    }

    /// Whether the time it is accepted at matters.
    pub(crate) fn expires(&self) -> bool {
        self.message_expiry.is_some()
    }

    /// Shows the packet, without its payload, to `f`.
    #[inline]
    pub(crate) fn with_packet<R>(&self, f: impl FnOnce(&proto::Publish<'_>) -> R) -> R {
        let expiry = self.message_expiry.map(Property::MessageExpiryInterval);
        match (&self.properties, expiry) {
            (None, None) => f(&self.packet(Properties::EMPTY)),
            (None, Some(expiry)) => f(&self.packet(Properties::from_slice(&[expiry]))),
            (Some(described), expiry) => {
                let properties: Vec<_> = expiry.into_iter().chain(described.iter()).collect();
                f(&self.packet(Properties::from_slice(&properties)))
            }
        }
    }

    /// The payload as a session takes it. Not consumed, since a full session takes nothing.
    #[inline]
    pub(crate) fn session_payload(&self) -> mqtt_session::Payload<'_, Bytes> {
        match &self.payload {
            Payload::Owned(bytes) if bytes.len() >= KEEP_FROM => {
                mqtt_session::Payload::Keep(bytes.clone())
            }
            payload => mqtt_session::Payload::Copy(payload.as_ref()),
        }
    }

    /// As a Will Message, with its Will Delay Interval in seconds.
    pub(crate) fn with_will<R>(
        &self,
        delay: Option<u32>,
        f: impl FnOnce(proto::Will<'_>) -> R,
    ) -> R {
        let properties: Vec<_> = delay
            .map(Property::WillDelayInterval)
            .into_iter()
            .chain(self.message_expiry.map(Property::MessageExpiryInterval))
            .chain(self.properties.iter().flat_map(|described| described.iter()))
            .collect();
        f(proto::Will {
            qos: self.quality(),
            retain: self.retain,
            properties: Properties::from_slice(&properties),
            topic: &self.topic,
            payload: self.payload.as_ref(),
        })
    }

    #[inline]
    fn packet<'p>(&'p self, properties: Properties<'p>) -> proto::Publish<'p> {
        proto::Publish {
            dup: false,
            qos: self.quality(),
            retain: self.retain,
            topic: &self.topic,
            packet_id: None,
            properties,
            payload: &[],
        }
    }

    fn described(&mut self) -> &mut Described<'a> {
        self.properties.get_or_insert_default()
    }
}

impl Payload<'_> {
    fn into_owned(self) -> Payload<'static> {
        match self {
            Payload::Borrowed(bytes) => Payload::Owned(Bytes::copy_from_slice(bytes)),
            Payload::Owned(bytes) => Payload::Owned(bytes),
        }
    }
}

impl Described<'_> {
    fn iter(&self) -> impl Iterator<Item = Property<'_>> {
        let utf8 = self.payload_format_utf8.then_some(Property::PayloadFormatIndicator(true));
        utf8.into_iter()
            .chain(self.content_type.as_deref().map(Property::ContentType))
            .chain(self.response_topic.as_deref().map(Property::ResponseTopic))
            .chain(self.correlation_data.as_deref().map(Property::CorrelationData))
            .chain(
                self.user_properties
                    .iter()
                    .map(|(name, value)| Property::UserProperty(name, value)),
            )
    }

    fn into_owned(self) -> Described<'static> {
        let owned = |text: Cow<'_, str>| Cow::Owned(text.into_owned());
        Described {
            payload_format_utf8: self.payload_format_utf8,
            content_type: self.content_type.map(owned),
            response_topic: self.response_topic.map(owned),
            correlation_data: self.correlation_data.map(|data| Cow::Owned(data.into_owned())),
            user_properties: self
                .user_properties
                .into_iter()
                .map(|(name, value)| (owned(name), owned(value)))
                .collect(),
        }
    }
}

impl fmt::Debug for Publish<'_> {
    /// Says how long the payload is, not what it is.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Publish")
            .field("topic", &self.topic)
            .field("payload", &self.payload)
            .field("qos", &self.qos)
            .field("retain", &self.retain)
            .field("message_expiry", &self.message_expiry)
            .field("properties", &self.properties)
            .finish()
    }
}

impl fmt::Debug for Payload<'_> {
    /// Says how long it is, not what it is.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.as_ref().len())
    }
}

impl PartialEq for Payload<'_> {
    /// Whether the bytes are the same, whoever owns them.
    fn eq(&self, other: &Self) -> bool {
        self.as_ref() == other.as_ref()
    }
}

impl Eq for Payload<'_> {}

impl AsRef<[u8]> for Payload<'_> {
    fn as_ref(&self) -> &[u8] {
        match self {
            Payload::Borrowed(bytes) => bytes,
            Payload::Owned(bytes) => bytes,
        }
    }
}

impl<'a> From<&'a [u8]> for Payload<'a> {
    fn from(bytes: &'a [u8]) -> Payload<'a> {
        Payload::Borrowed(bytes)
    }
}

impl<'a, const N: usize> From<&'a [u8; N]> for Payload<'a> {
    fn from(bytes: &'a [u8; N]) -> Payload<'a> {
        Payload::Borrowed(bytes)
    }
}

impl<'a> From<&'a str> for Payload<'a> {
    fn from(text: &'a str) -> Payload<'a> {
        Payload::Borrowed(text.as_bytes())
    }
}

impl<'a> From<&'a String> for Payload<'a> {
    fn from(text: &'a String) -> Payload<'a> {
        Payload::Borrowed(text.as_bytes())
    }
}

impl<'a> From<&'a Vec<u8>> for Payload<'a> {
    fn from(bytes: &'a Vec<u8>) -> Payload<'a> {
        Payload::Borrowed(bytes)
    }
}

impl From<Bytes> for Payload<'_> {
    fn from(bytes: Bytes) -> Self {
        Payload::Owned(bytes)
    }
}

impl From<Vec<u8>> for Payload<'_> {
    fn from(bytes: Vec<u8>) -> Self {
        Payload::Owned(bytes.into())
    }
}

impl From<String> for Payload<'_> {
    fn from(text: String) -> Self {
        Payload::Owned(text.into())
    }
}

/// The kept payload's size from which it is lent, not copied.
const KEEP_FROM: usize = <Heap<Bytes> as mqtt_session::Memory>::KEEP_FROM;

#[cfg(test)]
mod tests;
