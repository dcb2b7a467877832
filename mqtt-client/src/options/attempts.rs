//! When to connect, and how long to try.

use std::num::NonZeroU32;
use std::time::Duration;

use mqtt_session::proto::Version;
use mqtt_session::{Backoff, SupervisorConfig, VersionChoice};

use super::Options;

/// When to connect, and how long to try.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AttemptOptions {
    pub(crate) connect_timeout: Duration,
    pub(crate) retry_initial_connect: bool,
    pub(crate) supervisor: SupervisorConfig,
}

impl Options {
    /// How long an attempt may take: connect hook, name resolution, connection, TLS and CONNACK
    /// together. Default: 10 s.
    pub fn connect_timeout(mut self, timeout: Duration) -> Options {
        self.attempts.connect_timeout = timeout;
        self
    }

    /// Whether the first connection is tried again when it fails, as later ones are. Default:
    /// false, when every broker has failed once the last failure is reported and the client ends.
    pub fn retry_initial_connect(mut self, retry: bool) -> Options {
        self.attempts.retry_initial_connect = retry;
        self
    }

    /// Delays between attempts. Default: [`Backoff::Exponential`], 1 s to 30 s, ± 20 %. A client
    /// that is taken over by another of its name waits longer each time, up to an hour.
    pub fn backoff(mut self, backoff: Backoff) -> Options {
        self.attempts.supervisor.backoff = backoff;
        self
    }

    /// Whether to connect again when a connection ended. Default: true.
    pub fn reconnect(mut self, reconnect: bool) -> Options {
        self.attempts.supervisor.reconnect = reconnect;
        self
    }

    /// Attempts in a row before giving up, or `None` to never give up. Default: `None`.
    pub fn max_attempts(mut self, attempts: impl Into<Option<NonZeroU32>>) -> Options {
        self.attempts.supervisor.max_attempts = attempts.into().map(NonZeroU32::get);
        self
    }

    /// Whether to give up when the broker refuses for a reason that waiting cannot mend. Default:
    /// false, it is tried again at the longest delay.
    pub fn stop_on_refusal(mut self, stop: bool) -> Options {
        self.attempts.supervisor.stop_on_refusal = stop;
        self
    }

    /// Whether to go where a broker redirects to (section 4.11), at most five times in a row: for
    /// one attempt (0x9C), or with the brokers it names in place of the list (0x9D). A redirect is
    /// reported in any case, by [`ClientEvent::Redirected`](crate::ClientEvent::Redirected).
    /// Sessions must be shared as [`broker`](Options::broker) says.
    /// Default: false.
    pub fn follow_redirects(mut self, follow: bool) -> Options {
        self.attempts.supervisor.follow_redirects = follow;
        self
    }
}

impl AttemptOptions {
    /// How many attempts at the first connection may fail: each broker has its chance.
    pub(crate) fn first_tries(&self, brokers: usize) -> Option<usize> {
        (!self.retry_initial_connect).then_some(brokers)
    }
}

impl Default for AttemptOptions {
    fn default() -> AttemptOptions {
        AttemptOptions {
            connect_timeout: Duration::from_secs(10),
            retry_initial_connect: false,
            supervisor: SupervisorConfig {
                backoff: Backoff::default(),
                version: VersionChoice::Only(Version::V5),
                max_attempts: None,
                stop_on_refusal: false,
                reconnect: true,
                follow_redirects: false,
                seed: 0,
            },
        }
    }
}
