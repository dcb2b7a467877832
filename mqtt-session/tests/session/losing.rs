//! Sessions that the broker lost, or says it has.

use mqtt_session::proto::{Packet, Property, ReasonCode};
use mqtt_session::{CloseReason, Closing, Config, Failure, SessionLoss, ViolationKind};

use crate::packets::*;
use crate::pair::{Pair, Seen, TestMemory};

const OK: ReasonCode = ReasonCode::Success;

/// Promises: RES-2, SEND-2
/// Enforces: MQTT-3.2.2-5
fn after_a_session_loss_each_message_has_its_fate<M: TestMemory>() {
    let mut pair = Pair::<M>::connected();
    let carried = pair.publish(QOS1, "carried 1");
    let uncertain = pair.publish(QOS2, "carried 2");
    let released = pair.publish(QOS2, "released");
    pair.transmitted();
    pair.exchange(&pubrec(3), &[pubrel(3)]);
    pair.cut();
    let [new_1, new_2] = [pair.publish(QOS1, "new 1"), pair.publish(QOS2, "new 2")];
    pair.resume(false);
    pair.expect_events(&[Seen::Indeterminate(released), Seen::Indeterminate(uncertain)]);
    // What is sent again is new to the broker: no DUP.
    pair.expect(&[
        publish(QOS1, 1, "carried 1"),
        publish(QOS1, 4, "new 1"),
        publish(QOS2, 5, "new 2"),
    ]);
    pair.send(&puback(1));
    pair.send(&puback(4));
    pair.expect_events(&[Seen::Delivered(carried, OK), Seen::Delivered(new_1, OK)]);
    pair.exchange(&pubrec(5), &[pubrel(5)]);
    pair.send(&pubcomp(5));
    pair.expect_delivered(new_2);
}

/// Promises: RES-2
fn what_a_session_loss_means_is_the_owners_choice<M: TestMemory>() {
    let run = |session_loss| {
        let mut pair = Pair::<M>::with(Config { session_loss, ..Config::new(1) });
        pair.connect();
        pair.publish(QOS1, "a");
        pair.publish(QOS2, "b");
        pair.transmitted();
        pair.cut();
        pair.resume(false);
        let sent = pair.transmitted();
        let sent: Vec<String> = decode(&sent, pair.version)
            .iter()
            .map(|packet| match packet {
                Packet::Publish(publish) if !publish.dup => {
                    String::from_utf8_lossy(publish.payload).into_owned()
                }
                other => panic!("{other:?}"),
            })
            .collect();
        (sent.concat(), pair.events().len())
    };
    assert_eq!(run(SessionLoss { qos1: true, qos2: false }), ("a".to_owned(), 1));
    assert_eq!(run(SessionLoss { qos1: false, qos2: false }), (String::new(), 2));
    assert_eq!(run(SessionLoss { qos1: true, qos2: true }), ("ab".to_owned(), 0));
}

/// What is sent again as new may expire like any other; that it was sent before stays true.
///
/// Promises: SEND-6, RES-2
fn a_message_sent_as_new_after_a_loss_expires<M: TestMemory>() {
    let mut pair = Pair::<M>::granted(&granting(&[Property::ReceiveMaximum(1)]));
    let token = pair.publish_expiring(60);
    pair.transmitted();
    // Once it is carried, it has no deadline any more.
    let waits = pair.publish_expiring(50);
    pair.pass(std::time::Duration::from_secs(50));
    pair.session.handle_timeout(pair.now);
    pair.expect_events(&[Seen::Failed(waits, Failure::Expired)]);
    pair.cut();
    assert_eq!(pair.session.poll_timeout(), None);
    pair.resume(false);
    pair.pass(std::time::Duration::from_secs(10));
    pair.expect(&[]);
    pair.expect_events(&[Seen::Indeterminate(token)]);
}

/// Promises: RES-2, RECV-2
fn a_session_loss_discards_what_was_received<M: TestMemory>() {
    let mut pair = Pair::<M>::connected();
    pair.send(&publish(QOS1, 1, "a"));
    let old = pair.expect_delivery("a");
    pair.send(&publish(QOS2, 2, "b"));
    let done = pair.expect_delivery("b");
    pair.ack(done);
    pair.expect(&[pubrec(2)]);
    pair.cut();
    pair.resume(false);
    assert_eq!(pair.session.held(), 0);
    pair.ack(old);
    pair.expect(&[]);
    // Identifiers start anew: DUP or not, these are other messages.
    pair.send(&publish_again(QOS1, 1, "c"));
    pair.expect_delivery("c");
    pair.send(&publish_again(QOS2, 2, "d"));
    pair.expect_delivery("d");
    pair.exchange(&pubrel(2), &[pubcomp_with(2, ReasonCode::PacketIdentifierNotFound)]);
}

/// Promises: CON-3, BAD-1
/// Enforces: MQTT-3.2.2-2
fn session_present_after_clean_start_is_a_violation<M: TestMemory>() {
    let mut pair = Pair::<M>::new();
    pair.open(&pair.clean());
    pair.exchange(&Packet::ConnAck(connack(true)), &[disconnect(ReasonCode::ProtocolError)]);
    assert_eq!(pair.session.closing(), Closing::AfterFlush);
    let violation = CloseReason::Violation(ViolationKind::SessionPresent);
    assert_eq!(pair.close(), [Seen::Closed(violation)]);
}

/// Promises: CON-3
fn session_present_without_state_goes_on<M: TestMemory>() {
    let mut pair = Pair::<M>::new();
    pair.resume(true);
    pair.publish(QOS1, "a");
    pair.expect(&[publish(QOS1, 1, "a")]);
}

crate::on_both_memories! {
    after_a_session_loss_each_message_has_its_fate
    what_a_session_loss_means_is_the_owners_choice
    a_message_sent_as_new_after_a_loss_expires
    a_session_loss_discards_what_was_received
    session_present_after_clean_start_is_a_violation
    session_present_without_state_goes_on
}
