//! Connections with nothing to say.

use std::time::Duration;

use mqtt_adapter_blocking::{ClientEvent, CloseReason, QoS};
use mqtt_tests::adapter::{Adapter, Client};

use crate::{Row, Verdict, everything, next_number, numbered, wait_for, wait_until_connected};

/// The broker would end it after one and a half times the interval.
pub(crate) fn an_idle_connection_is_kept_alive<A: Adapter>(row: &Row<A>) -> Verdict {
    let options = row.options("client").keep_alive(Duration::from_secs(1));
    let client = row.adapter.connect(options).unwrap();
    client.pass(Duration::from_secs(3));
    let stats = client.stats();
    assert_eq!((stats.connects, stats.disconnects), (1, 0));
    client.disconnect();
    Ok(())
}

pub(crate) fn a_dead_connection_is_replaced<A: Adapter>(row: &Row<A>) -> Verdict {
    let (proxy, options) = row.proxied("client");
    let client = row.adapter.connect(options.keep_alive(Duration::from_secs(1))).unwrap();
    let mut events = client.events();
    let topic = row.topic("a");
    let mut stream = client.subscribe(everything(&topic)).unwrap();
    proxy.stall();
    let handle = client.enqueue(numbered(&topic, 1, QoS::AtLeastOnce)).unwrap();
    let reason = wait_for(&mut events, |event| match event {
        ClientEvent::Disconnected { reason } => Some(*reason),
        _ => None,
    });
    assert_eq!(reason, CloseReason::KeepAlive);
    proxy.cut();
    proxy.resume();
    assert!(wait_until_connected(&mut events), "the session is there");
    mqtt_tests::adapter::Handle::wait(handle).unwrap();
    assert_eq!(next_number(&mut stream), 1);
    client.disconnect();
    Ok(())
}
