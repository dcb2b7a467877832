//! One network connection: what is dropped whole when it ends.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use mqtt_proto::{Connect, PacketId, Properties, Property, Publish, ReasonCode, Version};
use mqtt_session::Time;

use super::authentication::{Exchange, Handshake};
use super::message::Delivery;
use super::wire::{self, Fault, Unwritten};

/// Names a connection of one broker; never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub(super) u64);

impl fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "connection {}", self.0)
    }
}

#[derive(Debug)]
pub(super) struct Connection {
    pub(super) phase: Phase,
    /// What was received and not read yet.
    pub(super) input: Vec<u8>,
    /// What was written and not transmitted yet.
    pub(super) output: Vec<u8>,
    pub(super) pace: Pace,
}

/// How far a connection is.
#[derive(Debug)]
pub(super) enum Phase {
    /// CONNECT is awaited, until this time.
    Opened { deadline: Option<Time> },
    /// CONNECT came, and the client proves who it is.
    Authenticating(Box<Handshake>),
    /// CONNACK accepted it.
    Connected(Box<Link>),
    /// It is to be closed when all output was transmitted.
    Closing,
}

/// Whether a connection moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pace {
    Running,
    /// Nothing is read, nothing transmitted.
    Stalled,
}

/// What holds between CONNACK and the end of the connection.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) client_id: String,
    pub(super) version: Version,
    /// Session Expiry Interval of the CONNECT.
    pub(super) asked_expiry: u32,
    /// How long the client may be silent.
    pub(super) patience: Option<Duration>,
    pub(super) last_packet: Time,
    /// The client's Maximum Packet Size.
    pub(super) packet_limit: usize,
    pub(super) quota: SendQuota,
    /// QoS 2 messages that came on this connection and have no PUBCOMP yet.
    pub(super) unfinished: BTreeSet<PacketId>,
    /// Messages that are finished for the broker alone: what says so was not transmitted yet.
    pub(super) unheard: usize,
    /// The Packet Identifiers of QoS 1/2 messages that came on this connection.
    pub(super) carried: BTreeSet<PacketId>,
    /// The client's topic aliases.
    pub(super) inbound_aliases: BTreeMap<u16, String>,
    pub(super) outbound_aliases: OutboundAliases,
    /// A re-authentication that runs.
    pub(super) exchange: Option<Exchange>,
    /// Authentication Method of the CONNECT.
    pub(super) method: Option<String>,
}

/// How many QoS 1/2 messages may be sent (section 4.9). Those count as well that an earlier connection
/// carried and this one only has to release: they wait for PUBCOMP like the others.
#[derive(Debug)]
pub(super) struct SendQuota {
    unfinished: usize,
    /// The client's Receive Maximum.
    maximum: u16,
}

impl SendQuota {
    /// [MQTT-4.9.0-1]
    pub(super) fn new(receive_maximum: u16) -> SendQuota {
        SendQuota { unfinished: 0, maximum: receive_maximum }
    }

    /// [MQTT-4.9.0-2]
    pub(super) fn is_used_up(&self) -> bool {
        self.unfinished >= usize::from(self.maximum)
    }

    pub(super) fn take(&mut self) {
        self.unfinished += 1;
    }

    /// After PUBACK, PUBCOMP or a failing PUBREC.
    pub(super) fn give_back(&mut self) {
        self.unfinished = self.unfinished.saturating_sub(1);
    }
}

/// The topics for which the broker sends an alias, the first ones that come along.
#[derive(Debug)]
pub(super) struct OutboundAliases {
    /// The client's Topic Alias Maximum.
    maximum: u16,
    topics: BTreeMap<String, u16>,
}

/// How the topic of a PUBLISH is written (section 3.3.2.3.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Alias {
    None,
    /// The topic goes along and the alias stands for it from now on.
    New(u16),
    /// The alias alone.
    Known(u16),
}

impl OutboundAliases {
    pub(super) fn new(maximum: u16) -> OutboundAliases {
        OutboundAliases { maximum, topics: BTreeMap::new() }
    }

    fn of(&self, topic: &str) -> Alias {
        if let Some(&alias) = self.topics.get(topic) {
            return Alias::Known(alias);
        }
        // [MQTT-3.1.2-26], [MQTT-3.1.2-27]
        match u16::try_from(self.topics.len() + 1) {
            Ok(next) if next <= self.maximum => Alias::New(next),
            Ok(_) | Err(_) => Alias::None,
        }
    }
}

/// A PUBLISH beside its message.
#[derive(Clone, Copy, Debug)]
pub(super) enum Sending {
    AtMostOnce,
    First(PacketId),
    Again(PacketId),
}

impl Connection {
    pub(super) fn new(deadline: Option<Time>) -> Connection {
        Connection {
            phase: Phase::Opened { deadline },
            input: Vec::new(),
            output: Vec::new(),
            pace: Pace::Running,
        }
    }

