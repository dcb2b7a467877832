//! Subscriptions and how they end.

use mqtt_adapter_blocking::{QoS, ReasonCode, SubscribeError};
use mqtt_proto::{Packet, Properties, Property};
use mqtt_tests::adapter::{Adapter, Client, Subscription};
use mqtt_tests::{Broker, Signal, Trial};

use crate::{connected, everything, qos1};

pub(crate) fn a_refused_subscription_is_an_error<A: Adapter>(trial: &Trial) {
    let (_peer, client) = connected::<A>(trial, |broker| {
        let mut connection = broker.open(false);
        let packet_id = connection.expect_subscribe("secret");
        connection.suback(packet_id, ReasonCode::NotAuthorized);
        connection.expect_disconnect(ReasonCode::NormalDisconnection);
    });
    match client.subscribe(everything("secret")).err() {
        Some(SubscribeError::Refused(refusal)) => {
            assert_eq!(refusal.reason, ReasonCode::NotAuthorized);
        }
        error => panic!("a refusal expected, but {error:?}"),
    }
    client.disconnect();
}

pub(crate) fn unsubscribing_ends_the_stream<A: Adapter>(trial: &Trial) {
    let (_peer, client) = connected::<A>(trial, |broker| {
        let mut connection = broker.open(false);
        for filter in ["a", "b"] {
            connection.grant(filter, QoS::ExactlyOnce);
            connection.deliver(filter, b"before");
            let packet_id = connection.expect_unsubscribe(filter);
            connection.unsuback(packet_id, ReasonCode::Success);
        }
        connection.expect_disconnect(ReasonCode::NormalDisconnection);
    });
    let mut stream = client.subscribe(everything("a")).unwrap();
    stream.unsubscribe().unwrap();
    assert_eq!(stream.recv().unwrap().payload(), b"before");
    assert!(stream.recv().is_none());
    let mut stream = client.subscribe(everything("b")).unwrap();
    client.unsubscribe("b").unwrap();
    assert_eq!(stream.recv().unwrap().payload(), b"before");
    assert!(stream.recv().is_none());
    client.disconnect();
}

pub(crate) fn overlapping_filters_get_each_message_once<A: Adapter>(trial: &Trial) {
    let (_peer, client) = connected::<A>(trial, |broker| {
        let mut connection = broker.open(false);
        assert_eq!(connection.grant_identified("a/#", QoS::ExactlyOnce), Some(1));
        assert_eq!(connection.grant_identified("a/+", QoS::ExactlyOnce), Some(2));
        connection.deliver_to(&[2], "a/x", b"for a/+");
        connection.deliver_to(&[1], "a/x", b"for a/#");
        connection.deliver_to(&[1, 2], "a/x", b"for both");
        connection.expect_disconnect(ReasonCode::NormalDisconnection);
    });
    let filters = ["a/#", "a/+"];
    let streams = filters.map(|filter| client.subscribe(everything(filter)).unwrap());
    for (mut stream, filter) in streams.into_iter().zip(filters) {
        assert_eq!(stream.recv().unwrap().payload(), format!("for {filter}").as_bytes());
        assert_eq!(stream.recv().unwrap().payload(), b"for both");
        assert!(stream.try_recv().is_err());
    }
    client.disconnect();
}

pub(crate) fn a_broker_without_identifiers_gets_none<A: Adapter>(trial: &Trial) {
    let none = [Property::SubscriptionIdentifierAvailable(false)];
    let (_peer, client) = connected::<A>(trial, move |broker| {
        let mut connection = broker.open_with(false, &none);
        assert_eq!(connection.grant_identified("a", QoS::ExactlyOnce), None);
        connection.cut();
        let mut connection = broker.open(false);
        assert_eq!(connection.grant_identified("a", QoS::ExactlyOnce), Some(1));
        connection.cut();
        let mut connection = broker.open_with(false, &none);
        assert_eq!(connection.grant_identified("a", QoS::ExactlyOnce), None);
        connection.deliver("a", b"message");
        connection.expect_disconnect(ReasonCode::NormalDisconnection);
    });
    let mut stream = client.subscribe(everything("a")).unwrap();
    assert_eq!(stream.recv().unwrap().payload(), b"message");
    client.disconnect();
}

