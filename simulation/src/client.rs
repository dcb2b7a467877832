//! One client: its session and driver, its application, its store, and the books about it.

mod application;
mod authenticating;
mod dialling;
mod faults;
mod leaving;
mod storing;

use mqtt_session::proto::ReasonCode;
use mqtt_session::{Delivery, Memory, Session, Supervisor, Time};
use mqtt_testkit::broker::ConnectionId;
use mqtt_testkit::{Broker, Endpoint};

use crate::message::Name;
use crate::oracle::{Broken, Holding, Oracle, Seen};
use crate::plan::ClientPlan;
use crate::random::Random;
use crate::tally::{Fault, Promise, Tally};
use authenticating::Answer;
use dialling::Dialling;

/// Memory that grows.
pub(crate) type Growing = mqtt_session::Heap;

/// Memory of a fixed size, small enough to be full now and then.
pub(crate) type Small = mqtt_session::Fixed<8, 8, 6, 2048>;

/// What the broker says to a message that is poison, and to nothing else.
const PAYLOAD_FORMAT_INVALID: u8 = 0x99;

/// How rough it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Weather {
    Rough,
    /// Nothing goes wrong any more, and everybody does what they are to do.
    Calm,
}

/// A client, whatever its memory.
pub(crate) trait Actor {
    /// Moves what moves now.
    fn attend(&mut self, now: Time, broker: &mut Broker) -> bool;

    /// Does what is due now; true when something was.
    fn handle_timeout(&mut self, now: Time, broker: &mut Broker) -> bool;

    /// When something is due.
    fn poll_timeout(&self, now: Time) -> Option<Time>;

    /// Does something of its own accord, or suffers something.
    fn act(&mut self, now: Time, broker: &mut Broker);

    /// From now on nothing goes wrong.
    fn calm(&mut self, now: Time, broker: &mut Broker);

    /// What is not finished; `None` when all is.
    fn unfinished(&self, broker: &Broker) -> Option<String>;

    /// Checks what came of everything.
    fn judge(&mut self, broker: &Broker, count: &dyn Fn(Name) -> u32);

    fn broken(&self) -> Option<&Broken>;
    fn hash(&self) -> u64;
    fn tally(&self) -> &Tally;
    fn trace(&self) -> String;
    fn note(&mut self, now: Time, what: &str);
    /// The broker lost the session of this client.
    fn note_session_lost(&mut self);
    /// The time is this; checks what must not have come to pass before.
    fn check_time(&mut self, now: Time);
    fn name(&self) -> &str;
}

/// A message the application has and has not acknowledged.
#[derive(Clone, Copy, Debug)]
struct Held {
    delivery: Delivery,
    /// When it will be; `None` for not before it is calm.
    due: Option<Time>,
}

pub(crate) struct Client<M: Memory> {
    plan: ClientPlan,
    random: Random,
    weather: Weather,
    endpoint: Endpoint<M>,
    oracle: Oracle,
    supervisor: Supervisor,
    dialling: Dialling,
    held: Vec<Held>,
    /// When the store reports.
    stored_at: Option<Time>,
    /// When the program runs again, whose store failed it.
    restart_at: Option<Time>,
    /// Its connection was about to end when the store failed.
    leaves_already: bool,
    /// When the transport is read again.
    paused_until: Option<Time>,
    /// When the program runs again that is suspended.
    suspended_until: Option<Time>,
    /// What the broker is to be told about who it is.
    answer: Option<Answer>,
    is_silent: bool,
    /// The connections there were, each with its Will.
    wills: Vec<(ConnectionId, Name)>,
}

impl<M: Memory> Client<M> {
    pub(crate) fn new(plan: ClientPlan, seed: u64, is_traced: bool) -> Client<M> {
        let mut supervisor = Supervisor::new(plan.supervisor, 2);
        supervisor.start(Time::ZERO);
        Client {
            random: Random::new(seed),
            weather: Weather::Rough,
            endpoint: Endpoint::new(Session::new(plan.config.clone())),
            oracle: Oracle::new(plan.facts, is_traced),
            supervisor,
            dialling: Dialling::default(),
            held: Vec::new(),
            stored_at: None,
            restart_at: None,
            leaves_already: false,
            paused_until: None,
            suspended_until: None,
            answer: None,
            is_silent: false,
            wills: Vec::new(),
            plan,
        }
    }

    fn check_memory(&mut self) {
        let session = &self.endpoint.session;
        let (bound, buffer) = (session.memory_bound(), self.endpoint.inbound_capacity());
        let publishes = session.in_flight() + session.pending();
        let holding = Holding { messages: session.held(), publishes, buffer };
        self.oracle.check(Promise::Bad3, buffer <= bound, || {
            format!("a buffer of {buffer} bytes, {bound} in all")
        });
        self.oracle.check_holding(holding);
    }

    fn resume_reading(&mut self, now: Time) {
        self.paused_until = None;
        self.endpoint.set_paused(now, false);
        self.oracle.excuse_silence(now);
    }
}

impl<M: Memory> Actor for Client<M> {
    fn attend(&mut self, now: Time, broker: &mut Broker) -> bool {
        let moved = self.endpoint.attend(now, broker, &mut self.oracle);
        if self.suspended_until.is_some() {
            return moved;
        }
        while let Some(seen) = self.oracle.seen.pop_front() {
            self.handle_seen(now, &seen);
        }
        self.oracle.check_unstored();
        let stored = self.take_records(now);
        if moved || stored {
            self.check_memory();
        }
        moved || stored
    }

