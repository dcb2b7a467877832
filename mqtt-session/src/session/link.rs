//! What belongs to one connection and is dropped whole when it ends.

use core::num::{NonZeroU16, NonZeroU32};

use mqtt_proto::{ConnAck, Dialect, PacketId, QoS, ReasonCode, Role, Version};

use super::aliases::Aliases;
use super::authenticating::Exchange;
use super::keep_alive::KeepAlive;
use super::skipping::Skipping;
use crate::memory::{Arena, Block, Topics};
use crate::{CloseReason, Config, Connect, Limits, Memory, Time};

/// One connection.
pub(crate) struct Link<M: Memory> {
    pub(crate) version: Version,
    pub(crate) stage: Stage<M>,
    pub(crate) exchange: Exchange<M>,
    pub(crate) keep_alive: KeepAlive,
    /// The Session Expiry Interval of its CONNECT, in seconds.
    pub(crate) asked_expiry: u32,
    /// The Receive Maximum of its CONNECT.
    pub(crate) receive_maximum: u16,
    /// The Topic Alias Maximum of its CONNECT.
    pub(crate) topic_alias_maximum: u16,
    /// The Request Problem Information of its CONNECT.
    pub(crate) problem_information: bool,
    /// The Request Response Information of its CONNECT.
    pub(crate) response_information: bool,
    /// Aliases of the topics of this end.
    pub(super) aliases: Aliases<M>,
    /// The PUBLISH that is not kept, of which more is to come.
    pub(crate) skipping: Option<Skipping>,
    /// Packets are read with the tolerances of `Config::lenient`.
    lenient: bool,
    /// Answers about identifiers that belong to nothing.
    pub(crate) strays: Strays,
    /// The request that the packet which broke the standard was to answer.
    pub(crate) misanswered: Option<u32>,
    /// The owner does not read.
    pub(crate) is_paused: bool,
    /// Since when the next message waits for room, or an answer behind it; before 5.0 only.
    pub(crate) braked_at: Option<Time>,
    /// The transport is gone; what was received is still used.
    pub(crate) transport_ended: bool,
}

/// How far a connection is.
pub(crate) enum Stage<M: Memory> {
    /// CONNECT is to be transmitted.
    Greeting { asked: Asked },
    /// CONNECT was transmitted, CONNACK has not been read.
    Waiting { asked: Asked },
    /// CONNACK accepted the connection.
    Up(Up),
    /// DISCONNECT is to be transmitted, after what goes before it.
    Leaving { before: Before, farewell: Farewell<M>, reason: CloseReason },
    /// Nothing more is sent or read; `flush` when a last packet is on its way.
    Left { reason: CloseReason, flush: bool },
}

/// What goes before a DISCONNECT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Before {
    /// Nothing: no CONNACK said whether the session goes on.
    Nothing,
    /// Acknowledgements already given.
    Acks,
    /// Those, and what the application had asked for.
    AcksAndRequests,
}

/// A DISCONNECT to be transmitted.
pub(crate) enum Farewell<M: Memory> {
    /// One that says no more than its reason code: it needs no memory.
    Code(ReasonCode),
    /// One with properties.
    Packet(Block<M>),
}

/// What CONNECT asked for and CONNACK may change.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked {
    pub(crate) clean_start: bool,
    pub(crate) keep_alive: u16,
    pub(crate) session_expiry: u32,
}

/// What CONNACK granted and what is left of it.
#[derive(Debug)]
pub(crate) struct Up {
    pub(crate) limits: Limits,
    /// Unfinished QoS 1/2 publishes allowed at once.
    window: usize,
    /// Likewise, when they need not be sent one at a time.
    widest: usize,
    /// Those there are, from the moment they have their place in the window.
    unfinished: usize,
}

