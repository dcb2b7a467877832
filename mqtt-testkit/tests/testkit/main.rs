//! What tests stand on, tested.

mod link;
mod packets;
mod proxy;
mod script;
mod trace;
