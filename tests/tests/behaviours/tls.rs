//! TLS: who is trusted, how it ends, and that it loses nothing.

use std::time::Duration;

use mqtt_adapter_blocking::{
    Backoff, ClientEvent, CloseReason, ConnectError, Options, Publish, QoS, ReasonCode, Tls,
    TlsFailure,
};
use mqtt_proto::{Packet, Properties};
use mqtt_tests::adapter::{Adapter, Client, Events, Handle, Subscription};
use mqtt_tests::{Acceptor, Authority, Certificate, Peer, Signal, Trial, Validity, provider};
use rustls::version::{TLS12, TLS13};

use crate::{everything, qos1, wait_for};

const HERE: &[&str] = &["127.0.0.1"];
const VERSIONS: [&rustls::SupportedProtocolVersion; 2] = [&TLS12, &TLS13];

/// A CA, a certificate of it for the peer, and TLS that trusts it.
fn trust() -> (Authority, Certificate, Tls) {
    let authority = Authority::new("test CA");
    let certificate = authority.issue(HERE, Validity::Now);
    let tls = Tls::new(provider()).ca_pem(authority.pem());
    (authority, certificate, tls)
}

/// Options for a scripted broker under TLS: reconnects at once.
fn options(peer: &Peer, tls: Tls) -> Options {
    let backoff = Backoff::Constant(Duration::from_millis(10));
    Options::new(peer.tls_url()).unwrap().client_id("client").backoff(backoff).tls(tls)
}

/// What `connect` says about TLS.
fn failure<A: Adapter>(options: Options) -> TlsFailure {
    match A::start().connect(options) {
        Err(ConnectError::Tls { failure, .. }) => failure,
        result => panic!("a failure of TLS expected, but {:?}", result.err()),
    }
}

pub(crate) fn each_version_of_tls_carries_both_ways<A: Adapter>(trial: &Trial) {
    let (_, certificate, tls) = trust();
    for version in VERSIONS {
        let acceptor = Acceptor::with(&certificate, &[version], None, &[]);
        let peer = trial.peer(move |broker| {
            let mut connection = broker.open_tls(&acceptor, false);
            connection.grant("in", QoS::ExactlyOnce);
            connection.take_qos1("out");
            connection.deliver("in", b"message");
            connection.expect_last_packet(ReasonCode::NormalDisconnection);
            connection.expect_close_notify();
        });
        let client = A::start().connect(options(&peer, tls.clone())).unwrap();
        let mut stream = client.subscribe(everything("in")).unwrap();
        client.publish(qos1("out")).unwrap();
        assert_eq!(stream.recv().unwrap().payload(), b"message");
        client.disconnect();
    }
}

pub(crate) fn a_certificate_that_is_not_accepted_is_an_error<A: Adapter>(trial: &Trial) {
    let (authority, _, tls) = trust();
    for certificate in [
        authority.issue(HERE, Validity::Expired),
        authority.issue(&["other.example"], Validity::Now),
        Authority::new("another CA").issue(HERE, Validity::Now),
    ] {
        for version in VERSIONS {
            let acceptor = Acceptor::with(&certificate, &[version], None, &[]);
            let peer = trial.peer(move |broker| {
                let told = broker.accept_tls(&acceptor).unwrap_err();
                assert!(told.to_string().contains("alert"), "{told}");
            });
            let failure = failure::<A>(options(&peer, tls.clone()));
            assert_eq!(failure, TlsFailure::ServerCertificate);
        }
    }
}

/// What other ways to trust there are.
pub(crate) fn a_certificate_is_accepted_as_the_options_say<A: Adapter>(trial: &Trial) {
    let (authority, _, tls) = trust();
    let elsewhere = authority.issue(&["other.example"], Validity::Now);
    let roots = {
        use rustls::pki_types::{CertificateDer, pem::PemObject};
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(authority.pem().as_bytes()).unwrap()).unwrap();
        roots
    };
    let config = rustls::ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let expired = Authority::new("another CA").issue(&["other.example"], Validity::Expired);
    for (certificate, tls) in [
        (&elsewhere, tls.server_name("other.example")),
        (&elsewhere, Tls::from_config(config).server_name("other.example")),
        (&expired, Tls::new(provider()).dangerous_accept_any_certificate()),
    ] {
        let acceptor = Acceptor::new(certificate);
        let peer = trial.peer(move |broker| {
            let mut connection = broker.open_tls(&acceptor, false);
            connection.expect_disconnect(ReasonCode::NormalDisconnection);
        });
        A::start().connect(options(&peer, tls)).unwrap().disconnect();
    }
}

