use std::net::Ipv6Addr;
use std::num::NonZeroU32;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::Poll;
use std::time::Duration;

use mqtt_session::CloseReason;
use mqtt_session::proto::{ConnAck, Packet, Properties, Property, QoS, ReasonCode, Version};

use super::packets::{connack, publish};
use super::world::{Dialling, World};
use crate::{
    ClientEvent, ConnectError, ConnectionState, Options, Publish, PublishError, SubscribeOptions,
};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn connects_and_takes_leave() {
    let mut world = World::new(|options| options);
    let client = world.client();
    assert_eq!(client.state(), ConnectionState::Connecting);
    world.accept(false);
    assert!(world.finish(client.connected()).is_ok());
    assert_eq!(client.state(), ConnectionState::Connected);

    let mut leave = world.task(client.disconnect());
    assert!(leave.poll().is_pending());
    assert_eq!(client.state(), ConnectionState::Closing);
    assert_eq!(world.sent(), ["DISCONNECT 0x00"]);
    let pipe = world.pipe();
    assert!(pipe.look(|state| state.client_finished && !state.client_dropped));
    pipe.change(|state| state.broker_closed = true);
    world.run();
    assert!(pipe.look(|state| state.client_dropped) && world.driver_has_ended());
    leave.output();
    assert_eq!(client.state(), ConnectionState::Closed);
    world.finish(client.disconnect());
}

/// CON-1: ... although the connection was lost again before anybody looked.
#[test]
fn a_connection_lost_at_once_was_accepted() {
    let mut world = World::connected(|options| options);
    world.pipe().change(|state| state.broker_closed = true);
    world.run();
    let client = world.client();
    assert_eq!(client.state(), ConnectionState::Connecting);
    assert!(world.finish(client.connected()).is_ok());
}

/// END-1: the peer has 500 ms to end its half.
#[test]
fn a_peer_that_stays_is_left() {
    let mut world = World::connected(|options| options);
    let client = world.client();
    let mut leave = world.task(client.disconnect());
    assert!(leave.poll().is_pending());
    world.advance(Duration::from_millis(499));
    assert!(!world.driver_has_ended());
    world.advance(Duration::from_millis(1));
    assert!(world.driver_has_ended());
    leave.output();
}

/// END-1: nor may it refuse to take what is left.
#[test]
fn a_peer_that_takes_nothing_is_left() {
    let mut world = World::connected(|options| options);
    world.pipe().change(|state| state.room = 0);
    let client = world.client();
    let mut leave = world.task(client.disconnect());
    assert!(leave.poll().is_pending());
    world.advance(Duration::from_millis(499));
    assert!(!world.driver_has_ended());
    world.advance(Duration::from_millis(1));
    assert!(world.driver_has_ended());
    leave.output();
}

/// END-1: whoever called `disconnect` need not stay until it is done.
#[test]
fn leaving_goes_on_without_handles() {
    let mut world = World::connected(|options| options);
    world.pipe().change(|state| state.room = 0);
    let client = world.client();
    for _ in 0..2 {
        client.try_publish(Publish::new("a", vec![0; 100_000])).unwrap().detach();
    }
    world.run();
    client.try_publish(Publish::new("b", "")).unwrap().detach();
    assert!(world.task(client.disconnect()).poll().is_pending());
    drop(client);
    world.client = None;
    world.run();
    world.pipe().change(|state| state.room = usize::MAX);
    let packets = ["PUBLISH a 100000", "PUBLISH a 100000", "PUBLISH b 0", "DISCONNECT 0x00"];
    assert_eq!(world.sent(), packets);
}

#[test]
fn a_refusal_is_reported_with_its_reason() {
    let mut world = World::new(|options| options);
    world.run();
    let properties = [Property::ReasonString("who are you")];
    world.reply(&Packet::ConnAck(ConnAck {
        session_present: false,
        reason: ReasonCode::NotAuthorized,
        properties: Properties::from_slice(&properties),
    }));
    let client = world.client();
    let error = world.finish(client.connected()).unwrap_err();
    assert!(matches!(&error, ConnectError::Refused(refusal) if
        refusal.reason == ReasonCode::NotAuthorized
            && refusal.reason_string.as_deref() == Some("who are you")));
    assert_eq!(
        error.to_string(),
        "the broker refused the connection: Not authorized (who are you)"
    );
    assert!(world.driver_has_ended(), "the first failure ends the client");
}

