//! Scripts with deadlines, and over more than one connection.

use std::time::Duration;

use mqtt_session::proto::{
    ConnAck, Connect, Packet, PacketType, Properties, Publish, QoS, Version,
};
use mqtt_session::{Config, Connect as Attempt, Event, Heap, Inbound, Payload, Session, Time};
use mqtt_testkit::{Link, Script};

use crate::packets::{CONNACK, puback, publish};

const START: Time = Time::ZERO;
const SECOND: Duration = Duration::from_secs(1);

fn connect() -> Packet<'static> {
    Packet::Connect(Connect {
        version: Version::V5,
        clean_start: false,
        keep_alive: 0,
        properties: Properties::EMPTY,
        client_id: "me",
        will: None,
        username: None,
        password: None,
    })
}

/// CONNACK of a session that goes on.
fn resumed() -> Packet<'static> {
    let Packet::ConnAck(connack) = CONNACK else { unreachable!() };
    Packet::ConnAck(ConnAck { session_present: true, ..connack })
}

/// `PINGREQ`.
const PING: [u8; 2] = [0xC0, 0];

fn ping_within_a_second() -> Script {
    let mut broker = Script::new(Version::V5).expect(&Packet::PingReq).within(SECOND);
    broker.poll_transmit(START, &mut Vec::new());
    broker
}

#[test]
fn what_comes_in_time_is_in_time() {
    let mut broker = ping_within_a_second();
    let deadline = START.after(SECOND);
    assert_eq!(broker.poll_timeout(), Some(deadline));
    broker.handle_input(deadline, &PING);
    broker.result().unwrap();
    assert_eq!(broker.poll_timeout(), None);
}

#[test]
fn what_does_not_come_in_time_fails() {
    let mut broker = ping_within_a_second();
    broker.poll_transmit(START.after(SECOND), &mut Vec::new());
    let failure = broker.result().unwrap_err();
    assert_eq!(failure.expected, "PINGREQ within 1s");
    assert_eq!(failure.seen, "nothing in that time");
    // Nobody came back at the deadline.
    let mut broker = ping_within_a_second();
    broker.handle_input(START.after(2 * SECOND), &PING);
    assert_eq!(broker.result().unwrap_err().seen, "it too late");
}

#[test]
fn a_deadline_begins_with_its_step() {
    let mut broker = Script::new(Version::V5)
        .after(5 * SECOND)
        .reply(&Packet::PingResp)
        .expect_end()
        .within(SECOND);
    broker.poll_transmit(START, &mut Vec::new());
    let sent = START.after(5 * SECOND);
    assert_eq!(broker.poll_timeout(), Some(sent));
    broker.poll_transmit(sent, &mut Vec::new());
    assert_eq!(broker.poll_timeout(), Some(sent.after(SECOND)));
    broker.handle_closed(sent.after(SECOND));
    broker.result().unwrap();
}

#[test]
fn a_deadline_for_no_step_is_the_scripts_fault() {
    let mut broker = Script::new(Version::V5).within(SECOND);
    broker.poll_transmit(START, &mut Vec::new());
    assert_eq!(broker.result().unwrap_err().expected, "a deadline for no step");
}

#[test]
fn two_scripts_go_on_over_another_link() {
    let mut client = Script::client(Version::V5)
        .reply(&connect())
        .expect(&CONNACK)
        .reply(&publish(7, "seven"))
        .expect_end()
        .reconnect()
        .reply(&connect())
        .expect(&resumed());
    let mut broker = Script::new(Version::V5)
        .expect(&connect())
        .reply(&CONNACK)
        .expect(&publish(7, "seven"))
        .close()
        .reconnect()
        .within(SECOND)
        .expect(&connect())
        .reply(&resumed());
    let mut first = Link::new(1);
    while client.attend(START, &mut first) | broker.attend(START, &mut first) {}
    client.attend(START, &mut first);
    assert!(client.awaits_connection() && broker.awaits_connection());
    let mut second = Link::new(2);
    client.handle_open(START);
    broker.handle_open(START);
    assert!(!client.awaits_connection() && !broker.awaits_connection());
    while client.attend(START, &mut second) | broker.attend(START, &mut second) {}
    client.result().unwrap();
    broker.result().unwrap();
    assert!(broker.trace().lines().any(|line| line.ends_with("-- end")));
}

