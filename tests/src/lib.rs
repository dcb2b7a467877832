//! The harness of the whole-system tests: scripted brokers, real brokers and a proxy on real
//! sockets, and one face for every adapter.

pub mod adapter;
mod connection;
mod exchange;
mod mosquitto;
mod peer;
mod proxy;
mod signal;
mod trace;
mod trial;

pub use connection::Connection;
pub use exchange::{Connected, Published, id};
pub use mosquitto::Mosquitto;
pub use peer::{Broker, Peer};
pub use proxy::Proxy;
pub use signal::{Signal, block_on};
pub use trial::Trial;
