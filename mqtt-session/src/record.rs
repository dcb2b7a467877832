//! The storage port: what must be durable, in the order it must become so.

use crate::Token;

/// One change of the durable state. Records are to be stored in order; a store may sync any run
/// of them together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// Counts up; give it to [`handle_stored`](crate::Session::handle_stored) when the record and
    /// all before it are durable.
    pub seq: u64,
    /// What the value is stored under; a later record with the same key replaces it.
    pub key: RecordKey,
    /// The bytes to keep, these three behind each other, or `None` to delete the key. They are
    /// the session's own and versioned.
    pub value: Option<[&'a [u8]; 3]>,
}

/// The key of a record. A store gives records back in the order of their keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RecordKey(pub [u8; 9]);

/// Records from which no session can be restored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RestoreError {
    /// A key or value that no version of this crate wrote.
    #[error("record {key:?} is not readable by this version")]
    Unreadable {
        /// The key it was found under.
        key: RecordKey,
    },
    /// A key that is not above the one before it.
    #[error("record {key:?} is not in the order of the keys")]
    Order {
        /// The key.
        key: RecordKey,
    },
    /// More records than the memory holds.
    #[error("the stored session does not fit into the memory")]
    Full,
}

/// A record that waits to be polled; its value is made when it is.
#[derive(Clone, Copy, Debug)]
pub enum RecordRef {
    /// Version, ClientID, and whether the session was adopted.
    Session,
    /// A subscription the broker granted.
    Filter { number: u64 },
    /// The message of this publish, with its Packet Identifier if it had one at once, or 0.
    Message { token: Token, id: u16 },
    /// The Packet Identifier a message was given.
    Sent { message: u64, id: u16 },
    /// PUBREC came for this message, which had this Packet Identifier.
    Released { message: u64, id: u16 },
    /// An inbound QoS 2 message was acknowledged by the application.
    Received { id: u16 },
    /// What stands under the key ended.
    Delete { key: RecordKey },
}

/// What kinds of record there are: the first byte of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum RecordKind {
    Session = 0,
    Filter = 1,
    /// Before the messages: of one that was released no more is read.
    Released = 2,
    Message = 3,
    Sent = 4,
    Received = 5,
}

impl RecordKind {
    pub(crate) fn key(self, number: u64) -> RecordKey {
        let mut key = [self as u8; 9];
        if let Some(place) = key.get_mut(1..) {
            place.copy_from_slice(&number.to_be_bytes());
        }
        RecordKey(key)
    }
}

impl RecordKey {
    /// The kind and number this key was made of.
    pub(crate) fn parts(self) -> Option<(RecordKind, u64)> {
        let (kind, number) = self.0.split_first()?;
        let kind = match kind {
            0 => RecordKind::Session,
            1 => RecordKind::Filter,
            2 => RecordKind::Released,
            3 => RecordKind::Message,
            4 => RecordKind::Sent,
            5 => RecordKind::Received,
            _ => return None,
        };
        Some((kind, u64::from_be_bytes(number.try_into().ok()?)))
    }
}
