//! The URL of a broker.

use std::fmt;
use std::net::Ipv6Addr;

use crate::{OptionsError, UrlProblem};

/// Where a broker listens, and for what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Broker {
    pub(crate) scheme: Scheme,
    /// A name or an address, without brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
}

/// What lies below MQTT.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Scheme {
    /// The transport alone.
    #[default]
    Plain,
    /// TLS.
    #[cfg(feature = "tls")]
    Tls,
}

/// User name and password.
pub(crate) type Credentials = (String, Option<Vec<u8>>);

impl Broker {
    /// Takes `scheme://[user[:password]@]host[:port][/]` apart.
    pub(crate) fn parse(url: &str) -> Result<(Broker, Option<Credentials>), OptionsError> {
        parse(url).map_err(|problem| OptionsError::Url { url: without_credentials(url), problem })
    }

    /// The broker of one `host[:port]` in a Server Reference (section 4.11), if that is what it is.
    /// It is spoken to as the one that refers to it.
    pub(crate) fn referred(reference: &str, scheme: Scheme) -> Option<Broker> {
        let (host, port) = host_and_port(reference).ok()?;
        Some(Broker { scheme, host: host.to_owned(), port: port.unwrap_or(scheme.default_port()) })
    }

    /// Takes the URLs of a list apart: at least one, and without credentials.
    pub(crate) fn parse_list<U: AsRef<str>>(
        urls: impl IntoIterator<Item = U>,
        option: &'static str,
    ) -> Result<Vec<Broker>, OptionsError> {
        let brokers = urls.into_iter().map(|url| Broker::parse_bare(url.as_ref(), option));
        let brokers = brokers.collect::<Result<Vec<_>, _>>()?;
        if brokers.is_empty() {
            return Err(OptionsError::Value { option, problem: "give at least one URL" });
        }
        Ok(brokers)
    }

    /// Takes a URL without credentials apart.
    pub(crate) fn parse_bare(url: &str, option: &'static str) -> Result<Broker, OptionsError> {
        match Broker::parse(url)? {
            (broker, None) => Ok(broker),
            (_, Some(_)) => {
                let problem = "give user name and password once, in the first URL";
                Err(OptionsError::Value { option, problem })
            }
        }
    }
}

impl Scheme {
    fn parse(scheme: &str) -> Result<Scheme, UrlProblem> {
        let is = |name: &&str| scheme.eq_ignore_ascii_case(name);
        if ["mqtt", "tcp"].iter().any(is) {
            Ok(Scheme::Plain)
        } else if ["mqtts", "ssl", "tls"].iter().any(is) {
            Scheme::tls()
        } else {
            Err(UrlProblem::Scheme)
        }
    }

    #[cfg(feature = "tls")]
    fn tls() -> Result<Scheme, UrlProblem> {
        Ok(Scheme::Tls)
    }

    #[cfg(not(feature = "tls"))]
    fn tls() -> Result<Scheme, UrlProblem> {
        Err(UrlProblem::NoTls)
    }

    /// The port registered for it.
    fn default_port(self) -> u16 {
        match self {
            Scheme::Plain => 1883,
            #[cfg(feature = "tls")]
            Scheme::Tls => 8883,
        }
    }
}

impl fmt::Display for Broker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

fn parse(url: &str) -> Result<(Broker, Option<Credentials>), UrlProblem> {
    let (scheme, rest) = url.split_once("://").ok_or(UrlProblem::NoScheme)?;
    let scheme = Scheme::parse(scheme)?;
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    if !matches!(path, "" | "/") {
        return Err(UrlProblem::Path);
    }
    let (user_info, address) = match authority.rsplit_once('@') {
        Some((user_info, address)) => (Some(user_info), address),
        None => (None, authority),
    };
    let (host, port) = host_and_port(address)?;
    let credentials = user_info.map(credentials).transpose()?;
    let port = port.unwrap_or(scheme.default_port());
    Ok((Broker { scheme, host: host.to_owned(), port }, credentials))
}

