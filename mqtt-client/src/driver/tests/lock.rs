//! The lock is held for changes of the state only. Transport, timer and wakers of every test here
//! look at it; this one adds what else belongs to others.

use std::error::Error;
use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use bytes::Bytes;
use mqtt_session::proto::{Auth, ConnAck, Packet, Properties, Property, QoS, ReasonCode};

use super::packets::{puback, publish};
use super::subscribing::{grant, stream};
use super::world::{Sky, World};
use crate::{
    AuthResponse, Authenticator, ConnectChanges, Message, Publish, PublishError, SubscribeOptions,
};

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

impl Wake for Looks {
    fn wake(self: Arc<Looks>) {
        self.0.check_lock();
    }
}

/// A payload of the application's own, which looks at the lock when nobody needs it any more.
struct Owner {
    bytes: Vec<u8>,
    _looks: Looks,
    _alive: Arc<()>,
}

impl AsRef<[u8]> for Owner {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
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
        world.advance(Duration::from_secs(5));
    });
    assert!(dropped > 0, "the callback looks when it is dropped");
    assert_eq!(client.stats().subscriptions, 1);
}

/// Looks at the lock whenever it is asked.
struct Authenticates(Arc<OnceLock<Looks>>);

impl Authenticates {
    fn look(&self) {
        if let Some(Looks(sky)) = self.0.get() {
            sky.check_lock();
        }
    }
}

impl Authenticator for Authenticates {
    fn method(&self) -> &str {
        "M"
    }

    fn start(&mut self) -> Result<AuthResponse, Box<dyn Error + Send + Sync>> {
        self.look();
        Ok(AuthResponse::default())
    }

    fn step(&mut self, _: &[u8]) -> Result<AuthResponse, Box<dyn Error + Send + Sync>> {
        self.start()
    }

    fn finish(&mut self, _: &[u8]) -> Result<(), Box<dyn Error + Send + Sync>> {
        self.look();
        Ok(())
    }
}

#[test]
fn the_authenticator_is_asked_without_the_lock() {
    let looking = Arc::new(OnceLock::new());
    let authenticator = Authenticates(Arc::clone(&looking));
    let mut world = World::new(|options| options.authenticator(authenticator));
    assert!(looking.set(Looks(Arc::clone(world.sky()))).is_ok());
    let method = [Property::AuthenticationMethod("M")];
    let auth = |reason| Packet::Auth(Auth { reason, properties: Properties::from_slice(&method) });
    let quiet = looks(&mut world, |world| drop(world.sent()));
    let stepped = looks(&mut world, |world| {
        world.send(&auth(ReasonCode::ContinueAuthentication));
    });
    assert!(quiet > 0 && stepped > 0);
    let (session_present, reason) = (false, ReasonCode::Success);
    let properties = Properties::from_slice(&method);
    world.reply(&Packet::ConnAck(ConnAck { session_present, reason, properties }));
    assert_eq!(world.client().reauthenticate(), Ok(()));
    world.sent();
    let without = looks(&mut world, |world| world.send(&publish("nobody", 0, b"")));
    let finished = looks(&mut world, |world| world.send(&auth(ReasonCode::Success)));
    assert!(finished > without, "the authenticator looks");
}

/// CON-1: neither when the hook is called, nor when its future is polled or dropped.
#[test]
fn the_hook_is_asked_without_the_lock() {
    let looking = Arc::new(OnceLock::<Looks>::new());
    let asked = Arc::clone(&looking);
    let mut world = World::new(|options| {
        options.connect_hook(move |_| {
            let looks = asked.get().map(|Looks(sky)| Looks(Arc::clone(sky))).unwrap();
            looks.0.check_lock();
            async move {
                looks.0.check_lock();
                Ok(ConnectChanges::new())
            }
        })
    });
    assert!(looking.set(Looks(Arc::clone(world.sky()))).is_ok());
    let mut without = World::new(|options| options);
    let quiet = looks(&mut without, World::run);
    assert_eq!(looks(&mut world, World::run), quiet + 3, "called, polled and dropped");
}

/// The last use of a payload may be an answer, the end of its time or of a connection: wherever
/// that is found, it is dropped without the lock.
#[test]
fn a_payload_is_dropped_without_the_lock() {
    let mut world = World::connected(|options| options);
    let (client, alive) = (world.client(), Arc::new(()));
    let (sky, alive_there) = (Arc::clone(world.sky()), Arc::clone(&alive));
    let owned = |len| {
        let (_looks, _alive) = (Looks(Arc::clone(&sky)), Arc::clone(&alive_there));
        Publish::new("a", Bytes::from_owner(Owner { bytes: vec![7; len], _looks, _alive }))
    };
    let payloads = || Arc::strong_count(&alive) - 2;

    client.try_publish(owned(5_000).qos(QoS::AtLeastOnce)).unwrap().detach();
    world.run();
    assert_eq!(payloads(), 1);
    world.reply(&puback(1));
    assert_eq!(payloads(), 0, "its message is delivered");

    world.pipe().change(|state| state.room = 0);
    for _ in 0..3 {
        client.try_publish(owned(100_000)).unwrap().detach();
    }
    let expiring = owned(5_000).qos(QoS::AtLeastOnce).message_expiry(Duration::from_secs(1));
    client.try_publish(expiring).unwrap().detach();
    world.advance(Duration::from_millis(999));
    assert_eq!(payloads(), 4);
    world.advance(Duration::from_millis(1));
    assert_eq!(payloads(), 3, "its message expired");

    world.pipe().change(|state| state.broker_closed = true);
    world.run();
    assert_eq!(payloads(), 0, "the connection ended");
}

/// A call that need not wait for room any more, since the client takes leave.
#[test]
fn a_waker_is_dropped_without_the_lock() {
    let mut world =
        World::connected(|options| options.max_pending(1).max_in_flight(1.try_into().unwrap()));
    let client = world.client();
    let message = || Publish::new("a", "").qos(QoS::AtLeastOnce);
    while client.try_publish(message()).is_ok() {}
    let mut waiting = pin!(client.publish(message()));
    let mut poll = || {
        let waker = Waker::from(Arc::new(Looks(Arc::clone(world.sky()))));
        waiting.as_mut().poll(&mut Context::from_waker(&waker))
    };
    assert!(poll().is_pending());
    assert!(world.task(client.disconnect()).poll().is_pending());
    let before = world.sky().checks();
    assert_eq!(poll(), Poll::Ready(Err(PublishError::Closed)));
    assert_eq!(world.sky().checks() - before, 2, "the waker kept, and the one not needed");
    world.run();
}
