//! What the application asks for.

use std::collections::VecDeque;
use std::mem;
use std::task::Waker;

use mqtt_session::proto::{Property, ReasonCode, Subscription};
use mqtt_session::{Delivery as Delivered, Time};

use super::{Admitted, Lifecycle, Request, State};
use crate::delivery::{Phase, Retained, Sink, Subscriber, SubscriptionKey, Verdict};
use crate::message::Arrived;
use crate::operations::{Answer, OperationKey};
use crate::table::Key;
use crate::{Publish, PublishError, SubscribeError, SubscribeOptions};

impl State {
    /// Accepts a message. QoS 1/2 give the key of the operation; QoS 0 is done, unless its caller
    /// wants it written.
    #[inline]
    pub(crate) fn publish(
        &mut self,
        now: Option<Time>,
        publish: &Publish<'_>,
    ) -> Result<Option<OperationKey>, PublishError> {
        if !self.takes_work() {
            return Err(PublishError::Closed);
        }
        let now = now.unwrap_or(self.driver.now);
        let session = &mut self.session;
        let token = publish
            .with_packet(|packet| session.publish(now, packet, publish.session_payload()))?;
        self.stats.published += 1;
        self.driver.unseen += publish.len();
        if publish.expires() {
            self.wake_driver();
        } else {
            self.wake_for_output();
        }
        Ok(token.map(|token| self.operations.open(token)))
    }

    /// Makes a subscription, whose route exists from now on. `sink` is taken on success.
    pub(crate) fn subscribe(
        &mut self,
        now: Time,
        options: &SubscribeOptions,
        sink: &mut Option<Sink>,
    ) -> Result<Admitted, Refusal> {
        if !self.takes_work() {
            return Err(SubscribeError::Closed.into());
        }
        let mut wire = options.wire;
        if let Some(held) = self.delivery.options_of(&options.filter) {
            let same = held.no_local == wire.no_local
                && held.retain_as_published == wire.retain_as_published;
            if !same {
                return Err(SubscribeError::Conflict.into());
            }
            // The broker has one subscription per filter: it must not get worse for the others.
            wire.qos = wire.qos.max(held.qos);
        }
        let wanted = Subscription { filter: &options.filter, options: wire };
        let has_identifiers = self.session.version().has_properties();
        let identifier = self.delivery.identifier_for(&options.filter).filter(|_| has_identifiers);
        let property = identifier.map(Property::SubscriptionIdentifier);
        let token = self.session.subscribe(now, &[wanted], property.as_slice())?;
        let consumer = self.delivery.consumers().for_one(options);
        let sink = sink.take().unwrap_or_else(|| options.stream(&consumer));
        let ack = options.ack.unwrap_or(self.delivery.default_ack());
        let subscriber = Subscriber {
            filter: options.filter.as_str().into(),
            wire,
            identifier,
            retained: Retained::Asked,
            is_granted: false,
            ack,
            sink,
            on_drop: consumer.on_drop,
            phase: Phase::Active,
        };
        let key = self.delivery.add(subscriber, &mut self.after);
        self.ack_dropped();
        self.requests.insert(token, Request::Subscribe { key, given_up: false });
        self.stats.subscribes += 1;
        self.wake_driver();
        Ok(Admitted { key, operation: self.operations.open(token), ack })
    }

    /// Ends all subscriptions to a filter.
    pub(crate) fn unsubscribe(&mut self, now: Time, filter: &str) -> Result<OperationKey, Refusal> {
        if !self.takes_work() {
            return Err(SubscribeError::Closed.into());
        }
        let token = self.session.unsubscribe(now, &[filter], &[])?;
        let leaving = self.delivery.begin_leaving(filter);
        self.requests.insert(token, Request::Unsubscribe { leaving });
        self.stats.unsubscribes += 1;
        self.wake_driver();
        Ok(self.operations.open(token))
    }

    /// Ends one subscription: with UNSUBSCRIBE if no other has its filter, else at once (`None`).
    pub(crate) fn unsubscribe_one(
        &mut self,
        now: Time,
        key: SubscriptionKey,
    ) -> Result<Option<OperationKey>, Refusal> {
        let filter = match self.delivery.get_mut(key) {
            Some(subscriber) if subscriber.phase != Phase::Ended => subscriber.filter.clone(),
            Some(_) | None => return Ok(None),
        };
        if !self.delivery.is_shared(key, &filter) {
            return self.unsubscribe(now, &filter).map(Some);
        }
        self.delivery.end_one(key, &mut self.after);
        Ok(None)
    }

    /// Takes the answer to an operation, or keeps `waker` until it comes.
    pub(crate) fn poll_operation(
        &mut self,
        key: OperationKey,
        waker: &mut Option<Waker>,
    ) -> Option<Answer> {
        let answer = self.operations.poll(key, waker);
        if answer.is_none() {
            self.look_at_pause();
        }
        answer
    }

    /// A call has begun to wait: reading, if it paused, must go on for its sake.
    pub(crate) fn look_at_pause(&mut self) {
        if self.delivery.is_over_limit() {
            self.wake_driver();
        }
    }

