//! When and where to connect: broker rotation, backoff, failure classes.

use core::time::Duration;

use mqtt_proto::ReasonCode;

use crate::{CloseReason, Time};

/// How the delay between attempts grows: it doubles from `first` to `longest`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// Delay before the first retry.
    pub first: Duration,
    /// The longest delay, but for a client that was taken over.
    pub longest: Duration,
    /// How far a delay is moved at random, in percent of itself, up or down; at most 100.
    pub jitter_percent: u8,
}

impl Default for Backoff {
    /// 1 s doubling to 30 s, moved by up to 20 %.
    fn default() -> Backoff {
        Backoff {
            first: Duration::from_secs(1),
            longest: Duration::from_secs(30),
            jitter_percent: 20,
        }
    }
}

/// What a supervisor is told once.
#[derive(Clone, Copy, Debug)]
pub struct SupervisorConfig {
    /// Delays between attempts.
    pub backoff: Backoff,
    /// Reconnect attempts in a row before giving up; `None` never gives up.
    pub max_attempts: Option<u32>,
    /// Whether to give up when the broker refuses for a reason that waiting cannot mend.
    pub stop_on_refusal: bool,
    /// Whether to connect again at all after a connection ended.
    pub reconnect: bool,
    /// Where the jitter comes from.
    pub seed: u64,
}

/// What an adapter is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Dial this broker of the list now, then report `handle_connected` or `handle_failed`.
    Dial {
        /// Index into the list of brokers.
        broker: usize,
        /// Attempts made in a row before this one.
        attempt: u32,
    },
    /// Do nothing before then.
    Wait(Time),
    /// A connection is open or being made.
    Busy,
    /// Given up, or stopped.
    Stopped,
}

/// What kind of failure an attempt or a connection ended with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureClass {
    /// Waiting may mend it: network trouble, a busy broker.
    Transient,
    /// Waiting will not mend it: bad credentials, not authorised, bad certificate. Retried at the
    /// longest delay.
    Permanent,
    /// Another client took the session over. Each time in a row the delay is four times as long, up
    /// to an hour, so that two clients of one name do not evict each other for ever.
    TakenOver,
    /// The transport ended and nobody said why. As [`FailureClass::Transient`], but three times in a
    /// row within 10 s of CONNACK it is taken for [`FailureClass::TakenOver`], of which brokers of
    /// 3.1.1 say no more than this.
    Dropped,
}

impl FailureClass {
    /// The class of a connection's end.
    pub fn of(reason: &CloseReason) -> FailureClass {
        let code = match reason {
            CloseReason::Refused(refusal) => refusal.reason,
            CloseReason::Disconnected(code) => *code,
            CloseReason::Lost => return FailureClass::Dropped,
            CloseReason::StoreFailed => return FailureClass::Permanent,
            CloseReason::NoConnAck
            | CloseReason::KeepAlive
            | CloseReason::Violation(_)
            | CloseReason::Local => return FailureClass::Transient,
        };
        let is_permanent = matches!(
            code,
            ReasonCode::UnsupportedProtocolVersion
                | ReasonCode::ClientIdentifierNotValid
                | ReasonCode::BadUserNameOrPassword
                | ReasonCode::NotAuthorized
                | ReasonCode::Banned
                | ReasonCode::BadAuthenticationMethod
        );
        if code == ReasonCode::SessionTakenOver {
            FailureClass::TakenOver
        } else if is_permanent {
            FailureClass::Permanent
        } else {
            FailureClass::Transient
        }
    }
}

/// Decides when to dial which broker.
///
/// ```text
///   Stopped --start--> Due(now) --poll: Dial--> Trying --handle_connected--> Up
///                        ^                        |                          |
///                        +---- handle_failed -----+------- handle_failed ----+
/// ```
#[derive(Debug)]
pub struct Supervisor {
    config: SupervisorConfig,
    brokers: usize,
    broker: usize,
    stage: Stage,
    /// Failures in a row; starts over only after a connection that lasted.
    failures: u32,
    /// How often it was taken over among them.
    takeovers: u32,
    /// Connections in a row that were dropped right after CONNACK.
    drops: u32,
    /// The delay before the attempt now running or connected.
    delay: Duration,
    random: u64,
}

#[derive(Clone, Copy, Debug)]
enum Stage {
    Stopped,
    Due(Time),
    Trying,
    Up { since: Time },
}

/// A connection this short says nothing about the next attempt.
const LASTING: Duration = Duration::from_secs(10);

/// So many of them dropped in a row: somebody else has the name.
const DROPS: u32 = 3;

