//! Enhanced authentication: the authenticator's words reach the broker, and the broker's it.

use std::error::Error;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mqtt_session::CloseReason;
use mqtt_session::proto::{Auth, ConnAck, Packet, Properties, Property, QoS, ReasonCode, Version};

use super::packets::{connack, publish};
use super::subscribing::stream;
use super::world::World;
use crate::{
    AuthResponse, Authenticator, ClientEvent, ConnectError, ConnectionState, Options, OptionsError,
    Publish, ReauthenticateError,
};

const SECOND: Duration = Duration::from_secs(1);

/// What an authenticator was asked, and what it fails at.
#[derive(Clone, Default)]
struct Script {
    asked: Arc<Mutex<Vec<String>>>,
    fails_at: Arc<Mutex<&'static str>>,
    valid_for: Option<Duration>,
}

impl Script {
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }

    fn note(&self, call: &str, data: &[u8]) -> Result<AuthResponse, Box<dyn Error + Send + Sync>> {
        let line = format!("{call} {}", String::from_utf8_lossy(data));
        self.asked.lock().unwrap().push(line);
        if *self.fails_at.lock().unwrap() == call {
            return Err("wrong server".into());
        }
        let response = AuthResponse::new(format!("for {call}"));
        Ok(AuthResponse { valid_for: self.valid_for, ..response })
    }
}

impl Authenticator for Script {
    fn method(&self) -> &str {
        "M"
    }

    fn start(&mut self) -> Result<AuthResponse, Box<dyn Error + Send + Sync>> {
        self.note("start", b"")
    }

    fn step(&mut self, data: &[u8]) -> Result<AuthResponse, Box<dyn Error + Send + Sync>> {
        self.note("step", data)
    }

    fn finish(&mut self, data: &[u8]) -> Result<(), Box<dyn Error + Send + Sync>> {
        self.note("finish", data).map(|_| ())
    }
}

fn properties<'a>(data: &'a [u8]) -> [Property<'a>; 2] {
    [Property::AuthenticationMethod("M"), Property::AuthenticationData(data)]
}

fn auth(world: &mut World, reason: ReasonCode, data: &[u8]) {
    let properties = properties(data);
    world.reply(&Packet::Auth(Auth { reason, properties: Properties::from_slice(&properties) }));
}

fn accept(world: &mut World, data: &[u8]) {
    let properties = properties(data);
    let (session_present, reason) = (false, ReasonCode::Success);
    let properties = Properties::from_slice(&properties);
    world.send(&Packet::ConnAck(ConnAck { session_present, reason, properties }));
}

fn world(script: &Script, change: impl FnOnce(Options) -> Options) -> World {
    World::new(|options| change(options).authenticator(script.clone()))
}

/// A connected client; what was asked and sent is forgotten.
fn connected(script: &Script) -> World {
    let mut world = world(script, |options| options.keep_alive(None));
    world.run();
    accept(&mut world, b"");
    world.run();
    world.sent();
    script.take();
    world
}

#[test]
fn connecting_takes_as_many_steps_as_the_method_has() {
    let script = Script::default();
    let mut world = world(&script, |options| options);
    assert_eq!(world.sent(), ["CONNECT clean=true M for start"]);
    for _ in 0..2 {
        auth(&mut world, ReasonCode::ContinueAuthentication, b"more");
        assert_eq!(world.sent(), ["AUTH 0x18 M for step"]);
    }
    let client = world.client();
    assert_eq!(client.state(), ConnectionState::Connecting);
    accept(&mut world, b"signed");
    world.run();
    assert!(world.finish(client.connected()).is_ok());
    assert_eq!(script.take(), ["start ", "step more", "step more", "finish signed"]);
    world.cut();
    world.advance(2 * SECOND);
    assert_eq!(world.sent(), ["CONNECT clean=false M for start"], "every connection anew");
}

/// LIVE-3: it is not mended by waiting.
#[test]
fn an_authenticator_that_fails_ends_the_attempt() {
    for fails_at in ["start", "step", "finish"] {
        let script = Script::default();
        *script.fails_at.lock().unwrap() = fails_at;
        let mut world = world(&script, |options| options.retry_initial_connect(true));
        let client = world.client();
        let mut events = client.events();
        world.run();
        if fails_at != "start" {
            auth(&mut world, ReasonCode::ContinueAuthentication, b"");
        }
        if fails_at == "finish" {
            accept(&mut world, b"");
            world.run();
        }
        match world.finish(events.next()) {
            Some(ClientEvent::ConnectFailed(error @ ConnectError::Authentication(_))) => {
                assert_eq!(error.to_string(), "enhanced authentication failed: wrong server");
            }
            told => panic!("{told:?}"),
        }
        match world.finish(events.next()) {
            Some(ClientEvent::Waiting { delay }) => assert!(delay >= 24 * SECOND, "{delay:?}"),
            told => panic!("{told:?}"),
        }
        assert!(world.pipe().look(|state| state.client_dropped));
        assert_eq!(client.stats().connects, 0);
    }
}

