//! The harness of the whole-system tests: scripted brokers on real sockets, and one face for every
//! adapter.

pub mod adapter;
mod alone;
mod certificates;
mod connection;
mod exchange;
mod peer;
mod signal;
mod tls;
mod trace;
mod trial;

pub use alone::alone;
pub use certificates::{Authority, Certificate, Validity};
pub use connection::Connection;
pub use exchange::{Connected, Published, id};
pub use peer::{Broker, Peer};
pub use signal::{RaiseOnDrop, Signal, block_on};
pub use tls::{Acceptor, provider};
pub use trial::Trial;

/// The programs of the README compile.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
