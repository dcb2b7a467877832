//! Messages of the broker at QoS 1/2 that are not finished.

use mqtt_proto::ReasonCode;

/// Where an inbound message stands. Each is an ordered list, and every message is in one.
///
/// ```text
///  PUBLISH QoS 1 --> Qos1 --acked, in order--> PubAck --transmitted--> (gone)
///  PUBLISH QoS 2 --> Qos2 --acked, in order--> PubRec --transmitted--> Received
///                     ^                                 PUBLISH again |   |
///                     +-----------------------------------------------+   |
///                              (gone) <--transmitted-- PubComp <--PUBREL--+
///  connection ends: acknowledged QoS 2 --> Known, all else --> Orphan, until they come again;
///  one that was given up is then a new message
///  session lost: Known --> Forgotten --record deleted--> (gone)
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Shelf {
    /// QoS 1, not yet acknowledged by the application or behind one that is not.
    Qos1,
    /// QoS 2, likewise; also a copy of one that was acknowledged, until its turn comes.
    Qos2,
    /// PUBACK to be transmitted.
    PubAck,
    /// PUBREC to be transmitted.
    PubRec,
    /// PUBREC was transmitted on this connection.
    Received,
    /// PUBCOMP to be transmitted.
    PubComp,
    /// Held from an earlier connection, not sent again on this one.
    Orphan,
    /// QoS 2 that the application acknowledged on an earlier connection; the broker has not come
    /// back to it on this one.
    Known,
    /// Of a session that was lost; the record waits for room to be deleted.
    Forgotten,
}

/// How many shelves there are.
pub(crate) const SHELVES: usize = 9;

impl From<Shelf> for u8 {
    fn from(shelf: Shelf) -> u8 {
        shelf as u8
    }
}

/// An inbound message that is not finished.
#[derive(Clone, Copy, Debug)]
pub struct Held {
    pub(crate) exactly_once: bool,
    pub(crate) answer: Answer,
    /// The record that must be stored before the next packet about it leaves.
    pub(crate) needs: u64,
}

/// What the application says to a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Nothing yet.
    Owed,
    /// It acknowledged it, or rejected it.
    Given(ReasonCode),
    /// It acknowledged it at QoS 2, which is recorded: no copy of it is delivered.
    Recorded,
    /// Nothing, ever: it gave the message up, and gets it again after a resume.
    GivenUp,
}

impl Answer {
    /// What the broker is to be told.
    pub(crate) fn reason(self) -> Option<ReasonCode> {
        match self {
            Answer::Given(reason) => Some(reason),
            Answer::Recorded => Some(ReasonCode::Success),
            Answer::Owed | Answer::GivenUp => None,
        }
    }
}
