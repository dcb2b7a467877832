//! The application port: what the owner asks for.

use mqtt_proto::{
    Disconnect, Encode, EncodeError, Field, Filters, PacketId, Properties, Property, PropertyId,
    Publish, QoS, ReasonCode, Subscribe, Subscription, Subscriptions, TopicFilter, Unsubscribe,
};

use super::flow::{Expiry, Flow, FlowKind, Image, Lane};
use super::held::Shelf;
use super::link::{Stage, outbound_dialect};
use super::{Room, Session, SessionState};
use crate::memory::Arena;
use crate::record::{RecordKind, RecordRef};
use crate::{
    CloseReason, Config, Delivery, DisconnectError, Limits, Memory, Payload, PublishError,
    SubscribeError, Time, Token,
};

/// What stands for the Packet Identifier until a packet has its own.
const PLACEHOLDER: PacketId = PacketId::MIN;

/// The application port.
impl<M: Memory> Session<M> {
    /// Accepts a message for sending. `publish` gives all but the payload, Packet Identifier and
    /// DUP, which are ignored. QoS 1 and 2 give a token, whose outcome comes as
    /// [`Event::Published`](crate::Event::Published); QoS 0 is done.
    pub fn publish(
        &mut self,
        now: Time,
        publish: &Publish<'_>,
        payload: Payload<'_, M::Body>,
    ) -> Result<Option<Token>, PublishError> {
        self.advance(now);
        self.check_publish(publish)?;
        let at_most_once = publish.qos == QoS::AtMostOnce;
        let packet = Publish {
            dup: false,
            packet_id: (!at_most_once).then_some(PLACEHOLDER),
            payload: payload.bytes(),
            ..*publish
        };
        let dialect = outbound_dialect(self.state.version);
        let measure = packet.measure(dialect)?;
        self.check_size(measure.len)?;
        let body_len = payload.kept_len(M::KEEP_FROM);
        if !self.has_room_to_publish(publish.qos, measure.len) {
            return Err(self.refuse(PublishError::Full));
        }
        let Ok(mut head) = self.state.arena.take(measure.len - body_len) else {
            return Err(self.refuse(PublishError::Full));
        };
        let place = self.state.arena.bytes_mut(&mut head);
        let written = match body_len {
            0 => packet.write(dialect, &measure, place),
            _ => packet.write_head(dialect, &measure, place).map(|_| ()),
        };
        if let Err(error) = written {
            self.state.arena.give_back(head);
            return Err(error.into());
        }
        let expiry = self.expiry_of(publish, measure.len - packet.payload.len());
        let image = Image { head, body: payload.into_kept(M::KEEP_FROM), version: dialect.version };
        if at_most_once {
            self.state.queue_at_most_once(image, measure.len, expiry);
            return Ok(None);
        }
        let token = self.state.queue_publish(publish.qos, image, measure.len, expiry);
        self.promote();
        Ok(Some(token))
    }

    fn check_publish(&self, publish: &Publish<'_>) -> Result<(), PublishError> {
        if publish.properties.topic_alias().is_some() {
            let field = Field::Property(PropertyId::TopicAlias);
            return Err(EncodeError::Unexpected(field).into());
        }
        match self.link.as_ref().map(|link| &link.stage) {
            Some(Stage::Leaving { .. }) => Err(PublishError::Disconnecting),
            Some(Stage::Up(up)) => check_limits(&up.limits, publish),
            Some(Stage::Greeting { .. } | Stage::Waiting { .. } | Stage::Left { .. }) | None => {
                match publish.qos {
                    QoS::AtMostOnce => Err(PublishError::NotConnected),
                    QoS::AtLeastOnce | QoS::ExactlyOnce => Ok(()),
                }
            }
        }
    }

    fn check_size(&self, len: usize) -> Result<(), PublishError> {
        let max = self.largest_packet();
        if len > max { Err(PublishError::TooLarge { len, max }) } else { Ok(()) }
    }

    /// The largest packet this end may send, in bytes: the broker's limit and the memory's.
    fn largest_packet(&self) -> usize {
        let granted = self.limits().and_then(|limits| limits.maximum_packet_size);
        granted.map_or(usize::MAX, |size| size.get() as usize).min(M::Arena::LIMIT)
    }

    fn has_room_to_publish(&self, qos: QoS, len: usize) -> bool {
        let state = &self.state;
        let Config { write_queue, max_pending, max_pending_bytes, .. } = self.config;
        let fits = match qos {
            QoS::AtMostOnce => state.qos0_bytes == 0 || state.qos0_bytes + len <= write_queue,
            QoS::AtLeastOnce | QoS::ExactlyOnce => {
                let waiting = state.flows.len(Lane::Waiting);
                let quota = self.link.as_ref().and_then(|link| link.up()).map_or(0, |up| up.quota());
                let window_is_open = waiting < usize::from(quota);
                let queue_has_room =
                    waiting < max_pending && state.waiting_bytes + len <= max_pending_bytes;
                state.journal.has_room(2) && (window_is_open || queue_has_room)
            }
        };
        fits && state.flows.has_room()
    }

