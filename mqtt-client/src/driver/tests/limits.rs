//! Limits on what is held, what becomes of the rest, and what no subscription matches.

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mqtt_session::proto::{QoS, Version};

use super::packets::publish;
use super::receiving::{stream_with, take};
use super::subscribing::stream;
use super::world::World;
use crate::{Ack, Client, ClientEvent, DropPolicy, Message, Overflow, Publish, SubscribeOptions};

const SECOND: Duration = Duration::from_secs(1);

/// RECV-4: a hold limit keeps a slow consumer from holding the whole window.
#[test]
fn a_hold_limit_drops_and_acknowledges() {
    for (policy, kept, acked) in [
        (DropPolicy::DropNewest, [b"1", b"2"], [3, 4]),
        (DropPolicy::DropOldest, [b"3", b"4"], [1, 2]),
    ] {
        let mut world = World::connected(|options| options.receive_maximum(4));
        let options = SubscribeOptions::new("a").hold_limit(2, policy).ack(Ack::Manual);
        let mut messages = stream_with(&mut world, options);
        for packet_id in 1..=4 {
            world.reply(&publish("a", packet_id, packet_id.to_string().as_bytes()));
        }
        world.reply(&publish("a", 0, b"QoS 0 is not meant"));
        let first = acked[0];
        // PUBACKs leave in the order the messages came.
        let sent = if first == 1 { vec!["PUBACK 1", "PUBACK 2"] } else { Vec::new() };
        assert_eq!(world.sent(), sent);
        let got: Vec<_> = std::iter::from_fn(|| messages.try_recv().ok()).collect();
        let payloads: Vec<_> = got.iter().map(Message::payload).collect();
        assert_eq!(payloads[..2], kept);
        assert_eq!((payloads.len(), world.client().stats().dropped), (3, 2));
        got.iter().for_each(Message::ack);
        let rest: Vec<_> =
            (1..=4).map(|packet_id| format!("PUBACK {packet_id}")).skip(sent.len()).collect();
        assert_eq!(world.sent(), rest);
    }
}

/// RECV-5: a queue drops at its size, whatever the QoS.
#[test]
fn a_queue_keeps_so_many_messages() {
    for (policy, kept) in
        [(DropPolicy::DropNewest, [b"1", b"2", b"3"]), (DropPolicy::DropOldest, [b"3", b"4", b"5"])]
    {
        let mut world = World::connected(|options| options);
        let options = SubscribeOptions::new("a").queue(policy).queue_size(3);
        let mut messages = stream_with(&mut world, options);
        for (packet_id, payload) in [(0, b"1"), (2, b"2"), (0, b"3"), (4, b"4"), (0, b"5")] {
            world.reply(&publish("a", packet_id, payload));
        }
        assert_eq!(take(&mut messages), kept);
        let mut acked = world.sent();
        acked.sort_unstable();
        assert_eq!(acked, ["PUBACK 2", "PUBACK 4"]);
        assert_eq!(world.client().stats().dropped, 2);
    }
}

/// BAD-3: what bounds the largest packet bounds the memory.
#[test]
fn the_memory_a_broker_can_take_is_known() {
    let bound = |bytes: Option<u32>| {
        let world = World::new(|options| match bytes.and_then(NonZeroU32::new) {
            Some(bytes) => options.maximum_packet_size(bytes),
            None => options,
        });
        world.client().memory_bound()
    };
    assert!(bound(Some(64 << 10)) < 1 << 20);
    assert!(bound(None) > 256 << 20);
}

/// The options of the client limit subscriptions that do not say otherwise.
#[test]
fn the_client_limits_every_subscription() {
    let seen = Arc::new(Mutex::new(0));
    let log = Arc::clone(&seen);
    let mut world = World::connected(|options| {
        options
            .hold_limit(1, DropPolicy::DropOldest)
            .qos0_overflow(Overflow::DropNewest)
            .buffer(2)
            .queue_size(3)
            .on_drop(move |_| *log.lock().unwrap() += 1)
    });
    let mut plain = stream_with(&mut world, SubscribeOptions::new("a"));
    let own = SubscribeOptions::new("a").hold_limit(9, DropPolicy::DropOldest).buffer(9);
    let mut own = stream_with(&mut world, own);
    let queue = SubscribeOptions::new("a").queue(DropPolicy::DropNewest);
    let mut queue = stream_with(&mut world, queue);
    for (packet_id, payload) in [(0, b"0"), (0, b"0"), (0, b"0"), (4, b"4"), (5, b"5")] {
        world.reply(&publish("a", packet_id, payload));
    }
    assert_eq!(take(&mut plain), [b"0", b"0", b"5"]);
    assert_eq!(take(&mut own), [b"0", b"0", b"0", b"4", b"5"]);
    assert_eq!(take(&mut queue), [b"0", b"0", b"0"]);
    assert_eq!(*seen.lock().unwrap(), 4);
}

