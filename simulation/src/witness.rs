//! A subscriber that misses nothing: it says how often the broker took a message.

use std::collections::BTreeMap;

use mqtt_session::Time;
use mqtt_testkit::Broker;
use mqtt_testkit::broker::ConnectionId;

use crate::message::Name;
use crate::plan::TOPICS;
use crate::wire::{self, Packet};

/// A connection of bare bytes, without a transport.
#[derive(Debug, Default)]
pub(crate) struct Witness {
    connection: Option<ConnectionId>,
    input: Vec<u8>,
    seen: BTreeMap<Name, u32>,
}

impl Witness {
    /// How often the broker took it.
    pub(crate) fn count(&self, name: Name) -> u32 {
        self.seen.get(&name).copied().unwrap_or(0)
    }

    /// Takes what there is; connects (again) when it is not.
    pub(crate) fn attend(&mut self, now: Time, broker: &mut Broker) {
        if let Some(connection) = self.connection {
            broker.poll_transmit(connection, &mut self.input);
            self.read();
            if !broker.is_closing(connection) {
                return;
            }
            broker.handle_closed(now, connection);
        }
        let connection = broker.open(now);
        self.connection = Some(connection);
        self.input.clear();
        // CONNECT: 5.0, Clean Start, no Keep Alive.
        broker.handle_input(
            now,
            connection,
            b"\x10\x14\x00\x04MQTT\x05\x02\x00\x00\x00\x00\x07witness",
        );
        broker.handle_input(now, connection, &subscribe());
    }

    fn read(&mut self) {
        let mut at = 0;
        while let Some(rest) = self.input.get(at..)
            && let Some(len) = wire::packet_len(rest)
            && let Some(packet) = rest.get(..len)
        {
            if let Some(Packet::Publish(publish)) = wire::read(packet, 5)
                && let Some(name) = Name::of(publish.payload)
            {
                *self.seen.entry(name).or_default() += 1;
            }
            at += len;
        }
        self.input.drain(..at);
    }
}

/// SUBSCRIBE to every topic at QoS 0, without what is retained.
fn subscribe() -> Vec<u8> {
    let mut body = vec![0, 1, 0];
    for topic in TOPICS {
        body.extend(u16::try_from(topic.len()).unwrap_or(0).to_be_bytes());
        body.extend(topic.as_bytes());
        body.push(0x20);
    }
    let mut packet = vec![0x82, u8::try_from(body.len()).unwrap_or(0)];
    packet.extend(body);
    packet
}
