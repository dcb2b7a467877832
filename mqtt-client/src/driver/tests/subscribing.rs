use std::future::Future;
use std::task::Poll;
use std::time::Duration;

use mqtt_session::proto::{
    Packet, PacketId, Properties, QoS, ReasonCode, ReasonCodes, SubAck, UnsubAck,
};

use super::packets::{connack, id, publish};
use super::world::World;
use crate::{SubscribeError, SubscribeOptions, Subscription};

/// Answers the SUBSCRIBE of a call, and finishes it.
pub(super) fn grant<T>(
    world: &mut World,
    call: impl Future<Output = Result<T, SubscribeError>>,
    code: ReasonCode,
) -> T {
    let mut task = world.task(call);
    assert!(task.poll().is_pending());
    let sent = world.sent();
    let packet_id = packet_id(sent.last().unwrap(), "SUBSCRIBE");
    world.reply(&suback(packet_id, &[code]));
    match task.poll() {
        Poll::Ready(subscription) => subscription.unwrap(),
        Poll::Pending => panic!("SUBACK finishes the call"),
    }
}

/// A stream of QoS 1.
pub(super) fn stream(world: &mut World, filter: &str) -> Subscription {
    let client = world.client();
    grant(world, client.subscribe(filter, QoS::AtLeastOnce), ReasonCode::GrantedQoS1)
}

pub(super) fn packet_id(line: &str, name: &str) -> PacketId {
    let mut words = line.split(' ');
    assert_eq!(words.next(), Some(name), "{line}");
    PacketId::new(words.next().unwrap().parse().unwrap()).unwrap()
}

pub(super) fn suback<'a>(packet_id: PacketId, codes: &'a [ReasonCode]) -> Packet<'a> {
    let codes = ReasonCodes::from_slice(codes);
    Packet::SubAck(SubAck { packet_id, properties: Properties::EMPTY, codes })
}

pub(super) fn unsuback<'a>(packet_id: PacketId, codes: &'a [ReasonCode]) -> Packet<'a> {
    let codes = ReasonCodes::from_slice(codes);
    Packet::UnsubAck(UnsubAck { packet_id, properties: Properties::EMPTY, codes })
}

/// Answers the UNSUBSCRIBE that must have been sent.
fn confirm_unsubscribe(world: &mut World, filter: &str, code: ReasonCode) {
    let sent = world.sent();
    let line = sent.last().unwrap();
    assert!(line.ends_with(filter), "{line}");
    let packet_id = packet_id(line, "UNSUBSCRIBE");
    world.reply(&unsuback(packet_id, &[code]));
}

#[test]
fn a_refused_subscription_is_an_error() {
    let mut world = World::connected(|options| options);
    let client = world.client();
    let mut task = world.task(client.subscribe("a", QoS::AtLeastOnce));
    assert!(task.poll().is_pending());
    let packet_id = packet_id(&world.sent()[0], "SUBSCRIBE");
    world.reply(&suback(packet_id, &[ReasonCode::NotAuthorized]));
    let error = task.output().unwrap_err();
    assert!(matches!(error, SubscribeError::Refused(it) if it.reason == ReasonCode::NotAuthorized));
    assert_eq!(client.stats().subscriptions, 0);
}

#[test]
fn a_filter_that_is_none_is_an_error_at_once() {
    let mut world = World::connected(|options| options);
    let client = world.client();
    let error = world.finish(client.subscribe("a/#/b", QoS::AtMostOnce)).unwrap_err();
    assert!(matches!(error, SubscribeError::Invalid(_)));
    assert!(world.sent().is_empty());
}

/// SEND-3: a cancelled `subscribe` unsubscribes when its SUBACK comes.
#[test]
fn a_cancelled_subscribe_is_taken_back() {
    let mut world = World::connected(|options| options);
    let client = world.client();
    let mut task = world.task(client.subscribe("a", QoS::AtLeastOnce));
    assert!(task.poll().is_pending());
    let sent = world.sent();
    drop(task);
    world.run();
    assert!(world.sent().is_empty());
    world.reply(&suback(packet_id(&sent[0], "SUBSCRIBE"), &[ReasonCode::GrantedQoS1]));
    confirm_unsubscribe(&mut world, "a", ReasonCode::Success);
    assert_eq!(client.stats().subscriptions, 0);
}

