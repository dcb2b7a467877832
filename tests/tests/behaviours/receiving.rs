//! Messages and their acknowledgements.

use std::sync::{Arc, Mutex};

use mqtt_adapter_blocking::{Ack, Message, Publish, QoS, ReasonCode};
use mqtt_proto::{Packet, Properties};
use mqtt_tests::adapter::{Adapter, Client, Subscription};
use mqtt_tests::{Signal, Trial, id};

use crate::{connected, everything};

pub(crate) fn each_qos_is_acknowledged_its_way<A: Adapter>(trial: &Trial) {
    let (peer, client) = connected::<A>(trial, |broker| {
        let mut connection = broker.open(false);
        connection.grant("a/+", QoS::ExactlyOnce);
        connection.deliver("a/0", b"zero");
        connection.publish(QoS::AtLeastOnce, Some(id(7)), "a/1", b"one");
        connection.expect_puback(id(7));
        connection.publish(QoS::ExactlyOnce, Some(id(8)), "a/2", b"two");
        connection.expect_pubrec(id(8));
        connection.pubrel(id(8));
        connection.expect_pubcomp(id(8));
    });
    let mut stream = client.subscribe(everything("a/+")).unwrap();
    for (topic, payload, qos) in [
        ("a/0", "zero", QoS::AtMostOnce),
        ("a/1", "one", QoS::AtLeastOnce),
        ("a/2", "two", QoS::ExactlyOnce),
    ] {
        let message = stream.recv().unwrap();
        assert_eq!((message.topic(), message.payload()), (topic, payload.as_bytes()));
        assert_eq!((message.qos(), message.retain(), message.dup()), (qos, false, false));
    }
    client.run_until(peer.finished());
}

/// The QoS 0 publish shows that nothing was sent before the first message was acknowledged.
pub(crate) fn acknowledgements_leave_in_the_order_of_arrival<A: Adapter>(trial: &Trial) {
    let asked = Signal::new();
    let seen = asked.clone();
    let (peer, client) = connected::<A>(trial, move |broker| {
        let mut connection = broker.open(false);
        connection.grant("a", QoS::ExactlyOnce);
        for packet_id in [3, 1, 2] {
            connection.publish(QoS::AtLeastOnce, Some(id(packet_id)), "a", b"");
        }
        connection.expect_publish("later two acknowledged");
        seen.raise();
        for packet_id in [3, 1, 2] {
            connection.expect_puback(id(packet_id));
        }
    });
    let mut stream = client.subscribe(everything("a").ack(Ack::Manual)).unwrap();
    let [first, second, third] = [(); 3].map(|()| stream.recv().unwrap());
    third.ack();
    second.ack();
    client.publish(Publish::new("later two acknowledged", "")).unwrap();
    client.run_until(&asked);
    first.ack();
    client.run_until(peer.finished());
}

pub(crate) fn any_thread_may_acknowledge_any_number_of_times<A: Adapter>(trial: &Trial) {
    let (peer, client) = connected::<A>(trial, |broker| {
        let mut connection = broker.open(false);
        connection.grant("a", QoS::ExactlyOnce);
        for packet_id in 1..=9 {
            connection.publish(QoS::AtLeastOnce, Some(id(packet_id)), "a", b"");
        }
        for packet_id in 1..=9 {
            connection.expect_puback(id(packet_id));
        }
        connection.deliver("a", b"all acknowledged");
        connection.expect_publish("end");
    });
    let mut stream = client.subscribe(everything("a")).unwrap();
    for _ in 1..=9 {
        let message = stream.recv().unwrap();
        trial.part("an acknowledging thread", move || {
            message.ack();
            message.ack();
        });
    }
    assert_eq!(stream.recv().unwrap().payload(), b"all acknowledged");
    client.publish(Publish::new("end", "")).unwrap();
    client.run_until(peer.finished());
}

