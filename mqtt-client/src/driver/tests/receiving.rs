use std::cell::RefCell;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_core::Stream;
use mqtt_session::proto::{self, Packet, Properties, Property, QoS, ReasonCode, Version};

use super::packets::{id, puback, publish};
use super::subscribing::{grant, stream};
use super::world::World;
use crate::{
    Ack, ClientEvent, CloseReason, Overflow, Publish, SessionExpiry, SubscribeOptions,
    Subscription, TryRecvError,
};

const SECOND: Duration = Duration::from_secs(1);

pub(super) fn stream_with(world: &mut World, options: SubscribeOptions) -> Subscription {
    let client = world.client();
    let options = options.qos(QoS::AtLeastOnce);
    grant(world, client.subscribe_with(options), ReasonCode::GrantedQoS1)
}

pub(super) fn take(messages: &mut Subscription) -> Vec<Vec<u8>> {
    std::iter::from_fn(|| messages.try_recv().ok())
        .map(|message| message.payload().to_vec())
        .collect()
}

#[test]
fn a_message_is_acknowledged_when_it_is_dropped() {
    let mut world = World::connected(|options| options);
    let mut messages = stream(&mut world, "a/+");
    world.reply(&publish("a/b", 7, b"hello"));
    let message = world.finish(messages.recv()).unwrap();
    assert_eq!((message.topic(), message.payload()), ("a/b", &b"hello"[..]));
    assert!(world.sent().is_empty());
    assert_eq!(message.into_payload(), &b"hello"[..]);
    assert_eq!(world.sent(), ["PUBACK 7"]);
}

#[test]
fn acknowledgements_are_idempotent_and_ordered() {
    let mut world = World::connected(|options| options);
    let mut messages = stream(&mut world, "a");
    world.reply(&publish("a", 1, b""));
    world.reply(&publish("a", 2, b""));
    let first = world.finish(messages.recv()).unwrap();
    let second = world.finish(messages.recv()).unwrap();
    second.reject(ReasonCode::QuotaExceeded);
    second.ack();
    assert!(world.sent().is_empty(), "PUBACKs leave in the order the messages came");
    first.ack();
    drop((first, second));
    assert_eq!(world.sent(), ["PUBACK 1", "PUBACK 2 0x97"]);
}

#[test]
fn every_mode_acknowledges_when_it_says() {
    let mut world = World::connected(|options| options);
    let mut manual = stream_with(&mut world, SubscribeOptions::new("m").ack(Ack::Manual));
    let mut at_once = stream_with(&mut world, SubscribeOptions::new("r").ack(Ack::OnReceive));
    world.reply(&publish("r", 1, b""));
    assert!(world.sent().is_empty());
    let kept = world.finish(at_once.recv()).unwrap();
    assert_eq!(world.sent(), ["PUBACK 1"]);
    drop(kept);
    world.reply(&publish("m", 2, b""));
    drop(world.finish(manual.recv()).unwrap());
    assert!(world.sent().is_empty());
    assert_eq!(world.client().stats().unacknowledged_drops, 1);
}

#[test]
fn a_panicking_thread_acknowledges_nothing() {
    let mut world = World::connected(|options| options);
    let mut messages = stream(&mut world, "a");
    world.reply(&publish("a", 1, b""));
    let message = world.finish(messages.recv()).unwrap();
    let thread = std::thread::spawn(move || {
        let _message = message;
        std::panic::resume_unwind(Box::new("quietly"));
    });
    assert!(thread.join().is_err());
    assert!(world.sent().is_empty());
}

/// RECV-7: the broker's acknowledgement goes out when all holders gave theirs.
#[test]
fn a_message_goes_to_every_subscription_that_matches() {
    let mut world = World::connected(|options| options);
    let mut exact = stream(&mut world, "a/b");
    let mut wild = stream(&mut world, "a/#");
    world.reply(&publish("a/b", 1, b"x"));
    let (one, other) = (world.finish(exact.recv()).unwrap(), world.finish(wild.recv()).unwrap());
    assert_eq!(one.payload(), other.payload());
    other.reject(ReasonCode::NotAuthorized);
    drop(other);
    assert!(world.sent().is_empty());
    drop(one);
    assert_eq!(world.sent(), ["PUBACK 1 0x87"], "with the first error given");
}

