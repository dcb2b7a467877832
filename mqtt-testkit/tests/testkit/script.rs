//! The scripted peer.

use std::num::NonZeroUsize;
use std::time::Duration;

use mqtt_session::proto::{
    Connect, Packet, PacketType, Properties, Property, Publish, ReasonCode, Version,
};
use mqtt_session::{CloseReason, Config, Connect as Attempt, Event, Heap, Payload, Session, Time};
use mqtt_testkit::Direction::{ToClient, ToServer};
use mqtt_testkit::{Chunking, Link, Received, Script};

use crate::packets::{CONNACK, puback, publish};

const START: Time = Time::ZERO;

fn after(millis: u64) -> Time {
    START.after(Duration::from_millis(millis))
}

/// What two scripts send each other, until nothing more happens by itself.
fn play(client: &mut Script, broker: &mut Script, link: &mut Link) -> Time {
    let mut now = START;
    loop {
        while client.attend(now, link) | broker.attend(now, link) {}
        let next = [link.poll_timeout(), client.poll_timeout(), broker.poll_timeout()];
        match next.into_iter().flatten().min() {
            Some(at) => now = now.max(at),
            None => return now,
        }
    }
}

fn connect() -> Packet<'static> {
    Packet::Connect(Connect {
        version: Version::V5,
        clean_start: true,
        keep_alive: 0,
        properties: Properties::EMPTY,
        client_id: "me",
        will: None,
        username: None,
        password: None,
    })
}

fn answered<'a>(packet: &Packet<'a>) -> Packet<'a> {
    match packet {
        Packet::Publish(publish) => puback(publish.packet_id.unwrap().get()),
        other => panic!("not a PUBLISH: {other:?}"),
    }
}

#[test]
fn two_scripts_talk_over_any_link() {
    for seed in 0..50 {
        let mut link = Link::new(seed);
        link.set_chunking(Chunking::UpTo(NonZeroUsize::new(3).unwrap()));
        link.set_capacity(Some(5));
        link.set_delay(ToServer, Duration::ZERO..=Duration::from_millis(3));
        let mut client = Script::client(Version::V5)
            .reply(&connect())
            .expect(&CONNACK)
            .reply(&publish(7, "seven"))
            .expect(&puback(7))
            .close()
            .expect_end();
        let mut broker = Script::new(Version::V5)
            .expect(&connect())
            .reply(&CONNACK)
            .expect_that(
                "a PUBLISH of seven",
                |packet| matches!(packet, Packet::Publish(publish) if publish.payload == b"seven"),
            )
            .reply_with(answered)
            .expect_end()
            .close();
        play(&mut client, &mut broker, &mut link);
        client.result().unwrap();
        broker.result().unwrap();
    }
}

#[test]
fn a_wait_takes_its_time_and_input_waits_with_it() {
    let wait = Duration::from_millis(30);
    let mut broker = Script::new(Version::V5)
        .after(wait)
        .reply(&Packet::PingResp)
        .expect(&Packet::PingReq)
        .expect_silence(wait)
        .reply_bytes([0xFF]);
    let mut out = Vec::new();
    broker.poll_transmit(START, &mut out);
    broker.handle_input(after(10), &[0xC0, 0x00]);
    assert_eq!((out.len(), broker.poll_timeout()), (0, Some(after(30))));
    broker.poll_transmit(after(30), &mut out);
    assert_eq!((&out[..], broker.poll_timeout()), (&[0xD0, 0x00][..], Some(after(60))));
    broker.poll_transmit(after(60), &mut out);
    assert_eq!((&out[2..], broker.poll_timeout()), (&[0xFF][..], None));
    broker.result().unwrap();
}

