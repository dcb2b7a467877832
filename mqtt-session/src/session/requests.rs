//! The application port: subscriptions, and leaving.

use mqtt_proto::{
    Disconnect, Encode, EncodeError, Field, Filters, Properties, Property, PropertyId, ReasonCode,
    Subscribe, Subscription, Subscriptions, TopicFilter, Unsubscribe,
};

use super::encode::encode;
use super::flow::{Ended, Flow, FlowKind, Image, Lane};
use super::identifiers::Identifiers;
use super::link::{Before, Farewell, Stage, outbound_dialect};
use super::publishing::PLACEHOLDER;
use super::{Session, SessionState};
use crate::memory::Arena;
use crate::{CloseReason, DisconnectError, Limits, Memory, SubscribeError, Time, Token};

impl<M: Memory> Session<M> {
    /// Makes subscriptions with one SUBSCRIBE, now or on the next connection. The answer comes as
    /// [`Event::Subscribed`](crate::Event::Subscribed).
    pub fn subscribe(
        &mut self,
        now: Time,
        subscriptions: &[Subscription<'_>],
        properties: &[Property<'_>],
    ) -> Result<Token, SubscribeError> {
        self.advance(now);
        if let Some(limits) = self.limits() {
            check_subscriptions(limits, subscriptions, properties, self.state.identifiers)?;
        }
        let packet = Subscribe {
            packet_id: PLACEHOLDER,
            properties: Properties::from_slice(properties),
            subscriptions: Subscriptions::from_slice(subscriptions),
        };
        let first = self.state.subscriptions.next;
        let kind = FlowKind::Subscribe { first, filters: subscriptions.len() };
        let token = self.request(&packet, kind)?;
        if let Err(error) = self.state.ask_subscriptions(subscriptions, properties) {
            self.state.remove_flow(token.index);
            return Err(self.refuse(error));
        }
        self.promote();
        Ok(token)
    }

    /// Ends subscriptions with one UNSUBSCRIBE, now or on the next connection. The answer comes
    /// as [`Event::Unsubscribed`](crate::Event::Unsubscribed).
    pub fn unsubscribe(
        &mut self,
        now: Time,
        filters: &[&str],
        properties: &[Property<'_>],
    ) -> Result<Token, SubscribeError> {
        self.advance(now);
        let packet = Unsubscribe {
            packet_id: PLACEHOLDER,
            properties: Properties::from_slice(properties),
            filters: Filters::from_slice(filters),
        };
        let below = self.state.subscriptions.next;
        let kind = FlowKind::Unsubscribe { below, filters: filters.len() };
        let token = self.request(&packet, kind)?;
        self.state.end_lost(token.index);
        self.promote();
        Ok(token)
    }

    fn request(&mut self, packet: &impl Encode, kind: FlowKind) -> Result<Token, SubscribeError> {
        let stage = self.link.as_ref().map(|link| &link.stage);
        if matches!(stage, Some(Stage::Leaving { reason: CloseReason::Local, .. })) {
            return Err(SubscribeError::Disconnecting);
        }
        let dialect = outbound_dialect(self.state.version());
        let measure = packet.measure(dialect)?;
        let max = self.limits().map_or(usize::MAX, Limits::packet_size).min(M::Arena::LIMIT);
        if measure.len > max {
            return Err(SubscribeError::TooLarge { len: measure.len, max });
        }
        if !self.state.flows.has_room() || !self.state.keep_room_to_connect() {
            return Err(self.refuse(SubscribeError::Full));
        }
        let head = encode(&mut self.state.arena, dialect.version, packet, &measure)
            .map_err(|failure| self.refuse(SubscribeError::from(failure)))?;
        let image = Image { head, body: None, version: dialect.version };
        Ok(self.state.queue(Lane::Requests, Flow::new(kind, Some(image))))
    }

    /// Ends the connection with DISCONNECT, after the acknowledgements already given and the packets
    /// that may leave already: QoS 0, requests, and publishes within the window. Idempotent. What
    /// has no answer then stays in the session, as does what still waits.
    pub fn disconnect(
        &mut self,
        now: Time,
        reason: ReasonCode,
        properties: &[Property<'_>],
    ) -> Result<(), DisconnectError> {
        self.advance(now);
        let Some(link) = &mut self.link else { return Err(DisconnectError::NotConnected) };
        let max = match &link.stage {
            Stage::Leaving { .. } | Stage::Left { .. } => return Ok(()),
            Stage::Greeting { .. } | Stage::Waiting { .. } => {
                // There is no session to say goodbye to.
                link.leave(&mut self.state.arena, CloseReason::Local);
                return Ok(());
            }
            Stage::Up(up) => up.limits.packet_size(),
        };
        let properties = Properties::from_slice(properties);
        let prolongs = properties.session_expiry_interval().is_some_and(|expiry| expiry > 0);
        if prolongs && link.asked_expiry == 0 {
            // Section 3.14.2.2.2: zero at CONNECT stays zero.
            let field = Field::Property(PropertyId::SessionExpiryInterval);
            return Err(EncodeError::OutOfRange(field).into());
        }
        let packet = Disconnect { reason, properties };
        let dialect = outbound_dialect(link.version);
        let measure = packet.measure(dialect)?;
        if measure.len > max {
            return Err(EncodeError::PacketTooLarge.into());
        }
        let farewell = if properties.is_empty() {
            Farewell::Code(reason)
        } else {
            Farewell::Packet(encode(&mut self.state.arena, link.version, &packet, &measure)?)
        };
        let (before, reason) = (Before::AcksAndRequests, CloseReason::Local);
        link.stage = Stage::Leaving { before, farewell, reason };
        Ok(())
    }
}

impl<M: Memory> SessionState<M> {
    /// The outcome of a flow was polled. A request that failed while the connection lives keeps its
    /// identifier, for the answer may come yet; but not the last place in memory.
    pub(super) fn retire(&mut self, index: u32, is_open: bool) {
        let kind = self.flows.get(index).map(|flow| flow.kind);
        let is_request =
            matches!(kind, Some(FlowKind::Ended(Ended::Request(_) | Ended::Subscription { .. })));
        if is_request && is_open && self.flows.key(index) != 0 && self.flows.has_room() {
            self.flows.move_to(index, Lane::GivenUp);
        } else {
            self.remove_flow(index);
        }
    }
}

/// Refuses what the broker ruled out in CONNACK (section 3.2.2.3).
fn check_subscriptions(
    limits: &Limits,
    subscriptions: &[Subscription<'_>],
    properties: &[Property<'_>],
    identifiers: Identifiers,
) -> Result<(), SubscribeError> {
    let properties = Properties::from_slice(properties);
    for filter in subscriptions.iter().filter_map(|s| TopicFilter::new(s.filter).ok()) {
        match unsupported(limits, filter, properties, identifiers) {
            Some(ReasonCode::WildcardSubscriptionsNotSupported) => {
                return Err(SubscribeError::WildcardNotSupported);
            }
            Some(ReasonCode::SharedSubscriptionsNotSupported) => {
                return Err(SubscribeError::SharedNotSupported);
            }
            Some(_) => return Err(SubscribeError::IdentifierNotSupported),
            None => {}
        }
    }
    Ok(())
}

/// Why the broker takes no SUBSCRIBE with this filter and these properties.
pub(super) fn unsupported(
    limits: &Limits,
    filter: TopicFilter<'_>,
    properties: Properties<'_>,
    identifiers: Identifiers,
) -> Option<ReasonCode> {
    let is_identified = || properties.subscription_identifiers().next().is_some();
    let needs_identifiers = identifiers == Identifiers::Required && is_identified();
    if filter.has_wildcard() && !limits.wildcard_available {
        Some(ReasonCode::WildcardSubscriptionsNotSupported)
    } else if filter.is_shared() && !limits.shared_available {
        Some(ReasonCode::SharedSubscriptionsNotSupported)
    } else if needs_identifiers && !limits.subscription_identifier_available {
        Some(ReasonCode::SubscriptionIdentifiersNotSupported)
    } else {
        None
    }
}
