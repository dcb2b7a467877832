//! What is said on the wire, and what is put up with there.

use mqtt_adapter_blocking::{Publish, QoS, ReasonCode};
use mqtt_proto::{Packet, Properties, Property};
use mqtt_tests::adapter::{Adapter, Client, Subscription};
use mqtt_tests::{Broker, Connection, Trial, id};

use crate::{everything, options, qos1};

/// Sends a message at QoS 0 under this alias.
fn deliver_aliased(connection: &mut Connection, topic: &str, payload: &[u8]) {
    connection.send(&Packet::Publish(mqtt_proto::Publish {
        dup: false,
        qos: QoS::AtMostOnce,
        retain: false,
        topic,
        packet_id: None,
        properties: Properties::from_slice(&[Property::TopicAlias(2)]),
        payload,
    }));
}

/// The topic, the alias and DUP of the next PUBLISH.
fn take_topic(connection: &mut Connection) -> (String, Option<u16>, bool) {
    connection.expect("PUBLISH", |packet| match packet {
        Packet::Publish(publish) => {
            let alias = publish.properties.topic_alias();
            Some((publish.topic.to_owned(), alias, publish.dup))
        }
        _ => None,
    })
}

pub(crate) fn aliases_stand_for_topics_both_ways<A: Adapter>(trial: &Trial) {
    let peer = trial.peer(|broker| {
        let mut connection = broker.open_with(false, &[Property::TopicAliasMaximum(1)]);
        connection.grant("in", QoS::AtMostOnce);
        deliver_aliased(&mut connection, "in", b"first");
        deliver_aliased(&mut connection, "", b"second");
        assert_eq!(take_topic(&mut connection), ("measurements".to_owned(), Some(1), false));
        assert_eq!(take_topic(&mut connection), (String::new(), Some(1), false));
        connection.cut();
        let mut connection = broker.open_with(true, &[Property::TopicAliasMaximum(1)]);
        assert_eq!(take_topic(&mut connection), ("measurements".to_owned(), None, true));
        connection.puback(id(2), ReasonCode::Success);
        connection.expect_disconnect(ReasonCode::NormalDisconnection);
    });
    let options = options(&peer).topic_alias_maximum(2).outbound_aliases(true);
    let client = A::start().connect(options).unwrap();
    let mut stream = client.subscribe(everything("in")).unwrap();
    for payload in [&b"first"[..], b"second"] {
        let message = stream.recv().unwrap();
        assert_eq!((message.topic(), message.payload()), ("in", payload));
    }
    client.publish(Publish::new("measurements", "")).unwrap();
    assert_eq!(client.publish(qos1("measurements")), Ok(ReasonCode::Success));
    client.disconnect();
}

/// Sends more messages than Receive Maximum allows.
fn exceed(broker: &Broker) -> Connection {
    let mut connection = broker.open(false);
    connection.grant("in", QoS::ExactlyOnce);
    for packet_id in [1, 2] {
        connection.publish(QoS::AtLeastOnce, Some(id(packet_id)), "in", b"");
    }
    connection
}

pub(crate) fn a_broker_beyond_receive_maximum_passes<A: Adapter>(trial: &Trial) {
    let peer = trial.peer(|broker| {
        exceed(broker).expect_disconnect(ReasonCode::NormalDisconnection);
    });
    let client = A::start().connect(options(&peer).receive_maximum(1)).unwrap();
    let mut stream = client.subscribe(everything("in")).unwrap();
    let _held = [stream.recv().unwrap(), stream.recv().unwrap()];
    assert_eq!(client.stats().tolerated, 1);
    client.disconnect();
}

pub(crate) fn strict_lets_nothing_pass<A: Adapter>(trial: &Trial) {
    let peer = trial.peer(|broker| {
        exceed(broker).expect_disconnect(ReasonCode::ReceiveMaximumExceeded);
    });
    let options = options(&peer).receive_maximum(1).strict(true).reconnect(false);
    let client = A::start().connect(options).unwrap();
    let mut stream = client.subscribe(everything("in")).unwrap();
    let _held = stream.recv().unwrap();
    assert!(stream.recv().is_none());
    assert_eq!((client.stats().tolerated, client.stats().protocol_errors), (0, 1));
}

/// Remaining Length has a byte more than it need have.
pub(crate) fn lenient_lets_more_pass<A: Adapter>(trial: &Trial) {
    let peer = trial.peer(|broker| {
        let mut connection = broker.open(false);
        connection.grant("a", QoS::AtMostOnce);
        connection.send_bytes(&[0x30, 0x84, 0x00, 0x00, 0x01, b'a', 0x00]);
        connection.expect_disconnect(ReasonCode::NormalDisconnection);
    });
    let client = A::start().connect(options(&peer).lenient(true)).unwrap();
    let mut stream = client.subscribe(everything("a")).unwrap();
    assert_eq!(stream.recv().unwrap().topic(), "a");
    client.disconnect();
}
