//! The store of a client: what it gets, what it reports, how it fails, and what is made of it.

use mqtt_session::{CloseReason, Config, Memory, Phase, Session, Supervisor, Time};

use super::{Client, Weather};
use crate::client::dialling::Dialling;
use crate::tally::{Fault, Promise};

/// How many reports of a store there are to one that it failed, if it does.
const FAILURES: usize = 12;

impl<M: Memory> Client<M> {
    /// Takes the records there are.
    pub(super) fn take_records(&mut self, now: Time) -> bool {
        let mut any = false;
        while let Some(record) = self.endpoint.session.poll_store() {
            self.oracle.tally.steps += 1;
            self.oracle.store.push(record.seq, record.key, record.value);
            any = true;
        }
        if self.oracle.store.has_failed {
            self.oracle.check(Promise::Sto1, !any, || "records after a failure".to_owned());
        }
        if any && self.stored_at.is_none() {
            self.stored_at = Some(self.next_report(now));
        }
        any
    }

    fn next_report(&mut self, now: Time) -> Time {
        let most = u64::try_from(self.plan.store_delay.as_millis()).unwrap_or(0);
        now.after(self.random.millis(0..=most))
    }

    /// The store reports some of the records, or all, or that it failed.
    pub(super) fn report_records(&mut self, now: Time) {
        let waiting = self.oracle.store.waiting();
        let fails = self.plan.store_fails && self.weather == Weather::Rough;
        if fails && self.random.one_in(FAILURES) {
            return self.fail_store(now);
        }
        let count = match self.weather {
            Weather::Rough => self.random.below(waiting) + 1,
            Weather::Calm => waiting,
        };
        self.keep(count);
        let is_left = self.oracle.store.waiting() > 0;
        self.stored_at = is_left.then(|| self.next_report(now));
    }

    fn keep(&mut self, count: usize) {
        if let Some(seq) = self.oracle.store.keep(count) {
            self.oracle.tally.steps += 1;
            self.endpoint.session.handle_stored(seq);
        }
    }

    /// Some of the records are there, and the others never will be: messages fail for themselves, and
    /// with any other record the client stops and the program runs again.
    fn fail_store(&mut self, now: Time) {
        let waiting = self.oracle.store.waiting();
        // What is lost is often no more than messages.
        let spared = if self.random.one_in(2) { self.oracle.store.vital() } else { 0 };
        let kept = spared + self.random.below(waiting - spared + 1);
        self.keep(kept);
        self.stored_at = None;
        let Some((at, is_vital)) = self.oracle.fail_store() else { return };
        let fault = if is_vital { Fault::StoreBroken } else { Fault::MessageUnstored };
        self.oracle.tally.strike(fault);
        self.oracle.note(now, format_args!("no record from {at} on can be stored: {fault:?}"));
        let before = self.endpoint.session.phase();
        self.endpoint.session.handle_store_failed(at);
        if is_vital {
            let phase = self.endpoint.session.phase();
            let goes_on = matches!(phase, Phase::Connecting | Phase::Connected);
            self.oracle.check(Promise::Sto1, !goes_on, || format!("it is {phase:?} all the same"));
            self.leaves_already = before == Phase::Closing;
            self.restart_at = Some(now.after(self.random.millis(0..=20_000)));
        }
    }

    /// Without its records the session has no connection, and says why.
    pub(super) fn check_closed(&mut self, reason: CloseReason) {
        let leaves_already = std::mem::take(&mut self.leaves_already);
        if self.oracle.store.has_failed && !leaves_already {
            let is_said = reason == CloseReason::StoreFailed;
            self.oracle.check(Promise::Sto1, is_said, || format!("closed: {reason}"));
        }
    }

    /// The program runs again, with what is stored.
    pub(super) fn restart(&mut self, now: Time) {
        self.oracle.note(now, "the program runs again");
        self.oracle.crash(0);
        self.rise(now);
    }

    /// A program begins, with what is stored if it has a store.
    pub(super) fn rise(&mut self, now: Time) {
        let config = Config { seed: self.random.next(), ..self.plan.config.clone() };
        let session = if self.plan.facts.has_store {
            Session::restore(config, now, self.oracle.store.content())
        } else {
            Ok(Session::new(config))
        };
        self.oracle
            .check(Promise::Sto2, session.is_ok(), || format!("{:?}", session.as_ref().err()));
        let Ok(session) = session else { return };
        self.endpoint.restart(now, session);
        self.endpoint.set_paused(now, false);
        self.paused_until = None;
        self.held.clear();
        self.stored_at = None;
        self.restart_at = None;
        self.answer = None;
        self.supervisor = Supervisor::new(self.plan.supervisor, 2);
        self.supervisor.start(now);
        self.dialling = Dialling::default();
    }
}