pub(crate) fn retained_messages_go_to_who_asked_for_them<A: Adapter>(trial: &Trial) {
    let (_peer, client) = connected::<A>(trial, |broker| {
        let mut connection = broker.open(false);
        assert_eq!(connection.grant_identified("a", QoS::ExactlyOnce), Some(1));
        assert_eq!(connection.grant_identified("a", QoS::ExactlyOnce), Some(1));
        connection.send(&Packet::Publish(mqtt_proto::Publish {
            dup: false,
            qos: QoS::AtMostOnce,
            retain: true,
            topic: "a",
            packet_id: None,
            properties: Properties::from_slice(&[Property::SubscriptionIdentifier(1)]),
            payload: b"retained",
        }));
        connection.deliver_to(&[1], "a", b"new");
        connection.expect_disconnect(ReasonCode::NormalDisconnection);
    });
    let mut first = client.subscribe(everything("a")).unwrap();
    let mut second = client.subscribe(everything("a")).unwrap();
    assert_eq!(second.recv().unwrap().payload(), b"retained");
    assert_eq!(second.recv().unwrap().payload(), b"new");
    assert_eq!(first.recv().unwrap().payload(), b"new");
    client.disconnect();
}

pub(crate) fn a_subscribe_given_up_is_undone<A: Adapter>(trial: &Trial) {
    let given_up = Signal::new();
    let answer = given_up.clone();
    let (peer, client) = connected::<A>(trial, move |broker| {
        let mut connection = broker.open(false);
        let packet_id = connection.expect_subscribe("a");
        answer.wait();
        connection.suback(packet_id, ReasonCode::GrantedQoS2);
        let packet_id = connection.expect_unsubscribe("a");
        connection.unsuback(packet_id, ReasonCode::Success);
    });
    assert!(client.subscribe_impatiently(everything("a"), 1).is_none());
    given_up.raise();
    client.run_until(peer.finished());
}

/// Whatever was given up, the broker has the subscriptions the client has.
pub(crate) fn a_subscribe_given_up_anywhere_does_no_harm<A: Adapter>(trial: &Trial) {
    let (_peer, client) = connected::<A>(trial, |broker| broker.open(false).echo());
    let mut tries = 0..;
    let subscribed =
        tries.find_map(|patience| client.subscribe_impatiently(everything("a"), patience));
    let mut stream = subscribed.unwrap().unwrap();
    client.publish(qos1("a")).unwrap();
    assert_eq!(stream.recv().unwrap().topic(), "a");
    assert_eq!(client.stats().subscriptions, 1);
    client.disconnect();
}

pub(crate) fn an_unsubscribe_given_up_is_finished<A: Adapter>(trial: &Trial) {
    let given_up = Signal::new();
    let (_peer, client) = connected::<A>(trial, unsuback_after(&given_up));
    let mut stream = client.subscribe(everything("a")).unwrap();
    assert!(client.unsubscribe_impatiently("a", 1).is_none());
    given_up.raise();
    assert!(stream.recv().is_none());
    client.disconnect();
}

/// UNSUBSCRIBE and then SUBSCRIBE: the answers come in their order, or the other way round.
pub(crate) fn unsuback_ends_no_later_subscription<A: Adapter>(trial: &Trial) {
    let (_peer, client) = connected::<A>(trial, |broker| {
        let mut connection = broker.open(false);
        for in_order in [true, false] {
            connection.grant("a", QoS::ExactlyOnce);
            let unsubscribe = connection.expect_unsubscribe("a");
            let subscribe = connection.expect_subscribe("a");
            if in_order {
                connection.unsuback(unsubscribe, ReasonCode::Success);
            }
            connection.suback(subscribe, ReasonCode::GrantedQoS2);
            if !in_order {
                connection.unsuback(unsubscribe, ReasonCode::Success);
            }
            connection.deliver("a", b"message");
            let unsubscribe = connection.expect_unsubscribe("a");
            connection.unsuback(unsubscribe, ReasonCode::Success);
        }
        connection.expect_disconnect(ReasonCode::NormalDisconnection);
    });
    for _ in 0..2 {
        let mut old = client.subscribe(everything("a")).unwrap();
        assert!(client.unsubscribe_impatiently("a", 1).is_none());
        let mut new = client.subscribe(everything("a")).unwrap();
        assert_eq!(new.recv().unwrap().payload(), b"message");
        while old.recv().is_some() {}
        new.unsubscribe().unwrap();
        assert!(new.recv().is_none());
    }
    client.disconnect();
}

/// A broker that grants `a`, and answers UNSUBSCRIBE when the signal is raised.
pub(crate) fn unsuback_after(signal: &Signal) -> impl FnOnce(&Broker) + Send + use<> {
    let signal = signal.clone();
    move |broker| {
        let mut connection = broker.open(false);
        connection.grant("a", QoS::ExactlyOnce);
        let packet_id = connection.expect_unsubscribe("a");
        signal.wait();
        connection.unsuback(packet_id, ReasonCode::Success);
        connection.expect_disconnect(ReasonCode::NormalDisconnection);
    }
}
