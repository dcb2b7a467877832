//! TLS as mosquitto's library speaks it.
//!
//! A table of its own: the certificates of a row are those of its broker.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use std::{env, fs, process};

use mqtt_adapter_blocking::{
    Backoff, ConnectError, Options, Publish, QoS, SubscribeOptions, Tls, TlsFailure, Version,
};
use mqtt_testkit::{Mosquitto, Proxy};
use mqtt_tests::adapter::{Adapter, Client, Subscription};
use mqtt_tests::{Authority, Certificate, Validity, provider};
use rustls::version::{TLS12, TLS13};

use crate::{everything, next_number, numbered, wait_for_all};

/// The rows of the table as tests of one adapter and version.
macro_rules! rows {
    (
        $module:ident: $adapter:ident, $version:ident,
        $([$($promise:literal),*] $group:ident::$behaviour:ident;)*
    ) => {
        mod $module {
            $(#[test]
            fn $behaviour() {
                mqtt_tests::Trial::run(|trial| {
                    trial.note(concat!("shows", $(" ", $promise),*));
                    let version = mqtt_adapter_blocking::Version::$version;
                    crate::$group::$behaviour::<mqtt_tests::adapter::$adapter>(version);
                });
            })*
        }
    };
}

macro_rules! suite {
    ($($table:tt)*) => {
        mod mosquitto {
            rows! { tokio_current_5: TokioCurrent, V5, $($table)* }
            rows! { tokio_multi_3_1_1: TokioMulti, V3_1_1, $($table)* }
            rows! { smol_5: Smol, V5, $($table)* }
            rows! { async_std_3_1_1: AsyncStd, V3_1_1, $($table)* }
            rows! { blocking_5: Blocking, V5, $($table)* }
            rows! { blocking_own_loop_3_1_1: OwnLoop, V3_1_1, $($table)* }
        }
    };
}

suite! {
    ["CON-4"] tls::a_megabyte_comes_round_in_each_version_of_tls;
    ["LIVE-3"] tls::a_bad_certificate_is_not_accepted;
    ["LIVE-3"] tls::a_client_certificate_is_required;
    ["RES-1"] tls::a_cut_connection_is_resumed_under_tls;
}

const HERE: &[&str] = &["127.0.0.1"];
const VERSIONS: [&rustls::SupportedProtocolVersion; 2] = [&TLS12, &TLS13];

/// A mosquitto that speaks TLS, and the CA of its clients.
struct Secured {
    broker: Mosquitto,
    folder: PathBuf,
}

impl Secured {
    /// With this certificate and this CA; what else is said of its listener.
    fn start(authority: &Authority, certificate: &Certificate, more: &[&str]) -> Secured {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = env::temp_dir().join(format!("mqtt-tests-tls-{}-{count}", process::id()));
        fs::create_dir_all(&folder).expect("a folder");
        let mut lines = Vec::new();
        for (option, pem) in [
            ("cafile", &authority.pem()),
            ("certfile", &certificate.pem),
            ("keyfile", &certificate.key),
        ] {
            let path = folder.join(option);
            fs::write(&path, pem).expect("a file");
            lines.push(format!("{option} {}", path.display()));
        }
        let lines: Vec<&str> =
            lines.iter().map(String::as_str).chain(more.iter().copied()).collect();
        Secured { broker: Mosquitto::start_with(&lines).expect("a broker"), folder }
    }

    fn options(&self, tls: Tls, version: Version) -> Options {
        options(&format!("mqtts://{}", self.broker.address()), "secured", version).tls(tls)
    }
}

impl Drop for Secured {
    fn drop(&mut self) {
        // What cannot be removed is left to the system's own cleaning.
        fs::remove_dir_all(&self.folder).ok();
    }
}

/// Options that reconnect soon.
fn options(url: &str, client_id: &str, version: Version) -> Options {
    let backoff = Backoff::Constant(Duration::from_millis(20));
    Options::new(url).unwrap().client_id(client_id).version(version).backoff(backoff)
}

/// What `connect` says about TLS.
fn failure<A: Adapter>(options: Options) -> TlsFailure {
    match A::start().connect(options) {
        Err(ConnectError::Tls { failure, .. }) => failure,
        result => panic!("a failure of TLS expected, but {:?}", result.err()),
    }
}

