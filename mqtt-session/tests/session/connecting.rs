//! CONNECT, CONNACK, and what it grants.

use std::num::{NonZeroU16, NonZeroU32};

use mqtt_session::proto::{
    ConnAck, Packet, Properties, Property, PropertyId, Publish, QoS, ReasonCode, Role, Version,
    Will,
};
use mqtt_session::{
    CloseReason, Closing, Config, Connect, Failure, OpenError, Payload, Phase, PublishError,
    Refusal, SubscribeError,
};

use crate::packets::*;
use crate::pair::{Pair, Seen, TestMemory};
#[cfg(feature = "fixed")]
use crate::store::Store;

fn small_config() -> Config {
    Config {
        receive_maximum: NonZeroU16::new(5).unwrap(),
        maximum_packet_size: NonZeroU32::new(256),
        ..Config::new(1)
    }
}

/// Promises: VER-1, CON-2
/// Enforces: MQTT-3.1.0-1, MQTT-3.1.2-1, MQTT-3.1.2-2
fn connect_is_these_bytes<M: TestMemory>() {
    let mut pair = Pair::<M>::with(small_config());
    let sent = pair.open(&Connect::new("c"));
    #[rustfmt::skip]
    assert_eq!(sent, [
        0x10, 0x1B, 0x00, 0x04, b'M', b'Q', b'T', b'T', 0x05, 0x02, 0x00, 0x1E,
        0x0D, 0x11, 0x00, 0x00, 0x01, 0x2C, 0x21, 0x00, 0x05, 0x27, 0x00, 0x00, 0x01, 0x00,
        0x00, 0x01, b'c',
    ]);
    // [MQTT-3.1.0-2]
    assert_eq!(pair.transmitted(), []);
}

/// Promises: VER-1
/// Enforces: MQTT-3.1.2-9, MQTT-3.1.2-17, MQTT-3.1.2-19, MQTT-3.1.3-1
fn connect_carries_will_and_credentials<M: TestMemory>() {
    let mut pair = Pair::<M>::with(small_config());
    let will = Will {
        qos: QOS1,
        retain: true,
        properties: Properties::from_slice(&[Property::WillDelayInterval(1)]),
        topic: "w",
        payload: b"x",
    };
    let connect = Connect {
        clean_start: false,
        keep_alive: 0,
        session_expiry: 0,
        username: Some("u"),
        password: Some(b"p"),
        will: Some(will),
        properties: Properties::from_slice(&[Property::RequestResponseInformation(true)]),
        ..Connect::new("c")
    };
    let sent = pair.open(&connect);
    #[rustfmt::skip]
    assert_eq!(sent, [
        0x10, 0x2F, 0x00, 0x04, b'M', b'Q', b'T', b'T', 0x05, 0xEC, 0x00, 0x00,
        0x0F, 0x11, 0x00, 0x00, 0x00, 0x00, 0x21, 0x00, 0x05, 0x27, 0x00, 0x00, 0x01, 0x00,
        0x19, 0x01,
        0x00, 0x01, b'c',
        0x05, 0x18, 0x00, 0x00, 0x00, 0x01, 0x00, 0x01, b'w', 0x00, 0x01, b'x',
        0x00, 0x01, b'u', 0x00, 0x01, b'p',
    ]);
}

/// Promises: VER-1
/// Enforces: MQTT-3.1.0-1 (3.1.1), MQTT-3.1.2-1 (3.1.1), MQTT-3.1.2-2 (3.1.1)
fn connect_of_3_1_1_is_these_bytes<M: TestMemory>() {
    let mut pair = Pair::<M>::v3();
    let connect = Connect { version: Version::V3_1_1, ..Connect::new("c") };
    // Clean Start alone does not end a session that is to be kept.
    let head = [0x10, 0x0D, 0x00, 0x04, b'M', b'Q', b'T', b'T', 0x04];
    assert_eq!(pair.open(&connect), [&head[..], &[0x00, 0x00, 0x1E, 0, 1, b'c']].concat());
    pair.close();
    let connect = Connect { session_expiry: 0, ..connect };
    assert_eq!(pair.open(&connect), [&head[..], &[0x02, 0x00, 0x1E, 0, 1, b'c']].concat());
}