/// Until it has proved who it is, the broker gets nothing, and nothing of it is believed.
#[test]
fn a_broker_that_proves_nothing_gets_nothing() {
    let script = Script::default();
    *script.fails_at.lock().unwrap() = "finish";
    let mut world = world(&script, |options| options);
    let client = world.client();
    let mut subscribing = world.task(client.subscribe("a", QoS::AtMostOnce));
    let mut publishing = world.task(client.publish(Publish::new("b", "").qos(QoS::AtLeastOnce)));
    assert!(subscribing.poll().is_pending() && publishing.poll().is_pending());
    world.sent();
    accept(&mut world, b"forged");
    world.send(&publish("a", 0, b"forged"));
    assert_eq!(world.sent(), [""; 0]);
    assert_eq!(client.stats().received, 0);
    assert!(world.driver_has_ended());
    let error = world.finish(client.connected()).unwrap_err();
    assert!(matches!(error, ConnectError::Authentication(_)), "{error}");
}

#[test]
fn a_refusal_in_the_exchange_is_reported() {
    let script = Script::default();
    let mut world = world(&script, |options| options);
    world.run();
    auth(&mut world, ReasonCode::ContinueAuthentication, b"");
    world.reply(&connack(false, ReasonCode::NotAuthorized));
    let client = world.client();
    let error = world.finish(client.connected()).unwrap_err();
    assert!(matches!(error, ConnectError::Refused(_)), "{error}");
}

#[test]
fn a_connection_is_reauthenticated_when_asked_for() {
    let script = Script::default();
    let mut world = connected(&script);
    let client = world.client();
    let mut events = client.events();
    let mut messages = stream(&mut world, "a");
    assert_eq!(client.reauthenticate(), Ok(()));
    assert_eq!(client.reauthenticate(), Ok(()), "it is the same");
    assert_eq!(world.sent(), ["AUTH 0x19 M for start"]);
    assert_eq!(client.reauthenticate(), Ok(()));
    auth(&mut world, ReasonCode::ContinueAuthentication, b"more");
    assert_eq!(world.sent(), ["AUTH 0x18 M for step"]);
    world.reply(&publish("a", 0, b""));
    assert!(messages.try_recv().is_ok(), "the connection is used meanwhile");
    auth(&mut world, ReasonCode::Success, b"signed");
    assert_eq!(script.take(), ["start ", "step more", "finish signed"]);
    let told = world.finish(events.next());
    assert!(matches!(told, Some(ClientEvent::Reauthenticated)), "{told:?}");
    assert_eq!(client.reauthenticate(), Ok(()));
    assert_eq!(world.sent(), ["AUTH 0x19 M for start"]);
}

#[test]
fn an_authenticator_that_fails_ends_the_connection() {
    for fails_at in ["start", "step", "finish"] {
        let script = Script::default();
        let mut world = connected(&script);
        let client = world.client();
        let mut events = client.events();
        *script.fails_at.lock().unwrap() = fails_at;
        client.reauthenticate().unwrap();
        world.run();
        if fails_at != "start" {
            auth(&mut world, ReasonCode::ContinueAuthentication, b"");
        }
        if fails_at == "finish" {
            auth(&mut world, ReasonCode::Success, b"");
        }
        assert_eq!(world.sent().last().unwrap(), "DISCONNECT 0x80");
        world.cut();
        let told: Vec<_> = std::iter::from_fn(|| events.try_next().ok()).collect();
        assert!(
            matches!(
                told.as_slice(),
                [
                    ClientEvent::ReauthenticationFailed { cause },
                    ClientEvent::Disconnected { reason: CloseReason::Local },
                    ClientEvent::Waiting { delay },
                ] if cause == "wrong server" && *delay >= 24 * SECOND
            ),
            "{told:?}"
        );
    }
}

/// A credential that expires is renewed before it does, on every connection.
#[test]
fn an_expiring_credential_is_renewed() {
    let script = Script { valid_for: Some(100 * SECOND), ..Script::default() };
    let mut world = connected(&script);
    for _ in 0..2 {
        world.advance(90 * SECOND - Duration::from_micros(1));
        assert_eq!(world.sent(), [""; 0]);
        world.advance(Duration::from_micros(1));
        assert_eq!(world.sent(), ["AUTH 0x19 M for start"]);
        auth(&mut world, ReasonCode::Success, b"");
    }
}

/// ... also when it expires while the broker still thinks about it.
#[test]
fn a_renewal_waits_for_the_one_before() {
    let script = Script { valid_for: Some(10 * SECOND), ..Script::default() };
    let mut world = connected(&script);
    world.advance(9 * SECOND);
    assert_eq!(world.sent(), ["AUTH 0x19 M for start"]);
    world.advance(60 * SECOND);
    assert_eq!(world.sent(), [""; 0]);
    auth(&mut world, ReasonCode::Success, b"");
    assert_eq!(world.sent(), ["AUTH 0x19 M for start"]);
}

#[test]
fn without_an_authenticator_or_a_connection_there_is_an_error() {
    let mut plain = World::connected(|options| options);
    let refused = plain.client().reauthenticate();
    assert_eq!(refused, Err(ReauthenticateError::NoAuthenticator));
    plain.run();
    let script = Script::default();
    let mut early = world(&script, |options| options);
    early.run();
    assert_eq!(early.client().reauthenticate(), Err(ReauthenticateError::NotConnected));
    let options = Options::new("mqtt://broker").unwrap().version(Version::V3_1_1);
    let error = options.authenticator(script).validate().unwrap_err();
    assert!(matches!(error, OptionsError::Value { option: "authenticator", .. }), "{error}");
}
