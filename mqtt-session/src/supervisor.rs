//! When and where to connect: broker rotation, backoff, failure classes, redirects, versions.

mod backoff;
mod failure;
mod versions;

use core::time::Duration;

use mqtt_proto::Version;

use crate::Time;

pub use backoff::Backoff;
pub use failure::FailureClass;
pub use versions::VersionChoice;

use backoff::Random;
use versions::{Goal, Versions};

/// What a supervisor is told once.
#[derive(Clone, Copy, Debug)]
pub struct SupervisorConfig {
    /// Delays between attempts.
    pub backoff: Backoff,
    /// The version to speak.
    pub version: VersionChoice,
    /// Reconnect attempts in a row before giving up; `None` never gives up.
    pub max_attempts: Option<u32>,
    /// Whether to give up when the broker refuses for a reason that waiting cannot mend.
    pub stop_on_refusal: bool,
    /// Whether to connect again at all after a connection ended.
    pub reconnect: bool,
    /// Whether to go where a broker redirects to (0x9C, 0x9D), at most five times in a row.
    pub follow_redirects: bool,
    /// Where the jitter comes from.
    pub seed: u64,
}

/// What an adapter is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Dial this broker now, then report `handle_connected` or `handle_failed`.
    Dial {
        /// Where.
        target: Target,
        /// The version its CONNECT speaks.
        version: Version,
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

/// Which broker to dial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// This one of the list.
    Listed(usize),
    /// The one of the last [`Redirect::Once`].
    Redirect,
}

/// Where a broker redirects to; the owner keeps the names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Redirect {
    /// To a broker for the next attempt only (0x9C).
    Once,
    /// To so many brokers that replace the list (0x9D).
    Moved {
        /// Length of the new list.
        brokers: usize,
    },
}

/// What follows a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// The attempt goes on at once: once more or with another version to learn which one the broker
    /// speaks, or where it redirected to.
    AtOnce,
    /// Another attempt, later. The class is the one reported, or what it amounts to.
    Later(FailureClass),
    /// No other attempt, likewise.
    Never(FailureClass),
}

/// Decides when to dial which broker.
///
/// ```text
///   Stopped --start--> Due(now) --poll: Dial--> Trying --handle_connected--> Up
///                        ^                        |                          |
///                        +---- handle_failed -----+------- handle_failed ----+
/// ```
/// A broker that cannot be connected to is followed by the next one of the list; one that could be
/// is the first to be dialled again.
#[derive(Debug)]
pub struct Supervisor {
    config: SupervisorConfig,
    brokers: usize,
    /// The one of the list that is dialled next, or was last.
    broker: usize,
    versions: Versions,
    /// Where the broker redirects to, and how often in a row that was followed.
    redirect: Option<Redirect>,
    redirects: u32,
    stage: Stage,
    /// Failures in a row; starts over only after a connection that lasted.
    failures: u32,
    /// How often it was taken over in a row; starts over likewise if that ended otherwise, or lasted
    /// for hours.
    takeovers: u32,
    /// Connections in a row that were dropped right after CONNACK.
    drops: u32,
    /// The delay before the attempt now running or connected.
    delay: Duration,
    random: Random,
}

#[derive(Clone, Copy, Debug)]
enum Stage {
    Stopped,
    Due {
        at: Time,
        goal: Goal,
    },
    /// None once the list was replaced: what is being dialled is none of it.
    Trying {
        goal: Option<Goal>,
    },
    /// Outdated likewise: the list was replaced since it was dialled.
    Up {
        since: Time,
        outdated: bool,
    },
}

/// A connection this short says nothing about the next attempt.
const LASTING: Duration = Duration::from_secs(10);

/// So many of them dropped in a row: somebody else has the name.
const DROPS: u32 = 3;

/// So many redirects in a row are followed.
const REDIRECTS: u32 = 5;

impl Supervisor {
    /// A supervisor for a list of this many brokers, stopped.
    pub fn new(config: SupervisorConfig, brokers: usize) -> Supervisor {
        Supervisor {
            config,
            brokers: brokers.max(1),
            broker: 0,
            versions: Versions::new(config.version),
            redirect: None,
            redirects: 0,
            stage: Stage::Stopped,
            failures: 0,
            takeovers: 0,
            drops: 0,
            delay: Duration::ZERO,
            random: Random(config.seed),
        }
    }

    /// Connects from now on; starts the count of attempts over. Without effect while running.
    pub fn start(&mut self, now: Time) {
        if matches!(self.stage, Stage::Stopped) {
            self.redirect = None;
            self.redirects = 0;
            self.failures = 0;
            self.takeovers = 0;
            self.drops = 0;
            self.delay = Duration::ZERO;
            self.stage = Stage::Due { at: now, goal: self.listed() };
        }
    }

    /// Does not connect any more. The connection that may be open is the adapter's to end.
    pub fn stop(&mut self) {
        self.stage = Stage::Stopped;
    }

    /// The list was replaced by one of this many brokers: the next attempt begins with its first.
    /// A connection that is open or being made stays; a redirect from it is not followed.
    pub fn set_brokers(&mut self, brokers: usize) {
        self.brokers = brokers.max(1);
        self.broker = 0;
        self.versions.forget();
        self.redirect = None;
        let listed = self.listed();
        match &mut self.stage {
            Stage::Due { goal, .. } => *goal = listed,
            Stage::Trying { goal } => *goal = None,
            Stage::Up { outdated, .. } => *outdated = true,
            Stage::Stopped => {}
        }
    }

