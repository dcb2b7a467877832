//! Memory that grows.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use super::{Arena, Full, List, Memory, Queue, Storage};
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
    type Arena = Pool;
    type Input = Vec<u8>;
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

/// Spare buffers kept, and how large one may be: at most 4 MiB in all.
const SPARE_BUFFERS: usize = 1024;
const SPARE_CAPACITY: usize = 4096;

impl Arena for Pool {
    type Block = Vec<u8>;

    fn take(&mut self, len: usize) -> Result<Vec<u8>, Full> {
        let mut block = self.spare.pop().unwrap_or_default();
        block.resize(len, 0);
        Ok(block)
    }

    fn bytes<'a>(&'a self, block: &'a Vec<u8>) -> &'a [u8] {
        block
    }

    fn bytes_mut<'a>(&'a mut self, block: &'a mut Vec<u8>) -> &'a mut [u8] {
        block
    }

    fn give_back(&mut self, block: Vec<u8>) {
        if block.capacity() <= SPARE_CAPACITY && self.spare.len() < SPARE_BUFFERS {
            self.spare.push(block);
        }
    }

    const LIMIT: usize = usize::MAX;
}

impl Storage for Vec<u8> {
    fn resize(&mut self, len: usize) {
        Vec::resize(self, len, 0);
        self.shrink_to(len);
    }

    const LIMIT: usize = usize::MAX;
}
