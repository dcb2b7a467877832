//! Going on with a session that an earlier client began.

use mqtt_proto::{Ack, PacketId, Properties, PubRel, QoS, ReasonCode};

use super::flow::{FlowKind, Lane};
use super::link::Link;
use super::put::put_short;
use super::{Session, SessionState};
use crate::{BufferTooSmall, Memory, Output};

/// Whose the session at the broker is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Origin {
    /// No broker has accepted this client yet.
    Unknown,
    /// This client began it.
    Own,
    /// An earlier client began it, and nothing is known of what it left.
    Adopted(Probes),
}

impl Origin {
    /// A broker accepted the client: whose the session is from now on.
    pub(super) fn after_connack(self, session_present: bool) -> Origin {
        match self {
            Origin::Unknown if session_present => Origin::Adopted(Probes::new()),
            Origin::Own | Origin::Adopted(_) if session_present => self,
            Origin::Unknown | Origin::Own | Origin::Adopted(_) => Origin::Own,
        }
    }

    pub(super) fn is_known(&self) -> bool {
        match self {
            Origin::Own | Origin::Adopted(_) => true,
            Origin::Unknown => false,
        }
    }

    pub(super) fn is_adopted(&self) -> bool {
        match self {
            Origin::Adopted(_) => true,
            Origin::Unknown | Origin::Own => false,
        }
    }

    fn probes_mut(&mut self) -> Option<&mut Probes> {
        match self {
            Origin::Adopted(probes) => Some(probes),
            Origin::Unknown | Origin::Own => None,
        }
    }

    /// The connection ended: what was not answered is asked again on the next.
    pub(super) fn take_back_probes(&mut self) {
        if let Some(probes) = self.probes_mut() {
            probes.asked = 0;
        }
    }

    /// How many identifiers the broker was asked about and has not answered.
    pub(super) fn asked(&self) -> usize {
        match self {
            Origin::Adopted(probes) => probes.asked.count_ones() as usize,
            Origin::Unknown | Origin::Own => 0,
        }
    }

    /// Whether this identifier is one of them.
    pub(super) fn is_asked(&self, id: PacketId) -> bool {
        match self {
            Origin::Adopted(probes) => probes.asked & probes.bit(id) != 0,
            Origin::Unknown | Origin::Own => false,
        }
    }
}

/// Which Packet Identifiers of an adopted session are clean: not open at QoS 2 since the earlier
/// client. PUBREL makes them so, whatever the broker answers.
///
/// ```text
///   1 …………………………… unknown | clean …………… 65,535
///         asked about <----|
/// ```
/// QoS 2 takes clean ones only, from the end that other flows come to last.
#[derive(Clone, Copy, Debug)]
pub(super) struct Probes {
    /// The highest that is not clean.
    unknown: u16,
    /// How many from there down are to be asked about.
    wanted: u16,
    /// Bit n: PUBREL for `unknown - n` was transmitted on this connection and has no answer.
    asked: u32,
    /// Bit n: PUBCOMP came for it.
    answered: u32,
    /// How far from the last the clean one tried next is.
    next: u16,
}

/// How many identifiers can be asked about at a time.
const PROBES: u16 = 32;

impl Probes {
    pub(super) fn new() -> Probes {
        Probes { unknown: u16::MAX, wanted: 0, asked: 0, answered: 0, next: 0 }
    }

    /// The bit of an identifier; none when it is not among those that can be asked about.
    fn bit(&self, id: PacketId) -> u32 {
        let n = self.unknown.checked_sub(id.get()).map(u32::from);
        n.and_then(|n| 1_u32.checked_shl(n)).unwrap_or(0)
    }

    /// The clean ones, each once, from the one tried next on.
    fn clean(&self) -> impl Iterator<Item = PacketId> + use<> {
        let (count, next) = (u32::from(u16::MAX - self.unknown), u32::from(self.next));
        (0..count).filter_map(move |n| {
            let from_last = u16::try_from((next + n) % count).ok()?;
            PacketId::new(u16::MAX - from_last)
        })
    }

