//! What only blocking calls promise: timeouts, callbacks that would wait, a loop of one's own.

use std::io::ErrorKind;
use std::num::NonZeroU32;
#[cfg(unix)]
use std::os::fd::AsFd;
use std::sync::{Mutex, mpsc};
use std::thread;
use std::time::Duration;

use mqtt_adapter_blocking::{
    Client, InCallback, Message, Publication, PublishError, PublishHandle, QoS, Readiness,
    ReasonCode, RecvError, SubscribeError, UnsubscribeError, start_without_thread,
};
use mqtt_proto::Property;
use mqtt_tests::adapter::{Adapter, Blocking, Client as _, OwnLoop};
use mqtt_tests::{Signal, Trial, id};
use smol::{Async, Timer, future};

use crate::{connected, everything, options, qos1};

#[test]
fn a_call_that_would_wait_in_a_callback_is_refused() {
    Trial::run(calls_in_a_callback::<Blocking>);
}

#[test]
fn a_call_that_would_wait_in_a_callback_is_refused_without_a_thread() {
    Trial::run(calls_in_a_callback::<OwnLoop>);
}

/// Nothing of what the refused calls wanted reaches the broker.
fn calls_in_a_callback<A: Adapter<Client = Client>>(trial: &Trial) {
    trial.note("shows SEND-9");
    let (_peer, client) = connected::<A>(trial, |broker| {
        let mut connection = broker.open(false);
        connection.grant("in", QoS::ExactlyOnce);
        connection.publish(QoS::AtLeastOnce, Some(id(1)), "in", b"");
        connection.expect_puback(id(1));
        connection.expect_disconnect(ReasonCode::NormalDisconnection);
    });
    let (sender, answers) = mpsc::channel();
    let called = Signal::new();
    let raise = called.clone();
    let caller = Mutex::new(Some(client.clone()));
    let callback = move |_: &Message| {
        let client = caller.lock().unwrap().take().unwrap();
        sender.send(all_that_wait(&client)).unwrap();
        raise.raise();
    };
    let subscription = client.subscribe_callback(everything("in"), callback).unwrap();
    client.run_until(&called);
    assert_eq!(answers.recv().unwrap(), Vec::<String>::new());
    client.disconnect().unwrap();
    drop(subscription);
}

/// The calls that wait, made inside a callback: those that did not say so.
fn all_that_wait(client: &Client) -> Vec<String> {
    let publish = client.publish(qos1("out"));
    let timeout = client.publish_timeout(qos1("out"), PATIENCE);
    let subscribe = client.subscribe("out", QoS::AtLeastOnce);
    let unsubscribe = client.unsubscribe("out");
    let disconnect = client.disconnect();
    let drain = client.drain(PATIENCE);
    let event = client.events().next_timeout(PATIENCE);
    let turn = client.turn(PATIENCE).map_err(|error| error.kind());
    [
        (publish == Err(PublishError::InCallback), format!("{publish:?}")),
        (matches!(timeout, Err(PublishError::InCallback)), format!("{timeout:?}")),
        (matches!(subscribe, Err(SubscribeError::InCallback)), format!("{subscribe:?}")),
        (unsubscribe == Err(UnsubscribeError::InCallback), format!("{unsubscribe:?}")),
        (disconnect == Err(InCallback), format!("{disconnect:?}")),
        (drain == Err(InCallback), format!("{drain:?}")),
        (matches!(event, Err(RecvError::InCallback)), format!("{event:?}")),
        (turn == Err(ErrorKind::Unsupported), format!("{turn:?}")),
    ]
    .into_iter()
    .filter_map(|(refused, answer)| (!refused).then_some(answer))
    .collect()
}

#[test]
fn a_timeout_loses_nothing() {
    Trial::run(timeouts_of_zero::<Blocking>);
}

#[test]
fn a_timeout_loses_nothing_without_a_thread() {
    Trial::run(timeouts_of_zero::<OwnLoop>);
}

fn timeouts_of_zero<A: Adapter<Client = Client>>(trial: &Trial) {
    trial.note("shows SEND-3 SEND-4");
    let full = Signal::new();
    let filled = full.clone();
    let peer = trial.peer(move |broker| {
        let mut connection = broker.open_with(false, &[Property::ReceiveMaximum(1)]);
        connection.grant("in", QoS::ExactlyOnce);
        filled.wait();
        connection.take_qos1("flying");
        connection.take_qos1("pending");
        connection.take_qos1("waiting");
        connection.deliver("in", b"message");
        connection.expect_disconnect(ReasonCode::NormalDisconnection);
    });
    let client = A::start().connect(options(&peer).max_pending(1)).unwrap();
    let mut stream = client.subscribe("in", QoS::ExactlyOnce).unwrap();
    let flying = pending(client.publish_timeout(qos1("flying"), Duration::ZERO));
    let mut pending = pending(client.publish_timeout(qos1("pending"), Duration::ZERO));
    let refused = client.publish_timeout(qos1("never sent"), Duration::ZERO);
    assert!(matches!(refused, Err(PublishError::TimedOut)), "{refused:?}");
    let refused = client.enqueue_timeout(qos1("waiting"), Duration::ZERO).unwrap_err();
    assert_eq!(refused.error, PublishError::TimedOut);
    assert!(pending.wait_timeout(Duration::ZERO).is_none());
    assert_eq!(stream.recv_timeout(Duration::ZERO).unwrap_err(), RecvError::TimedOut);
    full.raise();
    client.publish(refused.publish).unwrap();
    assert_eq!(flying.wait(), Ok(ReasonCode::Success));
    assert_eq!(pending.wait_timeout(PATIENCE), Some(Ok(ReasonCode::Success)));
    assert_eq!(stream.recv_timeout(PATIENCE).unwrap().payload(), b"message");
    client.disconnect().unwrap();
}

