//! One accessor per property.

use core::iter;

use crate::{Properties, Property, PropertyId, QoS};

/// Writes the accessors of the properties that stand at most once.
macro_rules! accessors {
    ($($(#[$doc:meta])* $name:ident: $id:ident -> $value:ty;)*) => {
        impl<'a> Properties<'a> {
            $(
                $(#[$doc])*
                #[inline]
                pub fn $name(&self) -> Option<$value> {
                    match self.find(PropertyId::$id)? {
                        Property::$id(value) => Some(value),
                        _ => None,
                    }
                }
            )*
        }
    };
}

accessors! {
    /// Payload Format Indicator: `true` says that the payload is UTF-8 text.
    payload_format_indicator: PayloadFormatIndicator -> bool;
    /// Message Expiry Interval in seconds.
    message_expiry_interval: MessageExpiryInterval -> u32;
    /// Content Type.
    content_type: ContentType -> &'a str;
    /// Response Topic.
    response_topic: ResponseTopic -> &'a str;
    /// Correlation Data.
    correlation_data: CorrelationData -> &'a [u8];
    /// Session Expiry Interval in seconds; `u32::MAX` = never.
    session_expiry_interval: SessionExpiryInterval -> u32;
    /// Assigned Client Identifier.
    assigned_client_identifier: AssignedClientIdentifier -> &'a str;
    /// Server Keep Alive in seconds; 0 = off.
    server_keep_alive: ServerKeepAlive -> u16;
    /// Authentication Method.
    authentication_method: AuthenticationMethod -> &'a str;
    /// Authentication Data.
    authentication_data: AuthenticationData -> &'a [u8];
    /// Request Problem Information.
    request_problem_information: RequestProblemInformation -> bool;
    /// Will Delay Interval in seconds.
    will_delay_interval: WillDelayInterval -> u32;
    /// Request Response Information.
    request_response_information: RequestResponseInformation -> bool;
    /// Response Information.
    response_information: ResponseInformation -> &'a str;
    /// Server Reference.
    server_reference: ServerReference -> &'a str;
    /// Reason String.
    reason_string: ReasonString -> &'a str;
    /// Receive Maximum: 1 to 65,535.
    receive_maximum: ReceiveMaximum -> u16;
    /// Topic Alias Maximum.
    topic_alias_maximum: TopicAliasMaximum -> u16;
    /// Topic Alias: 1 to 65,535.
    topic_alias: TopicAlias -> u16;
    /// Maximum QoS: 0 or 1.
    maximum_qos: MaximumQoS -> QoS;
    /// Retain Available.
    retain_available: RetainAvailable -> bool;
    /// Maximum Packet Size in bytes, at least 1.
    maximum_packet_size: MaximumPacketSize -> u32;
    /// Wildcard Subscription Available.
    wildcard_subscription_available: WildcardSubscriptionAvailable -> bool;
    /// Subscription Identifier Available.
    subscription_identifier_available: SubscriptionIdentifierAvailable -> bool;
    /// Shared Subscription Available.
    shared_subscription_available: SharedSubscriptionAvailable -> bool;
}

impl<'a> Properties<'a> {
    /// The User Properties in their order.
    pub fn user_properties(&self) -> impl Iterator<Item = (&'a str, &'a str)> + Clone + use<'a> {
        let mut rest = *self;
        iter::from_fn(move || match rest.take(PropertyId::UserProperty)? {
            Property::UserProperty(name, value) => Some((name, value)),
            _ => None,
        })
    }

    /// The Subscription Identifiers in their order.
    pub fn subscription_identifiers(&self) -> impl Iterator<Item = u32> + Clone + use<'a> {
        let mut rest = *self;
        iter::from_fn(move || match rest.take(PropertyId::SubscriptionIdentifier)? {
            Property::SubscriptionIdentifier(identifier) => Some(identifier),
            _ => None,
        })
    }
}
