//! Messages above the broker's Maximum QoS, for owners that want them sent nevertheless.

use mqtt_session::proto::{ConnAck, Property, ReasonCode};
use mqtt_session::{Config, Connect, Failure, PublishError};

use crate::packets::*;
use crate::pair::{Pair, Seen, TestMemory};
use crate::store::Store;

const DOWNGRADING: Config = Config { qos_downgrade: true, ..Config::new(1) };
const NOT_SUPPORTED: Failure = Failure::NotSupported(ReasonCode::QoSNotSupported);

/// The broker takes this QoS at most.
fn most<'a>(qos: &'a [Property<'a>; 1]) -> ConnAck<'a> {
    granting(qos)
}

/// Promises: CON-2
/// Enforces: MQTT-3.2.2-11
fn what_is_above_maximum_qos_goes_at_that<M: TestMemory>() {
    for (maximum, asked) in [(QOS1, QOS2), (QOS0, QOS1), (QOS0, QOS2)] {
        let mut pair = Pair::<M>::with(DOWNGRADING);
        pair.connect_with(&pair.clean(), &most(&[Property::MaximumQoS(maximum)]));
        let token = pair.try_publish(asked, "x").unwrap();
        assert_eq!(token.is_some(), maximum > QOS0);
        pair.expect(&[publish(maximum, 1, "x")]);
        if let Some(token) = token {
            pair.send(&puback(1));
            pair.expect_delivered(token);
        }
        // What is not above it is as ever.
        pair.try_publish(QOS0, "y").unwrap();
        pair.expect(&[publish(QOS0, 0, "y")]);
    }
}

/// What was accepted before the broker's limit was known.
///
/// Promises: CON-2, SEND-5
fn what_waited_goes_at_qos_1<M: TestMemory>() {
    for (maximum, is_sent) in [(QOS1, true), (QOS0, false)] {
        let mut pair = Pair::<M>::with(DOWNGRADING);
        let token = pair.publish(QOS2, "x");
        pair.connect_with(&pair.clean(), &most(&[Property::MaximumQoS(maximum)]));
        if is_sent {
            pair.expect(&[publish(QOS1, 1, "x")]);
            pair.cut();
            pair.resume(true);
            pair.expect(&[publish_again(QOS1, 1, "x")]);
            assert_eq!(pair.session.replayed(), 1);
            pair.send(&puback(1));
            pair.expect_delivered(token);
        } else {
            pair.expect_events(&[Seen::Failed(token, NOT_SUPPORTED)]);
        }
    }
}

/// What the broker may have at QoS 2 stays that, or it would be there twice.
///
/// Promises: CON-2, SEND-10
fn what_was_carried_stays_what_it_is<M: TestMemory>() {
    let mut pair = Pair::<M>::with(DOWNGRADING);
    pair.connect();
    let token = pair.publish(QOS2, "x");
    pair.expect(&[publish(QOS2, 1, "x")]);
    pair.cut();
    let resume = Connect { clean_start: false, ..pair.clean() };
    let granted = [Property::MaximumQoS(QOS1)];
    pair.connect_with(&resume, &ConnAck { session_present: true, ..most(&granted) });
    pair.expect(&[pubrel(1)]);
    pair.send(&pubcomp(1));
    pair.expect_events(&[Seen::Failed(token, NOT_SUPPORTED)]);
}

/// Promises: CON-2
fn unless_asked_for_it_fails<M: TestMemory>() {
    let mut pair = Pair::<M>::granted(&most(&[Property::MaximumQoS(QOS1)]));
    assert_eq!(pair.try_publish(QOS2, "x"), Err(PublishError::QoSNotSupported(QOS1)));
}

/// A restart would find a message of QoS 2 that may have been sent.
///
/// Promises: CON-2, STO-2
fn what_a_store_has_stays_what_it_is<M: TestMemory>() {
    let mut pair = Pair::<M>::with(Config { store: true, ..DOWNGRADING });
    let mut store = Store::default();
    let token = pair.publish(QOS2, "x");
    store.sync(&mut pair);
    pair.open(&pair.clean());
    pair.send(&most(&[Property::MaximumQoS(QOS1)]));
    pair.expect_event(&Seen::Connected { session_present: false });
    store.sync(&mut pair);
    pair.expect_events(&[Seen::Failed(token, NOT_SUPPORTED)]);
}

crate::on_both_memories! {
    what_is_above_maximum_qos_goes_at_that
    what_waited_goes_at_qos_1
    what_was_carried_stays_what_it_is
    unless_asked_for_it_fails
    what_a_store_has_stays_what_it_is
}
