//! SUBACK (section 3.9), where two filters wait for theirs.

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
    row("flag bit 0 is set", "91 [ 00 04 [ ] 01 01 ]", Malformed(ReservedBits)),
    row("flag bit 1 is set, as in SUBSCRIBE", "92 [ 00 04 [ ] 01 01 ]", Malformed(ReservedBits)),
    row("flag bit 2 is set", "94 [ 00 04 [ ] 01 01 ]", Malformed(ReservedBits)),
    row("flag bit 3 is set, which is DUP in PUBLISH", "98 [ 00 04 [ ] 01 01 ]", Malformed(ReservedBits)),
    row("no Packet Identifier", "90 00", Malformed(Truncated)),
    row("half a Packet Identifier", "90 [ 00 ]", Malformed(Truncated)),
    row("Packet Identifier 0", "90 [ 00 00 [ ] 01 01 ]", Protocol(PacketIdentifierZero)),
    row("no Property Length", "90 [ 00 04 ]", Malformed(Truncated)),
    row("as 3.1.1 has it", "90 [ 00 04 01 01 ]", Malformed(MisplacedProperty)),
    row("Property Length beyond the packet", "90 [ 00 04 03 01 01 ]", Malformed(Truncated)),
    row("Property Length without its end", "90 [ 00 04 80 ]", Malformed(Truncated)),
    row("an over-long Property Length", "90 [ 00 04 80 00 01 01 ]", Malformed(OverlongInteger)),
    row("a Property Length of five bytes", "90 [ 00 04 80 80 80 80 00 01 01 ]", Malformed(UnboundedInteger)),
    row("no reason code", "90 [ 00 04 [ ] ]", Protocol(EmptyList)),
    row("one code for two filters", "90 [ 00 04 [ ] 01 ]", CODE_COUNT),
    row("three codes for two filters", "90 [ 00 04 [ ] 01 01 01 ]", CODE_COUNT),
    row("one code that refuses two filters", "90 [ 00 04 [ ] 80 ]", CODE_COUNT),
    row("QoS 3 is granted", "90 [ 00 04 [ ] 01 03 ]", Protocol(IllegalReasonCode)),
    row("a reason code of PUBACK", "90 [ 00 04 [ ] 10 01 ]", Protocol(IllegalReasonCode)),
    row("a reason code of UNSUBACK", "90 [ 00 04 [ ] 01 11 ]", Protocol(IllegalReasonCode)),
    row("a reason code of AUTH", "90 [ 00 04 [ ] 18 18 ]", Protocol(IllegalReasonCode)),
    row("a malformed packet, says the code", "90 [ 00 04 [ ] 81 01 ]", Protocol(IllegalReasonCode)),
    row("a reason code of PUBREL", "90 [ 00 04 [ ] 01 92 ]", Protocol(IllegalReasonCode)),
    row("a reason code of CONNACK", "90 [ 00 04 [ ] 01 95 ]", Protocol(IllegalReasonCode)),
    row("an undefined reason code of success", "90 [ 00 04 [ ] 01 7F ]", Protocol(IllegalReasonCode)),
    row("an undefined reason code of failure", "90 [ 00 04 [ ] FF 01 ]", Protocol(IllegalReasonCode)),
    row("an undefined property", "90 [ 00 04 [ 05 ] 01 01 ]", Malformed(UnknownProperty)),
    row("a property identifier of two bytes", "90 [ 00 04 [ 80 01 ] 01 01 ]", Malformed(UnknownProperty)),
    row("a property of SUBSCRIBE", "90 [ 00 04 [ 0B 01 ] 01 01 ]", Malformed(MisplacedProperty)),
    row("a property of CONNACK", "90 [ 00 04 [ 24 01 ] 01 01 ]", Malformed(MisplacedProperty)),
    row("two Reason Strings", "90 [ 00 04 [ 1F 'a 1F 'b ] 01 01 ]", Protocol(RepeatedProperty)),
    row("a Reason String beyond the properties", "90 [ 00 04 [ 1F 00 02 61 ] 01 01 ]", Malformed(Truncated)),
    row("a Reason String that is not UTF-8", "90 [ 00 04 [ 1F 00 01 80 ] 01 01 ]", Malformed(InvalidUtf8)),
    row("U+0000 in a Reason String", "90 [ 00 04 [ 1F 00 01 00 ] 01 01 ]", Malformed(NulCharacter)),
    row("a User Property without value", "90 [ 00 04 [ 26 'k ] 01 01 ]", Malformed(Truncated)),
    row("U+0000 in a User Property", "90 [ 00 04 [ 26 'k 00 01 00 ] 01 01 ]", Malformed(NulCharacter)),
    row("for a QoS 1 publish", "90 [ 00 01 [ ] 01 01 ]", WRONG_ACK),
    row("for a QoS 2 publish without PUBREC", "90 [ 00 02 [ ] 01 01 ]", WRONG_ACK),
    row("for a QoS 2 publish past PUBREL", "90 [ 00 03 [ ] 01 01 ]", WRONG_ACK),
    row("for an UNSUBSCRIBE", "90 [ 00 05 [ ] 00 00 ]", WRONG_ACK),
    row("for nothing", "90 [ 00 0A [ ] 01 01 ]", Ignored),
];

