//! A scripted peer, in virtual time.

mod failure;
mod planned;
mod step;
mod writing;

use std::collections::VecDeque;
use std::fmt;

use mqtt_session::Time;
use mqtt_session::proto::{Dialect, Role, Version};

pub use failure::Failure;

use crate::{Direction, Link, Received, Trace};
use planned::Planned;
use step::{Progress, Stage, Step};

/// One end of a connection that does what a test says, step by step: it expects packets and sends
/// some, or bytes that are no packets; and goes on over further connections.
///
/// It has no socket and no clock. Four kinds of method: the steps, each of which comes after the
/// one before it; `handle_*` inputs, which never fail; `poll_*` outputs; and getters. The driver
/// calls [`poll_transmit`](Script::poll_transmit) first and after every input, comes back at
/// [`poll_timeout`](Script::poll_timeout), and closes when it [`is_closing`](Script::is_closing); over
/// a [`Link`], [`attend`](Script::attend) does all that. At the end [`result`](Script::result) says
/// whether everything came as expected, and shows the packets if not.
///
/// ```
/// use std::time::Duration;
///
/// use mqtt_session::proto::{
///     ConnAck, Packet, PacketType, Properties, ReasonCode, Version,
/// };
/// use mqtt_session::{Config, Connect, Event, Heap, Session, Time};
/// use mqtt_testkit::Script;
///
/// let reason = ReasonCode::Success;
/// let connack = ConnAck { session_present: false, reason, properties: Properties::EMPTY };
/// let mut broker = Script::new(Version::V5)
///     .expect_type(PacketType::Connect)
///     .after(Duration::from_millis(200))
///     .reply(&Packet::ConnAck(connack))
///     .expect(&Packet::PingReq)
///     .reply(&Packet::PingResp);
///
/// let mut now = Time::ZERO;
/// let mut session = Session::<Heap>::new(Config::new(1));
/// let mut inbound = session.open(now, &Connect { keep_alive: 60, ..Connect::new("me") })?;
/// let mut connected_at = None;
/// while broker.result().is_err() {
///     let mut bytes = Vec::new();
///     session.poll_transmit(now, &mut bytes)?;
///     session.handle_sent(now, bytes.len());
///     broker.handle_input(now, &bytes);
///
///     let mut bytes = Vec::new();
///     broker.poll_transmit(now, &mut bytes);
///     inbound.handle_input(now, &bytes);
///     while let Some(event) = session.poll_event(now, &mut inbound) {
///         if let Event::Connected(_) = event {
///             connected_at = Some(now);
///         }
///     }
///     // The next thing that happens by itself.
///     let session_next = session.poll_timeout().map(|(at, _)| at);
///     now = [session_next, broker.poll_timeout()].into_iter().flatten().min().unwrap_or(now);
///     session.handle_timeout(now);
/// }
/// assert_eq!(connected_at, Some(Time::from_micros(200_000)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Script {
    /// Those that are left.
    steps: VecDeque<Planned>,
    /// How many there were in all.
    count: usize,
    stage: Stage,
    state: State,
}

/// How it went so far.
#[derive(Clone, Debug)]
enum State {
    Playing,
    /// The first step left was not what came.
    Failed {
        seen: String,
    },
}

/// Making one.
impl Script {
    /// A broker that speaks this version, without steps.
    pub fn new(version: Version) -> Script {
        Script::with_role(version, Role::Server)
    }

    /// A client, without steps.
    pub fn client(version: Version) -> Script {
        Script::with_role(version, Role::Client)
    }

    fn with_role(version: Version, role: Role) -> Script {
        let incoming = Direction::from_sender(role).reverse();
        let theirs = Dialect { version, sender: incoming.sender(), lenient: false };
        let stage = Stage::new(theirs, incoming);
        Script { steps: VecDeque::new(), count: 0, stage, state: State::Playing }
    }

    fn step(mut self, step: Step) -> Script {
        self.steps.push_back(Planned::new(step));
        self.count += 1;
        self
    }
}

