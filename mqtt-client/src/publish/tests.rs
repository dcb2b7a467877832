use std::time::Duration;

use mqtt_session::proto::{Property, QoS};

use super::Publish;

/// One with everything.
fn full<'a>(text: &'a str) -> Publish<'a> {
    Publish::new(text, text)
        .qos(QoS::ExactlyOnce)
        .retain(true)
        .message_expiry(Duration::from_millis(7_900))
        .payload_format_utf8()
        .content_type(text)
        .response_topic(text)
        .correlation_data(text.as_bytes())
        .user_property(text, "1")
        .user_property("name", text)
}

fn properties(text: &str) -> [Property<'_>; 7] {
    [
        Property::MessageExpiryInterval(7),
        Property::PayloadFormatIndicator(true),
        Property::ContentType(text),
        Property::ResponseTopic(text),
        Property::CorrelationData(text.as_bytes()),
        Property::UserProperty(text, "1"),
        Property::UserProperty("name", text),
    ]
}

#[test]
fn a_packet_has_what_was_said() {
    full("text").with_packet(|packet| {
        assert_eq!((packet.topic, packet.qos, packet.retain), ("text", QoS::ExactlyOnce, true));
        assert!(packet.properties.iter().eq(properties("text")));
    });
    Publish::new("a", "").message_expiry(Duration::from_secs(3)).with_packet(|packet| {
        assert!(packet.properties.iter().eq([Property::MessageExpiryInterval(3)]));
    });
    Publish::new("a", "").with_packet(|packet| assert!(packet.properties.is_empty()));
}

#[test]
fn a_will_has_its_delay_first() {
    full("text").with_will(Some(9), |will| {
        assert_eq!((will.topic, will.payload), ("text", &b"text"[..]));
        let expected = [Property::WillDelayInterval(9)].into_iter().chain(properties("text"));
        assert!(will.properties.iter().eq(expected));
    });
}

#[test]
fn an_owned_message_is_the_same() {
    let owned = full(&String::from("text")).into_owned();
    assert_eq!(owned, full("text"));
}

#[test]
fn a_payload_comes_in_many_types() {
    let expected = Publish::new("a", "text");
    let (text, bytes) = (String::from("text"), b"text".to_vec());
    for publish in [
        Publish::new("a", &text),
        Publish::new("a", &bytes),
        Publish::new("a", text.clone()),
        Publish::new("a", b"text"),
        Publish::new("a", &b"text"[..]),
        Publish::new(String::from("a"), bytes.clone()),
        Publish::new("a", bytes::Bytes::from_static(b"text")),
    ] {
        assert_eq!(publish.payload(), expected.payload());
    }
}

#[test]
fn debug_does_not_show_the_payload() {
    let shown = format!("{:?}", Publish::new("a", "secret"));
    assert!(shown.contains("6 bytes") && !shown.contains("secret"), "{shown}");
}
