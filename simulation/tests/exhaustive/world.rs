//! One run: a conversation, what goes wrong in it, and what comes of it.

use std::fmt;
use std::time::Duration;

use mqtt_session::proto::{Properties, Property, QoS, Version, Will};
use mqtt_session::{Config, Connect, Event, Memory, Phase, Session, Time};
use mqtt_testkit::broker::{Authentication, Settings};
use mqtt_testkit::{Broker, Direction, Endpoint, Link, Trace, Watch};

use crate::application::{Application, End, METHOD, NAME, RIDDLE, State};
use crate::conversation::{Conversation, Step};
use crate::store::Store;
use crate::verdict;
use crate::wire::Wire;
use crate::witness::Witness;

/// How long bytes travel.
const DELAY: Duration = Duration::from_millis(10);

/// From the end of a connection, or a crash, to the next attempt.
const PAUSE: Duration = Duration::from_secs(1);

/// All of it takes no longer than that. Nobody is so slow that a timeout passes.
const LIMIT: Time = Time::from_micros(20_000_000);

/// What goes wrong first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    None,
    /// The first connection is cut after so many bytes.
    Cut(Direction, usize),
    /// The program ends once so many records are stored.
    Crash(usize, Moment),
}

/// When the program ends of which so many records are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    /// With the last of them, which was not reported.
    AtOnce,
    /// They were reported, and all that needs no other record has happened.
    Late,
}

/// What the broker has of the session when the client comes again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Persistence {
    Kept,
    Lost,
}

/// What is run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) conversation: Conversation,
    pub(crate) version: Version,
    pub(crate) fault: Fault,
    /// The second connection is cut after so many bytes.
    pub(crate) second: Option<(Direction, usize)>,
    pub(crate) persistence: Persistence,
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Plan { conversation, version, fault, second, persistence } = self;
        write!(f, "{} in {version:?}, {fault:?}, session {persistence:?}", conversation.name)?;
        if let Some((direction, bytes)) = second {
            write!(f, ", then a cut after {bytes} bytes {direction}")?;
        }
        Ok(())
    }
}

impl Plan {
    pub(crate) fn has_store(&self) -> bool {
        match self.fault {
            Fault::None | Fault::Crash(..) => true,
            Fault::Cut(..) => false,
        }
    }

    fn config(&self, seed: u64) -> Config {
        Config { version: self.version, store: self.has_store(), ..Config::new(seed) }
    }
}

/// What came of a run.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) wires: Vec<Wire>,
    /// Records the session made.
    pub(crate) records: usize,
}

/// Looks at what goes over the connections, and hands events on.
#[derive(Debug)]
pub(crate) struct Onlooker {
    pub(crate) application: Application,
    pub(crate) wires: Vec<Wire>,
    trace: Option<Trace>,
}

impl Onlooker {
    fn wire(&mut self) -> &mut Wire {
        self.wires.last_mut().expect("a connection")
    }

    fn record(&mut self, now: Time, direction: Direction, bytes: &[u8]) {
        if let Some(trace) = &mut self.trace {
            trace.record(now, direction, bytes);
        }
    }
}

impl<M: Memory> Watch<M> for Onlooker {
    fn event(&mut self, now: Time, session: &mut Session<M>, event: Event<'_>) {
        self.application.handle_event(now, session, &event);
    }

    fn transmitted(&mut self, now: Time, bytes: &[u8]) {
        self.wire().transmitted.extend(bytes);
        self.record(now, Direction::ToServer, bytes);
    }

    fn received(&mut self, now: Time, bytes: &[u8]) {
        self.wire().received.extend(bytes);
        self.record(now, Direction::ToClient, bytes);
    }

    fn served(&mut self, _now: Time, bytes: &[u8]) {
        self.wire().served.extend(bytes);
    }

    fn ended(&mut self, now: Time) {
        if let Some(trace) = &mut self.trace {
            trace.end(now);
        }
    }
}

/// A client, its store, the broker and somebody who looks on.
pub(crate) struct World<M: Memory> {
    pub(crate) plan: Plan,
    now: Time,
    pub(crate) endpoint: Endpoint<M>,
    pub(crate) broker: Broker,
    pub(crate) witness: Witness,
    pub(crate) onlooker: Onlooker,
    store: Store,
    /// When the next connection is opened.
    open_at: Option<Time>,
    /// When the program ends.
    crash_at: Option<Time>,
    pub(crate) has_crashed: bool,
}

