//! A session, its owner and what is checked after each step.

use std::collections::HashSet;
use std::time::Duration;

use mqtt_session::proto::{
    Dialect, Packet, Properties, Property, Publish, QoS, ReasonCode, Role, Subscription,
    SubscriptionOptions,
};
use mqtt_session::{
    Config, Connect, Delivery, Event, Inbound, Memory, Output, Payload, Phase, Session, Time, Token,
};

use super::step::{Extra, Opening, Step};
use crate::frames::Frames;

const METHOD: [Property<'static>; 1] = [Property::AuthenticationMethod("M")];

/// The payloads there are.
static PAYLOAD: [u8; 65_535] = [b'x'; 65_535];

/// What the owner has to know of an event.
enum What {
    Message(Option<Delivery>),
    Ended(Token),
    Connected,
    Closed,
    /// Something else that a packet of the connection brought about.
    OfConnection,
    Other,
}

/// Where a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// There is none, or `Closed` was polled.
    Over,
    /// No CONNECT was transmitted yet.
    Opened,
    /// CONNECT was transmitted.
    Greeted,
    /// CONNACK accepted the connection.
    Connected,
    /// DISCONNECT was transmitted.
    Disconnected,
}

pub(super) struct Run<M: Memory> {
    session: Session<M>,
    inbound: Inbound<M>,
    now: Time,
    dialect: Dialect,
    stage: Stage,
    has_store: bool,
    only_listens: bool,
    opened: usize,
    closed: usize,
    open_operations: HashSet<Token>,
    unacknowledged: Vec<Delivery>,
    /// The newest record polled, and the newest reported.
    polled: u64,
    stored: u64,
    out: Buffer,
    /// Bytes the session and its input took from the allocator, now and at most.
    taken: i64,
    taken_at_most: i64,
}

impl<M: Memory> Run<M> {
    pub(super) fn new(config: Config, only_listens: bool) -> Run<M> {
        let dialect = Dialect { version: config.version, sender: Role::Client, lenient: false };
        let has_store = config.store;
        let opening = Opening {
            version: config.version,
            clean_start: true,
            authenticates: false,
            asks_for_id: false,
            keep_alive: 60,
        };
        let mut run = Run {
            session: Session::new(config),
            inbound: Inbound::default(),
            now: Time::from_micros(1),
            dialect,
            stage: Stage::Over,
            has_store,
            only_listens,
            opened: 0,
            closed: 0,
            open_operations: HashSet::new(),
            unacknowledged: Vec::new(),
            polled: 0,
            stored: 0,
            out: Buffer { bytes: Vec::with_capacity(1 << 17), room: 0 },
            taken: 0,
            taken_at_most: 0,
        };
        run.open(opening);
        run
    }

    pub(super) fn step(&mut self, step: &Step<'_>) {
        match *step {
            Step::Receive(bytes) => self.receive(bytes),
            Step::Poll(events) => drop((0..=events).take_while(|_| self.poll()).count()),
            Step::Transmit(room) => self.transmit(room),
            Step::Store(records) => self.store(records.into()),
            Step::StoreFails => self.session.handle_store_failed(self.stored + 1),
            Step::Pass(milliseconds) => self.pass(Duration::from_millis(milliseconds.into())),
            Step::Pause(paused) => self.session.handle_paused(self.now, paused),
            Step::Reopen(opening) => {
                self.close();
                self.open(opening);
            }
            Step::Acknowledge(reason) => self.acknowledge(reason),
            Step::Abandon => self.abandon(),
            Step::Publish(..) | Step::Subscribe(_) | Step::Unsubscribe if self.only_listens => {}
            Step::Publish(qos, extra) => self.publish(qos, extra),
            Step::Subscribe(qos) => self.subscribe(qos),
            Step::Unsubscribe => {
                let token = self.session.unsubscribe(self.now, &["f/#"], &[]);
                self.accept(token.ok());
            }
            Step::Authenticate(reason) => {
                self.session.authenticate(self.now, reason, &METHOD).ok();
            }
            Step::Disconnect(reason) => {
                self.session.disconnect(self.now, reason, &[]).ok();
            }
        }
        assert!(self.inbound.capacity() <= self.session.memory_bound());
    }

