//! Packets as they are compared: without what each broker may choose for itself.

use mqtt_proto::{Packet, PacketId, Properties, Property, Role};
use mqtt_testkit::Line;

/// The Packet Identifiers that a broker gave, in the order they were first seen.
#[derive(Debug, Default)]
pub(crate) struct Ids(Vec<PacketId>);

impl Ids {
    pub(crate) fn nth(&self, nth: usize) -> Option<PacketId> {
        self.0.get(nth.checked_sub(1)?).copied()
    }

    /// The number of an identifier, or itself if the broker never gave it.
    fn number(&self, id: PacketId) -> PacketId {
        let index = self.0.iter().position(|&seen| seen == id);
        index.and_then(|index| PacketId::new(u16::try_from(index + 1).ok()?)).unwrap_or(id)
    }
}

/// The line of a packet: properties in the order of their identifiers, without Reason String; an
/// Assigned Client Identifier as `…`, the remaining Message Expiry Interval to the next five
/// seconds, and the Packet Identifiers of the broker by their numbers.
pub(crate) fn line(packet: &Packet<'_>, sender: Role, ids: &mut Ids) -> String {
    let mut packet = *packet;
    if let (Packet::Publish(publish), Role::Server) = (&packet, sender)
        && let Some(id) = publish.packet_id
        && !ids.0.contains(&id)
    {
        ids.0.push(id);
    }
    if let Some(id) = broker_id(&mut packet, sender) {
        *id = ids.number(*id);
    }
    let Some(properties) = properties_mut(&mut packet).copied() else {
        return Line(&packet).to_string();
    };
    let mut list: Vec<Property<'_>> =
        properties.iter().filter_map(|property| normal(property, sender)).collect();
    // It is stable: of several User Properties the order counts.
    list.sort_by_key(|property| property.id().to_u8());
    if let Some(properties) = properties_mut(&mut packet) {
        *properties = Properties::from_slice(&list);
    }
    Line(&packet).to_string()
}

fn normal(property: Property<'_>, sender: Role) -> Option<Property<'_>> {
    match property {
        Property::ReasonString(_) => None,
        Property::AssignedClientIdentifier(_) => Some(Property::AssignedClientIdentifier("…")),
        Property::MessageExpiryInterval(left) if sender == Role::Server => {
            Some(Property::MessageExpiryInterval(left.next_multiple_of(5)))
        }
        property => Some(property),
    }
}

/// The Packet Identifier, if it is one that the broker chose.
fn broker_id<'p>(packet: &'p mut Packet<'_>, sender: Role) -> Option<&'p mut PacketId> {
    match (packet, sender) {
        (Packet::Publish(publish), Role::Server) => publish.packet_id.as_mut(),
        (Packet::PubRel(ack), Role::Server) => Some(&mut ack.0.packet_id),
        (Packet::PubAck(ack), Role::Client) => Some(&mut ack.0.packet_id),
        (Packet::PubRec(ack), Role::Client) => Some(&mut ack.0.packet_id),
        (Packet::PubComp(ack), Role::Client) => Some(&mut ack.0.packet_id),
        _ => None,
    }
}

fn properties_mut<'p, 'a>(packet: &'p mut Packet<'a>) -> Option<&'p mut Properties<'a>> {
    match packet {
        Packet::Connect(connect) => Some(&mut connect.properties),
        Packet::ConnAck(connack) => Some(&mut connack.properties),
        Packet::Publish(publish) => Some(&mut publish.properties),
        Packet::PubAck(ack) => Some(&mut ack.0.properties),
        Packet::PubRec(ack) => Some(&mut ack.0.properties),
        Packet::PubRel(ack) => Some(&mut ack.0.properties),
        Packet::PubComp(ack) => Some(&mut ack.0.properties),
        Packet::Subscribe(subscribe) => Some(&mut subscribe.properties),
        Packet::SubAck(suback) => Some(&mut suback.properties),
        Packet::Unsubscribe(unsubscribe) => Some(&mut unsubscribe.properties),
        Packet::UnsubAck(unsuback) => Some(&mut unsuback.properties),
        Packet::Disconnect(disconnect) => Some(&mut disconnect.properties),
        Packet::Auth(auth) => Some(&mut auth.properties),
        Packet::PingReq | Packet::PingResp => None,
    }
}
