//! What the owner of a session decides, and what the broker grants.

use core::num::{NonZeroU16, NonZeroU32};
use core::time::Duration;

use mqtt_proto::{Properties, QoS, Version, Will};

/// What holds for the life of a session, over all its connections.
#[derive(Clone, Debug)]
pub struct Config {
    /// The version packets are made for until the first connection.
    pub version: Version,
    /// Receive Maximum announced: QoS 1/2 messages the broker may have unacknowledged here. Memory
    /// of a fixed size announces no more than it holds. Before 5.0, where it is not announced, reading
    /// waits at twice as many or 32 more ([`Session::wants_input`](crate::Session::wants_input)).
    pub receive_maximum: NonZeroU16,
    /// Maximum Packet Size announced, in bytes; `None` announces none. Before 5.0, which has no way
    /// to announce it, larger messages are skipped ([`Event::Skipped`](crate::Event::Skipped)).
    pub maximum_packet_size: Option<NonZeroU32>,
    /// Topic Alias Maximum announced: topics the broker may have an alias stand for. Memory of a
    /// fixed size has no room for any.
    pub topic_alias_maximum: u16,
    /// An own cap on unfinished QoS 1/2 publishes, below the broker's Receive Maximum. 3.1.1 has no
    /// Receive Maximum: there `None` is [`Config::MAX_IN_FLIGHT_V3`].
    pub max_in_flight: Option<NonZeroU16>,
    /// QoS 1/2 publishes that may wait behind the window, in messages.
    pub max_pending: usize,
    /// QoS 1/2 publishes that may wait behind the window, in bytes.
    pub max_pending_bytes: usize,
    /// Bytes of QoS 0 packets that may wait to be transmitted.
    pub write_queue: usize,
    /// Whether a QoS 0 publish gives a token, too, whose outcome comes once it was transmitted or
    /// cannot be any more. If not (default), it is done when it is accepted, which costs less.
    pub report_qos0: bool,
    /// Whether QoS 0 publishes are kept without a connection, within `write_queue`: those made while
    /// there is none, and those accepted and not transmitted when one ends. The next one sends them
    /// whether or not it resumes the session, but for those its broker does not take, which fail
    /// with their reason ([`Session::unsent`](crate::Session::unsent)). The store has no records of
    /// them. If not (default), they are refused and lost.
    pub keep_qos0: bool,
    /// Whether a publish above the broker's Maximum QoS goes at that (section 3.2.2.3.4). One accepted
    /// before it is known goes at QoS 1 in place of 2, unless records were made of it; all others
    /// fail, as they do if not (default).
    pub qos_downgrade: bool,
    /// Has topic aliases stand for topics on the wire where the broker takes them: a PUBLISH sent for
    /// the first time is shorter, one sent again carries its topic. Memory of a fixed size has no
    /// room for them.
    pub outbound_aliases: bool,
    /// How long a PINGREQ may stay without any inbound byte.
    pub ping_timeout: Duration,
    /// How long a SUBSCRIBE or UNSUBSCRIBE may stay without its answer, from its transmission on;
    /// `None` for ever. Then the connection ends and it is made again, at most three times; after
    /// that it fails.
    pub response_timeout: Option<Duration>,
    /// What happens to messages that may have been carried when the broker lost the session.
    pub session_loss: SessionLoss,
    /// Whether a SUBSCRIBE goes without its Subscription Identifier to a broker that has none. If
    /// not (default), it fails there.
    pub optional_identifiers: bool,
    /// Whether records are made and packets wait for them (`poll_store`, `handle_stored`).
    pub store: bool,
    /// Whether payloads kept without a copy are handed back (`poll_spent`) and not dropped: for
    /// owners whose payloads must not be dropped just anywhere.
    pub hand_back: bool,
    /// Turns off the tolerances for brokers that break the standard: `lenient`, Receive Maximum
    /// enforced at twice the announced value or at 32 more, no ClientID assigned, PUBACK for QoS 2
    /// before 5.0.
    pub strict: bool,
    /// Closes the connection when the broker has a session that this end has no state of. If not
    /// (default), the session is adopted: before QoS 2 uses a Packet Identifier in it for the first
    /// time, the broker is made to let go of it with PUBREL.
    pub strict_session: bool,
    /// Reads packets whose Remaining Length is longer than it need be, and any flags of PINGRESP.
    pub lenient: bool,
    /// Where random choices come from.
    pub seed: u64,
}

