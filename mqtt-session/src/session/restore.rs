//! A session made of the records a store kept.

use core::cmp::Ordering;

use mqtt_proto::{PacketId, QoS, Version};

use super::flow::{Expiry, Flow, FlowKind, Image, Lane, packet_id, set_packet_id};
use super::held::{Answer, Held, Shelf};
use super::store::FORMAT;
use super::{Session, SessionState};
use crate::memory::{Arena, Block, Full};
use crate::record::{RecordKind, RecordRef};
use crate::{Config, Memory, RecordKey, RestoreError, Time};

/// No session counts that far; and from there it can go on counting.
const LARGEST: u64 = u64::MAX / 2;

impl<M: Memory> Session<M> {
    /// A session from the records a store kept, in the order of their keys. It makes records only
    /// if `config` says that there is a store.
    pub fn restore<'r>(
        config: Config,
        now: Time,
        records: impl IntoIterator<Item = (RecordKey, &'r [u8])>,
    ) -> Result<Session<M>, RestoreError> {
        let mut session = Session::new(config);
        session.advance(now);
        let mut restore = Restore { state: &mut session.state, released: 0 };
        let mut last = None;
        for (key, value) in records {
            if last.replace(key).is_some_and(|last| last >= key) {
                return Err(RestoreError::Order { key });
            }
            restore.record(key, value).map_err(|failure| failure.at(key))?;
        }
        restore.packet_ids();
        Ok(session)
    }
}

enum Failure {
    Unreadable,
    Full,
}

impl Failure {
    fn at(self, key: RecordKey) -> RestoreError {
        match self {
            Failure::Unreadable => RestoreError::Unreadable { key },
            Failure::Full => RestoreError::Full,
        }
    }
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

    fn u64(&mut self) -> Result<u64, Failure> {
        self.take().map(u64::from_be_bytes)
    }

    /// The number of a record.
    fn number(&mut self) -> Result<u64, Failure> {
        let number = self.u64()?;
        if number > LARGEST { Err(Failure::Unreadable) } else { Ok(number) }
    }
}

/// A session in the making.
struct Restore<'s, M: Memory> {
    state: &'s mut SessionState<M>,
    /// The message released last. A crash may have left its records; those of the ones before were
    /// deleted before it was released.
    released: u64,
}

