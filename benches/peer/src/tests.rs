//! Whole connections: a script plays the client, the verdict is checked.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use crate::connection::Connection;
use crate::{Void, payload, sink, source};

/// With Receive Maximum 2.
const CONNECT: &[u8] = b"\x10\x10\0\x04MQTT\x05\x02\0\0\x03\x21\0\x02\0\0";
const CONNACK: &[u8] = b"\x20\x06\0\0\x03\x21\0\x64";
const SUBSCRIBE: &[u8] = b"\x82\x07\0\x01\0\0\x01t\x01";
const SUBACK: &[u8] = b"\x90\x04\0\x01\0\x01";
const DISCONNECT: &[u8] = b"\xe0\0";

/// A step of the client.
enum Step<'a> {
    Send(&'a [u8]),
    Expect(&'a [u8]),
}

use Step::{Expect, Send};

/// Plays `steps` after the handshake, then closes. Returns what `serve` says.
fn verdict(
    steps: &[Step<'_>],
    serve: impl FnOnce(&mut Connection, u16) -> Result<(), Void> + std::marker::Send,
) -> Result<(), Void> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    client.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let stream = listener.accept().unwrap().0;
    thread::scope(|scope| {
        let peer = scope.spawn(move || {
            let mut connection = Connection::new(stream)?;
            let receive_maximum = connection.handshake()?;
            serve(&mut connection, receive_maximum)
        });
        for step in [Send(CONNECT), Expect(CONNACK)].iter().chain(steps) {
            match step {
                Send(bytes) => client.write_all(bytes).unwrap(),
                Expect(bytes) => {
                    let mut answer = vec![0; bytes.len()];
                    client.read_exact(&mut answer).unwrap();
                    assert_eq!(&answer, bytes);
                }
            }
        }
        drop(client);
        peer.join().unwrap()
    })
}

/// One PUBLISH at QoS 1 on the topic `t`.
fn publish(id: u8, number: u64) -> Vec<u8> {
    let mut bytes = [b"\x32\x46\0\x01t\0", &[id, 0][..], &[b'.'; payload::LEN]].concat();
    payload::number(&mut bytes[8..], number);
    bytes
}

#[test]
fn sink_acknowledges_in_sequence() {
    let steps = [
        Send(&[publish(1, 0), publish(9, 1)].concat()),
        Expect(b"\x40\x02\0\x01\x40\x02\0\x09"),
        Send(b"\xc0\0"),
        Expect(b"\xd0\0"),
        Send(DISCONNECT),
    ];
    verdict(&steps, |connection, _| sink::run(connection, 2, 1)).unwrap();
}

#[test]
fn sink_voids_what_is_lost_or_repeated() {
    for numbers in [[0, 2], [0, 0], [1, 2], [1, 0]] {
        let steps = [Send(&numbers.map(|number| publish(1, number)).concat()), Send(DISCONNECT)];
        verdict(&steps, |connection, _| sink::run(connection, 2, 1)).unwrap_err();
    }
}

#[test]
fn sink_voids_an_early_end() {
    let steps = [Send(&publish(1, 0)), Expect(b"\x40\x02\0\x01"), Send(DISCONNECT)];
    verdict(&steps, |connection, _| sink::run(connection, 2, 1)).unwrap_err();
    verdict(&steps[..2], |connection, _| sink::run(connection, 1, 1)).unwrap_err();
    verdict(&steps, |connection, _| sink::run(connection, 1, 1)).unwrap();
    verdict(&steps[..1], |connection, _| sink::run(connection, 1, 0)).unwrap_err();
}

#[test]
fn source_keeps_to_the_window() {
    let steps = [
        Send(SUBSCRIBE),
        Expect(SUBACK),
        Expect(&[publish(1, 0), publish(2, 1)].concat()),
        Send(b"\x40\x02\0\x01"),
        Expect(&publish(1, 2)),
        Send(b"\x40\x02\0\x02\x40\x02\0\x01"),
        Send(DISCONNECT),
    ];
    let serve = |connection: &mut Connection, window| source::run(connection, 3, 1, window);
    verdict(&steps, serve).unwrap();
    verdict(&steps[..6], serve).unwrap_err();
}

#[test]
fn source_voids_wrong_acknowledgements() {
    for acks in [&b"\x40\x02\0\x02"[..], b"\x40\x02\0\x01\x40\x02\0\x01", b"", b"\x50\x02\0\x01"] {
        let steps = [
            Send(SUBSCRIBE),
            Expect(SUBACK),
            Expect(&[publish(1, 0), publish(2, 1)].concat()),
            Send(acks),
            Send(DISCONNECT),
        ];
        verdict(&steps, |connection, window| source::run(connection, 2, 1, window)).unwrap_err();
    }
}
