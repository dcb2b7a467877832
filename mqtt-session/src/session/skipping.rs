//! PUBLISH above the inbound limit before 5.0: skipped as it streams by, and acknowledged.

use mqtt_proto::{FixedHeader, Packet, PacketId, PacketType, QoS, ReasonCode};

use super::Session;
use super::link::Link;
use super::receive::Received;
use crate::memory::Storage;
use crate::{Delivery, Event, Memory, ViolationKind};

/// A PUBLISH that is not kept.
///
/// ```text
///   [ fixed header | topic | identifier | payload ]
///     head, read whole and reported      skipped, then acknowledged
/// ```
#[derive(Clone, Copy, Debug)]
pub(crate) struct Skipping {
    dup: bool,
    qos: QoS,
    packet_id: Option<PacketId>,
    /// Bytes still to come.
    left: usize,
}

/// Bytes in which the length of a head is found.
pub(super) const HEAD_START: usize = 7;

/// Bytes of a PUBLISH before 5.0 up to its payload, as far as it starts in `bytes`.
pub(super) fn head_len(header: &FixedHeader, bytes: &[u8]) -> Option<usize> {
    let start = usize::from(header.len);
    let (topic_len, _) = bytes.get(start..)?.split_first_chunk()?;
    let packet_id = if header.flags & 0b0110 == 0 { 0 } else { 2 };
    let len = start + 2 + usize::from(u16::from_be_bytes(*topic_len)) + packet_id;
    Some(len.min(header.packet_len()))
}

impl<M: Memory> Session<M> {
    /// A packet of `len` bytes is above the limit. A PUBLISH of 3.1.1 is reported and the rest of it
    /// skipped once all of its head is there; until then there is nothing to read.
    #[cold]
    pub(super) fn begin_skipping<'i>(&mut self, bytes: &mut &'i [u8], len: usize) -> Received<'i> {
        let too_large = Err(ViolationKind::PacketTooLarge(len));
        let skips = |link: &&mut Link<M>| link.up().is_some() && !link.version.has_properties();
        let Some(link) = self.link.as_mut().filter(skips) else { return too_large };
        let dialect = link.inbound_dialect();
        let header = FixedHeader::decode(bytes, dialect).map_err(ViolationKind::Packet)?;
        let Some(header) = header.filter(|header| header.packet_type == PacketType::Publish) else {
            return too_large;
        };
        let Some(head_len) = head_len(&header, bytes) else { return Ok(None) };
        if head_len > M::Input::LIMIT {
            return too_large;
        }
        let Some((head, rest)) = bytes.split_at_checked(head_len) else { return Ok(None) };
        let body = head.get(usize::from(header.len)..).unwrap_or_default();
        let packet = Packet::decode(header, body, dialect);
        let Packet::Publish(publish) = packet.map_err(ViolationKind::Packet)? else {
            return too_large;
        };
        *bytes = rest;
        let (dup, qos, packet_id) = (publish.dup, publish.qos, publish.packet_id);
        link.skipping = Some(Skipping { dup, qos, packet_id, left: len - head_len });
        Ok(Some(Event::Skipped { publish, len }))
    }

    /// Takes off what there is of a PUBLISH that is skipped. With its last byte it is acknowledged in
    /// the place of the application.
    #[inline]
    pub(super) fn read_skipped(&mut self, bytes: &mut &[u8]) {
        if self.link.as_ref().is_some_and(|link| link.skipping.is_some()) && self.can_receive() {
            self.skip(bytes);
        }
    }

    #[cold]
    fn skip(&mut self, bytes: &mut &[u8]) {
        let Some(link) = &mut self.link else { return };
        let Some(skipping) = &mut link.skipping else { return };
        let n = skipping.left.min(bytes.len());
        *bytes = bytes.get(n..).unwrap_or_default();
        skipping.left -= n;
        if skipping.left > 0 {
            return;
        }
        let skipped @ Skipping { dup, qos, packet_id, left: _ } = *skipping;
        link.skipping = None;
        let Some(id) = packet_id else { return };
        if self.state.comes_again(dup, qos, id) {
            return;
        }
        match self.hold(qos, id) {
            Ok(index) => {
                let generation = self.state.held.generation(index);
                self.ack(Delivery { index, generation }, ReasonCode::Success);
            }
            Err(ViolationKind::ReceiveMaximum) if self.brake() => {
                if let Some(link) = &mut self.link {
                    link.skipping = Some(skipped);
                }
            }
            Err(violation) => self.give_up(violation),
        }
    }
}
