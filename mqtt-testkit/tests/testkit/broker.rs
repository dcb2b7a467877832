//! The model broker: conversations in raw packets, and the real session as its client, in virtual
//! time.

mod authenticating;
mod bounding;
mod commands;
mod connecting;
mod delivering;
mod packets;
mod properties;
mod retaining;
mod routing;
mod sessions;
mod sharing;
mod tcp;
mod violating;
mod wills;
mod world;
