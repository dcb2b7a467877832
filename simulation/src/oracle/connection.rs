//! What is known of the connection there is.

use std::collections::{BTreeMap, VecDeque};

use mqtt_session::{CloseReason, Time};

use super::Oracle;
use super::authenticating::Turn;
use super::keep_alive::{KeepAlive, PING_TIMEOUT};
use super::leaving::Leaving;
use crate::tally::Promise;
use crate::wire::{Connect, Properties};

/// One connection, from its CONNECT on.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) stage: Stage,
    /// What this end announced.
    pub(super) announced: Properties,
    pub(super) keep_alive: KeepAlive,
    /// Who is to speak in an exchange of AUTH packets.
    pub(super) turn: Turn,
    /// The topics of this end's aliases, and of the broker's.
    pub(super) own_aliases: BTreeMap<u16, Vec<u8>>,
    pub(super) their_aliases: BTreeMap<u16, Vec<u8>>,
    /// The operations below were sent or need not be: QoS 1 and 2, and QoS 0.
    pub(super) next: [usize; 2],
    /// Requests sent, by Packet Identifier.
    pub(super) requests: BTreeMap<u16, Asked>,
    /// The next operation that may be a request.
    pub(super) next_request: usize,
    /// Messages that want PUBACK, and PUBREC, in the order they came.
    pub(super) owed: [VecDeque<u16>; 2],
    /// PUBRELs to be answered.
    pub(super) completing: VecDeque<u16>,
    /// PUBRELs for nothing.
    pub(super) stray_releases: VecDeque<u16>,
    /// PUBRECs to be answered with PUBREL, in their order.
    pub(super) releasing: VecDeque<u16>,
    /// PUBRECs for nothing.
    pub(super) stray_receipts: VecDeque<u16>,
    /// PUBRELs sent to make the broker let go of an identifier.
    pub(super) probes: Vec<u16>,
    /// The broker's messages of this connection that are not finished.
    pub(super) open: usize,
    /// The application takes leave.
    pub(super) leaving: Option<Leaving>,
}

/// A request that was sent.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    /// `None` for one of the session's own.
    pub(super) operation: Option<usize>,
    pub(super) bytes: Vec<u8>,
}

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// CONNECT was sent.
    Waiting,
    /// CONNACK came, with these limits.
    Up(Properties),
    /// DISCONNECT was sent at this time.
    Left(Time),
}

impl Connection {
    pub(super) fn new(now: Time, connect: &Connect<'_>) -> Connection {
        Connection {
            stage: Stage::Waiting,
            announced: connect.properties,
            keep_alive: KeepAlive::new(now, connect.keep_alive),
            turn: if connect.method.is_some() { Turn::Broker } else { Turn::Nobody },
            own_aliases: BTreeMap::new(),
            their_aliases: BTreeMap::new(),
            next: [0; 2],
            requests: BTreeMap::new(),
            next_request: 0,
            owed: [VecDeque::new(), VecDeque::new()],
            completing: VecDeque::new(),
            stray_releases: VecDeque::new(),
            releasing: VecDeque::new(),
            stray_receipts: VecDeque::new(),
            probes: Vec::new(),
            open: 0,
            leaving: None,
        }
    }

    /// Packets of the broker that belong to nothing and were not answered yet.
    pub(super) fn strays(&self) -> usize {
        self.stray_releases.len() + self.stray_receipts.len()
    }

    pub(super) fn limits(&self) -> Option<Properties> {
        match self.stage {
            Stage::Up(limits) => Some(limits),
            Stage::Waiting | Stage::Left(_) => None,
        }
    }
}

/// Whether a DISCONNECT with this code is about what was sent.
fn blames_content(code: u8) -> bool {
    matches!(code, 0x81 | 0x82 | 0x90 | 0x95 | 0x97 | 0x99 | 0x9A | 0x9B)
}

