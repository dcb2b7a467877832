//! What a message carries: its number, twice.
//!
//! ```text
//!  0        8                       56       64
//!  | number | filler                | number |
//! ```
//! Numbers count from 0, big endian. The first copy shows a lost or repeated message, the second
//! a torn one.

use crate::Void;

/// Bytes in every payload.
pub(crate) const LEN: usize = 64;

const TAIL: usize = LEN - 8;

/// Writes `number` into both of its places in `payload`.
pub(crate) fn number(payload: &mut [u8], number: u64) {
    payload[..8].copy_from_slice(&number.to_be_bytes());
    payload[TAIL..LEN].copy_from_slice(&number.to_be_bytes());
}

/// Checks that `payload` is whole and is message `expected`.
pub(crate) fn check(payload: &[u8], expected: u64) -> Result<(), Void> {
    let number = expected.to_be_bytes();
    if payload.len() == LEN && payload[..8] == number && payload[TAIL..] == number {
        return Ok(());
    }
    let start = &payload[..payload.len().min(8)];
    Err(Void(format!("lost, repeated or torn: message {expected} starts with {start:02x?}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lost_repeated_and_torn_are_noticed() {
        let mut payload = [b'.'; LEN];
        number(&mut payload, 7);
        check(&payload, 7).unwrap();
        check(&payload, 6).unwrap_err();
        check(&payload, 8).unwrap_err();
        check(&payload[1..], 7).unwrap_err();
        payload[TAIL] = 1;
        check(&payload, 7).unwrap_err();
    }
}