/// Runs it; a failure says what is wrong, with the packets.
pub(crate) fn run<M: Memory>(plan: Plan) -> Ran {
    let mut world = World::<M>::new(plan, None);
    match world.run() {
        Ok(()) => Ran { wires: world.onlooker.wires, records: world.store.len() },
        Err(what) => {
            let mut again = World::<M>::new(plan, Some(Trace::new(plan.version)));
            let twice = again.run();
            assert_eq!(twice, Err(what.clone()), "{plan}: not the same again");
            let trace = again.onlooker.trace.expect("it is traced");
            let memory = std::any::type_name::<M>();
            panic!("{plan}, {memory}: {what}\n{trace}");
        }
    }
}

impl<M: Memory> World<M> {
    fn new(plan: Plan, trace: Option<Trace>) -> World<M> {
        let authentication = plan.conversation.authenticates(plan.version).then(|| {
            let rounds = vec![(RIDDLE.0.to_vec(), RIDDLE.1.to_vec())];
            Authentication { method: METHOD.to_owned(), first: None, rounds, last: None }
        });
        let mut broker = Broker::new(Settings { authentication, ..Settings::default() });
        let kept = match plan.fault {
            Fault::None | Fault::Cut(..) => None,
            Fault::Crash(records, _) => Some(records),
        };
        World {
            plan,
            now: Time::ZERO,
            endpoint: Endpoint::new(Session::new(plan.config(1))),
            witness: Witness::new(&mut broker),
            broker,
            onlooker: Onlooker {
                application: Application::new(plan.conversation, plan.version),
                wires: Vec::new(),
                trace,
            },
            store: Store::new(kept),
            open_at: Some(Time::ZERO),
            crash_at: None,
            has_crashed: false,
        }
    }

    fn run(&mut self) -> Result<(), String> {
        let mut quiet_at = None;
        loop {
            self.work();
            self.handle_timeout()?;
            self.work();
            if let Some(broken) = self.onlooker.application.broken.take() {
                return Err(broken);
            }
            // What is too much comes within that time.
            let quiet = quiet_at.unwrap_or(self.now.after(PAUSE));
            quiet_at = self.is_done().then_some(quiet);
            if quiet_at.is_some_and(|at| at <= self.now) {
                return verdict::judge(self);
            }
            let own = [self.open_at, self.crash_at, quiet_at].into_iter().flatten();
            let next = own.chain(self.endpoint.poll_timeout(self.now));
            let next = next.chain(self.broker.poll_timeout()).min();
            match next.filter(|next| *next <= LIMIT) {
                Some(next) => self.now = self.now.max(next),
                None => return Err(format!("it does not end: {}", self.unfinished())),
            }
        }
    }

    /// Does what is to be done at this time.
    fn work(&mut self) {
        loop {
            let attended = self.endpoint.attend(self.now, &mut self.broker, &mut self.onlooker);
            let stored = self.store();
            let session = &mut self.endpoint.session;
            let begun = self.onlooker.application.go_on(self.now, session, &mut self.broker);
            if !(attended || stored || begun) {
                return;
            }
        }
    }

    /// Stores what is to be stored, until the program ends.
    fn store(&mut self) -> bool {
        let ends_at_once = matches!(self.plan.fault, Fault::Crash(_, Moment::AtOnce));
        let stored = self.store.take(&mut self.endpoint.session);
        if self.store.is_full() && ends_at_once {
            self.crash();
            return true;
        }
        self.store.report(&mut self.endpoint.session);
        let may_crash = !self.has_crashed && self.crash_at.is_none();
        let is_last = self.store.is_full() && self.is_finished();
        if may_crash && (self.store.has_lost || is_last) {
            self.crash_at = Some(self.now.after(PAUSE));
        }
        stored
    }

