//! PUBLISH (section 3.3). What limits forbid is in `limits`.

use mqtt_session::proto::Violation::*;

use super::*;

pub(super) const TABLES: &[Table] = &[
    Table::v5(State::Idle, IDLE_5),
    Table::v5(State::Idle, PROPERTIES_5),
    Table::v5(State::Busy, BUSY_5),
    Table::v5(State::Reauthenticating, REAUTHENTICATING_5).asking(METHOD),
    Table::v3(State::Idle, IDLE_3),
    Table::v3(State::Busy, BUSY_3),
];

#[rustfmt::skip]
const IDLE_5: &[Row] = &[
    row("QoS 3", "36 [ 't 00 0A [ ] 78 ]", Malformed(InvalidQoS)),
    row("QoS 3 with RETAIN", "37 [ 't 00 0A [ ] 78 ]", Malformed(InvalidQoS)),
    row("QoS 3 with DUP", "3E [ 't 00 0A [ ] 78 ]", Malformed(InvalidQoS)),
    row("DUP at QoS 0", "38 [ 't [ ] 78 ]", Malformed(DupAtQoS0)),
    row("DUP and RETAIN at QoS 0", "39 [ 't [ ] 78 ]", Malformed(DupAtQoS0)),
    row("nothing in it", "30 00", Malformed(Truncated)),
    row("half a length of the Topic Name", "30 [ 00 ]", Malformed(Truncated)),
    row("a Topic Name beyond the packet", "30 [ 00 03 61 62 ]", Malformed(Truncated)),
    row("the longest Topic Name, not there", "30 [ FF FF 61 ]", Malformed(Truncated)),
    row("no Packet Identifier at QoS 1", "32 [ 't ]", Malformed(Truncated)),
    row("no Packet Identifier at QoS 2", "34 [ 't ]", Malformed(Truncated)),
    row("half a Packet Identifier", "32 [ 't 0A ]", Malformed(Truncated)),
    row("Packet Identifier 0 at QoS 1", "32 [ 't 00 00 [ ] 78 ]", Protocol(PacketIdentifierZero)),
    row("Packet Identifier 0 at QoS 2", "34 [ 't 00 00 [ ] 78 ]", Protocol(PacketIdentifierZero)),
    row("no Property Length at QoS 0", "30 [ 't ]", Malformed(Truncated)),
    row("no Property Length at QoS 1", "32 [ 't 00 0A ]", Malformed(Truncated)),
    row("no Property Length at QoS 2", "34 [ 't 00 0A ]", Malformed(Truncated)),
    row("Property Length beyond the packet", "30 [ 't 03 01 00 ]", Malformed(Truncated)),
    row("Property Length without its end", "30 [ 't 80 ]", Malformed(Truncated)),
    row("an over-long Property Length", "30 [ 't 82 00 01 00 ]", Malformed(OverlongInteger)),
    row("a Property Length of five bytes", "30 [ 't 82 80 80 80 00 01 00 ]", Malformed(UnboundedInteger)),
    row("a byte that is never UTF-8", "30 [ 00 01 FF [ ] ]", Malformed(InvalidUtf8)),
    row("the end of a character without its start", "30 [ 00 01 80 [ ] ]", Malformed(InvalidUtf8)),
    row("the start of a character without its end", "30 [ 00 01 C3 [ ] ]", Malformed(InvalidUtf8)),
    row("a character without its end amidst others", "30 [ 00 03 61 E2 62 [ ] ]", Malformed(InvalidUtf8)),
    row("U+0000 in two bytes", "30 [ 00 02 C0 80 [ ] ]", Malformed(InvalidUtf8)),
    row("a slash in two bytes", "30 [ 00 02 C0 AF [ ] ]", Malformed(InvalidUtf8)),
    row("a slash in three bytes", "30 [ 00 03 E0 80 AF [ ] ]", Malformed(InvalidUtf8)),
    row("a character of three bytes in four", "30 [ 00 04 F0 82 82 AC [ ] ]", Malformed(InvalidUtf8)),
    row("the first surrogate", "30 [ 00 03 ED A0 80 [ ] ]", Malformed(InvalidUtf8)),
    row("the last surrogate", "30 [ 00 03 ED BF BF [ ] ]", Malformed(InvalidUtf8)),
    row("a pair of surrogates", "30 [ 00 06 ED A0 81 ED B0 80 [ ] ]", Malformed(InvalidUtf8)),
    row("the first character beyond U+10FFFF", "30 [ 00 04 F4 90 80 80 [ ] ]", Malformed(InvalidUtf8)),
    row("a character of five bytes", "30 [ 00 05 F8 88 80 80 80 [ ] ]", Malformed(InvalidUtf8)),
    row("U+0000 alone", "30 [ 00 01 00 [ ] ]", Malformed(NulCharacter)),
    row("U+0000 amidst a Topic Name", "30 [ 00 03 61 00 62 [ ] ]", Malformed(NulCharacter)),
    row("U+0000 at the end of a long Topic Name", "30 [ 00 09 61 61 61 61 61 61 61 61 00 [ ] ]", Malformed(NulCharacter)),
    row("a Topic Name that is #", "30 [ '# [ ] 78 ]", Protocol(Wildcard)),
    row("a Topic Name that is +", "30 [ '+ [ ] 78 ]", Protocol(Wildcard)),
    row("a Topic Name that ends in #", "30 [ 'a/b/# [ ] 78 ]", Protocol(Wildcard)),
    row("a Topic Name with + for a level", "30 [ 'a/+/b [ ] 78 ]", Protocol(Wildcard)),
    row("a Topic Name with + in a level", "30 [ 'a+b [ ] 78 ]", Protocol(Wildcard)),
    row("an empty Topic Name", "30 [ ' [ ] 78 ]", Protocol(EmptyTopic)),
    row("an empty Topic Name at QoS 1", "32 [ ' 00 0A [ ] 78 ]", Protocol(EmptyTopic)),
    row("an empty Topic Name beside other properties", "30 [ ' [ 01 00 26 'k 'v ] 78 ]", Protocol(EmptyTopic)),
    // Control characters may be refused, and are not (section 1.5.4).
    row("a control character in a Topic Name", "30 [ 00 01 01 [ ] 78 ]", Delivered("x")),
    row("no character, says Unicode", "30 [ 00 03 EF BF BF [ ] 78 ]", Delivered("x")),
    // Whether it is, is the application's to check (section 3.3.2.3.2).
    row("a payload that is no text, although it says so", "30 [ 't [ 01 01 ] FF ]", Delivered("\u{FFFD}")),
    // The session does not keep which there are: those of an earlier client may be among them.
    row("a Subscription Identifier nobody gave", "30 [ 't [ 0B 63 ] 78 ]", Delivered("x")),
    // The first copy may be lost.
    row("QoS 2 once more, which never came", "3C [ 't 00 0A [ ] 78 ]", Delivered("x")),
];

