//! A session and the model broker on a link.

use std::time::Duration;

use mqtt_session::proto::{Properties, Publish, QoS, ReasonCode, Will};
use mqtt_session::{
    CloseReason, Config, Connect, Event, Heap, Outcome, Payload, Phase, Session, Time,
};
use mqtt_testkit::broker::{LogEvent, Settings};
use mqtt_testkit::{Chunking, Direction, Pair};

const SECOND: Duration = Duration::from_secs(1);

fn pair() -> Pair<Heap> {
    Pair::new(Config::new(1), Settings::default())
}

/// A CONNECT that keeps the session.
fn connect() -> Connect<'static> {
    Connect { clean_start: false, ..Connect::new("me") }
}

fn publish(pair: &mut Pair<Heap>, payload: &[u8]) {
    let now = pair.now();
    let (properties, qos) = (Properties::EMPTY, QoS::ExactlyOnce);
    let message = Publish {
        dup: false,
        qos,
        retain: true,
        topic: "topic",
        packet_id: None,
        properties,
        payload,
    };
    pair.endpoint.session.publish(now, &message, Payload::Copy(payload)).unwrap();
}

/// Lets time pass; gives the outcomes that were deliveries, and the ends.
fn run(pair: &mut Pair<Heap>, duration: Duration) -> (usize, Vec<CloseReason>) {
    let (mut delivered, mut closed) = (0, Vec::new());
    pair.run(duration, |_, event| match event {
        Event::Published { outcome: Outcome::Delivered(_), .. } => delivered += 1,
        Event::Closed(reason) => closed.push(reason),
        _ => {}
    });
    (delivered, closed)
}

#[test]
fn wherever_it_breaks_a_message_is_completed_once() {
    for direction in Direction::BOTH {
        for cut in 1..60 {
            let mut pair = pair();
            pair.connect(&connect()).unwrap();
            publish(&mut pair, b"once");
            let link = pair.link_mut().unwrap();
            link.set_chunking(Chunking::BYTES);
            link.cut_after(Time::ZERO, direction, cut);
            let (before, closed) = run(&mut pair, SECOND);
            let after = if closed.is_empty() {
                0
            } else {
                pair.connect(&connect()).unwrap();
                run(&mut pair, SECOND).0
            };
            assert_eq!(before + after, 1, "cut after {cut} bytes {direction}\n{}", pair.trace());
            assert_eq!(pair.broker.retained().count(), 1);
            assert_eq!(pair.broker.session("me").unwrap().unreleased, 0);
        }
    }
}

#[test]
fn silence_ends_in_its_time() {
    let mut pair = pair();
    pair.connect(&connect()).unwrap();
    run(&mut pair, SECOND);
    assert_eq!(pair.endpoint.session.phase(), Phase::Connected);
    for direction in Direction::BOTH {
        pair.link_mut().unwrap().silence(direction);
    }
    // Keep Alive 30 s less a second, then 10 s for the answer.
    let almost = Duration::from_micros(37_999_999);
    assert_eq!(run(&mut pair, almost), (0, vec![]));
    let rest = Duration::from_micros(1);
    assert_eq!(run(&mut pair, rest), (0, vec![CloseReason::KeepAlive]));
    // The broker, which nobody told, finds out by itself.
    assert_eq!(pair.broker.connections().count(), 1);
    run(&mut pair, 8 * SECOND);
    assert_eq!(pair.broker.connections().count(), 0);
}

#[test]
fn who_does_not_read_finds_nobody_silent() {
    let mut pair = pair();
    pair.connect(&connect()).unwrap();
    run(&mut pair, SECOND);
    let now = pair.now();
    pair.endpoint.set_paused(now, true);
    assert_eq!(run(&mut pair, 120 * SECOND), (0, vec![]));
    let now = pair.now();
    pair.endpoint.set_paused(now, false);
    assert_eq!(run(&mut pair, 120 * SECOND), (0, vec![]));
}

#[test]
fn who_is_suspended_does_nothing_until_it_runs_again() {
    let mut pair = pair();
    pair.connect(&connect()).unwrap();
    run(&mut pair, SECOND);
    publish(&mut pair, b"later");
    pair.endpoint.set_suspended(true);
    let before = pair.trace().to_string();
    // Keep Alive is 30 s, and the broker waits for half as much again.
    assert_eq!(run(&mut pair, 40 * SECOND), (0, vec![]));
    assert_eq!(pair.trace().to_string(), before);
    pair.endpoint.set_suspended(false);
    assert_eq!(run(&mut pair, Duration::ZERO), (1, vec![]));
    // One that sleeps longer than that is told by the end of its connection.
    pair.endpoint.set_suspended(true);
    assert_eq!(run(&mut pair, 60 * SECOND), (0, vec![]));
    assert_eq!(pair.broker.connections().count(), 0);
    pair.endpoint.set_suspended(false);
    assert_eq!(run(&mut pair, Duration::ZERO).1.len(), 1);
}

