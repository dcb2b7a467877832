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
mod tables;
mod trial;
mod unsuback;

use std::collections::BTreeSet;

use mqtt_session::proto::{ConnAck, Properties, Property, ReasonCode, Version, Violation};
use mqtt_session::{Config, Connect, ViolationKind};

use crate::packets::connack;
use crate::pair::TestMemory;
use hex::bytes;
use trial::Trial;

/// Mistakes that arrive in one state of one version.
struct Table {
    version: Version,
    state: State,
    /// What the client was told beside the defaults.
    config: fn(&mut Config),
    /// The properties of its CONNECT.
    asks: &'static [Property<'static>],
    rows: &'static [Row<'static>],
}

/// Where a connection is when the mistake arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum State {
    /// The first CONNECT was sent, with Clean Start.
    Starting,
    /// The first CONNECT was sent, without Clean Start.
    Joining,
    /// CONNECT was sent, to resume a session with all that is under way when `Busy`.
    Connecting,
    /// CONNACK accepted the connection; the broker has not completed two messages of QoS 2.
    Idle,
    /// Beside that, publishes at every stage, a SUBSCRIBE and an UNSUBSCRIBE wait for their answers,
    /// and an inbound message of QoS 1 for the application.
    Busy,
    /// Beside all that, the client has begun to authenticate again.
    Reauthenticating,
}

/// A mistake, the bytes with it, and what follows.
struct Row<'a> {
    mistake: &'a str,
    bytes: &'static str,
    outcome: Outcome,
}

const fn row(mistake: &'static str, bytes: &'static str, outcome: Outcome) -> Row<'static> {
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

/// With the two tolerances that are asked for.
fn lenient(config: &mut Config) {
    config.lenient = true;
}

/// Without any, even those that were asked for.
fn strict(config: &mut Config) {
    config.lenient = true;
    config.strict = true;
}

impl Table {
    const fn new(version: Version, state: State, rows: &'static [Row<'static>]) -> Table {
        Table { version, state, config: |_| {}, asks: &[], rows }
    }

    const fn v5(state: State, rows: &'static [Row<'static>]) -> Table {
        Table::new(Version::V5, state, rows)
    }

    const fn v3(state: State, rows: &'static [Row<'static>]) -> Table {
        Table::new(Version::V3_1_1, state, rows)
    }

    const fn with(self, config: fn(&mut Config)) -> Table {
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
                Trial { table, row, bytes: &bytes, split }.run::<M>();
            }
        }
    }
}

/// All tables that are for both memories, one packet after the other.
const TABLES: [&[Table]; 14] = [
    auth::TABLES,
    connack::TABLES,
    disconnect::TABLES,
    forbidden::TABLES,
    framing::TABLES,
    limits::TABLES,
    pingresp::TABLES,
    puback::TABLES,
    pubcomp::TABLES,
    publish::TABLES,
    pubrec::TABLES,
    pubrel::TABLES,
    suback::TABLES,
    unsuback::TABLES,
];

/// What is no packet on a connection is none before CONNACK; any other may not come there.
///
/// Promises: BAD-1, RES-1, RES-3
/// Enforces: MQTT-3.2.0-1, MQTT-3.2.0-1 (3.1.1)
fn before_connack_every_row_ends_the_connection<M: TestMemory>() {
    let is_up = |table: &&Table| matches!(table.state, State::Idle | State::Busy);
    for table in TABLES.into_iter().flatten().filter(is_up) {
        let connecting = Table { state: State::Connecting, ..*table };
        for row in table.rows {
            let bytes = bytes(row.bytes);
            // CONNACK and AUTH may come.
            if matches!(bytes[0], 0x20 | 0xF0) {
                continue;
            }
            let outcome = match row.outcome {
                Malformed(_)
                | Protocol(_)
                | AliasZero
                | Refused(ReasonCode::PacketTooLarge, _)
                | Refused(_, ViolationKind::NotAskedFor) => row.outcome,
                _ => UNEXPECTED,
            };
            let row = &Row { outcome, ..*row };
            Trial { table: &connecting, row, bytes: &bytes, split: 0 }.run::<M>();
        }
    }
}

/// All else goes on while the client authenticates again.
///
/// Promises: BAD-1, RES-1, RES-3
/// Enforces: MQTT-4.13.2-1
fn a_mistake_is_the_same_while_the_client_authenticates_again<M: TestMemory>() {
    let is_plain = |table: &&Table| {
        let is_up = matches!(table.state, State::Idle | State::Busy);
        is_up && table.version == Version::V5 && table.asks.is_empty()
    };
    for table in TABLES.into_iter().flatten().filter(is_plain) {
        let table = &Table { state: State::Reauthenticating, asks: METHOD, ..*table };
        for row in table.rows {
            let bytes = bytes(row.bytes);
            // Of AUTH it is the exchange that decides.
            if bytes[0] != 0xF0 {
                Trial { table, row, bytes: &bytes, split: 0 }.run::<M>();
            }
        }
    }
}

crate::on_both_memories! {
    before_connack_every_row_ends_the_connection
    a_mistake_is_the_same_while_the_client_authenticates_again
}

#[test]
fn every_row_is_another_mistake() {
    let mut rows = 0;
    let mut arrivals = BTreeSet::new();
    for table in TABLES.into_iter().flatten().chain(limits::ALIASES) {
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
