//! One subscription, and the list of all.

use mqtt_proto::{PacketType, Properties, ReasonCode, TopicFilter, Version};

use super::identifiers::Identifiers;
use super::link::outbound_dialect;
use super::requests::unsupported;
use crate::memory::{Arena, Block, Full, List};
use crate::{Limits, Memory};

/// A subscription: the SUBSCRIBE of this one filter, to be sent again after a session loss.
pub struct Filter<M: Memory> {
    /// Its number in the store; they count up.
    pub(super) number: u64,
    pub(super) image: Block<M>,
    pub(super) version: Version,
    pub(super) stage: FilterStage,
    /// The store has it, or will have.
    pub(super) is_recorded: bool,
    /// How often the SUBSCRIBE that makes it again had no answer in time.
    pub(super) unanswered: u8,
}

/// ```text
///   subscribe --> Asked --SUBACK--> Granted --session lost--> Lost --made again--> AskedAgain
///                   | refused          ^ |                                            |
///                   v                  +-|------------------SUBACK--------------------+
///                 (gone)                 +--UNSUBACK, replaced--> Ended --record deleted--> (gone)
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FilterStage {
    /// Its SUBSCRIBE has no answer yet.
    Asked,
    /// The broker granted it.
    Granted,
    /// The broker had granted it and lost it: it is to be asked for again.
    Lost,
    /// Likewise, and a SUBSCRIBE of the session's own asks.
    AskedAgain,
    /// Over; the record waits for room to be deleted.
    Ended,
}

impl FilterStage {
    /// Whether the broker granted it at some time, and the application has not ended it since.
    pub(super) fn is_granted(self) -> bool {
        match self {
            FilterStage::Granted | FilterStage::Lost | FilterStage::AskedAgain => true,
            FilterStage::Asked | FilterStage::Ended => false,
        }
    }
}

/// All subscriptions, oldest first.
pub(super) struct Filters<M: Memory> {
    pub(super) list: M::Filters,
    /// The number the next one gets.
    pub(super) next: u64,
    /// Some may be in `FilterStage::Lost`.
    pub(super) any_lost: bool,
    /// The last one the broker refused to make again.
    pub(super) refused: Option<Filter<M>>,
}

impl<M: Memory> Default for Filters<M> {
    fn default() -> Filters<M> {
        Filters { list: M::Filters::default(), next: 1, any_lost: false, refused: None }
    }
}

impl<M: Memory> Filters<M> {
    /// Takes one from the store.
    pub(super) fn restore(
        &mut self,
        number: u64,
        image: Block<M>,
        version: Version,
    ) -> Result<(), Full> {
        self.next = self.next.max(number.saturating_add(1));
        let stage = FilterStage::Granted;
        self.list.push(Filter { number, image, version, stage, is_recorded: true, unanswered: 0 })
    }

    /// Where the one with this number is; the list is in their order.
    fn place(&self, number: u64) -> Option<usize> {
        self.list.as_ref().binary_search_by_key(&number, |filter| filter.number).ok()
    }

    pub(super) fn get(&self, number: u64) -> Option<&Filter<M>> {
        self.list.as_ref().get(self.place(number)?)
    }

    pub(super) fn get_mut(&mut self, number: u64) -> Option<&mut Filter<M>> {
        let place = self.place(number)?;
        self.list.as_mut().get_mut(place)
    }

    pub(super) fn image_mut(&mut self, number: u64) -> Option<&mut Block<M>> {
        self.get_mut(number).map(|filter| &mut filter.image)
    }

    pub(super) fn take(&mut self, number: u64) -> Option<Filter<M>> {
        let place = self.place(number)?;
        Some(self.list.remove(place))
    }
}

impl<M: Memory> Filter<M> {
    /// The Topic Filter.
    pub(super) fn text<'a>(&'a self, arena: &'a M::Arena) -> Option<&'a [u8]> {
        let (_, payload) = request_parts(arena.bytes(&self.image), self.version)?;
        Some(split_text(payload)?.0)
    }

    /// Why the broker does not take it.
    pub(super) fn unsupported(
        &self,
        arena: &M::Arena,
        limits: &Limits,
        identifiers: Identifiers,
    ) -> Option<ReasonCode> {
        let packet = arena.bytes(&self.image);
        if packet.len() > limits.packet_size() {
            return Some(ReasonCode::PacketTooLarge);
        }
        let (properties, payload) = request_parts(packet, self.version)?;
        let dialect = outbound_dialect(self.version);
        let properties = Properties::from_wire(properties, PacketType::Subscribe, dialect).ok()?;
        let text = core::str::from_utf8(split_text(payload)?.0).ok()?;
        unsupported(limits, TopicFilter::new(text).ok()?, properties, identifiers)
    }
}

/// The properties of a SUBSCRIBE or UNSUBSCRIBE, and what stands behind them.
pub(super) fn request_parts(packet: &[u8], version: Version) -> Option<(&[u8], &[u8])> {
    let (_, remaining_length) = packet.split_first()?;
    let (_, variable_header) = split_integer(remaining_length)?;
    let rest = variable_header.get(2..)?;
    if !version.has_properties() {
        return Some((&[], rest));
    }
    let (properties, rest) = split_integer(rest)?;
    rest.split_at_checked(properties)
}

/// A Variable Byte Integer and what follows it.
pub(super) fn split_integer(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let len = 1 + bytes.iter().position(|byte| byte & 0x80 == 0)?;
    let (integer, rest) = bytes.split_at_checked(len)?;
    let value = integer.iter().rev().fold(0, |value, byte| value << 7 | usize::from(byte & 0x7F));
    Some((value, rest))
}

/// A text with its length before it, and what follows.
pub(super) fn split_text(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, rest) = bytes.split_first_chunk()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*len)))
}
