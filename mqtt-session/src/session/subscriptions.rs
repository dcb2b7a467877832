//! The subscriptions a session has, so that a session loss can be made good.

use mqtt_proto::{
    Encode, Properties, Property, ReasonCode, SubAck, Subscribe, Subscription, Subscriptions,
    UnsubAck,
};

use super::encode::encode;
use super::filter::{Filter, FilterStage, request_parts, split_text};
use super::flow::{Ended, Flow, FlowKind, Lane};
use super::link::outbound_dialect;
use super::publishing::PLACEHOLDER;
use super::reencode::check;
use super::{Session, SessionState};
use crate::memory::{Arena, Full, List};
use crate::record::{RecordKind, RecordRef};
use crate::{Limits, Memory, SubscribeError};

impl<M: Memory> Session<M> {
    /// The Topic Filter of the last [`Event::SubscriptionLost`](crate::Event::SubscriptionLost),
    /// until the next one.
    pub fn lost_subscription(&self) -> &str {
        let filter = self.state.subscriptions.refused.as_ref();
        let text = filter.and_then(|filter| filter.text(&self.state.arena));
        text.and_then(|text| core::str::from_utf8(text).ok()).unwrap_or_default()
    }
}

/// Asking and answers.
impl<M: Memory> SessionState<M> {
    /// Keeps the subscriptions of a SUBSCRIBE that is to be sent. Keeps none when there is no room
    /// for all.
    pub(super) fn ask_subscriptions(
        &mut self,
        subscriptions: &[Subscription<'_>],
        properties: &[Property<'_>],
    ) -> Result<(), SubscribeError> {
        let before = self.subscriptions.next;
        let asked = subscriptions.iter().try_for_each(|one| self.ask_subscription(one, properties));
        if asked.is_err() {
            for number in before..self.subscriptions.next {
                self.drop_filter(number);
            }
        }
        asked
    }

    fn ask_subscription(
        &mut self,
        subscription: &Subscription<'_>,
        properties: &[Property<'_>],
    ) -> Result<(), SubscribeError> {
        if M::Filters::LIMIT.is_some_and(|limit| self.subscriptions.list.as_ref().len() >= limit) {
            return Err(SubscribeError::Full);
        }
        let version = self.version();
        let packet = Subscribe {
            packet_id: PLACEHOLDER,
            properties: Properties::from_slice(properties),
            subscriptions: Subscriptions::from_slice(core::slice::from_ref(subscription)),
        };
        let measure = packet.measure(outbound_dialect(version))?;
        let image = encode(&mut self.arena, version, &packet, &measure)?;
        let number = self.subscriptions.next;
        self.subscriptions.next += 1;
        let stage = FilterStage::Asked;
        let filter = Filter { number, image, version, stage, is_recorded: false, unanswered: 0 };
        self.subscriptions.list.push(filter).map_err(|Full| SubscribeError::Full)
    }

    /// SUBACK for the subscriptions from number `first` on: what was granted replaces an older
    /// subscription to the same filter (section 3.8.4), what was refused is gone.
    pub(super) fn note_subscribed(&mut self, first: u64, suback: &SubAck<'_>) {
        for (number, code) in (first..).zip(suback.codes.iter()) {
            if code.is_error() {
                self.drop_filter(number);
                continue;
            }
            if let Some(filter) = self.subscriptions.get_mut(number) {
                filter.stage = FilterStage::Granted;
            }
            self.owes_records |= self.record_filter(number).is_err();
            while let Some(older) = self.older_filter(number) {
                self.end_filter(older);
            }
        }
    }

    /// A subscription that this one replaced. A crash may have left several.
    fn older_filter(&self, number: u64) -> Option<u64> {
        let text = self.subscriptions.get(number)?.text(&self.arena)?;
        self.find_filter(text, |one| one.stage.is_granted() && one.number < number)
    }

    /// SUBACK for a subscription made again: `false` when it was refused and is lost.
    pub(super) fn note_resubscribed(&mut self, number: u64, code: ReasonCode) -> bool {
        if code.is_error() {
            return !self.refuse_filter(number);
        }
        if let Some(filter) = self.subscriptions.get_mut(number) {
            filter.stage = FilterStage::Granted;
            filter.unanswered = 0;
        }
        true
    }

    /// A subscription cannot be made again: it becomes the one to report. `false` when the
    /// application ended it meanwhile. The caller saw room for a record.
    pub(super) fn refuse_filter(&mut self, number: u64) -> bool {
        let filter = self.subscriptions.get(number);
        if filter.is_none_or(|filter| filter.stage != FilterStage::AskedAgain) {
            return false;
        }
        let refused = self.subscriptions.take(number);
        self.delete_filter_record(number).ok();
        if let Some(older) = core::mem::replace(&mut self.subscriptions.refused, refused) {
            self.give_back(older.image);
        }
        true
    }

    /// UNSUBACK: what the broker ended is not made again. A subscription asked for after the
    /// UNSUBSCRIBE stays, even if it was granted first.
    pub(super) fn note_unsubscribed(&mut self, flow: u32, unsuback: &UnsubAck<'_>) {
        let mut nth = 0;
        while self.nth_unsubscribed(flow, nth).is_some() {
            if !unsuback.codes.get(nth).is_some_and(ReasonCode::is_error) {
                self.end_unsubscribed(flow, nth, FilterStage::is_granted);
            }
            nth += 1;
        }
    }

    /// The subscriptions in such a stage that a filter of an UNSUBSCRIBE ends are over.
    fn end_unsubscribed(&mut self, flow: u32, nth: usize, is_over: impl Fn(FilterStage) -> bool) {
        while let Some((below, text)) = self.nth_unsubscribed(flow, nth)
            && let Some(number) =
                self.find_filter(text, |one| is_over(one.stage) && one.number < below)
        {
            self.end_filter(number);
        }
    }

    /// This UNSUBSCRIBE is made, perhaps again: what it names and the broker has lost is not made
    /// again. A subscription asked for after it that was granted first is, for it ends that, too.
    pub(super) fn end_lost(&mut self, flow: u32) {
        let mut nth = 0;
        while self.nth_unsubscribed(flow, nth).is_some() {
            self.end_unsubscribed(flow, nth, |stage| stage == FilterStage::Lost);
            self.lose_newer(flow, nth);
            nth += 1;
        }
    }

    /// What was asked for after this UNSUBSCRIBE and granted is to be made again.
    fn lose_newer(&mut self, flow: u32, nth: usize) {
        let is_granted = |one: &Filter<M>| one.stage == FilterStage::Granted;
        while let Some((below, text)) = self.nth_unsubscribed(flow, nth)
            && let Some(number) =
                self.find_filter(text, |one| is_granted(one) && one.number >= below)
            && let Some(filter) = self.subscriptions.get_mut(number)
        {
            filter.stage = FilterStage::Lost;
            self.subscriptions.any_lost = true;
        }
    }

    /// Every UNSUBSCRIBE without an answer.
    fn unsubscribes(&self) -> impl Iterator<Item = u32> {
        let lanes = [Lane::Requests, Lane::Ready, Lane::Requested];
        lanes.into_iter().flat_map(|lane| self.flows.iter(lane)).filter(|index| {
            let kind = self.flows.get(*index).map(|flow| flow.kind);
            matches!(kind, Some(FlowKind::Unsubscribe { .. }))
        })
    }

    /// Whether an UNSUBSCRIBE from before this subscription may still end it.
    fn is_unsubscribed(&self, number: u64, text: &[u8]) -> bool {
        self.unsubscribes().any(|flow| {
            let mut ended = (0..).map_while(|nth| self.nth_unsubscribed(flow, nth));
            ended.any(|(below, ended)| below <= number && ended == text)
        })
    }

    /// A filter of an UNSUBSCRIBE, and the number below which it ends subscriptions.
    fn nth_unsubscribed(&self, flow: u32, nth: usize) -> Option<(u64, &[u8])> {
        let flow = self.flows.get(flow)?;
        let FlowKind::Unsubscribe { below, filters } = flow.kind else { return None };
        let image = flow.image.as_ref().filter(|_| nth < filters)?;
        let (_, mut rest) = request_parts(self.arena.bytes(&image.head), image.version)?;
        for _ in 0..nth {
            rest = split_text(rest)?.1;
        }
        Some((below, split_text(rest)?.0))
    }

    /// The oldest such subscription to this filter.
    fn find_filter(&self, text: &[u8], is_wanted: impl Fn(&Filter<M>) -> bool) -> Option<u64> {
        let mut filters = self.subscriptions.list.as_ref().iter();
        let found =
            filters.find(|filter| is_wanted(filter) && filter.text(&self.arena) == Some(text));
        found.map(|filter| filter.number)
    }

    /// The SUBSCRIBE ended without an answer: its subscriptions are not kept.
    pub(super) fn forget_asked(&mut self, first: u64, filters: usize) {
        for number in (first..).take(filters) {
            self.drop_filter(number);
        }
    }

    /// Why the broker does not take one of these subscriptions.
    pub(super) fn unsupported_filter(
        &self,
        first: u64,
        filters: usize,
        limits: &Limits,
    ) -> Option<ReasonCode> {
        let mut filters = (first..).take(filters).filter_map(|one| self.subscriptions.get(one));
        filters.find_map(|filter| filter.unsupported(&self.arena, limits, self.identifiers))
    }
}

/// Making them again.
impl<M: Memory> SessionState<M> {
    /// The broker has no session: all subscriptions granted so far are to be made again.
    pub(super) fn lose_subscriptions(&mut self) {
        let filters = self.subscriptions.list.as_mut().iter_mut();
        for filter in filters.filter(|filter| filter.stage.is_granted()) {
            filter.stage = FilterStage::Lost;
            self.subscriptions.any_lost = true;
        }
    }

    /// The SUBSCRIBE that asked again got no answer.
    pub(super) fn lose_again(&mut self, number: u64) {
        if let Some(filter) = self.subscriptions.get_mut(number)
            && filter.stage == FilterStage::AskedAgain
        {
            filter.stage = FilterStage::Lost;
            self.subscriptions.any_lost = true;
        }
    }

    /// Makes the subscriptions that a session loss undid again, oldest first, as far as there is
    /// room now. One that an unanswered SUBSCRIBE is about to replace, or an unanswered UNSUBSCRIBE
    /// from before it would end, waits for the answer.
    pub(super) fn resubscribe(&mut self, limits: &Limits) {
        if !core::mem::take(&mut self.subscriptions.any_lost) {
            return;
        }
        let is_asked = |filter: &Filter<M>| filter.stage == FilterStage::Asked;
        let any_asked = self.subscriptions.list.as_ref().iter().any(is_asked);
        let any_unsubscribe = self.unsubscribes().next().is_some();
        let mut place = 0;
        while let Some(filter) = self.subscriptions.list.as_ref().get(place) {
            place += 1;
            if filter.stage != FilterStage::Lost {
                continue;
            }
            let text = filter.text(&self.arena).unwrap_or_default();
            let waits = any_asked && self.find_filter(text, is_asked).is_some()
                || any_unsubscribe && self.is_unsubscribed(filter.number, text);
            if waits || !self.flows.has_room() {
                self.subscriptions.any_lost = true;
                continue;
            }
            self.ask_again(filter.number, limits);
        }
    }

    /// Makes one of them again, or lets it end if this broker does not take it.
    fn ask_again(&mut self, number: u64, limits: &Limits) {
        let version = self.version();
        let Some(filter) = self.subscriptions.get_mut(number) else { return };
        filter.stage = FilterStage::AskedAgain;
        let packet = self.arena.bytes(&filter.image);
        let reason = match check(packet, filter.version, version, self.identifiers) {
            Ok(()) => filter.unsupported(&self.arena, limits, self.identifiers),
            Err(_) => Some(ReasonCode::UnsupportedProtocolVersion),
        };
        let (lane, kind) = match reason {
            None => (Lane::Resubscribing, FlowKind::Resubscribe { filter: number }),
            Some(reason) => {
                (Lane::Ended, FlowKind::Ended(Ended::Subscription { filter: number, reason }))
            }
        };
        self.queue(lane, Flow::new(kind, None));
    }
}

/// Records.
impl<M: Memory> SessionState<M> {
    fn record_filter(&mut self, number: u64) -> Result<(), Full> {
        self.journal.push(RecordRef::Filter { number })?;
        if let Some(filter) = self.subscriptions.get_mut(number) {
            filter.is_recorded = true;
        }
        Ok(())
    }

    fn delete_filter_record(&mut self, number: u64) -> Result<u64, Full> {
        self.journal.push(RecordRef::Delete { key: RecordKind::Filter.key(number) })
    }

    /// A subscription the broker had granted is over.
    fn end_filter(&mut self, number: u64) {
        let is_recorded = self.subscriptions.get(number).is_some_and(|filter| filter.is_recorded);
        if !is_recorded || self.delete_filter_record(number).is_ok() {
            self.drop_filter(number);
        } else if let Some(filter) = self.subscriptions.get_mut(number) {
            filter.stage = FilterStage::Ended;
            self.owes_records = true;
        }
    }

    fn drop_filter(&mut self, number: u64) {
        if let Some(filter) = self.subscriptions.take(number) {
            self.give_back(filter.image);
        }
    }

    /// Makes the records that had no room.
    pub(super) fn settle_filters(&mut self) -> Result<(), Full> {
        let mut place = 0;
        while let Some(filter) = self.subscriptions.list.as_ref().get(place) {
            let number = filter.number;
            if filter.stage == FilterStage::Ended {
                self.delete_filter_record(number)?;
                self.drop_filter(number);
                continue;
            }
            if filter.stage.is_granted() && !filter.is_recorded {
                self.record_filter(number)?;
            }
            place += 1;
        }
        Ok(())
    }
}
