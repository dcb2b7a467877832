//! Subscription Identifiers, and brokers that have none (section 3.2.2.3.12).

use mqtt_proto::{Packet, PacketType, Properties, Property, Subscribe, Version};

use super::filter::request_parts;
use super::flow::packet_id_place;
use super::link::outbound_dialect;
use super::put::{fits, integer};
use super::reencode::put_request;
use crate::{BufferTooSmall, Config, Limits, Memory, Output};

/// What becomes of the Subscription Identifier of a SUBSCRIBE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Identifiers {
    /// A broker that has none does not get the SUBSCRIBE.
    Required,
    /// It is sent.
    Sent,
    /// It is left out: the broker at hand has none.
    LeftOut,
}

impl Identifiers {
    pub(super) fn new(config: &Config) -> Identifiers {
        if config.optional_identifiers { Identifiers::Sent } else { Identifiers::Required }
    }

    /// A broker that grants these limits accepted a connection.
    pub(super) fn handle_connected(&mut self, limits: &Limits, version: Version) {
        let has_them = version.has_properties() && limits.subscription_identifier_available;
        *self = match *self {
            Identifiers::Required => Identifiers::Required,
            Identifiers::Sent | Identifiers::LeftOut if has_them => Identifiers::Sent,
            Identifiers::Sent | Identifiers::LeftOut => Identifiers::LeftOut,
        };
    }

    /// A packet as it is sent, if an identifier is all that a SUBSCRIBE has of properties.
    pub(super) fn leave_out(self, packet: Packet<'_>) -> Packet<'_> {
        match (self, packet) {
            (Identifiers::LeftOut, Packet::Subscribe(subscribe))
                if subscribe.properties.iter().all(|property| is_identifier(&property)) =>
            {
                Packet::Subscribe(Subscribe { properties: Properties::EMPTY, ..subscribe })
            }
            (Identifiers::Required | Identifiers::Sent | Identifiers::LeftOut, packet) => packet,
        }
    }

    /// Appends a SUBSCRIBE made for `from`; `false` when it has to wait for an empty buffer.
    pub(super) fn put_subscribe<M: Memory>(
        self,
        out: &mut impl Output<M::Body>,
        packet: &[u8],
        from: Version,
        to: Version,
    ) -> Result<bool, BufferTooSmall> {
        let anonymous = match self {
            Identifiers::Required | Identifiers::Sent => None,
            Identifiers::LeftOut => Anonymous::new(packet, from),
        };
        match anonymous {
            None => put_request::<M>(out, packet, from, to),
            Some(anonymous) => anonymous.put::<M>(out, to),
        }
    }
}

/// A SUBSCRIBE without its Subscription Identifier.
struct Anonymous<'a> {
    first: &'a [u8],
    packet_id: &'a [u8],
    /// The properties that stood before the identifier.
    before: &'a [u8],
    after: &'a [u8],
    payload: &'a [u8],
}

impl<'a> Anonymous<'a> {
    /// `None` when it has none.
    fn new(packet: &'a [u8], version: Version) -> Option<Anonymous<'a>> {
        let (properties, payload) = request_parts(packet, version)?;
        let (before, after) = around_identifier(properties, version)?;
        let packet_id = packet.get(packet_id_place(packet)?..)?.get(..2)?;
        Some(Anonymous { first: packet.get(..1)?, packet_id, before, after, payload })
    }

    fn put<M: Memory>(
        &self,
        out: &mut impl Output<M::Body>,
        to: Version,
    ) -> Result<bool, BufferTooSmall> {
        let Anonymous { first, packet_id, before, after, payload } = *self;
        let (bytes, len) = integer(before.len() + after.len());
        let property_length = bytes.get(..len).filter(|_| to.has_properties()).unwrap_or_default();
        let rest = [packet_id, property_length, before, after, payload];
        let (bytes, len) = integer(rest.iter().map(|part| part.len()).sum());
        let remaining_length = bytes.get(..len).unwrap_or_default();
        let parts = [first, remaining_length].into_iter().chain(rest);
        let fits = fits::<M>(out, parts.clone().map(<[u8]>::len).sum())?;
        if fits {
            parts.for_each(|part| out.put(part));
        }
        Ok(fits)
    }
}

/// What stands before and behind the Subscription Identifier, if there is one.
fn around_identifier(properties: &[u8], version: Version) -> Option<(&[u8], &[u8])> {
    let dialect = outbound_dialect(version);
    let list = Properties::from_wire(properties, PacketType::Subscribe, dialect).ok()?;
    let before = list.iter().take_while(|property| !is_identifier(property));
    let before = before.map(|property| property.encoded_len()).sum();
    let identifier = list.iter().find(is_identifier)?.encoded_len();
    let (before, rest) = properties.split_at_checked(before)?;
    Some((before, rest.get(identifier..)?))
}

fn is_identifier(property: &Property<'_>) -> bool {
    matches!(property, Property::SubscriptionIdentifier(_))
}
