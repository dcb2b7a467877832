//! The codec from outside: golden bytes, refusals, round trips, topics.

mod accessors;
mod encoding;
mod generate;
mod golden;
mod hex;
mod notation;
mod properties;
mod refusals;
mod sending;
mod tables;
mod topics;
