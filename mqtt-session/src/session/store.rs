//! The storage port: records out, receipts in, and a session made of records.
//!
//! ```text
//! key        value: format, then
//! Session    version, ClientID
//! Filter n   version, SUBSCRIBE of this filter
//! Message n  version, Packet Identifier or 0, expiry or 0, where the image says so, PUBLISH
//! Sent n     Packet Identifier
//! Released n Packet Identifier, number of the record
//! Received id
//! ```
//! Numbers are big-endian.

use mqtt_proto::{PacketId, QoS, Version};

use super::flow::{Expiry, Flow, FlowKind, Image, Lane};
use super::held::{Held, Shelf};
use super::subscriptions::Filter;
use super::{Session, SessionState};
use crate::memory::{Arena, Block, Full, List};
use crate::record::{RecordKind, RecordRef};
use crate::{Config, Memory, Record, RecordKey, RestoreError, Time};

/// The first byte of every value.
const FORMAT: u8 = 1;

/// The storage port.
impl<M: Memory> Session<M> {
    /// The next record to store, in order. Only with [`Config::store`].
    pub fn poll_store(&mut self) -> Option<Record<'_>> {
        let state = &mut self.state;
        loop {
            let (seq, record) = state.journal.pop()?;
            // A message that ended before its record was polled needs none.
            if let Some((key, source)) = state.record(seq, record) {
                let value = state.value(source);
                return Some(Record { seq, key, value });
            }
        }
    }

    /// All records up to this one are durable: what waited for them may leave.
    pub fn handle_stored(&mut self, up_to: u64) {
        self.state.journal.handle_stored(up_to);
        self.state.release_answers();
        self.promote();
    }

    /// A session from the records a store kept, in the order of their keys.
    pub fn restore<'r>(
        config: Config,
        now: Time,
        records: impl IntoIterator<Item = (RecordKey, &'r [u8])>,
    ) -> Result<Session<M>, RestoreError> {
        let mut session = Session::new(config);
        session.advance(now);
        let mut last = None;
        for (key, value) in records {
            if last.replace(key).is_some_and(|last| last >= key) {
                return Err(RestoreError::Order { key });
            }
            session.state.restore(key, value).map_err(|failure| match failure {
                Failure::Unreadable => RestoreError::Unreadable { key },
                Failure::Full => RestoreError::Full,
            })?;
        }
        session.state.order_releases();
        Ok(session)
    }
}

/// Where the bytes of a value are, but for its prefix.
enum Source {
    /// No value: the key is deleted.
    Deleted,
    Prefix,
    ClientId,
    Filter(usize),
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
    /// The key of a record, its prefix written, and where the rest of its value is.
    fn record(&mut self, seq: u64, record: RecordRef) -> Option<(RecordKey, Source)> {
        let prefix = self.prefix.start();
        Some(match record {
            RecordRef::Session => {
                prefix.put(&[version_byte(self.version)]);
                (RecordKind::Session.key(0), Source::ClientId)
            }
            RecordRef::Filter { number } => {
                let filters = self.filters.as_ref();
                let place = filters.iter().position(|filter| filter.number == number)?;
                prefix.put(&[version_byte(filters.get(place)?.version)]);
                (RecordKind::Filter.key(number), Source::Filter(place))
            }
            RecordRef::Message { message, token } => {
                if !self.flows.is_current(token.index, token.generation) {
                    return None;
                }
                let flow = self.flows.get(token.index)?;
                let expiry = flow.expiry.map_or(0, |expiry| expiry.at.as_micros());
                let place = flow.expiry.map_or(0, |expiry| expiry.place);
                prefix
                    .put(&[version_byte(flow.image.as_ref()?.version)])
                    .put(&self.flows.key(token.index).to_be_bytes())
                    .put(&expiry.to_be_bytes())
                    .put(&u32::try_from(place).unwrap_or(0).to_be_bytes());
                (RecordKind::Message.key(message), Source::Image(token.index))
            }
            RecordRef::Sent { message, id } => {
                prefix.put(&id.to_be_bytes());
                (RecordKind::Sent.key(message), Source::Prefix)
            }
            RecordRef::Released { message, id } => {
                prefix.put(&id.to_be_bytes()).put(&seq.to_be_bytes());
                (RecordKind::Released.key(message), Source::Prefix)
            }
            RecordRef::Received { id } => {
                (RecordKind::Received.key(u64::from(id)), Source::Prefix)
            }
            RecordRef::Delete { key } => (key, Source::Deleted),
        })
    }

