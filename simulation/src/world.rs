//! A broker, its clients, and the time that passes.

use std::fmt;
use std::time::Duration;

use mqtt_session::Time;
use mqtt_testkit::Broker;
use mqtt_testkit::broker::Persistence;

use crate::client::{Actor, Client, Growing, Small};
use crate::oracle::Broken;
use crate::plan::{self, ClientPlan};
use crate::random::Random;
use crate::tally::{Fault, Promise, Tally};
use crate::witness::Witness;

/// How long it stays rough at most.
const ROUGH: Duration = Duration::from_secs(1800);

/// Things that happen at most while it is rough.
const ACTS: usize = 400;

/// Of so many pauses one is a lull.
const LULLS: usize = 40;

/// Milliseconds of a lull at most.
const LULL: u64 = 120_000;

/// How long it may take, once it is calm, until everything has ended. The longest wait is an hour:
/// that of a client that was taken over.
const CALM: Duration = Duration::from_secs(4 * 3600);

/// Turns at one point in time, after which it is a loop.
const TURNS: usize = 100_000;

/// What came of a seed.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Which it was.
    pub seed: u64,
    /// A hash of all bytes and when they went: the same for the same seed.
    pub hash: u64,
    /// What was checked, and what struck.
    pub tally: Tally,
    /// What was broken, if anything was.
    pub failure: Option<Failure>,
}

/// A promise that was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Which.
    pub promise: Promise,
    /// By whom.
    pub client: String,
    /// How.
    pub how: String,
    /// When.
    pub at: Time,
    /// The packets of that client; empty unless the run was traced.
    pub trace: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Failure { promise, client, how, at, trace } = self;
        writeln!(f, "{trace}")?;
        let (seconds, micros) = (at.as_micros() / 1_000_000, at.as_micros() % 1_000_000);
        write!(
            f,
            "{} ({}), {client} at {seconds}.{micros:06}: {how}",
            promise.name(),
            promise.says()
        )
    }
}

/// Runs what follows from a seed; with a readable trace, if that is wanted.
pub fn run(seed: u64, is_traced: bool) -> Outcome {
    let mut world = World::new(seed, is_traced);
    let ended = world.play();
    let mut tally = world.tally;
    let mut hash = 0u64;
    for client in &world.clients {
        tally.add(client.tally());
        hash = hash.rotate_left(7) ^ client.hash();
    }
    Outcome { seed, hash, tally, failure: ended.err() }
}

struct World {
    now: Time,
    random: Random,
    broker: Broker,
    witness: Witness,
    clients: Vec<Box<dyn Actor>>,
    tally: Tally,
    /// Milliseconds between two things that happen, at most.
    pace: u64,
}

impl World {
    fn new(seed: u64, is_traced: bool) -> World {
        let mut random = Random::new(seed);
        let broker = Broker::new(plan::settings(&mut random));
        let count = 2 + random.below(3);
        let clients = (1..=count).map(|number| {
            let number = u16::try_from(number).unwrap_or(u16::MAX);
            let plan = ClientPlan::new(number, &mut random);
            let seed = random.next();
            let client: Box<dyn Actor> = if plan.facts.grows {
                Box::new(Client::<Growing>::new(plan, seed, is_traced))
            } else {
                Box::new(Client::<Small>::new(plan, seed, is_traced))
            };
            client
        });
        let clients = clients.collect();
        let pace = random.pick([20, 200, 1000, 4000]);
        let (witness, tally) = (Witness::default(), Tally::default());
        World { now: Time::ZERO, random, broker, witness, clients, tally, pace }
    }