#[test]
fn failures_of_the_first_attempt_are_reported() {
    for (dialling, text) in [
        (Dialling::Unresolved, "`broker` could not be resolved"),
        (Dialling::Refused, "broker:1883 could not be reached"),
        (Dialling::Hangs, "broker:1883 did not accept the connection within 10s"),
    ] {
        let mut world = World::new(|options| options);
        *world.sky().dialling.lock().unwrap() = dialling;
        world.advance(10 * SECOND);
        let client = world.client();
        let error = world.finish(client.connected()).unwrap_err();
        assert!(error.to_string().starts_with(text), "{error}");
        assert!(world.driver_has_ended());
    }
}

/// CON-4: every address of a name is tried.
#[test]
fn an_address_that_refuses_is_followed_by_the_next() {
    let mut world = World::new(|options| options);
    *world.sky().dialling.lock().unwrap() = Dialling::FirstRefused;
    world.accept(false);
    let client = world.client();
    assert!(world.finish(client.connected()).is_ok());
    let dialled = world.sky().addresses.lock().unwrap().clone();
    assert_eq!(dialled, ["[::1]:1883", "127.0.0.1:1883"].map(|it| it.parse().unwrap()));
    assert_eq!(client.stats().connect_failures, 0, "it is one attempt");
}

/// CON-4: an address that does not answer has 250 ms for itself when there are two.
#[test]
fn an_address_that_does_not_answer_is_followed_by_the_next() {
    let mut world = World::new(|options| options);
    *world.sky().dialling.lock().unwrap() = Dialling::FirstHangs;
    world.advance(Duration::from_micros(249_999));
    assert_eq!(world.sky().addresses.lock().unwrap().len(), 1);
    world.advance(Duration::from_micros(1));
    world.accept(false);
    let client = world.client();
    assert!(world.finish(client.connected()).is_ok());
    assert_eq!(client.stats().connect_failures, 0, "it is one attempt");
}

/// CON-4: the address preferred may answer after the others were dialled, and still wins.
#[test]
fn an_address_that_answers_late_is_taken() {
    let mut world = World::new(|options| options);
    *world.sky().dialling.lock().unwrap() = Dialling::Hangs;
    world.advance(SECOND);
    assert_eq!(world.sky().addresses.lock().unwrap().len(), 2);
    assert_eq!(world.connections(), 0);
    world.sky().answer(Ipv6Addr::LOCALHOST.into());
    world.accept(false);
    let client = world.client();
    assert!(world.finish(client.connected()).is_ok());
    assert_eq!(world.connections(), 1);
}

/// CON-1, CON-4: the connect timeout covers the race.
#[test]
fn addresses_that_do_not_answer_time_out_together() {
    let mut world = World::new(|options| options.connect_timeout(2 * SECOND));
    *world.sky().dialling.lock().unwrap() = Dialling::Hangs;
    world.advance(2 * SECOND - Duration::from_micros(1));
    assert!(!world.driver_has_ended());
    world.advance(Duration::from_micros(1));
    let client = world.client();
    let error = world.finish(client.connected()).unwrap_err();
    assert!(matches!(error, ConnectError::TimedOut { after, .. } if after == 2 * SECOND));
    assert_eq!(world.sky().hanging(), 0, "attempts given up are dropped");
}

/// CON-1: the connect timeout covers the wait for CONNACK.
#[test]
fn a_broker_that_does_not_answer_times_out() {
    let mut world = World::new(|options| options.connect_timeout(3 * SECOND));
    world.advance(3 * SECOND - Duration::from_micros(1));
    assert!(!world.driver_has_ended());
    world.advance(Duration::from_micros(1));
    let client = world.client();
    let error = world.finish(client.connected()).unwrap_err();
    assert!(matches!(error, ConnectError::TimedOut { after, .. } if after == 3 * SECOND));
    assert!(world.pipe().look(|state| state.client_dropped));
}