fn host_and_port(address: &str) -> Result<(&str, Option<u16>), UrlProblem> {
    let (host, port) = if let Some(inner) = address.strip_prefix('[') {
        let (host, rest) = inner.split_once(']').ok_or(UrlProblem::Ipv6)?;
        host.parse::<Ipv6Addr>().map_err(|_| UrlProblem::Ipv6)?;
        match rest.strip_prefix(':') {
            Some(port) => (host, Some(port)),
            None if rest.is_empty() => (host, None),
            None => return Err(UrlProblem::Port),
        }
    } else {
        match address.split_once(':') {
            Some((host, port)) => (checked_name(host, port)?, Some(port)),
            None => (checked_name(address, "")?, None),
        }
    };
    match port {
        None => Ok((host, None)),
        Some(port) if port.starts_with('+') => Err(UrlProblem::Port),
        Some(port) => match port.parse() {
            Ok(0) | Err(_) => Err(UrlProblem::Port),
            Ok(port) => Ok((host, Some(port))),
        },
    }
}

fn checked_name<'a>(host: &'a str, port: &str) -> Result<&'a str, UrlProblem> {
    if host.is_empty() && !port.contains(':') {
        return Err(UrlProblem::NoHost);
    }
    let legal = |c: char| c.is_alphanumeric() || matches!(c, '-' | '.' | '_');
    if !host.chars().all(legal) || port.contains(':') {
        return Err(UrlProblem::Host);
    }
    Ok(host)
}

fn credentials(user_info: &str) -> Result<Credentials, UrlProblem> {
    let (username, password) = match user_info.split_once(':') {
        Some((username, password)) => (username, Some(unescape(password)?)),
        None => (user_info, None),
    };
    let username = String::from_utf8(unescape(username)?).map_err(|_| UrlProblem::UserName)?;
    Ok((username, password))
}

/// Undoes percent-encoding (RFC 3986, section 2.1).
fn unescape(text: &str) -> Result<Vec<u8>, UrlProblem> {
    let mut parts = text.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let digits = part.get(..2).filter(|digits| digits.bytes().all(|c| c.is_ascii_hexdigit()));
        let digits = digits.ok_or(UrlProblem::Escape)?;
        bytes.push(u8::from_str_radix(digits, 16).map_err(|_| UrlProblem::Escape)?);
        bytes.extend_from_slice(part.get(2..).unwrap_or_default().as_bytes());
    }
    Ok(bytes)
}

