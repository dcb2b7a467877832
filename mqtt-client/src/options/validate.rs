//! Values that cannot work are found before anything is started.

use std::hash::{BuildHasher, RandomState};
use std::num::NonZeroU16;
use std::time::Duration;

use mqtt_session::proto::{self, Dialect, Encode, Properties, Property, Role, Version};
use mqtt_session::{Backoff, Config, Connect, SupervisorConfig, VersionChoice};

use super::{Completion, ConnectOptions, ConsumerOptions, OfflineQoS0, Options, SessionExpiry};
use crate::authenticator::SharedAuthenticator;
use crate::{AuthResponse, ConnectChanges, OptionsError};

impl Options {
    /// Checks what can be checked without a broker.
    pub(crate) fn validate(&self) -> Result<(), OptionsError> {
        let connect = &self.connect;
        if let Some(interval) = connect.keep_alive {
            let whole = u16::try_from(interval.as_secs()).is_ok_and(|seconds| seconds > 0);
            check(whole, "keep_alive", "1 s to 65,535 s, or `None`")?;
        }
        if let SessionExpiry::After(time) = connect.session_expiry {
            let whole = u32::try_from(time.as_secs());
            let whole = whole.is_ok_and(|seconds| seconds > 0 && seconds < u32::MAX);
            let problem = "1 s to 4,294,967,294 s, or `Immediately`, or `Never`";
            check(whole, "session_expiry", problem)?;
        }
        check(connect.ping_timeout != Some(Duration::ZERO), "ping_timeout", NOT_ZERO)?;
        check(!self.attempts.connect_timeout.is_zero(), "connect_timeout", NOT_ZERO)?;
        check(self.receiving.receive_maximum > 0, "receive_maximum", AT_LEAST_1)?;
        check(self.receiving.held_bytes > 0, "held_bytes", AT_LEAST_1)?;
        self.receiving.consumers.validate()?;
        check(self.sending.max_pending > 0, "max_pending", AT_LEAST_1)?;
        check(self.sending.max_pending_bytes > 0, "max_pending_bytes", AT_LEAST_1)?;
        check(self.sending.write_queue > 0, "write_queue", AT_LEAST_1)?;
        let both = self.wire.strict && self.wire.lenient;
        check(!both, "lenient", "`strict` puts up with nothing; give one of them")?;
        check_backoff(self.attempts.supervisor.backoff)?;
        let response_timeout = self.sending.response_timeout;
        check(response_timeout != Some(Duration::ZERO), "response_timeout", NOT_ZERO)?;
        let delay_alone = connect.will_delay.is_some() && connect.will.is_none();
        check(!delay_alone, "will_delay", "there is no will to delay; give `will`, too")?;
        let version = connect.first_version();
        let can_authenticate = version.has_properties() || connect.authenticator.is_none();
        check(can_authenticate, "authenticator", "only 5.0 has enhanced authentication")?;
        let changes = &ConnectChanges::default();
        let greeting =
            Greeting { version, clean_start: true, named: false, response: None, changes };
        connect.with(&greeting, measure).map_err(OptionsError::Connect)
    }

    /// The seed, drawn from the operating system unless there is one.
    pub(crate) fn seed_or_random(&self) -> u64 {
        self.seed.unwrap_or_else(random)
    }

    /// Makes up a Client Identifier where the broker assigns none: before 5.0, for a session that
    /// it is to keep. Not from the seed, which another run or another client may have, too.
    pub(crate) fn complete(&mut self) {
        let connect = &mut self.connect;
        let keeps = connect.session_expiry.seconds() > 0;
        let has_to = match connect.version {
            VersionChoice::Only(version) => !version.has_properties(),
            VersionChoice::Auto => true,
        };
        if has_to && keeps && connect.client_id.is_empty() {
            connect.made_up_id = format!("mqtt{:016x}", random());
        }
    }

