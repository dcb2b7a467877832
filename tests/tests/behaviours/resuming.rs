//! What becomes of unfinished business when a connection is replaced.

use mqtt_adapter_blocking::{Ack, ClientEvent, Publish, PublishError, QoS, ReasonCode};
use mqtt_proto::{Packet, PacketId, Properties, PubRel};
use mqtt_tests::adapter::{Adapter, Client, Handle, Subscription};
use mqtt_tests::{Connection, Published, Signal, Trial, id};

use crate::{connected, everything, qos1, wait_for};

/// The first QoS 2 flow is past PUBREC, the second is not.
pub(crate) fn unfinished_publishes_are_sent_again<A: Adapter>(trial: &Trial) {
    let (_peer, client) = connected::<A>(trial, |broker| {
        let mut connection = broker.open(false);
        let first = connection.expect_publish("first");
        let released = connection.expect_publish("released");
        let last = connection.expect_publish("last");
        connection.pubrec(released.id(), ReasonCode::Success);
        connection.expect_pubrel(released.id());
        connection.cut();

        let mut connection = broker.open(true);
        let (publishes, released_again) = take_resent(&mut connection);
        assert_eq!(released_again, released.id());
        assert_eq!(publishes, [first, last].map(|sent| Published { dup: true, ..sent }));
        connection.pubcomp(released_again);
        let [first, last] = publishes;
        connection.puback(first.id(), ReasonCode::Success);
        connection.pubrec(last.id(), ReasonCode::Success);
        connection.expect_pubrel(last.id());
        connection.pubcomp(last.id());
        connection.expect_disconnect(ReasonCode::NormalDisconnection);
    });
    let handles =
        [("first", QoS::AtLeastOnce), ("released", QoS::ExactlyOnce), ("last", QoS::ExactlyOnce)]
            .map(|(topic, qos)| client.enqueue(Publish::new(topic, "payload").qos(qos)).unwrap());
    for handle in handles {
        assert_eq!(handle.wait(), Ok(ReasonCode::Success));
    }
    client.disconnect();
}

/// Two PUBLISH packets, and somewhere between them a PUBREL.
fn take_resent(connection: &mut Connection) -> ([Published; 2], PacketId) {
    let mut publishes = Vec::new();
    let mut released = None;
    for _ in 0..3 {
        connection.expect("PUBLISH or PUBREL", |packet| match packet {
            Packet::Publish(publish) => {
                publishes.push(Published::of(publish));
                Some(())
            }
            Packet::PubRel(PubRel(ack)) => {
                released = Some(ack.packet_id);
                Some(())
            }
            _ => None,
        });
    }
    (publishes.try_into().expect("two PUBLISHes"), released.expect("one PUBREL"))
}

pub(crate) fn a_lost_session_is_made_anew<A: Adapter>(trial: &Trial) {
    let (_peer, client) = connected::<A>(trial, |broker| {
        let mut connection = broker.open(false);
        connection.grant("in", QoS::ExactlyOnce);
        let once = connection.expect_publish("once");
        connection.expect_publish("exactly once");
        connection.cut();

        let mut connection = broker.open(false);
        connection.grant("in", QoS::ExactlyOnce);
        let again = connection.take_qos1("once");
        assert_eq!((again.dup, again.payload), (false, once.payload));
        connection.deliver("in", b"message");
        connection.expect_disconnect(ReasonCode::NormalDisconnection);
    });
    let mut stream = client.subscribe(everything("in")).unwrap();
    let once = client.enqueue(qos1("once")).unwrap();
    let exactly_once = Publish::new("exactly once", "").qos(QoS::ExactlyOnce);
    assert_eq!(client.publish(exactly_once), Err(PublishError::Indeterminate));
    assert_eq!(once.wait(), Ok(ReasonCode::Success));
    assert_eq!(stream.recv().unwrap().payload(), b"message");
    client.disconnect();
}