#[test]
fn a_failure_shows_what_was_expected_and_all_that_came() {
    let mut broker = Script::new(Version::V5)
        .expect(&connect())
        .reply(&CONNACK)
        .expect(&publish(1, "one"))
        .reply(&puback(1));
    let mut client = Script::client(Version::V5)
        .reply(&connect())
        .expect(&CONNACK)
        .after(Duration::from_millis(1500))
        .reply(&puback(9));
    play(&mut client, &mut broker, &mut Link::new(0));
    assert_eq!(
        broker.result().unwrap_err().to_string(),
        "at step 3 of 4\n\
         \x20 expected: PUBLISH q1 id 1 \"a\" 3 bytes \"one\"\n\
         \x20 but got:  PUBACK id 9\n\
         \x20 0.000000 -> CONNECT 5.0 \"me\" clean keep-alive 0\n\
         \x20 0.000000 <- CONNACK\n\
         \x20 1.500000 -> PUBACK id 9\n",
    );
}

/// What a script with this last step has seen instead of it.
#[track_caller]
fn seen(script: Script, input: &[u8]) -> String {
    let mut script = script;
    script.handle_input(START, input);
    script.handle_closed(START);
    let failure = script.result().unwrap_err();
    assert_eq!(format!("{failure:?}"), failure.to_string());
    failure.seen
}

#[test]
fn whatever_else_comes_is_a_failure() {
    let script = || Script::new(Version::V5);
    let ping = [0xC0, 0x00];
    assert_eq!(seen(script(), &ping), "PINGREQ");
    assert_eq!(seen(script(), &ping[..1]), "a packet that starts with C0");
    assert_eq!(seen(script().expect_end(), &ping), "PINGREQ");
    assert_eq!(seen(script().expect_silence(Duration::from_millis(1)), &ping), "PINGREQ");
    assert_eq!(seen(script().expect_type(PacketType::PubAck), &ping), "PINGREQ");
    assert_eq!(seen(script().expect_that("nothing", |_| false), &ping), "PINGREQ");
    assert_eq!(seen(script().expect_bytes([0xC0, 0x01]), &ping), "C0 00");
    assert_eq!(seen(script().expect(&Packet::PingReq), &[]), "the end of the connection");
    let cut = seen(script().expect(&Packet::PingReq), &ping[..1]);
    assert_eq!(cut, "the end of the connection behind C0");
    let silence = script().expect_silence(Duration::from_millis(1));
    assert_eq!(seen(silence, &[]), "the end of the connection");
    let malformed = seen(script().expect(&Packet::PingReq), &[0xC0, 0x01, 0x00]);
    assert!(malformed.starts_with("no packet (PINGREQ: "), "{malformed}");
    let reserved = seen(script().expect(&Packet::PingReq), &[0x00]);
    assert!(reserved.starts_with("no packet (packet type: "), "{reserved}");
}

#[test]
fn packets_that_differ_behind_the_line_are_shown_whole() {
    let (long, other) = ("x".repeat(100) + "1", "x".repeat(100) + "2");
    let mut client = Script::client(Version::V5).reply(&publish(1, &long));
    let mut broker = Script::new(Version::V5).expect(&publish(1, &other));
    play(&mut client, &mut broker, &mut Link::new(0));
    let seen = broker.result().unwrap_err().seen;
    assert!(seen.starts_with("another one: Publish(") && seen.contains("\n  not:      "), "{seen}");
}

#[test]
fn unfinished_steps_and_packets_that_cannot_be_written_are_failures() {
    let waiting = Script::new(Version::V5).expect(&Packet::PingReq);
    let failure = waiting.result().unwrap_err();
    assert_eq!((failure.step, failure.seen.as_str()), (1, "nothing so far"));
    // PINGREQ is not the broker's to send.
    let mut wrong = Script::new(Version::V5).reply(&Packet::PingReq);
    wrong.poll_transmit(START, &mut Vec::new());
    let failure = wrong.result().unwrap_err();
    assert!(failure.expected.starts_with("PINGREQ which cannot be written: "), "{failure}");
}

#[test]
fn properties_are_compared_and_not_their_bytes() {
    let properties = [Property::ContentType("text")];
    let message = |properties| match publish(1, "x") {
        Packet::Publish(message) => Packet::Publish(Publish { properties, ..message }),
        other => other,
    };
    let with = message(Properties::from_slice(&properties));
    for (sent, is_right) in [(with, true), (publish(1, "x"), false)] {
        let mut client = Script::client(Version::V5).reply(&sent);
        let mut broker = Script::new(Version::V5).expect(&with);
        play(&mut client, &mut broker, &mut Link::new(0));
        assert_eq!(broker.result().is_ok(), is_right);
    }
}

