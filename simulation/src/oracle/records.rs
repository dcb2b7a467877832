//! The store of a client, and what a crash leaves of it.
//!
//! What a record is about is read off its key and value as `mqtt-session` documents them: the checks
//! say which packets may leave, and which operations a crash takes.

use std::collections::BTreeMap;

use mqtt_session::RecordKey;

use super::operation::{Life, Loss, Operation};
use super::received::Inbound;
use super::{Knowledge, Oracle};
use crate::message::Name;
use crate::tally::Promise;

/// A record as the store got it.
#[derive(Clone, Debug)]
struct Record {
    seq: u64,
    key: RecordKey,
    value: Option<Vec<u8>>,
}

/// What is there for good, and what came since, in order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Store {
    content: BTreeMap<RecordKey, Vec<u8>>,
    log: Vec<Record>,
    /// The operation of each message that was stored, by its number.
    messages: BTreeMap<u64, usize>,
    /// A record could not be stored that the session cannot go on without.
    pub(crate) has_failed: bool,
}

impl Record {
    fn is_message(&self) -> bool {
        self.key.0[0] == MESSAGE && self.value.is_some()
    }
}

/// What kind of record it is: the first byte of its key.
const SESSION: u8 = 0;
const RELEASED: u8 = 2;
const MESSAGE: u8 = 3;
const SENT: u8 = 4;
const RECEIVED: u8 = 5;

impl Store {
    /// The session made a record.
    pub(crate) fn push(&mut self, seq: u64, key: RecordKey, value: Option<[&[u8]; 3]>) {
        let value = value.map(|parts| parts.concat());
        if key.0[0] == MESSAGE
            && let Some(value) = &value
            // The last: a time in front of the payload may look like one.
            && let Some(at) = value.windows(2).rposition(|bytes| bytes == b"m:")
            && let Some(name) = value.get(at..).and_then(Name::of)
        {
            self.messages.insert(number(key), name.index());
        }
        self.log.push(Record { seq, key, value });
    }

    /// Records that were not reported.
    pub(crate) fn waiting(&self) -> usize {
        self.log.len()
    }

    /// The next so many are there for good; gives the number of the last.
    pub(crate) fn keep(&mut self, records: usize) -> Option<u64> {
        let mut last = None;
        for record in self.log.drain(..records.min(self.log.len())) {
            last = Some(record.seq);
            match record.value {
                Some(value) => self.content.insert(record.key, value),
                None => self.content.remove(&record.key),
            };
        }
        last
    }

    /// How many of the records that were not reported to keep, so that only messages are left.
    pub(crate) fn vital(&self) -> usize {
        self.log.iter().rposition(|record| !record.is_message()).map_or(0, |at| at + 1)
    }

    /// A crash: of what was not reported so many records are there nevertheless.
    fn crash(&mut self, records: usize) {
        self.keep(records);
        self.log.clear();
        self.has_failed = false;
    }

    /// What is there, in the order of the keys.
    pub(crate) fn content(&self) -> impl Iterator<Item = (RecordKey, &[u8])> {
        self.content.iter().map(|(key, value)| (*key, value.as_slice()))
    }

    /// Whether there is a session, and another began it.
    fn is_session_adopted(&self) -> Option<bool> {
        let (_, value) = self.content.iter().find(|(key, _)| key.0[0] == SESSION)?;
        Some(*value.get(2)? == 1)
    }

    pub(super) fn has_received(&self, id: u16) -> bool {
        self.received().any(|received| received == id)
    }

    fn received(&self) -> impl Iterator<Item = u16> {
        let records = self.content.keys().filter(|key| key.0[0] == RECEIVED);
        records.filter_map(|key| u16::try_from(number(*key)).ok())
    }

    pub(super) fn has_released(&self, at: usize) -> bool {
        self.released().any(|(released, _)| released == at)
    }

    /// The operations past PUBREC, and their identifiers, in the order of the PUBRECs.
    fn released(&self) -> impl Iterator<Item = (usize, u16)> {
        let records = self.content.iter().filter(|(key, _)| key.0[0] == RELEASED);
        records.filter_map(|(_, value)| {
            let (id, message) = (two(value.get(1..3)?)?, eight(value.get(3..11)?)?);
            Some((*self.messages.get(&message)?, id))
        })
    }

    /// The operations whose messages are there, and the identifier of each, in their order.
    fn stored(&self) -> impl Iterator<Item = (usize, Option<u16>)> {
        let records = self.content.iter().filter(|(key, _)| key.0[0] == MESSAGE);
        records.filter_map(|(key, value)| {
            let mut sent = [SENT; 9];
            sent[1..].copy_from_slice(&key.0[1..]);
            let sent = self.content.get(&RecordKey(sent)).and_then(|value| two(value.get(1..3)?));
            let own = two(value.get(2..4)?).filter(|id| *id > 0);
            Some((*self.messages.get(&number(*key))?, sent.or(own)))
        })
    }
}

