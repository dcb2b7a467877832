//! What all parts of a client share.

mod authenticating;
mod brokers;
mod calls;
mod draining;
mod events;
mod turn;
mod unwritten;

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use bytes::Bytes;
use mqtt_session::{Failure, Heap, Phase, Session, Supervisor, Time, Token};

use crate::delivery::{Delivery, SubscriptionKey};
use crate::event::Listeners;
use crate::operations::{OperationKey, Operations};
use crate::options::{Broker, Options, Scheme};
use crate::room::Room;
use crate::security::Security;
use crate::shared::After;
use crate::table::Table;
use crate::{
    Ack, ClientEvent, ConnectError, ConnectionState, Drained, Rejection, Stats, TlsFailure,
};

use authenticating::Authentication;
use brokers::Brokers;
pub(crate) use calls::Refusal;
pub(crate) use turn::{Dial, Idle, Moved, Step};
use unwritten::Unwritten;

/// The session, and everything that waits for it.
pub(crate) struct State {
    pub(crate) session: Session<Heap<Bytes>>,
    pub(crate) supervisor: Supervisor,
    pub(crate) brokers: Brokers,
    pub(crate) security: Security,
    pub(crate) lifecycle: Lifecycle,
    pub(crate) attempt: Attempt,
    pub(crate) authentication: Authentication,
    pub(crate) operations: Operations,
    pub(crate) requests: HashMap<Token, Request>,
    pub(crate) unwritten: Unwritten,
    pub(crate) room: Room,
    pub(crate) delivery: Delivery,
    pub(crate) listeners: Listeners,
    pub(crate) stats: Stats,
    pub(crate) driver: DriverSeat,
    /// Calls that wait for the client to connect or to end.
    pub(crate) watchers: Table<Option<Waker>>,
    /// What had no outcome when the client ended.
    pub(crate) left: Drained,
    pub(crate) after: After,
}

/// How far the life of a client is.
#[derive(Clone, Debug)]
pub(crate) enum Lifecycle {
    Running,
    /// `drain` was called: nothing more is accepted.
    Draining {
        /// Until then what was accepted may wait for its outcome.
        until: Time,
    },
    /// `disconnect` was called; the driver takes leave of the broker.
    Leaving,
    /// Nobody has a handle any more; the driver drops everything.
    Abandoned,
    /// There is no driver any more.
    Ended(ConnectError),
}

/// What is known of the attempt or connection at hand.
#[derive(Debug, Default)]
pub(crate) struct Attempt {
    /// The broker as `host:port`.
    pub(crate) broker: String,
    /// How it is spoken to.
    pub(crate) scheme: Scheme,
    /// The broker's answer when it refused.
    pub(crate) refusal: Option<Box<Rejection>>,
    /// The connect timeout of this length cut it off.
    pub(crate) timed_out: Option<Duration>,
    /// The broker refused by TLS, after the handshake.
    pub(crate) tls_failure: Option<(TlsFailure, Arc<io::Error>)>,
    /// The broker accepted this connection.
    pub(crate) accepted: bool,
    /// The broker accepted some connection.
    pub(crate) ever_accepted: bool,
    pub(crate) clean_start: CleanStart,
    /// How many may fail before the broker accepted some connection; `None` is any number.
    pub(crate) first_tries: Option<usize>,
    /// The list of brokers was replaced since it began.
    pub(crate) outdated: bool,
    /// The listeners know that the next attempt waits.
    pub(crate) wait_announced: bool,
    /// The listeners know that a message of this connection matched no subscription.
    pub(crate) unrouted_announced: bool,
    /// Why the last attempt failed.
    pub(crate) failure: Option<ConnectError>,
}

/// Whether the broker is to forget the session.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct CleanStart {
    /// On the next connection.
    pub(crate) is_due: bool,
    /// The CONNECT at hand says so.
    pub(crate) is_asked: bool,
    /// On every connection.
    always: bool,
}

impl CleanStart {
    fn new(options: &Options) -> CleanStart {
        let always = options.connect.clean_start_on_reconnect;
        CleanStart { is_due: options.connect.clean_start, is_asked: false, always }
    }

    /// The broker accepted the connection.
    pub(crate) fn handle_connected(&mut self) {
        self.is_due = self.always || (self.is_due && !self.is_asked);
    }
}

/// Where the driver is while it is not in its seat.
#[derive(Debug)]
pub(crate) struct DriverSeat {
    /// There exactly while the driver sleeps.
    pub(crate) waker: Option<Waker>,
    /// The transport takes no more: more output is no reason to wake the driver.
    pub(crate) output_blocked: bool,
    /// Bytes accepted for sending since its last turn.
    pub(crate) unseen: usize,
    /// The time of its last turn.
    pub(crate) now: Time,
}

/// A SUBSCRIBE or UNSUBSCRIBE without an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Request {
    Subscribe {
        key: SubscriptionKey,
        /// Nobody waits for it any more: the subscription must not stay.
        given_up: bool,
    },
    Unsubscribe {
        /// The subscriptions it ends: those of its filter that were there before it, or one that
        /// nobody holds.
        leaving: Vec<SubscriptionKey>,
    },
}

/// A SUBSCRIBE the session accepted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Admitted {
    pub(crate) key: SubscriptionKey,
    pub(crate) operation: OperationKey,
    pub(crate) ack: Ack,
}

impl Attempt {
    /// Names the broker it is made to.
    pub(crate) fn goes_to(&mut self, broker: &Broker) {
        self.broker = broker.to_string();
        self.scheme = broker.scheme;
    }
}

