//! Messages of the broker, from PUBLISH to their last acknowledgement.

use mqtt_proto::{PacketId, PacketType, Publish, QoS, ReasonCode, Role};

use super::held::{Answer, Held, Shelf};
use super::link::{Link, Stray};
use super::receive::Received;
use super::{Session, SessionState};
use crate::memory::{Full, Topics};
use crate::record::{RecordKind, RecordRef};
use crate::{Delivery, Event, Memory, Message, ViolationKind};

impl<M: Memory> Session<M> {
    pub(super) fn receive_publish<'i>(
        &mut self,
        publish: Publish<'i>,
        topics: &mut M::Topics,
    ) -> Received<'i> {
        if !publish.properties.is_empty()
            && let Some(alias) = publish.properties.topic_alias()
        {
            self.note_alias(alias, publish.topic, topics)?;
        }
        let Some(id) = publish.packet_id else {
            return Ok(Some(Event::Message(Message { publish, delivery: None })));
        };
        if self.state.comes_again(publish.dup, publish.qos, id) {
            return Ok(None);
        }
        let index = self.hold(publish.qos, id)?;
        let delivery = Delivery { index, generation: self.state.held.generation(index) };
        Ok(Some(Event::Message(Message { publish, delivery: Some(delivery) })))
    }

    /// An alias comes with the topic it stands for from now on, or stands for one (section
    /// 3.3.2.3.4).
    fn note_alias(
        &self,
        alias: u16,
        topic: &str,
        topics: &mut M::Topics,
    ) -> Result<(), ViolationKind> {
        if self.link.as_ref().is_none_or(|link| alias > link.topic_alias_maximum) {
            // [MQTT-3.1.2-26], [MQTT-3.1.2-27], [MQTT-3.3.2-11]
            return Err(ViolationKind::TopicAlias);
        }
        if !topic.is_empty() {
            topics.set(alias, topic);
        } else if topics.get(alias).is_none() {
            return Err(ViolationKind::UnknownTopicAlias);
        }
        Ok(())
    }

    /// Takes a place for a new message.
    pub(super) fn hold(&mut self, qos: QoS, id: PacketId) -> Result<u32, ViolationKind> {
        let exactly_once = qos == QoS::ExactlyOnce;
        let Some(link) = self.link.as_ref().filter(|link| self.has_room_for_message(link)) else {
            // [MQTT-3.3.4-9]
            return Err(ViolationKind::ReceiveMaximum);
        };
        let is_told = link.version.has_properties();
        let is_above = is_told && self.state.open() >= usize::from(link.receive_maximum);
        self.state.tolerated += u64::from(is_above);
        let is_full = self.is_full();
        let held = &mut self.state.held;
        if let Some(oldest) = held.first(Shelf::Orphan).filter(|_| is_full) {
            // The broker will send it again.
            held.remove(oldest);
        }
        let shelf = if exactly_once { Shelf::Qos2 } else { Shelf::Qos1 };
        let message = Held { exactly_once, answer: Answer::Owed, needs: 0 };
        let index = held.insert(shelf, message).map_err(|Full| ViolationKind::ReceiveMaximum)?;
        held.set_key(index, id.get());
        Ok(index)
    }

    /// Whether one more message can be held.
    pub(super) fn has_room_for_message(&self, link: &Link<M>) -> bool {
        // Before 5.0 a broker is not told the limit, and cannot be held to it to the letter.
        let is_strict = self.config.strict && link.version.has_properties();
        self.state.open() < most_open(usize::from(link.receive_maximum), is_strict)
            && (!self.is_full() || !self.state.held.is_empty(Shelf::Orphan))
    }

    /// Whether all places for messages are taken, those of earlier connections included.
    fn is_full(&self) -> bool {
        // What is announced may be less than that, because of what is held already.
        let configured = most_open(usize::from(self.config.receive_maximum.get()), false);
        let held = &self.state.held;
        !held.has_room() || held.total() >= most_held(configured)
    }

    pub(super) fn receive_pubrel(&mut self, id: PacketId) {
        let held = &self.state.held;
        let found = held.find(id.get());
        match found.and_then(|index| Some((index, held.list_of(index)?))) {
            Some((index, Shelf::PubRec | Shelf::Received | Shelf::Known)) => {
                self.state.complete(index);
            }
            // A copy waits for its turn, which the broker did not wait for.
            Some((index, Shelf::Qos2)) if self.state.is_recorded(index) => {
                self.state.complete(index);
            }
            // PUBREL again before PUBCOMP left: one answers both.
            Some((_, Shelf::PubComp)) => {}
            Some((
                _,
                Shelf::Qos1 | Shelf::Qos2 | Shelf::PubAck | Shelf::Orphan | Shelf::Forgotten,
            ))
            | None => self.answer_stray(Stray::PubComp(id)),
        }
    }

    /// Acknowledges an inbound message; from 0x80 on `reason` rejects it (5.0; 3.1.1 has no way
    /// to say so). Acknowledgements leave in the order the messages came, whatever the order of
    /// these calls (section 4.6). Idempotent; an outdated delivery is a no-op. A reason code that
    /// PUBACK does not have is sent as 0x80 if it is one of failure, else as 0x00. Where the broker's
    /// Maximum Packet Size has no room for a code, none is sent, as in 3.1.1.
    pub fn ack(&mut self, delivery: Delivery, reason: ReasonCode) {
        let reason = if reason.is_legal(PacketType::PubAck, Role::Client) {
            reason
        } else if reason.is_error() {
            ReasonCode::UnspecifiedError
        } else {
            ReasonCode::Success
        };
        let reason = self.state.sayable(reason);
        self.state.answer(delivery, Answer::Given(reason));
        self.state.release_answers();
    }

    /// Gives an inbound message up, as an application does that failed with it and will not
    /// acknowledge it. The broker gets no answer on this connection, so the acknowledgements of
    /// what came later wait as well; on the next one that resumes the session the copy the broker
    /// sends is delivered as a new message. Of this and [`ack`](Session::ack) the first counts; an
    /// outdated delivery is a no-op.
    pub fn abandon(&mut self, delivery: Delivery) {
        self.state.answer(delivery, Answer::GivenUp);
    }
}

