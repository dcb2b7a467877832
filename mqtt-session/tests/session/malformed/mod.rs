//! What a broker may get wrong: one table of mistakes for each packet a client may receive.
//!
//! What follows each is the standard's word (section 4.13) or a tolerance that is stated where the
//! row stands. The client must survive every one of them, connect again, and lose nothing.

mod auth;
mod connack;
mod disconnect;
mod forbidden;
mod framing;
#[path = "../../../../mqtt-proto/tests/codec/hex.rs"]
mod hex;
mod limits;
mod pingresp;
mod promised;
mod puback;
mod pubcomp;
mod publish;
mod pubrec;
mod pubrel;
mod suback;
mod unsuback;

use std::collections::BTreeSet;

use mqtt_session::proto::{ConnAck, Packet, Properties, Property, ReasonCode, Version, Violation};
use mqtt_session::{
    Action, Backoff, CloseReason, Closing, Config, Connect, FailureClass, Phase, Refusal, Retry,
    Supervisor, SupervisorConfig, VersionChoice, ViolationKind,
};

use crate::packets::*;
use crate::pair::{Pair, Seen, TestMemory};
use hex::bytes;
use promised::Promised;

/// Mistakes that arrive in one state of one version.
struct Table {
    version: Version,
    state: State,
    /// What the client was told beside the defaults.
    config: fn(Config) -> Config,
    /// The properties of its CONNECT.
    asks: &'static [Property<'static>],
    rows: &'static [Row],
}

/// Where a connection is when the mistake arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum State {
    /// The first CONNECT was sent, with Clean Start.
    Starting,
    /// The first CONNECT was sent, without Clean Start.
    Joining,
    /// CONNECT was sent, to resume a session in which all that is under way when `Busy`.
    Connecting,
    /// CONNACK accepted the connection; the broker has not completed an inbound message of QoS 2.
    Idle,
    /// Beside that, publishes at every stage, a SUBSCRIBE and an UNSUBSCRIBE wait for their answers,
    /// and an inbound message of QoS 1 for the application.
    Busy,
    /// Beside all that, the client has begun to authenticate again.
    Reauthenticating,
}

/// A mistake, the bytes with it, and what follows.
struct Row {
    mistake: &'static str,
    bytes: &'static str,
    outcome: Outcome,
}

const fn row(mistake: &'static str, bytes: &'static str, outcome: Outcome) -> Row {
    Row { mistake, bytes, outcome }
}

/// What follows a mistake. Where 5.0 has a DISCONNECT, 3.1.1 closes the connection without a word.
#[derive(Clone, Copy, Debug)]
enum Outcome {
    /// DISCONNECT 0x81: the bytes are no packet.
    Malformed(Violation),
    /// DISCONNECT 0x82: the packet is forbidden in itself.
    Protocol(Violation),
    /// DISCONNECT 0x94: the Topic Alias is 0.
    AliasZero,
    /// DISCONNECT with this code: the packet is forbidden here and now.
    Refused(ReasonCode, ViolationKind),
    /// Tolerated: nothing follows.
    Ignored,
    /// Tolerated: answered with these bytes.
    Answered(&'static str),
    /// Tolerated: a message with this payload, which may be acknowledged.
    Delivered(&'static str),
    /// Tolerated: the QoS 2 publish that waits for PUBREC is done.
    Downgraded,
    /// Tolerated: a CONNACK that accepts the connection.
    Accepted,
    /// Tolerated: a CONNACK that refuses the connection.
    Rejected(ReasonCode),
    /// Tolerated: a DISCONNECT.
    Disconnected(ReasonCode),
}

use Outcome::*;

/// What a connection ended for.
#[derive(Debug, PartialEq)]
enum Cause {
    Packet(Violation),
    Session(ViolationKind),
}

const PROTOCOL_ERROR: ReasonCode = ReasonCode::ProtocolError;

/// A packet that may not come in this phase.
const UNEXPECTED: Outcome = Refused(PROTOCOL_ERROR, ViolationKind::Unexpected);

/// An acknowledgement of the wrong kind for its flow.
const WRONG_ACK: Outcome = Refused(PROTOCOL_ERROR, ViolationKind::WrongAck);

/// Authentication out of turn, or by another method.
const AUTHENTICATION: Outcome = Refused(PROTOCOL_ERROR, ViolationKind::Authentication);

/// Information that the CONNECT did not ask for.
const NOT_ASKED_FOR: Outcome = Refused(PROTOCOL_ERROR, ViolationKind::NotAskedFor);

/// The CONNECT properties of clients with an Authentication Method.
const METHOD: &[Property<'static>] = &[Property::AuthenticationMethod("m")];

impl Table {
    const fn new(version: Version, state: State, rows: &'static [Row]) -> Table {
        Table { version, state, config: |config| config, asks: &[], rows }
    }

    const fn v5(state: State, rows: &'static [Row]) -> Table {
        Table::new(Version::V5, state, rows)
    }

    const fn v3(state: State, rows: &'static [Row]) -> Table {
        Table::new(Version::V3_1_1, state, rows)
    }

    const fn with(self, config: fn(Config) -> Config) -> Table {
        Table { config, ..self }
    }

    const fn asking(self, asks: &'static [Property<'static>]) -> Table {
        Table { asks, ..self }
    }

    /// The CONNECT of this client.
    fn connect(&self, clean_start: bool) -> Connect<'static> {
        // CleanSession of 3.1.1 says that the session ends with the connection.
        let is_dropped = clean_start && self.state == State::Starting;
        Connect {
            version: self.version,
            clean_start,
            session_expiry: if is_dropped { 0 } else { 300 },
            properties: Properties::from_slice(self.asks),
            ..Connect::new("client")
        }
    }

    /// The CONNACK of a broker without fault.
    fn connack(&self, session_present: bool) -> ConnAck<'static> {
        let has_method = |property: &_| matches!(property, Property::AuthenticationMethod(_));
        let method = if self.asks.iter().any(has_method) { METHOD } else { &[] };
        ConnAck { properties: Properties::from_slice(method), ..connack(session_present) }
    }
}