    fn play(&mut self) -> Result<(), Failure> {
        let end = self.now.after(ROUGH);
        for _ in 0..ACTS {
            let pause = if self.random.one_in(LULLS) { LULL } else { self.pace };
            let next = self.now.after(self.random.millis(0..=pause));
            self.pass(next)?;
            if self.now >= end {
                break;
            }
            self.act();
        }
        self.calm();
        let end = self.now.after(CALM);
        while let Some(unfinished) = self.unfinished() {
            if self.now >= end {
                return Err(self.fail(0, Promise::Bad4, unfinished));
            }
            let next = self.now.after(Duration::from_secs(10));
            self.pass(next)?;
        }
        for client in &mut self.clients {
            client.judge(&self.broker, &|name| self.witness.count(name));
        }
        self.verdict()
    }

    /// Lets time pass to `until`: everything happens when it is due.
    fn pass(&mut self, until: Time) -> Result<(), Failure> {
        loop {
            self.settle()?;
            let clients = self.clients.iter().filter_map(|client| client.poll_timeout(self.now));
            let next =
                clients.chain(self.broker.poll_timeout()).chain(self.witness.poll_timeout()).min();
            let Some(next) = next.filter(|&next| next <= until) else { break };
            if next <= self.now {
                return Err(self.fail(0, Promise::Bad4, "a deadline that nobody meets".to_owned()));
            }
            self.now = next;
            for client in &mut self.clients {
                client.check_time(self.now);
            }
        }
        self.now = until;
        Ok(())
    }

    /// Does all there is to do now.
    fn settle(&mut self) -> Result<(), Failure> {
        for _ in 0..TURNS {
            self.witness.attend(self.now, &mut self.broker);
            let mut moved = false;
            for client in &mut self.clients {
                moved |= client.attend(self.now, &mut self.broker);
            }
            if !moved {
                if self.broker.poll_timeout().is_some_and(|at| at <= self.now) {
                    self.tally.steps += 1;
                    self.broker.handle_timeout(self.now);
                    moved = true;
                }
                for client in &mut self.clients {
                    moved |= client.handle_timeout(self.now, &mut self.broker);
                }
            }
            self.verdict()?;
            if !moved {
                return Ok(());
            }
        }
        Err(self.fail(0, Promise::Bad4, "time stands still".to_owned()))
    }

    fn verdict(&self) -> Result<(), Failure> {
        let broken = self.clients.iter().enumerate();
        let mut broken = broken.filter_map(|(at, client)| Some((at, client.broken()?)));
        let Some((at, Broken { promise, how })) = broken.next() else { return Ok(()) };
        Err(self.fail(at, *promise, how.clone()))
    }

    fn fail(&self, client: usize, promise: Promise, how: String) -> Failure {
        let client = self.clients.get(client);
        let (name, trace) =
            client.map(|client| (client.name().to_owned(), client.trace())).unwrap_or_default();
        Failure { promise, client: name, how, at: self.now, trace }
    }

    fn act(&mut self) {
        if self.random.one_in(60) {
            return self.restart();
        }
        let at = self.random.below(self.clients.len());
        if let Some(client) = self.clients.get_mut(at) {
            client.act(self.now, &mut self.broker);
        }
    }

    /// The broker restarts, and grants something else.
    fn restart(&mut self) {
        let kept = if self.random.one_in(4) { Persistence::Lost } else { Persistence::Kept };
        let settings = plan::settings(&mut self.random);
        self.broker.restart_with(self.now, kept, settings);
        self.tally.strike(Fault::Restart);
        for client in &mut self.clients {
            client.note(self.now, &format!("the broker restarts: {kept:?}"));
            if kept == Persistence::Lost {
                client.note_session_lost();
            }
        }
    }

    fn calm(&mut self) {
        self.broker.restart_with(self.now, Persistence::Kept, plan::calm_settings());
        for client in &mut self.clients {
            client.note(self.now, "calm");
            client.calm(self.now, &mut self.broker);
        }
    }

    fn unfinished(&self) -> Option<String> {
        self.clients.iter().find_map(|client| {
            let open = client.unfinished(&self.broker)?;
            Some(format!("{}: {open}", client.name()))
        })
    }
}
