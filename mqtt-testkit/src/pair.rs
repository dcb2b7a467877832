//! A session and the model broker, in virtual time.

use std::time::Duration;

use mqtt_session::{Config, Connect, Event, Memory, OpenError, Session, Time};

use crate::broker::Settings;
use crate::{Broker, Direction, Endpoint, Link, Trace, Watch};

/// A session, the model broker it talks to and the link between them, in virtual time: for tests of
/// what is built on a session, whose every timeout takes no time at all.
///
/// Time stands still but in [`run`](Pair::run). Faults are the link's ([`Pair::link_mut`]) and the
/// broker's commands; everything follows from the seed of the [`Config`].
///
/// ```
/// use std::time::Duration;
///
/// use mqtt_session::proto::{Properties, Publish, QoS};
/// use mqtt_session::{Config, Connect, Event, Heap, Outcome, Payload};
/// use mqtt_testkit::Pair;
/// use mqtt_testkit::broker::Settings;
///
/// let mut pair = Pair::<Heap>::new(Config::new(1), Settings::default());
/// let connect = Connect { clean_start: false, ..Connect::new("me") };
/// pair.connect(&connect)?;
/// let now = pair.now();
/// let publish = Publish {
///     dup: false,
///     qos: QoS::ExactlyOnce,
///     retain: false,
///     topic: "greeting",
///     packet_id: None,
///     properties: Properties::EMPTY,
///     payload: b"hello",
/// };
/// pair.endpoint.session.publish(now, &publish, Payload::Copy(publish.payload))?;
///
/// // The connection breaks before the broker has answered.
/// pair.link_mut().expect("it is open").cut_after(now, mqtt_testkit::Direction::ToServer, 40);
/// pair.run(Duration::from_secs(1), |_, _| {});
///
/// // The next one completes the message, once.
/// pair.connect(&connect)?;
/// let mut delivered = 0;
/// pair.run(Duration::from_secs(1), |_, event| {
///     if let Event::Published { outcome: Outcome::Delivered(_), .. } = event {
///         delivered += 1;
///     }
/// });
/// assert_eq!(delivered, 1);
/// println!("{}", pair.trace());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Pair<M: Memory> {
    /// The session and its transport.
    pub endpoint: Endpoint<M>,
    /// What it talks to.
    pub broker: Broker,
    now: Time,
    seed: u64,
    delay: Duration,
    trace: Trace,
}

/// Writes the trace, and hands events on.
struct Look<'a, F> {
    trace: &'a mut Trace,
    on_event: F,
}

impl<M: Memory, F: FnMut(&mut Session<M>, Event<'_>)> Watch<M> for Look<'_, F> {
    fn event(&mut self, _now: Time, session: &mut Session<M>, event: Event<'_>) {
        (self.on_event)(session, event);
    }

    fn transmitted(&mut self, now: Time, bytes: &[u8]) {
        self.trace.record(now, Direction::ToServer, bytes);
    }

    fn received(&mut self, now: Time, bytes: &[u8]) {
        self.trace.record(now, Direction::ToClient, bytes);
    }

    fn ended(&mut self, now: Time) {
        self.trace.end(now);
    }
}

impl<M: Memory> Pair<M> {
    /// A new session and a new broker, not connected, at the start of time.
    pub fn new(config: Config, settings: Settings) -> Pair<M> {
        Pair {
            seed: config.seed,
            trace: Trace::new(config.version),
            endpoint: Endpoint::new(Session::new(config)),
            broker: Broker::new(settings),
            now: Time::ZERO,
            delay: Duration::ZERO,
        }
    }

    /// How long bytes travel on connections opened from now on.
    pub fn set_delay(&mut self, delay: Duration) {
        self.delay = delay;
    }

    /// Opens a connection with this CONNECT, which leaves with the next [`run`](Pair::run).
    ///
    /// Fails as [`Session::open`] does: so while a connection is open whose end the session has not
    /// seen, which takes a `run` as well.
    pub fn connect(&mut self, connect: &Connect<'_>) -> Result<(), OpenError> {
        self.seed = self.seed.wrapping_add(1);
        let mut link = Link::new(self.seed);
        for direction in Direction::BOTH {
            link.set_delay(direction, self.delay..=self.delay);
        }
        self.endpoint.open(self.now, &mut self.broker, link, connect)?;
        // Nobody is told of an end that the owner made.
        self.trace.begin(self.now);
        Ok(())
    }

    /// Lets so much time pass. Everything that is due happens at its time, in order; events are given
    /// to `on_event` with the session, which may be told what to do in answer.
    pub fn run(
        &mut self,
        duration: Duration,
        mut on_event: impl FnMut(&mut Session<M>, Event<'_>),
    ) {
        let until = self.now.after(duration);
        loop {
            let mut look = Look { trace: &mut self.trace, on_event: &mut on_event };
            while self.endpoint.attend(self.now, &mut self.broker, &mut look) {}
            // What has arrived was read: who is silent now has not answered.
            self.endpoint.handle_timeout(self.now);
            self.broker.handle_timeout(self.now);
            while self.endpoint.attend(self.now, &mut self.broker, &mut look) {}
            let Some(next) = self.poll_timeout().filter(|&next| next <= until) else { break };
            self.now = self.now.max(next);
        }
        self.now = until;
    }
}

/// Getters.
impl<M: Memory> Pair<M> {
    /// The time it is.
    pub fn now(&self) -> Time {
        self.now
    }

    /// The link of the connection there is.
    pub fn link_mut(&mut self) -> Option<&mut Link> {
        self.endpoint.link_mut()
    }

    /// The packets so far, as the client sent and received them.
    pub fn trace(&self) -> &Trace {
        &self.trace
    }

    /// When something happens by itself.
    pub fn poll_timeout(&self) -> Option<Time> {
        self.endpoint.poll_timeout(self.now).into_iter().chain(self.broker.poll_timeout()).min()
    }
}
