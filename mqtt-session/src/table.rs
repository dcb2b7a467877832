//! A table of flows: slots that never move, each in exactly one ordered list, some with a key.
//!
//! ```text
//! slots   [ 0: value ][ 1: free ][ 2: value ][ 3: value ]
//! list A    0 ⇄ 3                 order of arrival in the list
//! list B    2
//! buckets   key mod n → slot → slot …   chains of slots with a key
//! ```
//! Everything but growing is constant time; with memory of a fixed size nothing grows.

use crate::memory::{Full, List};

const NIL: u32 = u32::MAX;

/// A slot of a [`Table`].
#[derive(Debug)]
pub struct Slot<T, L> {
    generation: u32,
    /// Neighbours in the list; of a free slot `next` is the next free one.
    previous: u32,
    next: u32,
    /// The next slot in the same bucket.
    chain: u32,
    /// Packet Identifier, 0 for none.
    key: u16,
    list: L,
    value: Option<T>,
}

#[derive(Clone, Copy, Debug)]
struct Ends {
    first: u32,
    last: u32,
    len: u32,
}

/// Slots in `LISTS` ordered lists.
#[derive(Debug)]
pub(crate) struct Table<T, L, S, B, const LISTS: usize> {
    slots: S,
    buckets: B,
    keys: usize,
    free: u32,
    lists: [Ends; LISTS],
    value: core::marker::PhantomData<(T, L)>,
}

impl<T, L, S, B, const LISTS: usize> Table<T, L, S, B, LISTS>
where
    L: Copy + Into<u8>,
    S: List<Slot<T, L>>,
    B: List<u32>,
{
    pub(crate) fn new() -> Self {
        Table {
            slots: S::default(),
            buckets: B::default(),
            keys: 0,
            free: NIL,
            lists: [Ends { first: NIL, last: NIL, len: 0 }; LISTS],
            value: core::marker::PhantomData,
        }
    }

    /// Puts a value at the end of a list.
    pub(crate) fn insert(&mut self, list: L, value: T) -> Result<u32, Full> {
        let index = self.free_slot(list)?;
        if let Some(slot) = self.slots.as_mut().get_mut(index as usize) {
            self.free = slot.next;
            slot.value = Some(value);
        }
        self.link_last(index, list);
        Ok(index)
    }

    fn free_slot(&mut self, list: L) -> Result<u32, Full> {
        if self.free != NIL {
            return Ok(self.free);
        }
        let index = u32::try_from(self.slots.as_ref().len()).map_err(|_| Full)?;
        self.slots.push(Slot {
            generation: 0,
            previous: NIL,
            next: NIL,
            chain: NIL,
            key: 0,
            list,
            value: None,
        })?;
        Ok(index)
    }

    /// Whether `insert` would find a slot.
    pub(crate) fn has_room(&self) -> bool {
        self.free != NIL || S::LIMIT.is_none_or(|limit| self.slots.as_ref().len() < limit)
    }

    /// Takes a value out; its slot gets a new generation.
    pub(crate) fn remove(&mut self, index: u32) -> Option<T> {
        self.get(index)?;
        self.clear_key(index);
        self.unlink(index);
        let free = self.free;
        let slot = self.slots.as_mut().get_mut(index as usize)?;
        slot.generation = slot.generation.wrapping_add(1);
        slot.next = free;
        self.free = index;
        slot.value.take()
    }

    pub(crate) fn get(&self, index: u32) -> Option<&T> {
        self.slots.as_ref().get(index as usize)?.value.as_ref()
    }

    pub(crate) fn get_mut(&mut self, index: u32) -> Option<&mut T> {
        self.slots.as_mut().get_mut(index as usize)?.value.as_mut()
    }

    /// The generation of the value now in this slot.
    pub(crate) fn generation(&self, index: u32) -> u32 {
        self.slots.as_ref().get(index as usize).map_or(0, |slot| slot.generation)
    }

    /// Whether the slot still holds the value of that generation.
    pub(crate) fn is_current(&self, index: u32, generation: u32) -> bool {
        self.get(index).is_some() && self.generation(index) == generation
    }

    /// The list the value is in.
    pub(crate) fn list_of(&self, index: u32) -> Option<L> {
        let slot = self.slots.as_ref().get(index as usize)?;
        slot.value.as_ref().map(|_| slot.list)
    }

    /// The Packet Identifier of the value, 0 for none.
    pub(crate) fn key(&self, index: u32) -> u16 {
        self.slots.as_ref().get(index as usize).map_or(0, |slot| slot.key)
    }

    pub(crate) fn first(&self, list: L) -> Option<u32> {
        let first = self.ends(list).first;
        (first != NIL).then_some(first)
    }

    pub(crate) fn last(&self, list: L) -> Option<u32> {
        let last = self.ends(list).last;
        (last != NIL).then_some(last)
    }

    /// The one after `index` in its list.
    pub(crate) fn next(&self, index: u32) -> Option<u32> {
        let next = self.slots.as_ref().get(index as usize)?.next;
        (next != NIL).then_some(next)
    }

    /// The values of a list in order.
    pub(crate) fn iter(&self, list: L) -> impl Iterator<Item = u32> {
        core::iter::successors(self.first(list), |index| self.next(*index))
    }

    pub(crate) fn len(&self, list: L) -> usize {
        self.ends(list).len as usize
    }

    pub(crate) fn is_empty(&self, list: L) -> bool {
        self.len(list) == 0
    }

    /// Values in all lists.
    pub(crate) fn total(&self) -> usize {
        self.lists.iter().map(|ends| ends.len as usize).sum()
    }

    /// Moves a value to the end of a list, which may be its own.
    pub(crate) fn move_to(&mut self, index: u32, list: L) {
        if self.get(index).is_some() {
            self.unlink(index);
            self.link_last(index, list);
        }
    }

    /// Puts all of `from`, in order, before what is in `to`.
    pub(crate) fn prepend(&mut self, from: L, to: L) {
        let moved = self.ends(from);
        if moved.len == 0 {
            return;
        }
        let mut at = moved.first;
        while let Some(slot) = self.slots.as_mut().get_mut(at as usize) {
            slot.list = to;
            at = slot.next;
        }
        let before = self.ends(to);
        if before.len == 0 {
            self.set_ends(to, moved);
        } else {
            if let Some(last) = self.slots.as_mut().get_mut(moved.last as usize) {
                last.next = before.first;
            }
            if let Some(first) = self.slots.as_mut().get_mut(before.first as usize) {
                first.previous = moved.last;
            }
            let len = before.len + moved.len;
            self.set_ends(to, Ends { first: moved.first, last: before.last, len });
        }
        self.set_ends(from, Ends { first: NIL, last: NIL, len: 0 });
    }

    fn ends(&self, list: L) -> Ends {
        let none = Ends { first: NIL, last: NIL, len: 0 };
        self.lists.get(usize::from(list.into())).copied().unwrap_or(none)
    }

    fn set_ends(&mut self, list: L, ends: Ends) {
        if let Some(place) = self.lists.get_mut(usize::from(list.into())) {
            *place = ends;
        }
    }

    fn link_last(&mut self, index: u32, list: L) {
        let mut ends = self.ends(list);
        if let Some(slot) = self.slots.as_mut().get_mut(index as usize) {
            slot.list = list;
            slot.previous = ends.last;
            slot.next = NIL;
        }
        match self.slots.as_mut().get_mut(ends.last as usize) {
            Some(last) => last.next = index,
            None => ends.first = index,
        }
        ends.last = index;
        ends.len += 1;
        self.set_ends(list, ends);
    }

    fn unlink(&mut self, index: u32) {
        let Some(slot) = self.slots.as_ref().get(index as usize) else { return };
        let (list, previous, next) = (slot.list, slot.previous, slot.next);
        let mut ends = self.ends(list);
        match self.slots.as_mut().get_mut(previous as usize) {
            Some(slot) => slot.next = next,
            None => ends.first = next,
        }
        match self.slots.as_mut().get_mut(next as usize) {
            Some(slot) => slot.previous = previous,
            None => ends.last = previous,
        }
        ends.len -= 1;
        self.set_ends(list, ends);
    }
}

