//! The queue between the driver and the task that takes the messages.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use super::wake;
use crate::wire::Publish;

/// With this many messages waiting, the driver stops reading. It may exceed it by one read.
const LIMIT: usize = 512;

/// An owned message: topic and payload in one allocation.
#[derive(Debug)]
pub(super) struct Message {
    bytes: Box<[u8]>,
    topic_len: usize,
}

impl Message {
    pub(super) fn payload(&self) -> &[u8] {
        &self.bytes[self.topic_len..]
    }
}

#[derive(Debug)]
pub(super) struct Queue {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
pub(super) struct State {
    messages: VecDeque<Message>,
    closed: bool,
    driver: Option<Waker>,
    consumer: Option<Waker>,
}

impl Queue {
    pub(super) fn new() -> Self {
        let state = State { messages: VecDeque::with_capacity(4 * LIMIT), ..State::default() };
        Self { state: Mutex::new(state) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets `push` append what one read brought, under one lock, then wakes the consumer.
    pub(super) fn extend<T>(&self, push: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.lock();
        let pushed = push(&mut state);
        let consumer = state.consumer.take();
        drop(state);
        wake(consumer);
        pushed
    }

    /// The next message; `None` when the driver has ended.
    pub(super) fn poll_next(&self, cx: &Context<'_>) -> Poll<Option<Message>> {
        let mut state = self.lock();
        match state.messages.pop_front() {
            Some(message) => {
                if state.messages.is_empty() {
                    let driver = state.driver.take();
                    drop(state);
                    wake(driver);
                }
                Poll::Ready(Some(message))
            }
            None if state.closed => Poll::Ready(None),
            None => {
                state.consumer = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }

    /// Whether the driver may read; if not, it is woken when the queue is empty.
    pub(super) fn poll_room(&self, cx: &Context<'_>) -> Poll<()> {
        let mut state = self.lock();
        if state.messages.len() < LIMIT {
            return Poll::Ready(());
        }
        state.driver = Some(cx.waker().clone());
        Poll::Pending
    }

    /// The driver has ended.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        let consumer = state.consumer.take();
        drop(state);
        wake(consumer);
    }
}

impl State {
    /// Appends a copy.
    pub(super) fn push(&mut self, publish: &Publish<'_>) {
        let mut bytes = Vec::with_capacity(publish.topic.len() + publish.payload.len());
        bytes.extend_from_slice(publish.topic);
        bytes.extend_from_slice(publish.payload);
        let topic_len = publish.topic.len();
        self.messages.push_back(Message { bytes: bytes.into_boxed_slice(), topic_len });
    }
}
