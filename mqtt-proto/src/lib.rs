//! MQTT packets on the wire: bytes in, borrowed views out, and back.
//!
//! One packet model serves MQTT 5.0, 3.1.1 and 3.1; what differs is decided by the [`Dialect`]
//! given to every call: the protocol version, who sends, and how strict to be. Nothing here
//! allocates, keeps state or knows time.
//!
//! Reading: [`FixedHeader::decode`] finds the frame, [`Packet::decode`] checks it whole and gives
//! a view that borrows from it. Writing: [`Encode::measure`] checks a packet and computes its
//! length, [`Encode::write`] then writes it once.
//!
//! ```
//! use mqtt_proto::{
//!     Dialect, Encode, FixedHeader, Packet, Properties, Property, Publish, QoS, Role, Version,
//! };
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let dialect = Dialect { version: Version::V5, sender: Role::Client, lenient: false };
//! let publish = Publish {
//!     dup: false,
//!     qos: QoS::AtMostOnce,
//!     retain: false,
//!     topic: "room/12/temperature",
//!     packet_id: None,
//!     properties: Properties::from_slice(&[Property::ContentType("text/plain")]),
//!     payload: b"21.5",
//! };
//!
//! let mut buffer = [0; 64];
//! let measure = publish.measure(dialect)?;
//! publish.write(dialect, &measure, &mut buffer)?;
//! let received = &buffer[..measure.len];
//!
//! // `None` asks for more bytes; here the packet is whole.
//! let header = FixedHeader::decode(received, dialect)?.expect("two bytes or more");
//! let body = &received[header.len.into()..header.packet_len()];
//! let packet = Packet::decode(header, body, dialect)?;
//! assert_eq!(packet, Packet::Publish(publish));
//! # Ok(())
//! # }
//! ```
#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    warn(
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::unwrap_used,
        reason = "no input may make it panic"
    )
)]
#![warn(clippy::disallowed_methods, clippy::disallowed_types)]

#[cfg(test)]
extern crate std;

mod dialect;
mod error;
mod frame;
mod packet;
mod property;
mod reason;
mod topic;
mod wire;
mod wire_enum;

pub use dialect::{Dialect, PacketId, QoS, Role, Version};
pub use error::{DecodeError, EncodeError, Field, TopicError, Violation};
pub use frame::{FixedHeader, MAX_REMAINING_LENGTH, PacketType};
pub use packet::{
    Ack, Auth, ConnAck, Connect, Disconnect, Encode, Filters, Measure, Packet, PubAck, PubComp,
    PubRec, PubRel, Publish, ReasonCodes, RetainHandling, SubAck, Subscribe, Subscription,
    SubscriptionOptions, Subscriptions, UnsubAck, Unsubscribe, Will,
};
pub use property::{Properties, Property, PropertyId, PropertyIter};
pub use reason::ReasonCode;
pub use topic::{TopicFilter, TopicName};