/// In TLS 1.3 the broker refuses after the handshake, when CONNECT is already under way.
pub(crate) fn a_client_certificate_is_shown_when_asked_for<A: Adapter>(trial: &Trial) {
    let (authority, certificate, tls) = trust();
    let shown = authority.issue(&["client"], Validity::Now);
    let unknown = Authority::new("another CA").issue(&["client"], Validity::Now);
    for version in VERSIONS {
        let acceptor = || Acceptor::with(&certificate, &[version], Some(&authority), &[]);
        let accepting = acceptor();
        let peer = trial.peer(move |broker| {
            let mut connection = broker.open_tls(&accepting, false);
            connection.expect_disconnect(ReasonCode::NormalDisconnection);
        });
        let known = tls.clone().client_certificate_pem(shown.pem.clone(), shown.key.clone());
        A::start().connect(options(&peer, known)).unwrap().disconnect();

        let wrong = tls.clone().client_certificate_pem(unknown.pem.clone(), unknown.key.clone());
        for tls in [wrong, tls.clone()] {
            let refusing = acceptor();
            let peer = trial.peer(move |broker| {
                broker.accept_tls(&refusing).unwrap_err();
            });
            assert_eq!(failure::<A>(options(&peer, tls)), TlsFailure::ClientCertificate);
        }
    }
}

pub(crate) fn a_broker_that_does_not_agree_is_an_error<A: Adapter>(trial: &Trial) {
    let (_, certificate, tls) = trust();
    let older = Acceptor::with(&certificate, &[&TLS12], None, &[]);
    let other = Acceptor::with(&certificate, &VERSIONS, None, &["h2"]);
    for (acceptor, tls) in [(older, tls.clone().versions([&TLS13])), (other, tls.alpn(["mqtt"]))] {
        let peer = trial.peer(move |broker| {
            broker.accept_tls(&acceptor).unwrap_err();
        });
        assert_eq!(failure::<A>(options(&peer, tls)), TlsFailure::Agreement);
    }
}

pub(crate) fn a_protocol_is_agreed_on<A: Adapter>(trial: &Trial) {
    let (_, certificate, tls) = trust();
    let acceptor = Acceptor::with(&certificate, &VERSIONS, None, &["h2", "mqtt"]);
    let peer = trial.peer(move |broker| {
        let mut connection = broker.open_tls(&acceptor, false);
        connection.expect_disconnect(ReasonCode::NormalDisconnection);
    });
    A::start().connect(options(&peer, tls.alpn(["mqtt"]))).unwrap().disconnect();
}

/// What waiting does not mend is tried again at the longest delay.
pub(crate) fn a_bad_certificate_is_retried_at_the_longest_delay<A: Adapter>(trial: &Trial) {
    let (authority, certificate, tls) = trust();
    let good = Acceptor::new(&certificate);
    let bad = Acceptor::new(&authority.issue(HERE, Validity::Expired));
    let listening = Signal::new();
    let go = listening.clone();
    let peer = trial.peer(move |broker| {
        let connection = broker.open_tls(&good, false);
        go.wait();
        connection.cut();
        broker.accept_tls(&bad).unwrap_err();
        let mut connection = broker.open_tls(&good, true);
        connection.expect_disconnect(ReasonCode::NormalDisconnection);
    });
    let [first, longest] = [10, 300].map(Duration::from_millis);
    let backoff = Backoff::Exponential { first, longest, jitter_percent: 0 };
    let client = A::start().connect(options(&peer, tls).backoff(backoff)).unwrap();
    let mut events = client.events();
    listening.raise();
    let is_failed = |event: &ClientEvent| matches!(event, ClientEvent::ConnectFailed(_));
    let failed = wait_for(&mut events, is_failed);
    let ClientEvent::ConnectFailed(ConnectError::Tls { failure, .. }) = failed else {
        panic!("a failure of TLS expected, but {failed:?}")
    };
    assert_eq!(failure, TlsFailure::ServerCertificate);
    let is_waiting = |event: &ClientEvent| matches!(event, ClientEvent::Waiting { .. });
    let waiting = wait_for(&mut events, is_waiting);
    assert!(
        matches!(waiting, ClientEvent::Waiting { delay } if delay > longest / 2),
        "{waiting:?}"
    );
    wait_for(&mut events, |event| matches!(event, ClientEvent::Connected { .. }));
    client.disconnect();
}

