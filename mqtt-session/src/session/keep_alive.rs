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
    /// PINGREQ is to be transmitted; nothing came since this time.
    Due(Time),
    /// PINGREQ was transmitted; nothing came since this time.
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
            // A deadline that is over when it is set would be one for ever.
            ping_timeout: ping_timeout.max(Duration::from_micros(1)),
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
            self.ping = match self.ping {
                // It may be due because this end was quiet.
                Ping::Due(since) => Ping::Due(since.max(self.received_at)),
                Ping::None | Ping::Sent(_) => Ping::None,
            };
        }
    }

    /// Reading is paused by this end, so silence proves nothing.
    pub(crate) fn set_paused(&mut self, now: Time, paused: bool) {
        if self.paused && !paused {
            self.ping = match self.ping {
                Ping::None => Ping::None,
                Ping::Due(_) => Ping::Due(now),
                Ping::Sent(_) => Ping::Sent(now),
            };
        }
        self.paused = paused;
    }

    pub(crate) fn deadline(&self) -> Option<Deadline> {
        match (self.answer_at(), self.ping_at()) {
            (Some(answer), Some(ping)) if ping < answer => Some(Deadline::Ping(ping)),
            (Some(answer), _) => Some(Deadline::Answer(answer)),
            (None, ping) => ping.map(Deadline::Ping),
        }
    }

    /// When the broker is to be given up.
    fn answer_at(&self) -> Option<Time> {
        match self.ping {
            Ping::Due(since) | Ping::Sent(since) if !self.paused => {
                Some(since.after(self.ping_timeout))
            }
            Ping::None | Ping::Due(_) | Ping::Sent(_) => None,
        }
    }

    /// When PINGREQ is due. While one is unanswered only for what this end owes the broker.
    fn ping_at(&self) -> Option<Time> {
        let quiet_since = match self.ping {
            Ping::None => self.sent_at.min(self.received_at),
            Ping::Sent(_) => self.sent_at,
            Ping::Due(_) => return None,
        };
        Some(quiet_since.after(self.quiet?))
    }

    /// Time passed. `true` when the broker is to be given up.
    #[must_use]
    pub(crate) fn handle_timeout(&mut self, now: Time) -> bool {
        if self.answer_at().is_some_and(|at| at <= now) {
            return true;
        }
        if self.ping_at().is_some_and(|at| at <= now) {
            self.ping = match self.ping {
                Ping::None => Ping::Due(now),
                Ping::Due(since) | Ping::Sent(since) => Ping::Due(since),
            };
        }
        false
    }

    /// Whether PINGREQ is to be transmitted.
    pub(crate) fn wants_ping(&self) -> bool {
        matches!(self.ping, Ping::Due(_))
    }

    pub(crate) fn handle_ping_transmitted(&mut self, now: Time) {
        if let Ping::Due(since) = self.ping {
            self.ping = Ping::Sent(since);
            self.sent_at = now;
        }
    }
}

#[cfg(test)]
mod tests;