pub(crate) fn a_held_message_sent_again_comes_once<A: Adapter>(trial: &Trial) {
    let (peer, client) = connected::<A>(trial, |broker| {
        let mut connection = broker.open(false);
        connection.grant("a", QoS::ExactlyOnce);
        connection.publish(QoS::AtLeastOnce, Some(id(5)), "a", b"held");
        connection.send(&Packet::Publish(mqtt_proto::Publish {
            dup: true,
            qos: QoS::AtLeastOnce,
            retain: false,
            topic: "a",
            packet_id: Some(id(5)),
            properties: Properties::EMPTY,
            payload: b"held",
        }));
        connection.publish(QoS::AtLeastOnce, Some(id(6)), "a", b"next");
        connection.expect_puback(id(5));
        connection.expect_puback(id(6));
    });
    let mut stream = client.subscribe(everything("a")).unwrap();
    let held = stream.recv().unwrap();
    assert_eq!(held.payload(), b"held");
    assert_eq!(stream.recv().unwrap().payload(), b"next");
    drop(held);
    client.run_until(peer.finished());
}

pub(crate) fn a_wait_given_up_anywhere_loses_no_message<A: Adapter>(trial: &Trial) {
    let (_peer, client) = connected::<A>(trial, |broker| {
        let mut connection = broker.open(false);
        connection.grant("a", QoS::ExactlyOnce);
        for number in 0..=99 {
            connection.publish(QoS::AtLeastOnce, Some(id(1)), "a", &[number]);
            connection.expect_puback(id(1));
        }
        connection.expect_disconnect(ReasonCode::NormalDisconnection);
    });
    let mut stream = client.subscribe(everything("a")).unwrap();
    for number in 0..=99 {
        let message = (0..).find_map(|patience| stream.recv_impatiently(patience)).unwrap();
        assert_eq!(message.payload(), [number]);
    }
    client.disconnect();
}

pub(crate) fn a_callback_gets_messages_and_may_publish<A: Adapter>(trial: &Trial) {
    let (peer, client) = connected::<A>(trial, |broker| {
        let mut connection = broker.open(false);
        connection.grant("in", QoS::ExactlyOnce);
        connection.publish(QoS::AtLeastOnce, Some(id(1)), "in", b"hello");
        let mut packets = [(); 2].map(|()| {
            connection.expect("PUBACK or PUBLISH", |packet| match packet {
                Packet::PubAck(_) => Some("PUBACK"),
                Packet::Publish(_) => Some("PUBLISH"),
                _ => None,
            })
        });
        packets.sort_unstable();
        assert_eq!(packets, ["PUBACK", "PUBLISH"]);
    });
    let publisher = Arc::new(Mutex::new(Some(client.clone())));
    let callback = {
        let publisher = Arc::clone(&publisher);
        move |message: &Message| {
            let publisher = publisher.lock().unwrap();
            let answer = Publish::new("out", message.payload());
            drop(publisher.as_ref().unwrap().try_publish(answer).unwrap());
        }
    };
    let subscription = client.subscribe_callback(everything("in"), callback).unwrap();
    client.run_until(peer.finished());
    publisher.lock().unwrap().take();
    drop(subscription);
}

pub(crate) fn a_message_outlives_its_client<A: Adapter>(trial: &Trial) {
    let adapter = A::start();
    let peer = trial.peer(|broker| {
        let mut connection = broker.open(false);
        connection.grant("a", QoS::ExactlyOnce);
        connection.publish(QoS::AtLeastOnce, Some(id(1)), "a", b"kept");
        connection.expect_end();
    });
    let client = adapter.connect(crate::options(&peer)).unwrap();
    let mut stream = client.subscribe(everything("a")).unwrap();
    let message = stream.recv().unwrap();
    drop((stream, client));
    adapter.run_until(peer.finished());
    assert_eq!((message.topic(), message.payload()), ("a", &b"kept"[..]));
    message.ack();
}