/// Promises: VER-2
fn what_a_version_cannot_say_is_an_error_before_anything_is_sent<M: TestMemory>() {
    let mut pair = Pair::<M>::v3();
    let properties = [Property::UserProperty("a", "b")];
    let connect = Connect { properties: Properties::from_slice(&properties), ..pair.clean() };
    let opened = pair.session.open(pair.now, &connect).map(|_| ());
    assert!(matches!(opened, Err(OpenError::Connect(_))), "{opened:?}");
    assert_eq!(pair.session.phase(), Phase::Disconnected);
    pair.connect();
    let packet = Publish { properties: connect.properties, ..message(QOS1, "") };
    let published = pair.session.publish(pair.now, &packet, Payload::Copy(b""));
    assert!(matches!(published, Err(PublishError::Invalid(_))), "{published:?}");
    pair.expect(&[]);
}

/// The session joins its own properties and those of the application, however many those are.
fn a_connect_takes_as_many_properties_as_the_memory<M: TestMemory>() {
    let mut pair = Pair::<M>::with(small_config());
    let properties = [Property::UserProperty("a", "b"); 100];
    let given = Properties::from_slice(&properties);
    let sent = pair.open(&Connect { properties: given, ..Connect::new("c") });
    let Some(Packet::Connect(connect)) = decode(&sent, Version::V5).pop() else { panic!() };
    assert_eq!(connect.properties.user_properties().count(), 100);
}

#[cfg(feature = "fixed")]
#[test]
fn a_connect_beyond_the_memory_is_refused() {
    let mut pair = Pair::<crate::pair::Small>::with(small_config());
    let properties = [Property::UserProperty("a", "b"); 200];
    let given = Properties::from_slice(&properties);
    let connect = Connect { properties: given, ..Connect::new("c") };
    let opened = pair.session.open(pair.now, &connect).map(|_| ());
    assert_eq!(opened, Err(OpenError::Full));
}

/// What is accepted before the first connection leaves room for its CONNECT.
///
/// Promises: SEND-2, CON-2
#[cfg(feature = "fixed")]
#[test]
fn what_waits_leaves_room_for_the_first_connect() {
    type Tight = mqtt_session::Fixed<64, 8, 24, 1024>;
    for requests in [true, false] {
        let mut pair = Pair::<Tight>::with(Config { max_pending: 64, ..Config::new(1) });
        let filters = [filter("a long filter"), filter("b")];
        while requests && pair.session.subscribe(pair.now, &filters, &[]).is_ok() {}
        while requests && pair.session.unsubscribe(pair.now, &["a"], &[]).is_ok() {}
        while pair.try_publish(QOS1, "a message that waits").is_ok() {}
        let will = Will {
            qos: QOS1,
            retain: false,
            properties: Properties::EMPTY,
            topic: "w",
            payload: &[b'x'; 200],
        };
        pair.connect_with(&Connect { will: Some(will), ..pair.clean() }, &connack(false));
        assert!(!pair.transmitted().is_empty());
    }
}

/// Likewise after a restart, beside what was restored.
///
/// Promises: STO-2, CON-2
#[cfg(feature = "fixed")]
#[test]
fn what_was_restored_leaves_room_for_the_first_connect() {
    type Tight = mqtt_session::Fixed<64, 8, 24, 1024>;
    let config = Config { store: true, max_pending: 64, ..Config::new(1) };
    let mut pair = Pair::<Tight>::with(config.clone());
    let mut store = Store::default();
    pair.connect();
    pair.cut();
    let fill = |pair: &mut Pair<Tight>, store: &mut Store| {
        store.sync(pair);
        let mut accepted = 0;
        while pair.try_publish(QOS1, "waits").is_ok() {
            store.sync(pair);
            accepted += 1;
        }
        accepted
    };
    assert!(fill(&mut pair, &mut store) > 10);
    pair = store.restore(config).unwrap();
    assert_eq!(fill(&mut pair, &mut store), 0);
    pair.resume(true);
}

