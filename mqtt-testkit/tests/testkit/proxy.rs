//! The proxy, between sockets.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use mqtt_testkit::Direction::{ToClient, ToServer};
use mqtt_testkit::{Chunking, Proxy, Silent};

/// Long enough for whatever comes to have come.
const SOON: Duration = Duration::from_millis(100);

/// A broker that only listens, and a proxy in front of it.
struct Setup {
    broker: TcpListener,
    proxy: Proxy,
}

impl Setup {
    fn new() -> Setup {
        let broker = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let proxy = Proxy::start_seeded(&broker.local_addr().unwrap(), 7).unwrap();
        Setup { broker, proxy }
    }

    /// Both ends of a new connection.
    fn connect(&self) -> (TcpStream, TcpStream) {
        let client = TcpStream::connect(self.proxy.address()).unwrap();
        let (broker, _) = self.broker.accept().unwrap();
        for end in [&client, &broker] {
            end.set_nodelay(true).unwrap();
            end.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        }
        (client, broker)
    }
}

#[track_caller]
fn expect(from: &mut TcpStream, bytes: &[u8]) {
    let mut received = vec![0; bytes.len()];
    from.read_exact(&mut received).unwrap();
    assert_eq!(received, bytes);
}

/// The end comes, with nothing before it.
#[track_caller]
fn expect_end(from: &mut TcpStream) {
    match from.read(&mut [0]) {
        Ok(0) => {}
        Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
        other => panic!("not the end: {other:?}"),
    }
}

#[track_caller]
fn expect_silence(from: &mut TcpStream) {
    let timeout = from.read_timeout().unwrap();
    from.set_read_timeout(Some(SOON)).unwrap();
    let error = from.read(&mut [0]).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{error}");
    from.set_read_timeout(timeout).unwrap();
}

#[test]
fn bytes_and_the_end_of_each_direction_are_forwarded() {
    let setup = Setup::new();
    let (mut client, mut broker) = setup.connect();
    client.write_all(b"ping").unwrap();
    expect(&mut broker, b"ping");
    client.shutdown(std::net::Shutdown::Write).unwrap();
    expect_end(&mut broker);
    broker.write_all(b"pong").unwrap();
    drop(broker);
    expect(&mut client, b"pong");
    expect_end(&mut client);
}

#[test]
fn a_cut_ends_all_connections_and_no_later_one() {
    let setup = Setup::new();
    let (mut client, mut broker) = setup.connect();
    let (mut other, _other_broker) = setup.connect();
    setup.proxy.cut();
    expect_end(&mut client);
    expect_end(&mut broker);
    expect_end(&mut other);
    let (mut client, mut broker) = setup.connect();
    client.write_all(b"again").unwrap();
    expect(&mut broker, b"again");
}

#[test]
fn a_cut_comes_behind_any_byte_in_either_direction() {
    let setup = Setup::new();
    setup.proxy.set_chunking(Chunking::Exactly(NonZeroUsize::new(2).unwrap()));
    for bytes in 0..=4 {
        for direction in [ToServer, ToClient] {
            let (client, broker) = setup.connect();
            let (mut from, mut to) = match direction {
                ToServer => (client, broker),
                ToClient => (broker, client),
            };
            setup.proxy.cut_after(direction, bytes);
            from.write_all(b"abcd!").unwrap();
            expect(&mut to, &b"abcd"[..bytes]);
            expect_end(&mut to);
            expect_end(&mut from);
        }
    }
}

#[test]
fn a_stalled_connection_is_silent_until_it_is_resumed() {
    let setup = Setup::new();
    let (mut client, mut broker) = setup.connect();
    setup.proxy.stall();
    let (mut second, mut second_broker) = setup.connect();
    client.write_all(b"one").unwrap();
    client.shutdown(std::net::Shutdown::Write).unwrap();
    second.write_all(b"two").unwrap();
    broker.write_all(b"three").unwrap();
    expect_silence(&mut broker);
    expect_silence(&mut second_broker);
    expect_silence(&mut client);
    setup.proxy.resume();
    expect(&mut broker, b"one");
    expect_end(&mut broker);
    expect(&mut second_broker, b"two");
    expect(&mut client, b"three");
}

#[test]
fn a_connection_reset_while_it_is_stalled_ends_when_it_is_resumed() {
    let setup = Setup::new();
    let (client, mut broker) = setup.connect();
    broker.write_all(b"unread").unwrap();
    client.peek(&mut [0]).unwrap();
    setup.proxy.stall();
    // With bytes unread the system sends a reset.
    drop(client);
    expect_silence(&mut broker);
    setup.proxy.resume();
    expect_end(&mut broker);
}

