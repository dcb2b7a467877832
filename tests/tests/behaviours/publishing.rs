//! Publishes and their outcomes.

use mqtt_adapter_blocking::{
    ClientEvent, Completion, OfflineQoS0, Publish, PublishError, QoS, ReasonCode,
};
use mqtt_proto::Property;
use mqtt_tests::adapter::{Adapter, Client, Handle};
use mqtt_tests::{Broker, Connection, Signal, Trial};

use crate::{connected, options, qos1, wait_for};

pub(crate) fn each_qos_is_done_at_its_answer<A: Adapter>(trial: &Trial) {
    let (_peer, client) = connected::<A>(trial, |broker| {
        let mut connection = broker.open(false);
        let publish = connection.expect_publish("0");
        assert_eq!((publish.qos, publish.payload.as_slice()), (QoS::AtMostOnce, &b"zero"[..]));
        let publish = connection.expect_publish("1");
        assert_eq!((publish.qos, publish.dup, publish.retain), (QoS::AtLeastOnce, false, true));
        connection.puback(publish.id(), ReasonCode::NoMatchingSubscribers);
        let publish = connection.expect_publish("2");
        assert_eq!(publish.qos, QoS::ExactlyOnce);
        connection.pubrec(publish.id(), ReasonCode::Success);
        connection.expect_pubrel(publish.id());
        connection.pubcomp(publish.id());
        connection.expect_disconnect(ReasonCode::NormalDisconnection);
    });
    assert_eq!(client.publish(Publish::new("0", "zero")), Ok(ReasonCode::Success));
    let outcome = client.publish(qos1("1").retain(true));
    assert_eq!(outcome, Ok(ReasonCode::NoMatchingSubscribers));
    let outcome = client.publish(Publish::new("2", "two").qos(QoS::ExactlyOnce));
    assert_eq!(outcome, Ok(ReasonCode::Success));
    client.disconnect();
}

/// The broker reads the first message, and nothing of the second, which no buffer has room for.
pub(crate) fn qos0_is_done_when_it_is_written<A: Adapter>(trial: &Trial) {
    let waits = Signal::new();
    let cut = waits.clone();
    let peer = trial.peer(move |broker| {
        let mut connection = broker.open(false);
        connection.expect_publish("small");
        cut.wait();
        connection.cut();
        broker.open(true).expect_disconnect(ReasonCode::NormalDisconnection);
    });
    let options = options(&peer).qos0_completion(Completion::Written);
    let client = A::start().connect(options).unwrap();
    assert_eq!(client.publish(Publish::new("small", "")), Ok(ReasonCode::Success));
    let large = client.enqueue(Publish::new("large", vec![0; 32 << 20])).unwrap();
    let mut events = client.events();
    waits.raise();
    assert_eq!(large.wait(), Err(PublishError::ConnectionLost));
    wait_for(&mut events, |event| matches!(event, ClientEvent::Connected { .. }));
    client.disconnect();
}

pub(crate) fn a_rejection_is_an_error_with_its_code<A: Adapter>(trial: &Trial) {
    let (_peer, client) = connected::<A>(trial, |broker| {
        let mut connection = broker.open(false);
        let publish = connection.expect_publish("1");
        connection.puback(publish.id(), ReasonCode::NotAuthorized);
        let publish = connection.expect_publish("2");
        connection.pubrec(publish.id(), ReasonCode::QuotaExceeded);
        connection.expect_disconnect(ReasonCode::NormalDisconnection);
    });
    for (topic, qos, reason) in [
        ("1", QoS::AtLeastOnce, ReasonCode::NotAuthorized),
        ("2", QoS::ExactlyOnce, ReasonCode::QuotaExceeded),
    ] {
        match client.publish(Publish::new(topic, "").qos(qos)) {
            Err(PublishError::Rejected(rejection)) => assert_eq!(rejection.reason, reason),
            outcome => panic!("a rejection expected, but {outcome:?}"),
        }
    }
    client.disconnect();
}

/// What waits for quota is passed by QoS 0, which shows that it does wait.
pub(crate) fn publishes_wait_for_quota_in_order<A: Adapter>(trial: &Trial) {
    let (_peer, client) = connected::<A>(trial, |broker| {
        let mut connection = broker.open_with(false, &[Property::ReceiveMaximum(1)]);
        let first = connection.expect_publish("first");
        connection.expect_publish("passes");
        connection.puback(first.id(), ReasonCode::Success);
        connection.take_qos1("second");
        connection.take_qos1("third");
        connection.expect_disconnect(ReasonCode::NormalDisconnection);
    });
    let waiting = ["first", "second", "third"].map(|topic| client.enqueue(qos1(topic)).unwrap());
    client.publish(Publish::new("passes", "")).unwrap();
    for handle in waiting {
        handle.wait().unwrap();
    }
    client.disconnect();
}

/// Grants room for one message on its way, and answers it once the queue behind it was full.
pub(crate) fn take_full_queue(broker: &Broker, filled: &Signal) -> Connection {
    let mut connection = broker.open_with(false, &[Property::ReceiveMaximum(1)]);
    let flying = connection.expect_publish("flying");
    filled.wait();
    connection.puback(flying.id(), ReasonCode::Success);
    connection.take_qos1("pending");
    connection
}