/// RES-1: ... and not at all if one of them dropped it without, which gets it again with the others.
#[test]
fn a_message_that_one_holder_gives_up_comes_again_to_all() {
    let mut world = World::connected(|options| options);
    let mut exact = stream(&mut world, "a/b");
    let mut wild = stream_with(&mut world, SubscribeOptions::new("a/#").ack(Ack::Manual));
    world.reply(&publish("a/b", 1, b"x"));
    drop(world.finish(wild.recv()));
    let last = world.finish(exact.recv()).unwrap();
    assert_eq!(world.client().oldest_unacknowledged().unwrap().topic, "a/b");
    last.ack();
    assert!(world.sent().is_empty());
    assert_eq!(world.client().oldest_unacknowledged().unwrap().topic, "a/b");
    world.pipe().change(|state| state.broker_closed = true);
    world.advance(Duration::from_secs(2));
    world.accept(true);
    assert_eq!(world.client().oldest_unacknowledged(), None);
    let Packet::Publish(again) = publish("a/b", 1, b"x") else { unreachable!() };
    world.reply(&Packet::Publish(proto::Publish { dup: true, ..again }));
    drop(world.finish(exact.recv()).unwrap());
    world.finish(wild.recv()).unwrap().ack();
    assert_eq!(world.sent(), ["PUBACK 1"]);
}

/// RECV-4: a stalled stream holds its own messages, and no others.
#[test]
fn a_slow_stream_delays_no_other() {
    let mut world = World::connected(|options| options.receive_maximum(10));
    let mut stalled = stream(&mut world, "stalled");
    let mut fast = stream(&mut world, "fast");
    for packet_id in 1..=9 {
        world.reply(&publish("stalled", packet_id, b""));
    }
    world.reply(&publish("fast", 10, b"1"));
    for _ in 0..100 {
        world.reply(&publish("fast", 0, b"0"));
    }
    assert_eq!(take(&mut fast).len(), 101);
    assert!(world.sent().is_empty(), "PUBACKs leave in the order the messages came (4.6)");
    assert_eq!(take(&mut stalled).len(), 9);
    assert_eq!(world.sent().len(), 10);
}

/// RECV-4: QoS 0 above `held_bytes` stays with the broker.
#[test]
fn reading_pauses_while_a_stream_is_not_read() {
    let mut world = World::connected(|options| options.held_bytes(1).keep_alive(10 * SECOND));
    let mut messages = stream(&mut world, "a");
    world.reply(&publish("a", 0, b"1"));
    world.reply(&publish("a", 0, b"2"));
    let pipe = world.pipe();
    assert!(pipe.unread() > 0, "the second is not read");
    world.advance(20 * SECOND);
    assert!(!pipe.look(|state| state.client_dropped), "silence proves nothing meanwhile");
    assert_eq!(take(&mut messages), [b"1"]);
    world.run();
    assert_eq!(take(&mut messages), [b"2"]);
}

/// RECV-4: while a call waits for an answer, reading goes on and the newest is dropped.
#[test]
fn a_waiting_call_keeps_reading_going() {
    let mut world = World::connected(|options| options.held_bytes(1));
    let mut messages = stream(&mut world, "a");
    world.reply(&publish("a", 0, b"1"));
    world.reply(&publish("a", 0, b"2"));
    let client = world.client();
    let mut call = world.task(client.publish(Publish::new("b", "").qos(QoS::AtLeastOnce)));
    assert!(call.poll().is_pending());
    world.run();
    assert_eq!(world.pipe().unread(), 0);
    world.sent();
    world.reply(&publish("a", 0, b"3"));
    world.reply(&puback(2));
    assert_eq!(call.output(), Ok(ReasonCode::Success));
    assert_eq!(take(&mut messages), [b"1"]);
    assert_eq!(client.stats().dropped, 2);
}