pub(crate) fn a_megabyte_comes_round_in_each_version_of_tls<A: Adapter>(version: Version) {
    let authority = Authority::new("test CA");
    let secured = Secured::start(&authority, &authority.issue(HERE, Validity::Now), &[]);
    let payload: Vec<u8> = (0..1_u32 << 18).flat_map(u32::to_be_bytes).collect();
    for tls_version in VERSIONS {
        let tls = Tls::new(provider()).ca_pem(authority.pem()).versions([tls_version]);
        let client = A::start().connect(secured.options(tls, version)).unwrap();
        let mut stream = client.subscribe(everything("large")).unwrap();
        let publish = Publish::new("large", payload.clone()).qos(QoS::ExactlyOnce);
        client.publish(publish).unwrap();
        assert!(stream.recv().unwrap().payload() == payload);
        client.disconnect();
    }
}

pub(crate) fn a_bad_certificate_is_not_accepted<A: Adapter>(version: Version) {
    let authority = Authority::new("test CA");
    for certificate in [
        authority.issue(HERE, Validity::Expired),
        authority.issue(&["other.example"], Validity::Now),
        Authority::new("another CA").issue(HERE, Validity::Now),
    ] {
        let secured = Secured::start(&authority, &certificate, &[]);
        for tls_version in VERSIONS {
            let tls = Tls::new(provider()).ca_pem(authority.pem()).versions([tls_version]);
            let failure = failure::<A>(secured.options(tls, version));
            assert_eq!(failure, TlsFailure::ServerCertificate);
        }
    }
}

/// In TLS 1.2 OpenSSL says no more than that the handshake failed when the certificate is missing.
pub(crate) fn a_client_certificate_is_required<A: Adapter>(version: Version) {
    let authority = Authority::new("test CA");
    let certificate = authority.issue(HERE, Validity::Now);
    let secured = Secured::start(&authority, &certificate, &["require_certificate true"]);
    let own = authority.issue(&["client"], Validity::Now);
    let unknown = Authority::new("another CA").issue(&["client"], Validity::Now);
    for tls_version in VERSIONS {
        let tls = || Tls::new(provider()).ca_pem(authority.pem()).versions([tls_version]);
        let with = |shown: &Certificate| {
            let tls = tls().client_certificate_pem(shown.pem.clone(), shown.key.clone());
            secured.options(tls, version)
        };
        A::start().connect(with(&own)).unwrap().disconnect();
        assert_eq!(failure::<A>(with(&unknown)), TlsFailure::ClientCertificate);
        let missing = failure::<A>(secured.options(tls(), version));
        let is_newer = tls_version.version == TLS13.version;
        let expected = if is_newer { TlsFailure::ClientCertificate } else { TlsFailure::Agreement };
        assert_eq!(missing, expected);
    }
}

/// The proxy cuts without regard to records.
pub(crate) fn a_cut_connection_is_resumed_under_tls<A: Adapter>(version: Version) {
    const MESSAGES: u32 = 200;
    let authority = Authority::new("test CA");
    let secured = Secured::start(&authority, &authority.issue(HERE, Validity::Now), &[]);
    let proxy = Proxy::start(&secured.broker.address()).expect("a proxy");
    let url = proxy.url().replace("mqtt://", "mqtts://");
    let tls = Tls::new(provider()).ca_pem(authority.pem());
    let client = A::start().connect(options(&url, "cut", version).tls(tls)).unwrap();
    let mut stream = client.subscribe(SubscribeOptions::new("cut").qos(QoS::ExactlyOnce)).unwrap();
    let mut handles = Vec::new();
    for number in 0..MESSAGES {
        handles.push(client.enqueue(numbered("cut", number, QoS::ExactlyOnce)).unwrap());
        if number == MESSAGES / 2 {
            wait_for_all(handles.drain(..handles.len() / 2));
            proxy.cut();
        }
    }
    wait_for_all(handles);
    assert!((0..MESSAGES).all(|number| next_number(&mut stream) == number));
    assert_eq!(client.stats().connects, 2);
    client.disconnect();
}