#[rustfmt::skip]
const PROPERTIES_5: &[Row] = &[
    row("property 0", "30 [ 't [ 00 00 ] ]", Malformed(UnknownProperty)),
    row("an undefined property", "30 [ 't [ 0A 00 ] ]", Malformed(UnknownProperty)),
    row("the first property behind the last", "30 [ 't [ 2B 00 ] ]", Malformed(UnknownProperty)),
    row("a property identifier of two bytes", "30 [ 't [ 81 01 00 ] ]", Malformed(UnknownProperty)),
    row("an over-long property identifier", "30 [ 't [ 81 00 00 ] ]", Malformed(OverlongInteger)),
    row("a property identifier of five bytes", "30 [ 't [ 81 80 80 80 00 00 ] ]", Malformed(UnboundedInteger)),
    row("a property identifier without its end", "30 [ 't [ 81 ] ]", Malformed(Truncated)),
    row("Session Expiry Interval", "30 [ 't [ 11 00 00 00 01 ] ]", Malformed(MisplacedProperty)),
    row("Assigned Client Identifier", "30 [ 't [ 12 'a ] ]", Malformed(MisplacedProperty)),
    row("Server Keep Alive", "30 [ 't [ 13 00 01 ] ]", Malformed(MisplacedProperty)),
    row("Authentication Method", "30 [ 't [ 15 'm ] ]", Malformed(MisplacedProperty)),
    row("Authentication Data", "30 [ 't [ 16 'd ] ]", Malformed(MisplacedProperty)),
    row("Request Problem Information", "30 [ 't [ 17 01 ] ]", Malformed(MisplacedProperty)),
    row("Will Delay Interval", "30 [ 't [ 18 00 00 00 01 ] ]", Malformed(MisplacedProperty)),
    row("Request Response Information", "30 [ 't [ 19 01 ] ]", Malformed(MisplacedProperty)),
    row("Response Information", "30 [ 't [ 1A 'a ] ]", Malformed(MisplacedProperty)),
    row("Server Reference", "30 [ 't [ 1C 'a ] ]", Malformed(MisplacedProperty)),
    row("Reason String", "30 [ 't [ 1F 'a ] ]", Malformed(MisplacedProperty)),
    row("Receive Maximum", "30 [ 't [ 21 00 01 ] ]", Malformed(MisplacedProperty)),
    row("Topic Alias Maximum", "30 [ 't [ 22 00 01 ] ]", Malformed(MisplacedProperty)),
    row("Maximum QoS", "30 [ 't [ 24 01 ] ]", Malformed(MisplacedProperty)),
    row("Retain Available", "30 [ 't [ 25 01 ] ]", Malformed(MisplacedProperty)),
    row("Maximum Packet Size", "30 [ 't [ 27 00 00 10 00 ] ]", Malformed(MisplacedProperty)),
    row("Wildcard Subscription Available", "30 [ 't [ 28 01 ] ]", Malformed(MisplacedProperty)),
    row("Subscription Identifier Available", "30 [ 't [ 29 01 ] ]", Malformed(MisplacedProperty)),
    row("Shared Subscription Available", "30 [ 't [ 2A 01 ] ]", Malformed(MisplacedProperty)),
    row("two Payload Format Indicators", "30 [ 't [ 01 00 01 00 ] ]", Protocol(RepeatedProperty)),
    row("two Message Expiry Intervals", "30 [ 't [ 02 00 00 00 01 02 00 00 00 01 ] ]", Protocol(RepeatedProperty)),
    row("two Content Types", "30 [ 't [ 03 'a 03 'b ] ]", Protocol(RepeatedProperty)),
    row("two Response Topics", "30 [ 't [ 08 'a 08 'b ] ]", Protocol(RepeatedProperty)),
    row("two Correlation Data", "30 [ 't [ 09 'a 09 ' ] ]", Protocol(RepeatedProperty)),
    row("two Topic Aliases", "30 [ 't [ 23 00 01 23 00 01 ] ]", Protocol(RepeatedProperty)),
    row("Payload Format Indicator 2", "30 [ 't [ 01 02 ] ]", Protocol(ValueOutOfRange)),
    row("Payload Format Indicator 0xFF", "30 [ 't [ 01 FF ] ]", Protocol(ValueOutOfRange)),
    row("Subscription Identifier 0", "30 [ 't [ 0B 00 ] ]", Protocol(ValueOutOfRange)),
    row("Subscription Identifier 0 behind another", "30 [ 't [ 0B 01 0B 00 ] ]", Protocol(ValueOutOfRange)),
    row("an over-long Subscription Identifier", "30 [ 't [ 0B 81 00 ] ]", Malformed(OverlongInteger)),
    row("a Subscription Identifier of five bytes", "30 [ 't [ 0B 81 80 80 80 00 ] ]", Malformed(UnboundedInteger)),
    row("a Subscription Identifier without its end", "30 [ 't [ 0B 81 ] ]", Malformed(Truncated)),
    row("Topic Alias 0", "30 [ 't [ 23 00 00 ] ]", AliasZero),
    row("Topic Alias 0 for an empty Topic Name", "30 [ ' [ 23 00 00 ] ]", AliasZero),
    row("no Payload Format Indicator behind its identifier", "30 [ 't [ 01 ] ]", Malformed(Truncated)),
    row("three bytes of Message Expiry Interval", "30 [ 't [ 02 00 00 01 ] ]", Malformed(Truncated)),
    row("a Content Type cut short", "30 [ 't [ 03 00 02 61 ] ]", Malformed(Truncated)),
    row("a Response Topic cut short", "30 [ 't [ 08 00 ] ]", Malformed(Truncated)),
    row("Correlation Data cut short", "30 [ 't [ 09 00 02 00 ] 00 ]", Malformed(Truncated)),
    row("one byte of Topic Alias", "30 [ 't [ 23 01 ] ]", Malformed(Truncated)),
    row("a User Property without value", "30 [ 't [ 26 'k ] ]", Malformed(Truncated)),
    row("a User Property with half a value", "30 [ 't [ 26 'k 00 01 ] 00 ]", Malformed(Truncated)),
    row("a Content Type that is not UTF-8", "30 [ 't [ 03 00 01 FF ] ]", Malformed(InvalidUtf8)),
    row("U+0000 in a Content Type", "30 [ 't [ 03 00 01 00 ] ]", Malformed(NulCharacter)),
    row("a Response Topic that is not UTF-8", "30 [ 't [ 08 00 03 ED A0 80 ] ]", Malformed(InvalidUtf8)),
    row("U+0000 in a Response Topic", "30 [ 't [ 08 00 02 61 00 ] ]", Malformed(NulCharacter)),
    row("an empty Response Topic", "30 [ 't [ 08 ' ] ]", Protocol(EmptyTopic)),
    row("a Response Topic with #", "30 [ 't [ 08 'a/# ] ]", Protocol(Wildcard)),
    row("a Response Topic with +", "30 [ 't [ 08 '+/a ] ]", Protocol(Wildcard)),
    row("a User Property whose name is not UTF-8", "30 [ 't [ 26 00 01 80 'v ] ]", Malformed(InvalidUtf8)),
    row("a User Property whose value is not UTF-8", "30 [ 't [ 26 'k 00 01 80 ] ]", Malformed(InvalidUtf8)),
    row("U+0000 in the name of a User Property", "30 [ 't [ 26 00 01 00 'v ] ]", Malformed(NulCharacter)),
    row("U+0000 in the value of a User Property", "30 [ 't [ 26 'k 00 01 00 ] ]", Malformed(NulCharacter)),
];

