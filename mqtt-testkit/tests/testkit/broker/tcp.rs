//! The model broker on a socket.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use mqtt_proto::{Connect, Encode, Packet, Publish, ReasonCode, Role, Version};
use mqtt_testkit::TcpBroker;
use mqtt_testkit::broker::{Message, Persistence, Settings};

use super::packets::*;
use super::world::{decode, encode};

/// Nothing here takes that long.
const PATIENCE: Duration = Duration::from_secs(20);

fn start() -> TcpBroker {
    TcpBroker::start(Settings { topic_alias_maximum: 0, ..Settings::default() }).unwrap()
}

struct Client(TcpStream);

impl Client {
    fn open(broker: &TcpBroker) -> Client {
        let socket = TcpStream::connect(broker.address()).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Client(socket)
    }

    /// Connects and expects to be let in.
    #[track_caller]
    fn connect(broker: &TcpBroker, connect: &Connect<'_>, session_present: bool) -> Client {
        let mut client = Client::open(broker);
        client.send(connect);
        client.expect_bytes(&[0x20, 3, u8::from(session_present), 0, 0]);
        client
    }

    fn send(&mut self, packet: &impl Encode) {
        self.0.write_all(&encode(packet, Version::V5, Role::Client)).unwrap();
    }

    #[track_caller]
    fn expect(&mut self, packet: &Packet<'_>) {
        self.expect_bytes(&encode(packet, Version::V5, Role::Server));
    }

    #[track_caller]
    fn expect_bytes(&mut self, expected: &[u8]) {
        let mut bytes = vec![0; expected.len()];
        self.0.read_exact(&mut bytes).unwrap();
        assert_eq!(bytes, expected);
    }

    /// What comes before the connection ends.
    fn rest(mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.0.read_to_end(&mut bytes).unwrap();
        bytes
    }
}

/// Waits until the broker has so many connections.
#[track_caller]
fn wait_for_connections(broker: &TcpBroker, count: usize) {
    let start = Instant::now();
    while broker.command(|broker, _| broker.connections().count()) != count {
        assert!(start.elapsed() < PATIENCE, "a connection stays");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn clients_talk_over_sockets() {
    let broker = start();
    let mut receiver = Client::connect(&broker, &connect("r"), false);
    receiver.send(&subscribe(1, &[filter("t", QOS1)]));
    receiver.expect(&suback(1, &[ReasonCode::GrantedQoS1]));
    let mut sender = Client::connect(&broker, &connect("s"), false);
    let payload = vec![7; 1 << 20];
    let message = Publish { payload: &payload, ..publish(QOS1, 1, "t") };
    sender.send(&message);
    sender.expect(&puback(1));
    receiver.expect(&Packet::Publish(message));
    broker.command(|broker, now| broker.publish(now, Message::new("t", b"hi")));
    receiver.expect(&Packet::Publish(publish(QOS0, 0, "t")));
    assert_eq!(broker.command(|broker, _| broker.sessions().count()), 2);
}

#[test]
fn a_client_reads_why_it_is_disconnected() {
    let broker = start();
    let mut client = Client::connect(&broker, &connect("a"), false);
    // Behind the violation comes what nobody reads.
    client.0.write_all(&[0xFF; 100_000]).unwrap();
    let bytes = client.rest();
    let [Packet::Disconnect(disconnect)] = decode(&bytes, Version::V5)[..] else { panic!() };
    assert_eq!(disconnect.reason, ReasonCode::MalformedPacket);
}

#[test]
fn deadlines_come_in_real_time() {
    let broker = start();
    let start = Instant::now();
    let client = Client::connect(&broker, &Connect { keep_alive: 1, ..connect("a") }, false);
    let bytes = client.rest();
    let [Packet::Disconnect(disconnect)] = decode(&bytes, Version::V5)[..] else { panic!() };
    assert_eq!(disconnect.reason, ReasonCode::KeepAliveTimeout);
    assert!(start.elapsed() >= Duration::from_millis(1500));
}

#[test]
fn a_session_outlives_a_restart_and_its_connection_does_not() {
    let broker = start();
    let mut client = Client::connect(&broker, &resume("a"), false);
    client.send(&subscribe(1, &[filter("t", QOS1)]));
    client.expect(&suback(1, &[ReasonCode::GrantedQoS1]));
    broker.command(|broker, now| broker.restart(now, Persistence::Kept));
    assert_eq!(client.rest(), []);
    let message = Message { qos: QOS1, ..Message::new("t", b"hi") };
    broker.command(|broker, now| broker.publish(now, message));
    let mut client = Client::connect(&broker, &resume("a"), true);
    client.expect(&Packet::Publish(publish(QOS1, 1, "t")));
}

#[test]
fn a_stalled_connection_goes_on_when_it_is_told_to() {
    let broker = start();
    let mut client = Client::connect(&broker, &connect("a"), false);
    let id = broker.command(|broker, _| broker.session("a").unwrap().connection.unwrap());
    broker.command(|broker, _| broker.stall(id));
    client.send(&Packet::PingReq);
    client.0.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    client.0.read_exact(&mut [0]).unwrap_err();
    client.0.set_read_timeout(Some(PATIENCE)).unwrap();
    broker.command(|broker, now| broker.unstall(now, id));
    client.expect(&Packet::PingResp);
}

#[test]
fn a_client_that_does_not_read_is_dropped_all_the_same() {
    let broker = start();
    let mut client = Client::connect(&broker, &connect("a"), false);
    client.send(&subscribe(1, &[filter("t", QOS0)]));
    client.expect(&suback(1, &[ReasonCode::GrantedQoS0]));
    let message = Message::new("t", &vec![0; 64 << 20]);
    let id = broker.command(|broker, now| {
        broker.publish(now, message);
        broker.session("a").unwrap().connection.unwrap()
    });
    // It has begun to write what no socket holds.
    client.0.peek(&mut [0]).unwrap();
    broker.command(|broker, now| broker.drop_connection(now, id));
    wait_for_connections(&broker, 0);
}

#[test]
fn a_stalled_connection_that_is_taken_over_ends() {
    let broker = start();
    let mut stalled = Client::connect(&broker, &connect("a"), false);
    broker.command(|broker, _| {
        let id = broker.session("a").unwrap().connection.unwrap();
        broker.stall(id);
    });
    stalled.send(&Packet::PingReq);
    let _client = Client::connect(&broker, &connect("a"), false);
    assert_eq!(stalled.rest(), []);
    wait_for_connections(&broker, 1);
}

#[test]
fn a_broker_that_is_dropped_ends_its_connections_and_its_port() {
    let broker = start();
    let address = broker.address();
    let client = Client::connect(&broker, &connect("a"), false);
    let silent = Client::open(&broker);
    drop(broker);
    assert_eq!(client.rest(), []);
    drop(silent);
    TcpStream::connect(address).unwrap_err();
}