    /// Keeps `waker` until the client is connected or has ended, in the place `key` names from then
    /// on; the one kept there before is left in `waker`.
    pub(crate) fn watch(&mut self, key: &mut Option<Key>, waker: &mut Option<Waker>) {
        match key.and_then(|key| self.watchers.get_mut(key)) {
            Some(kept) => mem::swap(kept, waker),
            None => *key = Some(self.watchers.insert(waker.take())),
        }
    }

    /// The `subscribe` was dropped before its answer. Its waker is returned, to be dropped without
    /// the lock.
    pub(crate) fn give_up_subscribe(&mut self, admitted: &Admitted) -> Option<Waker> {
        let mut waker = None;
        match self.operations.give_up(admitted.operation, &mut waker) {
            Some(Ok(_)) => self.leave(admitted.key),
            Some(Err(_)) => {}
            None => {
                for request in self.requests.values_mut() {
                    if let Request::Subscribe { key, given_up } = request {
                        *given_up |= *key == admitted.key;
                    }
                }
            }
        }
        waker
    }

    /// Moves messages to a reader that has none; see [`Delivery::take`](crate::delivery::Delivery).
    pub(crate) fn take_messages(
        &mut self,
        key: SubscriptionKey,
        reader: &mut VecDeque<Arrived>,
        waker: &mut Option<Waker>,
    ) -> Result<(), Phase> {
        let was_over_limit = self.delivery.is_over_limit();
        let taken = self.delivery.take(key, reader, waker);
        if was_over_limit && !self.delivery.is_over_limit() {
            self.wake_driver();
        }
        taken
    }

    /// The handle of a subscription was dropped, with what it had taken from the queue.
    pub(crate) fn detach(&mut self, key: SubscriptionKey, reader: &mut VecDeque<Arrived>) {
        let ended = self.delivery.get_mut(key).is_none_or(|it| it.phase == Phase::Ended);
        self.stats.unrouted += self.delivery.detach(key, reader);
        if ended || !self.is_running() {
            self.remove_subscription(key);
        }
        self.wake_driver();
    }

    /// One holder of a message acknowledged it.
    pub(crate) fn ack(&mut self, delivery: Delivered, reason: ReasonCode) {
        self.answer(delivery, Verdict::Acknowledged(reason));
    }

    /// One holder of a message dropped it without an acknowledgement.
    pub(crate) fn abandon_message(&mut self, delivery: Delivered) {
        self.stats.unacknowledged_drops += 1;
        self.answer(delivery, Verdict::GivenUp);
    }

    fn answer(&mut self, delivery: Delivered, verdict: Verdict) {
        match self.delivery.answer(delivery, verdict) {
            None => {}
            Some(Verdict::Acknowledged(reason)) => {
                self.session.ack(delivery, reason);
                self.wake_for_output();
            }
            Some(Verdict::GivenUp) => {
                self.session.abandon(delivery);
                // Before 5.0 reading may have waited for it.
                self.wake_driver();
            }
        }
    }

    /// Acknowledges what queues have dropped.
    pub(super) fn ack_dropped(&mut self) {
        while let Some(delivery) = self.delivery.take_dropped() {
            self.ack(delivery, ReasonCode::Success);
        }
    }

    /// Takes leave of the broker, if there is one. Idempotent.
    pub(crate) fn disconnect(&mut self, now: Time) {
        if !self.is_running() {
            return;
        }
        self.lifecycle = Lifecycle::Leaving;
        self.supervisor.stop();
        let disconnected = self.session.disconnect(now, ReasonCode::NormalDisconnection, &[]);
        if disconnected.is_err() {
            // There is no connection to take leave of.
            self.lifecycle = Lifecycle::Abandoned;
        }
        self.wake_driver();
    }
}

/// Why a SUBSCRIBE or UNSUBSCRIBE was not accepted.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// There is no room now.
    Full,
    /// It cannot be.
    Final(SubscribeError),
}

impl From<SubscribeError> for Refusal {
    fn from(error: SubscribeError) -> Refusal {
        Refusal::Final(error)
    }
}

impl From<Refusal> for SubscribeError {
    fn from(refusal: Refusal) -> SubscribeError {
        match refusal {
            // Whoever asks waits for room, so this is not the end of it.
            Refusal::Full => SubscribeError::Closed,
            Refusal::Final(error) => error,
        }
    }
}

impl From<mqtt_session::SubscribeError> for Refusal {
    fn from(error: mqtt_session::SubscribeError) -> Refusal {
        use mqtt_session::SubscribeError as Session;
        Refusal::Final(match error {
            Session::Full => return Refusal::Full,
            Session::Disconnecting => SubscribeError::Closed,
            Session::Invalid(error) => SubscribeError::Invalid(error),
            Session::WildcardNotSupported => {
                SubscribeError::NotSupported(ReasonCode::WildcardSubscriptionsNotSupported)
            }
            Session::SharedNotSupported => {
                SubscribeError::NotSupported(ReasonCode::SharedSubscriptionsNotSupported)
            }
            Session::IdentifierNotSupported => {
                SubscribeError::NotSupported(ReasonCode::SubscriptionIdentifiersNotSupported)
            }
            Session::TooLarge { len, max } => SubscribeError::TooLarge { len, max },
        })
    }
}