/// The port is open, and nobody speaks TLS there.
pub(crate) fn a_peer_silent_in_the_handshake_is_given_up<A: Adapter>(trial: &Trial) {
    let (_, _, tls) = trust();
    let peer = trial.peer(|broker| {
        let mut connection = broker.accept();
        connection.expect_record();
        connection.expect_end();
    });
    // A busy machine may take a while until the handshake has begun.
    let options = options(&peer, tls).connect_timeout(Duration::from_secs(1));
    let error = A::start().connect(options).err().unwrap();
    assert!(matches!(error, ConnectError::TimedOut { .. }), "{error:?}");
}

pub(crate) fn dropped_during_the_handshake_it_ends<A: Adapter>(trial: &Trial) {
    let (_, _, tls) = trust();
    let begun = Signal::new();
    let seen = begun.clone();
    let adapter = A::start();
    let peer = trial.peer(move |broker| {
        let mut connection = broker.accept();
        connection.expect_record();
        seen.raise();
        connection.expect_end();
    });
    let client = adapter.begin(options(&peer, tls)).unwrap();
    client.run_until(&begun);
    let mut events = client.events();
    drop(client);
    while events.next().is_some() {}
    adapter.run_until(peer.finished());
}

pub(crate) fn a_peer_without_tls_is_an_error<A: Adapter>(trial: &Trial) {
    let (_, _, tls) = trust();
    let hangs_up = trial.peer(|broker| {
        let mut connection = broker.accept();
        connection.expect_record();
        connection.cut();
    });
    assert_eq!(failure::<A>(options(&hangs_up, tls.clone())), TlsFailure::Handshake);
    let answers = trial.peer(|broker| {
        let mut connection = broker.accept();
        connection.expect_record();
        connection.connack(false, ReasonCode::MalformedPacket, &[]);
        connection.expect_record();
        connection.expect_end();
    });
    assert_eq!(failure::<A>(options(&answers, tls)), TlsFailure::Handshake);
}

/// Options for TLS change nothing for a URL without.
pub(crate) fn a_url_without_tls_stays_without<A: Adapter>(trial: &Trial) {
    let (_, _, tls) = trust();
    let peer = trial.peer(|broker| {
        broker.open(false).expect_disconnect(ReasonCode::NormalDisconnection);
    });
    A::start().connect(crate::options(&peer).tls(tls)).unwrap().disconnect();
}

/// The certificate is for the host of the URL, which is not looked up.
pub(crate) fn a_stream_of_the_applications_own_takes_tls<A: Adapter>(trial: &Trial) {
    let (authority, _, tls) = trust();
    let acceptor = Acceptor::new(&authority.issue(&["nowhere.invalid"], Validity::Now));
    let peer = trial.peer(move |broker| {
        let mut connection = broker.open_tls(&acceptor, false);
        connection.take_qos1("out");
        connection.expect_last_packet(ReasonCode::NormalDisconnection);
        connection.expect_close_notify();
    });
    let options = Options::new("mqtts://nowhere.invalid").unwrap().tls(tls);
    let client = A::start().connect(A::over(options, peer.address())).unwrap();
    client.publish(qos1("out")).unwrap();
    client.disconnect();
}

/// The end without `close_notify` is a loss, and what came of a record that is not whole is nothing.
pub(crate) fn a_cut_in_a_record_loses_nothing<A: Adapter>(trial: &Trial) {
    let (_, certificate, tls) = trust();
    let acceptor = Acceptor::new(&certificate);
    let sent = Signal::new();
    let go = sent.clone();
    let peer = trial.peer(move |broker| {
        let mut connection = broker.open_tls(&acceptor, false);
        connection.grant("in", QoS::ExactlyOnce);
        let first = connection.expect_publish("out");
        go.wait();
        connection.deliver("in", b"whole");
        connection.cut_within(&Packet::Publish(mqtt_proto::Publish {
            dup: false,
            qos: QoS::AtMostOnce,
            retain: false,
            topic: "in",
            packet_id: None,
            properties: Properties::EMPTY,
            payload: b"not whole",
        }));
        let mut connection = broker.open_tls(&acceptor, true);
        let again = connection.expect_publish("out");
        assert!(again.dup);
        assert_eq!((again.id(), &again.payload), (first.id(), &first.payload));
        connection.puback(again.id(), ReasonCode::Success);
        connection.deliver("in", b"after");
        connection.expect_disconnect(ReasonCode::NormalDisconnection);
    });
    let client = A::start().connect(options(&peer, tls)).unwrap();
    let mut events = client.events();
    let mut stream = client.subscribe(everything("in")).unwrap();
    let handle = client.enqueue(qos1("out")).unwrap();
    sent.raise();
    let is_lost = |event: &ClientEvent| matches!(event, ClientEvent::Disconnected { .. });
    let lost = wait_for(&mut events, is_lost);
    assert!(matches!(lost, ClientEvent::Disconnected { reason: CloseReason::Lost }), "{lost:?}");
    assert_eq!(handle.wait(), Ok(ReasonCode::Success));
    for expected in [b"whole".as_slice(), b"after"] {
        assert_eq!(stream.recv().unwrap().payload(), expected);
    }
    client.disconnect();
}

