//! PUBCOMP (section 3.7).

use mqtt_session::proto::Violation::*;

use super::*;

pub(super) const TABLES: &[Table] = &[
    Table::v5(State::Busy, BUSY_5),
    Table::v5(State::Busy, UNASKED_5).asking(&[Property::RequestProblemInformation(false)]),
    Table::v5(State::Reauthenticating, REAUTHENTICATING_5).asking(METHOD),
    Table::v3(State::Busy, BUSY_3),
];

#[rustfmt::skip]
const BUSY_5: &[Row] = &[
    row("flag bit 0 is set", "71 [ 00 03 ]", Malformed(ReservedBits)),
    row("flag bit 1 is set, as in PUBREL", "72 [ 00 03 ]", Malformed(ReservedBits)),
    row("flag bit 2 is set", "74 [ 00 03 ]", Malformed(ReservedBits)),
    row("flag bit 3 is set, which is DUP in PUBLISH", "78 [ 00 03 ]", Malformed(ReservedBits)),
    row("no Packet Identifier", "70 00", Malformed(Truncated)),
    row("half a Packet Identifier", "70 [ 00 ]", Malformed(Truncated)),
    row("Packet Identifier 0", "70 [ 00 00 ]", Protocol(PacketIdentifierZero)),
    row("a reason code of PUBACK", "70 [ 00 03 10 ]", Protocol(IllegalReasonCode)),
    row("a reason code of PUBREC", "70 [ 00 03 87 ]", Protocol(IllegalReasonCode)),
    row("a reason code of SUBACK", "70 [ 00 03 02 ]", Protocol(IllegalReasonCode)),
    row("an identifier in use", "70 [ 00 03 91 ]", Protocol(IllegalReasonCode)),
    row("an undefined reason code", "70 [ 00 03 FE ]", Protocol(IllegalReasonCode)),
    row("Property Length beyond the packet", "70 [ 00 03 00 7F ]", Malformed(Truncated)),
    row("Property Length without its end", "70 [ 00 03 00 80 80 ]", Malformed(Truncated)),
    row("an over-long Property Length", "70 [ 00 03 92 80 00 ]", Malformed(OverlongInteger)),
    row("a byte behind the properties", "70 [ 00 03 92 [ ] 00 ]", Malformed(TrailingBytes)),
    row("an undefined property", "70 [ 00 03 00 [ 10 00 ] ]", Malformed(UnknownProperty)),
    row("a property of PUBLISH", "70 [ 00 03 00 [ 09 'd ] ]", Malformed(MisplacedProperty)),
    row("a property of CONNACK", "70 [ 00 03 00 [ 12 'c ] ]", Malformed(MisplacedProperty)),
    row("two Reason Strings", "70 [ 00 03 00 [ 1F 'a 1F 'b ] ]", Protocol(RepeatedProperty)),
    row("a Reason String beyond the properties", "70 [ 00 03 00 [ 1F 00 04 61 62 63 ] ]", Malformed(Truncated)),
    row("a Reason String that is not UTF-8", "70 [ 00 03 00 [ 1F 00 02 C3 28 ] ]", Malformed(InvalidUtf8)),
    row("U+0000 in a Reason String", "70 [ 00 03 00 [ 1F 00 02 61 00 ] ]", Malformed(NulCharacter)),
    row("a User Property without value", "70 [ 00 03 00 [ 26 ' ] ]", Malformed(Truncated)),
    row("for a QoS 1 publish", "70 [ 00 01 ]", WRONG_ACK),
    row("for a QoS 2 publish without PUBREC", "70 [ 00 02 ]", WRONG_ACK),
    row("for a SUBSCRIBE", "70 [ 00 04 ]", WRONG_ACK),
    row("for an UNSUBSCRIBE", "70 [ 00 05 ]", WRONG_ACK),
    row("for nothing", "70 [ 00 0A ]", Ignored),
    row("for a message of the broker's own", "70 [ 01 01 ]", Ignored),
];

/// After Request Problem Information 0.
#[rustfmt::skip]
const UNASKED_5: &[Row] = &[
    row("a Reason String nobody asked for", "70 [ 00 03 00 [ 1F 'a ] ]", NOT_ASKED_FOR),
    row("a User Property nobody asked for", "70 [ 00 03 92 [ 26 'k 'v ] ]", NOT_ASKED_FOR),
];

#[rustfmt::skip]
const REAUTHENTICATING_5: &[Row] = &[
    row("flag bit 2 is set", "74 [ 00 03 ]", Malformed(ReservedBits)),
    row("for a QoS 2 publish without PUBREC", "70 [ 00 02 ]", WRONG_ACK),
];

#[rustfmt::skip]
const BUSY_3: &[Row] = &[
    row("flag bit 0 is set", "71 [ 00 03 ]", Malformed(ReservedBits)),
    row("flag bit 1 is set, as in PUBREL", "72 [ 00 03 ]", Malformed(ReservedBits)),
    row("no Packet Identifier", "70 00", Malformed(Truncated)),
    row("half a Packet Identifier", "70 [ 00 ]", Malformed(Truncated)),
    row("Packet Identifier 0", "70 [ 00 00 ]", Protocol(PacketIdentifierZero)),
    row("a reason code as 5.0 has it", "70 [ 00 03 92 ]", Malformed(TrailingBytes)),
    row("for a QoS 1 publish", "70 [ 00 01 ]", WRONG_ACK),
    row("for a QoS 2 publish without PUBREC", "70 [ 00 02 ]", WRONG_ACK),
    row("for a SUBSCRIBE", "70 [ 00 04 ]", WRONG_ACK),
    row("for an UNSUBSCRIBE", "70 [ 00 05 ]", WRONG_ACK),
    row("for nothing", "70 [ 00 0A ]", Ignored),
];

/// Promises: BAD-1, SEND-8, RES-1, RES-3
/// Enforces: MQTT-2.1.3-1, MQTT-3.7.2-1, MQTT-1.5.4-1, MQTT-1.5.4-2, MQTT-3.1.2-29,
/// MQTT-2.2.2-1 (3.1.1), MQTT-2.2.2-2 (3.1.1)
fn pubcomp_may_be_wrong<M: TestMemory>() {
    run::<M>(TABLES);
}

crate::on_both_memories! { pubcomp_may_be_wrong }