impl State {
    pub(crate) fn new(options: &Options, security: Security, seed: u64, now: Time) -> State {
        let supervisor_config = options.supervisor_config(seed);
        let mut supervisor = Supervisor::new(supervisor_config, options.brokers.len());
        supervisor.start(now);
        State {
            session: Session::new(options.session_config(seed)),
            supervisor,
            brokers: Brokers::new(&options.brokers),
            security,
            lifecycle: Lifecycle::Running,
            attempt: Attempt {
                first_tries: options.attempts.first_tries(options.brokers.len()),
                clean_start: CleanStart::new(options),
                ..Attempt::default()
            },
            authentication: Authentication::new(options.connect.authenticator.as_ref()),
            operations: Operations::default(),
            requests: HashMap::new(),
            unwritten: Unwritten::default(),
            room: Room::default(),
            delivery: Delivery::new(&options.receiving),
            listeners: Listeners::default(),
            stats: Stats::default(),
            driver: DriverSeat { waker: None, output_blocked: false, unseen: 0, now },
            watchers: Table::default(),
            left: Drained::default(),
            after: After::default(),
        }
    }

    /// What the application sees of it.
    pub(crate) fn connection_state(&self) -> ConnectionState {
        match self.lifecycle {
            Lifecycle::Ended(_) => ConnectionState::Closed,
            Lifecycle::Draining { .. } | Lifecycle::Leaving | Lifecycle::Abandoned => {
                ConnectionState::Closing
            }
            Lifecycle::Running if self.session.phase() == Phase::Connected => {
                ConnectionState::Connected
            }
            Lifecycle::Running => ConnectionState::Connecting,
        }
    }

    pub(crate) fn has_ended(&self) -> bool {
        matches!(self.lifecycle, Lifecycle::Ended(_))
    }

    /// Whether the client keeps its connection up.
    pub(crate) fn is_running(&self) -> bool {
        matches!(self.lifecycle, Lifecycle::Running | Lifecycle::Draining { .. })
    }

    /// Whether something may be accepted.
    pub(crate) fn takes_work(&self) -> bool {
        matches!(self.lifecycle, Lifecycle::Running)
    }

    /// The counters, with what is true now.
    pub(crate) fn stats(&self) -> Stats {
        Stats {
            ignored_acks: self.session.ignored_acks(),
            tolerated: self.session.tolerated(),
            unsent: self.session.unsent(),
            replayed: self.session.replayed(),
            send_quota: self.session.send_quota(),
            in_flight: self.session.in_flight(),
            pending: self.session.pending(),
            unacknowledged: self.session.held(),
            dropped: self.delivery.drops(),
            held_bytes: self.delivery.held_bytes(),
            subscriptions: self.delivery.len(),
            ..self.stats
        }
    }

    /// The last handle is gone. A client that takes leave does so to the end.
    pub(crate) fn abandon(&mut self) {
        match self.lifecycle {
            Lifecycle::Running => {
                self.lifecycle = Lifecycle::Abandoned;
                self.wake_driver();
            }
            Lifecycle::Draining { .. }
            | Lifecycle::Leaving
            | Lifecycle::Abandoned
            | Lifecycle::Ended(_) => {}
        }
    }

    /// The driver is gone: ends everything that waits, and lets go of its waker, which may hold
    /// descriptors. What arrived can still be read.
    pub(crate) fn end(&mut self, why: ConnectError) {
        if self.has_ended() {
            return;
        }
        self.lifecycle = Lifecycle::Ended(why);
        self.left = self.unanswered();
        self.lose_unwritten(Failure::Closed);
        let State { operations, room, delivery, driver, after, .. } = self;
        after.discard(driver.waker.take());
        operations.end_all(|waker| after.wake(waker));
        room.end_all(|waker| after.wake(waker));
        delivery.end_all(after);
        self.requests.clear();
        self.tell(&ClientEvent::Closed);
        self.wake_watchers();
    }

    /// Tells the listeners.
    pub(crate) fn tell(&mut self, event: &ClientEvent) {
        let State { listeners, after, .. } = self;
        listeners.tell(event, |waker| after.wake(waker));
    }

    pub(crate) fn wake_watchers(&mut self) {
        let State { watchers, after, .. } = self;
        watchers.iter_mut().for_each(|(_, waker)| after.wake(waker.take()));
    }

    /// What the session no longer needs is dropped once the lock is free.
    pub(crate) fn hand_back(&mut self) {
        let State { session, after, .. } = self;
        after.discard_payloads(std::iter::from_fn(|| session.poll_spent()));
    }

    /// Something changed that the driver has to look at.
    pub(crate) fn wake_driver(&mut self) {
        self.after.wake_driver(&mut self.driver.waker);
    }

    /// Whether so much was accepted that the driver should have its turn before there is more.
    pub(crate) fn is_ahead(&self) -> bool {
        self.driver.unseen >= AHEAD && !self.driver.output_blocked
    }

    /// There may be something to transmit. A driver that is awake finds it by itself, and one
    /// whose transport takes no more need not know.
    pub(crate) fn wake_for_output(&mut self) {
        let sleeps = self.driver.waker.is_some() && !self.driver.output_blocked;
        if sleeps && self.session.wants_transmit() {
            self.wake_driver();
        }
    }
}

/// Bytes that callers may get ahead of the driver: so much stays in the processor's caches.
const AHEAD: usize = 64 << 10;
