//! The simulated link.

use std::num::NonZeroUsize;
use std::time::Duration;

use mqtt_session::Time;
use mqtt_testkit::Direction::{self, ToClient, ToServer};
use mqtt_testkit::{Chunking, Link, Received};

const START: Time = Time::from_micros(1_000_000);

fn after(millis: u64) -> Time {
    START.after(Duration::from_millis(millis))
}

/// The pieces that have arrived, and whether the end has.
fn drain(link: &mut Link, now: Time, direction: Direction) -> (Vec<Vec<u8>>, bool) {
    let mut pieces = Vec::new();
    loop {
        let mut piece = Vec::new();
        match link.poll_receive(now, direction, &mut piece) {
            Received::Bytes(n) => {
                assert_eq!(n, piece.len());
                pieces.push(piece);
            }
            Received::Nothing => return (pieces, false),
            Received::End => return (pieces, true),
        }
    }
}

#[track_caller]
fn expect(link: &mut Link, now: Time, direction: Direction, pieces: &[&[u8]], is_end: bool) {
    let (seen, end) = drain(link, now, direction);
    assert_eq!((seen, end), (pieces.iter().map(|piece| piece.to_vec()).collect(), is_end));
}

/// All pieces to the server, with the times they arrived at.
fn play(link: &mut Link) -> Vec<(Time, Vec<u8>)> {
    let mut arrived = Vec::new();
    while let Some(at) = link.poll_timeout() {
        let (pieces, is_end) = drain(link, at, ToServer);
        arrived.extend(pieces.into_iter().map(|piece| (at, piece)));
        if is_end {
            break;
        }
    }
    arrived
}

#[test]
fn bytes_arrive_at_the_other_end_at_once() {
    let mut link = Link::new(0);
    assert_eq!(link.poll_timeout(), None);
    assert_eq!(link.send(START, ToServer, b"one"), 3);
    assert_eq!(link.send(START, ToServer, b"two"), 3);
    assert_eq!(link.send(START, ToClient, b"three"), 5);
    assert_eq!(link.poll_timeout(), Some(START));
    expect(&mut link, START, ToServer, &[b"one", b"two"], false);
    expect(&mut link, START, ToClient, &[b"three"], false);
    assert_eq!(link.poll_timeout(), None);
}

#[test]
fn pieces_are_as_long_as_told() {
    let mut link = Link::new(0);
    link.set_chunking(Chunking::BYTES);
    link.send(START, ToServer, b"abc");
    expect(&mut link, START, ToServer, &[b"a", b"b", b"c"], false);
    link.set_chunking(Chunking::Exactly(NonZeroUsize::new(2).unwrap()));
    link.send(START, ToServer, b"abc");
    expect(&mut link, START, ToServer, &[b"ab", b"c"], false);
}

#[test]
fn a_delay_is_per_direction_and_keeps_what_came_before_it_in_front() {
    let mut link = Link::new(0);
    let delay = Duration::from_millis(50);
    link.set_delay(ToServer, delay..=delay);
    link.send(START, ToServer, b"slow");
    link.send(START, ToClient, b"fast");
    expect(&mut link, START, ToClient, &[b"fast"], false);
    expect(&mut link, after(49), ToServer, &[], false);
    link.set_delay(ToServer, Duration::ZERO..=Duration::ZERO);
    link.send(after(49), ToServer, b"next");
    assert_eq!(link.poll_timeout(), Some(after(50)));
    expect(&mut link, after(50), ToServer, &[b"slow", b"next"], false);
}

