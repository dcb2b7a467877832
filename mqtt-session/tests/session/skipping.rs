//! Messages above the inbound limit before 5.0.

use std::num::NonZeroU32;

use mqtt_session::proto::{Encode, Packet, Publish, ReasonCode, Role, Version};
use mqtt_session::{CloseReason, Config, Heap, ViolationKind};

use crate::packets::*;
use crate::pair::{Pair, Seen, TestMemory};

/// A limit of 100 bytes.
fn limited<M: TestMemory>() -> Pair<M> {
    let maximum_packet_size = NonZeroU32::new(100);
    let version = Version::V3_1_1;
    let mut pair = Pair::with(Config { maximum_packet_size, version, ..Config::new(1) });
    pair.connect();
    pair
}

fn bytes(packet: &impl Encode) -> Vec<u8> {
    encode(packet, Version::V3_1_1, Role::Server)
}

/// A read that brings part of a packet, with what happens at once.
#[track_caller]
fn feed<M: TestMemory>(pair: &mut Pair<M>, mut bytes: &[u8], step: usize) -> Vec<Seen> {
    let mut events = Vec::new();
    while !bytes.is_empty() {
        let (part, rest) = bytes.split_at(step.min(bytes.len()));
        pair.send_bytes(part);
        events.extend(pair.events());
        bytes = rest;
    }
    events
}

fn skipped(len: usize) -> Seen {
    Seen::Skipped { topic: "t".to_owned(), len }
}

/// However it arrives, it is reported with its head and acknowledged with its last byte.
///
/// Promises: BAD-3
fn a_message_above_the_limit_is_skipped_and_acknowledged<M: TestMemory>() {
    let long = "x".repeat(3000);
    for (qos, answer) in [(QOS0, None), (QOS1, Some(puback(7))), (QOS2, Some(pubrec(7)))] {
        let packet = bytes(&publish(qos, 7, &long));
        for step in [1, 3, 600] {
            let mut pair = limited::<M>();
            let (last, all_but_last) = packet.split_last().unwrap();
            let events = feed(&mut pair, all_but_last, step);
            assert_eq!(events, [skipped(packet.len())], "in steps of {step}");
            pair.expect(&[]);
            pair.send_bytes(&[*last]);
            pair.expect_events(&[]);
            pair.expect(answer.as_slice());
            // What follows is read as ever.
            pair.send(&publish(QOS0, 0, "short"));
            pair.expect_message("short");
            assert!(pair.inbound.capacity() <= 16 << 10);
        }
    }
}

/// Promises: BAD-3, RECV-1
fn at_qos_2_it_is_completed_and_acknowledged_once<M: TestMemory>() {
    let long = "x".repeat(300);
    let mut pair = limited::<M>();
    let first = bytes(&publish(QOS2, 7, &long));
    assert_eq!(feed(&mut pair, &first, 500), [skipped(first.len())]);
    pair.expect(&[pubrec(7)]);
    // Again, before and after the connection was lost: the same flow.
    let again = bytes(&publish_again(QOS2, 7, &long));
    feed(&mut pair, &again, 500);
    pair.expect(&[pubrec(7)]);
    pair.cut();
    pair.resume(true);
    feed(&mut pair, &again, 500);
    pair.expect(&[pubrec(7)]);
    assert_eq!(pair.session.held(), 1);
    pair.exchange(&pubrel(7), &[pubcomp(7)]);
    assert_eq!(pair.session.held(), 0);
}

/// Acknowledgements keep the order of the messages.
///
/// Promises: RECV-1
fn it_is_acknowledged_in_its_place<M: TestMemory>() {
    let mut pair = limited::<M>();
    pair.send(&publish(QOS1, 1, "a"));
    let delivery = pair.expect_delivery("a");
    let packet = bytes(&publish(QOS1, 2, &"x".repeat(300)));
    feed(&mut pair, &packet, 500);
    pair.expect(&[]);
    pair.ack(delivery);
    pair.expect(&[puback(1), puback(2)]);
}

