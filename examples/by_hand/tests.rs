use std::io;

use mqtt_session::proto::{
    Ack, ConnAck, Dialect, Encode, FixedHeader, Packet, PacketId, PubAck, ReasonCodes, Role,
    SubAck, Version,
};

use super::*;

/// A broker in memory: what is written to it is answered, and the answers are read.
#[derive(Default)]
struct Broker {
    answers: Vec<u8>,
    /// The packets received, by type.
    seen: Vec<String>,
}

const CLIENT: Dialect = Dialect { version: Version::V5, sender: Role::Client, lenient: false };
const SERVER: Dialect = Dialect { sender: Role::Server, ..CLIENT };

impl Broker {
    fn answer(&mut self, packet: &impl Encode) {
        let measure = packet.measure(SERVER).unwrap();
        let mut bytes = vec![0; measure.len];
        packet.write(SERVER, &measure, &mut bytes).unwrap();
        self.answers.extend(bytes);
    }

    fn receive(&mut self, packet: &Packet<'_>) {
        self.seen.push(packet.packet_type().to_string());
        let properties = Properties::EMPTY;
        match packet {
            Packet::Connect(_) => {
                let reason = ReasonCode::Success;
                self.answer(&ConnAck { session_present: false, reason, properties });
            }
            Packet::Subscribe(subscribe) => {
                let codes = ReasonCodes::from_slice(&[ReasonCode::GrantedQoS1]);
                self.answer(&SubAck { packet_id: subscribe.packet_id, properties, codes });
            }
            Packet::Publish(publish) => {
                self.answer(&Publish { packet_id: PacketId::new(7), ..*publish });
                self.answer(&PubAck(Ack::success(publish.packet_id.unwrap())));
            }
            _ => {}
        }
    }
}

impl Write for &mut Broker {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut rest = bytes;
        while let Some(header) = FixedHeader::decode(rest, CLIENT).unwrap() {
            let (packet, after) = rest.split_at(header.packet_len());
            let body = &packet[header.len.into()..];
            self.receive(&Packet::decode(header, body, CLIENT).unwrap());
            rest = after;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Read for &mut Broker {
    /// A byte at a time, and never one that the broker did not send.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.seen.last().is_some_and(|last| last == "DISCONNECT") {
            return Ok(0);
        }
        if self.answers.is_empty() {
            return Err(ErrorKind::WouldBlock.into());
        }
        buffer[0] = self.answers.remove(0);
        Ok(1)
    }
}

#[test]
fn a_message_comes_round() {
    let mut broker = Broker::default();
    assert_eq!(exchange(&mut broker).unwrap(), b"by hand");
    let seen = ["CONNECT", "SUBSCRIBE", "PUBLISH", "PUBACK", "DISCONNECT"];
    assert_eq!(broker.seen, seen);
}

#[test]
fn the_readme_shows_this_code() {
    let shown = format!("```rust\n{}```", include_str!("exchange.rs"));
    assert!(include_str!("../../README.md").contains(&shown));
}
