//! Messages through a broker.

use mqtt_adapter_blocking::{Publish, QoS, SubscribeOptions};
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
    expect("QoS", &highest, &qos, &[(QoS::AtLeastOnce, Deviation::NoQoS2)])?;
    assert_eq!((stats.downgraded, stats.tolerated), (0, 0));
    Ok(())
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

pub(crate) fn a_large_payload_comes_round<A: Adapter>(row: &Row<A>) -> Verdict {
    let client = row.connect("client");
    let topic = row.topic("a");
    let mut stream = client.subscribe(everything(&topic)).unwrap();
    let payload: Vec<u8> = (0..1 << 20).map(|at: u32| at.to_le_bytes()[1]).collect();
    for qos in [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce] {
        client.publish(Publish::new(&topic, payload.clone()).qos(qos)).unwrap();
        assert!(stream.recv().unwrap().payload() == payload, "at {qos:?}");
    }
    client.disconnect();
    Ok(())
}
