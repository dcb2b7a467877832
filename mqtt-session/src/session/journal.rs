//! Which records were made, and which of them are durable.

use crate::Memory;
use crate::memory::{Full, Queue};
use crate::record::RecordRef;

/// Records on their way to the store.
///
/// ```text
///   1 … stored … polled … made
///       durable  |        waiting, as many as the memory has room for
///                with the store
/// ```
/// Without room no record is lost: what makes one looks first ([`has_room`](Journal::has_room)) or
/// takes [`Full`] for "not yet".
#[derive(Debug)]
pub(crate) struct Journal<M: Memory> {
    on: bool,
    waiting: M::Records,
    /// The number of the last record polled.
    polled: u64,
    /// The number of the last record polled that is not a message.
    polled_vital: u64,
    /// The number of the last record that is durable.
    stored: u64,
    /// A record that is not a message could not be stored.
    failed: bool,
}

/// Records that one inbound packet can make: three deletes, of a QoS 2 publish that is done. What
/// can make more notes it with the things themselves (`SessionState::settle`).
pub(crate) const RECORDS_PER_PACKET: usize = 3;

impl<M: Memory> Journal<M> {
    pub(crate) fn new(on: bool) -> Journal<M> {
        Journal {
            on,
            waiting: M::Records::default(),
            polled: 0,
            polled_vital: 0,
            stored: 0,
            failed: false,
        }
    }

    /// Whether records are made; then a message is numbered by its record.
    pub(crate) fn is_on(&self) -> bool {
        self.on
    }

    /// Whether the store failed for good: records are neither made nor waited for in vain.
    pub(crate) fn has_failed(&self) -> bool {
        self.failed
    }

    /// Counts on from a number that a restored record has.
    pub(crate) fn count_from(&mut self, number: u64) {
        self.polled = self.polled.max(number);
        self.stored = self.stored.max(number);
    }

    /// Whether `n` more records can be made.
    pub(crate) fn has_room(&self, n: usize) -> bool {
        !self.on || self.failed || self.waiting.room() >= n
    }

    /// Makes a record and returns its number; without a store 0, which counts as stored. After the
    /// store failed the number is one that never does.
    pub(crate) fn push(&mut self, record: RecordRef) -> Result<u64, Full> {
        if !self.on {
            return Ok(0);
        }
        if self.failed {
            return Ok(u64::MAX);
        }
        self.waiting.push_back(record)?;
        Ok(self.made())
    }

    /// The number of the last record made.
    pub(crate) fn made(&self) -> u64 {
        self.polled + self.waiting.len() as u64
    }

    /// The next record and its number.
    pub(crate) fn pop(&mut self) -> Option<(u64, RecordRef)> {
        let record = self.waiting.pop_front()?;
        self.polled += 1;
        match record {
            RecordRef::Message { .. } => {}
            RecordRef::Session
            | RecordRef::Filter { .. }
            | RecordRef::Sent { .. }
            | RecordRef::Released { .. }
            | RecordRef::Received { .. }
            | RecordRef::Delete { .. } => self.polled_vital = self.polled,
        }
        Some((self.polled, record))
    }

    pub(crate) fn is_stored(&self, number: u64) -> bool {
        number <= self.stored
    }

    pub(crate) fn handle_stored(&mut self, up_to: u64) {
        self.stored = self.stored.max(up_to.min(self.polled));
    }

    /// Nothing that was polled is durable from `at` on. Messages can fail for themselves; without
    /// any other record the session cannot go on.
    pub(crate) fn handle_failed(&mut self, at: u64) {
        if self.polled_vital >= at.max(self.stored + 1) {
            self.failed = true;
            while self.waiting.pop_front().is_some() {}
        }
    }

    /// Whether this record is among those that failed from `at` on.
    pub(crate) fn is_lost(&self, at: u64, number: u64) -> bool {
        let tried = number >= at && number <= self.polled;
        !self.is_stored(number) && (tried || self.failed)
    }
}

#[cfg(all(test, feature = "alloc"))]
mod tests;
