use std::num::NonZeroU16;
use std::task::Poll;
use std::time::Duration;

use mqtt_session::proto::{QoS, ReasonCode};

use super::packets::{connack, puback, pubcomp, publish, pubrec};
use super::subscribing::stream;
use super::world::{Dialling, World};
use crate::{
    Client, Completion, ConnectionState, Drained, OfflineQoS0, Publish, PublishError,
    PublishHandle, QoS::*, SubscribeError, UnsubscribeError,
};

const SECOND: Duration = Duration::from_secs(1);
const NOTHING: Drained = Drained { publishes: 0, requests: 0 };
const ONE: Drained = Drained { publishes: 1, requests: 0 };

fn send(client: &Client, qos: QoS) -> PublishHandle {
    client.try_publish(Publish::new("a", "x").qos(qos)).unwrap()
}

/// Lets the broker hang up after DISCONNECT.
fn see_leave(world: &mut World) {
    assert_eq!(world.sent(), ["DISCONNECT 0x00"]);
    world.cut();
    assert!(world.driver_has_ended());
}

/// END-1: everything has its outcome, then the client takes leave.
#[test]
fn draining_waits_for_outcomes() {
    let mut world = World::connected(|options| options.max_in_flight(NonZeroU16::MIN));
    let client = world.client();
    let (once, exactly) = (send(&client, AtLeastOnce), send(&client, ExactlyOnce));
    let mut drain = world.task(client.drain(60 * SECOND));
    assert!(drain.poll().is_pending());
    assert_eq!(client.state(), ConnectionState::Closing);
    assert_eq!(world.sent(), ["PUBLISH 1 a 1"]);
    world.advance(29 * SECOND);
    assert_eq!(world.sent(), ["PINGREQ"], "the connection is kept");
    world.reply(&puback(1));
    assert_eq!(world.sent(), ["PUBLISH 2 a 1"]);
    world.reply(&pubrec(2));
    assert_eq!(world.sent(), ["PUBREL 2"]);
    world.reply(&pubcomp(2));
    assert!(drain.poll().is_pending());
    see_leave(&mut world);
    assert_eq!(drain.output(), NOTHING);
    assert_eq!(world.finish(once), Ok(ReasonCode::Success));
    assert_eq!(world.finish(exactly), Ok(ReasonCode::Success));
    assert_eq!(world.finish(client.drain(SECOND)), NOTHING);
}

/// END-1: with nothing to wait for it is `disconnect`, whose packets are the same.
#[test]
fn draining_nothing_takes_leave_at_once() {
    let mut world = World::connected(|options| options);
    let client = world.client();
    send(&client, AtMostOnce).detach();
    let mut drain = world.task(client.drain(Duration::MAX));
    assert!(drain.poll().is_pending());
    assert_eq!(world.sent(), ["PUBLISH a 1", "DISCONNECT 0x00"]);
    world.cut();
    assert_eq!(drain.output(), NOTHING);
}

/// END-1: QoS 0 has its outcome when it is written, if that was asked for.
#[test]
fn draining_waits_for_what_is_to_be_written() {
    let mut world = World::connected(|options| options.qos0_completion(Completion::Written));
    let client = world.client();
    world.pipe().change(|state| state.room = 3);
    let written = send(&client, AtMostOnce);
    let mut drain = world.task(client.drain(60 * SECOND));
    assert!(drain.poll().is_pending());
    world.advance(SECOND);
    assert!(!world.driver_has_ended(), "it is longer than `disconnect_flush`");
    world.pipe().change(|state| state.room = usize::MAX);
    assert_eq!(world.sent(), ["PUBLISH a 1", "DISCONNECT 0x00"]);
    world.cut();
    assert_eq!(drain.output(), NOTHING);
    assert_eq!(world.finish(written), Ok(ReasonCode::Success));
}