/// RECV-5: what is dropped is shown to the hook, and acknowledged after that.
#[test]
fn a_hook_sees_what_is_dropped() {
    let mut world = World::connected(|options| options.held_bytes(1));
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (log, client) = (Arc::clone(&seen), world.client());
    let options = SubscribeOptions::new("a")
        .hold_limit(1, DropPolicy::DropNewest)
        .ack(Ack::Manual)
        .on_drop(move |message| log.lock().unwrap().push((message.qos(), client.stats().dropped)));
    let messages = stream_with(&mut world, options);
    world.reply(&publish("a", 1, b""));
    world.reply(&publish("a", 2, b""));
    world.reply(&publish("a", 0, b"kept"));
    let client = world.client();
    let mut waits = world.task(client.publish(Publish::new("b", "").qos(QoS::AtLeastOnce)));
    assert!(waits.poll().is_pending());
    world.reply(&publish("a", 0, b"dropped since a call waits"));
    let expected = [(QoS::AtLeastOnce, 1), (QoS::AtMostOnce, 2)];
    assert_eq!(*seen.lock().unwrap(), expected);
    drop((messages, waits));
}

/// RECV-5: what waits for a subscription is dropped by its limits, too.
#[test]
fn limits_hold_for_what_waited() {
    let mut world = World::connected(|options| options);
    for packet_id in 1..=3 {
        world.reply(&publish("a", packet_id, b""));
    }
    let options = SubscribeOptions::new("a").hold_limit(2, DropPolicy::DropOldest);
    let mut messages = stream_with(&mut world, options);
    assert_eq!((take(&mut messages).len(), world.client().stats().dropped), (2, 1));
    assert_eq!(world.sent(), ["PUBACK 2", "PUBACK 3"], "the first was acknowledged before them");
}

/// RECV-8: a default handler takes at once what no subscription matches.
#[test]
fn a_default_handler_gets_what_has_no_route() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&seen);
    let mut world = World::connected(|options| {
        options.default_handler(move |message| log.lock().unwrap().push(message.topic().to_owned()))
    });
    let mut messages = stream(&mut world, "a");
    world.reply(&publish("a", 0, b"x"));
    world.reply(&publish("lost", 0, b""));
    world.reply(&publish("found", 1, b""));
    assert_eq!(*seen.lock().unwrap(), ["lost", "found"]);
    assert_eq!((world.sent(), take(&mut messages).len()), (vec!["PUBACK 1".to_owned()], 1));
    assert_eq!(world.client().stats().unrouted, 0);
}

/// RECV-8: before 5.0 what is given up can only be acknowledged; the first is told.
#[test]
fn an_unrouted_message_before_5_0() {
    let mut world = World::new(|options| {
        options.version(Version::V3_1_1).client_id("").unrouted_hold(Duration::ZERO)
    });
    world.accept(false);
    let mut events = world.client().events();
    world.reply(&publish("first", 1, b""));
    world.reply(&publish("second", 2, b""));
    assert_eq!(world.sent(), ["PUBACK 1", "PUBACK 2"]);
    let told = world.finish(events.next());
    assert!(matches!(told, Some(ClientEvent::Unrouted { topic }) if topic == "first"));
    assert!(world.task(events.next()).poll().is_pending(), "once");
}

/// RECV-9: the oldest message without its acknowledgement can be found.
#[test]
fn the_oldest_unacknowledged_message_is_visible() {
    let mut world = World::connected(|options| options);
    let client = world.client();
    let mut messages = stream(&mut world, "+");
    assert_eq!(client.oldest_unacknowledged(), None);
    world.reply(&publish("stalled", 1, b""));
    world.advance(SECOND);
    world.reply(&publish("later", 2, b""));
    world.advance(SECOND);
    let shown =
        |client: &Client| client.oldest_unacknowledged().map(|oldest| (oldest.topic, oldest.age));
    assert_eq!(shown(&client), Some(("stalled".to_owned(), 2 * SECOND)), "unread");
    let (first, second) = (messages.try_recv().unwrap(), messages.try_recv().unwrap());
    drop(second);
    assert_eq!(shown(&client), Some(("stalled".to_owned(), 2 * SECOND)), "in hand");
    drop(first);
    assert_eq!(shown(&client), None);
    world.reply(&publish("of the lost session", 3, b""));
    assert!(shown(&client).is_some());
    world.pipe().change(|state| state.broker_closed = true);
    world.advance(2 * SECOND);
    world.accept(false);
    assert_eq!(shown(&client), None);
}
