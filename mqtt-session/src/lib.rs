//! The protocol of one MQTT client as a value.
//!
//! Bytes, time and storage receipts go in; bytes, deadlines, records and events come out. Nothing
//! here opens a socket, reads a clock, starts a task or, with [`Fixed`], allocates. [`Session`]
//! is the protocol of one client, [`Inbound`] the bytes its broker sent, [`Supervisor`] decides
//! when and where to connect.
#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    warn(
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::unwrap_used,
        reason = "no input may make it panic"
    )
)]
#![warn(clippy::disallowed_methods, clippy::disallowed_types)]

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(test)]
extern crate std;

mod close;
mod config;
mod error;
mod event;
mod inbound;
mod memory;
mod output;
mod record;
mod session;
mod supervisor;
mod table;
mod time;

pub use close::{CloseReason, Closing, Refusal, ViolationKind};
pub use config::{Config, Connect, Limits, SessionLoss};
pub use error::{AuthenticateError, DisconnectError, OpenError, PublishError, SubscribeError};
pub use event::{Delivery, Event, Failure, Message, Outcome, Token};
pub use inbound::Inbound;
#[cfg(feature = "fixed")]
pub use memory::Fixed;
#[cfg(feature = "alloc")]
pub use memory::Heap;
pub use memory::{Memory, Payload};
pub use output::{BufferTooSmall, Output, SliceOutput};
pub use record::{Record, RecordKey, RestoreError};
pub use session::{Phase, Session, Wakeup};
pub use supervisor::{
    Action, Backoff, FailureClass, Redirect, Retry, Supervisor, SupervisorConfig, Target,
    VersionChoice,
};
pub use time::Time;

pub use mqtt_proto as proto;