/// Promises: CON-2
fn nothing_is_sent_before_connack<M: TestMemory>() {
    let mut pair = Pair::<M>::new();
    let token = pair.publish(QOS1, "early");
    pair.subscribe("a");
    pair.open(&pair.clean());
    pair.expect(&[]);
    assert_eq!(pair.try_publish(QOS0, ""), Err(PublishError::NotConnected));
    assert_eq!(pair.session.limits(), None);
    pair.send(&connack(false));
    pair.expect_events(&[Seen::Connected { session_present: false }]);
    pair.expect(&[subscribe(1, &[filter("a")]), publish(QOS1, 2, "early")]);
    pair.send(&puback(2));
    pair.expect_events(&[Seen::Delivered(token, ReasonCode::Success)]);
}

/// A broker that speaks first has not read the CONNECT it answers.
///
/// Promises: CON-2, BAD-1
fn connack_before_connect_left_is_a_violation<M: TestMemory>() {
    let mut pair = Pair::<M>::new();
    pair.inbound = pair.session.open(pair.now, &Connect::new("c")).unwrap();
    pair.send(&connack(false));
    pair.expect_events(&[]);
    assert_eq!(pair.session.closing(), Closing::Now);
    assert_eq!(pair.transmitted(), []);
}

/// Promises: CON-2
/// Enforces: MQTT-3.2.2-11
fn maximum_qos_is_honoured<M: TestMemory>() {
    for (granted, taken) in [(QOS0, 1), (QOS1, 2)] {
        let mut pair = Pair::<M>::granted(&granting(&[Property::MaximumQoS(granted)]));
        let (below, above) = [QOS0, QOS1, QOS2].split_at(taken);
        for qos in above {
            assert_eq!(pair.try_publish(*qos, ""), Err(PublishError::QoSNotSupported(granted)));
        }
        pair.expect(&[]);
        for (qos, id) in below.iter().zip(0..) {
            pair.try_publish(*qos, "x").unwrap();
            pair.expect(&[publish(*qos, id, "x")]);
        }
    }
}

/// Promises: CON-2
/// Enforces: MQTT-3.2.2-14
fn retain_available_is_honoured<M: TestMemory>() {
    let mut pair = Pair::<M>::granted(&granting(&[Property::RetainAvailable(false)]));
    for qos in [QOS0, QOS1, QOS2] {
        let retained = Publish { retain: true, ..message(qos, "x") };
        let published = pair.session.publish(pair.now, &retained, Payload::Copy(b"x"));
        assert_eq!(published, Err(PublishError::RetainNotSupported));
    }
    pair.expect(&[]);
}

/// Promises: CON-2
/// Enforces: MQTT-3.2.2-15, MQTT-3.14.2-3
fn maximum_packet_size_is_honoured<M: TestMemory>() {
    let mut pair = Pair::<M>::granted(&granting(&[Property::MaximumPacketSize(16)]));
    // A PUBLISH of QoS 1 on a topic of one byte has 8 bytes besides its payload.
    pair.publish(QOS1, "12345678");
    let refused = Err(PublishError::TooLarge { len: 17, max: 16 });
    assert_eq!(pair.try_publish(QOS1, "123456789"), refused);
    assert_eq!(pair.try_publish(QOS0, "1234567890a"), refused);
    pair.expect(&[publish(QOS1, 1, "12345678")]);
    let long = pair.session.subscribe(pair.now, &[filter("123456789")], &[]);
    assert_eq!(long, Err(SubscribeError::TooLarge { len: 17, max: 16 }));
    let long = pair.session.unsubscribe(pair.now, &["1234567890"], &[]);
    assert_eq!(long, Err(SubscribeError::TooLarge { len: 17, max: 16 }));
    let reason = [Property::ReasonString("bye bye bye bye")];
    assert!(pair.session.disconnect(pair.now, ReasonCode::Success, &reason).is_err());
    pair.expect(&[]);
    assert_eq!(pair.session.phase(), Phase::Connected);
}