fn pending(publication: Result<Publication, PublishError>) -> PublishHandle {
    match publication {
        Ok(Publication::Pending(handle)) => handle,
        other => panic!("a pending publication expected, but {other:?}"),
    }
}

/// Nothing waits here but `turn`.
#[test]
fn a_loop_of_ones_own_does_all_the_work() {
    Trial::run(|trial| {
        let peer = trial.peer(|broker| {
            let mut connection = broker.open(false);
            connection.take_qos1("out");
            connection.expect_end();
        });
        let client = start_without_thread(options(&peer)).unwrap();
        let mut handle = client.try_publish(qos1("out")).unwrap();
        while handle.wait_timeout(Duration::ZERO).is_none() {
            assert!(client.turn(PATIENCE).unwrap());
        }
        drop(client);
    });
}

/// The loop waits with the reactor of somebody else. It goes on for what comes, for calls of other
/// threads and for the time, and not for nothing.
#[cfg(unix)]
#[test]
fn a_loop_of_ones_own_waits_for_readiness() {
    Trial::run(|trial| {
        trial.note("shows LIVE-1 SEND-9");
        let idle = Signal::new();
        let raise = idle.clone();
        let peer = trial.peer(move |broker| {
            let mut connection = broker.open(false);
            connection.take_qos1("before");
            raise.raise();
            connection.take_qos1("meanwhile");
            connection.expect_pingreq();
            connection.cut();
        });
        let options =
            options(&peer).keep_alive(Duration::from_secs(1)).max_attempts(NonZeroU32::MIN);
        let client = start_without_thread(options).unwrap();
        drop(client.try_publish(qos1("before")).unwrap());
        let caller = client.clone();
        trial.part("a call of another thread", move || {
            idle.wait();
            drop(caller.try_publish(qos1("meanwhile")).unwrap());
        });
        let mut events = client.events();
        let mut turns = 0;
        while client.turn(Duration::ZERO).unwrap() {
            while events.next_timeout(Duration::ZERO).is_ok() {}
            wait(&client.readiness().unwrap());
            turns += 1;
        }
        assert_eq!(client.stats().delivered, 2);
        assert!(turns < 100, "{turns} turns: it waits for nothing");
    });
}

/// A call that waits turns the loop under a wait elsewhere, or before one: the loop goes on for what
/// that turn left to it.
#[cfg(unix)]
#[test]
fn a_call_that_waits_leaves_a_loop_of_ones_own_nothing_to_miss() {
    Trial::run(|trial| {
        trial.note("shows SEND-9");
        let (_peer, client) = connected::<OwnLoop>(trial, |broker| {
            let mut connection = broker.open(false);
            connection.take_qos1("meanwhile");
            connection.take_qos1("before");
            connection.expect_disconnect(ReasonCode::NormalDisconnection);
        });
        client.turn(Duration::ZERO).unwrap();
        let readiness = client.readiness().unwrap();
        client.publish(qos1("meanwhile")).unwrap();
        assert!(is_readable(&readiness));
        client.turn(Duration::ZERO).unwrap();
        client.publish(qos1("before")).unwrap();
        assert_eq!(client.readiness().unwrap().timeout(), Some(Duration::ZERO));
        client.turn(Duration::ZERO).unwrap();
        let readiness = client.readiness().unwrap();
        client.disconnect().unwrap();
        assert!(is_readable(&readiness));
        assert_eq!(client.readiness().unwrap().timeout(), Some(Duration::ZERO));
        assert!(!client.turn(Duration::ZERO).unwrap());
    });
}

/// Whether it is now: what makes it so is over.
#[cfg(unix)]
fn is_readable(readiness: &Readiness) -> bool {
    let client = Async::new_nonblocking(readiness.as_fd()).unwrap();
    smol::block_on(future::or(async { client.readable().await.is_ok() }, async {
        Timer::after(Duration::from_millis(300)).await;
        false
    }))
}

#[cfg(unix)]
fn wait(readiness: &Readiness) {
    let client = Async::new_nonblocking(readiness.as_fd()).unwrap();
    let readable = async { client.readable().await.unwrap() };
    match readiness.timeout() {
        None => smol::block_on(readable),
        Some(timeout) => smol::block_on(future::or(readable, async {
            Timer::after(timeout).await;
        })),
    }
}

/// One thread turns the loop, the others wait for it.
#[test]
fn several_threads_share_a_loop() {
    Trial::run(|trial| {
        let (_peer, client) = connected::<OwnLoop>(trial, |broker| broker.open(false).echo());
        let threads = [(); 4].map(|()| {
            let client = client.clone();
            thread::spawn(move || (0..50).try_for_each(|_| client.publish(qos1("out")).map(|_| ())))
        });
        for thread in threads {
            assert_eq!(thread.join().unwrap(), Ok(()));
        }
        client.disconnect().unwrap();
        assert!(!client.turn(PATIENCE).unwrap());
    });
}

/// Far more than anything here takes.
const PATIENCE: Duration = Duration::from_secs(30);
