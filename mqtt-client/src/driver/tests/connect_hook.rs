use std::error::Error;
use std::future::{pending, ready};
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::time::Duration;

use mqtt_session::proto::{ReasonCode, Version};

use super::packets::connack;
use super::world::{Dialling, World};
use crate::{ClientEvent, ConnectAttempt, ConnectChanges, ConnectError, Events, Options};

const SECOND: Duration = Duration::from_secs(1);

type Answer = Result<ConnectChanges, Box<dyn Error + Send + Sync>>;

/// What a hook was told, attempt by attempt.
#[derive(Clone, Default)]
struct Asked(Arc<Mutex<Vec<ConnectAttempt>>>);

impl Asked {
    fn len(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    /// A hook whose answer depends on how often it was asked before.
    fn hook(
        &self,
        options: Options,
        answer: impl Fn(usize) -> Answer + Send + Sync + 'static,
    ) -> Options {
        let asked = self.clone();
        options.connect_hook(move |attempt| {
            let mut asked = asked.0.lock().unwrap();
            asked.push(attempt);
            ready(answer(asked.len() - 1))
        })
    }
}

fn next_failure(world: &mut World, events: &mut Events) -> ConnectError {
    loop {
        match world.finish(events.next()) {
            Some(ClientEvent::ConnectFailed(error)) => return error,
            Some(_) => {}
            None => panic!("there is no failure"),
        }
    }
}

/// CON-1: every attempt has a CONNECT of its own; what the hook does not change is as before.
#[test]
fn a_hook_changes_every_connect() {
    let asked = Asked::default();
    let hook = |options| {
        asked.hook(options, |before| match before {
            0 => Ok(ConnectChanges::new().password("first").user_property("n", "1")),
            1 => Ok(ConnectChanges::new().username("other").password("second")),
            _ => Ok(ConnectChanges::new()),
        })
    };
    let mut world = World::new(|options| {
        hook(options).username("user").password("own").connect_user_property("m", "0")
    });
    let connects = [
        "CONNECT clean=true user:first m=0 n=1",
        "CONNECT clean=false other:second m=0",
        "CONNECT clean=false user:own m=0",
    ];
    for connect in connects {
        world.advance(2 * SECOND);
        assert_eq!(world.sent(), [connect]);
        world.reply(&connack(false, ReasonCode::Success));
        world.cut();
    }
    let asked = asked.0.lock().unwrap();
    assert!(asked.iter().all(|it| it.broker == "broker:1883" && it.version == Version::V5));
    assert!(asked.iter().all(|it| it.failure.is_none()));
}

/// CON-1: a hook that fails fails the attempt, before anything is dialled.
#[test]
fn a_failing_hook_fails_the_attempt() {
    let asked = Asked::default();
    let hook = |options| {
        asked.hook(options, |before| match before {
            0 => Err("no token today".into()),
            _ => Ok(ConnectChanges::new()),
        })
    };
    let mut world = World::new(|options| hook(options).retry_initial_connect(true));
    let client = world.client();
    let mut events = client.events();
    world.run();
    assert!(world.sky().hosts.lock().unwrap().is_empty());
    let failure = next_failure(&mut world, &mut events);
    assert_eq!(failure.to_string(), "the connect hook failed: no token today");
    world.advance(2 * SECOND);
    world.accept(false);
    assert!(world.finish(client.connected()).is_ok(), "it is tried again as others are");
    let asked = asked.0.lock().unwrap();
    assert!(matches!(&asked[1].failure, Some(ConnectError::Hook(why)) if why == "no token today"));
    assert_eq!(client.stats().connect_failures, 1);
}

/// CON-1: ... the first one, too, and why the broker refused is known to the next.
#[test]
fn the_first_failure_of_a_hook_is_reported() {
    let failing = |options| Asked::default().hook(options, |_| Err("no token".into()));
    let mut world = World::new(failing);
    world.run();
    let client = world.client();
    let error = world.finish(client.connected()).unwrap_err();
    assert!(matches!(error, ConnectError::Hook(_)) && world.driver_has_ended());

    let asked = Asked::default();
    let hook = |options| asked.hook(options, |_| Ok(ConnectChanges::new().password("outdated")));
    let mut world = World::new(|options| hook(options).retry_initial_connect(true));
    world.run();
    world.reply(&connack(false, ReasonCode::NotAuthorized));
    world.advance(60 * SECOND);
    let asked = asked.0.lock().unwrap();
    assert!(matches!(&asked[1].failure, Some(ConnectError::Refused(it)) if
        it.reason == ReasonCode::NotAuthorized));
}

/// CON-1: the connect timeout covers the hook, whose future is dropped then.
#[test]
fn a_hook_without_an_answer_times_out() {
    let alive = Arc::new(());
    let held = Arc::clone(&alive);
    let mut world = World::new(|options| {
        options.connect_timeout(3 * SECOND).retry_initial_connect(true).connect_hook(move |_| {
            let held = Arc::clone(&held);
            async move {
                pending::<()>().await;
                drop(held);
                Ok(ConnectChanges::new())
            }
        })
    });
    let client = world.client();
    let mut events = client.events();
    world.advance(3 * SECOND - Duration::from_micros(1));
    assert_eq!((events.try_next().is_err(), Arc::strong_count(&alive)), (true, 3));
    world.advance(Duration::from_micros(1));
    let failure = next_failure(&mut world, &mut events);
    assert_eq!(failure.to_string(), "the connect hook failed: no answer within 3s");
    assert_eq!(Arc::strong_count(&alive), 2);

    world.advance(2 * SECOND);
    assert_eq!(Arc::strong_count(&alive), 3, "it is asked again");
    world.finish(client.disconnect());
    assert!(world.driver_has_ended(), "nor does it keep the client from ending");
    assert_eq!(Arc::strong_count(&alive), 1);
}

/// CON-1: the hook may wait for others, who wake the driver.
#[test]
fn a_hook_may_wait() {
    let (answer, waker) = (Arc::new(Mutex::new(None::<&str>)), Arc::new(Mutex::new(None::<Waker>)));
    let (waited_for, woken) = (Arc::clone(&answer), Arc::clone(&waker));
    let mut world = World::new(|options| {
        options.connect_hook(move |_| {
            let (answer, waker) = (Arc::clone(&waited_for), Arc::clone(&woken));
            std::future::poll_fn(move |cx| match answer.lock().unwrap().take() {
                Some(token) => Poll::Ready(Ok(ConnectChanges::new().password(token))),
                None => {
                    *waker.lock().unwrap() = Some(cx.waker().clone());
                    Poll::Pending
                }
            })
        })
    });
    world.advance(SECOND);
    assert!(world.sky().hosts.lock().unwrap().is_empty());
    *answer.lock().unwrap() = Some("token");
    waker.lock().unwrap().take().unwrap().wake();
    assert_eq!(world.sent(), ["CONNECT clean=true :token"]);
}

/// CON-1: the URL of one attempt, which errors name; credentials may be in it.
#[test]
fn a_hook_changes_where_an_attempt_goes() {
    let asked = Asked::default();
    let hook = |options| {
        asked.hook(options, |before| match before {
            0 => Ok(ConnectChanges::new().url("mqtt://signed:token@elsewhere")?),
            _ => Ok(ConnectChanges::new()),
        })
    };
    let mut world = World::new(|options| hook(options).retry_initial_connect(true));
    let client = world.client();
    let mut events = client.events();
    assert_eq!(world.sent(), ["CONNECT clean=true signed:token"]);
    world.cut();
    let failure = next_failure(&mut world, &mut events).to_string();
    assert!(failure.starts_with("elsewhere:1883: "), "{failure}");
    *world.sky().dialling.lock().unwrap() = Dialling::Refused;
    world.advance(2 * SECOND);
    let failure = next_failure(&mut world, &mut events).to_string();
    assert!(failure.starts_with("broker:1883 could not be reached"), "{failure}");
    assert_eq!(*world.sky().hosts.lock().unwrap(), ["elsewhere", "broker"]);
}

/// CON-1: before 5.0 the connection that only ends the old session belongs to the attempt.
#[test]
fn a_hook_changes_the_clean_connect_too() {
    let asked = Asked::default();
    let hook = |options| {
        asked.hook(options, |_| Ok(ConnectChanges::new().username("user").password("token")))
    };
    let mut world = World::new(|options| hook(options).version(Version::V3_1_1));
    assert_eq!(world.sent(), ["CONNECT clean=true user:token"]);
    world.reply(&connack(false, ReasonCode::Success));
    world.advance(SECOND);
    assert_eq!(world.sent(), ["CONNECT clean=false user:token"]);
    assert_eq!((world.connections(), asked.len()), (2, 1));
}

/// CON-1: what cannot be sent fails the attempt as it does without a hook.
#[test]
fn a_connect_that_cannot_be_is_an_error() {
    let hook = |options| {
        Asked::default().hook(options, |_| Ok(ConnectChanges::new().user_property("\0", "")))
    };
    let mut world = World::new(hook);
    world.run();
    let client = world.client();
    let error = world.finish(client.connected()).unwrap_err();
    assert!(matches!(error, ConnectError::Connect(_)), "{error}");
}