impl Outcome {
    /// The code of the DISCONNECT and what the connection ended for; `None` for what is tolerated.
    fn refusal(self) -> Option<(ReasonCode, Cause)> {
        match self {
            Malformed(violation) => Some((ReasonCode::MalformedPacket, Cause::Packet(violation))),
            Protocol(violation) => Some((PROTOCOL_ERROR, Cause::Packet(violation))),
            AliasZero => {
                Some((ReasonCode::TopicAliasInvalid, Cause::Packet(Violation::TopicAliasZero)))
            }
            Refused(code, kind) => Some((code, Cause::Session(kind))),
            Ignored | Answered(_) | Delivered(_) | Downgraded | Accepted | Rejected(_)
            | Disconnected(_) => None,
        }
    }
}

/// Every row of these tables, whole and split at every byte.
fn run<M: TestMemory>(tables: &[Table]) {
    for table in tables {
        for row in table.rows {
            let bytes = bytes(row.bytes);
            for split in 0..bytes.len() {
                Trial { table, row, split }.run::<M>(&bytes);
            }
        }
    }
}

/// One row, split at one byte. Says which it is if it fails.
struct Trial<'t> {
    table: &'t Table,
    row: &'t Row,
    split: usize,
}

impl Drop for Trial<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let (Table { version, state, .. }, Row { mistake, bytes, .. }) = (self.table, self.row);
            eprintln!("{version:?}, {state:?}: {mistake}: {bytes}, split at {}", self.split);
        }
    }
}

impl Trial<'_> {
    fn run<M: TestMemory>(&self, bytes: &[u8]) {
        let (mut pair, mut promised) = Promised::begin::<M>(self.table);
        let mut supervisor = supervisor(&pair);
        let (first, second) = bytes.split_at(self.split);
        pair.send_bytes(first);
        let mut events = pair.events();
        pair.send_bytes(second);
        events.extend(pair.events());
        let ended = match self.row.outcome.refusal() {
            Some((code, cause)) => {
                assert_eq!(events, []);
                let violation = violated(&mut pair, code, &mut promised);
                let found = match violation {
                    ViolationKind::Packet(error) => Cause::Packet(error.violation),
                    kind => Cause::Session(kind),
                };
                assert_eq!(found, cause);
                Some(CloseReason::Violation(violation))
            }
            None => self.tolerated(&mut pair, &events, &mut promised),
        };
        if let Some(reason) = ended {
            dial_again(&mut pair, &mut supervisor, &reason);
            promised.resume(&mut pair, self.table);
        }
        promised.complete(&mut pair);
    }

    /// Checks what follows a mistake that is let pass; why the connection ended, if it did.
    fn tolerated<M: TestMemory>(
        &self,
        pair: &mut Pair<M>,
        events: &[Seen],
        promised: &mut Promised,
    ) -> Option<CloseReason> {
        match self.row.outcome {
            Malformed(_) | Protocol(_) | AliasZero | Refused(..) => unreachable!(),
            Ignored => assert_eq!(events, []),
            Answered(answer) => {
                assert_eq!(events, []);
                assert_eq!(pair.transmitted(), bytes(answer));
            }
            Delivered(payload) => take_message(pair, events, payload),
            Downgraded => assert_eq!(events, [Seen::Downgraded(promised.forget_twice())]),
            Accepted => {
                assert_eq!(events, [Seen::Connected { session_present: true }]);
                promised.expect_again(pair);
            }
            Rejected(reason) => {
                assert_eq!(events, [Seen::Refused(reason)]);
                return Some(ended(pair, CloseReason::Refused(Refusal { reason })));
            }
            Disconnected(code) => {
                assert_eq!(events, [Seen::Disconnect(code)]);
                return Some(ended(pair, CloseReason::Disconnected(code)));
            }
        }
        pair.expect(&[]);
        assert_eq!(pair.session.closing(), Closing::No);
        None
    }
}

