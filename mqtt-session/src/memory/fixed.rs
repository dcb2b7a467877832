//! Memory of four numbers, without an allocator.

use heapless::{Deque, Vec};

use super::{Arena, Full, List, Memory, Queue, Storage, Topics};
use crate::record::RecordRef;
use crate::session::{Filter, Flow, Held, Lane, Shelf};
use crate::table::Slot;

/// Memory that never grows.
///
/// `FLOWS` operations can be unfinished (publishes of any QoS that are not yet transmitted or
/// acknowledged, SUBSCRIBEs, UNSUBSCRIBEs), `HELD` inbound QoS 1/2 messages unfinished, `FILTERS`
/// subscriptions made, and packets on their way out take `BYTES` together, with 4 bytes more each;
/// the last CONNECT is one of them, for which a quarter is kept before the first. The broker is told
/// `HELD`; one of 3.1.1 cannot be, and is not read while so many messages wait for their
/// acknowledgement. At QoS 2 only the broker can free their places: a connection on which it sends
/// more without doing so ends, and it goes on with the next.
/// [`Inbound`](crate::Inbound) has `BYTES` of its own: the largest packet that can be received. There
/// is no room for topic aliases: none are announced, and none used.
#[derive(Debug)]
pub struct Fixed<const FLOWS: usize, const HELD: usize, const FILTERS: usize, const BYTES: usize>;

#[allow(private_interfaces, reason = "the parts are for the two memories only")]
impl<const FLOWS: usize, const HELD: usize, const FILTERS: usize, const BYTES: usize> Memory
    for Fixed<FLOWS, HELD, FILTERS, BYTES>
{
    type Body = &'static [u8];
    const KEEP_FROM: usize = 0;
    type Flows = Vec<Slot<Flow<Self>, Lane>, FLOWS>;
    type FlowKeys = Vec<u32, FLOWS>;
    type Held = Vec<Slot<Held, Shelf>, HELD>;
    type HeldKeys = Vec<u32, HELD>;
    type Filters = Vec<Filter<Self>, FILTERS>;
    type ClientId = Vec<u8, ASSIGNED_ID>;
    type Records = Deque<RecordRef, RECORDS>;
    type Spent = Nothing;
    type Arena = Blocks<BYTES>;
    type Input = Bytes<BYTES>;
    type Topics = NoTopics;
}

impl<T, const N: usize> List<T> for Vec<T, N> {
    const LIMIT: Option<usize> = Some(N);

    fn push(&mut self, value: T) -> Result<(), Full> {
        Vec::push(self, value).map_err(|_| Full)
    }

    fn remove(&mut self, index: usize) -> T {
        Vec::remove(self, index)
    }
}

impl<T, const N: usize> Queue<T> for Deque<T, N> {
    fn push_back(&mut self, value: T) -> Result<(), Full> {
        Deque::push_back(self, value).map_err(|_| Full)
    }

    fn pop_front(&mut self) -> Option<T> {
        Deque::pop_front(self)
    }

    fn len(&self) -> usize {
        Deque::len(self)
    }

    fn room(&self) -> usize {
        N.saturating_sub(self.len())
    }
}

/// What was lent for ever need not be handed back.
#[derive(Debug, Default)]
pub struct Nothing;

impl<T> Queue<T> for Nothing {
    fn push_back(&mut self, _: T) -> Result<(), Full> {
        Err(Full)
    }

    fn pop_front(&mut self) -> Option<T> {
        None
    }

    fn len(&self) -> usize {
        0
    }

    fn room(&self) -> usize {
        0
    }
}

/// Records that can wait to be polled: a few packets make no more, and polling makes room.
const RECORDS: usize = 8;

/// The longest ClientID of the broker's that is kept, in bytes; after a longer one the next
/// connection asks for a new one.
const ASSIGNED_ID: usize = 128;

/// Bytes given out first fit; free neighbours become one again.
///
/// ```text
/// [ header | bytes … ][ header | bytes … ][ header | bytes … ]
///   header: length and whether it is taken, 4 bytes
/// ```
#[derive(Debug)]
pub struct Blocks<const BYTES: usize> {
    bytes: [u8; BYTES],
}

/// Where a block's bytes are.
#[derive(Debug)]
pub struct Span {
    start: usize,
    len: usize,
}

