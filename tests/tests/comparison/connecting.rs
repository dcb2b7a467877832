//! CONNECT and CONNACK (sections 3.1, 3.2 and 4.12).

use mqtt_proto::{Connect, Packet, Property, Will};
use mqtt_testkit::broker::Settings;

use crate::conversation::{Conversation, Limits};
use crate::packets::*;
use crate::talk::Talk;

const LIMITED: Limits = Limits {
    model: |settings: &mut Settings| {
        settings.maximum_qos = QOS1;
        settings.retain_available = false;
    },
    mosquitto: &["max_qos 1", "retain_available false"],
};

pub(crate) const CONVERSATIONS: &[Conversation] = &[
    Conversation::all("connect and leave", connect_and_leave),
    Conversation::all("a session is resumed", a_session_is_resumed),
    Conversation::all("a clean session forgets", a_clean_session_forgets),
    Conversation::both("no Client Identifier", no_client_identifier),
    Conversation::both("no Client Identifier, and no clean session", no_client_identifier_kept),
    Conversation::both("Keep Alive 0", keep_alive_0),
    Conversation::both("a Client Identifier of 64 characters", long_client_identifier),
    Conversation::both("a second CONNECT", a_second_connect),
    Conversation::both("PINGREQ before CONNECT", pingreq_before_connect),
    Conversation::both("PUBLISH before CONNECT", publish_before_connect),
    Conversation::both("an unknown protocol name", unknown_protocol_name),
    Conversation::both("an unknown protocol level", unknown_protocol_level),
    Conversation::both("the reserved flag of CONNECT", reserved_connect_flag),
    Conversation::both("Will QoS without a Will", will_qos_without_will),
    Conversation::both("Will Retain without a Will", will_retain_without_will),
    Conversation::both("Will QoS 3", will_qos_3),
    Conversation::both("a Will Topic with a wildcard", will_topic_with_wildcard),
    Conversation::both("CONNECT in part", connect_in_part),
    Conversation::both("bytes behind CONNECT", bytes_behind_connect),
    Conversation::both("a Client Identifier that is no UTF-8", client_identifier_no_utf8),
    Conversation::both("a Client Identifier with U+0000", client_identifier_with_null),
    Conversation::both("a Password without a User Name", password_alone),
    Conversation::both("a User Name and a Password", username_and_password),
    Conversation::current("Receive Maximum 0", receive_maximum_0),
    Conversation::current("Maximum Packet Size 0", maximum_packet_size_0),
    Conversation::current("a CONNECT property twice", connect_property_twice),
    Conversation::current("a property that is not for CONNECT", foreign_connect_property),
    Conversation::current("Request Response Information", request_response_information),
    Conversation::current("Request Problem Information 2", request_problem_information_2),
    Conversation::current("a user property in CONNECT", user_property_in_connect),
    Conversation::current("an unknown Authentication Method", unknown_authentication_method),
    Conversation::current("Authentication Data without a method", authentication_data_alone),
    Conversation::current("AUTH without a method", auth_without_method),
    Conversation::current("AUTH before CONNECT", auth_before_connect),
    Conversation::current("limits in CONNACK", connect_and_leave).limits(LIMITED),
    Conversation::current("a Will above Maximum QoS", will_above_maximum_qos).limits(LIMITED),
    Conversation::current("a Will Retain that is not available", will_retain_refused)
        .limits(LIMITED),
];

fn connect_and_leave(talk: &mut Talk) {
    let a = talk.client("a");
    talk.send(a, &Packet::PingReq);
    talk.leave(a);
}

fn a_session_is_resumed(talk: &mut Talk) {
    let a = talk.resume("a");
    talk.subscribe(a, "t", QOS1);
    talk.leave(a);
    let a = talk.resume("a");
    talk.publish(a, &publish(QOS0, 0, "t"));
    talk.cut(a);
    let a = talk.resume("a");
    talk.publish(a, &publish(QOS0, 0, "t"));
}

fn a_clean_session_forgets(talk: &mut Talk) {
    let a = talk.resume("a");
    talk.subscribe(a, "t", QOS1);
    talk.leave(a);
    let a = talk.client("a");
    talk.publish(a, &publish(QOS0, 0, "t"));
    talk.leave(a);
    talk.resume("a");
}

