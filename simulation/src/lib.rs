//! Sessions and the model broker on simulated links, in virtual time, under faults drawn from a seed.
//!
//! What is promised is checked from the outside: the checks read the bytes both ways with a reader of
//! their own and keep their own books. See `docs/proof.md`.
#![forbid(unsafe_code)]

mod client;
mod message;
mod oracle;
mod plan;
mod random;
mod seeds;
mod tally;
mod wire;
mod witness;
mod world;

pub use seeds::{Report, Seeds, run_all};
pub use tally::{Fault, Promise, Tally};
pub use world::{Failure, Outcome, run};
