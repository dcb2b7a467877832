//! Packets as tests write them down.

use mqtt_proto::{
    Ack, Connect, Filters, Packet, PacketId, Properties, Property, PubAck, PubComp, PubRec, PubRel,
    Publish, QoS, ReasonCode, ReasonCodes, SubAck, Subscribe, Subscription, SubscriptionOptions,
    Subscriptions, UnsubAck, Unsubscribe, Version,
};

pub(crate) const QOS0: QoS = QoS::AtMostOnce;
pub(crate) const QOS1: QoS = QoS::AtLeastOnce;
pub(crate) const QOS2: QoS = QoS::ExactlyOnce;

/// A session that outlives its connection.
pub(crate) const KEPT: &[Property<'_>] = &[Property::SessionExpiryInterval(100)];

pub(crate) fn id(id: u16) -> PacketId {
    PacketId::new(id).unwrap()
}

pub(crate) fn list<'a>(properties: &'a [Property<'a>]) -> Properties<'a> {
    Properties::from_slice(properties)
}

/// A CONNECT with Clean Start and without Keep Alive.
pub(crate) fn connect(client_id: &str) -> Connect<'_> {
    Connect {
        version: Version::V5,
        clean_start: true,
        keep_alive: 0,
        properties: Properties::EMPTY,
        client_id,
        will: None,
        username: None,
        password: None,
    }
}

/// A CONNECT of 5.0 that resumes a session, or makes one that is kept.
pub(crate) fn resume(client_id: &str) -> Connect<'_> {
    Connect { clean_start: false, properties: list(KEPT), ..connect(client_id) }
}

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

pub(crate) fn retained(topic: &'static str, payload: &'static str) -> Publish<'static> {
    Publish { retain: true, payload: payload.as_bytes(), ..publish(QOS0, 0, topic) }
}

pub(crate) fn ack(packet_id: u16, reason: ReasonCode) -> Ack<'static> {
    Ack { packet_id: id(packet_id), reason, properties: Properties::EMPTY }
}

pub(crate) fn puback(packet_id: u16) -> Packet<'static> {
    Packet::PubAck(PubAck(ack(packet_id, ReasonCode::Success)))
}

pub(crate) fn pubrec(packet_id: u16) -> Packet<'static> {
    Packet::PubRec(PubRec(ack(packet_id, ReasonCode::Success)))
}

pub(crate) fn pubrel(packet_id: u16) -> Packet<'static> {
    Packet::PubRel(PubRel(ack(packet_id, ReasonCode::Success)))
}

pub(crate) fn pubcomp(packet_id: u16) -> Packet<'static> {
    Packet::PubComp(PubComp(ack(packet_id, ReasonCode::Success)))
}

pub(crate) fn filter(filter: &str, qos: QoS) -> Subscription<'_> {
    Subscription { filter, options: SubscriptionOptions { qos, ..SubscriptionOptions::default() } }
}

pub(crate) fn subscribe<'a>(packet_id: u16, filters: &'a [Subscription<'a>]) -> Subscribe<'a> {
    Subscribe {
        packet_id: id(packet_id),
        properties: Properties::EMPTY,
        subscriptions: Subscriptions::from_slice(filters),
    }
}

pub(crate) fn suback(packet_id: u16, codes: &[ReasonCode]) -> Packet<'_> {
    Packet::SubAck(SubAck {
        packet_id: id(packet_id),
        properties: Properties::EMPTY,
        codes: ReasonCodes::from_slice(codes),
    })
}

pub(crate) fn unsubscribe<'a>(packet_id: u16, filters: &'a [&'a str]) -> Unsubscribe<'a> {
    Unsubscribe {
        packet_id: id(packet_id),
        properties: Properties::EMPTY,
        filters: Filters::from_slice(filters),
    }
}

pub(crate) fn unsuback(packet_id: u16, codes: &[ReasonCode]) -> Packet<'_> {
    Packet::UnsubAck(UnsubAck {
        packet_id: id(packet_id),
        properties: Properties::EMPTY,
        codes: ReasonCodes::from_slice(codes),
    })
}
