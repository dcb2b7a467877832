//! What the codec refuses to write, and which place it names.

use mqtt_proto::{
    Ack, Auth, ConnAck, Connect, Dialect, Disconnect, Encode, EncodeError, Field, Filters, Packet,
    PacketId, Properties, Property, PropertyId, PubAck, PubRec, PubRel, Publish, QoS, ReasonCode,
    ReasonCodes, RetainHandling, SubAck, Subscribe, Subscription, SubscriptionOptions,
    Subscriptions, TopicError, UnsubAck, Unsubscribe, Version, Will,
};

use crate::notation::{CLIENT_3, CLIENT_4, CLIENT_5, SERVER_3, SERVER_4, SERVER_5};

const ID: PacketId = PacketId::MIN;
const EMPTY: Properties<'_> = Properties::EMPTY;

const CONNECT: Connect<'_> = Connect {
    version: Version::V5,
    clean_start: true,
    keep_alive: 60,
    properties: EMPTY,
    client_id: "c",
    will: None,
    username: None,
    password: None,
};

const WILL: Will<'_> =
    Will { qos: QoS::AtMostOnce, retain: false, properties: EMPTY, topic: "w", payload: b"" };

const PUBLISH: Publish<'_> = Publish {
    dup: false,
    qos: QoS::AtMostOnce,
    retain: false,
    topic: "a",
    packet_id: None,
    properties: EMPTY,
    payload: b"",
};

const ACCEPTED: ConnAck<'_> =
    ConnAck { session_present: false, reason: ReasonCode::Success, properties: EMPTY };

#[track_caller]
fn refused(dialect: Dialect, packet: &impl Encode, error: EncodeError) {
    assert_eq!(packet.measure(dialect), Err(error));
}

#[track_caller]
fn refused_property(dialect: Dialect, property: Property<'_>, error: EncodeError) {
    let properties = [property];
    let properties = Properties::from_slice(&properties);
    refused(dialect, &Publish { properties, ..PUBLISH }, error);
}

fn ack(reason: ReasonCode) -> Ack<'static> {
    Ack { reason, ..Ack::success(ID) }
}

fn subscribe<'a>(subscriptions: &'a [Subscription<'a>]) -> Subscribe<'a> {
    let subscriptions = Subscriptions::from_slice(subscriptions);
    Subscribe { packet_id: ID, properties: EMPTY, subscriptions }
}

fn unsubscribe<'a>(filters: &'a [&'a str]) -> Unsubscribe<'a> {
    Unsubscribe { packet_id: ID, properties: EMPTY, filters: Filters::from_slice(filters) }
}

fn suback(codes: &[ReasonCode]) -> SubAck<'_> {
    SubAck { packet_id: ID, properties: EMPTY, codes: ReasonCodes::from_slice(codes) }
}

fn unsuback(codes: &[ReasonCode]) -> UnsubAck<'_> {
    UnsubAck { packet_id: ID, properties: EMPTY, codes: ReasonCodes::from_slice(codes) }
}

#[test]
fn packets_of_the_other_end() {
    let error = EncodeError::WrongSender(Field::PacketType);
    refused(SERVER_5, &CONNECT, error);
    refused(CLIENT_5, &ACCEPTED, error);
    refused(SERVER_5, &subscribe(&[]), error);
    refused(CLIENT_5, &suback(&[]), error);
    refused(CLIENT_5, &unsuback(&[]), error);
    refused(SERVER_5, &Packet::PingReq, error);
    refused(CLIENT_4, &Packet::PingResp, error);
    let normal = Disconnect { reason: ReasonCode::NormalDisconnection, properties: EMPTY };
    refused(SERVER_4, &normal, error);
    let auth = Auth { reason: ReasonCode::ContinueAuthentication, properties: EMPTY };
    refused(CLIENT_4, &auth, EncodeError::NotInVersion(Field::PacketType));
}

