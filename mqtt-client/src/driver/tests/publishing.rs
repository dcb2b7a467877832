use std::time::Duration;

use mqtt_session::Failure;
use mqtt_session::proto::{Ack, ConnAck, Packet, Properties, Property, PubAck, QoS, ReasonCode};

use super::packets::{connack, id, puback, pubcomp, pubrec};
use super::world::{Task, World};
use crate::{Completion, OfflineQoS0, Options, Publish, PublishError};

fn qos1(topic: &str) -> Publish<'_> {
    Publish::new(topic, "x").qos(QoS::AtLeastOnce)
}

/// One message in flight, one behind it.
fn narrow(options: Options) -> Options {
    options.max_pending(1).max_in_flight(1.try_into().unwrap())
}

#[test]
fn each_qos_has_its_outcome() {
    let mut world = World::connected(|options| options);
    let client = world.client();
    assert_eq!(world.finish(client.publish(Publish::new("a", "x"))), Ok(ReasonCode::Success));
    let mut once = world.task(client.publish(qos1("b")));
    let mut exactly = world.task(client.publish(qos1("c").qos(QoS::ExactlyOnce)));
    assert!(once.poll().is_pending() && exactly.poll().is_pending());
    assert_eq!(world.sent(), ["PUBLISH a 1", "PUBLISH 1 b 1", "PUBLISH 2 c 1"]);
    world.reply(&Packet::PubAck(PubAck(Ack {
        reason: ReasonCode::NoMatchingSubscribers,
        ..Ack::success(id(1))
    })));
    assert_eq!(once.output(), Ok(ReasonCode::NoMatchingSubscribers));
    world.reply(&pubrec(2));
    assert!(exactly.poll().is_pending());
    assert_eq!(world.sent(), ["PUBREL 2"]);
    world.reply(&pubcomp(2));
    assert_eq!(exactly.output(), Ok(ReasonCode::Success));
}

/// CON-2: a message has the QoS it was told, else the default, and goes at what the broker takes.
#[test]
fn a_message_without_qos_has_the_default() {
    let mut world = World::new(|options| {
        options.default_qos(QoS::ExactlyOnce).qos_downgrade(true).clean_start(false)
    });
    world.sent();
    let granted = [Property::MaximumQoS(QoS::AtLeastOnce)];
    let Packet::ConnAck(accepted) = connack(false, ReasonCode::Success) else { unreachable!() };
    let properties = Properties::from_slice(&granted);
    world.reply(&Packet::ConnAck(ConnAck { properties, ..accepted }));
    let client = world.client();
    client.try_publish(Publish::new("a", "x")).unwrap().detach();
    world.finish(client.enqueue(Publish::new("b", "x"))).unwrap().detach();
    let told = Publish::new("c", "x").qos(QoS::AtMostOnce);
    client.try_publish(told).unwrap().detach();
    assert_eq!(world.sent(), ["PUBLISH 1 a 1", "PUBLISH 2 b 1", "PUBLISH c 1"]);
    world.reply(&puback(1));
    assert_eq!(client.stats().delivered, 1);
}

#[test]
fn a_rejection_is_an_error_with_its_reason() {
    let mut world = World::connected(|options| options);
    let client = world.client();
    let mut task = world.task(client.publish(qos1("a")));
    assert!(task.poll().is_pending());
    world.run();
    let (packet_id, reason) = (id(1), ReasonCode::QuotaExceeded);
    world.reply(&Packet::PubAck(PubAck(Ack { packet_id, reason, properties: Properties::EMPTY })));
    assert!(matches!(task.output(), Err(PublishError::Rejected(it)) if it.reason == reason));
}

/// SEND-2: an outcome stays what it is, however often it is asked for.
#[test]
fn a_handle_keeps_its_outcome() {
    let mut world = World::connected(|options| options);
    let client = world.client();
    let mut done = client.try_publish(Publish::new("a", "x")).unwrap();
    let mut rejected = client.try_publish(qos1("a")).unwrap();
    assert!(world.task(&mut rejected).poll().is_pending());
    world.run();
    let (packet_id, reason) = (id(1), ReasonCode::QuotaExceeded);
    world.reply(&Packet::PubAck(PubAck(Ack { packet_id, reason, properties: Properties::EMPTY })));
    for _ in 0..2 {
        assert_eq!(world.finish(&mut done), Ok(ReasonCode::Success));
        let outcome = world.finish(&mut rejected);
        assert!(matches!(outcome, Err(PublishError::Rejected(it)) if it.reason == reason));
    }
}

#[test]
fn what_cannot_be_sent_is_an_error_at_once() {
    let mut world = World::connected(|options| options);
    let client = world.client();
    for topic in ["", "a/+", "a\0b"] {
        let error = world.finish(client.publish(qos1(topic))).unwrap_err();
        assert!(matches!(error, PublishError::Invalid(_)), "{error}");
    }
    assert!(world.sent().is_empty());
}