    /// Appends what was written to `out`.
    pub(super) fn transmit(&mut self, out: &mut Vec<u8>) {
        if !self.has_output() {
            return;
        }
        out.append(&mut self.output);
        match &mut self.phase {
            Phase::Connected(link) => link.unheard = 0,
            Phase::Opened { .. } | Phase::Authenticating(_) | Phase::Closing => {}
        }
    }

    /// Whether there is something to transmit now.
    pub(super) fn has_output(&self) -> bool {
        match self.pace {
            Pace::Running => !self.output.is_empty(),
            Pace::Stalled => false,
        }
    }

    /// When the broker loses patience.
    pub(super) fn deadline(&self) -> Option<Time> {
        match (&self.phase, self.pace) {
            // Silence is no fault of a client that nobody reads.
            (_, Pace::Stalled) | (Phase::Closing, Pace::Running) => None,
            (Phase::Opened { deadline }, Pace::Running) => *deadline,
            (Phase::Authenticating(handshake), Pace::Running) => handshake.deadline,
            (Phase::Connected(link), Pace::Running) => {
                link.patience.map(|patience| link.last_packet.after(patience))
            }
        }
    }

    /// What is wrong when the deadline passed.
    pub(super) fn lateness(&self) -> Fault {
        match &self.phase {
            Phase::Connected(_) => {
                Fault::new(ReasonCode::KeepAliveTimeout, "no packet for 1.5 times Keep Alive")
            }
            Phase::Opened { .. } | Phase::Authenticating(_) | Phase::Closing => {
                Fault::new(ReasonCode::UnspecifiedError, "CONNECT takes too long")
            }
        }
    }
}

impl Link {
    /// A link for what this CONNECT announces.
    pub(super) fn new(connect: &Connect<'_>, client_id: &str, now: Time) -> Link {
        let properties = &connect.properties;
        Link {
            client_id: client_id.to_owned(),
            version: connect.version,
            asked_expiry: asked_expiry(connect),
            patience: None,
            last_packet: now,
            packet_limit: packet_limit(connect),
            quota: SendQuota::new(properties.receive_maximum().unwrap_or(u16::MAX)),
            unfinished: BTreeSet::new(),
            unheard: 0,
            carried: BTreeSet::new(),
            inbound_aliases: BTreeMap::new(),
            outbound_aliases: OutboundAliases::new(0),
            exchange: None,
            method: properties.authentication_method().map(str::to_owned),
        }
    }

    /// Writes a PUBLISH. An error means that nothing was written.
    pub(super) fn publish(
        &mut self,
        delivery: &Delivery,
        sending: Sending,
        now: Time,
        out: &mut Vec<u8>,
    ) -> Result<(), Unwritten> {
        let topic = delivery.kept.message.topic.as_str();
        let mut alias = Alias::None;
        let mut properties = Vec::new();
        if self.version.has_properties() {
            alias = self.outbound_aliases.of(topic);
            properties = delivery.properties(now);
        }
        match alias {
            Alias::None => {}
            Alias::New(alias) | Alias::Known(alias) => properties.push(Property::TopicAlias(alias)),
        }
        let (dup, packet_id) = match sending {
            // [MQTT-3.3.1-2]
            Sending::AtMostOnce => (false, None),
            Sending::First(packet_id) => (false, Some(packet_id)),
            // [MQTT-3.3.1-1]
            Sending::Again(packet_id) => (true, Some(packet_id)),
        };
        let packet = Publish {
            dup,
            qos: delivery.qos,
            retain: delivery.retain,
            topic: if matches!(alias, Alias::Known(_)) { "" } else { topic },
            packet_id,
            properties: Properties::from_slice(&properties),
            payload: &delivery.kept.message.payload,
        };
        // [MQTT-3.1.2-24]
        wire::write(&packet, self.version, self.packet_limit, out)?;
        if let Alias::New(alias) = alias {
            self.outbound_aliases.topics.insert(topic.to_owned(), alias);
        }
        if packet_id.is_some() {
            self.quota.take();
        }
        Ok(())
    }
}

/// The Session Expiry Interval of a CONNECT; before 5.0 Clean Session decides.
pub(super) fn asked_expiry(connect: &Connect<'_>) -> u32 {
    match connect.version {
        Version::V5 => connect.properties.session_expiry_interval().unwrap_or(0),
        Version::V3_1 | Version::V3_1_1 if connect.clean_start => 0,
        Version::V3_1 | Version::V3_1_1 => u32::MAX,
    }
}

/// The client's Maximum Packet Size.
pub(super) fn packet_limit(connect: &Connect<'_>) -> usize {
    let size = connect.properties.maximum_packet_size();
    size.and_then(|size| usize::try_from(size).ok()).unwrap_or(usize::MAX)
}
