//! The session, the broker, another client that sees what the session publishes, and the time.

use std::time::Duration;

use mqtt_session::proto::{
    Properties, Property, Publish, QoS, ReasonCode, Subscription, SubscriptionOptions, Version,
};
use mqtt_session::{Config, Delivery, Event, Heap, Memory, Payload, Phase, Time, Token};
use mqtt_testkit::broker::{Broker, LogEvent, Message, Persistence, Settings};

use super::account::Account;
use super::client::Client;
use super::step::{self, Step};
use crate::settings::Setting;

/// What the session publishes to, and what the broker does.
const UP: &str = "up";
const DOWN: &str = "down";

/// What is subscribed to for the sake of subscribing.
const FILTERS: [&str; 4] = ["a", "a/+", "a/b", "a/#"];

const CLIENT_ID: &str = "session";

pub(super) struct World<M: Memory> {
    now: Time,
    version: Version,
    broker: Broker,
    client: Client<M>,
    watcher: Client<Heap>,
    account: Account,
    /// Messages not acknowledged, with their numbers if the broker published them.
    unacknowledged: Vec<(Delivery, Option<usize>)>,
    may_duplicate: bool,
    /// How many unfinished messages the session takes from the broker.
    window: usize,
}

impl<M: Memory> World<M> {
    /// A session that is connected and subscribed, as is the other client.
    pub(super) fn new(setting: &Setting, keep_alive: u16, broker: Settings) -> World<M> {
        // Large enough for what this target itself cannot do without.
        let size = setting.config.maximum_packet_size.map(|size| size.saturating_add(256));
        let config = Config { maximum_packet_size: size, ..setting.config.clone() };
        let may_duplicate = config.session_loss.qos2;
        let window = usize::from(config.receive_maximum.get()).min(6);
        let mut world = World {
            now: Time::from_micros(1_000_000),
            version: config.version,
            broker: Broker::new(broker),
            client: Client::new(config, CLIENT_ID, keep_alive),
            watcher: Client::new(Config::new(7), "watcher", 0),
            account: Account::default(),
            unacknowledged: Vec::new(),
            may_duplicate,
            window,
        };
        world.client.open(world.now, &mut world.broker);
        world.watcher.open(world.now, &mut world.broker);
        world.arrive();
        subscribe(world.now, &mut world.watcher, UP).expect("subscribed to what comes up");
        let token = subscribe(world.now, &mut world.client, DOWN).expect("subscribed");
        world.account.request(token);
        world.quiet();
        assert!(!world.account.has_open(), "no answer to the first SUBSCRIBE");
        world
    }

    pub(super) fn step(&mut self, step: &Step) {
        match *step {
            Step::Publish { qos, expiry, more } => self.publish(qos, expiry, more),
            Step::Subscribe(qos, filter) => {
                let options = SubscriptionOptions { qos, ..SubscriptionOptions::default() };
                let subscription = Subscription { filter: pick(filter), options };
                let token = self.client.session.subscribe(self.now, &[subscription], &[]);
                token.into_iter().for_each(|token| self.account.request(token));
            }
            Step::Unsubscribe(filter) => {
                let token = self.client.session.unsubscribe(self.now, &[pick(filter)], &[]);
                token.into_iter().for_each(|token| self.account.request(token));
            }
            Step::Acknowledge(n) => {
                if let Some((delivery, _)) = self.take_unacknowledged(n) {
                    self.client.session.ack(delivery, ReasonCode::Success);
                }
            }
            Step::Abandon(n) => {
                if let Some((delivery, number)) = self.take_unacknowledged(n) {
                    self.client.session.abandon(delivery);
                    number.into_iter().for_each(|number| self.account.abandon(number));
                }
            }
            Step::Disconnect => {
                let reason = ReasonCode::NormalDisconnection;
                self.client.session.disconnect(self.now, reason, &[]).ok();
            }
            Step::Send(qos) => self.send(qos),
            Step::ToBroker(n) => {
                self.client.send_to_broker(self.now, &mut self.broker, n.into());
            }
            Step::ToSession(n) => {
                self.client.send_to_session(self.now, n.into());
            }
            Step::Arrive => self.arrive(),
            Step::Cut => self.client.cut(self.now, &mut self.broker),
            Step::Open => self.open(),
            Step::Store(records) => {
                self.client.store(records.into());
            }
            Step::Pass(tenths) => self.pass(Duration::from_millis(100 * u64::from(tenths))),
            Step::Broker(ref step) => self.misbehave(step),
        }
        self.tend();
    }

