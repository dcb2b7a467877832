//! What 5.0 adds to a message.

use std::time::Duration;

use mqtt_adapter_blocking::{Publish, QoS};
use mqtt_tests::adapter::{Adapter, Client, Subscription};

use crate::{
    Deviation, Row, Verdict, everything, expect, next_number, number_of, numbered, wait_for_all,
};

pub(crate) fn every_property_comes_round_byte_for_byte<A: Adapter>(row: &Row<A>) -> Verdict {
    let client = row.connect("client");
    let topic = row.topic("a");
    let mut stream = client.subscribe(everything(&topic)).unwrap();
    let data: Vec<u8> = (0..=255).collect();
    for qos in [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce] {
        let publish = Publish::new(&topic, "Grüße")
            .qos(qos)
            .payload_format_utf8()
            .content_type("text/plain; charset=utf-8")
            .response_topic("answers/ä")
            .correlation_data(&data)
            .message_expiry(Duration::from_secs(1000))
            .user_property("name", "second")
            .user_property("", "")
            .user_property("name", "first");
        client.publish(publish).unwrap();
        let message = stream.recv().unwrap();
        assert_eq!((message.payload(), message.qos()), ("Grüße".as_bytes(), qos));
        let properties = message.properties();
        assert_eq!(properties.payload_format_indicator(), Some(true));
        assert_eq!(properties.content_type(), Some("text/plain; charset=utf-8"));
        assert_eq!(properties.response_topic(), Some("answers/ä"));
        assert_eq!(properties.correlation_data(), Some(&*data));
        assert!(
            properties.message_expiry_interval().is_some_and(|left| (990..=1000).contains(&left))
        );
        let user: Vec<_> = properties.user_properties().collect();
        assert_eq!(user, [("name", "second"), ("", ""), ("name", "first")]);
    }
    client.disconnect();
    Ok(())
}

pub(crate) fn a_request_is_answered_at_its_response_topic<A: Adapter>(row: &Row<A>) -> Verdict {
    let [asks, answers] = ["asks", "answers"].map(|name| row.connect(name));
    let [requests, responses] = ["requests", "responses"].map(|topic| row.topic(topic));
    let mut asked = answers.subscribe(everything(&requests)).unwrap();
    let mut answered = asks.subscribe(everything(&responses)).unwrap();
    for number in 0..10 {
        let request = numbered(&requests, number, QoS::AtLeastOnce);
        let correlated = request.response_topic(&responses).correlation_data(vec![number as u8; 3]);
        asks.publish(correlated).unwrap();
        let request = asked.recv().unwrap();
        let properties = request.properties();
        let topic = properties.response_topic().expect("a Response Topic");
        let correlation = properties.correlation_data().expect("Correlation Data");
        let response = numbered(topic, number_of(&request) * 2, QoS::AtLeastOnce);
        answers.publish(response.correlation_data(correlation)).unwrap();
        let response = answered.recv().unwrap();
        assert_eq!(response.properties().correlation_data(), Some(&[number as u8; 3][..]));
        assert_eq!(number_of(&response), number * 2);
    }
    asks.disconnect();
    answers.disconnect();
    Ok(())
}

/// And the interval of what does come has counted down.
pub(crate) fn what_expired_meanwhile_does_not_come<A: Adapter>(row: &Row<A>) -> Verdict {
    let topic = row.topic("a");
    let absent = row.connect("absent");
    drop(absent.subscribe(everything(&topic)).unwrap());
    absent.disconnect();
    let publisher = row.connect("publisher");
    for (number, seconds) in [(1, 1), (2, 1000)] {
        let message = numbered(&topic, number, QoS::AtLeastOnce);
        publisher.publish(message.message_expiry(Duration::from_secs(seconds))).unwrap();
    }
    publisher.pass(Duration::from_millis(2500));
    publisher.disconnect();
    let client = row.adapter.connect(row.options("absent").clean_start(false)).unwrap();
    let mut stream = client.subscribe(everything(&topic)).unwrap();
    let mut came = Vec::new();
    while came.last().is_none_or(|(number, _)| *number != 2) {
        let message = stream.recv().unwrap();
        came.push((number_of(&message), message.properties().message_expiry_interval()));
    }
    client.disconnect();
    let left = came.last().and_then(|(_, left)| *left).expect("a Message Expiry Interval");
    assert!((990..1000).contains(&left), "{left} s are left");
    let numbers: Vec<_> = came.iter().map(|(number, _)| *number).collect();
    expect("messages", &numbers, &vec![2], &[(vec![1, 2], Deviation::DeliversExpired)])
}

/// The same long topic, again and again: all but the first copy are shorter than it.
pub(crate) fn aliases_stand_for_topics_on_the_way_out<A: Adapter>(row: &Row<A>) -> Verdict {
    let topic = row.topic(&"long".repeat(500));
    let client = row.adapter.connect(row.options("client").outbound_aliases(true)).unwrap();
    let mut stream = client.subscribe(everything(&topic)).unwrap();
    let before = client.stats().bytes_out;
    for number in 0..10 {
        client.publish(numbered(&topic, number, QoS::AtLeastOnce)).unwrap();
        assert_eq!(next_number(&mut stream), number);
    }
    let is_short = client.stats().bytes_out - before < 2 * topic.len() as u64;
    client.disconnect();
    expect("shorter", &is_short, &true, &[(false, Deviation::TakesNoAliases)])
}

/// What is sent again has its topic.
pub(crate) fn aliases_end_with_their_connection<A: Adapter>(row: &Row<A>) -> Verdict {
    const MESSAGES: u32 = 100;
    let (proxy, options) = row.proxied("client");
    let client = row.adapter.connect(options.outbound_aliases(true)).unwrap();
    let topic = row.topic("a");
    let mut stream = client.subscribe(everything(&topic)).unwrap();
    let mut handles = Vec::new();
    for number in 0..MESSAGES {
        handles.push(client.enqueue(numbered(&topic, number, QoS::ExactlyOnce)).unwrap());
        if number == MESSAGES / 2 {
            wait_for_all(handles.drain(..handles.len() / 2));
            proxy.cut();
        }
    }
    wait_for_all(handles);
    assert!((0..MESSAGES).all(|number| next_number(&mut stream) == number));
    let stats = client.stats();
    assert_eq!((stats.connects, stats.rejected), (2, 0));
    client.disconnect();
    Ok(())
}

pub(crate) fn aliases_stand_for_topics_on_the_way_in<A: Adapter>(row: &Row<A>) -> Verdict {
    let topic = row.topic(&"long".repeat(500));
    let client = row.adapter.connect(row.options("client").topic_alias_maximum(10)).unwrap();
    let mut stream = client.subscribe(everything(&topic)).unwrap();
    let before = client.stats().bytes_in;
    for number in 0..10 {
        client.publish(numbered(&topic, number, QoS::AtLeastOnce)).unwrap();
        let message = stream.recv().unwrap();
        assert_eq!((number_of(&message), message.topic()), (number, &*topic));
    }
    let is_short = client.stats().bytes_in - before < 2 * topic.len() as u64;
    client.disconnect();
    expect("shorter", &is_short, &true, &[(false, Deviation::UsesNoAliases)])
}
