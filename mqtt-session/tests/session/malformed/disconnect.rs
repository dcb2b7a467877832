//! DISCONNECT of a broker (section 3.14).

use mqtt_session::proto::Violation::*;

use super::*;

pub(super) const TABLES: &[Table] = &[
    Table::v5(State::Idle, IDLE_5),
    Table::v5(State::Busy, BUSY_5),
    Table::v5(State::Reauthenticating, REAUTHENTICATING_5).asking(METHOD),
];

#[rustfmt::skip]
const IDLE_5: &[Row] = &[
    row("flag bit 0 is set", "E1 00", Malformed(ReservedBits)),
    row("flag bit 1 is set", "E2 00", Malformed(ReservedBits)),
    row("flag bit 2 is set", "E4 00", Malformed(ReservedBits)),
    row("flag bit 3 is set", "E8 00", Malformed(ReservedBits)),
    row("the client's code for its Will", "E0 [ 04 ]", Protocol(IllegalReasonCode)),
    row("a reason code of SUBACK", "E0 [ 01 ]", Protocol(IllegalReasonCode)),
    row("a reason code of PUBACK", "E0 [ 10 ]", Protocol(IllegalReasonCode)),
    row("a reason code of UNSUBACK", "E0 [ 11 ]", Protocol(IllegalReasonCode)),
    row("a reason code of AUTH", "E0 [ 18 ]", Protocol(IllegalReasonCode)),
    row("an unsupported version, says the code", "E0 [ 84 ]", Protocol(IllegalReasonCode)),
    row("an invalid ClientID, says the code", "E0 [ 85 ]", Protocol(IllegalReasonCode)),
    row("a bad password, says the code", "E0 [ 86 ]", Protocol(IllegalReasonCode)),
    row("an unavailable server, says the code", "E0 [ 88 ]", Protocol(IllegalReasonCode)),
    row("a banned client, says the code", "E0 [ 8A ]", Protocol(IllegalReasonCode)),
    row("an identifier in use, says the code", "E0 [ 91 ]", Protocol(IllegalReasonCode)),
    row("an identifier not found, says the code", "E0 [ 92 ]", Protocol(IllegalReasonCode)),
    row("an undefined reason code of success", "E0 [ 7F ]", Protocol(IllegalReasonCode)),
    row("an undefined reason code of failure", "E0 [ A3 ]", Protocol(IllegalReasonCode)),
    row("Property Length beyond the packet", "E0 [ 8B 01 ]", Malformed(Truncated)),
    row("Property Length without its end", "E0 [ 8B 80 ]", Malformed(Truncated)),
    row("an over-long Property Length", "E0 [ 8B 80 00 ]", Malformed(OverlongInteger)),
    row("a Property Length of five bytes", "E0 [ 8B 80 80 80 80 00 ]", Malformed(UnboundedInteger)),
    row("a byte behind the properties", "E0 [ 8B [ ] 00 ]", Malformed(TrailingBytes)),
    row("an undefined property", "E0 [ 8B [ 1B 'a ] ]", Malformed(UnknownProperty)),
    row("a property of AUTH", "E0 [ 8B [ 15 'm ] ]", Malformed(MisplacedProperty)),
    row("a property of CONNACK", "E0 [ 8B [ 13 00 3C ] ]", Malformed(MisplacedProperty)),
    row("a property of PUBLISH", "E0 [ 8B [ 23 00 01 ] ]", Malformed(MisplacedProperty)),
    row("a property of a Will", "E0 [ 8B [ 18 00 00 00 01 ] ]", Malformed(MisplacedProperty)),
    row("two Reason Strings", "E0 [ 8B [ 1F 'a 1F 'b ] ]", Protocol(RepeatedProperty)),
    row("two Server References", "E0 [ 9C [ 1C 'a 1C 'b ] ]", Protocol(RepeatedProperty)),
    row("a Server Reference cut short", "E0 [ 9C [ 1C 00 02 61 ] ]", Malformed(Truncated)),
    row("a Server Reference that is not UTF-8", "E0 [ 9D [ 1C 00 01 FF ] ]", Malformed(InvalidUtf8)),
    row("U+0000 in a Server Reference", "E0 [ 9D [ 1C 00 01 00 ] ]", Malformed(NulCharacter)),
    row("a Reason String that is not UTF-8", "E0 [ 8B [ 1F 00 01 C0 ] ]", Malformed(InvalidUtf8)),
    row("U+0000 in a User Property", "E0 [ 8B [ 26 00 01 00 'v ] ]", Malformed(NulCharacter)),
    row("a User Property without value", "E0 [ 8B [ 26 'k ] ]", Malformed(Truncated)),
    row("Session Expiry Interval", "E0 [ 00 [ 11 00 00 00 3C ] ]", Protocol(ForbiddenProperty)),
    row("Session Expiry Interval 0", "E0 [ 8B [ 11 00 00 00 00 ] ]", Protocol(ForbiddenProperty)),
    // Section 2.4 lists it for DISCONNECT, the table of section 3.14.2.1 does not.
    row("a bad authentication method", "E0 [ 8C ]", Disconnected(ReasonCode::BadAuthenticationMethod)),
];

#[rustfmt::skip]
const BUSY_5: &[Row] = &[
    row("flag bit 1 is set, as in PUBREL", "E2 00", Malformed(ReservedBits)),
    row("the client's code for its Will", "E0 [ 04 ]", Protocol(IllegalReasonCode)),
    row("Session Expiry Interval", "E0 [ 8E [ 11 FF FF FF FF ] ]", Protocol(ForbiddenProperty)),
];

#[rustfmt::skip]
const REAUTHENTICATING_5: &[Row] = &[
    row("a bad password, says the code", "E0 [ 86 ]", Protocol(IllegalReasonCode)),
    row("the Authentication Method", "E0 [ 87 [ 15 'm ] ]", Malformed(MisplacedProperty)),
    row("a bad authentication method", "E0 [ 8C ]", Disconnected(ReasonCode::BadAuthenticationMethod)),
];

/// Promises: BAD-1, RES-1, RES-3
/// Enforces: MQTT-2.1.3-1, MQTT-3.14.1-1, MQTT-3.14.2-1, MQTT-3.14.2-2, MQTT-4.13.2-1
fn disconnect_may_be_wrong<M: TestMemory>() {
    run::<M>(TABLES);
}

crate::on_both_memories! { disconnect_may_be_wrong }
