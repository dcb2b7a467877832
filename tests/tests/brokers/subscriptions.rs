//! Who gets what.

use std::time::Instant;

use mqtt_adapter_blocking::{Failure, QoS, SubscribeError};
use mqtt_tests::adapter::{Adapter, Client, Subscription};

use crate::{
    Deviation, PATIENCE, Row, SHORT, Verdict, everything, expect, gather, next_number, numbered,
};

pub(crate) fn a_wildcard_subscription_gets_what_matches<A: Adapter>(row: &Row<A>) -> Verdict {
    let client = row.connect("client");
    let filters = ["wild/+/level", "rest/#"].map(|filter| row.topic(filter));
    let mut streams = filters.map(|filter| client.subscribe(everything(&filter)).unwrap());
    let topics =
        ["wild/1/level", "wild/level", "wild/1/2/level", "rest", "rest/1/2", "wild/2/level"];
    for (number, topic) in (0..).zip(topics) {
        client.publish(numbered(&row.topic(topic), number, QoS::AtLeastOnce)).unwrap();
    }
    let all = [vec![0, 5], vec![3, 4]];
    let numbers = gather(&client, &mut streams, PATIENCE, |numbers| numbers == all);
    client.disconnect();
    assert_eq!(numbers, all);
    assert!(streams.iter_mut().all(|stream| stream.recv().is_none()));
    Ok(())
}

/// Exactly once each with Subscription Identifiers; before 5.0 every copy goes to both.
pub(crate) fn overlapping_filters_each_get_their_messages<A: Adapter>(row: &Row<A>) -> Verdict {
    let client = row.connect("client");
    let filters = ["#", "+"].map(|filter| row.topic(filter));
    let mut streams = filters.map(|filter| client.subscribe(everything(&filter)).unwrap());
    for number in 0..10 {
        client.publish(numbered(&row.topic("x"), number, QoS::AtLeastOnce)).unwrap();
    }
    let has_last = |numbers: &Vec<u32>| numbers.last() == Some(&9);
    let mut numbers = gather(&client, &mut streams, PATIENCE, |all| all.iter().all(has_last));
    for numbers in &mut numbers {
        if !row.is_5() {
            numbers.dedup();
        }
        if !numbers.is_sorted() {
            return Deviation::Reorders.seen(format!("numbers: {numbers:?}"));
        }
        assert!(numbers.iter().copied().eq(0..10), "{numbers:?}");
    }
    client.disconnect();
    let [all, _] = &mut streams;
    assert!(!row.is_5() || all.recv().is_none(), "once each");
    Ok(())
}

pub(crate) fn after_unsubscribing_nothing_comes<A: Adapter>(row: &Row<A>) -> Verdict {
    let client = row.connect("client");
    let topics = ["left", "kept"].map(|topic| row.topic(topic));
    let [mut left, mut kept] =
        [&topics[0], &topics[1]].map(|topic| client.subscribe(everything(topic)).unwrap());
    client.publish(numbered(&topics[0], 1, QoS::AtLeastOnce)).unwrap();
    assert_eq!(next_number(&mut left), 1);
    left.unsubscribe().unwrap();
    for (topic, number) in topics.iter().zip([2, 3]) {
        client.publish(numbered(topic, number, QoS::AtLeastOnce)).unwrap();
    }
    assert_eq!(next_number(&mut kept), 3);
    assert!(left.recv().is_none());
    assert_eq!(client.stats().received, 2);
    client.disconnect();
    Ok(())
}

/// Each message goes to one of two members. Before 5.0 it is an extension.
pub(crate) fn a_shared_subscription_is_shared<A: Adapter>(row: &Row<A>) -> Verdict {
    const MESSAGES: u32 = 60;
    let topic = row.topic("a");
    let filter = format!("$share/members/{topic}");
    let members = [row.connect("one"), row.connect("two")];
    let mut streams = Vec::new();
    for member in &members {
        match member.subscribe(everything(&filter)) {
            Ok(stream) => streams.push(stream),
            Err(SubscribeError::NotSupported(reason)) => {
                return Deviation::NoSharedSubscriptions.seen(reason.to_string());
            }
            Err(SubscribeError::Failed(Failure::NoAnswer)) => {
                return Deviation::HangsUp.seen("at SUBSCRIBE, each time");
            }
            Err(error) => panic!("{error}"),
        }
    }
    let publisher = row.connect("publisher");
    for number in 0..MESSAGES {
        publisher.publish(numbered(&topic, number, QoS::AtLeastOnce)).unwrap();
    }
    let mut numbers = Vec::new();
    let deadline = Instant::now() + PATIENCE / 4;
    while numbers.len() < MESSAGES as usize && Instant::now() < deadline {
        for (member, stream) in members.iter().zip(&mut streams) {
            let stream = std::slice::from_mut(stream);
            numbers.extend(gather(member, stream, SHORT / 10, |_| false).concat());
        }
    }
    for client in members.iter().chain([&publisher]) {
        client.disconnect();
    }
    numbers.sort_unstable();
    let all: Vec<u32> = (0..MESSAGES).collect();
    expect("messages", &numbers, &all, &[(Vec::new(), Deviation::NoSharedSubscriptions)])
}

pub(crate) fn no_local_leaves_out_what_one_publishes<A: Adapter>(row: &Row<A>) -> Verdict {
    let [client, other] = ["client", "other"].map(|name| row.connect(name));
    let topic = row.topic("a");
    let mut stream = client.subscribe(everything(&topic).no_local(true)).unwrap();
    client.publish(numbered(&topic, 1, QoS::AtLeastOnce)).unwrap();
    other.publish(numbered(&topic, 2, QoS::AtLeastOnce)).unwrap();
    assert_eq!(next_number(&mut stream), 2);
    client.disconnect();
    other.disconnect();
    Ok(())
}
