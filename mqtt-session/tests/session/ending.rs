//! The end of connections.

use mqtt_session::proto::{Property, ReasonCode};
use mqtt_session::{
    CloseReason, Closing, Connect, DisconnectError, Phase, PublishError, SubscribeError,
};

use crate::packets::*;
use crate::pair::{Pair, Seen, TestMemory};

/// Promises: END-1
/// Enforces: MQTT-3.14.4-1, MQTT-3.14.4-2
fn disconnect_leaves_after_acknowledgements_already_given<M: TestMemory>() {
    let mut pair = Pair::<M>::connected();
    let deliveries = [1, 2].map(|id| {
        pair.send(&publish(QOS1, id, ""));
        pair.expect_delivery("")
    });
    pair.ack(deliveries[0]);
    pair.disconnect();
    assert_eq!((pair.session.phase(), pair.session.closing()), (Phase::Closing, Closing::No));
    pair.expect(&[puback(1), disconnect(ReasonCode::NormalDisconnection)]);
    assert_eq!(pair.session.closing(), Closing::AfterFlush);
    // It is the last packet.
    pair.ack(deliveries[1]);
    pair.expect(&[]);
    assert_eq!(pair.close(), [Seen::Closed(CloseReason::Local)]);
}

/// What was accepted and may leave does so before.
///
/// Promises: END-1, SEND-2
fn disconnect_leaves_after_what_was_published<M: TestMemory>() {
    let mut pair = Pair::<M>::granted(&granting(&[Property::ReceiveMaximum(1)]));
    pair.try_publish(QOS0, "a").unwrap();
    let sent = pair.publish(QOS1, "b");
    pair.publish(QOS1, "waits for the window");
    pair.try_publish(QOS0, "c").unwrap();
    pair.disconnect();
    // However little the transport takes at a time.
    let mut sent_bytes = Vec::new();
    loop {
        let mut buffer = [0; 20];
        let mut out = mqtt_session::SliceOutput::new(&mut buffer);
        pair.session.poll_transmit(pair.now, &mut out).unwrap();
        if out.filled().is_empty() {
            break;
        }
        sent_bytes.extend_from_slice(out.filled());
    }
    assert_eq!(
        decode(&sent_bytes, pair.version),
        [
            publish(QOS0, 0, "a"),
            publish(QOS1, 1, "b"),
            publish(QOS0, 0, "c"),
            disconnect(ReasonCode::NormalDisconnection),
        ]
    );
    assert_eq!(pair.close(), [Seen::Closed(CloseReason::Local)]);
    // What has no outcome stays in the session.
    pair.resume(true);
    pair.expect(&[publish_again(QOS1, 1, "b"), publish(QOS1, 2, "waits for the window")]);
    pair.send(&puback(1));
    pair.expect_delivered(sent);
}

/// Promises: END-1
fn disconnect_is_idempotent_and_refuses_new_work<M: TestMemory>() {
    let mut pair = Pair::<M>::new();
    let reason = ReasonCode::NormalDisconnection;
    assert_eq!(pair.session.disconnect(pair.now, reason, &[]), Err(DisconnectError::NotConnected));
    pair.connect();
    pair.disconnect();
    pair.disconnect();
    assert_eq!(pair.try_publish(QOS1, ""), Err(PublishError::Disconnecting));
    assert_eq!(pair.try_publish(QOS0, ""), Err(PublishError::Disconnecting));
    let asked = pair.session.subscribe(pair.now, &[filter("a")], &[]);
    assert_eq!(asked, Err(SubscribeError::Disconnecting));
    let asked = pair.session.unsubscribe(pair.now, &["a"], &[]);
    assert_eq!(asked, Err(SubscribeError::Disconnecting));
    pair.expect(&[disconnect(reason)]);
    pair.disconnect();
    pair.expect(&[]);
}

/// Section 3.14.2.2.2.
///
/// Promises: END-1
fn expiry_that_was_zero_stays_zero<M: TestMemory>() {
    let properties = [Property::SessionExpiryInterval(10)];
    let mut pair = Pair::<M>::new();
    pair.connect_with(&Connect { session_expiry: 0, ..pair.clean() }, &connack(false));
    let left = pair.session.disconnect(pair.now, ReasonCode::Success, &properties);
    assert!(matches!(left, Err(DisconnectError::Invalid(_))), "{left:?}");
    assert_eq!(pair.session.phase(), Phase::Connected);
    pair.expect(&[]);
    let mut pair = Pair::<M>::connected();
    pair.session.disconnect(pair.now, ReasonCode::DisconnectWithWillMessage, &properties).unwrap();
    #[rustfmt::skip]
    assert_eq!(pair.transmitted(), [0xE0, 0x07, 0x04, 0x05, 0x11, 0x00, 0x00, 0x00, 0x0A]);
}

