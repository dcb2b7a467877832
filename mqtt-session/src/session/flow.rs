//! Operations of this end that are not finished: publishes, SUBSCRIBEs, UNSUBSCRIBEs.

use mqtt_proto::{PacketId, QoS, ReasonCode, Version};

use crate::memory::{Arena, Block};
use crate::{Failure, Memory, Time};

/// Where a flow stands. Each is an ordered list, and every flow is in one of them.
///
/// ```text
///  publish --> Waiting --window--> Storing --stored--+
///  QoS 0 --------------------------------------------+--> Ready --transmitted--> (gone)
///                                                    |      |
///                                      transmitted --+------+-> InFlight --PUBACK--> (gone)
///                                                                  | PUBREC
///                      (gone) <--PUBCOMP-- Released <--transmitted-- Releasing
///
///  made again ---> Resubscribing --+
///  (un)subscribe -----> Requests --+--> Ready --transmitted--> Requested --answer--> (gone)
///                                      connection ends: (gone) <-- GivenUp <--polled-- | no answer
/// ```
/// QoS 0 and requests pass publishes that wait, be it for the window or for the store: the standard
/// orders neither against them, and what needs no record gains nothing from waiting for one. (A
/// subscription is recorded once SUBACK grants it.)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Lane {
    /// Publishes that wait for the window, in order of acceptance.
    Waiting,
    /// Publishes within the window that wait for their records, in order.
    Storing,
    /// Packets that may leave now, in order; without a connection QoS 0 that is kept for the next.
    Ready,
    /// Publishes transmitted on this connection, in order.
    InFlight,
    /// PUBRELs to be transmitted, in order of PUBREC.
    Releasing,
    /// PUBRELs transmitted on this connection, in order.
    Released,
    /// SUBSCRIBEs of the session's own, oldest subscription first.
    Resubscribing,
    /// Requests for the next connection, in call order.
    Requests,
    /// Requests transmitted on this connection, in order.
    Requested,
    /// Flows without a packet left, whose outcome was not polled yet.
    Ended,
    /// Requests that failed without an answer: it may still come, so they keep their identifiers
    /// until the connection ends.
    GivenUp,
}

/// How many lanes there are.
pub(crate) const LANES: usize = 11;

impl From<Lane> for u8 {
    fn from(lane: Lane) -> u8 {
        lane as u8
    }
}

/// An unfinished operation.
pub struct Flow<M: Memory> {
    pub(crate) kind: FlowKind,
    /// The encoded packet; none once PUBREC came or the flow ended, and for a subscription made
    /// again, which has its packet itself.
    pub(crate) image: Option<Image<M>>,
    /// The record that must be stored before the next packet of this flow leaves.
    pub(crate) needs: u64,
    /// The number of the record with the message, under which it is stored; 0 without a store.
    pub(crate) message: u64,
    /// The number of the record that PUBREC came, under which it is stored; 0 for none.
    pub(crate) released: u64,
    /// Its identifier has a record of its own.
    pub(crate) has_sent_record: bool,
    /// A connection may have carried it, if only one of a session that is lost.
    pub(crate) carried_before: bool,
    pub(crate) expiry: Option<Expiry>,
    /// When a request was transmitted last.
    pub(crate) asked_at: Time,
    /// How often a request had no answer in time.
    pub(crate) unanswered: u8,
}

impl<M: Memory> Flow<M> {
    pub(crate) fn new(kind: FlowKind, image: Option<Image<M>>) -> Flow<M> {
        Flow {
            kind,
            image,
            needs: 0,
            message: 0,
            released: 0,
            has_sent_record: false,
            carried_before: false,
            expiry: None,
            asked_at: Time::ZERO,
            unanswered: 0,
        }
    }

    /// Whether it is a message that expired before any connection carried it. One that may have
    /// been carried is completed.
    pub(crate) fn expired(&self, now: Time) -> bool {
        self.expires_at().is_some_and(|at| at <= now)
    }