#[rustfmt::skip]
const BUSY_5: &[Row] = &[
    row("QoS 3 with DUP and RETAIN", "3F [ 't 00 0A [ ] 78 ]", Malformed(InvalidQoS)),
    row("Packet Identifier 0", "3A [ 't 00 00 [ ] 78 ]", Protocol(PacketIdentifierZero)),
    row("a Topic Name that is #", "34 [ '# 00 0A [ ] 78 ]", Protocol(Wildcard)),
    // Section 4.3.3: it was acknowledged and PUBREL has not come.
    row("QoS 2 once more, without DUP", "34 [ 't 01 01 [ ] 6F ]", Answered("50 [ 01 01 ]")),
    row("QoS 2 once more on the same connection", "3C [ 't 01 01 [ ] 6F ]", Answered("50 [ 01 01 ]")),
    row("QoS 1 once more on the same connection", "3A [ 't 01 02 [ ] 6F ]", Ignored),
    row("an identifier the client uses itself", "34 [ 't 00 01 [ ] 78 ]", Delivered("x")),
];

#[rustfmt::skip]
const REAUTHENTICATING_5: &[Row] = &[
    row("DUP at QoS 0", "38 [ 't [ ] 78 ]", Malformed(DupAtQoS0)),
    row("a Topic Name with +", "32 [ 'a/+ 00 0A [ ] 78 ]", Protocol(Wildcard)),
    row("Authentication Data", "30 [ 't [ 16 'd ] ]", Malformed(MisplacedProperty)),
];

