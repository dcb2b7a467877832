//! A subscriber without a transport: it says how often the broker took a message.

use mqtt_session::Time;
use mqtt_session::proto::{Packet, Role, Version};
use mqtt_testkit::Broker;
use mqtt_testkit::broker::ConnectionId;

use crate::application::{OUTBOX, number};
use crate::wire::for_each_packet;

#[derive(Debug)]
pub(crate) struct Witness {
    connection: ConnectionId,
    input: Vec<u8>,
}

impl Witness {
    pub(crate) fn new(broker: &mut Broker) -> Witness {
        let connection = broker.open(Time::ZERO);
        // CONNECT: 5.0, Clean Start, no Keep Alive.
        let connect = b"\x10\x14\x00\x04MQTT\x05\x02\x00\x00\x00\x00\x07witness";
        broker.handle_input(Time::ZERO, connection, connect);
        // SUBSCRIBE at QoS 0.
        let mut subscribe = b"\x82\x0C\x00\x01\x00\x00\x06".to_vec();
        subscribe.extend(OUTBOX.as_bytes());
        subscribe.push(0);
        broker.handle_input(Time::ZERO, connection, &subscribe);
        Witness { connection, input: Vec::new() }
    }

    /// How often the broker took each message of the client, by the number of its step.
    pub(crate) fn count(&mut self, broker: &mut Broker, steps: usize) -> Vec<usize> {
        broker.poll_transmit(self.connection, &mut self.input);
        let mut counts = vec![0; steps];
        for_each_packet(&self.input, Role::Server, Version::V5, |packet| {
            if let Packet::Publish(publish) = packet {
                counts[number(publish.payload)] += 1;
            }
        });
        counts
    }
}
