//! What sessions of fixed memory take, in bytes.

use core::mem::size_of;

use mqtt_session::{Fixed, Inbound, Session};

/// Session and receive buffer of three examples, then what one more flow, held message, filter
/// and byte costs: what `cargo xtask embedded` prints.
pub const SIZES: [usize; 10] = [
    size_of::<Session<Fixed<2, 1, 1, 256>>>(),
    size_of::<Inbound<Fixed<2, 1, 1, 256>>>(),
    size_of::<Session<Fixed<8, 4, 2, 512>>>(),
    size_of::<Inbound<Fixed<8, 4, 2, 512>>>(),
    size_of::<Session<Fixed<32, 16, 8, 4096>>>(),
    size_of::<Inbound<Fixed<32, 16, 8, 4096>>>(),
    each_of_8(size_of::<Session<Fixed<16, 4, 2, 512>>>()),
    each_of_8(size_of::<Session<Fixed<8, 12, 2, 512>>>()),
    each_of_8(size_of::<Session<Fixed<8, 4, 10, 512>>>()),
    each_of_8(size_of::<Session<Fixed<8, 4, 2, 520>>>()),
];

/// What one costs if 8 more of them make a session this large.
const fn each_of_8(size: usize) -> usize {
    (size - size_of::<Session<Fixed<8, 4, 2, 512>>>()).div_ceil(8)
}
