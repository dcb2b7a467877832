//! SUBSCRIBE and UNSUBSCRIBE and their answers (sections 3.8 to 3.11).

use mqtt_session::proto::{
    Packet, ReasonCode, RetainHandling, Subscription, SubscriptionOptions, Version,
};
use mqtt_session::{CloseReason, SubscribeError, ViolationKind};

use super::BOTH;
use crate::packets::*;
use crate::pair::{Pair, Seen, TestMemory};

const OK: ReasonCode = ReasonCode::Success;
const FAILED: ReasonCode = ReasonCode::UnspecifiedError;

/// One answer for all filters, a code for each in their order, and none before it came.
///
/// Enforces: MQTT-3.8.4-1, MQTT-3.8.4-5, MQTT-3.8.4-6, MQTT-3.8.4-7, MQTT-3.9.3-1,
/// MQTT-3.8.3-2 (3.1.1), MQTT-3.8.4-1 (3.1.1), MQTT-3.8.4-4 (3.1.1), MQTT-3.8.4-5 (3.1.1),
/// MQTT-3.9.3-1 (3.1.1)
fn suback_answers_filter_by_filter<M: TestMemory>() {
    for version in BOTH {
        let mut pair = Pair::<M>::connected_in(version);
        let filters = [filter("a"), filter("b"), filter("c/#")];
        let token = pair.session.subscribe(pair.now, &filters, &[]).unwrap();
        pair.expect(&[subscribe(1, &filters)]);
        pair.expect_events(&[]);
        let codes = [ReasonCode::GrantedQoS0, ReasonCode::GrantedQoS2, FAILED];
        let bytes: &[u8] = if version == Version::V5 {
            &[0x90, 0x06, 0x00, 0x01, 0x00, 0x00, 0x02, 0x80]
        } else {
            &[0x90, 0x05, 0x00, 0x01, 0x00, 0x02, 0x80]
        };
        pair.send_bytes(bytes);
        pair.expect_events(&[Seen::Subscribed(token, codes.to_vec())]);
        // What was refused is no subscription: it is not made again.
        pair.cut();
        pair.resume(false);
        pair.expect(&[subscribe(2, &[filter("a")]), subscribe(3, &[filter("b")])]);
    }
}

