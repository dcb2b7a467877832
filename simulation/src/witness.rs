//! A subscriber that misses nothing: it says how often the broker took a message.

use std::collections::BTreeMap;
use std::time::Duration;

use mqtt_session::Time;
use mqtt_testkit::Broker;
use mqtt_testkit::broker::ConnectionId;

use crate::message::Name;
use crate::plan::{POISON, TOPICS, WILL};
use crate::wire::{self, Packet};

/// How often it pings: more often than any Server Keep Alive asks for.
const PING: Duration = Duration::from_secs(5);

/// A connection of bare bytes, without a transport.
#[derive(Debug, Default)]
pub(crate) struct Witness {
    connection: Option<ConnectionId>,
    input: Vec<u8>,
    /// When it pings: whom the broker drops misses something.
    ping_at: Option<Time>,
    seen: BTreeMap<Name, u32>,
}

impl Witness {
    /// How often the broker took it.
    pub(crate) fn count(&self, name: Name) -> u32 {
        self.seen.get(&name).copied().unwrap_or(0)
    }

    pub(crate) fn poll_timeout(&self) -> Option<Time> {
        self.ping_at
    }

    /// Takes what there is; connects (again) when it is not.
    pub(crate) fn attend(&mut self, now: Time, broker: &mut Broker) {
        if let Some(connection) = self.connection {
            broker.poll_transmit(connection, &mut self.input);
            self.read();
            if !broker.is_closing(connection) {
                return self.ping(now, connection, broker);
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
        self.ping_at = Some(now.after(PING));
    }

    fn ping(&mut self, now: Time, connection: ConnectionId, broker: &mut Broker) {
        if self.ping_at.is_none_or(|at| at <= now) {
            broker.handle_input(now, connection, b"\xC0\x00");
            self.ping_at = Some(now.after(PING));
        }
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
    for topic in TOPICS.into_iter().chain([POISON, WILL]) {
        body.extend(u16::try_from(topic.len()).unwrap_or(0).to_be_bytes());
        body.extend(topic.as_bytes());
        body.push(0x20);
    }
    let mut packet = vec![0x82, u8::try_from(body.len()).unwrap_or(0)];
    packet.extend(body);
    packet
}

#[cfg(test)]
mod tests {
    use mqtt_testkit::broker::Settings;

    use super::*;

    /// A broker that asks for a keep-alive does not drop it.
    #[test]
    fn the_witness_stays() {
        let settings = Settings { server_keep_alive: Some(10), ..Settings::default() };
        let (mut broker, mut witness) = (Broker::new(settings), Witness::default());
        witness.attend(Time::ZERO, &mut broker);
        let first = witness.connection;
        let mut now = Time::ZERO;
        while now < Time::ZERO.after(Duration::from_secs(60)) {
            let due = [witness.poll_timeout(), broker.poll_timeout()];
            now = due.into_iter().flatten().min().expect("it pings");
            broker.handle_timeout(now);
            witness.attend(now, &mut broker);
        }
        assert!(first.is_some());
        assert_eq!(witness.connection, first);
    }
}
