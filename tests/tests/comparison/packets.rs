//! Packets as the conversations write them down.

use mqtt_proto::{
    Ack, Connect, Disconnect, Filters, Packet, PacketId, Properties, Property, PubAck, PubComp,
    PubRec, PubRel, Publish, QoS, ReasonCode, Subscribe, Subscription, SubscriptionOptions,
    Subscriptions, Unsubscribe, Version, Will,
};

pub(crate) const QOS0: QoS = QoS::AtMostOnce;
pub(crate) const QOS1: QoS = QoS::AtLeastOnce;
pub(crate) const QOS2: QoS = QoS::ExactlyOnce;

pub(crate) fn id(id: u16) -> PacketId {
    PacketId::new(id).unwrap()
}

pub(crate) fn list<'a>(properties: &'a [Property<'a>]) -> Properties<'a> {
    Properties::from_slice(properties)
}

/// A CONNECT with Clean Start.
pub(crate) fn connect(client_id: &str) -> Connect<'_> {
    Connect {
        version: Version::V5,
        clean_start: true,
        keep_alive: 60,
        properties: Properties::EMPTY,
        client_id,
        will: None,
        username: None,
        password: None,
    }
}

/// A Will of QoS 1 on `will`.
pub(crate) const WILL: Will<'static> = Will {
    qos: QOS1,
    retain: false,
    properties: Properties::EMPTY,
    topic: "will",
    payload: b"gone",
};

pub(crate) fn publish(qos: QoS, packet_id: u16, topic: &'static str) -> Publish<'static> {
    Publish {
        dup: false,
        qos,
        retain: false,
        topic,
        packet_id: PacketId::new(packet_id),
        properties: Properties::EMPTY,
        payload: b"hi",
    }
}

/// A retained message of QoS 0.
pub(crate) fn retained(topic: &'static str, payload: &'static str) -> Publish<'static> {
    Publish { retain: true, payload: payload.as_bytes(), ..publish(QOS0, 0, topic) }
}

pub(crate) fn ack(packet_id: PacketId, reason: ReasonCode) -> Ack<'static> {
    Ack { packet_id, reason, properties: Properties::EMPTY }
}

pub(crate) fn puback(packet_id: PacketId) -> Packet<'static> {
    Packet::PubAck(PubAck(Ack::success(packet_id)))
}

pub(crate) fn pubrec(packet_id: PacketId) -> Packet<'static> {
    Packet::PubRec(PubRec(Ack::success(packet_id)))
}

pub(crate) fn pubrel(packet_id: u16) -> Packet<'static> {
    Packet::PubRel(PubRel(Ack::success(id(packet_id))))
}

pub(crate) fn pubcomp(packet_id: PacketId) -> Packet<'static> {
    Packet::PubComp(PubComp(Ack::success(packet_id)))
}

pub(crate) fn filter(filter: &str, qos: QoS) -> Subscription<'_> {
    Subscription { filter, options: SubscriptionOptions { qos, ..SubscriptionOptions::default() } }
}

pub(crate) fn subscribe<'a>(packet_id: u16, filters: &'a [Subscription<'a>]) -> Packet<'a> {
    subscribe_with(packet_id, filters, Properties::EMPTY)
}

pub(crate) fn subscribe_with<'a>(
    packet_id: u16,
    filters: &'a [Subscription<'a>],
    properties: Properties<'a>,
) -> Packet<'a> {
    let subscriptions = Subscriptions::from_slice(filters);
    Packet::Subscribe(Subscribe { packet_id: id(packet_id), properties, subscriptions })
}

pub(crate) fn unsubscribe<'a>(packet_id: u16, filters: &'a [&'a str]) -> Packet<'a> {
    Packet::Unsubscribe(Unsubscribe {
        packet_id: id(packet_id),
        properties: Properties::EMPTY,
        filters: Filters::from_slice(filters),
    })
}

pub(crate) fn disconnect(reason: ReasonCode) -> Packet<'static> {
    Packet::Disconnect(Disconnect { reason, properties: Properties::EMPTY })
}
