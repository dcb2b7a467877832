//! The protocol of one client.

mod commands;
mod flow;
mod held;
mod journal;
mod keep_alive;
mod link;
mod receive;
mod resume;
mod store;
mod subscriptions;
mod time;
mod transmit;

use core::fmt;

use mqtt_proto::{Encode, EncodeError, PacketId, Property, Version};

pub(crate) use flow::{Flow, Lane};
pub(crate) use held::{Held, Shelf};
pub(crate) use subscriptions::Filter;

use flow::LANES;
use held::SHELVES;
use journal::Journal;
use link::{Link, Stage, clean_start, outbound_dialect};

use crate::memory::{Arena, Block, Storage};
use crate::table::Table;
use crate::{
    CloseReason, Closing, Config, Connect, DisconnectError, Inbound, Limits, Memory, OpenError, Time,
};

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

pub use time::Wakeup;

/// The protocol of one client.
///
/// Four kinds of method: getters; `handle_*` inputs, which never fail (what a faulty peer does
/// leaves as an event); commands, whose `Err` means that nothing changed; `poll_*` outputs, to be
/// drained in any order and as often as you like. After any input or command, drain
/// [`poll_event`](Session::poll_event), [`poll_store`](Session::poll_store) when there is a store,
/// [`poll_transmit`](Session::poll_transmit), and look at [`closing`](Session::closing) and
/// [`poll_timeout`](Session::poll_timeout).
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
    /// Subscriptions the broker granted, oldest first.
    filters: M::Filters,
    /// The last subscription the broker refused to make again.
    lost: Option<Filter<M>>,
    /// The start of the value of the record polled last.
    prefix: store::Prefix,
    journal: Journal<M>,
    /// The ClientID the last connection used.
    client_id: M::ClientId,
    /// The version the last connection spoke.
    version: Version,
    /// The Packet Identifier tried next.
    next_id: PacketId,
    /// The number the next message gets in the store.
    next_message: u64,
    /// The number the next subscription gets in the store.
    next_filter: u64,
    /// Bytes of publishes in `Lane::Waiting`.
    waiting_bytes: usize,
    /// Bytes of QoS 0 publishes in `Lane::Ready`.
    qos0_bytes: usize,
    /// No waiting message expires before.
    next_expiry: Option<Time>,
    room: Room,
    ignored_acks: u64,
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
        text(&self.state.client_id)
    }

    /// QoS 1/2 publishes sent and not finished.
    pub fn in_flight(&self) -> usize {
        let flows = &self.state.flows;
        flows.len(Lane::InFlight) + flows.len(Lane::Releasing) + flows.len(Lane::Released)
    }

    /// QoS 1/2 publishes that wait to be sent.
    pub fn pending(&self) -> usize {
        self.state.flows.len(Lane::Waiting)
    }

    /// Inbound QoS 1/2 messages that are not finished.
    pub fn held(&self) -> usize {
        self.state.held.total()
    }

    /// Acknowledgements of the broker that belonged to nothing.
    pub fn ignored_acks(&self) -> u64 {
        self.state.ignored_acks
    }

    /// Whether the transport should be read.
    pub fn wants_input(&self) -> bool {
        self.link.as_ref().is_some_and(|link| link.is_reading() && !link.transport_ended)
    }

    /// What to do with the transport.
    pub fn closing(&self) -> Closing {
        match self.link.as_ref().map(|link| &link.stage) {
            Some(Stage::Left { flush: true, .. }) => Closing::AfterFlush,
            Some(Stage::Left { flush: false, .. }) => Closing::Now,
            Some(
                Stage::Greeting { .. } | Stage::Waiting { .. } | Stage::Up(_) | Stage::Leaving { .. },
            )
            | None => Closing::No,
        }
    }
}

/// The network port.
impl<M: Memory> Session<M> {
    /// A session without state or connection.
    pub fn new(config: Config) -> Session<M> {
        let journal = Journal::new(config.store);
        Session {
            config,
            now: Time::ZERO,
            state: SessionState {
                arena: M::Arena::default(),
                flows: Table::new(),
                held: Table::new(),
                filters: M::Filters::default(),
                lost: None,
                prefix: store::Prefix::default(),
                journal,
                client_id: M::ClientId::default(),
                version: Version::V5,
                next_id: PacketId::MIN,
                next_message: 1,
                next_filter: 1,
                waiting_bytes: 0,
                qos0_bytes: 0,
                next_expiry: None,
                room: Room::Enough,
                ignored_acks: 0,
            },
            link: None,
            unreported: None,
        }
    }

