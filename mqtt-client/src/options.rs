//! What the owner of a client decides.

mod attempts;
mod broker;
mod clean_start;
mod completion;
mod connect_hook;
mod consumers;
mod offline_qos0;
mod qos;
mod session_expiry;
#[cfg(feature = "tls")]
mod tls;
mod transport;
mod validate;
mod wire;

use std::fmt;
use std::num::{NonZeroU16, NonZeroU32};
use std::time::Duration;

use mqtt_session::proto::{QoS, Version};
use mqtt_session::{SessionLoss, VersionChoice};

use crate::authenticator::SharedAuthenticator;
use crate::delivery::Callback;
use crate::{Ack, Authenticator, Message, OptionsError, Publish};

pub(crate) use attempts::AttemptOptions;
pub(crate) use broker::{Broker, Scheme};
pub use completion::Completion;
pub(crate) use connect_hook::ConnectHook;
pub use connect_hook::{ConnectAttempt, ConnectChanges};
pub(crate) use consumers::ConsumerOptions;
pub use offline_qos0::OfflineQoS0;
pub use session_expiry::SessionExpiry;
pub(crate) use transport::Dialer;
pub use transport::Target;
pub(crate) use validate::Greeting;
pub(crate) use wire::WireOptions;

/// What a client is made from: the broker, and everything that has a default.
///
/// Values are checked when the client is made; an error names the option.
#[derive(Clone, Debug)]
#[must_use = "options do nothing until a client is made from them"]
pub struct Options {
    pub(crate) brokers: Vec<Broker>,
    pub(crate) connect: ConnectOptions,
    pub(crate) attempts: AttemptOptions,
    pub(crate) sending: SendingOptions,
    pub(crate) receiving: ReceivingOptions,
    pub(crate) wire: WireOptions,
    pub(crate) dialer: Option<Dialer>,
    #[cfg(feature = "tls")]
    pub(crate) tls: Option<crate::Tls>,
    pub(crate) strict_session: bool,
    pub(crate) seed: Option<u64>,
}

/// What CONNECT says.
#[derive(Clone)]
pub(crate) struct ConnectOptions {
    pub(crate) client_id: String,
    /// What 3.1.1 says in place of an empty one, where the broker assigns none.
    pub(crate) made_up_id: String,
    pub(crate) version: VersionChoice,
    pub(crate) clean_start: bool,
    pub(crate) clean_start_on_reconnect: bool,
    pub(crate) session_expiry: SessionExpiry,
    pub(crate) keep_alive: Option<Duration>,
    pub(crate) ping_timeout: Option<Duration>,
    pub(crate) username: Option<String>,
    pub(crate) password: Option<Vec<u8>>,
    pub(crate) will: Option<Publish<'static>>,
    pub(crate) will_delay: Option<Duration>,
    pub(crate) user_properties: Vec<(String, String)>,
    pub(crate) authenticator: Option<SharedAuthenticator>,
    pub(crate) hook: Option<ConnectHook>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct SendingOptions {
    pub(crate) default_qos: QoS,
    pub(crate) qos_downgrade: bool,
    pub(crate) max_in_flight: Option<NonZeroU16>,
    pub(crate) max_pending: usize,
    pub(crate) max_pending_bytes: usize,
    pub(crate) write_queue: usize,
    pub(crate) qos0_completion: Completion,
    pub(crate) offline_qos0: OfflineQoS0,
    pub(crate) response_timeout: Option<Duration>,
    pub(crate) session_loss: SessionLoss,
    pub(crate) disconnect_flush: Duration,
}

#[derive(Clone, Debug)]
pub(crate) struct ReceivingOptions {
    pub(crate) receive_maximum: u16,
    pub(crate) maximum_packet_size: Option<NonZeroU32>,
    pub(crate) held_bytes: usize,
    pub(crate) ack: Ack,
    pub(crate) unrouted_hold: Duration,
    pub(crate) default_handler: Option<Callback>,
    pub(crate) consumers: ConsumerOptions,
}

impl Options {
    /// The defaults for the broker at `mqtt://[user[:password]@]host[:port]`; without a port 1883.
    /// `mqtts://` (or `ssl://`, `tls://`) takes TLS: the feature and the option `tls`, and port 8883.
    /// An IPv6 address stands in brackets; special characters of user name and password are
    /// written as `%` and two hexadecimal digits.
    pub fn new(url: impl AsRef<str>) -> Result<Options, OptionsError> {
        let (broker, credentials) = Broker::parse(url.as_ref())?;
        let mut options = Options::defaults(broker);
        if let Some((username, password)) = credentials {
            options.connect.username = Some(username);
            options.connect.password = password;
        }
        Ok(options)
    }

    /// One more broker, tried when those before it fail. Credentials are those of the first URL or
    /// of [`username`](Options::username) and [`password`](Options::password): here they are an
    /// error.
    ///
    /// The brokers must share their sessions, as those of a cluster do: one that still keeps an
    /// older session of this client's own would go on with that. Of brokers that do not, let no
    /// session outlive its connection: [`SessionExpiry::Immediately`].
    pub fn broker(mut self, url: impl AsRef<str>) -> Result<Options, OptionsError> {
        self.brokers.push(Broker::parse_bare(url.as_ref(), "broker")?);
        Ok(self)
    }