fn number(key: RecordKey) -> u64 {
    eight(&key.0[1..]).unwrap_or_default()
}

fn two(bytes: &[u8]) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.try_into().ok()?))
}

fn eight(bytes: &[u8]) -> Option<u64> {
    Some(u64::from_be_bytes(bytes.try_into().ok()?))
}

/// What the store cannot keep.
impl Oracle {
    /// None of the records that wait will be stored. Gives the number of the first, and whether there
    /// are others than messages among them; `None` if none waits.
    pub(crate) fn fail_store(&mut self) -> Option<(u64, bool)> {
        let log = std::mem::take(&mut self.store.log);
        let first = log.first()?.seq;
        let messages = log.iter().filter(|record| record.is_message());
        let messages = messages.filter_map(|record| self.store.messages.get(&number(record.key)));
        self.unstored.extend(messages);
        self.store.has_failed = log.iter().any(|record| !record.is_message());
        Some((first, self.store.has_failed))
    }

    /// What could not be stored has failed by the time events were polled.
    pub(crate) fn check_unstored(&mut self) {
        for at in std::mem::take(&mut self.unstored) {
            let is_open = self.operations.get(at).is_some_and(Operation::is_open);
            self.check(Promise::Sto1, !is_open, || format!("{at} is not stored, nor failed"));
        }
    }
}

impl Oracle {
    /// Whether a message may be sent with this identifier as far as the store is concerned.
    pub(super) fn check_stored(&mut self, at: usize, id: u16) {
        if !self.facts.has_store {
            return;
        }
        let stored = self.store.stored().find(|(stored, _)| *stored == at);
        self.check(Promise::Sto1, stored == Some((at, Some(id))), || {
            format!("{at} is sent with identifier {id}, stored is {stored:?}")
        });
    }

    /// The client ends, and is restored from what is stored; of what was not reported so many records
    /// are there nevertheless.
    pub(crate) fn crash(&mut self, kept: usize) {
        self.store.crash(kept);
        self.forget_connection();
        let stored: Vec<(usize, Option<u16>)> = self.store.stored().collect();
        let released: Vec<(usize, u16)> = self.store.released().collect();
        for operation in &mut self.operations {
            operation.life = Life::Gone;
            operation.is_released = false;
        }
        self.flows.clear();
        self.released.clear();
        self.clean.clear();
        for (at, id) in stored {
            self.restore(at, id);
        }
        for (at, id) in released {
            self.restore(at, Some(id));
            self.flows.insert(id, at);
            self.released.push(at);
            let operation = &mut self.operations[at];
            operation.is_released = true;
            operation.is_given_up = !operation.has_receipt;
            let may_be = operation.has_receipt
                || operation.may_be_given_up()
                || operation.loss != Loss::None;
            self.check(Promise::Sto2, may_be, || format!("{at} is past its message for nothing"));
        }
        self.inbound.retain(|id, message| {
            message.delivery = None;
            message.is_received = message.qos == 2 && self.store.has_received(*id);
            message.is_received
        });
        // Those of a session that was lost are still stored as well: who restores them cannot know.
        for id in self.store.received() {
            self.inbound.entry(id).or_insert(Inbound::RECEIVED);
        }
        self.knowledge = match self.store.is_session_adopted() {
            None => Knowledge::None,
            // That the broker lost it since was not stored.
            Some(true) => Knowledge::Adopted,
            Some(false) => self.knowledge,
        };
    }

    /// The client ends, and begins anew without a store.
    pub(crate) fn crash_without(&mut self) {
        self.store = Store::default();
        self.forget_connection();
        for operation in &mut self.operations {
            operation.life = Life::Gone;
        }
        self.flows.clear();
        self.released.clear();
        self.inbound.clear();
        self.knowledge = Knowledge::None;
        self.clean.clear();
    }

    fn forget_connection(&mut self) {
        self.connection = None;
        self.incoming.clear();
        self.tokens.clear();
        self.last_suspect = None;
        self.unstored.clear();
        self.nameless = 0;
        self.event = None;
        self.seen.clear();
        for operation in &mut self.operations {
            operation.is_on_wire = false;
        }
    }

    /// An operation lives on after a restart.
    fn restore(&mut self, at: usize, id: Option<u16>) {
        let Some(operation) = self.operations.get_mut(at) else { return };
        operation.life = Life::Restored;
        operation.outcome = None;
        if operation.loss != Loss::None {
            operation.loss = Loss::MayEnd;
        }
        operation.may_be_carried = id.is_some() && !operation.is_carried;
        operation.id = id;
        if let Some(id) = id {
            // It was given after the broker had let go of it.
            self.clean.insert(id);
            self.flows.insert(id, at);
        }
    }
}
