//! The broker's packets, and the client's in one line each.

use mqtt_session::proto::{
    Ack, ConnAck, Connect, Packet, PacketId, Properties, PubAck, PubComp, PubRec, Publish, QoS,
    ReasonCode,
};

pub(super) fn id(value: u16) -> PacketId {
    PacketId::new(value).unwrap()
}

pub(super) fn connack(session_present: bool, reason: ReasonCode) -> Packet<'static> {
    Packet::ConnAck(ConnAck { session_present, reason, properties: Properties::EMPTY })
}

pub(super) fn puback(value: u16) -> Packet<'static> {
    Packet::PubAck(PubAck(Ack::success(id(value))))
}

pub(super) fn pubrec(value: u16) -> Packet<'static> {
    Packet::PubRec(PubRec(Ack::success(id(value))))
}

pub(super) fn pubcomp(value: u16) -> Packet<'static> {
    Packet::PubComp(PubComp(Ack::success(id(value))))
}

/// A PUBLISH of the broker; `packet_id` 0 is QoS 0.
pub(super) fn publish<'a>(topic: &'a str, packet_id: u16, payload: &'a [u8]) -> Packet<'a> {
    Packet::Publish(Publish {
        dup: false,
        qos: if packet_id == 0 { QoS::AtMostOnce } else { QoS::AtLeastOnce },
        retain: false,
        topic,
        packet_id: PacketId::new(packet_id),
        properties: Properties::EMPTY,
        payload,
    })
}

/// A packet of the client in one line.
pub(super) fn describe(packet: &Packet<'_>) -> String {
    let ack = |name: &str, ack: &Ack<'_>| match ack.reason {
        ReasonCode::Success => format!("{name} {}", ack.packet_id.get()),
        reason => format!("{name} {} {:#04X}", ack.packet_id.get(), reason.to_u8()),
    };
    match packet {
        Packet::Connect(connect) => {
            let shown = authentication(connect.properties) + &signature(connect);
            format!("CONNECT clean={}{shown}", connect.clean_start)
        }
        Packet::Auth(auth) => {
            format!("AUTH {:#04X}{}", auth.reason.to_u8(), authentication(auth.properties))
        }
        Packet::Publish(publish) => {
            let packet_id = publish.packet_id.map_or(String::new(), |id| format!(" {}", id.get()));
            let dup = if publish.dup { " dup" } else { "" };
            format!("PUBLISH{packet_id}{dup} {} {}", publish.topic, publish.payload.len())
        }
        Packet::PubAck(PubAck(it)) => ack("PUBACK", it),
        Packet::PubRec(PubRec(it)) => ack("PUBREC", it),
        Packet::PubRel(it) => ack("PUBREL", &it.0),
        Packet::PubComp(PubComp(it)) => ack("PUBCOMP", it),
        Packet::Subscribe(subscribe) => {
            let subscriptions = subscribe.subscriptions.iter();
            let identifiers = subscribe.properties.subscription_identifiers();
            let identifier = identifiers.map(|id| format!(" id={id}")).collect::<String>();
            let shown = subscriptions.map(|it| format!(" {} {}", it.filter, it.options.qos as u8));
            let packet_id = subscribe.packet_id.get();
            format!("SUBSCRIBE {packet_id}{identifier}{}", shown.collect::<String>())
        }
        Packet::Unsubscribe(unsubscribe) => {
            let filters: Vec<_> = unsubscribe.filters.iter().collect();
            format!("UNSUBSCRIBE {} {}", unsubscribe.packet_id.get(), filters.join(" "))
        }
        Packet::PingReq => "PINGREQ".into(),
        Packet::Disconnect(disconnect) => format!("DISCONNECT {:#04X}", disconnect.reason.to_u8()),
        other => format!("{other:?}"),
    }
}

/// User Name, Password and User Properties.
fn signature(connect: &Connect<'_>) -> String {
    let password = connect.password.map(|it| format!(":{}", String::from_utf8_lossy(it)));
    let credentials = [connect.username.map(str::to_owned), password].into_iter().flatten();
    let credentials = credentials.collect::<String>();
    let space = if credentials.is_empty() { "" } else { " " };
    let properties = connect.properties.user_properties();
    let properties = properties.map(|(name, value)| format!(" {name}={value}"));
    format!("{space}{credentials}{}", properties.collect::<String>())
}

/// Authentication Method and Data.
fn authentication(properties: Properties<'_>) -> String {
    let method = properties.authentication_method().map(|method| format!(" {method}"));
    let data = properties.authentication_data().map(String::from_utf8_lossy);
    let data = data.map(|data| format!(" {data}"));
    format!("{}{}", method.unwrap_or_default(), data.unwrap_or_default())
}
