//! What the session tells its owner, against what is due.

use mqtt_session::{CloseReason, Delivery, Event, Failure, Outcome, Token};

use super::Oracle;
use super::operation::Ended;
use super::received::Due;
use crate::message::Name;
use crate::tally::Promise;

/// An event, as far as it is looked at.
#[derive(Clone, Debug)]
pub(crate) enum Seen {
    Connected,
    /// With where the broker redirects to.
    Refused {
        code: u8,
    },
    Message {
        qos: u8,
        name: Option<Name>,
        topic: String,
        delivery: Option<Delivery>,
    },
    Published {
        token: Token,
        ended: Ended,
    },
    Transmitted,
    Answered(Token),
    RequestFailed(Token, Failure),
    SubscriptionLost,
    /// AUTH with this code and Authentication Data.
    Auth {
        code: u8,
        data: Vec<u8>,
    },
    Writable,
    Disconnect {
        code: u8,
    },
    Closed(CloseReason),
}

impl Seen {
    pub(super) fn of(event: &Event<'_>) -> Seen {
        match event {
            Event::Connected(_) => Seen::Connected,
            Event::Refused(connack) => Seen::Refused { code: connack.reason.to_u8() },
            Event::Authenticate(auth) | Event::Reauthenticated(auth) => {
                let data = auth.properties.authentication_data().unwrap_or_default();
                Seen::Auth { code: auth.reason.to_u8(), data: data.to_vec() }
            }
            Event::Message(message) => Seen::Message {
                qos: message.publish.qos as u8,
                name: Name::of(message.publish.payload),
                topic: message.publish.topic.to_owned(),
                delivery: message.delivery,
            },
            Event::Skipped { publish, .. } => Seen::Message {
                qos: publish.qos as u8,
                name: None,
                topic: publish.topic.to_owned(),
                delivery: None,
            },
            Event::Published { token, outcome } => {
                let ended = match outcome {
                    Outcome::Delivered(_) | Outcome::Downgraded(_) => Ended::Delivered,
                    Outcome::Rejected(_) => Ended::Rejected,
                    Outcome::Failed(failure) => Ended::Failed(*failure),
                    Outcome::Transmitted => return Seen::Transmitted,
                    Outcome::Indeterminate => Ended::Indeterminate,
                };
                Seen::Published { token: *token, ended }
            }
            Event::Subscribed { token, .. } | Event::Unsubscribed { token, .. } => {
                Seen::Answered(*token)
            }
            Event::RequestFailed { token, failure } => Seen::RequestFailed(*token, *failure),
            Event::SubscriptionLost { .. } => Seen::SubscriptionLost,
            Event::Writable => Seen::Writable,
            Event::Disconnect(disconnect) => Seen::Disconnect { code: disconnect.reason.to_u8() },
            Event::Closed(reason) => Seen::Closed(*reason),
        }
    }
}

impl Oracle {
    /// The event that came, if one did, is the one that is due, if one is.
    pub(super) fn settle(&mut self, due: Option<Due>, event: Option<&Seen>) {
        match (due, event) {
            (Some(Due::Message { id, qos, name, topic }), event) => {
                self.settle_message(qos, name, &topic, event);
                self.take_delivery(id, event);
            }
            (Some(Due::Copy { id, dup, name }), event) => self.settle_copy(id, dup, name, event),
            (Some(Due::Ended { at, is_rejected }), event) => {
                self.settle_ended(at, is_rejected, event);
            }
            (Some(Due::Answered(at, _)), Some(Seen::Answered(token))) => {
                self.note_ended(*token, Ended::Answered, Some(at));
            }
            (Some(Due::Connected), Some(Seen::Connected))
            | (Some(Due::Refused), Some(Seen::Refused { .. }))
            | (Some(Due::Disconnect), Some(Seen::Disconnect { .. })) => {}
            (Some(Due::Auth(due)), Some(Seen::Auth { code, .. })) if due == *code => {}
            (Some(Due::Answered(at, bytes)), event) if self.is_swapped(at, &bytes) => {
                self.settle(None, event);
            }
            (None, Some(event)) => self.note_own(event),
            (Some(due), event) => {
                self.check(Promise::Send1, false, || format!("{due:?} is due, and {event:?} came"));
            }
            (None, None) => {}
        }
    }

