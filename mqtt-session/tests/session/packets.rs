//! Packets as tests write them down.

use mqtt_session::proto::{
    Ack, ConnAck, Dialect, Disconnect, Encode, FixedHeader, Packet, PacketId, Properties, Property,
    PubAck, PubComp, PubRec, PubRel, Publish, QoS, ReasonCode, ReasonCodes, Role, SubAck,
    Subscribe, Subscription, SubscriptionOptions, Subscriptions, UnsubAck, Version,
};

pub(crate) const QOS0: QoS = QoS::AtMostOnce;
pub(crate) const QOS1: QoS = QoS::AtLeastOnce;
pub(crate) const QOS2: QoS = QoS::ExactlyOnce;

pub(crate) fn id(id: u16) -> PacketId {
    PacketId::new(id).unwrap()
}

/// A message on the topic `t`.
pub(crate) fn message(qos: QoS, payload: &str) -> Publish<'_> {
    Publish {
        dup: false,
        qos,
        retain: false,
        topic: "t",
        packet_id: None,
        properties: Properties::EMPTY,
        payload: payload.as_bytes(),
    }
}

/// The message as a packet.
pub(crate) fn publish(qos: QoS, packet_id: u16, payload: &str) -> Packet<'_> {
    let packet_id = (qos != QOS0).then(|| id(packet_id));
    Packet::Publish(Publish { packet_id, ..message(qos, payload) })
}

/// Likewise, sent again.
pub(crate) fn publish_again(qos: QoS, packet_id: u16, payload: &str) -> Packet<'_> {
    Packet::Publish(Publish { dup: true, packet_id: Some(id(packet_id)), ..message(qos, payload) })
}

/// The PUBLISH with these properties.
pub(crate) fn with_properties<'a>(
    packet: Packet<'a>,
    properties: &'a [Property<'a>],
) -> Packet<'a> {
    let Packet::Publish(publish) = packet else { panic!("not a PUBLISH: {packet:?}") };
    Packet::Publish(Publish { properties: Properties::from_slice(properties), ..publish })
}

fn ack(packet_id: u16, reason: ReasonCode) -> Ack<'static> {
    Ack { packet_id: id(packet_id), reason, properties: Properties::EMPTY }
}

pub(crate) fn puback(packet_id: u16) -> Packet<'static> {
    puback_with(packet_id, ReasonCode::Success)
}

pub(crate) fn puback_with(packet_id: u16, reason: ReasonCode) -> Packet<'static> {
    Packet::PubAck(PubAck(ack(packet_id, reason)))
}

pub(crate) fn pubrec(packet_id: u16) -> Packet<'static> {
    pubrec_with(packet_id, ReasonCode::Success)
}

pub(crate) fn pubrec_with(packet_id: u16, reason: ReasonCode) -> Packet<'static> {
    Packet::PubRec(PubRec(ack(packet_id, reason)))
}

pub(crate) fn pubrel(packet_id: u16) -> Packet<'static> {
    pubrel_with(packet_id, ReasonCode::Success)
}

pub(crate) fn pubrel_with(packet_id: u16, reason: ReasonCode) -> Packet<'static> {
    Packet::PubRel(PubRel(ack(packet_id, reason)))
}

pub(crate) fn pubcomp(packet_id: u16) -> Packet<'static> {
    pubcomp_with(packet_id, ReasonCode::Success)
}

pub(crate) fn pubcomp_with(packet_id: u16, reason: ReasonCode) -> Packet<'static> {
    Packet::PubComp(PubComp(ack(packet_id, reason)))
}

pub(crate) fn connack(session_present: bool) -> ConnAck<'static> {
    ConnAck { session_present, reason: ReasonCode::Success, properties: Properties::EMPTY }
}

pub(crate) fn granting<'a>(properties: &'a [Property<'a>]) -> ConnAck<'a> {
    ConnAck { properties: Properties::from_slice(properties), ..connack(false) }
}

pub(crate) fn filter(filter: &str) -> Subscription<'_> {
    Subscription { filter, options: SubscriptionOptions::default() }
}

pub(crate) fn subscribe<'a>(packet_id: u16, filters: &'a [Subscription<'a>]) -> Packet<'a> {
    Packet::Subscribe(Subscribe {
        packet_id: id(packet_id),
        properties: Properties::EMPTY,
        subscriptions: Subscriptions::from_slice(filters),
    })
}

pub(crate) fn suback(packet_id: u16, codes: &[ReasonCode]) -> Packet<'_> {
    Packet::SubAck(SubAck {
        packet_id: id(packet_id),
        properties: Properties::EMPTY,
        codes: ReasonCodes::from_slice(codes),
    })
}

pub(crate) fn unsubscribe<'a>(packet_id: u16, filters: &'a [&'a str]) -> Packet<'a> {
    Packet::Unsubscribe(mqtt_session::proto::Unsubscribe {
        packet_id: id(packet_id),
        properties: Properties::EMPTY,
        filters: mqtt_session::proto::Filters::from_slice(filters),
    })
}

pub(crate) fn unsuback(packet_id: u16, codes: &[ReasonCode]) -> Packet<'_> {
    Packet::UnsubAck(UnsubAck {
        packet_id: id(packet_id),
        properties: Properties::EMPTY,
        codes: ReasonCodes::from_slice(codes),
    })
}

pub(crate) fn disconnect(reason: ReasonCode) -> Packet<'static> {
    Packet::Disconnect(Disconnect { reason, properties: Properties::EMPTY })
}

pub(crate) fn encode(packet: &impl Encode, version: Version, sender: Role) -> Vec<u8> {
    let dialect = Dialect { version, sender, lenient: false };
    let measure = packet.measure(dialect).unwrap();
    let mut bytes = vec![0; measure.len];
    packet.write(dialect, &measure, &mut bytes).unwrap();
    bytes
}

/// The packets of a client in `bytes`, which holds them whole.
pub(crate) fn decode(mut bytes: &[u8], version: Version) -> Vec<Packet<'_>> {
    let dialect = Dialect { version, sender: Role::Client, lenient: false };
    let mut packets = Vec::new();
    while let Some(header) = FixedHeader::decode(bytes, dialect).unwrap() {
        let (packet, rest) = bytes.split_at(header.packet_len());
        packets.push(Packet::decode(header, &packet[usize::from(header.len)..], dialect).unwrap());
        bytes = rest;
    }
    assert!(bytes.is_empty(), "half a packet was transmitted: {bytes:02X?}");
    packets
}