/// Promises: CON-2
fn availability_of_subscriptions_is_honoured<M: TestMemory>() {
    let mut pair = Pair::<M>::granted(&granting(&[
        Property::WildcardSubscriptionAvailable(false),
        Property::SubscriptionIdentifierAvailable(false),
        Property::SharedSubscriptionAvailable(false),
    ]));
    let mut ask = |text, properties: &[_]| {
        pair.session.subscribe(pair.now, &[filter(text)], properties).map(|_| ())
    };
    assert_eq!(ask("a/#", &[]), Err(SubscribeError::WildcardNotSupported));
    assert_eq!(ask("+/a", &[]), Err(SubscribeError::WildcardNotSupported));
    assert_eq!(ask("$share/g/a", &[]), Err(SubscribeError::SharedNotSupported));
    let identifier = [Property::SubscriptionIdentifier(1)];
    assert_eq!(ask("a", &identifier), Err(SubscribeError::IdentifierNotSupported));
    assert_eq!(ask("a", &[]), Ok(()));
    pair.expect(&[subscribe(1, &[filter("a")])]);
}

/// Promises: CON-2
/// Enforces: MQTT-3.1.3-7
fn the_assigned_client_identifier_is_used_from_then_on<M: TestMemory>() {
    let mut pair = Pair::<M>::new();
    let anonymous = Connect::new("");
    let assigned = granting(&[Property::AssignedClientIdentifier("assigned-by-broker")]);
    pair.connect_with(&anonymous, &assigned);
    assert_eq!(pair.session.client_id(), "assigned-by-broker");
    pair.cut();
    let sent = pair.open(&Connect { clean_start: false, ..anonymous });
    let Some(Packet::Connect(connect)) = decode(&sent, Version::V5).pop() else { panic!() };
    assert_eq!(connect.client_id, "assigned-by-broker");
}

/// The getter says what the connection used.
fn the_client_identifier_is_that_of_the_last_connection<M: TestMemory>() {
    let mut pair = Pair::<M>::new();
    assert_eq!(pair.session.client_id(), "");
    pair.connect();
    assert_eq!(pair.session.client_id(), "client");
}

/// Promises: CON-2
/// Enforces: MQTT-4.9.0-1
fn what_connack_granted_is_visible<M: TestMemory>() {
    let pair = Pair::<M>::granted(&granting(&[
        Property::SessionExpiryInterval(7),
        Property::ReceiveMaximum(9),
        Property::TopicAliasMaximum(11),
        Property::ServerKeepAlive(13),
    ]));
    let limits = pair.session.limits().unwrap();
    assert_eq!(limits.session_expiry, 7);
    assert_eq!(limits.receive_maximum.get(), 9);
    assert_eq!(limits.topic_alias_maximum, 11);
    assert_eq!(limits.keep_alive, 13);
    assert_eq!(limits.maximum_qos, QoS::ExactlyOnce);
    assert!(limits.retain_available && limits.wildcard_available && limits.shared_available);
    let pair = Pair::<M>::connected();
    let limits = pair.session.limits().unwrap();
    assert_eq!((limits.session_expiry, limits.keep_alive), (300, 30));
    assert_eq!((limits.receive_maximum.get(), limits.maximum_packet_size), (u16::MAX, None));
}