    /// The last connection ends, and no operation or connection is left in between.
    pub(super) fn end(&mut self) {
        self.close();
        assert_eq!(self.closed, self.opened, "connections without an end, or with two");
        assert_eq!(self.session.phase(), Phase::Disconnected);
        if self.only_listens && !self.has_store {
            let own = size_of::<Session<M>>() + size_of::<Inbound<M>>();
            let taken = usize::try_from(self.taken_at_most).unwrap_or(0);
            let bound = self.session.memory_bound();
            assert!(own + taken <= bound, "{own} and {taken} bytes, bound {bound}");
        }
    }
}

/// The network.
impl<M: Memory> Run<M> {
    fn open(&mut self, opening: Opening) {
        let properties = if opening.authenticates { &METHOD[..] } else { &[] };
        let connect = Connect {
            version: opening.version,
            clean_start: opening.clean_start,
            keep_alive: opening.keep_alive,
            properties: Properties::from_slice(properties),
            ..Connect::new(if opening.asks_for_id { "" } else { "c" })
        };
        let now = self.now;
        let opened = self.measured(|session, inbound| {
            session.open(now, &connect).map(|opened| *inbound = opened).is_ok()
        });
        if opened {
            self.opened += 1;
            self.stage = Stage::Opened;
            self.dialect.version = opening.version;
        }
    }

    /// The transport ends, and all that is to be polled then is.
    fn close(&mut self) {
        self.session.handle_closed(self.now);
        // A store that fails makes no more records, and one that waits may hold events back.
        for _ in 0..1000 {
            let mut is_quiet = !self.poll();
            while self.poll() {}
            let polled = self.polled;
            self.store(usize::MAX);
            is_quiet &= self.polled == polled;
            self.transmit(1 << 16);
            if is_quiet && self.stage == Stage::Over {
                return;
            }
        }
        panic!("the connection does not come to its end");
    }

    fn receive(&mut self, mut bytes: &[u8]) {
        let now = self.now;
        while !bytes.is_empty() {
            let n = self.measured(|_, inbound| {
                let space = inbound.space();
                let n = space.len().min(bytes.len());
                space[..n].copy_from_slice(&bytes[..n]);
                inbound.handle_received(now, n);
                n
            });
            bytes = &bytes[n..];
            // Full of packets: what is not polled is not read either.
            if n == 0 && !self.poll() {
                return;
            }
        }
    }

    /// Polls an event; `false` if there is none.
    fn poll(&mut self) -> bool {
        let now = self.now;
        let what = self.measured(|session, inbound| {
            session.poll_event(now, inbound).map(|event| what(&event))
        });
        let Some(what) = what else { return false };
        match what {
            What::Message(delivery) => {
                self.expect_open();
                self.unacknowledged.extend(delivery);
            }
            What::Connected => {
                assert_eq!(self.stage, Stage::Greeted);
                self.stage = Stage::Connected;
            }
            What::OfConnection => self.expect_open(),
            What::Ended(token) => {
                assert!(self.open_operations.remove(&token), "a second outcome of {token:?}");
            }
            What::Closed => {
                self.expect_open();
                self.closed += 1;
                self.stage = Stage::Over;
            }
            What::Other => {}
        }
        true
    }

    #[track_caller]
    fn expect_open(&self) {
        assert_ne!(self.stage, Stage::Over, "an event of a connection that is over");
    }

    /// Transmits once; what does not fit into this room is given more.
    fn transmit(&mut self, room: usize) {
        self.out.bytes.clear();
        self.out.room = room;
        let now = self.now;
        let mut out = std::mem::take(&mut self.out);
        let result = self.measured(|session, _| session.poll_transmit(now, &mut out));
        if let Err(small) = result {
            assert!(out.bytes.is_empty() && small.needed > room, "{small} of {room}");
            out.room = small.needed;
            self.measured(|session, _| session.poll_transmit(now, &mut out)).expect("room enough");
            assert!(!out.bytes.is_empty(), "a packet that was too large is gone");
        }
        assert!(out.bytes.len() <= out.room);
        self.session.handle_sent(now, out.bytes.len());
        self.check_sent(&out.bytes);
        self.out = out;
    }

    /// Whole packets of a client: one CONNECT first, before CONNACK no more than authentication takes,
    /// nothing behind a DISCONNECT.
    fn check_sent(&mut self, bytes: &[u8]) {
        let mut checked = 0;
        for frame in (Frames { bytes, dialect: self.dialect }) {
            checked += frame.whole.len();
            let packet = frame.decode().expect("what is sent is legal");
            self.stage = match (self.stage, packet) {
                (Stage::Opened, Packet::Connect(_)) => Stage::Greeted,
                (Stage::Greeted, Packet::Auth(_)) => Stage::Greeted,
                (Stage::Greeted | Stage::Connected, Packet::Disconnect(_)) => Stage::Disconnected,
                (Stage::Connected, packet) if !matches!(packet, Packet::Connect(_)) => {
                    Stage::Connected
                }
                (stage, packet) => panic!("{packet:?} while {stage:?}"),
            };
        }
        assert_eq!(checked, bytes.len(), "half a packet was transmitted");
    }
}

