//! What is sent while there is no connection, or the wrong one.

use std::time::Duration;

use mqtt_adapter_blocking::{ClientEvent, Failure, OfflineQoS0, PublishError, QoS};
use mqtt_testkit::Proxy;
use mqtt_tests::adapter::{Adapter, Client, Events, Handle, Subscription};

use crate::broker::Saved;
use crate::{Row, SHORT, V3_1, Verdict, everything, number_of, numbered, wait_for, wait_for_all};

/// In the order it was published, QoS by QoS; QoS 0 only where it is to be kept.
pub(crate) fn what_is_published_offline_comes_after<A: Adapter>(row: &Row<A>) -> Verdict {
    const MESSAGES: u32 = 20;
    for (offline, first) in [(OfflineQoS0::Fail, 1), (OfflineQoS0::Keep, 0)] {
        let (proxy, options) = row.proxied("client");
        let client = row.adapter.connect(options.offline_qos0(offline)).unwrap();
        let mut events = client.events();
        let topic = row.topic("a");
        let mut stream = client.subscribe(everything(&topic)).unwrap();
        go_offline(&proxy, &mut events);
        let kept = client.publish(numbered(&topic, 0, QoS::AtMostOnce));
        assert_eq!(kept == Err(PublishError::NotConnected), offline == OfflineQoS0::Fail);
        let handles: Vec<_> = (1..=MESSAGES)
            .map(|number| client.enqueue(numbered(&topic, number, qos(number))).unwrap())
            .collect();
        proxy.admit();
        wait_for_all(handles);
        let mut numbers: [Vec<u32>; 3] = Default::default();
        for _ in first..=MESSAGES {
            let number = number_of(&stream.recv().unwrap());
            numbers[if number == 0 { 0 } else { qos(number) as usize }].push(number);
        }
        client.disconnect();
        assert_eq!(numbers[0].len(), usize::from(first == 0));
        assert!(numbers[1].iter().copied().eq((1..=MESSAGES).step_by(2)), "{numbers:?}");
        assert!(numbers[2].iter().copied().eq((2..=MESSAGES).step_by(2)), "{numbers:?}");
    }
    Ok(())
}

pub(crate) fn what_expires_before_it_is_sent_fails<A: Adapter>(row: &Row<A>) -> Verdict {
    let (proxy, options) = row.proxied("client");
    let client = row.adapter.connect(options).unwrap();
    let mut events = client.events();
    let topic = row.topic("a");
    let mut stream = client.subscribe(everything(&topic)).unwrap();
    go_offline(&proxy, &mut events);
    let [expires, stays] = [(1, 1), (2, 1000)].map(|(number, seconds)| {
        let message = numbered(&topic, number, QoS::AtLeastOnce);
        client.enqueue(message.message_expiry(Duration::from_secs(seconds))).unwrap()
    });
    assert_eq!(expires.wait(), Err(PublishError::Failed(Failure::Expired)));
    proxy.admit();
    stays.wait().unwrap();
    let message = stream.recv().unwrap();
    let left = message.properties().message_expiry_interval();
    client.disconnect();
    assert_eq!(number_of(&message), 2);
    assert!(left.is_some_and(|left| (900..1000).contains(&left)), "{left:?} s are left");
    Ok(())
}

/// The broker is started again without its sessions. Of what a connection may have carried QoS 1 is
/// sent again and QoS 2 is not, but in 3.1, which does not say that the session is lost; what none
/// carried is sent.
pub(crate) fn what_a_lost_session_held_has_its_outcome<A: Adapter>(row: &Row<A>) -> Verdict {
    let mut broker = (row.broker.start)().expect("a broker");
    let proxy = Proxy::start(&broker.address()).expect("a proxy");
    let options = row.options_at(&proxy.address().to_string(), "client");
    let client = row.adapter.connect(options).unwrap();
    let mut events = client.events();
    let topic = row.topic("a");
    let mut stream = client.subscribe(everything(&topic)).unwrap();
    proxy.stall();
    let publish = |number| client.enqueue(numbered(&topic, number, qos(number))).unwrap();
    let [once, twice] = [1, 2].map(publish);
    while client.stats().in_flight < 2 {
        client.pass(SHORT / 10);
    }
    go_offline(&proxy, &mut events);
    let waiting = [3, 4].map(publish);
    broker.restart(Saved::Lost).expect("the broker again");
    proxy.resume();
    proxy.admit();
    let is_told = row.version != V3_1;
    assert_eq!(twice.wait() == Err(PublishError::Indeterminate), is_told);
    once.wait().unwrap();
    wait_for_all(waiting);
    let wanted: &[u32] = if is_told { &[1, 3, 4] } else { &[1, 2, 3, 4] };
    let mut numbers: Vec<_> = wanted.iter().map(|_| number_of(&stream.recv().unwrap())).collect();
    client.disconnect();
    numbers.sort_unstable();
    assert_eq!(numbers, wanted);
    Ok(())
}

/// Odd numbers go at QoS 1, even ones at QoS 2.
fn qos(number: u32) -> QoS {
    if number % 2 == 1 { QoS::AtLeastOnce } else { QoS::ExactlyOnce }
}

/// Ends the connection, and lets no other be made.
fn go_offline(proxy: &Proxy, events: &mut impl Events) {
    proxy.refuse();
    proxy.cut();
    wait_for(events, |event| matches!(event, ClientEvent::Disconnected { .. }).then_some(()));
}