/// ... also when it came before the call was dropped.
#[test]
fn a_subscribe_cancelled_after_suback_is_taken_back() {
    let mut world = World::connected(|options| options);
    let client = world.client();
    let mut task = world.task(client.subscribe("a", QoS::AtLeastOnce));
    assert!(task.poll().is_pending());
    let packet_id = packet_id(&world.sent()[0], "SUBSCRIBE");
    world.reply(&suback(packet_id, &[ReasonCode::GrantedQoS1]));
    assert!(task.is_woken());
    drop(task);
    confirm_unsubscribe(&mut world, "a", ReasonCode::Success);
    assert_eq!(client.stats().subscriptions, 0);
}

#[test]
fn an_ended_subscription_gives_what_has_arrived() {
    let mut world = World::connected(|options| options);
    let mut messages = stream(&mut world, "a");
    world.reply(&publish("a", 1, b"last"));
    let mut ending = Box::pin(async {
        let result = messages.unsubscribe().await;
        (result, messages.recv().await.map(|message| message.payload().to_vec()))
    });
    let mut task = world.task(ending.as_mut());
    assert!(task.poll().is_pending());
    confirm_unsubscribe(&mut world, "a", ReasonCode::Success);
    assert_eq!(task.output(), (Ok(()), Some(b"last".to_vec())));
    drop(ending);
    assert!(world.finish(messages.recv()).is_none());
}

#[test]
fn a_refused_unsubscribe_changes_nothing() {
    let mut world = World::connected(|options| options);
    let mut messages = stream(&mut world, "a");
    let client = world.client();
    let mut task = world.task(client.unsubscribe("a"));
    assert!(task.poll().is_pending());
    confirm_unsubscribe(&mut world, "a", ReasonCode::NotAuthorized);
    assert!(task.output().is_err());
    world.reply(&publish("a", 0, b""));
    assert!(world.finish(messages.recv()).is_some());
}

/// RECV-7: the last one to leave unsubscribes.
#[test]
fn a_shared_filter_stays_until_the_last_one_leaves() {
    let mut world = World::connected(|options| options);
    let first = stream(&mut world, "a");
    let second = stream(&mut world, "a");
    assert!(world.finish(first.unsubscribe()).is_ok());
    assert!(world.sent().is_empty());
    let mut task = world.task(second.unsubscribe());
    assert!(task.poll().is_pending());
    confirm_unsubscribe(&mut world, "a", ReasonCode::Success);
    assert!(task.output().is_ok());
}

/// UNSUBSCRIBE and then SUBSCRIBE: what the broker is to end, and what it is to make.
#[test]
fn unsuback_ends_no_later_subscription() {
    let mut world = World::connected(|options| options);
    let client = world.client();
    let mut old = stream(&mut world, "a");
    let mut leaving = world.task(client.unsubscribe("a"));
    assert!(leaving.poll().is_pending());
    let unsubscribe = packet_id(&world.sent()[0], "UNSUBSCRIBE");
    let mut new = stream(&mut world, "a");
    world.reply(&unsuback(unsubscribe, &[ReasonCode::Success]));
    assert!(leaving.output().is_ok());
    world.reply(&publish("a", 0, b"x"));
    assert_eq!(world.finish(new.recv()).unwrap().payload(), b"x");
    assert!(world.finish(old.recv()).is_none());
}

/// RECV-7: one that leaves already does not go on.
#[test]
fn the_last_one_to_leave_unsubscribes_behind_one_that_leaves() {
    let mut world = World::connected(|options| options);
    let client = world.client();
    let mut old = stream(&mut world, "a");
    let mut leaving = world.task(client.unsubscribe("a"));
    assert!(leaving.poll().is_pending());
    let first = packet_id(&world.sent()[0], "UNSUBSCRIBE");
    let new = stream(&mut world, "a");
    let mut task = world.task(new.unsubscribe());
    assert!(task.poll().is_pending());
    let second = packet_id(&world.sent()[0], "UNSUBSCRIBE");
    world.reply(&unsuback(first, &[ReasonCode::NotAuthorized]));
    assert!(leaving.output().is_err());
    world.reply(&publish("a", 0, b"x"));
    assert!(world.finish(old.recv()).is_some(), "the broker did not end it");
    world.reply(&unsuback(second, &[ReasonCode::Success]));
    assert!(task.output().is_ok());
    assert!(world.finish(old.recv()).is_none(), "now it did");
}