#[test]
fn a_peer_that_closes_before_connack_is_named() {
    let mut world = World::new(|options| options);
    world.run();
    world.pipe().change(|state| state.broker_closed = true);
    let client = world.client();
    let error = world.finish(client.connected()).unwrap_err();
    assert!(matches!(error, ConnectError::Closed { reason: CloseReason::NoConnAck, .. }));
}

fn three_brokers(options: Options) -> Options {
    options.broker("mqtt://second").unwrap().broker("mqtt://third").unwrap()
}

/// LIVE-5: a broker is tried when those before it fail, from the first connection on.
#[test]
fn every_broker_is_tried_before_the_client_gives_up() {
    let mut world = World::new(three_brokers);
    *world.sky().dialling.lock().unwrap() = Dialling::Refused;
    world.advance(60 * SECOND);
    assert_eq!(*world.sky().hosts.lock().unwrap(), ["broker", "second", "third"]);
    assert!(world.driver_has_ended());
    let client = world.client();
    let error = world.finish(client.connected()).unwrap_err();
    assert!(matches!(&error, ConnectError::Dial { broker, .. } if broker == "third:1883"));
}

/// LIVE-5: and it is the one to come back to.
#[test]
fn the_broker_that_accepted_is_dialled_again() {
    let mut world = World::new(three_brokers);
    *world.sky().dialling.lock().unwrap() = Dialling::Refused;
    world.run();
    *world.sky().dialling.lock().unwrap() = Dialling::Works;
    world.advance(2 * SECOND);
    world.accept(false);
    let client = world.client();
    assert!(world.finish(client.connected()).is_ok());
    world.pipe().change(|state| state.broker_closed = true);
    world.advance(5 * SECOND);
    assert_eq!(*world.sky().hosts.lock().unwrap(), ["broker", "second", "second"]);
}

#[test]
fn the_first_connection_is_tried_again_when_asked_for() {
    let mut world = World::new(|options| options.retry_initial_connect(true));
    *world.sky().dialling.lock().unwrap() = Dialling::Refused;
    world.advance(5 * SECOND);
    assert!(!world.driver_has_ended());
    *world.sky().dialling.lock().unwrap() = Dialling::Works;
    while world.connections() == 0 {
        world.advance(SECOND);
    }
    world.accept(false);
    let client = world.client();
    assert!(world.finish(client.connected()).is_ok());
    assert!(client.stats().connect_failures > 1);
}

/// LIVE-2, and the events that tell of it.
#[test]
fn a_lost_connection_is_made_again() {
    let mut world = World::connected(|options| options);
    let client = world.client();
    let mut events = client.events();
    world.pipe().change(|state| state.broker_closed = true);
    world.run();
    assert_eq!((world.connections(), client.state()), (1, ConnectionState::Connecting));
    world.advance(2 * SECOND);
    assert_eq!(world.connections(), 2);
    assert_eq!(world.sent(), ["CONNECT clean=false"]);
    world.reply(&connack(true, ReasonCode::Success));
    let told: Vec<_> = (0..3).map(|_| world.finish(events.next()).unwrap()).collect();
    assert!(matches!(
        told.as_slice(),
        [
            ClientEvent::Disconnected { reason: CloseReason::Lost },
            ClientEvent::Waiting { .. },
            ClientEvent::Connected { session_present: true }
        ]
    ));
}

/// END-3: without DISCONNECT, so that the broker publishes the will.
#[test]
fn the_last_handle_closes_the_connection() {
    let mut world = World::connected(|options| options);
    let mut events = world.client().events();
    world.client = None;
    world.run();
    assert!(world.driver_has_ended());
    assert!(world.sent().is_empty() && world.pipe().look(|state| state.client_dropped));
    let closed = world.finish(events.next());
    assert!(matches!(closed, Some(ClientEvent::Closed)), "{closed:?}");
    assert!(world.finish(events.next()).is_none());
}

