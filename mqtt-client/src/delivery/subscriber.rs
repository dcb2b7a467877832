//! One subscription and the messages that wait in it.

use std::collections::VecDeque;
use std::mem;
use std::sync::{Arc, Mutex};
use std::task::Waker;

use mqtt_session::Time;
use mqtt_session::proto::SubscriptionOptions;

use super::Retained;
use crate::message::Arrived;
use crate::{Ack, Message, Overflow};

/// A callback; its own lock is free whenever the driver does not run it.
pub(crate) type Callback = Arc<Mutex<dyn FnMut(&Message) + Send>>;

/// A subscription as the state knows it.
pub(crate) struct Subscriber {
    pub(crate) filter: Box<str>,
    /// What was asked for.
    pub(crate) wire: SubscriptionOptions,
    /// The Subscription Identifier asked for with it (5.0).
    pub(crate) identifier: Option<u32>,
    pub(crate) retained: Retained,
    pub(crate) ack: Ack,
    pub(crate) sink: Sink,
    pub(crate) phase: Phase,
}

/// Where its messages go.
pub(crate) enum Sink {
    Stream(StreamQueue),
    Callback(Callback),
}

/// Whether messages still come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Active,
    /// The handle was dropped; UNSUBSCRIBE follows at this time, once the driver has set it.
    Detached(Option<Time>),
    /// No more messages come; what is there can still be read.
    Ended,
}

/// The messages a stream has not taken yet.
///
/// Receive Maximum limits those of QoS 1/2, `held_bytes` or the overflow policy those of QoS 0.
#[derive(Debug)]
pub(crate) struct StreamQueue {
    messages: VecDeque<Arrived>,
    waker: Option<Waker>,
    overflow: Overflow,
    buffer: usize,
    /// QoS 0 messages among them.
    qos0: usize,
    /// Bytes of these.
    qos0_bytes: usize,
    /// Bytes of the QoS 0 messages the reader took last.
    taken_bytes: usize,
}

impl StreamQueue {
    pub(crate) fn new(overflow: Overflow, buffer: usize) -> StreamQueue {
        let messages = VecDeque::new();
        let (qos0, qos0_bytes, taken_bytes) = (0, 0, 0);
        StreamQueue { messages, waker: None, overflow, buffer, qos0, qos0_bytes, taken_bytes }
    }

    /// Appends a message; returns whether one of QoS 0 had to go. Without a reader (`is_read`) QoS 0
    /// is not kept.
    #[inline]
    pub(crate) fn push(&mut self, arrived: Arrived, is_read: bool) -> bool {
        let mut dropped = false;
        if arrived.is_qos0() {
            dropped = self.qos0 >= self.buffer && self.overflow != Overflow::Pause;
            if !is_read || (dropped && self.overflow == Overflow::DropNewest) {
                return true;
            }
            if dropped {
                self.drop_oldest();
            }
            self.qos0 += 1;
            self.qos0_bytes += arrived.size();
        }
        self.messages.push_back(arrived);
        dropped
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

    fn drop_oldest(&mut self) {
        let oldest = self.messages.iter().position(Arrived::is_qos0);
        if let Some(arrived) = oldest.and_then(|index| self.messages.remove(index)) {
            self.qos0 -= 1;
            self.qos0_bytes -= arrived.size();
        }
    }
}
