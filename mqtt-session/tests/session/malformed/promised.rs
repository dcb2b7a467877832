//! What a client owes when a mistake arrives, and how all of it is kept.

use mqtt_session::proto::{Auth, Packet, Properties, ReasonCode, Version};
use mqtt_session::{Config, Delivery, Token};

use super::{METHOD, State, Table};
use crate::packets::*;
use crate::pair::{Pair, Seen, TestMemory};

const OK: ReasonCode = ReasonCode::Success;
const GRANTED: ReasonCode = ReasonCode::GrantedQoS1;

/// The Packet Identifiers of the broker: of two messages of QoS 2 that are acknowledged, the second
/// of which it knows of, and of one of QoS 1 that is not.
const RECEIVED: u16 = 0x0101;
const HELD: u16 = 0x0102;
const ANSWERED: u16 = 0x0103;

/// What was promised and is not kept yet.
#[derive(Default)]
pub(super) struct Promised {
    flows: Option<Flows>,
    /// Inbound messages of QoS 2 were acknowledged to the broker.
    received: bool,
    /// An inbound message of QoS 1 waits for the application.
    held: Option<Delivery>,
    /// Messages that no connection carried, in their order.
    unsent: Vec<(&'static str, Token)>,
    /// With their Packet Identifiers once one did.
    sent: Vec<(u16, Token)>,
    reauthenticating: bool,
    /// The connection that carried all this is gone.
    resumed: bool,
}

/// Flows of the client. Publishes keep their Packet Identifiers 1 to 3 for ever.
struct Flows {
    at_least_once: Token,
    exactly_once: Option<Token>,
    released: Token,
    subscribed: Token,
    unsubscribed: Token,
    /// The Packet Identifiers of SUBSCRIBE and UNSUBSCRIBE.
    requests: [u16; 2],
}

/// Before the mistake.
impl Promised {
    /// A client in the state of the table.
    pub(super) fn begin<M: TestMemory>(table: &Table) -> (Pair<M>, Promised) {
        let mut config = Config { version: table.version, ..Config::new(1) };
        (table.config)(&mut config);
        let mut pair = Pair::with(config);
        let mut promised = Promised::default();
        match table.state {
            State::Starting | State::Joining => {
                promised.unsent.push(("early", pair.publish(QOS1, "early")));
                pair.open(&table.connect(table.state == State::Starting));
            }
            State::Idle => promised.connect(&mut pair, table),
            State::Busy => promised.connect_and_work(&mut pair, table),
            State::Connecting => {
                promised.connect_and_work(&mut pair, table);
                pair.cut();
                promised.resumed = true;
                pair.open(&table.connect(false));
            }
            State::Reauthenticating => {
                promised.connect_and_work(&mut pair, table);
                let again = ReasonCode::ReAuthenticate;
                pair.session.authenticate(pair.now, again, METHOD).unwrap();
                pair.expect(&[auth(again)]);
                promised.reauthenticating = true;
            }
        }
        (pair, promised)
    }

    /// Connects, and acknowledges messages of QoS 2.
    fn connect<M: TestMemory>(&mut self, pair: &mut Pair<M>, table: &Table) {
        pair.connect_with(&table.connect(true), &table.connack(false));
        for id in [RECEIVED, ANSWERED] {
            pair.send(&publish(QOS2, id, "received"));
            let delivery = pair.expect_delivery("received");
            pair.ack(delivery);
            pair.expect(&[pubrec(id)]);
        }
        self.received = true;
    }

    fn connect_and_work<M: TestMemory>(&mut self, pair: &mut Pair<M>, table: &Table) {
        self.connect(pair, table);
        pair.send(&publish(QOS1, HELD, "held"));
        self.held = Some(pair.expect_delivery("held"));
        let at_least_once = pair.publish(QOS1, "a");
        let exactly_once = Some(pair.publish(QOS2, "b"));
        let released = pair.publish(QOS2, "c");
        pair.expect(&[publish(QOS1, 1, "a"), publish(QOS2, 2, "b"), publish(QOS2, 3, "c")]);
        pair.exchange(&pubrec(3), &[pubrel(3)]);
        let filters = [filter("x"), filter("y")];
        let subscribed = pair.session.subscribe(pair.now, &filters, &[]).unwrap();
        let unsubscribed = pair.session.unsubscribe(pair.now, &["v", "w"], &[]).unwrap();
        pair.expect(&[subscribe(4, &filters), unsubscribe(5, &["v", "w"])]);
        let requests = [4, 5];
        self.flows = Some(Flows {
            at_least_once,
            exactly_once,
            released,
            subscribed,
            unsubscribed,
            requests,
        });
    }
}

/// After it.
impl Promised {
    /// A message is accepted although the connection is as good as gone.
    pub(super) fn publish_late<M: TestMemory>(&mut self, pair: &mut Pair<M>) {
        self.unsent.push(("late", pair.publish(QOS1, "late")));
    }

