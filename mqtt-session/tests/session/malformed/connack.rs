//! CONNACK (section 3.2).

use mqtt_session::proto::Violation::*;

use super::*;

pub(super) const TABLES: &[Table] = &[
    Table::v5(State::Connecting, CONNECTING_5),
    Table::v5(State::Connecting, PROPERTIES_5),
    Table::v5(State::Connecting, METHOD_5).asking(METHOD),
    Table::v5(State::Starting, STARTING_5),
    Table::v5(State::Joining, JOINING_5).with(|config| config.strict_session = true),
    Table::v5(State::Idle, AGAIN_5),
    Table::v5(State::Busy, AGAIN_5),
    Table::v5(State::Reauthenticating, AGAIN_5).asking(METHOD),
    Table::v3(State::Connecting, CONNECTING_3),
    Table::v3(State::Starting, STARTING_3),
    Table::v3(State::Joining, JOINING_3).with(|config| config.strict_session = true),
    Table::v3(State::Idle, AGAIN_3),
    Table::v3(State::Busy, AGAIN_3),
];

const SESSION_PRESENT: Outcome = Refused(PROTOCOL_ERROR, ViolationKind::SessionPresent);

#[rustfmt::skip]
const CONNECTING_5: &[Row] = &[
    row("flag bit 0 is set", "21 [ 01 00 [ ] ]", Malformed(ReservedBits)),
    row("flag bit 1 is set, as in PUBREL", "22 [ 01 00 [ ] ]", Malformed(ReservedBits)),
    row("flag bit 2 is set", "24 [ 01 00 [ ] ]", Malformed(ReservedBits)),
    row("flag bit 3 is set, which is DUP in PUBLISH", "28 [ 01 00 [ ] ]", Malformed(ReservedBits)),
    row("nothing in it", "20 00", Malformed(Truncated)),
    row("no reason code", "20 [ 01 ]", Malformed(Truncated)),
    row("as 3.1.1 has it", "20 [ 01 00 ]", Malformed(Truncated)),
    row("acknowledge flag 1 is set", "20 [ 02 00 [ ] ]", Malformed(ReservedBits)),
    row("acknowledge flag 2 is set", "20 [ 04 00 [ ] ]", Malformed(ReservedBits)),
    row("acknowledge flag 3 is set", "20 [ 08 00 [ ] ]", Malformed(ReservedBits)),
    row("acknowledge flag 4 is set", "20 [ 10 00 [ ] ]", Malformed(ReservedBits)),
    row("acknowledge flag 5 is set", "20 [ 20 00 [ ] ]", Malformed(ReservedBits)),
    row("acknowledge flag 6 is set", "20 [ 40 00 [ ] ]", Malformed(ReservedBits)),
    row("acknowledge flag 7 is set", "20 [ 80 00 [ ] ]", Malformed(ReservedBits)),
    row("acknowledge flag 1 beside Session Present", "20 [ 03 00 [ ] ]", Malformed(ReservedBits)),
    row("a reason code of SUBACK", "20 [ 00 01 [ ] ]", Protocol(IllegalReasonCode)),
    row("a reason code of DISCONNECT", "20 [ 00 8E [ ] ]", Protocol(IllegalReasonCode)),
    row("the server shuts down, says the code", "20 [ 00 8B [ ] ]", Protocol(IllegalReasonCode)),
    row("a reason code of PUBREL", "20 [ 00 92 [ ] ]", Protocol(IllegalReasonCode)),
    row("a reason code of AUTH", "20 [ 00 18 [ ] ]", Protocol(IllegalReasonCode)),
    row("a reason code of SUBACK that refuses", "20 [ 00 9E [ ] ]", Protocol(IllegalReasonCode)),
    row("an undefined reason code of success", "20 [ 01 7F [ ] ]", Protocol(IllegalReasonCode)),
    row("an undefined reason code of failure", "20 [ 00 FF [ ] ]", Protocol(IllegalReasonCode)),
    row("return code 2 of 3.1.1", "20 [ 00 02 ]", Protocol(IllegalReasonCode)),
    row("return code 3 of 3.1.1", "20 [ 00 03 ]", Protocol(IllegalReasonCode)),
    row("return code 4 of 3.1.1", "20 [ 00 04 ]", Protocol(IllegalReasonCode)),
    row("return code 5 of 3.1.1", "20 [ 00 05 ]", Protocol(IllegalReasonCode)),
    row("Session Present in a refusal", "20 [ 01 87 [ ] ]", Protocol(SessionPresentInRefusal)),
    row("Session Present in a redirection", "20 [ 01 9C [ ] ]", Protocol(SessionPresentInRefusal)),
    row("Session Present in return code 1", "20 [ 01 01 ]", Protocol(SessionPresentInRefusal)),
    row("Property Length beyond the packet", "20 [ 01 00 03 21 00 ]", Malformed(Truncated)),
    row("Property Length without its end", "20 [ 01 00 80 ]", Malformed(Truncated)),
    row("an over-long Property Length", "20 [ 01 00 80 00 ]", Malformed(OverlongInteger)),
    row("a Property Length of five bytes", "20 [ 01 00 80 80 80 80 00 ]", Malformed(UnboundedInteger)),
    row("a byte behind the properties", "20 [ 01 00 [ ] 00 ]", Malformed(TrailingBytes)),
    row("a property behind the properties", "20 [ 01 00 [ 25 01 ] 25 01 ]", Malformed(TrailingBytes)),
    // A server without 5.0 (section 3.1.2.2): that is an answer.
    row("return code 1 of 3.1.1", "20 [ 00 01 ]", Rejected(ReasonCode::UnsupportedProtocolVersion)),
    // Control characters may be refused, and are not (section 1.5.4).
    row("a control character in a Reason String", "20 [ 01 00 [ 1F 00 01 07 ] ]", Accepted),
    row("no character, says Unicode", "20 [ 01 00 [ 1F 00 03 EF BF BF ] ]", Accepted),
];