/// RECV-4: nothing waits behind a slow consumer but more of the same.
#[test]
fn a_stalled_stream_costs_no_other_its_qos0() {
    let mut world = World::connected(|options| options.held_bytes(4 << 10));
    let stalled = stream(&mut world, "stalled");
    let mut fast = stream(&mut world, "fast");
    let seen = Arc::new(Mutex::new(0));
    let counted = Arc::clone(&seen);
    let client = world.client();
    let callback = client.subscribe_callback(SubscribeOptions::new("called"), move |_| {
        *counted.lock().unwrap() += 1;
    });
    let callback = grant(&mut world, callback, ReasonCode::GrantedQoS0);
    let mut call = world.task(client.publish(Publish::new("b", "").qos(QoS::AtLeastOnce)));
    assert!(call.poll().is_pending());
    world.run();
    for _ in 0..5 {
        world.reply(&publish("stalled", 0, &[0; 1 << 10]));
    }
    let dropped = client.stats().dropped;
    assert!(dropped > 0);
    for _ in 0..3 {
        world.send(&publish("fast", 0, b"x"));
        world.reply(&publish("called", 0, b"x"));
    }
    assert_eq!((take(&mut fast).len(), *seen.lock().unwrap()), (3, 3));
    assert_eq!(client.stats().dropped, dropped);
    drop((stalled, callback));
}

#[test]
fn a_drop_policy_drops_beyond_the_buffer() {
    for (overflow, kept) in
        [(Overflow::DropNewest, [b"1", b"2", b"3"]), (Overflow::DropOldest, [b"2", b"3", b"4"])]
    {
        let mut world = World::connected(|options| options);
        let options = SubscribeOptions::new("a").qos0_overflow(overflow).buffer(2);
        let mut messages = stream_with(&mut world, options);
        world.reply(&publish("a", 0, b"1"));
        world.reply(&publish("a", 0, b"2"));
        world.reply(&publish("a", 5, b"3"));
        world.reply(&publish("a", 0, b"4"));
        assert_eq!(take(&mut messages), kept);
        assert_eq!(world.client().stats().dropped, 1);
    }
}

#[test]
fn a_stream_wakes_its_reader() {
    let mut world = World::connected(|options| options);
    let mut messages = stream(&mut world, "a");
    assert_eq!(messages.try_recv().unwrap_err(), TryRecvError::Empty);
    let mut reader = world.task(messages.recv());
    assert!(reader.poll().is_pending() && !reader.is_woken());
    world.reply(&publish("a", 0, b""));
    assert!(reader.is_woken());
    assert!(reader.output().is_some());
}

/// Looking for a message does not end somebody's waiting.
#[test]
fn a_look_leaves_the_waker_alone() {
    let mut world = World::connected(|options| options);
    let messages = RefCell::new(stream(&mut world, "a"));
    let mut reader = world.task(poll_fn(|cx| messages.borrow_mut().poll_recv(cx)));
    assert!(reader.poll().is_pending());
    assert_eq!(messages.borrow_mut().try_recv().unwrap_err(), TryRecvError::Empty);
    world.reply(&publish("a", 0, b""));
    assert!(reader.is_woken() && messages.borrow_mut().try_recv().is_ok());

    let events = RefCell::new(world.client().events());
    let mut listener = world.task(poll_fn(|cx| events.borrow_mut().poll_next(cx)));
    assert!(listener.poll().is_pending());
    assert_eq!(events.borrow_mut().try_next().unwrap_err(), TryRecvError::Empty);
    world.drop_driver();
    assert!(listener.is_woken());
    assert!(matches!(events.borrow_mut().try_next(), Ok(ClientEvent::Closed)));
    assert_eq!(events.borrow_mut().try_next().unwrap_err(), TryRecvError::Ended);
}

/// SEND-9: calls that do not wait work inside a callback, which acknowledges after it returned.
#[test]
fn a_callback_may_publish() {
    let mut world = World::connected(|options| options.receive_maximum(1).max_pending(1));
    let (client, seen) = (world.client(), Arc::new(Mutex::new(Vec::new())));
    let (publisher, log) = (world.client(), Arc::clone(&seen));
    let callback = move |message: &crate::Message| {
        log.lock().unwrap().push(message.payload().to_vec());
        let answer = Publish::new("answers", message.payload()).qos(QoS::AtLeastOnce);
        publisher.try_publish(answer).unwrap().detach();
    };
    let options = SubscribeOptions::new("a").qos(QoS::AtLeastOnce);
    let call = client.subscribe_callback(options, callback);
    let subscription = grant(&mut world, call, ReasonCode::GrantedQoS1);
    for packet_id in [1, 2] {
        world.reply(&publish("a", packet_id, b"x"));
        let sent = world.sent();
        assert_eq!(sent[0], format!("PUBACK {packet_id}"));
        assert!(sent[1].ends_with("answers 1"));
        world.reply(&puback(super::subscribing::packet_id(&sent[1], "PUBLISH").get()));
    }
    assert_eq!(*seen.lock().unwrap(), [b"x", b"x"]);
    assert_eq!(subscription.filter(), "a");
}

