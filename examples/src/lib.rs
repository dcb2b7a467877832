//! What the examples stand on beside the client: a broker to talk to, and a proxy that cuts.

pub mod broker;
pub mod proxy;