    /// Remembers that there was no room, so that `Writable` follows.
    fn refuse<E>(&mut self, error: E) -> E {
        self.state.room = Room::Refused;
        error
    }

    /// When a message expires (section 3.3.2.3.3), for an image with a head of `head_len` bytes.
    fn expiry_of(&self, publish: &Publish<'_>, head_len: usize) -> Option<Expiry> {
        let interval = publish.properties.message_expiry_interval()?;
        // The properties end the head, so the place is counted from its end.
        let before = |property: &Property<'_>| {
            !matches!(property, Property::MessageExpiryInterval(_))
        };
        let from_here = publish.properties.iter().skip_while(before);
        let behind: usize = from_here.map(|property| property.encoded_len()).sum();
        let at = self.now.after(core::time::Duration::from_secs(u64::from(interval)));
        Some(Expiry { at, place: head_len.saturating_sub(behind) + 1 })
    }

    /// Makes subscriptions with one SUBSCRIBE, now or on the next connection. The answer comes as
    /// [`Event::Subscribed`](crate::Event::Subscribed).
    pub fn subscribe(
        &mut self,
        now: Time,
        subscriptions: &[Subscription<'_>],
        properties: &[Property<'_>],
    ) -> Result<Token, SubscribeError> {
        self.advance(now);
        if let Some(limits) = self.limits() {
            check_subscriptions(limits, subscriptions, properties)?;
        }
        let packet = Subscribe {
            packet_id: PLACEHOLDER,
            properties: Properties::from_slice(properties),
            subscriptions: Subscriptions::from_slice(subscriptions),
        };
        let kind = FlowKind::Subscribe { filters: subscriptions.len(), own: false };
        let token = self.request(&packet, kind)?;
        let kept = self.state.ask_subscriptions(token.index, subscriptions, properties);
        if let Err(error) = kept {
            self.state.remove_flow(token.index);
            return Err(self.refuse(error));
        }
        self.promote();
        Ok(token)
    }

    /// Ends subscriptions with one UNSUBSCRIBE, now or on the next connection. The answer comes
    /// as [`Event::Unsubscribed`](crate::Event::Unsubscribed).
    pub fn unsubscribe(
        &mut self,
        now: Time,
        filters: &[&str],
        properties: &[Property<'_>],
    ) -> Result<Token, SubscribeError> {
        self.advance(now);
        let packet = Unsubscribe {
            packet_id: PLACEHOLDER,
            properties: Properties::from_slice(properties),
            filters: Filters::from_slice(filters),
        };
        let token = self.request(&packet, FlowKind::Unsubscribe { filters: filters.len() })?;
        self.promote();
        Ok(token)
    }

    fn request(&mut self, packet: &impl Encode, kind: FlowKind) -> Result<Token, SubscribeError> {
        if matches!(self.link.as_ref().map(|link| &link.stage), Some(Stage::Leaving { .. })) {
            return Err(SubscribeError::Disconnecting);
        }
        let dialect = outbound_dialect(self.state.version);
        let measure = packet.measure(dialect)?;
        let max = self.largest_packet();
        if measure.len > max {
            return Err(SubscribeError::TooLarge { len: measure.len, max });
        }
        if !self.state.flows.has_room() {
            return Err(self.refuse(SubscribeError::Full));
        }
        let Ok(mut head) = self.state.arena.take(measure.len) else {
            return Err(self.refuse(SubscribeError::Full));
        };
        if let Err(error) = packet.write(dialect, &measure, self.state.arena.bytes_mut(&mut head)) {
            self.state.arena.give_back(head);
            return Err(error.into());
        }
        let image = Image { head, body: None, version: dialect.version };
        Ok(self.state.queue(Lane::Requests, Flow::new(kind, image)))
    }

    /// Acknowledges an inbound message; from 0x80 on `reason` rejects it (5.0; 3.1.1 has no way
    /// to say so). Acknowledgements leave in the order the messages came, whatever the order of
    /// these calls (section 4.6). Idempotent; an outdated delivery is a no-op.
    pub fn ack(&mut self, delivery: Delivery, reason: ReasonCode) {
        if !self.state.held.is_current(delivery.index, delivery.generation) {
            return;
        }
        if let Some(held) = self.state.held.get_mut(delivery.index) {
            held.answer.get_or_insert(reason);
        }
        self.state.release_answers();
    }

    /// Ends the connection with DISCONNECT, after the acknowledgements already given. Idempotent.
    /// What waits to be sent stays in the session.
    pub fn disconnect(
        &mut self,
        now: Time,
        reason: ReasonCode,
        properties: &[Property<'_>],
    ) -> Result<(), DisconnectError> {
        self.advance(now);
        let Some(link) = &mut self.link else { return Err(DisconnectError::NotConnected) };
        match &link.stage {
            Stage::Leaving { .. } | Stage::Left { .. } => return Ok(()),
            Stage::Greeting { .. } | Stage::Waiting { .. } => {
                // There is no session to say goodbye to.
                link.leave(&mut self.state.arena, CloseReason::Local);
                return Ok(());
            }
            Stage::Up(_) => {}
        }
        let properties = Properties::from_slice(properties);
        let prolongs = properties.session_expiry_interval().is_some_and(|expiry| expiry > 0);
        if prolongs && link.asked_expiry == 0 {
            // [MQTT-3.1.2-23] and section 3.14.2.2.2: zero at CONNECT stays zero.
            let field = Field::Property(PropertyId::SessionExpiryInterval);
            return Err(EncodeError::OutOfRange(field).into());
        }
        let packet = Disconnect { reason, properties };
        let disconnect = super::encode(&mut self.state.arena, link.version, &packet)?;
        link.stage = Stage::Leaving { disconnect, reason: CloseReason::Local };
        Ok(())
    }
}

/// Refuses what the broker ruled out in CONNACK (section 3.2.2.3).
fn check_limits(limits: &Limits, publish: &Publish<'_>) -> Result<(), PublishError> {
    if publish.qos > limits.maximum_qos {
        // [MQTT-3.2.2-11]
        return Err(PublishError::QoSNotSupported(limits.maximum_qos));
    }
    if publish.retain && !limits.retain_available {
        // [MQTT-3.2.2-14]
        return Err(PublishError::RetainNotSupported);
    }
    Ok(())
}

fn check_subscriptions(
    limits: &Limits,
    subscriptions: &[Subscription<'_>],
    properties: &[Property<'_>],
) -> Result<(), SubscribeError> {
    for filter in subscriptions.iter().filter_map(|s| TopicFilter::new(s.filter).ok()) {
        if filter.has_wildcard() && !limits.wildcard_available {
            return Err(SubscribeError::WildcardNotSupported);
        }
        if filter.is_shared() && !limits.shared_available {
            return Err(SubscribeError::SharedNotSupported);
        }
    }
    let identified = Properties::from_slice(properties).subscription_identifiers().next().is_some();
    if identified && !limits.subscription_identifier_available {
        return Err(SubscribeError::IdentifierNotSupported);
    }
    Ok(())
}

impl<M: Memory> SessionState<M> {
    /// Puts a flow at the end of a lane; the caller saw that there is room.
    pub(super) fn queue(&mut self, lane: Lane, flow: Flow<M>) -> Token {
        let index = self.flows.insert(lane, flow).unwrap_or(u32::MAX);
        Token { index, generation: self.flows.generation(index) }
    }

    fn queue_at_most_once(&mut self, image: Image<M>, len: usize, expiry: Option<Expiry>) {
        self.qos0_bytes += len;
        self.note_expiry(expiry);
        self.queue(Lane::Ready, Flow { expiry, ..Flow::new(FlowKind::AtMostOnce, image) });
    }

    fn queue_publish(
        &mut self,
        qos: QoS,
        image: Image<M>,
        len: usize,
        expiry: Option<Expiry>,
    ) -> Token {
        self.waiting_bytes += len;
        self.note_expiry(expiry);
        let message = self.next_message;
        self.next_message += 1;
        let kind = FlowKind::Publish { qos, carried: false };
        let flow = Flow { expiry, message, ..Flow::new(kind, image) };
        let token = self.queue(Lane::Waiting, flow);
        let needs = self.journal.push(RecordRef::Message { message, token });
        if let (Ok(needs), Some(flow)) = (needs, self.flows.get_mut(token.index)) {
            flow.needs = needs;
        }
        token
    }

    pub(super) fn note_expiry(&mut self, expiry: Option<Expiry>) {
        if let Some(Expiry { at, .. }) = expiry {
            self.next_expiry = Some(self.next_expiry.map_or(at, |next| next.min(at)));
        }
    }

    /// Moves acknowledged messages on, as far as their order allows: PUBACKs among themselves,
    /// PUBRECs among themselves.
    pub(super) fn release_answers(&mut self) {
        while let Some((index, _)) = self.first_answered(Shelf::Qos1) {
            // [MQTT-4.6.0-2]
            self.held.move_to(index, Shelf::PubAck);
        }
        while let Some((index, reason)) = self.first_answered(Shelf::Qos2) {
            if !reason.is_error() && !self.note_received(index) {
                break;
            }
            // [MQTT-4.6.0-3]
            self.held.move_to(index, Shelf::PubRec);
        }
    }

    fn first_answered(&self, shelf: Shelf) -> Option<(u32, ReasonCode)> {
        let index = self.held.first(shelf)?;
        Some((index, self.held.get(index)?.answer?))
    }

    /// Records that the application has the message; `false` when that must wait for the store.
    fn note_received(&mut self, index: u32) -> bool {
        if !self.journal.has_room(1) {
            return false;
        }
        let id = self.held.key(index);
        let needs = self.journal.push(RecordRef::Received { id });
        if let (Ok(needs), Some(held)) = (needs, self.held.get_mut(index)) {
            held.needs = needs;
        }
        true
    }

    /// Records that an inbound QoS 2 flow ended.
    pub(super) fn note_completed(&mut self, index: u32) {
        let key = RecordKind::Received.key(u64::from(self.held.key(index)));
        let needs = self.journal.push(RecordRef::Delete { key });
        if let (Ok(needs), Some(held)) = (needs, self.held.get_mut(index)) {
            held.needs = needs;
        }
    }
}
