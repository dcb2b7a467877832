//! What tests stand on, tested.

mod link;
mod packets;
mod script;
mod trace;