    /// All goes well from now on: what is open comes to its end, and the account is right.
    pub(super) fn finish(mut self) {
        if let Some(id) = self.client.connection() {
            self.broker.unstall(self.now, id);
        }
        // What was given up comes again on another connection.
        self.client.cut(self.now, &mut self.broker);
        for _ in 0..200 {
            self.quiet();
            if self.is_done() {
                break;
            }
            self.pass(Duration::from_secs(1));
        }
        assert!(self.is_done(), "it does not come to an end: {:?}", self.client.session);
        self.account.check(self.may_duplicate || self.lost_in_silence());
        for entry in self.broker.log() {
            assert!(is_no_fault(&entry.event), "the broker finds fault: {entry:?}");
        }
    }
}

/// Getters.
impl<M: Memory> World<M> {
    fn is_done(&self) -> bool {
        let session = &self.client.session;
        let held = if self.lost_in_silence() { 0 } else { session.held() };
        session.phase() == Phase::Connected
            && (session.in_flight(), session.pending(), held) == (0, 0, 0)
            && !self.account.has_open()
    }

    /// The broker began a session anew, and the CONNACK that said so was lost; or it is of 3.1, which
    /// has no Session Present. No client can know.
    fn lost_in_silence(&self) -> bool {
        let is_new = |event: &LogEvent| match event {
            LogEvent::Connected { client_id, session_present, .. } => {
                client_id == CLIENT_ID && !session_present
            }
            _ => false,
        };
        self.broker.log().filter(|entry| is_new(&entry.event)).count() > self.account.sessions
    }
}

/// The application.
impl<M: Memory> World<M> {
    fn publish(&mut self, qos: QoS, expiry: Option<u32>, more: usize) {
        let number = self.account.next_number();
        let is_v5 = self.version == Version::V5;
        let expiry = expiry.filter(|_| is_v5).map(Property::MessageExpiryInterval);
        let publish = Publish {
            dup: false,
            qos,
            retain: false,
            topic: UP,
            packet_id: None,
            properties: Properties::from_slice(expiry.as_slice()),
            payload: &[],
        };
        let mut payload = name(number);
        payload.resize(payload.len() + more, b' ');
        let accepted = self.client.session.publish(self.now, &publish, Payload::Copy(&payload));
        if let Ok(token) = accepted {
            self.account.publish(qos, payload.len(), token);
        }
    }

    fn take_unacknowledged(&mut self, n: u8) -> Option<(Delivery, Option<usize>)> {
        let n = usize::from(n).checked_rem(self.unacknowledged.len())?;
        Some(self.unacknowledged.remove(n))
    }

    /// Polls all events; whether there was one.
    fn poll(&mut self) -> bool {
        let mut any = false;
        while let Some(event) = self.client.poll(self.now) {
            any = true;
            match event {
                Event::Message(message) => {
                    let is_down = message.publish.topic == DOWN;
                    let number = is_down.then(|| number(message.publish.payload));
                    number.into_iter().for_each(|number| self.account.received(number));
                    let delivery = message.delivery;
                    self.unacknowledged.extend(delivery.map(|delivery| (delivery, number)));
                }
                Event::Published { token, outcome } => self.account.end_publish(token, &outcome),
                Event::Subscribed { token, .. }
                | Event::Unsubscribed { token, .. }
                | Event::RequestFailed { token, .. } => self.account.end_request(token),
                Event::Connected(connack) => {
                    let is_new = !connack.session_present && self.version != Version::V3_1;
                    self.account.sessions += usize::from(is_new || self.account.sessions == 0);
                }
                Event::Refused(_)
                | Event::Authenticate(_)
                | Event::Reauthenticated(_)
                | Event::Skipped { .. }
                | Event::SubscriptionLost { .. }
                | Event::Writable
                | Event::Disconnect(_)
                | Event::Closed(_) => {}
            }
        }
        any
    }
}

/// The broker, the other client and the network.
impl<M: Memory> World<M> {
    /// The broker publishes; no more than a client without Receive Maximum has room for.
    fn send(&mut self, qos: QoS) {
        let session = self.broker.session(CLIENT_ID);
        if session.is_none_or(|session| session.queued + session.in_flight >= self.window) {
            return;
        }
        let message = Message::new(DOWN, &name(self.account.next_sent()));
        self.account.send(qos);
        self.broker.publish(self.now, Message { qos, ..message });
    }

    fn misbehave(&mut self, step: &step::Broker) {
        let connection = self.client.connection();
        match (step, connection) {
            (step::Broker::Stall, Some(id)) => self.broker.stall(id),
            (step::Broker::GoOn, Some(id)) => self.broker.unstall(self.now, id),
            (step::Broker::Disconnect(reason), Some(id)) => {
                self.broker.disconnect(self.now, id, *reason);
            }
            (step::Broker::Refuse(reason), None) => self.broker.refuse_next(*reason),
            (step::Broker::LoseSession, _) => {
                self.broker.lose_session(self.now, CLIENT_ID);
                self.account.lost_session = true;
            }
            (step::Broker::Restart, _) => self.broker.restart(self.now, Persistence::Kept),
            (step::Broker::Stall | step::Broker::GoOn | step::Broker::Disconnect(_), None)
            | (step::Broker::Refuse(_), Some(_)) => {}
        }
    }