/// Before CONNACK there is no session to take leave of.
///
/// Promises: END-1
fn disconnect_before_connack_closes_at_once<M: TestMemory>() {
    let mut pair = Pair::<M>::new();
    pair.open(&pair.clean());
    pair.disconnect();
    assert_eq!(pair.session.closing(), Closing::Now);
    pair.expect(&[]);
    assert_eq!(pair.close(), [Seen::Closed(CloseReason::Local)]);
}

/// Promises: VER-1
fn disconnect_of_3_1_1_has_no_code<M: TestMemory>() {
    let mut pair = Pair::<M>::v3();
    pair.connect();
    let reason = ReasonCode::DisconnectWithWillMessage;
    assert!(pair.session.disconnect(pair.now, reason, &[]).is_err());
    pair.disconnect();
    assert_eq!(pair.transmitted(), [0xE0, 0x00]);
}

/// Promises: LIVE-3
/// Enforces: MQTT-3.1.4-3, MQTT-3.14.4-1, MQTT-4.13.2-1
fn disconnect_of_the_broker_closes_without_an_answer<M: TestMemory>() {
    let mut pair = Pair::<M>::connected();
    pair.publish(QOS1, "unsent");
    pair.send(&publish(QOS0, 0, "before"));
    pair.send(&disconnect(ReasonCode::SessionTakenOver));
    pair.send(&publish(QOS0, 0, "behind"));
    pair.expect_message("before");
    pair.expect_events(&[Seen::Disconnect(ReasonCode::SessionTakenOver)]);
    assert_eq!((pair.session.phase(), pair.session.closing()), (Phase::Closing, Closing::Now));
    pair.expect(&[]);
    let reason = CloseReason::Disconnected(ReasonCode::SessionTakenOver);
    assert_eq!(pair.close(), [Seen::Closed(reason)]);
    pair.expect_events(&[]);
}

/// What is whole is delivered, then the end, once.
///
/// Promises: END-2
fn what_is_whole_is_delivered_before_the_end<M: TestMemory>() {
    let mut pair = Pair::<M>::connected();
    let token = pair.publish(QOS1, "out");
    pair.transmitted();
    pair.send(&publish(QOS1, 1, "whole"));
    pair.send(&puback(1));
    pair.send_bytes(&[0x30, 0x05, 0x00]);
    pair.session.handle_closed(pair.now);
    pair.session.handle_closed(pair.now);
    assert!(!pair.session.wants_input());
    let delivery = pair.expect_delivery("whole");
    // Too late to be sent.
    pair.ack(delivery);
    pair.expect(&[]);
    pair.expect_events(&[
        Seen::Delivered(token, ReasonCode::Success),
        Seen::Closed(CloseReason::Lost),
    ]);
    assert_eq!(pair.session.phase(), Phase::Disconnected);
    pair.session.handle_closed(pair.now);
    pair.expect_events(&[]);
    // The half packet is gone; the ack answers the copy.
    pair.resume(true);
    pair.exchange(&publish_again(QOS1, 1, "whole"), &[puback(1)]);
}

/// A violation after the transport ended needs no DISCONNECT.
///
/// Promises: END-2, SEND-3
fn what_is_left_in_the_input_may_be_a_violation<M: TestMemory>() {
    let mut pair = Pair::<M>::connected();
    pair.send_bytes(&[0x00]);
    pair.session.handle_closed(pair.now);
    let events = pair.events();
    assert!(matches!(events[..], [Seen::Closed(CloseReason::Violation(_))]), "{events:?}");
    pair.expect(&[]);
}

/// Nothing happens without a connection.
fn without_a_connection_inputs_do_nothing<M: TestMemory>() {
    let mut pair = Pair::<M>::new();
    pair.session.handle_closed(pair.now);
    pair.session.handle_sent(pair.now, 10);
    pair.session.handle_paused(pair.now, true);
    pair.session.handle_timeout(pair.now);
    pair.session.handle_stored(10);
    pair.send(&publish(QOS0, 0, ""));
    pair.expect_events(&[]);
    pair.expect(&[]);
    assert!(!pair.session.wants_input() && !pair.session.wants_transmit());
    assert_eq!((pair.session.poll_timeout(), pair.session.phase()), (None, Phase::Disconnected));
}

crate::on_both_memories! {
    disconnect_leaves_after_acknowledgements_already_given
    disconnect_leaves_after_what_was_published
    disconnect_is_idempotent_and_refuses_new_work
    expiry_that_was_zero_stays_zero
    disconnect_before_connack_closes_at_once
    disconnect_of_3_1_1_has_no_code
    disconnect_of_the_broker_closes_without_an_answer
    what_is_whole_is_delivered_before_the_end
    what_is_left_in_the_input_may_be_a_violation
    without_a_connection_inputs_do_nothing
}
