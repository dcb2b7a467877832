//! What leaves: control packets, acknowledgements, requests, each in an order of its own.

use mqtt_proto::{
    Ack, Disconnect, Packet, PacketId, Properties, PubAck, PubComp, PubRec, PubRel, ReasonCode,
};

use super::aliases::{Aliased, Aliases};
use super::flow::{Ended, FlowKind, Lane};
use super::held::Shelf;
use super::link::{Before, Farewell, Link, Stage, Stray};
use super::put::{fits, put, put_aliased_burst, put_burst, put_image, put_short};
use super::reencode::differ;
use super::{Session, SessionState};
use crate::memory::Arena;
use crate::{BufferTooSmall, Memory, Output, Time};

impl<M: Memory> Session<M> {
    /// Appends whole packets that may leave now.
    ///
    /// Stops at the first packet for which `out` has no room. An error means that `out` is empty
    /// and cannot take even one packet; nothing changed.
    pub fn poll_transmit(
        &mut self,
        now: Time,
        out: &mut impl Output<M::Body>,
    ) -> Result<(), BufferTooSmall> {
        self.advance(now);
        self.expire();
        let Some(link) = self.link.as_mut().filter(|link| !link.transport_ended) else {
            return Ok(());
        };
        match &link.stage {
            Stage::Greeting { asked } => {
                let asked = *asked;
                if put::<M>(out, self.state.identity.connect(&self.state.arena))? {
                    link.stage = Stage::Waiting { asked };
                }
                Ok(())
            }
            Stage::Waiting { .. } => self.state.transmit_auth(link, out).map(|_| ()),
            Stage::Left { .. } => Ok(()),
            Stage::Up(_) => {
                let waited = self.state.awaits_answer();
                let _complete = self.state.transmit_auth(link, out)?
                    && transmit_ping::<M>(link, self.now, out)?
                    && self.state.transmit_acks(link, out)?
                    && self.state.transmit_probes(link, out)?
                    && self.state.transmit_requests(&mut link.aliases, self.now, out)?;
                if let Some(since) = link.braked_at.as_mut().filter(|_| !waited) {
                    *since = self.now;
                }
                Ok(())
            }
            Stage::Leaving { .. } => self.transmit_last(out),
        }
    }

    /// Whether `poll_transmit` has something to give.
    pub fn wants_transmit(&self) -> bool {
        let Some(link) = self.link.as_ref().filter(|link| !link.transport_ended) else {
            return false;
        };
        match &link.stage {
            Stage::Greeting { .. } | Stage::Leaving { .. } => true,
            Stage::Waiting { .. } => link.exchange.wants_transmit(),
            Stage::Left { .. } => false,
            Stage::Up(_) => {
                let state = &self.state;
                link.exchange.wants_transmit()
                    || link.keep_alive.wants_ping()
                    || !link.strays.is_empty()
                    || state.next_request().is_some()
                    || state.next_release().is_some()
                    || state.next_probe().is_some()
                    || [Shelf::PubAck, Shelf::PubRec, Shelf::PubComp]
                        .iter()
                        .any(|shelf| state.next_answer(*shelf).is_some())
            }
        }
    }

    /// DISCONNECT, and what goes before it.
    fn transmit_last(&mut self, out: &mut impl Output<M::Body>) -> Result<(), BufferTooSmall> {
        let Some(link) = &mut self.link else { return Ok(()) };
        let Stage::Leaving { before, .. } = link.stage else { return Ok(()) };
        let is_next = match before {
            // [MQTT-3.1.2-30]
            Before::Nothing => true,
            Before::Acks => self.state.transmit_acks(link, out)?,
            Before::AcksAndRequests => {
                self.state.transmit_acks(link, out)?
                    && self.state.transmit_requests(&mut link.aliases, self.now, out)?
            }
        };
        if !is_next {
            return Ok(());
        }
        let Stage::Leaving { farewell, reason, .. } = &link.stage else { return Ok(()) };
        let is_complete = match farewell {
            Farewell::Packet(disconnect) => put::<M>(out, self.state.arena.bytes(disconnect))?,
            Farewell::Code(code) => {
                let disconnect = Disconnect { reason: *code, properties: Properties::EMPTY };
                put_short::<M>(out, link.version, &disconnect)?
            }
        };
        if is_complete {
            // [MQTT-3.14.4-1]
            let left = Stage::Left { reason: *reason, flush: true };
            link.replace_stage(&mut self.state.arena, left);
        }
        Ok(())
    }
}

fn transmit_ping<M: Memory>(
    link: &mut Link<M>,
    now: Time,
    out: &mut impl Output<M::Body>,
) -> Result<bool, BufferTooSmall> {
    if !link.keep_alive.wants_ping() {
        return Ok(true);
    }
    let fits = put_short::<M>(out, link.version, &Packet::PingReq)?;
    if fits {
        link.keep_alive.handle_ping_transmitted(now);
    }
    Ok(fits)
}

