//! PUBACK (section 3.4).

use mqtt_session::proto::Violation::*;

use super::*;

pub(super) const TABLES: &[Table] = &[
    Table::v5(State::Busy, BUSY_5),
    Table::v5(State::Busy, UNASKED_5).asking(&[Property::RequestProblemInformation(false)]),
    Table::v5(State::Reauthenticating, REAUTHENTICATING_5).asking(METHOD),
    Table::v3(State::Busy, BUSY_3),
    Table::v3(State::Busy, STRICT_3).with(strict),
];

#[rustfmt::skip]
const BUSY_5: &[Row] = &[
    row("flag bit 0 is set", "41 [ 00 01 ]", Malformed(ReservedBits)),
    row("flag bit 1 is set, as in PUBREL", "42 [ 00 01 ]", Malformed(ReservedBits)),
    row("flag bit 2 is set", "44 [ 00 01 ]", Malformed(ReservedBits)),
    row("flag bit 3 is set, which is DUP in PUBLISH", "48 [ 00 01 ]", Malformed(ReservedBits)),
    row("no Packet Identifier", "40 00", Malformed(Truncated)),
    row("half a Packet Identifier", "40 [ 00 ]", Malformed(Truncated)),
    row("Packet Identifier 0", "40 [ 00 00 ]", Protocol(PacketIdentifierZero)),
    row("a reason code of SUBACK", "40 [ 00 01 01 ]", Protocol(IllegalReasonCode)),
    row("a reason code of UNSUBACK", "40 [ 00 01 11 ]", Protocol(IllegalReasonCode)),
    row("a reason code of AUTH", "40 [ 00 01 18 ]", Protocol(IllegalReasonCode)),
    row("a reason code of CONNACK", "40 [ 00 01 86 ]", Protocol(IllegalReasonCode)),
    row("a reason code of DISCONNECT", "40 [ 00 01 8B ]", Protocol(IllegalReasonCode)),
    row("a reason code of PUBREL", "40 [ 00 01 92 ]", Protocol(IllegalReasonCode)),
    row("an undefined reason code of success", "40 [ 00 01 7F ]", Protocol(IllegalReasonCode)),
    row("an undefined reason code of failure", "40 [ 00 01 FF ]", Protocol(IllegalReasonCode)),
    row("Property Length beyond the packet", "40 [ 00 01 00 01 ]", Malformed(Truncated)),
    row("Property Length without its end", "40 [ 00 01 00 80 ]", Malformed(Truncated)),
    row("an over-long Property Length", "40 [ 00 01 00 80 00 ]", Malformed(OverlongInteger)),
    row("a Property Length of five bytes", "40 [ 00 01 00 FF FF FF FF 01 ]", Malformed(UnboundedInteger)),
    row("a byte behind the properties", "40 [ 00 01 00 [ ] 00 ]", Malformed(TrailingBytes)),
    row("a property behind the properties", "40 [ 00 01 00 [ 1F 'a ] 26 'k 'v ]", Malformed(TrailingBytes)),
    row("property 0", "40 [ 00 01 00 [ 00 ] ]", Malformed(UnknownProperty)),
    row("an undefined property", "40 [ 00 01 00 [ 20 'a ] ]", Malformed(UnknownProperty)),
    row("a property identifier of two bytes", "40 [ 00 01 00 [ 9F 01 'a ] ]", Malformed(UnknownProperty)),
    row("an over-long property identifier", "40 [ 00 01 00 [ 9F 00 'a ] ]", Malformed(OverlongInteger)),
    row("a property of PUBLISH", "40 [ 00 01 00 [ 03 'a ] ]", Malformed(MisplacedProperty)),
    row("a property of SUBSCRIBE", "40 [ 00 01 00 [ 0B 01 ] ]", Malformed(MisplacedProperty)),
    row("a property of CONNACK", "40 [ 00 01 00 [ 21 00 01 ] ]", Malformed(MisplacedProperty)),
    row("a property of DISCONNECT", "40 [ 00 01 00 [ 1C 'a ] ]", Malformed(MisplacedProperty)),
    row("a property of AUTH", "40 [ 00 01 00 [ 15 'm ] ]", Malformed(MisplacedProperty)),
    row("two Reason Strings", "40 [ 00 01 00 [ 1F 'a 1F 'b ] ]", Protocol(RepeatedProperty)),
    row("two equal Reason Strings", "40 [ 00 01 00 [ 1F 'a 26 'k 'v 1F 'a ] ]", Protocol(RepeatedProperty)),
    row("a Reason String without length", "40 [ 00 01 00 [ 1F ] ]", Malformed(Truncated)),
    row("a Reason String with half a length", "40 [ 00 01 00 [ 1F 00 ] ]", Malformed(Truncated)),
    row("a Reason String beyond the properties", "40 [ 00 01 00 [ 1F 00 02 61 ] ]", Malformed(Truncated)),
    row("a Reason String that is not UTF-8", "40 [ 00 01 00 [ 1F 00 01 FF ] ]", Malformed(InvalidUtf8)),
    row("U+0000 in a Reason String", "40 [ 00 01 00 [ 1F 00 01 00 ] ]", Malformed(NulCharacter)),
    row("a User Property without value", "40 [ 00 01 00 [ 26 'k ] ]", Malformed(Truncated)),
    row("a User Property with half a value", "40 [ 00 01 00 [ 26 'k 00 02 76 ] ]", Malformed(Truncated)),
    row("a User Property whose name is not UTF-8", "40 [ 00 01 00 [ 26 00 01 C3 'v ] ]", Malformed(InvalidUtf8)),
    row("a User Property whose value is not UTF-8", "40 [ 00 01 00 [ 26 'k 00 01 C3 ] ]", Malformed(InvalidUtf8)),
    row("U+0000 in the name of a User Property", "40 [ 00 01 00 [ 26 00 01 00 'v ] ]", Malformed(NulCharacter)),
    row("U+0000 in the value of a User Property", "40 [ 00 01 00 [ 26 'k 00 01 00 ] ]", Malformed(NulCharacter)),
    row("for a QoS 2 publish without PUBREC", "40 [ 00 02 ]", WRONG_ACK),
    row("that rejects a QoS 2 publish", "40 [ 00 02 87 ]", WRONG_ACK),
    row("for a QoS 2 publish past PUBREL", "40 [ 00 03 ]", WRONG_ACK),
    row("for a SUBSCRIBE", "40 [ 00 04 ]", WRONG_ACK),
    row("for an UNSUBSCRIBE", "40 [ 00 05 ]", WRONG_ACK),
    // It frees nothing and is counted (SEND-8).
    row("for nothing", "40 [ 00 0A ]", Ignored),
    row("for a message of the broker's own", "40 [ 01 02 ]", Ignored),
];

