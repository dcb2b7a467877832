//! The lock is held for changes of the state only. Transport, timer and wakers of every test here
//! look at it; this one adds what else belongs to others.

use std::sync::Arc;

use mqtt_session::proto::{QoS, ReasonCode};

use super::packets::{puback, publish};
use super::subscribing::{grant, stream};
use super::world::{Sky, World};
use crate::{Message, Publish, SubscribeOptions};

/// Looks at the lock when it is called, and when it is dropped.
struct Looks(Arc<Sky>);

impl Looks {
    fn call(&self, _: &Message) {
        self.0.check_lock();
    }
}

impl Drop for Looks {
    fn drop(&mut self) {
        self.0.check_lock();
    }
}

/// How often `action` had somebody look.
fn looks(world: &mut World, action: impl FnOnce(&mut World)) -> usize {
    let before = world.sky().checks();
    action(world);
    world.run();
    world.sky().checks() - before
}

#[test]
fn the_lock_is_free_whenever_other_code_runs() {
    let mut world = World::connected(|options| options.max_pending(1));
    let client = world.client();
    let callback = Looks(Arc::clone(world.sky()));
    let options = SubscribeOptions::new("a").qos(QoS::AtLeastOnce);
    let call = client.subscribe_callback(options, move |message| callback.call(message));
    let subscription = grant(&mut world, call, ReasonCode::GrantedQoS1);
    let mut messages = stream(&mut world, "b");
    let mut reader = world.task(messages.recv());
    assert!(reader.poll().is_pending());

    let quiet = looks(&mut world, |world| world.send(&publish("nobody", 0, b"")));
    let called = looks(&mut world, |world| world.send(&publish("a", 0, b"")));
    assert!(called > quiet, "the callback looks");
    let woken = looks(&mut world, |world| world.send(&publish("b", 0, b"")));
    assert!(woken > quiet && reader.is_woken(), "the waker of the stream looks");
    let mut call = world.task(client.publish(Publish::new("c", "").qos(QoS::AtLeastOnce)));
    assert!(call.poll().is_pending());
    world.run();
    let answered = looks(&mut world, |world| world.send(&puback(3)));
    assert!(answered > quiet && call.is_woken(), "the waker of the call looks");
    drop((reader, call));
    let dropped = looks(&mut world, |world| {
        drop(subscription);
        world.advance(std::time::Duration::from_secs(5));
    });
    assert!(dropped > 0, "the callback looks when it is dropped");
    assert_eq!(client.stats().subscriptions, 1);
}