/// Nothing was acknowledged: it comes again, and is reported again.
///
/// Promises: BAD-3
fn a_connection_that_ends_within_it_leaves_nothing_behind<M: TestMemory>() {
    let mut pair = limited::<M>();
    let packet = bytes(&publish(QOS1, 7, &"x".repeat(300)));
    assert_eq!(feed(&mut pair, &packet[..200], 200), [skipped(packet.len())]);
    pair.cut();
    pair.resume(true);
    pair.expect(&[]);
    pair.send(&publish(QOS0, 0, "short"));
    pair.expect_message("short");
    assert_eq!(feed(&mut pair, &packet, 500), [skipped(packet.len())]);
    pair.expect(&[puback(7)]);
}

/// A head that breaks the standard.
///
/// Promises: BAD-1
fn its_head_is_checked<M: TestMemory>() {
    let heads: [&[u8]; 4] = [
        // A wildcard, a Packet Identifier of 0, text that is not UTF-8, a topic beyond the end.
        &[0x30, 0xFF, 0x01, 0, 1, b'#'],
        &[0x32, 0xFF, 0x01, 0, 1, b't', 0, 0],
        &[0x30, 0xFF, 0x01, 0, 1, 0xFF],
        &[0x30, 0xFF, 0x01, 1, 0],
    ];
    for head in heads {
        let mut pair = limited::<M>();
        pair.send_bytes(head);
        pair.send_bytes(&[b'x'; 300]);
        pair.expect_events(&[]);
        let events = pair.close();
        let [Seen::Closed(CloseReason::Violation(ViolationKind::Packet(_)))] = events[..] else {
            panic!("{head:02X?}: {events:?}")
        };
    }
}

/// Only PUBLISH is skipped, and only before 5.0, which has Maximum Packet Size.
///
/// Promises: BAD-1
fn nothing_else_may_be_above_the_limit<M: TestMemory>() {
    let mut pair = limited::<M>();
    let suback = bytes(&suback(1, &[ReasonCode::GrantedQoS0; 200]));
    let too_large = Seen::Closed(CloseReason::Violation(ViolationKind::PacketTooLarge(205)));
    feed(&mut pair, &suback, 500);
    assert_eq!(pair.close(), [too_large]);
}

/// A head is read into the buffer: what memory of a fixed size cannot hold ends the connection, the
/// heap takes every topic whatever the limit.
///
/// Promises: BAD-3
fn a_head_must_fit_the_memory<M: TestMemory>() {
    let topic = "t".repeat(2000);
    let Packet::Publish(publish) = publish(QOS1, 7, "payload") else { unreachable!() };
    let packet = bytes(&Publish { topic: &topic, ..publish });
    let mut pair = limited::<M>();
    if M::KEEP_FROM > 0 {
        let events = feed(&mut pair, &packet, 512);
        assert_eq!(events, [Seen::Skipped { topic, len: packet.len() }]);
        pair.expect(&[puback(7)]);
    } else {
        // Decided by the length of the topic.
        feed(&mut pair, &packet[..5], 5);
        let events = pair.close();
        let too_large = ViolationKind::PacketTooLarge(packet.len());
        assert_eq!(events, [Seen::Closed(CloseReason::Violation(too_large))]);
    }
}

/// Two hundred megabytes that nobody asked for need no memory.
///
/// Promises: BAD-3
#[test]
fn what_is_skipped_takes_no_memory() {
    let mut pair = limited::<Heap>();
    pair.send_bytes(&[0x30, 0x80, 0x84, 0xAF, 0x5F, 0x00, 0x01, b't']);
    pair.expect_events(&[skipped(200_000_005)]);
    let mut left = 200_000_000 - 3;
    let most = allocation_counter::measure(|| {
        while left > 0 {
            let n = pair.inbound.space().len().min(left);
            pair.inbound.handle_received(pair.now, n);
            assert_eq!(pair.poll(), None);
            left -= n;
        }
    });
    assert!(most.bytes_max <= 32 << 10, "{most:?}");
    pair.send(&publish(QOS0, 0, "after it"));
    pair.expect_message("after it");
}

crate::on_both_memories! {
    a_message_above_the_limit_is_skipped_and_acknowledged
    at_qos_2_it_is_completed_and_acknowledged_once
    it_is_acknowledged_in_its_place
    a_connection_that_ends_within_it_leaves_nothing_behind
    its_head_is_checked
    nothing_else_may_be_above_the_limit
    a_head_must_fit_the_memory
}
