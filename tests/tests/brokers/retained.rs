//! Messages that brokers keep.

use mqtt_adapter_blocking::{Publish, QoS, RetainHandling};
use mqtt_tests::adapter::{Adapter, Client, Subscription};

use crate::{Deviation, Row, Verdict, everything, expect, next_number, numbered};

pub(crate) fn a_retained_message_greets_subscribers<A: Adapter>(row: &Row<A>) -> Verdict {
    let client = row.connect("client");
    let topic = row.topic("state");
    client.publish(Publish::new(&topic, "on").qos(QoS::AtLeastOnce).retain(true)).unwrap();
    let mut stream = client.subscribe(everything(&topic)).unwrap();
    let greeting = stream.recv().unwrap();
    assert_eq!(greeting.payload(), b"on");
    expect("retain", &greeting.retain(), &true, &[(false, Deviation::RoutesLate)])?;
    drop(greeting);
    client.publish(Publish::new(&topic, "off").qos(QoS::AtLeastOnce).retain(true)).unwrap();
    let change = stream.recv().unwrap();
    assert_eq!((change.payload(), change.retain()), (&b"off"[..], false));
    client.disconnect();
    Ok(())
}

pub(crate) fn a_cleared_message_greets_nobody<A: Adapter>(row: &Row<A>) -> Verdict {
    let client = row.connect("client");
    let topic = row.topic("state");
    client.publish(numbered(&topic, 1, QoS::AtLeastOnce).retain(true)).unwrap();
    client.publish(Publish::new(&topic, "").qos(QoS::AtLeastOnce).retain(true)).unwrap();
    let mut stream = client.subscribe(everything(&topic)).unwrap();
    client.publish(numbered(&topic, 2, QoS::AtLeastOnce)).unwrap();
    assert_eq!(next_number(&mut stream), 2);
    client.disconnect();
    Ok(())
}

/// Before 5.0 nothing tells for whom it is.
pub(crate) fn a_retained_message_goes_to_who_asked_for_it<A: Adapter>(row: &Row<A>) -> Verdict {
    let client = row.connect("client");
    let topic = row.topic("state");
    client.publish(numbered(&topic, 1, QoS::AtLeastOnce).retain(true)).unwrap();
    let mut first = client.subscribe(everything(&topic)).unwrap();
    assert_eq!(next_number(&mut first), 1);
    let mut second = client.subscribe(everything(&topic)).unwrap();
    assert_eq!(next_number(&mut second), 1);
    client.publish(numbered(&topic, 2, QoS::AtLeastOnce)).unwrap();
    if !row.is_5() {
        assert_eq!(next_number(&mut first), 1);
    }
    let numbers = [&mut first, &mut second].map(next_number);
    client.disconnect();
    let late = [[1, 2], [2, 1], [1, 1]].map(|numbers| (numbers, Deviation::RoutesLate));
    expect("numbers", &numbers, &[2, 2], &late)
}

pub(crate) fn retain_handling_says_who_is_greeted<A: Adapter>(row: &Row<A>) -> Verdict {
    let client = row.connect("client");
    let topic = row.topic("state");
    client.publish(numbered(&topic, 1, QoS::AtLeastOnce).retain(true)).unwrap();
    // The second is new for its reader, and not for the broker.
    let subscriptions = [
        (RetainHandling::SendIfNew, true),
        (RetainHandling::SendIfNew, false),
        (RetainHandling::DoNotSend, false),
        (RetainHandling::Send, true),
    ];
    let mut streams = Vec::new();
    for (handling, is_greeted) in subscriptions {
        let options = everything(&topic).retain_handling(handling);
        let mut stream = client.subscribe(options).unwrap();
        if is_greeted {
            assert_eq!(next_number(&mut stream), 1, "with {handling:?}");
        }
        streams.push(stream);
    }
    client.publish(numbered(&topic, 2, QoS::AtLeastOnce)).unwrap();
    let numbers: Vec<_> = streams.iter_mut().map(next_number).collect();
    assert_eq!(numbers, [2, 2, 2, 2]);
    client.disconnect();
    Ok(())
}

pub(crate) fn retain_as_published_keeps_the_flag<A: Adapter>(row: &Row<A>) -> Verdict {
    let client = row.connect("client");
    for as_published in [true, false] {
        let topic = row.topic(&format!("{as_published}"));
        let options = everything(&topic).retain_as_published(as_published);
        let mut stream = client.subscribe(options).unwrap();
        for retain in [true, false] {
            client.publish(numbered(&topic, 1, QoS::AtLeastOnce).retain(retain)).unwrap();
            assert_eq!(stream.recv().unwrap().retain(), retain && as_published);
        }
    }
    client.disconnect();
    Ok(())
}