/// What waited is checked against the limits of the connection that takes it.
///
/// Promises: CON-2
/// Enforces: MQTT-3.2.2-11, MQTT-3.2.2-14, MQTT-3.2.2-15
fn limits_are_checked_again_after_a_reconnect<M: TestMemory>() {
    let mut pair = Pair::<M>::connected();
    pair.cut();
    let [too_good, too_long] = [pair.publish(QOS2, "2"), pair.publish(QOS1, "123456789abcdef")];
    let retained = Publish { retain: true, ..message(QOS1, "") };
    let retained = pair.session.publish(pair.now, &retained, Payload::Copy(b"r")).unwrap().unwrap();
    pair.publish(QOS1, "fits");
    let wildcard = pair.subscribe("a/#");
    let fits = pair.subscribe("a");
    pair.connect_with(
        &Connect { clean_start: false, ..pair.clean() },
        &granting(&[
            Property::MaximumQoS(QOS1),
            Property::RetainAvailable(false),
            Property::MaximumPacketSize(20),
            Property::WildcardSubscriptionAvailable(false),
        ]),
    );
    pair.expect_events(&[
        Seen::RequestFailed(
            wildcard,
            Failure::NotSupported(ReasonCode::WildcardSubscriptionsNotSupported),
        ),
        Seen::Failed(too_good, Failure::NotSupported(ReasonCode::QoSNotSupported)),
        Seen::Failed(too_long, Failure::NotSupported(ReasonCode::PacketTooLarge)),
        Seen::Failed(retained, Failure::NotSupported(ReasonCode::RetainNotSupported)),
    ]);
    pair.expect(&[subscribe(1, &[filter("a")]), publish(QOS1, 2, "fits")]);
    pair.send(&suback(1, &[ReasonCode::GrantedQoS0]));
    pair.expect_events(&[Seen::Subscribed(fits, vec![ReasonCode::GrantedQoS0])]);
}

/// Promises: LIVE-3
/// Enforces: MQTT-3.2.2-7, MQTT-4.13.2-1, MQTT-3.2.2-5 (3.1.1)
fn a_refused_connect_is_reported_and_closed<M: TestMemory>() {
    for version in [Version::V5, Version::V3_1_1] {
        let mut pair = Pair::<M>::with(Config { version, ..Config::new(1) });
        pair.open(&pair.clean());
        let reason = ReasonCode::BadUserNameOrPassword;
        pair.send(&ConnAck { reason, ..connack(false) });
        pair.expect_events(&[Seen::Refused(reason)]);
        assert_eq!((pair.session.phase(), pair.session.closing()), (Phase::Closing, Closing::Now));
        assert_eq!(pair.transmitted(), []);
        assert_eq!(pair.close(), [Seen::Closed(CloseReason::Refused(Refusal { reason }))]);
    }
}

/// A broker without 5.0 answers in the form of 3.1.1.
///
/// Promises: VER-1
/// Enforces: MQTT-3.1.2-2
fn a_refusal_in_the_form_of_3_1_1_is_understood<M: TestMemory>() {
    let mut pair = Pair::<M>::new();
    pair.open(&pair.clean());
    pair.send_bytes(&[0x20, 0x02, 0x00, 0x01]);
    pair.expect_events(&[Seen::Refused(ReasonCode::UnsupportedProtocolVersion)]);
}

/// Promises: LIVE-3
fn a_transport_that_ends_before_connack_has_its_own_reason<M: TestMemory>() {
    let mut pair = Pair::<M>::new();
    pair.open(&pair.clean());
    assert_eq!(pair.session.phase(), Phase::Connecting);
    pair.send_bytes(&[0x20, 0x03, 0x00]);
    assert_eq!(pair.close(), [Seen::Closed(CloseReason::NoConnAck)]);
}

/// Commands and connections exclude each other as they should.
///
/// Enforces: MQTT-3.1.0-2
fn one_connection_at_a_time<M: TestMemory>() {
    let mut pair = Pair::<M>::connected();
    let opened = pair.session.open(pair.now, &Connect::new("client")).map(|_| ());
    assert_eq!(opened, Err(OpenError::AlreadyOpen));
    assert_eq!(pair.session.phase(), Phase::Connected);
    // The end of a connection that was not polled is reported when the next is open.
    pair.session.handle_closed(pair.now);
    pair.open(&Connect::new("client"));
    pair.expect_events(&[Seen::Closed(CloseReason::Lost)]);
    assert_eq!(pair.session.phase(), Phase::Connecting);
}

/// Promises: VER-1
fn the_version_of_the_config_is_that_of_packets_before_the_first_connection<M: TestMemory>() {
    let mut pair = Pair::<M>::v3();
    pair.publish(QOS1, "x");
    pair.subscribe("a");
    pair.connect();
    pair.expect(&[subscribe(1, &[filter("a")]), publish(QOS1, 2, "x")]);
}