    /// Client Identifier. Default: empty, so that the broker assigns one, which is kept for
    /// reconnects.
    pub fn client_id(mut self, client_id: impl Into<String>) -> Options {
        self.connect.client_id = client_id.into();
        self
    }

    /// Protocol version. Default: 5.0.
    ///
    /// With [`VersionChoice::Auto`] that is 3.1.1 for brokers that refuse 5.0, or close twice after
    /// its CONNECT. What 3.1.1 cannot say fails there: the CONNECT, if these options say it.
    pub fn version(mut self, version: impl Into<VersionChoice>) -> Options {
        self.connect.version = version.into();
        self
    }

    /// How long the broker keeps the session without a connection. Default: 300 s. In 3.1.1 the
    /// session is kept without limit unless this is [`SessionExpiry::Immediately`].
    pub fn session_expiry(mut self, expiry: impl Into<SessionExpiry>) -> Options {
        self.connect.session_expiry = expiry.into();
        self
    }

    /// Keep Alive in whole seconds, 1 to 65,535, or `None`. Default: 30 s.
    pub fn keep_alive(mut self, interval: impl Into<Option<Duration>>) -> Options {
        self.connect.keep_alive = interval.into();
        self
    }

    /// How long a PINGREQ may stay without any inbound byte. Default: 10 s, or half of Keep Alive
    /// if that is shorter.
    pub fn ping_timeout(mut self, timeout: Duration) -> Options {
        self.connect.ping_timeout = Some(timeout);
        self
    }

    /// User Name.
    pub fn username(mut self, username: impl Into<String>) -> Options {
        self.connect.username = Some(username.into());
        self
    }

    /// Password. Not shown by `Debug`.
    pub fn password(mut self, password: impl Into<Vec<u8>>) -> Options {
        self.connect.password = Some(password.into());
        self
    }

    /// The Will Message: what the broker publishes when the connection ends without DISCONNECT.
    pub fn will(mut self, will: Publish<'_>) -> Options {
        self.connect.will = Some(will.into_owned());
        self
    }

    /// Will Delay Interval (5.0), in whole seconds. Default: none.
    pub fn will_delay(mut self, delay: Duration) -> Options {
        self.connect.will_delay = Some(delay);
        self
    }

    /// One more User Property of CONNECT (5.0).
    pub fn connect_user_property(
        mut self,
        name: impl Into<String>,
        value: impl Into<String>,
    ) -> Options {
        self.connect.user_properties.push((name.into(), value.into()));
        self
    }

    /// Enhanced authentication (5.0, section 4.12). Clients made from clones of these options would
    /// share the authenticator: give each its own. Default: none.
    pub fn authenticator(mut self, authenticator: impl Authenticator) -> Options {
        self.connect.authenticator = Some(SharedAuthenticator::new(authenticator));
        self
    }

    /// Own limit on unfinished QoS 1/2 publishes, below the broker's Receive Maximum; 1 is strict
    /// one-by-one order. Default: none.
    pub fn max_in_flight(mut self, messages: NonZeroU16) -> Options {
        self.sending.max_in_flight = Some(messages);
        self
    }

    /// QoS 1/2 publishes that may wait to be sent. Default: 1,024.
    pub fn max_pending(mut self, messages: usize) -> Options {
        self.sending.max_pending = messages;
        self
    }

    /// Bytes of the QoS 1/2 publishes that may wait to be sent. Default: 16 MiB.
    pub fn max_pending_bytes(mut self, bytes: usize) -> Options {
        self.sending.max_pending_bytes = bytes;
        self
    }

    /// Bytes of QoS 0 publishes that may wait to be written. Default: 1 MiB.
    pub fn write_queue(mut self, bytes: usize) -> Options {
        self.sending.write_queue = bytes;
        self
    }

    /// How long a SUBSCRIBE or UNSUBSCRIBE may stay without its answer although the broker lives, or
    /// `None` for ever. Then the connection is ended and it is made again, at most three times; after
    /// that it fails with [`Failure::NoAnswer`](crate::Failure::NoAnswer). Default: 30 s.
    pub fn response_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Options {
        self.sending.response_timeout = timeout.into();
        self
    }

    /// What happens to messages that may have been sent when the broker lost the session. Default:
    /// QoS 1 is published again, QoS 2 ends as indeterminate.
    pub fn session_loss(mut self, policy: SessionLoss) -> Options {
        self.sending.session_loss = policy;
        self
    }

    /// How long a closing connection may take to write what is left. Default: 500 ms.
    pub fn disconnect_flush(mut self, timeout: Duration) -> Options {
        self.sending.disconnect_flush = timeout;
        self
    }

