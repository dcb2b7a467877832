//! What a seed decides once: who there is, and how rough it gets.

use std::num::{NonZeroU16, NonZeroU32};
use std::time::Duration;

use mqtt_session::proto::{QoS, Version};
use mqtt_session::{Backoff, Config, SessionLoss, SupervisorConfig, VersionChoice};
use mqtt_testkit::broker::{Authentication, Settings};

use crate::oracle::Facts;
use crate::random::Random;

/// The topics messages go to.
pub(crate) const TOPICS: [&str; 4] = ["t/0", "t/1", "t/2", "a/longer/topic"];

/// A topic that 5.0 says nobody may publish to.
pub(crate) const FORBIDDEN: &str = "no/way";

/// A topic at which the broker ends the connection, until it is calm.
pub(crate) const POISON: &str = "poison";

/// Where the Wills go.
pub(crate) const WILL: &str = "will";

/// The Authentication Method of those who prove who they are.
pub(crate) const METHOD: &str = "riddle";

/// The Authentication Data they begin with.
pub(crate) const OPENING: &[u8] = b"here I am";

/// What the broker asks them, and what they answer.
pub(crate) const RIDDLES: [(&[u8], &[u8]); 2] = [(b"four legs?", b"a dog"), (b"two?", b"a hen")];

/// One client.
#[derive(Clone, Debug)]
pub(crate) struct ClientPlan {
    pub(crate) facts: Facts,
    pub(crate) config: Config,
    pub(crate) supervisor: SupervisorConfig,
    pub(crate) name: String,
    /// In seconds.
    pub(crate) keep_alive: u16,
    pub(crate) session_expiry: u32,
    pub(crate) publishes: bool,
    pub(crate) subscribes: bool,
    /// Some of its messages end connections.
    pub(crate) poisons: bool,
    pub(crate) acknowledging: Acknowledging,
    /// The store fails now and then.
    pub(crate) store_fails: bool,
    /// How long the store takes at most.
    pub(crate) store_delay: Duration,
}

/// When the application acknowledges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Acknowledging {
    AtOnce,
    /// Within seconds, in any order.
    Late,
    /// One in three only once it gets quiet.
    Reluctant,
}

impl ClientPlan {
    pub(crate) fn new(number: u16, random: &mut Random) -> ClientPlan {
        let level = random.pick([5, 5, 4]);
        let grows = !random.one_in(3);
        let has_store = random.one_in(2);
        let (publishes, subscribes) = random.pick([(true, true), (true, false), (false, true)]);
        // Before 5.0 a broker does not know what the client can hold.
        let is_told = level == 5;
        let (publishes, subscribes) =
            if is_told || grows { (publishes, subscribes) } else { (true, false) };
        let receive_maximum = if is_told { random.pick([1, 2, 5, 40]) } else { u16::MAX };
        let repeats = random.pick([[true, false], [true, false], [true, true], [false, false]]);
        let max_in_flight = random.pick([None, None, Some(1), Some(3)]).and_then(NonZeroU16::new);
        let wants_aliases = random.one_in(2) && grows;
        let authenticates = level == 5 && random.one_in(3);
        let config = Config {
            version: if level == 5 { Version::V5 } else { Version::V3_1_1 },
            receive_maximum: NonZeroU16::new(receive_maximum).unwrap_or(NonZeroU16::MIN),
            maximum_packet_size: NonZeroU32::new(random.pick([0, 0, 200])).filter(|_| level == 5),
            topic_alias_maximum: random.pick([0, 2, 10]),
            max_in_flight,
            max_pending: random.pick([1, 8, 100]),
            outbound_aliases: wants_aliases,
            keep_qos0: random.one_in(2),
            session_loss: SessionLoss { qos1: repeats[0], qos2: repeats[1] },
            optional_identifiers: random.one_in(2),
            store: has_store,
            strict: random.one_in(2),
            ..Config::new(random.next())
        };
        let supervisor = supervisor(config.version, random);
        let max_in_flight = max_in_flight.map(NonZeroU16::get);
        let response_timeout = config.response_timeout.unwrap_or(Duration::MAX);
        let facts = Facts {
            number,
            level,
            has_store,
            grows,
            max_in_flight,
            receive_maximum,
            repeats,
            wants_aliases,
            authenticates,
            response_timeout,
        };
        ClientPlan {
            facts,
            config,
            supervisor,
            name: format!("c{number}"),
            keep_alive: random.pick([0, 5, 20, 60]),
            session_expiry: random.pick([u32::MAX, u32::MAX, 40]),
            publishes,
            subscribes,
            poisons: random.one_in(4),
            acknowledging: random.pick([
                Acknowledging::AtOnce,
                Acknowledging::Late,
                Acknowledging::Reluctant,
            ]),
            store_fails: random.one_in(2),
            store_delay: Duration::from_millis(random.pick([0, 10, 2000])),
        }
    }
}

fn supervisor(version: Version, random: &mut Random) -> SupervisorConfig {
    let first = Duration::from_millis(random.pick([100, 1000]));
    let longest = Duration::from_secs(random.pick([5, 30]));
    SupervisorConfig {
        backoff: Backoff::Exponential { first, longest, jitter_percent: 20 },
        version: VersionChoice::Only(version),
        max_attempts: None,
        stop_on_refusal: false,
        reconnect: true,
        follow_redirects: !random.one_in(4),
        seed: random.next(),
    }
}

/// What the broker grants, until it restarts.
pub(crate) fn settings(random: &mut Random) -> Settings {
    let size = NonZeroU32::new(random.pick([0, 0, 60, 300]));
    Settings {
        poisonous: vec![POISON.to_owned()],
        receive_maximum: random.pick(
            [1, 2, 10, 65_535].map(|most: u16| NonZeroU16::new(most).unwrap_or(NonZeroU16::MIN)),
        ),
        maximum_qos: random.pick([
            QoS::ExactlyOnce,
            QoS::ExactlyOnce,
            QoS::ExactlyOnce,
            QoS::AtLeastOnce,
        ]),
        retain_available: !random.one_in(4),
        maximum_packet_size: size,
        topic_alias_maximum: random.pick([0, 2, 100]),
        wildcard_available: !random.one_in(4),
        subscription_identifier_available: !random.one_in(4),
        shared_available: !random.one_in(4),
        server_keep_alive: random.pick([None, None, None, Some(10)]),
        ..calm_settings()
    }
}

/// What the broker grants once it is calm: before 5.0 nobody says what is too much, and a broker that
/// hangs up over it has an hour's wait follow.
pub(crate) fn calm_settings() -> Settings {
    let authentication = Authentication {
        method: METHOD.to_owned(),
        first: Some(OPENING.to_vec()),
        rounds: RIDDLES.map(|(asked, answer)| (asked.to_vec(), answer.to_vec())).to_vec(),
        last: None,
    };
    Settings {
        authentication: Some(authentication),
        forbidden: vec![FORBIDDEN.to_owned()],
        log_length: usize::MAX,
        ..Settings::default()
    }
}
