//! The two brokers, as alike as their settings make them.

use std::net::SocketAddr;
use std::num::NonZeroU16;

use mqtt_testkit::broker::{Persistence, Settings};
use mqtt_testkit::{Mosquitto, TcpBroker};

use crate::conversation::Limits;

/// A broker that a conversation runs on.
pub(crate) enum Side {
    Model(TcpBroker),
    Mosquitto(Mosquitto),
}

impl Side {
    /// The model broker, with what mosquitto announces when it is not told otherwise.
    pub(crate) fn model(limits: &Limits) -> Side {
        let mut settings = Settings {
            receive_maximum: NonZeroU16::new(20).unwrap(),
            topic_alias_maximum: 10,
            outbound_aliases: false,
            forbidden: vec!["forbidden/#".to_owned()],
            ..Settings::default()
        };
        (limits.model)(&mut settings);
        Side::Model(TcpBroker::start(settings).expect("the model broker starts"))
    }

    pub(crate) fn mosquitto(limits: &Limits) -> Side {
        Side::Mosquitto(Mosquitto::start_with(limits.mosquitto).expect("mosquitto starts"))
    }

    pub(crate) fn address(&self) -> SocketAddr {
        match self {
            Side::Model(broker) => broker.address(),
            Side::Mosquitto(broker) => broker.address(),
        }
    }

    /// Ends every connection and comes back with what was stored.
    pub(crate) fn restart(&mut self) {
        match self {
            Side::Model(broker) => {
                broker.command(|broker, now| broker.restart(now, Persistence::Kept));
            }
            Side::Mosquitto(broker) => broker.restart().expect("mosquitto starts again"),
        }
    }
}
