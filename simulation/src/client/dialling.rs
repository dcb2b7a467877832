//! Connecting: what the supervisor says, and whether it is right.

use std::time::Duration;

use mqtt_session::proto::{Properties, QoS, Will};
use mqtt_session::{
    Action, Backoff, CloseReason, Connect, FailureClass, Memory, Redirect, Retry, Time,
};
use mqtt_testkit::{Broker, Chunking, Direction, Link};

use super::authenticating::proof;
use super::{Client, Weather};
use crate::plan::{OPENING, WILL};
use crate::tally::{Fault, Promise};

/// How long CONNACK may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A connection this short starts nothing over.
const LASTING: Duration = Duration::from_secs(10);

/// So many connections in a row dropped at once: somebody else has the name.
const DROPS: u32 = 3;

/// The longest delay after being taken over.
const LONGEST_TAKEN_OVER: Duration = Duration::from_secs(3600);

/// Where the client is with its connection, and what the delays should be.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Dialling {
    /// When the supervisor is asked next; `None` while it is busy.
    next: Option<Time>,
    /// When the attempt has failed.
    deadline: Option<Time>,
    connected_at: Option<Time>,
    /// Failures since a connection that lasted.
    failures: u32,
    delay: Duration,
    /// Redirects followed in a row.
    redirects: u32,
    /// Takeovers since one that was long ago or a connection that lasted.
    takeovers: u32,
    /// Connections in a row that were dropped at once.
    drops: u32,
    is_redirected: bool,
    /// How long the next attempt should wait.
    expected: Option<Expected>,
    is_started: bool,
    /// The application left, and comes again.
    is_away: bool,
}

/// How long an attempt should wait, from and to, and what promises that.
#[derive(Clone, Copy, Debug)]
struct Expected {
    promise: Promise,
    least: Duration,
    most: Duration,
}

impl Dialling {
    pub(super) fn away_until(back: Time) -> Dialling {
        Dialling { next: Some(back), is_started: true, is_away: true, ..Dialling::default() }
    }

    pub(super) fn poll_timeout(&self) -> Option<Time> {
        if !self.is_started {
            return Some(Time::ZERO);
        }
        self.next.into_iter().chain(self.deadline).min()
    }

    /// Whether an attempt is under way.
    pub(super) fn is_connecting(&self) -> bool {
        self.deadline.is_some()
    }
}

impl<M: Memory> Client<M> {
    /// Does what the supervisor says now; true when that was something.
    pub(super) fn dial(&mut self, now: Time, broker: &mut Broker) -> bool {
        if self.dialling.deadline.is_some_and(|at| at <= now) {
            self.dialling.deadline = None;
            self.oracle.tally.steps += 1;
            self.oracle.note(now, "no CONNACK in time");
            self.endpoint.close(now);
            return true;
        }
        if self.dialling.is_started && self.dialling.next.is_none_or(|at| at > now) {
            return false;
        }
        self.dialling.is_started = true;
        if std::mem::take(&mut self.dialling.is_away) {
            self.supervisor.start(now);
        }
        match self.supervisor.poll(now) {
            Action::Dial { .. } => {
                self.oracle.tally.steps += 1;
                self.dialling.next = None;
                self.check_delay(Duration::ZERO);
                self.open(now, broker);
                true
            }
            Action::Wait(at) => {
                self.check_delay(at.since(now));
                self.dialling.next = Some(at);
                false
            }
            Action::Busy | Action::Stopped => {
                self.dialling.next = None;
                false
            }
        }
    }

