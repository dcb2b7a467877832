//! 3.1.1 where a broker does not speak 5.0.

use mqtt_adapter_blocking::{
    ClientEvent, Failure, Options, Publish, PublishError, QoS, ReasonCode, SessionExpiry, Version,
    VersionChoice,
};
use mqtt_tests::adapter::{Adapter, Client, Handle};
use mqtt_tests::{Broker, Connection, Peer, Signal, Trial};

use crate::{options, qos1, wait_for};

/// One connection per attempt: the session ends with it.
fn automatic(peer: &Peer) -> Options {
    options(peer).version(VersionChoice::Auto).session_expiry(SessionExpiry::Immediately)
}

/// Waits for a connection whose CONNECT is of this version.
fn accept(broker: &Broker, version: Version) -> Connection {
    let mut connection = broker.accept();
    assert_eq!(connection.expect_connect().version, version);
    connection
}

/// Serves the client in 3.1.1 until it is cut off, and again.
fn serve_old(broker: &Broker, go: &Signal) {
    let mut connection = accept(broker, Version::V3_1_1);
    connection.connack(false, ReasonCode::Success, &[]);
    connection.take_qos1("a");
    go.wait();
    connection.cut();
    let mut connection = accept(broker, Version::V3_1_1);
    connection.connack(false, ReasonCode::Success, &[]);
    connection.expect_disconnect(ReasonCode::NormalDisconnection);
}

/// The client of a broker that refuses 5.0 in its way.
fn falls_back<A: Adapter>(trial: &Trial, refuse: impl FnOnce(&Broker) + Send + 'static) {
    let listening = Signal::new();
    let go = listening.clone();
    let peer = trial.peer(move |broker| {
        refuse(broker);
        serve_old(broker, &go);
    });
    let client = A::start().connect(automatic(&peer)).unwrap();
    client.publish(qos1("a")).unwrap();
    let mut events = client.events();
    listening.raise();
    wait_for(&mut events, |event| matches!(event, ClientEvent::Connected { .. }));
    client.disconnect();
}

pub(crate) fn a_broker_that_refuses_5_0_is_asked_in_3_1_1<A: Adapter>(trial: &Trial) {
    falls_back::<A>(trial, |broker| {
        let mut connection = accept(broker, Version::V5);
        connection.connack(false, ReasonCode::UnsupportedProtocolVersion, &[]);
        connection.expect_end();
    });
}

/// A broker of 3.1.1 answers in its own words.
///
/// Enforces: MQTT-3.14.4-1 (3.1.1), MQTT-7.1.2-1 (3.1.1)
pub(crate) fn a_broker_that_knows_only_3_1_1_is_asked_in_it<A: Adapter>(trial: &Trial) {
    falls_back::<A>(trial, |broker| {
        let mut connection = accept(broker, Version::V5);
        connection.send_bytes(&[0x20, 0x02, 0x00, 0x01]);
        connection.expect_end();
    });
}

pub(crate) fn a_broker_that_closes_twice_is_asked_in_3_1_1<A: Adapter>(trial: &Trial) {
    falls_back::<A>(trial, |broker| {
        for _ in 0..2 {
            accept(broker, Version::V5).cut();
        }
    });
}

/// A session that is kept needs a name, which nobody gives in 3.1.1.
pub(crate) fn a_name_is_made_up_for_3_1_1<A: Adapter>(trial: &Trial) {
    let peer = trial.peer(|broker| {
        let mut connection = broker.accept();
        let connect = connection.expect_connect();
        assert_eq!((connect.version, connect.client_id.as_str()), (Version::V5, ""));
        connection.connack(false, ReasonCode::UnsupportedProtocolVersion, &[]);
        connection.expect_end();
        let mut connection = broker.accept();
        let connect = connection.expect_connect();
        assert!(connect.client_id.starts_with("mqtt") && !connect.clean_start, "{connect:?}");
        assert_eq!(connect.version, Version::V3_1_1);
        connection.connack(false, ReasonCode::Success, &[]);
        connection.expect_disconnect(ReasonCode::NormalDisconnection);
    });
    let options = options(&peer).version(VersionChoice::Auto).client_id("");
    A::start().connect(options).unwrap().disconnect();
}

/// What was accepted while 5.0 was spoken is looked at again.
pub(crate) fn what_3_1_1_cannot_say_fails<A: Adapter>(trial: &Trial) {
    let listening = Signal::new();
    let go = listening.clone();
    let peer = trial.peer(move |broker| {
        let mut connection = accept(broker, Version::V5);
        connection.connack(false, ReasonCode::Success, &[]);
        connection.expect_publish("a");
        go.wait();
        connection.cut();
        let mut connection = accept(broker, Version::V5);
        connection.connack(false, ReasonCode::UnsupportedProtocolVersion, &[]);
        connection.expect_end();
        let mut connection = accept(broker, Version::V3_1_1);
        connection.connack(false, ReasonCode::Success, &[]);
        connection.expect_disconnect(ReasonCode::NormalDisconnection);
    });
    let client = A::start().connect(automatic(&peer)).unwrap();
    let message = Publish::new("a", "").qos(QoS::AtLeastOnce).content_type("text");
    let handle = client.enqueue(message.clone()).unwrap();
    listening.raise();
    let error = handle.wait().unwrap_err();
    assert!(matches!(error, PublishError::Failed(Failure::Invalid(_))), "{error:?}");
    let error = client.publish(message).unwrap_err();
    assert!(matches!(error, PublishError::Invalid(_)), "{error:?}");
    client.disconnect();
}
