//! Buffers that packets are put into.

use std::time::Duration;

use mqtt_session::proto::{Packet, Properties, Property, Publish};
use mqtt_session::{BufferTooSmall, Config, Output, Payload, SliceOutput};

use crate::packets::*;
use crate::pair::{Pair, Seen, TestMemory};

/// An output with room for `room` bytes that remembers what was lent.
struct Small<'a> {
    bytes: Vec<u8>,
    room: usize,
    lent: &'a mut Vec<usize>,
}

impl<B: AsRef<[u8]>> Output<B> for Small<'_> {
    fn room(&self) -> usize {
        self.room - self.bytes.len()
    }

    fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    fn put(&mut self, bytes: &[u8]) {
        assert!(bytes.len() <= <Self as Output<B>>::room(self), "more than there is room for");
        self.bytes.extend_from_slice(bytes);
    }

    fn lend(&mut self, body: &B) {
        self.lent.push(body.as_ref().len());
        <Self as Output<B>>::put(self, body.as_ref());
    }
}

/// Drains through buffers of this size.
fn drain<M: TestMemory>(
    pair: &mut Pair<M>,
    room: usize,
) -> Result<(Vec<u8>, Vec<usize>), BufferTooSmall> {
    let mut all = Vec::new();
    let mut lent = Vec::new();
    loop {
        let mut out = Small { bytes: Vec::new(), room, lent: &mut lent };
        pair.session.poll_transmit(pair.now, &mut out)?;
        if out.bytes.is_empty() {
            return Ok((all, lent));
        }
        all.append(&mut out.bytes);
    }
}

/// Has one packet of every kind waiting to be transmitted.
fn busy<M: TestMemory>() -> Pair<M> {
    let mut pair = Pair::<M>::connected();
    pair.publish(QOS2, "released");
    pair.transmitted();
    for (qos, id) in [(QOS1, 1), (QOS2, 2), (QOS2, 3)] {
        pair.send(&publish(qos, id, ""));
        let delivery = pair.expect_delivery("");
        pair.ack(delivery);
        if id == 3 {
            pair.transmitted();
            pair.send(&pubrel(3));
            pair.send(&publish(QOS1, 4, ""));
            let delivery = pair.expect_delivery("");
            pair.ack(delivery);
        }
    }
    pair.send(&pubrec(1));
    pair.send(&pubrel(9));
    pair.expect_events(&[]);
    pair.publish(QOS1, "one");
    pair.try_publish(QOS0, "zero").unwrap();
    pair.subscribe("a");
    pair.unsubscribe("b");
    pair.pass(Duration::from_secs(60));
    pair.session.handle_timeout(pair.now);
    pair
}

/// Whole packets only, whatever the size of the buffer, in the same order within each lane.
fn any_buffer_gets_the_same_packets<M: TestMemory>() {
    let expected = busy::<M>().transmitted();
    let packets = decode(&expected, mqtt_session::proto::Version::V5).len();
    assert_eq!(packets, 9);
    let longest = 11;
    for room in longest..=expected.len() {
        let (sent, _) = drain(&mut busy::<M>(), room).unwrap();
        assert_eq!(sent, expected, "in buffers of {room}");
    }
}

