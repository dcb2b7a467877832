//! What tests stand on, tested.

mod link;
mod packets;
mod trace;