    fn handle_timeout(&mut self) -> Result<(), String> {
        if self.crash_at.is_some_and(|at| at <= self.now) {
            self.crash();
        }
        if std::mem::take(&mut self.onlooker.application.is_closed) && !self.is_done() {
            self.open_at = Some(self.now.after(PAUSE));
        }
        if self.open_at.is_some_and(|at| at <= self.now) {
            self.open_at = None;
            self.open();
        }
        self.endpoint.handle_timeout(self.now);
        self.broker.handle_timeout(self.now);
        match self.endpoint.session.poll_timeout() {
            Some((at, why)) if at <= self.now => Err(format!("a wake-up in the past: {why:?}")),
            Some(_) | None => Ok(()),
        }
    }

    /// The program ends, and runs again with what its store has.
    fn crash(&mut self) {
        self.crash_at = None;
        self.has_crashed = true;
        if let Some(trace) = &mut self.onlooker.trace {
            trace.end(self.now);
            trace.note(self.now, "crash");
        }
        let config = self.plan.config(2);
        let session = Session::restore(config, self.now, self.store.content());
        self.endpoint.restart(self.now, session.expect("what it stored can be read"));
        self.onlooker.application.crash(&self.store);
        self.onlooker.application.is_closed = false;
        self.store.reopen();
        self.open_at = Some(self.now.after(PAUSE));
    }

    fn open(&mut self) {
        let attempt = self.onlooker.wires.len();
        let has_struck = match self.plan.fault {
            Fault::None => false,
            Fault::Cut(..) => attempt > 0,
            Fault::Crash(..) => self.has_crashed,
        };
        if has_struck && self.plan.persistence == Persistence::Lost {
            self.broker.lose_session(self.now, NAME);
            self.onlooker.application.forget();
        }
        let method = [Property::AuthenticationMethod(METHOD)];
        let authenticates = self.plan.conversation.authenticates(self.plan.version);
        let properties = if authenticates { &method[..] } else { &[] };
        let will = Will {
            qos: QoS::AtMostOnce,
            retain: false,
            topic: "will",
            payload: b"gone",
            properties: Properties::EMPTY,
        };
        let connect = Connect {
            version: self.plan.version,
            clean_start: false,
            will: Some(will),
            properties: Properties::from_slice(properties),
            ..Connect::new(NAME)
        };
        let mut link = Link::new(1);
        for direction in Direction::BOTH {
            link.set_delay(direction, DELAY..=DELAY);
        }
        let cut = match (attempt, self.plan.fault) {
            (0, Fault::Cut(direction, bytes)) => Some((direction, bytes)),
            (1, _) => self.plan.second,
            (_, Fault::None | Fault::Cut(..) | Fault::Crash(..)) => None,
        };
        if let Some((direction, bytes)) = cut {
            link.cut_after(self.now, direction, bytes);
        }
        self.onlooker.wires.push(Wire { is_restored: self.has_crashed, ..Wire::default() });
        let opened = self.endpoint.open(self.now, &mut self.broker, link, &connect);
        opened.expect("the connection before has ended");
    }

    /// Whether everything has come to its end, and after a fault on a connection that is up.
    fn is_done(&self) -> bool {
        let is_up = self.endpoint.session.phase() == Phase::Connected;
        let has_happened = match self.plan.fault {
            Fault::None => is_up || self.has_left(),
            Fault::Cut(..) => is_up && self.onlooker.wires.len() > 1,
            Fault::Crash(..) => is_up && self.has_crashed,
        };
        has_happened && self.is_finished()
    }

    /// Whether the application has ended a connection.
    fn has_left(&self) -> bool {
        let steps = &self.onlooker.application.steps;
        steps.iter().any(|progress| {
            progress.step == Step::Disconnect && progress.state == State::Ended(End::Done)
        })
    }

    /// Whether nothing is left to be done at either end.
    fn is_finished(&self) -> bool {
        let session = &self.endpoint.session;
        let own = session.in_flight() + session.pending() + session.held();
        let there = self
            .broker
            .session(NAME)
            .map_or(0, |session| session.queued + session.in_flight + session.unreleased);
        self.onlooker.application.is_finished() && own + there == 0
    }

    fn unfinished(&self) -> String {
        let session = &self.endpoint.session;
        let (steps, there) = (&self.onlooker.application.steps, self.broker.session(NAME));
        let own = (session.in_flight(), session.pending(), session.held());
        format!("{own:?} in flight, waiting, held; {steps:?}; the broker has {there:?}")
    }
}