/// RECV-8: QoS 1 for no route is held while its subscription may still be made.
#[test]
fn an_unrouted_message_waits_for_its_subscription() {
    let mut world = World::connected(|options| options);
    world.reply(&publish("late", 1, b"x"));
    world.reply(&publish("late", 0, b"QoS 0 is not kept"));
    world.advance(29 * SECOND);
    assert!(!world.sent().iter().any(|line| line.starts_with("PUBACK")));
    let mut messages = stream(&mut world, "late");
    assert_eq!(take(&mut messages), [b"x"]);
    assert_eq!(world.sent(), ["PUBACK 1"]);
    assert_eq!(world.client().stats().unrouted, 1);
}

/// RECV-8: ... but not for ever.
///
/// Enforces: MQTT-4.5.0-2
#[test]
fn an_unrouted_message_is_given_up() {
    let mut world = World::connected(|options| options.keep_alive(None));
    world.reply(&publish("late", 1, b"x"));
    world.advance(30 * SECOND);
    assert_eq!(world.sent(), ["PUBACK 1 0x83"]);
    world.reply(&publish("late", 2, b"x"));
    assert_eq!(world.sent(), ["PUBACK 2 0x83"], "after that at once");
    assert_eq!(world.client().stats().unrouted, 2);
}

/// END-2: what arrived can be read after the end.
#[test]
fn unread_messages_stay_readable() {
    let mut world = World::connected(|options| options);
    let mut messages = stream(&mut world, "a");
    world.reply(&publish("a", 1, b"x"));
    world.drop_driver();
    assert_eq!(take(&mut messages), [b"x"]);
    assert_eq!(messages.try_recv().unwrap_err(), TryRecvError::Ended);
}

/// BAD-2: before 5.0 reading waits for room to hold a message, but not for one that was given up.
#[test]
fn a_message_given_up_is_not_waited_for() {
    let mut world = World::connected(|options| {
        let options = options.version(Version::V3_1_1).session_expiry(SessionExpiry::Immediately);
        options.receive_maximum(1).keep_alive(None)
    });
    let mut messages = stream_with(&mut world, SubscribeOptions::new("a").ack(Ack::Manual));
    for id in 1..=40 {
        world.reply(&publish("a", id, b""));
    }
    let pipe = world.pipe();
    assert!(pipe.unread() > 0, "reading waits");
    assert!(!pipe.look(|state| state.client_dropped));
    drop(world.finish(messages.recv()));
    world.run();
    assert!(pipe.look(|state| state.client_dropped));
}

/// BAD-1: what the broker said last is heard although reading paused when writing failed.
#[test]
fn the_last_words_are_heard_in_a_pause() {
    let mut world = World::connected(|options| options.held_bytes(1));
    let mut events = world.client().events();
    let messages = stream(&mut world, "a");
    for _ in 0..100 {
        world.reply(&publish("a", 0, b"0123456789"));
    }
    assert!(world.pipe().unread() > 0, "reading pauses");
    let reason = ReasonCode::AdministrativeAction;
    world.send(&Packet::Disconnect(proto::Disconnect { reason, properties: Properties::EMPTY }));
    world.pipe().change(|state| state.broker_closed = true);
    world.client().try_publish(Publish::new("b", "x")).unwrap().detach();
    world.run();
    let told: Vec<_> = std::iter::from_fn(|| events.try_next().ok()).collect();
    let why = told.iter().find_map(|event| match event {
        ClientEvent::Disconnected { reason } => Some(*reason),
        _ => None,
    });
    assert_eq!(why, Some(CloseReason::Disconnected(reason)));
    drop(messages);
}

/// Many messages in one read come out complete and in order, and others come to their turn.
#[test]
fn a_burst_is_delivered_in_order() {
    let mut world = World::connected(|options| options);
    let mut messages = stream(&mut world, "a");
    let payloads: Vec<_> = (0..5000u32).map(|index| index.to_be_bytes().to_vec()).collect();
    for payload in &payloads {
        world.send(&publish("a", 0, payload));
    }
    world.run();
    assert_eq!(take(&mut messages), payloads);
}