    fn handle_timeout(&mut self, now: Time, broker: &mut Broker) -> bool {
        if let Some(until) = self.suspended_until {
            if until > now {
                return false;
            }
            self.wake_up(now);
            return true;
        }
        let mut any = false;
        if self.stored_at.is_some_and(|at| at <= now) {
            self.report_records(now);
            any = true;
        }
        if self.restart_at.is_some_and(|at| at <= now) {
            self.restart(now);
            any = true;
        }
        if self.paused_until.is_some_and(|at| at <= now) {
            self.resume_reading(now);
            any = true;
        }
        any |= self.acknowledge_due(now);
        any |= self.answer_due(now);
        if self.endpoint.session.poll_timeout().is_some_and(|(at, _)| at <= now) {
            self.oracle.tally.steps += 1;
            self.endpoint.handle_timeout(now);
            let next = self.endpoint.session.poll_timeout();
            self.oracle.check(Promise::Bad4, next.is_none_or(|(at, _)| at > now), || {
                format!("{next:?} is over when it is set")
            });
            any = true;
        }
        any |= self.dial(now, broker);
        if self.paused_until.is_some() {
            self.oracle.excuse_silence(now);
        }
        if any {
            self.check_memory();
        }
        any
    }

    fn poll_timeout(&self, now: Time) -> Option<Time> {
        let endpoint = self.endpoint.poll_timeout(now);
        if let Some(until) = self.suspended_until {
            return endpoint.into_iter().chain([until]).min();
        }
        let held = self.held.iter().filter_map(|held| held.due);
        let own = [
            endpoint,
            self.answer.map(|answer| answer.due),
            self.stored_at,
            self.restart_at,
            self.paused_until,
            self.dialling.poll_timeout(),
        ];
        held.chain(own.into_iter().flatten()).min()
    }

    fn act(&mut self, now: Time, broker: &mut Broker) {
        if self.random.one_in(12) {
            self.suffer(now, broker);
        } else if self.suspended_until.is_none() {
            self.use_session(now);
        }
    }

    fn calm(&mut self, now: Time, _broker: &mut Broker) {
        self.weather = Weather::Calm;
        if self.paused_until.is_some() {
            self.resume_reading(now);
        }
        self.suspended_until = self.suspended_until.map(|_| now);
        for held in &mut self.held {
            held.due = Some(now);
        }
        self.restart_at = self.restart_at.map(|_| now);
        // Nobody would ever find out.
        if std::mem::take(&mut self.is_silent)
            && let Some(link) = self.endpoint.link_mut()
        {
            link.cut(now);
        }
    }

    fn unfinished(&self, broker: &Broker) -> Option<String> {
        let open = self.oracle.first_open();
        let session = broker.session(&self.plan.name);
        let there = session.map_or(0, |session| session.queued + session.in_flight);
        let waiting = self.oracle.store.waiting();
        let asked = self.oracle.is_authenticating();
        let is_idle = there == 0 && waiting == 0 && self.held.is_empty() && !asked;
        (open.is_some() || !is_idle).then(|| {
            let held = self.held.len();
            format!(
                "{open:?} is open, {held} held, {there} at the broker, {waiting} records, \
                 authenticating: {asked}"
            )
        })
    }

    fn judge(&mut self, broker: &Broker, count: &dyn Fn(Name) -> u32) {
        self.oracle.judge(count);
        self.judge_wills(broker, count);
    }

    fn broken(&self) -> Option<&Broken> {
        self.oracle.broken.as_ref()
    }

    fn hash(&self) -> u64 {
        self.oracle.hash
    }

    fn tally(&self) -> &Tally {
        &self.oracle.tally
    }

    fn trace(&self) -> String {
        self.oracle.trace.as_ref().map(ToString::to_string).unwrap_or_default()
    }

    /// A CONNACK that says so and gets lost leaves the client with a session that it does not know.
    fn note_session_lost(&mut self) {
        if self.dialling.is_connecting() || self.endpoint.is_remembered() {
            self.oracle.excuse_doubles();
        }
    }

    fn note(&mut self, now: Time, what: &str) {
        self.oracle.note(now, what);
    }

    fn check_time(&mut self, now: Time) {
        if self.suspended_until.is_some() {
            return self.oracle.sleep(now);
        }
        self.oracle.check_time(now, self.endpoint.unsent() > 0);
    }

    fn name(&self) -> &str {
        &self.plan.name
    }
}

impl<M: Memory> Client<M> {
    /// What the session told.
    fn handle_seen(&mut self, now: Time, seen: &Seen) {
        match *seen {
            Seen::Connected => self.handle_connected(now),
            Seen::Refused { code } => self.note_redirect(now, code),
            Seen::Disconnect { code } => {
                if code == PAYLOAD_FORMAT_INVALID {
                    self.oracle.tally.strike(Fault::Poison);
                }
                self.note_redirect(now, code);
            }
            Seen::Message { delivery, .. } => {
                if let Some(delivery) = delivery {
                    self.hold(now, delivery);
                }
            }
            Seen::Closed(reason) => self.handle_closed(now, reason),
            Seen::Auth { code, ref data } => {
                if code == ReasonCode::ContinueAuthentication.to_u8() {
                    self.be_asked(now, data);
                }
            }
            Seen::Published { .. }
            | Seen::Transmitted
            | Seen::Answered(_)
            | Seen::RequestFailed(..)
            | Seen::SubscriptionLost
            | Seen::Writable => {}
        }
    }
}