/// Keys.
impl<T, L, S, B, const LISTS: usize> Table<T, L, S, B, LISTS>
where
    L: Copy + Into<u8>,
    S: List<Slot<T, L>>,
    B: List<u32>,
{
    /// The value with this key.
    pub(crate) fn find(&self, key: u16) -> Option<u32> {
        let mut at = *self.buckets.as_ref().get(self.bucket(key)?)?;
        while let Some(slot) = self.slots.as_ref().get(at as usize) {
            if slot.key == key {
                return Some(at);
            }
            at = slot.chain;
        }
        None
    }

    /// Gives a value without a key one that no other value has.
    pub(crate) fn set_key(&mut self, index: u32, key: u16) {
        self.grow_buckets();
        self.keys += 1;
        if let Some(slot) = self.slots.as_mut().get_mut(index as usize) {
            slot.key = key;
        }
        self.chain(index);
    }

    pub(crate) fn clear_key(&mut self, index: u32) {
        let Some(slot) = self.slots.as_mut().get_mut(index as usize) else { return };
        let (key, after) = (slot.key, slot.chain);
        if key == 0 {
            return;
        }
        slot.key = 0;
        slot.chain = NIL;
        self.keys -= 1;
        let Some(bucket) = self.bucket(key) else { return };
        let Some(head) = self.buckets.as_mut().get_mut(bucket) else { return };
        if *head == index {
            *head = after;
            return;
        }
        let mut at = *head;
        while let Some(slot) = self.slots.as_mut().get_mut(at as usize) {
            if slot.chain == index {
                slot.chain = after;
                return;
            }
            at = slot.chain;
        }
    }

    /// How many values have a key.
    pub(crate) fn keys(&self) -> usize {
        self.keys
    }

    fn bucket(&self, key: u16) -> Option<usize> {
        usize::from(key).checked_rem(self.buckets.as_ref().len())
    }

    fn chain(&mut self, index: u32) {
        let Some(bucket) = self.bucket(self.key(index)) else { return };
        let Some(head) = self.buckets.as_mut().get_mut(bucket) else { return };
        let first = core::mem::replace(head, index);
        if let Some(slot) = self.slots.as_mut().get_mut(index as usize) {
            slot.chain = first;
        }
    }

    /// Keeps chains short: about one bucket per key, where the memory grows.
    fn grow_buckets(&mut self) {
        let have = self.buckets.as_ref().len();
        if self.keys < have {
            return;
        }
        let want = (have * 2).max(16);
        let mut grown = false;
        while self.buckets.as_ref().len() < want && self.buckets.push(NIL).is_ok() {
            grown = true;
        }
        if !grown {
            return;
        }
        self.buckets.as_mut().fill(NIL);
        for index in 0..self.slots.as_ref().len() {
            let index = u32::try_from(index).unwrap_or(NIL);
            if self.key(index) != 0 {
                self.chain(index);
            }
        }
    }
}

#[cfg(all(test, feature = "alloc"))]
mod tests;
