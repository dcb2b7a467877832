//! What the session reports, and who hears of it.

use std::time::Duration;

use mqtt_session::proto::{Properties, ReasonCode, ReasonCodes};
use mqtt_session::{
    CloseReason, Event, Failure, FailureClass, Outcome, Retry, SubscribeError as Refused, Time,
    Token,
};

use super::{Request, State};
use crate::delivery::SubscriptionKey;
use crate::message::Incoming;
use crate::operations::{Answer, Unanswered};
use crate::options::Broker;
use crate::{ClientEvent, ConnectError, Rejection};

impl State {
    /// Acts on one event. Returns why, when it ends the connection.
    pub(super) fn handle_event(&mut self, now: Time, event: &Event<'_>) -> Option<CloseReason> {
        match *event {
            Event::Connected(ref connack) => self.handle_connack(now, connack),
            Event::Refused(connack) => {
                self.attempt.refusal = Some(Rejection::new(connack.reason, connack.properties));
                self.look_for_redirect(now, connack.reason, connack.properties);
            }
            Event::Authenticate(ref auth) => self.handle_challenge(auth),
            Event::Reauthenticated(ref auth) => self.handle_reauthenticated(auth),
            Event::Message(ref message) => {
                self.handle_message(now, Incoming::Borrowed(message));
            }
            Event::Skipped { publish, len } => {
                self.stats.skipped += 1;
                let topic = publish.topic.to_owned();
                self.tell(&ClientEvent::Skipped { topic, len });
            }
            Event::Published { token, outcome } => self.handle_published(token, outcome),
            Event::Subscribed { token, suback } => {
                self.handle_answered(token, first_code(suback.codes, suback.properties));
            }
            Event::Unsubscribed { token, unsuback } => {
                self.handle_answered(token, first_code(unsuback.codes, unsuback.properties));
            }
            Event::RequestFailed { token, failure } => {
                self.handle_answered(token, Err(Unanswered::Failed(failure)));
            }
            Event::SubscriptionLost { reason } => {
                let filter = self.session.lost_subscription().to_owned();
                self.end_granted(&filter);
                self.tell(&ClientEvent::SubscriptionRefused { filter, reason });
            }
            Event::Writable => {
                let State { room, after, .. } = self;
                room.grant_all(|waker| after.wake(waker));
            }
            Event::Disconnect(disconnect) => {
                self.stats.server_disconnects += 1;
                let rejection = Rejection::new(disconnect.reason, disconnect.properties);
                self.tell(&ClientEvent::ServerDisconnect(rejection));
                self.look_for_redirect(now, disconnect.reason, disconnect.properties);
            }
            Event::Closed(reason) => {
                self.handle_closed(now, reason);
                return Some(reason);
            }
        }
        None
    }

    /// A broker is to be dialled: what changes from now on concerns this attempt.
    pub(super) fn begin_attempt(&mut self, broker: &Broker) {
        self.attempt.goes_to(broker);
        self.attempt.refusal = None;
        self.attempt.timed_out = None;
        self.attempt.tls_failure = None;
        self.attempt.outdated = false;
        self.attempt.wait_announced = false;
        self.attempt.unrouted_announced = false;
    }

    /// The supervisor waits before the next attempt.
    pub(super) fn announce_wait(&mut self, delay: Duration) {
        if !std::mem::replace(&mut self.attempt.wait_announced, true) {
            self.tell(&ClientEvent::Waiting { delay });
        }
    }

    /// An attempt failed, unless the client itself gave it up.
    pub(crate) fn handle_attempt_failed(&mut self, now: Time, error: ConnectError) {
        if !self.is_running() {
            return;
        }
        let class = match &error {
            ConnectError::Connect(_) | ConnectError::Authentication(_) => FailureClass::Permanent,
            ConnectError::Refused(rejection) => {
                FailureClass::of(&CloseReason::Refused(mqtt_session::Refusal {
                    reason: rejection.reason,
                }))
            }
            ConnectError::Closed { reason, .. } => FailureClass::of(reason),
            ConnectError::Tls { failure, .. } if failure.is_permanent() => FailureClass::Permanent,
            ConnectError::Tls { .. }
            | ConnectError::Options(_)
            | ConnectError::Start(_)
            | ConnectError::Resolve { .. }
            | ConnectError::Dial { .. }
            | ConnectError::TimedOut { .. }
            | ConnectError::Hook(_)
            | ConnectError::InCallback
            | ConnectError::Ended => FailureClass::Transient,
        };
        self.stats.connect_failures += 1;
        let retry = self.supervisor.handle_failed(now, class);
        if retry != Retry::AtOnce
            && !self.attempt.ever_accepted
            && !self.attempt.outdated
            && let Some(tries) = &mut self.attempt.first_tries
        {
            *tries = tries.saturating_sub(1);
            if *tries == 0 {
                self.supervisor.stop();
            }
        }
        self.tell(&ClientEvent::ConnectFailed(error.clone()));
        self.attempt.failure = Some(error);
    }

