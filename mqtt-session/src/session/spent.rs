//! Payloads kept without a copy, on their way back to who gave them.

use super::{Session, SessionState};
use crate::Memory;
use crate::memory::Queue;

impl<M: Memory> Session<M> {
    /// The next payload that was kept without a copy and is needed no more. Only with
    /// [`Config::hand_back`](crate::Config::hand_back), which memory of a fixed size does not need:
    /// its payloads are lent for ever.
    pub fn poll_spent(&mut self) -> Option<M::Body> {
        self.state.spent.as_mut()?.pop_front()
    }
}

impl<M: Memory> SessionState<M> {
    pub(super) fn note_spent(&mut self, body: Option<M::Body>) {
        if let (Some(spent), Some(body)) = (&mut self.spent, body) {
            spent.push_back(body).ok();
        }
    }
}
