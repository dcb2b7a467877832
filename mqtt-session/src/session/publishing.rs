//! The application port: messages to send.

use mqtt_proto::{
    Encode, EncodeError, Field, Measure, PacketId, Property, PropertyId, Publish, QoS, ReasonCode,
};

use super::flow::{Expiry, Flow, FlowKind, Image, Lane};
use super::link::{Stage, outbound_dialect};
use super::{Room, Session, SessionState};
use crate::Time;
use crate::memory::{Arena, Block};
use crate::record::RecordRef;
use crate::{CloseReason, Config, Failure, Limits, Memory, Payload, PublishError, Token};

/// What stands for the Packet Identifier until a packet has its own.
pub(super) const PLACEHOLDER: PacketId = PacketId::MIN;

impl<M: Memory> Session<M> {
    /// Accepts a message for sending. `publish` gives all but the payload, Packet Identifier and
    /// DUP, which are ignored. QoS 1 and 2 give a token, whose outcome comes as
    /// [`Event::Published`](crate::Event::Published); QoS 0 is done, unless
    /// [`Config::report_qos0`](crate::Config::report_qos0).
    pub fn publish(
        &mut self,
        now: Time,
        publish: &Publish<'_>,
        payload: Payload<'_, M::Body>,
    ) -> Result<Option<Token>, PublishError> {
        self.advance(now);
        let granted_size = match self.check_publish(publish) {
            Err(PublishError::QoSNotSupported(qos)) if self.config.qos_downgrade => {
                return self.publish(now, &Publish { qos, ..*publish }, payload);
            }
            checked => checked?,
        };
        let at_most_once = publish.qos == QoS::AtMostOnce;
        let packet = Publish {
            dup: false,
            packet_id: (!at_most_once).then_some(PLACEHOLDER),
            payload: payload.bytes(),
            ..*publish
        };
        let version = self.state.version();
        let measure = packet.measure(outbound_dialect(version))?;
        let keep_from = self.keep_from();
        let body_len = payload.kept_len(keep_from);
        let max = granted_size.min(M::Arena::LIMIT.saturating_add(body_len));
        if measure.len > max {
            return Err(PublishError::TooLarge { len: measure.len, max });
        }
        if !self.has_room_to_publish(publish.qos, measure.len) || !self.state.keep_room_to_connect()
        {
            return Err(self.refuse(PublishError::Full));
        }
        let expiry = self.expiry_of(publish, measure.len - packet.payload.len());
        let is_plain = at_most_once && expiry.is_none() && body_len == 0;
        if is_plain && self.state.append_at_most_once(&packet, &measure) {
            return Ok(None);
        }
        let head = self.encode_head(&packet, &measure, body_len)?;
        let image = Image { head, body: payload.into_kept(keep_from), version };
        self.state.note_expiry(expiry);
        if at_most_once {
            return Ok(self.state.queue_at_most_once(image, expiry));
        }
        let token = self.queue_publish(publish.qos, image, expiry);
        self.promote();
        Ok(Some(token))
    }

    /// Payloads from this length on are kept. With a store, memory of a fixed size copies all of
    /// them: it must have room for them after a restart.
    fn keep_from(&self) -> usize {
        let is_bounded = M::Arena::LIMIT < usize::MAX;
        if is_bounded && self.state.journal.is_on() { usize::MAX } else { M::KEEP_FROM }
    }

    /// Checks what needs no encoding; gives the largest packet the broker takes, in bytes
    /// [MQTT-3.2.2-15].
    fn check_publish(&self, publish: &Publish<'_>) -> Result<usize, PublishError> {
        if !publish.properties.is_empty() && publish.properties.topic_alias().is_some() {
            let field = Field::Property(PropertyId::TopicAlias);
            return Err(EncodeError::Unexpected(field).into());
        }
        match self.link.as_ref().map(|link| &link.stage) {
            Some(Stage::Leaving { reason: CloseReason::Local, .. }) => {
                Err(PublishError::Disconnecting)
            }
            Some(Stage::Up(up)) => match unsupported(&up.limits, publish.qos, publish.retain) {
                Some(ReasonCode::RetainNotSupported) => Err(PublishError::RetainNotSupported),
                Some(_) => Err(PublishError::QoSNotSupported(up.limits.maximum_qos)),
                None => Ok(up.limits.packet_size()),
            },
            Some(
                Stage::Greeting { .. }
                | Stage::Waiting { .. }
                | Stage::Leaving { .. }
                | Stage::Left { .. },
            )
            | None => match publish.qos {
                QoS::AtMostOnce if !self.keeps_at_most_once() => Err(PublishError::NotConnected),
                QoS::AtMostOnce | QoS::AtLeastOnce | QoS::ExactlyOnce => Ok(usize::MAX),
            },
        }
    }

    /// The packet as it is kept until the flow ends, but for `body_len` bytes kept elsewhere.
    fn encode_head(
        &mut self,
        packet: &Publish<'_>,
        measure: &Measure,
        body_len: usize,
    ) -> Result<Block<M>, PublishError> {
        let dialect = outbound_dialect(self.state.version());
        let Ok(mut head) = self.state.arena.take(measure.len - body_len) else {
            return Err(self.refuse(PublishError::Full));
        };
        let place = self.state.arena.bytes_mut(&mut head);
        let written = match body_len {
            0 => packet.write(dialect, measure, place),
            _ => packet.write_head(dialect, measure, place).map(|_| ()),
        };
        if let Err(error) = written {
            self.state.arena.give_back(head);
            return Err(error.into());
        }
        Ok(head)
    }

