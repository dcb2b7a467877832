//! What a broker takes and grants.

use std::collections::BTreeMap;
use std::num::{NonZeroU16, NonZeroU32, NonZeroUsize};
use std::time::Duration;

use mqtt_proto::{QoS, Version};

/// What a broker takes and grants. The default is generous: all versions, every feature, no limit
/// below those of the standard.
///
/// CONNACK announces the limits in 5.0. Who goes beyond one is disconnected with the code named here,
/// before 5.0 without a word, unless it says otherwise; when CONNECT or its Will does, CONNACK refuses
/// it with that code, and before 5.0 the connection ends without one.
///
/// ```
/// use std::num::{NonZeroU16, NonZeroUsize};
///
/// use mqtt_testkit::TcpBroker;
/// use mqtt_testkit::broker::Settings;
///
/// // A broker as small devices meet it.
/// let broker = TcpBroker::start(Settings {
///     receive_maximum: NonZeroU16::new(2).expect("not 0"),
///     maximum_queued: NonZeroUsize::new(10),
///     retain_available: false,
///     server_keep_alive: Some(5),
///     ..Settings::default()
/// })?;
/// # drop(broker);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Settings {
    /// The versions it speaks.
    pub versions: Vec<Version>,
    /// User Names with their Passwords; `None` lets everybody in.
    pub credentials: Option<BTreeMap<String, Vec<u8>>>,
    /// The enhanced authentication it takes; `None` takes none.
    pub authentication: Option<Authentication>,
    /// Filters of topics nobody may publish or subscribe to: a message is refused when its topic
    /// matches, a subscription when its filter is one of them.
    pub forbidden: Vec<String>,
    /// Filters of topics that end the connection of whoever publishes to them, as brokers do that
    /// choke on a message: with DISCONNECT, which before 5.0 there is none of.
    pub poisonous: Vec<String>,
    /// How long a connection may stay without CONNECT, and how long enhanced authentication may take
    /// from there; `None` for ever.
    pub connect_timeout: Option<Duration>,
    /// The longest Session Expiry Interval granted, in seconds; `u32::MAX` for never.
    pub maximum_session_expiry: u32,
    /// Receive Maximum announced: unfinished QoS 1/2 messages a client may have here (0x93). Before 5.0
    /// it may have any number.
    pub receive_maximum: NonZeroU16,
    /// Maximum QoS of messages and Wills from clients (0x9B); subscriptions get it at most.
    pub maximum_qos: QoS,
    /// Retain Available: whether clients may set RETAIN, in a Will, too (0x9A).
    pub retain_available: bool,
    /// Maximum Packet Size announced, in bytes, of every packet from a client, CONNECT included (0x95);
    /// `None` is the protocol's own limit.
    pub maximum_packet_size: Option<NonZeroU32>,
    /// Topic Alias Maximum announced: aliases a client may use (0x94). There are none before 5.0.
    pub topic_alias_maximum: u16,
    /// Wildcard Subscription Available (0xA2). Before 5.0 SUBACK refuses the filter alone, with 0x80.
    pub wildcard_available: bool,
    /// Subscription Identifier Available (0xA1). There are none before 5.0.
    pub subscription_identifier_available: bool,
    /// Shared Subscription Available (0x9E). Before 5.0 there are none, and `$share` is a level.
    pub shared_available: bool,
    /// Server Keep Alive in seconds, which replaces the client's in 5.0; 0 = off.
    pub server_keep_alive: Option<u16>,
    /// Response Information for clients that ask for it.
    pub response_information: Option<String>,
    /// Uses topic aliases to clients that take them.
    pub outbound_aliases: bool,
    /// Refuses, with 0x99, a message or Will whose Payload Format Indicator says text and whose
    /// payload is none.
    pub checks_payload_format: bool,
    /// Messages that wait for one client at most; `None` for any number. When there is no room, a
    /// QoS 1/2 message from a client is refused with 0x97, before 5.0 by the end of the connection,
    /// and reaches nobody; any other message is dropped for the client that has no room.
    pub maximum_queued: Option<NonZeroUsize>,
    /// Says "No matching subscribers" in PUBACK and PUBREC where it is so.
    pub reports_no_subscribers: bool,
    /// What a client with overlapping subscriptions gets.
    pub overlapping: Overlapping,
    /// How many entries the log keeps: the newest.
    pub log_length: usize,
    /// Makes the Client Identifiers it assigns differ from those of another broker.
    pub seed: u32,
}

/// What a client gets of a message that several of its subscriptions match (section 3.3.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overlapping {
    /// One copy, with the highest QoS and all Subscription Identifiers.
    OneCopy,
    /// A copy for each subscription.
    CopyForEach,
}

/// An enhanced authentication for tests (section 4.12): what is said, word for word.
///
/// ```
/// use mqtt_testkit::broker::{Authentication, Broker, Settings};
///
/// let authentication = Authentication {
///     method: "RIDDLE".to_owned(),
///     first: None,
///     rounds: vec![(b"what walks on four legs?".to_vec(), b"man".to_vec())],
///     last: Some(b"welcome".to_vec()),
/// };
/// let settings = Settings { authentication: Some(authentication), ..Settings::default() };
/// let broker = Broker::new(settings);
/// # assert_eq!(broker.sessions().count(), 0);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authentication {
    /// Authentication Method.
    pub method: String,
    /// Authentication Data the client begins with; `None` for none.
    pub first: Option<Vec<u8>>,
    /// What the broker asks, and what the client is to answer.
    pub rounds: Vec<(Vec<u8>, Vec<u8>)>,
    /// Authentication Data the broker ends with; `None` for none.
    pub last: Option<Vec<u8>>,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            versions: vec![Version::V3_1, Version::V3_1_1, Version::V5],
            credentials: None,
            authentication: None,
            forbidden: Vec::new(),
            poisonous: Vec::new(),
            connect_timeout: Some(Duration::from_secs(10)),
            maximum_session_expiry: u32::MAX,
            receive_maximum: NonZeroU16::MAX,
            maximum_qos: QoS::ExactlyOnce,
            retain_available: true,
            maximum_packet_size: None,
            topic_alias_maximum: u16::MAX,
            wildcard_available: true,
            subscription_identifier_available: true,
            shared_available: true,
            server_keep_alive: None,
            response_information: None,
            outbound_aliases: true,
            checks_payload_format: false,
            maximum_queued: None,
            reports_no_subscribers: true,
            overlapping: Overlapping::OneCopy,
            log_length: 1000,
            seed: 0,
        }
    }
}