/// After Request Problem Information 0.
#[rustfmt::skip]
const UNASKED_5: &[Row] = &[
    row("a Reason String nobody asked for", "40 [ 00 01 00 [ 1F 'a ] ]", NOT_ASKED_FOR),
    row("a User Property nobody asked for", "40 [ 00 01 00 [ 26 'k 'v ] ]", NOT_ASKED_FOR),
    row("an empty Reason String nobody asked for", "40 [ 00 01 87 [ 1F ' ] ]", NOT_ASKED_FOR),
];

#[rustfmt::skip]
const REAUTHENTICATING_5: &[Row] = &[
    row("flag bit 0 is set", "41 [ 00 01 ]", Malformed(ReservedBits)),
    row("for a QoS 2 publish without PUBREC", "40 [ 00 02 ]", WRONG_ACK),
];

/// PUBACK for QoS 2 is what brokers in use answer that take no QoS 2 (BAD-2).
#[rustfmt::skip]
const BUSY_3: &[Row] = &[
    row("flag bit 0 is set", "41 [ 00 01 ]", Malformed(ReservedBits)),
    row("flag bit 3 is set, which is DUP in PUBLISH", "48 [ 00 01 ]", Malformed(ReservedBits)),
    row("no Packet Identifier", "40 00", Malformed(Truncated)),
    row("half a Packet Identifier", "40 [ 00 ]", Malformed(Truncated)),
    row("Packet Identifier 0", "40 [ 00 00 ]", Protocol(PacketIdentifierZero)),
    row("a reason code as 5.0 has it", "40 [ 00 01 00 ]", Malformed(TrailingBytes)),
    row("properties as 5.0 has them", "40 [ 00 01 00 [ ] ]", Malformed(TrailingBytes)),
    row("for a QoS 2 publish without PUBREC", "40 [ 00 02 ]", Downgraded),
    row("for a QoS 2 publish past PUBREL", "40 [ 00 03 ]", WRONG_ACK),
    row("for a SUBSCRIBE", "40 [ 00 04 ]", WRONG_ACK),
    row("for an UNSUBSCRIBE", "40 [ 00 05 ]", WRONG_ACK),
    row("for nothing", "40 [ 00 0A ]", Ignored),
];

const STRICT_3: &[Row] = &[row("for a QoS 2 publish without PUBREC", "40 [ 00 02 ]", WRONG_ACK)];

/// Promises: BAD-1, BAD-2, SEND-8, RES-1, RES-3
/// Enforces: MQTT-2.1.3-1, MQTT-2.2.1-5, MQTT-3.4.2-1, MQTT-1.5.4-1, MQTT-1.5.4-2, MQTT-1.5.7-1,
/// MQTT-3.1.2-29, MQTT-2.2.2-1 (3.1.1), MQTT-2.2.2-2 (3.1.1), MQTT-2.3.1-6 (3.1.1)
fn puback_may_be_wrong<M: TestMemory>() {
    run::<M>(TABLES);
}

crate::on_both_memories! { puback_may_be_wrong }