    fn has_room_to_publish(&self, qos: QoS, len: usize) -> bool {
        let state = &self.state;
        let Config { write_queue, max_pending, max_pending_bytes, .. } = self.config;
        let fits = match qos {
            QoS::AtMostOnce => state.qos0_bytes == 0 || state.qos0_bytes + len <= write_queue,
            QoS::AtLeastOnce | QoS::ExactlyOnce => {
                let waiting = state.flows.len(Lane::Waiting);
                let queue_has_room =
                    waiting < max_pending && state.waiting_bytes + len <= max_pending_bytes;
                state.journal.has_room(1) && (self.window_is_open() || queue_has_room)
            }
        };
        fits && state.flows.has_room()
    }

    /// Whether a new publish would not have to wait behind others.
    fn window_is_open(&self) -> bool {
        let up = self.link.as_ref().and_then(|link| link.up());
        self.state.flows.is_empty(Lane::Waiting) && up.is_some_and(|up| up.quota() > 0)
    }

    /// Remembers that there was no room, so that `Writable` follows.
    pub(super) fn refuse<E>(&mut self, error: E) -> E {
        self.state.room = Room::Refused;
        error
    }

    /// When a message expires (section 3.3.2.3.3), for an image with a head of `head_len` bytes.
    fn expiry_of(&self, publish: &Publish<'_>, head_len: usize) -> Option<Expiry> {
        if publish.properties.is_empty() {
            return None;
        }
        let interval = publish.properties.message_expiry_interval()?;
        // The properties end the head, so the place is counted from its end.
        let before =
            |property: &Property<'_>| !matches!(property, Property::MessageExpiryInterval(_));
        let from_here = publish.properties.iter().skip_while(before);
        let behind: usize = from_here.map(|property| property.encoded_len()).sum();
        let at = self.now.after(core::time::Duration::from_secs(u64::from(interval)));
        Some(Expiry { at, place: head_len.saturating_sub(behind) + 1 })
    }

    /// Puts a publish behind the others; the caller saw that there is room.
    fn queue_publish(&mut self, qos: QoS, image: Image<M>, expiry: Option<Expiry>) -> Token {
        let is_next = self.window_is_open();
        let state = &mut self.state;
        let len = image.len(&state.arena);
        let kind = FlowKind::Publish { qos, carried: false };
        let token = state.queue(Lane::Waiting, Flow { expiry, ..Flow::new(kind, Some(image)) });
        state.waiting_bytes += len;
        let mut up = self.link.as_mut().and_then(|link| link.up_mut());
        // Into an open window it goes at once: its identifier is stored together with it.
        if let Some(up) = up.as_deref_mut().filter(|_| is_next)
            && state.give_packet_id(token.index)
        {
            state.enter_window(token.index, up);
        }
        let id = state.flows.key(token.index);
        let message = state.journal.push(RecordRef::Message { token, id });
        if let (Ok(message), Some(flow)) = (message, state.flows.get_mut(token.index)) {
            flow.message = message;
            flow.needs = message;
        }
        if state.journal.has_failed() {
            state.fail_publish(token.index, Failure::StoreFailed, up);
        }
        token
    }
}

/// Why the broker takes no such message (section 3.2.2.3).
pub(super) fn unsupported(limits: &Limits, qos: QoS, retain: bool) -> Option<ReasonCode> {
    if qos > limits.maximum_qos {
        // [MQTT-3.2.2-11]
        return Some(ReasonCode::QoSNotSupported);
    }
    // [MQTT-3.2.2-14]
    (retain && !limits.retain_available).then_some(ReasonCode::RetainNotSupported)
}

impl<M: Memory> SessionState<M> {
    /// Puts a flow at the end of a lane; the caller saw that there is room.
    pub(super) fn queue(&mut self, lane: Lane, flow: Flow<M>) -> Token {
        let index = self.flows.insert(lane, flow).unwrap_or(u32::MAX);
        self.token(index)
    }

    /// Puts a packet behind the last one that may leave, if both are plain QoS 0: one image holds
    /// a burst of them.
    fn append_at_most_once(&mut self, packet: &Publish<'_>, measure: &Measure) -> bool {
        let dialect = outbound_dialect(self.version());
        let last = self.flows.last(Lane::Ready);
        let Some(last) = last.and_then(|index| self.flows.get_mut(index)) else { return false };
        let Some(image) = &mut last.image else { return false };
        let is_plain = matches!(last.kind, FlowKind::AtMostOnce { reported: false, .. })
            && last.expiry.is_none()
            && image.body.is_none()
            && image.version == dialect.version;
        let appended = is_plain
            && self.arena.append(&mut image.head, measure.len, |place| {
                packet.write(dialect, measure, place).is_ok()
            });
        if appended {
            self.qos0_bytes += measure.len;
        }
        appended
    }

    /// Gives a token if the outcome is to be reported.
    fn queue_at_most_once(&mut self, image: Image<M>, expiry: Option<Expiry>) -> Option<Token> {
        self.qos0_bytes += image.len(&self.arena);
        let reported = self.reports_qos0;
        let kind = FlowKind::AtMostOnce { transmitted: 0, reported };
        let token = self.queue(Lane::Ready, Flow { expiry, ..Flow::new(kind, Some(image)) });
        reported.then_some(token)
    }

    pub(super) fn note_expiry(&mut self, expiry: Option<Expiry>) {
        if let Some(Expiry { at, .. }) = expiry {
            self.next_expiry = Some(self.next_expiry.map_or(at, |next| next.min(at)));
        }
    }
}
