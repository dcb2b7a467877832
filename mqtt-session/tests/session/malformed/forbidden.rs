//! Packets a broker never sends, and packets it sends too early.

use mqtt_session::proto::Violation::*;

use super::*;

pub(super) const TABLES: &[Table] = &[
    Table::v5(State::Idle, IDLE_5),
    Table::v5(State::Busy, BUSY_5),
    Table::v5(State::Reauthenticating, REAUTHENTICATING_5).asking(METHOD),
    Table::v5(State::Connecting, CONNECTING_5),
    Table::v3(State::Idle, IDLE_3),
    Table::v3(State::Busy, BUSY_3),
    Table::v3(State::Connecting, CONNECTING_3),
];

#[rustfmt::skip]
const IDLE_5: &[Row] = &[
    row("CONNECT", "10 [ 'MQTT 05 02 00 3C [ ] ' ]", Protocol(ForbiddenPacket)),
    row("SUBSCRIBE", "82 [ 00 0A [ ] 'a 00 ]", Protocol(ForbiddenPacket)),
    row("UNSUBSCRIBE", "A2 [ 00 0A [ ] 'a ]", Protocol(ForbiddenPacket)),
    row("PINGREQ", "C0 00", Protocol(ForbiddenPacket)),
    row("CONNECT of 3.1.1", "10 [ 'MQTT 04 02 00 3C ' ]", Protocol(ForbiddenPacket)),
    row("CONNECT with flags", "11 00", Protocol(ForbiddenPacket)),
    row("SUBSCRIBE without its flag", "80 00", Protocol(ForbiddenPacket)),
];

#[rustfmt::skip]
const BUSY_5: &[Row] = &[
    row("the client's own SUBSCRIBE", "82 [ 00 04 [ ] 'x 00 'y 00 ]", Protocol(ForbiddenPacket)),
    row("the client's own UNSUBSCRIBE", "A2 [ 00 05 [ ] 'v 'w ]", Protocol(ForbiddenPacket)),
    row("PINGREQ for PINGRESP", "C0 00", Protocol(ForbiddenPacket)),
];

#[rustfmt::skip]
const REAUTHENTICATING_5: &[Row] = &[
    row("CONNECT for AUTH", "10 [ 'MQTT 05 02 00 3C [ ] ' ]", Protocol(ForbiddenPacket)),
    row("PINGREQ", "C0 00", Protocol(ForbiddenPacket)),
];

#[rustfmt::skip]
const CONNECTING_5: &[Row] = &[
    row("CONNECT for CONNACK", "10 [ 'MQTT 05 02 00 3C [ ] ' ]", Protocol(ForbiddenPacket)),
    row("PINGREQ for CONNACK", "C0 00", Protocol(ForbiddenPacket)),
    row("PUBLISH of QoS 0 before CONNACK", "30 [ 't [ ] 78 ]", UNEXPECTED),
    row("PUBLISH of QoS 1 before CONNACK", "32 [ 't 00 0A [ ] 78 ]", UNEXPECTED),
    row("PUBLISH of QoS 2 before CONNACK", "34 [ 't 00 0A [ ] 78 ]", UNEXPECTED),
    row("the message the client has, before CONNACK", "3C [ 't 01 01 [ ] 78 ]", UNEXPECTED),
    row("PUBACK before CONNACK", "40 [ 00 01 ]", UNEXPECTED),
    row("PUBREC before CONNACK", "50 [ 00 02 ]", UNEXPECTED),
    row("PUBREL before CONNACK", "62 [ 01 01 ]", UNEXPECTED),
    row("PUBCOMP before CONNACK", "70 [ 00 03 ]", UNEXPECTED),
    row("SUBACK before CONNACK", "90 [ 00 04 [ ] 01 01 ]", UNEXPECTED),
    row("UNSUBACK before CONNACK", "B0 [ 00 05 [ ] 00 00 ]", UNEXPECTED),
    row("PINGRESP before CONNACK", "D0 00", UNEXPECTED),
    row("DISCONNECT before CONNACK", "E0 00", UNEXPECTED),
    row("DISCONNECT that blames, before CONNACK", "E0 [ 89 ]", UNEXPECTED),
];

/// 3.1.1 has no DISCONNECT of a server.
#[rustfmt::skip]
const IDLE_3: &[Row] = &[
    row("CONNECT", "10 [ 'MQTT 04 02 00 3C ' ]", Protocol(ForbiddenPacket)),
    row("SUBSCRIBE", "82 [ 00 0A 'a 00 ]", Protocol(ForbiddenPacket)),
    row("UNSUBSCRIBE", "A2 [ 00 0A 'a ]", Protocol(ForbiddenPacket)),
    row("PINGREQ", "C0 00", Protocol(ForbiddenPacket)),
    row("DISCONNECT", "E0 00", Protocol(ForbiddenPacket)),
    row("DISCONNECT as 5.0 has it", "E0 [ 8B ]", Protocol(ForbiddenPacket)),
    row("DISCONNECT with flags", "E1 00", Protocol(ForbiddenPacket)),
];

#[rustfmt::skip]
const BUSY_3: &[Row] = &[
    row("the client's own SUBSCRIBE", "82 [ 00 04 'x 00 'y 00 ]", Protocol(ForbiddenPacket)),
    row("the client's own UNSUBSCRIBE", "A2 [ 00 05 'v 'w ]", Protocol(ForbiddenPacket)),
    row("DISCONNECT", "E0 00", Protocol(ForbiddenPacket)),
];

#[rustfmt::skip]
const CONNECTING_3: &[Row] = &[
    row("PINGREQ for CONNACK", "C0 00", Protocol(ForbiddenPacket)),
    row("DISCONNECT for CONNACK", "E0 00", Protocol(ForbiddenPacket)),
    row("PUBLISH of QoS 0 before CONNACK", "30 [ 't 78 ]", UNEXPECTED),
    row("PUBLISH of QoS 1 before CONNACK", "32 [ 't 00 0A 78 ]", UNEXPECTED),
    row("PUBLISH of QoS 2 before CONNACK", "34 [ 't 00 0A 78 ]", UNEXPECTED),
    row("PUBACK before CONNACK", "40 [ 00 01 ]", UNEXPECTED),
    row("PUBREC before CONNACK", "50 [ 00 02 ]", UNEXPECTED),
    row("PUBREL before CONNACK", "62 [ 01 01 ]", UNEXPECTED),
    row("PUBCOMP before CONNACK", "70 [ 00 03 ]", UNEXPECTED),
    row("SUBACK before CONNACK", "90 [ 00 04 01 01 ]", UNEXPECTED),
    row("UNSUBACK before CONNACK", "B0 [ 00 05 ]", UNEXPECTED),
    row("PINGRESP before CONNACK", "D0 00", UNEXPECTED),
];

/// Sections 3.2, 3.14 and 4.13.
///
/// Promises: BAD-1, RES-1, RES-3
/// Enforces: MQTT-3.2.0-1, MQTT-3.14.0-1, MQTT-3.2.0-1 (3.1.1), MQTT-4.8.0-1 (3.1.1)
fn packets_that_may_not_come<M: TestMemory>() {
    run::<M>(TABLES);
}

crate::on_both_memories! { packets_that_may_not_come }