pub(crate) fn a_subscribe_without_an_answer_is_made_again<A: Adapter>(trial: &Trial) {
    let (_peer, client) = connected::<A>(trial, |broker| {
        let mut connection = broker.open(false);
        connection.expect_subscribe("in");
        connection.cut();
        let mut connection = broker.open(true);
        connection.grant("in", QoS::ExactlyOnce);
        connection.deliver("in", b"message");
        connection.expect_disconnect(ReasonCode::NormalDisconnection);
    });
    let mut stream = client.subscribe(everything("in")).unwrap();
    assert_eq!(stream.recv().unwrap().payload(), b"message");
    client.disconnect();
}

pub(crate) fn an_acknowledgement_given_meanwhile_answers_the_copy<A: Adapter>(trial: &Trial) {
    let received = Signal::new();
    let acknowledged = Signal::new();
    let (cut, resume) = (received.clone(), acknowledged.clone());
    let (_peer, client) = connected::<A>(trial, move |broker| {
        let mut connection = broker.open(false);
        connection.grant("in", QoS::ExactlyOnce);
        connection.publish(QoS::AtLeastOnce, Some(id(3)), "in", b"message");
        cut.wait();
        connection.cut();
        resume.wait();
        let mut connection = broker.open(true);
        send_again(&mut connection, id(3), b"message");
        connection.expect_puback(id(3));
        connection.deliver("in", b"next");
        connection.expect_disconnect(ReasonCode::NormalDisconnection);
    });
    let mut stream = client.subscribe(everything("in")).unwrap();
    let message = stream.recv().unwrap();
    let mut events = client.events();
    received.raise();
    wait_for(&mut events, |event| matches!(event, ClientEvent::Disconnected { .. }));
    message.ack();
    acknowledged.raise();
    assert_eq!(stream.recv().unwrap().payload(), b"next");
    client.disconnect();
}

/// The acknowledgement of the third message waits behind the one dropped.
pub(crate) fn a_message_dropped_unacknowledged_comes_again<A: Adapter>(trial: &Trial) {
    let dropped = Signal::new();
    let cut = dropped.clone();
    let (peer, client) = connected::<A>(trial, move |broker| {
        let mut connection = broker.open(false);
        connection.grant("in", QoS::ExactlyOnce);
        for (packet_id, payload) in [(1, b"first"), (2, b"again"), (3, b"third")] {
            connection.publish(QoS::AtLeastOnce, Some(id(packet_id)), "in", payload);
        }
        connection.expect_puback(id(1));
        cut.wait();
        connection.cut();
        let mut connection = broker.open(true);
        for (packet_id, payload) in [(2, b"again"), (3, b"third")] {
            send_again(&mut connection, id(packet_id), payload);
        }
        connection.expect_puback(id(2));
        connection.expect_puback(id(3));
        connection.publish(QoS::AtLeastOnce, Some(id(4)), "in", b"later");
        connection.expect_puback(id(4));
    });
    let mut stream = client.subscribe(everything("in").ack(Ack::Manual)).unwrap();
    stream.recv().unwrap().ack();
    let again = stream.recv().unwrap();
    let third = stream.recv().unwrap();
    assert_eq!((again.payload(), third.payload()), (&b"again"[..], &b"third"[..]));
    drop(again);
    third.ack();
    assert_eq!(client.stats().unacknowledged_drops, 1);
    assert_eq!(client.oldest_unacknowledged().as_deref(), Some("in"));
    dropped.raise();
    for payload in [&b"again"[..], b"later"] {
        let message = stream.recv().unwrap();
        assert_eq!(message.payload(), payload);
        message.ack();
    }
    client.run_until(peer.finished());
    assert_eq!(client.oldest_unacknowledged(), None);
}

/// The broker sends a message of QoS 1 with DUP.
fn send_again(connection: &mut Connection, packet_id: PacketId, payload: &[u8]) {
    connection.send(&Packet::Publish(mqtt_proto::Publish {
        dup: true,
        qos: QoS::AtLeastOnce,
        retain: false,
        topic: "in",
        packet_id: Some(packet_id),
        properties: Properties::EMPTY,
        payload,
    }));
}
