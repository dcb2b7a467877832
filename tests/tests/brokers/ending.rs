//! Taking leave.

use mqtt_adapter_blocking::{Publish, PublishError, QoS, SubscribeOptions};
use mqtt_tests::adapter::{Adapter, Client, Handle};

use crate::{PATIENCE, Row, SHORT, Verdict, everything, next_number, numbered, wait_for_all};

/// An end too early would reset the connection, and DISCONNECT could be lost with it.
pub(crate) fn a_client_with_much_unread_leaves_no_will<A: Adapter>(row: &Row<A>) -> Verdict {
    let [will, much] = ["will", "much"].map(|topic| row.topic(topic));
    let watcher = row.connect("watcher");
    let mut stream = watcher.subscribe(everything(&will)).unwrap();
    let options = row.options("mortal").will(numbered(&will, 1, QoS::AtLeastOnce));
    let mortal = row.adapter.connect(options.held_bytes(1)).unwrap();
    let _unread = mortal.subscribe(SubscribeOptions::new(&much)).unwrap();
    let payload = vec![0; 1 << 20];
    for _ in 0..20 {
        watcher.publish(Publish::new(&much, &payload).qos(QoS::AtLeastOnce)).unwrap();
    }
    let mut waited = SHORT;
    while mortal.stats().held_bytes == 0 && waited < PATIENCE {
        mortal.pass(SHORT / 10);
        waited += SHORT / 10;
    }
    let stats = mortal.stats();
    assert!(stats.held_bytes > 0 && stats.bytes_in < 10 << 20, "{stats:?}");
    mortal.disconnect();
    watcher.pass(SHORT);
    watcher.publish(numbered(&will, 2, QoS::AtLeastOnce)).unwrap();
    assert_eq!(next_number(&mut stream), 2);
    watcher.disconnect();
    Ok(())
}

pub(crate) fn draining_waits_for_every_outcome<A: Adapter>(row: &Row<A>) -> Verdict {
    const MESSAGES: u32 = 100;
    let topic = row.topic("a");
    let watcher = row.connect("watcher");
    let mut stream = watcher.subscribe(everything(&topic)).unwrap();
    let client = row.connect("client");
    let handles: Vec<_> = (0..MESSAGES)
        .map(|number| client.enqueue(numbered(&topic, number, QoS::ExactlyOnce)).unwrap())
        .collect();
    assert!(client.drain(PATIENCE).is_complete());
    wait_for_all(handles);
    let refused = client.publish(numbered(&topic, MESSAGES, QoS::AtLeastOnce));
    assert_eq!(refused, Err(PublishError::Closed));
    assert!((0..MESSAGES).all(|number| next_number(&mut stream) == number));
    watcher.disconnect();
    Ok(())
}

pub(crate) fn draining_ends_at_its_deadline<A: Adapter>(row: &Row<A>) -> Verdict {
    let (proxy, options) = row.proxied("client");
    let client = row.adapter.connect(options).unwrap();
    proxy.stall();
    let handle = client.enqueue(numbered(&row.topic("a"), 1, QoS::AtLeastOnce)).unwrap();
    assert_eq!(client.drain(SHORT / 3).publishes, 1);
    assert_eq!(handle.wait(), Err(PublishError::Closed));
    Ok(())
}
