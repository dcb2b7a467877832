//! What the client's own limits forbid.

use std::num::{NonZeroU16, NonZeroU32};

use mqtt_session::{Config, Heap};

use super::*;

pub(super) const TABLES: &[Table] = &[
    Table::v5(State::Idle, NO_ALIAS_5),
    Table::v5(State::Idle, SIZE_5).with(small_packets),
    Table::v5(State::Busy, SIZE_5).with(small_packets),
    Table::v5(State::Connecting, SIZE_CONNECTING_5).with(small_packets),
    Table::v5(State::Reauthenticating, SIZE_AUTH_5).with(small_packets).asking(METHOD),
    Table::v3(State::Idle, SIZE_3).with(small_packets),
    Table::v3(State::Connecting, SIZE_CONNECTING_3).with(small_packets),
    Table::v5(State::Busy, WINDOW_5).with(three_at_a_time),
    Table::v5(State::Busy, TOLERANT_5).with(tolerant),
    Table::v3(State::Busy, TOLERANT_3).with(three_at_a_time),
];

/// The memory of a fixed size has no room for aliases.
pub(super) const ALIASES: &[Table] =
    &[Table::v5(State::Idle, ALIAS_5).with(|config| config.topic_alias_maximum = 2)];

/// Maximum Packet Size 64.
fn small_packets(config: &mut Config) {
    config.maximum_packet_size = NonZeroU32::new(64);
}

/// Receive Maximum 3: as many are open when the client is busy.
fn tolerant(config: &mut Config) {
    config.receive_maximum = NonZeroU16::new(3).unwrap();
}

fn three_at_a_time(config: &mut Config) {
    tolerant(config);
    strict(config);
}

/// What a length in the fixed header comes to.
const fn too_large(len: usize) -> Outcome {
    Refused(ReasonCode::PacketTooLarge, ViolationKind::PacketTooLarge(len))
}

const NO_SUCH_ALIAS: Outcome = Refused(ReasonCode::TopicAliasInvalid, ViolationKind::TopicAlias);

const UNKNOWN_ALIAS: Outcome = Refused(PROTOCOL_ERROR, ViolationKind::UnknownTopicAlias);

const TOO_MANY: Outcome =
    Refused(ReasonCode::ReceiveMaximumExceeded, ViolationKind::ReceiveMaximum);

#[rustfmt::skip]
const NO_ALIAS_5: &[Row] = &[
    row("an alias although none is allowed", "30 [ 't [ 23 00 01 ] 78 ]", NO_SUCH_ALIAS),
    row("the largest alias although none is allowed", "30 [ 't [ 23 FF FF ] 78 ]", NO_SUCH_ALIAS),
    row("an alias for no topic although none is allowed", "30 [ ' [ 23 00 01 ] 78 ]", NO_SUCH_ALIAS),
    row("an alias at QoS 1 although none is allowed", "32 [ 't 00 0A [ 23 00 01 ] 78 ]", NO_SUCH_ALIAS),
];

#[rustfmt::skip]
const ALIAS_5: &[Row] = &[
    row("an alias above the largest", "30 [ 't [ 23 00 03 ] 78 ]", NO_SUCH_ALIAS),
    row("an unknown alias above the largest", "30 [ ' [ 23 01 00 ] 78 ]", NO_SUCH_ALIAS),
    row("an alias that stands for nothing", "30 [ ' [ 23 00 01 ] 78 ]", UNKNOWN_ALIAS),
    row("the largest alias, which stands for nothing", "32 [ ' 00 0A [ 23 00 02 ] 78 ]", UNKNOWN_ALIAS),
];