/// END-3: a runtime that shuts down ends every waiting call.
#[test]
fn without_a_driver_all_calls_end() {
    let mut world =
        World::connected(|options| options.max_pending(1).max_in_flight(1.try_into().unwrap()));
    let client = world.client();
    let message = || Publish::new("a", "").qos(QoS::AtLeastOnce);
    let mut accepted = world.task(client.publish(message()));
    let mut pending = world.task(client.publish(message()));
    let mut waiting = world.task(client.publish(message()));
    let mut subscribing = world.task(client.subscribe("a", QoS::AtMostOnce));
    let mut leaving = world.task(client.disconnect());
    let polled = [accepted.poll(), pending.poll(), waiting.poll()];
    assert!(polled.iter().all(Poll::is_pending) && subscribing.poll().is_pending());
    world.drop_driver();
    assert!(accepted.is_woken() && pending.is_woken() && waiting.is_woken());
    assert_eq!(accepted.output(), Err(PublishError::Closed));
    assert_eq!(pending.output(), Err(PublishError::Closed));
    assert_eq!(waiting.output(), Err(PublishError::Closed));
    assert!(subscribing.output().is_err());
    assert!(leaving.poll().is_ready());
    let refused = client.try_publish(message()).unwrap_err();
    assert_eq!((refused.error, refused.publish), (PublishError::Closed, message()));
}

#[test]
fn a_callback_that_panics_ends_the_client() {
    let mut world = World::connected(|options| options);
    let client = world.client();
    let callback = |_: &crate::Message| panic!("in a callback");
    let subscribing = client.subscribe_callback(SubscribeOptions::new("a"), callback);
    let subscription = super::subscribing::grant(&mut world, subscribing, ReasonCode::GrantedQoS0);
    let mut waiting = world.task(client.publish(Publish::new("b", "").qos(QoS::AtLeastOnce)));
    assert!(waiting.poll().is_pending());
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let panicked = catch_unwind(AssertUnwindSafe(|| world.reply(&publish("a", 0, b""))));
    std::panic::set_hook(hook);
    assert!(panicked.is_err());
    world.drop_driver();
    assert_eq!(waiting.output(), Err(PublishError::Closed));
    drop(subscription);
}

/// LIVE-1: PINGREQ when it was quiet, and the end when nothing comes.
#[test]
fn a_silent_broker_is_left() {
    let mut world = World::connected(|options| options.keep_alive(10 * SECOND));
    world.advance(10 * SECOND);
    assert_eq!(world.sent(), ["PINGREQ"]);
    world.reply(&Packet::PingResp);
    world.advance(10 * SECOND);
    assert_eq!(world.sent(), ["PINGREQ"]);
    let pipe = world.pipe();
    world.advance(5 * SECOND);
    assert!(pipe.look(|state| state.client_dropped), "after the ping timeout");
    let client = world.client();
    assert_eq!((client.stats().disconnects, client.stats().ping_timeouts), (1, 1));
}

/// Before 5.0, a clean start of a session that is to be kept takes a connection of its own.
#[test]
fn a_clean_start_of_a_kept_session_before_5_0() {
    let mut world = World::new(|options| options.version(Version::V3_1_1));
    assert_eq!(world.sent(), ["CONNECT clean=true"]);
    world.reply(&connack(false, ReasonCode::Success));
    assert_eq!(world.sent(), ["DISCONNECT 0x00"]);
    assert!(world.pipe().look(|state| state.client_finished));
    world.pipe().change(|state| state.broker_closed = true);
    world.run();
    assert_eq!(world.connections(), 2);
    assert_eq!(world.sent(), ["CONNECT clean=false"]);
    world.reply(&connack(false, ReasonCode::Success));
    let client = world.client();
    assert!(world.finish(client.connected()).is_ok());
    assert_eq!((client.client_id().as_str(), client.stats().connects), ("test", 1));
}

/// ... but not when nobody can have a session under the made-up identifier.
#[test]
fn a_client_without_identifier_before_5_0() {
    let made_up = || {
        let mut world = World::new(|options| options.version(Version::V3_1_1).client_id(""));
        assert_eq!(world.sent(), ["CONNECT clean=false"]);
        world.reply(&connack(false, ReasonCode::Success));
        world.client().client_id()
    };
    let (one, other) = (made_up(), made_up());
    assert!(one.starts_with("mqtt") && one.len() == 20, "{one}");
    assert_ne!(one, other, "even from one seed");
}

