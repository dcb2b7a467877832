//! What tests and examples of MQTT clients stand on: a real broker started on this machine, and a
//! proxy that cuts connections when told to.
//!
//! Everything listens on loopback only, on free ports, and ends when it is dropped.
#![forbid(unsafe_code)]

pub mod mosquitto;
mod proxy;

pub use mosquitto::Mosquitto;
pub use proxy::Proxy;
