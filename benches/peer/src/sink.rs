//! The sink: counts what a client publishes.

use crate::Void;
use crate::connection::Connection;
use crate::payload;
use crate::wire::{self, Fields};

/// Takes `messages` in sequence until the client disconnects. All PUBACKs that one read gives rise
/// to leave in one write.
pub(crate) fn run(connection: &mut Connection, messages: u64, qos: u8) -> Result<(), Void> {
    let publish = wire::PUBLISH | qos << 1;
    let mut received = 0;
    let mut answers = Vec::new();
    loop {
        while let Some((first, body)) = connection.packet()? {
            match first {
                _ if first == publish => {
                    let id = take(body, qos, received)?;
                    received += 1;
                    if let Some([high, low]) = id {
                        answers.extend_from_slice(&[wire::PUBACK, 2, high, low]);
                    }
                }
                wire::PINGREQ => answers.extend_from_slice(&wire::PINGRESP),
                wire::DISCONNECT => return complete(received, messages),
                _ => return Err(Void(format!("a packet that starts with {first:#04x}"))),
            }
        }
        if !answers.is_empty() {
            connection.write(&answers)?;
            answers.clear();
        }
        if !connection.read()? {
            return Err(Void(format!("closed without DISCONNECT after {received} messages")));
        }
    }
}

/// Checks that this PUBLISH is message `expected`. Returns its Packet Identifier.
fn take(body: &[u8], qos: u8, expected: u64) -> Result<Option<[u8; 2]>, Void> {
    let mut fields = Fields(body);
    fields.string()?;
    let id = if qos == 0 { None } else { Some(fields.u16()?.to_be_bytes()) };
    fields.properties()?;
    payload::check(fields.0, expected)?;
    Ok(id)
}

fn complete(received: u64, messages: u64) -> Result<(), Void> {
    if received == messages {
        return Ok(());
    }
    Err(Void(format!("{received} of {messages} messages before DISCONNECT")))
}
