//! What can be wrong about TLS, before a connection and in it.

use thiserror::Error;

/// What is wrong with the option `tls`.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TlsProblem {
    /// A URL takes TLS, and the option is not there.
    #[error("a broker's URL takes TLS; give `Tls::new(provider)`")]
    Missing,
    /// The PEM given as CA holds no certificate.
    #[error("the CA holds no certificate; give PEM with `-----BEGIN CERTIFICATE-----`")]
    NoCa,
    /// A certificate given as CA cannot be read.
    #[error("the CA cannot be read: {0}")]
    Ca(String),
    /// There is no CA to trust: none was given, and the platform's are not there.
    #[error("there is no CA to trust: {0}; give one with `Tls::ca_pem`")]
    NoRoots(String),
    /// The PEM given as client certificate holds none.
    #[error(
        "the client certificate holds no certificate; give PEM with `-----BEGIN CERTIFICATE-----`"
    )]
    NoCertificate,
    /// The client certificate cannot be read.
    #[error("the client certificate cannot be read: {0}")]
    Certificate(String),
    /// The PEM given as the client's key holds none, or only one under a password.
    #[error(
        "the key of the client certificate holds no key; give PEM with `-----BEGIN PRIVATE KEY-----`, \
         without a password"
    )]
    NoKey,
    /// The client's key cannot be read, or is of a kind the provider does not know.
    #[error("the key of the client certificate cannot be used: {0}")]
    Key(String),
    /// The key is not that of the client certificate.
    #[error("the key is not that of the client certificate; give the two that belong together")]
    KeyMismatch,
    /// The provider has no cipher suite for the TLS versions, or there is none of them.
    #[error("the versions do not work with this provider: {0}")]
    Versions(String),
    /// A ready configuration has everything but the server name.
    #[error("a ready configuration was given, and more that belongs into it; set it there")]
    Overridden,
    /// No certificate can be for this name.
    #[error("`{0}` is neither a DNS name nor an IP address; give one with `Tls::server_name`")]
    ServerName(String),
}

/// Why TLS did not come about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum TlsFailure {
    /// The broker's certificate is not accepted: another CA, another name, expired.
    #[error("the certificate of the broker is not accepted; check its CA, names and validity")]
    ServerCertificate,
    /// The broker wants a certificate of the client, or another one.
    #[error("the broker does not accept the client's certificate; give one it knows")]
    ClientCertificate,
    /// There is nothing both sides speak: versions, cipher suites, or what ALPN offers. Brokers
    /// that miss a client certificate may say this, too.
    #[error("the broker does not agree to TLS as offered; check versions, ALPN and certificates")]
    Agreement,
    /// The handshake broke off.
    #[error("the TLS handshake broke off; check that the broker speaks TLS on this port")]
    Handshake,
}

impl TlsFailure {
    /// Whether waiting will not mend it.
    pub(crate) fn is_permanent(self) -> bool {
        match self {
            TlsFailure::ServerCertificate
            | TlsFailure::ClientCertificate
            | TlsFailure::Agreement => true,
            TlsFailure::Handshake => false,
        }
    }
}
