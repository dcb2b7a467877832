//! What waits to be written.

use std::collections::VecDeque;
use std::io::IoSlice;

use bytes::Bytes;
use mqtt_session::{Heap, Output, Session, Time};

/// Packets in the order they are written: bytes of its own, and large payloads where they lie.
///
/// ```text
///   own    │ written │ head 1 │ head 2 │ small packets … │
///                             ▲        ▲
///   lent                   body 1   body 2
/// ```
#[derive(Debug, Default)]
pub(crate) struct OutBuffer {
    own: Vec<u8>,
    /// How much of `own` is written.
    written: usize,
    lent: VecDeque<Lent>,
    /// Bytes that are not written.
    len: usize,
}

/// A payload that is written between two bytes of the buffer.
#[derive(Debug)]
struct Lent {
    /// The end of the bytes before it.
    at: usize,
    body: Bytes,
    /// How much of it is written.
    written: usize,
}

impl OutBuffer {
    /// Takes the packets that may leave now.
    pub(crate) fn collect(&mut self, now: Time, session: &mut Session<Heap<Bytes>>) {
        let taken = session.poll_transmit(now, self);
        debug_assert!(taken.is_ok(), "the buffer grows under a packet of any size");
    }

    /// Whether all is written.
    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes that are not written.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Fills `slices` from the start with what to write next; returns how many were filled.
    pub(crate) fn fill<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let mut from = self.written;
        let mut filled = 0;
        let mut push = |bytes: &'a [u8]| match slices.get_mut(filled) {
            Some(slice) if !bytes.is_empty() => {
                *slice = IoSlice::new(bytes);
                filled += 1;
            }
            Some(_) | None => {}
        };
        for lent in &self.lent {
            push(self.own.get(from..lent.at).unwrap_or_default());
            push(lent.body.get(lent.written..).unwrap_or_default());
            from = lent.at;
        }
        push(self.own.get(from..).unwrap_or_default());
        filled
    }

    /// `n` bytes were written.
    pub(crate) fn advance(&mut self, n: usize) {
        let mut left = n.min(self.len);
        self.len -= left;
        while let Some(lent) = self.lent.front_mut() {
            let own = left.min(lent.at - self.written);
            self.written += own;
            left -= own;
            let body = left.min(lent.body.len() - lent.written);
            lent.written += body;
            left -= body;
            if lent.written < lent.body.len() || self.written < lent.at {
                return;
            }
            self.lent.pop_front();
        }
        self.written += left;
        if self.len == 0 {
            self.restart();
        }
    }

    fn restart(&mut self) {
        self.own.clear();
        self.own.shrink_to(KEPT);
        self.written = 0;
    }
}

impl Output<Bytes> for OutBuffer {
    /// Grows under a packet of any size, but takes no more packets once it is well filled: the
    /// rest waits in the session, where limits apply and QoS 0 can still fail.
    fn room(&self) -> usize {
        if self.len == 0 { usize::MAX } else { ENOUGH.saturating_sub(self.len) }
    }

    fn is_empty(&self) -> bool {
        self.len == 0
    }

    fn put(&mut self, bytes: &[u8]) {
        self.own.extend_from_slice(bytes);
        self.len += bytes.len();
    }

    fn lend(&mut self, body: &Bytes) {
        self.len += body.len();
        self.lent.push_back(Lent { at: self.own.len(), body: body.clone(), written: 0 });
    }
}

/// Bytes that are enough for one write.
const ENOUGH: usize = 128 << 10;
/// Memory kept when nothing waits.
const KEPT: usize = 2 * ENOUGH;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Writes up to `n` bytes of what `fill` shows, as a socket does.
    fn write(buffer: &mut OutBuffer, n: usize, slices: usize, socket: &mut Vec<u8>) {
        let mut list = vec![IoSlice::new(&[]); slices];
        let filled = buffer.fill(&mut list);
        let shown: Vec<u8> = list[..filled].iter().flat_map(|slice| slice.to_vec()).collect();
        assert!(!shown.is_empty() && list[..filled].iter().all(|slice| !slice.is_empty()));
        let taken = n.min(shown.len());
        socket.extend_from_slice(&shown[..taken]);
        buffer.advance(taken);
    }

    #[test]
    fn a_full_buffer_takes_no_more_packets() {
        let mut buffer = OutBuffer::default();
        assert_eq!(Output::<Bytes>::room(&buffer), usize::MAX);
        buffer.put(&[0; 10]);
        assert_eq!(buffer.room(), ENOUGH - 10);
        buffer.lend(&Bytes::from(vec![0; ENOUGH]));
        assert_eq!(buffer.room(), 0);
        buffer.advance(ENOUGH + 10);
        assert!(buffer.is_empty() && buffer.room() == usize::MAX);
    }

    #[test]
    fn a_buffer_that_grew_shrinks_again() {
        let mut buffer = OutBuffer::default();
        buffer.put(&vec![0; 10 * KEPT]);
        buffer.advance(10 * KEPT);
        assert!(buffer.own.capacity() <= KEPT);
    }

    proptest! {
        /// Whatever is put or lent comes out once, in order, however the socket takes it.
        #[test]
        fn bytes_come_out_in_order(
            parts in prop::collection::vec((any::<bool>(), 0usize..20), 0..12),
            takes in prop::collection::vec((1usize..40, 1usize..5), 1..8),
        ) {
            let mut buffer = OutBuffer::default();
            let (mut expected, mut socket) = (Vec::new(), Vec::new());
            let mut takes = takes.iter().cycle();
            for (index, (lend, len)) in parts.iter().enumerate() {
                let bytes = vec![index as u8; *len];
                expected.extend_from_slice(&bytes);
                if *lend { buffer.lend(&bytes.into()) } else { buffer.put(&bytes) }
                if index % 3 == 2 && !buffer.is_empty() {
                    let (n, slices) = takes.next().unwrap();
                    write(&mut buffer, *n, *slices, &mut socket);
                }
            }
            while !buffer.is_empty() {
                let (n, slices) = takes.next().unwrap();
                write(&mut buffer, *n, *slices, &mut socket);
            }
            prop_assert_eq!(socket, expected);
        }
    }
}