/// RECV-7: ... also when the last one is refused: the broker has the filter from one before.
#[test]
fn a_refused_subscription_ends_what_it_was_to_replace() {
    for (granted_before, dropped) in [(true, true), (true, false), (false, true), (false, false)] {
        let mut world = World::connected(|options| options);
        let client = world.client();
        let mut first = world.task(client.subscribe("a", QoS::AtLeastOnce));
        let mut second = world.task(client.subscribe("a", QoS::AtLeastOnce));
        assert!(first.poll().is_pending());
        assert!(granted_before || second.poll().is_pending());
        world.run();
        world.reply(&suback(id(1), &[ReasonCode::GrantedQoS1]));
        let held = first.output().unwrap();
        assert!(second.poll().is_pending());
        assert_eq!(world.sent(), ["SUBSCRIBE 1 id=1 a 1", "SUBSCRIBE 2 id=1 a 1"]);
        match dropped {
            true => drop(held),
            false => assert_eq!(world.finish(held.unsubscribe()), Ok(())),
        }
        world.advance(Duration::from_secs(5));
        world.reply(&publish("a", 1, b""));
        assert!(world.sent().is_empty(), "the second may stay");
        world.reply(&suback(id(2), &[ReasonCode::NotAuthorized]));
        assert!(matches!(second.output(), Err(SubscribeError::Refused(_))));
        assert_eq!(world.sent(), ["PUBACK 1 0x83", "UNSUBSCRIBE 3 a"]);
        assert_eq!(client.stats().subscriptions, usize::from(!dropped), "only what can be read");
    }
}

/// ... and when it takes over from a handle that was dropped before.
#[test]
fn a_refused_subscription_ends_what_it_took_over() {
    let mut world = World::connected(|options| options);
    drop(stream(&mut world, "a"));
    let client = world.client();
    let mut task = world.task(client.subscribe("a", QoS::AtLeastOnce));
    assert!(task.poll().is_pending());
    let asked = packet_id(&world.sent()[0], "SUBSCRIBE");
    world.reply(&suback(asked, &[ReasonCode::NotAuthorized]));
    confirm_unsubscribe(&mut world, "a", ReasonCode::Success);
    assert!(task.output().is_err());
}

/// ... and when nobody waited for the one before.
#[test]
fn a_refused_subscription_ends_what_was_cancelled() {
    let mut world = World::connected(|options| options);
    let client = world.client();
    let mut tasks = [(); 2].map(|()| world.task(client.subscribe("a", QoS::AtLeastOnce)));
    assert!(tasks.iter_mut().all(|task| task.poll().is_pending()));
    world.run();
    let [cancelled, refused] = tasks;
    drop(cancelled);
    world.reply(&suback(id(1), &[ReasonCode::GrantedQoS1]));
    world.reply(&suback(id(2), &[ReasonCode::NotAuthorized]));
    confirm_unsubscribe(&mut world, "a", ReasonCode::Success);
    assert!(refused.output().is_err());
}

/// ... but not before the time of a handle that was dropped meanwhile.
#[test]
fn a_refused_subscription_leaves_one_that_was_dropped_its_time() {
    let mut world = World::connected(|options| options);
    let held = stream(&mut world, "a");
    let client = world.client();
    let mut task = world.task(client.subscribe("a", QoS::AtLeastOnce));
    assert!(task.poll().is_pending());
    let asked = packet_id(&world.sent()[0], "SUBSCRIBE");
    drop(held);
    world.reply(&suback(asked, &[ReasonCode::NotAuthorized]));
    assert!(task.output().is_err());
    world.advance(Duration::from_millis(4_999));
    assert!(world.sent().is_empty());
    world.advance(Duration::from_millis(1));
    confirm_unsubscribe(&mut world, "a", ReasonCode::Success);
    assert_eq!(client.stats().subscriptions, 0);
}

/// ... and nothing that somebody holds, or that was never granted.
#[test]
fn a_refused_subscription_ends_nothing_else() {
    let mut world = World::connected(|options| options);
    let mut held = stream(&mut world, "a");
    let client = world.client();
    for filter in ["a", "b", "b"] {
        let mut task = world.task(client.subscribe(filter, QoS::AtLeastOnce));
        assert!(task.poll().is_pending());
        let asked = packet_id(&world.sent()[0], "SUBSCRIBE");
        world.reply(&suback(asked, &[ReasonCode::NotAuthorized]));
        assert!(task.output().is_err());
    }
    world.advance(Duration::from_secs(5));
    assert!(world.sent().is_empty());
    world.reply(&publish("a", 0, b""));
    assert!(world.finish(held.recv()).is_some());
}

