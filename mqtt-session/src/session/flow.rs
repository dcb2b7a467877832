//! Operations of this end that are not finished: publishes, SUBSCRIBEs, UNSUBSCRIBEs.

use mqtt_proto::{PacketId, QoS, Version};

use crate::memory::{Arena, Block};
use crate::{Failure, Memory, Time};

/// Where a flow stands. Each is an ordered list, and every flow is in one of them.
///
/// ```text
///  publish --> Waiting --window--> Ready --transmitted--> InFlight --PUBACK--> (gone)
///                                    |                        | PUBREC
///                 QoS 0: (gone) <----+                        v
///                                           (gone) <-- Released <--transmitted-- Releasing
///  subscribe -> Requests --> Ready --transmitted--> Requested --SUBACK--> (gone)
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Lane {
    /// Publishes that wait for the window or for their record, in order of acceptance.
    Waiting,
    /// Packets that may leave now, in order.
    Ready,
    /// Publishes transmitted on this connection, in order.
    InFlight,
    /// PUBRELs to be transmitted, in order of PUBREC.
    Releasing,
    /// PUBRELs transmitted on this connection, in order.
    Released,
    /// Requests for the next connection, in call order.
    Requests,
    /// Requests transmitted on this connection, in order.
    Requested,
    /// Flows without a packet left, whose outcome was not polled yet.
    Ended,
}

/// How many lanes there are.
pub(crate) const LANES: usize = 8;

impl From<Lane> for u8 {
    fn from(lane: Lane) -> u8 {
        lane as u8
    }
}

/// An unfinished operation.
pub struct Flow<M: Memory> {
    pub(crate) kind: FlowKind,
    /// The encoded packet; none once PUBREC came or the flow ended.
    pub(crate) image: Option<Image<M>>,
    /// The record that must be stored before the next packet of this flow leaves.
    pub(crate) needs: u64,
    /// The number of the message in the store.
    pub(crate) message: u64,
    /// Its identifier has a record of its own.
    pub(crate) has_sent_record: bool,
    pub(crate) expiry: Option<Expiry>,
}

impl<M: Memory> Flow<M> {
    pub(crate) fn new(kind: FlowKind, image: Image<M>) -> Flow<M> {
        Flow { kind, image: Some(image), needs: 0, message: 0, has_sent_record: false, expiry: None }
    }
}

/// What an unfinished operation is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum FlowKind {
    /// A QoS 0 PUBLISH, gone once transmitted.
    AtMostOnce,
    /// A QoS 1/2 PUBLISH; `carried` once a connection may have carried it.
    Publish { qos: QoS, carried: bool },
    /// A QoS 2 publish past PUBREC.
    Release,
    /// A SUBSCRIBE of so many filters; `own` when the session made it after a session loss.
    Subscribe { filters: usize, own: bool },
    /// An UNSUBSCRIBE of so many filters.
    Unsubscribe { filters: usize },
    /// A publish that ended without a packet: why, or `None` when it may have been delivered.
    PublishEnded(Option<Failure>),
    /// A request that ended without an answer.
    RequestEnded(Failure),
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

    /// Writes the Packet Identifier into its place.
    pub(crate) fn set_packet_id(&mut self, arena: &mut M::Arena, id: PacketId) {
        let bytes = arena.bytes_mut(&mut self.head);
        let place = packet_id_place(bytes);
        if let Some(place) = place.and_then(|at| bytes.get_mut(at..at + 2)) {
            place.copy_from_slice(&id.get().to_be_bytes());
        }
    }
}

/// Offset of the Packet Identifier in a PUBLISH of QoS 1/2, a SUBSCRIBE or an UNSUBSCRIBE.
fn packet_id_place(packet: &[u8]) -> Option<usize> {
    let (first, rest) = packet.split_first()?;
    let header = 2 + rest.iter().position(|byte| byte & 0x80 == 0)?;
    if first >> 4 != mqtt_proto::PacketType::Publish as u8 {
        return Some(header);
    }
    let (topic_len, _) = packet.get(header..)?.split_first_chunk()?;
    Some(header + 2 + usize::from(u16::from_be_bytes(*topic_len)))
}
