//! TLS, over any transport.

mod accept_any;
mod config;
mod failure;
mod stream;

use std::fmt;
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, SupportedProtocolVersion};

use crate::TlsProblem;

use config::{Ca, Identity, Parts, Trust};
pub(crate) use failure::failure_of;
pub(crate) use stream::TlsStream;

/// How TLS is spoken: whom to trust, and who one is. For [`Options::tls`](crate::Options::tls).
///
/// ```no_run
/// use mqtt_client::{Options, Tls, rustls};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let tls = Tls::new(rustls::crypto::ring::default_provider()).ca_pem(std::fs::read("ca.pem")?);
/// let options = Options::new("mqtts://localhost")?.tls(tls);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[must_use = "TLS is spoken when the options of a client have it"]
pub struct Tls {
    source: Source,
    server_name: Option<String>,
}

/// Where its configuration comes from.
#[derive(Clone)]
enum Source {
    Parts(Parts),
    Config {
        config: Arc<ClientConfig>,
        /// Something was set that only parts have.
        overridden: bool,
    },
}

impl Tls {
    /// TLS 1.3 and 1.2 with the cryptography of this provider, trusting the CAs of the platform
    /// (feature `tls-platform-roots`) unless others are given. Nothing of the process is used or set:
    /// the provider is this value.
    ///
    /// The provider is a feature of rustls, or a crate of its own: with `rustls` and its feature
    /// `ring` among your dependencies, `rustls::crypto::ring::default_provider()`.
    pub fn new(provider: impl Into<Arc<CryptoProvider>>) -> Tls {
        Tls { source: Source::Parts(Parts::new(provider.into())), server_name: None }
    }

    /// TLS as this configuration says, which has everything but the server name. If it offers ALPN, the
    /// broker must choose as with [`alpn`](Tls::alpn).
    pub fn from_config(config: impl Into<Arc<ClientConfig>>) -> Tls {
        let source = Source::Config { config: config.into(), overridden: false };
        Tls { source, server_name: None }
    }

    /// Trusts the CAs of this PEM, at least one, and no others than those given like this.
    pub fn ca_pem(self, pem: impl Into<Vec<u8>>) -> Tls {
        self.set(|parts| parts.trust.add(Ca::Pem(pem.into())))
    }

    /// Trusts this CA, in DER, and no others than those given like this.
    pub fn ca_der(self, certificate: impl Into<Vec<u8>>) -> Tls {
        self.set(|parts| parts.trust.add(Ca::Der(certificate.into())))
    }

    /// The client's certificate, to which its chain may be added, and its key (PKCS #8, PKCS #1 or
    /// SEC 1, without a password), both in PEM.
    pub fn client_certificate_pem(self, chain: impl Into<Vec<u8>>, key: impl Into<Vec<u8>>) -> Tls {
        let identity = Identity::Pem { chain: chain.into(), key: key.into() };
        self.set(|parts| parts.identity = Some(identity))
    }

    /// The client's certificate and its chain, and its key, all in DER.
    pub fn client_certificate_der<C: Into<Vec<u8>>>(
        self,
        chain: impl IntoIterator<Item = C>,
        key: impl Into<Vec<u8>>,
    ) -> Tls {
        let chain = chain.into_iter().map(Into::into).collect();
        let identity = Identity::Der { chain, key: key.into() };
        self.set(|parts| parts.identity = Some(identity))
    }

    /// The name or address the broker's certificate is for, in place of the host of the URL.
    pub fn server_name(mut self, name: impl Into<String>) -> Tls {
        self.server_name = Some(name.into());
        self
    }

    /// Protocols to offer by ALPN, most wanted first. A broker that chooses none of them, be it that
    /// it knows no ALPN, is not spoken to:
    /// [`TlsFailure::Agreement`](crate::TlsFailure::Agreement). Default: no ALPN.
    pub fn alpn<P: Into<Vec<u8>>>(self, protocols: impl IntoIterator<Item = P>) -> Tls {
        self.set(|parts| parts.alpn = protocols.into_iter().map(Into::into).collect())
    }

    /// The TLS versions to offer. Default: [`TLS13`](rustls::version::TLS13) and
    /// [`TLS12`](rustls::version::TLS12).
    pub fn versions(
        self,
        versions: impl IntoIterator<Item = &'static SupportedProtocolVersion>,
    ) -> Tls {
        self.set(|parts| parts.versions = versions.into_iter().collect())
    }

    /// Accepts whatever certificate the broker shows, of whomever: anybody on the way can read and
    /// change everything, credentials first. For a look at a test set-up, and nothing else.
    pub fn dangerous_accept_any_certificate(self) -> Tls {
        self.set(|parts| parts.trust = Trust::Anybody)
    }

    /// Reads the certificates.
    pub(crate) fn connector(&self) -> Result<Connector, TlsProblem> {
        let config = match &self.source {
            Source::Parts(parts) => Arc::new(parts.config()?),
            Source::Config { overridden: true, .. } => return Err(TlsProblem::Overridden),
            Source::Config { config, overridden: false } => Arc::clone(config),
        };
        let server_name = self.server_name.as_deref().map(server_name).transpose()?;
        Ok(Connector { config, server_name })
    }

    fn set(mut self, change: impl FnOnce(&mut Parts)) -> Tls {
        match &mut self.source {
            Source::Parts(parts) => change(parts),
            Source::Config { overridden, .. } => *overridden = true,
        }
        self
    }
}

impl fmt::Debug for Tls {
    /// Shows no key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("server_name", &self.server_name).finish_non_exhaustive()
    }
}

/// TLS that is ready to be spoken. Its sessions are resumed on later connections.
#[derive(Clone, Debug)]
pub(crate) struct Connector {
    config: Arc<ClientConfig>,
    server_name: Option<ServerName<'static>>,
}

impl Connector {
    /// The client's end of TLS over a transport, before the handshake.
    pub(crate) fn connect<T>(&self, host: &str, transport: T) -> Result<TlsStream<T>, TlsProblem> {
        let session = ClientConnection::new(Arc::clone(&self.config), self.server_name(host)?);
        let session = session.map_err(|error| TlsProblem::Versions(error.to_string()))?;
        let needs_alpn = !self.config.alpn_protocols.is_empty();
        Ok(TlsStream::new(transport, session, needs_alpn))
    }

    /// The name the certificate of a broker at this host is for.
    pub(crate) fn server_name(&self, host: &str) -> Result<ServerName<'static>, TlsProblem> {
        self.server_name.clone().map_or_else(|| server_name(host), Ok)
    }
}

fn server_name(name: &str) -> Result<ServerName<'static>, TlsProblem> {
    let parsed = ServerName::try_from(name.to_owned());
    parsed.map_err(|_| TlsProblem::ServerName(name.to_owned()))
}

#[cfg(test)]
mod tests;