    /// When it expires, as long as no connection carried it.
    pub(crate) fn expires_at(&self) -> Option<Time> {
        match self.kind {
            FlowKind::AtMostOnce { .. }
            | FlowKind::Kept { .. }
            | FlowKind::Publish { carried: false, .. } => self.expiry.map(|expiry| expiry.at),
            FlowKind::Publish { carried: true, .. }
            | FlowKind::Release { .. }
            | FlowKind::Subscribe { .. }
            | FlowKind::Resubscribe { .. }
            | FlowKind::Unsubscribe { .. }
            | FlowKind::Ended(_) => None,
        }
    }
}

/// What an unfinished operation is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum FlowKind {
    /// A QoS 0 PUBLISH, or several behind each other, of which so many bytes were transmitted. Gone
    /// once all are, unless that is reported.
    AtMostOnce { transmitted: usize, reported: bool },
    /// A single QoS 0 PUBLISH that was accepted before the connection, which may speak another
    /// version.
    Kept { reported: bool },
    /// A QoS 1/2 PUBLISH; `carried` once a connection may have carried it.
    Publish { qos: QoS, carried: bool },
    /// A QoS 2 publish past PUBREC; or one that may have been carried and cannot be sent again,
    /// whose identifier the broker must let go, and why.
    Release { abandoned: Option<Failure> },
    /// A SUBSCRIBE of so many subscriptions, from this number on.
    Subscribe { first: u64, filters: usize },
    /// A SUBSCRIBE that makes the subscription with this number again.
    Resubscribe { filter: u64 },
    /// An UNSUBSCRIBE of so many filters, which ends subscriptions below this number.
    Unsubscribe { below: u64, filters: usize },
    /// Over; what is to be reported.
    Ended(Ended),
}

/// The outcome of a flow that ended without an answer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Ended {
    /// A QoS 0 publish that was transmitted.
    Transmitted,
    /// A publish that may have been delivered.
    Indeterminate,
    /// A publish that failed.
    Publish(Failure),
    /// A request that failed.
    Request(Failure),
    /// The subscription with this number cannot be made again.
    Subscription { filter: u64, reason: ReasonCode },
}

/// When a message expires, and where its image says so.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Expiry {
    pub(crate) at: Time,
    /// Offset of the Message Expiry Interval's four bytes in the image.
    pub(crate) place: usize,
}

/// An encoded packet: full topic, DUP 0, its Packet Identifier once it has one.
pub(crate) struct Image<M: Memory> {
    pub(crate) head: Block<M>,
    /// The payload where it is kept and not copied.
    pub(crate) body: Option<M::Body>,
    pub(crate) version: Version,
}

impl<M: Memory> Image<M> {
    /// Bytes of the packet.
    pub(crate) fn len(&self, arena: &M::Arena) -> usize {
        arena.bytes(&self.head).len() + self.body.as_ref().map_or(0, |body| body.as_ref().len())
    }
}

/// Writes the Packet Identifier of a PUBLISH of QoS 1/2, a SUBSCRIBE or an UNSUBSCRIBE.
pub(crate) fn set_packet_id(packet: &mut [u8], id: PacketId) {
    let place = packet_id_place(packet).and_then(|at| packet.get_mut(at..at + 2));
    if let Some(place) = place {
        place.copy_from_slice(&id.get().to_be_bytes());
    }
}

/// The Packet Identifier of such a packet.
pub(crate) fn packet_id(packet: &[u8]) -> Option<PacketId> {
    let (id, _) = packet.get(packet_id_place(packet)?..)?.split_first_chunk()?;
    PacketId::new(u16::from_be_bytes(*id))
}

/// Offset of the Packet Identifier.
pub(super) fn packet_id_place(packet: &[u8]) -> Option<usize> {
    let (first, rest) = packet.split_first()?;
    let header = 2 + rest.iter().position(|byte| byte & 0x80 == 0)?;
    if first >> 4 != mqtt_proto::PacketType::Publish as u8 {
        return Some(header);
    }
    let (topic_len, _) = packet.get(header..)?.split_first_chunk()?;
    Some(header + 2 + usize::from(u16::from_be_bytes(*topic_len)))
}
