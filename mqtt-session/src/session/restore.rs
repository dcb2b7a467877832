//! A session made of the records a store kept.

use mqtt_proto::{PacketId, QoS, ReasonCode, Version};

use super::flow::{Expiry, Flow, FlowKind, Image, Lane, packet_id, set_packet_id};
use super::held::{Held, Shelf};
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
        let mut last = None;
        for (key, value) in records {
            if last.replace(key).is_some_and(|last| last >= key) {
                return Err(RestoreError::Order { key });
            }
            session.state.restore(key, value).map_err(|failure| failure.at(key))?;
        }
        session.state.restore_packet_ids()?;
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
}

impl<M: Memory> SessionState<M> {
    fn restore(&mut self, key: RecordKey, value: &[u8]) -> Result<(), Failure> {
        let (kind, number) = key.parts().ok_or(Failure::Unreadable)?;
        if number > LARGEST {
            return Err(Failure::Unreadable);
        }
        let mut fields = Fields(value);
        let [FORMAT] = fields.take()? else { return Err(Failure::Unreadable) };
        match kind {
            RecordKind::Session => self.restore_session(fields),
            RecordKind::Filter => self.restore_filter(number, fields),
            RecordKind::Message => self.restore_message(number, fields),
            RecordKind::Sent => self.restore_sent(number, fields),
            RecordKind::Released => self.restore_released(number, fields),
            RecordKind::Received => self.restore_received(number),
        }
    }

    fn restore_session(&mut self, mut fields: Fields<'_>) -> Result<(), Failure> {
        let version = fields.version()?;
        Ok(self.identity.restore(version, fields.0)?)
    }

    fn block_of(&mut self, bytes: &[u8]) -> Result<Block<M>, Failure> {
        let mut block = self.arena.take(bytes.len())?;
        self.arena.bytes_mut(&mut block).copy_from_slice(bytes);
        Ok(block)
    }

    fn restore_filter(&mut self, number: u64, mut fields: Fields<'_>) -> Result<(), Failure> {
        let version = fields.version()?;
        let image = self.block_of(fields.0)?;
        Ok(self.subscriptions.restore(number, image, version)?)
    }

    /// A message counts as carried once it has an identifier: it may have been.
    fn restore_message(&mut self, number: u64, mut fields: Fields<'_>) -> Result<(), Failure> {
        let version = fields.version()?;
        let id = fields.u16()?;
        let at = fields.u64()?;
        let place = u32::from_be_bytes(fields.take()?) as usize;
        let qos = fields.0.first().and_then(|first| QoS::from_u8(first >> 1 & 3));
        let qos = qos.filter(|qos| *qos != QoS::AtMostOnce).ok_or(Failure::Unreadable)?;
        let head = self.block_of(fields.0)?;
        self.waiting_bytes += fields.0.len();
        self.journal.count_from(number);
        let image = Image { head, body: None, version };
        let kind = FlowKind::Publish { qos, carried: false };
        let expiry = (at != 0).then_some(Expiry { at: Time::from_micros(at), place });
        let flow = Flow { expiry, message: number, ..Flow::new(kind, Some(image)) };
        let index = self.flows.insert(Lane::Waiting, flow)?;
        match PacketId::new(id) {
            Some(id) => self.restore_packet_id(index, id),
            None => self.note_expiry(expiry),
        }
        Ok(())
    }

    /// Until all records are read, the identifier is kept in the image: a later record may bring
    /// another one.
    fn restore_packet_id(&mut self, index: u32, id: PacketId) {
        let Some(flow) = self.flows.get_mut(index) else { return };
        if let FlowKind::Publish { carried, .. } = &mut flow.kind {
            *carried = true;
        }
        if let Some(image) = &mut flow.image {
            set_packet_id(self.arena.bytes_mut(&mut image.head), id);
        }
    }

    /// The message with this number. Nothing was removed yet, so the slots are in their order.
    fn restored(&self, number: u64) -> Option<u32> {
        let (mut low, mut high) = (0, u32::try_from(self.flows.total()).unwrap_or(u32::MAX));
        while low < high {
            let middle = low.midpoint(high);
            let flow = self.flows.get(middle)?;
            match flow.message.cmp(&number) {
                core::cmp::Ordering::Less => low = middle + 1,
                core::cmp::Ordering::Equal => return Some(middle),
                core::cmp::Ordering::Greater => high = middle,
            }
        }
        None
    }

    fn restore_sent(&mut self, number: u64, mut fields: Fields<'_>) -> Result<(), Failure> {
        let id = PacketId::new(fields.u16()?).ok_or(Failure::Unreadable)?;
        let Some(index) = self.restored(number) else {
            return self.delete_orphan(RecordKind::Sent.key(number));
        };
        if let Some(flow) = self.flows.get_mut(index) {
            flow.has_sent_record = true;
        }
        self.restore_packet_id(index, id);
        Ok(())
    }

    /// They come in the order of their PUBRECs.
    fn restore_released(&mut self, number: u64, mut fields: Fields<'_>) -> Result<(), Failure> {
        self.journal.count_from(number);
        let Some(index) = self.restored(fields.u64()?) else {
            return self.delete_orphan(RecordKind::Released.key(number));
        };
        let flow = self.flows.get_mut(index).ok_or(Failure::Unreadable)?;
        let FlowKind::Publish { carried: true, .. } = flow.kind else {
            return Err(Failure::Unreadable);
        };
        flow.kind = FlowKind::Release { abandoned: None };
        flow.released = number;
        self.leave_waiting(index);
        self.flows.move_to(index, Lane::Releasing);
        self.take_packet_id(index).ok_or(Failure::Unreadable)?;
        self.free_image(index);
        Ok(())
    }

    /// Makes the identifier in the image that of the flow; `None` if another one has it.
    fn take_packet_id(&mut self, index: u32) -> Option<()> {
        let image = self.flows.get(index)?.image.as_ref()?;
        let id = packet_id(self.arena.bytes(&image.head))?.get();
        if self.flows.find(id).is_some() {
            return None;
        }
        self.flows.set_key(index, id);
        Some(())
    }

    fn restore_packet_ids(&mut self) -> Result<(), RestoreError> {
        let mut at = self.flows.first(Lane::Waiting);
        while let Some(index) = at {
            at = self.flows.next(index);
            let Some(flow) = self.flows.get(index) else { break };
            let key = RecordKind::Message.key(flow.message);
            if let FlowKind::Publish { carried: true, .. } = flow.kind {
                self.take_packet_id(index).ok_or(RestoreError::Unreadable { key })?;
            }
        }
        Ok(())
    }

    /// A record about a message that is gone; a crash leaves those of one message at most.
    fn delete_orphan(&mut self, key: RecordKey) -> Result<(), Failure> {
        self.journal.push(RecordRef::Delete { key })?;
        Ok(())
    }

    fn restore_received(&mut self, number: u64) -> Result<(), Failure> {
        let id = u16::try_from(number).ok().filter(|id| *id > 0).ok_or(Failure::Unreadable)?;
        let answer = Some(ReasonCode::Success);
        let index =
            self.held.insert(Shelf::Known, Held { exactly_once: true, answer, needs: 0 })?;
        self.held.set_key(index, id);
        Ok(())
    }
}