/// A session on a link, and what it reported.
struct Client {
    session: Session<Heap>,
    inbound: mqtt_session::Inbound<Heap>,
    unsent: Vec<u8>,
    delivered: u32,
    closed: Option<CloseReason>,
}

impl Client {
    fn new() -> Client {
        let mut session = Session::new(Config::new(1));
        let inbound = session.open(START, &Attempt::new("me")).unwrap();
        Client { session, inbound, unsent: Vec::new(), delivered: 0, closed: None }
    }

    fn attend(&mut self, now: Time, link: &mut Link) {
        let mut received = Vec::new();
        let end = loop {
            match link.poll_receive(now, ToClient, &mut received) {
                Received::Bytes(_) => {}
                end @ (Received::Nothing | Received::End) => break end,
            }
        };
        self.inbound.handle_input(now, &received);
        if end == Received::End && self.closed.is_none() {
            self.session.handle_closed(now);
        }
        while let Some(event) = self.session.poll_event(now, &mut self.inbound) {
            match event {
                Event::Connected(_) => {
                    let Packet::Publish(message) = publish(1, "hello") else { unreachable!() };
                    let message = Publish { packet_id: None, ..message };
                    self.session.publish(now, &message, Payload::Copy(b"hello")).unwrap();
                }
                Event::Published { .. } => self.delivered += 1,
                Event::Closed(reason) => self.closed = Some(reason),
                other => panic!("unexpected: {other:?}"),
            }
        }
        self.session.handle_timeout(now);
        self.session.poll_transmit(now, &mut self.unsent).unwrap();
        let sent = link.send(now, ToServer, &self.unsent);
        self.session.handle_sent(now, sent);
        self.unsent.drain(..sent);
    }
}

#[test]
fn a_session_faces_a_script_over_a_link_cut_at_any_byte() {
    // CONNACK has 5 bytes, PUBACK 4.
    for cut in 0..=9 {
        let mut link = Link::new(3);
        link.set_chunking(Chunking::BYTES);
        link.set_delay(ToClient, Duration::from_millis(1)..=Duration::from_millis(4));
        link.cut_after(START, ToClient, cut);
        let mut broker = Script::new(Version::V5)
            .expect_type(PacketType::Connect)
            .reply(&CONNACK)
            .expect(&publish(1, "hello"))
            .reply_with(answered)
            .expect_end();
        let mut client = Client::new();
        let mut now = START;
        for _ in 0..1000 {
            client.attend(now, &mut link);
            broker.attend(now, &mut link);
            match [link.poll_timeout(), broker.poll_timeout()].into_iter().flatten().min() {
                Some(at) => now = now.max(at),
                None => break,
            }
        }
        assert_eq!(client.delivered, u32::from(cut == 9), "cut behind {cut}");
        let reason = if cut < 5 { CloseReason::NoConnAck } else { CloseReason::Lost };
        assert_eq!(client.closed, Some(reason), "cut behind {cut}");
        assert_eq!(broker.result().is_ok(), cut > 5, "cut behind {cut}: {:?}", broker.result());
    }
}

#[test]
fn a_session_judges_what_is_no_packet() {
    let mut link = Link::new(0);
    let mut broker = Script::new(Version::V5)
        .expect_type(PacketType::Connect)
        .reply(&CONNACK)
        .expect_type(PacketType::Publish)
        .reply_bytes([0x00, 0x00])
        .expect_that("DISCONNECT with 0x81", |packet| {
            matches!(packet, Packet::Disconnect(disconnect)
                if disconnect.reason == ReasonCode::MalformedPacket)
        });
    let mut client = Client::new();
    for _ in 0..10 {
        client.attend(START, &mut link);
        broker.attend(START, &mut link);
    }
    broker.result().unwrap();
    let last = broker.trace().lines().last();
    assert_eq!(last, Some("  0.000000 -> DISCONNECT 0x81 Malformed Packet"));
}
