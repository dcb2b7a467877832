//! Packets of the session's own, in blocks of their own.

use mqtt_proto::{Encode, EncodeError, Measure, Version};

use super::link::outbound_dialect;
use crate::memory::{Arena, Full};
use crate::{AuthenticateError, DisconnectError, SubscribeError};

/// Why a packet could not be made.
pub(super) enum Failure {
    Full,
    Invalid(EncodeError),
}

/// Writes a whole packet into a block of its own.
pub(super) fn encode<A: Arena>(
    arena: &mut A,
    version: Version,
    packet: &impl Encode,
    measure: &Measure,
) -> Result<A::Block, Failure> {
    let mut block = arena.take(measure.len).map_err(|Full| Failure::Full)?;
    match packet.write(outbound_dialect(version), measure, arena.bytes_mut(&mut block)) {
        Ok(()) => Ok(block),
        Err(error) => {
            arena.give_back(block);
            Err(Failure::Invalid(error))
        }
    }
}

impl From<Failure> for AuthenticateError {
    fn from(failure: Failure) -> AuthenticateError {
        match failure {
            Failure::Full => AuthenticateError::Full,
            Failure::Invalid(error) => AuthenticateError::Invalid(error),
        }
    }
}

impl From<Failure> for SubscribeError {
    fn from(failure: Failure) -> SubscribeError {
        match failure {
            Failure::Full => SubscribeError::Full,
            Failure::Invalid(error) => SubscribeError::Invalid(error),
        }
    }
}

impl From<Failure> for DisconnectError {
    fn from(failure: Failure) -> DisconnectError {
        match failure {
            Failure::Full => DisconnectError::Full,
            Failure::Invalid(error) => DisconnectError::Invalid(error),
        }
    }
}