    pub(crate) fn session_config(&self, seed: u64) -> Config {
        let keep_alive = self.connect.keep_alive.unwrap_or(Duration::MAX);
        let ping_timeout = Duration::from_secs(10).min(keep_alive / 2);
        let receive_maximum = NonZeroU16::new(self.receiving.receive_maximum);
        Config {
            version: self.connect.first_version(),
            receive_maximum: receive_maximum.unwrap_or(NonZeroU16::MIN),
            maximum_packet_size: self.receiving.maximum_packet_size,
            topic_alias_maximum: self.wire.topic_alias_maximum,
            outbound_aliases: self.wire.outbound_aliases,
            lenient: self.wire.lenient,
            max_in_flight: self.sending.max_in_flight,
            max_pending: self.sending.max_pending,
            max_pending_bytes: self.sending.max_pending_bytes,
            write_queue: self.sending.write_queue,
            report_qos0: self.sending.qos0_completion == Completion::Written,
            qos_downgrade: self.sending.qos_downgrade,
            keep_qos0: self.sending.offline_qos0 == OfflineQoS0::Keep,
            ping_timeout: self.connect.ping_timeout.unwrap_or(ping_timeout),
            response_timeout: self.sending.response_timeout,
            session_loss: self.sending.session_loss,
            hand_back: true,
            strict: self.wire.strict,
            strict_session: self.strict_session,
            optional_identifiers: true,
            ..Config::new(seed)
        }
    }

    pub(crate) fn supervisor_config(&self, seed: u64) -> SupervisorConfig {
        SupervisorConfig { version: self.connect.version, seed, ..self.attempts.supervisor }
    }
}

impl ConsumerOptions {
    fn validate(&self) -> Result<(), OptionsError> {
        check(self.buffer > 0, "buffer", AT_LEAST_1)?;
        let holds = self.hold_limit.is_none_or(|(messages, _)| messages > 0);
        check(holds, "hold_limit", AT_LEAST_1)?;
        check(self.queue_size > 0, "queue_size", AT_LEAST_1)
    }
}

/// What differs between the CONNECTs of a client.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Greeting<'a> {
    pub(crate) version: Version,
    pub(crate) clean_start: bool,
    /// A broker has assigned a Client Identifier, or it was made up.
    pub(crate) named: bool,
    /// What the authenticator says.
    pub(crate) response: Option<&'a AuthResponse>,
    /// What the hook says.
    pub(crate) changes: &'a ConnectChanges,
}

impl ConnectOptions {
    /// The version to begin with.
    pub(crate) fn first_version(&self) -> Version {
        match self.version {
            VersionChoice::Only(version) => version,
            VersionChoice::Auto => Version::V5,
        }
    }

    /// Whether a clean start takes a connection of its own: before 5.0 a clean session is also one
    /// that ends with the connection, so a session that is to be kept cannot start clean. Under an
    /// identifier that was made up nobody has a session before this client had one (`has_session`).
    pub(crate) fn needs_clean_connect(&self, version: Version, has_session: bool) -> bool {
        let keeps = self.session_expiry.seconds() > 0;
        !version.has_properties() && keeps && (has_session || !self.client_id.is_empty())
    }

    /// Shows the CONNECT of an attempt to `f`.
    pub(crate) fn with<R>(&self, greeting: &Greeting<'_>, f: impl FnOnce(&Connect<'_>) -> R) -> R {
        let Greeting { version, clean_start, named, response, changes } = *greeting;
        let makes_up = self.client_id.is_empty() && !named && !version.has_properties();
        let user_properties = self.user_properties.iter().chain(&changes.user_properties);
        let user_properties =
            user_properties.map(|(name, value)| Property::UserProperty(name, value));
        let method = self.authenticator.as_ref().map(SharedAuthenticator::method);
        let data = response.and_then(|response| response.data.as_deref());
        let properties: Vec<_> = user_properties
            .chain(method.map(Property::AuthenticationMethod))
            .chain(data.map(Property::AuthenticationData))
            .collect();
        let connect = Connect {
            version,
            client_id: if makes_up { &self.made_up_id } else { &self.client_id },
            clean_start,
            session_expiry: self.session_expiry.seconds(),
            keep_alive: self
                .keep_alive
                .map_or(0, |interval| u16::try_from(interval.as_secs()).unwrap_or(u16::MAX)),
            username: changes.username.as_deref().or(self.username.as_deref()),
            password: changes.password.as_deref().or(self.password.as_deref()),
            will: None,
            properties: Properties::from_slice(&properties),
        };
        let delay = self.will_delay.map(|delay| u32::try_from(delay.as_secs()).unwrap_or(u32::MAX));
        match &self.will {
            None => f(&connect),
            Some(will) => will.with_will(delay, |will| f(&Connect { will: Some(will), ..connect })),
        }
    }
}

fn check_backoff(backoff: Backoff) -> Result<(), OptionsError> {
    let (first, longest, jitter_percent) = match backoff {
        Backoff::Exponential { first, longest, jitter_percent } => (first, longest, jitter_percent),
        Backoff::FullJitter { first, longest } => (first, longest, 0),
        Backoff::Constant(_) | Backoff::Custom(_) => return Ok(()),
    };
    check(first <= longest, "backoff", "`first` is at most `longest`")?;
    check(jitter_percent <= 100, "backoff", "`jitter_percent` is at most 100")
}

