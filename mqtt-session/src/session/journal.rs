//! Which records were made, and which of them are durable.

use crate::memory::{Full, Queue};
use crate::record::RecordRef;
use crate::Memory;

/// Records on their way to the store.
#[derive(Debug)]
pub(crate) struct Journal<M: Memory> {
    on: bool,
    waiting: M::Records,
    /// The number of the last record made.
    made: u64,
    /// The number of the last record polled.
    polled: u64,
    /// The number of the last record that is durable.
    stored: u64,
}

impl<M: Memory> Journal<M> {
    pub(crate) fn new(on: bool) -> Journal<M> {
        Journal { on, waiting: M::Records::default(), made: 0, polled: 0, stored: 0 }
    }

    pub(crate) fn is_on(&self) -> bool {
        self.on
    }

    /// Whether `n` more records can be made.
    pub(crate) fn has_room(&self, n: usize) -> bool {
        !self.on || self.waiting.room() >= n
    }

    /// Makes a record and returns its number; without a store 0, which counts as stored. The
    /// caller saw `has_room`.
    pub(crate) fn push(&mut self, record: RecordRef) -> Result<u64, Full> {
        if self.on {
            self.waiting.push_back(record)?;
            self.made += 1;
            return Ok(self.made);
        }
        Ok(0)
    }

    /// The next record and its number.
    pub(crate) fn pop(&mut self) -> Option<(u64, RecordRef)> {
        let record = self.waiting.pop_front()?;
        self.polled += 1;
        Some((self.polled, record))
    }

    pub(crate) fn is_stored(&self, seq: u64) -> bool {
        seq <= self.stored
    }

    /// Whether this record was handed to the store.
    pub(crate) fn is_polled(&self, seq: u64) -> bool {
        seq <= self.polled
    }

    pub(crate) fn handle_stored(&mut self, up_to: u64) {
        self.stored = self.stored.max(up_to.min(self.polled));
    }
}
