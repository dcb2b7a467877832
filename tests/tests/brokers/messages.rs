//! Messages through a broker.

use mqtt_adapter_blocking::{Publish, QoS, Version};
use mqtt_testkit::Mosquitto;
use mqtt_tests::adapter::{Adapter, Client, Subscription};

use crate::{everything, next_number, numbered, options, wait_for_all};

const MESSAGES: u32 = 300;

/// Enforces: MQTT-7.0.0-2 (3.1.1)
pub(crate) fn each_qos_comes_round_in_order<A: Adapter>(version: Version) {
    let broker = Mosquitto::start().expect("a broker");
    let client = A::start().connect(options(&broker.url(), "round", version)).unwrap();
    for qos in [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce] {
        let topic = format!("round/{}", qos as u8);
        let mut stream = client.subscribe(everything(&topic)).unwrap();
        let handles: Vec<_> = (0..MESSAGES)
            .map(|number| client.enqueue(numbered(&topic, number, qos)).unwrap())
            .collect();
        wait_for_all(handles);
        let numbers: Vec<_> = (0..MESSAGES).map(|_| next_number(&mut stream)).collect();
        assert!(numbers.iter().copied().eq(0..MESSAGES), "at {qos:?}: {numbers:?}");
    }
    client.disconnect();
}

pub(crate) fn a_large_payload_comes_round<A: Adapter>(version: Version) {
    let broker = Mosquitto::start().expect("a broker");
    let client = A::start().connect(options(&broker.url(), "large", version)).unwrap();
    let mut stream = client.subscribe(everything("large")).unwrap();
    let payload: Vec<u8> = (0..1 << 20).map(|at: u32| at.to_le_bytes()[1]).collect();
    for qos in [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce] {
        client.publish(Publish::new("large", payload.clone()).qos(qos)).unwrap();
        assert!(stream.recv().unwrap().payload() == payload, "at {qos:?}");
    }
    client.disconnect();
}

pub(crate) fn a_wildcard_subscription_gets_what_matches<A: Adapter>(version: Version) {
    let broker = Mosquitto::start().expect("a broker");
    let client = A::start().connect(options(&broker.url(), "wild", version)).unwrap();
    let mut level = client.subscribe(everything("wild/+/level")).unwrap();
    let mut rest = client.subscribe(everything("rest/#")).unwrap();
    let topics =
        ["wild/1/level", "wild/level", "wild/1/2/level", "rest", "rest/1/2", "wild/2/level"];
    for (number, topic) in (0..).zip(topics) {
        client.publish(numbered(topic, number, QoS::AtLeastOnce)).unwrap();
    }
    assert_eq!([next_number(&mut level), next_number(&mut level)], [0, 5]);
    assert_eq!([next_number(&mut rest), next_number(&mut rest)], [3, 4]);
    client.disconnect();
    assert!(level.recv().is_none() && rest.recv().is_none());
}

/// Exactly once each with Subscription Identifiers; before 5.0 every copy goes to both.
pub(crate) fn overlapping_filters_each_get_their_messages<A: Adapter>(version: Version) {
    let broker = Mosquitto::start().expect("a broker");
    let client = A::start().connect(options(&broker.url(), "overlap", version)).unwrap();
    let filters = ["overlap/#", "overlap/+"];
    let mut streams = filters.map(|filter| client.subscribe(everything(filter)).unwrap());
    for number in 0..10 {
        client.publish(numbered("overlap/x", number, QoS::AtLeastOnce)).unwrap();
    }
    for stream in &mut streams {
        let mut numbers = vec![next_number(stream)];
        while numbers.last() != Some(&9) {
            numbers.push(next_number(stream));
        }
        if version != Version::V5 {
            numbers.dedup();
        }
        assert!(numbers.iter().copied().eq(0..10), "{numbers:?}");
    }
    client.disconnect();
    let [all, _] = &mut streams;
    assert!(version != Version::V5 || all.recv().is_none(), "once each");
}

pub(crate) fn after_unsubscribing_nothing_comes<A: Adapter>(version: Version) {
    let broker = Mosquitto::start().expect("a broker");
    let client = A::start().connect(options(&broker.url(), "leave", version)).unwrap();
    let mut left = client.subscribe(everything("left")).unwrap();
    let mut kept = client.subscribe(everything("kept")).unwrap();
    client.publish(numbered("left", 1, QoS::AtLeastOnce)).unwrap();
    assert_eq!(next_number(&mut left), 1);
    left.unsubscribe().unwrap();
    for (topic, number) in [("left", 2), ("kept", 3)] {
        client.publish(numbered(topic, number, QoS::AtLeastOnce)).unwrap();
    }
    assert_eq!(next_number(&mut kept), 3);
    assert!(left.recv().is_none());
    assert_eq!(client.stats().received, 2);
    client.disconnect();
}

pub(crate) fn a_retained_message_greets_subscribers<A: Adapter>(version: Version) {
    let broker = Mosquitto::start().expect("a broker");
    let client = A::start().connect(options(&broker.url(), "retain", version)).unwrap();
    client.publish(Publish::new("state", "on").qos(QoS::AtLeastOnce).retain(true)).unwrap();
    let mut stream = client.subscribe(everything("state")).unwrap();
    let greeting = stream.recv().unwrap();
    assert_eq!((greeting.payload(), greeting.retain()), (&b"on"[..], true));
    client.publish(Publish::new("state", "off").qos(QoS::AtLeastOnce).retain(true)).unwrap();
    let change = stream.recv().unwrap();
    assert_eq!((change.payload(), change.retain()), (&b"off"[..], false));
    client.publish(Publish::new("state", "").retain(true)).unwrap();
    assert_eq!(stream.recv().unwrap().payload(), b"");
    client.disconnect();
}

/// Before 5.0 nothing tells for whom it is.
pub(crate) fn a_retained_message_goes_to_who_asked_for_it<A: Adapter>(version: Version) {
    let broker = Mosquitto::start().expect("a broker");
    let client = A::start().connect(options(&broker.url(), "greeted", version)).unwrap();
    client.publish(numbered("state", 1, QoS::AtLeastOnce).retain(true)).unwrap();
    let mut first = client.subscribe(everything("state")).unwrap();
    assert_eq!(next_number(&mut first), 1);
    let mut second = client.subscribe(everything("state")).unwrap();
    assert_eq!(next_number(&mut second), 1);
    client.publish(numbered("state", 2, QoS::AtLeastOnce)).unwrap();
    if version != Version::V5 {
        assert_eq!(next_number(&mut first), 1);
    }
    assert_eq!([&mut first, &mut second].map(next_number), [2, 2]);
    client.disconnect();
}