fn no_client_identifier(talk: &mut Talk) {
    let a = talk.connect("a", &connect(""));
    let b = talk.connect("b", &connect(""));
    talk.subscribe(a, "t", QOS0);
    talk.publish(b, &publish(QOS0, 0, "t"));
}

fn no_client_identifier_kept(talk: &mut Talk) {
    let level = level(talk);
    raw_connect(talk, "without a Client Identifier", b"MQTT", level, 0, b"\0\0");
}

fn keep_alive_0(talk: &mut Talk) {
    talk.connect("a", &Connect { keep_alive: 0, ..connect("a") });
}

fn long_client_identifier(talk: &mut Talk) {
    talk.connect("a", &connect(&"0123456789abcdef".repeat(4)));
}

fn a_second_connect(talk: &mut Talk) {
    let a = talk.client("a");
    let again = Connect { version: talk.version, ..connect("a") };
    talk.send(a, &Packet::Connect(again));
}

fn pingreq_before_connect(talk: &mut Talk) {
    let a = talk.open("a");
    talk.send(a, &Packet::PingReq);
}

fn publish_before_connect(talk: &mut Talk) {
    let a = talk.open("a");
    talk.publish(a, &publish(QOS0, 0, "t"));
}

/// CONNECT with this behind the length of the protocol name, for the version of the conversation.
fn raw_connect(talk: &mut Talk, what: &str, name: &[u8], level: u8, flags: u8, payload: &[u8]) {
    let mut body = vec![0, u8::try_from(name.len()).unwrap()];
    body.extend(name);
    body.extend([level, flags, 0, 60]);
    if level >= 5 {
        body.push(0);
    }
    body.extend(payload);
    let mut bytes = vec![0x10, u8::try_from(body.len()).unwrap()];
    bytes.extend(body);
    let peer = talk.open("a");
    talk.send_bytes(peer, format_args!("CONNECT {what}"), &bytes);
}

fn level(talk: &Talk) -> u8 {
    if talk.version.has_properties() { 5 } else { 4 }
}

fn unknown_protocol_name(talk: &mut Talk) {
    let level = level(talk);
    raw_connect(talk, "of the protocol MQTZ", b"MQTZ", level, 2, b"\0\x01a");
}

fn unknown_protocol_level(talk: &mut Talk) {
    let level = if talk.version.has_properties() { 6 } else { 2 };
    raw_connect(talk, "of an unknown level", b"MQTT", level, 2, b"\0\x01a");
}

fn reserved_connect_flag(talk: &mut Talk) {
    let level = level(talk);
    raw_connect(talk, "with the reserved flag", b"MQTT", level, 3, b"\0\x01a");
}

fn will_qos_without_will(talk: &mut Talk) {
    let level = level(talk);
    raw_connect(talk, "with Will QoS 1 and no Will", b"MQTT", level, 0x0A, b"\0\x01a");
}

fn will_retain_without_will(talk: &mut Talk) {
    let level = level(talk);
    raw_connect(talk, "with Will Retain and no Will", b"MQTT", level, 0x22, b"\0\x01a");
}

/// The Client Identifier `a`, and a Will for this topic.
fn payload_with_will(talk: &Talk, topic: &[u8; 1]) -> Vec<u8> {
    let mut payload = b"\0\x01a".to_vec();
    if talk.version.has_properties() {
        payload.push(0);
    }
    payload.extend([0, 1, topic[0], 0, 1, b'w']);
    payload
}

fn will_qos_3(talk: &mut Talk) {
    let (level, payload) = (level(talk), payload_with_will(talk, b"t"));
    raw_connect(talk, "with Will QoS 3", b"MQTT", level, 0x1E, &payload);
}

fn will_topic_with_wildcard(talk: &mut Talk) {
    let (level, payload) = (level(talk), payload_with_will(talk, b"#"));
    raw_connect(talk, "with the Will Topic #", b"MQTT", level, 0x06, &payload);
}

