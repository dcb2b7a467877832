//! When which address of a name is dialled: "Happy Eyeballs" (RFC 8305).

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use mqtt_session::Time;

/// How long an attempt has the race for itself (RFC 8305, section 5: Connection Attempt Delay).
pub(super) const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// A race of the addresses of one name, without sockets and clock: the owner dials what it is told
/// to, and says what failed. The first attempt that succeeds has won, and the owner drops the race
/// with all others.
#[derive(Debug)]
pub(super) struct Race {
    /// Addresses not dialled, in their order.
    waiting: VecDeque<SocketAddr>,
    /// Attempts dialled that did not fail.
    running: usize,
    /// When the next address is dialled, if no attempt fails before.
    due: Time,
}

/// What the owner of a race does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Move {
    /// Dial this, and ask again.
    Dial(SocketAddr),
    /// Wait for the attempts that run, and ask again at this time.
    Wait(Time),
    /// Wait for the attempts that run: they are all there is.
    WaitOn,
    /// All addresses failed.
    Lost,
}

impl Race {
    /// A race of these addresses, given in the order of preference. The families take turns,
    /// beginning with that of the first address (RFC 8305, section 4).
    pub(super) fn new(now: Time, addresses: Vec<SocketAddr>) -> Race {
        Race { waiting: interleave(addresses), running: 0, due: now }
    }

    /// What to do now.
    pub(super) fn poll(&mut self, now: Time) -> Move {
        if self.due > now && !self.waiting.is_empty() {
            return Move::Wait(self.due);
        }
        match (self.waiting.pop_front(), self.running) {
            (Some(address), _) => {
                self.running += 1;
                self.due = now.after(ATTEMPT_DELAY);
                Move::Dial(address)
            }
            (None, 0) => Move::Lost,
            (None, _) => Move::WaitOn,
        }
    }

    /// An attempt failed: the next address is due at once.
    pub(super) fn handle_failed(&mut self, now: Time) {
        self.running = self.running.saturating_sub(1);
        self.due = now;
    }
}

/// The addresses with the families in turns, each in its own order.
fn interleave(addresses: Vec<SocketAddr>) -> VecDeque<SocketAddr> {
    let begins_with_v6 = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (first, second): (VecDeque<_>, VecDeque<_>) =
        addresses.into_iter().partition(|address| address.is_ipv6() == begins_with_v6);
    let (mut first, mut second) = (first.into_iter(), second.into_iter());
    let mut turns = VecDeque::with_capacity(first.len() + second.len());
    loop {
        let turn = [first.next(), second.next()];
        if turn == [None, None] {
            return turns;
        }
        turns.extend(turn.into_iter().flatten());
    }
}

#[cfg(test)]
mod tests;