/// Unfinished messages the broker may have open on one connection that announced so many. Brokers
/// in use exceed it after acknowledgements: twice is tolerated, and 32 more.
pub(super) fn most_open(announced: usize, strict: bool) -> usize {
    if strict { announced } else { (announced * 2).max(announced + 32) }
}

/// Messages held in all, those of earlier connections included.
pub(super) fn most_held(most_open: usize) -> usize {
    most_open * 2
}

impl<M: Memory> SessionState<M> {
    /// Messages of this connection that are not finished.
    fn open(&self) -> usize {
        self.held.total() - self.held.len(Shelf::Orphan) - self.held.len(Shelf::Known)
    }

    fn answer(&mut self, delivery: Delivery, answer: Answer) {
        if self.held.is_current(delivery.index, delivery.generation)
            && let Some(held) = self.held.get_mut(delivery.index)
            && held.answer == Answer::Owed
        {
            held.answer = answer;
        }
    }

    /// Whether the application has this message already. What is left of an older one that only
    /// shares its identifier is dropped.
    pub(super) fn comes_again(&mut self, dup: bool, qos: QoS, id: PacketId) -> bool {
        let Some(index) = self.held.find(id.get()) else { return false };
        let (Some(message), Some(shelf)) = (self.held.get(index), self.held.list_of(index)) else {
            return false;
        };
        let exactly_once = qos == QoS::ExactlyOnce;
        let is_same = dup && message.exactly_once == exactly_once;
        let is_recorded = message.answer == Answer::Recorded;
        match shelf {
            // [MQTT-4.3.3-10]: answered with PUBREC until PUBREL comes.
            Shelf::PubRec if exactly_once => true,
            Shelf::Qos2 if exactly_once && is_recorded => true,
            // Also when PUBREL came and PUBCOMP has not left: the broker is not done with it.
            Shelf::Received | Shelf::PubComp | Shelf::Known if exactly_once => {
                self.answer_again(index);
                true
            }
            Shelf::Orphan if is_same && message.answer != Answer::GivenUp => {
                self.held.move_to(index, if exactly_once { Shelf::Qos2 } else { Shelf::Qos1 });
                self.release_answers();
                true
            }
            Shelf::Qos1 | Shelf::Qos2 if is_same => true,
            Shelf::Qos1
            | Shelf::Qos2
            | Shelf::PubAck
            | Shelf::PubRec
            | Shelf::Received
            | Shelf::PubComp
            | Shelf::Orphan
            | Shelf::Known
            | Shelf::Forgotten => {
                if is_recorded {
                    self.note_completed(index);
                }
                self.held.remove(index);
                // It may have been the one that others waited for.
                self.release_answers();
                false
            }
        }
    }

    /// A message that was acknowledged came again: PUBREC has its turn among those of what came
    /// before [MQTT-4.6.0-3].
    fn answer_again(&mut self, index: u32) {
        self.held.move_to(index, Shelf::Qos2);
        self.release_answers();
    }

