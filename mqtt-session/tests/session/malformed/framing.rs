//! Bytes that are no packet, whichever it was to be.

use mqtt_session::proto::Violation::*;

use super::*;

pub(super) const TABLES: &[Table] = &[
    Table::v5(State::Idle, IDLE_5),
    Table::v5(State::Busy, BUSY_5),
    Table::v5(State::Connecting, CONNECTING_5),
    Table::v5(State::Reauthenticating, REAUTHENTICATING_5).asking(METHOD),
    Table::v5(State::Idle, LENIENT_5).with(lenient),
    Table::v5(State::Busy, STRICT_5).with(strict),
    Table::v3(State::Idle, IDLE_3),
    Table::v3(State::Busy, BUSY_3),
    Table::v3(State::Connecting, CONNECTING_3),
    Table::v3(State::Idle, LENIENT_3).with(lenient),
];

#[rustfmt::skip]
const IDLE_5: &[Row] = &[
    row("packet type 0", "00 00", Malformed(ReservedType)),
    row("packet type 0 with flags", "0F 00", Malformed(ReservedType)),
    row("a Remaining Length of two bytes for 0", "30 80 00", Malformed(OverlongInteger)),
    row("a Remaining Length of two bytes for 4", "30 84 00 00 01 74 00", Malformed(OverlongInteger)),
    row("a Remaining Length of three bytes", "30 84 80 00 00 01 74 00", Malformed(OverlongInteger)),
    row("a Remaining Length of four bytes", "30 84 80 80 00 00 01 74 00", Malformed(OverlongInteger)),
    row("a Remaining Length of five bytes", "30 80 80 80 80 01", Malformed(UnboundedInteger)),
    row("a Remaining Length without an end", "30 FF FF FF FF FF FF", Malformed(UnboundedInteger)),
    row("text of another protocol", "48 54 54 50 2F 31 2E 31", Malformed(ReservedBits)),
];

#[rustfmt::skip]
const BUSY_5: &[Row] = &[
    row("packet type 0 alone", "00", Malformed(ReservedType)),
    row("an over-long length of an acknowledgement", "40 82 00 00 01", Malformed(OverlongInteger)),
    row("five bytes of length of an acknowledgement", "50 82 80 80 80 00 00 02", Malformed(UnboundedInteger)),
    row("an over-long length of SUBACK", "90 85 00 00 04 00 01 01", Malformed(OverlongInteger)),
];

#[rustfmt::skip]
const CONNECTING_5: &[Row] = &[
    row("packet type 0 in place of CONNACK", "00 00", Malformed(ReservedType)),
    row("an over-long length of CONNACK", "20 83 00 01 00 00", Malformed(OverlongInteger)),
    row("five bytes of length of CONNACK", "20 83 80 80 80 00 01 00 00", Malformed(UnboundedInteger)),
    row("another protocol answers", "48 54 54 50 2F 31 2E 31", Malformed(ReservedBits)),
];

#[rustfmt::skip]
const REAUTHENTICATING_5: &[Row] = &[
    row("packet type 0", "00 00", Malformed(ReservedType)),
    row("an over-long length of AUTH", "F0 86 00 00 04 15 00 01 6D", Malformed(OverlongInteger)),
    row("five bytes of length of AUTH", "F0 86 80 80 80 00", Malformed(UnboundedInteger)),
];

/// `lenient` lets a Remaining Length be longer than it need be, and no other integer.
#[rustfmt::skip]
const LENIENT_5: &[Row] = &[
    row("a Remaining Length of two bytes for 5", "30 85 00 00 01 74 00 78", Delivered("x")),
    row("a Remaining Length of three bytes for 5", "30 85 80 00 00 01 74 00 78", Delivered("x")),
    row("a Remaining Length of four bytes for 5", "30 85 80 80 00 00 01 74 00 78", Delivered("x")),
    row("a Remaining Length of five bytes for 5", "30 85 80 80 80 00 00 01 74 00 78", Malformed(UnboundedInteger)),
    row("a Property Length of two bytes", "30 [ 't 80 00 78 ]", Malformed(OverlongInteger)),
];

/// `strict` takes back what `lenient` gives.
#[rustfmt::skip]
const STRICT_5: &[Row] = &[
    row("a Remaining Length of two bytes for 5", "30 85 00 00 01 74 00 78", Malformed(OverlongInteger)),
];

#[rustfmt::skip]
const IDLE_3: &[Row] = &[
    row("packet type 0", "00 00", Malformed(ReservedType)),
    row("packet type 0 with flags", "0F 00", Malformed(ReservedType)),
    row("packet type 15", "F0 00", Malformed(ReservedType)),
    row("packet type 15 with flags", "F1 00", Malformed(ReservedType)),
    row("AUTH as 5.0 has it", "F0 [ 18 [ 15 'm ] ]", Malformed(ReservedType)),
    row("a Remaining Length of two bytes for 3", "30 83 00 00 01 74", Malformed(OverlongInteger)),
    row("a Remaining Length of four bytes", "30 83 80 80 00 00 01 74", Malformed(OverlongInteger)),
    row("a Remaining Length of five bytes", "30 83 80 80 80 00", Malformed(UnboundedInteger)),
    row("text of another protocol", "48 54 54 50 2F 31 2E 31", Malformed(ReservedBits)),
];

#[rustfmt::skip]
const BUSY_3: &[Row] = &[
    row("packet type 0 alone", "00", Malformed(ReservedType)),
    row("packet type 15 alone", "F0", Malformed(ReservedType)),
    row("an over-long length of an acknowledgement", "40 82 00 00 01", Malformed(OverlongInteger)),
];

#[rustfmt::skip]
const CONNECTING_3: &[Row] = &[
    row("packet type 0 in place of CONNACK", "00 00", Malformed(ReservedType)),
    row("packet type 15 in place of CONNACK", "F0 00", Malformed(ReservedType)),
    row("an over-long length of CONNACK", "20 82 00 01 00", Malformed(OverlongInteger)),
    row("another protocol answers", "48 54 54 50 2F 31 2E 31", Malformed(ReservedBits)),
];

#[rustfmt::skip]
const LENIENT_3: &[Row] = &[
    row("a Remaining Length of two bytes for 4", "30 84 00 00 01 74 78", Delivered("x")),
    row("a Remaining Length of five bytes for 4", "30 84 80 80 80 00 00 01 74 78", Malformed(UnboundedInteger)),
];

/// Sections 1.5.5 and 2.1.
///
/// Promises: BAD-1, BAD-2, BAD-4
/// Enforces: MQTT-1.5.5-1, MQTT-2.2.2-2 (3.1.1), MQTT-4.8.0-1 (3.1.1)
fn bytes_that_are_no_packet<M: TestMemory>() {
    run::<M>(TABLES);
}

crate::on_both_memories! { bytes_that_are_no_packet }
