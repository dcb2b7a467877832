//! The broker's end of TLS.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;

use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{
    RootCertStore, ServerConfig, ServerConnection, StreamOwned, SupportedProtocolVersion,
};

use crate::certificates::{Authority, Certificate};

/// The cryptography of all tests.
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

/// What a broker accepts TLS with.
#[derive(Clone, Debug)]
pub struct Acceptor {
    config: Arc<ServerConfig>,
}

impl Acceptor {
    /// With this certificate, in both versions of TLS.
    pub fn new(certificate: &Certificate) -> Acceptor {
        Acceptor::with(certificate, rustls::ALL_VERSIONS, None, &[])
    }

    /// With this certificate, in these versions, from clients of this CA, if there is one, and with one
    /// of these protocols, if there are any.
    pub fn with(
        certificate: &Certificate,
        versions: &[&'static SupportedProtocolVersion],
        clients: Option<&Authority>,
        protocols: &[&str],
    ) -> Acceptor {
        let builder = ServerConfig::builder_with_provider(provider());
        let builder = builder.with_protocol_versions(versions).expect("versions of the provider");
        let builder = match clients {
            None => builder.with_no_client_auth(),
            Some(authority) => {
                let mut roots = RootCertStore::empty();
                roots.add(certificate_of(&authority.pem())).expect("a CA");
                let verifier =
                    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider());
                builder.with_client_cert_verifier(verifier.build().expect("a CA"))
            }
        };
        let key = PrivateKeyDer::from_pem_slice(certificate.key.as_bytes()).expect("a key");
        let chain = vec![certificate_of(&certificate.pem)];
        let mut config = builder.with_single_cert(chain, key).expect("a certificate and its key");
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        Acceptor { config: Arc::new(config) }
    }

    /// Shakes hands. A client that is refused has the time to hear why.
    pub(crate) fn accept(&self, mut stream: TcpStream) -> io::Result<Wire> {
        stream.set_nodelay(true)?;
        let mut server =
            ServerConnection::new(Arc::clone(&self.config)).map_err(io::Error::other)?;
        while server.is_handshaking() {
            if let Err(error) = server.complete_io(&mut stream) {
                // These fail when the client has gone first.
                stream.shutdown(Shutdown::Write).ok();
                io::copy(&mut stream, &mut io::sink()).ok();
                return Err(error);
            }
        }
        Ok(Wire::Tls(Box::new(StreamOwned::new(server, stream))))
    }
}

fn certificate_of(pem: &str) -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(pem.as_bytes()).expect("a certificate")
}

/// What the packets of a connection go over.
#[derive(Debug)]
pub(crate) enum Wire {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ServerConnection, TcpStream>>),
}

impl Wire {
    /// Writes all but the last bytes of what TLS makes of these.
    pub(crate) fn write_part(&mut self, bytes: &[u8]) -> io::Result<()> {
        let Wire::Tls(stream) = self else { return self.write_all(bytes) };
        stream.conn.writer().write_all(bytes)?;
        let mut records = Vec::new();
        while stream.conn.wants_write() {
            stream.conn.write_tls(&mut records)?;
        }
        records.truncate(records.len().saturating_sub(10));
        stream.sock.write_all(&records)
    }

    /// Says `close_notify`.
    pub(crate) fn close(&mut self) -> io::Result<()> {
        let Wire::Tls(stream) = self else { return Ok(()) };
        stream.conn.send_close_notify();
        stream.flush()
    }

    /// Ends the sending half of the transport.
    pub(crate) fn end_sending(&self) -> io::Result<()> {
        self.transport().shutdown(Shutdown::Write)
    }

    /// Ends both directions at once.
    pub(crate) fn cut(&self) {
        // It fails when the client has already closed it.
        drop(self.transport().shutdown(Shutdown::Both));
    }

    fn transport(&self) -> &TcpStream {
        match self {
            Wire::Plain(stream) => stream,
            Wire::Tls(stream) => &stream.sock,
        }
    }
}

impl Read for Wire {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self {
            Wire::Plain(stream) => stream.read(buf),
            Wire::Tls(stream) => stream.read(buf),
        }
    }
}

impl Write for Wire {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        match self {
            Wire::Plain(stream) => stream.write(buf),
            Wire::Tls(stream) => stream.write(buf),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Wire::Plain(stream) => stream.flush(),
            Wire::Tls(stream) => stream.flush(),
        }
    }
}