/// Enforces: MQTT-3.8.3-4 (3.1.1)
#[test]
fn what_3_1_1_cannot_say() {
    let user = [Property::UserProperty("k", "v")];
    let properties = Properties::from_slice(&user);
    let in_property = EncodeError::NotInVersion(Field::Property(PropertyId::UserProperty));
    refused(CLIENT_4, &Publish { properties, ..PUBLISH }, in_property);
    refused(CLIENT_3, &PubAck(Ack { properties, ..Ack::success(ID) }), in_property);
    let old = Connect { version: Version::V3_1_1, ..CONNECT };
    refused(CLIENT_5, &Connect { properties, ..old }, in_property);
    refused(
        CLIENT_5,
        &Connect { will: Some(Will { properties, ..WILL }), ..old },
        EncodeError::NotInVersion(Field::WillProperty(PropertyId::UserProperty)),
    );

    let in_reason = EncodeError::NotInVersion(Field::ReasonCode);
    refused(SERVER_4, &PubRec(ack(ReasonCode::QuotaExceeded)), in_reason);
    refused(SERVER_4, &ConnAck { reason: ReasonCode::Banned, ..ACCEPTED }, in_reason);
    refused(SERVER_4, &suback(&[ReasonCode::NotAuthorized]), in_reason);
    refused(SERVER_4, &unsuback(&[ReasonCode::Success]), in_reason);
    let with_will = Disconnect { reason: ReasonCode::DisconnectWithWillMessage, properties: EMPTY };
    refused(CLIENT_4, &with_will, in_reason);

    let later_options = [
        SubscriptionOptions { no_local: true, ..SubscriptionOptions::default() },
        SubscriptionOptions { retain_as_published: true, ..SubscriptionOptions::default() },
        SubscriptionOptions {
            retain_handling: RetainHandling::SendIfNew,
            ..SubscriptionOptions::default()
        },
    ];
    for options in later_options {
        let subscription = [Subscription { filter: "a", options }];
        let error = EncodeError::NotInVersion(Field::SubscriptionOptions);
        refused(CLIENT_4, &subscribe(&subscription), error);
    }
}

/// Enforces: MQTT-1.5.4-2, MQTT-3.1.3-4, MQTT-3.1.3-11, MQTT-3.1.3-12, MQTT-1.5.3-2 (3.1.1),
/// MQTT-3.1.2-22 (3.1.1), MQTT-3.1.3-4 (3.1.1), MQTT-3.1.3-7 (3.1.1), MQTT-3.1.3-10 (3.1.1),
/// MQTT-3.1.3-11 (3.1.1)
#[test]
fn rules_of_connect() {
    let old = Connect { version: Version::V3_1_1, ..CONNECT };
    let nameless = Connect { client_id: "", clean_start: false, ..CONNECT };
    assert!(nameless.measure(CLIENT_5).is_ok());
    let error = EncodeError::Missing(Field::ClientId);
    refused(CLIENT_4, &Connect { version: Version::V3_1_1, ..nameless }, error);
    let error = EncodeError::Missing(Field::UserName);
    refused(CLIENT_4, &Connect { password: Some(b"p"), ..old }, error);

    let long = "x".repeat(65_536);
    let error = EncodeError::TooLong(Field::ClientId);
    refused(CLIENT_5, &Connect { client_id: &long, ..CONNECT }, error);
    let error = EncodeError::TooLong(Field::Password);
    refused(CLIENT_5, &Connect { password: Some(long.as_bytes()), ..CONNECT }, error);
    let will = Will { payload: long.as_bytes(), ..WILL };
    let error = EncodeError::TooLong(Field::WillPayload);
    refused(CLIENT_5, &Connect { will: Some(will), ..CONNECT }, error);

    let topics = [
        ("", TopicError::Empty),
        ("w/#", TopicError::Wildcard { at: 2 }),
        ("+", TopicError::Wildcard { at: 0 }),
        ("w\0", TopicError::NulCharacter { at: 1 }),
    ];
    for (dialect, connect) in [(CLIENT_5, CONNECT), (CLIENT_4, old)] {
        let error = EncodeError::NulCharacter(Field::UserName);
        refused(dialect, &Connect { username: Some("u\0"), ..connect }, error);
        let error = EncodeError::NulCharacter(Field::ClientId);
        refused(dialect, &Connect { client_id: "\0", ..connect }, error);
        for (topic, error) in topics {
            let error = EncodeError::Topic { field: Field::WillTopic, error };
            refused(dialect, &Connect { will: Some(Will { topic, ..WILL }), ..connect }, error);
        }
    }
}

