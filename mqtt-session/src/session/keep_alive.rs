//! When to ping, and when to give the broker up (section 3.1.2.10).

use core::time::Duration;

use crate::Time;

/// Watches one connection.
#[derive(Debug)]
pub(crate) struct KeepAlive {
    /// How long one direction may be quiet before PINGREQ; `None` for no pings.
    quiet: Option<Duration>,
    ping_timeout: Duration,
    sent_at: Time,
    received_at: Time,
    /// Bytes received up to then.
    received: u64,
    ping: Ping,
    paused: bool,
}

#[derive(Clone, Copy, Debug)]
enum Ping {
    None,
    /// PINGREQ is to be transmitted.
    Due(Time),
    /// PINGREQ was transmitted and nothing came since.
    Sent(Time),
}

/// What a deadline is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Deadline {
    Ping(Time),
    Answer(Time),
}

impl KeepAlive {
    pub(crate) fn new(now: Time, ping_timeout: Duration) -> KeepAlive {
        KeepAlive {
            quiet: None,
            ping_timeout,
            sent_at: now,
            received_at: now,
            received: 0,
            ping: Ping::None,
            paused: false,
        }
    }

    /// Starts with the interval in force, in seconds; 0 for none. Pings leave a margin of a tenth
    /// of it, at most a second.
    pub(crate) fn start(&mut self, now: Time, seconds: u16) {
        let interval = Duration::from_secs(u64::from(seconds));
        let margin = (interval / 10).min(Duration::from_secs(1));
        self.quiet = (seconds > 0).then_some(interval - margin);
        self.received_at = now;
    }

    pub(crate) fn handle_sent(&mut self, now: Time) {
        self.sent_at = now;
    }

    /// So many bytes were received in all, the last at that time; any new one counts as life.
    pub(crate) fn handle_received(&mut self, (received, at): (u64, Time)) {
        if received > self.received {
            self.received = received;
            self.received_at = self.received_at.max(at);
            self.ping = Ping::None;
        }
    }

    /// Reading is paused by this end, so silence proves nothing.
    pub(crate) fn set_paused(&mut self, now: Time, paused: bool) {
        if self.paused && !paused && !matches!(self.ping, Ping::None) {
            self.ping = Ping::Sent(now);
        }
        self.paused = paused;
    }

    pub(crate) fn deadline(&self) -> Option<Deadline> {
        match self.ping {
            Ping::None => {
                let quiet_since = self.sent_at.min(self.received_at);
                self.quiet.map(|quiet| Deadline::Ping(quiet_since.after(quiet)))
            }
            Ping::Due(_) | Ping::Sent(_) if self.paused => None,
            Ping::Due(since) | Ping::Sent(since) => {
                Some(Deadline::Answer(since.after(self.ping_timeout)))
            }
        }
    }

    /// Time passed. `true` when the broker is to be given up.
    #[must_use]
    pub(crate) fn handle_timeout(&mut self, now: Time) -> bool {
        match self.deadline() {
            Some(Deadline::Ping(at)) if at <= now => {
                self.ping = Ping::Due(now);
                false
            }
            Some(Deadline::Answer(at)) => at <= now,
            Some(Deadline::Ping(_)) | None => false,
        }
    }

    /// Whether PINGREQ is to be transmitted.
    pub(crate) fn wants_ping(&self) -> bool {
        matches!(self.ping, Ping::Due(_))
    }

    pub(crate) fn handle_ping_transmitted(&mut self) {
        if let Ping::Due(since) = self.ping {
            self.ping = Ping::Sent(since);
        }
    }
}