#[test]
fn random_pieces_arrive_whole_and_in_order_and_follow_from_the_seed() {
    let sent: Vec<u8> = (0..=255).cycle().take(1000).collect();
    let with = |seed| {
        let mut link = Link::new(seed);
        link.set_chunking(Chunking::UpTo(NonZeroUsize::new(30).unwrap()));
        link.set_delay(ToServer, Duration::from_millis(1)..=Duration::from_millis(9));
        link.send(START, ToServer, &sent[..400]);
        link.send(after(3), ToServer, &sent[400..]);
        link.close(after(3), ToServer);
        play(&mut link)
    };
    let mut plays = Vec::new();
    for seed in 0..50 {
        let arrived = with(seed);
        assert_eq!(arrived, with(seed), "seed {seed}");
        assert!(arrived.is_sorted_by_key(|(at, _)| *at), "seed {seed}");
        assert!(arrived.iter().all(|(at, piece)| *at >= after(1) && piece.len() <= 30));
        let bytes: Vec<u8> = arrived.iter().flat_map(|(_, piece)| piece.clone()).collect();
        assert_eq!(bytes, sent, "seed {seed}");
        plays.push(arrived);
    }
    plays.dedup();
    assert_eq!(plays.len(), 50, "two seeds gave the same");
}

#[test]
fn no_more_is_taken_than_may_be_in_flight() {
    let mut link = Link::new(0);
    link.set_capacity(Some(4));
    assert_eq!(link.send(START, ToServer, b"abc"), 3);
    assert_eq!(link.send(START, ToServer, b"def"), 1);
    assert_eq!((link.in_flight(ToServer), link.room(ToServer)), (4, 0));
    assert_eq!(link.room(ToClient), 4);
    expect(&mut link, START, ToServer, &[b"abc", b"d"], false);
    assert_eq!(link.send(START, ToServer, b"ef"), 2);
    link.set_capacity(None);
    assert_eq!(link.send(START, ToServer, &[0; 1000]), 1000);
}

#[test]
fn an_end_arrives_behind_what_was_sent_and_ends_one_direction() {
    let mut link = Link::new(0);
    let delay = Duration::from_millis(5);
    link.set_delay(ToServer, delay..=delay);
    link.send(START, ToServer, b"bye");
    link.close(START, ToServer);
    assert!(!link.is_open(ToServer) && link.is_open(ToClient));
    assert_eq!(link.send(START, ToServer, b"more"), 0);
    expect(&mut link, after(4), ToServer, &[], false);
    expect(&mut link, after(5), ToServer, &[b"bye"], true);
    expect(&mut link, after(5), ToServer, &[], true);
    assert_eq!(link.poll_timeout(), None);
    link.send(after(6), ToClient, b"still");
    expect(&mut link, after(6), ToClient, &[b"still"], false);
}

#[test]
fn a_cut_loses_what_is_in_flight_and_both_ends_see_it() {
    let mut link = Link::new(0);
    link.send(START, ToServer, b"lost");
    link.send(START, ToClient, b"lost");
    link.cut(after(1));
    assert_eq!(link.poll_timeout(), Some(after(1)));
    for direction in Direction::BOTH {
        assert_eq!((link.in_flight(direction), link.room(direction)), (0, 0));
        assert_eq!(link.send(after(1), direction, b"late"), 0);
        expect(&mut link, after(1), direction, &[], true);
    }
    assert_eq!(link.poll_timeout(), None);
}

#[test]
fn a_cut_comes_behind_any_byte() {
    for bytes in 0..=6 {
        let mut link = Link::new(0);
        link.cut_after(START, ToServer, bytes);
        link.send(START, ToServer, b"abc");
        link.send(START, ToServer, b"def");
        let (pieces, is_end) = drain(&mut link, START, ToServer);
        assert_eq!(pieces.concat(), b"abcdef"[..bytes]);
        assert!(is_end, "not cut behind {bytes}");
        expect(&mut link, START, ToClient, &[], true);
    }
}

#[test]
fn on_a_silent_link_bytes_and_ends_vanish_and_a_cut_is_seen() {
    let mut link = Link::new(0);
    link.set_capacity(Some(8));
    link.send(START, ToServer, b"lost");
    link.silence(ToServer);
    assert_eq!(link.send(START, ToServer, &[0; 100]), 100);
    link.close(START, ToServer);
    assert_eq!(link.poll_timeout(), None);
    expect(&mut link, after(1000), ToServer, &[], false);
    link.send(START, ToClient, b"heard");
    expect(&mut link, START, ToClient, &[b"heard"], false);
    link.cut(after(1000));
    expect(&mut link, after(1000), ToServer, &[], true);
}
