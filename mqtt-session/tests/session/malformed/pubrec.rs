//! PUBREC (section 3.5).

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
    row("flag bit 0 is set", "51 [ 00 02 ]", Malformed(ReservedBits)),
    row("flag bit 1 is set, as in PUBREL", "52 [ 00 02 ]", Malformed(ReservedBits)),
    row("flag bit 2 is set", "54 [ 00 02 ]", Malformed(ReservedBits)),
    row("flag bit 3 is set, which is DUP in PUBLISH", "58 [ 00 02 ]", Malformed(ReservedBits)),
    row("no Packet Identifier", "50 00", Malformed(Truncated)),
    row("half a Packet Identifier", "50 [ 00 ]", Malformed(Truncated)),
    row("Packet Identifier 0", "50 [ 00 00 ]", Protocol(PacketIdentifierZero)),
    row("a reason code of SUBACK", "50 [ 00 02 02 ]", Protocol(IllegalReasonCode)),
    row("a reason code of UNSUBACK", "50 [ 00 02 11 ]", Protocol(IllegalReasonCode)),
    row("a reason code of CONNACK", "50 [ 00 02 9B ]", Protocol(IllegalReasonCode)),
    row("a reason code of PUBREL", "50 [ 00 02 92 ]", Protocol(IllegalReasonCode)),
    row("a reason code of DISCONNECT", "50 [ 00 02 93 ]", Protocol(IllegalReasonCode)),
    row("an undefined reason code of success", "50 [ 00 02 05 ]", Protocol(IllegalReasonCode)),
    row("an undefined reason code of failure", "50 [ 00 02 A3 ]", Protocol(IllegalReasonCode)),
    row("Property Length beyond the packet", "50 [ 00 02 00 05 1F 00 01 61 ]", Malformed(Truncated)),
    row("Property Length without its end", "50 [ 00 02 00 FF ]", Malformed(Truncated)),
    row("an over-long Property Length", "50 [ 00 02 00 84 00 1F 00 01 61 ]", Malformed(OverlongInteger)),
    row("a Property Length of five bytes", "50 [ 00 02 00 80 80 80 80 00 ]", Malformed(UnboundedInteger)),
    row("a byte behind the properties", "50 [ 00 02 00 [ 1F 'a ] FF ]", Malformed(TrailingBytes)),
    row("an undefined property", "50 [ 00 02 00 [ 2B 00 ] ]", Malformed(UnknownProperty)),
    row("a property of PUBLISH", "50 [ 00 02 00 [ 23 00 01 ] ]", Malformed(MisplacedProperty)),
    row("a property of CONNECT", "50 [ 00 02 00 [ 17 01 ] ]", Malformed(MisplacedProperty)),
    row("a property of a Will", "50 [ 00 02 00 [ 18 00 00 00 01 ] ]", Malformed(MisplacedProperty)),
    row("two Reason Strings", "50 [ 00 02 00 [ 1F 'a 1F ' ] ]", Protocol(RepeatedProperty)),
    row("a Reason String beyond the properties", "50 [ 00 02 00 [ 1F FF FF 61 ] ]", Malformed(Truncated)),
    row("a surrogate in a Reason String", "50 [ 00 02 00 [ 1F 00 03 ED A0 80 ] ]", Malformed(InvalidUtf8)),
    row("U+0000 in a Reason String", "50 [ 00 02 00 [ 1F 00 03 61 00 62 ] ]", Malformed(NulCharacter)),
    row("a User Property with half a name", "50 [ 00 02 00 [ 26 00 02 6B ] ]", Malformed(Truncated)),
    row("U+0000 in a User Property", "50 [ 00 02 00 [ 26 'k 00 02 00 76 ] ]", Malformed(NulCharacter)),
    row("for a QoS 1 publish", "50 [ 00 01 ]", WRONG_ACK),
    row("that rejects a QoS 1 publish", "50 [ 00 01 97 ]", WRONG_ACK),
    row("for a SUBSCRIBE", "50 [ 00 04 ]", WRONG_ACK),
    row("for an UNSUBSCRIBE", "50 [ 00 05 ]", WRONG_ACK),
    // Section 4.3.3 answers these; nothing is freed.
    row("again, after PUBREL", "50 [ 00 03 ]", Answered("62 [ 00 03 ]")),
    row("for nothing", "50 [ 00 0A ]", Answered("62 [ 00 0A 92 ]")),
    row("that rejects nothing", "50 [ 00 0A 91 ]", Ignored),
];

/// After Request Problem Information 0.
#[rustfmt::skip]
const UNASKED_5: &[Row] = &[
    row("a Reason String nobody asked for", "50 [ 00 02 00 [ 1F 'a ] ]", NOT_ASKED_FOR),
    row("a User Property nobody asked for", "50 [ 00 02 00 [ 26 'k 'v ] ]", NOT_ASKED_FOR),
];

#[rustfmt::skip]
const REAUTHENTICATING_5: &[Row] = &[
    row("flag bit 3 is set, which is DUP in PUBLISH", "58 [ 00 02 ]", Malformed(ReservedBits)),
    row("for a QoS 1 publish", "50 [ 00 01 ]", WRONG_ACK),
    row("again, after PUBREL", "50 [ 00 03 ]", Answered("62 [ 00 03 ]")),
];

#[rustfmt::skip]
const BUSY_3: &[Row] = &[
    row("flag bit 0 is set", "51 [ 00 02 ]", Malformed(ReservedBits)),
    row("flag bit 1 is set, as in PUBREL", "52 [ 00 02 ]", Malformed(ReservedBits)),
    row("no Packet Identifier", "50 00", Malformed(Truncated)),
    row("half a Packet Identifier", "50 [ 00 ]", Malformed(Truncated)),
    row("Packet Identifier 0", "50 [ 00 00 ]", Protocol(PacketIdentifierZero)),
    row("a reason code as 5.0 has it", "50 [ 00 02 80 ]", Malformed(TrailingBytes)),
    row("for a QoS 1 publish", "50 [ 00 01 ]", WRONG_ACK),
    row("for a SUBSCRIBE", "50 [ 00 04 ]", WRONG_ACK),
    row("for an UNSUBSCRIBE", "50 [ 00 05 ]", WRONG_ACK),
    row("again, after PUBREL", "50 [ 00 03 ]", Answered("62 [ 00 03 ]")),
    row("for nothing", "50 [ 00 0A ]", Answered("62 [ 00 0A ]")),
];

/// Promises: BAD-1, SEND-8, RES-1, RES-3
/// Enforces: MQTT-2.1.3-1, MQTT-3.5.2-1, MQTT-1.5.4-1, MQTT-1.5.4-2, MQTT-3.1.2-29,
/// MQTT-2.2.2-1 (3.1.1), MQTT-2.2.2-2 (3.1.1)
fn pubrec_may_be_wrong<M: TestMemory>() {
    run::<M>(TABLES);
}

crate::on_both_memories! { pubrec_may_be_wrong }