impl<M: Memory> Link<M> {
    pub(crate) fn new(
        now: Time,
        connect: &Connect<'_>,
        receive_maximum: u16,
        config: &Config,
    ) -> Link<M> {
        let asked = Asked {
            clean_start: clean_start(connect),
            keep_alive: connect.keep_alive,
            session_expiry: connect.session_expiry,
        };
        let given = connect.properties;
        let authenticates = given.authentication_method().is_some();
        Link {
            version: connect.version,
            stage: Stage::Greeting { asked },
            exchange: if authenticates { Exchange::Broker } else { Exchange::Idle },
            keep_alive: KeepAlive::new(now, config.ping_timeout),
            asked_expiry: connect.session_expiry,
            receive_maximum,
            topic_alias_maximum: topic_alias_maximum::<M>(config),
            problem_information: given.request_problem_information().unwrap_or(true),
            response_information: given.request_response_information().unwrap_or(false),
            aliases: Aliases::none(),
            skipping: None,
            lenient: config.lenient && !config.strict,
            strays: Strays::default(),
            misanswered: None,
            is_paused: false,
            braked_at: None,
            transport_ended: false,
        }
    }

    /// How packets of the broker are read.
    pub(crate) fn inbound_dialect(&self) -> Dialect {
        Dialect { version: self.version, sender: Role::Server, lenient: self.lenient }
    }

    pub(crate) fn up(&self) -> Option<&Up> {
        if let Stage::Up(up) = &self.stage { Some(up) } else { None }
    }

    pub(crate) fn up_mut(&mut self) -> Option<&mut Up> {
        if let Stage::Up(up) = &mut self.stage { Some(up) } else { None }
    }

    /// Nothing more is sent: takes back what was to be.
    pub(crate) fn leave(&mut self, arena: &mut M::Arena, reason: CloseReason) {
        self.exchange.end(arena);
        self.replace_stage(arena, Stage::Left { reason, flush: false });
    }

    /// Ends the connection with a DISCONNECT of this code, if the version has one and the broker
    /// got a CONNECT to end (section 4.13).
    pub(crate) fn leave_saying(
        &mut self,
        arena: &mut M::Arena,
        code: ReasonCode,
        reason: CloseReason,
    ) {
        let before = match &self.stage {
            Stage::Waiting { .. } => Some(Before::Nothing),
            Stage::Up(_) => Some(Before::Acks),
            Stage::Greeting { .. } | Stage::Leaving { .. } | Stage::Left { .. } => None,
        };
        match before.filter(|_| self.version.has_properties() && !self.transport_ended) {
            Some(before) => {
                let farewell = Farewell::Code(code);
                self.replace_stage(arena, Stage::Leaving { before, farewell, reason });
            }
            None => self.leave(arena, reason),
        }
    }

    /// Goes to another stage; a packet that waited is taken back.
    pub(crate) fn replace_stage(&mut self, arena: &mut M::Arena, stage: Stage<M>) {
        match core::mem::replace(&mut self.stage, stage) {
            Stage::Leaving { farewell: Farewell::Packet(block), .. } => arena.give_back(block),
            Stage::Greeting { .. }
            | Stage::Waiting { .. }
            | Stage::Up(_)
            | Stage::Leaving { farewell: Farewell::Code(_), .. }
            | Stage::Left { .. } => {}
        }
    }

    /// Whether packets of the broker still matter.
    pub(crate) fn is_reading(&self) -> bool {
        matches!(self.stage, Stage::Greeting { .. } | Stage::Waiting { .. } | Stage::Up(_))
    }

    /// What the broker says is read from now on, or not.
    pub(crate) fn note_reading(&mut self, now: Time) {
        self.keep_alive.set_paused(now, self.is_paused || self.braked_at.is_some());
    }

    /// Whether there is room for an answer to whatever comes next.
    pub(crate) fn can_answer(&self) -> bool {
        self.transport_ended || self.strays.has_room()
    }
}

/// Topic Alias Maximum as it goes into CONNECT.
pub(crate) fn topic_alias_maximum<M: Memory>(config: &Config) -> u16 {
    config.topic_alias_maximum.min(M::Topics::LIMIT)
}

