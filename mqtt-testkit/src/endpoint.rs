//! A session on a simulated link, as a driver would work it.

mod wire;

use std::fmt;
use std::time::Duration;

use mqtt_session::{Closing, Connect, Event, Inbound, Memory, OpenError, Phase, Session, Time};

use crate::broker::ConnectionId;
use crate::{Broker, Direction, Link, Received};
use wire::Wire;

/// How long a client tries to get its last packets into a link without room.
const FLUSH: Duration = Duration::from_secs(5);

/// How long a client takes at most to end a connection itself.
const LINGER: Duration = Duration::from_millis(500);

/// A session and its transport to a model broker: it does what the driver of a socket does, in
/// virtual time.
///
/// Many of them share a broker. After every input, command or fault call
/// [`attend`](Endpoint::attend) of all until none moves anything, then go to the earliest
/// [`poll_timeout`](Endpoint::poll_timeout), of the broker too, and tell everyone with
/// `handle_timeout`. [`Pair`](crate::Pair) does that for one. Records for a store are the owner's to
/// take from the session.
pub struct Endpoint<M: Memory> {
    /// The session: its commands may be given at any time between two calls.
    pub session: Session<M>,
    inbound: Inbound<M>,
    transport: Transport,
    /// Received, and not taken by memory of a fixed size yet.
    input: Vec<u8>,
    /// Transmitted, and not taken by the link yet.
    output: Vec<u8>,
    /// Connections that the broker has not noticed the end of.
    left: Vec<Wire>,
    /// The transport is not read.
    is_paused: bool,
    /// The program does not run.
    is_suspended: bool,
    /// When a connection that the session ends is closed at the latest.
    leave_by: Option<Time>,
}

/// The client's end of a connection.
#[derive(Debug)]
enum Transport {
    None,
    Open(Wire),
    /// It sends its last, then waits until the broker ends as well; not beyond this time.
    Lingering(Wire, Time),
}

/// Who looks on while an endpoint works.
///
/// All methods but the first have a body that does nothing.
pub trait Watch<M: Memory> {
    /// The session gave an event. It may be given commands in answer.
    fn event(&mut self, now: Time, session: &mut Session<M>, event: Event<'_>);

    /// The session transmitted these bytes.
    fn transmitted(&mut self, _now: Time, _bytes: &[u8]) {}

    /// Some of the bytes transmitted left over the link: they may have waited for room.
    fn written(&mut self, _now: Time) {}

    /// These bytes arrived at the client.
    fn received(&mut self, _now: Time, _bytes: &[u8]) {}

    /// The broker took these bytes.
    fn served(&mut self, _now: Time, _bytes: &[u8]) {}

    /// Events were polled once, and the session used up what was received but for so many bytes.
    fn polled(&mut self, _now: Time, _left: usize) {}

    /// The client's transport ended.
    fn ended(&mut self, _now: Time) {}
}

impl<M: Memory> fmt::Debug for Endpoint<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint")
            .field("session", &self.session)
            .field("transport", &self.transport)
            .finish_non_exhaustive()
    }
}

impl<M: Memory> Endpoint<M> {
    /// A session without a connection.
    pub fn new(session: Session<M>) -> Endpoint<M> {
        Endpoint {
            session,
            inbound: Inbound::default(),
            transport: Transport::None,
            input: Vec::new(),
            output: Vec::new(),
            left: Vec::new(),
            is_paused: false,
            is_suspended: false,
            leave_by: None,
        }
    }

    /// Opens a connection to the broker over `link`, with this CONNECT.
    ///
    /// Fails as [`Session::open`] does; then nothing was opened.
    pub fn open(
        &mut self,
        now: Time,
        broker: &mut Broker,
        link: Link,
        connect: &Connect<'_>,
    ) -> Result<(), OpenError> {
        self.inbound = self.session.open(now, connect)?;
        self.input.clear();
        self.output.clear();
        self.session.handle_paused(now, self.is_paused);
        self.transport = Transport::Open(Wire::new(now, broker, link));
        Ok(())
    }

    /// Stops reading the transport, or goes on, as an owner does that cannot keep up.
    pub fn set_paused(&mut self, now: Time, is_paused: bool) {
        self.is_paused = is_paused;
        self.session.handle_paused(now, is_paused);
    }