fn connect_in_part(talk: &mut Talk) {
    let level = level(talk);
    raw_connect(talk, "without its Client Identifier", b"MQTT", level, 2, b"");
}

fn bytes_behind_connect(talk: &mut Talk) {
    let level = level(talk);
    raw_connect(talk, "with two bytes more", b"MQTT", level, 2, b"\0\x01a\0\0");
}

fn client_identifier_no_utf8(talk: &mut Talk) {
    let level = level(talk);
    raw_connect(talk, "with the Client Identifier FF", b"MQTT", level, 2, b"\0\x01\xFF");
}

fn client_identifier_with_null(talk: &mut Talk) {
    let level = level(talk);
    raw_connect(talk, "with the Client Identifier 00", b"MQTT", level, 2, b"\0\x01\0");
}

fn password_alone(talk: &mut Talk) {
    let level = level(talk);
    raw_connect(talk, "with a Password alone", b"MQTT", level, 0x42, b"\0\x01a\0\x01p");
}

fn username_and_password(talk: &mut Talk) {
    talk.connect("a", &Connect { username: Some("u"), password: Some(b"p"), ..connect("a") });
}

/// CONNECT of 5.0 with these bytes as its properties.
fn connect_with_properties(talk: &mut Talk, what: &str, properties: &[u8]) {
    let mut body = b"\0\x04MQTT\x05\x02\0\x3C".to_vec();
    body.push(u8::try_from(properties.len()).unwrap());
    body.extend(properties);
    body.extend(b"\0\x01a");
    let mut bytes = vec![0x10, u8::try_from(body.len()).unwrap()];
    bytes.extend(body);
    let peer = talk.open("a");
    talk.send_bytes(peer, format_args!("CONNECT {what}"), &bytes);
}

fn receive_maximum_0(talk: &mut Talk) {
    connect_with_properties(talk, "with Receive Maximum 0", b"\x21\0\0");
}

fn maximum_packet_size_0(talk: &mut Talk) {
    connect_with_properties(talk, "with Maximum Packet Size 0", b"\x27\0\0\0\0");
}

fn connect_property_twice(talk: &mut Talk) {
    connect_with_properties(talk, "with two Receive Maximums", b"\x21\0\x05\x21\0\x05");
}

fn foreign_connect_property(talk: &mut Talk) {
    connect_with_properties(talk, "with a Topic Alias", b"\x23\0\x01");
}

fn request_problem_information_2(talk: &mut Talk) {
    connect_with_properties(talk, "with Request Problem Information 2", b"\x17\x02");
}

fn request_response_information(talk: &mut Talk) {
    let properties = [Property::RequestResponseInformation(true)];
    talk.connect("a", &Connect { properties: list(&properties), ..connect("a") });
}

fn user_property_in_connect(talk: &mut Talk) {
    let properties = [Property::UserProperty("a", "1"), Property::UserProperty("a", "2")];
    talk.connect("a", &Connect { properties: list(&properties), ..connect("a") });
}

fn unknown_authentication_method(talk: &mut Talk) {
    let properties =
        [Property::AuthenticationMethod("made up"), Property::AuthenticationData(b"x")];
    talk.connect("a", &Connect { properties: list(&properties), ..connect("a") });
}

fn authentication_data_alone(talk: &mut Talk) {
    connect_with_properties(talk, "with Authentication Data alone", b"\x16\0\x01x");
}

fn auth_without_method(talk: &mut Talk) {
    let a = talk.client("a");
    talk.send_bytes(a, "AUTH 0x19 with a method", b"\xF0\x06\x19\x04\x15\0\x01m");
}

fn auth_before_connect(talk: &mut Talk) {
    let a = talk.open("a");
    talk.send_bytes(a, "AUTH 0x19 with a method", b"\xF0\x06\x19\x04\x15\0\x01m");
}

fn will_above_maximum_qos(talk: &mut Talk) {
    talk.connect("a", &Connect { will: Some(Will { qos: QOS2, ..WILL }), ..connect("a") });
}

fn will_retain_refused(talk: &mut Talk) {
    talk.connect("a", &Connect { will: Some(Will { retain: true, ..WILL }), ..connect("a") });
}