/// What a dropped handle leaves behind is over as well.
#[test]
fn unsuback_removes_a_subscription_that_was_dropped_meanwhile() {
    let mut world = World::connected(|options| options);
    let client = world.client();
    let messages = stream(&mut world, "a");
    world.reply(&publish("a", 1, b"unread"));
    let mut leaving = world.task(client.unsubscribe("a"));
    assert!(leaving.poll().is_pending());
    drop(messages);
    confirm_unsubscribe(&mut world, "a", ReasonCode::Success);
    assert!(leaving.output().is_ok());
    assert_eq!(client.stats().subscriptions, 0);
    assert_eq!(world.sent(), ["PUBACK 1 0x83"]);
    world.advance(Duration::from_secs(10));
    assert!(world.sent().is_empty());
}

/// The handle is dropped: UNSUBSCRIBE follows when the client lives on for 5 s.
#[test]
fn a_dropped_subscription_is_ended_later() {
    let mut world = World::connected(|options| options);
    let messages = stream(&mut world, "a");
    world.reply(&publish("a", 1, b"unread"));
    drop(messages);
    world.advance(Duration::from_millis(4_999));
    assert!(world.sent().is_empty());
    world.reply(&publish("a", 2, b"later"));
    world.advance(Duration::from_millis(1));
    let sent = world.sent();
    assert_eq!(sent[..2], ["PUBACK 1 0x83", "PUBACK 2 0x83"]);
    assert!(sent[2].starts_with("UNSUBSCRIBE"));
    assert_eq!(world.client().stats().unrouted, 2);
}

#[test]
fn a_new_holder_takes_over_what_is_unread() {
    let mut world = World::connected(|options| options);
    let messages = stream(&mut world, "a");
    world.reply(&publish("a", 1, b"first"));
    world.reply(&publish("a", 0, b"QoS 0 is not kept"));
    drop(messages);
    world.reply(&publish("a", 2, b"second"));
    let mut messages = stream(&mut world, "a");
    let first = world.finish(messages.recv()).unwrap();
    let second = world.finish(messages.recv()).unwrap();
    assert_eq!((first.payload(), second.payload()), (&b"first"[..], &b"second"[..]));
    drop((first, second));
    assert_eq!(world.sent(), ["PUBACK 1", "PUBACK 2"]);
    world.advance(Duration::from_secs(10));
    assert!(world.sent().is_empty());
}

/// RES-3: subscriptions are made again when the broker lost the session.
#[test]
fn subscriptions_outlive_the_session() {
    let mut world = World::connected(|options| options);
    let mut kept = stream(&mut world, "kept");
    let mut refused = stream(&mut world, "refused");
    world.pipe().change(|state| state.broker_closed = true);
    world.advance(Duration::from_secs(2));
    world.sent();
    world.reply(&connack(false, ReasonCode::Success));
    let sent = world.sent();
    assert!(sent[0].ends_with(" kept 1") && sent[1].ends_with(" refused 1"), "{sent:?}");
    world.reply(&suback(packet_id(&sent[0], "SUBSCRIBE"), &[ReasonCode::GrantedQoS1]));
    world.reply(&suback(packet_id(&sent[1], "SUBSCRIBE"), &[ReasonCode::NotAuthorized]));
    world.reply(&publish("kept", 0, b""));
    assert!(world.finish(kept.recv()).is_some());
    assert!(world.finish(refused.recv()).is_none(), "the stream ends");
}

#[test]
fn subscribing_while_disconnected_waits() {
    let mut world = World::new(|options| options);
    let client = world.client();
    let options = SubscribeOptions::new("a").qos(QoS::AtLeastOnce).no_local(true);
    let mut task = world.task(client.subscribe_with(options));
    assert!(task.poll().is_pending());
    world.accept(false);
    let packet_id = packet_id(&world.sent()[0], "SUBSCRIBE");
    world.reply(&suback(packet_id, &[ReasonCode::GrantedQoS1]));
    assert!(task.output().is_ok());
}

/// RECV-7: the broker has one subscription per filter, which serves all of this client's.
#[test]
fn a_second_subscription_asks_for_the_higher_qos() {
    let mut world = World::connected(|options| options);
    let _first = stream(&mut world, "a");
    let client = world.client();
    let mut task = world.task(client.subscribe("a", QoS::AtMostOnce));
    assert!(task.poll().is_pending());
    assert_eq!(world.sent(), ["SUBSCRIBE 2 id=1 a 1"]);
    drop(task);
    let options = SubscribeOptions::new("a").retain_as_published(true);
    let error = world.finish(client.subscribe_with(options)).unwrap_err();
    assert_eq!(error, SubscribeError::Conflict);
}
