//! What only an async runtime can do to a client.

use mqtt_adapter_tokio::{PublishError, connect};
use mqtt_tests::{Signal, Trial, block_on};
use tokio::runtime::{Builder, Runtime};

use crate::{options, qos1};

#[test]
fn a_current_thread_runtime_shut_down_ends_waiting_calls() {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    shut_down_ends_waiting_calls(runtime);
}

#[test]
fn a_multi_thread_runtime_shut_down_ends_waiting_calls() {
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    shut_down_ends_waiting_calls(runtime);
}

/// Both the call that waits at that time and those made later.
fn shut_down_ends_waiting_calls(runtime: Runtime) {
    Trial::run(move |trial| {
        trial.note("shows END-3");
        let published = Signal::new();
        let seen = published.clone();
        let peer = trial.peer(move |broker| {
            let mut connection = broker.open(false);
            connection.expect_publish("out");
            seen.raise();
            connection.expect_end();
        });
        let client = runtime.block_on(connect(options(&peer))).unwrap();
        let handle = runtime.block_on(client.enqueue(qos1("out"))).unwrap();
        runtime.block_on(published.raised());
        drop(runtime);
        assert_eq!(block_on(handle), Err(PublishError::Closed));
        assert_eq!(block_on(client.publish(qos1("out"))), Err(PublishError::Closed));
        block_on(client.disconnect());
    });
}
