//! Packets come in.

use std::num::NonZeroU32;

use mqtt_proto::{Dialect, FixedHeader, Packet, PacketType, ReasonCode, Role, Version};

use super::connection::{Pace, Phase};
use super::wire::Fault;
use super::{Broker, ConnectionId};

impl Broker {
    /// Reads the packets that are whole.
    pub(super) fn read(&mut self, id: ConnectionId) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let mut input = std::mem::take(&mut connection.input);
        let mut read = 0;
        while let Some(len) = self.read_packet(id, input.get(read..).unwrap_or_default()) {
            read += len;
        }
        let Some(connection) = self.connections.get_mut(&id) else { return };
        match connection.phase {
            Phase::Opened { .. } | Phase::Authenticating(_) | Phase::Connected(_) => {
                input.drain(..read);
                connection.input = input;
            }
            // What follows is not looked at any more.
            Phase::Closing => {}
        }
    }

    /// Reads the first packet and gives its length; `None` if it is not whole, or none may follow.
    fn read_packet(&mut self, id: ConnectionId, bytes: &[u8]) -> Option<usize> {
        let connection = self.connections.get(&id)?;
        let maximum = self.settings.maximum_packet_size;
        let (version, maximum) = match (&connection.phase, connection.pace) {
            // [MQTT-3.14.4-1], [MQTT-3.1.4-6]
            (Phase::Closing, _) | (_, Pace::Stalled) => return None,
            // What CONNECT says itself is how it is refused.
            (Phase::Opened { .. }, Pace::Running) => (Version::V5, None),
            (Phase::Authenticating(_), Pace::Running) => (Version::V5, maximum),
            (Phase::Connected(link), Pace::Running) => (link.version, maximum),
        };
        let dialect = Dialect { version, sender: Role::Client, lenient: false };
        match find_packet(bytes, dialect, maximum) {
            Ok(None) => None,
            Ok(Some((header, packet))) => {
                if let Err(fault) = self.handle_packet(id, header, packet, dialect) {
                    self.fail(id, fault);
                }
                Some(packet.len())
            }
            Err(fault) => {
                self.fail(id, fault);
                None
            }
        }
    }

    fn handle_packet(
        &mut self,
        id: ConnectionId,
        header: FixedHeader,
        packet: &[u8],
        dialect: Dialect,
    ) -> Result<(), Fault> {
        let body = packet.get(header.len.into()..).unwrap_or_default();
        let Some(connection) = self.connections.get_mut(&id) else { return Ok(()) };
        match &mut connection.phase {
            Phase::Opened { .. } if header.packet_type == PacketType::Connect => {
                self.handle_connect(id, header, body);
                Ok(())
            }
            // [MQTT-3.1.0-1]
            Phase::Opened { .. } => Err(Fault::protocol_error("the first packet is no CONNECT")),
            Phase::Authenticating(_) => {
                self.handle_while_authenticating(id, &Packet::decode(header, body, dialect)?)
            }
            Phase::Connected(link) => {
                link.last_packet = self.now;
                self.handle_connected(id, &Packet::decode(header, body, dialect)?)
            }
            Phase::Closing => Ok(()),
        }
    }

    /// A packet behind CONNACK.
    fn handle_connected(&mut self, id: ConnectionId, packet: &Packet<'_>) -> Result<(), Fault> {
        match packet {
            Packet::Publish(publish) => self.handle_publish(id, publish),
            Packet::PubAck(ack) => {
                self.client(id).map_or(Ok(()), |client| client.handle_puback(ack))
            }
            Packet::PubRec(ack) => {
                self.client(id).map_or(Ok(()), |client| client.handle_pubrec(ack))
            }
            Packet::PubRel(ack) => {
                self.client(id).map_or(Ok(()), |client| client.handle_pubrel(ack))
            }
            Packet::PubComp(ack) => {
                self.client(id).map_or(Ok(()), |client| client.handle_pubcomp(ack))
            }
            Packet::Subscribe(subscribe) => self.handle_subscribe(id, subscribe),
            Packet::Unsubscribe(unsubscribe) => self.handle_unsubscribe(id, unsubscribe),
            Packet::PingReq => {
                // [MQTT-3.12.4-1]
                self.client(id).map_or(Ok(()), |mut client| client.send(&Packet::PingResp))
            }
            Packet::Disconnect(disconnect) => self.handle_disconnect(id, disconnect),
            Packet::Auth(auth) => self.handle_reauthentication(id, auth),
            // [MQTT-3.1.0-2]
            Packet::Connect(_) => Err(Fault::protocol_error("a second CONNECT")),
            Packet::ConnAck(_) | Packet::SubAck(_) | Packet::UnsubAck(_) | Packet::PingResp => {
                Err(Fault::protocol_error("only a server sends it"))
            }
        }
    }
}

/// Finds the first packet if it is whole. One of more than `maximum` bytes is refused by its length.
fn find_packet(
    bytes: &[u8],
    dialect: Dialect,
    maximum: Option<NonZeroU32>,
) -> Result<Option<(FixedHeader, &[u8])>, Fault> {
    let Some(header) = FixedHeader::decode(bytes, dialect)? else { return Ok(None) };
    check_size(header, maximum)?;
    Ok(bytes.get(..header.packet_len()).map(|packet| (header, packet)))
}

/// Judges whether a packet has at most `maximum` bytes.
pub(super) fn check_size(header: FixedHeader, maximum: Option<NonZeroU32>) -> Result<(), Fault> {
    // [MQTT-3.2.2-15]
    if maximum.is_some_and(|maximum| header.packet_len() > maximum.get() as usize) {
        return Err(Fault::new(ReasonCode::PacketTooLarge, "above Maximum Packet Size"));
    }
    Ok(())
}
