//! In steady state a session on the heap allocates nothing per message.

use mqtt_session::proto::{Packet, QoS, ReasonCode};
use mqtt_session::{Config, Event, Heap, Inbound, Payload, Session, Time};

use crate::packets::*;
use crate::pair::Pair;

/// Messages that are under way at once.
const WINDOW: usize = 16;

/// A connected session, driven without a byte being allocated by the driver.
struct Driver {
    session: Session<Heap>,
    inbound: Inbound<Heap>,
    now: Time,
    out: Vec<u8>,
    has_store: bool,
}

impl Driver {
    fn new(has_store: bool) -> Driver {
        let mut pair = Pair::<Heap>::with(Config { store: has_store, ..Config::new(1) });
        pair.connect();
        let Pair { session, inbound, now, .. } = pair;
        Driver { session, inbound, now, out: Vec::with_capacity(1 << 16), has_store }
    }

    /// Bytes of the broker arrive.
    fn receive(&mut self, bytes: &[u8]) {
        let space = self.inbound.space();
        space[..bytes.len()].copy_from_slice(bytes);
        self.inbound.handle_received(self.now, bytes.len());
    }

    /// All records are stored, and all that may leave leaves.
    fn transmit(&mut self) {
        if self.has_store {
            let mut last = 0;
            while let Some(record) = self.session.poll_store() {
                last = record.seq;
            }
            self.session.handle_stored(last);
        }
        self.out.clear();
        self.session.poll_transmit(self.now, &mut self.out).unwrap();
        self.session.handle_sent(self.now, self.out.len());
    }

    /// Takes all events, acknowledges messages; gives how many publishes were delivered.
    fn events(&mut self) -> usize {
        let mut delivered = 0;
        while let Some(event) = self.session.poll_event(self.now, &mut self.inbound) {
            match event {
                Event::Published { .. } => delivered += 1,
                Event::Message(message) => {
                    if let Some(delivery) = message.delivery {
                        self.session.ack(delivery, ReasonCode::Success);
                    }
                }
                other => panic!("{other:?}"),
            }
        }
        delivered
    }

    /// Publishes a window of messages and sees them through.
    fn publish(&mut self, qos: QoS) {
        for _ in 0..WINDOW {
            let message = message(qos, "payload of some length");
            let payload = Payload::Copy(message.payload);
            self.session.publish(self.now, &message, payload).unwrap();
        }
        self.transmit();
        let mut answers = [0; 4 * WINDOW];
        for answer in [0x40, 0x50, 0x70] {
            if (qos, answer) == (QOS1, 0x40) || (qos == QOS2 && answer > 0x40) {
                answer_all(&self.out, answer, &mut answers);
                self.receive(&answers);
                let delivered = self.events();
                assert_eq!(delivered, if answer == 0x50 { 0 } else { WINDOW });
                self.transmit();
            }
        }
    }

    /// Gets a window of messages and acknowledges them.
    fn get(&mut self, messages: &[u8], qos: QoS) {
        self.receive(messages);
        self.events();
        self.transmit();
        if qos == QOS2 {
            let mut answers = [0; 4 * WINDOW];
            answer_all(&self.out, 0x62, &mut answers);
            self.receive(&answers);
            self.events();
            self.transmit();
        }
        assert_eq!(self.session.held(), 0);
    }
}

/// An answer with this first byte for each packet of `packets`, which all have identifiers.
fn answer_all(mut packets: &[u8], answer: u8, answers: &mut [u8]) {
    let mut answers = answers.chunks_exact_mut(4);
    while let [first, len, ..] = *packets {
        let (packet, rest) = packets.split_at(2 + usize::from(len));
        // Behind the topic of one byte in PUBLISH.
        let id = if first >> 4 == 3 { &packet[5..7] } else { &packet[2..4] };
        answers.next().unwrap().copy_from_slice(&[answer, 2, id[0], id[1]]);
        packets = rest;
    }
    assert!(answers.next().is_none());
}

fn steady(mut step: impl FnMut()) {
    for _ in 0..100 {
        step();
    }
    let allocations = allocation_counter::measure(|| {
        for _ in 0..100 {
            step();
        }
    });
    assert_eq!(allocations.count_total, 0, "{allocations:?}");
}

#[test]
fn publishing_allocates_nothing() {
    for has_store in [false, true] {
        for qos in [QOS0, QOS1, QOS2] {
            let mut driver = Driver::new(has_store);
            steady(|| driver.publish(qos));
        }
    }
}

#[test]
fn receiving_allocates_nothing() {
    for has_store in [false, true] {
        for qos in [QOS0, QOS1, QOS2] {
            let mut driver = Driver::new(has_store);
            let messages: Vec<Packet<'_>> = (1..=WINDOW)
                .map(|id| publish(qos, u16::try_from(id).unwrap(), "payload of some length"))
                .collect();
            let server = mqtt_session::proto::Role::Server;
            let version = mqtt_session::proto::Version::V5;
            let messages: Vec<u8> =
                messages.iter().flat_map(|message| encode(message, version, server)).collect();
            steady(|| driver.get(&messages, qos));
        }
    }
}

/// A payload that is kept is not copied, however large.
#[test]
fn publishing_a_kept_payload_allocates_nothing() {
    for hand_back in [false, true] {
        publish_a_kept_payload(Config { hand_back, ..Config::new(1) });
    }
}

fn publish_a_kept_payload(config: Config) {
    static BODY: [u8; 100_000] = [b'x'; 100_000];
    let hands_back = config.hand_back;
    let mut session = Session::<Heap<&'static [u8]>>::new(config);
    let now = Time::from_micros(1);
    let connect = mqtt_session::Connect::new("client");
    let mut inbound = session.open(now, &connect).unwrap();
    let mut out = Vec::with_capacity(1 << 18);
    session.poll_transmit(now, &mut out).unwrap();
    inbound.handle_input(now, &[0x20, 0x03, 0x00, 0x00, 0x00]);
    assert!(matches!(session.poll_event(now, &mut inbound), Some(Event::Connected(_))));
    let message = message(QOS1, "");
    let mut id = 0u16;
    steady(|| {
        session.publish(now, &message, Payload::Keep(&BODY[..])).unwrap();
        out.clear();
        session.poll_transmit(now, &mut out).unwrap();
        id += 1;
        let [high, low] = id.to_be_bytes();
        inbound.handle_input(now, &[0x40, 0x02, high, low]);
        assert!(matches!(session.poll_event(now, &mut inbound), Some(Event::Published { .. })));
        assert_eq!(session.poll_spent().is_some(), hands_back);
    });
}