    /// Suspends the program, as a machine that sleeps does, or lets it go on. Meanwhile it neither reads
    /// nor sends nor sees deadlines pass; the link and the broker go on without it.
    pub fn set_suspended(&mut self, is_suspended: bool) {
        self.is_suspended = is_suspended;
    }

    /// The program ended, and runs again with this session: its socket was closed by the system,
    /// and what it had received or not sent is gone.
    pub fn restart(&mut self, now: Time, session: Session<M>) {
        self.hang_up(now);
        self.session = session;
        self.inbound = Inbound::default();
    }

    /// Closes the transport, as a driver does that waited too long for CONNACK.
    pub fn close(&mut self, now: Time) {
        self.session.handle_closed(now);
        self.hang_up(now);
    }

    /// Closes the client's end; the broker learns of it behind what is on its way.
    fn hang_up(&mut self, now: Time) {
        self.input.clear();
        self.output.clear();
        self.leave_by = None;
        match std::mem::replace(&mut self.transport, Transport::None) {
            Transport::None => {}
            Transport::Open(mut wire) | Transport::Lingering(mut wire, _) => {
                wire.link.close(now, Direction::ToServer);
                if wire.is_served() {
                    self.left.push(wire);
                }
            }
        }
    }
}

/// Getters.
impl<M: Memory> Endpoint<M> {
    /// The link of the connection there is, to cut, delay or silence it.
    pub fn link_mut(&mut self) -> Option<&mut Link> {
        match &mut self.transport {
            Transport::Open(wire) | Transport::Lingering(wire, _) => Some(&mut wire.link),
            Transport::None => None,
        }
    }

    /// What the broker calls the connection there is.
    pub fn connection(&self) -> Option<ConnectionId> {
        match &self.transport {
            Transport::Open(wire) | Transport::Lingering(wire, _) => Some(wire.connection),
            Transport::None => None,
        }
    }

    /// Whether something of a connection that this end has left may still arrive at the broker.
    pub fn is_remembered(&self) -> bool {
        !self.left.is_empty()
    }

    /// Bytes that the session transmitted and the link has no room for.
    pub fn unsent(&self) -> usize {
        self.output.len()
    }

    /// Bytes of its own that the receive buffer has, used or not.
    pub fn inbound_capacity(&self) -> usize {
        self.inbound.capacity()
    }

    /// When to call `attend` and [`handle_timeout`](Endpoint::handle_timeout) again at the latest, once
    /// `attend` moves nothing now.
    pub fn poll_timeout(&self, now: Time) -> Option<Time> {
        let (wire, linger) = match &self.transport {
            Transport::None => (None, None),
            Transport::Open(wire) => (wire.poll_timeout(now), None),
            Transport::Lingering(wire, until) => (wire.poll_timeout(now), Some(*until)),
        };
        let left = self.left.iter().filter_map(|wire| wire.poll_timeout(now));
        let outside = left.chain(wire).min();
        let session = self.session.poll_timeout().map(|(at, _)| at);
        let own = session.into_iter().chain(linger).chain(self.leave_by);
        if self.is_suspended { outside } else { own.chain(outside).min() }
    }
}

/// Working it.
impl<M: Memory> Endpoint<M> {
    /// Does what is to be done now at both ends of the connections: each takes one piece at most.
    /// True when something moved: then there may be more, also for others at the same broker.
    pub fn attend(&mut self, now: Time, broker: &mut Broker, watch: &mut impl Watch<M>) -> bool {
        let worked = !self.is_suspended && self.work(now, watch);
        let served = self.serve(now, broker, watch);
        worked || served
    }

    /// The client's end.
    fn work(&mut self, now: Time, watch: &mut impl Watch<M>) -> bool {
        let received = self.receive(now, watch);
        self.poll_events(now, watch);
        let sent = self.transmit(now, watch);
        let closed = self.leave(now, watch);
        received || sent || closed
    }

    /// The broker's ends.
    fn serve(&mut self, now: Time, broker: &mut Broker, watch: &mut impl Watch<M>) -> bool {
        let mut served = match &mut self.transport {
            Transport::None => false,
            Transport::Open(wire) | Transport::Lingering(wire, _) => {
                wire.serve(now, broker, |bytes| watch.served(now, bytes))
            }
        };
        for wire in &mut self.left {
            served |= wire.serve(now, broker, |bytes| watch.served(now, bytes));
        }
        self.left.retain(Wire::is_served);
        served
    }

