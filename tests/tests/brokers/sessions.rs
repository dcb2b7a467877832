//! Sessions that outlive connections.

use std::collections::BTreeSet;

use mqtt_adapter_blocking::{ClientEvent, QoS, Version};
use mqtt_testkit::{Mosquitto, Proxy};
use mqtt_tests::adapter::{Adapter, Client, Events, Subscription};

use crate::{
    everything, next_number, number_of, numbered, options, wait_for_all, wait_until_connected,
};

const MESSAGES: u32 = 300;

/// The connection is cut twice, with publishes and messages on their way in both directions. One
/// stream gets all: a broker that speaks 3.1.1 sends no more while its few places are held.
pub(crate) fn a_cut_connection_loses_and_repeats_nothing<A: Adapter>(version: Version) {
    let broker = Mosquitto::start().expect("a broker");
    let proxy = Proxy::start(&broker.address()).expect("a proxy");
    let client = A::start().connect(options(&proxy.url(), "cut", version)).unwrap();
    let mut stream = client.subscribe(everything("cut/+")).unwrap();
    let mut handles = Vec::new();
    for number in 0..MESSAGES {
        for (topic, qos) in [("cut/1", QoS::AtLeastOnce), ("cut/2", QoS::ExactlyOnce)] {
            handles.push(client.enqueue(numbered(topic, number, qos)).unwrap());
        }
        if number == MESSAGES / 3 || number == 2 * MESSAGES / 3 {
            wait_for_all(handles.drain(..handles.len() / 2));
            proxy.cut();
        }
    }
    wait_for_all(handles);
    let mut exactly_once = Vec::new();
    let mut at_least_once = BTreeSet::new();
    while exactly_once.len() < MESSAGES as usize || at_least_once.len() < MESSAGES as usize {
        let message = stream.recv().unwrap();
        let number = number_of(&message);
        match message.qos() {
            QoS::ExactlyOnce => exactly_once.push(number),
            _ => drop(at_least_once.insert(number)),
        }
    }
    assert!(exactly_once.iter().copied().eq(0..MESSAGES), "{exactly_once:?}");
    assert_eq!(client.stats().connects, 3);
    client.disconnect();
}

pub(crate) fn a_client_id_belongs_to_the_last_who_took_it<A: Adapter>(version: Version) {
    let broker = Mosquitto::start().expect("a broker");
    let options = || options(&broker.url(), "contested", version);
    let first = A::start().connect(options().reconnect(false)).unwrap();
    let mut events = first.events();
    let second = A::start().connect(options()).unwrap();
    while !matches!(events.next(), Some(ClientEvent::Closed)) {}
    let mut stream = second.subscribe(everything("a")).unwrap();
    second.publish(numbered("a", 1, QoS::AtLeastOnce)).unwrap();
    assert_eq!(next_number(&mut stream), 1);
    second.disconnect();
}

pub(crate) fn a_restarted_broker_is_found_again<A: Adapter>(version: Version) {
    let mut broker = Mosquitto::start().expect("a broker");
    let client = A::start().connect(options(&broker.url(), "patient", version)).unwrap();
    let mut events = client.events();
    let mut stream = client.subscribe(everything("a")).unwrap();
    broker.restart().expect("the broker again");
    wait_until_connected(&mut events);
    client.publish(numbered("a", 1, QoS::ExactlyOnce)).unwrap();
    assert_eq!(next_number(&mut stream), 1);
    client.disconnect();
}
