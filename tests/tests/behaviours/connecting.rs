//! From CONNECT to CONNACK, and what can come in between.

use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use mqtt_adapter_blocking::{
    Backoff, ClientEvent, ConnectChanges, ConnectError, Options, Publish, PublishError, QoS,
    ReasonCode,
};
use mqtt_proto::Property;
use mqtt_testkit::broker::Settings;
use mqtt_testkit::{Silent, TcpBroker};
use mqtt_tests::adapter::{Adapter, Client};
use mqtt_tests::{Signal, Trial};

use crate::{connected, options, qos1, wait_for};

/// Enforces: MQTT-3.14.4-2, MQTT-4.2-1
pub(crate) fn connects_and_disconnects<A: Adapter>(trial: &Trial) {
    let peer = trial.peer(|broker| {
        let mut connection = broker.accept();
        let connect = connection.expect_connect();
        assert!(connect.clean_start);
        assert_eq!(connect.client_id, "client");
        connection.connack(false, ReasonCode::Success, &[]);
        connection.expect_disconnect(ReasonCode::NormalDisconnection);
    });
    let client = A::start().connect(options(&peer)).unwrap();
    client.disconnect();
    client.disconnect();
    let refused = client.publish(Publish::new("a", "").qos(QoS::AtLeastOnce));
    assert_eq!(refused, Err(PublishError::Closed));
}

pub(crate) fn a_refusal_says_why<A: Adapter>(trial: &Trial) {
    let peer = trial.peer(|broker| broker.refuse(ReasonCode::NotAuthorized));
    match A::start().connect(options(&peer)) {
        Err(ConnectError::Refused(refusal)) => {
            assert_eq!(refusal.reason, ReasonCode::NotAuthorized);
        }
        result => panic!("a refusal expected, but {:?}", result.err()),
    }
}

pub(crate) fn a_port_without_a_broker_is_an_error<A: Adapter>(_: &Trial) {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let options = Options::new(format!("mqtt://{address}")).unwrap();
    let error = A::start().connect(options).err().unwrap();
    assert!(matches!(error, ConnectError::Dial { .. }), "{error:?}");
    assert!(error.to_string().contains(&address.to_string()), "{error}");
}

pub(crate) fn a_silent_broker_is_given_up<A: Adapter>(trial: &Trial) {
    let peer = trial.peer(|broker| {
        let mut connection = broker.accept();
        connection.expect_connect();
        connection.expect_end();
    });
    // A busy machine may take a while until CONNECT has left.
    let options = options(&peer).connect_timeout(Duration::from_secs(1));
    let error = A::start().connect(options).err().unwrap();
    assert!(matches!(error, ConnectError::TimedOut { .. }), "{error:?}");
}

pub(crate) fn an_address_that_does_not_answer_is_given_up<A: Adapter>(_: &Trial) {
    let silent = Silent::start().unwrap();
    let options = Options::new(format!("mqtt://{}", silent.address())).unwrap();
    let options = options.connect_timeout(Duration::from_millis(50));
    let error = A::start().connect(options).err().unwrap();
    assert!(matches!(error, ConnectError::TimedOut { .. }), "{error:?}");
}

pub(crate) fn a_broker_that_hangs_up_is_an_error<A: Adapter>(trial: &Trial) {
    let peer = trial.peer(|broker| {
        let mut connection = broker.accept();
        connection.expect_connect();
        connection.cut();
    });
    let error = A::start().connect(options(&peer)).err().unwrap();
    assert!(matches!(error, ConnectError::Closed { .. }), "{error:?}");
}

