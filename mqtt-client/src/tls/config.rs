//! From what the application gives to a configuration.

use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, DEFAULT_VERSIONS, Error, RootCertStore, SupportedProtocolVersion};

use super::accept_any::AcceptAny;
use crate::TlsProblem;

/// What a configuration is made of.
#[derive(Clone)]
pub(super) struct Parts {
    provider: Arc<CryptoProvider>,
    pub(super) trust: Trust,
    pub(super) identity: Option<Identity>,
    pub(super) alpn: Vec<Vec<u8>>,
    pub(super) versions: Vec<&'static SupportedProtocolVersion>,
}

/// Whose certificates are accepted.
#[derive(Clone)]
pub(super) enum Trust {
    /// Those of the platform's CAs.
    Platform,
    /// Those of these CAs.
    Given(Vec<Ca>),
    /// Every one.
    Anybody,
}

/// One or more CAs.
#[derive(Clone)]
pub(super) enum Ca {
    Pem(Vec<u8>),
    Der(Vec<u8>),
}

/// The client's certificate, with its chain, and its key.
#[derive(Clone)]
pub(super) enum Identity {
    Pem { chain: Vec<u8>, key: Vec<u8> },
    Der { chain: Vec<Vec<u8>>, key: Vec<u8> },
}

impl Parts {
    pub(super) fn new(provider: Arc<CryptoProvider>) -> Parts {
        let (trust, versions) = (Trust::Platform, DEFAULT_VERSIONS.to_vec());
        Parts { provider, trust, identity: None, alpn: Vec::new(), versions }
    }

    pub(super) fn config(&self) -> Result<ClientConfig, TlsProblem> {
        let builder = ClientConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_protocol_versions(&self.versions)
            .map_err(|error| TlsProblem::Versions(error.to_string()))?;
        let builder = match &self.trust {
            Trust::Platform => builder.with_root_certificates(platform_roots()?),
            Trust::Given(cas) => builder.with_root_certificates(roots(cas)?),
            Trust::Anybody => {
                let verifier = Arc::new(AcceptAny(Arc::clone(&self.provider)));
                builder.dangerous().with_custom_certificate_verifier(verifier)
            }
        };
        let mut config = match &self.identity {
            None => builder.with_no_client_auth(),
            Some(identity) => {
                let (chain, key) = (identity.chain()?, identity.key()?);
                builder.with_client_auth_cert(chain, key).map_err(unusable)?
            }
        };
        config.alpn_protocols.clone_from(&self.alpn);
        Ok(config)
    }
}

impl Trust {
    pub(super) fn add(&mut self, ca: Ca) {
        match self {
            Trust::Given(cas) => cas.push(ca),
            Trust::Platform | Trust::Anybody => *self = Trust::Given(vec![ca]),
        }
    }
}

impl Identity {
    fn chain(&self) -> Result<Vec<CertificateDer<'static>>, TlsProblem> {
        let chain: Vec<_> = match self {
            Identity::Pem { chain, .. } => certificates(chain).map_err(TlsProblem::Certificate)?,
            Identity::Der { chain, .. } => chain.iter().cloned().map(Into::into).collect(),
        };
        if chain.is_empty() { Err(TlsProblem::NoCertificate) } else { Ok(chain) }
    }

    fn key(&self) -> Result<PrivateKeyDer<'static>, TlsProblem> {
        match self {
            Identity::Pem { key, .. } => {
                PrivateKeyDer::from_pem_slice(key).map_err(|error| match error {
                    pem::Error::NoItemsFound => TlsProblem::NoKey,
                    error => TlsProblem::Key(error.to_string()),
                })
            }
            Identity::Der { key, .. } => PrivateKeyDer::try_from(key.clone())
                .map_err(|problem| TlsProblem::Key(problem.to_owned())),
        }
    }
}

fn roots(cas: &[Ca]) -> Result<RootCertStore, TlsProblem> {
    let mut roots = RootCertStore::empty();
    for ca in cas {
        let certificates = match ca {
            Ca::Pem(pem) => certificates(pem).map_err(TlsProblem::Ca)?,
            Ca::Der(der) => vec![der.clone().into()],
        };
        if certificates.is_empty() {
            return Err(TlsProblem::NoCa);
        }
        for certificate in certificates {
            roots.add(certificate).map_err(|error| TlsProblem::Ca(error.to_string()))?;
        }
    }
    Ok(roots)
}

/// Those that cannot be read are left out, as everybody does: stores have old ones.
#[cfg(feature = "tls-platform-roots")]
fn platform_roots() -> Result<RootCertStore, TlsProblem> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        let problem = found.errors.first().map(ToString::to_string);
        let problem = problem.unwrap_or_else(|| "the platform has none".to_owned());
        return Err(TlsProblem::NoRoots(problem));
    }
    Ok(roots)
}

#[cfg(not(feature = "tls-platform-roots"))]
fn platform_roots() -> Result<RootCertStore, TlsProblem> {
    let problem = "those of the platform are the feature `tls-platform-roots`";
    Err(TlsProblem::NoRoots(problem.to_owned()))
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let certificates = CertificateDer::pem_slice_iter(pem);
    certificates.collect::<Result<_, _>>().map_err(|error| error.to_string())
}

/// Why a certificate and a key cannot be used.
fn unusable(error: Error) -> TlsProblem {
    match error {
        Error::InconsistentKeys(_) => TlsProblem::KeyMismatch,
        Error::InvalidCertificate(_) => TlsProblem::Certificate(error.to_string()),
        error => TlsProblem::Key(error.to_string()),
    }
}