    /// Time passed: tells the session. The transport was read before, by `attend`.
    pub fn handle_timeout(&mut self, now: Time) {
        if self.is_suspended {
            return;
        }
        if self.session.poll_timeout().is_some_and(|(at, _)| at <= now) {
            self.session.handle_timeout(now);
        }
    }

    /// Takes a piece off the link; what the session has no room for waits.
    fn receive(&mut self, now: Time, watch: &mut impl Watch<M>) -> bool {
        let wire = match &mut self.transport {
            Transport::None => return false,
            Transport::Open(wire) => wire,
            Transport::Lingering(wire, _) => {
                // What comes after the client's last word is read so that it is gone.
                let mut discarded = Vec::new();
                return match wire.link.poll_receive(now, Direction::ToClient, &mut discarded) {
                    Received::Bytes(_) => true,
                    Received::Nothing => false,
                    Received::End => self.end(now, watch),
                };
            }
        };
        if self.is_paused || !self.session.wants_input() {
            return false;
        }
        if self.input.is_empty() {
            match wire.link.poll_receive(now, Direction::ToClient, &mut self.input) {
                Received::Bytes(_) => {}
                Received::Nothing => return false,
                Received::End => return self.end(now, watch),
            }
        }
        let taken = self.inbound.handle_input(now, &self.input);
        watch.received(now, self.input.get(..taken).unwrap_or_default());
        self.input.drain(..taken);
        taken > 0
    }

    fn end(&mut self, now: Time, watch: &mut impl Watch<M>) -> bool {
        self.session.handle_closed(now);
        self.hang_up(now);
        watch.ended(now);
        true
    }

    fn poll_events(&mut self, now: Time, watch: &mut impl Watch<M>) {
        loop {
            let event = self.session.poll_event(now, &mut self.inbound);
            let is_last = event.is_none();
            if let Some(event) = event {
                watch.event(now, &mut self.session, event);
            }
            watch.polled(now, self.inbound.len());
            if is_last {
                return;
            }
        }
    }

    fn transmit(&mut self, now: Time, watch: &mut impl Watch<M>) -> bool {
        let (wire, may_transmit) = match &mut self.transport {
            Transport::None => return false,
            Transport::Open(wire) => (wire, self.output.is_empty()),
            Transport::Lingering(wire, _) => (wire, false),
        };
        if may_transmit {
            // A buffer that grows is never too small.
            self.session.poll_transmit(now, &mut self.output).ok();
            if !self.output.is_empty() {
                watch.transmitted(now, &self.output);
            }
        }
        if !wire.link.is_open(Direction::ToServer) {
            // Written into a connection whose end is still to be read.
            self.output.clear();
        }
        let sent = wire.link.send(now, Direction::ToServer, &self.output);
        self.output.drain(..sent);
        self.session.handle_sent(now, sent);
        if sent > 0 {
            watch.written(now);
        }
        if self.output.is_empty() && matches!(self.transport, Transport::Lingering(..)) {
            self.end_sending(now);
        }
        sent > 0
    }

    /// Whether the session's last words have waited too long for room.
    fn is_late(&mut self, now: Time) -> bool {
        if self.session.phase() == Phase::Closing && self.leave_by.is_none() {
            self.leave_by = Some(now.after(FLUSH));
        }
        self.leave_by.is_some_and(|at| at <= now)
    }

    fn end_sending(&mut self, now: Time) {
        if let Transport::Lingering(wire, _) = &mut self.transport {
            wire.link.close(now, Direction::ToServer);
        }
    }

    /// Ends the connection as the session says.
    fn leave(&mut self, now: Time, watch: &mut impl Watch<M>) -> bool {
        match (std::mem::replace(&mut self.transport, Transport::None), self.session.closing()) {
            (Transport::Open(wire), Closing::AfterFlush) => {
                self.leave_by = None;
                self.transport = Transport::Lingering(wire, now.after(LINGER));
                true
            }
            (transport @ Transport::Lingering(_, until), _) if until <= now => {
                self.transport = transport;
                self.end(now, watch)
            }
            (transport @ Transport::Open(_), _) if self.is_late(now) => {
                self.transport = transport;
                self.end(now, watch)
            }
            (transport @ Transport::Open(_), Closing::Now) => {
                self.transport = transport;
                self.end(now, watch)
            }
            (
                transport @ (Transport::None | Transport::Open(_) | Transport::Lingering(..)),
                Closing::No | Closing::AfterFlush | Closing::Now,
            ) => {
                self.transport = transport;
                false
            }
        }
    }
}