/// The future of the hook needs nothing of the runtime: another thread has its answer.
pub(crate) fn every_attempt_has_a_connect_of_its_own<A: Adapter>(trial: &Trial) {
    let listening = Signal::new();
    let go = listening.clone();
    let peer = trial.peer(move |broker| {
        let mut connection = broker.accept();
        assert_eq!(connection.expect_connect().password, b"token 1");
        connection.connack(false, ReasonCode::Success, &[]);
        go.wait();
        connection.cut();
        let mut connection = broker.accept();
        assert_eq!(connection.expect_connect().password, b"token 2");
        connection.connack(true, ReasonCode::Success, &[]);
        connection.expect_disconnect(ReasonCode::NormalDisconnection);
    });
    let attempts = AtomicUsize::new(0);
    let options = options(&peer).retry_initial_connect(true).connect_hook(move |_| {
        let (attempt, answered) = (attempts.fetch_add(1, Ordering::Relaxed), Signal::new());
        let answer = answered.clone();
        thread::spawn(move || answer.raise());
        async move {
            answered.raised().await;
            if attempt == 0 {
                return Err("there is no token".into());
            }
            Ok(ConnectChanges::new().password(format!("token {attempt}")))
        }
    });
    let client = A::start().connect(options).unwrap();
    assert_eq!(client.stats().connect_failures, 1);
    let mut events = client.events();
    listening.raise();
    wait_for(&mut events, |event| matches!(event, ClientEvent::Connected { .. }));
    client.disconnect();
}

/// The name has an IPv6 address, too, where nobody listens.
pub(crate) fn a_name_is_resolved<A: Adapter>(trial: &Trial) {
    let peer = trial.peer(|broker| {
        broker.open(false).expect_disconnect(ReasonCode::NormalDisconnection);
    });
    let url = format!("mqtt://localhost:{}", peer.address().port());
    A::start().connect(Options::new(url).unwrap()).unwrap().disconnect();
}

/// A client given up ends, and with it its connection, wherever that is.
pub(crate) fn a_connect_given_up_anywhere_leaves_nothing<A: Adapter>(_: &Trial) {
    let broker = TcpBroker::start(Settings::default()).unwrap();
    let adapter = A::start();
    let backoff = Backoff::Constant(Duration::from_millis(10));
    let options = || Options::new(broker.url()).unwrap().client_id("client").backoff(backoff);
    let connected = (0..).find_map(|patience| adapter.connect_impatiently(options(), patience));
    let client = connected.unwrap().unwrap();
    // The broker may come late to a CONNECT that left before it was given up.
    let is_alone = || {
        broker.command(|broker, _| {
            let mine = broker.session("client").and_then(|session| session.connection);
            broker.connections().eq(mine)
        })
    };
    while !is_alone() {
        client.pass(Duration::from_millis(1));
    }
    client.publish(qos1("out")).unwrap();
    let mine = broker.command(|broker, _| broker.session("client").unwrap().connection);
    client.publish(qos1("out")).unwrap();
    let still = broker.command(|broker, _| broker.session("client").unwrap().connection);
    assert!(mine.is_some() && mine == still, "nobody else takes the session over");
    client.disconnect();
}

pub(crate) fn the_first_connection_is_retried_when_asked_for<A: Adapter>(trial: &Trial) {
    let peer = trial.peer(|broker| {
        broker.refuse(ReasonCode::ServerUnavailable);
        broker.open(false).expect_disconnect(ReasonCode::NormalDisconnection);
    });
    let options = options(&peer).retry_initial_connect(true);
    A::start().connect(options).unwrap().disconnect();
}

pub(crate) fn what_the_broker_cannot_do_is_an_error<A: Adapter>(trial: &Trial) {
    let (_peer, client) = connected::<A>(trial, |broker| {
        let granted = [
            Property::MaximumQoS(QoS::AtLeastOnce),
            Property::RetainAvailable(false),
            Property::MaximumPacketSize(20),
        ];
        let mut connection = broker.open_with(false, &granted);
        connection.take_qos1("a");
        connection.expect_disconnect(ReasonCode::NormalDisconnection);
    });
    let publish = Publish::new("a", "");
    let error = client.publish(publish.clone().qos(QoS::ExactlyOnce)).unwrap_err();
    assert_eq!(error, PublishError::QoSNotSupported(QoS::AtLeastOnce));
    let error = client.publish(publish.clone().retain(true)).unwrap_err();
    assert_eq!(error, PublishError::RetainNotSupported);
    let error = client.publish(Publish::new("a", "0123456789 123456789")).unwrap_err();
    assert!(matches!(error, PublishError::TooLarge { max: 20, .. }), "{error:?}");
    client.publish(publish.qos(QoS::AtLeastOnce)).unwrap();
    client.disconnect();
}
