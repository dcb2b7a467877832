//! Limits on what is held, what becomes of the rest, and what no subscription matches.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use mqtt_adapter_blocking::{ClientEvent, DropPolicy, Message, QoS, ReasonCode};
use mqtt_proto::{Ack, Packet, Properties, PubAck};
use mqtt_tests::adapter::{Adapter, Client, Subscription};
use mqtt_tests::{Signal, Trial, id};

use crate::{connected, everything, options, wait_for};

/// The broker may send no more than the slow consumer is about to hold.
pub(crate) fn a_slow_consumer_drops_at_its_hold_limit<A: Adapter>(trial: &Trial) {
    let peer = trial.peer(|broker| {
        let mut connection = broker.open(false);
        connection.grant("slow", QoS::ExactlyOnce);
        connection.grant("fast", QoS::ExactlyOnce);
        connection.publish(QoS::AtLeastOnce, Some(id(1)), "slow", b"first");
        connection.publish(QoS::AtLeastOnce, Some(id(2)), "slow", b"second");
        connection.expect_puback(id(1));
        connection.publish(QoS::AtLeastOnce, Some(id(3)), "fast", b"past it");
        connection.expect_puback(id(2));
        connection.expect_puback(id(3));
    });
    let client = A::start().connect(options(&peer).receive_maximum(2)).unwrap();
    let dropped = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&dropped);
    let limited = everything("slow")
        .hold_limit(1, DropPolicy::DropOldest)
        .on_drop(move |message: &Message| log.lock().unwrap().extend_from_slice(message.payload()));
    let mut slow = client.subscribe(limited).unwrap();
    let mut fast = client.subscribe(everything("fast")).unwrap();
    let message = fast.recv().unwrap();
    assert_eq!(slow.recv().unwrap().payload(), b"second");
    drop(message);
    client.run_until(peer.finished());
    assert_eq!((&**dropped.lock().unwrap(), client.stats().dropped), (&b"first"[..], 1));
}

pub(crate) fn a_queue_drops_at_its_size<A: Adapter>(trial: &Trial) {
    let (peer, client) = connected::<A>(trial, |broker| {
        let mut connection = broker.open(false);
        connection.grant("a", QoS::ExactlyOnce);
        connection.deliver("a", b"kept");
        connection.publish(QoS::AtLeastOnce, Some(id(1)), "a", b"dropped");
        connection.expect_puback(id(1));
    });
    let queue = everything("a").queue(DropPolicy::DropNewest).queue_size(1);
    let mut stream = client.subscribe(queue).unwrap();
    client.run_until(peer.finished());
    assert_eq!(stream.recv().unwrap().payload(), b"kept");
    assert!(stream.try_recv().is_err());
}

pub(crate) fn a_default_handler_gets_what_has_no_route<A: Adapter>(trial: &Trial) {
    let peer = trial.peer(|broker| {
        let mut connection = broker.open(false);
        connection.deliver("lost", b"");
        connection.publish(QoS::AtLeastOnce, Some(id(1)), "found", b"");
        connection.expect_puback(id(1));
    });
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&seen);
    let handler = move |message: &Message| log.lock().unwrap().push(message.topic().to_owned());
    let client = A::start().connect(options(&peer).default_handler(handler)).unwrap();
    client.run_until(peer.finished());
    assert_eq!(*seen.lock().unwrap(), ["lost", "found"]);
}

pub(crate) fn what_nobody_subscribed_to_is_given_up<A: Adapter>(trial: &Trial) {
    let ready = Signal::new();
    let go = ready.clone();
    let peer = trial.peer(move |broker| {
        let mut connection = broker.open(false);
        go.wait();
        connection.publish(QoS::AtLeastOnce, Some(id(1)), "nowhere", b"");
        let reason = ReasonCode::ImplementationSpecificError;
        let properties = Properties::EMPTY;
        connection.expect_packet(&Packet::PubAck(PubAck(Ack {
            packet_id: id(1),
            reason,
            properties,
        })));
        connection.expect_disconnect(ReasonCode::NormalDisconnection);
    });
    let client = A::start().connect(options(&peer).unrouted_hold(Duration::ZERO)).unwrap();
    let mut events = client.events();
    ready.raise();
    let event = wait_for(&mut events, |event| matches!(event, ClientEvent::Unrouted { .. }));
    assert!(matches!(event, ClientEvent::Unrouted { topic } if topic == "nowhere"));
    assert_eq!(client.stats().unrouted, 1);
    client.disconnect();
}

pub(crate) fn the_oldest_unacknowledged_message_is_visible<A: Adapter>(trial: &Trial) {
    let (peer, client) = connected::<A>(trial, |broker| {
        let mut connection = broker.open(false);
        connection.grant("+", QoS::ExactlyOnce);
        connection.publish(QoS::AtLeastOnce, Some(id(1)), "stalled", b"");
        connection.publish(QoS::AtLeastOnce, Some(id(2)), "later", b"");
        connection.expect_puback(id(1));
        connection.expect_puback(id(2));
    });
    let mut stream = client.subscribe(everything("+")).unwrap();
    let stalled = stream.recv().unwrap();
    drop(stream.recv().unwrap());
    assert_eq!(client.oldest_unacknowledged().as_deref(), Some("stalled"));
    drop(stalled);
    assert_eq!(client.oldest_unacknowledged(), None);
    client.run_until(peer.finished());
}
