//! A model of an MQTT broker, as a value: bytes and time go in, bytes and deadlines come out.
//!
//! It is written from the standard for tests and for readers: strict with clients, the same for the
//! same inputs, whole in what it does (MQTT 5.0, 3.1.1 and 3.1), and told what to do wrong by
//! commands. It is no production broker: it keeps everything in memory, without bounds but for the
//! one on waiting messages that [`Settings::maximum_queued`] can set, and looks at every session for
//! every message.
//!
//! ```
//! use mqtt_session::Time;
//! use mqtt_testkit::broker::{Broker, Settings};
//!
//! let mut broker = Broker::new(Settings::default());
//! let connection = broker.open(Time::ZERO);
//! // CONNECT: 5.0, Clean Start, Keep Alive 60, Client Identifier "a".
//! let connect = b"\x10\x0E\x00\x04MQTT\x05\x02\x00\x3C\x00\x00\x01a";
//! broker.handle_input(Time::ZERO, connection, connect);
//! let mut sent = Vec::new();
//! broker.poll_transmit(connection, &mut sent);
//! // CONNACK: no session present, success, a Topic Alias Maximum of 65,535.
//! assert_eq!(sent, b"\x20\x06\x00\x00\x03\x22\xFF\xFF");
//! ```
#![cfg_attr(
    not(test),
    warn(
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::unwrap_used,
        reason = "no input may make it panic"
    )
)]
#![warn(clippy::disallowed_methods, clippy::disallowed_types)]

mod authentication;
mod client;
mod commands;
mod connecting;
mod connection;
mod ending;
mod filter;
mod granting;
mod log;
mod message;
mod outbound;
mod publishing;
mod receiving;
mod routing;
mod session;
mod settings;
mod subscribing;
mod wire;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use mqtt_session::Time;

pub use commands::Persistence;
pub use connection::ConnectionId;
pub use log::{Dropped, Entry, LogEvent};
pub use message::Message;
pub use settings::{Authentication, Overlapping, Settings};

use connection::{Connection, Pace, Phase};
use log::Log;
use message::Kept;
use session::Session;
use wire::Fault;

/// A model broker for any number of connections.
///
/// Four kinds of method: getters; `handle_*` and [`Broker::open`], inputs that never fail;
/// commands, which have it misbehave; `poll_*`, outputs to ask for after every input and command.
///
/// When [`Broker::poll_timeout`] has passed, [`Broker::handle_timeout`] comes before any other input or
/// command: they move the time on and look at no deadline, so a session whose time is over would still
/// be present for them.
#[derive(Debug)]
pub struct Broker {
    settings: Settings,
    /// The newest time seen.
    now: Time,
    connections: BTreeMap<ConnectionId, Connection>,
    opened: u64,
    /// By Client Identifier.
    sessions: BTreeMap<String, Session>,
    /// By Topic Name.
    retained: BTreeMap<String, Arc<Kept>>,
    /// How many messages each shared subscription has had, by its filter: whose turn it is.
    turns: BTreeMap<String, usize>,
    /// Client Identifiers assigned.
    assigned: u32,
    /// What the next CONNECTs are told.
    refusals: VecDeque<Fault>,
    log: Log,
}

/// What a session looks like from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionView<'a> {
    /// Client Identifier.
    pub client_id: &'a str,
    /// The connection of its client, if there is one.
    pub connection: Option<ConnectionId>,
    /// Its Topic Filters.
    pub filters: Vec<&'a str>,
    /// Messages not sent yet.
    pub queued: usize,
    /// QoS 1/2 messages sent and not finished.
    pub in_flight: usize,
    /// QoS 2 messages received that wait for PUBREL.
    pub unreleased: usize,
}

impl Broker {
    /// A broker without sessions.
    pub fn new(settings: Settings) -> Broker {
        let log = Log::new(settings.log_length);
        Broker {
            settings,
            now: Time::ZERO,
            connections: BTreeMap::new(),
            opened: 0,
            sessions: BTreeMap::new(),
            retained: BTreeMap::new(),
            turns: BTreeMap::new(),
            assigned: 0,
            refusals: VecDeque::new(),
            log,
        }
    }

