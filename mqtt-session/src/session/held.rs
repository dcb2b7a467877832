//! Messages of the broker at QoS 1/2 that are not finished.

use mqtt_proto::ReasonCode;

/// Where an inbound message stands. Each is an ordered list, and every message is in one.
///
/// ```text
///  PUBLISH QoS 1 --> Qos1 --acked, in order--> PubAck --transmitted--> (gone)
///  PUBLISH QoS 2 --> Qos2 --acked, in order--> PubRec --transmitted--> Received
///                              (gone) <--transmitted-- PubComp <--PUBREL--+
///  connection ends: what was not acknowledged to the broker --> Orphan, until it comes again
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Shelf {
    /// QoS 1, not yet acknowledged by the application or behind one that is not.
    Qos1,
    /// QoS 2, likewise.
    Qos2,
    /// PUBACK to be transmitted.
    PubAck,
    /// PUBREC to be transmitted.
    PubRec,
    /// PUBREC was transmitted, on this connection or an earlier one.
    Received,
    /// PUBCOMP to be transmitted.
    PubComp,
    /// Held from an earlier connection, not sent again on this one.
    Orphan,
}

/// How many shelves there are.
pub(crate) const SHELVES: usize = 7;

impl From<Shelf> for u8 {
    fn from(shelf: Shelf) -> u8 {
        shelf as u8
    }
}

/// An inbound message that is not finished.
#[derive(Clone, Copy, Debug)]
pub struct Held {
    pub(crate) exactly_once: bool,
    /// What the application answered.
    pub(crate) answer: Option<ReasonCode>,
    /// The record that must be stored before the next packet about it leaves.
    pub(crate) needs: u64,
}
