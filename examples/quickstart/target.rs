//! The broker of a URL, which is reached through a proxy.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use mqtt_adapter_tokio::{Options, Tls, rustls};

use crate::report::Error;

/// The parts of a URL that was checked.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Target<'a> {
    scheme: &'a str,
    /// User and password with their `@`.
    credentials: &'a str,
    /// With brackets if it has them.
    host: &'a str,
    port: Option<&'a str>,
}

impl<'a> Target<'a> {
    pub(crate) fn of(url: &'a str) -> Target<'a> {
        let (scheme, rest) = url.split_once("://").unwrap_or(("mqtt", url));
        let rest = rest.trim_end_matches('/');
        let (credentials, rest) = rest.split_at(rest.rfind('@').map_or(0, |at| at + 1));
        let (host, port) = match rest.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => (host, Some(port)),
            Some(_) | None => (rest, None),
        };
        Target { scheme, credentials, host, port }
    }

    /// `host:port`.
    pub(crate) fn upstream(&self) -> String {
        let usual = if self.scheme == "mqtts" { "8883" } else { "1883" };
        format!("{}:{}", self.host, self.port.unwrap_or(usual))
    }

    /// Options for the proxy in front of it, with the certificates of the broker's own host.
    pub(crate) fn options(&self, proxy: SocketAddr, ca: Option<&Path>) -> Result<Options, Error> {
        let Target { scheme, credentials, host, .. } = self;
        let options = Options::new(format!("{scheme}://{credentials}{proxy}"))?;
        let Some(ca) = ca else {
            return if *scheme == "mqtts" { Err(Error::NoCa) } else { Ok(options) };
        };
        let pem = fs::read(ca).map_err(|error| Error::Ca { path: ca.to_owned(), error })?;
        let name = host.trim_start_matches('[').trim_end_matches(']');
        let provider = rustls::crypto::ring::default_provider();
        Ok(options.tls(Tls::new(provider).ca_pem(pem).server_name(name)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_has_its_parts() {
        let upstream = |url| Target::of(url).upstream();
        assert_eq!(upstream("mqtt://localhost"), "localhost:1883");
        assert_eq!(upstream("mqtts://localhost/"), "localhost:8883");
        assert_eq!(upstream("mqtts://me:secret@[::1]:8884"), "[::1]:8884");
        assert_eq!(upstream("mqtt://[::1]"), "[::1]:1883");
        assert_eq!(Target::of("mqtts://me:secret@broker").credentials, "me:secret@");
    }

    #[test]
    fn tls_needs_a_ca() {
        let proxy = SocketAddr::from(([127, 0, 0, 1], 1));
        assert!(Target::of("mqtt://broker").options(proxy, None).is_ok());
        let without = Target::of("mqtts://broker").options(proxy, None);
        assert!(matches!(without, Err(Error::NoCa)), "{without:?}");
        let missing = Target::of("mqtts://broker").options(proxy, Some(Path::new("/no/such.pem")));
        assert!(matches!(missing, Err(Error::Ca { .. })), "{missing:?}");
    }
}
