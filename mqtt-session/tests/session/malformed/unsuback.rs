//! UNSUBACK (section 3.11), where two filters wait for theirs.

use mqtt_session::proto::Violation::*;

use super::*;

pub(super) const TABLES: &[Table] = &[
    Table::v5(State::Busy, BUSY_5),
    Table::v5(State::Busy, UNASKED_5).asking(&[Property::RequestProblemInformation(false)]),
    Table::v5(State::Reauthenticating, REAUTHENTICATING_5).asking(METHOD),
    Table::v3(State::Busy, BUSY_3),
];

const CODE_COUNT: Outcome = Refused(PROTOCOL_ERROR, ViolationKind::CodeCount);

#[rustfmt::skip]
const BUSY_5: &[Row] = &[
    row("flag bit 0 is set", "B1 [ 00 05 [ ] 00 00 ]", Malformed(ReservedBits)),
    row("flag bit 1 is set, as in UNSUBSCRIBE", "B2 [ 00 05 [ ] 00 00 ]", Malformed(ReservedBits)),
    row("flag bit 2 is set", "B4 [ 00 05 [ ] 00 00 ]", Malformed(ReservedBits)),
    row("flag bit 3 is set, which is DUP in PUBLISH", "B8 [ 00 05 [ ] 00 00 ]", Malformed(ReservedBits)),
    row("no Packet Identifier", "B0 00", Malformed(Truncated)),
    row("half a Packet Identifier", "B0 [ 00 ]", Malformed(Truncated)),
    row("Packet Identifier 0", "B0 [ 00 00 [ ] 00 00 ]", Protocol(PacketIdentifierZero)),
    row("as 3.1.1 has it", "B0 [ 00 05 ]", Malformed(Truncated)),
    row("Property Length beyond the packet", "B0 [ 00 05 04 1F 00 00 ]", Malformed(Truncated)),
    row("an over-long Property Length", "B0 [ 00 05 80 00 00 00 ]", Malformed(OverlongInteger)),
    row("no reason code", "B0 [ 00 05 [ ] ]", Protocol(EmptyList)),
    row("one code for two filters", "B0 [ 00 05 [ ] 00 ]", CODE_COUNT),
    row("three codes for two filters", "B0 [ 00 05 [ ] 00 11 00 ]", CODE_COUNT),
    row("QoS 1 is granted", "B0 [ 00 05 [ ] 01 00 ]", Protocol(IllegalReasonCode)),
    row("QoS 2 is granted", "B0 [ 00 05 [ ] 00 02 ]", Protocol(IllegalReasonCode)),
    row("a reason code of PUBACK", "B0 [ 00 05 [ ] 00 10 ]", Protocol(IllegalReasonCode)),
    row("a reason code of SUBACK", "B0 [ 00 05 [ ] 97 00 ]", Protocol(IllegalReasonCode)),
    row("a reason code of PUBREL", "B0 [ 00 05 [ ] 92 00 ]", Protocol(IllegalReasonCode)),
    row("an undefined reason code", "B0 [ 00 05 [ ] 00 FF ]", Protocol(IllegalReasonCode)),
    row("an undefined property", "B0 [ 00 05 [ 1E 'a ] 00 00 ]", Malformed(UnknownProperty)),
    row("a property of SUBSCRIBE", "B0 [ 00 05 [ 0B 01 ] 00 00 ]", Malformed(MisplacedProperty)),
    row("a property of DISCONNECT", "B0 [ 00 05 [ 1C 'a ] 00 00 ]", Malformed(MisplacedProperty)),
    row("two Reason Strings", "B0 [ 00 05 [ 1F 'a 1F 'b ] 00 00 ]", Protocol(RepeatedProperty)),
    row("a Reason String beyond the properties", "B0 [ 00 05 [ 1F 00 02 61 ] 00 00 ]", Malformed(Truncated)),
    row("a Reason String that is not UTF-8", "B0 [ 00 05 [ 1F 00 02 61 C3 ] 00 00 ]", Malformed(InvalidUtf8)),
    row("U+0000 in a User Property", "B0 [ 00 05 [ 26 00 01 00 ' ] 00 00 ]", Malformed(NulCharacter)),
    row("for a QoS 1 publish", "B0 [ 00 01 [ ] 00 00 ]", WRONG_ACK),
    row("for a QoS 2 publish without PUBREC", "B0 [ 00 02 [ ] 00 00 ]", WRONG_ACK),
    row("for a QoS 2 publish past PUBREL", "B0 [ 00 03 [ ] 00 00 ]", WRONG_ACK),
    row("for a SUBSCRIBE", "B0 [ 00 04 [ ] 00 00 ]", WRONG_ACK),
    row("for nothing", "B0 [ 00 0A [ ] 00 00 ]", Ignored),
];

/// After Request Problem Information 0.
#[rustfmt::skip]
const UNASKED_5: &[Row] = &[
    row("a Reason String nobody asked for", "B0 [ 00 05 [ 1F 'a ] 00 00 ]", NOT_ASKED_FOR),
    row("a User Property nobody asked for", "B0 [ 00 05 [ 26 'k 'v ] 11 11 ]", NOT_ASKED_FOR),
];

#[rustfmt::skip]
const REAUTHENTICATING_5: &[Row] = &[
    row("as 3.1.1 has it", "B0 [ 00 05 ]", Malformed(Truncated)),
    row("three codes for two filters", "B0 [ 00 05 [ ] 00 00 00 ]", CODE_COUNT),
];

#[rustfmt::skip]
const BUSY_3: &[Row] = &[
    row("flag bit 0 is set", "B1 [ 00 05 ]", Malformed(ReservedBits)),
    row("flag bit 1 is set, as in UNSUBSCRIBE", "B2 [ 00 05 ]", Malformed(ReservedBits)),
    row("no Packet Identifier", "B0 00", Malformed(Truncated)),
    row("half a Packet Identifier", "B0 [ 00 ]", Malformed(Truncated)),
    row("Packet Identifier 0", "B0 [ 00 00 ]", Protocol(PacketIdentifierZero)),
    row("codes as 5.0 has them", "B0 [ 00 05 00 00 ]", Malformed(TrailingBytes)),
    row("as 5.0 has it", "B0 [ 00 05 [ ] 00 00 ]", Malformed(TrailingBytes)),
    row("for a QoS 1 publish", "B0 [ 00 01 ]", WRONG_ACK),
    row("for a QoS 2 publish past PUBREL", "B0 [ 00 03 ]", WRONG_ACK),
    row("for a SUBSCRIBE", "B0 [ 00 04 ]", WRONG_ACK),
    row("for nothing", "B0 [ 00 0A ]", Ignored),
];

/// Promises: BAD-1, SEND-8, RES-1, RES-3
/// Enforces: MQTT-2.1.3-1, MQTT-2.2.1-6, MQTT-3.10.4-5, MQTT-3.11.3-1, MQTT-3.11.3-2,
/// MQTT-3.1.2-29, MQTT-2.2.2-2 (3.1.1), MQTT-2.3.1-7 (3.1.1), MQTT-3.10.4-4 (3.1.1)
fn unsuback_may_be_wrong<M: TestMemory>() {
    run::<M>(TABLES);
}

crate::on_both_memories! { unsuback_may_be_wrong }