#[rustfmt::skip]
const IDLE_3: &[Row] = &[
    row("QoS 3", "36 [ 't 00 0A 78 ]", Malformed(InvalidQoS)),
    row("QoS 3 with DUP and RETAIN", "3F [ 't 00 0A 78 ]", Malformed(InvalidQoS)),
    row("DUP at QoS 0", "38 [ 't 78 ]", Malformed(DupAtQoS0)),
    row("DUP and RETAIN at QoS 0", "39 [ 't 78 ]", Malformed(DupAtQoS0)),
    row("nothing in it", "30 00", Malformed(Truncated)),
    row("half a length of the Topic Name", "30 [ 00 ]", Malformed(Truncated)),
    row("a Topic Name beyond the packet", "30 [ 00 03 61 62 ]", Malformed(Truncated)),
    row("no Packet Identifier at QoS 1", "32 [ 't ]", Malformed(Truncated)),
    row("half a Packet Identifier at QoS 2", "34 [ 't 0A ]", Malformed(Truncated)),
    row("Packet Identifier 0 at QoS 1", "32 [ 't 00 00 78 ]", Protocol(PacketIdentifierZero)),
    row("Packet Identifier 0 at QoS 2", "34 [ 't 00 00 78 ]", Protocol(PacketIdentifierZero)),
    row("a byte that is never UTF-8", "30 [ 00 01 FF 78 ]", Malformed(InvalidUtf8)),
    row("the start of a character without its end", "30 [ 00 01 C3 78 ]", Malformed(InvalidUtf8)),
    row("U+0000 in two bytes", "30 [ 00 02 C0 80 78 ]", Malformed(InvalidUtf8)),
    row("a surrogate", "30 [ 00 03 ED A0 80 78 ]", Malformed(InvalidUtf8)),
    row("a character beyond U+10FFFF", "30 [ 00 04 F4 90 80 80 78 ]", Malformed(InvalidUtf8)),
    row("U+0000 amidst a Topic Name", "30 [ 00 03 61 00 62 78 ]", Malformed(NulCharacter)),
    row("a Topic Name that is #", "30 [ '# 78 ]", Protocol(Wildcard)),
    row("a Topic Name with + for a level", "30 [ 'a/+ 78 ]", Protocol(Wildcard)),
    row("a Topic Name with + in a level", "30 [ 'a+b 78 ]", Protocol(Wildcard)),
    row("an empty Topic Name", "30 [ ' 78 ]", Protocol(EmptyTopic)),
    row("an empty Topic Name at QoS 2", "34 [ ' 00 0A 78 ]", Protocol(EmptyTopic)),
    row("a control character in a Topic Name", "30 [ 00 01 01 78 ]", Delivered("x")),
    row("no character, says Unicode", "30 [ 00 03 EF BF BF 78 ]", Delivered("x")),
    row("QoS 1 once more, which never came", "3A [ 't 00 0A 78 ]", Delivered("x")),
    row("QoS 2 once more, which never came", "3C [ 't 00 0A 78 ]", Delivered("x")),
];

