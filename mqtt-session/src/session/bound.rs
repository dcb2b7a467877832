//! What a broker can make a client hold.

use mqtt_proto::MAX_REMAINING_LENGTH;

use super::Session;
use super::deliveries::{most_held, most_open};
use super::held::{Held, Shelf};
use super::link::topic_alias_maximum;
use crate::inbound::{LONGEST_HEADER, STEADY};
use crate::memory::Storage;
use crate::table::Slot;
use crate::{Inbound, Memory};

/// The longest text.
const TEXT: usize = u16::MAX as usize;

/// Packet Identifiers there are: no two messages held have the same.
const IDENTIFIERS: usize = u16::MAX as usize;

/// Texts as long as an assigned ClientID that keeping it takes: itself and the CONNECT it is put into,
/// and each may be twice as long while it grows.
const CLIENT_IDS: usize = 6;

/// The size of an alias without its topic, on 64 bits.
const ALIAS: usize = 24;

impl<M: Memory> Session<M> {
    /// The most bytes a broker can make this session and the [`Inbound`] of its connection take,
    /// whatever it sends on however many connections.
    ///
    /// Both values themselves, the receive buffer, what is kept of messages that are not finished,
    /// topic aliases, and an assigned ClientID; each with what it takes beside while it grows. Not
    /// what the application gives (publishes, subscriptions, a CONNECT, records it does not poll,
    /// bytes it gives to [`Inbound::handle_input`] at once, messages it keeps), nor what was
    /// restored. Memory of a fixed size is all there: it is its own bound.
    pub fn memory_bound(&self) -> usize {
        let own = size_of::<Session<M>>() + size_of::<Inbound<M>>();
        if M::Input::LIMIT < usize::MAX {
            return own;
        }
        let packet = usize::try_from(self.maximum_packet_size()).unwrap_or(usize::MAX);
        let packet = packet.min(LONGEST_HEADER + MAX_REMAINING_LENGTH as usize);
        let text = packet.min(TEXT);
        // Of a packet that is skipped the head is kept, however long.
        let buffer = packet.max(STEADY).max(LONGEST_HEADER + 2 + TEXT + 2);
        let aliases = usize::from(topic_alias_maximum::<M>(&self.config));
        let announced = usize::from(self.config.receive_maximum.get());
        // A connection of a version before 5.0 is not strict about it.
        let held = most_held(most_open(announced, false)).min(IDENTIFIERS);
        [
            buffer.saturating_mul(2),
            grown(held, size_of::<Slot<Held, Shelf>>() + size_of::<u32>()),
            grown(aliases, ALIAS).saturating_add(aliases.saturating_add(1).saturating_mul(text)),
            text.saturating_mul(CLIENT_IDS),
        ]
        .into_iter()
        .fold(own, usize::saturating_add)
    }
}

/// A sequence that doubled until it had room for so many, with the half it grew from beside it.
fn grown(len: usize, size: usize) -> usize {
    let capacity = len.max(16).next_power_of_two();
    capacity.saturating_mul(size).saturating_mul(3) / 2
}
