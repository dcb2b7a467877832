//! The network port: from an open transport to CONNACK, and the end of the transport.

use mqtt_proto::{ConnAck, Encode, Properties, Property, Version};

use super::adopting::{Origin, Probes};
use super::aliases::Aliases;
use super::held::{Held, Shelf};
use super::link::{
    Asked, Link, Stage, Up, clean_start, limits, outbound_dialect, topic_alias_maximum,
};
use super::put::SHORTEST_ACK;
use super::{Session, SessionState};
use crate::memory::{Arena, Block, Full, List, Storage};
use crate::record::RecordRef;
use crate::table::Slot;
use crate::{
    CloseReason, Connect, Event, Inbound, Memory, OpenError, Refusal, Time, ViolationKind,
};

/// Who the client is to its brokers.
pub(super) struct Identity<M: Memory> {
    /// The ClientID of the last connection; empty before the first, or when it is too long.
    client_id: M::ClientId,
    /// The version of the last connection.
    pub(super) version: Version,
    /// Whose the session is that the broker keeps under the ClientID.
    pub(super) origin: Origin,
    /// All this is as the store has it.
    is_recorded: bool,
    /// The identifiers in records up to this number are of the session of another ClientID.
    pub(super) void_up_to: u64,
    /// The last CONNECT. It keeps its bytes, so that the next one finds room whatever waits to be
    /// sent. Before the first, in memory of a fixed size, room for it.
    connect: Option<Block<M>>,
    /// Its Authentication Method, which every AUTH repeats.
    pub(super) method: Option<Block<M>>,
}

/// The network port.
impl<M: Memory> Session<M> {
    /// The transport is up: starts a connection with this CONNECT.
    ///
    /// Poll events until [`Event::Closed`] before: what an earlier connection received and was not
    /// polled is dropped, and of several ends not polled only the newest is reported.
    pub fn open(&mut self, now: Time, connect: &Connect<'_>) -> Result<Inbound<M>, OpenError> {
        self.advance(now);
        if self.link.as_ref().is_some_and(|link| !link.transport_ended) {
            return Err(OpenError::AlreadyOpen);
        }
        let receive_maximum = self.receive_maximum();
        self.encode_connect(connect, receive_maximum)?;
        if let Some(reason) = self.end_link() {
            self.unreported = Some(reason);
        }
        self.state.identity.take_on(connect);
        let mut link = Link::new(self.now, connect, receive_maximum, &self.config);
        if self.state.journal.has_failed() {
            link.leave(&mut self.state.arena, CloseReason::StoreFailed);
        }
        self.link = Some(link);
        Ok(Inbound::default())
    }

    /// CONNECT with the properties the session decides (section 3.1.2.11).
    fn encode_connect(
        &mut self,
        connect: &Connect<'_>,
        receive_maximum: u16,
    ) -> Result<(), OpenError> {
        let is_v5 = connect.version.has_properties();
        let maximum_packet_size = self.maximum_packet_size();
        let topic_alias_maximum = topic_alias_maximum::<M>(&self.config);
        // The limits of the protocol itself go without saying.
        let optional = [
            (maximum_packet_size < u32::MAX)
                .then_some(Property::MaximumPacketSize(maximum_packet_size)),
            (topic_alias_maximum > 0).then_some(Property::TopicAliasMaximum(topic_alias_maximum)),
        ];
        let mut own = [
            Property::SessionExpiryInterval(connect.session_expiry),
            Property::ReceiveMaximum(receive_maximum),
            Property::MaximumPacketSize(maximum_packet_size),
            Property::TopicAliasMaximum(topic_alias_maximum),
        ];
        let mut own_len = 2;
        for (place, property) in own.iter_mut().skip(2).zip(optional.into_iter().flatten()) {
            *place = property;
            own_len += 1;
        }
        let own = own.get(..own_len).filter(|_| is_v5).unwrap_or_default();
        let Identity { client_id, connect: place, .. } = &mut self.state.identity;
        let packet = mqtt_proto::Connect {
            version: connect.version,
            clean_start: clean_start(connect),
            keep_alive: connect.keep_alive,
            properties: Properties::join(own, &connect.properties),
            client_id: if connect.client_id.is_empty() {
                text(client_id)
            } else {
                connect.client_id
            },
            will: connect.will,
            username: connect.username,
            password: connect.password,
        };
        let dialect = outbound_dialect(connect.version);
        let measure = packet.measure(dialect)?;
        let block = reserve(&mut self.state.arena, place, measure.len)?;
        packet.write(dialect, &measure, self.state.arena.bytes_mut(block))?;
        Ok(self.state.keep_method(connect.properties.authentication_method())?)
    }

    /// The largest packet the broker may send, in bytes; `u32::MAX` when nothing limits it.
    pub(super) fn maximum_packet_size(&self) -> u32 {
        let configured = self.config.maximum_packet_size.map_or(u32::MAX, core::num::NonZero::get);
        configured.min(u32::try_from(M::Input::LIMIT).unwrap_or(u32::MAX))
    }