    /// Opens a connection once the last one is over.
    fn open(&mut self) {
        self.tend();
        if !self.client.is_open() && self.client.session.phase() == Phase::Disconnected {
            self.client.open(self.now, &mut self.broker);
        }
    }

    /// What both ends have to say is on its way.
    fn tend(&mut self) {
        self.client.tend(self.now, &mut self.broker);
        while self.poll() {
            self.client.tend(self.now, &mut self.broker);
        }
        self.watch();
    }

    /// All bytes arrive at once, both ways.
    fn arrive(&mut self) {
        loop {
            self.tend();
            let up = self.client.send_to_broker(self.now, &mut self.broker, usize::MAX);
            let down = self.client.send_to_session(self.now, usize::MAX);
            if up + down == 0 {
                return;
            }
        }
    }

    /// All happens that can without time passing, with everybody doing what they should.
    fn quiet(&mut self) {
        for _ in 0..1000 {
            self.open();
            self.arrive();
            let stored = self.client.store(usize::MAX);
            let waiting = std::mem::take(&mut self.unacknowledged);
            if stored == 0 && waiting.is_empty() && self.client.is_open() {
                return;
            }
            for (delivery, _) in waiting {
                self.client.session.ack(delivery, ReasonCode::Success);
            }
        }
        panic!("it never gets quiet");
    }

    /// The other client has a perfect connection, but for a broker that restarts.
    fn watch(&mut self) {
        let (now, broker, watcher) = (self.now, &mut self.broker, &mut self.watcher);
        loop {
            watcher.tend(now, broker);
            let mut moved = watcher.send_to_broker(now, broker, usize::MAX);
            moved += watcher.send_to_session(now, usize::MAX);
            let mut deliveries = Vec::new();
            while let Some(event) = watcher.poll(now) {
                moved += 1;
                if let Event::Message(message) = event {
                    let payload = message.publish.payload;
                    self.account.heard(number(payload), payload.len());
                    deliveries.extend(message.delivery);
                }
            }
            for delivery in deliveries {
                watcher.session.ack(delivery, ReasonCode::Success);
            }
            if !watcher.is_open() {
                watcher.open(now, broker);
            } else if moved == 0 {
                return;
            }
        }
    }

    /// Time passes, and nothing that is due is late.
    fn pass(&mut self, time: Duration) {
        let end = self.now.after(time);
        loop {
            let deadlines = [self.client.deadline(), self.watcher.deadline()];
            let next = deadlines.into_iter().chain([self.broker.poll_timeout()]).flatten().min();
            let Some(next) = next.filter(|&at| at <= end) else { break };
            self.now = self.now.max(next);
            self.broker.handle_timeout(self.now);
            self.client.handle_timeout(self.now);
            self.watcher.handle_timeout(self.now);
            self.tend();
        }
        self.now = end;
    }
}

fn subscribe<M: Memory>(now: Time, client: &mut Client<M>, filter: &str) -> Option<Token> {
    let options = SubscriptionOptions { qos: QoS::ExactlyOnce, ..SubscriptionOptions::default() };
    client.session.subscribe(now, &[Subscription { filter, options }], &[]).ok()
}

fn pick(filter: u8) -> &'static str {
    FILTERS[usize::from(filter) % FILTERS.len()]
}

/// The payload of the message with this number.
fn name(number: usize) -> Vec<u8> {
    format!("{number} ").into_bytes()
}

fn number(payload: &[u8]) -> usize {
    let text = std::str::from_utf8(payload).expect("a number");
    text.trim_end().parse().expect("a number")
}

/// Whether the broker ended a connection for something else than what the session sent.
fn is_no_fault(event: &LogEvent) -> bool {
    match event {
        LogEvent::Ended { explanation, reason, .. } => {
            let of_time = [ReasonCode::KeepAliveTimeout, ReasonCode::SessionTakenOver];
            explanation == "disconnected by command"
                || explanation == "CONNECT takes too long"
                || of_time.contains(reason)
        }
        LogEvent::Refused { explanation, .. } => explanation == "refused by command",
        LogEvent::OutOfOrder { .. } | LogEvent::WrongDup { .. } => false,
        LogEvent::Opened(_)
        | LogEvent::Connected { .. }
        | LogEvent::Disconnected { .. }
        | LogEvent::Lost(_)
        | LogEvent::Stray { .. }
        | LogEvent::WillPublished { .. }
        | LogEvent::SessionEnded { .. }
        | LogEvent::Dropped { .. } => true,
    }
}
