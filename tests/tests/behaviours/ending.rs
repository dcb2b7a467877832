//! The end of a client.

use std::error::Error;
use std::future::{self, Future};
use std::io;
use std::panic::{self, AssertUnwindSafe};
use std::thread;
use std::time::Duration;

use mqtt_adapter_blocking::{
    Backoff, ClientEvent, ConnectChanges, ConnectionState, Options, Publish, PublishError, QoS,
    ReasonCode,
};
use mqtt_tests::adapter::{Adapter, Client, Events, Handle, Subscription};
use mqtt_tests::{RaiseOnDrop, Signal, Trial};

use crate::transports::End;
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

/// While the hook is asked, and while a transport is opened: what was begun is given up.
pub(crate) fn dropped_during_an_attempt_it_ends<A: Adapter>(_: &Trial) {
    let nowhere = || Options::new("mqtt://nowhere.invalid").unwrap();
    let asking = Endless::new();
    let asked = asking.clone();
    let hooked = nowhere()
        .connect_hook(move |_| asked.wait::<ConnectChanges, Box<dyn Error + Send + Sync>>());
    let dialling = Endless::new();
    let dialled = dialling.clone();
    let owning = nowhere().transport(move |_| dialled.wait::<End, io::Error>());
    for (options, attempt) in [(hooked, asking), (owning, dialling)] {
        let client = A::start().begin(options).unwrap();
        client.run_until(&attempt.begun);
        let mut events = client.events();
        drop(client);
        while events.next().is_some() {}
        assert!(attempt.given_up.is_raised());
    }
}

/// The broker reads nothing until every handle is gone, so that the client is still at it.
pub(crate) fn dropped_while_it_leaves_it_takes_leave<A: Adapter>(trial: &Trial) {
    let adapter = A::start();
    let dropped = Signal::new();
    let go = dropped.clone();
    let peer = trial.peer(move |broker| {
        let mut connection = broker.open(false);
        go.wait();
        connection.expect_publish("large");
        connection.expect_disconnect(ReasonCode::NormalDisconnection);
    });
    let options = options(&peer).disconnect_flush(Duration::from_secs(30));
    let client = adapter.connect(options).unwrap();
    client.publish(Publish::new("large", vec![0; LARGE])).unwrap();
    client.disconnect_unattended();
    while client.state() == ConnectionState::Connected {
        thread::yield_now();
    }
    assert_eq!(client.state(), ConnectionState::Closing);
    drop(client);
    dropped.raise();
    adapter.run_until(peer.finished());
}

pub(crate) fn a_disconnect_nobody_waits_for_is_finished<A: Adapter>(trial: &Trial) {
    let given_up = Signal::new();
    let go = given_up.clone();
    let (peer, client) = connected::<A>(trial, move |broker| {
        let mut connection = broker.open(false);
        connection.expect_publish("out");
        // Until this end is closed the client waits, for half a second.
        go.wait();
        connection.expect_disconnect(ReasonCode::NormalDisconnection);
    });
    client.publish(Publish::new("out", "")).unwrap();
    {
        let _given_up = RaiseOnDrop(given_up);
        client.disconnect_unattended();
    }
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

/// More than any buffer on the way takes.
const LARGE: usize = 8 << 20;

/// A future that does not end by itself.
#[derive(Clone)]
struct Endless {
    begun: Signal,
    given_up: Signal,
}

impl Endless {
    fn new() -> Endless {
        Endless { begun: Signal::new(), given_up: Signal::new() }
    }

    fn wait<T, E>(&self) -> impl Future<Output = Result<T, E>> + use<T, E> {
        let Endless { begun, given_up } = self.clone();
        async move {
            let _dropped = RaiseOnDrop(given_up);
            begun.raise();
            future::pending().await
        }
    }
}