pub(crate) fn a_full_queue_is_back_pressure<A: Adapter>(trial: &Trial) {
    let full = Signal::new();
    let filled = full.clone();
    let peer = trial.peer(move |broker| {
        let mut connection = take_full_queue(broker, &filled);
        connection.take_qos1("waiting");
        connection.expect_disconnect(ReasonCode::NormalDisconnection);
    });
    let client = A::start().connect(options(&peer).max_pending(1)).unwrap();
    let flying = client.try_publish(qos1("flying")).unwrap();
    let pending = client.try_publish(qos1("pending")).unwrap();
    let refused = client.try_publish(qos1("refused")).err();
    assert_eq!(refused, Some(PublishError::Full));
    full.raise();
    client.publish(qos1("waiting")).unwrap();
    flying.wait().unwrap();
    pending.wait().unwrap();
    client.disconnect();
}

pub(crate) fn qos0_without_a_connection_fails_and_qos1_is_kept<A: Adapter>(trial: &Trial) {
    let listening = Signal::new();
    let kept = Signal::new();
    let (cut, resume) = (listening.clone(), kept.clone());
    let (_peer, client) = connected::<A>(trial, move |broker| {
        let connection = broker.open(false);
        cut.wait();
        connection.cut();
        resume.wait();
        let mut connection = broker.open(true);
        connection.take_qos1("kept");
        connection.expect_publish("again");
        connection.take_qos1("end");
        connection.expect_disconnect(ReasonCode::NormalDisconnection);
    });
    let mut events = client.events();
    listening.raise();
    wait_for(&mut events, |event| matches!(event, ClientEvent::Disconnected { .. }));
    assert_eq!(client.publish(Publish::new("lost", "")), Err(PublishError::NotConnected));
    let handle = client.enqueue(qos1("kept")).unwrap();
    kept.raise();
    handle.wait().unwrap();
    client.publish(Publish::new("again", "")).unwrap();
    client.publish(qos1("end")).unwrap();
    client.disconnect();
}

pub(crate) fn qos0_is_kept_when_asked_for<A: Adapter>(trial: &Trial) {
    let listening = Signal::new();
    let kept = Signal::new();
    let (cut, resume) = (listening.clone(), kept.clone());
    let peer = trial.peer(move |broker| {
        let connection = broker.open(false);
        cut.wait();
        connection.cut();
        resume.wait();
        let mut connection = broker.open_with(false, &[Property::RetainAvailable(false)]);
        assert_eq!(connection.expect_publish("kept").payload, b"first");
        assert_eq!(connection.expect_publish("kept").payload, b"second");
        connection.expect_publish("again");
        connection.take_qos1("end");
        connection.expect_disconnect(ReasonCode::NormalDisconnection);
    });
    let options = options(&peer).offline_qos0(OfflineQoS0::Keep);
    let client = A::start().connect(options).unwrap();
    let mut events = client.events();
    listening.raise();
    wait_for(&mut events, |event| matches!(event, ClientEvent::Disconnected { .. }));
    client.publish(Publish::new("kept", "first")).unwrap();
    client.publish(Publish::new("refused", "").retain(true)).unwrap();
    client.publish(Publish::new("kept", "second")).unwrap();
    kept.raise();
    wait_for(&mut events, |event| matches!(event, ClientEvent::Connected { .. }));
    client.publish(Publish::new("again", "")).unwrap();
    client.publish(qos1("end")).unwrap();
    client.disconnect();
}

/// The queue is full at first, so that publishes are given up before they are accepted, too.
pub(crate) fn a_publish_given_up_anywhere_does_no_harm<A: Adapter>(trial: &Trial) {
    let full = Signal::new();
    let filled = full.clone();
    let peer = trial.peer(move |broker| {
        let mut connection = take_full_queue(broker, &filled);
        while connection.take_qos1("given up").payload != b"last" {}
        connection.take_qos1("after");
        connection.expect_disconnect(ReasonCode::NormalDisconnection);
    });
    let client = A::start().connect(options(&peer).max_pending(1)).unwrap();
    let flying = client.enqueue(qos1("flying")).unwrap();
    let pending = client.enqueue(qos1("pending")).unwrap();
    for patience in 0..=1 {
        assert!(client.publish_impatiently(qos1("never sent"), patience).is_none());
    }
    full.raise();
    flying.wait().unwrap();
    pending.wait().unwrap();
    let given_up = || Publish::new("given up", "").qos(QoS::AtLeastOnce);
    let done = (0..).find_map(|patience| client.publish_impatiently(given_up(), patience));
    assert_eq!(done, Some(Ok(ReasonCode::Success)));
    client.publish(Publish::new("given up", "last").qos(QoS::AtLeastOnce)).unwrap();
    client.publish(qos1("after")).unwrap();
    let stats = client.stats();
    assert_eq!((stats.in_flight, stats.pending), (0, 0));
    client.disconnect();
}