/// Clean Start as it goes into CONNECT. CleanSession of 3.1.1 also says that the session ends with
/// the connection.
pub(crate) fn clean_start(connect: &Connect<'_>) -> bool {
    match connect.version {
        Version::V5 => connect.clean_start,
        Version::V3_1_1 | Version::V3_1 => connect.session_expiry == 0,
    }
}

/// How this client writes its packets in `version`.
pub(crate) fn outbound_dialect(version: Version) -> Dialect {
    Dialect { version, sender: Role::Client, lenient: false }
}

impl Up {
    /// `unfinished` publishes are past PUBREC: they take part of the window although it is their
    /// PUBREL that is sent again, so that no moment sees more than the window.
    pub(crate) fn new(
        limits: Limits,
        version: Version,
        max_in_flight: Option<NonZeroU16>,
        unfinished: usize,
    ) -> Up {
        let own = max_in_flight.or(match version {
            Version::V5 => None,
            Version::V3_1_1 | Version::V3_1 => Some(Config::MAX_IN_FLIGHT_V3),
        });
        let granted = limits.receive_maximum;
        let window = usize::from(own.map_or(granted, |own| own.min(granted)).get());
        Up { limits, window, widest: window, unfinished }
    }

    /// One publish at a time, until `widen`.
    pub(crate) fn narrow(&mut self) {
        self.window = 1;
    }

    pub(crate) fn widen(&mut self) {
        self.window = self.widest;
    }

    /// How many more publishes may be sent now (section 4.9).
    pub(crate) fn quota(&self) -> usize {
        self.window.saturating_sub(self.unfinished)
    }

    /// A publish has its place in the window.
    pub(crate) fn take_quota(&mut self) {
        self.unfinished += 1;
    }

    /// A publish with a place in the window ended.
    pub(crate) fn give_quota(&mut self) {
        self.unfinished = self.unfinished.saturating_sub(1);
    }
}

/// What CONNACK grants; a property that is absent has its default (section 3.2.2.3).
pub(crate) fn limits(connack: &ConnAck<'_>, asked: &Asked) -> Limits {
    let properties = connack.properties;
    Limits {
        maximum_qos: properties.maximum_qos().unwrap_or(QoS::ExactlyOnce),
        retain_available: properties.retain_available().unwrap_or(true),
        maximum_packet_size: properties.maximum_packet_size().and_then(NonZeroU32::new),
        receive_maximum: properties
            .receive_maximum()
            .and_then(NonZeroU16::new)
            .unwrap_or(NonZeroU16::MAX),
        topic_alias_maximum: properties.topic_alias_maximum().unwrap_or(0),
        wildcard_available: properties.wildcard_subscription_available().unwrap_or(true),
        subscription_identifier_available: properties
            .subscription_identifier_available()
            .unwrap_or(true),
        shared_available: properties.shared_subscription_available().unwrap_or(true),
        keep_alive: properties.server_keep_alive().unwrap_or(asked.keep_alive),
        session_expiry: properties.session_expiry_interval().unwrap_or(asked.session_expiry),
    }
}

/// Answers to acknowledgements that belong to nothing, in an order of their own; a few, then reading
/// waits for writing.
#[derive(Debug, Default)]
pub(crate) struct Strays {
    waiting: [Option<Stray>; STRAYS],
    len: usize,
}

/// How many such answers may wait.
const STRAYS: usize = 8;

/// One such answer, with reason code 0x92.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Stray {
    PubRel(PacketId),
    PubComp(PacketId),
}

impl Strays {
    pub(crate) fn has_room(&self) -> bool {
        self.len < STRAYS
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Adds one; the caller saw `has_room`.
    pub(crate) fn push(&mut self, stray: Stray) {
        if let Some(place) = self.waiting.get_mut(self.len) {
            *place = Some(stray);
            self.len += 1;
        }
    }

    pub(crate) fn first(&self) -> Option<Stray> {
        self.waiting.first().copied().flatten()
    }

    pub(crate) fn pop(&mut self) {
        if let [first, ..] = &mut self.waiting
            && first.take().is_some()
        {
            self.waiting.rotate_left(1);
            self.len -= 1;
        }
    }
}
