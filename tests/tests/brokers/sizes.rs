//! How large a message may be.

use mqtt_adapter_blocking::{Publish, PublishError, QoS, ReasonCode, SubscribeOptions};
use mqtt_tests::adapter::{Adapter, Client, Subscription};

use crate::broker::{Largest, NARROW};
use crate::{Deviation, Row, Verdict, everything, next_number, numbered};

/// MQTT's own limit of Remaining Length.
const LARGEST_REMAINING_LENGTH: usize = 268_435_455;

pub(crate) fn a_large_payload_comes_round<A: Adapter>(row: &Row<A>) -> Verdict {
    let client = row.connect("client");
    let topic = row.topic("a");
    let mut stream = client.subscribe(everything(&topic)).unwrap();
    let payload = payload(1 << 20);
    for qos in [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce] {
        client.publish(Publish::new(&topic, payload.clone()).qos(qos)).unwrap();
        assert!(stream.recv().unwrap().payload() == payload, "at {qos:?}");
    }
    client.disconnect();
    Ok(())
}

/// On a broker of its own, which it keeps busy.
pub(crate) fn the_largest_payload_comes_round<A: Adapter>(row: &Row<A>) -> Verdict {
    let topic = row.topic("a");
    // In 5.0 there is a Property Length, and on the way back a Subscription Identifier.
    let properties = if row.broker.speaks_5 { 3 } else { 0 };
    let largest = match row.broker.largest {
        Largest::OfMqtt => LARGEST_REMAINING_LENGTH - 2 - topic.len() - 2 - properties,
        Largest::Own(bytes) => bytes,
    };
    let broker = (row.broker.start)().expect("a broker");
    let options = row.options_at(&broker.address(), "client").max_pending_bytes(1 << 30);
    let client = row.adapter.connect(options).unwrap();
    let options = SubscribeOptions::new(&topic).qos(QoS::AtLeastOnce);
    let mut stream = client.subscribe(options).unwrap();
    let payload = payload(largest);
    client.publish(Publish::new(&topic, payload.as_slice()).qos(QoS::AtLeastOnce)).unwrap();
    assert!(stream.recv().unwrap().payload() == payload);
    let stats = client.stats();
    assert_eq!((stats.connects, stats.disconnects), (1, 0));
    client.disconnect();
    row.note(match row.broker.largest {
        Largest::OfMqtt => format!("{largest} bytes, which make the longest packet of MQTT"),
        Largest::Own(bytes) => format!("{bytes} bytes, a limit of its own"),
    });
    Ok(())
}

/// The longest packet a narrow broker takes comes round. One that is longer is not sent, and the
/// client stays up.
pub(crate) fn a_packet_above_the_limit_fails_alone<A: Adapter>(row: &Row<A>) -> Verdict {
    let Some(broker) = row.narrow() else {
        return Deviation::AnnouncesNoLimit.seen("none can be configured");
    };
    let client = row.adapter.connect(row.options_at(&broker.address(), "client")).unwrap();
    let topic = row.topic("a");
    let mut stream = client.subscribe(everything(&topic)).unwrap();
    // Fixed Header, Topic Name, Packet Identifier, Property Length.
    let whole = NARROW - 4 - 2 - topic.len() - 2 - 1;
    let publish = |payload: usize| {
        client.publish(Publish::new(&topic, vec![1; payload]).qos(QoS::AtLeastOnce))
    };
    assert_eq!(publish(whole), Ok(ReasonCode::Success));
    assert_eq!(stream.recv().unwrap().payload().len(), whole);
    // Some count only what is in a packet.
    let too_large = PublishError::TooLarge { len: NARROW + 1, max: NARROW };
    assert_eq!(publish(whole + 1), Err(too_large));
    client.publish(numbered(&topic, 1, QoS::AtLeastOnce)).unwrap();
    assert_eq!(next_number(&mut stream), 1);
    let stats = client.stats();
    client.disconnect();
    assert_eq!((stats.published, stats.connects, stats.disconnects), (2, 1, 0));
    Ok(())
}

/// What CONNACK rules out fails and names the limit, and nothing is sent.
pub(crate) fn what_the_broker_rules_out_fails<A: Adapter>(row: &Row<A>) -> Verdict {
    let Some(broker) = row.narrow() else {
        return Deviation::RulesNothingOut.seen("nothing can be configured");
    };
    let client = row.adapter.connect(row.options_at(&broker.address(), "client")).unwrap();
    let topic = row.topic("a");
    let ruled_out = [
        client.publish(numbered(&topic, 1, QoS::ExactlyOnce)),
        client.publish(numbered(&topic, 1, QoS::AtLeastOnce).retain(true)),
    ];
    let mut stream = client.subscribe(everything(&topic)).unwrap();
    client.publish(numbered(&topic, 2, QoS::AtLeastOnce)).unwrap();
    let first = next_number(&mut stream);
    let stats = client.stats();
    client.disconnect();
    assert_eq!((stats.connects, stats.disconnects), (1, 0));
    let wanted = [
        Err(PublishError::QoSNotSupported(QoS::AtLeastOnce)),
        Err(PublishError::RetainNotSupported),
    ];
    if ruled_out == wanted {
        assert_eq!((first, stats.published), (2, 1));
        return Ok(());
    }
    assert!(ruled_out.iter().all(Result::is_ok), "{ruled_out:?}");
    Deviation::RulesNothingOut.seen("both are taken")
}

/// So long, and no two neighbours alike.
fn payload(len: usize) -> Vec<u8> {
    let pattern: Vec<u8> = (0..=250).collect();
    let mut payload = pattern.repeat(len / pattern.len() + 1);
    payload.truncate(len);
    payload
}
