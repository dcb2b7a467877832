//! What a client suffers by itself: its connection, its reading, its end.

use mqtt_session::proto::ReasonCode;
use mqtt_session::{Memory, Time};
use mqtt_testkit::{Broker, Direction};

use super::{Actor, Client, Weather};
use crate::tally::Fault;

impl<M: Memory> Client<M> {
    /// One of these strikes.
    pub(super) fn suffer(&mut self, now: Time, broker: &mut Broker) {
        debug_assert!(self.weather == Weather::Rough, "nothing goes wrong when it is calm");
        match self.random.below(14) {
            // What the program would do itself.
            0..=5 if self.suspended_until.is_some() => {}
            0 | 1 => self.pause(now),
            2 | 3 => self.crash(now),
            4 | 5 => self.suspend(now),
            6..=8 => self.cut(now),
            9 => self.silence(now),
            10 => self.be_refused(now, broker),
            11 => self.be_disconnected(now, broker),
            12 => {
                if broker.lose_session(now, &self.plan.name) {
                    self.oracle.tally.strike(Fault::SessionLost);
                    self.oracle.note(now, "the broker loses the session");
                    self.note_session_lost();
                }
            }
            _ => self.be_stalled(now, broker),
        }
    }

    fn cut(&mut self, now: Time) {
        let direction = self.random.pick(Direction::BOTH);
        let bytes = self.random.below(60);
        let Some(link) = self.endpoint.link_mut() else { return };
        link.cut_after(now, direction, bytes);
        self.oracle.tally.strike(match direction {
            Direction::ToServer => Fault::CutToServer,
            Direction::ToClient => Fault::CutToClient,
        });
        self.oracle.note(now, format_args!("cut after {bytes} bytes {direction}"));
    }

    fn silence(&mut self, now: Time) {
        let both = self.random.one_in(2);
        let direction = self.random.pick(Direction::BOTH);
        let Some(link) = self.endpoint.link_mut() else { return };
        link.silence(direction);
        if both {
            link.silence(direction.reverse());
        }
        self.is_silent = true;
        self.oracle.tally.strike(Fault::Silence);
        self.oracle.note(now, "silence");
    }

    fn pause(&mut self, now: Time) {
        if self.paused_until.is_some() || self.endpoint.connection().is_none() {
            return;
        }
        self.paused_until = Some(now.after(self.random.millis(10..=20_000)));
        self.endpoint.set_paused(now, true);
        self.oracle.tally.strike(Fault::SlowReader);
        self.oracle.note(now, "the client does not read");
    }

    /// The machine sleeps, and the time goes on; often its network sleeps as well and has forgotten the
    /// connection.
    fn suspend(&mut self, now: Time) {
        if !self.random.one_in(3)
            && let Some(link) = self.endpoint.link_mut()
        {
            for direction in Direction::BOTH {
                link.silence(direction);
            }
            self.is_silent = true;
        }
        let most = self.random.pick([2_000, 60_000, 120_000, 120_000]);
        self.suspended_until = Some(now.after(self.random.millis(10..=most)));
        self.endpoint.set_suspended(true);
        self.oracle.tally.strike(Fault::Suspended);
        self.oracle.note(now, "the client is suspended");
    }

    /// The machine is awake again.
    pub(super) fn wake_up(&mut self, now: Time) {
        self.suspended_until = None;
        self.endpoint.set_suspended(false);
        self.oracle.note(now, "the client runs again");
        self.oracle.note_awake(now);
    }

    /// The program ends between two writes of its store and runs again.
    fn crash(&mut self, now: Time) {
        if self.plan.facts.has_store {
            let kept = self.random.below(self.oracle.store.waiting() + 1);
            self.oracle.note(now, format_args!("crash with {kept} records more than reported"));
            self.oracle.crash(kept);
            self.oracle.tally.strike(Fault::Crash);
        } else {
            self.oracle.note(now, "crash without a store");
            self.oracle.crash_without();
            self.oracle.tally.strike(Fault::CrashWithout);
        }
        self.rise(now);
    }

    /// The broker refuses the next CONNECT, which is perhaps another's.
    fn be_refused(&mut self, now: Time, broker: &mut Broker) {
        if self.random.one_in(3) {
            let code = self.random.pick([ReasonCode::UseAnotherServer, ReasonCode::ServerMoved]);
            broker.redirect_next(code, "elsewhere:1883");
            self.oracle.tally.strike(Fault::Redirect);
        } else {
            let code = self.random.pick([
                ReasonCode::ServerUnavailable,
                ReasonCode::ServerBusy,
                ReasonCode::NotAuthorized,
                ReasonCode::QuotaExceeded,
            ]);
            broker.refuse_next(code);
            self.oracle.tally.strike(Fault::ConnAckRefused);
        }
        self.oracle.note(now, "the next CONNECT is refused");
    }

    fn be_disconnected(&mut self, now: Time, broker: &mut Broker) {
        let Some(connection) = self.endpoint.connection() else { return };
        if self.random.one_in(3) {
            let code = self.random.pick([ReasonCode::UseAnotherServer, ReasonCode::ServerMoved]);
            broker.disconnect_to(now, connection, code, "elsewhere:1883");
            self.oracle.tally.strike(Fault::Redirect);
        } else {
            let code = self.random.pick([
                ReasonCode::ServerShuttingDown,
                ReasonCode::SessionTakenOver,
                ReasonCode::AdministrativeAction,
                ReasonCode::QuotaExceeded,
            ]);
            broker.disconnect(now, connection, code);
            self.oracle.tally.strike(Fault::Disconnected);
        }
        self.oracle.note(now, "the broker disconnects");
    }

    /// The broker hangs, until it is calm or it restarts.
    fn be_stalled(&mut self, now: Time, broker: &mut Broker) {
        let Some(connection) = self.endpoint.connection() else { return };
        broker.stall(connection);
        self.is_silent = true;
        self.oracle.tally.strike(Fault::Stall);
        self.oracle.note(now, "the broker hangs");
    }
}
