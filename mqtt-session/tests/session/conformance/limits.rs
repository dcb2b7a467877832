//! Maximum Packet Size, both ways (sections 3.1.2.11.4 and 3.2.2.3.6), and Receive Maximum.

use std::num::{NonZeroU16, NonZeroU32};

use mqtt_session::proto::{
    Ack, ConnAck, Disconnect, Packet, Properties, Property, PubAck, PubComp, PubRec, PubRel,
    ReasonCode, ReasonCodes, Role, SubAck, UnsubAck, Version,
};
use mqtt_session::{CloseReason, Config, Connect, DisconnectError, ViolationKind};

use crate::packets::*;
use crate::pair::{Pair, Seen, TestMemory};

const OK: ReasonCode = ReasonCode::Success;
const UNKNOWN: ReasonCode = ReasonCode::PacketIdentifierNotFound;

/// Every packet of a broker that may explain itself, with these explanations.
fn explained<'a>(properties: Properties<'a>) -> [Packet<'a>; 8] {
    let ack = |packet_id| Ack { packet_id: id(packet_id), reason: OK, properties };
    let codes = ReasonCodes::from_slice(&[OK]);
    [
        Packet::ConnAck(ConnAck { properties, ..connack(false) }),
        Packet::PubAck(PubAck(ack(1))),
        Packet::PubRec(PubRec(ack(2))),
        Packet::PubRel(PubRel(ack(9))),
        Packet::PubComp(PubComp(ack(2))),
        Packet::SubAck(SubAck { packet_id: id(3), properties, codes }),
        Packet::UnsubAck(UnsubAck { packet_id: id(4), properties, codes }),
        Packet::Disconnect(Disconnect { reason: ReasonCode::ServerBusy, properties }),
    ]
}

/// No explanation excuses a packet above the limit of this end; one of just that size is read.
///
/// Promises: BAD-1
/// Enforces: MQTT-3.1.2-24, MQTT-3.2.2-19, MQTT-3.2.2-20, MQTT-3.4.2-2, MQTT-3.4.2-3,
/// MQTT-3.5.2-2, MQTT-3.5.2-3, MQTT-3.6.2-2, MQTT-3.6.2-3, MQTT-3.7.2-2, MQTT-3.7.2-3,
/// MQTT-3.9.2-1, MQTT-3.9.2-2, MQTT-3.11.2-1, MQTT-3.11.2-2, MQTT-3.14.2-3, MQTT-3.14.2-4
fn no_explanation_exceeds_the_limit_of_this_end<M: TestMemory>() {
    let text = "x".repeat(40);
    for explanation in [Property::ReasonString(&text), Property::UserProperty("k", &text)] {
        let explanation = [explanation];
        for packet in explained(Properties::from_slice(&explanation)) {
            let bytes = encode(&packet, Version::V5, Role::Server);
            let len = bytes.len() as u32;
            for limit in [len, len - 1] {
                let maximum_packet_size = NonZeroU32::new(limit);
                let mut pair = Pair::<M>::with(Config { maximum_packet_size, ..Config::new(1) });
                pair.open(&pair.clean());
                if !matches!(packet, Packet::ConnAck(_)) {
                    pair.send(&connack(false));
                    pair.expect_event(&Seen::Connected { session_present: false });
                    pair.publish(QOS1, "a");
                    pair.publish(QOS2, "b");
                    pair.subscribe("c");
                    pair.unsubscribe("d");
                    pair.transmitted();
                }
                pair.send_bytes(&bytes);
                let events = pair.events();
                let sent = pair.transmitted();
                let too_large =
                    encode(&disconnect(ReasonCode::PacketTooLarge), Version::V5, Role::Client);
                assert_eq!(sent == too_large, limit < len, "{packet:?} of {len}: {sent:02X?}");
                if limit < len {
                    assert_eq!(events, []);
                    let kind = ViolationKind::PacketTooLarge(bytes.len());
                    assert_eq!(pair.close(), [Seen::Closed(CloseReason::Violation(kind))]);
                }
            }
        }
    }
}

