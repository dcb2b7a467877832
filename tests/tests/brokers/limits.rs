//! How much may be on its way at once.

use std::num::NonZeroU32;
use std::time::Instant;

use mqtt_adapter_blocking::{Ack, Message, Publish, QoS, TryRecvError};
use mqtt_tests::adapter::{Adapter, Client, Subscription};

use crate::{
    Deviation, PATIENCE, Row, SHORT, Verdict, everything, gather, next_number, number_of, numbered,
    wait_for_all,
};

/// A broker of 5.0 would end the connection.
pub(crate) fn no_more_is_in_flight_than_the_broker_takes<A: Adapter>(row: &Row<A>) -> Verdict {
    let client = row.connect("client");
    let topic = row.topic("a");
    let handles: Vec<_> = (0..1000)
        .map(|number| {
            let qos = if number % 2 == 0 { QoS::AtLeastOnce } else { QoS::ExactlyOnce };
            client.enqueue(numbered(&topic, number, qos)).unwrap()
        })
        .collect();
    wait_for_all(handles);
    let stats = client.stats();
    assert_eq!((stats.delivered, stats.connects, stats.disconnects), (1000, 1, 0));
    client.disconnect();
    Ok(())
}

/// Two at once, while none, one, and then all are acknowledged.
pub(crate) fn no_more_comes_than_receive_maximum<A: Adapter>(row: &Row<A>) -> Verdict {
    const MESSAGES: usize = 20;
    let options = row.options("client").receive_maximum(2).ack(Ack::Manual);
    let client = row.adapter.connect(options).unwrap();
    let topic = row.topic("a");
    let mut stream = client.subscribe(everything(&topic)).unwrap();
    let publisher = row.connect("publisher");
    for number in 0..MESSAGES as u32 {
        publisher.publish(numbered(&topic, number, QoS::AtLeastOnce)).unwrap();
    }
    publisher.disconnect();
    let mut most = 0;
    let mut unanswered = held(&client, &mut stream, 1);
    for expected in 0..MESSAGES as u32 {
        client.pass(SHORT / 10);
        while let Ok(message) = stream.try_recv() {
            unanswered.push(message);
        }
        most = most.max(unanswered.len());
        let oldest = unanswered.remove(0);
        assert_eq!(number_of(&oldest), expected);
        oldest.ack();
        if unanswered.is_empty() && expected + 1 < MESSAGES as u32 {
            unanswered.extend(held(&client, &mut stream, 1));
        }
    }
    assert!(matches!(stream.try_recv(), Err(TryRecvError::Empty)));
    client.disconnect();
    match most {
        1 => Deviation::OneAtATime.seen("1 at once"),
        2 => Ok(()),
        more => Deviation::ExceedsReceiveMaximum.seen(format!("{more} at once")),
    }
}

/// It is as if the client had got it.
pub(crate) fn no_packet_comes_above_maximum_packet_size<A: Adapter>(row: &Row<A>) -> Verdict {
    let most = NonZeroU32::new(1000).expect("above 0");
    let options = row.options("client").maximum_packet_size(most);
    let client = row.adapter.connect(options).unwrap();
    let topic = row.topic("a");
    let stream = client.subscribe(everything(&topic)).unwrap();
    let publisher = row.connect("publisher");
    publisher.publish(Publish::new(&topic, vec![0; 1000]).qos(QoS::AtLeastOnce)).unwrap();
    publisher.publish(numbered(&topic, 1, QoS::AtLeastOnce)).unwrap();
    publisher.disconnect();
    let came = gather(&client, &mut [stream], PATIENCE, |numbers| {
        !numbers.concat().is_empty() || client.stats().disconnects > 0
    });
    let disconnects = client.stats().disconnects;
    client.disconnect();
    if disconnects > 0 {
        return Deviation::IgnoresMaximumPacketSize.seen("the packet came");
    }
    assert_eq!(came, [[1]]);
    Ok(())
}

/// Before 5.0 the broker is not told the limit: it is passed over, acknowledged and counted.
pub(crate) fn a_message_above_the_limit_is_skipped<A: Adapter>(row: &Row<A>) -> Verdict {
    let most = NonZeroU32::new(1000).expect("above 0");
    let client = row.adapter.connect(row.options("client").maximum_packet_size(most)).unwrap();
    let topic = row.topic("a");
    let mut stream = client.subscribe(everything(&topic)).unwrap();
    for qos in [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce] {
        client.publish(Publish::new(&topic, vec![0; 1000]).qos(qos)).unwrap();
    }
    client.publish(numbered(&topic, 1, QoS::AtLeastOnce)).unwrap();
    assert_eq!(next_number(&mut stream), 1);
    let stats = client.stats();
    client.disconnect();
    assert_eq!((stats.skipped, stats.connects, stats.disconnects), (3, 1, 0));
    Ok(())
}

/// Messages that come, until there are so many or the time is over.
fn held(client: &impl Client, stream: &mut impl Subscription, messages: usize) -> Vec<Message> {
    let deadline = Instant::now() + PATIENCE;
    let mut held = Vec::new();
    while held.len() < messages && Instant::now() < deadline {
        match stream.try_recv() {
            Ok(message) => held.push(message),
            Err(_) => client.pass(SHORT / 10),
        }
    }
    held
}