const HEADER: usize = 4;
const TAKEN: u32 = 1 << 31;

impl<const BYTES: usize> Default for Blocks<BYTES> {
    fn default() -> Self {
        let mut blocks = Blocks { bytes: [0; BYTES] };
        blocks.set_header(0, Self::LIMIT, false);
        blocks
    }
}

impl<const BYTES: usize> Blocks<BYTES> {
    /// Length of the block whose header is at `at`, and whether it is taken.
    fn header(&self, at: usize) -> Option<(usize, bool)> {
        let (header, _) = self.bytes.get(at..)?.split_first_chunk::<HEADER>()?;
        let header = u32::from_le_bytes(*header);
        Some(((header & !TAKEN) as usize, header & TAKEN != 0))
    }

    fn set_header(&mut self, at: usize, len: usize, taken: bool) {
        let len = u32::try_from(len).unwrap_or(0);
        let header = if taken { len | TAKEN } else { len };
        if let Some(place) = self.bytes.get_mut(at..at.saturating_add(HEADER)) {
            place.copy_from_slice(&header.to_le_bytes());
        }
    }

    /// Makes one block of the free block at `at` and all free ones behind it.
    fn join_free(&mut self, at: usize, len: usize) -> usize {
        let mut joined = len;
        while let Some((next, false)) = self.header(at + HEADER + joined) {
            joined += HEADER + next;
        }
        if joined != len {
            self.set_header(at, joined, false);
        }
        joined
    }
}

impl<const BYTES: usize> Arena for Blocks<BYTES> {
    type Block = Span;

    fn take(&mut self, len: usize) -> Result<Span, Full> {
        let mut at = 0;
        while let Some((have, taken)) = self.header(at) {
            let have = if taken { have } else { self.join_free(at, have) };
            if !taken && have >= len {
                // A rest too short for a header and a byte stays with the block.
                let rest = have - len;
                let own = if rest > HEADER { len } else { have };
                self.set_header(at, own, true);
                if own < have {
                    self.set_header(at + HEADER + own, rest - HEADER, false);
                }
                return Ok(Span { start: at + HEADER, len });
            }
            at += HEADER + have;
        }
        Err(Full)
    }

    fn copy(&mut self, block: &Span, at: usize, len: usize) -> Result<Span, Full> {
        let copy = self.take(len)?;
        if at + len <= block.len {
            let from = block.start + at;
            self.bytes.copy_within(from..from + len, copy.start);
        }
        Ok(copy)
    }

    fn bytes<'a>(&'a self, block: &'a Span) -> &'a [u8] {
        self.bytes.get(block.start..block.start + block.len).unwrap_or_default()
    }

    fn bytes_mut<'a>(&'a mut self, block: &'a mut Span) -> &'a mut [u8] {
        self.bytes.get_mut(block.start..block.start + block.len).unwrap_or_default()
    }

    fn append(&mut self, _: &mut Span, _: usize, _: impl FnOnce(&mut [u8]) -> bool) -> bool {
        // What follows the block may be taken.
        false
    }

    fn give_back(&mut self, block: Span) {
        let at = block.start - HEADER;
        if let Some((len, _)) = self.header(at) {
            self.set_header(at, len, false);
        }
    }

    const LIMIT: usize = BYTES.saturating_sub(HEADER);
}

/// The receive buffer.
#[derive(Debug)]
pub struct Bytes<const BYTES: usize>([u8; BYTES]);

impl<const BYTES: usize> Default for Bytes<BYTES> {
    fn default() -> Self {
        Bytes([0; BYTES])
    }
}

impl<const BYTES: usize> AsRef<[u8]> for Bytes<BYTES> {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl<const BYTES: usize> AsMut<[u8]> for Bytes<BYTES> {
    fn as_mut(&mut self) -> &mut [u8] {
        &mut self.0
    }
}

impl<const BYTES: usize> Storage for Bytes<BYTES> {
    fn resize(&mut self, _len: usize) {}

    const LIMIT: usize = BYTES;
}

/// No topics: what none stands for takes no memory.
#[derive(Debug, Default)]
pub struct NoTopics;

impl Topics for NoTopics {
    const LIMIT: u16 = 0;

    fn get(&self, _: u16) -> Option<&str> {
        None
    }

    fn set(&mut self, _: u16, _: &str) {}
}

#[cfg(test)]
mod tests;
