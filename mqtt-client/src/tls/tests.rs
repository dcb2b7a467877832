use rcgen::generate_simple_self_signed;
use rustls::crypto::ring::default_provider;
use rustls::version::TLS13;

use super::*;
use crate::{Options, OptionsError};

fn tls() -> Tls {
    Tls::new(default_provider())
}

fn problem(tls: &Tls) -> Option<TlsProblem> {
    tls.connector().err()
}

#[test]
fn what_is_wrong_is_named() {
    let [own, other] = ["a", "b"].map(|name| generate_simple_self_signed([name.into()]).unwrap());
    let (pem, key) = (own.cert.pem(), own.signing_key.serialize_pem());
    let trusting = || tls().ca_pem(pem.clone());
    let known_by = |chain: &str, key: &str| {
        problem(&trusting().client_certificate_pem(chain.to_owned(), key.to_owned()))
    };
    assert_eq!(problem(&trusting()), None);
    assert_eq!(known_by(&pem, &key), None);

    assert_eq!(problem(&tls().ca_pem("")), Some(TlsProblem::NoCa));
    assert_eq!(problem(&tls().ca_pem(key.clone())), Some(TlsProblem::NoCa));
    assert_eq!(problem(&trusting().ca_pem("")), Some(TlsProblem::NoCa), "each has one");
    let half = &pem[..pem.len() / 2];
    assert!(matches!(problem(&tls().ca_pem(half)), Some(TlsProblem::Ca(_))));
    assert!(matches!(problem(&tls().ca_der("no DER")), Some(TlsProblem::Ca(_))));

    assert_eq!(known_by("", &key), Some(TlsProblem::NoCertificate));
    assert!(matches!(known_by(half, &key), Some(TlsProblem::Certificate(_))));
    assert_eq!(known_by(&pem, ""), Some(TlsProblem::NoKey));
    assert_eq!(known_by(&pem, &pem), Some(TlsProblem::NoKey));
    let other = other.signing_key.serialize_pem();
    assert_eq!(known_by(&pem, &other), Some(TlsProblem::KeyMismatch));

    assert_eq!(problem(&trusting().server_name("no name")), Some(name("no name")));
    assert!(matches!(problem(&trusting().versions([])), Some(TlsProblem::Versions(_))));
}

#[test]
fn der_serves_as_well() {
    let own = generate_simple_self_signed(["a".into()]).unwrap();
    let (der, key) = (own.cert.der().to_vec(), own.signing_key.serialize_der());
    let trusting = tls().ca_der(der.clone());
    assert_eq!(problem(&trusting.clone().client_certificate_der([der.clone()], key)), None);
    let nothing = trusting.clone().client_certificate_der([der.clone()], "no key");
    assert!(matches!(problem(&nothing), Some(TlsProblem::Key(_))));
    let none = trusting.client_certificate_der::<Vec<u8>>([], "no key");
    assert_eq!(problem(&none), Some(TlsProblem::NoCertificate));
}

#[test]
fn a_ready_configuration_is_not_changed() {
    let config = tls().dangerous_accept_any_certificate().connector().unwrap().config;
    let ready = Tls::from_config(config);
    assert_eq!(problem(&ready), None);
    assert_eq!(problem(&ready.clone().server_name("other")), None);
    assert_eq!(problem(&ready.versions([&TLS13])), Some(TlsProblem::Overridden));
}

/// Promises: CON-4
#[test]
fn nothing_of_the_process_is_installed() {
    tls().dangerous_accept_any_certificate().connector().unwrap();
    assert!(CryptoProvider::get_default().is_none());
}

#[cfg(not(feature = "tls-platform-roots"))]
#[test]
fn the_cas_of_the_platform_are_a_feature() {
    let Some(TlsProblem::NoRoots(why)) = problem(&tls()) else { panic!("there are some") };
    assert!(why.contains("`tls-platform-roots`"), "{why}");
}

/// The test runs itself again where the platform's CAs are those of a file.
#[cfg(feature = "tls-platform-roots")]
#[test]
fn without_a_ca_those_of_the_platform_are_trusted() {
    use std::{env, fs, process::Command};
    const INSIDE: &str = "MQTT_TEST_PLATFORM_ROOTS";
    if let Ok(trusted) = env::var(INSIDE) {
        return assert_eq!(problem(&tls()).is_none(), trusted == "some");
    }
    let own = generate_simple_self_signed(["a".into()]).unwrap();
    let file = env::temp_dir().join(format!("mqtt-client-roots-{}.pem", std::process::id()));
    for (pem, trusted) in [(own.cert.pem(), "some"), (String::new(), "none")] {
        fs::write(&file, pem).unwrap();
        let again = Command::new(env::current_exe().unwrap())
            .args(["--exact", "tls::tests::without_a_ca_those_of_the_platform_are_trusted"])
            .env("SSL_CERT_FILE", &file)
            .env_remove("SSL_CERT_DIR")
            .env(INSIDE, trusted)
            .output()
            .unwrap();
        assert!(again.status.success(), "{}", String::from_utf8_lossy(&again.stdout));
    }
    fs::remove_file(file).unwrap();
}

#[test]
fn a_broker_under_tls_needs_the_option() {
    let check = |options: &Options| crate::security::Security::new(options).map(drop);
    let missing = Err(OptionsError::Tls(TlsProblem::Missing));
    let accepting = || tls().dangerous_accept_any_certificate();
    assert_eq!(check(&Options::new("mqtt://host").unwrap()), Ok(()));
    assert_eq!(check(&Options::new("mqtts://host").unwrap()), missing);
    assert_eq!(check(&Options::new("mqtts://host").unwrap().tls(accepting())), Ok(()));
    assert_eq!(check(&Options::new("mqtts://[::1]").unwrap().tls(accepting())), Ok(()));
    let second = Options::new("mqtt://host").unwrap().broker("ssl://host").unwrap();
    assert_eq!(check(&second), missing);
    let unnamed = Options::new("mqtts://hôte").unwrap().tls(accepting());
    assert_eq!(check(&unnamed), Err(OptionsError::Tls(name("hôte"))));
    assert_eq!(check(&unnamed.tls(accepting().server_name("host"))), Ok(()));
}

#[test]
fn keys_are_not_shown() {
    let own = generate_simple_self_signed(["a".into()]).unwrap();
    let tls = tls().client_certificate_pem(own.cert.pem(), own.signing_key.serialize_pem());
    let shown = format!("{:?}", Options::new("mqtts://host").unwrap().tls(tls));
    assert!(!shown.contains("PRIVATE") && !shown.contains("45, 45, 45"), "{shown}");
}

fn name(name: &str) -> TlsProblem {
    TlsProblem::ServerName(name.to_owned())
}
