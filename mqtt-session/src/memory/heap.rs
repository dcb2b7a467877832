//! Memory that grows.

use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::vec::Vec;

use super::{Arena, Full, List, Memory, Queue, Storage, Topics};
use crate::record::RecordRef;
use crate::session::{Filter, Flow, Held, Lane, Shelf};
use crate::table::Slot;

/// Memory that grows. `B` is the type of payloads kept without a copy.
#[derive(Debug)]
pub struct Heap<B = Vec<u8>>(core::marker::PhantomData<B>);

#[allow(private_interfaces, reason = "the parts are for the two memories only")]
impl<B: AsRef<[u8]>> Memory for Heap<B> {
    type Body = B;
    const KEEP_FROM: usize = 4096;
    type Flows = Vec<Slot<Flow<Self>, Lane>>;
    type FlowKeys = Vec<u32>;
    type Held = Vec<Slot<Held, Shelf>>;
    type HeldKeys = Vec<u32>;
    type Filters = Vec<Filter<Self>>;
    type ClientId = Vec<u8>;
    type Records = VecDeque<RecordRef>;
    type Spent = VecDeque<B>;
    type Arena = Pool;
    type Input = Vec<u8>;
    type Topics = Aliased;
}

impl<T> List<T> for Vec<T> {
    const LIMIT: Option<usize> = None;

    fn push(&mut self, value: T) -> Result<(), Full> {
        Vec::push(self, value);
        Ok(())
    }

    fn remove(&mut self, index: usize) -> T {
        Vec::remove(self, index)
    }
}

impl<T> Queue<T> for VecDeque<T> {
    fn push_back(&mut self, value: T) -> Result<(), Full> {
        VecDeque::push_back(self, value);
        Ok(())
    }

    fn pop_front(&mut self) -> Option<T> {
        VecDeque::pop_front(self)
    }

    fn len(&self) -> usize {
        VecDeque::len(self)
    }

    fn room(&self) -> usize {
        usize::MAX
    }
}

/// Buffers given back are given out again, so a steady stream of messages allocates nothing.
#[derive(Debug, Default)]
pub struct Pool {
    spare: Vec<Vec<u8>>,
}

/// The first `len` bytes of a buffer; those behind stay initialised, ready to be used.
#[derive(Debug)]
pub struct Buffer {
    bytes: Vec<u8>,
    len: usize,
}

/// Spare buffers kept, and how large one may be: at most 8 MiB in all.
const SPARE_BUFFERS: usize = 1024;
const SPARE_CAPACITY: usize = 2 * APPEND_TO;

/// How long a block may get by appending; growing in steps can make its buffer twice as large.
const APPEND_TO: usize = 4096;

impl Buffer {
    #[inline]
    fn set_len(&mut self, len: usize) {
        if len > self.bytes.len() {
            self.bytes.resize(len, 0);
        }
        self.len = len;
    }
}

impl Arena for Pool {
    type Block = Buffer;

    fn take(&mut self, len: usize) -> Result<Buffer, Full> {
        let mut block = Buffer { bytes: self.spare.pop().unwrap_or_default(), len: 0 };
        block.set_len(len);
        Ok(block)
    }

    fn copy(&mut self, block: &Buffer, at: usize, len: usize) -> Result<Buffer, Full> {
        let mut copy = self.take(len)?;
        if let Some(from) = block.bytes.get(at..at + len) {
            self.bytes_mut(&mut copy).copy_from_slice(from);
        }
        Ok(copy)
    }

    fn bytes<'a>(&'a self, block: &'a Buffer) -> &'a [u8] {
        block.bytes.get(..block.len).unwrap_or_default()
    }

    fn bytes_mut<'a>(&'a mut self, block: &'a mut Buffer) -> &'a mut [u8] {
        block.bytes.get_mut(..block.len).unwrap_or_default()
    }

    fn append(
        &mut self,
        block: &mut Buffer,
        more: usize,
        fill: impl FnOnce(&mut [u8]) -> bool,
    ) -> bool {
        let len = block.len;
        if len + more > APPEND_TO {
            return false;
        }
        block.set_len(len + more);
        let filled = block.bytes.get_mut(len..len + more).is_some_and(fill);
        if !filled {
            block.len = len;
        }
        filled
    }

    fn give_back(&mut self, block: Buffer) {
        if block.bytes.capacity() <= SPARE_CAPACITY && self.spare.len() < SPARE_BUFFERS {
            self.spare.push(block.bytes);
        }
    }

    const LIMIT: usize = usize::MAX;
}

impl Storage for Vec<u8> {
    fn resize(&mut self, len: usize) {
        // No more than asked for: the length is what bounds the memory.
        self.reserve_exact(len.saturating_sub(self.len()));
        Vec::resize(self, len, 0);
        self.shrink_to(len);
    }

    const LIMIT: usize = usize::MAX;
}

/// Topics by alias; each keeps its buffer for the next topic of its alias.
#[derive(Debug, Default)]
pub struct Aliased {
    topics: Vec<String>,
}

impl Topics for Aliased {
    const LIMIT: u16 = u16::MAX;

    fn get(&self, alias: u16) -> Option<&str> {
        let topic = self.topics.get(usize::from(alias).checked_sub(1)?)?;
        (!topic.is_empty()).then_some(topic)
    }

    fn set(&mut self, alias: u16, topic: &str) {
        let needed = usize::from(alias);
        if self.topics.len() < needed {
            self.topics.resize_with(needed, String::new);
        }
        if let Some(place) = self.topics.get_mut(needed.saturating_sub(1)) {
            place.clear();
            place.reserve_exact(topic.len());
            place.push_str(topic);
        }
    }
}