/// A thousand publishes while the driver sleeps: one wake, and one write.
#[test]
fn many_publishes_wake_the_driver_once() {
    let mut world = World::connected(|options| options);
    let (client, before) = (world.client(), world.wakes());
    for _ in 0..1000 {
        client.try_publish(Publish::new("a", "x")).unwrap().detach();
    }
    assert_eq!(world.wakes(), before + 1);
    let writes = world.pipe().look(|state| state.writes);
    assert_eq!(world.sent().len(), 1000);
    world.pipe().look(|state| {
        assert_eq!((state.writes, state.unflushed), (writes + 1, 0), "one write, flushed");
    });
}

/// While the transport takes no more, publishing does not wake the driver.
#[test]
fn a_blocked_transport_is_not_asked_again() {
    let mut world = World::connected(|options| options);
    let client = world.client();
    world.pipe().change(|state| state.room = 3);
    client.try_publish(Publish::new("a", "x")).unwrap().detach();
    world.run();
    let before = world.wakes();
    for _ in 0..10 {
        client.try_publish(Publish::new("a", "x")).unwrap().detach();
    }
    assert_eq!(world.wakes(), before);
    world.pipe().change(|state| state.room = usize::MAX);
    assert_eq!(world.sent().len(), 11);
}

/// SEND-2: nothing is dropped in silence.
#[test]
fn qos_0_that_was_not_sent_is_counted() {
    let mut world = World::connected(|options| options);
    let client = world.client();
    world.pipe().change(|state| state.room = 0);
    client.try_publish(Publish::new("a", vec![0; 200_000])).unwrap().detach();
    world.run();
    for _ in 0..3 {
        client.try_publish(Publish::new("b", "x")).unwrap().detach();
    }
    world.pipe().change(|state| state.broker_closed = true);
    world.run();
    assert_eq!((client.stats().published, client.stats().unsent), (4, 3));
}

#[test]
fn a_large_payload_is_written_from_where_it_lies() {
    let mut world = World::connected(|options| options);
    let client = world.client();
    let slices = world.pipe().look(|state| state.slices);
    client.try_publish(Publish::new("a", vec![7; 100_000])).unwrap().detach();
    client.try_publish(Publish::new("b", vec![7; 10])).unwrap().detach();
    assert_eq!(world.sent(), ["PUBLISH a 100000", "PUBLISH b 10"]);
    assert_eq!(world.pipe().look(|state| state.slices), slices + 3, "head, payload, packet");
}

#[test]
fn a_slow_transport_gets_everything_in_order() {
    let mut world = World::connected(|options| options);
    let client = world.client();
    world.pipe().change(|state| state.room = 0);
    for index in 0..50 {
        let payload = vec![0; index * 300];
        client.try_publish(Publish::new("a", payload)).unwrap().detach();
    }
    let mut sent = Vec::new();
    for _ in 0..4000 {
        world.pipe().change(|state| state.room += 97);
        sent.extend(world.sent());
    }
    let expected: Vec<_> = (0..50).map(|index| format!("PUBLISH a {}", index * 300)).collect();
    assert_eq!(sent, expected);
}

/// SEND-4: room goes to the callers in their order.
#[test]
fn callers_wait_in_order() {
    let mut world = World::connected(narrow);
    let client = world.client();
    let mut tasks: Vec<_> =
        ["1", "2", "3", "4"].map(|topic| world.task(client.publish(qos1(topic)))).into();
    assert!(tasks.iter_mut().all(|task| task.poll().is_pending()));
    let refused = client.try_publish(qos1("5")).unwrap_err();
    assert_eq!(refused.error, PublishError::Full, "those who wait come first");
    assert_eq!(world.sent(), ["PUBLISH 1 1 1"]);
    for (acked, next) in [(1, "PUBLISH 2 2 1"), (2, "PUBLISH 3 3 1"), (3, "PUBLISH 4 4 1")] {
        world.reply(&puback(acked));
        tasks.iter_mut().skip(usize::from(acked)).filter(|task| task.is_woken()).for_each(|task| {
            assert!(task.poll().is_pending());
        });
        assert_eq!(world.sent(), [next]);
    }
    world.reply(&puback(4));
    for task in tasks {
        assert_eq!(task.output(), Ok(ReasonCode::Success));
    }
}