    pub(super) fn handle_connected(&mut self, now: Time, session_present: bool) {
        self.attempt.accepted = true;
        self.attempt.ever_accepted = true;
        self.attempt.clean_start.handle_connected();
        self.attempt.failure = None;
        self.supervisor.handle_connected(now);
        self.stats.connects += 1;
        self.delivery.handle_connected(now, session_present);
        self.tell(&ClientEvent::Connected { session_present });
        self.wake_watchers();
    }

    fn handle_closed(&mut self, now: Time, reason: CloseReason) {
        self.lose_unwritten(Failure::Unsent);
        match reason {
            CloseReason::Violation(_) => self.stats.protocol_errors += 1,
            CloseReason::KeepAlive => self.stats.ping_timeouts += 1,
            CloseReason::Refused(_)
            | CloseReason::NoConnAck
            | CloseReason::Disconnected(_)
            | CloseReason::Lost
            | CloseReason::NoAnswer
            | CloseReason::Local
            | CloseReason::StoreFailed => {}
        }
        let given_up = self.authentication.handle_closed();
        if self.attempt.accepted {
            self.attempt.accepted = false;
            self.stats.disconnects += 1;
            let class = match given_up {
                Some(_) => FailureClass::Permanent,
                None => FailureClass::of(&reason),
            };
            let retry = self.supervisor.handle_failed(now, class);
            if self.is_running() {
                self.tell(&ClientEvent::Disconnected { reason });
                self.warn_of_takeover(retry);
            }
        } else {
            let error = match given_up {
                Some(cause) => ConnectError::Authentication(cause),
                None => self.connect_error(reason),
            };
            self.handle_attempt_failed(now, error);
        }
    }

    /// Tells the listeners that another client has the name of this one.
    fn warn_of_takeover(&mut self, retry: Retry) {
        match retry {
            Retry::Later(FailureClass::TakenOver) | Retry::Never(FailureClass::TakenOver) => {
                self.tell(&ClientEvent::TakenOver);
            }
            Retry::AtOnce | Retry::Later(_) | Retry::Never(_) => {}
        }
    }

    /// Why an attempt failed that the session knows of.
    fn connect_error(&mut self, reason: CloseReason) -> ConnectError {
        let broker = self.attempt.broker.clone();
        if let Some(after) = self.attempt.timed_out.take() {
            return ConnectError::TimedOut { broker, after };
        }
        match (self.attempt.refusal.take(), self.attempt.tls_failure.take()) {
            (Some(refusal), _) => ConnectError::Refused(refusal),
            (None, Some((failure, cause))) => ConnectError::Tls { broker, failure, cause },
            (None, None) if !self.is_running() => ConnectError::Ended,
            (None, None) => ConnectError::Closed { broker, reason },
        }
    }

    pub(super) fn handle_message(&mut self, now: Time, message: Incoming<'_>) {
        self.stats.received += 1;
        let awaited = self.awaits_answer();
        let fate = self.delivery.deliver(now, message, awaited, &mut self.after);
        self.ack_dropped();
        self.stats.unrouted += u64::from(fate.unrouted);
        if let Some(delivery) = fate.refuse {
            self.session.ack(delivery, UNROUTED);
            self.warn_of_unrouted(message.topic());
        }
    }

    fn handle_published(&mut self, token: Token, outcome: Outcome<'_>) {
        let answer = match outcome {
            Outcome::Delivered(ack) => {
                self.stats.delivered += 1;
                Ok(ack.reason)
            }
            Outcome::Downgraded(ack) => {
                self.stats.delivered += 1;
                self.stats.downgraded += 1;
                Ok(ack.reason)
            }
            Outcome::Rejected(ack) => {
                self.stats.rejected += 1;
                Err(Unanswered::Rejected(Rejection::new(ack.reason, ack.properties)))
            }
            Outcome::Transmitted => return self.handle_transmitted(token),
            Outcome::Failed(failure) => Err(Unanswered::Failed(failure)),
            Outcome::Indeterminate => Err(Unanswered::Indeterminate),
        };
        let waker = self.operations.answer(token, answer);
        self.after.wake(waker);
    }

