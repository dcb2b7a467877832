//! The messages that wait for the reader of a subscription.

use std::collections::VecDeque;
use std::mem;
use std::task::Waker;

use crate::message::Arrived;
use crate::{DropPolicy, Overflow};

/// The messages a stream has not taken yet.
#[derive(Debug)]
pub(crate) struct StreamQueue {
    messages: VecDeque<Arrived>,
    waker: Option<Waker>,
    shape: Shape,
    /// QoS 0 messages among them.
    qos0: usize,
    /// Bytes of these.
    qos0_bytes: usize,
    /// Bytes of the QoS 0 messages the reader took last.
    taken_bytes: usize,
}

/// What may wait, and what happens beyond.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// `held_bytes` of the client or the overflow policy limits QoS 0, Receive Maximum or a limit
    /// of its own QoS 1/2.
    Stream { buffer: usize, overflow: Overflow, hold_limit: Option<(usize, DropPolicy)> },
    /// So many messages, whatever their QoS.
    Queue { size: usize, policy: DropPolicy },
}

impl StreamQueue {
    pub(crate) fn new(shape: Shape) -> StreamQueue {
        let messages = VecDeque::new();
        let (qos0, qos0_bytes, taken_bytes) = (0, 0, 0);
        StreamQueue { messages, waker: None, shape, qos0, qos0_bytes, taken_bytes }
    }

    /// What has to be dropped so that there is one message more: `None` while there is room.
    /// Without a reader (`is_read`) QoS 0 is not kept.
    #[inline]
    pub(crate) fn drops_for(&self, is_qos0: bool, is_read: bool) -> Option<DropPolicy> {
        if is_qos0 && !is_read {
            return Some(DropPolicy::DropNewest);
        }
        let (len, limit, policy) = match self.shape {
            Shape::Stream { buffer, overflow, .. } if is_qos0 => {
                (self.qos0, buffer, overflow.policy()?)
            }
            Shape::Stream { hold_limit, .. } => {
                let (limit, policy) = hold_limit?;
                (self.messages.len() - self.qos0, limit, policy)
            }
            Shape::Queue { size, policy } => (self.messages.len(), size, policy),
        };
        (len >= limit).then_some(policy)
    }

    /// Appends a message.
    #[inline]
    pub(crate) fn push(&mut self, arrived: Arrived) {
        if arrived.is_qos0() {
            self.qos0 += 1;
            self.qos0_bytes += arrived.size();
        }
        self.messages.push_back(arrived);
    }

    /// Takes the message that has waited longest out, to make room for one of this kind.
    pub(crate) fn drop_oldest(&mut self, is_qos0: bool) -> Option<Arrived> {
        let oldest = match self.shape {
            Shape::Stream { .. } => {
                self.messages.iter().position(|arrived| arrived.is_qos0() == is_qos0)?
            }
            Shape::Queue { .. } => 0,
        };
        let arrived = self.messages.remove(oldest)?;
        if arrived.is_qos0() {
            self.qos0 -= 1;
            self.qos0_bytes -= arrived.size();
        }
        Some(arrived)
    }

    /// Moves all messages to a reader that has none left of those it took before.
    pub(crate) fn take(&mut self, reader: &mut VecDeque<Arrived>) {
        mem::swap(&mut self.messages, reader);
        self.taken_bytes = mem::take(&mut self.qos0_bytes);
        self.qos0 = 0;
    }

    /// Keeps `waker` until a message comes; the one kept before is left in its place.
    pub(crate) fn wait(&mut self, waker: &mut Option<Waker>) {
        mem::swap(&mut self.waker, waker);
    }

    /// Whom to wake.
    pub(crate) fn wake(&mut self) -> Option<Waker> {
        self.waker.take()
    }

    /// Bytes of the QoS 0 messages here, and of those the reader is about to hand out.
    pub(crate) fn held_bytes(&self) -> usize {
        self.qos0_bytes + self.taken_bytes
    }

    /// Gives back what a reader took and did not hand out, and lets go of QoS 0.
    pub(crate) fn put_back(&mut self, reader: &mut VecDeque<Arrived>) -> u64 {
        reader.append(&mut self.messages);
        mem::swap(&mut self.messages, reader);
        let all = self.messages.len();
        self.messages.retain(|arrived| !arrived.is_qos0());
        (self.qos0, self.qos0_bytes, self.taken_bytes) = (0, 0, 0);
        u64::try_from(all - self.messages.len()).unwrap_or(u64::MAX)
    }

    /// All that is left.
    pub(crate) fn into_messages(self) -> VecDeque<Arrived> {
        self.messages
    }
}

impl Overflow {
    fn policy(self) -> Option<DropPolicy> {
        match self {
            Overflow::Pause => None,
            Overflow::DropNewest => Some(DropPolicy::DropNewest),
            Overflow::DropOldest => Some(DropPolicy::DropOldest),
        }
    }
}