#[rustfmt::skip]
const PROPERTIES_5: &[Row] = &[
    row("property 0", "20 [ 01 00 [ 00 00 ] ]", Malformed(UnknownProperty)),
    row("an undefined property", "20 [ 01 00 [ 14 00 ] ]", Malformed(UnknownProperty)),
    row("the first property behind the last", "20 [ 01 00 [ 2B 00 ] ]", Malformed(UnknownProperty)),
    row("a property identifier of two bytes", "20 [ 01 00 [ A1 01 00 01 ] ]", Malformed(UnknownProperty)),
    row("an over-long property identifier", "20 [ 01 00 [ A1 00 00 01 ] ]", Malformed(OverlongInteger)),
    row("a property identifier without its end", "20 [ 01 00 [ A1 ] ]", Malformed(Truncated)),
    row("Payload Format Indicator", "20 [ 01 00 [ 01 00 ] ]", Malformed(MisplacedProperty)),
    row("Message Expiry Interval", "20 [ 01 00 [ 02 00 00 00 01 ] ]", Malformed(MisplacedProperty)),
    row("Content Type", "20 [ 01 00 [ 03 'a ] ]", Malformed(MisplacedProperty)),
    row("Response Topic", "20 [ 01 00 [ 08 'a ] ]", Malformed(MisplacedProperty)),
    row("Correlation Data", "20 [ 01 00 [ 09 'a ] ]", Malformed(MisplacedProperty)),
    row("Subscription Identifier", "20 [ 01 00 [ 0B 01 ] ]", Malformed(MisplacedProperty)),
    row("Request Problem Information", "20 [ 01 00 [ 17 01 ] ]", Malformed(MisplacedProperty)),
    row("Will Delay Interval", "20 [ 01 00 [ 18 00 00 00 01 ] ]", Malformed(MisplacedProperty)),
    row("Request Response Information", "20 [ 01 00 [ 19 01 ] ]", Malformed(MisplacedProperty)),
    row("Topic Alias", "20 [ 01 00 [ 23 00 01 ] ]", Malformed(MisplacedProperty)),
    row("two Session Expiry Intervals", "20 [ 01 00 [ 11 00 00 00 01 11 00 00 00 01 ] ]", Protocol(RepeatedProperty)),
    row("two Assigned Client Identifiers", "20 [ 01 00 [ 12 'a 12 'b ] ]", Protocol(RepeatedProperty)),
    row("two Server Keep Alives", "20 [ 01 00 [ 13 00 3C 13 00 3C ] ]", Protocol(RepeatedProperty)),
    row("two Response Informations", "20 [ 01 00 [ 1A 'a 1A 'b ] ]", Protocol(RepeatedProperty)),
    row("two Server References", "20 [ 01 00 [ 1C 'a 1C 'b ] ]", Protocol(RepeatedProperty)),
    row("two Reason Strings", "20 [ 01 00 [ 1F 'a 1F 'b ] ]", Protocol(RepeatedProperty)),
    row("two Receive Maximums", "20 [ 01 00 [ 21 00 01 21 00 02 ] ]", Protocol(RepeatedProperty)),
    row("two Topic Alias Maximums", "20 [ 01 00 [ 22 00 01 22 00 02 ] ]", Protocol(RepeatedProperty)),
    row("two Maximum QoS", "20 [ 01 00 [ 24 01 24 00 ] ]", Protocol(RepeatedProperty)),
    row("two Retain Availables", "20 [ 01 00 [ 25 01 25 00 ] ]", Protocol(RepeatedProperty)),
    row("two Maximum Packet Sizes", "20 [ 01 00 [ 27 00 00 10 00 27 00 00 10 00 ] ]", Protocol(RepeatedProperty)),
    row("two Wildcard Subscription Availables", "20 [ 01 00 [ 28 01 28 01 ] ]", Protocol(RepeatedProperty)),
    row("two Subscription Identifier Availables", "20 [ 01 00 [ 29 01 29 01 ] ]", Protocol(RepeatedProperty)),
    row("two Shared Subscription Availables", "20 [ 01 00 [ 2A 01 2A 01 ] ]", Protocol(RepeatedProperty)),
    row("Receive Maximum 0", "20 [ 01 00 [ 21 00 00 ] ]", Protocol(ValueOutOfRange)),
    row("Maximum QoS 2", "20 [ 01 00 [ 24 02 ] ]", Protocol(ValueOutOfRange)),
    row("Retain Available 2", "20 [ 01 00 [ 25 02 ] ]", Protocol(ValueOutOfRange)),
    row("Maximum Packet Size 0", "20 [ 01 00 [ 27 00 00 00 00 ] ]", Protocol(ValueOutOfRange)),
    row("Wildcard Subscription Available 2", "20 [ 01 00 [ 28 02 ] ]", Protocol(ValueOutOfRange)),
    row("Subscription Identifier Available 0xFF", "20 [ 01 00 [ 29 FF ] ]", Protocol(ValueOutOfRange)),
    row("Shared Subscription Available 2", "20 [ 01 00 [ 2A 02 ] ]", Protocol(ValueOutOfRange)),
    row("three bytes of Session Expiry Interval", "20 [ 01 00 [ 11 00 00 01 ] ]", Malformed(Truncated)),
    row("an Assigned Client Identifier cut short", "20 [ 01 00 [ 12 00 02 61 ] ]", Malformed(Truncated)),
    row("one byte of Server Keep Alive", "20 [ 01 00 [ 13 3C ] ]", Malformed(Truncated)),
    row("an Authentication Method cut short", "20 [ 01 00 [ 15 00 02 6D ] ]", Malformed(Truncated)),
    row("Authentication Data cut short", "20 [ 01 00 [ 15 'm 16 00 01 ] ]", Malformed(Truncated)),
    row("Response Information cut short", "20 [ 01 00 [ 1A 00 ] ]", Malformed(Truncated)),
    row("a Server Reference without length", "20 [ 01 00 [ 1C ] ]", Malformed(Truncated)),
    row("one byte of Receive Maximum", "20 [ 01 00 [ 21 01 ] ]", Malformed(Truncated)),
    row("no Maximum QoS behind its identifier", "20 [ 01 00 [ 24 ] ]", Malformed(Truncated)),
    row("two bytes of Maximum Packet Size", "20 [ 01 00 [ 27 10 00 ] ]", Malformed(Truncated)),
    row("a User Property without value", "20 [ 01 00 [ 26 'k ] ]", Malformed(Truncated)),
    row("an Assigned Client Identifier that is not UTF-8", "20 [ 01 00 [ 12 00 01 80 ] ]", Malformed(InvalidUtf8)),
    row("U+0000 in an Assigned Client Identifier", "20 [ 01 00 [ 12 00 03 61 00 62 ] ]", Malformed(NulCharacter)),
    row("an Authentication Method that is not UTF-8", "20 [ 01 00 [ 15 00 01 FE ] ]", Malformed(InvalidUtf8)),
    row("a surrogate in Response Information", "20 [ 01 00 [ 1A 00 03 ED BF BF ] ]", Malformed(InvalidUtf8)),
    row("a character beyond U+10FFFF in a Server Reference", "20 [ 01 00 [ 1C 00 04 F4 90 80 80 ] ]", Malformed(InvalidUtf8)),
    row("U+0000 in a Reason String", "20 [ 01 00 [ 1F 00 01 00 ] ]", Malformed(NulCharacter)),
    row("a User Property whose name is not UTF-8", "20 [ 01 00 [ 26 00 01 FF 'v ] ]", Malformed(InvalidUtf8)),
    row("U+0000 in the value of a User Property", "20 [ 01 00 [ 26 'k 00 01 00 ] ]", Malformed(NulCharacter)),
    row("Authentication Data without method", "20 [ 01 00 [ 16 'd ] ]", Protocol(MissingAuthenticationMethod)),
    row("an Authentication Method nobody asked for", "20 [ 01 00 [ 15 'm ] ]", AUTHENTICATION),
    row("likewise in a refusal", "20 [ 00 87 [ 15 'm ] ]", AUTHENTICATION),
    row("Response Information nobody asked for", "20 [ 01 00 [ 1A 'r ] ]", NOT_ASKED_FOR),
    // A refusal that says more than it should is as good as any.
    row("limits in a refusal", "20 [ 00 89 [ 21 00 01 24 01 ] ]", Rejected(ReasonCode::ServerBusy)),
];

