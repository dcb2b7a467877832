//! QoS 0 messages whose callers want them written.

use std::collections::VecDeque;

use mqtt_session::proto::ReasonCode;
use mqtt_session::{Failure, Time, Token};

use super::State;
use crate::driver::OutBuffer;
use crate::operations::{OperationKey, Unanswered};

/// Counts the bytes of all connections.
#[derive(Debug, Default)]
pub(crate) struct Unwritten {
    /// Bytes given to the driver.
    put: u64,
    /// Bytes the transport took and passed on.
    written: u64,
    /// Messages in their order, each with the bytes given to the driver up to its end or later.
    waiting: VecDeque<(u64, OperationKey)>,
}

impl Unwritten {
    /// How many wait to be written.
    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }
}

impl State {
    /// Collects what may leave now.
    pub(crate) fn collect(&mut self, now: Time, out: &mut OutBuffer) {
        let before = out.len();
        out.collect(now, &mut self.session);
        self.unwritten.put += (out.len() - before) as u64;
    }

    /// The transport took so many bytes and passed them on.
    pub(crate) fn handle_sent(&mut self, now: Time, sent: usize) {
        if sent == 0 {
            return;
        }
        self.stats.bytes_out += sent as u64;
        self.session.handle_sent(now, sent);
        let Unwritten { written, waiting, .. } = &mut self.unwritten;
        *written += sent as u64;
        while let Some((end, key)) = waiting.front().copied()
            && end <= *written
        {
            waiting.pop_front();
            let waker = self.operations.settle(key, Ok(ReasonCode::Success));
            self.after.wake(waker);
        }
    }

    /// A QoS 0 message was given to the driver.
    pub(super) fn handle_transmitted(&mut self, token: Token) {
        let Some(key) = self.operations.take(token) else { return };
        let Unwritten { put, written, waiting } = &mut self.unwritten;
        if put == written {
            let waker = self.operations.settle(key, Ok(ReasonCode::Success));
            self.after.wake(waker);
        } else {
            waiting.push_back((*put, key));
        }
    }

    /// The connection is over: what was not written never will be.
    pub(super) fn lose_unwritten(&mut self, failure: Failure) {
        self.unwritten.put = self.unwritten.written;
        for (_, key) in self.unwritten.waiting.drain(..) {
            let waker = self.operations.settle(key, Err(Unanswered::Failed(failure)));
            self.after.wake(waker);
        }
    }
}
