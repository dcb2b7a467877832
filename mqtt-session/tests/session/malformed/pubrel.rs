//! PUBREL (section 3.6).

use mqtt_session::proto::Violation::*;

use super::*;

pub(super) const TABLES: &[Table] = &[
    Table::v5(State::Idle, IDLE_5),
    Table::v5(State::Busy, BUSY_5),
    Table::v5(State::Idle, UNASKED_5).asking(&[Property::RequestProblemInformation(false)]),
    Table::v3(State::Idle, IDLE_3),
    Table::v3(State::Busy, BUSY_3),
];

#[rustfmt::skip]
const IDLE_5: &[Row] = &[
    row("its flag is missing", "60 [ 01 01 ]", Malformed(ReservedBits)),
    row("flag bit 0 is set", "63 [ 01 01 ]", Malformed(ReservedBits)),
    row("flag bit 2 is set", "66 [ 01 01 ]", Malformed(ReservedBits)),
    row("flag bit 3 is set, which was DUP before 3.1.1", "6A [ 01 01 ]", Malformed(ReservedBits)),
    row("no Packet Identifier", "62 00", Malformed(Truncated)),
    row("half a Packet Identifier", "62 [ 01 ]", Malformed(Truncated)),
    row("Packet Identifier 0", "62 [ 00 00 ]", Protocol(PacketIdentifierZero)),
    row("a reason code of PUBACK", "62 [ 01 01 10 ]", Protocol(IllegalReasonCode)),
    row("a reason code of PUBREC", "62 [ 01 01 80 ]", Protocol(IllegalReasonCode)),
    row("a reason code of SUBACK", "62 [ 01 01 01 ]", Protocol(IllegalReasonCode)),
    row("an identifier in use", "62 [ 01 01 91 ]", Protocol(IllegalReasonCode)),
    row("an undefined reason code", "62 [ 01 01 7F ]", Protocol(IllegalReasonCode)),
    row("Property Length beyond the packet", "62 [ 01 01 00 02 26 ]", Malformed(Truncated)),
    row("Property Length without its end", "62 [ 01 01 00 81 ]", Malformed(Truncated)),
    row("an over-long Property Length", "62 [ 01 01 00 80 80 00 ]", Malformed(OverlongInteger)),
    row("a byte behind the properties", "62 [ 01 01 00 [ ] 62 ]", Malformed(TrailingBytes)),
    row("an undefined property", "62 [ 01 01 00 [ 04 'a ] ]", Malformed(UnknownProperty)),
    row("a property of PUBLISH", "62 [ 01 01 00 [ 02 00 00 00 01 ] ]", Malformed(MisplacedProperty)),
    row("a property of DISCONNECT", "62 [ 01 01 00 [ 11 00 00 00 00 ] ]", Malformed(MisplacedProperty)),
    row("two Reason Strings", "62 [ 01 01 00 [ 1F 'a 1F 'b ] ]", Protocol(RepeatedProperty)),
    row("a Reason String beyond the properties", "62 [ 01 01 00 [ 1F 00 01 ] ]", Malformed(Truncated)),
    row("a Reason String that is not UTF-8", "62 [ 01 01 00 [ 1F 00 02 C0 80 ] ]", Malformed(InvalidUtf8)),
    row("U+0000 in a User Property", "62 [ 01 01 00 [ 26 00 01 00 'v ] ]", Malformed(NulCharacter)),
    // What recovery may bring (section 4.3.3).
    row("for nothing", "62 [ 00 0A ]", Answered("70 [ 00 0A 92 ]")),
];

#[rustfmt::skip]
const BUSY_5: &[Row] = &[
    row("its flag is missing", "60 [ 01 01 ]", Malformed(ReservedBits)),
    row("for a message of QoS 1", "62 [ 01 02 ]", Answered("70 [ 01 02 92 ]")),
    row("for a publish of the client's own", "62 [ 00 03 ]", Answered("70 [ 00 03 92 ]")),
    row("for nothing, since nothing was found", "62 [ 00 0A 92 ]", Answered("70 [ 00 0A 92 ]")),
];

/// After Request Problem Information 0.
#[rustfmt::skip]
const UNASKED_5: &[Row] = &[
    row("a Reason String nobody asked for", "62 [ 01 01 00 [ 1F 'a ] ]", NOT_ASKED_FOR),
    row("a User Property nobody asked for", "62 [ 01 01 92 [ 26 'k 'v ] ]", NOT_ASKED_FOR),
];

#[rustfmt::skip]
const IDLE_3: &[Row] = &[
    row("its flag is missing", "60 [ 01 01 ]", Malformed(ReservedBits)),
    row("flag bit 0 is set", "63 [ 01 01 ]", Malformed(ReservedBits)),
    row("flag bit 2 is set", "66 [ 01 01 ]", Malformed(ReservedBits)),
    row("flag bit 3 is set, which was DUP before 3.1.1", "6A [ 01 01 ]", Malformed(ReservedBits)),
    row("no Packet Identifier", "62 00", Malformed(Truncated)),
    row("half a Packet Identifier", "62 [ 01 ]", Malformed(Truncated)),
    row("Packet Identifier 0", "62 [ 00 00 ]", Protocol(PacketIdentifierZero)),
    row("a reason code as 5.0 has it", "62 [ 01 01 00 ]", Malformed(TrailingBytes)),
    row("for nothing", "62 [ 00 0A ]", Answered("70 [ 00 0A ]")),
];

#[rustfmt::skip]
const BUSY_3: &[Row] = &[
    row("its flag is missing", "60 [ 01 01 ]", Malformed(ReservedBits)),
    row("for a message of QoS 1", "62 [ 01 02 ]", Answered("70 [ 01 02 ]")),
];

/// Promises: BAD-1, RECV-2, RES-1
/// Enforces: MQTT-2.1.3-1, MQTT-3.6.1-1, MQTT-3.6.2-1, MQTT-1.5.4-1, MQTT-1.5.4-2, MQTT-3.1.2-29,
/// MQTT-2.2.2-1 (3.1.1), MQTT-2.2.2-2 (3.1.1), MQTT-3.6.1-1 (3.1.1)
fn pubrel_may_be_wrong<M: TestMemory>() {
    run::<M>(TABLES);
}

crate::on_both_memories! { pubrel_may_be_wrong }
