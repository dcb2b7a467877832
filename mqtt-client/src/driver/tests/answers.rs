//! Brokers that do not answer, or end the connection again and again: how that reaches the user.

use std::time::Duration;

use mqtt_session::CloseReason;
use mqtt_session::proto::{Disconnect, Packet, Properties, QoS, ReasonCode};

use super::packets::connack;
use super::world::World;
use crate::{
    Backoff, ClientEvent, ConnectError, ConnectionState, Failure, Publish, PublishError,
    SubscribeError,
};

const SECOND: Duration = Duration::from_secs(1);

fn disconnect(world: &mut World, reason: ReasonCode) {
    let properties = Properties::EMPTY;
    world.reply(&Packet::Disconnect(Disconnect { reason, properties }));
    world.cut();
}

/// LIVE-3: what waiting cannot mend is tried again at the longest delay, or not at all.
#[test]
fn a_refusal_that_stays_is_tried_again_or_not() {
    for stops in [false, true] {
        let mut world =
            World::new(|options| options.retry_initial_connect(true).stop_on_refusal(stops));
        let client = world.client();
        let mut events = client.events();
        world.run();
        world.reply(&connack(false, ReasonCode::BadUserNameOrPassword));
        let failed = world.finish(events.next());
        assert!(matches!(failed, Some(ClientEvent::ConnectFailed(ConnectError::Refused(_)))));
        assert_eq!(world.driver_has_ended(), stops);
        match world.finish(events.next()) {
            Some(ClientEvent::Waiting { delay }) => assert!(!stops && delay >= 24 * SECOND),
            Some(ClientEvent::Closed) => assert!(stops),
            told => panic!("{told:?}"),
        }
    }
}

/// LIVE-3: the client is told, and waits ever longer.
#[test]
fn being_taken_over_is_told() {
    let mut world = World::connected(|options| options);
    let mut events = world.client().events();
    let mut delays = Vec::new();
    for _ in 0..3 {
        disconnect(&mut world, ReasonCode::SessionTakenOver);
        let told: Vec<_> = std::iter::from_fn(|| events.try_next().ok()).collect();
        let (disconnected, rest) = told[told.len() - 3..].split_first().unwrap();
        let reason = CloseReason::Disconnected(ReasonCode::SessionTakenOver);
        assert!(
            matches!(disconnected, ClientEvent::Disconnected { reason: told } if *told == reason)
        );
        let [ClientEvent::TakenOver, ClientEvent::Waiting { delay }] = *rest else {
            panic!("{rest:?}");
        };
        delays.push(delay);
        world.advance(delay);
        world.accept(true);
    }
    assert!(delays[1] > 2 * delays[0] && delays[2] > 2 * delays[1], "{delays:?}");
}

/// LIVE-3: as a broker of 3.1.1 does it, which says nothing.
#[test]
fn so_are_three_drops_in_a_row() {
    let mut world = World::connected(|options| options.backoff(Backoff::Constant(SECOND)));
    let mut events = world.client().events();
    for drops in 1..=3 {
        world.cut();
        let told: Vec<_> = std::iter::from_fn(|| events.try_next().ok()).collect();
        let taken_over = told.iter().any(|event| matches!(event, ClientEvent::TakenOver));
        assert_eq!(taken_over, drops == 3, "{told:?}");
        if drops < 3 {
            world.advance(SECOND);
            world.accept(true);
        }
    }
}

/// SEND-11: ... and what the connection ends with says so.
#[test]
fn a_subscribe_that_is_never_answered_fails() {
    let mut world =
        World::connected(|options| options.response_timeout(3 * SECOND).keep_alive(None));
    let client = world.client();
    let mut events = client.events();
    let mut task = world.task(client.subscribe("a", QoS::AtMostOnce));
    assert!(task.poll().is_pending());
    for _ in 0..3 {
        assert_eq!(world.sent().len(), 1);
        world.advance(3 * SECOND);
        world.advance(SECOND / 2);
        world.cut();
        world.advance(10 * SECOND);
        world.accept(true);
        world.run();
    }
    assert!(task.poll().is_pending());
    assert_eq!(world.sent(), ["SUBSCRIBE 4 id=1 a 0"], "made again three times");
    world.advance(3 * SECOND);
    let error = task.output().unwrap_err();
    assert_eq!(error, SubscribeError::Failed(Failure::NoAnswer));
    assert_eq!(error.to_string(), "the broker does not answer");
    assert_eq!(client.state(), ConnectionState::Connected);
    let ends = std::iter::from_fn(|| events.try_next().ok()).filter_map(|event| match event {
        ClientEvent::Disconnected { reason } => Some(reason),
        _ => None,
    });
    assert_eq!(ends.collect::<Vec<_>>(), [CloseReason::NoAnswer; 3]);
}

/// SEND-10: a message that ends every connection fails, and the error says which.
#[test]
fn a_message_that_is_blamed_fails() {
    let mut world = World::connected(|options| options.backoff(Backoff::Constant(SECOND)));
    let client = world.client();
    let mut task = world.task(client.publish(Publish::new("a", "").qos(QoS::AtLeastOnce)));
    assert!(task.poll().is_pending());
    // Once it may be any message, then three times it was this one.
    for _ in 0..4 {
        assert!(task.poll().is_pending());
        assert!(world.sent().last().unwrap().starts_with("PUBLISH"));
        disconnect(&mut world, ReasonCode::PayloadFormatInvalid);
        world.advance(SECOND);
        world.accept(true);
    }
    let error = task.output().unwrap_err();
    let blamed = Failure::Blamed(ReasonCode::PayloadFormatInvalid);
    assert_eq!(error, PublishError::Failed(blamed));
    assert_eq!(
        error.to_string(),
        "the broker disconnects whenever it is sent: Payload format invalid"
    );
}

/// CON-3: a session that this client knows nothing of.
#[test]
fn a_session_of_somebody_else_is_refused_when_strict() {
    let mut world = World::new(|options| options.clean_start(false).strict_session(true));
    world.run();
    world.reply(&connack(true, ReasonCode::Success));
    assert_eq!(world.sent().last().unwrap(), "DISCONNECT 0x82");
    world.cut();
    let client = world.client();
    let error = world.finish(client.connected()).unwrap_err();
    let reason = match &error {
        ConnectError::Closed { reason, .. } => *reason,
        error => panic!("{error}"),
    };
    assert!(matches!(reason, CloseReason::Violation(_)), "{reason}");
}
