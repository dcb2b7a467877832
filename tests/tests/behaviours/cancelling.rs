//! Calls that are given up, at every point where they wait.

use std::time::Duration;

use mqtt_adapter_blocking::{ClientEvent, PublishError, QoS, ReasonCode};
use mqtt_tests::adapter::{Adapter, Client, Events, Handle};
use mqtt_tests::{Signal, Trial};

use crate::publishing::take_full_queue;
use crate::{connected, options, qos1};

/// Only the last one, which was accepted, reaches the broker.
pub(crate) fn an_enqueue_given_up_anywhere_sends_nothing<A: Adapter>(trial: &Trial) {
    let full = Signal::new();
    let filled = full.clone();
    let peer = trial.peer(move |broker| {
        let mut connection = take_full_queue(broker, &filled);
        for topic in ["accepted", "after"] {
            connection.take_qos1(topic);
        }
        connection.expect_disconnect(ReasonCode::NormalDisconnection);
    });
    let client = A::start().connect(options(&peer).max_pending(1)).unwrap();
    let flying = client.enqueue(qos1("flying")).unwrap();
    let pending = client.enqueue(qos1("pending")).unwrap();
    for patience in 0..=1 {
        assert!(client.enqueue_impatiently(qos1("never sent"), patience).is_none());
    }
    full.raise();
    let mut tries = 0..;
    let accepted =
        tries.find_map(|patience| client.enqueue_impatiently(qos1("accepted"), patience));
    for handle in [flying, pending, accepted.unwrap().unwrap()] {
        assert_eq!(handle.wait(), Ok(ReasonCode::Success));
    }
    client.publish(qos1("after")).unwrap();
    client.disconnect();
}

/// The wait is given up, and the message is not.
pub(crate) fn an_outcome_given_up_anywhere_comes_nevertheless<A: Adapter>(trial: &Trial) {
    let (_peer, client) = connected::<A>(trial, |broker| {
        let mut connection = broker.open(false);
        let publish = connection.expect_publish("2");
        connection.pubrec(publish.id(), ReasonCode::Success);
        connection.expect_pubrel(publish.id());
        connection.pubcomp(publish.id());
        let publish = connection.expect_publish("1");
        connection.puback(publish.id(), ReasonCode::NotAuthorized);
        connection.expect_disconnect(ReasonCode::NormalDisconnection);
    });
    let mut handle = client.enqueue(qos1("2").qos(QoS::ExactlyOnce)).unwrap();
    let outcome = (0..).find_map(|patience| handle.wait_impatiently(patience));
    assert_eq!(outcome, Some(Ok(ReasonCode::Success)));
    let mut handle = client.enqueue(qos1("1")).unwrap();
    let outcome = (0..).find_map(|patience| handle.wait_impatiently(patience)).unwrap();
    assert!(matches!(outcome, Err(PublishError::Rejected(_))), "{outcome:?}");
    assert_eq!(handle.wait(), outcome, "once there it stays");
    client.disconnect();
}

/// One listener waits for each event, the other gives up every wait.
pub(crate) fn a_wait_given_up_anywhere_loses_no_event<A: Adapter>(trial: &Trial) {
    const CUTS: usize = 5;
    let listening = Signal::new();
    let cut = listening.clone();
    let (_peer, client) = connected::<A>(trial, move |broker| {
        let connection = broker.open(false);
        cut.wait();
        connection.cut();
        for _ in 1..CUTS {
            let mut connection = broker.open(true);
            connection.take_qos1("go on");
            connection.cut();
        }
        let mut connection = broker.open(true);
        connection.take_qos1("go on");
        connection.expect_disconnect(ReasonCode::NormalDisconnection);
    });
    let (mut patient, mut impatient) = (client.events(), client.events());
    listening.raise();
    for _ in 0..CUTS {
        loop {
            let event = (0..).find_map(|patience| impatient.next_impatiently(patience)).unwrap();
            let same = patient.next().unwrap();
            assert_eq!(format!("{event:?}"), format!("{same:?}"));
            if matches!(event, ClientEvent::Connected { .. }) {
                break;
            }
        }
        client.publish(qos1("go on")).unwrap();
    }
    client.disconnect();
}

/// It goes on without handles, and waits for what was accepted before it.
pub(crate) fn a_drain_nobody_waits_for_is_finished<A: Adapter>(trial: &Trial) {
    let dropped = Signal::new();
    let answer = dropped.clone();
    let adapter = A::start();
    let peer = trial.peer(move |broker| {
        let mut connection = broker.open(false);
        let publish = connection.expect_publish("out");
        answer.wait();
        connection.puback(publish.id(), ReasonCode::Success);
        connection.expect_disconnect(ReasonCode::NormalDisconnection);
    });
    let client = adapter.connect(options(&peer)).unwrap();
    let handle = client.enqueue(qos1("out")).unwrap();
    client.drain_unattended(Duration::from_secs(30));
    drop(client);
    dropped.raise();
    assert_eq!(handle.wait(), Ok(ReasonCode::Success));
    adapter.run_until(peer.finished());
}
