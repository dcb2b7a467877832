//! What only an async runtime can do to a client: end under it.

use ::async_std::task::{self, JoinHandle};
use ::smol::Executor;
use mqtt_adapter_smol::client;
use mqtt_adapter_tokio::{Client, Options, PublishError};
use mqtt_tests::{Signal, Trial, block_on};
use tokio::runtime::{Builder, Runtime};

use crate::{options, qos1};

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
        connection.expect_publish("out");
        seen.raise();
        connection.expect_end();
    });
    let (host, client) = H::start(options(&peer));
    let handle = block_on(client.enqueue(qos1("out"))).unwrap();
    host.run_until(&published);
    host.shut_down();
    assert_eq!(block_on(handle), Err(PublishError::Closed));
    assert_eq!(block_on(client.publish(qos1("out"))), Err(PublishError::Closed));
    block_on(client.disconnect());
}

/// A runtime with one client on it.
trait Host: Sized {
    fn start(options: Options) -> (Self, Client);

    fn run_until(&self, signal: &Signal);

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

    fn run_until(&self, signal: &Signal) {
        self.0.block_on(signal.raised());
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

    fn run_until(&self, signal: &Signal) {
        ::smol::block_on(self.0.run(signal.raised()));
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

    fn run_until(&self, signal: &Signal) {
        task::block_on(signal.raised());
    }

    fn shut_down(self) {
        task::block_on(self.0.cancel());
    }
}