/// Inputs.
impl Script {
    /// Takes bytes from the other end.
    pub fn handle_input(&mut self, now: Time, bytes: &[u8]) {
        self.stage.receive(now, bytes);
        self.advance(now);
    }

    /// Another connection is there: the one before is over, and all it had not sent is lost.
    pub fn handle_open(&mut self, now: Time) {
        self.handle_closed(now);
        match (&self.state, self.steps.front().map(|planned| &planned.step)) {
            (State::Playing, Some(Step::Reconnect)) => {
                self.stage.renew(now);
                self.steps.pop_front();
            }
            (State::Playing, Some(_) | None) => {
                self.state = State::Failed { seen: "another connection".to_owned() };
            }
            (State::Failed { .. }, _) => {}
        }
        self.advance(now);
    }

    /// The other end has ended its sending, or the connection is lost.
    pub fn handle_closed(&mut self, now: Time) {
        self.stage.end(now);
        self.advance(now);
    }
}

/// Outputs.
impl Script {
    /// Appends what is to be sent now.
    pub fn poll_transmit(&mut self, now: Time, out: &mut Vec<u8>) {
        self.advance(now);
        out.append(&mut self.stage.out);
    }

    /// When to call [`poll_transmit`](Script::poll_transmit) at the latest, without input.
    pub fn poll_timeout(&self) -> Option<Time> {
        match self.state {
            State::Playing => self.steps.front().and_then(Planned::deadline),
            State::Failed { .. } => None,
        }
    }

    /// Does all there is to do now at this end of a link.
    ///
    /// True when bytes were received or sent: attend the other end, then this one again.
    pub fn attend(&mut self, now: Time, link: &mut Link) -> bool {
        let incoming = self.stage.incoming;
        let mut received = Vec::new();
        let end = loop {
            match link.poll_receive(now, incoming, &mut received) {
                Received::Bytes(_) => {}
                end @ (Received::Nothing | Received::End) => break end,
            }
        };
        self.handle_input(now, &received);
        if end == Received::End {
            self.handle_closed(now);
        }
        let outgoing = incoming.reverse();
        let sent = link.send(now, outgoing, &self.stage.out);
        self.stage.out.drain(..sent);
        if self.is_closing() {
            link.close(now, outgoing);
        }
        sent > 0 || !received.is_empty()
    }
}

/// Getters.
impl Script {
    /// Whether the connection is to be ended: a step says so, and all before it was sent.
    pub fn is_closing(&self) -> bool {
        self.stage.is_closing()
    }

    /// Whether the connection is over and the next step is on another one.
    pub fn awaits_connection(&self) -> bool {
        match self.steps.front().map(|planned| &planned.step) {
            Some(Step::Reconnect) => self.is_closing() || self.stage.is_over(),
            Some(_) | None => false,
        }
    }

    /// What was sent and received so far.
    pub fn trace(&self) -> &Trace {
        &self.stage.trace
    }

    /// Whether all steps were taken and nothing else came.
    pub fn result(&self) -> Result<(), Failure> {
        let seen = match &self.state {
            State::Playing if self.steps.is_empty() => return Ok(()),
            State::Playing => "nothing so far".to_owned(),
            State::Failed { seen } => seen.clone(),
        };
        let expected = self.steps.front().map_or("nothing more".to_owned(), ToString::to_string);
        Err(Failure {
            step: self.count - self.steps.len() + 1,
            steps: self.count,
            expected,
            seen,
            trace: self.stage.trace.to_string(),
        })
    }

    fn advance(&mut self, now: Time) {
        while let State::Playing = self.state {
            let progress = match self.steps.front_mut() {
                Some(step) => step.play(now, &mut self.stage),
                None => self.stage.expect_nothing(),
            };
            match progress {
                Progress::Done => drop(self.steps.pop_front()),
                Progress::Waiting => return,
                Progress::Failed(seen) => self.state = State::Failed { seen },
            }
        }
    }
}

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Script")
            .field("steps", &self.steps.iter().map(ToString::to_string).collect::<Vec<_>>())
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}