/// Enforces: MQTT-1.5.4-2, MQTT-3.3.1-2, MQTT-3.3.2-2, MQTT-4.7.0-1, MQTT-4.7.3-1, MQTT-4.7.3-2,
/// MQTT-4.7.3-3, MQTT-1.5.3-2 (3.1.1), MQTT-3.3.1-2 (3.1.1), MQTT-3.3.2-2 (3.1.1),
/// MQTT-4.7.1-1 (3.1.1), MQTT-4.7.3-1 (3.1.1), MQTT-4.7.3-2 (3.1.1), MQTT-4.7.3-3 (3.1.1)
#[test]
fn rules_of_publish() {
    let long = "x".repeat(65_536);
    let topics = [
        ("", TopicError::Empty),
        ("+", TopicError::Wildcard { at: 0 }),
        ("a/#", TopicError::Wildcard { at: 2 }),
        ("a\0", TopicError::NulCharacter { at: 1 }),
        (&long, TopicError::TooLong),
    ];
    for dialect in [CLIENT_5, CLIENT_4] {
        for (topic, error) in topics {
            let error = EncodeError::Topic { field: Field::TopicName, error };
            refused(dialect, &Publish { topic, ..PUBLISH }, error);
        }
        assert!(Publish { topic: &long[1..], ..PUBLISH }.measure(dialect).is_ok());
        refused(dialect, &Publish { dup: true, ..PUBLISH }, EncodeError::Unexpected(Field::Flags));
        let error = EncodeError::Unexpected(Field::PacketIdentifier);
        refused(dialect, &Publish { packet_id: Some(ID), ..PUBLISH }, error);
        let error = EncodeError::Missing(Field::PacketIdentifier);
        refused(dialect, &Publish { qos: QoS::ExactlyOnce, ..PUBLISH }, error);
    }
}

/// Enforces: MQTT-1.5.7-1, MQTT-3.3.2-8, MQTT-3.3.2-13, MQTT-3.3.2-14, MQTT-3.3.2-19, MQTT-3.3.4-6
#[test]
fn rules_of_properties() {
    let place = |id| Field::Property(id);
    let range = |id| EncodeError::OutOfRange(place(id));
    let misplaced = EncodeError::Misplaced(place(PropertyId::ReasonString));
    refused_property(CLIENT_5, Property::ReasonString(""), misplaced);
    let wrong_sender = EncodeError::WrongSender(place(PropertyId::SubscriptionIdentifier));
    refused_property(CLIENT_5, Property::SubscriptionIdentifier(1), wrong_sender);
    let identifier = range(PropertyId::SubscriptionIdentifier);
    refused_property(SERVER_5, Property::SubscriptionIdentifier(0), identifier);
    refused_property(SERVER_5, Property::SubscriptionIdentifier(268_435_456), identifier);
    refused_property(CLIENT_5, Property::TopicAlias(0), range(PropertyId::TopicAlias));
    let nul = EncodeError::NulCharacter(place(PropertyId::ContentType));
    refused_property(CLIENT_5, Property::ContentType("\0"), nul);
    let nul = EncodeError::NulCharacter(place(PropertyId::UserProperty));
    refused_property(CLIENT_5, Property::UserProperty("k\0", "v"), nul);
    refused_property(CLIENT_5, Property::UserProperty("k", "\0"), nul);
    let long = "x".repeat(65_536);
    let too_long = EncodeError::TooLong(place(PropertyId::UserProperty));
    refused_property(CLIENT_5, Property::UserProperty("", &long), too_long);
    let too_long = EncodeError::TooLong(place(PropertyId::CorrelationData));
    refused_property(CLIENT_5, Property::CorrelationData(long.as_bytes()), too_long);
    let response_topic = place(PropertyId::ResponseTopic);
    let wildcard =
        EncodeError::Topic { field: response_topic, error: TopicError::Wildcard { at: 0 } };
    refused_property(CLIENT_5, Property::ResponseTopic("#"), wildcard);
    let nul =
        EncodeError::Topic { field: response_topic, error: TopicError::NulCharacter { at: 0 } };
    refused_property(CLIENT_5, Property::ResponseTopic("\0"), nul);

    let twice = [Property::TopicAlias(1), Property::TopicAlias(2)];
    let properties = Properties::from_slice(&twice);
    let repeated = EncodeError::Repeated(place(PropertyId::TopicAlias));
    refused(CLIENT_5, &Publish { properties, ..PUBLISH }, repeated);

    let connack = [
        (Property::ReceiveMaximum(0), PropertyId::ReceiveMaximum),
        (Property::MaximumPacketSize(0), PropertyId::MaximumPacketSize),
        (Property::MaximumQoS(QoS::ExactlyOnce), PropertyId::MaximumQoS),
    ];
    for (property, id) in connack {
        let properties = [property];
        let properties = Properties::from_slice(&properties);
        refused(SERVER_5, &ConnAck { properties, ..ACCEPTED }, range(id));
    }

    let data = [Property::AuthenticationData(b"d")];
    let properties = Properties::from_slice(&data);
    let missing = EncodeError::Missing(place(PropertyId::AuthenticationMethod));
    refused(CLIENT_5, &Connect { properties, ..CONNECT }, missing);
    let auth = Auth { reason: ReasonCode::ContinueAuthentication, properties: EMPTY };
    refused(CLIENT_5, &auth, missing);
}

