//! What one message costs a client: the clients under test and the workloads they run.
//!
//! The `client` program runs one client through one workload against `peer` and prints a
//! [`Report`]. The `run` program starts both, over and over, and compares.

pub mod clients;
mod report;
pub mod wire;
mod workload;

pub use report::{Report, Stopwatch};
pub use workload::{Direction, PAYLOAD, Plan, Sequence, TOPIC, WINDOW, Workload};

/// Any failure ends a run.
pub type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;