    /// SUBSCRIBE or UNSUBSCRIBE ended.
    fn handle_answered(&mut self, token: Token, answer: Answer) {
        let granted = answer.is_ok();
        match self.requests.remove(&token) {
            None => {}
            Some(Request::Unsubscribe { leaving }) if granted => {
                leaving.into_iter().for_each(|key| self.end_one(key));
            }
            Some(Request::Unsubscribe { leaving }) => {
                leaving.into_iter().for_each(|key| self.delivery.stay(key));
            }
            Some(Request::Subscribe { key, given_up }) if granted => {
                self.delivery.handle_granted(key);
                if given_up {
                    self.leave(key);
                }
            }
            Some(Request::Subscribe { key, .. }) if self.delivery.is_last_granted(key) => {
                self.leave(key);
            }
            Some(Request::Subscribe { key, .. }) => self.remove_subscription(key),
        }
        let waker = self.operations.answer(token, answer);
        self.after.wake(waker);
    }

    /// The broker refused to make a subscription again. One that asks for it now hears for itself.
    fn end_granted(&mut self, filter: &str) {
        for key in self.delivery.keys_of(filter) {
            let asks = |request: &Request| match request {
                Request::Subscribe { key: asking, .. } => *asking == key,
                Request::Unsubscribe { .. } => false,
            };
            if !self.requests.values().any(asks) {
                self.end_one(key);
            }
        }
    }

    /// The broker does not have this subscription any more.
    fn end_one(&mut self, key: SubscriptionKey) {
        self.delivery.forget_departed(key);
        if self.delivery.get_mut(key).is_some_and(|subscriber| subscriber.is_detached()) {
            self.remove_subscription(key);
        } else {
            self.delivery.end_one(key, &mut self.after);
        }
    }

    /// Ends what is over by now: messages nobody subscribed to, subscriptions nobody holds.
    pub(super) fn expire(&mut self, now: Time) {
        while let Some(arrived) = self.delivery.expire_unrouted(now) {
            self.stats.unrouted += 1;
            self.warn_of_unrouted(arrived.topic());
            if let Some(delivery) = arrived.delivery {
                self.ack(delivery, UNROUTED);
            }
        }
        while let Some((key, filter)) = self.delivery.expire_detached(now) {
            if !self.delivery.is_shared(key, &filter) {
                let asked = self.session.unsubscribe(now, &[&filter], &[]);
                if asked == Err(Refused::Full) {
                    self.delivery.detach_until(key, now.after(ASK_AGAIN));
                    continue;
                }
                if let Ok(token) = asked {
                    self.delivery.depart(key);
                    self.requests.insert(token, Request::Unsubscribe { leaving: vec![key] });
                    self.stats.unsubscribes += 1;
                }
            }
            self.remove_subscription(key);
        }
    }

    /// Tells the listeners of the first message of a connection that nobody subscribed to.
    fn warn_of_unrouted(&mut self, topic: &str) {
        if !std::mem::replace(&mut self.attempt.unrouted_announced, true) {
            self.tell(&ClientEvent::Unrouted { topic: topic.to_owned() });
        }
    }

    /// The subscription must not stay, although the broker has granted its filter.
    pub(super) fn leave(&mut self, key: SubscriptionKey) {
        self.delivery.detach_until(key, self.driver.now);
        self.wake_driver();
    }

    /// Forgets a subscription. The broker need not send again what nobody read.
    pub(super) fn remove_subscription(&mut self, key: SubscriptionKey) {
        let messages = self.delivery.remove(key, &mut self.after);
        if !self.is_running() {
            return;
        }
        for delivery in messages.into_iter().filter_map(|arrived| arrived.delivery) {
            self.stats.unrouted += 1;
            self.ack(delivery, UNROUTED);
        }
    }
}

/// The answer to a request with one filter. In 3.1.1 UNSUBACK has no codes.
fn first_code(codes: ReasonCodes<'_>, properties: Properties<'_>) -> Answer {
    match codes.iter().next().unwrap_or(ReasonCode::Success) {
        code if code.is_error() => Err(Unanswered::Rejected(Rejection::new(code, properties))),
        code => Ok(code),
    }
}

/// What the broker is told of a message nobody subscribed to.
const UNROUTED: ReasonCode = ReasonCode::ImplementationSpecificError;
/// When an UNSUBSCRIBE for which there is no room is tried again.
const ASK_AGAIN: Duration = Duration::from_secs(1);
