//! A session and a scripted peer, in virtual time. Every test runs on both memories.
#![cfg(feature = "alloc")]

mod adopting;
mod aliases;
mod allocations;
mod authenticating;
mod bound;
mod braking;
mod conformance;
mod connecting;
mod crashing;
mod downgrading;
mod ending;
#[cfg(feature = "fixed")]
mod full_journal;
mod keep_alive;
mod losing;
mod malformed;
mod misbehaving;
mod noise;
mod offline;
mod packets;
mod pair;
mod poison;
mod properties;
mod receiving;
mod receiving_again;
mod repeating;
mod restoring;
mod resuming;
mod sending;
mod skipping;
mod store;
mod storing;
mod subscribing;
mod supervising;
mod transmitting;
mod unanswered;
mod versions;
mod window;

/// Makes tests of functions that are generic over the memory.
macro_rules! on_both_memories {
    ($($name:ident)*) => {
        mod heap {
            $(
                #[test]
                fn $name() {
                    super::$name::<mqtt_session::Heap>();
                }
            )*
        }

        #[cfg(feature = "fixed")]
        mod fixed {
            $(
                #[test]
                fn $name() {
                    super::$name::<crate::pair::Small>();
                }
            )*
        }
    };
}

use on_both_memories;
