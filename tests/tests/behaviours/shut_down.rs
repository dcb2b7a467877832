//! What only an async runtime can do to a client: end under it.

use std::future::Future;
use std::thread;
use std::time::Duration;

use ::async_std::task::{self, JoinHandle};
use ::smol::Executor;
use mqtt_adapter_smol::client;
use mqtt_adapter_tokio::{Client, ConnectError, Options, PublishError, QoS, SubscribeError};
use mqtt_tests::{Signal, Trial, block_on};
use tokio::runtime::{Builder, Runtime};

use crate::{everything, options, qos1};

macro_rules! suite {
    ($module:ident: $host:ty, $([$($promise:literal),*] $group:ident::$behaviour:ident;)*) => {
        mod $module {
            $(#[test]
            fn $behaviour() {
                mqtt_tests::Trial::run(|trial| {
                    trial.note(concat!("shows", $(" ", $promise),*));
                    crate::$group::$behaviour::<$host>(trial);
                });
            })*
        }
    };
    ($($table:tt)*) => {
        suite! { tokio_current: crate::shut_down::Tokio<0>, $($table)* }
        suite! { tokio_multi: crate::shut_down::Tokio<2>, $($table)* }
        suite! { smol: crate::shut_down::Smol, $($table)* }
        suite! { async_std: crate::shut_down::AsyncStd, $($table)* }
    };
}

suite! {
    ["END-3"] shut_down::a_runtime_shut_down_ends_waiting_calls;
}

/// Both the call that waits at that time and those made later.
fn a_runtime_shut_down_ends_waiting_calls<H: Host>(trial: &Trial) {
    let published = Signal::new();
    let seen = published.clone();
    let peer = trial.peer(move |broker| {
        let mut connection = broker.open(false);
        connection.grant("in", QoS::ExactlyOnce);
        connection.expect_publish("out");
        seen.raise();
        connection.expect_end();
    });
    let (host, client) = H::start(options(&peer));
    let mut events = client.events();
    let mut stream = host.run(client.subscribe_with(everything("in"))).unwrap();
    let handle = block_on(client.enqueue(qos1("out"))).unwrap();
    host.run(published.raised());
    let waiting = thread::spawn(move || block_on(stream.recv()).is_none());
    host.shut_down();
    assert!(waiting.join().unwrap(), "the stream ends");
    assert_eq!(block_on(handle), Err(PublishError::Closed));
    while block_on(events.next()).is_some() {}
    assert!(matches!(block_on(client.connected()), Err(ConnectError::Ended)));
    assert_eq!(block_on(client.publish(qos1("out"))), Err(PublishError::Closed));
    let subscribed = block_on(client.subscribe_with(everything("out"))).err();
    assert!(matches!(subscribed, Some(SubscribeError::Closed)), "{subscribed:?}");
    block_on(client.disconnect());
    assert_eq!(block_on(client.drain(Duration::from_secs(30))).publishes, 1);
}

/// A runtime with one client on it.
trait Host: Sized {
    fn start(options: Options) -> (Self, Client);

    fn run<F: Future>(&self, future: F) -> F::Output;

    fn shut_down(self);
}

/// With so many worker threads, or on the one that calls.
struct Tokio<const WORKERS: usize>(Runtime);

impl<const WORKERS: usize> Host for Tokio<WORKERS> {
    fn start(options: Options) -> (Self, Client) {
        let mut builder = match WORKERS {
            0 => Builder::new_current_thread(),
            _ => Builder::new_multi_thread(),
        };
        let runtime = builder.worker_threads(WORKERS.max(1)).enable_all().build().unwrap();
        let client = runtime.block_on(async { mqtt_adapter_tokio::start(options) }).unwrap();
        (Tokio(runtime), client)
    }

    fn run<F: Future>(&self, future: F) -> F::Output {
        self.0.block_on(future)
    }

    fn shut_down(self) {}
}

/// An executor of its own, since the global one never ends.
struct Smol(Executor<'static>);

impl Host for Smol {
    fn start(options: Options) -> (Self, Client) {
        let (client, driver) = client(options).unwrap();
        let executor = Executor::new();
        executor.spawn(driver).detach();
        (Smol(executor), client)
    }

    fn run<F: Future>(&self, future: F) -> F::Output {
        ::smol::block_on(self.0.run(future))
    }

    fn shut_down(self) {}
}

/// async-std's never ends, but a task may be cancelled.
struct AsyncStd(JoinHandle<()>);

impl Host for AsyncStd {
    fn start(options: Options) -> (Self, Client) {
        let (client, driver) = client(options).unwrap();
        (AsyncStd(task::spawn(driver)), client)
    }

    fn run<F: Future>(&self, future: F) -> F::Output {
        task::block_on(future)
    }

    fn shut_down(self) {
        task::block_on(self.0.cancel());
    }
}