#[rustfmt::skip]
const METHOD_5: &[Row] = &[
    row("no Authentication Method", "20 [ 01 00 [ ] ]", AUTHENTICATION),
    row("another Authentication Method", "20 [ 01 00 [ 15 'n ] ]", AUTHENTICATION),
    row("an empty Authentication Method", "20 [ 01 00 [ 15 ' ] ]", AUTHENTICATION),
    row("a longer Authentication Method", "20 [ 01 00 [ 15 'mm ] ]", AUTHENTICATION),
    row("two Authentication Methods", "20 [ 01 00 [ 15 'm 15 'm ] ]", Protocol(RepeatedProperty)),
    row("two Authentication Data", "20 [ 01 00 [ 15 'm 16 'd 16 'd ] ]", Protocol(RepeatedProperty)),
    // Section 4.12 asks the same of a CONNACK that accepts alone.
    row("a refusal by another method", "20 [ 00 8C [ 15 'n ] ]", Rejected(ReasonCode::BadAuthenticationMethod)),
];

#[rustfmt::skip]
const STARTING_5: &[Row] = &[
    row("Session Present after Clean Start", "20 [ 01 00 [ ] ]", SESSION_PRESENT),
    row("Session Present after Clean Start, with an expiry", "20 [ 01 00 [ 11 00 00 00 3C ] ]", SESSION_PRESENT),
];