    /// How many unfinished messages the broker may send: no more than the memory holds beside those
    /// it will come back to.
    fn receive_maximum(&self) -> u16 {
        let configured = self.config.receive_maximum.get();
        let Some(limit) = <M::Held as List<Slot<Held, Shelf>>>::LIMIT else { return configured };
        let held = &self.state.held;
        let kept = [Shelf::Known, Shelf::PubRec, Shelf::Received, Shelf::PubComp];
        let kept: usize = kept.into_iter().map(|shelf| held.len(shelf)).sum();
        let is_recorded = |index: &u32| self.state.is_recorded(*index);
        let copies = held.iter(Shelf::Qos2).filter(is_recorded).count();
        let room = u16::try_from(limit.saturating_sub(kept + copies)).unwrap_or(u16::MAX);
        configured.min(room).max(1)
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
    /// [`Event::Closed`].
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
            link.is_paused = paused;
            link.note_reading(self.now);
        }
    }
}

/// CONNACK.
impl<M: Memory> Session<M> {
    pub(super) fn receive_connack<'i>(
        &mut self,
        connack: ConnAck<'i>,
    ) -> Result<Option<Event<'i>>, ViolationKind> {
        let Some(link) = &mut self.link else { return Ok(None) };
        let Stage::Waiting { asked } = link.stage else {
            return Err(ViolationKind::Unexpected);
        };
        self.state.check_unasked_method(&connack)?;
        if !link.response_information && connack.properties.response_information().is_some() {
            // [MQTT-3.1.2-28]
            return Err(ViolationKind::NotAskedFor);
        }
        if connack.reason.is_error() {
            let refusal = Refusal { reason: connack.reason };
            link.leave(&mut self.state.arena, CloseReason::Refused(refusal));
            return Ok(Some(Event::Refused(connack)));
        }
        if connack.session_present && asked.clean_start {
            // [MQTT-3.2.2-2]
            return Err(ViolationKind::SessionPresent);
        }
        let has_state = self.state.identity.origin.is_known();
        if connack.session_present && self.config.strict_session && !has_state {
            // [MQTT-3.2.2-4]
            return Err(ViolationKind::SessionPresent);
        }
        let is_named = self.state.is_named(&connack);
        if !is_named && self.config.strict {
            // [MQTT-3.2.2-16]
            return Err(ViolationKind::NoClientId);
        }
        self.check_authenticated(&connack)?;
        if limits(&connack, &asked).packet_size() < SHORTEST_ACK {
            // [MQTT-3.2.2-15]
            return Err(ViolationKind::MaximumPacketSize);
        }
        self.state.tolerated += u64::from(!is_named);
        let session_present = self.accept_connack(&connack, asked);
        Ok(Some(Event::Connected(ConnAck { session_present, ..connack })))
    }

    /// CONNACK accepted the connection: takes up the session, or starts it over. Whether the broker
    /// has it, or is taken to have it.
    fn accept_connack(&mut self, connack: &ConnAck<'_>, asked: Asked) -> bool {
        let Some(link) = &mut self.link else { return false };
        let state = &mut self.state;
        let limits = limits(connack, &asked);
        link.exchange.end(&mut state.arena);
        link.keep_alive.start(self.now, limits.keep_alive);
        link.aliases = Aliases::new(&self.config, &limits);
        if let Some(assigned) = assigned_client_id(connack) {
            state.adopt_client_id(assigned);
        }
        if !state.identity.origin.is_known() {
            state.void_packet_ids();
        }
        // 3.1 does not say whether the session is there: flows go on as if it were, and subscriptions
        // are made again as if it were not.
        let is_told = link.version != Version::V3_1;
        let is_kept = !is_told && !asked.clean_start && state.identity.origin.is_known();
        let session_present = connack.session_present || is_kept;
        let goes_on = state.identity.take_up_session(session_present);
        state.note_identity();
        state.identifiers.handle_connected(&limits, link.version);
        state.fits_reasons = limits.packet_size() > SHORTEST_ACK;
        if !goes_on {
            // [MQTT-3.2.2-5]
            state.lose_session(&self.config);
        }
        if !goes_on || !is_told {
            state.lose_subscriptions();
        }
        state.end_unwanted();
        if self.config.qos_downgrade {
            state.downgrade_unsent(&limits);
        }
        state.fail_unsupported(&limits);
        let unfinished = state.flows.len(super::Lane::Releasing);
        let mut up = Up::new(limits, link.version, self.config.max_in_flight, unfinished);
        if state.poison.is_one_by_one() {
            up.narrow();
        }
        link.replace_stage(&mut state.arena, Stage::Up(up));
        state.note_room();
        let kept = state.flows.len(super::Lane::Ready);
        self.promote();
        self.state.send_kept(kept, &limits);
        session_present
    }
}

impl<M: Memory> Identity<M> {
    pub(super) fn new(version: Version) -> Identity<M> {
        Identity {
            client_id: M::ClientId::default(),
            version,
            origin: Origin::Unknown,
            is_recorded: false,
            void_up_to: 0,
            connect: None,
            method: None,
        }
    }

