//! A session and its connection to the broker.

use mqtt_session::{Closing, Config, Connect, Event, Inbound, Memory, Session, Time};
use mqtt_testkit::broker::{Broker, ConnectionId};

/// A session, and the bytes on their way.
pub(super) struct Client<M: Memory> {
    pub(super) session: Session<M>,
    inbound: Inbound<M>,
    connect: Connect<'static>,
    wire: Option<Wire>,
    /// The newest record polled.
    polled: u64,
}

/// A connection.
struct Wire {
    id: ConnectionId,
    to_broker: Vec<u8>,
    to_session: Vec<u8>,
}

impl<M: Memory> Client<M> {
    pub(super) fn new(config: Config, client_id: &'static str, keep_alive: u16) -> Client<M> {
        let connect = Connect {
            version: config.version,
            clean_start: false,
            session_expiry: u32::MAX,
            keep_alive,
            ..Connect::new(client_id)
        };
        Client {
            session: Session::new(config),
            inbound: Inbound::default(),
            connect,
            wire: None,
            polled: 0,
        }
    }

    pub(super) fn is_open(&self) -> bool {
        self.wire.is_some()
    }

    pub(super) fn connection(&self) -> Option<ConnectionId> {
        self.wire.as_ref().map(|wire| wire.id)
    }

    /// Opens a connection. What the last one left was polled before.
    pub(super) fn open(&mut self, now: Time, broker: &mut Broker) {
        self.inbound = self.session.open(now, &self.connect).expect("there is room for CONNECT");
        let id = broker.open(now);
        self.wire = Some(Wire { id, to_broker: Vec::new(), to_session: Vec::new() });
    }

    /// Puts what both ends transmit on its way, and ends a connection that is to end.
    pub(super) fn tend(&mut self, now: Time, broker: &mut Broker) {
        let Some(wire) = &mut self.wire else {
            // What nobody gets any more may stand before events.
            self.session.poll_transmit(now, &mut Vec::new()).expect("the output grows");
            return;
        };
        let sent = wire.to_broker.len();
        self.session.poll_transmit(now, &mut wire.to_broker).expect("the output grows");
        self.session.handle_sent(now, wire.to_broker.len() - sent);
        broker.poll_transmit(wire.id, &mut wire.to_session);
        let is_left = match self.session.closing() {
            Closing::No => false,
            Closing::AfterFlush => wire.to_broker.is_empty(),
            Closing::Now => true,
        };
        if is_left || (broker.is_closing(wire.id) && wire.to_session.is_empty()) {
            self.cut(now, broker);
        }
    }

    /// The connection ends, with all that is on its way.
    pub(super) fn cut(&mut self, now: Time, broker: &mut Broker) {
        if let Some(wire) = self.wire.take() {
            broker.handle_closed(now, wire.id);
            self.session.handle_closed(now);
        }
    }

    /// At most `n` bytes arrive at the broker; how many did.
    pub(super) fn send_to_broker(&mut self, now: Time, broker: &mut Broker, n: usize) -> usize {
        let Some(wire) = &mut self.wire else { return 0 };
        if !broker.wants_input(wire.id) {
            return 0;
        }
        let n = n.min(wire.to_broker.len());
        let bytes: Vec<u8> = wire.to_broker.drain(..n).collect();
        broker.handle_input(now, wire.id, &bytes);
        n
    }

    /// At most `n` bytes arrive at the session; how many did.
    pub(super) fn send_to_session(&mut self, now: Time, n: usize) -> usize {
        let Some(wire) = &mut self.wire else { return 0 };
        if !self.session.wants_input() {
            return 0;
        }
        let space = self.inbound.space();
        let n = n.min(wire.to_session.len()).min(space.len());
        for (place, byte) in space.iter_mut().zip(wire.to_session.drain(..n)) {
            *place = byte;
        }
        self.inbound.handle_received(now, n);
        n
    }

    pub(super) fn poll(&mut self, now: Time) -> Option<Event<'_>> {
        self.session.poll_event(now, &mut self.inbound)
    }

    /// Stores at most so many records; how many there were.
    pub(super) fn store(&mut self, records: usize) -> usize {
        let mut stored = 0;
        while stored < records {
            let Some(record) = self.session.poll_store() else { break };
            assert!(record.seq > self.polled, "records are numbered upwards");
            self.polled = record.seq;
            stored += 1;
        }
        self.session.handle_stored(self.polled);
        stored
    }

    /// The time it wants to be woken at.
    pub(super) fn deadline(&self) -> Option<Time> {
        self.session.poll_timeout().map(|(at, _)| at)
    }

    pub(super) fn handle_timeout(&mut self, now: Time) {
        if self.deadline().is_some_and(|at| at <= now) {
            self.session.handle_timeout(now);
        }
        let next = self.deadline();
        assert!(next.is_none_or(|at| at > now), "{next:?} is not later than {now:?}");
    }
}
