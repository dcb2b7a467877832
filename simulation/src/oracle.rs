//! What looks on: it reads the bytes both ways itself, keeps its own books, and knows the promises.

mod authenticating;
mod connection;
mod events;
mod keep_alive;
mod leaving;
mod memory;
mod operation;
mod received;
mod records;
mod sent;
mod verdict;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use mqtt_session::proto::Version;
use mqtt_session::{Event, Memory, Session, Time, Token};
use mqtt_testkit::{Direction, Trace, Watch};

use crate::tally::{Promise, Tally};
use crate::wire;
use connection::Connection;
pub(crate) use events::Seen;
pub(crate) use memory::Holding;
pub(crate) use operation::{Kind, Operation, Publish, Request};
use received::Inbound;
pub(crate) use records::Store;

/// A promise that was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Broken {
    pub(crate) promise: Promise,
    pub(crate) how: String,
}

/// What is known of a client beside its bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Facts {
    pub(crate) number: u16,
    pub(crate) level: u8,
    pub(crate) has_store: bool,
    /// Its memory grows.
    pub(crate) grows: bool,
    pub(crate) max_in_flight: Option<u16>,
    /// Announced, where the version can say it.
    pub(crate) receive_maximum: u16,
    /// After a session loss these are sent again.
    pub(crate) repeats: [bool; 2],
    pub(crate) wants_aliases: bool,
    /// It proves who it is (section 4.12).
    pub(crate) authenticates: bool,
    /// How long the answer to a request may take.
    pub(crate) response_timeout: Duration,
}

/// The books of one client.
pub(crate) struct Oracle {
    pub(crate) facts: Facts,
    pub(crate) tally: Tally,
    pub(crate) broken: Option<Broken>,
    /// Of all bytes and when they went.
    pub(crate) hash: u64,
    pub(crate) trace: Option<Trace>,
    pub(crate) store: Store,
    now: Time,
    connection: Option<Connection>,
    /// In the order they were accepted.
    pub(crate) operations: Vec<Operation>,
    tokens: Vec<(Token, usize)>,
    /// Ends without an answer since a restart, of what nobody can name.
    nameless: usize,
    /// Open publishes that the broker may know, by Packet Identifier.
    flows: BTreeMap<u16, usize>,
    /// Those past PUBREC, in the order of the PUBRECs.
    released: Vec<usize>,
    /// Those whose records could not be stored, and that were not seen to fail yet.
    unstored: Vec<usize>,
    /// After an end that blames content: up to this one messages are sent again one at a time.
    last_suspect: Option<usize>,
    /// The broker's messages that are not finished.
    inbound: BTreeMap<u16, Inbound>,
    /// How far this end knows the broker's session.
    knowledge: Knowledge,
    /// In a session taken over from an unknown: identifiers the broker was made to let go of.
    clean: BTreeSet<u16>,
    /// Received, and not used up by the session.
    incoming: Vec<u8>,
    /// Bytes of the longest packet received so far.
    longest_packet: usize,
    event: Option<Seen>,
    /// What the session told, for its owner.
    pub(crate) seen: VecDeque<Seen>,
}

/// What this end knows of the broker's session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Knowledge {
    /// Nothing: what there is was begun by somebody else.
    None,
    /// All of it.
    Whole,
    /// What came since it was taken over.
    Adopted,
}

impl Oracle {
    pub(crate) fn new(facts: Facts, is_traced: bool) -> Oracle {
        let version = if facts.level == 5 { Version::V5 } else { Version::V3_1_1 };
        Oracle {
            facts,
            tally: Tally::default(),
            broken: None,
            hash: 0,
            trace: is_traced.then(|| Trace::new(version)),
            store: Store::default(),
            now: Time::ZERO,
            connection: None,
            operations: Vec::new(),
            tokens: Vec::new(),
            nameless: 0,
            flows: BTreeMap::new(),
            released: Vec::new(),
            unstored: Vec::new(),
            last_suspect: None,
            inbound: BTreeMap::new(),
            knowledge: Knowledge::None,
            clean: BTreeSet::new(),
            incoming: Vec::new(),
            longest_packet: 0,
            event: None,
            seen: VecDeque::new(),
        }
    }