#[rustfmt::skip]
const BUSY_3: &[Row] = &[
    row("QoS 3", "36 [ 't 00 0A 78 ]", Malformed(InvalidQoS)),
    row("Packet Identifier 0", "3A [ 't 00 00 78 ]", Protocol(PacketIdentifierZero)),
    row("QoS 2 once more, without DUP", "34 [ 't 01 01 6F ]", Answered("50 [ 01 01 ]")),
    row("QoS 1 once more on the same connection", "3A [ 't 01 02 6F ]", Ignored),
];

/// Promises: BAD-1, RECV-2, RECV-3, RES-1, RES-3
/// Enforces: MQTT-1.5.4-1, MQTT-1.5.4-2, MQTT-1.5.5-1, MQTT-1.5.7-1, MQTT-2.2.1-4, MQTT-3.3.1-2,
/// MQTT-3.3.1-4, MQTT-3.3.2-1, MQTT-3.3.2-2, MQTT-3.3.2-8, MQTT-3.3.2-13, MQTT-3.3.2-14,
/// MQTT-3.3.2-19, MQTT-4.3.3-10, MQTT-4.7.0-1, MQTT-4.7.3-1, MQTT-4.7.3-2, MQTT-1.5.3-1 (3.1.1),
/// MQTT-1.5.3-2 (3.1.1), MQTT-2.3.1-1 (3.1.1), MQTT-3.3.1-2 (3.1.1), MQTT-3.3.1-4 (3.1.1),
/// MQTT-3.3.2-1 (3.1.1), MQTT-3.3.2-2 (3.1.1), MQTT-4.7.1-1 (3.1.1), MQTT-4.7.3-1 (3.1.1),
/// MQTT-4.7.3-2 (3.1.1), MQTT-4.3.3-2 (3.1.1)
fn publish_may_be_wrong<M: TestMemory>() {
    run::<M>(TABLES);
}

crate::on_both_memories! { publish_may_be_wrong }