    /// Receive Maximum: QoS 1/2 messages the broker may have unacknowledged here, which is also
    /// how many slow consumers can hold. Before 5.0 a broker is not told: nothing is read from it while
    /// it has more than twice as many, or 32 more. Default: 1,024.
    pub fn receive_maximum(mut self, messages: u16) -> Options {
        self.receiving.receive_maximum = messages;
        self
    }

    /// Maximum Packet Size, in bytes, that the broker may send. Default: none.
    pub fn maximum_packet_size(mut self, bytes: NonZeroU32) -> Options {
        self.receiving.maximum_packet_size = Some(bytes);
        self
    }

    /// Bytes of QoS 0 messages held for consumers; above it reading pauses, unless a call waits for
    /// an answer: then streams that hold an equal part of it or more drop the newest, which is
    /// counted, so that all of them hold about twice as much at most. Default: 16 MiB.
    pub fn held_bytes(mut self, bytes: usize) -> Options {
        self.receiving.held_bytes = bytes;
        self
    }

    /// When messages are acknowledged, unless a subscription says otherwise. Default:
    /// [`Ack::OnDrop`].
    pub fn ack(mut self, ack: Ack) -> Options {
        self.receiving.ack = ack;
        self
    }

    /// How long QoS 1/2 messages that no subscription matches are held after the connection came
    /// up, since the subscription may still be made. Then they are acknowledged (5.0: with 0x83)
    /// and counted. Default: 30 s.
    pub fn unrouted_hold(mut self, hold: Duration) -> Options {
        self.receiving.unrouted_hold = hold;
        self
    }

    /// Has `handler` called, by the driver, for every message that no subscription matches: nothing
    /// is held for one still to be made. It must not block. A message is acknowledged when it
    /// returns, unless [`ack`](Options::ack) says otherwise. One that owns a
    /// [`Client`](crate::Client) keeps it alive for ever. Default: none.
    pub fn default_handler(mut self, handler: impl FnMut(&Message) + Send + 'static) -> Options {
        self.receiving.default_handler = Some(Callback::new(handler));
        self
    }

    /// Whether a connection is ended when the broker has a session that this client knows nothing
    /// of, as after `clean_start(false)` in a new process. Default: false, the session is taken
    /// over; what an earlier process left unfinished in it is finished first.
    pub fn strict_session(mut self, strict: bool) -> Options {
        self.strict_session = strict;
        self
    }

    /// Where random choices come from, but for a Client Identifier made up before 5.0, which would
    /// name another client's session. Default: the operating system.
    pub fn seed(mut self, seed: u64) -> Options {
        self.seed = Some(seed);
        self
    }

    fn defaults(broker: Broker) -> Options {
        Options {
            brokers: vec![broker],
            connect: ConnectOptions {
                client_id: String::new(),
                made_up_id: String::new(),
                version: VersionChoice::Only(Version::V5),
                clean_start: true,
                clean_start_on_reconnect: false,
                session_expiry: SessionExpiry::After(Duration::from_secs(300)),
                keep_alive: Some(Duration::from_secs(30)),
                ping_timeout: None,
                username: None,
                password: None,
                will: None,
                will_delay: None,
                user_properties: Vec::new(),
                authenticator: None,
                hook: None,
            },
            attempts: AttemptOptions::default(),
            sending: SendingOptions {
                default_qos: QoS::AtMostOnce,
                qos_downgrade: false,
                max_in_flight: None,
                max_pending: 1024,
                max_pending_bytes: 16 << 20,
                write_queue: 1 << 20,
                qos0_completion: Completion::Queued,
                offline_qos0: OfflineQoS0::Fail,
                response_timeout: Some(Duration::from_secs(30)),
                session_loss: SessionLoss { qos1: true, qos2: false },
                disconnect_flush: Duration::from_millis(500),
            },
            receiving: ReceivingOptions {
                receive_maximum: 1024,
                maximum_packet_size: None,
                held_bytes: 16 << 20,
                ack: Ack::OnDrop,
                unrouted_hold: Duration::from_secs(30),
                default_handler: None,
                consumers: ConsumerOptions::default(),
            },
            wire: WireOptions::default(),
            dialer: None,
            #[cfg(feature = "tls")]
            tls: None,
            strict_session: false,
            seed: None,
        }
    }
}

impl fmt::Debug for ConnectOptions {
    /// Shows that there is a password, not which.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectOptions")
            .field("client_id", &self.client_id)
            .field("version", &self.version)
            .field("clean_start", &self.clean_start)
            .field("clean_start_on_reconnect", &self.clean_start_on_reconnect)
            .field("session_expiry", &self.session_expiry)
            .field("keep_alive", &self.keep_alive)
            .field("ping_timeout", &self.ping_timeout)
            .field("username", &self.username)
            .field("password", &self.password.as_ref().map(|_| "***"))
            .field("will", &self.will)
            .field("will_delay", &self.will_delay)
            .field("user_properties", &self.user_properties.len())
            .field("authenticator", &self.authenticator)
            .field("hook", &self.hook)
            .finish()
    }
}