/// What can be shown of a URL, however wrong it is.
fn without_credentials(url: &str) -> String {
    match url.rsplit_once('@') {
        Some((before, after)) => {
            let scheme = before.split_once("://").map_or("", |(scheme, _)| scheme);
            format!("{scheme}://***@{after}")
        }
        None => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broker(url: &str) -> Result<(String, u16), UrlProblem> {
        parse(url).map(|(broker, _)| (broker.host, broker.port))
    }

    #[test]
    fn host_and_port() {
        assert_eq!(broker("mqtt://localhost"), Ok(("localhost".into(), 1883)));
        assert_eq!(broker("MQTT://a.b-c_d:80/"), Ok(("a.b-c_d".into(), 80)));
        assert_eq!(broker("mqtt://[::1]"), Ok(("::1".into(), 1883)));
        assert_eq!(broker("mqtt://[fe80::1]:1884"), Ok(("fe80::1".into(), 1884)));
        assert_eq!(broker("mqtt://127.0.0.1:65535"), Ok(("127.0.0.1".into(), 65535)));
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (url, problem) in [
            ("localhost", UrlProblem::NoScheme),
            ("", UrlProblem::NoScheme),
            ("localhost:1883", UrlProblem::NoScheme),
            ("http://localhost", UrlProblem::Scheme),
            ("mqtt://", UrlProblem::NoHost),
            ("mqtt://:1883", UrlProblem::NoHost),
            ("mqtt://user@", UrlProblem::NoHost),
            ("mqtt://host:", UrlProblem::Port),
            ("mqtt://host:0", UrlProblem::Port),
            ("mqtt://host:65536", UrlProblem::Port),
            ("mqtt://host:+1", UrlProblem::Port),
            ("mqtt://host:x", UrlProblem::Port),
            ("mqtt://::1", UrlProblem::Host),
            ("mqtt://fe80::1:1883", UrlProblem::Host),
            ("mqtt://ho st", UrlProblem::Host),
            ("mqtt://[::1", UrlProblem::Ipv6),
            ("mqtt://[host]", UrlProblem::Ipv6),
            ("mqtt://[::1]1883", UrlProblem::Port),
            ("mqtt://host/path", UrlProblem::Path),
            ("mqtt://host?x=1", UrlProblem::Path),
            ("mqtt://us%er@host", UrlProblem::Escape),
            ("mqtt://us%2@host", UrlProblem::Escape),
            ("mqtt://%ff@host", UrlProblem::UserName),
        ] {
            assert_eq!(broker(url), Err(problem), "{url}");
        }
    }

    #[test]
    fn the_scheme_may_ask_for_tls() {
        for scheme in ["mqtts", "ssl", "TLS"] {
            let parsed = parse(&format!("{scheme}://host")).map(|(broker, _)| broker);
            #[cfg(feature = "tls")]
            assert_eq!(
                parsed,
                Ok(Broker { scheme: Scheme::Tls, host: "host".into(), port: 8883 }),
                "{scheme}"
            );
            #[cfg(not(feature = "tls"))]
            assert_eq!(parsed, Err(UrlProblem::NoTls), "{scheme}");
        }
    }

    /// A redirect takes no connection out of TLS.
    #[cfg(feature = "tls")]
    #[test]
    fn a_reference_is_spoken_to_as_who_refers_to_it() {
        let referred = Broker::referred("a.example", Scheme::Tls).unwrap();
        assert_eq!((referred.scheme, referred.port), (Scheme::Tls, 8883));
        let referred = Broker::referred("a.example:1883", Scheme::Tls).unwrap();
        assert_eq!((referred.scheme, referred.port), (Scheme::Tls, 1883));
    }

    #[test]
    fn a_reference_is_a_host_with_or_without_a_port() {
        let referred =
            |reference| Broker::referred(reference, Scheme::Plain).map(|broker| broker.to_string());
        assert_eq!(referred("a.example"), Some("a.example:1883".into()));
        assert_eq!(referred("10.0.0.1:8883"), Some("10.0.0.1:8883".into()));
        assert_eq!(referred("[fe80::1]:1884"), Some("[fe80::1]:1884".into()));
        for unusable in ["", "mqtt://a", "a/b", "fe80::1", "a:0", "[a]", "a@b"] {
            assert_eq!(referred(unusable), None, "{unusable}");
        }
    }

    #[test]
    fn credentials_are_unescaped() {
        let of = |url| parse(url).unwrap().1;
        assert_eq!(of("mqtt://host"), None);
        assert_eq!(of("mqtt://user@host"), Some(("user".into(), None)));
        assert_eq!(of("mqtt://u:@host"), Some(("u".into(), Some(vec![]))));
        assert_eq!(of("mqtt://a%40b:p%3Aq@r@host"), Some(("a@b".into(), Some(b"p:q@r".to_vec()))));
        assert_eq!(of("mqtt://u:%FF@host"), Some(("u".into(), Some(vec![0xff]))));
    }

    #[test]
    fn an_error_shows_no_credentials() {
        for url in ["mqtt://user:secret@host:0", "user:secret@host", "mqtt://u:se@cret@host:x"] {
            let text = Broker::parse(url).unwrap_err().to_string();
            assert!(!text.contains("secret") && !text.contains("cret@"), "{text}");
        }
    }

    #[test]
    fn addresses_are_shown_as_they_are_written() {
        let show = |url| Broker::parse(url).unwrap().0.to_string();
        assert_eq!(show("mqtt://host"), "host:1883");
        assert_eq!(show("mqtt://[::1]:5"), "[::1]:5");
    }
}