/// END-1: ... or the deadline is over; what has no outcome is returned, and ends as ever (END-2).
#[test]
fn a_deadline_ends_draining() {
    let mut world = World::connected(|options| options);
    let client = world.client();
    let unanswered = send(&client, AtLeastOnce);
    send(&client, ExactlyOnce).detach();
    let mut subscribe = world.task(client.subscribe("b", AtLeastOnce));
    assert!(subscribe.poll().is_pending());
    let mut drain = world.task(client.drain(SECOND));
    assert!(drain.poll().is_pending());
    assert_eq!(world.sent(), ["PUBLISH 1 a 1", "PUBLISH 2 a 1", "SUBSCRIBE 3 id=1 b 1"]);
    world.advance(SECOND - Duration::from_micros(1));
    assert!(world.sent().is_empty());
    world.advance(Duration::from_micros(1));
    see_leave(&mut world);
    assert_eq!(drain.output(), Drained { publishes: 2, requests: 1 });
    assert_eq!(world.finish(unanswered), Err(PublishError::Closed));
    assert_eq!(subscribe.output().err(), Some(SubscribeError::Closed));
    let again = Drained { publishes: 2, requests: 1 };
    assert_eq!(world.finish(client.drain(SECOND)), again, "however often it is asked for");
}

/// END-1: nobody waits for what the client asks of its own accord.
#[test]
fn draining_waits_for_calls_only() {
    for (answered, left) in [(true, NOTHING), (false, ONE)] {
        let mut world = World::connected(|options| options);
        let client = world.client();
        drop(stream(&mut world, "b"));
        world.advance(5 * SECOND);
        assert_eq!(world.sent(), ["UNSUBSCRIBE 2 b"]);
        assert_eq!((client.stats().subscribes, client.stats().unsubscribes), (1, 1));
        send(&client, AtLeastOnce).detach();
        let mut drain = world.task(client.drain(SECOND));
        assert!(drain.poll().is_pending());
        assert_eq!(world.sent(), ["PUBLISH 3 a 1"]);
        if answered {
            world.reply(&puback(3));
        } else {
            world.advance(SECOND);
        }
        see_leave(&mut world);
        assert_eq!(drain.output(), left);
    }
}

/// END-1: ... and of two deadlines the earlier one.
#[test]
fn the_earlier_deadline_holds() {
    let mut world = World::connected(|options| options);
    let client = world.client();
    send(&client, AtLeastOnce).detach();
    let mut calls = [10, 2, 5].map(|seconds| world.task(client.drain(seconds * SECOND)));
    assert!(calls.iter_mut().all(|call| call.poll().is_pending()));
    world.sent();
    world.advance(2 * SECOND);
    see_leave(&mut world);
    assert!(calls.into_iter().all(|call| call.output() == ONE));
}

/// END-1: nothing new is accepted, nor what waits for room; messages are received all the same.
#[test]
fn a_draining_client_refuses_work() {
    let narrow = |options: crate::Options| options.max_pending(1).max_in_flight(NonZeroU16::MIN);
    let mut world = World::connected(narrow);
    let client = world.client();
    let mut messages = stream(&mut world, "b");
    send(&client, AtLeastOnce).detach();
    send(&client, AtLeastOnce).detach();
    let publish_one = || client.publish(Publish::new("c", "").qos(AtLeastOnce));
    let mut waiting = [world.task(publish_one()), world.task(publish_one())];
    assert!(waiting.iter_mut().all(|call| call.poll().is_pending()));
    let mut drain = world.task(client.drain(SECOND));
    assert!(drain.poll().is_pending());
    for call in waiting {
        assert!(call.is_woken());
        assert_eq!(call.output(), Err(PublishError::Closed));
    }
    assert_eq!(world.finish(publish_one()), Err(PublishError::Closed));
    let refused = client.try_publish(Publish::new("c", "")).unwrap_err();
    assert_eq!(refused.error, PublishError::Closed);
    let subscribed = world.finish(client.subscribe("d", AtMostOnce));
    assert_eq!(subscribed.err(), Some(SubscribeError::Closed));
    assert_eq!(world.finish(client.unsubscribe("b")), Err(UnsubscribeError::Closed));

    assert_eq!(world.sent(), ["PUBLISH 2 a 1"]);
    world.reply(&publish("b", 1, b"m"));
    assert_eq!(world.finish(messages.recv()).unwrap().payload(), b"m");
    assert_eq!(world.sent(), ["PUBACK 1"]);
    world.reply(&puback(2));
    assert_eq!(world.sent(), ["PUBLISH 3 a 1"]);
    world.reply(&puback(3));
    see_leave(&mut world);
    assert_eq!(drain.output(), NOTHING);
}

