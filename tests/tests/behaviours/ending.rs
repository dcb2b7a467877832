//! The end of a client.

use std::panic::{self, AssertUnwindSafe};
use std::time::Duration;

use mqtt_adapter_blocking::{Backoff, ClientEvent, Publish, PublishError, QoS, ReasonCode};
use mqtt_tests::adapter::{Adapter, Client, Events, Handle, Subscription};
use mqtt_tests::{Signal, Trial};

use crate::{connected, everything, options, qos1, wait_for};

/// Subscriptions are handles, too; messages and the handles of publishes are not.
pub(crate) fn the_last_handle_closes_without_disconnect<A: Adapter>(trial: &Trial) {
    let adapter = A::start();
    let (published, dropped) = (Signal::new(), Signal::new());
    let (seen, go) = (published.clone(), dropped.clone());
    let peer = trial.peer(move |broker| {
        let mut connection = broker.open(false);
        connection.grant("in", QoS::ExactlyOnce);
        connection.expect_publish("out");
        seen.raise();
        go.wait();
        connection.deliver("in", b"message");
        connection.expect_end();
    });
    let client = adapter.connect(options(&peer)).unwrap();
    let mut stream = client.subscribe(everything("in")).unwrap();
    let handle = client.enqueue(qos1("out")).unwrap();
    client.run_until(&published);
    drop(client);
    dropped.raise();
    let message = stream.recv().unwrap();
    drop(stream);
    assert_eq!(handle.wait(), Err(PublishError::Closed));
    adapter.run_until(peer.finished());
    drop(message);
}

/// While CONNACK is waited for, and between two attempts.
pub(crate) fn dropped_before_it_is_connected_it_ends<A: Adapter>(trial: &Trial) {
    let adapter = A::start();
    let asked = Signal::new();
    let seen = asked.clone();
    let peer = trial.peer(move |broker| {
        let mut connection = broker.accept();
        connection.expect_connect();
        seen.raise();
        connection.expect_end();
    });
    let client = adapter.begin(options(&peer)).unwrap();
    client.run_until(&asked);
    let mut events = client.events();
    drop(client);
    while events.next().is_some() {}

    let peer = trial.peer(|broker| broker.refuse(ReasonCode::ServerUnavailable));
    let never = Backoff::Constant(Duration::from_secs(3600));
    let options = options(&peer).retry_initial_connect(true).backoff(never);
    let client = adapter.begin(options).unwrap();
    let mut events = client.events();
    wait_for(&mut events, |event| matches!(event, ClientEvent::ConnectFailed(_)));
    drop(client);
    while events.next().is_some() {}
}

pub(crate) fn a_disconnect_nobody_waits_for_is_finished<A: Adapter>(trial: &Trial) {
    let (peer, client) = connected::<A>(trial, |broker| {
        let mut connection = broker.open(false);
        connection.expect_publish("out");
        connection.expect_disconnect(ReasonCode::NormalDisconnection);
    });
    client.publish(Publish::new("out", "")).unwrap();
    client.disconnect_unattended();
    client.run_until(peer.finished());
}

pub(crate) fn disconnecting_ends_publishes_and_keeps_messages<A: Adapter>(trial: &Trial) {
    let published = Signal::new();
    let seen = published.clone();
    let (_peer, client) = connected::<A>(trial, move |broker| {
        let mut connection = broker.open(false);
        connection.grant("in", QoS::ExactlyOnce);
        connection.deliver("in", b"message");
        connection.take_qos1("answered");
        connection.expect_publish("unanswered");
        seen.raise();
        connection.expect_disconnect(ReasonCode::NormalDisconnection);
    });
    let mut stream = client.subscribe(everything("in")).unwrap();
    client.publish(qos1("answered")).unwrap();
    let handle = client.enqueue(qos1("unanswered")).unwrap();
    client.run_until(&published);
    client.disconnect();
    assert_eq!(handle.wait(), Err(PublishError::Closed));
    assert_eq!(stream.recv().unwrap().payload(), b"message");
    assert!(stream.recv().is_none());
}

/// A publish of QoS 0 is done when it is queued: disconnecting does not lose it.
pub(crate) fn what_was_published_leaves_before_disconnect<A: Adapter>(trial: &Trial) {
    let (_peer, client) = connected::<A>(trial, |broker| {
        let mut connection = broker.open(false);
        for _ in 0..100 {
            connection.expect_publish("out");
        }
        connection.expect_disconnect(ReasonCode::NormalDisconnection);
    });
    for _ in 0..100 {
        client.publish(Publish::new("out", "last words")).unwrap();
    }
    client.disconnect();
}

pub(crate) fn draining_waits_for_answers_on_any_connection<A: Adapter>(trial: &Trial) {
    let (_peer, client) = connected::<A>(trial, |broker| {
        let mut connection = broker.open(false);
        connection.take_qos1("first");
        connection.expect_publish("second");
        connection.cut();
        let mut connection = broker.open(true);
        let again = connection.expect_publish("second");
        connection.puback(again.id(), ReasonCode::Success);
        connection.expect_disconnect(ReasonCode::NormalDisconnection);
    });
    let handles = ["first", "second"].map(|topic| client.enqueue(qos1(topic)).unwrap());
    assert!(client.drain(Duration::from_secs(30)).is_complete());
    for handle in handles {
        assert_eq!(handle.wait(), Ok(ReasonCode::Success));
    }
    assert_eq!(client.publish(qos1("third")), Err(PublishError::Closed));
}

pub(crate) fn draining_ends_at_its_deadline<A: Adapter>(trial: &Trial) {
    let (_peer, client) = connected::<A>(trial, |broker| {
        let mut connection = broker.open(false);
        connection.expect_publish("unanswered");
        connection.expect_disconnect(ReasonCode::NormalDisconnection);
    });
    let handle = client.enqueue(qos1("unanswered")).unwrap();
    let left = client.drain(Duration::from_millis(50));
    assert_eq!((left.publishes, left.requests), (1, 0));
    assert_eq!(handle.wait(), Err(PublishError::Closed));
}

/// Where a waiting call turns the loop itself, the callback panics through it.
pub(crate) fn a_panicking_callback_ends_waiting_calls<A: Adapter>(trial: &Trial) {
    let waiting = Signal::new();
    let go = waiting.clone();
    let (_peer, client) = connected::<A>(trial, move |broker| {
        let mut connection = broker.open(false);
        connection.grant("in", QoS::ExactlyOnce);
        go.wait();
        connection.expect_publish("out");
        connection.deliver("in", b"message");
        connection.expect_end();
    });
    let callback = |_: &_| panic!("a callback that panics, as it is to");
    let subscription = client.subscribe_callback(everything("in"), callback).unwrap();
    let handle = client.enqueue(qos1("out")).unwrap();
    waiting.raise();
    if let Ok(outcome) = panic::catch_unwind(AssertUnwindSafe(|| handle.wait())) {
        assert_eq!(outcome, Err(PublishError::Closed));
    }
    assert_eq!(client.publish(qos1("out")), Err(PublishError::Closed));
    client.disconnect();
    drop(subscription);
}
