//! A store in memory, and what is in it after a crash.

use std::collections::BTreeMap;

use mqtt_session::{Config, RecordKey, RestoreError, Session};

use crate::pair::{Pair, TestMemory};

pub(crate) fn with_store() -> Config {
    Config { store: true, ..Config::new(1) }
}

/// A connected session whose records so far are stored.
pub(crate) fn stored<M: TestMemory>() -> (Pair<M>, Store) {
    let mut pair = Pair::with(with_store());
    let mut store = Store::default();
    pair.connect();
    store.sync(&mut pair);
    (pair, store)
}

/// Messages, their stages and received identifiers: all but session and subscriptions.
pub(crate) fn session_records(content: &BTreeMap<RecordKey, Vec<u8>>) -> usize {
    content.keys().filter(|key| key.0[0] >= 2).count()
}

/// A record as the store got it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Stored {
    pub(crate) seq: u64,
    pub(crate) key: RecordKey,
    pub(crate) value: Option<Vec<u8>>,
}

/// What was there before, and what came since, in order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Store {
    base: BTreeMap<RecordKey, Vec<u8>>,
    pub(crate) log: Vec<Stored>,
}

impl Store {
    /// Takes all records there are; gives how many.
    pub(crate) fn take<M: TestMemory>(&mut self, pair: &mut Pair<M>) -> usize {
        let before = self.log.len();
        while let Some(record) = pair.session.poll_store() {
            let value = record.value.map(|parts| parts.concat());
            let last = self.log.last().map_or(0, |last| last.seq);
            assert!(record.seq > last, "{record:?} after {last}");
            self.log.push(Stored { seq: record.seq, key: record.key, value });
        }
        self.log.len() - before
    }

    /// Takes all records and reports them.
    pub(crate) fn sync<M: TestMemory>(&mut self, pair: &mut Pair<M>) {
        self.take(pair);
        if let Some(last) = self.log.last() {
            pair.session.handle_stored(last.seq);
        }
    }

    /// What is there when the first `records` of the log are.
    pub(crate) fn content(&self, records: usize) -> BTreeMap<RecordKey, Vec<u8>> {
        let mut content = self.base.clone();
        for record in &self.log[..records] {
            match &record.value {
                Some(value) => content.insert(record.key, value.clone()),
                None => content.remove(&record.key),
            };
        }
        content
    }

    /// The store after a crash that kept so many records.
    pub(crate) fn crash(&self, records: usize) -> Store {
        Store { base: self.content(records), log: Vec::new() }
    }

    /// The session that is stored, and the broker's half of it.
    pub(crate) fn restore<M: TestMemory>(&self, config: Config) -> Result<Pair<M>, RestoreError> {
        let mut pair = Pair::with(config.clone());
        let content = self.content(self.log.len());
        let records = content.iter().map(|(key, value)| (*key, &value[..]));
        pair.session = Session::restore(config, pair.now, records)?;
        Ok(pair)
    }
}