/// Enforces: MQTT-3.4.2-1, MQTT-3.6.2-1, MQTT-3.14.2-1
#[test]
fn reason_codes_of_the_wrong_packet() {
    let banned = EncodeError::IllegalReasonCode(ReasonCode::Banned);
    refused(CLIENT_5, &PubAck(ack(ReasonCode::Banned)), banned);
    refused(CLIENT_5, &PubRel(ack(ReasonCode::Banned)), banned);
    refused(SERVER_5, &suback(&[ReasonCode::Success, ReasonCode::Banned]), banned);
    refused(SERVER_5, &unsuback(&[ReasonCode::Banned]), banned);
    let taken_over = ReasonCode::SessionTakenOver;
    let disconnect = Disconnect { reason: taken_over, properties: EMPTY };
    refused(CLIENT_5, &disconnect, EncodeError::IllegalReasonCode(taken_over));
    refused(
        SERVER_5,
        &ConnAck { reason: taken_over, ..ACCEPTED },
        EncodeError::IllegalReasonCode(taken_over),
    );
    refused(
        SERVER_5,
        &ConnAck { session_present: true, reason: ReasonCode::Banned, properties: EMPTY },
        EncodeError::Unexpected(Field::AcknowledgeFlags),
    );
    refused(
        SERVER_3,
        &ConnAck { session_present: true, ..ACCEPTED },
        EncodeError::NotInVersion(Field::AcknowledgeFlags),
    );
}

