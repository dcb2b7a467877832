//! The bytes a broker sent, and what events borrow.

use core::fmt;

use crate::memory::Storage;
use crate::{Memory, Time};

/// The receive buffer starts this long and grows to `STEADY` while reads fill it.
const FIRST: usize = 4 << 10;
pub(crate) const STEADY: usize = 16 << 10;

/// Bytes of the longest fixed header.
pub(crate) const LONGEST_HEADER: usize = 5;

/// What was received on one connection and not yet used up.
///
/// [`Session::open`](crate::Session::open) makes it; the reader of the socket owns it, so bytes
/// can be read while the session is locked by somebody else. Events borrow from it.
///
/// ```text
///   buffer  [ used up | packets, the last one in part | space ]
///                     start                           end
/// ```
/// The broker's topic aliases belong to the connection, too, and are kept here.
pub struct Inbound<M: Memory> {
    buffer: M::Input,
    start: usize,
    end: usize,
    received_at: Time,
    /// Signs of life in all: bytes received, and arrivals that gave none.
    received: u64,
    /// Bytes of the packet that has come in part, or the longest fixed header if not even that is
    /// whole; 0 while there may be whole packets.
    wanted: usize,
    /// The last read filled all the space it was given.
    filled_up: bool,
    topics: M::Topics,
}

/// What polling an event works on; events borrow from it.
pub(crate) struct Parts<'i, M: Memory> {
    /// The bytes not used up.
    pub(crate) bytes: &'i [u8],
    /// The count to add used bytes to.
    pub(crate) used: &'i mut usize,
    /// The length of the packet that has come in part.
    pub(crate) wanted: &'i mut usize,
    /// What the broker's topic aliases stand for.
    pub(crate) topics: &'i mut M::Topics,
}

impl<M: Memory> Default for Inbound<M> {
    /// One without bytes: for polling events while no connection is open.
    fn default() -> Inbound<M> {
        Inbound {
            buffer: M::Input::default(),
            start: 0,
            end: 0,
            received_at: Time::ZERO,
            received: 0,
            wanted: 0,
            filled_up: false,
            topics: M::Topics::default(),
        }
    }
}

impl<M: Memory> fmt::Debug for Inbound<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inbound").field("len", &self.len()).finish_non_exhaustive()
    }
}

impl<M: Memory> Inbound<M> {
    /// Takes bytes that were read from the transport; returns how many there was room for, which
    /// is all of them unless the memory is fixed.
    pub fn handle_input(&mut self, now: Time, bytes: &[u8]) -> usize {
        self.make_room(bytes.len());
        let space = self.space();
        let n = bytes.len().min(space.len());
        let (Some(to), Some(from)) = (space.get_mut(..n), bytes.get(..n)) else { return 0 };
        to.copy_from_slice(from);
        self.handle_received(now, n);
        n
    }

    /// Makes room for bytes that are there already, so growing for them costs no more than they do.
    fn make_room(&mut self, n: usize) {
        let len = self.buffer.as_ref().len();
        if n <= len - self.end {
            return;
        }
        self.move_to_front();
        let needed = self.end.saturating_add(n);
        if needed > len {
            self.buffer.resize(needed.max(len.saturating_mul(2)).max(FIRST));
        }
    }

    fn move_to_front(&mut self) {
        self.buffer.as_mut().copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
    }

    /// Where to read into; then report how much it was with `handle_received`.
    ///
    /// Empty when the buffer is full of packets: drain `poll_event` first.
    pub fn space(&mut self) -> &mut [u8] {
        if self.start == self.end {
            self.start = 0;
            self.end = 0;
            self.shrink();
        }
        let len = self.buffer.as_ref().len();
        if len < FIRST || (self.filled_up && len < STEADY) {
            self.filled_up = false;
            self.buffer.resize((len * 2).clamp(FIRST, STEADY));
        }
        if self.end == self.buffer.as_ref().len() {
            self.make_space();
        }
        self.buffer.as_mut().get_mut(self.end..).unwrap_or_default()
    }

    /// The buffer is used to its end. What is left of it once all whole packets are used up is
    /// moved to the front; under a packet longer than the buffer it grows, to at most twice its
    /// length, so that only bytes that arrived make it grow.
    fn make_space(&mut self) {
        let len = self.buffer.as_ref().len();
        if self.wanted == 0 {
            return;
        }
        if self.start > 0 {
            self.move_to_front();
        } else if self.wanted > len {
            self.buffer.resize(self.wanted.min(len.saturating_mul(2)));
        }
    }

    /// A buffer that grew under a long packet goes back to its usual size once it is empty.
    fn shrink(&mut self) {
        if self.buffer.as_ref().len() > STEADY {
            self.buffer.resize(STEADY);
        }
    }

    /// `n` bytes were read into `space`.
    pub fn handle_received(&mut self, now: Time, n: usize) {
        let space = self.buffer.as_ref().len() - self.end;
        self.filled_up = n > 0 && n >= space;
        self.end += n.min(space);
        self.wanted = 0;
        if n > 0 {
            self.received_at = self.received_at.max(now);
            self.received += n as u64;
        }
    }

    /// Something arrived that gives no bytes yet, such as part of a TLS record. It counts as life.
    pub fn handle_sign_of_life(&mut self, now: Time) {
        self.received_at = self.received_at.max(now);
        self.received += 1;
    }

    /// Bytes received and not yet used up.
    pub fn len(&self) -> usize {
        self.end - self.start
    }

    /// Whether all bytes received were used up.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Memory the buffer takes, in bytes.
    pub fn capacity(&self) -> usize {
        self.buffer.as_ref().len()
    }

    /// How many signs of life there were in all, and when the last was.
    pub(crate) fn received(&self) -> (u64, Time) {
        (self.received, self.received_at)
    }

    pub(crate) fn parts(&mut self) -> Parts<'_, M> {
        Parts {
            bytes: self.buffer.as_ref().get(self.start..self.end).unwrap_or_default(),
            used: &mut self.start,
            wanted: &mut self.wanted,
            topics: &mut self.topics,
        }
    }
}

/// Large payloads.
#[cfg(feature = "alloc")]
impl<B: AsRef<[u8]>> Inbound<crate::Heap<B>> {
    /// Payloads of so many bytes and more are worth taking.
    pub const LARGE: usize = 64 << 10;

    /// Takes the payload of the message polled last, which has `len` bytes: it is the end of what
    /// this gives. Call it before anything else is polled or read.
    ///
    /// A payload of [`LARGE`](Self::LARGE) bytes or more was read into a buffer grown for it, which is
    /// handed over; it is copied where something else was received behind it, or takes most of
    /// the buffer.
    pub fn take_payload(&mut self, len: usize) -> alloc::vec::Vec<u8> {
        let is_alone = self.is_empty() && self.start <= len.saturating_mul(2);
        if len < Self::LARGE || !is_alone {
            let used = self.buffer.get(..self.start).unwrap_or_default();
            return used.get(used.len().saturating_sub(len)..).unwrap_or_default().to_vec();
        }
        let mut taken = core::mem::take(&mut self.buffer);
        taken.truncate(self.start);
        self.start = 0;
        self.end = 0;
        Storage::resize(&mut self.buffer, STEADY);
        taken
    }
}

#[cfg(all(test, feature = "alloc"))]
mod tests;
