//! How long a connection is quiet (section 3.1.2.10).

use std::time::Duration;

use mqtt_session::Time;

use super::Oracle;
use crate::tally::Promise;

/// How long a peer may leave a PINGREQ without an answer.
pub(super) const PING_TIMEOUT: Duration = Duration::from_secs(10);

/// How long taking leave takes where there is no room for it.
const LEAVE: Duration = Duration::from_secs(6);

/// The Keep Alive of a connection, and when something went or came last.
#[derive(Clone, Copy, Debug)]
pub(super) struct KeepAlive {
    /// 0 for none.
    pub(super) seconds: u16,
    sent_at: Time,
    pub(super) heard_at: Time,
    /// When the client ran again after a suspension, or connected.
    woken_at: Time,
    /// It had sent nothing for the interval when it did: the link is to be checked.
    is_overdue: bool,
}

impl KeepAlive {
    pub(super) fn new(now: Time, seconds: u16) -> KeepAlive {
        KeepAlive { seconds, sent_at: now, heard_at: now, woken_at: now, is_overdue: false }
    }

    fn interval(&self) -> Duration {
        Duration::from_secs(self.seconds.into())
    }
}

impl Oracle {
    /// A connected client is never silent for the keep-alive, and gives a silent broker up in time.
    /// Nothing can be sent while the link has no room.
    pub(super) fn check_keep_alive(&mut self, is_full: bool) {
        let now = self.now;
        if is_full {
            self.note_sending();
        }
        let Some(keep_alive) = self.keep_alive() else { return };
        let KeepAlive { sent_at, heard_at, woken_at, .. } = *keep_alive;
        let interval = keep_alive.interval();
        if std::mem::take(&mut keep_alive.is_overdue) {
            self.check(Promise::Live4, sent_at >= woken_at, || {
                format!("suspended until {woken_at:?}, nothing sent since {sent_at:?}")
            });
        }
        let sent = now.since(sent_at);
        self.check(Promise::Live1, sent <= interval, || {
            format!("nothing sent for {sent:?} at a keep-alive of {interval:?}")
        });
        // It could not hear while it was suspended.
        let heard = now.since(heard_at.max(woken_at));
        let leave = if is_full { LEAVE } else { Duration::ZERO };
        self.check(Promise::Live1, heard <= interval + PING_TIMEOUT + leave, || {
            format!("nothing heard for {heard:?} at a keep-alive of {interval:?}")
        });
    }

    /// The client is not quiet: it sends, bytes of it leave, or none can.
    pub(super) fn note_sending(&mut self) {
        if let Some(connection) = &mut self.connection {
            connection.keep_alive.sent_at = self.now;
        }
    }

    /// The owner does not read: silence proves nothing.
    pub(crate) fn excuse_silence(&mut self, now: Time) {
        if let Some(connection) = &mut self.connection {
            connection.keep_alive.heard_at = now;
        }
    }

    /// The client runs again after a suspension.
    pub(crate) fn note_awake(&mut self, now: Time) {
        if let Some(connection) = &mut self.connection {
            connection.keep_alive.woken_at = now;
        }
        if let Some(keep_alive) = self.keep_alive() {
            keep_alive.is_overdue = now.since(keep_alive.sent_at) >= keep_alive.interval();
        }
    }

    /// Of a connection that is up, if it has one.
    fn keep_alive(&mut self) -> Option<&mut KeepAlive> {
        let connection = self.connection.as_mut()?;
        let is_up = connection.limits().is_some();
        Some(&mut connection.keep_alive).filter(|keep_alive| is_up && keep_alive.seconds > 0)
    }
}