/// The application, the store and the time.
impl<M: Memory> Run<M> {
    fn publish(&mut self, qos: QoS, extra: Extra) {
        let (expiry, len) = match extra {
            Extra::Expiry(seconds) => (Some(Property::MessageExpiryInterval(seconds)), 1),
            Extra::Long(len) => (None, len),
            Extra::None | Extra::Retain => (None, 1),
        };
        let publish = Publish {
            dup: false,
            qos,
            retain: matches!(extra, Extra::Retain),
            topic: "t",
            packet_id: None,
            properties: Properties::from_slice(expiry.as_slice()),
            payload: &[],
        };
        let payload = Payload::Copy(&PAYLOAD[..len]);
        let token = self.session.publish(self.now, &publish, payload);
        self.accept(token.ok().flatten());
    }

    fn subscribe(&mut self, qos: QoS) {
        let options = SubscriptionOptions { qos, ..SubscriptionOptions::default() };
        let token =
            self.session.subscribe(self.now, &[Subscription { filter: "f/#", options }], &[]);
        self.accept(token.ok());
    }

    fn accept(&mut self, token: Option<Token>) {
        if let Some(token) = token {
            assert!(self.open_operations.insert(token), "{token:?} names two operations");
        }
    }

    /// Acknowledges the oldest message.
    fn acknowledge(&mut self, reason: ReasonCode) {
        if !self.unacknowledged.is_empty() {
            let delivery = self.unacknowledged.remove(0);
            self.measured(|session, _| session.ack(delivery, reason));
        }
    }

    fn abandon(&mut self) {
        if !self.unacknowledged.is_empty() {
            let delivery = self.unacknowledged.remove(0);
            self.measured(|session, _| session.abandon(delivery));
        }
    }

    fn store(&mut self, records: usize) {
        for _ in 0..records {
            let Some(record) = self.session.poll_store() else { break };
            assert!(record.seq > self.polled, "records are numbered upwards");
            self.polled = record.seq;
        }
        self.session.handle_stored(self.polled);
        self.stored = self.polled;
    }

    fn pass(&mut self, time: Duration) {
        let now = self.now.after(time);
        self.now = now;
        self.measured(|session, _| session.handle_timeout(now));
        let next = self.session.poll_timeout();
        assert!(next.is_none_or(|(at, _)| at > now), "{next:?} is not later than {now:?}");
    }

    /// Does something with the session, and keeps account of the memory it takes.
    fn measured<T>(&mut self, call: impl FnOnce(&mut Session<M>, &mut Inbound<M>) -> T) -> T {
        let mut result = None;
        let (session, inbound) = (&mut self.session, &mut self.inbound);
        let used = allocation_counter::measure(|| result = Some(call(session, inbound)));
        let peak = i64::try_from(used.bytes_max).unwrap_or(i64::MAX);
        self.taken_at_most = self.taken_at_most.max(self.taken.saturating_add(peak));
        self.taken += used.bytes_current;
        result.expect("the call was made")
    }
}

fn what(event: &Event<'_>) -> What {
    match event {
        Event::Message(message) => What::Message(message.delivery),
        Event::Published { token, .. }
        | Event::Subscribed { token, .. }
        | Event::Unsubscribed { token, .. }
        | Event::RequestFailed { token, .. } => What::Ended(*token),
        Event::Closed(_) => What::Closed,
        Event::Connected(_) => What::Connected,
        Event::Refused(_)
        | Event::Authenticate(_)
        | Event::Reauthenticated(_)
        | Event::Skipped { .. }
        | Event::Disconnect(_) => What::OfConnection,
        Event::SubscriptionLost { .. } | Event::Writable => What::Other,
    }
}

/// An output of limited room.
#[derive(Default)]
struct Buffer {
    bytes: Vec<u8>,
    room: usize,
}

impl<B: AsRef<[u8]>> Output<B> for Buffer {
    fn room(&self) -> usize {
        self.room - self.bytes.len()
    }

    fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    fn put(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }
}