/// Acknowledgements are as short as they can be: no Reason String, no User Property, and no more
/// bytes than a code takes.
///
/// Enforces: MQTT-3.4.2-2, MQTT-3.4.2-3, MQTT-3.5.2-2, MQTT-3.5.2-3, MQTT-3.6.2-2, MQTT-3.6.2-3,
/// MQTT-3.7.2-2, MQTT-3.7.2-3
fn acknowledgements_of_this_end_explain_nothing<M: TestMemory>() {
    let mut pair = Pair::<M>::granted(&granting(&[Property::MaximumPacketSize(16)]));
    for (qos, id) in [(QOS1, 1), (QOS2, 2)] {
        pair.send(&publish(qos, id, ""));
        let delivery = pair.expect_delivery("");
        pair.session.ack(delivery, ReasonCode::QuotaExceeded);
    }
    assert_eq!(pair.transmitted(), [0x40, 3, 0, 1, 0x97, 0x50, 3, 0, 2, 0x97]);
    pair.send(&pubrel(7));
    pair.send(&pubrec(8));
    pair.expect_events(&[]);
    assert_eq!(pair.transmitted(), [0x70, 3, 0, 7, 0x92, 0x62, 3, 0, 8, 0x92]);
}

/// Where a reason code does not fit the broker gets none: what this end rejects is acknowledged.
///
/// Enforces: MQTT-3.2.2-15
fn acknowledgements_keep_to_the_limit_of_the_broker<M: TestMemory>() {
    let acked: [(u32, &[&[u8]]); 2] = [
        (4, &[&[0x40, 2, 0, 1], &[0x50, 2, 0, 2], &[0x62, 2, 0, 8], &[0x70, 2, 0, 7]]),
        (
            5,
            &[
                &[0x40, 3, 0, 1, 0x97],
                &[0x50, 3, 0, 2, 0x97],
                &[0x62, 3, 0, 8, 0x92],
                &[0x70, 3, 0, 7, 0x92],
            ],
        ),
    ];
    for (limit, acks) in acked {
        let mut pair = Pair::<M>::granted(&granting(&[Property::MaximumPacketSize(limit)]));
        for (qos, id) in [(QOS1, 1), (QOS2, 2)] {
            pair.send(&publish(qos, id, ""));
            let delivery = pair.expect_delivery("");
            pair.session.ack(delivery, ReasonCode::QuotaExceeded);
        }
        pair.send(&pubrec(8));
        pair.send(&pubrel(7));
        pair.expect_events(&[]);
        assert_eq!(pair.transmitted(), acks.concat());
        // Without its code, PUBREC says that the message is here.
        let done = if limit == 4 { pubcomp(2) } else { pubcomp_with(2, UNKNOWN) };
        pair.exchange(&pubrel(2), &[done]);
    }
}

/// Where not even that fits, nothing can be said; nothing is.
///
/// Enforces: MQTT-3.2.2-15
fn a_limit_below_every_acknowledgement_ends_the_connection<M: TestMemory>() {
    for limit in 1..4 {
        let mut pair = Pair::<M>::new();
        pair.open(&pair.clean());
        pair.send(&granting(&[Property::MaximumPacketSize(limit)]));
        pair.expect_events(&[]);
        pair.expect(&[]);
        let closed = CloseReason::Violation(ViolationKind::MaximumPacketSize);
        assert_eq!(pair.close(), [Seen::Closed(closed)]);
    }
}