    /// The QoS 2 publish that waits for PUBREC has its outcome.
    pub(super) fn forget_exactly_once(&mut self) -> Token {
        self.flows.as_mut().and_then(|flows| flows.exactly_once.take()).unwrap()
    }

    /// The next connection takes the session up; where none had begun, it begins.
    pub(super) fn resume<M: TestMemory>(&mut self, pair: &mut Pair<M>, table: &Table) {
        self.resumed = true;
        self.reauthenticating = false;
        pair.open(&table.connect(false));
        let session_present = self.received;
        pair.send(&table.connack(session_present));
        pair.expect_events(&[Seen::Connected { session_present }]);
        self.expect_again(pair);
    }

    /// What is under way is sent again, what never was for the first time.
    pub(super) fn expect_again<M: TestMemory>(&mut self, pair: &mut Pair<M>) {
        let filters = [filter("x"), filter("y")];
        let mut expected = Vec::new();
        let mut next_id = 1;
        if let Some(flows) = &mut self.flows {
            flows.requests = [6, 7];
            next_id = 8;
            expected.push(pubrel(3));
            expected.push(subscribe(6, &filters));
            expected.push(unsubscribe(7, &["v", "w"]));
            expected.push(publish_again(QOS1, 1, "a"));
            if flows.exactly_once.is_some() {
                expected.push(publish_again(QOS2, 2, "b"));
            }
        }
        for ((payload, token), id) in self.unsent.drain(..).zip(next_id..) {
            expected.push(publish(QOS1, id, payload));
            self.sent.push((id, token));
        }
        pair.expect(&expected);
    }

    /// The broker answers everything: each flow has its outcome, and no message comes twice.
    pub(super) fn complete<M: TestMemory>(mut self, pair: &mut Pair<M>) {
        if self.reauthenticating {
            pair.send(&auth(OK));
            pair.expect_events(&[Seen::Reauthenticated { data: 0 }]);
        }
        self.complete_received(pair);
        if let Some(flows) = self.flows.take() {
            flows.complete(pair);
        }
        for (id, token) in self.sent {
            pair.send(&puback(id));
            pair.expect_delivered(token);
        }
        pair.send(&publish(QOS0, 0, "and on"));
        pair.expect_message("and on");
        pair.expect_events(&[]);
        pair.expect(&[]);
        let session = &pair.session;
        assert_eq!((session.in_flight(), session.pending(), session.held()), (0, 0, 0));
    }

    fn complete_received<M: TestMemory>(&mut self, pair: &mut Pair<M>) {
        if self.received {
            if self.resumed {
                pair.exchange(&publish_again(QOS2, RECEIVED, "received"), &[pubrec(RECEIVED)]);
            }
            pair.exchange(&pubrel(RECEIVED), &[pubcomp(RECEIVED)]);
            pair.exchange(&pubrel(ANSWERED), &[pubcomp(ANSWERED)]);
        }
        if let Some(held) = self.held {
            if self.resumed {
                pair.exchange(&publish_again(QOS1, HELD, "held"), &[]);
            }
            pair.ack(held);
            pair.expect(&[puback(HELD)]);
        }
    }
}

impl Flows {
    fn complete<M: TestMemory>(self, pair: &mut Pair<M>) {
        pair.send(&pubcomp(3));
        pair.expect_delivered(self.released);
        let [subscribe, unsubscribe] = self.requests;
        pair.send(&suback(subscribe, &[GRANTED; 2]));
        pair.expect_events(&[Seen::Subscribed(self.subscribed, vec![GRANTED; 2])]);
        // Before 5.0 it has no codes.
        let codes = if pair.version == Version::V5 { vec![OK; 2] } else { Vec::new() };
        pair.send(&unsuback(unsubscribe, &codes));
        pair.expect_events(&[Seen::Unsubscribed(self.unsubscribed, codes)]);
        pair.send(&puback(1));
        pair.expect_delivered(self.at_least_once);
        if let Some(exactly_once) = self.exactly_once {
            pair.exchange(&pubrec(2), &[pubrel(2)]);
            pair.send(&pubcomp(2));
            pair.expect_delivered(exactly_once);
        }
    }
}

/// AUTH with the method and nothing else.
fn auth(reason: ReasonCode) -> Packet<'static> {
    Packet::Auth(Auth { reason, properties: Properties::from_slice(METHOD) })
}
