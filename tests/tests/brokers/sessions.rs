//! Sessions that outlive connections.

use std::collections::BTreeSet;
use std::thread;
use std::time::Duration;

use mqtt_adapter_blocking::{ClientEvent, QoS, ReasonCode, SessionExpiry};
use mqtt_testkit::Direction;
use mqtt_tests::Signal;
use mqtt_tests::adapter::{Adapter, Client, Events, Subscription};

use crate::{
    Deviation, PATIENCE, Row, Verdict, everything, expect, gather, next_number, number_of,
    numbered, wait_for, wait_for_all, wait_until_connected,
};

const MESSAGES: u32 = 300;

/// The connection is cut twice, with publishes and messages on their way in both directions. One
/// stream gets all: a broker that speaks 3.1.1 sends no more while its few places are held.
pub(crate) fn a_cut_connection_loses_and_repeats_nothing<A: Adapter>(row: &Row<A>) -> Verdict {
    let (proxy, options) = row.proxied("client");
    let client = row.adapter.connect(options).unwrap();
    let topics = ["1", "2"].map(|topic| row.topic(topic));
    let mut stream = client.subscribe(everything(&row.topic("+"))).unwrap();
    let mut handles = Vec::new();
    for number in 0..MESSAGES {
        for (topic, qos) in topics.iter().zip([QoS::AtLeastOnce, QoS::ExactlyOnce]) {
            handles.push(client.enqueue(numbered(topic, number, qos)).unwrap());
        }
        if number == MESSAGES / 3 || number == 2 * MESSAGES / 3 {
            wait_for_all(handles.drain(..handles.len() / 2));
            proxy.cut();
        }
    }
    wait_for_all(handles);
    let mut exactly_once = Vec::new();
    let mut at_least_once = BTreeSet::new();
    while exactly_once.last() != Some(&(MESSAGES - 1)) || at_least_once.len() < MESSAGES as usize {
        let message = stream.recv().unwrap();
        let number = number_of(&message);
        if message.topic() == topics[1] {
            exactly_once.push(number);
        } else {
            at_least_once.insert(number);
        }
    }
    let connects = client.stats().connects;
    client.disconnect();
    assert_eq!(connects, 3);
    if exactly_once.iter().copied().eq(0..MESSAGES) {
        return Ok(());
    }
    let repeated = exactly_once.len();
    exactly_once.sort_unstable();
    exactly_once.dedup();
    let repeated = repeated - exactly_once.len();
    assert!(repeated > 0, "out of order, or some are lost: {exactly_once:?}");
    Deviation::RepeatsQoS2.seen(format!("{repeated} messages twice"))
}

pub(crate) fn a_client_id_belongs_to_the_last_who_took_it<A: Adapter>(row: &Row<A>) -> Verdict {
    let first = row.adapter.connect(row.options("contested").reconnect(false)).unwrap();
    let mut events = first.events();
    let second = row.connect("contested");
    while !matches!(events.next(), Some(ClientEvent::Closed)) {}
    let topic = row.topic("a");
    let mut stream = second.subscribe(everything(&topic)).unwrap();
    second.publish(numbered(&topic, 1, QoS::AtLeastOnce)).unwrap();
    assert_eq!(next_number(&mut stream), 1);
    second.disconnect();
    Ok(())
}

pub(crate) fn a_client_taken_over_is_told<A: Adapter>(row: &Row<A>) -> Verdict {
    let first = row.adapter.connect(row.options("contested").reconnect(false)).unwrap();
    let mut events = first.events();
    let second = row.connect("contested");
    let mut told = None;
    loop {
        match events.next() {
            Some(ClientEvent::ServerDisconnect(rejection)) => told = Some(rejection.reason),
            Some(ClientEvent::Closed) | None => break,
            Some(_) => {}
        }
    }
    second.disconnect();
    let wanted = Some(ReasonCode::SessionTakenOver);
    expect("reason", &told, &wanted, &[(None, Deviation::TakesOverInSilence)])
}

/// By a new process, which knows nothing of the session, in the order they were sent.
pub(crate) fn what_was_queued_meanwhile_comes_at_resumption<A: Adapter>(row: &Row<A>) -> Verdict {
    let topic = row.topic("a");
    leave_a_session(row, &topic, Duration::from_secs(60).into());
    publish_two(row, &topic);
    let client = row.adapter.connect(row.options("absent").clean_start(false)).unwrap();
    let mut stream = client.subscribe(everything(&topic)).unwrap();
    let numbers = [next_number(&mut stream), next_number(&mut stream)];
    client.publish(numbered(&topic, 3, QoS::AtLeastOnce)).unwrap();
    assert_eq!(next_number(&mut stream), 3);
    client.disconnect();
    expect("numbers", &numbers, &[1, 2], &[([2, 1], Deviation::Reorders)])
}

/// A QoS 2 publish of an earlier process, of which the broker has the PUBLISH and nothing more, does
/// not swallow one of this process, which has the same Packet Identifier.
pub(crate) fn what_an_earlier_process_left_open_is_finished<A: Adapter>(row: &Row<A>) -> Verdict {
    let topic = row.topic("a");
    let watcher = row.connect("watcher");
    let stream = watcher.subscribe(everything(&topic)).unwrap();
    let (proxy, options) = row.proxied("client");
    let earlier = row.adapter.connect(options.reconnect(false)).unwrap();
    let mut events = earlier.events();
    proxy.cut_after(Direction::ToClient, 0);
    drop(earlier.enqueue(numbered(&topic, 1, QoS::ExactlyOnce)).unwrap());
    while !matches!(events.next(), Some(ClientEvent::Closed) | None) {}
    let client = row.adapter.connect(row.options("client").clean_start(false)).unwrap();
    client.publish(numbered(&topic, 2, QoS::ExactlyOnce)).unwrap();
    let numbers = gather(&watcher, &mut [stream], PATIENCE / 4, |all| all[0].last() == Some(&2));
    client.disconnect();
    watcher.disconnect();
    let numbers: Vec<_> = numbers.concat().into_iter().filter(|number| *number != 1).collect();
    expect("messages", &numbers, &vec![2], &[(vec![], Deviation::SwallowsQoS2)])
}

