//! The four workloads, and the numbering that shows that no message was lost.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use crate::Result;

/// The topic of every message.
pub const TOPIC: &str = "benches/plant/7/line";

/// Bytes in every payload.
pub const PAYLOAD: usize = 64;

/// QoS 1 messages a client may have outstanding, and the Receive Maximum it announces.
pub const WINDOW: u16 = 100;

/// What a client does with each message, in the order of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Workload {
    /// Publish at QoS 0 as fast as the socket takes it.
    PublishQos0,
    /// Publish at QoS 1 with [`WINDOW`] messages outstanding.
    PublishQos1,
    /// Subscribe and take every message at QoS 0.
    ReceiveQos0,
    /// Subscribe, take and acknowledge every message at QoS 1.
    ReceiveQos1,
}

/// Which way the messages go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the client to the peer.
    Publish,
    /// From the peer to the client.
    Receive,
}

impl Workload {
    /// Which way the messages go.
    pub fn direction(self) -> Direction {
        match self {
            Self::PublishQos0 | Self::PublishQos1 => Direction::Publish,
            Self::ReceiveQos0 | Self::ReceiveQos1 => Direction::Receive,
        }
    }

    /// Its QoS as a number.
    pub fn qos(self) -> u8 {
        match self {
            Self::PublishQos0 | Self::ReceiveQos0 => 0,
            Self::PublishQos1 | Self::ReceiveQos1 => 1,
        }
    }
}

impl fmt::Display for Workload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let direction = match self.direction() {
            Direction::Publish => "Publish",
            Direction::Receive => "Receive",
        };
        write!(f, "{direction} QoS {}", self.qos())
    }
}

/// One run of one client.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// What to do.
    pub workload: Workload,
    /// How often.
    pub messages: u64,
    /// Where the peer listens, on loopback.
    pub port: u16,
}

impl Plan {
    /// The peer's address.
    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }
}

/// Numbers the messages: writes the number into each payload sent, or checks it in each received.
///
/// The number stands in the first and in the last eight bytes, big endian.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sequence {
    next: u64,
}

impl Sequence {
    const TAIL: usize = PAYLOAD - 8;

    /// How many messages have passed.
    pub fn count(&self) -> u64 {
        self.next
    }

    /// The next payload to send.
    pub fn payload(&mut self) -> [u8; PAYLOAD] {
        let mut payload = [b'.'; PAYLOAD];
        let number = self.next.to_be_bytes();
        payload[..8].copy_from_slice(&number);
        payload[Self::TAIL..].copy_from_slice(&number);
        self.next += 1;
        payload
    }

    /// Checks that `payload` is whole and the next in sequence.
    pub fn check(&mut self, payload: &[u8]) -> Result<()> {
        let number = self.next.to_be_bytes();
        if payload.len() != PAYLOAD || payload[..8] != number || payload[Self::TAIL..] != number {
            return Err(format!("lost, repeated or torn: message {}", self.next).into());
        }
        self.next += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequence_notices_lost_repeated_and_torn() {
        let mut sent = Sequence::default();
        let messages = [sent.payload(), sent.payload(), sent.payload()];
        let mut received = Sequence::default();
        received.check(&messages[0]).unwrap();
        received.check(&messages[0]).unwrap_err();
        received.check(&messages[2]).unwrap_err();
        let mut torn = messages[1];
        torn[PAYLOAD - 1] = 0;
        received.check(&torn).unwrap_err();
        received.check(&messages[1][..PAYLOAD - 1]).unwrap_err();
        received.check(&messages[1]).unwrap();
        assert_eq!(received.count(), 2);
    }
}