/// At most one allocation per message that is received.
#[test]
fn receiving_allocates_once_per_message() {
    let mut world = World::connected(|options| options);
    let mut messages = stream(&mut world, "a");
    for round in 0..3 {
        for _ in 0..200 {
            world.send(&publish("a", 0, b"hello"));
        }
        let counted = allocation_counter::measure(|| world.run());
        let taken = allocation_counter::measure(|| {
            while let Ok(message) = messages.try_recv() {
                assert_eq!(message.payload(), b"hello");
            }
        });
        assert!(round < 2 || counted.count_total <= 201, "{counted:?}");
        assert!(round < 2 || taken.count_total == 0, "{taken:?}");
    }
}

/// RECV-5: a subscription is a `Stream`, and so are the events.
#[test]
fn subscriptions_and_events_are_streams() {
    let mut world = World::connected(|options| options);
    let mut events = world.client().events();
    assert!(matches!(events.try_next(), Err(TryRecvError::Empty)));
    let mut messages = stream(&mut world, "a");
    world.reply(&publish("a", 0, b"x"));
    let message = world.finish(poll_fn(|cx| Pin::new(&mut messages).poll_next(cx)));
    assert_eq!(message.unwrap().payload(), b"x");
    world.drop_driver();
    assert!(world.finish(poll_fn(|cx| Pin::new(&mut messages).poll_next(cx))).is_none());
    let told = world.finish(poll_fn(|cx| Stream::poll_next(Pin::new(&mut events), cx)));
    assert!(matches!(told, Some(ClientEvent::Closed)));
    assert!(matches!(events.try_next(), Err(TryRecvError::Ended)));
}

#[test]
fn a_message_shows_its_properties() {
    let mut world = World::connected(|options| options);
    let mut messages = stream(&mut world, "a");
    let properties = [Property::ContentType("text"), Property::UserProperty("name", "value")];
    world.reply(&Packet::Publish(proto::Publish {
        dup: false,
        qos: QoS::ExactlyOnce,
        retain: true,
        topic: "a",
        packet_id: Some(id(1)),
        properties: Properties::from_slice(&properties),
        payload: b"secret",
    }));
    let message = world.finish(messages.recv()).unwrap();
    assert!(message.properties().iter().eq(properties));
    assert_eq!((message.qos(), message.retain(), message.dup()), (QoS::ExactlyOnce, true, false));
    let shown = format!("{message:?}");
    assert!(shown.contains("6 bytes") && !shown.contains("secret"), "{shown}");
    drop(message);
    assert_eq!(world.sent(), ["PUBREC 1"]);
}

/// A payload that was large enough for a buffer of its own, with what comes before and behind it.
#[test]
fn a_large_message_is_handed_out_whole() {
    let mut world = World::connected(|options| options);
    let mut messages = stream(&mut world, "a/#");
    let mut others = stream(&mut world, "a/b");
    let large: Vec<u8> = (0..200_000u32).map(|n| (n % 251) as u8).collect();
    let properties = [Property::ContentType("text")];
    for round in 1..=3 {
        world.reply(&publish("a/b", 3 * round, b"before"));
        world.reply(&Packet::Publish(proto::Publish {
            dup: false,
            qos: QoS::AtLeastOnce,
            retain: false,
            topic: "a/b",
            packet_id: Some(id(3 * round + 1)),
            properties: Properties::from_slice(&properties),
            payload: &large,
        }));
        world.reply(&publish("a/b", 3 * round + 2, b"behind"));
        let [first, second] = [&mut messages, &mut others].map(|subscription| {
            assert_eq!(world.finish(subscription.recv()).unwrap().payload(), b"before");
            let message = world.finish(subscription.recv()).unwrap();
            assert_eq!((message.topic(), message.payload()), ("a/b", &large[..]));
            assert!(message.properties().iter().eq(properties));
            assert_eq!(world.finish(subscription.recv()).unwrap().payload(), b"behind");
            message.into_payload()
        });
        assert_eq!(first, large);
        assert_eq!(first.as_ptr(), second.as_ptr(), "not one of them is a copy");
        let acks = [3 * round, 3 * round + 1, 3 * round + 2].map(|id| format!("PUBACK {id}"));
        assert_eq!(world.sent(), acks);
    }
}
