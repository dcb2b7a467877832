//! What clients leave behind.

use std::time::{Duration, Instant};

use mqtt_adapter_blocking::{Publish, QoS};
use mqtt_tests::adapter::{Adapter, Client, Subscription};

use crate::{Row, Verdict, everything, next_number, numbered, wait_until_connected};

pub(crate) fn a_client_that_is_dropped_leaves_its_will<A: Adapter>(row: &Row<A>) -> Verdict {
    let topic = row.topic("will");
    let watcher = row.connect("watcher");
    let mut stream = watcher.subscribe(everything(&topic)).unwrap();
    let will = numbered(&topic, 1, QoS::AtLeastOnce);
    drop(row.adapter.connect(row.options("mortal").will(will)).unwrap());
    assert_eq!(next_number(&mut stream), 1);
    watcher.disconnect();
    Ok(())
}

pub(crate) fn a_client_that_takes_leave_leaves_no_will<A: Adapter>(row: &Row<A>) -> Verdict {
    let topic = row.topic("will");
    let watcher = row.connect("watcher");
    let mut stream = watcher.subscribe(everything(&topic)).unwrap();
    let will = numbered(&topic, 1, QoS::AtLeastOnce);
    row.adapter.connect(row.options("mortal").will(will)).unwrap().disconnect();
    watcher.publish(numbered(&topic, 2, QoS::AtLeastOnce)).unwrap();
    assert_eq!(next_number(&mut stream), 2);
    watcher.disconnect();
    Ok(())
}

pub(crate) fn a_retained_will_greets_subscribers<A: Adapter>(row: &Row<A>) -> Verdict {
    let topic = row.topic("will");
    let watcher = row.connect("watcher");
    let mut stream = watcher.subscribe(everything(&topic)).unwrap();
    let will = numbered(&topic, 1, QoS::AtLeastOnce).retain(true);
    drop(row.adapter.connect(row.options("mortal").will(will)).unwrap());
    assert_eq!(next_number(&mut stream), 1);
    let late = row.connect("late");
    let greeting = late.subscribe(everything(&topic)).unwrap().recv().unwrap();
    assert!(greeting.retain());
    late.disconnect();
    watcher.disconnect();
    Ok(())
}

pub(crate) fn a_will_comes_after_its_delay<A: Adapter>(row: &Row<A>) -> Verdict {
    let topic = row.topic("will");
    let watcher = row.connect("watcher");
    let mut stream = watcher.subscribe(everything(&topic)).unwrap();
    let delay = Duration::from_secs(2);
    let options = row.options("mortal").will(numbered(&topic, 1, QoS::AtLeastOnce));
    let dropped = Instant::now();
    drop(row.adapter.connect(options.will_delay(delay)).unwrap());
    assert_eq!(next_number(&mut stream), 1);
    // Brokers count whole seconds.
    let after = dropped.elapsed();
    assert!(after >= delay / 2, "it came after {after:?}");
    watcher.disconnect();
    Ok(())
}

pub(crate) fn who_comes_back_in_time_leaves_no_will<A: Adapter>(row: &Row<A>) -> Verdict {
    let topic = row.topic("will");
    let watcher = row.connect("watcher");
    let mut stream = watcher.subscribe(everything(&topic)).unwrap();
    let (proxy, options) = row.proxied("mortal");
    let will = numbered(&topic, 1, QoS::AtLeastOnce);
    let mortal =
        row.adapter.connect(options.will(will).will_delay(Duration::from_secs(1))).unwrap();
    let mut events = mortal.events();
    proxy.cut();
    wait_until_connected(&mut events);
    watcher.pass(Duration::from_millis(2500));
    watcher.publish(numbered(&topic, 2, QoS::AtLeastOnce)).unwrap();
    assert_eq!(next_number(&mut stream), 2);
    mortal.disconnect();
    watcher.disconnect();
    Ok(())
}

pub(crate) fn a_will_has_its_properties<A: Adapter>(row: &Row<A>) -> Verdict {
    let topic = row.topic("will");
    let watcher = row.connect("watcher");
    let mut stream = watcher.subscribe(everything(&topic)).unwrap();
    let will = Publish::new(&topic, "gone")
        .qos(QoS::AtLeastOnce)
        .payload_format_utf8()
        .content_type("text")
        .response_topic("answers")
        .correlation_data(&b"data"[..])
        .message_expiry(Duration::from_secs(1000))
        .user_property("b", "1")
        .user_property("a", "2");
    drop(row.adapter.connect(row.options("mortal").will(will)).unwrap());
    let message = stream.recv().unwrap();
    let properties = message.properties();
    assert_eq!((message.payload(), message.qos()), (&b"gone"[..], QoS::AtLeastOnce));
    assert_eq!(properties.payload_format_indicator(), Some(true));
    assert_eq!(properties.content_type(), Some("text"));
    assert_eq!(properties.response_topic(), Some("answers"));
    assert_eq!(properties.correlation_data(), Some(&b"data"[..]));
    assert!(properties.message_expiry_interval().is_some_and(|left| (990..=1000).contains(&left)));
    let user: Vec<_> = properties.user_properties().collect();
    assert_eq!(user, [("b", "1"), ("a", "2")]);
    watcher.disconnect();
    Ok(())
}