    /// What to do now. `Dial` is given once per attempt.
    pub fn poll(&mut self, now: Time) -> Action {
        match self.stage {
            Stage::Stopped => Action::Stopped,
            Stage::Due { at, .. } if at > now => Action::Wait(at),
            Stage::Due { goal, .. } => {
                self.stage = Stage::Trying { goal: Some(goal) };
                let Goal { target, version, .. } = goal;
                Action::Dial { target, version, attempt: self.failures }
            }
            Stage::Trying { .. } | Stage::Up { .. } => Action::Busy,
        }
    }

    /// CONNACK accepted the connection.
    pub fn handle_connected(&mut self, now: Time) {
        if let Stage::Trying { goal } = self.stage {
            if let Some(goal) = goal {
                self.versions.handle_connected(goal);
            }
            self.stage = Stage::Up { since: now, outdated: goal.is_none() };
        }
    }

    /// The broker redirects, and names where to. To be called before `handle_failed` reports the end
    /// of this attempt or connection. Whether it will be followed: then the next attempt comes at
    /// once, and for [`Redirect::Moved`] the owner replaces its list.
    pub fn handle_redirect(&mut self, now: Time, redirect: Redirect) -> bool {
        let is_possible = match self.stage {
            Stage::Trying { goal } => goal.is_some(),
            Stage::Up { since, outdated } => {
                if now.since(since) >= LASTING {
                    self.redirects = 0;
                }
                self.config.reconnect && !outdated
            }
            Stage::Stopped | Stage::Due { .. } => false,
        };
        let is_followed = is_possible && self.config.follow_redirects && self.redirects < REDIRECTS;
        self.redirect = is_followed.then_some(redirect);
        is_followed
    }

    /// The attempt failed, or the connection ended, with this class.
    pub fn handle_failed(&mut self, now: Time, class: FailureClass) -> Retry {
        let (class, goal) = match self.stage {
            Stage::Stopped => return Retry::Never(class),
            Stage::Due { .. } => return Retry::Later(class),
            Stage::Trying { goal } => {
                self.drops = 0;
                (class, goal.and_then(|goal| self.versions.handle_failed(goal, class)))
            }
            Stage::Up { since, .. } => (self.judge(class, now.since(since)), None),
        };
        if let Some(goal) = self.redirected().or(goal) {
            self.stage = Stage::Due { at: now, goal };
            return Retry::AtOnce;
        }
        self.redirects = 0;
        if let Stage::Trying { goal: Some(Goal { target: Target::Listed(broker), .. }) } =
            self.stage
        {
            self.broker = (broker + 1) % self.brokers;
        }
        let is_refused = match class {
            FailureClass::Permanent | FailureClass::VersionRefused => self.config.stop_on_refusal,
            FailureClass::Transient
            | FailureClass::NoConnAck
            | FailureClass::TakenOver
            | FailureClass::Dropped => false,
        };
        let is_spent = self.config.max_attempts.is_some_and(|most| self.failures >= most);
        let is_last = matches!(self.stage, Stage::Up { .. }) && !self.config.reconnect;
        if is_refused || is_spent || is_last {
            self.stage = Stage::Stopped;
            return Retry::Never(class);
        }
        self.delay = self.next_delay(class);
        self.failures = self.failures.saturating_add(1);
        self.stage = Stage::Due { at: now.after(self.delay), goal: self.listed() };
        Retry::Later(class)
    }

    /// The broker of the list whose turn it is.
    fn listed(&self) -> Goal {
        self.versions.first(Target::Listed(self.broker))
    }

    /// Where the broker redirected to.
    fn redirected(&mut self) -> Option<Goal> {
        let redirect = self.redirect.take()?;
        self.redirects += 1;
        match redirect {
            Redirect::Once => Some(self.versions.first(Target::Redirect)),
            Redirect::Moved { brokers } => {
                self.set_brokers(brokers);
                Some(self.listed())
            }
        }
    }

    /// What the end of a connection that lasted so long means.
    fn judge(&mut self, class: FailureClass, lasted: Duration) -> FailureClass {
        let is_drop = class == FailureClass::Dropped && lasted < LASTING;
        self.drops = if is_drop { self.drops.saturating_add(1) } else { 0 };
        // One that outlived twice the delay before it, and `LASTING`, was a good one.
        let is_good = lasted >= LASTING.max(self.delay.saturating_mul(2));
        if is_good {
            self.failures = 0;
        }
        let is_takeover = class == FailureClass::TakenOver || self.drops >= DROPS;
        // Two clients of one name do not let each other live as long as that.
        if is_good && (!is_takeover || lasted >= backoff::TAKEN_OVER_LONGEST.saturating_mul(2)) {
            self.takeovers = 0;
        }
        if is_takeover { FailureClass::TakenOver } else { class }
    }

    fn next_delay(&mut self, class: FailureClass) -> Duration {
        let Supervisor { config: SupervisorConfig { backoff, .. }, random, .. } = self;
        match class {
            FailureClass::Transient | FailureClass::NoConnAck | FailureClass::Dropped => {
                backoff.delay(self.failures, random)
            }
            FailureClass::Permanent | FailureClass::VersionRefused => backoff.longest(random),
            FailureClass::TakenOver => {
                self.takeovers = self.takeovers.saturating_add(1);
                backoff.taken_over(self.takeovers, random)
            }
        }
    }
}

#[cfg(test)]
mod tests;
