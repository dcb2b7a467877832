//! Back-pressure, both ways: whoever is slow holds up the other side, and nobody's memory grows.

use std::sync::mpsc;
use std::time::Duration;

use mqtt_adapter_blocking::{Publish, PublishError, QoS, ReasonCode};
use mqtt_tests::adapter::{Adapter, Client, Subscription};
use mqtt_tests::{Signal, Trial};

use crate::{everything, options};

/// One message. Many of them are far more than sockets hold.
const SIZE: usize = 64 << 10;
const MESSAGES: u32 = 200;
/// Messages the client may hold.
const HELD: usize = 4;

pub(crate) fn reading_pauses_while_nobody_takes_messages<A: Adapter>(trial: &Trial) {
    let peer = trial.peer(|broker| {
        let mut connection = broker.open(false);
        connection.grant("in", QoS::ExactlyOnce);
        for number in 0..MESSAGES {
            connection.deliver("in", &numbered(number));
        }
        connection.expect_disconnect(ReasonCode::NormalDisconnection);
    });
    let client = A::start().connect(options(&peer).held_bytes(HELD * SIZE)).unwrap();
    let mut stream = client.subscribe(everything("in")).unwrap();
    // Time in which a client that does not pause reads far more than it may.
    client.pass(Duration::from_millis(200));
    for number in 0..MESSAGES {
        let held = client.stats().held_bytes;
        // What one read brings in comes on top.
        assert!(held < 2 * HELD * SIZE, "{held} bytes are held");
        assert_eq!(stream.recv().unwrap().payload(), numbered(number));
    }
    client.disconnect();
}

pub(crate) fn writing_pauses_while_the_broker_reads_nothing<A: Adapter>(trial: &Trial) {
    let full = Signal::new();
    let (filled, (sender, accepted)) = (full.clone(), mpsc::channel());
    let peer = trial.peer(move |broker| {
        let mut connection = broker.open(false);
        filled.wait();
        for number in 0..accepted.recv().unwrap() {
            assert_eq!(connection.expect_publish("out").payload, numbered(number));
        }
        connection.expect_disconnect(ReasonCode::NormalDisconnection);
    });
    let client = A::start().connect(options(&peer).write_queue(HELD * SIZE)).unwrap();
    let mut sent = 0;
    // Far more than sockets hold: it must end long before.
    while sent < 100 * MESSAGES {
        match client.try_publish(Publish::new("out", numbered(sent))) {
            Ok(_) => sent += 1,
            Err(error) => {
                assert_eq!(error, PublishError::Full);
                break;
            }
        }
    }
    assert!(sent < 100 * MESSAGES, "it was never full");
    sender.send(sent + 1).unwrap();
    full.raise();
    client.publish(Publish::new("out", numbered(sent))).unwrap();
    client.disconnect();
}

fn numbered(number: u32) -> Vec<u8> {
    let mut payload = vec![0; SIZE];
    payload[..4].copy_from_slice(&number.to_be_bytes());
    payload
}