/// A broker that takes leave by `close_notify` alone is connected to again.
pub(crate) fn close_notify_is_an_end<A: Adapter>(trial: &Trial) {
    let (_, certificate, tls) = trust();
    let acceptor = Acceptor::new(&certificate);
    let peer = trial.peer(move |broker| {
        let mut connection = broker.open_tls(&acceptor, false);
        connection.grant("in", QoS::ExactlyOnce);
        connection.deliver("in", b"last words");
        connection.close();
        let mut connection = broker.open_tls(&acceptor, true);
        connection.take_qos1("out");
        connection.expect_disconnect(ReasonCode::NormalDisconnection);
    });
    let client = A::start().connect(options(&peer, tls)).unwrap();
    let mut stream = client.subscribe(everything("in")).unwrap();
    assert_eq!(stream.recv().unwrap().payload(), b"last words");
    client.publish(qos1("out")).unwrap();
    client.disconnect();
}

pub(crate) fn a_megabyte_goes_both_ways<A: Adapter>(trial: &Trial) {
    let (_, certificate, tls) = trust();
    let acceptor = Acceptor::new(&certificate);
    let peer = trial.peer(move |broker| {
        let mut connection = broker.open_tls(&acceptor, false);
        connection.grant("echo", QoS::ExactlyOnce);
        let publish = connection.take_qos1("echo");
        connection.deliver("echo", &publish.payload);
        connection.expect_disconnect(ReasonCode::NormalDisconnection);
    });
    let payload: Vec<u8> = (0..1_u32 << 18).flat_map(u32::to_be_bytes).collect();
    let client = A::start().connect(options(&peer, tls)).unwrap();
    let mut stream = client.subscribe(everything("echo")).unwrap();
    client.publish(Publish::new("echo", payload.clone()).qos(QoS::AtLeastOnce)).unwrap();
    assert!(stream.recv().unwrap().payload() == payload);
    client.disconnect();
}

/// What TLS has decrypted is not lost while reading pauses, nor what it has encrypted while the
/// broker reads nothing.
pub(crate) fn back_pressure_loses_nothing<A: Adapter>(trial: &Trial) {
    const MESSAGES: u32 = 1000;
    let (_, certificate, tls) = trust();
    let acceptor = Acceptor::new(&certificate);
    let queued = Signal::new();
    let go = queued.clone();
    let message = |number: u32| number.to_be_bytes().repeat(1000);
    let peer = trial.peer(move |broker| {
        let mut connection = broker.open_tls(&acceptor, false);
        connection.grant("in", QoS::ExactlyOnce);
        go.wait();
        for number in 0..MESSAGES {
            let publish = connection.take_qos1("out");
            assert!(publish.payload == message(number));
        }
        for number in 0..MESSAGES {
            connection.deliver("in", &message(number));
        }
        connection.expect_disconnect(ReasonCode::NormalDisconnection);
    });
    let options = options(&peer, tls).held_bytes(64 << 10);
    let client = A::start().connect(options).unwrap();
    let mut stream = client.subscribe(everything("in")).unwrap();
    let handles: Vec<_> = (0..MESSAGES)
        .map(|number| {
            let publish = Publish::new("out", message(number)).qos(QoS::AtLeastOnce);
            client.enqueue(publish).unwrap()
        })
        .collect();
    queued.raise();
    for handle in handles {
        handle.wait().unwrap();
    }
    for number in 0..MESSAGES {
        assert!(stream.recv().unwrap().payload() == message(number));
    }
    client.disconnect();
}
