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
    pub(super) left: usize,
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
    /// The head of a PUBLISH above the limit, without its fixed header, once all of it is there.
    /// Any other packet may not be so large, nor may a head that no buffer takes.
    pub(super) fn head_too_large<'i>(
        &self,
        header: &FixedHeader,
        bytes: &'i [u8],
    ) -> Result<Option<&'i [u8]>, ViolationKind> {
        let link = self.link.as_ref();
        let skips = link.is_some_and(|link| link.up().is_some() && !link.version.has_properties());
        let len = head_len(header, bytes);
        let fits = len.is_none_or(|len| len <= M::Input::LIMIT);
        if !skips || !fits || header.packet_type != PacketType::Publish {
            // [MQTT-3.1.2-24]
            return Err(ViolationKind::PacketTooLarge(header.packet_len()));
        }
        Ok(len.and_then(|len| bytes.get(usize::from(header.len)..len)))
    }

    /// Reports a PUBLISH above the limit, and skips the rest of it.
    pub(super) fn begin_skipping<'i>(
        &mut self,
        header: FixedHeader,
        head: &'i [u8],
    ) -> Received<'i> {
        let Some(link) = &mut self.link else { return Ok(None) };
        let packet = Packet::decode(header, head, link.inbound_dialect());
        let Packet::Publish(publish) = packet.map_err(ViolationKind::Packet)? else {
            return Ok(None);
        };
        let left = header.packet_len() - usize::from(header.len) - head.len();
        let (dup, qos, packet_id) = (publish.dup, publish.qos, publish.packet_id);
        link.skipping = Some(Skipping { dup, qos, packet_id, left });
        Ok(Some(Event::Skipped { publish, len: header.packet_len() }))
    }

    /// All of it passed by: acknowledges it in the place of the application.
    pub(super) fn end_skipping<'i>(&mut self, skipped: Skipping) -> Received<'i> {
        let Skipping { dup, qos, packet_id, left: _ } = skipped;
        let Some(id) = packet_id else { return Ok(None) };
        if !self.state.comes_again(dup, qos, id) {
            let index = self.hold(qos, id)?;
            let generation = self.state.held.generation(index);
            self.ack(Delivery { index, generation }, ReasonCode::Success);
        }
        Ok(None)
    }
}

impl<M: Memory> Link<M> {
    /// Takes bytes of the PUBLISH that is skipped; gives it when they were the last.
    pub(super) fn skip(&mut self, bytes: &mut &[u8]) -> Option<Skipping> {
        let skipping = self.skipping.as_mut()?;
        let n = skipping.left.min(bytes.len());
        *bytes = bytes.get(n..).unwrap_or_default();
        skipping.left -= n;
        if skipping.left > 0 { None } else { self.skipping.take() }
    }
}
