//! One direction of a connection: the order, size and time of its pieces.

use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::ops::RangeInclusive;
use std::time::Duration;

use mqtt_session::Time;

use crate::random::Random;

/// In what pieces bytes arrive. Those that were sent in two calls never arrive in one piece.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Chunking {
    /// In those they were sent in.
    #[default]
    AsSent,
    /// In pieces of so many bytes, the last one shorter.
    Exactly(NonZeroUsize),
    /// In pieces of random lengths, from one byte to so many.
    UpTo(NonZeroUsize),
}

impl Chunking {
    /// One byte at a time.
    pub const BYTES: Chunking = Chunking::Exactly(NonZeroUsize::MIN);

    /// The length of the first piece of `len` bytes.
    fn first(self, len: usize, random: &mut Random) -> usize {
        match self {
            Chunking::AsSent => len,
            Chunking::Exactly(each) => len.min(each.get()),
            Chunking::UpTo(most) => len.min(random.up_to(most)),
        }
    }
}

/// Bytes on their way in one direction, in order.
///
/// ```text
///   pieces    | at 10 ms: 3 |   at 12 ms: 5     | at 12 ms: 1 |
///   bytes     | a    b    c | d   e   f   g   h | i           |
///               arrives first
/// ```
#[derive(Clone, Debug)]
pub(crate) struct Lane {
    random: Random,
    bytes: VecDeque<u8>,
    pieces: VecDeque<Piece>,
    /// When the newest piece arrives: none overtakes another.
    newest: Time,
}

#[derive(Clone, Copy, Debug)]
struct Piece {
    at: Time,
    len: usize,
}

impl Lane {
    pub(crate) fn new(random: Random) -> Lane {
        let (bytes, pieces) = (VecDeque::new(), VecDeque::new());
        Lane { random, bytes, pieces, newest: Time::ZERO }
    }

    /// Bytes on their way.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// When the next piece arrives.
    pub(crate) fn next_arrival(&self) -> Option<Time> {
        self.pieces.front().map(|piece| piece.at)
    }

    /// When something sent now arrives: after all that was sent before it.
    pub(crate) fn arrival(&mut self, now: Time, delay: &RangeInclusive<Duration>) -> Time {
        self.newest = self.newest.max(now.after(self.random.within(delay)));
        self.newest
    }

    /// Sends bytes; each piece is delayed by itself.
    pub(crate) fn send(
        &mut self,
        now: Time,
        bytes: &[u8],
        chunking: Chunking,
        delay: &RangeInclusive<Duration>,
    ) {
        self.bytes.extend(bytes);
        let mut left = bytes.len();
        while left > 0 {
            let len = chunking.first(left, &mut self.random);
            let at = self.arrival(now, delay);
            self.pieces.push_back(Piece { at, len });
            left -= len;
        }
    }

    /// Appends the next piece that has arrived, or its first `most` bytes, and says how many.
    pub(crate) fn receive(&mut self, now: Time, most: usize, out: &mut Vec<u8>) -> usize {
        let Some(piece) = self.pieces.front_mut().filter(|piece| piece.at <= now) else {
            return 0;
        };
        let len = piece.len.min(most);
        piece.len -= len;
        if piece.len == 0 {
            self.pieces.pop_front();
        }
        let (front, back) = self.bytes.as_slices();
        let in_front = len.min(front.len());
        out.extend_from_slice(front.get(..in_front).unwrap_or_default());
        out.extend_from_slice(back.get(..len - in_front).unwrap_or_default());
        self.bytes.drain(..len);
        len
    }

    /// Loses what is on its way.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.pieces.clear();
    }
}
