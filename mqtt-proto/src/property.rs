//! Properties (section 2.2.2): a typed list that is checked once and read lazily.

mod accessors;
mod list;
mod rules;
mod value;

pub(crate) use list::list_len;
pub use list::{Properties, PropertyIter};
pub(crate) use rules::Place;

use crate::QoS;
use crate::wire_enum::wire_enum;

wire_enum! {
    /// The identifier of a property (section 2.2.2.2).
    pub enum PropertyId {
        0x01 PayloadFormatIndicator "Payload Format Indicator",
        0x02 MessageExpiryInterval "Message Expiry Interval",
        0x03 ContentType "Content Type",
        0x08 ResponseTopic "Response Topic",
        0x09 CorrelationData "Correlation Data",
        0x0B SubscriptionIdentifier "Subscription Identifier",
        0x11 SessionExpiryInterval "Session Expiry Interval",
        0x12 AssignedClientIdentifier "Assigned Client Identifier",
        0x13 ServerKeepAlive "Server Keep Alive",
        0x15 AuthenticationMethod "Authentication Method",
        0x16 AuthenticationData "Authentication Data",
        0x17 RequestProblemInformation "Request Problem Information",
        0x18 WillDelayInterval "Will Delay Interval",
        0x19 RequestResponseInformation "Request Response Information",
        0x1A ResponseInformation "Response Information",
        0x1C ServerReference "Server Reference",
        0x1F ReasonString "Reason String",
        0x21 ReceiveMaximum "Receive Maximum",
        0x22 TopicAliasMaximum "Topic Alias Maximum",
        0x23 TopicAlias "Topic Alias",
        0x24 MaximumQoS "Maximum QoS",
        0x25 RetainAvailable "Retain Available",
        0x26 UserProperty "User Property",
        0x27 MaximumPacketSize "Maximum Packet Size",
        0x28 WildcardSubscriptionAvailable "Wildcard Subscription Available",
        0x29 SubscriptionIdentifierAvailable "Subscription Identifier Available",
        0x2A SharedSubscriptionAvailable "Shared Subscription Available",
    }
}

/// One property with its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are the standard's own")]
pub enum Property<'a> {
    /// `false` = bytes, `true` = UTF-8 text.
    PayloadFormatIndicator(bool),
    /// Seconds.
    MessageExpiryInterval(u32),
    ContentType(&'a str),
    ResponseTopic(&'a str),
    CorrelationData(&'a [u8]),
    /// 1 to 268,435,455.
    SubscriptionIdentifier(u32),
    /// Seconds; `u32::MAX` = never.
    SessionExpiryInterval(u32),
    AssignedClientIdentifier(&'a str),
    /// Seconds; 0 = off.
    ServerKeepAlive(u16),
    AuthenticationMethod(&'a str),
    AuthenticationData(&'a [u8]),
    RequestProblemInformation(bool),
    /// Seconds.
    WillDelayInterval(u32),
    RequestResponseInformation(bool),
    ResponseInformation(&'a str),
    ServerReference(&'a str),
    ReasonString(&'a str),
    /// 1 to 65,535.
    ReceiveMaximum(u16),
    TopicAliasMaximum(u16),
    /// 1 to the receiver's Topic Alias Maximum.
    TopicAlias(u16),
    /// 0 or 1, which are all the wire can say.
    MaximumQoS(QoS),
    RetainAvailable(bool),
    UserProperty(&'a str, &'a str),
    /// Bytes of the whole packet, at least 1.
    MaximumPacketSize(u32),
    WildcardSubscriptionAvailable(bool),
    SubscriptionIdentifierAvailable(bool),
    SharedSubscriptionAvailable(bool),
}