/// VER-2: what is accepted before the first connection is made for the version it will speak.
#[test]
fn what_waits_for_the_first_connection_before_5_0() {
    let mut world = World::new(|options| options.version(Version::V3_1_1).client_id(""));
    let client = world.client();
    let mut publish = world.task(client.publish(Publish::new("a", "x").qos(QoS::AtLeastOnce)));
    let mut subscribe = world.task(client.subscribe("b", QoS::AtLeastOnce));
    assert!(publish.poll().is_pending() && subscribe.poll().is_pending());
    assert_eq!(world.sent(), ["CONNECT clean=false"]);
    world.reply(&connack(false, ReasonCode::Success));
    assert_eq!(world.sent(), ["SUBSCRIBE 1 b 1", "PUBLISH 2 a 1"]);
}

#[test]
fn a_refused_clean_connection_is_reported() {
    let mut world = World::new(|options| options.version(Version::V3_1_1));
    world.run();
    world.reply(&connack(false, ReasonCode::BadUserNameOrPassword));
    let client = world.client();
    let error = world.finish(client.connected()).unwrap_err();
    assert!(matches!(error, ConnectError::Refused(_)), "{error}");
}

/// A listener that does not look keeps the newest events.
#[test]
fn a_listener_that_does_not_look_misses_the_oldest() {
    let mut world = World::new(|options| options.retry_initial_connect(true));
    let client = world.client();
    let mut events = client.events();
    *world.sky().dialling.lock().unwrap() = Dialling::Refused;
    world.advance(10_000 * SECOND);
    let missed = events.missed();
    assert!(missed > 0);
    let told = 2 * client.stats().connect_failures;
    let mut kept = 0;
    while let Poll::Ready(Some(_)) = world.task(events.next()).poll() {
        kept += 1;
    }
    assert_eq!((kept, kept + missed), (256, told), "a failure and a wait each time");
}

#[test]
fn leaving_before_the_broker_has_answered() {
    for dialling in [Dialling::Works, Dialling::Hangs] {
        let mut world = World::new(|options| options);
        *world.sky().dialling.lock().unwrap() = dialling;
        world.run();
        let client = world.client();
        let mut events = client.events();
        world.finish(client.disconnect());
        assert!(world.driver_has_ended());
        assert!(matches!(world.finish(client.connected()), Err(ConnectError::Ended)));
        let told = world.finish(events.next());
        assert!(matches!(told, Some(ClientEvent::Closed)), "{told:?}");
    }
}

/// A call that is dropped leaves nothing behind, one that waits is woken wherever it was polled
/// last.
#[test]
fn a_cancelled_wait_leaves_nothing() {
    let mut world = World::new(|options| options);
    let client = world.client();
    let watchers = || client.shared().with(|state| state.watchers.len());
    for _ in 0..3 {
        assert!(world.task(client.connected()).poll().is_pending());
    }
    assert_eq!(watchers(), 0);
    let mut waiting = Box::pin(client.connected());
    let (first, last) = (world.task(async {}), world.task(async {}));
    assert!(first.poll_other(waiting.as_mut()).is_pending());
    assert!(last.poll_other(waiting.as_mut()).is_pending());
    assert_eq!(watchers(), 1);
    world.accept(false);
    assert!(last.is_woken() && !first.is_woken());
    assert!(world.finish(waiting).is_ok());
    assert_eq!(watchers(), 0);
}

/// END-3: nor does a client that gave up keep its driver's waker, and what that may hold.
#[test]
fn a_client_that_gave_up_keeps_no_waker() {
    let mut world = World::new(|options| options.connect_timeout(SECOND));
    *world.sky().dialling.lock().unwrap() = Dialling::Hangs;
    world.run();
    let kept = |world: &World| world.client().shared().with(|it| it.driver.waker.is_some());
    assert!(kept(&world));
    world.advance(SECOND);
    assert!(world.driver_has_ended() && !kept(&world));
}

#[test]
fn a_client_gives_up_when_told_to() {
    let mut world = World::connected(|options| options.max_attempts(NonZeroU32::new(2)));
    *world.sky().dialling.lock().unwrap() = Dialling::Refused;
    world.pipe().change(|state| state.broker_closed = true);
    world.advance(60 * SECOND);
    assert!(world.driver_has_ended());
    let client = world.client();
    assert_eq!(client.stats().connect_failures, 2);
    let error = world.finish(client.connected()).unwrap_err();
    assert!(matches!(error, ConnectError::Dial { .. }), "{error}");
}