/// END-1: a connection that ends is replaced, and what was sent on it is sent again.
#[test]
fn draining_goes_on_with_the_next_connection() {
    let mut world = World::connected(|options| options);
    let client = world.client();
    let handle = send(&client, AtLeastOnce);
    let mut drain = world.task(client.drain(60 * SECOND));
    assert!(drain.poll().is_pending());
    assert_eq!(world.sent(), ["PUBLISH 1 a 1"]);
    world.cut();
    assert!(!world.driver_has_ended());
    world.advance(2 * SECOND);
    assert_eq!(world.sent(), ["CONNECT clean=false"]);
    world.reply(&connack(true, ReasonCode::Success));
    assert_eq!(world.sent(), ["PUBLISH 1 dup a 1"]);
    assert_eq!(client.stats().replayed, 1);
    world.reply(&puback(1));
    see_leave(&mut world);
    assert_eq!(drain.output(), NOTHING);
    assert_eq!(world.finish(handle), Ok(ReasonCode::Success));
}

/// END-1: ... but the deadline is kept between two connections, and in the making of one.
#[test]
fn a_deadline_ends_draining_without_a_connection() {
    for dialling in [Dialling::Refused, Dialling::Hangs, Dialling::Works] {
        let mut world = World::connected(|options| options.connect_timeout(60 * SECOND));
        let client = world.client();
        let handle = send(&client, AtLeastOnce);
        world.run();
        *world.sky().dialling.lock().unwrap() = dialling;
        world.cut();
        let mut drain = world.task(client.drain(10 * SECOND));
        assert!(drain.poll().is_pending());
        world.advance(9 * SECOND);
        assert!(!world.driver_has_ended());
        world.advance(SECOND);
        assert!(world.driver_has_ended(), "{dialling:?}");
        assert_eq!(drain.output(), ONE);
        assert_eq!(world.finish(handle), Err(PublishError::Closed));
    }
}

/// END-1, SEND-5: what is kept for a connection is sent on one, although its calls are done.
#[test]
fn draining_waits_for_qos_0_that_is_kept() {
    for comes_back in [true, false] {
        let mut world = World::connected(|options| options.offline_qos0(OfflineQoS0::Keep));
        let client = world.client();
        world.cut();
        *world.sky().dialling.lock().unwrap() = Dialling::Refused;
        for _ in 0..3 {
            assert_eq!(world.finish(send(&client, AtMostOnce)), Ok(ReasonCode::Success));
        }
        let mut drain = world.task(client.drain(20 * SECOND));
        assert!(drain.poll().is_pending());
        world.advance(10 * SECOND);
        assert!(!world.driver_has_ended());
        if comes_back {
            *world.sky().dialling.lock().unwrap() = Dialling::Works;
            world.advance(9 * SECOND);
            assert_eq!(world.sent(), ["CONNECT clean=false"]);
            world.reply(&connack(true, ReasonCode::Success));
            let kept = ["PUBLISH a 1", "PUBLISH a 1", "PUBLISH a 1", "DISCONNECT 0x00"];
            assert_eq!(world.sent(), kept);
            world.cut();
            assert_eq!(drain.output(), NOTHING);
        } else {
            world.advance(10 * SECOND);
            assert!(world.driver_has_ended());
            assert_eq!(drain.output(), Drained { publishes: 3, requests: 0 });
        }
    }
}