    pub(super) fn client_id(&self) -> &str {
        text(&self.client_id)
    }

    /// The bytes of CONNECT.
    pub(super) fn connect<'a>(&'a self, arena: &'a M::Arena) -> &'a [u8] {
        self.connect.as_ref().map(|connect| arena.bytes(connect)).unwrap_or_default()
    }

    /// A connection is made with this CONNECT.
    fn take_on(&mut self, connect: &Connect<'_>) {
        if self.version != connect.version {
            self.version = connect.version;
            self.is_recorded = false;
        }
        if !connect.client_id.is_empty() {
            self.set_client_id(connect.client_id);
        }
    }

    /// A broker accepted the client. `false` when the session is not the one this end has state of.
    fn take_up_session(&mut self, session_present: bool) -> bool {
        let goes_on = session_present && self.origin.is_known();
        let origin = self.origin.after_connack(session_present);
        self.is_recorded &= origin.is_adopted() == self.origin.is_adopted();
        self.origin = origin;
        goes_on
    }

    fn set_client_id(&mut self, id: &str) {
        if self.client_id() == id {
            return;
        }
        // What the broker keeps under another ClientID is another session.
        if !self.client_id().is_empty() {
            self.origin = Origin::Unknown;
        }
        self.is_recorded = false;
        self.client_id = M::ClientId::default();
        if id.bytes().try_for_each(|byte| self.client_id.push(byte)).is_err() {
            self.client_id = M::ClientId::default();
        }
    }

    /// No identifier was given in this session before.
    pub(super) fn void_records(&mut self, up_to: u64) {
        self.void_up_to = up_to;
        self.is_recorded = false;
    }

    /// Takes all this from the store.
    pub(super) fn restore(
        &mut self,
        version: Version,
        is_adopted: bool,
        void_up_to: u64,
        client_id: &[u8],
    ) -> Result<(), Full> {
        self.version = version;
        self.origin = if is_adopted { Origin::Adopted(Probes::new()) } else { Origin::Own };
        self.is_recorded = true;
        self.void_up_to = void_up_to;
        client_id.iter().try_for_each(|byte| self.client_id.push(*byte))
    }
}

impl<M: Memory> SessionState<M> {
    /// Whether the client has a ClientID once this CONNACK is read. Before 5.0 a broker cannot say it.
    fn is_named(&self, connack: &ConnAck<'_>) -> bool {
        !self.identity.version.has_properties()
            || !self.identity.client_id().is_empty()
            || assigned_client_id(connack).is_some()
    }

    /// The broker assigned the ClientID: the next CONNECT will say it [MQTT-3.1.3-7].
    fn adopt_client_id(&mut self, assigned: &str) {
        if self.identity.client_id() == assigned {
            return;
        }
        let Identity { connect, .. } = &mut self.identity;
        let len = connect.as_ref().map_or(0, |connect| self.arena.bytes(connect).len());
        // With a Remaining Length of up to three bytes more. If there is no room for that now, the
        // next `open` looks again.
        reserve(&mut self.arena, connect, len + assigned.len() + 3).ok();
        self.identity.set_client_id(assigned);
    }

    /// Keeps room for the first CONNECT in memory of a fixed size, before anything else is accepted
    /// into it: a quarter. `false` when there is no room; what was restored left enough for the
    /// CONNECT that stood beside it.
    pub(super) fn keep_room_to_connect(&mut self) -> bool {
        let Identity { connect, .. } = &mut self.identity;
        if M::Arena::LIMIT < usize::MAX && connect.is_none() {
            *connect = self.arena.take(M::Arena::LIMIT / 4).ok();
            return connect.is_some();
        }
        true
    }

    /// Records who the client is if that changed, now or when there is room.
    pub(super) fn note_identity(&mut self) {
        if !self.identity.is_recorded && self.identity.origin.is_known() {
            self.identity.is_recorded = self.journal.push(RecordRef::Session).is_ok();
            self.owes_records |= !self.identity.is_recorded;
        }
    }
}

/// The ClientID that the broker assigned; an empty one is none.
fn assigned_client_id<'a>(connack: &ConnAck<'a>) -> Option<&'a str> {
    connack.properties.assigned_client_identifier().filter(|id| !id.is_empty())
}

/// Makes `place` a block of this length. Without room the old one stays, with other bytes.
fn reserve<'a, A: Arena>(
    arena: &mut A,
    place: &'a mut Option<A::Block>,
    len: usize,
) -> Result<&'a mut A::Block, Full> {
    let old = place.take().map(|block| {
        let len = arena.bytes(&block).len();
        arena.give_back(block);
        len
    });
    match arena.take(len) {
        Ok(block) => Ok(place.insert(block)),
        Err(Full) => {
            *place = old.and_then(|len| arena.take(len).ok());
            Err(Full)
        }
    }
}

/// A text that was checked before it was kept.
fn text(bytes: &impl AsRef<[u8]>) -> &str {
    core::str::from_utf8(bytes.as_ref()).unwrap_or_default()
}