    /// Whether a copy of the message is not delivered.
    pub(super) fn is_recorded(&self, index: u32) -> bool {
        self.held.get(index).is_some_and(|held| held.answer == Answer::Recorded)
    }

    /// PUBREL came. What was recorded is deleted.
    fn complete(&mut self, index: u32) {
        self.note_completed(index);
        if let Some(held) = self.held.get_mut(index) {
            held.answer = Answer::Given(ReasonCode::Success);
        }
        self.held.move_to(index, Shelf::PubComp);
    }

    /// Moves acknowledged messages on, as far as their order allows: PUBACKs among themselves,
    /// PUBRECs among themselves.
    pub(super) fn release_answers(&mut self) {
        while let Some((index, _)) = self.first_answered(Shelf::Qos1) {
            // [MQTT-4.6.0-2]
            self.held.move_to(index, Shelf::PubAck);
        }
        while let Some((index, answer)) = self.first_answered(Shelf::Qos2) {
            // It stays what the version of this connection makes of it.
            if let Answer::Given(reason) = answer
                && !self.sayable(reason).is_error()
                && self.note_received(index).is_err()
            {
                // When records were polled there is room.
                break;
            }
            // [MQTT-4.6.0-3]
            self.held.move_to(index, Shelf::PubRec);
        }
    }

    /// Before 5.0 nothing can be rejected, nor where the code does not fit.
    pub(super) fn sayable(&self, reason: ReasonCode) -> ReasonCode {
        let has_code = self.version().has_properties() && self.fits_reasons;
        if has_code { reason } else { ReasonCode::Success }
    }

    fn first_answered(&self, shelf: Shelf) -> Option<(u32, Answer)> {
        let index = self.held.first(shelf)?;
        let answer = self.held.get(index)?.answer;
        answer.reason().map(|_| (index, answer))
    }

    /// The connection ended: what was not acknowledged to the broker comes again, with DUP. A QoS
    /// 2 message past the application's acknowledgement stays received.
    pub(super) fn take_back_held(&mut self) {
        let shelves = [
            Shelf::PubAck,
            Shelf::Qos1,
            Shelf::PubRec,
            Shelf::Qos2,
            Shelf::Received,
            Shelf::PubComp,
        ];
        for shelf in shelves {
            while let Some(index) = self.held.first(shelf) {
                let is_known = shelf == Shelf::PubComp || self.is_recorded(index);
                let to = if is_known { Shelf::Known } else { Shelf::Orphan };
                self.held.move_to(index, to);
            }
        }
    }

    /// The broker has no session: it will not come back to any of its messages.
    pub(super) fn forget_held(&mut self) {
        while let Some(index) = self.held.first(Shelf::Orphan) {
            self.held.remove(index);
        }
        while let Some(index) = self.held.first(Shelf::Known) {
            self.held.move_to(index, Shelf::Forgotten);
        }
        self.owes_records |= self.settle_held().is_err();
    }

    /// Deletes the records of what is forgotten, as far as there is room.
    pub(super) fn settle_held(&mut self) -> Result<(), Full> {
        while let Some(index) = self.held.first(Shelf::Forgotten) {
            self.forgotten = self.journal.push(self.completed(index))?;
            self.held.remove(index);
        }
        Ok(())
    }

    /// Whether the store knows nothing any more of messages of a session that was lost. Those of the
    /// next, which has their identifiers too, would be taken for copies after a crash.
    pub(super) fn has_forgotten(&self) -> bool {
        self.held.is_empty(Shelf::Forgotten) && self.journal.is_stored(self.forgotten)
    }
}

/// Records.
impl<M: Memory> SessionState<M> {
    /// Records that the application has the message.
    fn note_received(&mut self, index: u32) -> Result<(), Full> {
        let id = self.held.key(index);
        let needs = self.journal.push(RecordRef::Received { id })?;
        if let Some(held) = self.held.get_mut(index) {
            held.answer = Answer::Recorded;
            held.needs = needs;
        }
        Ok(())
    }

    /// Records that an inbound QoS 2 flow ended. The caller saw room.
    fn note_completed(&mut self, index: u32) {
        let needs = self.journal.push(self.completed(index));
        if let (Ok(needs), Some(held)) = (needs, self.held.get_mut(index)) {
            held.needs = needs;
        }
    }

    fn completed(&self, index: u32) -> RecordRef {
        RecordRef::Delete { key: RecordKind::Received.key(u64::from(self.held.key(index))) }
    }
}
