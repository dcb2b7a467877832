//! What tests stand on, tested.

mod broker;
mod link;
mod packets;
mod pair;
mod proxy;
mod reconnecting;
mod script;
mod trace;