impl<M: Memory> Restore<'_, M> {
    fn record(&mut self, key: RecordKey, value: &[u8]) -> Result<(), Failure> {
        let (kind, number) = key.parts().ok_or(Failure::Unreadable)?;
        if number > LARGEST {
            return Err(Failure::Unreadable);
        }
        let mut fields = Fields(value);
        let [FORMAT] = fields.take()? else { return Err(Failure::Unreadable) };
        match kind {
            RecordKind::Session => self.session(fields),
            RecordKind::Filter => self.filter(number, fields),
            RecordKind::Released => self.released(number, fields),
            RecordKind::Message if number == self.released => self.delete(key),
            RecordKind::Message => self.message(number, fields),
            RecordKind::Sent => self.sent(key, number, fields),
            RecordKind::Received => self.received(number),
        }
    }

    fn session(&mut self, mut fields: Fields<'_>) -> Result<(), Failure> {
        let version = fields.version()?;
        let is_adopted = match fields.take()? {
            [0] => false,
            [1] => true,
            [_] => return Err(Failure::Unreadable),
        };
        let void_up_to = fields.number()?;
        self.state.journal.count_from(void_up_to);
        Ok(self.state.identity.restore(version, is_adopted, void_up_to, fields.0)?)
    }

    fn block_of(&mut self, bytes: &[u8]) -> Result<Block<M>, Failure> {
        let mut block = self.state.arena.take(bytes.len())?;
        self.state.arena.bytes_mut(&mut block).copy_from_slice(bytes);
        Ok(block)
    }

    fn filter(&mut self, number: u64, mut fields: Fields<'_>) -> Result<(), Failure> {
        let version = fields.version()?;
        let image = self.block_of(fields.0)?;
        Ok(self.state.subscriptions.restore(number, image, version)?)
    }

    /// They come in the order of their PUBRECs.
    fn released(&mut self, number: u64, mut fields: Fields<'_>) -> Result<(), Failure> {
        let id = fields.u16()?;
        self.released = fields.u64()?;
        self.state.journal.count_from(number);
        let flow =
            Flow { released: number, ..Flow::new(FlowKind::Release { abandoned: None }, None) };
        let index = self.state.flows.insert(Lane::Releasing, flow)?;
        self.take_packet_id(index, id).ok_or(Failure::Unreadable)
    }

    /// A message counts as carried once it has an identifier: it may have been.
    fn message(&mut self, number: u64, mut fields: Fields<'_>) -> Result<(), Failure> {
        let version = fields.version()?;
        let id = fields.u16()?;
        let at = fields.u64()?;
        let place = u32::from_be_bytes(fields.take()?) as usize;
        let qos = fields.0.first().and_then(|first| QoS::from_u8(first >> 1 & 3));
        let qos = qos.filter(|qos| *qos != QoS::AtMostOnce).ok_or(Failure::Unreadable)?;
        let head = self.block_of(fields.0)?;
        let state = &mut *self.state;
        state.waiting_bytes += fields.0.len();
        state.journal.count_from(number);
        let image = Image { head, body: None, version };
        let kind = FlowKind::Publish { qos, carried: false };
        let expiry = (at != 0).then_some(Expiry { at: Time::from_micros(at), place });
        let carried_before = id > 0;
        let flow = Flow { expiry, message: number, carried_before, ..Flow::new(kind, Some(image)) };
        let index = state.flows.insert(Lane::Waiting, flow)?;
        match PacketId::new(id) {
            Some(id) if number > state.identity.void_up_to => self.note_packet_id(index, id),
            Some(_) | None => state.note_expiry(expiry),
        }
        Ok(())
    }

    fn sent(&mut self, key: RecordKey, number: u64, mut fields: Fields<'_>) -> Result<(), Failure> {
        let id = PacketId::new(fields.u16()?).ok_or(Failure::Unreadable)?;
        let made = fields.number()?;
        let Some(index) = self.find(number) else { return self.delete(key) };
        if let Some(flow) = self.state.flows.get_mut(index) {
            flow.has_sent_record = true;
            flow.carried_before = true;
        }
        if made > self.state.identity.void_up_to {
            self.note_packet_id(index, id);
        }
        Ok(())
    }

    /// Until all records are read, the identifier is kept in the image: a later record may bring
    /// another one.
    fn note_packet_id(&mut self, index: u32, id: PacketId) {
        let Some(flow) = self.state.flows.get_mut(index) else { return };
        if let FlowKind::Publish { carried, .. } = &mut flow.kind {
            *carried = true;
        }
        if let Some(image) = &mut flow.image {
            set_packet_id(self.state.arena.bytes_mut(&mut image.head), id);
        }
    }

    /// The message with this number. Nothing was removed yet, so the slots behind those of the
    /// released ones are in the order of the numbers.
    fn find(&self, number: u64) -> Option<u32> {
        let flows = &self.state.flows;
        let mut low = u32::try_from(flows.len(Lane::Releasing)).ok()?;
        let mut high = u32::try_from(flows.total()).ok()?;
        while low < high {
            let middle = low.midpoint(high);
            match flows.get(middle)?.message.cmp(&number) {
                Ordering::Less => low = middle + 1,
                Ordering::Equal => return Some(middle),
                Ordering::Greater => high = middle,
            }
        }
        None
    }

    /// Gives the flow its identifier; `None` if another one has it.
    fn take_packet_id(&mut self, index: u32, id: u16) -> Option<()> {
        let id = PacketId::new(id)?.get();
        if self.state.flows.find(id).is_some() {
            return None;
        }
        self.state.flows.set_key(index, id);
        Some(())
    }

    /// Of messages with the same identifier the first keeps it. The others get new ones, which may
    /// deliver them twice; but all are there.
    fn packet_ids(&mut self) {
        let mut at = self.state.flows.first(Lane::Waiting);
        while let Some(index) = at {
            at = self.state.flows.next(index);
            let Some(flow) = self.state.flows.get(index) else { break };
            let FlowKind::Publish { qos, carried: true } = flow.kind else { continue };
            let expiry = flow.expiry;
            let image = flow.image.as_ref().map(|image| self.state.arena.bytes(&image.head));
            let id = image.and_then(packet_id).map_or(0, PacketId::get);
            if self.take_packet_id(index, id).is_none()
                && let Some(flow) = self.state.flows.get_mut(index)
            {
                flow.kind = FlowKind::Publish { qos, carried: false };
                self.state.note_expiry(expiry);
            }
        }
    }

    /// A record about a message that is done; a crash leaves those of one message at most.
    fn delete(&mut self, key: RecordKey) -> Result<(), Failure> {
        self.state.journal.push(RecordRef::Delete { key })?;
        Ok(())
    }

    fn received(&mut self, number: u64) -> Result<(), Failure> {
        let id = u16::try_from(number).ok().filter(|id| *id > 0).ok_or(Failure::Unreadable)?;
        let held = Held { exactly_once: true, answer: Answer::Recorded, needs: 0 };
        let index = self.state.held.insert(Shelf::Known, held)?;
        self.state.held.set_key(index, id);
        Ok(())
    }
}