    fn open(&mut self, now: Time, broker: &mut Broker) {
        if self.weather == Weather::Rough && self.random.one_in(8) {
            self.oracle.tally.strike(Fault::Refused);
            self.oracle.note(now, "connection refused");
            self.handle_failure(now, FailureClass::Transient, false);
            return;
        }
        // As `note_session_lost`.
        if broker.session(&self.plan.name).is_none() || self.plan.session_expiry < u32::MAX {
            self.oracle.excuse_doubles();
        }
        let link = self.link(now);
        let name = self.will();
        let will = Will {
            qos: QoS::AtMostOnce,
            retain: false,
            properties: Properties::EMPTY,
            topic: WILL,
            payload: &name.payload(0),
        };
        let proof = proof(OPENING);
        let properties = if self.plan.facts.authenticates { &proof[..] } else { &[] };
        let connect = Connect {
            properties: Properties::from_slice(properties),
            will: Some(will),
            version: self.plan.config.version,
            clean_start: false,
            session_expiry: self.plan.session_expiry,
            keep_alive: self.plan.keep_alive,
            ..Connect::new(&self.plan.name)
        };
        let opened = self.endpoint.open(now, broker, link, &connect);
        self.oracle.check(Promise::Bad4, opened.is_ok(), || format!("CONNECT: {opened:?}"));
        self.oracle.begin(now);
        self.wills.extend(self.endpoint.connection().map(|connection| (connection, name)));
        self.dialling.deadline = Some(now.after(CONNECT_TIMEOUT));
        self.is_silent = false;
    }

    /// A link with what is to go wrong on it.
    fn link(&mut self, now: Time) -> Link {
        let mut link = Link::new(self.random.next());
        if self.weather == Weather::Calm {
            return link;
        }
        if self.random.one_in(2) {
            self.oracle.tally.strike(Fault::Delay);
            for direction in Direction::BOTH {
                let most = self.random.pick([20, 300, 3000]);
                link.set_delay(direction, Duration::ZERO..=Duration::from_millis(most));
            }
        }
        if self.random.one_in(3) {
            self.oracle.tally.strike(Fault::Bytes);
            link.set_chunking(Chunking::BYTES);
        } else if self.random.one_in(2) {
            link.set_chunking(Chunking::UpTo(
                std::num::NonZeroUsize::new(9).unwrap_or(std::num::NonZeroUsize::MIN),
            ));
        }
        if self.random.one_in(4) {
            link.set_capacity(Some(self.random.pick([1, 30, 1000])));
        }
        if self.random.one_in(3) {
            let direction = self.random.pick(Direction::BOTH);
            let bytes = self.random.below(400) + 1;
            link.cut_after(now, direction, bytes);
            self.oracle.tally.strike(match direction {
                Direction::ToServer => Fault::CutToServer,
                Direction::ToClient => Fault::CutToClient,
            });
        }
        link
    }

    pub(super) fn handle_connected(&mut self, now: Time) {
        self.dialling.deadline = None;
        self.dialling.connected_at = Some(now);
        self.supervisor.handle_connected(now);
        for fault in self.oracle.tight_limits() {
            self.oracle.tally.strike(fault);
        }
    }

    /// The broker sends the client elsewhere, which is the same broker at another address.
    pub(super) fn note_redirect(&mut self, now: Time, code: u8) {
        let redirect = match code {
            0x9C => Redirect::Once,
            0x9D => Redirect::Moved { brokers: 2 },
            _ => return,
        };
        let lasted = self.dialling.connected_at.map(|at| now.since(at));
        if lasted.is_some_and(|lasted| lasted >= LASTING) {
            self.dialling.redirects = 0;
        }
        let may_follow = self.plan.supervisor.follow_redirects && self.dialling.redirects < 5;
        let follows = self.supervisor.handle_redirect(now, redirect);
        self.oracle.check(Promise::Live5, follows == may_follow, || {
            format!("follows: {follows}, after {} in a row", self.dialling.redirects)
        });
        self.dialling.is_redirected = follows;
    }

    pub(super) fn handle_closed(&mut self, now: Time, reason: CloseReason) {
        self.dialling.deadline = None;
        self.answer = None;
        self.check_closed(reason);
        let (class, expected) = (FailureClass::of(&reason), class_of(reason));
        self.oracle.check(Promise::Live3, class == expected, || {
            format!("{reason} is {class:?}, should be {expected:?}")
        });
        if reason == CloseReason::Local {
            return self.go_away(now);
        }
        self.handle_failure(now, class, reason == CloseReason::Lost);
    }