    /// The transport is up: starts a connection with this CONNECT.
    pub fn open(&mut self, now: Time, connect: &Connect<'_>) -> Result<Inbound<M>, OpenError> {
        self.advance(now);
        if self.link.as_ref().is_some_and(|link| !link.transport_ended) {
            return Err(OpenError::AlreadyOpen);
        }
        if connect.version != self.state.version && self.state.has_images() {
            return Err(OpenError::VersionChanged);
        }
        let image = self.encode_connect(connect)?;
        if let Some(reason) = self.end_link() {
            self.unreported = Some(reason);
        }
        self.state.version = connect.version;
        self.link = Some(Link::new(self.now, connect, image, self.config.ping_timeout));
        Ok(Inbound::default())
    }

    /// CONNECT with the properties the session decides (section 3.1.2.11).
    fn encode_connect(&mut self, connect: &Connect<'_>) -> Result<Block<M>, OpenError> {
        let is_v5 = connect.version.has_properties();
        let own = [
            Property::SessionExpiryInterval(connect.session_expiry),
            Property::ReceiveMaximum(self.config.receive_maximum.get()),
            Property::MaximumPacketSize(self.maximum_packet_size()),
        ];
        // The limit of the protocol itself goes without saying.
        let own_len = if self.maximum_packet_size() == u32::MAX { 2 } else { 3 };
        let own = own.get(..own_len).filter(|_| is_v5).unwrap_or_default();
        let mut all = [Property::SessionExpiryInterval(0); 32];
        let mut used = 0;
        for property in own.iter().copied().chain(connect.properties.iter()) {
            if let Some(place) = all.get_mut(used) {
                *place = property;
                used += 1;
            }
        }
        let packet = mqtt_proto::Connect {
            version: connect.version,
            clean_start: clean_start(connect),
            keep_alive: connect.keep_alive,
            properties: mqtt_proto::Properties::from_slice(all.get(..used).unwrap_or_default()),
            client_id: match connect.client_id {
                "" => text(&self.state.client_id),
                given => given,
            },
            will: connect.will,
            username: connect.username,
            password: connect.password,
        };
        Ok(encode(&mut self.state.arena, connect.version, &packet)?)
    }

    /// The largest packet the broker may send, in bytes; `u32::MAX` when nothing limits it.
    fn maximum_packet_size(&self) -> u32 {
        let configured = self.config.maximum_packet_size.map_or(u32::MAX, |size| size.get());
        configured.min(u32::try_from(M::Input::LIMIT).unwrap_or(u32::MAX))
    }

    /// `n` bytes that `poll_transmit` gave were written to the transport.
    pub fn handle_sent(&mut self, now: Time, n: usize) {
        self.advance(now);
        if let Some(link) = &mut self.link
            && n > 0
        {
            link.keep_alive.handle_sent(self.now);
        }
    }

    /// The transport ended, for whatever reason. `poll_event` still gives what is whole, then
    /// [`Event::Closed`](crate::Event::Closed).
    pub fn handle_closed(&mut self, now: Time) {
        self.advance(now);
        if let Some(link) = &mut self.link {
            link.transport_ended = true;
        }
    }

    /// The owner reads the transport (again), or not: while it does not, silence proves nothing.
    pub fn handle_paused(&mut self, now: Time, paused: bool) {
        self.advance(now);
        if let Some(link) = &mut self.link {
            link.keep_alive.set_paused(self.now, paused);
        }
    }
}

/// A text that was checked before it was kept.
fn text(bytes: &impl AsRef<[u8]>) -> &str {
    core::str::from_utf8(bytes.as_ref()).unwrap_or_default()
}

/// Why a packet of the session's own could not be made.
enum EncodeFailure {
    Full,
    Invalid(EncodeError),
}

impl From<EncodeError> for EncodeFailure {
    fn from(error: EncodeError) -> EncodeFailure {
        EncodeFailure::Invalid(error)
    }
}

impl From<EncodeFailure> for OpenError {
    fn from(failure: EncodeFailure) -> OpenError {
        match failure {
            EncodeFailure::Full => OpenError::Full,
            EncodeFailure::Invalid(error) => OpenError::Connect(error),
        }
    }
}

impl From<EncodeFailure> for DisconnectError {
    fn from(failure: EncodeFailure) -> DisconnectError {
        match failure {
            EncodeFailure::Full => DisconnectError::Full,
            EncodeFailure::Invalid(error) => DisconnectError::Invalid(error),
        }
    }
}

/// Writes a whole packet into a block of its own.
fn encode<A: Arena>(
    arena: &mut A,
    version: Version,
    packet: &impl Encode,
) -> Result<A::Block, EncodeFailure> {
    let dialect = outbound_dialect(version);
    let measure = packet.measure(dialect)?;
    let mut block = arena.take(measure.len).map_err(|_| EncodeFailure::Full)?;
    match packet.write(dialect, &measure, arena.bytes_mut(&mut block)) {
        Ok(()) => Ok(block),
        Err(error) => {
            arena.give_back(block);
            Err(error.into())
        }
    }
}