/// Whether the codec takes the CONNECT.
fn measure(connect: &Connect<'_>) -> Result<(), proto::EncodeError> {
    let packet = proto::Connect {
        version: connect.version,
        clean_start: connect.clean_start,
        keep_alive: connect.keep_alive,
        properties: connect.properties,
        client_id: connect.client_id,
        will: connect.will,
        username: connect.username,
        password: connect.password,
    };
    let dialect = Dialect { version: connect.version, sender: Role::Client, lenient: false };
    packet.measure(dialect).map(|_| ())
}

fn check(works: bool, option: &'static str, problem: &'static str) -> Result<(), OptionsError> {
    if works { Ok(()) } else { Err(OptionsError::Value { option, problem }) }
}

/// A number from the operating system.
fn random() -> u64 {
    RandomState::new().hash_one(0)
}

const NOT_ZERO: &str = "it must be longer than 0";
const AT_LEAST_1: &str = "it must be at least 1";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Publish;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn problem(change: impl FnOnce(Options) -> Options) -> Option<&'static str> {
        match change(Options::new("mqtt://host").unwrap()).validate() {
            Ok(()) => None,
            Err(OptionsError::Value { option, .. }) => Some(option),
            Err(OptionsError::Connect(_)) => Some("connect"),
            Err(OptionsError::Url { .. } | OptionsError::Tls(_)) => unreachable!(),
        }
    }

    #[test]
    fn defaults_work() {
        assert_eq!(problem(|options| options), None);
    }

    #[test]
    fn the_option_is_named() {
        assert_eq!(problem(|o| o.keep_alive(Duration::from_millis(500))), Some("keep_alive"));
        assert_eq!(problem(|o| o.keep_alive(Duration::from_secs(65_536))), Some("keep_alive"));
        assert_eq!(problem(|o| o.keep_alive(None)), None);
        for seconds in [0.0, 0.9, f64::from(u32::MAX), 1e12] {
            let expiry = Duration::from_secs_f64(seconds);
            assert_eq!(problem(|o| o.session_expiry(expiry)), Some("session_expiry"), "{seconds}");
        }
        for seconds in [1, u32::MAX - 1] {
            assert_eq!(problem(|o| o.session_expiry(Duration::from_secs(seconds.into()))), None);
        }
        assert_eq!(problem(|o| o.session_expiry(SessionExpiry::Immediately)), None);
        assert_eq!(problem(|o| o.session_expiry(SessionExpiry::Never)), None);
        assert_eq!(problem(|o| o.receive_maximum(0)), Some("receive_maximum"));
        assert_eq!(problem(|o| o.max_pending(0)), Some("max_pending"));
        assert_eq!(problem(|o| o.buffer(0)), Some("buffer"));
        let hold_nothing = |o: Options| o.hold_limit(0, crate::DropPolicy::DropNewest);
        assert_eq!(problem(hold_nothing), Some("hold_limit"));
        assert_eq!(problem(|o| o.queue_size(0)), Some("queue_size"));
        assert_eq!(problem(|o| o.lenient(true).strict(true)), Some("lenient"));
        assert_eq!(problem(|o| o.write_queue(0)), Some("write_queue"));
        assert_eq!(problem(|o| o.response_timeout(Duration::ZERO)), Some("response_timeout"));
        assert_eq!(problem(|o| o.response_timeout(None)), None);
        let backoff = |first, longest| Backoff::FullJitter {
            first: seconds(first),
            longest: seconds(longest),
        };
        assert_eq!(problem(|o| o.backoff(backoff(2, 1))), Some("backoff"));
        assert_eq!(problem(|o| o.backoff(backoff(1, 1))), None);
        assert_eq!(problem(|o| o.will_delay(Duration::ZERO)), Some("will_delay"));
        assert_eq!(problem(|o| o.will(Publish::new("a/#", ""))), Some("connect"));
    }

    #[test]
    fn the_password_is_not_shown() {
        let options = Options::new("mqtt://user:secret@host").unwrap();
        let shown = format!("{options:?}");
        assert!(shown.contains("user") && !shown.contains("secret"));
        assert!(!shown.contains("115, 101, 99"), "nor as bytes");
    }

    #[test]
    fn seeds_differ_unless_given() {
        let options = Options::new("mqtt://host").unwrap();
        assert_ne!(options.seed_or_random(), options.seed_or_random());
        assert_eq!(options.seed(7).seed_or_random(), 7);
    }
}
