//! What is held for a client, against its options and what is unfinished by the books.

use super::Oracle;
use super::connection::Connection;
use crate::tally::Promise;

/// The receive buffer is no longer than this, unless a packet is.
const STEADY: usize = 16 << 10;

/// Answers to packets that belong to nothing: so many wait at most, then nothing more is read.
const STRAYS: usize = 8;

/// What a session says it holds, and how long the receive buffer is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Holding {
    /// Messages of the broker that are not finished.
    pub(crate) messages: usize,
    /// QoS 1 and 2 publishes that are not finished.
    pub(crate) publishes: usize,
    /// In bytes.
    pub(crate) buffer: usize,
}

impl Oracle {
    /// Nothing is held that is finished, and no more than the options say.
    pub(crate) fn check_holding(&mut self, holding: Holding) {
        let Holding { messages, publishes, buffer } = holding;
        let unfinished = self.inbound.len();
        self.check(Promise::Bad3, messages <= unfinished, || {
            format!("{messages} messages are held, {unfinished} are unfinished")
        });
        let most = self.most_messages();
        self.check(Promise::Bad3, messages <= most, || {
            format!("{messages} messages are held, {most} at most")
        });
        let open = self.operations.iter().filter(|operation| {
            operation.is_open() && operation.publish().is_some_and(|publish| publish.qos > 0)
        });
        let open = open.count();
        self.check(Promise::Bad3, publishes <= open, || {
            format!("{publishes} publishes are kept, {open} are open")
        });
        let strays = self.connection.as_ref().map_or(0, Connection::strays);
        self.check(Promise::Bad3, strays <= STRAYS, || {
            format!("{strays} packets that belong to nothing wait for their answers")
        });
        let longest = self.longest_packet.max(STEADY);
        self.check(Promise::Bad3, buffer <= longest, || {
            format!("a buffer of {buffer} bytes, {longest} at most")
        });
    }

    /// Twice Receive Maximum is let pass, or 32 more; and as many again from earlier connections.
    fn most_messages(&self) -> usize {
        let announced = usize::from(self.facts.receive_maximum);
        2 * (2 * announced).max(announced + 32)
    }
}
