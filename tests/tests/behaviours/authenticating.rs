//! Enhanced authentication.

use std::error::Error;

use mqtt_adapter_blocking::{
    AuthResponse, Authenticator, ClientEvent, ConnectError, ReasonCode, ReauthenticateError,
};
use mqtt_proto::Property;
use mqtt_tests::adapter::{Adapter, Client};
use mqtt_tests::{Broker, Connection, Trial};

use crate::{connected, options, wait_for};

type Failure = Box<dyn Error + Send + Sync>;

/// Says what it hears backwards, and knows a broker that does by its last word.
struct Echo;

impl Authenticator for Echo {
    fn method(&self) -> &str {
        "ECHO"
    }

    fn start(&mut self) -> Result<AuthResponse, Failure> {
        Ok(AuthResponse::new("hello"))
    }

    fn step(&mut self, data: &[u8]) -> Result<AuthResponse, Failure> {
        Ok(AuthResponse::new(data.iter().rev().copied().collect::<Vec<_>>()))
    }

    fn finish(&mut self, data: &[u8]) -> Result<(), Failure> {
        if data == b"well done" { Ok(()) } else { Err("a stranger".into()) }
    }
}

fn words(data: &'static str) -> [Property<'static>; 2] {
    [Property::AuthenticationMethod("ECHO"), Property::AuthenticationData(data.as_bytes())]
}

/// The exchange from CONNECT to CONNACK.
fn authenticate(broker: &Broker, last: &'static str) -> Connection {
    let mut connection = broker.accept();
    connection.expect_connect();
    connection.auth(ReasonCode::ContinueAuthentication, &words("abc"));
    connection.expect_auth(ReasonCode::ContinueAuthentication, b"cba");
    connection.connack(false, ReasonCode::Success, &words(last));
    connection
}

pub(crate) fn a_client_authenticates_and_does_so_again<A: Adapter>(trial: &Trial) {
    let peer = trial.peer(|broker| {
        let mut connection = authenticate(broker, "well done");
        connection.expect_auth(ReasonCode::ReAuthenticate, b"hello");
        connection.auth(ReasonCode::ContinueAuthentication, &words("xyz"));
        connection.expect_auth(ReasonCode::ContinueAuthentication, b"zyx");
        connection.auth(ReasonCode::Success, &words("well done"));
        connection.expect_disconnect(ReasonCode::NormalDisconnection);
    });
    let client = A::start().connect(options(&peer).authenticator(Echo)).unwrap();
    let mut events = client.events();
    client.reauthenticate().unwrap();
    wait_for(&mut events, |event| matches!(event, ClientEvent::Reauthenticated));
    client.disconnect();
}

pub(crate) fn a_broker_that_proves_nothing_is_left<A: Adapter>(trial: &Trial) {
    let peer = trial.peer(|broker| authenticate(broker, "whatever").expect_end());
    let error = A::start().connect(options(&peer).authenticator(Echo)).err().unwrap();
    match error {
        ConnectError::Authentication(why) => assert_eq!(why, "a stranger"),
        error => panic!("{error:?}"),
    }
}

pub(crate) fn a_failed_reauthentication_ends_the_connection<A: Adapter>(trial: &Trial) {
    let peer = trial.peer(|broker| {
        let mut connection = authenticate(broker, "well done");
        connection.expect_auth(ReasonCode::ReAuthenticate, b"hello");
        connection.auth(ReasonCode::Success, &words("whatever"));
        connection.expect_disconnect(ReasonCode::UnspecifiedError);
        authenticate(broker, "well done").expect_disconnect(ReasonCode::NormalDisconnection);
    });
    let client = A::start().connect(options(&peer).authenticator(Echo)).unwrap();
    let mut events = client.events();
    client.reauthenticate().unwrap();
    wait_for(&mut events, |event| matches!(event, ClientEvent::ReauthenticationFailed { .. }));
    wait_for(&mut events, |event| matches!(event, ClientEvent::Connected { .. }));
    client.disconnect();
}

pub(crate) fn without_an_authenticator_there_is_nothing_to_renew<A: Adapter>(trial: &Trial) {
    let (_peer, client) = connected::<A>(trial, |broker| {
        broker.open(false).expect_disconnect(ReasonCode::NormalDisconnection);
    });
    assert_eq!(client.reauthenticate(), Err(ReauthenticateError::NoAuthenticator));
    client.disconnect();
}
