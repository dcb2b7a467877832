//! What happened in a broker, for those who look on.

use std::collections::VecDeque;

use mqtt_proto::ReasonCode;
use mqtt_session::Time;

use super::ConnectionId;

/// An entry of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// When it happened.
    pub at: Time,
    /// What happened.
    pub event: LogEvent,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogEvent {
    /// A transport was accepted.
    Opened(ConnectionId),
    /// A CONNECT was accepted.
    Connected {
        /// Where.
        connection: ConnectionId,
        /// Its Client Identifier, assigned or not.
        client_id: String,
        /// Session Present.
        session_present: bool,
    },
    /// A CONNECT was refused.
    Refused {
        /// Where.
        connection: ConnectionId,
        /// Connect Reason Code; before 5.0 the return code that says the same, if there is one.
        reason: ReasonCode,
        /// What was wrong.
        explanation: String,
    },
    /// The client disconnected.
    Disconnected {
        /// Where.
        connection: ConnectionId,
        /// Disconnect Reason Code.
        reason: ReasonCode,
    },
    /// The broker ended the connection.
    Ended {
        /// Where.
        connection: ConnectionId,
        /// Disconnect Reason Code; before 5.0 it is not sent.
        reason: ReasonCode,
        /// What was wrong.
        explanation: String,
    },
    /// The transport ended first.
    Lost(ConnectionId),
    /// An acknowledgement of no message that was sent on this connection and waits for one; it was
    /// ignored.
    Stray {
        /// Where.
        connection: ConnectionId,
        /// Packet Identifier.
        packet_id: u16,
    },
    /// A PUBACK or PUBREC came before that of a message of its QoS that was sent earlier on this
    /// connection; it was taken. Not judged on 3.1, which wants no order.
    OutOfOrder {
        /// Where.
        connection: ConnectionId,
        /// Packet Identifier.
        packet_id: u16,
    },
    /// A PUBLISH whose DUP cannot be right, which was taken as if it were: 1 with an identifier that
    /// this connection carried before, or 0 with that of a QoS 2 message that waits for PUBREL. Not
    /// judged before 5.0, where a client may send again at any time, and go on with a session it knows
    /// nothing of.
    WrongDup {
        /// Where.
        connection: ConnectionId,
        /// Packet Identifier.
        packet_id: u16,
    },
    /// A Will was published.
    WillPublished {
        /// Whose.
        client_id: String,
    },
    /// A session ended.
    SessionEnded {
        /// Whose.
        client_id: String,
    },
    /// A message was not sent to a client.
    Dropped {
        /// To whom.
        client_id: String,
        /// Topic Name.
        topic: String,
        /// Why.
        why: Dropped,
    },
}

/// Why a message was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dropped {
    /// Its Message Expiry Interval passed before it was sent.
    Expired,
    /// Its packet is larger than the client's Maximum Packet Size.
    TooLarge,
    /// No PUBLISH of the client's version can say it, as with a wildcard in its topic.
    Unwritable,
    /// [`Settings::maximum_queued`](super::Settings::maximum_queued) messages wait for the client.
    NoRoom,
}

/// The newest entries.
#[derive(Debug)]
pub(super) struct Log {
    entries: VecDeque<Entry>,
    length: usize,
}

impl Log {
    pub(super) fn new(length: usize) -> Log {
        Log { entries: VecDeque::new(), length }
    }

    pub(super) fn push(&mut self, at: Time, event: LogEvent) {
        self.entries.push_back(Entry { at, event });
        if self.entries.len() > self.length {
            self.entries.pop_front();
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter()
    }
}