    /// Checks something that is promised.
    pub(crate) fn check(&mut self, promise: Promise, holds: bool, how: impl FnOnce() -> String) {
        self.tally.check(promise);
        if !holds && self.broken.is_none() {
            self.broken = Some(Broken { promise, how: how() });
        }
    }

    /// Adds a line to the trace.
    pub(crate) fn note(&mut self, now: Time, what: impl std::fmt::Display) {
        if let Some(trace) = &mut self.trace {
            trace.note(now, what);
        }
    }

    /// A connection begins.
    pub(crate) fn begin(&mut self, now: Time) {
        if let Some(trace) = &mut self.trace {
            trace.begin(now);
        }
    }

    fn mix(&mut self, now: Time, direction: u64, bytes: &[u8]) {
        self.mix_word(now.as_micros() ^ direction << 62);
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.mix_word(u64::from_le_bytes(word));
        }
    }

    fn mix_word(&mut self, word: u64) {
        self.hash = (self.hash ^ word).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(29);
    }

    /// The time passed to here while the client was suspended.
    pub(crate) fn sleep(&mut self, now: Time) {
        self.now = now;
    }

    /// The time passed to here; everything that was due before has been done. Nothing can be sent while
    /// the link has no room.
    pub(crate) fn check_time(&mut self, now: Time, is_full: bool) {
        self.now = now;
        self.check_keep_alive(is_full);
    }
}

impl<M: Memory> Watch<M> for Oracle {
    fn event(&mut self, now: Time, _session: &mut Session<M>, event: Event<'_>) {
        self.now = now;
        self.event = Some(Seen::of(&event));
    }

    fn transmitted(&mut self, now: Time, bytes: &[u8]) {
        self.now = now;
        self.mix(now, 1, bytes);
        if let Some(trace) = &mut self.trace {
            trace.record(now, Direction::ToServer, bytes);
        }
        let mut rest = bytes;
        while !rest.is_empty() {
            let packet = wire::packet_len(rest).and_then(|len| rest.split_at_checked(len));
            let read = packet.and_then(|(packet, behind)| {
                rest = behind;
                Some((packet.len(), wire::read(packet, self.facts.level)?))
            });
            self.check(Promise::Ver1, read.is_some(), || format!("no packet: {bytes:02X?}"));
            let Some((len, packet)) = read else { return };
            self.note_sent(len, &packet);
        }
    }

    fn written(&mut self, now: Time) {
        self.now = now;
        self.note_sending();
    }

    fn received(&mut self, now: Time, bytes: &[u8]) {
        self.now = now;
        self.tally.steps += 1;
        self.mix(now, 2, bytes);
        if let Some(trace) = &mut self.trace {
            trace.record(now, Direction::ToClient, bytes);
        }
        self.incoming.extend_from_slice(bytes);
        if let Some(connection) = &mut self.connection {
            connection.keep_alive.heard_at = now;
        }
    }

    fn served(&mut self, _now: Time, _bytes: &[u8]) {
        self.tally.steps += 1;
    }

    fn polled(&mut self, now: Time, left: usize) {
        self.now = now;
        let incoming = std::mem::take(&mut self.incoming);
        let used = incoming.len().saturating_sub(left);
        let mut at = 0;
        let mut due = None;
        while let Some(len) = wire::packet_len(incoming.get(at..).unwrap_or_default())
            && let Some(packet) = incoming.get(at..at + len)
            && at + len <= used
        {
            self.longest_packet = self.longest_packet.max(len);
            self.settle(due.take(), None);
            match wire::read(packet, self.facts.level) {
                Some(packet) => due = self.note_received(&packet),
                None => self.check(Promise::Ver1, false, || format!("no packet: {packet:02X?}")),
            }
            at += len;
        }
        let event = self.event.take();
        self.settle(due, event.as_ref());
        self.seen.extend(event);
        self.incoming = incoming;
        self.incoming.drain(..at);
    }

    fn ended(&mut self, now: Time) {
        self.now = now;
        if let Some(trace) = &mut self.trace {
            trace.end(now);
        }
    }
}
