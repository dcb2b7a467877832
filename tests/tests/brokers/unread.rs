//! Messages that nobody takes, or not at once.

use std::sync::mpsc;
use std::time::Duration;

use mqtt_adapter_blocking::{Ack, Message, QoS, SubscribeOptions};
use mqtt_tests::adapter::{Adapter, Client, Handle, Subscription};

use crate::sessions::{first_number, leave_a_session, publish_two};
use crate::{
    Deviation, PATIENCE, Row, SHORT, Verdict, everything, expect, gather, next_number, number_of,
    numbered, pass_until, wait_until_connected,
};

/// What was queued for a session goes to the handler of a client without subscriptions, and is
/// acknowledged.
pub(crate) fn a_default_handler_gets_what_has_no_route<A: Adapter>(row: &Row<A>) -> Verdict {
    let topic = row.topic("a");
    leave_a_session(row, &topic, Duration::from_secs(60).into());
    publish_two(row, &topic);
    let (sender, messages) = mpsc::channel();
    let handler = move |message: &Message| sender.send(number_of(message)).expect("a receiver");
    let options = row.options("absent").clean_start(false).default_handler(handler);
    let client = row.adapter.connect(options).unwrap();
    let mut numbers = Vec::new();
    pass_until(&client, || {
        numbers.extend(messages.try_iter());
        numbers.len() == 2
    });
    client.disconnect();
    // They are of QoS 1 and 2, which have no order between them.
    numbers.sort_unstable();
    assert_eq!(numbers, [1, 2]);
    nothing_is_left(row, &topic)
}

pub(crate) fn what_nobody_asks_for_is_given_up<A: Adapter>(row: &Row<A>) -> Verdict {
    let topic = row.topic("a");
    leave_a_session(row, &topic, Duration::from_secs(60).into());
    publish_two(row, &topic);
    let options = row.options("absent").clean_start(false).unrouted_hold(SHORT);
    let client = row.adapter.connect(options).unwrap();
    pass_until(&client, || client.stats().unrouted == 2 && client.stats().unacknowledged == 0);
    client.disconnect();
    nothing_is_left(row, &topic)
}

/// The session has no message any more.
fn nothing_is_left<A: Adapter>(row: &Row<A>, topic: &str) -> Verdict {
    let client = row.adapter.connect(row.options("absent").clean_start(false)).unwrap();
    assert_eq!(first_number(&client, topic), 3);
    client.disconnect();
    Ok(())
}

/// The broker sends it again, and the client knows it.
pub(crate) fn a_message_held_over_a_cut_comes_once<A: Adapter>(row: &Row<A>) -> Verdict {
    let (proxy, options) = row.proxied("client");
    let client = row.adapter.connect(options.ack(Ack::Manual)).unwrap();
    let mut events = client.events();
    let topic = row.topic("a");
    let mut stream = client.subscribe(everything(&topic)).unwrap();
    let publisher = row.connect("publisher");
    publisher.publish(numbered(&topic, 1, QoS::AtLeastOnce)).unwrap();
    let held = stream.recv().unwrap();
    assert_eq!(client.oldest_unacknowledged(), Some(topic.clone()));
    proxy.cut();
    wait_until_connected(&mut events);
    publisher.publish(numbered(&topic, 2, QoS::AtLeastOnce)).unwrap();
    client.pass(SHORT);
    held.ack();
    let mut numbers = vec![number_of(&held)];
    while numbers.last() != Some(&2) {
        let message = stream.recv().unwrap();
        message.ack();
        numbers.push(number_of(&message));
    }
    pass_until(&client, || client.stats().unacknowledged == 0);
    client.disconnect();
    publisher.disconnect();
    expect("messages", &numbers, &vec![1, 2], &[(vec![1, 1, 2], Deviation::SendsAgainAsNew)])
}

/// Of QoS 0, for which nothing but memory is a limit.
pub(crate) fn a_stream_nobody_reads_holds_up_no_other<A: Adapter>(row: &Row<A>) -> Verdict {
    const MESSAGES: u32 = 200;
    let client = row.connect("client");
    let topics = ["unread", "read"].map(|topic| row.topic(topic));
    let [mut unread, read] = [&topics[0], &topics[1]]
        .map(|topic| client.subscribe(SubscribeOptions::new(topic)).unwrap());
    for number in 0..MESSAGES {
        for topic in &topics {
            client.publish(numbered(topic, number, QoS::AtMostOnce)).unwrap();
        }
    }
    let has_last = |all: &[Vec<u32>]| all[0].last() == Some(&(MESSAGES - 1));
    let numbers = gather(&client, &mut [read], PATIENCE, has_last);
    assert!(numbers[0].iter().copied().eq(0..MESSAGES), "{numbers:?}");
    assert!((0..MESSAGES).all(|number| next_number(&mut unread) == number));
    client.disconnect();
    Ok(())
}

pub(crate) fn a_callback_may_publish<A: Adapter>(row: &Row<A>) -> Verdict {
    let client = row.connect("client");
    let [requests, responses] = ["requests", "responses"].map(|topic| row.topic(topic));
    let mut answered = client.subscribe(everything(&responses)).unwrap();
    let answers = client.clone();
    let answer = move |request: &Message| {
        let response = numbered(&responses, number_of(request) * 2, QoS::AtLeastOnce);
        drop(answers.try_publish(response).expect("room"));
    };
    let _callback = client.subscribe_callback(everything(&requests), answer).unwrap();
    for number in 0..10 {
        client.publish(numbered(&requests, number, QoS::AtLeastOnce)).unwrap();
        assert_eq!(next_number(&mut answered), number * 2);
    }
    client.disconnect();
    Ok(())
}

/// Only the waiting ends.
pub(crate) fn a_publish_given_up_is_sent<A: Adapter>(row: &Row<A>) -> Verdict {
    let client = row.connect("client");
    let topic = row.topic("a");
    let mut stream = client.subscribe(everything(&topic)).unwrap();
    for number in 0..10 {
        let message = numbered(&topic, number, QoS::AtLeastOnce);
        match client.publish_impatiently(message, 1) {
            None => {}
            Some(outcome) => drop(outcome.unwrap()),
        }
    }
    client.enqueue(numbered(&topic, 10, QoS::AtLeastOnce)).unwrap().wait().unwrap();
    assert!((0..=10).all(|number| next_number(&mut stream) == number));
    client.disconnect();
    Ok(())
}
