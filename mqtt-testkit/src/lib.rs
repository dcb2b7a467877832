//! What tests and examples of MQTT clients stand on: a model broker on a socket ([`TcpBroker`]), a
//! real broker started on this machine, a proxy that cuts connections when told to, and an address
//! that does not answer ([`Silent`]).
//!
//! Everything listens on loopback only, on free ports, and ends when it is dropped.
//!
//! Without sockets and in virtual time: [`Broker`], the model itself, [`Script`], a peer that expects
//! and sends what a test says, [`Link`], a simulated connection, [`Pair`], a session and the model
//! broker on such a link, and [`Trace`], which makes the bytes readable.
#![forbid(unsafe_code)]

mod accepting;
pub mod broker;
mod direction;
mod endpoint;
mod frames;
mod link;
pub mod mosquitto;
mod pair;
mod proxy;
mod random;
mod script;
mod silent;
mod tcp;
mod trace;

pub use broker::Broker;
pub use direction::Direction;
pub use endpoint::{Endpoint, Watch};
pub use link::{Chunking, Link, Received};
pub use mosquitto::Mosquitto;
pub use pair::Pair;
pub use proxy::Proxy;
pub use script::{Failure, Script};
pub use silent::Silent;
pub use tcp::TcpBroker;
pub use trace::{Line, Trace};