/// Enforces: MQTT-3.8.4-6, MQTT-3.11.3-1, MQTT-3.8.4-5 (3.1.1), MQTT-4.8.0-1 (3.1.1)
fn another_count_of_codes_is_a_violation<M: TestMemory>() {
    for version in BOTH {
        for count in [1, 2, 4] {
            for is_subscribe in [true, false] {
                let mut pair = Pair::<M>::connected_in(version);
                let codes = vec![OK; count];
                let answer = if is_subscribe {
                    let filters = ["a", "b", "c"].map(filter);
                    pair.session.subscribe(pair.now, &filters, &[]).unwrap();
                    suback(1, &codes)
                } else if version == Version::V5 {
                    pair.session.unsubscribe(pair.now, &["a", "b", "c"], &[]).unwrap();
                    unsuback(1, &codes)
                } else {
                    continue;
                };
                pair.transmitted();
                pair.send(&answer);
                pair.expect_events(&[]);
                let said: &[Packet<'_>] = &[disconnect(ReasonCode::ProtocolError)];
                pair.expect(if version == Version::V5 { said } else { &[] });
                let closed = CloseReason::Violation(ViolationKind::CodeCount);
                assert_eq!(pair.close(), [Seen::Closed(closed)]);
            }
        }
    }
}

/// Also of a filter that nobody subscribed to, and for several filters once.
///
/// Enforces: MQTT-3.10.4-4, MQTT-3.10.4-5, MQTT-3.10.4-6, MQTT-3.11.3-1, MQTT-3.10.4-4 (3.1.1),
/// MQTT-3.10.4-5 (3.1.1), MQTT-3.10.4-6 (3.1.1)
fn unsuback_answers_all_filters<M: TestMemory>() {
    for version in BOTH {
        let mut pair = Pair::<M>::connected_in(version);
        let held = [filter("a"), filter("b")];
        pair.session.subscribe(pair.now, &held, &[]).unwrap();
        pair.expect(&[subscribe(1, &held)]);
        pair.send(&suback(1, &[ReasonCode::GrantedQoS1; 2]));
        assert_eq!(pair.events().len(), 1);
        let filters = ["never", "a", "b"];
        let token = pair.session.unsubscribe(pair.now, &filters, &[]).unwrap();
        pair.expect(&[unsubscribe(2, &filters)]);
        pair.expect_events(&[]);
        let codes: &[ReasonCode] = if version == Version::V5 {
            pair.send_bytes(&[0xB0, 0x06, 0x00, 0x02, 0x00, 0x11, 0x00, 0x87]);
            &[ReasonCode::NoSubscriptionExisted, OK, ReasonCode::NotAuthorized]
        } else {
            pair.send_bytes(&[0xB0, 0x02, 0x00, 0x02]);
            &[]
        };
        pair.expect_events(&[Seen::Unsubscribed(token, codes.to_vec())]);
        // What the broker did not end goes on, and nothing else.
        pair.cut();
        pair.resume(false);
        if version == Version::V5 {
            pair.expect(&[subscribe(3, &held[1..])]);
        } else {
            pair.expect(&[]);
        }
    }
}

/// Enforces: MQTT-3.8.3-2, MQTT-3.10.3-2, MQTT-3.8.3-3 (3.1.1), MQTT-3.10.3-2 (3.1.1)
fn a_request_without_a_filter_is_refused<M: TestMemory>() {
    for version in BOTH {
        let mut pair = Pair::<M>::connected_in(version);
        let asked = [
            pair.session.subscribe(pair.now, &[], &[]),
            pair.session.unsubscribe(pair.now, &[], &[]),
        ];
        for asked in asked {
            assert!(matches!(asked, Err(SubscribeError::Invalid(_))), "{asked:?}");
        }
        pair.expect(&[]);
    }
}

/// Enforces: MQTT-3.8.3-1, MQTT-3.10.3-1, MQTT-4.7.1-1, MQTT-4.7.1-2, MQTT-4.7.3-1,
/// MQTT-4.7.3-2, MQTT-3.8.3-1 (3.1.1), MQTT-3.10.3-1 (3.1.1), MQTT-4.7.1-2 (3.1.1),
/// MQTT-4.7.1-3 (3.1.1), MQTT-4.7.3-1 (3.1.1), MQTT-4.7.3-2 (3.1.1)
fn a_filter_that_is_none_is_refused<M: TestMemory>() {
    for version in BOTH {
        for text in ["", "a\0", "a#", "a/#/b", "#/a", "a+", "a/b+/c"] {
            let mut pair = Pair::<M>::connected_in(version);
            let asked = [
                pair.session.subscribe(pair.now, &[filter("a"), filter(text)], &[]),
                pair.session.unsubscribe(pair.now, &["a", text], &[]),
            ];
            for asked in asked {
                assert!(matches!(asked, Err(SubscribeError::Invalid(_))), "{text:?}: {asked:?}");
            }
            pair.expect(&[]);
        }
    }
}

/// Enforces: MQTT-3.8.3-4
fn a_shared_subscription_is_not_without_ones_own<M: TestMemory>() {
    let mut pair = Pair::<M>::connected_in(Version::V5);
    let options = SubscriptionOptions { no_local: true, ..SubscriptionOptions::default() };
    let shared = Subscription { filter: "$share/g/t", options };
    let asked = pair.session.subscribe(pair.now, &[shared], &[]);
    assert!(matches!(asked, Err(SubscribeError::Invalid(_))), "{asked:?}");
    pair.expect(&[]);
}

/// Every combination of options is the byte the standard has for it.
///
/// Enforces: MQTT-3.8.3-3, MQTT-3.8.3-5, MQTT-3.8.3-4 (3.1.1)
fn subscription_options_are_their_bits<M: TestMemory>() {
    let handlings = [RetainHandling::Send, RetainHandling::SendIfNew, RetainHandling::DoNotSend];
    for version in BOTH {
        for (qos, qos_bits) in [(QOS0, 0), (QOS1, 1), (QOS2, 2)] {
            for bits in 0..12_u8 {
                let options = SubscriptionOptions {
                    qos,
                    no_local: bits & 1 != 0,
                    retain_as_published: bits & 2 != 0,
                    retain_handling: handlings[usize::from(bits >> 2)],
                };
                let mut pair = Pair::<M>::connected_in(version);
                let asked = Subscription { filter: "a", options };
                let asked = pair.session.subscribe(pair.now, &[asked], &[]);
                let sent = pair.transmitted();
                if version == Version::V5 {
                    assert_eq!(sent.last(), Some(&(qos_bits | bits << 2)));
                } else if bits == 0 {
                    assert_eq!(sent.last(), Some(&qos_bits));
                } else {
                    assert!(matches!(asked, Err(SubscribeError::Invalid(_))), "{asked:?}");
                    assert_eq!(sent, []);
                }
            }
        }
    }
}

crate::on_both_memories! {
    suback_answers_filter_by_filter
    another_count_of_codes_is_a_violation
    unsuback_answers_all_filters
    a_request_without_a_filter_is_refused
    a_filter_that_is_none_is_refused
    a_shared_subscription_is_not_without_ones_own
    subscription_options_are_their_bits
}
