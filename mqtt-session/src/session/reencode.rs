//! Packets that were made for another version than the connection speaks.
//!
//! A packet keeps the version it was made for, in memory and in the store, and is said anew each
//! time it leaves. With and without properties it differs by one byte, the length of an empty list:
//!
//! ```text
//! 5.0     first  remaining length     topic  Packet Identifier  0  payload
//! 3.1.1   first  remaining length-1   topic  Packet Identifier     payload
//! ```
//! What the other version cannot say ends with an error when CONNACK comes; nothing is left out but
//! an optional Subscription Identifier.

use mqtt_proto::{
    Encode, EncodeError, FixedHeader, MAX_REMAINING_LENGTH, Packet, PacketType, Version,
};

use super::SessionState;
use super::flow::{Flow, FlowKind, packet_id_place};
use super::identifiers::Identifiers;
use super::link::outbound_dialect;
use super::put::{DUP, fits, integer, put};
use crate::memory::Arena;
use crate::{BufferTooSmall, Memory, Output};

/// Whether packets of these versions differ at all.
pub(super) fn differ(from: Version, to: Version) -> bool {
    from.has_properties() != to.has_properties()
}

/// A packet as the other kind of version says it.
struct Reencoded<'a> {
    first: u8,
    remaining_length: usize,
    /// Up to the Packet Identifier.
    before: &'a [u8],
    /// The empty list of properties, where there is one.
    list: &'a [u8],
    after: &'a [u8],
}

impl<'a> Reencoded<'a> {
    /// A PUBLISH, a SUBSCRIBE or an UNSUBSCRIBE without properties, of which `rest` bytes are
    /// elsewhere.
    fn new(packet: &'a [u8], rest: usize, to: Version) -> Option<Reencoded<'a>> {
        let (first, _) = packet.split_first()?;
        let header = 2 + packet.iter().skip(1).position(|byte| byte & 0x80 == 0)?;
        let packet_id = if is_at_most_once(*first) { 0 } else { 2 };
        let (before, after) = packet.split_at_checked(packet_id_place(packet)? + packet_id)?;
        let before = before.get(header..)?;
        let (list, after): (&[u8], _) =
            if to.has_properties() { (&[0], after) } else { (&[], after.get(1..)?) };
        let remaining_length = before.len() + list.len() + after.len() + rest;
        Some(Reencoded { first: *first, remaining_length, before, list, after })
    }

    fn len(&self) -> usize {
        let (_, integer) = integer(self.remaining_length);
        1 + integer + self.remaining_length
    }

    /// Appends all that is in `packet`, with these flags beside its own.
    fn put<B: AsRef<[u8]>>(&self, flags: u8, out: &mut impl Output<B>) {
        let (bytes, len) = integer(self.remaining_length);
        out.put(&[self.first | flags]);
        out.put(bytes.get(..len).unwrap_or_default());
        out.put(self.before);
        out.put(self.list);
        out.put(self.after);
    }
}

/// Whether a packet with this first byte is a PUBLISH of QoS 0, which has no Packet Identifier.
fn is_at_most_once(first: u8) -> bool {
    first >> 4 == PacketType::Publish as u8 && first & 0b0110 == 0
}

/// Whether a packet can be said in another version.
pub(super) fn check(
    packet: &[u8],
    from: Version,
    to: Version,
    identifiers: Identifiers,
) -> Result<(), EncodeError> {
    if !differ(from, to) {
        return Ok(());
    }
    let dialect = outbound_dialect(from);
    let header = FixedHeader::decode(packet, dialect).ok().flatten();
    let packet = header.and_then(|header| {
        let body = packet.get(usize::from(header.len)..)?;
        Packet::decode(header, body, dialect).ok()
    });
    // What this end encoded can be decoded.
    packet.map_or(Ok(()), |packet| {
        identifiers.leave_out(packet).measure(outbound_dialect(to)).map(|_| ())
    })
}

/// Appends a SUBSCRIBE made for `from`; `false` when it has to wait for an empty buffer.
pub(super) fn put_request<M: Memory>(
    out: &mut impl Output<M::Body>,
    packet: &[u8],
    from: Version,
    to: Version,
) -> Result<bool, BufferTooSmall> {
    let reencoded = if differ(from, to) { Reencoded::new(packet, 0, to) } else { None };
    let Some(reencoded) = reencoded else { return put::<M>(out, packet) };
    let fits = fits::<M>(out, reencoded.len())?;
    if fits {
        reencoded.put(0, out);
    }
    Ok(fits)
}

impl<M: Memory> SessionState<M> {
    /// Appends the packet of a flow that was made for another version; `false` when it has to wait
    /// for an empty buffer.
    pub(super) fn put_reencoded(
        &self,
        flow: &Flow<M>,
        out: &mut impl Output<M::Body>,
    ) -> Result<bool, BufferTooSmall> {
        let Some(reencoded) = self.reencoded(flow) else { return Ok(true) };
        let fits = fits::<M>(out, reencoded.len())?;
        if fits {
            let carried = matches!(flow.kind, FlowKind::Publish { carried: true, .. });
            reencoded.put(if carried { DUP } else { 0 }, out);
            if let Some(body) = flow.image.as_ref().and_then(|image| image.body.as_ref()) {
                out.lend(body);
            }
        }
        Ok(fits)
    }

    /// Bytes of the packet of a flow as this connection says it, or why it cannot be said.
    pub(super) fn said_len(&self, index: u32) -> Result<usize, EncodeError> {
        let flow = self.flows.get(index);
        let Some((flow, image)) = flow.and_then(|flow| Some((flow, flow.image.as_ref()?))) else {
            return Ok(0);
        };
        if !differ(image.version, self.version()) {
            return Ok(image.len(&self.arena));
        }
        check(self.arena.bytes(&image.head), image.version, self.version(), self.identifiers)?;
        let reencoded = self.reencoded(flow);
        let too_long =
            |packet: &Reencoded<'_>| packet.remaining_length > MAX_REMAINING_LENGTH as usize;
        if reencoded.as_ref().is_some_and(too_long) {
            return Err(EncodeError::PacketTooLarge);
        }
        Ok(reencoded.map_or(0, |packet| packet.len()))
    }

    fn reencoded<'a>(&'a self, flow: &'a Flow<M>) -> Option<Reencoded<'a>> {
        let image = flow.image.as_ref()?;
        let body = image.body.as_ref().map_or(0, |body| body.as_ref().len());
        Reencoded::new(self.arena.bytes(&image.head), body, self.version())
    }
}