    fn value(&self, source: Source) -> Option<[&[u8]; 3]> {
        let (image, body): (&[u8], &[u8]) = match source {
            Source::Deleted => return None,
            Source::Prefix => (&[], &[]),
            Source::ClientId => (self.client_id.as_ref(), &[]),
            Source::Filter(place) => {
                let filter = self.filters.as_ref().get(place);
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

enum Failure {
    Unreadable,
    Full,
}

impl From<Full> for Failure {
    fn from(_: Full) -> Failure {
        Failure::Full
    }
}

/// Takes fields off the start of a value.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], Failure> {
        let (field, rest) = self.0.split_first_chunk().ok_or(Failure::Unreadable)?;
        self.0 = rest;
        Ok(*field)
    }

    fn version(&mut self) -> Result<Version, Failure> {
        match self.take()? {
            [3] => Ok(Version::V3_1),
            [4] => Ok(Version::V3_1_1),
            [5] => Ok(Version::V5),
            [_] => Err(Failure::Unreadable),
        }
    }

    fn u16(&mut self) -> Result<u16, Failure> {
        self.take().map(u16::from_be_bytes)
    }
}

/// Reading records.
impl<M: Memory> SessionState<M> {
    fn restore(&mut self, key: RecordKey, value: &[u8]) -> Result<(), Failure> {
        let (kind, number) = key.parts().ok_or(Failure::Unreadable)?;
        let mut fields = Fields(value);
        let [FORMAT] = fields.take()? else { return Err(Failure::Unreadable) };
        match kind {
            RecordKind::Session => self.restore_session(fields),
            RecordKind::Filter => self.restore_filter(number, fields),
            RecordKind::Message => self.restore_message(number, fields),
            RecordKind::Sent => self.restore_sent(key, number, fields),
            RecordKind::Released => self.restore_released(key, number, fields),
            RecordKind::Received => self.restore_received(number),
        }
    }

    fn restore_session(&mut self, mut fields: Fields<'_>) -> Result<(), Failure> {
        self.version = fields.version()?;
        for byte in fields.0 {
            self.client_id.push(*byte)?;
        }
        Ok(())
    }

    fn block_of(&mut self, bytes: &[u8]) -> Result<Block<M>, Failure> {
        let mut block = self.arena.take(bytes.len())?;
        self.arena.bytes_mut(&mut block).copy_from_slice(bytes);
        Ok(block)
    }

    fn restore_filter(&mut self, number: u64, mut fields: Fields<'_>) -> Result<(), Failure> {
        let version = fields.version()?;
        let image = self.block_of(fields.0)?;
        self.next_filter = self.next_filter.max(number + 1);
        self.filters.push(Filter::granted(number, image, version))?;
        Ok(())
    }

    /// A message counts as carried once it has an identifier: it may have been.
    fn restore_message(&mut self, number: u64, mut fields: Fields<'_>) -> Result<(), Failure> {
        let version = fields.version()?;
        let id = fields.u16()?;
        let at = u64::from_be_bytes(fields.take()?);
        let place = u32::from_be_bytes(fields.take()?) as usize;
        let qos = fields.0.first().and_then(|first| QoS::from_u8(first >> 1 & 3));
        let qos = qos.filter(|qos| *qos != QoS::AtMostOnce).ok_or(Failure::Unreadable)?;
        let head = self.block_of(fields.0)?;
        self.waiting_bytes += fields.0.len();
        let expiry = (at != 0).then_some(Expiry { at: Time::from_micros(at), place });
        self.note_expiry(expiry);
        let image = Image { head, body: None, version };
        let kind = FlowKind::Publish { qos, carried: id != 0 };
        let flow = Flow { expiry, message: number, ..Flow::new(kind, image) };
        let index = self.flows.insert(Lane::Waiting, flow)?;
        self.next_message = self.next_message.max(number + 1);
        if id != 0 {
            self.restore_packet_id(index, id)?;
        }
        Ok(())
    }

    fn restore_packet_id(&mut self, index: u32, id: u16) -> Result<(), Failure> {
        let packet_id = PacketId::new(id).ok_or(Failure::Unreadable)?;
        if self.flows.find(id).is_some_and(|other| other != index) {
            return Err(Failure::Unreadable);
        }
        self.flows.clear_key(index);
        self.flows.set_key(index, id);
        if let Some(image) = self.flows.get_mut(index).and_then(|flow| flow.image.as_mut()) {
            image.set_packet_id(&mut self.arena, packet_id);
        }
        Ok(())
    }

    /// The message with this number; one that is gone left a record to be deleted.
    fn restored(&mut self, key: RecordKey, number: u64) -> Option<u32> {
        let found = [Lane::Waiting, Lane::Releasing].into_iter().find_map(|lane| {
            let mut flows = self.flows.iter(lane);
            flows.find(|index| self.flows.get(*index).is_some_and(|flow| flow.message == number))
        });
        if found.is_none() {
            self.note(RecordRef::Delete { key });
        }
        found
    }

    fn restore_sent(
        &mut self,
        key: RecordKey,
        number: u64,
        mut fields: Fields<'_>,
    ) -> Result<(), Failure> {
        let id = fields.u16()?;
        let Some(index) = self.restored(key, number) else { return Ok(()) };
        if let Some(flow) = self.flows.get_mut(index)
            && let FlowKind::Publish { carried, .. } = &mut flow.kind
        {
            *carried = true;
            flow.has_sent_record = true;
        }
        self.restore_packet_id(index, id)
    }

    fn restore_released(
        &mut self,
        key: RecordKey,
        number: u64,
        mut fields: Fields<'_>,
    ) -> Result<(), Failure> {
        let id = fields.u16()?;
        let order = u64::from_be_bytes(fields.take()?);
        let Some(index) = self.restored(key, number) else { return Ok(()) };
        self.restore_packet_id(index, id)?;
        self.leave_waiting(index);
        self.free_image(index);
        if let Some(flow) = self.flows.get_mut(index) {
            flow.kind = FlowKind::Release;
            flow.expiry = None;
            // Until the releases are in order, the record's number is kept here.
            flow.needs = order;
        }
        self.flows.move_to(index, Lane::Releasing);
        Ok(())
    }

    /// Puts the PUBRELs in the order of their PUBRECs.
    fn order_releases(&mut self) {
        for _ in 0..self.flows.len(Lane::Releasing) {
            let order = |index: &u32| self.flows.get(*index).map_or(0, |flow| flow.needs);
            let unordered = self.flows.iter(Lane::Releasing).filter(|index| order(index) > 0);
            let Some(index) = unordered.min_by_key(order) else { return };
            self.flows.move_to(index, Lane::Releasing);
            if let Some(flow) = self.flows.get_mut(index) {
                flow.needs = 0;
            }
        }
    }

    fn restore_received(&mut self, number: u64) -> Result<(), Failure> {
        let id = u16::try_from(number).ok().filter(|id| *id > 0).ok_or(Failure::Unreadable)?;
        let answer = Some(mqtt_proto::ReasonCode::Success);
        let held = Held { exactly_once: true, answer, needs: 0 };
        let index = self.held.insert(Shelf::Received, held)?;
        self.held.set_key(index, id);
        Ok(())
    }
}
