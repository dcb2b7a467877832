//! What tests and examples of MQTT clients stand on: a real broker started on this machine, and a
//! proxy that cuts connections when told to.
//!
//! Everything listens on loopback only, on free ports, and ends when it is dropped.
//!
//! Without sockets and in virtual time: [`Script`], a peer that expects and sends what a test says,
//! [`Link`], a simulated connection, and [`Trace`], which makes the bytes of both readable.
#![forbid(unsafe_code)]

pub mod broker;
mod direction;
mod frames;
mod link;
pub mod mosquitto;
mod proxy;
mod random;
mod script;
mod trace;

pub use broker::Broker;
pub use direction::Direction;
pub use link::{Chunking, Link, Received};
pub use mosquitto::Mosquitto;
pub use proxy::Proxy;
pub use script::{Failure, Script};
pub use trace::{Line, Trace};
