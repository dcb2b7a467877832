//! What scripts say most often: one packet expected or sent by its parts.

use mqtt_proto::{
    Ack, Auth, ConnAck, Disconnect, Packet, PacketId, Properties, Property, PubAck, PubComp,
    PubRec, PubRel, Publish, QoS, ReasonCode, ReasonCodes, SubAck, UnsubAck, Version,
};

use crate::connection::Connection;

/// What a CONNECT asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connected {
    /// Its version.
    pub version: Version,
    /// Clean Start.
    pub clean_start: bool,
    /// Client Identifier.
    pub client_id: String,
    /// Password, empty if there is none.
    pub password: Vec<u8>,
}

/// A PUBLISH that was received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// DUP.
    pub dup: bool,
    /// QoS.
    pub qos: QoS,
    /// RETAIN.
    pub retain: bool,
    /// Topic Name.
    pub topic: String,
    /// Packet Identifier.
    pub packet_id: Option<PacketId>,
    /// Application Message.
    pub payload: Vec<u8>,
}

impl Published {
    /// The same, owned.
    pub fn of(publish: &Publish<'_>) -> Published {
        Published {
            dup: publish.dup,
            qos: publish.qos,
            retain: publish.retain,
            topic: publish.topic.to_owned(),
            packet_id: publish.packet_id,
            payload: publish.payload.to_owned(),
        }
    }

    /// The Packet Identifier of a QoS 1/2 PUBLISH.
    pub fn id(&self) -> PacketId {
        self.packet_id.expect("a PUBLISH of QoS 1 or 2")
    }
}

/// A Packet Identifier.
///
/// # Panics
/// When it is 0.
pub fn id(value: u16) -> PacketId {
    PacketId::new(value).expect("an identifier above 0")
}

/// What a script expects.
impl Connection {
    /// CONNECT.
    pub fn expect_connect(&mut self) -> Connected {
        self.expect("CONNECT", |packet| match packet {
            Packet::Connect(connect) => Some(Connected {
                version: connect.version,
                clean_start: connect.clean_start,
                client_id: connect.client_id.to_owned(),
                password: connect.password.unwrap_or_default().to_vec(),
            }),
            _ => None,
        })
    }

    /// PUBLISH to this topic.
    pub fn expect_publish(&mut self, topic: &str) -> Published {
        self.expect(&format!("PUBLISH to {topic}"), |packet| match packet {
            Packet::Publish(publish) if publish.topic == topic => Some(Published::of(publish)),
            _ => None,
        })
    }

    /// SUBSCRIBE to this one filter; its Packet Identifier.
    pub fn expect_subscribe(&mut self, filter: &str) -> PacketId {
        self.expect(&format!("SUBSCRIBE to {filter}"), |packet| match packet {
            Packet::Subscribe(subscribe)
                if subscribe.subscriptions.iter().map(|entry| entry.filter).eq([filter]) =>
            {
                Some(subscribe.packet_id)
            }
            _ => None,
        })
    }

    /// UNSUBSCRIBE from this one filter; its Packet Identifier.
    pub fn expect_unsubscribe(&mut self, filter: &str) -> PacketId {
        self.expect(&format!("UNSUBSCRIBE from {filter}"), |packet| match packet {
            Packet::Unsubscribe(unsubscribe) if unsubscribe.filters.iter().eq([filter]) => {
                Some(unsubscribe.packet_id)
            }
            _ => None,
        })
    }

    /// PUBACK with success.
    pub fn expect_puback(&mut self, packet_id: PacketId) {
        self.expect_packet(&Packet::PubAck(PubAck(Ack::success(packet_id))));
    }

    /// PUBREC with success.
    pub fn expect_pubrec(&mut self, packet_id: PacketId) {
        self.expect_packet(&Packet::PubRec(PubRec(Ack::success(packet_id))));
    }

    /// PUBREL with success.
    pub fn expect_pubrel(&mut self, packet_id: PacketId) {
        self.expect_packet(&Packet::PubRel(PubRel(Ack::success(packet_id))));
    }

    /// PUBCOMP with success.
    pub fn expect_pubcomp(&mut self, packet_id: PacketId) {
        self.expect_packet(&Packet::PubComp(PubComp(Ack::success(packet_id))));
    }

