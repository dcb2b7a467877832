//! Packets that no client may send (sections 1.5, 2, 4.7 and 4.13).

use crate::conversation::Conversation;
use crate::packets::*;
use crate::talk::Talk;

macro_rules! packets {
    ($($kind:ident $name:literal: $bytes:literal;)*) => {
        &[$(Conversation::$kind($name, |talk: &mut Talk| {
            let (a, b) = (talk.client("a"), talk.client("b"));
            talk.subscribe(b, "t", QOS0);
            talk.send_bytes(a, $name, $bytes);
        })),*]
    };
}

/// What `a` sends. Where the body is right for 5.0 only, or for 3.1.1 only, so is the conversation.
pub(crate) const CONVERSATIONS: &[Conversation] = packets! {
    both "a packet of type 0": b"\0\0";
    current "AUTH of no method": b"\xF0\0";
    old "a packet of type 15": b"\xF0\0";
    both "CONNACK from a client": b"\x20\x02\0\0";
    both "PINGRESP from a client": b"\xD0\0";
    current "SUBACK from a client": b"\x90\x04\0\x01\0\0";
    current "UNSUBACK from a client": b"\xB0\x04\0\x01\0\0";
    both "PINGREQ with flags": b"\xC1\0";
    both "PINGREQ with a body": b"\xC0\x01\0";
    current "SUBSCRIBE without its flags": b"\x80\x07\0\x01\0\0\x01t\0";
    old "SUBSCRIBE of 3.1.1 without its flags": b"\x80\x06\0\x01\0\x01t\0";
    current "UNSUBSCRIBE without its flags": b"\xA0\x06\0\x01\0\0\x01t";
    old "UNSUBSCRIBE of 3.1.1 without its flags": b"\xA0\x05\0\x01\0\x01t";
    both "PUBREL without its flags": b"\x60\x02\0\x01";
    both "PUBACK with flags": b"\x41\x02\0\x01";
    both "PUBREC with flags": b"\x51\x02\0\x01";
    both "PUBCOMP with flags": b"\x71\x02\0\x01";
    both "DISCONNECT with flags": b"\xE1\0";
    both "PUBACK for identifier 0": b"\x40\x02\0\0";
    both "PUBREL for identifier 0": b"\x62\x02\0\0";
    both "PUBACK of one byte": b"\x40\x01\0";
    old "PUBACK of 3.1.1 with three bytes": b"\x40\x03\0\x01\0";
    current "PUBACK with an unknown code": b"\x40\x03\0\x01\x42";
    current "PUBACK with a property that is not for it": b"\x40\x08\0\x01\0\x04\x13\0\0\0";
    current "PUBLISH of QoS 3": b"\x36\x06\0\x01t\0\x01\0";
    old "PUBLISH of 3.1.1 with QoS 3": b"\x36\x05\0\x01t\0\x01";
    current "PUBLISH of QoS 0 with DUP": b"\x38\x04\0\x01t\0";
    old "PUBLISH of 3.1.1 with QoS 0 and DUP": b"\x38\x03\0\x01t";
    current "PUBLISH with identifier 0": b"\x32\x06\0\x01t\0\0\0";
    old "PUBLISH of 3.1.1 with identifier 0": b"\x32\x05\0\x01t\0\0";
    current "PUBLISH to a wildcard": b"\x30\x04\0\x01#\0";
    old "PUBLISH of 3.1.1 to a wildcard": b"\x30\x03\0\x01#";
    old "PUBLISH of 3.1.1 to no topic": b"\x30\x02\0\0";
    current "PUBLISH to U+0000": b"\x30\x04\0\x01\0\0";
    current "PUBLISH to a surrogate": b"\x30\x06\0\x03\xED\xA0\x80\0";
    old "PUBLISH of 3.1.1 to a surrogate": b"\x30\x05\0\x03\xED\xA0\x80";
    current "PUBLISH to bytes that are no UTF-8": b"\x30\x04\0\x01\xFF\0";
    old "PUBLISH of 3.1.1 to bytes that are no UTF-8": b"\x30\x03\0\x01\xFF";
    current "PUBLISH to a control character": b"\x30\x04\0\x01\x01\0";
    current "PUBLISH whose topic is longer than the packet": b"\x30\x04\0\x09t\0";
    current "PUBLISH with an unknown property": b"\x30\x06\0\x01t\x02\x7F\0";
    current "PUBLISH with a property twice": b"\x30\x08\0\x01t\x04\x01\0\x01\0";
    current "PUBLISH with Payload Format Indicator 2": b"\x30\x06\0\x01t\x02\x01\x02";
    current "PUBLISH with a Subscription Identifier": b"\x30\x06\0\x01t\x02\x0B\x01";
    current "PUBLISH with a Server Keep Alive": b"\x30\x07\0\x01t\x03\x13\0\x01";
    current "PUBLISH whose Response Topic has a wildcard": b"\x30\x08\0\x01t\x04\x08\0\x01#";
    current "PUBLISH whose properties are longer than the packet": b"\x30\x04\0\x01t\x09";
    current "SUBSCRIBE without a filter": b"\x82\x03\0\x01\0";
    old "SUBSCRIBE of 3.1.1 without a filter": b"\x82\x02\0\x01";
    current "SUBSCRIBE with identifier 0": b"\x82\x07\0\0\0\0\x01t\0";
    old "SUBSCRIBE of 3.1.1 with identifier 0": b"\x82\x06\0\0\0\x01t\0";
    current "SUBSCRIBE with QoS 3": b"\x82\x07\0\x01\0\0\x01t\x03";
    old "SUBSCRIBE of 3.1.1 with QoS 3": b"\x82\x06\0\x01\0\x01t\x03";
    current "SUBSCRIBE with Retain Handling 3": b"\x82\x07\0\x01\0\0\x01t\x30";
    current "SUBSCRIBE with reserved options": b"\x82\x07\0\x01\0\0\x01t\x40";
    old "SUBSCRIBE of 3.1.1 with options of 5.0": b"\x82\x06\0\x01\0\x01t\x04";
    current "SUBSCRIBE with Subscription Identifier 0": b"\x82\x09\0\x01\x02\x0B\0\0\x01t\0";
    current "SUBSCRIBE with two Subscription Identifiers": b"\x82\x0B\0\x01\x04\x0B\x01\x0B\x02\0\x01t\0";
    current "SUBSCRIBE to an empty filter": b"\x82\x06\0\x01\0\0\0\0";
    current "SUBSCRIBE to a#": b"\x82\x08\0\x01\0\0\x02a#\0";
    old "SUBSCRIBE of 3.1.1 to a#": b"\x82\x07\0\x01\0\x02a#\0";
    current "SUBSCRIBE to a+": b"\x82\x08\0\x01\0\0\x02a+\0";
    current "SUBSCRIBE to #/a": b"\x82\x09\0\x01\0\0\x03#/a\0";
    current "SUBSCRIBE to U+0000": b"\x82\x07\0\x01\0\0\x01\0\0";
    current "SUBSCRIBE to bytes that are no UTF-8": b"\x82\x07\0\x01\0\0\x01\xFF\0";
    current "UNSUBSCRIBE without a filter": b"\xA2\x03\0\x01\0";
    old "UNSUBSCRIBE of 3.1.1 without a filter": b"\xA2\x02\0\x01";
    current "UNSUBSCRIBE with identifier 0": b"\xA2\x06\0\0\0\0\x01t";
    current "UNSUBSCRIBE from a#": b"\xA2\x07\0\x01\0\0\x02a#";
    both "a Remaining Length of five bytes": b"\x30\xFF\xFF\xFF\xFF\x01";
    both "a Remaining Length that is too long": b"\x30\x84\x00\0\x01t\0";
};
