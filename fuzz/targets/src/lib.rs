//! What is fuzzed: each target takes any bytes, and panics when something does not hold.
//!
//! A fuzzer is not needed to run them: the inputs kept in `fuzz/corpus`, and some thousand more made
//! of them, are ordinary tests of this crate.
#![forbid(unsafe_code)]

mod decode;
mod frames;
mod round_trip;
mod session_bytes;
mod session_operations;
mod settings;
mod topics;

pub use decode::decode;
pub use round_trip::round_trip;
pub use session_bytes::session_bytes;
pub use session_operations::session_operations;
pub use topics::topics;

/// A target by the name of its folder in `fuzz/corpus`.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// The name.
    pub name: &'static str,
    /// What it does with an input.
    pub run: fn(&[u8]),
}

/// All targets.
pub const TARGETS: [Target; 5] = [
    Target { name: "decode", run: decode },
    Target { name: "round_trip", run: round_trip },
    Target { name: "topics", run: topics },
    Target { name: "session_bytes", run: session_bytes },
    Target { name: "session_operations", run: session_operations },
];
