//! A store that stops taking records, as one does whose program ends.

use std::collections::{BTreeMap, BTreeSet};

use mqtt_session::{Memory, RecordKey, Session};

use crate::application::payload;

/// The first byte of the key of a subscription.
const FILTER: u8 = 1;

/// Likewise of an inbound QoS 2 message that the application acknowledged.
const RECEIVED: u8 = 5;

/// The records in their order, up to a crash.
#[derive(Debug, Default)]
pub(crate) struct Store {
    log: Vec<(RecordKey, Option<Vec<u8>>)>,
    /// The number of the last of them, if that was not reported.
    unreported: Option<u64>,
    /// How many records are there after the crash; `None` for all.
    kept: Option<usize>,
    /// A record came that is not there after the crash.
    pub(crate) has_lost: bool,
}

impl Store {
    pub(crate) fn new(kept: Option<usize>) -> Store {
        Store { kept, ..Store::default() }
    }

    /// Takes the records there are.
    pub(crate) fn take<M: Memory>(&mut self, session: &mut Session<M>) -> bool {
        let mut any = false;
        while let Some(record) = session.poll_store() {
            any = true;
            if self.is_full() {
                self.has_lost = true;
                continue;
            }
            self.log.push((record.key, record.value.map(|parts| parts.concat())));
            self.unreported = Some(record.seq);
        }
        any
    }

    /// Reports what it has.
    pub(crate) fn report<M: Memory>(&mut self, session: &mut Session<M>) {
        if let Some(last) = self.unreported.take() {
            session.handle_stored(last);
        }
    }

    /// Whether all is there that outlives the crash.
    pub(crate) fn is_full(&self) -> bool {
        self.kept.is_some_and(|kept| self.log.len() >= kept)
    }

    /// The program runs again; from now on everything is kept.
    pub(crate) fn reopen(&mut self) {
        self.unreported = None;
        self.kept = None;
    }

    pub(crate) fn len(&self) -> usize {
        self.log.len()
    }

    pub(crate) fn content(&self) -> BTreeMap<RecordKey, &[u8]> {
        let mut content = BTreeMap::new();
        for (key, value) in &self.log {
            match value {
                Some(value) => content.insert(*key, value.as_slice()),
                None => content.remove(key),
            };
        }
        content
    }

    /// Whether the message of this number was ever there.
    pub(crate) fn had_message(&self, number: usize) -> bool {
        let mut values = self.log.iter().filter_map(|(_, value)| value.as_deref());
        values.any(|value| contains(value, &payload(number)))
    }

    /// Whether there is a subscription to this filter.
    pub(crate) fn has_filter(&self, filter: &str) -> bool {
        let content = self.content();
        let mut filters = content.iter().filter(|(key, _)| key.0[0] == FILTER);
        filters.any(|(_, value)| contains(value, filter.as_bytes()))
    }

    /// The Packet Identifiers whose messages are not to be delivered again.
    pub(crate) fn received(&self) -> BTreeSet<u16> {
        let keys = self.content().into_keys().filter(|key| key.0[0] == RECEIVED);
        keys.map(|key| u16::from_be_bytes([key.0[7], key.0[8]])).collect()
    }
}

fn contains(value: &[u8], part: &[u8]) -> bool {
    value.windows(part.len()).any(|there| there == part)
}