/// CONNECT announces no more than fixed memory holds.
///
/// Promises: BAD-3
#[cfg(feature = "fixed")]
#[test]
fn fixed_memory_announces_what_it_holds() {
    let mut pair = Pair::<crate::pair::Small>::new();
    let sent = pair.open(&pair.clean());
    let Some(Packet::Connect(connect)) = decode(&sent, Version::V5).pop() else { panic!() };
    assert_eq!(connect.properties.receive_maximum(), Some(8));
    assert_eq!(connect.properties.maximum_packet_size(), Some(1024));
    // What the broker will come back to after a resume has its places, too.
    pair.send(&connack(false));
    pair.events();
    for id in 1..=3 {
        pair.send(&publish(QOS2, id, ""));
        let delivery = pair.expect_delivery("");
        pair.ack(delivery);
    }
    pair.transmitted();
    pair.cut();
    let sent = pair.open(&pair.clean());
    let Some(Packet::Connect(connect)) = decode(&sent, Version::V5).pop() else { panic!() };
    assert_eq!(connect.properties.receive_maximum(), Some(5));
}

/// However full it is, fixed memory can connect.
#[cfg(feature = "fixed")]
#[test]
fn fixed_memory_keeps_room_for_connect() {
    let mut pair = Pair::<crate::pair::Small>::connected();
    pair.cut();
    let payload = "x".repeat(100);
    while pair.try_publish(QOS1, &payload).is_ok() {}
    while pair.try_publish(QOS1, "").is_ok() {}
    pair.resume(false);
    assert!(!pair.transmitted().is_empty());
    // Also for the longer one that says the ClientID the broker assigned.
    let mut pair = Pair::<crate::pair::Small>::new();
    let assigned = "assigned-by-the-broker-and-rather-long".repeat(3);
    let assigned = [Property::AssignedClientIdentifier(&assigned)];
    pair.connect_with(&Connect::new(""), &granting(&assigned));
    pair.cut();
    while pair.try_publish(QOS1, &payload).is_ok() {}
    while pair.try_publish(QOS1, "").is_ok() {}
    let sent = pair.open(&Connect { clean_start: false, ..Connect::new("") });
    assert!(sent.len() > 114);
}

/// Nothing the session adds may be given twice.
///
/// Promises: CON-2
fn properties_the_session_decides_are_not_taken_from_the_owner<M: TestMemory>() {
    let mut pair = Pair::<M>::new();
    let properties = [Property::ReceiveMaximum(1)];
    let connect = Connect { properties: Properties::from_slice(&properties), ..pair.clean() };
    let Err(OpenError::Connect(error)) = pair.session.open(pair.now, &connect).map(|_| ()) else {
        panic!("it is given twice");
    };
    let field = mqtt_session::proto::Field::Property(PropertyId::ReceiveMaximum);
    assert_eq!(error.field(), Some(field));
    assert_eq!(encode(&connack(false), Version::V5, Role::Server), [0x20, 0x03, 0, 0, 0]);
}

crate::on_both_memories! {
    connect_is_these_bytes
    connect_carries_will_and_credentials
    connect_of_3_1_1_is_these_bytes
    what_a_version_cannot_say_is_an_error_before_anything_is_sent
    a_connect_takes_as_many_properties_as_the_memory
    nothing_is_sent_before_connack
    connack_before_connect_left_is_a_violation
    maximum_qos_is_honoured
    retain_available_is_honoured
    maximum_packet_size_is_honoured
    availability_of_subscriptions_is_honoured
    the_assigned_client_identifier_is_used_from_then_on
    the_client_identifier_is_that_of_the_last_connection
    what_connack_granted_is_visible
    limits_are_checked_again_after_a_reconnect
    a_refused_connect_is_reported_and_closed
    a_refusal_in_the_form_of_3_1_1_is_understood
    a_transport_that_ends_before_connack_has_its_own_reason
    one_connection_at_a_time
    the_version_of_the_config_is_that_of_packets_before_the_first_connection
    properties_the_session_decides_are_not_taken_from_the_owner
}
