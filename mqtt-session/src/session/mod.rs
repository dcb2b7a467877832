//! The protocol of one client.

mod adopting;
mod aliases;
mod answers;
mod authenticating;
mod bound;
mod braking;
mod connecting;
mod deliveries;
mod encode;
mod filter;
mod flow;
mod held;
mod identifiers;
mod journal;
mod keep_alive;
mod link;
mod offline;
mod poison;
mod publishing;
mod put;
mod receive;
mod reencode;
mod requests;
mod restore;
mod resume;
mod skipping;
mod spent;
mod store;
mod subscriptions;
mod time;
mod transmit;
mod window;

use core::fmt;

use mqtt_proto::{PacketId, Version};

pub(crate) use filter::Filter;
pub(crate) use flow::{Flow, Lane};
pub(crate) use held::{Held, Shelf};
pub use time::Wakeup;

use flow::LANES;
use held::SHELVES;
use journal::Journal;
use link::{Link, Stage, Up};

use crate::memory::{Arena, Block};
use crate::table::Table;
use crate::{CloseReason, Closing, Config, Limits, Memory, Time};

/// Where a session is between two connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// No connection is open.
    Disconnected,
    /// CONNECT was made, CONNACK has not been read.
    Connecting,
    /// CONNACK accepted the connection.
    Connected,
    /// The connection is to be closed; see [`Session::closing`].
    Closing,
}

/// The protocol of one client.
///
/// Four kinds of method: getters; `handle_*` inputs, which never fail (what a faulty peer does
/// leaves as an event); commands, whose `Err` means that nothing changed; `poll_*` outputs, to be
/// drained in any order and as often as you like. After any input or command, drain
/// [`poll_event`](Session::poll_event), [`poll_store`](Session::poll_store) when there is a store,
/// and [`poll_transmit`](Session::poll_transmit), until none of them gives anything more, and
/// [`poll_spent`](Session::poll_spent) where payloads are handed back; then look at
/// [`closing`](Session::closing) and [`poll_timeout`](Session::poll_timeout).
pub struct Session<M: Memory> {
    config: Config,
    /// The newest time seen.
    now: Time,
    state: SessionState<M>,
    link: Option<Link<M>>,
    /// The end of a connection that was not polled before the next was opened.
    unreported: Option<CloseReason>,
}

/// What survives a connection.
struct SessionState<M: Memory> {
    arena: M::Arena,
    flows: Table<Flow<M>, Lane, M::Flows, M::FlowKeys, LANES>,
    held: Table<Held, Shelf, M::Held, M::HeldKeys, SHELVES>,
    subscriptions: filter::Filters<M>,
    identifiers: identifiers::Identifiers,
    journal: Journal<M>,
    /// Records are to be made that the journal had no room for; they take what room there is before
    /// anything else does. See `settle`.
    owes_records: bool,
    /// The record with which the last message of a lost session is forgotten.
    forgotten: u64,
    /// The start of the value of the record polled last.
    prefix: store::Prefix,
    identity: connecting::Identity<M>,
    /// The Packet Identifier tried next.
    next_id: PacketId,
    /// Bytes of publishes in `Lane::Waiting`.
    waiting_bytes: usize,
    /// Bytes of QoS 0 publishes in `Lane::Ready`.
    qos0_bytes: usize,
    /// QoS 0 has an outcome.
    reports_qos0: bool,
    /// No message that no connection carried expires before.
    next_expiry: Option<Time>,
    room: Room,
    ignored_acks: u64,
    unsent: u64,
    replayed: u64,
    poison: poison::Poison,
    /// Acknowledgements with a reason code are within the broker's Maximum Packet Size.
    fits_reasons: bool,
    tolerated: u64,
    /// Payloads to be handed back, if they are.
    spent: Option<M::Spent>,
}

/// Whether somebody was told that there is no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Room {
    Enough,
    Refused,
    FreedAgain,
}

impl<M: Memory> fmt::Debug for Session<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("phase", &self.phase())
            .field("in_flight", &self.in_flight())
            .field("pending", &self.pending())
            .field("held", &self.held())
            .finish_non_exhaustive()
    }
}

impl<M: Memory> Session<M> {
    /// A session without state or connection.
    pub fn new(config: Config) -> Session<M> {
        let state = SessionState::new(&config);
        Session { config, now: Time::ZERO, state, link: None, unreported: None }
    }

    /// Takes note of the time; an older one than the newest seen is taken as that.
    fn advance(&mut self, now: Time) {
        self.now = self.now.max(now);
    }
}

