//! What was accepted, how it ended, and what arrived.

use std::collections::HashMap;

use mqtt_session::proto::QoS;
use mqtt_session::{Failure, Outcome, Token};

/// The account of a run.
#[derive(Default)]
pub(super) struct Account {
    /// Operations without an outcome.
    open: HashMap<Token, Operation>,
    /// Messages the session published, by number.
    published: Vec<Published>,
    /// Messages the broker published, by number.
    sent: Vec<Sent>,
    /// Which of either arrived last.
    newest_published: Newest,
    newest_sent: Newest,
    /// The broker lost its session at least once.
    pub(super) lost_session: bool,
    /// How many sessions of the broker the session knows of.
    pub(super) sessions: usize,
}

#[derive(Clone, Copy, Debug)]
enum Operation {
    Publish { number: usize },
    Request,
}

/// Of each QoS the newest message that arrived: what arrives for the first time is newer.
#[derive(Default)]
struct Newest(HashMap<u8, usize>);

impl Newest {
    fn arrive(&mut self, qos: QoS, number: usize) {
        let before = self.0.insert(qos as u8, number);
        assert!(before.is_none_or(|before| before < number), "{number} behind {before:?}, {qos:?}");
    }
}

#[derive(Debug)]
struct Published {
    qos: QoS,
    /// Bytes of its payload.
    len: usize,
    end: Option<End>,
    /// How often it arrived at another client.
    arrived: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Delivered,
    Rejected,
    /// Nothing of it was ever sent.
    NeverSent,
    /// Nobody knows.
    Uncertain,
}

#[derive(Debug)]
struct Sent {
    qos: QoS,
    arrived: usize,
    /// The application gave it up once, so that it comes again.
    abandoned: bool,
}

/// What the session does.
impl Account {
    /// The number of the next message to publish.
    pub(super) fn next_number(&self) -> usize {
        self.published.len()
    }

    /// The message with the next number was accepted.
    pub(super) fn publish(&mut self, qos: QoS, len: usize, token: Option<Token>) {
        let number = self.published.len();
        self.published.push(Published { qos, len, end: None, arrived: 0 });
        if let Some(token) = token {
            self.accept(token, Operation::Publish { number });
        }
    }

    pub(super) fn request(&mut self, token: Token) {
        self.accept(token, Operation::Request);
    }

    fn accept(&mut self, token: Token, operation: Operation) {
        let other = self.open.insert(token, operation);
        assert!(other.is_none(), "{token:?} names two operations");
    }

    /// A publish has its outcome.
    pub(super) fn end_publish(&mut self, token: Token, outcome: &Outcome<'_>) {
        let end = match outcome {
            Outcome::Delivered(_) | Outcome::Downgraded(_) => End::Delivered,
            Outcome::Rejected(_) => End::Rejected,
            Outcome::Failed(failure) => failed(*failure),
            Outcome::Transmitted | Outcome::Indeterminate => End::Uncertain,
        };
        match self.open.remove(&token) {
            Some(Operation::Publish { number }) => self.published[number].end = Some(end),
            other => panic!("{outcome:?} of {other:?}"),
        }
    }

    pub(super) fn end_request(&mut self, token: Token) {
        let operation = self.open.remove(&token);
        assert!(matches!(operation, Some(Operation::Request)), "an answer to {operation:?}");
    }

    pub(super) fn has_open(&self) -> bool {
        !self.open.is_empty()
    }
}

/// What arrives.
impl Account {
    /// A message of the session arrived at the other client, with a payload of so many bytes.
    pub(super) fn heard(&mut self, number: usize, len: usize) {
        let message = &mut self.published[number];
        assert_eq!(len, message.len, "message {number} of the session");
        if message.arrived == 0 {
            self.newest_published.arrive(message.qos, number);
        }
        message.arrived += 1;
    }

    /// The number of the next message of the broker.
    pub(super) fn next_sent(&self) -> usize {
        self.sent.len()
    }

    pub(super) fn send(&mut self, qos: QoS) {
        self.sent.push(Sent { qos, arrived: 0, abandoned: false });
    }

    /// A message of the broker was delivered.
    pub(super) fn received(&mut self, number: usize) {
        let message = &mut self.sent[number];
        if message.arrived == 0 {
            self.newest_sent.arrive(message.qos, number);
        }
        message.arrived += 1;
    }

    pub(super) fn abandon(&mut self, number: usize) {
        self.sent[number].abandoned = true;
    }
}

/// At the end.
impl Account {
    /// `may_duplicate`: QoS 2 is sent again after session loss.
    pub(super) fn check(&self, may_duplicate: bool) {
        assert!(self.open.is_empty(), "operations without an outcome: {:?}", self.open);
        for (number, message) in self.published.iter().enumerate() {
            let Published { qos, end, arrived, .. } = *message;
            let is_right = match (qos, end) {
                (QoS::AtMostOnce, _) => arrived <= 1,
                (_, Some(End::Rejected | End::NeverSent)) => arrived == 0,
                (QoS::AtLeastOnce, Some(End::Delivered)) => arrived >= 1,
                (QoS::AtLeastOnce, Some(End::Uncertain)) => true,
                (QoS::ExactlyOnce, Some(End::Delivered)) if may_duplicate => arrived >= 1,
                (QoS::ExactlyOnce, Some(End::Delivered)) => arrived == 1,
                (QoS::ExactlyOnce, Some(End::Uncertain)) => arrived <= 1 || may_duplicate,
                (QoS::AtLeastOnce | QoS::ExactlyOnce, None) => false,
            };
            assert!(is_right, "message {number} of the session: {message:?}");
        }
        for (number, message) in self.sent.iter().enumerate() {
            let Sent { qos, arrived, abandoned } = *message;
            let is_right = match qos {
                QoS::AtMostOnce => arrived <= 1,
                QoS::AtLeastOnce => arrived >= 1 || self.lost_session,
                QoS::ExactlyOnce if abandoned => true,
                QoS::ExactlyOnce => arrived == 1 || (arrived == 0 && self.lost_session),
            };
            assert!(is_right, "message {number} of the broker: {message:?}");
        }
    }
}

/// Whether an earlier connection may have carried a message that failed.
fn failed(failure: Failure) -> End {
    match failure {
        Failure::Expired
        | Failure::NoAnswer
        | Failure::StoreFailed
        | Failure::Unsent
        | Failure::Closed => End::NeverSent,
        Failure::NotSupported(_)
        | Failure::Invalid(_)
        | Failure::Blamed(_)
        | Failure::ConnectionLost => End::Uncertain,
    }
}
