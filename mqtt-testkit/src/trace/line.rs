//! A packet in one line.

use std::fmt::{self, Display};

use mqtt_session::proto::{
    Ack, Connect, Packet, Properties, Publish, QoS, ReasonCode, ReasonCodes, RetainHandling,
    Subscription, Version, Will,
};

/// Shows a packet with its fields in one line, leaving out what is as usual: flags that are not set,
/// success, lists without entries.
///
/// ```
/// use mqtt_session::proto::{Ack, Packet, PacketId, PubAck};
/// use mqtt_testkit::Line;
///
/// let puback = Packet::PubAck(PubAck(Ack::success(PacketId::MIN)));
/// assert_eq!(Line(&puback).to_string(), "PUBACK id 1");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Line<'a>(pub &'a Packet<'a>);

impl Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.packet_type())?;
        match self.0 {
            Packet::Connect(connect) => write_connect(f, connect),
            Packet::ConnAck(connack) => {
                flag(f, connack.session_present, "session-present")?;
                write_reason(f, connack.reason)?;
                write_properties(f, &connack.properties)
            }
            Packet::Publish(publish) => write_publish(f, publish),
            Packet::PubAck(packet) => write_ack(f, &packet.0),
            Packet::PubRec(packet) => write_ack(f, &packet.0),
            Packet::PubRel(packet) => write_ack(f, &packet.0),
            Packet::PubComp(packet) => write_ack(f, &packet.0),
            Packet::Subscribe(subscribe) => {
                write!(f, " id {}", subscribe.packet_id.get())?;
                for subscription in subscribe.subscriptions.iter() {
                    write_subscription(f, &subscription)?;
                }
                write_properties(f, &subscribe.properties)
            }
            Packet::SubAck(suback) => {
                write!(f, " id {}", suback.packet_id.get())?;
                write_codes(f, &suback.codes)?;
                write_properties(f, &suback.properties)
            }
            Packet::Unsubscribe(unsubscribe) => {
                write!(f, " id {}", unsubscribe.packet_id.get())?;
                unsubscribe.filters.iter().try_for_each(|filter| write!(f, " {filter:?}"))?;
                write_properties(f, &unsubscribe.properties)
            }
            Packet::UnsubAck(unsuback) => {
                write!(f, " id {}", unsuback.packet_id.get())?;
                write_codes(f, &unsuback.codes)?;
                write_properties(f, &unsuback.properties)
            }
            Packet::PingReq | Packet::PingResp => Ok(()),
            Packet::Disconnect(disconnect) => {
                write_reason(f, disconnect.reason)?;
                write_properties(f, &disconnect.properties)
            }
            Packet::Auth(auth) => {
                write_reason(f, auth.reason)?;
                write_properties(f, &auth.properties)
            }
        }
    }
}

fn write_connect(f: &mut fmt::Formatter<'_>, connect: &Connect<'_>) -> fmt::Result {
    let version = match connect.version {
        Version::V3_1 => "3.1",
        Version::V3_1_1 => "3.1.1",
        Version::V5 => "5.0",
    };
    write!(f, " {version} {:?}", connect.client_id)?;
    flag(f, connect.clean_start, "clean")?;
    write!(f, " keep-alive {}", connect.keep_alive)?;
    if let Some(username) = connect.username {
        write!(f, " user {username:?}")?;
    }
    if let Some(password) = connect.password {
        write!(f, " password of {} bytes", password.len())?;
    }
    write_properties(f, &connect.properties)?;
    connect.will.map_or(Ok(()), |will| write_will(f, &will))
}

fn write_will(f: &mut fmt::Formatter<'_>, will: &Will<'_>) -> fmt::Result {
    write!(f, " will q{}", number(will.qos))?;
    flag(f, will.retain, "retain")?;
    write!(f, " {:?} {}", will.topic, Payload(will.payload))?;
    write_properties(f, &will.properties)
}

fn write_publish(f: &mut fmt::Formatter<'_>, publish: &Publish<'_>) -> fmt::Result {
    write!(f, " q{}", number(publish.qos))?;
    if let Some(packet_id) = publish.packet_id {
        write!(f, " id {}", packet_id.get())?;
    }
    flag(f, publish.dup, "dup")?;
    flag(f, publish.retain, "retain")?;
    write!(f, " {:?} {}", publish.topic, Payload(publish.payload))?;
    write_properties(f, &publish.properties)
}

fn write_ack(f: &mut fmt::Formatter<'_>, ack: &Ack<'_>) -> fmt::Result {
    write!(f, " id {}", ack.packet_id.get())?;
    write_reason(f, ack.reason)?;
    write_properties(f, &ack.properties)
}

fn write_subscription(f: &mut fmt::Formatter<'_>, subscription: &Subscription<'_>) -> fmt::Result {
    let options = subscription.options;
    write!(f, " {:?} q{}", subscription.filter, number(options.qos))?;
    flag(f, options.no_local, "no-local")?;
    flag(f, options.retain_as_published, "retain-as-published")?;
    f.write_str(match options.retain_handling {
        RetainHandling::Send => "",
        RetainHandling::SendIfNew => " send-retained-if-new",
        RetainHandling::DoNotSend => " send-no-retained",
    })
}

fn write_codes(f: &mut fmt::Formatter<'_>, codes: &ReasonCodes<'_>) -> fmt::Result {
    for code in codes.iter() {
        write!(f, " 0x{:02X}", code.to_u8())?;
    }
    Ok(())
}

fn write_reason(f: &mut fmt::Formatter<'_>, reason: ReasonCode) -> fmt::Result {
    match reason {
        ReasonCode::Success => Ok(()),
        reason => write!(f, " 0x{:02X} {reason}", reason.to_u8()),
    }
}

fn write_properties(f: &mut fmt::Formatter<'_>, properties: &Properties<'_>) -> fmt::Result {
    if properties.is_empty() { Ok(()) } else { write!(f, " {properties:?}") }
}

fn flag(f: &mut fmt::Formatter<'_>, is_set: bool, name: &str) -> fmt::Result {
    if is_set { write!(f, " {name}") } else { Ok(()) }
}

const fn number(qos: QoS) -> u8 {
    qos as u8
}

/// The length of a payload, and how it starts.
struct Payload<'a>(&'a [u8]);

impl Display for Payload<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 24;
        write!(f, "{} bytes", self.0.len())?;
        match self.0.get(..SHOWN) {
            Some(start) if start.len() < self.0.len() => {
                write!(f, " \"{}\"…", start.escape_ascii())
            }
            Some(_) | None if self.0.is_empty() => Ok(()),
            Some(_) | None => write!(f, " \"{}\"", self.0.escape_ascii()),
        }
    }
}

/// Bytes in hexadecimal; of many, those at the start.
pub(crate) struct Hex<'a>(pub(crate) &'a [u8]);

impl Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 64;
        let separated = |index| if index == 0 { "" } else { " " };
        for (index, byte) in self.0.iter().take(SHOWN).enumerate() {
            write!(f, "{}{byte:02X}", separated(index))?;
        }
        match self.0.len().saturating_sub(SHOWN) {
            0 => Ok(()),
            more => write!(f, " and {more} bytes more"),
        }
    }
}
