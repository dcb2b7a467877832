//! Calls make progress however little room there is, and whoever reads or does not.

use mqtt_adapter_blocking::{Options, Publish, QoS, ReasonCode};
use mqtt_proto::Property;
use mqtt_tests::adapter::{Adapter, Client, Subscription};
use mqtt_tests::{Trial, id};

use crate::{everything, options, qos1};

const ROUNDS: u16 = 20;

/// Every capacity is 1, on both sides.
fn least_room(options: Options) -> Options {
    options.receive_maximum(1).max_pending(1).max_pending_bytes(1).write_queue(1).held_bytes(1)
}

/// The next message comes only after the last one was acknowledged, which is after its answer.
pub(crate) fn publishing_in_the_receive_loop_with_no_room_to_spare<A: Adapter>(trial: &Trial) {
    let peer = trial.peer(|broker| {
        let mut connection = broker.open_with(false, &[Property::ReceiveMaximum(1)]);
        connection.grant("in", QoS::ExactlyOnce);
        for _ in 0..ROUNDS {
            connection.publish(QoS::AtLeastOnce, Some(id(1)), "in", b"message");
            connection.expect_publish("out/0");
            connection.take_qos1("out/1");
            connection.expect_puback(id(1));
        }
        connection.expect_disconnect(ReasonCode::NormalDisconnection);
    });
    let client = A::start().connect(least_room(options(&peer))).unwrap();
    let mut stream = client.subscribe(everything("in").buffer(1)).unwrap();
    for _ in 0..ROUNDS {
        let message = stream.recv().unwrap();
        client.publish(Publish::new("out/0", message.payload())).unwrap();
        client.publish(qos1("out/1")).unwrap();
    }
    client.disconnect();
}

/// QoS 0 messages nobody reads, far more than may be held, stand before every answer.
pub(crate) fn an_answer_comes_through_behind_messages_nobody_reads<A: Adapter>(trial: &Trial) {
    let peer = trial.peer(|broker| {
        let mut connection = broker.open_with(false, &[Property::ReceiveMaximum(1)]);
        connection.grant("in", QoS::ExactlyOnce);
        for _ in 0..ROUNDS {
            let publish = connection.expect_publish("out");
            for _ in 0..100 {
                connection.deliver("in", b"message");
            }
            connection.puback(publish.id(), ReasonCode::Success);
        }
        connection.deliver("in", b"last");
        connection.expect_disconnect(ReasonCode::NormalDisconnection);
    });
    let client = A::start().connect(least_room(options(&peer))).unwrap();
    let mut stream = client.subscribe(everything("in").buffer(1)).unwrap();
    for _ in 0..ROUNDS {
        client.publish(qos1("out")).unwrap();
    }
    while stream.recv().unwrap().payload() != b"last" {}
    client.disconnect();
}

/// The stream nobody reads holds two messages of QoS 1. Since acknowledgements of one kind leave in
/// the order of arrival, another one of QoS 1 is still delivered, and acknowledged after them.
pub(crate) fn a_fast_stream_beside_a_stalled_one<A: Adapter>(trial: &Trial) {
    let peer = trial.peer(|broker| {
        let mut connection = broker.open(false);
        connection.grant("slow", QoS::ExactlyOnce);
        connection.grant("fast", QoS::ExactlyOnce);
        connection.publish(QoS::AtLeastOnce, Some(id(1)), "slow", b"first");
        connection.publish(QoS::AtLeastOnce, Some(id(2)), "slow", b"second");
        connection.deliver("slow", b"third");
        for _ in 0..ROUNDS {
            connection.deliver("fast", b"message");
            connection.publish(QoS::ExactlyOnce, Some(id(3)), "fast", b"message");
            connection.expect_pubrec(id(3));
            connection.pubrel(id(3));
            connection.expect_pubcomp(id(3));
        }
        connection.publish(QoS::AtLeastOnce, Some(id(4)), "fast", b"last");
        for packet_id in [1, 2, 4] {
            connection.expect_puback(id(packet_id));
        }
        connection.expect_disconnect(ReasonCode::NormalDisconnection);
    });
    let options = options(&peer).receive_maximum(4).held_bytes(1 << 10);
    let client = A::start().connect(options).unwrap();
    let mut slow = client.subscribe(everything("slow").buffer(1)).unwrap();
    let mut fast = client.subscribe(everything("fast").buffer(1)).unwrap();
    for _ in 0..2 * ROUNDS {
        assert_eq!(fast.recv().unwrap().payload(), b"message");
    }
    assert_eq!(fast.recv().unwrap().payload(), b"last");
    for payload in ["first", "second", "third"] {
        assert_eq!(slow.recv().unwrap().payload(), payload.as_bytes());
    }
    client.disconnect();
}

/// The one nobody reads holds a message of each other kind, whose acknowledgements have an order of
/// their own.
pub(crate) fn a_fast_stream_of_qos1_beside_a_stalled_one<A: Adapter>(trial: &Trial) {
    let peer = trial.peer(|broker| {
        let mut connection = broker.open(false);
        connection.grant("slow", QoS::ExactlyOnce);
        connection.grant("fast", QoS::ExactlyOnce);
        connection.publish(QoS::ExactlyOnce, Some(id(1)), "slow", b"first");
        connection.deliver("slow", b"second");
        for _ in 0..ROUNDS {
            connection.publish(QoS::AtLeastOnce, Some(id(2)), "fast", b"message");
            connection.expect_puback(id(2));
        }
        connection.deliver("fast", b"last");
        connection.expect_pubrec(id(1));
        connection.pubrel(id(1));
        connection.expect_pubcomp(id(1));
    });
    let options = options(&peer).receive_maximum(2).held_bytes(1 << 10);
    let client = A::start().connect(options).unwrap();
    let mut slow = client.subscribe(everything("slow").buffer(1)).unwrap();
    let mut fast = client.subscribe(everything("fast").buffer(1)).unwrap();
    for _ in 0..ROUNDS {
        assert_eq!(fast.recv().unwrap().payload(), b"message");
    }
    assert_eq!(fast.recv().unwrap().payload(), b"last");
    for payload in ["first", "second"] {
        assert_eq!(slow.recv().unwrap().payload(), payload.as_bytes());
    }
    client.run_until(peer.finished());
}
