//! Where a session keeps things: growing on the heap, or within four numbers.

#[cfg(feature = "fixed")]
mod fixed;
#[cfg(feature = "alloc")]
mod heap;

#[cfg(feature = "fixed")]
pub use fixed::Fixed;
#[cfg(feature = "alloc")]
pub use heap::Heap;

use crate::record::RecordRef;
use crate::session::{Filter, Flow, Held, Lane, Shelf};
use crate::table::Slot;

/// What a session and its connections are made of. [`Heap`](crate::Heap) grows,
/// [`Fixed`](crate::Fixed) does not; there are no others.
#[allow(private_bounds, private_interfaces, reason = "the parts are for the two memories only")]
pub trait Memory: Sized {
    /// A payload kept as the application gave it.
    type Body: AsRef<[u8]>;

    /// Payloads from this length on, in bytes, are kept and not copied.
    const KEEP_FROM: usize;
    #[doc(hidden)]
    type Flows: List<Slot<Flow<Self>, Lane>>;
    #[doc(hidden)]
    type FlowKeys: List<u32>;
    #[doc(hidden)]
    type Held: List<Slot<Held, Shelf>>;
    #[doc(hidden)]
    type HeldKeys: List<u32>;
    #[doc(hidden)]
    type Filters: List<Filter<Self>>;
    #[doc(hidden)]
    type ClientId: List<u8>;
    #[doc(hidden)]
    type Records: Queue<RecordRef>;
    #[doc(hidden)]
    type Spent: Queue<Self::Body>;
    #[doc(hidden)]
    type Arena: Arena;
    #[doc(hidden)]
    type Input: Storage;
    #[doc(hidden)]
    type Topics: Topics;
}

/// The payload of a message to publish.
#[derive(Clone, Copy, Debug)]
pub enum Payload<'a, B> {
    /// Copied before `publish` returns.
    Copy(&'a [u8]),
    /// Kept, and copied only if it is small.
    Keep(B),
}

impl<B: AsRef<[u8]>> Payload<'_, B> {
    pub(crate) fn bytes(&self) -> &[u8] {
        match self {
            Payload::Copy(bytes) => bytes,
            Payload::Keep(body) => body.as_ref(),
        }
    }

    /// Bytes that are not copied when payloads of `from` bytes and more are kept.
    pub(crate) fn kept_len(&self, from: usize) -> usize {
        match self {
            Payload::Keep(body) if body.as_ref().len() >= from => body.as_ref().len(),
            Payload::Copy(_) | Payload::Keep(_) => 0,
        }
    }

    /// The payload if it is kept.
    pub(crate) fn into_kept(self, from: usize) -> Option<B> {
        match self {
            Payload::Keep(body) if !body.as_ref().is_empty() && body.as_ref().len() >= from => {
                Some(body)
            }
            Payload::Copy(_) | Payload::Keep(_) => None,
        }
    }
}

/// There is no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

/// A sequence that is indexed by slices and grows at its end, up to `LIMIT`.
pub trait List<T>: Default + AsRef<[T]> + AsMut<[T]> {
    const LIMIT: Option<usize>;
    fn push(&mut self, value: T) -> Result<(), Full>;
    /// Takes one out; those behind it move up.
    fn remove(&mut self, index: usize) -> T;
}

/// First in, first out.
pub trait Queue<T>: Default {
    fn push_back(&mut self, value: T) -> Result<(), Full>;
    fn pop_front(&mut self) -> Option<T>;
    fn len(&self) -> usize;
    /// How many more can be pushed.
    fn room(&self) -> usize;
}

/// Gives out blocks of bytes.
pub trait Arena: Default {
    type Block;
    /// A block of this length; what it holds is not defined.
    fn take(&mut self, len: usize) -> Result<Self::Block, Full>;
    /// A block that holds `len` bytes of another one, from `at` on.
    fn copy(&mut self, block: &Self::Block, at: usize, len: usize) -> Result<Self::Block, Full>;
    fn bytes<'a>(&'a self, block: &'a Self::Block) -> &'a [u8];
    fn bytes_mut<'a>(&'a mut self, block: &'a mut Self::Block) -> &'a mut [u8];
    /// Appends `more` bytes to a block, where that is cheap; `false` when it is not, or they
    /// could not be filled.
    fn append(
        &mut self,
        block: &mut Self::Block,
        more: usize,
        fill: impl FnOnce(&mut [u8]) -> bool,
    ) -> bool;
    fn give_back(&mut self, block: Self::Block);
    /// The longest block there could be when nothing else is stored.
    const LIMIT: usize;
}

/// The bytes behind [`Inbound`](crate::Inbound).
pub trait Storage: Default + AsRef<[u8]> + AsMut<[u8]> {
    /// Makes it this long if it can; the new bytes are at the end.
    fn resize(&mut self, len: usize);
    /// The longest packet it can be made to hold.
    const LIMIT: usize;
}

/// The topics that aliases stand for on one connection, in one direction.
pub trait Topics: Default {
    /// The largest alias there can be; 0 for none.
    const LIMIT: u16;
    fn get(&self, alias: u16) -> Option<&str>;
    /// Has an alias of 1 to `LIMIT` stand for this topic, which is not empty.
    fn set(&mut self, alias: u16, topic: &str);
}

/// The block type of a memory.
pub(crate) type Block<M> = <<M as Memory>::Arena as Arena>::Block;