/// The answer is cut away, twice.
pub(crate) fn a_request_without_an_answer_is_made_again<A: Adapter>(row: &Row<A>) -> Verdict {
    let (proxy, options) = row.proxied("client");
    let client = row.adapter.connect(options).unwrap();
    let topic = row.topic("a");
    proxy.cut_after(Direction::ToClient, 0);
    let mut stream = client.subscribe(everything(&topic)).unwrap();
    client.publish(numbered(&topic, 1, QoS::AtLeastOnce)).unwrap();
    assert_eq!(next_number(&mut stream), 1);
    proxy.cut_after(Direction::ToClient, 0);
    stream.unsubscribe().unwrap();
    assert!(stream.recv().is_none());
    client.publish(numbered(&topic, 2, QoS::AtLeastOnce)).unwrap();
    let stats = client.stats();
    assert_eq!((stats.connects, stats.received), (3, 1));
    client.disconnect();
    Ok(())
}

/// Each connects again whenever the other has taken its place; one of them finds out.
pub(crate) fn clients_of_one_name_do_not_fight_for_ever<A: Adapter>(row: &Row<A>) -> Verdict {
    let first = row.connect("contested");
    let mut events = first.events();
    // It may be evicted before it is accepted.
    let second = row.adapter.begin(row.options("contested")).unwrap();
    let (signal, other) = (Signal::new(), second.clone());
    let until = signal.clone();
    let runner = thread::spawn(move || other.run_until(&until));
    wait_for(&mut events, |event| matches!(event, ClientEvent::TakenOver).then_some(()));
    let delay = next_delay(&mut events);
    signal.raise();
    runner.join().expect("no panic");
    // Four times what it would be, which is 20 ms and at most a fifth more.
    assert!(delay > Duration::from_millis(2 * 24), "{delay:?}");
    first.disconnect();
    second.disconnect();
    Ok(())
}

pub(crate) fn an_assigned_identifier_is_kept<A: Adapter>(row: &Row<A>) -> Verdict {
    let (proxy, options) = row.proxied("client");
    let client = row.adapter.connect(options.client_id("")).unwrap();
    let mut events = client.events();
    let topic = row.topic("a");
    let mut stream = client.subscribe(everything(&topic)).unwrap();
    proxy.cut();
    assert!(wait_until_connected(&mut events), "the session is there");
    client.publish(numbered(&topic, 1, QoS::AtLeastOnce)).unwrap();
    assert_eq!(next_number(&mut stream), 1);
    client.disconnect();
    Ok(())
}

pub(crate) fn a_clean_start_forgets_the_session<A: Adapter>(row: &Row<A>) -> Verdict {
    let topic = row.topic("a");
    leave_a_session(row, &topic, Duration::from_secs(60).into());
    publish_two(row, &topic);
    let client = row.connect("absent");
    assert_eq!(first_number(&client, &topic), 3);
    client.disconnect();
    Ok(())
}

pub(crate) fn a_session_that_ends_with_its_connection_is_gone<A: Adapter>(row: &Row<A>) -> Verdict {
    let topic = row.topic("a");
    leave_a_session(row, &topic, SessionExpiry::Immediately);
    publish_two(row, &topic);
    let client = row.adapter.connect(row.options("absent").clean_start(false)).unwrap();
    assert_eq!(first_number(&client, &topic), 3);
    client.disconnect();
    Ok(())
}

pub(crate) fn an_expired_session_is_gone<A: Adapter>(row: &Row<A>) -> Verdict {
    let topic = row.topic("a");
    leave_a_session(row, &topic, Duration::from_secs(1).into());
    let publisher = row.connect("publisher");
    publisher.pass(Duration::from_secs(3));
    publisher.publish(numbered(&topic, 1, QoS::AtLeastOnce)).unwrap();
    publisher.disconnect();
    let client = row.adapter.connect(row.options("absent").clean_start(false)).unwrap();
    assert_eq!(first_number(&client, &topic), 3);
    client.disconnect();
    Ok(())
}

/// The delay before the next attempt.
fn next_delay(events: &mut impl Events) -> Duration {
    wait_for(events, |event| match event {
        ClientEvent::Waiting { delay } => Some(*delay),
        _ => None,
    })
}

/// A client comes, subscribes and leaves.
pub(crate) fn leave_a_session<A: Adapter>(row: &Row<A>, topic: &str, expiry: SessionExpiry) {
    let client = row.adapter.connect(row.options("absent").session_expiry(expiry)).unwrap();
    let _stream = client.subscribe(everything(topic)).unwrap();
    client.disconnect();
}

pub(crate) fn publish_two<A: Adapter>(row: &Row<A>, topic: &str) {
    let publisher = row.connect("publisher");
    publisher.publish(numbered(topic, 1, QoS::AtLeastOnce)).unwrap();
    publisher.publish(numbered(topic, 2, QoS::ExactlyOnce)).unwrap();
    publisher.disconnect();
}

/// Subscribes and publishes 3; what comes first.
pub(crate) fn first_number(client: &impl Client, topic: &str) -> u32 {
    let mut stream = client.subscribe(everything(topic)).unwrap();
    client.publish(numbered(topic, 3, QoS::AtLeastOnce)).unwrap();
    next_number(&mut stream)
}