    /// Those to be asked about.
    fn unasked(&self) -> impl Iterator<Item = PacketId> + use<'_> {
        let wanted = (0..self.wanted).filter_map(|n| PacketId::new(self.unknown.checked_sub(n)?));
        wanted.filter(|id| (self.asked | self.answered) & self.bit(*id) == 0)
    }

    /// So many messages need clean identifiers.
    fn want(&mut self, messages: usize) {
        let messages = u16::try_from(messages).unwrap_or(u16::MAX);
        self.wanted = self.wanted.max(messages.min(PROBES)).min(self.unknown);
    }

    /// PUBCOMP came; `false` when nobody asked.
    fn handle_answer(&mut self, id: PacketId) -> bool {
        let bit = self.asked & self.bit(id);
        self.asked &= !bit;
        self.answered |= bit;
        while self.answered & 1 != 0 {
            self.answered >>= 1;
            self.asked >>= 1;
            self.unknown = self.unknown.saturating_sub(1);
            self.wanted = self.wanted.saturating_sub(1);
        }
        bit != 0
    }
}

impl<M: Memory> Session<M> {
    /// PUBCOMP for no flow: whether the session asked for it. Then messages may go on.
    pub(super) fn end_probe(&mut self, id: PacketId) -> bool {
        let probes = self.state.identity.origin.probes_mut();
        let is_answer = probes.is_some_and(|probes| probes.handle_answer(id));
        if is_answer {
            self.promote();
        }
        is_answer
    }
}

impl<M: Memory> SessionState<M> {
    /// The session is not the one in which publishes got their identifiers: those say nothing in it,
    /// be it that it begins or that what an earlier client left open there is unknown.
    pub(super) fn void_packet_ids(&mut self) {
        let mut at = self.flows.first(Lane::Waiting);
        while let Some(index) = at {
            at = self.flows.next(index);
            self.flows.clear_key(index);
        }
        self.identity.void_records(self.journal.made());
    }

    /// Whether this is a QoS 2 message of an adopted session.
    pub(super) fn needs_clean_id(&self, index: u32) -> bool {
        if !self.identity.origin.is_adopted() {
            return false;
        }
        let kind = self.flows.get(index).map(|flow| flow.kind);
        matches!(kind, Some(FlowKind::Publish { qos: QoS::ExactlyOnce, .. }))
    }

    /// A clean identifier that no flow has. If there is none, the broker is asked about more.
    pub(super) fn clean_packet_id(&mut self) -> Option<PacketId> {
        let probes = self.identity.origin.probes_mut()?;
        let found = probes.clean().find(|id| self.flows.find(id.get()).is_none());
        match found {
            Some(id) => probes.next = (u16::MAX - id.get()).saturating_add(1),
            None => probes.want(self.flows.len(Lane::Waiting)),
        }
        found
    }

    /// The next identifier to ask about. One that a flow has is asked about when that is over.
    pub(super) fn next_probe(&self) -> Option<PacketId> {
        let Origin::Adopted(probes) = &self.identity.origin else { return None };
        probes.unasked().find(|id| self.flows.find(id.get()).is_none())
    }

    /// PUBRELs that ask. `false` when `out` is full.
    pub(super) fn transmit_probes(
        &mut self,
        link: &Link<M>,
        out: &mut impl Output<M::Body>,
    ) -> Result<bool, BufferTooSmall> {
        while let Some(packet_id) = self.next_probe() {
            let reason = ReasonCode::Success;
            let ack = Ack { packet_id, reason, properties: Properties::EMPTY };
            if !put_short::<M>(out, link.version, &PubRel(ack))? {
                return Ok(false);
            }
            if let Some(probes) = self.identity.origin.probes_mut() {
                probes.asked |= probes.bit(packet_id);
            }
        }
        Ok(true)
    }
}