    /// The attempt failed, or the connection ended: says how long the next attempt should wait.
    fn handle_failure(&mut self, now: Time, class: FailureClass, is_drop: bool) {
        let before = self.dialling;
        let lasted = before.connected_at.map(|at| now.since(at));
        let is_good = lasted.is_some_and(|lasted| lasted >= LASTING.max(before.delay * 2));
        let is_short = is_drop && lasted.is_some_and(|lasted| lasted < LASTING);
        let retry = self.supervisor.handle_failed(now, class);
        let dialling = &mut self.dialling;
        dialling.connected_at = None;
        dialling.deadline = None;
        dialling.next = Some(now);
        dialling.drops = if is_short { before.drops + 1 } else { 0 };
        dialling.failures = if is_good { 0 } else { before.failures };
        dialling.is_redirected = false;
        let is_takeover = class == FailureClass::TakenOver || dialling.drops >= DROPS;
        let is_long_ago = lasted.is_some_and(|lasted| lasted >= LONGEST_TAKEN_OVER * 2);
        if is_good && (is_long_ago || !is_takeover) {
            dialling.takeovers = 0;
        }
        dialling.expected = if before.is_redirected {
            dialling.redirects += 1;
            let (promise, at_once) = (Promise::Live5, Duration::ZERO);
            Some(Expected { promise, least: at_once, most: at_once })
        } else {
            dialling.redirects = 0;
            let class = if is_takeover { FailureClass::TakenOver } else { class };
            let times = if is_takeover { dialling.takeovers } else { dialling.failures };
            dialling.takeovers += u32::from(is_takeover);
            dialling.failures += 1;
            Some(Expected::new(self.plan.supervisor.backoff, class, times))
        };
        let at_once = retry == Retry::AtOnce;
        self.oracle.check(Promise::Live5, at_once == before.is_redirected, || {
            format!("{retry:?} after {class:?}, redirected: {}", before.is_redirected)
        });
    }

    /// The next attempt comes neither sooner nor later than it should.
    fn check_delay(&mut self, delay: Duration) {
        let Some(expected) = self.dialling.expected.take() else { return };
        let Expected { promise, least, most } = expected;
        // Where a redirect leads to at once, what came before it is what counts.
        if !most.is_zero() {
            self.dialling.delay = delay;
        }
        let failures = self.dialling.failures;
        self.oracle.check(promise, (least..=most).contains(&delay), || {
            format!("{delay:?} before attempt {failures}, should be {least:?} to {most:?}")
        });
    }
}

impl Expected {
    /// After a failure of this class, the next after so many others; a takeover after so many takeovers.
    fn new(backoff: Backoff, class: FailureClass, times: u32) -> Expected {
        let Backoff::Exponential { first, longest, jitter_percent } = backoff else {
            return Expected {
                promise: Promise::Live2,
                least: Duration::ZERO,
                most: Duration::MAX,
            };
        };
        let doubled = |times| first.saturating_mul(1u32.checked_shl(times).unwrap_or(u32::MAX));
        let (promise, delay) = match class {
            FailureClass::TakenOver => {
                (Promise::Live3, doubled(2 * (times + 1)).min(LONGEST_TAKEN_OVER))
            }
            FailureClass::Permanent | FailureClass::VersionRefused => (Promise::Live3, longest),
            FailureClass::Transient | FailureClass::NoConnAck | FailureClass::Dropped => {
                (Promise::Live2, doubled(times).min(longest))
            }
        };
        let jitter = delay * u32::from(jitter_percent) / 100;
        Expected { promise, least: delay - jitter, most: delay + jitter }
    }
}

/// What the end of a connection means, as the design has it.
fn class_of(reason: CloseReason) -> FailureClass {
    match reason {
        CloseReason::Refused(refusal) => match refusal.reason.to_u8() {
            // The CONNECT is too large, which it will be again.
            0x95 => FailureClass::Permanent,
            code => class_of_code(code),
        },
        CloseReason::Disconnected(code) => class_of_code(code.to_u8()),
        CloseReason::NoConnAck => FailureClass::NoConnAck,
        CloseReason::Lost => FailureClass::Dropped,
        CloseReason::StoreFailed => FailureClass::Permanent,
        CloseReason::KeepAlive
        | CloseReason::NoAnswer
        | CloseReason::Violation(_)
        | CloseReason::Local => FailureClass::Transient,
    }
}

fn class_of_code(code: u8) -> FailureClass {
    match code {
        0x8E => FailureClass::TakenOver,
        0x84 => FailureClass::VersionRefused,
        0x85 | 0x86 | 0x87 | 0x8A | 0x8C | 0x9D => FailureClass::Permanent,
        _ => FailureClass::Transient,
    }
}