/// Decided by the fixed header: the rest never comes.
#[rustfmt::skip]
const SIZE_5: &[Row] = &[
    row("PUBLISH one byte above the limit", "30 3F", too_large(65)),
    row("PUBLISH of QoS 2 above the limit", "34 7F", too_large(129)),
    row("PUBLISH of the largest size there is", "30 FF FF FF 7F", too_large(268_435_460)),
    row("PUBACK above the limit", "40 3F", too_large(65)),
    row("PUBREC above the limit", "50 40", too_large(66)),
    row("PUBREL above the limit", "62 80 01", too_large(131)),
    row("PUBCOMP above the limit", "70 7F", too_large(129)),
    row("SUBACK above the limit", "90 FF 7F", too_large(16_386)),
    row("UNSUBACK above the limit", "B0 80 80 01", too_large(16_388)),
    row("PINGRESP above the limit", "D0 3F", too_large(65)),
    row("DISCONNECT above the limit", "E0 3F", too_large(65)),
    row("a second CONNACK above the limit", "20 3F", too_large(65)),
];

#[rustfmt::skip]
const SIZE_CONNECTING_5: &[Row] = &[
    row("CONNACK one byte above the limit", "20 3F", too_large(65)),
    row("CONNACK of the largest size there is", "20 FF FF FF 7F", too_large(268_435_460)),
];

#[rustfmt::skip]
const SIZE_AUTH_5: &[Row] = &[
    row("AUTH one byte above the limit", "F0 3F", too_large(65)),
];

/// A PUBLISH is skipped as it streams by (BAD-3): see `skipping`.
#[rustfmt::skip]
const SIZE_3: &[Row] = &[
    row("PUBACK above the limit", "40 3F", too_large(65)),
    row("PUBREC above the limit", "50 7F", too_large(129)),
    row("PUBREL above the limit", "62 80 01", too_large(131)),
    row("PUBCOMP above the limit", "70 3F", too_large(65)),
    row("SUBACK above the limit", "90 3F", too_large(65)),
    row("UNSUBACK above the limit", "B0 3F", too_large(65)),
    row("PINGRESP above the limit", "D0 3F", too_large(65)),
];

#[rustfmt::skip]
const SIZE_CONNECTING_3: &[Row] = &[
    row("CONNACK above the limit", "20 3F", too_large(65)),
    row("PUBLISH above the limit, before CONNACK", "30 3F", too_large(65)),
];

/// Under `strict`.
#[rustfmt::skip]
const WINDOW_5: &[Row] = &[
    row("QoS 1 above Receive Maximum", "32 [ 't 00 0A [ ] 78 ]", TOO_MANY),
    row("QoS 2 above Receive Maximum", "34 [ 't 00 0A [ ] 78 ]", TOO_MANY),
];

/// Otherwise brokers in use are let pass that exceed it by a few (BAD-2).
#[rustfmt::skip]
const TOLERANT_5: &[Row] = &[
    row("QoS 2 above Receive Maximum", "34 [ 't 00 0A [ ] 78 ]", Delivered("x")),
];

/// Before 5.0 the limit is not announced, and nobody is strict about it.
#[rustfmt::skip]
const TOLERANT_3: &[Row] = &[
    row("QoS 2 above the limit", "34 [ 't 00 0A 78 ]", Delivered("x")),
];

/// Promises: BAD-1, BAD-2, BAD-3
/// Enforces: MQTT-3.1.2-24, MQTT-3.1.2-27, MQTT-3.3.4-9, MQTT-3.4.2-2, MQTT-3.5.2-2, MQTT-3.6.2-2,
/// MQTT-3.7.2-2, MQTT-3.9.2-1, MQTT-3.11.2-1, MQTT-3.14.2-3, MQTT-3.15.2-2, MQTT-3.2.2-19
fn what_limits_forbid<M: TestMemory>() {
    run::<M>(TABLES);
}

/// Promises: BAD-1
/// Enforces: MQTT-3.1.2-26, MQTT-3.3.2-11
#[test]
fn what_the_limit_of_aliases_forbids() {
    run::<Heap>(ALIASES);
}

crate::on_both_memories! { what_limits_forbid }