impl Oracle {
    /// The session says that its connection is over.
    pub(super) fn note_closed(&mut self, reason: CloseReason) {
        let Some(connection) = self.connection.take() else { return };
        self.incoming.clear();
        let silent = self.now.since(connection.keep_alive.heard_at);
        if reason == CloseReason::KeepAlive {
            self.check(Promise::Live1, silent >= PING_TIMEOUT, || {
                format!("given up after {silent:?} of silence")
            });
        }
        if reason == CloseReason::Local {
            self.check_left(connection.leaving.is_some());
        }
        let is_violation = matches!(reason, CloseReason::Violation(_));
        self.check(Promise::Recv4, !is_violation, || format!("the broker is blamed: {reason}"));
        let is_charged = match reason {
            CloseReason::Lost => true,
            CloseReason::Disconnected(code) => blames_content(code.to_u8()),
            CloseReason::Refused(_)
            | CloseReason::NoConnAck
            | CloseReason::KeepAlive
            | CloseReason::NoAnswer
            | CloseReason::Violation(_)
            | CloseReason::Local
            | CloseReason::StoreFailed => false,
        };
        let in_flight: Vec<usize> = self.flows.values().copied().collect();
        let in_flight: Vec<usize> =
            in_flight.into_iter().filter(|&at| self.is_in_flight(at)).collect();
        if let ([alone], true) = (&in_flight[..], is_charged)
            && let Some(operation) = self.operations.get_mut(*alone)
        {
            operation.ends += 1;
        }
        self.suspect(reason, &in_flight);
        // Those the session makes again by itself go first.
        let is_own = connection.requests.values().any(|asked| asked.operation.is_none());
        if !is_own || reason == CloseReason::NoAnswer {
            let ended_at = match connection.stage {
                Stage::Left(at) => at,
                Stage::Waiting | Stage::Up(_) => self.now,
            };
            self.charge_requests(reason, ended_at);
        }
        for operation in &mut self.operations {
            operation.is_on_wire = false;
        }
    }

    /// A DISCONNECT that blames content casts suspicion on all that was sent and has no answer.
    fn suspect(&mut self, reason: CloseReason, in_flight: &[usize]) {
        let is_blamed =
            matches!(reason, CloseReason::Disconnected(code) if blames_content(code.to_u8()));
        if is_blamed && !in_flight.is_empty() && !self.is_one_by_one() {
            let mut sent = self.operations.iter();
            self.last_suspect = sent.rposition(|operation| {
                let is_message = operation.publish().is_some_and(|publish| publish.qos > 0);
                is_message && operation.is_carried && operation.is_open() && !operation.is_released
            });
        }
    }

    /// What is under suspicion is sent one message at a time.
    pub(super) fn is_one_by_one(&self) -> bool {
        let last = self.last_suspect.and_then(|at| self.operations.get(at));
        last.is_some_and(|last| last.is_open() && !last.may_be_given_up() && !last.may_have_ended())
    }

    /// Requests without an answer for which the connection may have ended at this time have missed one.
    fn charge_requests(&mut self, reason: CloseReason, ended_at: Time) {
        let is_missed = |at: &usize| {
            let Some(operation) = self.operations.get(*at) else { return false };
            let is_request = operation.publish().is_none() && operation.is_on_wire;
            let may_be_why = match reason {
                CloseReason::Lost | CloseReason::Violation(_) => true,
                CloseReason::Disconnected(code) => blames_content(code.to_u8()),
                CloseReason::NoAnswer => self.is_late(operation, ended_at),
                CloseReason::Refused(_)
                | CloseReason::NoConnAck
                | CloseReason::KeepAlive
                | CloseReason::Local
                | CloseReason::StoreFailed => false,
            };
            is_request && may_be_why
        };
        // In time or not, each has its own wait; the end of a connection is about the oldest only.
        let most = if reason == CloseReason::NoAnswer { usize::MAX } else { 1 };
        let missed = (0..self.operations.len()).filter(is_missed).take(most);
        let missed: Vec<usize> = missed.collect();
        for at in missed {
            self.operations[at].misses += 1;
        }
    }

    fn is_in_flight(&self, at: usize) -> bool {
        self.operations.get(at).is_some_and(|operation| operation.is_on_wire)
    }
}
