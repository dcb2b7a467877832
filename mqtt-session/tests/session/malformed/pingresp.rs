//! PINGRESP (section 3.13).

use mqtt_session::proto::Violation::*;

use super::*;

pub(super) const TABLES: &[Table] = &[
    Table::v5(State::Idle, IDLE_5),
    Table::v5(State::Busy, BUSY_5),
    Table::v5(State::Idle, LENIENT_5).with(lenient),
    Table::v5(State::Idle, STRICT_5).with(strict),
    Table::v3(State::Idle, IDLE_3),
    Table::v3(State::Idle, LENIENT_3).with(lenient),
];

#[rustfmt::skip]
const IDLE_5: &[Row] = &[
    row("flag bit 0 is set", "D1 00", Malformed(ReservedBits)),
    row("flag bit 1 is set", "D2 00", Malformed(ReservedBits)),
    row("flag bit 2 is set", "D4 00", Malformed(ReservedBits)),
    row("flag bit 3 is set", "D8 00", Malformed(ReservedBits)),
    row("a byte in it", "D0 [ 00 ]", Malformed(TrailingBytes)),
    row("properties in it", "D0 [ 00 [ 26 'k 'v ] ]", Malformed(TrailingBytes)),
    row("an over-long Remaining Length", "D0 80 00", Malformed(OverlongInteger)),
    row("a Remaining Length of five bytes", "D0 80 80 80 80 00", Malformed(UnboundedInteger)),
    // Section 3.13 says nothing against it.
    row("for no PINGREQ", "D0 00", Ignored),
];

#[rustfmt::skip]
const BUSY_5: &[Row] = &[
    row("flag bit 0 is set", "D1 00", Malformed(ReservedBits)),
    row("a Packet Identifier in it", "D0 [ 00 01 ]", Malformed(TrailingBytes)),
];

/// `lenient` lets its flags be anything, and a Remaining Length longer than it need be.
#[rustfmt::skip]
const LENIENT_5: &[Row] = &[
    row("flag bit 0 is set", "D1 00", Ignored),
    row("all flags are set", "DF 00", Ignored),
    row("a Remaining Length of two bytes", "D0 80 00", Ignored),
    row("a byte in it, and a flag", "D1 [ 00 ]", Malformed(TrailingBytes)),
    row("flags of PUBACK", "41 [ 00 01 ]", Malformed(ReservedBits)),
];

const STRICT_5: &[Row] = &[row("all flags are set", "DF 00", Malformed(ReservedBits))];

#[rustfmt::skip]
const IDLE_3: &[Row] = &[
    row("flag bit 0 is set", "D1 00", Malformed(ReservedBits)),
    row("flag bit 3 is set", "D8 00", Malformed(ReservedBits)),
    row("a byte in it", "D0 [ 00 ]", Malformed(TrailingBytes)),
    row("an over-long Remaining Length", "D0 80 00", Malformed(OverlongInteger)),
    row("for no PINGREQ", "D0 00", Ignored),
];

#[rustfmt::skip]
const LENIENT_3: &[Row] = &[
    row("all flags are set", "DF 00", Ignored),
    row("a Remaining Length of three bytes", "D0 80 80 00", Ignored),
];

/// Promises: BAD-1, BAD-2
/// Enforces: MQTT-2.1.3-1, MQTT-1.5.5-1, MQTT-2.2.2-1 (3.1.1), MQTT-2.2.2-2 (3.1.1)
fn pingresp_may_be_wrong<M: TestMemory>() {
    run::<M>(TABLES);
}

crate::on_both_memories! { pingresp_may_be_wrong }
