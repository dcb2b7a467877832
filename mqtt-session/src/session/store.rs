//! The storage port: records out and receipts in.
//!
//! ```text
//! key        value: format, then
//! Session    version, 1 if adopted or 0, number v, ClientID
//! Filter n   version, SUBSCRIBE of this filter
//! Released m Packet Identifier, number n of the message, which is deleted next
//! Message n  version, Packet Identifier or 0, expiry or 0, where the image says so, PUBLISH
//! Sent n     Packet Identifier of message n, number of this record
//! Received id
//! ```
//! Numbers are big-endian; n and m are those of the records themselves. Message and Sent records up
//! to v were made for the session of another ClientID: their identifiers are void. What is stored was in memory
//! all at once when the last of it was made, so it fits there again.

use core::mem;

use mqtt_proto::Version;

use super::flow::{FlowKind, Lane};
use super::{Session, SessionState};
use crate::memory::{Arena, Block};
use crate::record::{RecordKind, RecordRef};
use crate::{CloseReason, Failure, Memory, Record, RecordKey};

/// The first byte of every value.
pub(super) const FORMAT: u8 = 1;

/// The storage port.
impl<M: Memory> Session<M> {
    /// The next record to store, in order. Only with [`Config::store`](crate::Config::store).
    ///
    /// With memory of a fixed size, what would make more records waits until these are polled.
    pub fn poll_store(&mut self) -> Option<Record<'_>> {
        let mut has_room = false;
        loop {
            let Some((seq, record)) = self.state.journal.pop() else {
                if !mem::take(&mut has_room) {
                    return None;
                }
                self.use_room();
                continue;
            };
            self.state.note_room();
            self.state.settle();
            // A message that ended before its record was polled needs none. There is no report of
            // it then, with which what waits for room would go on.
            if let Some((key, source)) = self.state.record(seq, record) {
                let value = self.state.value(source);
                return Some(Record { seq, key, value });
            }
            has_room = true;
        }
    }

    /// All records up to this one are durable, except those reported as failed: what waited for
    /// them may leave.
    pub fn handle_stored(&mut self, up_to: u64) {
        self.state.journal.handle_stored(up_to);
        self.use_room();
    }

    /// What waits for records, or for room for them, goes on.
    fn use_room(&mut self) {
        self.state.release_answers();
        self.promote();
    }

    /// Of the records polled, none is durable from this one on, and none will be.
    ///
    /// Messages among them fail. If there is any other record among them, the session cannot keep
    /// its promises any more: its connection ends with [`CloseReason::StoreFailed`], as every later
    /// one does at once, and no further records are made.
    pub fn handle_store_failed(&mut self, at: u64) {
        let state = &mut self.state;
        state.journal.handle_failed(at);
        let mut up = self.link.as_mut().and_then(|link| link.up_mut());
        for lane in [Lane::Waiting, Lane::Storing] {
            let mut next = state.flows.first(lane);
            while let Some(index) = next {
                next = state.flows.next(index);
                let Some(flow) = state.flows.get_mut(index) else { break };
                if state.journal.is_lost(at, flow.message) {
                    // There is nothing to delete but a record of its identifier that comes yet.
                    if !flow.has_sent_record {
                        flow.message = 0;
                    }
                    state.fail_publish(index, Failure::StoreFailed, up.as_deref_mut());
                }
            }
        }
        if state.journal.has_failed()
            && let Some(link) = self.link.as_mut().filter(|link| link.is_reading())
        {
            let code = mqtt_proto::ReasonCode::ImplementationSpecificError;
            link.leave_saying(&mut state.arena, code, CloseReason::StoreFailed);
        }
        self.use_room();
    }
}

/// Where the bytes of a value are, but for its prefix.
#[derive(Clone, Copy)]
enum Source {
    /// No value: the key is deleted.
    Deleted,
    Prefix,
    ClientId,
    Filter(u64),
    Image(u32),
}

/// The start of a value: as long as the longest, that of a message.
#[derive(Debug, Default)]
pub(super) struct Prefix {
    bytes: [u8; 20],
    len: usize,
}