#[test]
fn a_connection_nobody_expects_fails() {
    let mut broker = Script::new(Version::V5).expect(&Packet::PingReq);
    broker.handle_open(START);
    assert_eq!(broker.result().unwrap_err().seen, "the end of the connection");
    let mut broker = Script::new(Version::V5);
    broker.handle_open(START);
    assert_eq!(broker.result().unwrap_err().seen, "another connection");
}

#[test]
fn what_still_comes_counts_only_before_the_own_close() {
    let mut broker = Script::new(Version::V5).reconnect().expect(&Packet::PingReq);
    broker.handle_input(START, &PING);
    assert_eq!(broker.result().unwrap_err().seen, "PINGREQ");
    let mut broker = Script::new(Version::V5).close().reconnect().expect(&Packet::PingReq);
    broker.handle_input(START, &PING);
    broker.handle_open(START);
    broker.handle_input(START, &PING);
    broker.result().unwrap();
}

/// Moves all bytes between a session and its broker, and says how many messages were delivered.
fn exchange(session: &mut Session<Heap>, inbound: &mut Inbound<Heap>, broker: &mut Script) -> u32 {
    let mut delivered = 0;
    loop {
        let mut bytes = Vec::new();
        session.poll_transmit(START, &mut bytes).unwrap();
        session.handle_sent(START, bytes.len());
        broker.handle_input(START, &bytes);
        let is_quiet = bytes.is_empty();
        bytes.clear();
        broker.poll_transmit(START, &mut bytes);
        inbound.handle_input(START, &bytes);
        while let Some(event) = session.poll_event(START, inbound) {
            match event {
                Event::Connected(_) | Event::Closed(_) => {}
                Event::Published { .. } => delivered += 1,
                other => panic!("unexpected: {other:?}"),
            }
        }
        if is_quiet && bytes.is_empty() {
            return delivered;
        }
    }
}

#[test]
fn a_session_is_resumed_by_a_script() {
    let again = |packet: &Packet<'_>| matches!(packet, Packet::Publish(publish) if publish.dup && publish.payload == b"hello");
    let mut broker = Script::new(Version::V5)
        .expect_type(PacketType::Connect)
        .reply(&CONNACK)
        .expect(&publish(1, "hello"))
        .close()
        .reconnect()
        .expect_that(
            "CONNECT that resumes",
            |packet| matches!(packet, Packet::Connect(connect) if !connect.clean_start),
        )
        .reply(&resumed())
        .expect_that("PUBLISH again", again)
        .reply(&puback(1));
    let attempt = Attempt { session_expiry: 60, ..Attempt::new("me") };
    let mut session = Session::<Heap>::new(Config::new(1));
    let mut inbound = session.open(START, &attempt).unwrap();
    let Packet::Publish(message) = publish(1, "hello") else { unreachable!() };
    let message = Publish { packet_id: None, ..message };
    assert_eq!(message.qos, QoS::AtLeastOnce);
    session.publish(START, &message, Payload::Copy(b"hello")).unwrap();
    assert_eq!(exchange(&mut session, &mut inbound, &mut broker), 0);
    assert!(broker.is_closing() && broker.awaits_connection());
    session.handle_closed(START);
    assert_eq!(exchange(&mut session, &mut inbound, &mut broker), 0);
    let attempt = Attempt { clean_start: false, ..attempt };
    let mut inbound = session.open(START, &attempt).unwrap();
    broker.handle_open(START);
    let delivered = exchange(&mut session, &mut inbound, &mut broker);
    assert_eq!(delivered, 1, "{:?}", broker.result());
    broker.result().unwrap();
}
