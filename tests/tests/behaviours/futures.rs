//! What only futures can be: dropped at every point where they wait. Blocking calls without a
//! timeout are made to their end.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use mqtt_adapter_tokio::{Client, ConnectionState, Message, ReasonCode};
use mqtt_tests::adapter::{Executor, impatiently};
use mqtt_tests::{Broker, Peer, Signal, Trial};

use crate::subscribing::unsuback_after;
use crate::{everything, options, qos1};

macro_rules! suite {
    ($module:ident: $executor:ty, $([$($promise:literal),*] $group:ident::$behaviour:ident;)*) => {
        mod $module {
            $(#[test]
            fn $behaviour() {
                mqtt_tests::Trial::run(|trial| {
                    trial.note(concat!("shows", $(" ", $promise),*));
                    crate::$group::$behaviour::<$executor>(trial);
                });
            })*
        }
    };
    ($($table:tt)*) => {
        suite! { tokio_current: mqtt_tests::adapter::executors::Tokio<0>, $($table)* }
        suite! { tokio_multi: mqtt_tests::adapter::executors::Tokio<2>, $($table)* }
        suite! { smol: mqtt_tests::adapter::executors::Smol, $($table)* }
        suite! { async_std: mqtt_tests::adapter::executors::AsyncStd, $($table)* }
    };
}

suite! {
    ["CON-1"] futures::waiting_for_the_connection_can_be_given_up;
    ["SEND-3"] futures::a_subscribe_with_a_callback_given_up_leaves_no_callback;
    ["SEND-3"] futures::an_unsubscribe_of_one_given_up_is_finished;
    ["END-1"] futures::a_disconnect_given_up_anywhere_is_finished;
    ["END-1"] futures::a_drain_given_up_anywhere_is_finished;
}

fn waiting_for_the_connection_can_be_given_up<E: Executor>(trial: &Trial) {
    let peer = trial.peer(|broker| {
        broker.refuse(ReasonCode::ServerUnavailable);
        broker.open(false).expect_disconnect(ReasonCode::NormalDisconnection);
    });
    let executor = E::start();
    let client = executor.begin(options(&peer).retry_initial_connect(true)).unwrap();
    assert!(given_up_anywhere(&executor, || client.connected()).is_ok());
    assert_eq!(client.state(), ConnectionState::Connected);
    executor.block_on(client.disconnect());
}

/// Only the callback of the call that was not given up is there to be called.
fn a_subscribe_with_a_callback_given_up_leaves_no_callback<E: Executor>(trial: &Trial) {
    let (executor, _peer, client) = connected::<E>(trial, |broker| broker.open(false).echo());
    let (called, calls) = (Signal::new(), Arc::new(AtomicUsize::new(0)));
    let subscription = given_up_anywhere(&executor, || {
        let (called, calls) = (called.clone(), Arc::clone(&calls));
        client.subscribe_callback(everything("a"), move |_: &Message| {
            calls.fetch_add(1, Ordering::Relaxed);
            called.raise();
        })
    });
    executor.block_on(client.publish(qos1("a"))).unwrap();
    executor.block_on(called.raised());
    assert_eq!((calls.load(Ordering::Relaxed), client.stats().subscriptions), (1, 1));
    let subscription = subscription.unwrap();
    assert_eq!(given_up_anywhere(&executor, || subscription.unsubscribe()), Ok(()));
    executor.block_on(client.publish(qos1("a"))).unwrap();
    assert_eq!(calls.load(Ordering::Relaxed), 1);
    executor.block_on(client.disconnect());
}

fn an_unsubscribe_of_one_given_up_is_finished<E: Executor>(trial: &Trial) {
    let given_up = Signal::new();
    let (executor, _peer, client) = connected::<E>(trial, unsuback_after(&given_up));
    let mut stream = executor.block_on(client.subscribe_with(everything("a"))).unwrap();
    assert_eq!(executor.block_on(impatiently(stream.unsubscribe(), 1)), None);
    given_up.raise();
    assert!(executor.block_on(stream.recv()).is_none());
    assert_eq!(given_up_anywhere(&executor, || stream.unsubscribe()), Ok(()));
    executor.block_on(client.disconnect());
}

/// DISCONNECT leaves once.
fn a_disconnect_given_up_anywhere_is_finished<E: Executor>(trial: &Trial) {
    let (executor, _peer, client) = connected::<E>(trial, |broker| {
        broker.open(false).expect_disconnect(ReasonCode::NormalDisconnection);
    });
    given_up_anywhere(&executor, || client.disconnect());
    assert_eq!(client.state(), ConnectionState::Closed);
}

/// Each call says the same, whichever was given up.
fn a_drain_given_up_anywhere_is_finished<E: Executor>(trial: &Trial) {
    let (executor, _peer, client) = connected::<E>(trial, |broker| {
        let mut connection = broker.open(false);
        connection.expect_publish("unanswered");
        connection.expect_disconnect(ReasonCode::NormalDisconnection);
    });
    let handle = executor.block_on(client.enqueue(qos1("unanswered"))).unwrap();
    let left = given_up_anywhere(&executor, || client.drain(Duration::from_millis(50)));
    assert_eq!((left.publishes, left.requests), (1, 0));
    assert!(executor.block_on(handle).is_err());
}

/// Makes a call again and again, dropped after ever more polls, until it comes to its end.
fn given_up_anywhere<E: Executor, F: Future>(
    executor: &E,
    mut call: impl FnMut() -> F,
) -> F::Output {
    let mut tries = 0..;
    let output = tries.find_map(|polls| executor.block_on(impatiently(call(), polls)));
    output.expect("a call that is polled often enough ends")
}

/// A client connected to the broker that plays this script.
fn connected<E: Executor>(
    trial: &Trial,
    script: impl FnOnce(&Broker) + Send + 'static,
) -> (E, Peer, Client) {
    let peer = trial.peer(script);
    let executor = E::start();
    let client = executor.block_on(executor.connect(options(&peer))).unwrap();
    (executor, peer, client)
}