/// SEND-3: a call cancelled while it waits for room has sent nothing, and passes its room on.
#[test]
fn a_cancelled_call_passes_its_room_on() {
    let mut world = World::connected(narrow);
    let client = world.client();
    let mut tasks: Vec<_> =
        ["1", "2", "3", "4"].map(|topic| world.task(client.publish(qos1(topic)))).into();
    assert!(tasks.iter_mut().all(|task| task.poll().is_pending()));
    world.run();
    world.reply(&puback(1));
    assert!(tasks[2].is_woken() && !tasks[3].is_woken());
    drop(tasks.remove(2));
    assert!(tasks[2].is_woken(), "the fourth call has the room now");
    assert!(tasks[2].poll().is_pending());
    world.sent();
    world.reply(&puback(2));
    assert_eq!(world.sent(), ["PUBLISH 3 4 1"]);
}

/// SEND-3: after it was accepted only the waiting ends.
#[test]
fn a_cancelled_publish_is_still_delivered() {
    let mut world = World::connected(narrow);
    let client = world.client();
    let mut first = world.task(client.publish(qos1("1")));
    let mut second = world.task(client.publish(qos1("2")));
    assert!(first.poll().is_pending() && second.poll().is_pending());
    drop((first, second));
    assert_eq!(world.sent(), ["PUBLISH 1 1 1"]);
    world.reply(&puback(1));
    assert_eq!(world.sent(), ["PUBLISH 2 2 1"]);
    world.reply(&puback(2));
    assert_eq!(client.stats().delivered, 2);
}

/// SEND-5: QoS 0 fails without a connection, QoS 1 waits for it.
#[test]
fn publishing_while_disconnected() {
    let mut world = World::new(|options| options);
    let client = world.client();
    let error = world.finish(client.publish(Publish::new("a", ""))).unwrap_err();
    assert_eq!(error, PublishError::NotConnected);
    let handle = client.try_publish(qos1("a")).unwrap();
    world.accept(false);
    assert_eq!(world.sent(), ["PUBLISH 1 a 1"]);
    world.reply(&puback(1));
    assert_eq!(world.finish(handle), Ok(ReasonCode::Success));
}

/// SEND-5: QoS 0 waits for a connection, if that is asked for.
#[test]
fn qos0_is_kept_while_disconnected() {
    let mut world = World::new(|options| {
        options.offline_qos0(OfflineQoS0::Keep).qos0_completion(Completion::Written).write_queue(12)
    });
    let client = world.client();
    let publish = |topic: &'static str| client.try_publish(Publish::new(topic, ""));
    let [first, second] = ["a", "b"].map(|topic| publish(topic).unwrap());
    assert_eq!(publish("c").err().map(|refused| refused.error), Some(PublishError::Full));
    let mut waits = world.task(client.publish(Publish::new("c", "")));
    assert!(waits.poll().is_pending());
    world.accept(false);
    assert_eq!(world.sent(), ["PUBLISH a 0", "PUBLISH b 0"]);
    assert!([first, second].map(|handle| world.finish(handle)).iter().all(Result::is_ok));
    assert!(waits.is_woken() && waits.poll().is_pending());
    world.run();
    assert_eq!(world.sent(), ["PUBLISH c 0"]);
    assert_eq!(waits.output(), Ok(ReasonCode::Success));
    assert_eq!(client.stats().unsent, 0);
}

/// SEND-1: QoS 0 is done when it is written, if that is asked for.
#[test]
fn qos0_is_done_when_it_is_written() {
    let mut world = World::connected(|options| options.qos0_completion(Completion::Written));
    let client = world.client();
    world.pipe().change(|state| state.room = 12);
    let publish = |topic| client.try_publish(Publish::new(topic, "")).unwrap();
    let mut written = ["first", "second"].map(|topic| world.task(publish(topic)));
    world.run();
    assert!(written.iter_mut().all(|handle| handle.poll().is_pending()));
    world.pipe().change(|state| state.room = 9);
    world.run();
    assert!(written.iter().all(Task::is_woken));
    assert_eq!(written.map(Task::output), [const { Ok(ReasonCode::Success) }; 2]);
    let lost = publish("third");
    world.run();
    world.pipe().change(|state| state.broker_closed = true);
    world.run();
    assert_eq!(world.finish(lost), Err(PublishError::ConnectionLost));
}

/// SEND-1: what a layer in between holds is not written.
#[test]
fn qos0_is_done_when_it_is_flushed() {
    let mut world = World::connected(|options| options.qos0_completion(Completion::Written));
    let (client, before) = (world.client(), world.client().stats().bytes_out);
    world.pipe().change(|state| state.holds = true);
    let publish = |topic| client.try_publish(Publish::new(topic, "")).unwrap();
    let mut flushed = world.task(publish("a"));
    assert_eq!(world.sent(), ["PUBLISH a 0"]);
    assert!(flushed.poll().is_pending());
    assert_eq!(client.stats().bytes_out, before);
    world.pipe().change(|state| state.holds = false);
    world.run();
    assert_eq!(flushed.output(), Ok(ReasonCode::Success));
    assert!(client.stats().bytes_out > before);
    world.pipe().change(|state| state.holds = true);
    let lost = publish("b");
    assert_eq!(world.sent(), ["PUBLISH b 0"]);
    world.cut();
    assert_eq!(world.finish(lost), Err(PublishError::ConnectionLost));
}