    /// Nothing tells a subscription made again by the session from the same one asked for anew: this
    /// was the former if another such request is on its way.
    fn is_swapped(&mut self, at: usize, bytes: &[u8]) -> bool {
        let Some(connection) = &mut self.connection else { return false };
        let mut others = connection.requests.values_mut();
        let other = others.find(|other| other.operation.is_none() && other.bytes == bytes);
        let Some(other) = other else { return false };
        other.operation = Some(at);
        self.operations[at].is_on_wire = true;
        true
    }

    fn settle_message(&mut self, qos: u8, name: Option<Name>, topic: &[u8], event: Option<&Seen>) {
        let is_it = matches!(event, Some(Seen::Message { qos: got, name: which, topic: about, .. })
            if *got == qos && *which == name && about.as_bytes() == topic);
        let topic = String::from_utf8_lossy(topic);
        self.check(Promise::Recv3, is_it, || {
            format!("{name:?} of QoS {qos} in {topic:?} is due, and {event:?} came")
        });
    }

    /// What the application acknowledges the message by.
    fn take_delivery(&mut self, id: u16, event: Option<&Seen>) {
        if let (Some(message), Some(Seen::Message { delivery, .. })) =
            (self.inbound.get_mut(&id), event)
        {
            message.delivery = *delivery;
        }
    }

    /// A copy of a message that is held is not delivered. One the session had no room to remember, or
    /// that has no DUP, may be a new message, but never one that was received.
    fn settle_copy(&mut self, id: u16, dup: bool, name: Option<Name>, event: Option<&Seen>) {
        let is_message = matches!(event, Some(Seen::Message { .. }));
        let Some(message) = self.inbound.get_mut(&id) else { return };
        let is_remembered = self.facts.grows && dup;
        let may_be_new = !(is_remembered || message.is_received);
        let (is_received, answer) = (message.is_received, message.answer);
        if is_message && may_be_new {
            message.answer = None;
        }
        self.check(Promise::Recv3, !is_message || may_be_new, || {
            format!("{name:?} is delivered again: {answer:?}, received {is_received}")
        });
        if is_message {
            self.take_delivery(id, event);
        } else if let Some(event) = event {
            self.note_own(event);
        }
    }

    fn settle_ended(&mut self, at: usize, is_rejected: bool, event: Option<&Seen>) {
        let Some(Seen::Published { token, ended }) = event else {
            return self.check(Promise::Send1, false, || {
                format!("the outcome of {at} is due, and {event:?} came")
            });
        };
        let is_right = match ended {
            Ended::Delivered => !is_rejected,
            Ended::Rejected => is_rejected,
            // It was given up before, and the broker let go of it.
            Ended::Failed(
                Failure::NotSupported(_) | Failure::Blamed(_) | Failure::ConnectionLost,
            ) => self.operations.get(at).is_some_and(|operation| operation.is_released),
            Ended::Failed(_) | Ended::Indeterminate | Ended::Answered => false,
        };
        self.check(Promise::Send1, is_right, || format!("{at} ends as {ended:?}"));
        self.note_ended(*token, *ended, Some(at));
    }

    /// An event that no packet asked for.
    fn note_own(&mut self, event: &Seen) {
        match event {
            Seen::Published { token, ended } => self.note_ended(*token, *ended, None),
            Seen::RequestFailed(token, failure) => {
                self.note_ended(*token, Ended::Failed(*failure), None);
            }
            Seen::Closed(reason) => self.note_closed(*reason),
            Seen::Writable | Seen::SubscriptionLost | Seen::Transmitted => {}
            Seen::Connected
            | Seen::Refused { .. }
            | Seen::Message { .. }
            | Seen::Answered(_)
            | Seen::Auth { .. }
            | Seen::Disconnect { .. } => {
                self.check(Promise::Send1, false, || format!("{event:?} of nothing"));
            }
        }
    }
}
