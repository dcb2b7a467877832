//! What tests stand on, tested.

mod link;
