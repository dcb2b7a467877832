//! The subscriptions a session has, so that a session loss can be made good.

use mqtt_proto::{
    Encode, PacketId, Properties, Property, ReasonCode, SubAck, Subscribe, Subscription,
    Subscriptions, TopicFilter, UnsubAck, Version,
};

use super::flow::{Flow, FlowKind, Image, Lane};
use super::link::outbound_dialect;
use super::{Session, SessionState};
use crate::memory::{Arena, Block, List};
use crate::record::{RecordKind, RecordRef};
use crate::{Limits, Memory, SubscribeError};

/// A subscription: the SUBSCRIBE of this one filter, to be sent again after a session loss.
pub struct Filter<M: Memory> {
    /// Its number in the store.
    pub(super) number: u64,
    pub(super) image: Block<M>,
    pub(super) version: Version,
    stage: FilterStage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FilterStage {
    /// This SUBSCRIBE has no answer yet.
    Asked { flow: u32 },
    /// The broker granted it.
    Granted,
    /// The broker had granted it and lost it: it is to be asked for again.
    Lost,
    /// Likewise, and this SUBSCRIBE asks.
    AskedAgain { flow: u32 },
}

impl<M: Memory> Filter<M> {
    /// One the broker granted.
    pub(super) fn granted(number: u64, image: Block<M>, version: Version) -> Filter<M> {
        Filter { number, image, version, stage: FilterStage::Granted }
    }

