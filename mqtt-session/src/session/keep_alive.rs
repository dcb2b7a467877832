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
    /// Signs of life up to then.
    received: u64,
    /// PINGREQ is to be transmitted.
    is_due: bool,
    /// Since when PINGREQ is due or transmitted and nothing has come.
    asked_at: Option<Time>,
    /// Since when this end reads; `None` while it does not.
    reading_since: Option<Time>,
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
            is_due: false,
            asked_at: None,
            reading_since: Some(now),
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

    /// So many signs of life were there in all, the last at that time.
    pub(crate) fn handle_received(&mut self, (received, at): (u64, Time)) {
        if received > self.received {
            self.received = received;
            self.received_at = self.received_at.max(at);
            // PINGREQ may have to leave all the same: this end may have been the quiet one.
            self.asked_at = self.asked_at.filter(|asked_at| *asked_at > self.received_at);
        }
    }

    /// Reading is paused by this end, so silence proves nothing.
    pub(crate) fn set_paused(&mut self, now: Time, paused: bool) {
        match (self.reading_since, paused) {
            (None, false) => {
                self.asked_at = self.asked_at.map(|_| now);
                self.reading_since = Some(now);
            }
            (Some(_) | None, true) => self.reading_since = None,
            (Some(_), false) => {}
        }
    }

    /// Since when this end reads, so that silence proves something.
    pub(crate) fn reading_since(&self) -> Option<Time> {
        self.reading_since
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
        Some(self.asked_at.filter(|_| self.reading_since.is_some())?.after(self.ping_timeout))
    }

    /// When PINGREQ is due, or its answer is missed again.
    fn ping_at(&self) -> Option<Time> {
        let quiet_since = match (self.is_due, self.asked_at) {
            (true, Some(_)) => return None,
            // There was life since, but PINGREQ has not left.
            (true, None) => self.received_at,
            // An unanswered one is not repeated, but for what this end owes the broker.
            (false, Some(_)) => self.sent_at,
            (false, None) => self.sent_at.min(self.received_at),
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
            self.is_due = true;
            self.asked_at = self.asked_at.or(Some(now));
        }
        false
    }

    /// Whether PINGREQ is to be transmitted.
    pub(crate) fn wants_ping(&self) -> bool {
        self.is_due
    }

    pub(crate) fn handle_ping_transmitted(&mut self, now: Time) {
        self.is_due = false;
        self.sent_at = now;
    }
}

#[cfg(test)]
mod tests;