/// END-1: what expires between two connections has its outcome, and is the last to be waited for.
#[test]
fn draining_ends_with_what_expires() {
    let mut world = World::connected(|options| options);
    let client = world.client();
    world.cut();
    let expiring = Publish::new("a", "x").qos(AtLeastOnce).message_expiry(3 * SECOND);
    *world.sky().dialling.lock().unwrap() = Dialling::Refused;
    client.try_publish(expiring).unwrap().detach();
    let mut drain = world.task(client.drain(60 * SECOND));
    assert!(drain.poll().is_pending());
    world.advance(3 * SECOND);
    assert!(world.driver_has_ended());
    assert_eq!(drain.output(), NOTHING);
}

/// END-1: ... on a connection, too, whose transport is not even asked any more.
#[test]
fn draining_ends_with_what_expires_on_a_connection() {
    let mut world = World::connected(|options| options.qos0_completion(Completion::Written));
    let client = world.client();
    world.pipe().change(|state| state.room = 0);
    let large = Publish::new("a", vec![0; 200_000]).qos(AtLeastOnce);
    client.try_publish(large).unwrap().detach();
    let expiring = Publish::new("a", "x").message_expiry(3 * SECOND);
    client.try_publish(expiring).unwrap().detach();
    world.run();
    world.reply(&puback(1));
    let mut drain = world.task(client.drain(60 * SECOND));
    assert!(drain.poll().is_pending());
    world.advance(3 * SECOND - Duration::from_micros(1));
    assert!(!world.driver_has_ended());
    world.advance(2 * SECOND);
    assert!(world.driver_has_ended());
    assert_eq!(drain.output(), NOTHING);
}

/// END-1: a client that gives up connecting ends with what it has.
#[test]
fn draining_ends_when_the_client_gives_up() {
    let mut world = World::connected(|options| options.reconnect(false));
    let client = world.client();
    send(&client, AtLeastOnce).detach();
    let mut drain = world.task(client.drain(60 * SECOND));
    assert!(drain.poll().is_pending());
    world.run();
    world.cut();
    assert!(world.driver_has_ended());
    assert_eq!(drain.output(), ONE);
}

/// END-1: `disconnect` does not wait for a client that drains.
#[test]
fn disconnecting_ends_draining() {
    let mut world = World::connected(|options| options);
    let client = world.client();
    send(&client, AtLeastOnce).detach();
    let mut drain = world.task(client.drain(60 * SECOND));
    assert!(drain.poll().is_pending());
    assert_eq!(world.sent(), ["PUBLISH 1 a 1"]);
    let mut leave = world.task(client.disconnect());
    assert!(leave.poll().is_pending());
    see_leave(&mut world);
    leave.output();
    assert_eq!(drain.output(), ONE);
}

/// END-1: a cancelled `drain` has the client end nevertheless, even without handles.
#[test]
fn draining_goes_on_without_handles() {
    for answered in [true, false] {
        let mut world = World::connected(|options| options);
        let client = world.client();
        send(&client, AtLeastOnce).detach();
        assert!(world.task(client.drain(10 * SECOND)).poll().is_pending());
        drop(client);
        world.client = None;
        assert_eq!(world.sent(), ["PUBLISH 1 a 1"]);
        if answered {
            world.reply(&puback(1));
        } else {
            world.advance(10 * SECOND);
        }
        see_leave(&mut world);
    }
}

/// END-1, RECV-4: what nobody reads does not hide the answers that are waited for.
#[test]
fn draining_reads_on_behind_messages_nobody_reads() {
    let mut world = World::connected(|options| options.held_bytes(10));
    let client = world.client();
    let mut messages = stream(&mut world, "b");
    send(&client, AtLeastOnce).detach();
    world.run();
    world.reply(&publish("b", 0, &[0; 20]));
    world.reply(&puback(2));
    assert_eq!(client.stats().delivered, 0, "reading pauses");
    let mut drain = world.task(client.drain(60 * SECOND));
    assert!(drain.poll().is_pending());
    world.run();
    assert_eq!(client.stats().delivered, 1);
    world.cut();
    assert_eq!(drain.output(), NOTHING);
    assert!(matches!(world.task(messages.recv()).poll(), Poll::Ready(Some(_))));
}
