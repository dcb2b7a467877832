//! Packets as these tests write them down.

use mqtt_session::proto::{
    Ack, ConnAck, Packet, PacketId, Properties, PubAck, Publish, QoS, ReasonCode,
};

pub(crate) const CONNACK: Packet<'static> = Packet::ConnAck(ConnAck {
    session_present: false,
    reason: ReasonCode::Success,
    properties: Properties::EMPTY,
});

pub(crate) fn puback(packet_id: u16) -> Packet<'static> {
    Packet::PubAck(PubAck(Ack::success(PacketId::new(packet_id).unwrap())))
}

/// A PUBLISH of QoS 1 to the topic `a`.
pub(crate) fn publish(packet_id: u16, payload: &str) -> Packet<'_> {
    Packet::Publish(Publish {
        dup: false,
        qos: QoS::AtLeastOnce,
        retain: false,
        topic: "a",
        packet_id: PacketId::new(packet_id),
        properties: Properties::EMPTY,
        payload: payload.as_bytes(),
    })
}