/// A buffer too small for one packet is an error, and nothing is lost.
fn a_buffer_too_small_for_one_packet_is_an_error<M: TestMemory>() {
    let mut pair = Pair::<M>::new();
    pair.inbound = pair.session.open(pair.now, &pair.clean()).unwrap();
    let mut bytes = [0; 10];
    let needed = pair.session.poll_transmit(pair.now, &mut SliceOutput::new(&mut bytes));
    let Err(BufferTooSmall { needed }) = needed else { panic!("it does not fit") };
    let mut bytes = vec![0; needed];
    let mut out = SliceOutput::new(&mut bytes);
    pair.session.poll_transmit(pair.now, &mut out).unwrap();
    assert_eq!(out.filled().len(), needed);
    pair.send(&connack(false));
    pair.events();

    let token = pair.publish(QOS1, "payload");
    let mut bytes = [0; 14];
    let too_small = pair.session.poll_transmit(pair.now, &mut SliceOutput::new(&mut bytes));
    assert_eq!(too_small, Err(BufferTooSmall { needed: 15 }));
    // What fits goes ahead of it.
    pair.send(&publish(QOS1, 1, ""));
    let delivery = pair.expect_delivery("");
    pair.ack(delivery);
    let mut out = SliceOutput::new(&mut bytes);
    pair.session.poll_transmit(pair.now, &mut out).unwrap();
    assert_eq!(out.filled(), [0x40, 0x02, 0x00, 0x01]);
    pair.expect(&[publish(QOS1, 1, "payload")]);
    pair.send(&puback(1));
    pair.expect_delivered(token);
}

/// A burst of QoS 0 goes into buffers of any size, as many whole packets at a time as fit.
fn a_burst_is_split_between_packets<M: TestMemory>() {
    let mut pair = Pair::<M>::connected();
    for _ in 0..6 {
        pair.try_publish(QOS0, "12345").unwrap();
    }
    // Eleven bytes each.
    for (room, expected) in [(11, 1), (21, 1), (22, 2)] {
        let mut lent = Vec::new();
        let mut out = Small { bytes: Vec::new(), room, lent: &mut lent };
        pair.session.poll_transmit(pair.now, &mut out).unwrap();
        assert_eq!(decode(&out.bytes, pair.version), vec![publish(QOS0, 0, "12345"); expected]);
    }
    let too_small = pair.session.poll_transmit(pair.now, &mut SliceOutput::new(&mut [0; 10]));
    assert_eq!(too_small, Err(BufferTooSmall { needed: 11 }));
    // What is accepted meanwhile goes behind.
    pair.try_publish(QOS0, "67890").unwrap();
    pair.expect(&[publish(QOS0, 0, "12345"), publish(QOS0, 0, "12345"), publish(QOS0, 0, "67890")]);
}

/// A buffer that is not empty gets what fits behind.
fn packets_are_appended<M: TestMemory>() {
    let mut pair = Pair::<M>::connected();
    pair.try_publish(QOS0, "a").unwrap();
    let mut out = vec![1, 2, 3];
    pair.session.poll_transmit(pair.now, &mut out).unwrap();
    assert_eq!(out, [1, 2, 3, 0x30, 0x05, 0x00, 0x01, b't', 0x00, b'a']);
    pair.publish(QOS1, "b");
    let mut lent = Vec::new();
    let mut out = Small { bytes: vec![0; 10], room: 12, lent: &mut lent };
    // Not an error: the buffer is to be emptied first.
    assert_eq!(pair.session.poll_transmit(pair.now, &mut out), Ok(()));
    assert_eq!(out.bytes, [0; 10]);
    assert!(pair.session.wants_transmit());
}