/// The longest delay after being taken over.
const TAKEN_OVER_LONGEST: Duration = Duration::from_secs(3600);

impl Supervisor {
    /// A supervisor for a list of this many brokers, stopped.
    pub fn new(config: SupervisorConfig, brokers: usize) -> Supervisor {
        Supervisor {
            config,
            brokers: brokers.max(1),
            broker: 0,
            stage: Stage::Stopped,
            failures: 0,
            takeovers: 0,
            drops: 0,
            delay: Duration::ZERO,
            random: config.seed,
        }
    }

    /// Connects from now on; starts the count of attempts over. Without effect while running.
    pub fn start(&mut self, now: Time) {
        if matches!(self.stage, Stage::Stopped) {
            self.failures = 0;
            self.takeovers = 0;
            self.drops = 0;
            self.delay = Duration::ZERO;
            self.stage = Stage::Due(now);
        }
    }

    /// Does not connect any more. The connection that may be open is the adapter's to end.
    pub fn stop(&mut self) {
        self.stage = Stage::Stopped;
    }

    /// What to do now. `Dial` is given once per attempt.
    pub fn poll(&mut self, now: Time) -> Action {
        match self.stage {
            Stage::Stopped => Action::Stopped,
            Stage::Due(at) if at > now => Action::Wait(at),
            Stage::Due(_) => {
                self.stage = Stage::Trying;
                Action::Dial { broker: self.broker, attempt: self.failures }
            }
            Stage::Trying | Stage::Up { .. } => Action::Busy,
        }
    }

    /// CONNACK accepted the connection.
    pub fn handle_connected(&mut self, now: Time) {
        if matches!(self.stage, Stage::Trying) {
            self.stage = Stage::Up { since: now };
        }
    }

    /// The attempt failed, or the connection ended, with this class.
    pub fn handle_failed(&mut self, now: Time, class: FailureClass) {
        let class = match self.stage {
            Stage::Stopped | Stage::Due(_) => return,
            Stage::Trying => {
                self.broker = (self.broker + 1) % self.brokers;
                self.drops = 0;
                class
            }
            Stage::Up { since } => self.judge(class, now.since(since)),
        };
        let refused = class == FailureClass::Permanent && self.config.stop_on_refusal;
        let spent = self.config.max_attempts.is_some_and(|most| self.failures >= most);
        if refused || spent || !self.config.reconnect {
            self.stage = Stage::Stopped;
            return;
        }
        self.delay = self.next_delay(class);
        self.failures = self.failures.saturating_add(1);
        self.stage = Stage::Due(now.after(self.delay));
    }

    /// What the end of a connection that lasted so long means.
    fn judge(&mut self, class: FailureClass, lasted: Duration) -> FailureClass {
        let is_drop = class == FailureClass::Dropped && lasted < LASTING;
        self.drops = if is_drop { self.drops.saturating_add(1) } else { 0 };
        if class == FailureClass::TakenOver || self.drops >= DROPS {
            return FailureClass::TakenOver;
        }
        // One that outlived twice the delay before it, and `LASTING`, was a good one.
        if lasted >= LASTING.max(self.delay.saturating_mul(2)) {
            self.failures = 0;
            self.takeovers = 0;
        }
        class
    }

    fn next_delay(&mut self, class: FailureClass) -> Duration {
        let Backoff { first, longest, .. } = self.config.backoff;
        let doubled =
            |times: u32| first.saturating_mul(1u32.checked_shl(times).unwrap_or(u32::MAX));
        let delay = match class {
            FailureClass::Transient | FailureClass::Dropped => doubled(self.failures).min(longest),
            FailureClass::Permanent => longest,
            FailureClass::TakenOver => {
                self.takeovers = self.takeovers.saturating_add(1);
                let quadrupled = doubled(self.takeovers.saturating_mul(2));
                quadrupled.min(longest.max(TAKEN_OVER_LONGEST))
            }
        };
        self.jittered(delay)
    }

    /// `delay` moved by at most the configured share, evenly.
    fn jittered(&mut self, delay: Duration) -> Duration {
        let percent = u64::from(self.config.backoff.jitter_percent.min(100));
        let micros = u64::try_from(delay.as_micros()).unwrap_or(u64::MAX);
        let most = micros / 100 * percent;
        let random = self.next_random() % most.saturating_mul(2).saturating_add(1);
        Duration::from_micros(micros.saturating_sub(most).saturating_add(random))
    }

    /// `SplitMix64`: every seed, 0 included, gives a full-period sequence.
    fn next_random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
}

#[cfg(test)]
mod tests;
