//! What the codec refuses: packet, violation, place and the reason code it maps to.

use std::collections::BTreeSet;

use mqtt_proto::Field::*;
use mqtt_proto::PropertyId::*;
use mqtt_proto::Violation::*;
use mqtt_proto::{Dialect, Field, PacketType, ReasonCode, Violation};

use crate::notation::{CLIENT_3, CLIENT_4, CLIENT_5, SERVER_3, SERVER_4, SERVER_5, bytes, decode};

type Refusal = (Dialect, &'static str, Violation, Field, u8);

#[track_caller]
fn refused(refusals: &[Refusal]) {
    for &(dialect, text, violation, field, reason_code) in refusals {
        let bytes = bytes(text);
        let error = match decode(&bytes, dialect) {
            Ok(packet) => panic!("{text}: {packet:?} in {dialect:?}"),
            Err(error) => error,
        };
        assert_eq!((error.violation, error.field), (violation, field), "{text} in {dialect:?}");
        assert_eq!(error.packet, PacketType::from_u8(bytes[0] >> 4), "{text}");
        assert_eq!(Some(error.reason_code()), ReasonCode::from_u8(reason_code), "{text}");
    }
}

const HEADERS: &[Refusal] = &[
    (SERVER_5, "00", ReservedType, PacketType, 0x81),
    (SERVER_4, "0F 00", ReservedType, PacketType, 0x81),
    (CLIENT_4, "F0 00", ReservedType, PacketType, 0x81),
    (SERVER_4, "F0 00", ReservedType, PacketType, 0x81),
    (SERVER_3, "F0", ReservedType, PacketType, 0x81),
    // The other end's packets.
    (SERVER_5, "10 00", ForbiddenPacket, PacketType, 0x82),
    (CLIENT_5, "20 00", ForbiddenPacket, PacketType, 0x82),
    (SERVER_5, "82", ForbiddenPacket, PacketType, 0x82),
    (CLIENT_5, "90 00", ForbiddenPacket, PacketType, 0x82),
    (SERVER_5, "A2 00", ForbiddenPacket, PacketType, 0x82),
    (CLIENT_5, "B0 00", ForbiddenPacket, PacketType, 0x82),
    (SERVER_5, "C0 00", ForbiddenPacket, PacketType, 0x82),
    (CLIENT_5, "D0 00", ForbiddenPacket, PacketType, 0x82),
    (SERVER_4, "10 00", ForbiddenPacket, PacketType, 0x82),
    (CLIENT_4, "20 00", ForbiddenPacket, PacketType, 0x82),
    (SERVER_4, "E0 00", ForbiddenPacket, PacketType, 0x82),
    (SERVER_3, "E0 00", ForbiddenPacket, PacketType, 0x82),
    // Flags.
    (CLIENT_5, "11 00", ReservedBits, Flags, 0x81),
    (SERVER_5, "21 00", ReservedBits, Flags, 0x81),
    (SERVER_5, "41 00", ReservedBits, Flags, 0x81),
    (SERVER_5, "52", ReservedBits, Flags, 0x81),
    (SERVER_5, "60 00", ReservedBits, Flags, 0x81),
    (SERVER_4, "6A 00", ReservedBits, Flags, 0x81),
    (SERVER_5, "78 00", ReservedBits, Flags, 0x81),
    (CLIENT_5, "80 00", ReservedBits, Flags, 0x81),
    (CLIENT_4, "8A 00", ReservedBits, Flags, 0x81),
    (CLIENT_3, "80 00", ReservedBits, Flags, 0x81),
    (CLIENT_3, "88 00", ReservedBits, Flags, 0x81),
    (CLIENT_3, "86 00", ReservedBits, Flags, 0x81),
    (SERVER_3, "63 00", ReservedBits, Flags, 0x81),
    (CLIENT_3, "C8 00", ReservedBits, Flags, 0x81),
    (SERVER_5, "91 00", ReservedBits, Flags, 0x81),
    (CLIENT_5, "A0 00", ReservedBits, Flags, 0x81),
    (CLIENT_4, "AA 00", ReservedBits, Flags, 0x81),
    (SERVER_5, "B8 00", ReservedBits, Flags, 0x81),
    (CLIENT_5, "C1 00", ReservedBits, Flags, 0x81),
    (SERVER_5, "D1 00", ReservedBits, Flags, 0x81),
    (SERVER_5, "E1 00", ReservedBits, Flags, 0x81),
    (CLIENT_4, "E8 00", ReservedBits, Flags, 0x81),
    (SERVER_5, "F1 00", ReservedBits, Flags, 0x81),
    (SERVER_5, "36", InvalidQoS, Flags, 0x81),
    (SERVER_4, "3F 00", InvalidQoS, Flags, 0x81),
    (SERVER_5, "38 00", DupAtQoS0, Flags, 0x81),
    (CLIENT_4, "39", DupAtQoS0, Flags, 0x81),
    (CLIENT_3, "38", DupAtQoS0, Flags, 0x81),
    // Remaining Length.
    (SERVER_5, "40 82 00", OverlongInteger, RemainingLength, 0x81),
    (SERVER_5, "D0 80 00", OverlongInteger, RemainingLength, 0x81),
    (SERVER_4, "D0 80 80 80 00", OverlongInteger, RemainingLength, 0x81),
    (SERVER_5, "30 80 80 80 80", UnboundedInteger, RemainingLength, 0x81),
    (SERVER_4, "30 FF FF FF FF 7F", UnboundedInteger, RemainingLength, 0x81),
    (CLIENT_5, "C0 [ 00 ]", TrailingBytes, End, 0x81),
    (SERVER_5, "D0 [ 00 ]", TrailingBytes, End, 0x81),
    (SERVER_4, "D0 [ 00 00 ]", TrailingBytes, End, 0x81),
];

const CONNECTS: &[Refusal] = &[
    (CLIENT_5, "10 00", Truncated, ProtocolName, 0x81),
    (CLIENT_5, "10 [ 00 04 4D 51 54 ]", Truncated, ProtocolName, 0x81),
    (CLIENT_5, "10 [ 'MQTT ]", Truncated, ProtocolVersion, 0x81),
    (CLIENT_5, "10 [ 'MQTX 05 ]", UnsupportedVersion, ProtocolName, 0x84),
    (CLIENT_5, "10 [ 'mqtt 05 ]", UnsupportedVersion, ProtocolName, 0x84),
    (CLIENT_5, "10 [ 'MQTT 03 02 00 00 ' ]", UnsupportedVersion, ProtocolVersion, 0x84),
    (CLIENT_5, "10 [ 'MQTT 06 02 00 00 [ ] ' ]", UnsupportedVersion, ProtocolVersion, 0x84),
    (CLIENT_4, "10 [ 'MQTT 84 02 00 00 ' ]", UnsupportedVersion, ProtocolVersion, 0x84),
    (CLIENT_4, "10 [ 'MQIsdp 04 02 00 00 ' ]", UnsupportedVersion, ProtocolVersion, 0x84),
    (CLIENT_5, "10 [ 'MQTT 05 ]", Truncated, ConnectFlags, 0x81),
    (CLIENT_5, "10 [ 'MQTT 05 03 00 00 [ ] ' ]", ReservedBits, ConnectFlags, 0x81),
    (CLIENT_5, "10 [ 'MQTT 04 03 00 00 ' ]", ReservedBits, ConnectFlags, 0x81),
    (CLIENT_5, "10 [ 'MQTT 05 1E 00 00 [ ] ' ]", InvalidQoS, ConnectFlags, 0x81),
    (CLIENT_5, "10 [ 'MQTT 04 1C 00 00 'c ]", InvalidQoS, ConnectFlags, 0x81),
    (CLIENT_5, "10 [ 'MQTT 05 22 00 00 [ ] ' ]", WillBitsWithoutWill, ConnectFlags, 0x81),
    (CLIENT_5, "10 [ 'MQTT 05 0A 00 00 [ ] ' ]", WillBitsWithoutWill, ConnectFlags, 0x81),
    (CLIENT_4, "10 [ 'MQTT 04 12 00 00 ' ]", WillBitsWithoutWill, ConnectFlags, 0x81),
    (CLIENT_4, "10 [ 'MQTT 04 42 00 00 ' 'p ]", PasswordWithoutUserName, ConnectFlags, 0x82),
    (CLIENT_3, "10 [ 'MQIsdp 03 42 00 00 'c 'p ]", PasswordWithoutUserName, ConnectFlags, 0x82),
    (CLIENT_5, "10 [ 'MQTT 05 02 00 ]", Truncated, KeepAlive, 0x81),
    (CLIENT_5, "10 [ 'MQTT 05 02 00 00 ]", Truncated, PropertyLength, 0x81),
    (CLIENT_5, "10 [ 'MQTT 05 02 00 00 05 11 ]", Truncated, PropertyLength, 0x81),
    (CLIENT_5, "10 [ 'MQTT 05 02 00 00 80 00 ' ]", OverlongInteger, PropertyLength, 0x81),
    (CLIENT_5, "10 [ 'MQTT 05 02 00 00 [ ] ]", Truncated, ClientId, 0x81),
    (CLIENT_5, "10 [ 'MQTT 05 02 00 00 [ ] 00 ]", Truncated, ClientId, 0x81),
    (CLIENT_5, "10 [ 'MQTT 05 02 00 00 [ ] 00 02 63 ]", Truncated, ClientId, 0x81),
    (CLIENT_5, "10 [ 'MQTT 05 02 00 00 [ ] 00 01 80 ]", InvalidUtf8, ClientId, 0x81),
    (CLIENT_5, "10 [ 'MQTT 05 02 00 00 [ ] 00 01 00 ]", NulCharacter, ClientId, 0x81),
    (CLIENT_4, "10 [ 'MQTT 04 00 00 00 ' ]", ClientIdMissing, ClientId, 0x85),
    (CLIENT_5, "10 [ 'MQTT 05 06 00 00 [ ] ' ]", Truncated, WillPropertyLength, 0x81),
    (CLIENT_5, "10 [ 'MQTT 05 06 00 00 [ ] ' [ ] ]", Truncated, WillTopic, 0x81),
    (CLIENT_5, "10 [ 'MQTT 05 06 00 00 [ ] ' [ ] ' ' ]", EmptyTopic, WillTopic, 0x82),
    (CLIENT_4, "10 [ 'MQTT 04 06 00 00 ' 'w/+ ' ]", Wildcard, WillTopic, 0x82),
    (CLIENT_4, "10 [ 'MQTT 04 06 00 00 ' 00 01 00 ' ]", NulCharacter, WillTopic, 0x81),
    (CLIENT_5, "10 [ 'MQTT 05 06 00 00 [ ] ' [ ] 'w ]", Truncated, WillPayload, 0x81),
    (CLIENT_5, "10 [ 'MQTT 05 82 00 00 [ ] ' ]", Truncated, UserName, 0x81),
    (CLIENT_4, "10 [ 'MQTT 04 82 00 00 ' 00 01 FF ]", InvalidUtf8, UserName, 0x81),
    (CLIENT_4, "10 [ 'MQTT 04 82 00 00 ' 00 01 00 ]", NulCharacter, UserName, 0x81),
    (CLIENT_5, "10 [ 'MQTT 05 C2 00 00 [ ] ' 'u ]", Truncated, Password, 0x81),
    (CLIENT_5, "10 [ 'MQTT 05 02 00 00 [ ] ' 00 ]", TrailingBytes, End, 0x81),
    (CLIENT_4, "10 [ 'MQTT 04 02 00 00 ' 'u ]", TrailingBytes, End, 0x81),
];

const CONNACKS: &[Refusal] = &[
    (SERVER_5, "20 00", Truncated, AcknowledgeFlags, 0x81),
    (SERVER_5, "20 [ 00 ]", Truncated, ReasonCode, 0x81),
    (SERVER_5, "20 [ 00 00 ]", Truncated, PropertyLength, 0x81),
    (SERVER_5, "20 [ 02 00 [ ] ]", ReservedBits, AcknowledgeFlags, 0x81),
    (SERVER_4, "20 [ 80 00 ]", ReservedBits, AcknowledgeFlags, 0x81),
    (SERVER_5, "20 [ 00 01 [ ] ]", IllegalReasonCode, ReasonCode, 0x82),
    (SERVER_5, "20 [ 00 05 ]", IllegalReasonCode, ReasonCode, 0x82),
    (SERVER_5, "20 [ 00 8E [ ] ]", IllegalReasonCode, ReasonCode, 0x82),
    (SERVER_5, "20 [ 00 FF [ ] ]", IllegalReasonCode, ReasonCode, 0x82),
    (SERVER_4, "20 [ 00 06 ]", IllegalReasonCode, ReasonCode, 0x82),
    (SERVER_4, "20 [ 00 84 ]", IllegalReasonCode, ReasonCode, 0x82),
    (SERVER_5, "20 [ 01 87 [ ] ]", SessionPresentInRefusal, AcknowledgeFlags, 0x82),
    (SERVER_5, "20 [ 01 01 ]", SessionPresentInRefusal, AcknowledgeFlags, 0x82),
    (SERVER_4, "20 [ 01 05 ]", SessionPresentInRefusal, AcknowledgeFlags, 0x82),
    (SERVER_5, "20 [ 00 00 [ ] 00 ]", TrailingBytes, End, 0x81),
    (SERVER_4, "20 [ 00 00 00 ]", TrailingBytes, End, 0x81),
];

const PUBLISHES: &[Refusal] = &[
    (SERVER_5, "30 00", Truncated, TopicName, 0x81),
    (SERVER_5, "30 [ 00 ]", Truncated, TopicName, 0x81),
    (SERVER_5, "30 [ 00 03 61 2F ]", Truncated, TopicName, 0x81),
    (SERVER_5, "32 [ 'a/b ]", Truncated, PacketIdentifier, 0x81),
    (SERVER_4, "34 [ 'a/b 01 ]", Truncated, PacketIdentifier, 0x81),
    (SERVER_5, "30 [ 'a/b ]", Truncated, PropertyLength, 0x81),
    (SERVER_5, "30 [ 'a/b 02 01 ]", Truncated, PropertyLength, 0x81),
    (SERVER_5, "30 [ 'a/b 80 00 ]", OverlongInteger, PropertyLength, 0x81),
    (SERVER_5, "30 [ 'a/b 80 ]", Truncated, PropertyLength, 0x81),
    (SERVER_5, "30 [ 'a/b FF FF FF FF 00 ]", UnboundedInteger, PropertyLength, 0x81),
    (SERVER_5, "30 [ 00 01 FF [ ] ]", InvalidUtf8, TopicName, 0x81),
    (SERVER_5, "30 [ 00 03 ED A0 80 [ ] ]", InvalidUtf8, TopicName, 0x81),
    (SERVER_5, "30 [ 00 02 C0 80 [ ] ]", InvalidUtf8, TopicName, 0x81),
    (SERVER_4, "30 [ 00 03 ED A0 80 ]", InvalidUtf8, TopicName, 0x81),
    (SERVER_4, "30 [ 00 04 F4 90 80 80 ]", InvalidUtf8, TopicName, 0x81),
    (SERVER_5, "30 [ 00 03 61 00 62 [ ] ]", NulCharacter, TopicName, 0x81),
    (SERVER_4, "30 [ 00 09 61 61 61 61 61 61 61 61 00 ]", NulCharacter, TopicName, 0x81),
    (SERVER_5, "30 [ ' [ ] ]", EmptyTopic, TopicName, 0x82),
    (SERVER_5, "30 [ ' [ 01 00 ] ]", EmptyTopic, TopicName, 0x82),
    (SERVER_4, "30 [ ' 61 ]", EmptyTopic, TopicName, 0x82),
    (SERVER_5, "30 [ '+ [ ] ]", Wildcard, TopicName, 0x82),
    (SERVER_5, "30 [ 'a/# [ ] ]", Wildcard, TopicName, 0x82),
    (SERVER_4, "30 [ 'a+b ]", Wildcard, TopicName, 0x82),
    (SERVER_5, "32 [ 'a/b 00 00 [ ] ]", PacketIdentifierZero, PacketIdentifier, 0x82),
    (SERVER_4, "34 [ 'a/b 00 00 ]", PacketIdentifierZero, PacketIdentifier, 0x82),
];

const ACKS: &[Refusal] = &[
    (SERVER_5, "40 00", Truncated, PacketIdentifier, 0x81),
    (SERVER_5, "50 [ 0A ]", Truncated, PacketIdentifier, 0x81),
    (SERVER_4, "62 [ 0A ]", Truncated, PacketIdentifier, 0x81),
    (SERVER_5, "40 [ 00 00 ]", PacketIdentifierZero, PacketIdentifier, 0x82),
    (SERVER_5, "70 [ 00 00 00 ]", PacketIdentifierZero, PacketIdentifier, 0x82),
    (SERVER_4, "50 [ 00 00 ]", PacketIdentifierZero, PacketIdentifier, 0x82),
    (SERVER_4, "40 [ 00 0A 00 ]", TrailingBytes, End, 0x81),
    (SERVER_4, "62 [ 00 0A 00 ]", TrailingBytes, End, 0x81),
    (SERVER_5, "40 [ 00 0A 00 [ ] 00 ]", TrailingBytes, End, 0x81),
    (SERVER_5, "40 [ 00 0A 92 ]", IllegalReasonCode, ReasonCode, 0x82),
    (SERVER_5, "40 [ 00 0A 01 ]", IllegalReasonCode, ReasonCode, 0x82),
    (CLIENT_5, "40 [ 00 0A 10 ]", IllegalReasonCode, ReasonCode, 0x82),
    (CLIENT_5, "50 [ 00 0A 10 [ ] ]", IllegalReasonCode, ReasonCode, 0x82),
    (SERVER_5, "50 [ 00 0A 92 ]", IllegalReasonCode, ReasonCode, 0x82),
    (SERVER_5, "62 [ 00 0A 80 ]", IllegalReasonCode, ReasonCode, 0x82),
    (SERVER_5, "62 [ 00 0A 10 ]", IllegalReasonCode, ReasonCode, 0x82),
    (SERVER_5, "70 [ 00 0A 91 ]", IllegalReasonCode, ReasonCode, 0x82),
    (SERVER_5, "40 [ 00 0A 00 01 ]", Truncated, PropertyLength, 0x81),
    (SERVER_5, "40 [ 00 0A 00 80 ]", Truncated, PropertyLength, 0x81),
];

const SUBSCRIBES: &[Refusal] = &[
    (CLIENT_5, "82 00", Truncated, PacketIdentifier, 0x81),
    (CLIENT_5, "82 [ 00 00 [ ] 'a 00 ]", PacketIdentifierZero, PacketIdentifier, 0x82),
    (CLIENT_4, "82 [ 00 00 'a 00 ]", PacketIdentifierZero, PacketIdentifier, 0x82),
    (CLIENT_5, "82 [ 00 0A ]", Truncated, PropertyLength, 0x81),
    (CLIENT_5, "82 [ 00 0A [ ] ]", EmptyList, TopicFilter, 0x82),
    (CLIENT_4, "82 [ 00 0A ]", EmptyList, TopicFilter, 0x82),
    (CLIENT_5, "82 [ 00 0A [ ] 00 ]", Truncated, TopicFilter, 0x81),
    (CLIENT_5, "82 [ 00 0A [ ] 'a ]", Truncated, SubscriptionOptions, 0x81),
    (CLIENT_4, "82 [ 00 0A 'a 00 'b ]", Truncated, SubscriptionOptions, 0x81),
    (CLIENT_5, "82 [ 00 0A [ ] 'a 03 ]", ValueOutOfRange, SubscriptionOptions, 0x82),
    (CLIENT_4, "82 [ 00 0A 'a 03 ]", ValueOutOfRange, SubscriptionOptions, 0x82),
    (CLIENT_5, "82 [ 00 0A [ ] 'a 30 ]", ValueOutOfRange, SubscriptionOptions, 0x82),
    (CLIENT_5, "82 [ 00 0A [ ] 'a 40 ]", ReservedBits, SubscriptionOptions, 0x81),
    (CLIENT_5, "82 [ 00 0A [ ] 'a 80 ]", ReservedBits, SubscriptionOptions, 0x81),
    (CLIENT_4, "82 [ 00 0A 'a 04 ]", ReservedBits, SubscriptionOptions, 0x81),
    (CLIENT_4, "82 [ 00 0A 'a 20 ]", ReservedBits, SubscriptionOptions, 0x81),
    (CLIENT_5, "82 [ 00 0A [ ] ' 00 ]", EmptyTopic, TopicFilter, 0x82),
    (CLIENT_4, "82 [ 00 0A ' 00 ]", EmptyTopic, TopicFilter, 0x82),
    (CLIENT_5, "82 [ 00 0A [ ] 00 01 00 00 ]", NulCharacter, TopicFilter, 0x81),
    (CLIENT_5, "82 [ 00 0A [ ] 00 01 FE 00 ]", InvalidUtf8, TopicFilter, 0x81),
    (CLIENT_5, "82 [ 00 0A [ ] 'a# 00 ]", InvalidFilter, TopicFilter, 0x82),
    (CLIENT_4, "82 [ 00 0A 'a/#/b 00 ]", InvalidFilter, TopicFilter, 0x82),
    (CLIENT_4, "82 [ 00 0A 'a+ 00 ]", InvalidFilter, TopicFilter, 0x82),
    (CLIENT_5, "82 [ 00 0A [ ] '$share//a 00 ]", InvalidFilter, TopicFilter, 0x82),
    (CLIENT_5, "82 [ 00 0A [ ] '$share/g 00 ]", InvalidFilter, TopicFilter, 0x82),
    (CLIENT_5, "82 [ 00 0A [ ] '$share/g/a 04 ]", NoLocalOnShared, SubscriptionOptions, 0x82),
    (CLIENT_5, "A2 00", Truncated, PacketIdentifier, 0x81),
    (CLIENT_5, "A2 [ 00 00 [ ] 'a ]", PacketIdentifierZero, PacketIdentifier, 0x82),
    (CLIENT_5, "A2 [ 00 0B ]", Truncated, PropertyLength, 0x81),
    (CLIENT_5, "A2 [ 00 0B [ ] ]", EmptyList, TopicFilter, 0x82),
    (CLIENT_4, "A2 [ 00 0B ]", EmptyList, TopicFilter, 0x82),
    (CLIENT_5, "A2 [ 00 0B [ ] 'a 00 ]", Truncated, TopicFilter, 0x81),
    (CLIENT_5, "A2 [ 00 0B [ ] ' ]", EmptyTopic, TopicFilter, 0x82),
    (CLIENT_4, "A2 [ 00 0B 'a+ ]", InvalidFilter, TopicFilter, 0x82),
    (CLIENT_5, "A2 [ 00 0B [ ] '$share/g/ ]", InvalidFilter, TopicFilter, 0x82),
];

const SUBACKS: &[Refusal] = &[
    (SERVER_5, "90 [ 00 00 [ ] 00 ]", PacketIdentifierZero, PacketIdentifier, 0x82),
    (SERVER_5, "90 [ 00 0A ]", Truncated, PropertyLength, 0x81),
    (SERVER_5, "90 [ 00 0A [ ] ]", EmptyList, ReasonCode, 0x82),
    (SERVER_4, "90 [ 00 0A ]", EmptyList, ReasonCode, 0x82),
    (SERVER_5, "90 [ 00 0A [ ] 03 ]", IllegalReasonCode, ReasonCode, 0x82),
    (SERVER_5, "90 [ 00 0A [ ] 00 11 ]", IllegalReasonCode, ReasonCode, 0x82),
    (SERVER_5, "90 [ 00 0A [ ] 82 ]", IllegalReasonCode, ReasonCode, 0x82),
    (SERVER_4, "90 [ 00 0A 03 ]", IllegalReasonCode, ReasonCode, 0x82),
    (SERVER_4, "90 [ 00 0A 87 ]", IllegalReasonCode, ReasonCode, 0x82),
    (SERVER_5, "B0 [ 00 00 [ ] 00 ]", PacketIdentifierZero, PacketIdentifier, 0x82),
    (SERVER_5, "B0 [ 00 0B ]", Truncated, PropertyLength, 0x81),
    (SERVER_5, "B0 [ 00 0B [ ] ]", EmptyList, ReasonCode, 0x82),
    (SERVER_5, "B0 [ 00 0B [ ] 01 ]", IllegalReasonCode, ReasonCode, 0x82),
    (SERVER_5, "B0 [ 00 0B [ ] 97 ]", IllegalReasonCode, ReasonCode, 0x82),
    (SERVER_4, "B0 [ 00 0B 00 ]", TrailingBytes, End, 0x81),
];

const ENDINGS: &[Refusal] = &[
    (CLIENT_4, "E0 [ 00 ]", TrailingBytes, End, 0x81),
    (CLIENT_3, "E0 [ 00 00 ]", TrailingBytes, End, 0x81),
    (SERVER_5, "E0 [ 04 ]", IllegalReasonCode, ReasonCode, 0x82),
    (SERVER_5, "E0 [ 85 ]", IllegalReasonCode, ReasonCode, 0x82),
    (SERVER_5, "E0 [ 01 ]", IllegalReasonCode, ReasonCode, 0x82),
    (CLIENT_5, "E0 [ 8B ]", IllegalReasonCode, ReasonCode, 0x82),
    (CLIENT_5, "E0 [ 8C ]", IllegalReasonCode, ReasonCode, 0x82),
    (CLIENT_5, "E0 [ 9D ]", IllegalReasonCode, ReasonCode, 0x82),
    (SERVER_5, "E0 [ 00 01 ]", Truncated, PropertyLength, 0x81),
    (SERVER_5, "E0 [ 00 [ ] 00 ]", TrailingBytes, End, 0x81),
    (SERVER_5, "F0 00", MissingAuthenticationMethod, Property(AuthenticationMethod), 0x82),
    (CLIENT_5, "F0 00", MissingAuthenticationMethod, Property(AuthenticationMethod), 0x82),
    (SERVER_5, "F0 [ 18 ]", Truncated, PropertyLength, 0x81),
    (SERVER_5, "F0 [ 18 [ ] ]", MissingAuthenticationMethod, Property(AuthenticationMethod), 0x82),
    (SERVER_5, "F0 [ 19 [ 15 'm ] ]", IllegalReasonCode, ReasonCode, 0x82),
    (SERVER_5, "F0 [ 87 [ 15 'm ] ]", IllegalReasonCode, ReasonCode, 0x82),
    (CLIENT_5, "F0 [ 00 [ 15 'm ] ]", IllegalReasonCode, ReasonCode, 0x82),
    (SERVER_5, "F0 [ 18 [ 15 'm ] 00 ]", TrailingBytes, End, 0x81),
];

#[rustfmt::skip]
const PROPERTIES: &[Refusal] = &[
    // Identifiers.
    (SERVER_5, "30 [ 'a [ 00 00 ] ]", UnknownProperty, PropertyIdentifier, 0x81),
    (SERVER_5, "30 [ 'a [ 0A 00 ] ]", UnknownProperty, PropertyIdentifier, 0x81),
    (SERVER_5, "30 [ 'a [ 2B 00 ] ]", UnknownProperty, PropertyIdentifier, 0x81),
    (SERVER_5, "30 [ 'a [ 7F ] ]", UnknownProperty, PropertyIdentifier, 0x81),
    (SERVER_5, "30 [ 'a [ 81 01 00 ] ]", UnknownProperty, PropertyIdentifier, 0x81),
    (SERVER_5, "30 [ 'a [ 81 02 00 ] ]", UnknownProperty, PropertyIdentifier, 0x81),
    (SERVER_5, "30 [ 'a [ 81 00 00 ] ]", OverlongInteger, PropertyIdentifier, 0x81),
    (SERVER_5, "30 [ 'a [ 81 ] ]", Truncated, PropertyIdentifier, 0x81),
    (CLIENT_5, "10 [ 'MQTT 05 06 00 00 [ ] ' [ 00 ] ]", UnknownProperty, WillPropertyIdentifier, 0x81),
    // Placement.
    (SERVER_5, "30 [ 'a [ 1F 'x ] ]", MisplacedProperty, Property(ReasonString), 0x81),
    (SERVER_5, "30 [ 'a [ 18 00 00 00 00 ] ]", MisplacedProperty, Property(WillDelayInterval), 0x81),
    (CLIENT_5, "10 [ 'MQTT 05 02 00 00 [ 01 00 ] ' ]", MisplacedProperty, Property(PayloadFormatIndicator), 0x81),
    (CLIENT_5, "10 [ 'MQTT 05 06 00 00 [ ] ' [ 23 00 01 ] ]", MisplacedProperty, WillProperty(TopicAlias), 0x81),
    (CLIENT_5, "10 [ 'MQTT 05 06 00 00 [ ] ' [ 11 00 00 00 00 ] ]", MisplacedProperty, WillProperty(SessionExpiryInterval), 0x81),
    (SERVER_5, "20 [ 00 00 [ 17 00 ] ]", MisplacedProperty, Property(RequestProblemInformation), 0x81),
    (SERVER_5, "40 [ 00 0A 00 [ 11 00 00 00 00 ] ]", MisplacedProperty, Property(SessionExpiryInterval), 0x81),
    (SERVER_5, "62 [ 00 0A 00 [ 1C 'x ] ]", MisplacedProperty, Property(ServerReference), 0x81),
    (CLIENT_5, "82 [ 00 0A [ 1F 'x ] 'a 00 ]", MisplacedProperty, Property(ReasonString), 0x81),
    (SERVER_5, "90 [ 00 0A [ 0B 01 ] 00 ]", MisplacedProperty, Property(SubscriptionIdentifier), 0x81),
    (CLIENT_5, "A2 [ 00 0B [ 0B 01 ] 'a ]", MisplacedProperty, Property(SubscriptionIdentifier), 0x81),
    (SERVER_5, "B0 [ 00 0B [ 03 'x ] 00 ]", MisplacedProperty, Property(ContentType), 0x81),
    (SERVER_5, "E0 [ 00 [ 15 'm ] ]", MisplacedProperty, Property(AuthenticationMethod), 0x81),
    (SERVER_5, "F0 [ 18 [ 15 'm 21 00 01 ] ]", MisplacedProperty, Property(ReceiveMaximum), 0x81),
    // The other end's properties.
    (CLIENT_5, "30 [ 'a [ 0B 01 ] ]", ForbiddenProperty, Property(SubscriptionIdentifier), 0x82),
    (CLIENT_5, "E0 [ 00 [ 1C 'x ] ]", ForbiddenProperty, Property(ServerReference), 0x82),
    (SERVER_5, "E0 [ 00 [ 11 00 00 00 00 ] ]", ForbiddenProperty, Property(SessionExpiryInterval), 0x82),
    // Repetition.
    (SERVER_5, "30 [ 'a [ 01 00 01 00 ] ]", RepeatedProperty, Property(PayloadFormatIndicator), 0x82),
    (SERVER_5, "30 [ 'a [ 23 00 01 03 ' 23 00 01 ] ]", RepeatedProperty, Property(TopicAlias), 0x82),
    (CLIENT_5, "82 [ 00 0A [ 0B 01 0B 02 ] 'a 00 ]", RepeatedProperty, Property(SubscriptionIdentifier), 0x82),
    (CLIENT_5, "10 [ 'MQTT 05 06 00 00 [ ] ' [ 03 ' 03 ' ] ]", RepeatedProperty, WillProperty(ContentType), 0x82),
    (SERVER_5, "40 [ 00 0A 00 [ 1F ' 1F ' ] ]", RepeatedProperty, Property(ReasonString), 0x82),
    (SERVER_5, "20 [ 00 00 [ 2A 01 2A 01 ] ]", RepeatedProperty, Property(SharedSubscriptionAvailable), 0x82),
    // Ranges.
    (SERVER_5, "30 [ 'a [ 01 02 ] ]", ValueOutOfRange, Property(PayloadFormatIndicator), 0x82),
    (CLIENT_5, "10 [ 'MQTT 05 02 00 00 [ 17 02 ] ' ]", ValueOutOfRange, Property(RequestProblemInformation), 0x82),
    (CLIENT_5, "10 [ 'MQTT 05 02 00 00 [ 19 FF ] ' ]", ValueOutOfRange, Property(RequestResponseInformation), 0x82),
    (CLIENT_5, "10 [ 'MQTT 05 06 00 00 [ ] ' [ 01 02 ] ]", ValueOutOfRange, WillProperty(PayloadFormatIndicator), 0x82),
    (SERVER_5, "20 [ 00 00 [ 24 02 ] ]", ValueOutOfRange, Property(MaximumQoS), 0x82),
    (SERVER_5, "20 [ 00 00 [ 25 02 ] ]", ValueOutOfRange, Property(RetainAvailable), 0x82),
    (SERVER_5, "20 [ 00 00 [ 28 02 ] ]", ValueOutOfRange, Property(WildcardSubscriptionAvailable), 0x82),
    (SERVER_5, "20 [ 00 00 [ 29 02 ] ]", ValueOutOfRange, Property(SubscriptionIdentifierAvailable), 0x82),
    (SERVER_5, "20 [ 00 00 [ 2A 02 ] ]", ValueOutOfRange, Property(SharedSubscriptionAvailable), 0x82),
    (SERVER_5, "20 [ 00 00 [ 21 00 00 ] ]", ValueOutOfRange, Property(ReceiveMaximum), 0x82),
    (CLIENT_5, "10 [ 'MQTT 05 02 00 00 [ 21 00 00 ] ' ]", ValueOutOfRange, Property(ReceiveMaximum), 0x82),
    (SERVER_5, "20 [ 00 00 [ 27 00 00 00 00 ] ]", ValueOutOfRange, Property(MaximumPacketSize), 0x82),
    (SERVER_5, "30 [ 'a [ 0B 00 ] ]", ValueOutOfRange, Property(SubscriptionIdentifier), 0x82),
    (SERVER_5, "30 [ 'a [ 0B 80 00 ] ]", OverlongInteger, Property(SubscriptionIdentifier), 0x81),
    (SERVER_5, "30 [ 'a [ 0B 80 80 80 80 01 ] ]", UnboundedInteger, Property(SubscriptionIdentifier), 0x81),
    (SERVER_5, "30 [ 'a [ 23 00 00 ] ]", TopicAliasZero, Property(TopicAlias), 0x94),
    (CLIENT_5, "30 [ 'a [ 23 00 00 ] ]", TopicAliasZero, Property(TopicAlias), 0x94),
    (SERVER_5, "30 [ 'a [ 08 ' ] ]", EmptyTopic, Property(ResponseTopic), 0x82),
    (SERVER_5, "30 [ 'a [ 08 'r/# ] ]", Wildcard, Property(ResponseTopic), 0x82),
    (CLIENT_5, "10 [ 'MQTT 05 06 00 00 [ ] ' [ 08 '+ ] ]", Wildcard, WillProperty(ResponseTopic), 0x82),
    // Values.
    (SERVER_5, "30 [ 'a [ 01 ] 00 ]", Truncated, Property(PayloadFormatIndicator), 0x81),
    (SERVER_5, "30 [ 'a [ 02 00 00 00 ] 00 ]", Truncated, Property(MessageExpiryInterval), 0x81),
    (SERVER_5, "30 [ 'a [ 23 00 ] 00 ]", Truncated, Property(TopicAlias), 0x81),
    (SERVER_5, "30 [ 'a [ 0B 80 ] 01 ]", Truncated, Property(SubscriptionIdentifier), 0x81),
    (SERVER_5, "30 [ 'a [ 03 00 ] 00 ]", Truncated, Property(ContentType), 0x81),
    (SERVER_5, "30 [ 'a [ 09 00 02 01 ] 00 ]", Truncated, Property(CorrelationData), 0x81),
    (SERVER_5, "30 [ 'a [ 26 'k ] ]", Truncated, Property(UserProperty), 0x81),
    (SERVER_5, "30 [ 'a [ 26 'k 00 01 ] 00 ]", Truncated, Property(UserProperty), 0x81),
    (SERVER_5, "30 [ 'a [ 03 00 01 FF ] ]", InvalidUtf8, Property(ContentType), 0x81),
    (SERVER_5, "30 [ 'a [ 03 00 01 00 ] ]", NulCharacter, Property(ContentType), 0x81),
    (SERVER_5, "30 [ 'a [ 08 00 01 00 ] ]", NulCharacter, Property(ResponseTopic), 0x81),
    (SERVER_5, "30 [ 'a [ 08 00 01 FF ] ]", InvalidUtf8, Property(ResponseTopic), 0x81),
    (SERVER_5, "30 [ 'a [ 26 00 01 00 ' ] ]", NulCharacter, Property(UserProperty), 0x81),
    (SERVER_5, "30 [ 'a [ 26 'k 00 01 00 ] ]", NulCharacter, Property(UserProperty), 0x81),
    (SERVER_5, "30 [ 'a [ 26 'k 00 02 C3 28 ] ]", InvalidUtf8, Property(UserProperty), 0x81),
    (SERVER_5, "40 [ 00 0A 00 [ 1F 00 09 61 61 61 61 61 61 61 00 61 ] ]", NulCharacter, Property(ReasonString), 0x81),
    (SERVER_5, "40 [ 00 0A 00 [ 1F 00 09 61 61 61 61 61 61 61 61 A0 ] ]", InvalidUtf8, Property(ReasonString), 0x81),
    // Authentication.
    (CLIENT_5, "10 [ 'MQTT 05 02 00 00 [ 16 ' ] ' ]", MissingAuthenticationMethod, Property(AuthenticationMethod), 0x82),
    (SERVER_5, "20 [ 00 00 [ 16 ' ] ]", MissingAuthenticationMethod, Property(AuthenticationMethod), 0x82),
    (SERVER_5, "F0 [ 18 [ 16 ' ] ]", MissingAuthenticationMethod, Property(AuthenticationMethod), 0x82),
];

const TABLES: [&[Refusal]; 9] =
    [HEADERS, CONNECTS, CONNACKS, PUBLISHES, ACKS, SUBSCRIBES, SUBACKS, ENDINGS, PROPERTIES];

/// Enforces: MQTT-1.5.5-1, MQTT-2.1.3-1, MQTT-3.3.1-2, MQTT-3.3.1-4, MQTT-3.6.1-1, MQTT-3.14.1-1,
/// MQTT-3.15.1-1, MQTT-2.2.2-1 (3.1.1), MQTT-2.2.2-2 (3.1.1), MQTT-3.3.1-2 (3.1.1),
/// MQTT-3.3.1-4 (3.1.1), MQTT-3.6.1-1 (3.1.1)
#[test]
fn headers() {
    refused(HEADERS);
}

#[test]
fn packets_of_clients() {
    refused(CONNECTS);
    refused(SUBSCRIBES);
}

/// Enforces: MQTT-3.2.2-1, MQTT-3.2.2-6, MQTT-3.2.2-8, MQTT-3.2.2-4 (3.1.1), MQTT-3.2.2-6 (3.1.1)
#[test]
fn connacks() {
    refused(CONNACKS);
}

/// Enforces: MQTT-1.5.4-1, MQTT-1.5.4-2, MQTT-2.2.1-4, MQTT-3.3.2-1, MQTT-3.3.2-2, MQTT-4.7.0-1,
/// MQTT-4.7.3-1, MQTT-4.7.3-2, MQTT-1.5.3-1 (3.1.1), MQTT-1.5.3-2 (3.1.1), MQTT-2.3.1-1 (3.1.1),
/// MQTT-2.3.1-4 (3.1.1), MQTT-3.3.2-1 (3.1.1), MQTT-3.3.2-2 (3.1.1), MQTT-4.7.1-1 (3.1.1),
/// MQTT-4.7.3-1 (3.1.1), MQTT-4.7.3-2 (3.1.1)
#[test]
fn publishes() {
    refused(PUBLISHES);
}

/// Enforces: MQTT-3.4.2-1, MQTT-3.5.2-1, MQTT-3.6.2-1, MQTT-3.7.2-1
#[test]
fn acks() {
    refused(ACKS);
}

/// Enforces: MQTT-2.2.2-1, MQTT-3.9.3-2, MQTT-3.11.3-2, MQTT-3.9.3-2 (3.1.1)
#[test]
fn subacks() {
    refused(SUBACKS);
}

/// Enforces: MQTT-3.14.2-1, MQTT-3.15.2-1
#[test]
fn endings() {
    refused(ENDINGS);
}

/// Enforces: MQTT-1.5.7-1, MQTT-3.3.2-8, MQTT-3.3.2-13, MQTT-3.3.2-14, MQTT-3.3.2-19, MQTT-3.14.2-2
#[test]
fn properties() {
    refused(PROPERTIES);
}

#[test]
fn every_violation_is_in_a_table() {
    let rows: Vec<&Refusal> = TABLES.into_iter().flatten().collect();
    assert!(rows.len() >= 150, "{}", rows.len());
    let violations: BTreeSet<String> = rows.iter().map(|row| format!("{:?}", row.2)).collect();
    assert_eq!(violations.len(), 30, "one for each variant: {violations:?}");
}

#[test]
fn a_refusal_reads_as_a_sentence() {
    let error = decode(&bytes("30 [ 00 01 00 [ ] ]"), SERVER_5).unwrap_err();
    assert_eq!(error.to_string(), "PUBLISH: Topic Name: U+0000 is not allowed");
    let error = decode(&bytes("00 00"), SERVER_5).unwrap_err();
    assert_eq!(error.to_string(), "packet type: the packet type is reserved");
    let error = decode(&bytes("40 [ 00 0A 00 [ 1F ' 1F ' ] ]"), SERVER_5).unwrap_err();
    assert_eq!(error.to_string(), "PUBACK: Reason String: the property is given twice");
}

#[test]
fn what_the_standard_leaves_open_is_accepted() {
    let accepted = [
        // Control characters and non-characters.
        (SERVER_5, "30 [ 00 01 01 [ ] ]"),
        (SERVER_5, "30 [ 00 01 7F [ ] ]"),
        (SERVER_5, "30 [ 00 03 EF BF BF [ ] ]"),
        // U+FEFF is a character like any other.
        (SERVER_5, "30 [ 00 04 EF BB BF 61 [ ] ]"),
        // 0x8C from a server and 0x9B from a client: the standard contradicts itself.
        (SERVER_5, "E0 [ 8C ]"),
        (CLIENT_5, "E0 [ 9B ]"),
        // DUP in packets of 3.1.
        (SERVER_3, "6A [ 00 0A ]"),
        (CLIENT_3, "8A [ 00 0A 'a 00 ]"),
        (CLIENT_3, "AA [ 00 0A 'a ]"),
        // Any length of a Client Identifier in 3.1.
        (CLIENT_3, "10 [ 'MQIsdp 03 02 00 00 'twenty-four-characters-id ]"),
        // Before 5.0, $share is a level like any other.
        (CLIENT_4, "82 [ 00 0A '$share//a 00 ]"),
        (CLIENT_4, "A2 [ 00 0A '$share ]"),
    ];
    for (dialect, text) in accepted {
        assert!(matches!(decode(&bytes(text), dialect), Ok(Some(_))), "{text}");
    }
}

#[test]
fn lenient_tolerates_two_things_and_no_more() {
    let lenient = Dialect { lenient: true, ..SERVER_5 };
    for text in ["D1 00", "DF 00", "D0 80 00", "40 82 80 80 00 00 0A"] {
        assert!(matches!(decode(&bytes(text), lenient), Ok(Some(_))), "{text}");
        assert!(decode(&bytes(text), SERVER_5).is_err(), "{text}");
    }
    for text in ["D0 80 80 80 80 00", "41 02 00 0A", "30 05 00 01 61 80 00", "E1 00"] {
        assert!(decode(&bytes(text), lenient).is_err(), "{text}");
    }
}

#[test]
fn a_bad_first_byte_is_refused_alone() {
    for first in 0..=u8::MAX {
        for dialect in [CLIENT_5, SERVER_5, CLIENT_4, SERVER_4, CLIENT_3, SERVER_3] {
            let alone = decode(&[first], dialect).err();
            let followed = decode(&[first, 0x80], dialect).err();
            assert_eq!(alone, followed, "{first:02X} {dialect:?}");
        }
    }
}