/// A large payload that is kept is lent, not copied, and sent again from where it lies.
fn a_large_payload_is_lent<M: TestMemory>() {
    static LARGE: [u8; 5000] = [b'x'; 5000];
    static SMALL: &[u8] = b"small";
    let mut pair = Pair::<M>::connected();
    let expiry = [Property::MessageExpiryInterval(100)];
    let packet =
        Publish { properties: Properties::from_slice(&expiry), ..message(QOS1, "ignored") };
    let token =
        pair.session.publish(pair.now, &packet, Payload::Keep(M::body(&LARGE))).unwrap().unwrap();
    pair.session.publish(pair.now, &message(QOS0, ""), Payload::Keep(M::body(SMALL))).unwrap();
    let (sent, lent) = drain(&mut pair, 10_000).unwrap();
    // Small ones are copied where that is cheaper.
    let expected: &[usize] = if M::KEEP_FROM == 0 { &[5000, 5] } else { &[5000] };
    assert_eq!(lent, expected);
    let packets = decode(&sent, pair.version);
    let payloads: Vec<&[u8]> = packets
        .iter()
        .map(|packet| match packet {
            Packet::Publish(publish) => publish.payload,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(payloads, [&LARGE[..], SMALL]);
    pair.cut();
    pair.pass(Duration::from_secs(10));
    pair.resume(true);
    let (sent, lent) = drain(&mut pair, 10_000).unwrap();
    assert_eq!(lent, [5000]);
    let packets = decode(&sent, pair.version);
    let left = [Property::MessageExpiryInterval(90)];
    let again = with_properties(publish_again(QOS1, 1, ""), &left);
    let Packet::Publish(again) = again else { unreachable!() };
    assert_eq!(packets, [Packet::Publish(Publish { payload: &LARGE, ..again })]);
    pair.send(&puback(1));
    pair.expect_delivered(token);
}

/// A payload that is kept comes back once it is needed no more, to an owner that wants it; memory
/// of a fixed size has none to give back.
fn a_payload_no_longer_needed_is_handed_back<M: TestMemory>() {
    static LARGE: [u8; 5000] = [b'x'; 5000];
    for hand_back in [false, true] {
        let mut pair = Pair::<M>::with(Config { hand_back, ..Config::new(1) });
        pair.connect();
        for qos in [QOS0, QOS1] {
            let payload = Payload::Keep(M::body(&LARGE));
            pair.session.publish(pair.now, &message(qos, ""), payload).unwrap();
        }
        let comes_back = hand_back && M::KEEP_FROM > 0;
        assert!(pair.session.poll_spent().is_none());
        drain(&mut pair, 10_000).unwrap();
        let spent = pair.session.poll_spent();
        assert_eq!(spent.as_ref().map(AsRef::as_ref), comes_back.then_some(&LARGE[..]));
        assert!(pair.session.poll_spent().is_none(), "QoS 1 may have to be sent again");
        pair.send(&puback(1));
        assert_eq!(pair.events().len(), 1);
        assert_eq!(pair.session.poll_spent().is_some(), comes_back);
    }
}

/// Neither acknowledgements nor PINGREQ wait behind publishes.
///
/// Promises: LIVE-1
fn control_packets_and_acknowledgements_go_first<M: TestMemory>() {
    let mut pair = busy::<M>();
    let sent = pair.transmitted();
    let types: Vec<_> = decode(&sent, pair.version).iter().map(Packet::packet_type).collect();
    assert_eq!(types[0], mqtt_session::proto::PacketType::PingReq);
    let is_request = |kind: &&mqtt_session::proto::PacketType| {
        use mqtt_session::proto::PacketType;
        matches!(kind, PacketType::Publish | PacketType::Subscribe | PacketType::Unsubscribe)
    };
    assert_eq!(types.iter().rev().take_while(is_request).count(), 4, "{types:?}");
    assert!(!pair.session.wants_transmit());
}

/// The getter agrees with what there is.
fn wants_transmit_says_whether_there_is_something<M: TestMemory>() {
    let mut pair = Pair::<M>::new();
    pair.publish(QOS1, "waits");
    assert!(!pair.session.wants_transmit());
    pair.inbound = pair.session.open(pair.now, &pair.clean()).unwrap();
    assert!(pair.session.wants_transmit());
    pair.transmitted();
    assert!(!pair.session.wants_transmit());
    pair.send(&connack(false));
    pair.expect_event(&Seen::Connected { session_present: false });
    assert!(pair.session.wants_transmit());
    pair.transmitted();
    assert!(!pair.session.wants_transmit());
    pair.disconnect();
    assert!(pair.session.wants_transmit());
    pair.transmitted();
    assert!(!pair.session.wants_transmit());
}

crate::on_both_memories! {
    any_buffer_gets_the_same_packets
    a_buffer_too_small_for_one_packet_is_an_error
    a_burst_is_split_between_packets
    packets_are_appended
    a_large_payload_is_lent
    a_payload_no_longer_needed_is_handed_back
    control_packets_and_acknowledgements_go_first
    wants_transmit_says_whether_there_is_something
}