    /// AUTH with this code and Authentication Data.
    pub fn expect_auth(&mut self, reason: ReasonCode, data: &[u8]) {
        self.expect(&format!("AUTH ({reason})"), |packet| match packet {
            Packet::Auth(auth)
                if auth.reason == reason && auth.properties.authentication_data() == Some(data) =>
            {
                Some(())
            }
            _ => None,
        });
    }

    /// PINGREQ.
    pub fn expect_pingreq(&mut self) {
        self.expect_packet(&Packet::PingReq);
    }

    /// DISCONNECT with this code, whatever its properties, and the end of the connection.
    pub fn expect_disconnect(&mut self, reason: ReasonCode) {
        self.expect_last_packet(reason);
        self.expect_end();
    }

    /// DISCONNECT with this code, whatever its properties.
    pub fn expect_last_packet(&mut self, reason: ReasonCode) {
        self.expect(&format!("DISCONNECT ({reason})"), |packet| match packet {
            Packet::Disconnect(disconnect) if disconnect.reason == reason => Some(()),
            _ => None,
        });
    }
}

/// What a script sends.
impl Connection {
    /// CONNACK.
    pub fn connack(
        &mut self,
        session_present: bool,
        reason: ReasonCode,
        properties: &[Property<'_>],
    ) {
        let properties = Properties::from_slice(properties);
        self.send(&Packet::ConnAck(ConnAck { session_present, reason, properties }));
    }

    /// AUTH.
    pub fn auth(&mut self, reason: ReasonCode, properties: &[Property<'_>]) {
        let properties = Properties::from_slice(properties);
        self.send(&Packet::Auth(Auth { reason, properties }));
    }

    /// PUBLISH at QoS 0, without Subscription Identifiers.
    pub fn deliver(&mut self, topic: &str, payload: &[u8]) {
        self.publish(QoS::AtMostOnce, None, topic, payload);
    }

    /// PUBLISH at QoS 0 for the subscriptions with these identifiers.
    pub fn deliver_to(&mut self, identifiers: &[u32], topic: &str, payload: &[u8]) {
        let identifiers = identifiers.iter().copied();
        let properties: Vec<_> = identifiers.map(Property::SubscriptionIdentifier).collect();
        self.send(&Packet::Publish(Publish {
            dup: false,
            qos: QoS::AtMostOnce,
            retain: false,
            topic,
            packet_id: None,
            properties: Properties::from_slice(&properties),
            payload,
        }));
    }

    /// PUBLISH without Subscription Identifiers.
    pub fn publish(&mut self, qos: QoS, packet_id: Option<PacketId>, topic: &str, payload: &[u8]) {
        self.send(&Packet::Publish(Publish {
            dup: false,
            qos,
            retain: false,
            topic,
            packet_id,
            properties: Properties::EMPTY,
            payload,
        }));
    }

    /// PUBACK.
    pub fn puback(&mut self, packet_id: PacketId, reason: ReasonCode) {
        self.send(&Packet::PubAck(PubAck(ack(packet_id, reason))));
    }

    /// PUBREC.
    pub fn pubrec(&mut self, packet_id: PacketId, reason: ReasonCode) {
        self.send(&Packet::PubRec(PubRec(ack(packet_id, reason))));
    }

    /// PUBREL.
    pub fn pubrel(&mut self, packet_id: PacketId) {
        self.send(&Packet::PubRel(PubRel(Ack::success(packet_id))));
    }

    /// PUBCOMP.
    pub fn pubcomp(&mut self, packet_id: PacketId) {
        self.send(&Packet::PubComp(PubComp(Ack::success(packet_id))));
    }

    /// SUBACK with one code.
    pub fn suback(&mut self, packet_id: PacketId, code: ReasonCode) {
        self.send(&Packet::SubAck(SubAck {
            packet_id,
            properties: Properties::EMPTY,
            codes: ReasonCodes::from_slice(&[code]),
        }));
    }

    /// UNSUBACK with one code.
    pub fn unsuback(&mut self, packet_id: PacketId, code: ReasonCode) {
        self.send(&Packet::UnsubAck(UnsubAck {
            packet_id,
            properties: Properties::EMPTY,
            codes: ReasonCodes::from_slice(&[code]),
        }));
    }

    /// DISCONNECT.
    pub fn disconnect(&mut self, reason: ReasonCode, properties: &[Property<'_>]) {
        self.send(&Packet::Disconnect(Disconnect {
            reason,
            properties: Properties::from_slice(properties),
        }));
    }
}

/// Both sides of an exchange.
impl Connection {
    /// SUBSCRIBE to this one filter, granted at this QoS.
    pub fn grant(&mut self, filter: &str, qos: QoS) {
        let packet_id = self.expect_subscribe(filter);
        self.suback(packet_id, granted(qos));
    }

    /// As [`Connection::grant`]; the Subscription Identifier asked for.
    pub fn grant_identified(&mut self, filter: &str, qos: QoS) -> Option<u32> {
        let (packet_id, identifier) = self.expect("SUBSCRIBE", |packet| match packet {
            Packet::Subscribe(subscribe)
                if subscribe.subscriptions.iter().map(|entry| entry.filter).eq([filter]) =>
            {
                let identifier = subscribe.properties.subscription_identifiers().next();
                Some((subscribe.packet_id, identifier))
            }
            _ => None,
        });
        self.suback(packet_id, granted(qos));
        identifier
    }

    /// PUBLISH to this topic at QoS 1, acknowledged.
    pub fn take_qos1(&mut self, topic: &str) -> Published {
        let publish = self.expect_publish(topic);
        assert_eq!(publish.qos, QoS::AtLeastOnce, "{publish:?}");
        self.puback(publish.id(), ReasonCode::Success);
        publish
    }
}

/// A broker that needs no script.
impl Connection {
    /// Answers every packet until DISCONNECT or the end. A message goes back, at QoS 0, when its
    /// topic is subscribed to.
    pub fn echo(&mut self) {
        let mut filters = Vec::new();
        while let Some(request) = self.request() {
            match request {
                Request::Publish(publish) => {
                    if let Some(packet_id) = publish.packet_id {
                        self.puback(packet_id, ReasonCode::Success);
                    }
                    if filters.contains(&publish.topic) {
                        self.deliver(&publish.topic, &publish.payload);
                    }
                }
                Request::Subscribe(packet_id, filter) => {
                    filters.push(filter);
                    self.suback(packet_id, ReasonCode::GrantedQoS1);
                }
                Request::Unsubscribe(packet_id, filter) => {
                    filters.retain(|other| *other != filter);
                    self.unsuback(packet_id, ReasonCode::Success);
                }
            }
        }
    }

    /// What the client asks for next; `None` at DISCONNECT.
    fn request(&mut self) -> Option<Request> {
        self.expect("PUBLISH, SUBSCRIBE, UNSUBSCRIBE or DISCONNECT", |packet| match packet {
            Packet::Publish(publish) => Some(Some(Request::Publish(Published::of(publish)))),
            Packet::Subscribe(subscribe) => {
                let filter = subscribe.subscriptions.iter().next()?.filter.to_owned();
                Some(Some(Request::Subscribe(subscribe.packet_id, filter)))
            }
            Packet::Unsubscribe(unsubscribe) => {
                let filter = unsubscribe.filters.iter().next()?.to_owned();
                Some(Some(Request::Unsubscribe(unsubscribe.packet_id, filter)))
            }
            Packet::Disconnect(_) => Some(None),
            _ => None,
        })
    }
}

/// What a broker that needs no script answers.
enum Request {
    Publish(Published),
    Subscribe(PacketId, String),
    Unsubscribe(PacketId, String),
}

fn ack(packet_id: PacketId, reason: ReasonCode) -> Ack<'static> {
    Ack { packet_id, reason, properties: Properties::EMPTY }
}

fn granted(qos: QoS) -> ReasonCode {
    match qos {
        QoS::AtMostOnce => ReasonCode::GrantedQoS0,
        QoS::AtLeastOnce => ReasonCode::GrantedQoS1,
        QoS::ExactlyOnce => ReasonCode::GrantedQoS2,
    }
}