/// Enforces: MQTT-3.8.3-1, MQTT-3.8.3-2, MQTT-3.8.3-4, MQTT-3.10.3-1, MQTT-3.10.3-2, MQTT-4.7.1-1,
/// MQTT-4.7.1-2, MQTT-4.7.3-1, MQTT-4.7.3-2, MQTT-4.7.3-3, MQTT-3.8.3-1 (3.1.1),
/// MQTT-3.8.3-3 (3.1.1), MQTT-3.10.3-1 (3.1.1), MQTT-3.10.3-2 (3.1.1), MQTT-4.7.1-2 (3.1.1),
/// MQTT-4.7.1-3 (3.1.1), MQTT-4.7.3-1 (3.1.1), MQTT-4.7.3-2 (3.1.1), MQTT-4.7.3-3 (3.1.1)
#[test]
fn rules_of_lists() {
    refused(SERVER_5, &suback(&[]), EncodeError::Missing(Field::ReasonCode));
    refused(SERVER_5, &unsuback(&[]), EncodeError::Missing(Field::ReasonCode));
    let long = "x".repeat(65_536);
    let filters = [
        ("", TopicError::Empty),
        ("a+", TopicError::SingleLevelWildcard { at: 1 }),
        ("+a", TopicError::SingleLevelWildcard { at: 0 }),
        ("a#", TopicError::MultiLevelWildcard { at: 1 }),
        ("a/#/b", TopicError::MultiLevelWildcard { at: 2 }),
        ("a\0", TopicError::NulCharacter { at: 1 }),
        (&long, TopicError::TooLong),
    ];
    for dialect in [CLIENT_5, CLIENT_4] {
        let missing = EncodeError::Missing(Field::TopicFilter);
        refused(dialect, &subscribe(&[]), missing);
        refused(dialect, &unsubscribe(&[]), missing);
        for (filter, error) in filters {
            let error = EncodeError::Topic { field: Field::TopicFilter, error };
            let options = SubscriptionOptions::default();
            refused(dialect, &subscribe(&[Subscription { filter, options }]), error);
            let pair = ["a", filter];
            refused(dialect, &unsubscribe(&pair), error);
        }
    }

    let options = SubscriptionOptions { no_local: true, ..SubscriptionOptions::default() };
    let shared = [Subscription { filter: "$share/g/a", options }];
    let error = EncodeError::Unexpected(Field::SubscriptionOptions);
    refused(CLIENT_5, &subscribe(&shared), error);
}

#[test]
fn what_was_received_is_judged_by_where_it_goes() {
    let bytes = crate::notation::bytes("30 [ 'a [ 0B 01 0B 02 ] ]");
    let Ok(Some(Packet::Publish(publish))) = crate::notation::decode(&bytes, SERVER_5) else {
        panic!("not a PUBLISH")
    };
    assert!(publish.measure(SERVER_5).is_ok());
    let identifier = Field::Property(PropertyId::SubscriptionIdentifier);
    refused(CLIENT_5, &publish, EncodeError::WrongSender(identifier));
    let will = Will { properties: publish.properties, ..WILL };
    let identifier = Field::WillProperty(PropertyId::SubscriptionIdentifier);
    let error = EncodeError::Misplaced(identifier);
    refused(CLIENT_5, &Connect { will: Some(will), ..CONNECT }, error);
}

#[test]
fn a_packet_that_no_remaining_length_can_announce() {
    let filter = "x".repeat(65_535);
    let filters = vec![filter.as_str(); 4_097];
    let filters = Filters::from_slice(&filters);
    let unsubscribe = Unsubscribe { packet_id: ID, properties: EMPTY, filters };
    refused(CLIENT_5, &unsubscribe, EncodeError::PacketTooLarge);
    let user = vec![Property::UserProperty(&filter, &filter); 2_049];
    let properties = Properties::from_slice(&user);
    refused(CLIENT_5, &Publish { properties, ..PUBLISH }, EncodeError::PacketTooLarge);
}

#[test]
fn user_properties_of_any_text() {
    let long = "x".repeat(200);
    let strange = "\u{80}".repeat(25_024); // its length is itself a character
    for text in ["", "é", "日本語", &long, &strange] {
        let property = [Property::UserProperty("é", text), Property::UserProperty(text, "e")];
        let properties = Properties::from_slice(&property);
        let publish = Packet::Publish(Publish { properties, ..PUBLISH });
        let bytes = crate::notation::encode(&publish, CLIENT_5).unwrap();
        assert_eq!(crate::notation::decode(&bytes, CLIENT_5), Ok(Some(publish)));
    }
}

#[test]
fn an_error_reads_as_a_sentence() {
    let error = Publish { topic: "a/#", ..PUBLISH }.measure(CLIENT_5).unwrap_err();
    assert_eq!(
        error.to_string(),
        "Topic Name: the wildcard at byte 2 is allowed in a Topic Filter only"
    );
    assert_eq!(error.field(), Some(Field::TopicName));
    let error = Packet::PingReq.measure(SERVER_5).unwrap_err();
    assert_eq!(error.to_string(), "packet type: only the other end sends it; leave it out");
    assert_eq!(EncodeError::BufferTooSmall.field(), None);
}
