//! Taking leave.

use mqtt_adapter_blocking::{Publish, QoS, SubscribeOptions};
use mqtt_tests::adapter::{Adapter, Client};

use crate::{PATIENCE, Row, SHORT, Verdict, everything, next_number, numbered, pass};

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
        pass(&mortal, SHORT / 10);
        waited += SHORT / 10;
    }
    let stats = mortal.stats();
    assert!(stats.held_bytes > 0 && stats.bytes_in < 10 << 20, "{stats:?}");
    mortal.disconnect();
    pass(&watcher, SHORT);
    watcher.publish(numbered(&will, 2, QoS::AtLeastOnce)).unwrap();
    assert_eq!(next_number(&mut stream), 2);
    watcher.disconnect();
    Ok(())
}