/// The client has the message and acknowledges it.
fn take_message<M: TestMemory>(pair: &mut Pair<M>, events: &[Seen], expected: &str) {
    let [Seen::Message { payload, delivery, .. }] = events else { panic!("{events:?}") };
    assert_eq!(payload, expected);
    let Some(delivery) = *delivery else { return };
    pair.ack(delivery);
    let sent = pair.transmitted();
    match decode(&sent, pair.version)[..] {
        [Packet::PubAck(_)] => {}
        [Packet::PubRec(ref ack)] => {
            let id = ack.0.packet_id.get();
            pair.exchange(&pubrel(id), &[pubcomp(id)]);
        }
        ref sent => panic!("{sent:?}"),
    }
}

/// The connection ended by a violation: DISCONNECT with this code left, or before 5.0 nothing.
fn violated<M: TestMemory>(
    pair: &mut Pair<M>,
    code: ReasonCode,
    promised: &mut Promised,
) -> ViolationKind {
    assert!(!pair.session.wants_input());
    pair.send(&publish(QOS0, 0, "behind it"));
    pair.expect_events(&[]);
    promised.publish_late(pair);
    if pair.version == Version::V5 {
        assert_eq!(pair.session.closing(), Closing::No);
        pair.expect(&[disconnect(code)]);
        assert_eq!(pair.session.closing(), Closing::AfterFlush);
    } else {
        assert_eq!(pair.session.closing(), Closing::Now);
    }
    pair.expect(&[]);
    let events = pair.close();
    let [Seen::Closed(CloseReason::Violation(violation))] = events[..] else {
        panic!("{events:?}")
    };
    violation
}

/// The broker ended the connection.
fn ended<M: TestMemory>(pair: &mut Pair<M>, reason: CloseReason) -> CloseReason {
    pair.expect(&[]);
    assert_eq!(pair.session.closing(), Closing::Now);
    assert_eq!(pair.close(), [Seen::Closed(reason)]);
    reason
}

/// A supervisor that made the connection of the pair.
fn supervisor<M: TestMemory>(pair: &Pair<M>) -> Supervisor {
    let config = SupervisorConfig {
        backoff: Backoff::default(),
        version: VersionChoice::Only(pair.version),
        max_attempts: None,
        stop_on_refusal: false,
        reconnect: true,
        follow_redirects: false,
        seed: 1,
    };
    let mut supervisor = Supervisor::new(config, 1);
    supervisor.start(pair.now);
    assert!(matches!(supervisor.poll(pair.now), Action::Dial { .. }));
    if pair.session.phase() == Phase::Connected {
        supervisor.handle_connected(pair.now);
    }
    supervisor
}

/// Waits until the supervisor dials the same broker again.
fn dial_again<M: TestMemory>(
    pair: &mut Pair<M>,
    supervisor: &mut Supervisor,
    reason: &CloseReason,
) {
    let retry = supervisor.handle_failed(pair.now, FailureClass::of(reason));
    let Retry::Later(_) = retry else { panic!("{retry:?}") };
    let action = supervisor.poll(pair.now);
    let Action::Wait(until) = action else { panic!("{action:?}") };
    pair.now = until;
    let action = supervisor.poll(pair.now);
    assert!(matches!(action, Action::Dial { .. }), "{action:?}");
}

/// All tables, one packet after the other.
const TABLES: [&[Table]; 15] = [
    auth::TABLES,
    connack::TABLES,
    disconnect::TABLES,
    forbidden::TABLES,
    framing::TABLES,
    limits::TABLES,
    limits::ALIASES,
    pingresp::TABLES,
    puback::TABLES,
    pubcomp::TABLES,
    publish::TABLES,
    pubrec::TABLES,
    pubrel::TABLES,
    suback::TABLES,
    unsuback::TABLES,
];

#[test]
fn every_row_is_another_mistake() {
    let mut rows = 0;
    let mut arrivals = BTreeSet::new();
    for table in TABLES.into_iter().flatten() {
        for row in table.rows {
            rows += 1;
            // Under another configuration, what follows is another.
            let outcome = format!("{:?}", row.outcome);
            let arrival = (table.version, table.state, bytes(row.bytes), outcome);
            assert!(arrivals.insert(arrival.clone()), "{arrival:02X?}");
        }
    }
    assert!(rows >= 400, "{rows}");
}