/// `strict_session` refuses a session that only the broker knows (CON-3).
const JOINING_5: &[Row] =
    &[row("a session the client does not know", "20 [ 01 00 [ ] ]", SESSION_PRESENT)];

#[rustfmt::skip]
const AGAIN_5: &[Row] = &[
    row("a second CONNACK", "20 [ 00 00 [ ] ]", UNEXPECTED),
    row("a second CONNACK, with Session Present", "20 [ 01 00 [ ] ]", UNEXPECTED),
    row("a CONNACK that refuses after one that accepted", "20 [ 00 89 [ ] ]", UNEXPECTED),
];

#[rustfmt::skip]
const CONNECTING_3: &[Row] = &[
    row("flag bit 0 is set", "21 [ 01 00 ]", Malformed(ReservedBits)),
    row("flag bit 3 is set, which is DUP in PUBLISH", "28 [ 01 00 ]", Malformed(ReservedBits)),
    row("nothing in it", "20 00", Malformed(Truncated)),
    row("no return code", "20 [ 01 ]", Malformed(Truncated)),
    row("as 5.0 has it", "20 [ 01 00 [ ] ]", Malformed(TrailingBytes)),
    row("acknowledge flag 1 is set", "20 [ 02 00 ]", Malformed(ReservedBits)),
    row("acknowledge flag 4 is set", "20 [ 10 00 ]", Malformed(ReservedBits)),
    row("acknowledge flag 7 is set", "20 [ 80 00 ]", Malformed(ReservedBits)),
    row("all acknowledge flags are set", "20 [ FF 00 ]", Malformed(ReservedBits)),
    row("return code 6", "20 [ 00 06 ]", Protocol(IllegalReasonCode)),
    row("return code 0x80", "20 [ 00 80 ]", Protocol(IllegalReasonCode)),
    row("a reason code of 5.0", "20 [ 00 87 ]", Protocol(IllegalReasonCode)),
    row("return code 0xFF", "20 [ 00 FF ]", Protocol(IllegalReasonCode)),
    row("Session Present in return code 1", "20 [ 01 01 ]", Protocol(SessionPresentInRefusal)),
    row("Session Present in return code 2", "20 [ 01 02 ]", Protocol(SessionPresentInRefusal)),
    row("Session Present in return code 3", "20 [ 01 03 ]", Protocol(SessionPresentInRefusal)),
    row("Session Present in return code 4", "20 [ 01 04 ]", Protocol(SessionPresentInRefusal)),
    row("Session Present in return code 5", "20 [ 01 05 ]", Protocol(SessionPresentInRefusal)),
];

