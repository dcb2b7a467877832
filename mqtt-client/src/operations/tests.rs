use std::task::Waker;

use bytes::Bytes;
use mqtt_session::proto::{Properties, Publish, QoS, ReasonCode};
use mqtt_session::{Config, Failure, Heap, Payload, Session, Time, Token};

use super::{Operations, Unanswered};

/// Tokens come from a session alone.
struct Tokens(Session<Heap<Bytes>>);

impl Tokens {
    fn new() -> Tokens {
        Tokens(Session::new(Config::new(1)))
    }

    fn next(&mut self) -> Token {
        let publish = Publish {
            dup: false,
            qos: QoS::AtLeastOnce,
            retain: false,
            topic: "a",
            packet_id: None,
            properties: Properties::EMPTY,
            payload: &[],
        };
        self.0.publish(Time::ZERO, &publish, Payload::Copy(&[])).unwrap().unwrap()
    }
}

fn waker() -> Option<Waker> {
    Some(Waker::noop().clone())
}

#[test]
fn an_answer_waits_for_its_caller() {
    let (mut operations, token) = (Operations::default(), Tokens::new().next());
    let key = operations.open(token);
    assert_eq!(operations.poll(key, &mut waker()), None);
    assert_eq!(operations.awaited(), 1);
    assert!(operations.answer(token, Ok(ReasonCode::Success)).is_some());
    assert_eq!(operations.awaited(), 0);
    assert_eq!(operations.poll(key, &mut waker()), Some(Ok(ReasonCode::Success)));
    assert_eq!(operations.poll(key, &mut waker()), Some(Err(Unanswered::CLOSED)), "taken once");
}

/// The session uses a token again while its last answer may not have been taken.
#[test]
fn a_token_is_used_again_before_its_answer_is_taken() {
    let (mut operations, token) = (Operations::default(), Tokens::new().next());
    let first = operations.open(token);
    assert!(operations.answer(token, Ok(ReasonCode::NoMatchingSubscribers)).is_none());
    let second = operations.open(token);
    assert_ne!(first, second);
    assert!(operations.answer(token, Ok(ReasonCode::Success)).is_none());
    assert_eq!(operations.poll(second, &mut waker()), Some(Ok(ReasonCode::Success)));
    assert_eq!(operations.poll(first, &mut waker()), Some(Ok(ReasonCode::NoMatchingSubscribers)));
}

#[test]
fn places_are_used_again() {
    let (mut operations, mut tokens) = (Operations::default(), Tokens::new());
    let (token, other) = (tokens.next(), tokens.next());
    for round in 0..10 {
        let (key, given_up) = (operations.open(token), operations.open(other));
        let mut kept = None;
        assert_eq!(operations.poll(given_up, &mut waker()), None);
        assert_eq!(operations.give_up(given_up, &mut kept), None);
        assert!(kept.is_some() && operations.awaited() == 0, "round {round}");
        assert!(operations.answer(other, Ok(ReasonCode::Success)).is_none());
        assert!(operations.answer(token, Ok(ReasonCode::Success)).is_none());
        assert_eq!(operations.give_up(key, &mut None), Some(Ok(ReasonCode::Success)));
    }
    assert_eq!(operations.places.len(), 2);
}

#[test]
fn the_end_answers_everything() {
    let (mut operations, mut tokens) = (Operations::default(), Tokens::new());
    let (one, other) = (operations.open(tokens.next()), operations.open(tokens.next()));
    assert_eq!(operations.poll(one, &mut waker()), None);
    assert_eq!(operations.give_up(other, &mut None), None);
    let mut woken = 0;
    operations.end_all(|waker| woken += usize::from(waker.is_some()));
    assert_eq!((woken, operations.awaited()), (1, 0));
    let closed = Unanswered::Failed(Failure::Closed);
    assert_eq!(operations.poll(one, &mut waker()), Some(Err(closed)));
}