#[test]
fn leave_is_taken_behind_what_is_on_its_way() {
    let mut pair = pair();
    let will = Will {
        qos: QoS::AtMostOnce,
        retain: true,
        topic: "will",
        payload: b"gone",
        properties: Properties::EMPTY,
    };
    pair.set_delay(SECOND);
    pair.connect(&Connect { will: Some(will), ..connect() }).unwrap();
    run(&mut pair, 3 * SECOND);
    let now = pair.now();
    publish(&mut pair, b"last");
    pair.endpoint.session.disconnect(now, ReasonCode::NormalDisconnection, &[]).unwrap();
    // Half a second it waits for the broker, which needs two.
    assert_eq!(run(&mut pair, Duration::from_millis(499)), (0, vec![]));
    assert_eq!(run(&mut pair, Duration::from_millis(1)), (0, vec![CloseReason::Local]));
    run(&mut pair, 3 * SECOND);
    let left = pair.broker.log().any(|entry| matches!(entry.event, LogEvent::Disconnected { .. }));
    assert!(left, "{}", pair.trace());
    assert_eq!(pair.broker.connections().count(), 0);
    let topics: Vec<&str> = pair.broker.retained().map(|message| message.topic.as_str()).collect();
    assert_eq!(topics, ["topic"]);
}

#[test]
fn last_words_that_left_late_are_not_late_any_more() {
    let mut pair = pair();
    pair.connect(&connect()).unwrap();
    run(&mut pair, SECOND);
    let id = pair.broker.connections().next().unwrap();
    pair.broker.stall(id);
    let link = pair.link_mut().unwrap();
    link.set_capacity(Some(10));
    link.set_delay(Direction::ToClient, 2 * SECOND..=2 * SECOND);
    publish(&mut pair, &[0; 100]);
    run(&mut pair, Duration::ZERO);
    let now = pair.now();
    pair.endpoint.session.disconnect(now, ReasonCode::NormalDisconnection, &[]).unwrap();
    // The link has no room for almost as long as the client tries.
    assert_eq!(run(&mut pair, Duration::from_millis(4_700)), (0, vec![]));
    let now = pair.now();
    pair.broker.unstall(now, id);
    assert_eq!(run(&mut pair, Duration::from_millis(200)), (0, vec![]));
    assert_eq!(pair.poll_timeout(), Some(now.after(Duration::from_millis(500))));
    assert_eq!(run(&mut pair, Duration::from_millis(299)), (0, vec![]));
    assert_eq!(run(&mut pair, Duration::from_millis(1)), (0, vec![CloseReason::Local]));
    let left = pair.broker.log().any(|entry| matches!(entry.event, LogEvent::Disconnected { .. }));
    assert!(left, "{}", pair.trace());
}

#[test]
fn the_trace_of_a_connection_does_not_begin_with_the_rest_of_another() {
    let mut pair = pair();
    pair.connect(&connect()).unwrap();
    let link = pair.link_mut().unwrap();
    link.silence(Direction::ToServer);
    link.send(Time::ZERO, Direction::ToClient, b"\x20");
    run(&mut pair, SECOND);
    let now = pair.now();
    pair.endpoint.close(now);
    pair.connect(&connect()).unwrap();
    run(&mut pair, SECOND);
    assert_eq!(pair.endpoint.session.phase(), Phase::Connected);
    let trace = pair.trace().to_string();
    assert!(trace.contains("  1.000000 <- a packet in part: 20"), "{trace}");
    assert!(trace.contains("  1.000000 <- CONNACK"), "{trace}");
}

#[test]
fn a_program_that_ends_takes_its_socket_along() {
    let mut pair = pair();
    pair.connect(&connect()).unwrap();
    publish(&mut pair, b"first");
    run(&mut pair, SECOND);
    let now = pair.now();
    pair.endpoint.restart(now, Session::new(Config::new(2)));
    run(&mut pair, SECOND);
    assert_eq!(pair.broker.connections().count(), 0);
    pair.connect(&connect()).unwrap();
    publish(&mut pair, b"second");
    assert_eq!(run(&mut pair, SECOND), (1, vec![]));
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let trace = || {
        let mut pair = pair();
        pair.connect(&connect()).unwrap();
        let link = pair.link_mut().unwrap();
        link.set_chunking(Chunking::UpTo(7.try_into().unwrap()));
        link.set_delay(Direction::ToServer, Duration::ZERO..=SECOND);
        publish(&mut pair, b"payload");
        run(&mut pair, 100 * SECOND);
        pair.trace().to_string()
    };
    let first = trace();
    assert!(first.lines().count() > 6, "{first}");
    assert_eq!(first, trace());
}