impl Prefix {
    fn start(&mut self) -> &mut Prefix {
        self.len = 0;
        self.put(&[FORMAT])
    }

    fn put(&mut self, bytes: &[u8]) -> &mut Prefix {
        if let Some(place) = self.bytes.get_mut(self.len..self.len + bytes.len()) {
            place.copy_from_slice(bytes);
            self.len += bytes.len();
        }
        self
    }

    fn filled(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

fn version_byte(version: Version) -> u8 {
    match version {
        Version::V3_1 => 3,
        Version::V3_1_1 => 4,
        Version::V5 => 5,
    }
}

/// Writing records.
impl<M: Memory> SessionState<M> {
    /// Makes the records that the journal had no room for, as far as there is room now.
    fn settle(&mut self) {
        if mem::take(&mut self.owes_records) {
            self.note_identity();
            let settled = self.settle_abandoned();
            let settled = settled.and_then(|()| self.settle_held());
            let settled = settled.and_then(|()| self.settle_filters());
            self.owes_records |= settled.is_err();
        }
    }

    /// The key of a record, its prefix written, and where the rest of its value is.
    fn record(&mut self, seq: u64, record: RecordRef) -> Option<(RecordKey, Source)> {
        let prefix = self.prefix.start();
        Some(match record {
            RecordRef::Session => {
                let is_adopted = u8::from(self.identity.origin.is_adopted());
                prefix
                    .put(&[version_byte(self.identity.version), is_adopted])
                    .put(&self.identity.void_up_to.to_be_bytes());
                (RecordKind::Session.key(0), Source::ClientId)
            }
            RecordRef::Filter { number } => {
                prefix.put(&[version_byte(self.subscriptions.get(number)?.version)]);
                (RecordKind::Filter.key(number), Source::Filter(number))
            }
            RecordRef::Message { token, id } => {
                if !self.flows.is_current(token.index, token.generation) {
                    return None;
                }
                let flow = self.flows.get(token.index)?;
                if matches!(flow.kind, FlowKind::Ended(_)) {
                    return None;
                }
                let expiry = flow.expiry.map_or(0, |expiry| expiry.at.as_micros());
                let place = flow.expiry.map_or(0, |expiry| expiry.place);
                prefix
                    .put(&[version_byte(flow.image.as_ref()?.version)])
                    .put(&id.to_be_bytes())
                    .put(&expiry.to_be_bytes())
                    .put(&u32::try_from(place).unwrap_or(0).to_be_bytes());
                (RecordKind::Message.key(seq), Source::Image(token.index))
            }
            RecordRef::Sent { message, id } => {
                prefix.put(&id.to_be_bytes()).put(&seq.to_be_bytes());
                (RecordKind::Sent.key(message), Source::Prefix)
            }
            RecordRef::Released { message, id } => {
                prefix.put(&id.to_be_bytes()).put(&message.to_be_bytes());
                (RecordKind::Released.key(seq), Source::Prefix)
            }
            RecordRef::Received { id } => (RecordKind::Received.key(u64::from(id)), Source::Prefix),
            RecordRef::Delete { key } => (key, Source::Deleted),
        })
    }

    fn value(&self, source: Source) -> Option<[&[u8]; 3]> {
        let (image, body): (&[u8], &[u8]) = match source {
            Source::Deleted => return None,
            Source::Prefix => (&[], &[]),
            Source::ClientId => (self.identity.client_id().as_bytes(), &[]),
            Source::Filter(number) => {
                let filter = self.subscriptions.get(number);
                (self.bytes(filter.map(|filter| &filter.image)), &[])
            }
            Source::Image(index) => {
                let image = self.flows.get(index).and_then(|flow| flow.image.as_ref());
                let body = image.and_then(|image| image.body.as_ref());
                let body = body.map(AsRef::as_ref).unwrap_or_default();
                (self.bytes(image.map(|image| &image.head)), body)
            }
        };
        Some([self.prefix.filled(), image, body])
    }

    fn bytes<'a>(&'a self, block: Option<&'a Block<M>>) -> &'a [u8] {
        block.map(|block| self.arena.bytes(block)).unwrap_or_default()
    }
}
