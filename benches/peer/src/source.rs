//! The source: sends a subscriber as much as it takes.

use crate::Void;
use crate::connection::Connection;
use crate::payload;
use crate::wire::{self, Fields};

/// Packets encoded ahead at QoS 0, about 45 KB: one write.
const BATCH: u16 = 512;

/// Waits for SUBSCRIBE, sends `messages` on its topic, and ends with DISCONNECT. At QoS 1 at most
/// `window` are outstanding, and PUBACKs must come in the order of the messages [MQTT-4.6.0-2].
pub(crate) fn run(
    connection: &mut Connection,
    messages: u64,
    qos: u8,
    window: u16,
) -> Result<(), Void> {
    let topic = connection.subscription()?;
    let places = if qos == 0 { BATCH } else { window };
    let packets = Packets::encode(&topic, qos, places);
    let mut source = Source { packets, messages, qos, acked: 0 };
    loop {
        source.send(connection)?;
        if !connection.read()? {
            return Err(Void("closed without DISCONNECT".into()));
        }
        let mut pings = 0;
        while let Some((first, body)) = connection.packet()? {
            match first {
                wire::PUBACK => source.handle_puback(Fields(body).u16()?)?,
                wire::PINGREQ => pings += 1,
                wire::DISCONNECT => return source.complete(),
                _ => return Err(Void(format!("a packet that starts with {first:#04x}"))),
            }
        }
        for _ in 0..pings {
            connection.write(&wire::PINGRESP)?;
        }
    }
}

struct Source {
    packets: Packets,
    messages: u64,
    qos: u8,
    acked: u64,
}

impl Source {
    /// Sends all that the window lets out; at QoS 0 everything.
    fn send(&mut self, connection: &mut Connection) -> Result<(), Void> {
        loop {
            let unsent = self.messages - self.packets.sent;
            let window = if self.qos == 0 {
                unsent
            } else {
                self.packets.places + self.acked - self.packets.sent
            };
            let count = unsent.min(window).min(self.packets.run());
            if count == 0 {
                return Ok(());
            }
            connection.write(self.packets.next(count))?;
        }
    }

    fn handle_puback(&mut self, id: u16) -> Result<(), Void> {
        let expected = self.acked % self.packets.places + 1;
        if self.qos == 0 || self.acked == self.packets.sent || u64::from(id) != expected {
            return Err(Void(format!("PUBACK of {id} after {} PUBACKs", self.acked)));
        }
        self.acked += 1;
        Ok(())
    }

    fn complete(&self) -> Result<(), Void> {
        if self.qos == 0 || self.acked == self.messages {
            return Ok(());
        }
        Err(Void(format!("{} of {} PUBACKs before DISCONNECT", self.acked, self.messages)))
    }
}

/// PUBLISH packets of equal length behind each other; only their numbers change.
struct Packets {
    bytes: Vec<u8>,
    len: usize,
    places: u64,
    sent: u64,
}

impl Packets {
    /// At QoS 1 the packet at place `i` has Packet Identifier `i + 1`.
    fn encode(topic: &[u8], qos: u8, places: u16) -> Self {
        let id_len = if qos == 0 { 0 } else { 2 };
        let remaining_length = 2 + topic.len() + id_len + 1 + payload::LEN;
        assert!(remaining_length <= 127, "a topic this long needs a longer fixed header");
        let mut bytes = Vec::new();
        for id in 1..=places {
            bytes.extend_from_slice(&[wire::PUBLISH | qos << 1, remaining_length as u8]);
            bytes.extend_from_slice(&(topic.len() as u16).to_be_bytes());
            bytes.extend_from_slice(topic);
            if qos > 0 {
                bytes.extend_from_slice(&id.to_be_bytes());
            }
            bytes.push(0); // Property Length
            bytes.extend_from_slice(&[b'.'; payload::LEN]);
        }
        Self { bytes, len: 2 + remaining_length, places: places.into(), sent: 0 }
    }

    /// Packets up to the last place.
    fn run(&self) -> u64 {
        self.places - self.sent % self.places
    }

    /// The next `count` packets, at most [`run`](Self::run).
    fn next(&mut self, count: u64) -> &[u8] {
        let place = (self.sent % self.places) as usize;
        let range = place * self.len..(place + count as usize) * self.len;
        for packet in self.bytes[range.clone()].chunks_exact_mut(self.len) {
            payload::number(&mut packet[self.len - payload::LEN..], self.sent);
            self.sent += 1;
        }
        &self.bytes[range]
    }
}
