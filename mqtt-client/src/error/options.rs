//! What is wrong with options.

use mqtt_session::proto::EncodeError;
use thiserror::Error;

use super::TlsProblem;

/// An option that cannot work.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum OptionsError {
    /// The URL of a broker. Credentials in it are not shown.
    #[error("broker URL `{url}`: {problem}")]
    Url {
        /// What was given, without credentials.
        url: String,
        /// What is wrong.
        problem: UrlProblem,
    },
    /// An option whose value cannot work.
    #[error("option `{option}`: {problem}")]
    Value {
        /// The name of the option.
        option: &'static str,
        /// What is wrong, and what works.
        problem: &'static str,
    },
    /// The option `tls`, or its absence.
    #[error("option `tls`: {0}")]
    Tls(TlsProblem),
    /// The CONNECT these options describe cannot be sent.
    #[error("these options make no CONNECT: {0}")]
    Connect(EncodeError),
}

/// What is wrong with the URL of a broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum UrlProblem {
    /// No `scheme://` at its start.
    #[error("it has no scheme; write it as mqtt://host or mqtt://host:port")]
    NoScheme,
    /// A scheme this version does not speak.
    #[error("the scheme is not supported; use mqtt://, or mqtts:// for TLS")]
    Scheme,
    /// A scheme that takes TLS, which is not there.
    #[error("the scheme takes TLS; build with the feature `tls`")]
    NoTls,
    /// No host.
    #[error("it has no host; write it as mqtt://host or mqtt://host:port")]
    NoHost,
    /// Characters that no host name has.
    #[error("the host has characters that no host name has; put an IPv6 address in [brackets]")]
    Host,
    /// `[` without `]`, or something else than an IPv6 address in between.
    #[error("the brackets do not hold an IPv6 address")]
    Ipv6,
    /// The port is not a number from 1 to 65535.
    #[error("the port is not a number from 1 to 65535")]
    Port,
    /// A path, query or fragment, which MQTT over TCP does not have.
    #[error("nothing may follow host and port")]
    Path,
    /// `%` without two hexadecimal digits in user name or password.
    #[error("user name or password has a `%` without two hexadecimal digits; write `%` as `%25`")]
    Escape,
    /// The user name is not UTF-8.
    #[error("the user name is not UTF-8")]
    UserName,
}