const STARTING_3: &[Row] =
    &[row("Session Present after CleanSession", "20 [ 01 00 ]", SESSION_PRESENT)];

const JOINING_3: &[Row] =
    &[row("a session the client does not know", "20 [ 01 00 ]", SESSION_PRESENT)];

#[rustfmt::skip]
const AGAIN_3: &[Row] = &[
    row("a second CONNACK", "20 [ 00 00 ]", UNEXPECTED),
    row("a second CONNACK, with Session Present", "20 [ 01 00 ]", UNEXPECTED),
    row("a CONNACK that refuses after one that accepted", "20 [ 00 03 ]", UNEXPECTED),
];

/// Promises: BAD-1, CON-3, RES-1, RES-3
/// Enforces: MQTT-3.2.0-2, MQTT-3.2.2-1, MQTT-3.2.2-2, MQTT-3.2.2-4, MQTT-3.2.2-6, MQTT-3.2.2-8,
/// MQTT-3.1.2-28, MQTT-4.12.0-5, MQTT-4.12.0-6, MQTT-2.2.2-2 (3.1.1), MQTT-3.2.2-1 (3.1.1),
/// MQTT-3.2.2-4 (3.1.1), MQTT-3.2.2-6 (3.1.1)
fn connack_may_be_wrong<M: TestMemory>() {
    run::<M>(TABLES);
}

crate::on_both_memories! { connack_may_be_wrong }