/// Getters.
impl<M: Memory> Session<M> {
    /// Where the session is.
    pub fn phase(&self) -> Phase {
        match self.link.as_ref().map(|link| &link.stage) {
            None => Phase::Disconnected,
            Some(Stage::Greeting { .. } | Stage::Waiting { .. }) => Phase::Connecting,
            Some(Stage::Up(_)) => Phase::Connected,
            Some(Stage::Leaving { .. } | Stage::Left { .. }) => Phase::Closing,
        }
    }

    /// What the broker granted; `None` unless connected.
    pub fn limits(&self) -> Option<&Limits> {
        Some(&self.link.as_ref()?.up()?.limits)
    }

    /// The ClientID of the last connection: the broker's when it assigned one.
    pub fn client_id(&self) -> &str {
        self.state.identity.client_id()
    }

    /// The version of the last connection, which packets are made for; before the first,
    /// [`Config::version`].
    pub fn version(&self) -> Version {
        self.state.version()
    }

    /// QoS 1/2 publishes sent and not finished.
    pub fn in_flight(&self) -> usize {
        let flows = &self.state.flows;
        flows.len(Lane::InFlight) + flows.len(Lane::Releasing) + flows.len(Lane::Released)
    }

    /// QoS 1/2 publishes that wait for the window, or within it for the store.
    pub fn pending(&self) -> usize {
        self.state.flows.len(Lane::Waiting) + self.state.flows.len(Lane::Storing)
    }

    /// QoS 1/2 publishes that can be sent before another is finished (section 4.9); 0 unless connected.
    pub fn send_quota(&self) -> usize {
        self.link.as_ref().and_then(|link| link.up()).map_or(0, Up::quota)
    }

    /// PUBLISH packets transmitted again, with DUP.
    pub fn replayed(&self) -> u64 {
        self.state.replayed
    }

    /// Inbound QoS 1/2 messages that are not finished.
    pub fn held(&self) -> usize {
        self.state.held.total()
    }

    /// Acknowledgements of the broker that belonged to nothing.
    pub fn ignored_acks(&self) -> u64 {
        self.state.ignored_acks
    }

    /// How often the broker broke the standard and was let pass: a message above Receive Maximum, no
    /// ClientID where the CONNECT had none, a PUBACK for QoS 2.
    pub fn tolerated(&self) -> u64 {
        self.state.tolerated
    }

    /// QoS 0 publishes accepted and never transmitted: the connection ended first, they expired, or
    /// they were kept for a broker that does not take them.
    pub fn unsent(&self) -> u64 {
        self.state.unsent
    }

    /// Whether the transport should be read. It should not while what was received waits until
    /// something is transmitted or polled for the store; before 5.0 also while as many messages are
    /// held as there is room for, until one is acknowledged. When it should again, drain
    /// [`poll_event`](Session::poll_event) first.
    pub fn wants_input(&self) -> bool {
        self.link.as_ref().is_some_and(|link| link.is_reading() && !link.transport_ended)
            && self.has_room_to_answer()
            && !self.is_braked()
    }

    /// What to do with the transport.
    pub fn closing(&self) -> Closing {
        match self.link.as_ref().map(|link| &link.stage) {
            Some(Stage::Left { flush: true, .. }) => Closing::AfterFlush,
            Some(Stage::Left { flush: false, .. }) => Closing::Now,
            Some(
                Stage::Greeting { .. }
                | Stage::Waiting { .. }
                | Stage::Up(_)
                | Stage::Leaving { .. },
            )
            | None => Closing::No,
        }
    }
}

impl<M: Memory> SessionState<M> {
    fn new(config: &Config) -> SessionState<M> {
        SessionState {
            arena: M::Arena::default(),
            flows: Table::new(),
            held: Table::new(),
            subscriptions: filter::Filters::default(),
            identifiers: identifiers::Identifiers::new(config),
            journal: Journal::new(config.store),
            owes_records: false,
            forgotten: 0,
            prefix: store::Prefix::default(),
            identity: connecting::Identity::new(config.version),
            next_id: PacketId::MIN,
            waiting_bytes: 0,
            qos0_bytes: 0,
            reports_qos0: config.report_qos0,
            next_expiry: None,
            room: Room::Enough,
            ignored_acks: 0,
            unsent: 0,
            replayed: 0,
            poison: poison::Poison::default(),
            fits_reasons: true,
            tolerated: 0,
            spent: config.hand_back.then(M::Spent::default),
        }
    }

    /// The version packets are made for.
    fn version(&self) -> Version {
        self.identity.version
    }

    /// Something that could stand in the way of a command is gone: who was told `Full` hears of it.
    fn note_room(&mut self) {
        if self.room == Room::Refused {
            self.room = Room::FreedAgain;
        }
    }

    fn give_back(&mut self, block: Block<M>) {
        self.arena.give_back(block);
        self.note_room();
    }
}