    pub(super) fn is_granted(&self) -> bool {
        match self.stage {
            FilterStage::Granted | FilterStage::Lost | FilterStage::AskedAgain { .. } => true,
            FilterStage::Asked { .. } => false,
        }
    }
}

impl<M: Memory> Session<M> {
    /// The Topic Filter of the last [`Event::SubscriptionLost`](crate::Event::SubscriptionLost),
    /// until the next one.
    pub fn lost_subscription(&self) -> &str {
        let text = self.state.lost.as_ref().and_then(|filter| self.state.text_of(filter));
        text.and_then(|text| core::str::from_utf8(text).ok()).unwrap_or_default()
    }
}

impl<M: Memory> SessionState<M> {
    /// Keeps the subscriptions of a SUBSCRIBE that is to be asked as `flow`. Keeps none when
    /// there is no room for all.
    pub(super) fn ask_subscriptions(
        &mut self,
        flow: u32,
        subscriptions: &[Subscription<'_>],
        properties: &[Property<'_>],
    ) -> Result<(), SubscribeError> {
        let before = self.filters.as_ref().len();
        for subscription in subscriptions {
            let kept = self.ask_subscription(flow, subscription, properties);
            if let Err(error) = kept {
                while self.filters.as_ref().len() > before {
                    self.remove_filter(before);
                }
                return Err(error);
            }
        }
        Ok(())
    }

    fn ask_subscription(
        &mut self,
        flow: u32,
        subscription: &Subscription<'_>,
        properties: &[Property<'_>],
    ) -> Result<(), SubscribeError> {
        let version = self.version;
        let packet = Subscribe {
            packet_id: PacketId::MIN,
            properties: Properties::from_slice(properties),
            subscriptions: Subscriptions::from_slice(core::slice::from_ref(subscription)),
        };
        if M::Filters::LIMIT.is_some_and(|limit| self.filters.as_ref().len() >= limit) {
            return Err(SubscribeError::Full);
        }
        let measure = packet.measure(outbound_dialect(version))?;
        let mut image = self.arena.take(measure.len).map_err(|_| SubscribeError::Full)?;
        packet.write(outbound_dialect(version), &measure, self.arena.bytes_mut(&mut image))?;
        let number = self.next_filter;
        self.next_filter += 1;
        let filter = Filter { number, image, version, stage: FilterStage::Asked { flow } };
        self.filters.push(filter).map_err(|_| SubscribeError::Full)
    }

    /// SUBACK: what was granted replaces an older subscription to the same filter (section
    /// 3.8.4), what was refused is gone.
    pub(super) fn note_subscribed(&mut self, flow: u32, suback: &SubAck<'_>) {
        for code in suback.codes.iter() {
            let asked = FilterStage::Asked { flow };
            let place = self.filters.as_ref().iter().position(|filter| filter.stage == asked);
            let Some(place) = place else { return };
            if code.is_error() {
                self.remove_filter(place);
                continue;
            }
            if let Some(filter) = self.filters.as_mut().get_mut(place) {
                filter.stage = FilterStage::Granted;
                let number = filter.number;
                self.note(RecordRef::Filter { number });
            }
            let text = self.filters.as_ref().get(place).and_then(|filter| self.text_of(filter));
            let older = text.and_then(|text| self.granted(text)).filter(|older| *older != place);
            if let Some(older) = older {
                self.end_filter(older);
            }
        }
    }

    /// SUBACK for a subscription made again: `false` when it was refused and is lost.
    pub(super) fn note_resubscribed(&mut self, flow: u32, code: ReasonCode) -> bool {
        let asked = FilterStage::AskedAgain { flow };
        let place = self.filters.as_ref().iter().position(|filter| filter.stage == asked);
        let Some(place) = place else { return true };
        if !code.is_error() {
            if let Some(filter) = self.filters.as_mut().get_mut(place) {
                filter.stage = FilterStage::Granted;
            }
            return true;
        }
        let filter = self.filters.remove(place);
        self.note(RecordRef::Delete { key: RecordKind::Filter.key(filter.number) });
        if let Some(older) = self.lost.replace(filter) {
            self.arena.give_back(older.image);
        }
        false
    }

    /// UNSUBACK: what the broker ended is not made again.
    pub(super) fn note_unsubscribed(&mut self, flow: u32, unsuback: &UnsubAck<'_>) {
        let mut number = 0;
        while let Some(text) = self.nth_unsubscribed(flow, number) {
            let refused = unsuback.codes.get(number).is_some_and(ReasonCode::is_error);
            if let Some(place) = self.granted(text).filter(|_| !refused) {
                self.end_filter(place);
            }
            number += 1;
        }
    }

    fn nth_unsubscribed(&self, flow: u32, number: usize) -> Option<&[u8]> {
        let image = self.flows.get(flow)?.image.as_ref()?;
        let mut rest = request_payload(self.arena.bytes(&image.head), image.version)?;
        for _ in 0..number {
            rest = split_text(rest)?.1;
        }
        Some(split_text(rest)?.0)
    }

    /// The oldest subscription the broker granted to this filter.
    fn granted(&self, text: &[u8]) -> Option<usize> {
        self.filters.as_ref().iter().position(|filter| {
            filter.is_granted() && self.text_of(filter) == Some(text)
        })
    }

    fn text_of<'a>(&'a self, filter: &'a Filter<M>) -> Option<&'a [u8]> {
        let payload = request_payload(self.arena.bytes(&filter.image), filter.version)?;
        Some(split_text(payload)?.0)
    }

    /// Takes out a subscription that has a record.
    fn end_filter(&mut self, place: usize) {
        if let Some(filter) = self.filters.as_ref().get(place) {
            self.note(RecordRef::Delete { key: RecordKind::Filter.key(filter.number) });
        }
        self.remove_filter(place);
    }

    fn remove_filter(&mut self, place: usize) {
        let filter = self.filters.remove(place);
        self.arena.give_back(filter.image);
    }

    /// The request ended without an answer: its subscriptions are not kept.
    pub(super) fn forget_asked(&mut self, flow: u32) {
        let asked = FilterStage::Asked { flow };
        while let Some(place) = self.filters.as_ref().iter().position(|filter| filter.stage == asked)
        {
            self.remove_filter(place);
        }
    }

    /// Why the broker takes no subscription to a filter this SUBSCRIBE has.
    pub(super) fn unsupported_filter(&self, flow: u32, limits: &Limits) -> Option<ReasonCode> {
        let asked = FilterStage::Asked { flow };
        let mut filters = self.filters.as_ref().iter().filter(|filter| filter.stage == asked);
        filters.find_map(|filter| {
            let text = core::str::from_utf8(self.text_of(filter)?).ok()?;
            let filter = TopicFilter::new(text).ok()?;
            if filter.has_wildcard() && !limits.wildcard_available {
                Some(ReasonCode::WildcardSubscriptionsNotSupported)
            } else if filter.is_shared() && !limits.shared_available {
                Some(ReasonCode::SharedSubscriptionsNotSupported)
            } else {
                None
            }
        })
    }

    /// The broker has no session: all subscriptions granted so far are to be made again.
    pub(super) fn lose_subscriptions(&mut self) {
        for filter in self.filters.as_mut().iter_mut().filter(|filter| filter.is_granted()) {
            filter.stage = FilterStage::Lost;
        }
    }

    /// The SUBSCRIBE that asked again got no answer.
    pub(super) fn lose_again(&mut self, flow: u32) {
        let asked = FilterStage::AskedAgain { flow };
        for filter in self.filters.as_mut().iter_mut().filter(|filter| filter.stage == asked) {
            filter.stage = FilterStage::Lost;
        }
    }

    /// Makes the oldest lost subscription again; `false` when there is none, or no room now.
    pub(super) fn resubscribe_next(&mut self) -> bool {
        let mut filters = self.filters.as_mut().iter_mut();
        let Some(filter) = filters.find(|filter| filter.stage == FilterStage::Lost) else {
            return false;
        };
        if !self.flows.has_room() {
            return false;
        }
        let Ok(head) = self.arena.duplicate(&filter.image) else { return false };
        let kind = FlowKind::Subscribe { filters: 1, own: true };
        let image = Image { head, body: None, version: filter.version };
        let Ok(flow) = self.flows.insert(Lane::Requests, Flow::new(kind, image)) else {
            return false;
        };
        filter.stage = FilterStage::AskedAgain { flow };
        true
    }
}

/// What stands behind the Packet Identifier and properties of a SUBSCRIBE or UNSUBSCRIBE.
fn request_payload(packet: &[u8], version: Version) -> Option<&[u8]> {
    let (_, remaining_length) = packet.split_first()?;
    let (_, variable_header) = split_integer(remaining_length)?;
    let rest = variable_header.get(2..)?;
    if !version.has_properties() {
        return Some(rest);
    }
    let (properties, rest) = split_integer(rest)?;
    rest.get(properties..)
}

/// A Variable Byte Integer and what follows it.
fn split_integer(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let len = 1 + bytes.iter().position(|byte| byte & 0x80 == 0)?;
    let (integer, rest) = bytes.split_at_checked(len)?;
    let value = integer.iter().rev().fold(0, |value, byte| value << 7 | usize::from(byte & 0x7F));
    Some((value, rest))
}

/// A text with its length before it, and what follows.
fn split_text(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, rest) = bytes.split_first_chunk()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*len)))
}
