//! Putting packets into the owner's buffer.

use mqtt_proto::{Encode, FixedHeader, Version};

use super::aliases::{Aliased, Aliases};
use super::flow::{Flow, FlowKind, Image};
use super::link::outbound_dialect;
use crate::memory::Arena;
use crate::{BufferTooSmall, Memory, Output, Time};

/// The longest acknowledgement without properties, or PINGREQ.
const SHORT: usize = 8;

/// The shortest acknowledgement; a reason code takes one byte more.
pub(super) const SHORTEST_ACK: usize = 4;

/// Bits of the first byte of a PUBLISH.
pub(super) const DUP: u8 = 0b1000;

/// Appends a packet; `false` when it has to wait for an empty buffer.
pub(super) fn put<M: Memory>(
    out: &mut impl Output<M::Body>,
    packet: &[u8],
) -> Result<bool, BufferTooSmall> {
    let fits = fits::<M>(out, packet.len())?;
    if fits {
        out.put(packet);
    }
    Ok(fits)
}

pub(super) fn fits<M: Memory>(
    out: &impl Output<M::Body>,
    len: usize,
) -> Result<bool, BufferTooSmall> {
    if len <= out.room() {
        Ok(true)
    } else if out.is_empty() {
        Err(BufferTooSmall { needed: len })
    } else {
        Ok(false)
    }
}

/// Appends as many of several packets as there is room for; gives how many bytes that is.
pub(super) fn put_burst<M: Memory>(
    out: &mut impl Output<M::Body>,
    version: Version,
    packets: &[u8],
) -> Result<usize, BufferTooSmall> {
    let mut len = packets.len();
    if len > out.room() {
        len = 0;
        while let Some(packet) = first_packet_len(packets.get(len..), version) {
            if len + packet > out.room() {
                break;
            }
            len += packet;
        }
    }
    if len == 0 {
        let packet = first_packet_len(Some(packets), version);
        fits::<M>(out, packet.unwrap_or_default())?;
    }
    out.put(packets.get(..len).unwrap_or_default());
    Ok(len)
}

/// As `put_burst`, with aliases put in.
pub(super) fn put_aliased_burst<M: Memory>(
    out: &mut impl Output<M::Body>,
    version: Version,
    packets: &[u8],
    aliases: &mut Aliases<M>,
) -> Result<usize, BufferTooSmall> {
    let mut done = 0;
    while let Some(len) = first_packet_len(packets.get(done..), version) {
        let packet = packets.get(done..done + len).unwrap_or_default();
        let aliased = aliases.apply(packet);
        if !fits::<M>(out, aliased.as_ref().map_or(len, Aliased::len))? {
            break;
        }
        match aliased {
            Some(aliased) => {
                aliased.put_start(out);
                out.put(aliased.rest);
                aliases.handle_transmitted(&aliased);
            }
            None => out.put(packet),
        }
        done += len;
    }
    Ok(done)
}

/// How many packets there are.
pub(super) fn packets(mut bytes: &[u8], version: Version) -> u64 {
    let mut count = 0;
    while let Some(len) = first_packet_len(Some(bytes), version) {
        bytes = bytes.get(len..).unwrap_or_default();
        count += 1;
    }
    count
}

pub(super) fn first_packet_len(packets: Option<&[u8]>, version: Version) -> Option<usize> {
    let header = FixedHeader::decode(packets?, outbound_dialect(version)).ok()??;
    Some(header.packet_len())
}

/// Appends a packet of at most `SHORT` bytes.
pub(super) fn put_short<M: Memory>(
    out: &mut impl Output<M::Body>,
    version: Version,
    packet: &impl Encode,
) -> Result<bool, BufferTooSmall> {
    let dialect = outbound_dialect(version);
    let mut bytes = [0; SHORT];
    let written = packet.measure(dialect).and_then(|measure| {
        packet.write(dialect, &measure, &mut bytes)?;
        Ok(measure.len)
    });
    match written {
        Ok(len) => put::<M>(out, bytes.get(..len).unwrap_or_default()),
        // A code the version cannot say was replaced before; there is nothing to send.
        Err(_) => Ok(true),
    }
}

/// Appends a packet as it is now: with its topic alias, DUP if a connection may have carried it, what
/// is left of its Message Expiry Interval.
pub(super) fn put_image<M: Memory>(
    out: &mut impl Output<M::Body>,
    arena: &M::Arena,
    flow: &Flow<M>,
    image: &Image<M>,
    aliased: Option<&Aliased<'_>>,
    now: Time,
) {
    let mut rest = arena.bytes(&image.head);
    if let Some(aliased) = aliased {
        aliased.put_start(out);
        rest = aliased.rest;
    } else if let FlowKind::Publish { carried: true, .. } = flow.kind
        && let Some((first, after)) = rest.split_first()
    {
        out.put(&[first | DUP]);
        rest = after;
    }
    if let Some(expiry) = flow.expiry {
        let done = arena.bytes(&image.head).len() - rest.len();
        let split = rest.split_at_checked(expiry.place.saturating_sub(done));
        if let Some((before, interval_and_after)) = split {
            out.put(before);
            // Rounded up, so that a message that is not expired never says so.
            let left = expiry.at.since(now).as_micros().div_ceil(1_000_000);
            out.put(&u32::try_from(left).unwrap_or(u32::MAX).to_be_bytes());
            rest = interval_and_after.get(4..).unwrap_or_default();
        }
    }
    out.put(rest);
    if let Some(body) = &image.body {
        out.lend(body);
    }
}

/// A Variable Byte Integer, and how many of the bytes it takes (section 1.5.5).
pub(super) fn integer(value: usize) -> ([u8; 4], usize) {
    let mut bytes = [0; 4];
    let (mut left, mut len) = (value, 0);
    for byte in &mut bytes {
        let [low, ..] = left.to_le_bytes();
        left >>= 7;
        len += 1;
        *byte = low & 0x7F;
        if left == 0 {
            break;
        }
        *byte |= 0x80;
    }
    (bytes, len)
}