/// After Request Problem Information 0.
#[rustfmt::skip]
const UNASKED_5: &[Row] = &[
    row("a Reason String nobody asked for", "90 [ 00 04 [ 1F 'a ] 01 01 ]", NOT_ASKED_FOR),
    row("a User Property nobody asked for", "90 [ 00 04 [ 26 'k 'v ] 80 80 ]", NOT_ASKED_FOR),
];

#[rustfmt::skip]
const REAUTHENTICATING_5: &[Row] = &[
    row("no reason code", "90 [ 00 04 [ ] ]", Protocol(EmptyList)),
    row("one code for two filters", "90 [ 00 04 [ ] 01 ]", CODE_COUNT),
];

#[rustfmt::skip]
const BUSY_3: &[Row] = &[
    row("flag bit 0 is set", "91 [ 00 04 01 01 ]", Malformed(ReservedBits)),
    row("flag bit 1 is set, as in SUBSCRIBE", "92 [ 00 04 01 01 ]", Malformed(ReservedBits)),
    row("no Packet Identifier", "90 00", Malformed(Truncated)),
    row("half a Packet Identifier", "90 [ 00 ]", Malformed(Truncated)),
    row("Packet Identifier 0", "90 [ 00 00 01 01 ]", Protocol(PacketIdentifierZero)),
    row("no return code", "90 [ 00 04 ]", Protocol(EmptyList)),
    row("one code for two filters", "90 [ 00 04 01 ]", CODE_COUNT),
    row("three codes for two filters", "90 [ 00 04 01 01 01 ]", CODE_COUNT),
    row("as 5.0 has it", "90 [ 00 04 [ ] 01 01 ]", CODE_COUNT),
    row("QoS 3 is granted", "90 [ 00 04 01 03 ]", Protocol(IllegalReasonCode)),
    row("a reserved return code", "90 [ 00 04 04 01 ]", Protocol(IllegalReasonCode)),
    row("a reserved return code below 0x80", "90 [ 00 04 7F 01 ]", Protocol(IllegalReasonCode)),
    row("a reserved return code above 0x80", "90 [ 00 04 81 01 ]", Protocol(IllegalReasonCode)),
    row("a reason code of 5.0", "90 [ 00 04 01 87 ]", Protocol(IllegalReasonCode)),
    row("return code 0xFF", "90 [ 00 04 FF 01 ]", Protocol(IllegalReasonCode)),
    row("for a QoS 1 publish", "90 [ 00 01 01 01 ]", WRONG_ACK),
    row("for a QoS 2 publish past PUBREL", "90 [ 00 03 01 01 ]", WRONG_ACK),
    row("for an UNSUBSCRIBE", "90 [ 00 05 00 00 ]", WRONG_ACK),
    row("for nothing", "90 [ 00 0A 01 01 ]", Ignored),
];

/// Promises: BAD-1, SEND-8, RES-1, RES-3
/// Enforces: MQTT-2.1.3-1, MQTT-2.2.2-1, MQTT-2.2.1-6, MQTT-3.8.4-2, MQTT-3.8.4-6, MQTT-3.9.3-2,
/// MQTT-3.1.2-29, MQTT-2.2.2-2 (3.1.1), MQTT-2.3.1-7 (3.1.1), MQTT-3.8.4-2 (3.1.1),
/// MQTT-3.8.4-5 (3.1.1), MQTT-3.9.3-2 (3.1.1)
fn suback_may_be_wrong<M: TestMemory>() {
    run::<M>(TABLES);
}

crate::on_both_memories! { suback_may_be_wrong }