#[test]
fn a_stalled_connection_can_be_cut_and_what_it_held_is_lost() {
    let setup = Setup::new();
    let (mut client, mut broker) = setup.connect();
    setup.proxy.stall();
    client.write_all(b"lost").unwrap();
    expect_silence(&mut broker);
    setup.proxy.cut();
    expect_end(&mut broker);
    expect_end(&mut client);
}

#[test]
fn a_cut_that_was_to_come_does_not_strike_later_connections() {
    let setup = Setup::new();
    let (mut client, mut broker) = setup.connect();
    setup.proxy.cut_after(ToServer, 3);
    setup.proxy.cut_after(ToClient, 1);
    client.write_all(b"and away").unwrap();
    expect(&mut broker, b"and");
    expect_end(&mut client);
    let (mut client, mut broker) = setup.connect();
    broker.write_all(b"stays").unwrap();
    expect(&mut client, b"stays");
}

#[test]
fn some_connections_are_refused_and_those_after_them_are_not() {
    let setup = Setup::new();
    let (mut client, mut broker) = setup.connect();
    setup.proxy.refuse_next(NonZeroUsize::new(2).unwrap());
    for _ in 0..2 {
        expect_end(&mut TcpStream::connect(setup.proxy.address()).unwrap());
    }
    let (mut later, mut behind) = setup.connect();
    later.write_all(b"later").unwrap();
    expect(&mut behind, b"later");
    client.write_all(b"still").unwrap();
    expect(&mut broker, b"still");
}

#[test]
fn connections_are_refused_until_they_are_admitted() {
    let setup = Setup::new();
    let (mut client, mut broker) = setup.connect();
    setup.proxy.refuse();
    expect_end(&mut TcpStream::connect(setup.proxy.address()).unwrap());
    client.write_all(b"on").unwrap();
    expect(&mut broker, b"on");
    setup.proxy.admit();
    let (mut client, mut broker) = setup.connect();
    client.write_all(b"again").unwrap();
    expect(&mut broker, b"again");
}

#[test]
fn a_delay_keeps_the_order_and_does_not_add_up() {
    let setup = Setup::new();
    let (mut client, mut broker) = setup.connect();
    setup.proxy.set_chunking(Chunking::UpTo(NonZeroUsize::new(9).unwrap()));
    setup.proxy.set_delay(ToServer, SOON..=SOON * 2);
    let sent: Vec<u8> = (0..=255).cycle().take(20_000).collect();
    let start = Instant::now();
    for part in sent.chunks(100) {
        client.write_all(part).unwrap();
    }
    drop(client);
    let mut received = Vec::new();
    broker.read_to_end(&mut received).unwrap();
    assert!(received == sent, "other bytes");
    assert!(start.elapsed() >= SOON, "{:?}", start.elapsed());
    // One piece after the other it would be minutes.
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
}

/// Dropping waits for the threads, whatever they wait for.
#[test]
fn nothing_outlives_the_proxy() {
    let setup = Setup::new();
    let (mut client, mut broker) = setup.connect();
    let (mut delayed, mut delayed_broker) = setup.connect();
    let never = Duration::from_secs(3600);
    setup.proxy.set_delay(ToClient, never..=never);
    delayed_broker.write_all(b"late").unwrap();
    expect_silence(&mut delayed);
    setup.proxy.stall();
    client.write_all(b"held").unwrap();
    let start = Instant::now();
    drop(setup.proxy);
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    for end in [&mut client, &mut broker, &mut delayed, &mut delayed_broker] {
        expect_end(end);
    }
}

#[test]
fn a_broker_that_does_not_answer_keeps_nobody_waiting() {
    let silent = Silent::start().unwrap();
    let proxy = Proxy::start(&silent.address()).unwrap();
    let connect = || {
        let client = TcpStream::connect(proxy.address()).unwrap();
        client.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        client
    };
    let mut dialled = connect();
    expect_silence(&mut dialled);
    proxy.refuse();
    expect_end(&mut connect());
    proxy.cut();
    expect_end(&mut dialled);
    let start = Instant::now();
    drop(proxy);
    assert!(start.elapsed() < Duration::from_secs(20));
}

#[test]
fn a_broker_that_is_down_is_a_connection_that_ends() {
    let Setup { broker, proxy } = Setup::new();
    drop(broker);
    expect_end(&mut TcpStream::connect(proxy.address()).unwrap());
}