impl<M: Memory> SessionState<M> {
    /// An acknowledgement without properties.
    fn acknowledgement(&self, id: u16, reason: ReasonCode) -> Option<Ack<'static>> {
        let reason = self.sayable(reason);
        Some(Ack { packet_id: PacketId::new(id)?, reason, properties: Properties::EMPTY })
    }

    /// Acknowledgements: each kind as far as its records are stored. `false` when `out` is full.
    fn transmit_acks(
        &mut self,
        link: &mut Link<M>,
        out: &mut impl Output<M::Body>,
    ) -> Result<bool, BufferTooSmall> {
        let version = link.version;
        while let Some((index, reason)) = self.next_answer(Shelf::PubAck) {
            let id = self.held.key(index);
            let Some(ack) = self.acknowledgement(id, reason) else { break };
            if !put_short::<M>(out, version, &PubAck(ack))? {
                return Ok(false);
            }
            self.held.remove(index);
        }
        while let Some((index, reason)) = self.next_answer(Shelf::PubRec) {
            let id = self.held.key(index);
            let Some(ack) = self.acknowledgement(id, reason) else { break };
            if !put_short::<M>(out, version, &PubRec(ack))? {
                return Ok(false);
            }
            if ack.reason.is_error() {
                self.held.remove(index);
            } else {
                self.held.move_to(index, Shelf::Received);
            }
        }
        while let Some((index, _)) = self.next_answer(Shelf::PubComp) {
            let id = self.held.key(index);
            let Some(ack) = self.acknowledgement(id, ReasonCode::Success) else { break };
            if !put_short::<M>(out, version, &PubComp(ack))? {
                return Ok(false);
            }
            self.held.remove(index);
        }
        Ok(self.transmit_releases(link, out)? && self.transmit_strays(link, out)?)
    }

    /// The first on this shelf, once its record is stored.
    fn next_answer(&self, shelf: Shelf) -> Option<(u32, ReasonCode)> {
        let index = self.held.first(shelf)?;
        let held = self.held.get(index)?;
        let stored = self.journal.is_stored(held.needs);
        stored.then_some((index, held.answer.reason().unwrap_or(ReasonCode::Success)))
    }

    /// The next publish to send PUBREL for, once its record is stored.
    fn next_release(&self) -> Option<u32> {
        let index = self.flows.first(Lane::Releasing)?;
        let needs = self.flows.get(index)?.needs;
        self.journal.is_stored(needs).then_some(index)
    }

    /// PUBRELs, in order of PUBREC [MQTT-4.6.0-4].
    fn transmit_releases(
        &mut self,
        link: &Link<M>,
        out: &mut impl Output<M::Body>,
    ) -> Result<bool, BufferTooSmall> {
        while let Some(index) = self.next_release() {
            let id = self.flows.key(index);
            let Some(ack) = self.acknowledgement(id, ReasonCode::Success) else { break };
            if !put_short::<M>(out, link.version, &PubRel(ack))? {
                return Ok(false);
            }
            self.flows.move_to(index, Lane::Released);
        }
        Ok(true)
    }

    /// Answers to acknowledgements that belong to nothing. `false` when `out` is full.
    fn transmit_strays(
        &self,
        link: &mut Link<M>,
        out: &mut impl Output<M::Body>,
    ) -> Result<bool, BufferTooSmall> {
        while let Some(stray) = link.strays.first() {
            let (Stray::PubRel(id) | Stray::PubComp(id)) = stray;
            let unknown = ReasonCode::PacketIdentifierNotFound;
            let Some(ack) = self.acknowledgement(id.get(), unknown) else { break };
            let fits = match stray {
                Stray::PubRel(_) => put_short::<M>(out, link.version, &PubRel(ack))?,
                Stray::PubComp(_) => put_short::<M>(out, link.version, &PubComp(ack))?,
            };
            if !fits {
                return Ok(false);
            }
            link.strays.pop();
        }
        Ok(true)
    }

    /// The next publish, SUBSCRIBE or UNSUBSCRIBE that may leave. Nothing is subscribed to, so that no
    /// message comes, before the store has forgotten those of a lost session.
    fn next_request(&self) -> Option<u32> {
        let index = self.flows.first(Lane::Ready)?;
        if self.has_forgotten() {
            return Some(index);
        }
        match self.flows.get(index)?.kind {
            FlowKind::Subscribe { .. } | FlowKind::Resubscribe { .. } => None,
            FlowKind::AtMostOnce { .. }
            | FlowKind::Kept { .. }
            | FlowKind::Publish { .. }
            | FlowKind::Release { .. }
            | FlowKind::Unsubscribe { .. }
            | FlowKind::Ended(_) => Some(index),
        }
    }

    /// Publishes, SUBSCRIBEs and UNSUBSCRIBEs that may leave. `false` when `out` is full.
    fn transmit_requests(
        &mut self,
        aliases: &mut Aliases<M>,
        now: Time,
        out: &mut impl Output<M::Body>,
    ) -> Result<bool, BufferTooSmall> {
        while let Some(index) = self.next_request() {
            if !self.transmit_request(index, aliases, now, out)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Appends the packet of one flow, or as many as fit if it has several. `false` when not all
    /// fit.
    fn transmit_request(
        &mut self,
        index: u32,
        aliases: &mut Aliases<M>,
        now: Time,
        out: &mut impl Output<M::Body>,
    ) -> Result<bool, BufferTooSmall> {
        let Some(flow) = self.flows.get(index) else { return Ok(false) };
        let version = self.version();
        let fits = match (&flow.image, flow.kind) {
            (Some(image), FlowKind::AtMostOnce { transmitted, .. })
                if image.body.is_none() && flow.expiry.is_none() =>
            {
                let packets = self.arena.bytes(&image.head);
                let packets = packets.get(transmitted..).unwrap_or_default();
                let len = if aliases.is_on() {
                    put_aliased_burst(out, image.version, packets, aliases)?
                } else {
                    put_burst::<M>(out, image.version, packets)?
                };
                let is_complete = len == packets.len();
                self.handle_burst_transmitted(index, len, is_complete);
                return Ok(is_complete);
            }
            (Some(image), FlowKind::Subscribe { .. }) => {
                let packet = self.arena.bytes(&image.head);
                self.identifiers.put_subscribe::<M>(out, packet, image.version, version)?
            }
            (Some(image), _) if differ(image.version, version) => self.put_reencoded(flow, out)?,
            (Some(image), _) => {
                // What is sent again carries its topic, whatever the broker still knows.
                let is_first = matches!(
                    flow.kind,
                    FlowKind::AtMostOnce { .. }
                        | FlowKind::Kept { .. }
                        | FlowKind::Publish { carried: false, .. }
                );
                let aliased = if aliases.is_on() && is_first {
                    aliases.apply(self.arena.bytes(&image.head))
                } else {
                    None
                };
                let len = aliased.as_ref().map_or_else(|| image.len(&self.arena), Aliased::len);
                let fits = fits::<M>(out, len)?;
                if fits {
                    put_image::<M>(out, &self.arena, flow, image, aliased.as_ref(), now);
                    if let Some(aliased) = aliased {
                        aliases.handle_transmitted(&aliased);
                    }
                }
                fits
            }
            (None, FlowKind::Resubscribe { filter }) => {
                let filter = self.subscriptions.get(filter);
                let packet = filter.map(|filter| (self.arena.bytes(&filter.image), filter.version));
                let (packet, from) = packet.unwrap_or((&[], version));
                self.identifiers.put_subscribe::<M>(out, packet, from, version)?
            }
            (None, _) => true,
        };
        if fits {
            self.handle_transmitted(index, now);
        }
        Ok(fits)
    }

    /// So many bytes of a QoS 0 flow were transmitted.
    fn handle_burst_transmitted(&mut self, index: u32, len: usize, is_complete: bool) {
        self.qos0_bytes = self.qos0_bytes.saturating_sub(len);
        if is_complete {
            self.end_at_most_once(index, Ended::Transmitted);
        } else if let Some(flow) = self.flows.get_mut(index)
            && let FlowKind::AtMostOnce { transmitted, .. } = &mut flow.kind
        {
            *transmitted += len;
        }
    }

    fn handle_transmitted(&mut self, index: u32, now: Time) {
        let len = self.image_len(index);
        let Some(flow) = self.flows.get_mut(index) else { return };
        match &mut flow.kind {
            FlowKind::AtMostOnce { .. } | FlowKind::Kept { .. } => {
                self.qos0_bytes = self.qos0_bytes.saturating_sub(len);
                self.end_at_most_once(index, Ended::Transmitted);
            }
            FlowKind::Publish { carried, .. } => {
                self.replayed += u64::from(*carried);
                *carried = true;
                self.flows.move_to(index, Lane::InFlight);
            }
            FlowKind::Subscribe { .. }
            | FlowKind::Resubscribe { .. }
            | FlowKind::Unsubscribe { .. } => {
                flow.asked_at = now;
                self.flows.move_to(index, Lane::Requested);
            }
            // Flows in these stages are never in `Lane::Ready`.
            FlowKind::Release { .. } | FlowKind::Ended(_) => {}
        }
    }
}
