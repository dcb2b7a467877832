//! Messages through a broker.

use mqtt_adapter_blocking::{QoS, SubscribeOptions};
use mqtt_tests::adapter::{Adapter, Client, Subscription};

use crate::{Deviation, Row, Verdict, everything, expect, number_of, numbered, wait_for_all};

const MESSAGES: u32 = 300;

pub(crate) fn qos_0_comes_round_in_order<A: Adapter>(row: &Row<A>) -> Verdict {
    comes_round_in_order(row, QoS::AtMostOnce)
}

pub(crate) fn qos_1_comes_round_in_order<A: Adapter>(row: &Row<A>) -> Verdict {
    comes_round_in_order(row, QoS::AtLeastOnce)
}

/// Enforces: MQTT-7.0.0-2 (3.1.1)
pub(crate) fn qos_2_comes_round_in_order<A: Adapter>(row: &Row<A>) -> Verdict {
    comes_round_in_order(row, QoS::ExactlyOnce)
}

fn comes_round_in_order<A: Adapter>(row: &Row<A>, qos: QoS) -> Verdict {
    let client = row.connect("client");
    let topic = row.topic("a");
    let mut stream = client.subscribe(everything(&topic)).unwrap();
    let handles: Vec<_> = (0..MESSAGES)
        .map(|number| client.enqueue(numbered(&topic, number, qos)).unwrap())
        .collect();
    wait_for_all(handles);
    let mut highest = QoS::AtMostOnce;
    for number in 0..MESSAGES {
        let message = stream.recv().unwrap();
        assert_eq!(number_of(&message), number);
        highest = highest.max(message.qos());
    }
    let stats = client.stats();
    client.disconnect();
    let verdict = expect("QoS", &highest, &qos, &[(QoS::AtLeastOnce, Deviation::NoQoS2)]);
    // Such a broker answers QoS 2 with PUBACK, which is let pass.
    let downgraded = if verdict.is_ok() { 0 } else { MESSAGES.into() };
    assert_eq!((stats.downgraded, stats.tolerated), (downgraded, downgraded));
    verdict
}

/// Of the subscription's and its own.
pub(crate) fn each_message_has_the_lower_of_two_qos<A: Adapter>(row: &Row<A>) -> Verdict {
    let client = row.connect("client");
    let levels = [QoS::AtMostOnce, QoS::AtLeastOnce];
    for granted in levels {
        let topic = row.topic(&format!("{}", granted as u8));
        let mut stream = client.subscribe(SubscribeOptions::new(&topic).qos(granted)).unwrap();
        for (number, sent) in (0..).zip(levels) {
            client.publish(numbered(&topic, number, sent)).unwrap();
            let message = stream.recv().unwrap();
            assert_eq!((number_of(&message), message.qos()), (number, sent.min(granted)));
        }
    }
    client.disconnect();
    Ok(())
}