/// One that does not fit is no DISCONNECT of any kind.
///
/// Enforces: MQTT-3.2.2-15, MQTT-3.14.2-3, MQTT-3.14.2-4
fn disconnect_keeps_to_the_limit_of_the_broker<M: TestMemory>() {
    let text = "x".repeat(9);
    for explanation in [Property::ReasonString(&text), Property::UserProperty("", &text[2..])] {
        let explanation = [explanation];
        let leave = |limit| {
            let granted = [Property::MaximumPacketSize(limit)];
            let mut pair = Pair::<M>::granted(&granting(&granted));
            let reason = ReasonCode::UnspecifiedError;
            let result = pair.session.disconnect(pair.now, reason, &explanation);
            (result, pair.transmitted())
        };
        let (left, sent) = leave(16);
        assert_eq!((left, sent.len()), (Ok(()), 16));
        let (left, sent) = leave(15);
        assert!(matches!(left, Err(DisconnectError::Invalid(_))), "{left:?}");
        assert_eq!(sent, []);
    }
}

/// The quota begins at the broker's Receive Maximum, or at this end's own if that is lower.
///
/// Enforces: MQTT-3.3.4-7, MQTT-4.9.0-1, MQTT-4.9.0-2
fn the_quota_is_the_receive_maximum<M: TestMemory>() {
    for (granted, own, most) in [(Some(3), None, 3), (Some(3), Some(2), 2), (None, None, 6)] {
        let max_in_flight = own.and_then(NonZeroU16::new);
        let mut pair = Pair::<M>::with(Config { max_in_flight, ..Config::new(1) });
        let granted: Vec<_> = granted.map(Property::ReceiveMaximum).into_iter().collect();
        pair.connect_with(&pair.clean(), &granting(&granted));
        for _ in 0..3 {
            pair.publish(QOS1, "a");
            pair.publish(QOS2, "b");
        }
        let sent = pair.transmitted();
        assert_eq!(decode(&sent, Version::V5).len(), most);
        assert_eq!(pair.session.in_flight(), most);
        // What is resumed counts as well.
        pair.cut();
        let again = Connect { clean_start: false, ..pair.clean() };
        pair.connect_with(&again, &ConnAck { session_present: true, ..granting(&granted) });
        let sent = pair.transmitted();
        assert_eq!(decode(&sent, Version::V5).len(), most);
    }
}

/// With no quota left, everything but PUBLISH of QoS 1 and 2 goes on.
///
/// Enforces: MQTT-3.3.4-8, MQTT-4.9.0-3
fn without_quota_the_rest_goes_on<M: TestMemory>() {
    let mut pair = Pair::<M>::granted(&granting(&[Property::ReceiveMaximum(1)]));
    pair.publish(QOS2, "a");
    pair.expect(&[publish(QOS2, 1, "a")]);
    pair.publish(QOS1, "waits");
    pair.expect(&[]);
    for (qos, id, answer) in [(QOS1, 1, puback(1)), (QOS2, 2, pubrec(2))] {
        pair.send(&publish(qos, id, "in"));
        let delivery = pair.expect_delivery("in");
        pair.ack(delivery);
        pair.expect(&[answer]);
    }
    pair.exchange(&pubrel(2), &[pubcomp(2)]);
    pair.exchange(&pubrec(1), &[pubrel(1)]);
    pair.try_publish(QOS0, "b").unwrap();
    pair.subscribe("c");
    pair.unsubscribe("d");
    assert_eq!(pair.first_bytes(), [0x30, 0x82, 0xA2]);
    let (at, _) = pair.session.poll_timeout().unwrap();
    pair.now = at;
    pair.session.handle_timeout(at);
    pair.expect(&[Packet::PingReq]);
    pair.disconnect();
    pair.expect(&[disconnect(ReasonCode::NormalDisconnection)]);
}

crate::on_both_memories! {
    no_explanation_exceeds_the_limit_of_this_end
    acknowledgements_of_this_end_explain_nothing
    acknowledgements_keep_to_the_limit_of_the_broker
    a_limit_below_every_acknowledgement_ends_the_connection
    disconnect_keeps_to_the_limit_of_the_broker
    the_quota_is_the_receive_maximum
    without_quota_the_rest_goes_on
}