/// END-1: leaving writes them.
#[test]
fn qos0_is_written_before_disconnect() {
    let mut world = World::connected(|options| options.qos0_completion(Completion::Written));
    let client = world.client();
    let handle = client.try_publish(Publish::new("a", "")).unwrap();
    let mut leave = world.task(client.disconnect());
    assert!(leave.poll().is_pending());
    assert_eq!(world.sent(), ["PUBLISH a 0", "DISCONNECT 0x00"]);
    world.pipe().change(|state| state.broker_closed = true);
    world.run();
    leave.output();
    assert_eq!(world.finish(handle), Ok(ReasonCode::Success));
}

/// SEND-6: a message that expires before it was sent is never sent.
#[test]
fn a_message_expires_while_disconnected() {
    let mut world = World::new(|options| options.connect_timeout(Duration::from_secs(60)));
    let client = world.client();
    let message = qos1("a").message_expiry(Duration::from_secs(5));
    let mut handle = world.task(client.try_publish(message).unwrap());
    world.advance(Duration::from_secs(4));
    assert!(handle.poll().is_pending());
    world.advance(Duration::from_secs(1));
    assert_eq!(handle.output(), Err(PublishError::Failed(Failure::Expired)));
    world.accept(false);
    assert!(world.sent().is_empty());
}

/// 0 allocations per publish in steady state beyond the payload the caller makes.
#[test]
fn publishing_allocates_nothing() {
    let mut world = World::connected(|options| options);
    let client = world.client();
    for qos in [QoS::AtMostOnce, QoS::AtLeastOnce] {
        for round in 0..3 {
            let counted = allocation_counter::measure(|| {
                for _ in 0..100 {
                    let publish = Publish::new("sensors/7/temperature", "21.5").qos(qos);
                    let handle = client.try_publish(publish).unwrap();
                    drop(handle);
                }
            });
            assert!(round < 2 || counted.count_total == 0, "{qos:?}: {counted:?}");
            if qos == QoS::AtLeastOnce {
                let first = u16::try_from(round).unwrap() * 100 + 1;
                world.sent();
                (first..first + 100).for_each(|packet_id| world.reply(&puback(packet_id)));
            }
            world.sent();
        }
    }
}

/// A caller that gets far ahead lets the driver have its turn, once.
#[test]
fn a_fast_caller_lets_the_driver_have_its_turn() {
    let mut world = World::connected(|options| options);
    let client = world.client();
    client.try_publish(Publish::new("a", vec![0; 100_000])).unwrap().detach();
    let mut task = world.task(client.publish(Publish::new("a", "x")));
    assert!(task.poll().is_pending() && task.is_woken());
    world.sent();
    assert_eq!(task.output(), Ok(ReasonCode::Success));
    assert_eq!(world.sent(), ["PUBLISH a 1"]);
}

/// What was accepted before `disconnect` is sent before DISCONNECT.
#[test]
fn disconnect_comes_behind_what_was_accepted() {
    let mut world = World::connected(|options| options);
    let client = world.client();
    world.pipe().change(|state| state.room = 0);
    for _ in 0..5 {
        client.try_publish(Publish::new("a", vec![0; 100_000])).unwrap().detach();
    }
    client.try_publish(qos1("b")).unwrap().detach();
    let mut leave = world.task(client.disconnect());
    assert!(leave.poll().is_pending());
    let refused = client.try_publish(qos1("c")).unwrap_err();
    assert_eq!(refused.error, PublishError::Closed);
    world.run();
    world.pipe().change(|state| state.room = usize::MAX);
    let sent = world.sent();
    assert_eq!(sent[..5], ["PUBLISH a 100000"; 5]);
    assert_eq!(sent[5..], ["PUBLISH 1 b 1", "DISCONNECT 0x00"]);
}

/// All calls may be made from any task of any thread.
#[test]
fn calls_can_be_sent_between_threads() {
    fn check<T: Send>(_: &T) {}
    let world = World::connected(|options| options);
    let client = world.client();
    check(&client);
    check(&client.enqueue(qos1("a")));
    check(&client.publish(qos1("a")));
    check(&client.subscribe("a", QoS::AtLeastOnce));
    check(&client.subscribe_callback(crate::SubscribeOptions::new("a"), |_| {}));
    check(&client.unsubscribe("a"));
    check(&client.connected());
    check(&client.disconnect());
    check(&client.events().next());
}
