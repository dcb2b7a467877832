//! AUTH (sections 3.15 and 4.12).

use mqtt_session::proto::Violation::*;

use super::*;

pub(super) const TABLES: &[Table] = &[
    Table::v5(State::Connecting, CONNECTING_5).asking(METHOD),
    Table::v5(State::Connecting, UNASKED_CONNECTING_5),
    Table::v5(State::Idle, UNASKED_5),
    Table::v5(State::Busy, BUSY_5).asking(METHOD),
    Table::v5(State::Reauthenticating, REAUTHENTICATING_5).asking(METHOD),
    Table::v5(State::Reauthenticating, PROBLEM_5).asking(QUIET),
];

const QUIET: &[Property<'static>] =
    &[Property::AuthenticationMethod("m"), Property::RequestProblemInformation(false)];

/// The broker is to accept, or to ask.
#[rustfmt::skip]
const CONNECTING_5: &[Row] = &[
    row("flag bit 0 is set", "F1 [ 18 [ 15 'm ] ]", Malformed(ReservedBits)),
    row("flag bit 3 is set", "F8 [ 18 [ 15 'm ] ]", Malformed(ReservedBits)),
    row("nothing in it", "F0 00", Protocol(MissingAuthenticationMethod)),
    row("no Property Length", "F0 [ 18 ]", Malformed(Truncated)),
    row("no Authentication Method", "F0 [ 18 [ ] ]", Protocol(MissingAuthenticationMethod)),
    row("Authentication Data alone", "F0 [ 18 [ 16 'd ] ]", Protocol(MissingAuthenticationMethod)),
    row("another Authentication Method", "F0 [ 18 [ 15 'n ] ]", AUTHENTICATION),
    row("the method in capitals", "F0 [ 18 [ 15 'M ] ]", AUTHENTICATION),
    row("success before CONNACK", "F0 [ 00 [ 15 'm ] ]", AUTHENTICATION),
    row("the client's code to begin again", "F0 [ 19 [ 15 'm ] ]", Protocol(IllegalReasonCode)),
    row("a reason code of CONNACK", "F0 [ 87 [ 15 'm ] ]", Protocol(IllegalReasonCode)),
];

/// The CONNECT had no Authentication Method.
#[rustfmt::skip]
const UNASKED_5: &[Row] = &[
    row("a question nobody asked for", "F0 [ 18 [ 15 'm ] ]", AUTHENTICATION),
    row("success nobody asked for", "F0 [ 00 [ 15 'm ] ]", AUTHENTICATION),
    row("an empty method nobody asked for", "F0 [ 18 [ 15 ' ] ]", AUTHENTICATION),
];

#[rustfmt::skip]
const UNASKED_CONNECTING_5: &[Row] = &[
    row("a method nobody asked for", "F0 [ 18 [ 15 'm ] ]", AUTHENTICATION),
    row("data nobody asked for", "F0 [ 18 [ 15 'm 16 'd ] ]", AUTHENTICATION),
];

/// The exchange is over.
#[rustfmt::skip]
const BUSY_5: &[Row] = &[
    row("a question out of turn", "F0 [ 18 [ 15 'm ] ]", AUTHENTICATION),
    row("success out of turn", "F0 [ 00 [ 15 'm ] ]", AUTHENTICATION),
    row("the broker begins again", "F0 [ 19 [ 15 'm ] ]", Protocol(IllegalReasonCode)),
];

#[rustfmt::skip]
const REAUTHENTICATING_5: &[Row] = &[
    row("flag bit 0 is set", "F1 [ 00 [ 15 'm ] ]", Malformed(ReservedBits)),
    row("flag bit 1 is set, as in PUBREL", "F2 [ 00 [ 15 'm ] ]", Malformed(ReservedBits)),
    row("flag bit 2 is set", "F4 [ 00 [ 15 'm ] ]", Malformed(ReservedBits)),
    row("flag bit 3 is set, which is DUP in PUBLISH", "F8 [ 00 [ 15 'm ] ]", Malformed(ReservedBits)),
    row("nothing in it", "F0 00", Protocol(MissingAuthenticationMethod)),
    row("success without Property Length", "F0 [ 00 ]", Malformed(Truncated)),
    row("success without Authentication Method", "F0 [ 00 [ ] ]", Protocol(MissingAuthenticationMethod)),
    row("a question without Authentication Method", "F0 [ 18 [ 16 'd ] ]", Protocol(MissingAuthenticationMethod)),
    row("success by another method", "F0 [ 00 [ 15 'n ] ]", AUTHENTICATION),
    row("a question by another method", "F0 [ 18 [ 15 'n ] ]", AUTHENTICATION),
    row("an empty method", "F0 [ 18 [ 15 ' ] ]", AUTHENTICATION),
    row("the client's own AUTH", "F0 [ 19 [ 15 'm ] ]", Protocol(IllegalReasonCode)),
    row("a reason code of SUBACK", "F0 [ 01 [ 15 'm ] ]", Protocol(IllegalReasonCode)),
    row("not authorized, says the code", "F0 [ 87 [ 15 'm ] ]", Protocol(IllegalReasonCode)),
    row("a bad method, says the code", "F0 [ 8C [ 15 'm ] ]", Protocol(IllegalReasonCode)),
    row("an undefined reason code", "F0 [ 1A [ 15 'm ] ]", Protocol(IllegalReasonCode)),
    row("Property Length beyond the packet", "F0 [ 00 05 15 00 01 6D ]", Malformed(Truncated)),
    row("an over-long Property Length", "F0 [ 00 84 00 15 00 01 6D ]", Malformed(OverlongInteger)),
    row("a Property Length of five bytes", "F0 [ 00 84 80 80 80 00 ]", Malformed(UnboundedInteger)),
    row("a byte behind the properties", "F0 [ 00 [ 15 'm ] 00 ]", Malformed(TrailingBytes)),
    row("an undefined property", "F0 [ 00 [ 15 'm 1D 00 ] ]", Malformed(UnknownProperty)),
    row("a property of CONNECT", "F0 [ 00 [ 15 'm 21 00 01 ] ]", Malformed(MisplacedProperty)),
    row("a property of DISCONNECT", "F0 [ 00 [ 15 'm 1C 'a ] ]", Malformed(MisplacedProperty)),
    row("two Authentication Methods", "F0 [ 00 [ 15 'm 15 'm ] ]", Protocol(RepeatedProperty)),
    row("two Authentication Data", "F0 [ 18 [ 15 'm 16 'd 16 'e ] ]", Protocol(RepeatedProperty)),
    row("two Reason Strings", "F0 [ 00 [ 15 'm 1F 'a 1F 'b ] ]", Protocol(RepeatedProperty)),
    row("an Authentication Method cut short", "F0 [ 00 [ 15 00 02 6D ] ]", Malformed(Truncated)),
    row("Authentication Data cut short", "F0 [ 18 [ 15 'm 16 00 02 64 ] ]", Malformed(Truncated)),
    row("an Authentication Method that is not UTF-8", "F0 [ 00 [ 15 00 01 FF ] ]", Malformed(InvalidUtf8)),
    row("U+0000 in an Authentication Method", "F0 [ 00 [ 15 00 02 6D 00 ] ]", Malformed(NulCharacter)),
    row("U+0000 in a Reason String", "F0 [ 00 [ 15 'm 1F 00 01 00 ] ]", Malformed(NulCharacter)),
    row("a User Property without value", "F0 [ 00 [ 15 'm 26 'k ] ]", Malformed(Truncated)),
];

/// After Request Problem Information 0.
#[rustfmt::skip]
const PROBLEM_5: &[Row] = &[
    row("a Reason String nobody asked for", "F0 [ 00 [ 15 'm 1F 'a ] ]", NOT_ASKED_FOR),
    row("a User Property nobody asked for", "F0 [ 18 [ 15 'm 26 'k 'v ] ]", NOT_ASKED_FOR),
];

/// Promises: BAD-1, RES-1, RES-3
/// Enforces: MQTT-3.15.1-1, MQTT-3.15.2-1, MQTT-4.12.0-2, MQTT-4.12.0-5, MQTT-4.12.0-6,
/// MQTT-3.1.2-29
fn auth_may_be_wrong<M: TestMemory>() {
    run::<M>(TABLES);
}

crate::on_both_memories! { auth_may_be_wrong }
