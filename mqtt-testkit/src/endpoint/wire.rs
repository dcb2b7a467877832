//! One connection: its link, and the broker's end of it.

use mqtt_session::Time;

use crate::broker::ConnectionId;
use crate::{Broker, Direction, Link, Received};

/// A link and the connection it is to the broker. It outlives what the client has of it: bytes on
/// their way still arrive.
#[derive(Debug)]
pub(super) struct Wire {
    pub(super) link: Link,
    pub(super) connection: ConnectionId,
    /// What the broker sent and the link had no room for.
    output: Vec<u8>,
    /// The broker has not closed its end.
    is_served: bool,
}

impl Wire {
    pub(super) fn new(now: Time, broker: &mut Broker, link: Link) -> Wire {
        let connection = broker.open(now);
        Wire { link, connection, output: Vec::new(), is_served: true }
    }

    /// Whether the broker still has its end.
    pub(super) fn is_served(&self) -> bool {
        self.is_served
    }

    /// When something arrives at either end; what has arrived and is not read waits for its reader.
    pub(super) fn poll_timeout(&self, now: Time) -> Option<Time> {
        let arrivals =
            Direction::BOTH.into_iter().map(|direction| self.link.next_arrival(direction));
        arrivals.flatten().filter(|&at| at > now).min()
    }

    /// Does at the broker's end what is to be done now: takes at most one piece, sends everything.
    /// True when bytes moved or the end was closed.
    pub(super) fn serve(
        &mut self,
        now: Time,
        broker: &mut Broker,
        on_taken: impl FnOnce(&[u8]),
    ) -> bool {
        if !self.is_served {
            return false;
        }
        let received = self.receive(now, broker, on_taken);
        let sent = self.send(now, broker);
        if broker.is_closing(self.connection) && self.output.is_empty() {
            self.close(now, broker);
        }
        received || sent || !self.is_served
    }

    fn receive(&mut self, now: Time, broker: &mut Broker, on_taken: impl FnOnce(&[u8])) -> bool {
        if !broker.wants_input(self.connection) {
            return false;
        }
        let mut piece = Vec::new();
        match self.link.poll_receive(now, Direction::ToServer, &mut piece) {
            Received::Bytes(_) => {
                broker.handle_input(now, self.connection, &piece);
                on_taken(&piece);
                true
            }
            Received::Nothing => false,
            Received::End => {
                self.output.clear();
                self.close(now, broker);
                true
            }
        }
    }

    fn send(&mut self, now: Time, broker: &mut Broker) -> bool {
        broker.poll_transmit(self.connection, &mut self.output);
        let sent = self.link.send(now, Direction::ToClient, &self.output);
        self.output.drain(..sent);
        if !self.link.is_open(Direction::ToClient) {
            self.output.clear();
        }
        sent > 0
    }

    fn close(&mut self, now: Time, broker: &mut Broker) {
        self.is_served = false;
        self.link.close(now, Direction::ToClient);
        broker.handle_closed(now, self.connection);
    }
}