    /// A transport was accepted.
    pub fn open(&mut self, now: Time) -> ConnectionId {
        self.advance(now);
        self.opened += 1;
        let id = ConnectionId(self.opened);
        let deadline = self.settings.connect_timeout.map(|timeout| self.now.after(timeout));
        self.connections.insert(id, Connection::new(deadline));
        self.log.push(self.now, LogEvent::Opened(id));
        id
    }

    /// Bytes came.
    pub fn handle_input(&mut self, now: Time, id: ConnectionId, bytes: &[u8]) {
        self.advance(now);
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.input.extend_from_slice(bytes);
            self.read(id);
        }
    }

    /// The transport ended. The connection is forgotten.
    pub fn handle_closed(&mut self, now: Time, id: ConnectionId) {
        self.advance(now);
        self.note_lost(id);
        self.detach(id, true);
        self.connections.remove(&id);
    }

    /// Time passed, at least to [`Broker::poll_timeout`].
    pub fn handle_timeout(&mut self, now: Time) {
        self.advance(now);
        // [MQTT-3.1.2-22]
        let is_late =
            |connection: &Connection| connection.deadline().is_some_and(|at| at <= self.now);
        let late = self.connections.iter().filter(|(_, connection)| is_late(connection));
        let late: Vec<_> = late.map(|(&id, connection)| (id, connection.lateness())).collect();
        for (id, fault) in late {
            self.fail(id, fault);
        }
        self.run_session_deadlines();
    }

    /// Appends what is to be sent on a connection.
    pub fn poll_transmit(&mut self, id: ConnectionId, out: &mut Vec<u8>) {
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.transmit(out);
        }
    }

    /// Whether [`Broker::poll_transmit`] has something.
    pub(crate) fn has_output(&self, id: ConnectionId) -> bool {
        self.connections.get(&id).is_some_and(Connection::has_output)
    }

    /// When [`Broker::handle_timeout`] is due.
    pub fn poll_timeout(&self) -> Option<Time> {
        let connections = self.connections.values().filter_map(Connection::deadline);
        connections.chain(self.session_deadline().map(|deadline| deadline.at)).min()
    }

    /// Whether the transport is to be closed once all was transmitted.
    pub fn is_closing(&self, id: ConnectionId) -> bool {
        match self.connections.get(&id).map(|connection| &connection.phase) {
            Some(Phase::Opened { .. } | Phase::Authenticating(_) | Phase::Connected(_)) => false,
            Some(Phase::Closing) | None => true,
        }
    }

    /// Whether bytes should be read from the transport; not while the connection is stalled and goes
    /// on. Of one that is to be closed they are read so that its end is seen.
    pub fn wants_input(&self, id: ConnectionId) -> bool {
        match self.connections.get(&id).map(|connection| connection.pace) {
            Some(Pace::Stalled) => self.is_closing(id),
            Some(Pace::Running) | None => true,
        }
    }

    /// The connections whose transports have not ended.
    pub fn connections(&self) -> impl Iterator<Item = ConnectionId> {
        self.connections.keys().copied()
    }

    /// The sessions, by Client Identifier.
    pub fn sessions(&self) -> impl Iterator<Item = SessionView<'_>> {
        self.sessions.iter().map(|(client_id, session)| SessionView {
            client_id,
            connection: session.connection(),
            filters: session.subscriptions.keys().map(String::as_str).collect(),
            queued: session.outbound.queue.len(),
            in_flight: session.outbound.in_flight(),
            unreleased: session.received.len(),
        })
    }

    /// The session of a client.
    pub fn session(&self, client_id: &str) -> Option<SessionView<'_>> {
        self.sessions().find(|session| session.client_id == client_id)
    }

    /// The retained messages, by topic.
    pub fn retained(&self) -> impl Iterator<Item = &Message> {
        let alive = self.retained.values().filter(|kept| !kept.has_expired(self.now));
        alive.map(|kept| &kept.message)
    }

    /// What happened, the oldest first.
    pub fn log(&self) -> impl Iterator<Item = &Entry> {
        self.log.iter()
    }

    fn advance(&mut self, now: Time) {
        self.now = self.now.max(now);
    }
}
