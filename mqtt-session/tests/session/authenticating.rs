//! Enhanced authentication and re-authentication (section 4.12).

use mqtt_session::proto::{
    Auth, ConnAck, EncodeError, Packet, Properties, Property, ReasonCode, Version,
};
use mqtt_session::{AuthenticateError, CloseReason, Closing, Connect, Phase, ViolationKind};

use crate::packets::*;
use crate::pair::{Pair, Seen, TestMemory};

const CONTINUE: ReasonCode = ReasonCode::ContinueAuthentication;
const AGAIN: ReasonCode = ReasonCode::ReAuthenticate;

/// The method and `n` bytes of data.
fn says(n: usize) -> [Property<'static>; 2] {
    let data = &[b'x'; 600];
    [Property::AuthenticationMethod("SCRAM"), Property::AuthenticationData(&data[..n])]
}

fn auth<'a>(reason: ReasonCode, properties: &'a [Property<'a>]) -> Packet<'a> {
    Packet::Auth(Auth { reason, properties: Properties::from_slice(properties) })
}

/// A CONNECT with this method.
fn connect<'a>(properties: &'a [Property<'a>]) -> Connect<'a> {
    Connect { properties: Properties::from_slice(properties), ..Connect::new("client") }
}

fn asked(n: usize) -> Seen {
    Seen::Authenticate { data: n }
}

impl<M: TestMemory> Pair<M> {
    /// CONNECT with the method was transmitted.
    fn authenticating() -> Pair<M> {
        let mut pair = Pair::new();
        pair.open(&connect(&says(1)));
        pair
    }

    /// And accepted without a question.
    fn authenticated() -> Pair<M> {
        Pair::accepted(&says(1))
    }

    fn accepted(connack: &[Property<'_>]) -> Pair<M> {
        let mut pair = Pair::authenticating();
        pair.send(&granting(connack));
        pair.expect_events(&[Seen::Connected { session_present: false }]);
        pair
    }

    fn authenticate(&mut self, reason: ReasonCode, n: usize) -> Result<(), AuthenticateError> {
        self.session.authenticate(self.now, reason, &says(n))
    }

    /// The connection ends with DISCONNECT for this reason.
    #[track_caller]
    fn expect_violation(&mut self) {
        self.expect_events(&[]);
        self.expect(&[disconnect(ReasonCode::ProtocolError)]);
        assert_eq!(self.session.closing(), Closing::AfterFlush);
        let violation = CloseReason::Violation(ViolationKind::Authentication);
        assert_eq!(self.close(), [Seen::Closed(violation)]);
    }
}

/// Rounds of AUTH, then CONNACK, then what waited.
///
/// Enforces: MQTT-4.12.0-2, MQTT-4.12.0-3, MQTT-4.12.0-5, MQTT-3.1.2-30
fn the_broker_asks_until_it_accepts<M: TestMemory>() {
    let mut pair = Pair::<M>::new();
    pair.publish(QOS1, "early");
    let sent = pair.open(&connect(&says(1)));
    let Some(Packet::Connect(packet)) = decode(&sent, Version::V5).pop() else { panic!() };
    assert_eq!(packet.properties.authentication_method(), Some("SCRAM"));
    for n in 2..5 {
        pair.send(&auth(CONTINUE, &says(n)));
        pair.expect_events(&[asked(n)]);
        assert_eq!(pair.session.phase(), Phase::Connecting);
        assert!(!pair.session.wants_transmit());
        pair.authenticate(CONTINUE, n + 1).unwrap();
        assert!(pair.session.wants_transmit());
        pair.expect(&[auth(CONTINUE, &says(n + 1))]);
        assert!(!pair.session.wants_transmit());
    }
    pair.send(&granting(&says(0)));
    pair.expect_events(&[Seen::Connected { session_present: false }]);
    pair.expect(&[publish(QOS1, 1, "early")]);
}

/// Enforces: MQTT-4.12.0-1, MQTT-4.12.0-4
fn the_broker_may_refuse_at_any_step<M: TestMemory>() {
    let reason = ReasonCode::NotAuthorized;
    for rounds in 0..2 {
        for answered in [false, true] {
            let mut pair = Pair::<M>::authenticating();
            for _ in 0..rounds {
                pair.send(&auth(CONTINUE, &says(1)));
                pair.expect_events(&[asked(1)]);
                if answered {
                    pair.authenticate(CONTINUE, 1).unwrap();
                }
            }
            pair.send(&ConnAck { reason, ..connack(false) });
            pair.expect_events(&[Seen::Refused(reason)]);
            assert_eq!(pair.session.closing(), Closing::Now);
            assert_eq!(pair.transmitted(), []);
        }
    }
}

/// What comes out of turn ends the connection.
///
/// Promises: BAD-1
/// Enforces: MQTT-4.12.0-2, MQTT-4.12.0-5
fn the_handshake_is_checked<M: TestMemory>() {
    let other = [Property::AuthenticationMethod("OTHER")];
    let none = granting(&[]);
    for packet in [
        auth(ReasonCode::Success, &says(0)),
        auth(CONTINUE, &other),
        Packet::ConnAck(none),
        Packet::ConnAck(granting(&other)),
    ] {
        let mut pair = Pair::<M>::authenticating();
        pair.send(&packet);
        pair.expect_violation();
    }
    // A question that has no answer yet.
    for packet in [auth(CONTINUE, &says(2)), Packet::ConnAck(granting(&says(0)))] {
        for answered in [false, true] {
            let mut pair = Pair::<M>::authenticating();
            pair.send(&auth(CONTINUE, &says(1)));
            pair.expect_events(&[asked(1)]);
            if answered {
                pair.authenticate(CONTINUE, 1).unwrap();
            }
            pair.send(&packet);
            pair.expect_violation();
        }
    }
}

/// Promises: BAD-1
/// Enforces: MQTT-4.12.0-6
fn without_a_method_there_is_no_auth<M: TestMemory>() {
    for packet in [auth(CONTINUE, &says(1)), Packet::ConnAck(granting(&says(0)))] {
        let mut pair = Pair::<M>::new();
        pair.open(&pair.clean());
        pair.send(&packet);
        pair.expect_violation();
    }
    for reason in [CONTINUE, ReasonCode::Success] {
        for method in [false, true] {
            let mut pair = if method { Pair::<M>::authenticated() } else { Pair::connected() };
            pair.send(&auth(reason, &says(1)));
            pair.expect_violation();
        }
    }
}

/// A broker that asks before CONNECT has left cannot have read it.
///
/// Promises: BAD-1
fn auth_before_connect_left_is_a_violation<M: TestMemory>() {
    let mut pair = Pair::<M>::new();
    pair.inbound = pair.session.open(pair.now, &connect(&says(1))).unwrap();
    pair.send(&auth(CONTINUE, &says(1)));
    pair.expect_events(&[]);
    assert_eq!(pair.session.closing(), Closing::Now);
    assert_eq!(pair.transmitted(), []);
}

/// Other packets go on meanwhile, and AUTH is the first to leave.
///
/// Enforces: MQTT-4.12.1-1
fn reauthentication_runs_beside_the_rest<M: TestMemory>() {
    let mut pair = Pair::<M>::authenticated();
    let token = pair.publish(QOS1, "a");
    pair.authenticate(AGAIN, 2).unwrap();
    pair.expect(&[auth(AGAIN, &says(2)), publish(QOS1, 1, "a")]);
    pair.send(&puback(1));
    pair.send(&auth(CONTINUE, &says(3)));
    pair.expect_events(&[Seen::Delivered(token, ReasonCode::Success), asked(3)]);
    pair.try_publish(QOS0, "b").unwrap();
    pair.authenticate(CONTINUE, 4).unwrap();
    pair.expect(&[auth(CONTINUE, &says(4)), publish(QOS0, 0, "b")]);
    pair.send(&auth(ReasonCode::Success, &says(5)));
    pair.expect_events(&[Seen::Reauthenticated { data: 5 }]);
    assert_eq!(pair.session.phase(), Phase::Connected);
    pair.authenticate(AGAIN, 1).unwrap();
    pair.expect(&[auth(AGAIN, &says(1))]);
}

/// Enforces: MQTT-4.12.1-2
fn a_failed_reauthentication_is_a_disconnect<M: TestMemory>() {
    let mut pair = Pair::<M>::authenticated();
    pair.authenticate(AGAIN, 1).unwrap();
    pair.transmitted();
    let reason = ReasonCode::NotAuthorized;
    pair.send(&disconnect(reason));
    pair.expect_events(&[Seen::Disconnect(reason)]);
    assert_eq!(pair.close(), [Seen::Closed(CloseReason::Disconnected(reason))]);
    // Or one of this end: what it had asked for is not sent any more.
    let mut pair = Pair::<M>::authenticated();
    pair.authenticate(AGAIN, 1).unwrap();
    pair.session.disconnect(pair.now, ReasonCode::UnspecifiedError, &[]).unwrap();
    assert_eq!(pair.authenticate(AGAIN, 1), Err(AuthenticateError::NotConnected));
    pair.expect(&[disconnect(ReasonCode::UnspecifiedError)]);
}

/// Enforces: MQTT-3.15.2-1, MQTT-4.12.0-3, MQTT-4.12.0-5, MQTT-4.12.0-7, MQTT-4.12.1-1
fn what_may_not_be_said_is_refused<M: TestMemory>() {
    let not_now = Err(AuthenticateError::NotNow);
    let mut pair = Pair::<M>::new();
    assert_eq!(pair.authenticate(AGAIN, 1), Err(AuthenticateError::NotConnected));
    pair.connect();
    assert_eq!(pair.authenticate(AGAIN, 1), Err(AuthenticateError::NoMethod));
    let mut pair = Pair::<M>::authenticating();
    assert_eq!(pair.authenticate(CONTINUE, 1), not_now);
    assert_eq!(pair.authenticate(AGAIN, 1), not_now);
    pair.send(&auth(CONTINUE, &says(1)));
    pair.expect_events(&[asked(1)]);
    assert_eq!(pair.authenticate(AGAIN, 1), not_now);
    let other = [Property::AuthenticationMethod("OTHER")];
    let said = pair.session.authenticate(pair.now, CONTINUE, &other);
    assert_eq!(said, Err(AuthenticateError::OtherMethod));
    let said = pair.session.authenticate(pair.now, CONTINUE, &[]);
    assert!(matches!(said, Err(AuthenticateError::Invalid(EncodeError::Missing(_)))), "{said:?}");
    let said = pair.authenticate(ReasonCode::Success, 1);
    assert!(matches!(said, Err(AuthenticateError::Invalid(_))), "{said:?}");
    pair.expect(&[]);
    pair.authenticate(CONTINUE, 1).unwrap();
    assert_eq!(pair.authenticate(CONTINUE, 1), not_now);
    pair.expect(&[auth(CONTINUE, &says(1))]);
    assert_eq!(pair.authenticate(CONTINUE, 1), not_now);
    pair.session.handle_closed(pair.now);
    assert_eq!(pair.authenticate(CONTINUE, 1), Err(AuthenticateError::NotConnected));
}

/// MQTT 3.1.1 has no AUTH.
///
/// Promises: VER-2
fn before_5_0_there_is_no_auth<M: TestMemory>() {
    let mut pair = Pair::<M>::v3();
    let says = says(1);
    let connect = Connect { properties: Properties::from_slice(&says), ..pair.clean() };
    assert!(pair.session.open(pair.now, &connect).is_err());
    pair.connect();
    let said = pair.authenticate(AGAIN, 1);
    assert!(matches!(said, Err(AuthenticateError::Invalid(_))), "{said:?}");
    pair.send_bytes(&[0xF0, 0x00]);
    pair.expect_events(&[]);
    assert_eq!(pair.session.closing(), Closing::Now);
}

/// Promises: CON-2
/// Enforces: MQTT-3.15.2-2, MQTT-3.15.2-3
fn maximum_packet_size_is_honoured<M: TestMemory>() {
    let [method, data] = says(0);
    let mut pair = Pair::<M>::accepted(&[method, data, Property::MaximumPacketSize(20)]);
    // AUTH with a method of five bytes has 15 bytes besides its data.
    let too_large = Err(AuthenticateError::TooLarge { len: 21, max: 20 });
    assert_eq!(pair.authenticate(AGAIN, 6), too_large);
    pair.expect(&[]);
    pair.authenticate(AGAIN, 5).unwrap();
    pair.expect(&[auth(AGAIN, &says(5))]);
}

/// The method is that of the connection at hand.
fn every_connection_has_its_own_method<M: TestMemory>() {
    let mut pair = Pair::<M>::authenticated();
    pair.authenticate(AGAIN, 1).unwrap();
    assert_eq!(pair.close(), [Seen::Closed(CloseReason::Lost)]);
    let other = [Property::AuthenticationMethod("OTHER")];
    pair.open(&connect(&other));
    pair.send(&auth(CONTINUE, &other));
    pair.expect_events(&[asked(0)]);
    assert_eq!(pair.authenticate(CONTINUE, 1), Err(AuthenticateError::OtherMethod));
    pair.session.authenticate(pair.now, CONTINUE, &other).unwrap();
    pair.expect(&[auth(CONTINUE, &other)]);
    pair.send(&granting(&other));
    pair.expect_events(&[Seen::Connected { session_present: false }]);
    pair.cut();
    pair.connect();
    assert_eq!(pair.authenticate(AGAIN, 1), Err(AuthenticateError::NoMethod));
}

/// The broker may assign a ClientID meanwhile.
fn the_method_outlives_an_assigned_client_identifier<M: TestMemory>() {
    let [method, data] = says(1);
    let mut pair = Pair::<M>::new();
    pair.open(&Connect { client_id: "", ..connect(&[method, data]) });
    pair.send(&granting(&[method, Property::AssignedClientIdentifier("assigned-by-broker")]));
    pair.expect_events(&[Seen::Connected { session_present: false }]);
    pair.authenticate(AGAIN, 1).unwrap();
    pair.expect(&[auth(AGAIN, &says(1))]);
}

/// Promises: BAD-3
#[cfg(feature = "fixed")]
#[test]
fn fixed_memory_may_have_no_room_for_auth() {
    let mut pair = Pair::<crate::pair::Small>::authenticated();
    let payload = "x".repeat(90);
    while pair.try_publish(QOS1, &payload).is_ok() {}
    pair.events();
    pair.transmitted();
    assert_eq!(pair.authenticate(AGAIN, 600), Err(AuthenticateError::Full));
    pair.expect(&[]);
    for id in 1..=8 {
        pair.send(&puback(id));
    }
    assert!(pair.events().contains(&Seen::Writable));
    pair.authenticate(AGAIN, 600).unwrap();
    assert_eq!(pair.transmitted().len(), 617);
    // An AUTH that did not leave takes no memory any more.
    for _ in 0..4 {
        pair.close();
        pair.open(&connect(&says(1)));
        pair.send(&granting(&says(1)));
        pair.expect_events(&[Seen::Connected { session_present: false }]);
        pair.authenticate(AGAIN, 600).unwrap();
    }
    // A CONNECT that has no room changes nothing.
    pair.close();
    while pair.try_publish(QOS1, &payload).is_ok() {}
    let method = "M".repeat(200);
    let long = [Property::AuthenticationMethod(&method)];
    let opened = pair.session.open(pair.now, &connect(&long)).map(|_| ());
    assert_eq!(opened, Err(mqtt_session::OpenError::Full));
    pair.open(&connect(&says(1)));
}

crate::on_both_memories! {
    the_broker_asks_until_it_accepts
    the_broker_may_refuse_at_any_step
    the_handshake_is_checked
    without_a_method_there_is_no_auth
    auth_before_connect_left_is_a_violation
    reauthentication_runs_beside_the_rest
    a_failed_reauthentication_is_a_disconnect
    what_may_not_be_said_is_refused
    before_5_0_there_is_no_auth
    maximum_packet_size_is_honoured
    every_connection_has_its_own_method
    the_method_outlives_an_assigned_client_identifier
}