impl Config {
    /// Unfinished QoS 1/2 publishes before MQTT 5.0 unless `max_in_flight` says otherwise: what
    /// brokers in use take without closing the connection.
    pub const MAX_IN_FLIGHT_V3: NonZeroU16 = NonZeroU16::new(20).unwrap();

    /// The documented defaults with this seed.
    pub const fn new(seed: u64) -> Config {
        Config {
            version: Version::V5,
            receive_maximum: const { NonZeroU16::new(1024).unwrap() },
            maximum_packet_size: None,
            topic_alias_maximum: 0,
            max_in_flight: None,
            max_pending: 1024,
            max_pending_bytes: 16 << 20,
            write_queue: 1 << 20,
            report_qos0: false,
            qos_downgrade: false,
            keep_qos0: false,
            outbound_aliases: false,
            ping_timeout: Duration::from_secs(10),
            response_timeout: Some(Duration::from_secs(30)),
            session_loss: SessionLoss { qos1: true, qos2: false },
            optional_identifiers: false,
            store: false,
            hand_back: false,
            strict: false,
            strict_session: false,
            lenient: false,
            seed,
        }
    }
}

/// Which messages that a connection may have carried are sent again, as new, after session loss.
/// Those that are not end as [`Outcome::Indeterminate`](crate::Outcome::Indeterminate).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionLoss {
    /// Republish QoS 1 (default).
    pub qos1: bool,
    /// Republish QoS 2, which may duplicate it (not the default).
    pub qos2: bool,
}

/// The CONNECT of one attempt.
#[derive(Clone, Copy, Debug)]
pub struct Connect<'a> {
    /// The version to speak.
    pub version: Version,
    /// ClientID; empty to have one assigned. After that the assigned one is used.
    pub client_id: &'a str,
    /// Clean Start: drops the session state of both ends.
    pub clean_start: bool,
    /// Session Expiry Interval in seconds, `u32::MAX` for never. 3.1.1: CleanSession exactly
    /// when it is 0.
    pub session_expiry: u32,
    /// Keep Alive in seconds, 0 for none.
    pub keep_alive: u16,
    /// User Name.
    pub username: Option<&'a str>,
    /// Password.
    pub password: Option<&'a [u8]>,
    /// The Will Message.
    pub will: Option<Will<'a>>,
    /// Further CONNECT properties (5.0): User Properties, Request Problem Information, Request
    /// Response Information, Authentication Method and Data. Those the session decides (Session
    /// Expiry Interval, Receive Maximum, Maximum Packet Size, Topic Alias Maximum) are added.
    pub properties: Properties<'a>,
}

impl<'a> Connect<'a> {
    /// A clean 5.0 connect with Keep Alive 30 s and Session Expiry 300 s.
    pub const fn new(client_id: &'a str) -> Connect<'a> {
        Connect {
            version: Version::V5,
            client_id,
            clean_start: true,
            session_expiry: 300,
            keep_alive: 30,
            username: None,
            password: None,
            will: None,
            properties: Properties::EMPTY,
        }
    }
}

/// What the broker granted in CONNACK (section 3.2.2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Maximum QoS.
    pub maximum_qos: QoS,
    /// Retain Available.
    pub retain_available: bool,
    /// Maximum Packet Size in bytes; `None` is the protocol's own limit.
    pub maximum_packet_size: Option<NonZeroU32>,
    /// Receive Maximum: unfinished QoS 1/2 publishes.
    pub receive_maximum: NonZeroU16,
    /// Topic Alias Maximum.
    pub topic_alias_maximum: u16,
    /// Wildcard Subscription Available.
    pub wildcard_available: bool,
    /// Subscription Identifier Available.
    pub subscription_identifier_available: bool,
    /// Shared Subscription Available.
    pub shared_available: bool,
    /// Keep Alive in force, in seconds; 0 = off.
    pub keep_alive: u16,
    /// Session Expiry Interval in force, in seconds.
    pub session_expiry: u32,
}

impl Limits {
    /// The largest packet the broker takes, in bytes.
    #[inline]
    pub(crate) fn packet_size(&self) -> usize {
        self.maximum_packet_size.map_or(usize::MAX, |size| size.get() as usize)
    }
}
