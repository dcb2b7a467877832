//! Keeping a connection, and getting a new one.

use std::time::Duration;

use mqtt_adapter_blocking::{Backoff, ClientEvent, CloseReason, ReasonCode};
use mqtt_proto::Property;
use mqtt_tests::adapter::{Adapter, Client, Events};
use mqtt_tests::{Signal, Trial};

use crate::{connected, options, wait_for};

/// The shortest Keep Alive there is.
const KEEP_ALIVE: Duration = Duration::from_secs(1);

pub(crate) fn an_idle_connection_is_kept_alive<A: Adapter>(trial: &Trial) {
    let alive = Signal::new();
    let seen = alive.clone();
    let peer = trial.peer(move |broker| {
        let mut connection = broker.open(false);
        for _ in 0..2 {
            connection.expect_bytes(&[0xc0, 0x00]);
            connection.send_bytes(&[0xd0, 0x00]);
        }
        seen.raise();
        connection.expect_disconnect(ReasonCode::NormalDisconnection);
    });
    let client = A::start().connect(options(&peer).keep_alive(KEEP_ALIVE)).unwrap();
    client.run_until(&alive);
    client.disconnect();
}

pub(crate) fn a_dead_connection_is_replaced<A: Adapter>(trial: &Trial) {
    let peer = trial.peer(|broker| {
        let mut connection = broker.open(false);
        connection.expect_pingreq();
        let mut replacement = broker.open(true);
        replacement.expect_disconnect(ReasonCode::NormalDisconnection);
    });
    let options = options(&peer).keep_alive(KEEP_ALIVE).ping_timeout(Duration::from_millis(50));
    let client = A::start().connect(options).unwrap();
    let mut events = client.events();
    match wait_for(&mut events, |event| matches!(event, ClientEvent::Disconnected { .. })) {
        ClientEvent::Disconnected { reason } => assert_eq!(reason, CloseReason::KeepAlive),
        event => panic!("{event:?}"),
    }
    wait_for(&mut events, |event| {
        matches!(event, ClientEvent::Connected { session_present: true })
    });
    client.disconnect();
}

/// What a broker that crashed, or a proxy, leaves: one half of a connection.
pub(crate) fn a_broker_that_ends_its_half_is_left<A: Adapter>(trial: &Trial) {
    let listening = Signal::new();
    let end = listening.clone();
    let (_peer, client) = connected::<A>(trial, move |broker| {
        let mut connection = broker.open(false);
        end.wait();
        connection.end_sending();
        connection.expect_end();
        broker.open(true).expect_disconnect(ReasonCode::NormalDisconnection);
    });
    let mut events = client.events();
    listening.raise();
    wait_for(&mut events, |event| matches!(event, ClientEvent::Disconnected { .. }));
    wait_for(&mut events, |event| matches!(event, ClientEvent::Connected { .. }));
    client.disconnect();
}

pub(crate) fn delays_between_attempts_grow<A: Adapter>(trial: &Trial) {
    let listening = Signal::new();
    let cut = listening.clone();
    let peer = trial.peer(move |broker| {
        let connection = broker.open(false);
        cut.wait();
        connection.cut();
        for _ in 0..3 {
            broker.refuse(ReasonCode::ServerUnavailable);
        }
        broker.open(true).expect_disconnect(ReasonCode::NormalDisconnection);
    });
    let [first, longest] = [20, 50].map(Duration::from_millis);
    let backoff = Backoff::Exponential { first, longest, jitter_percent: 0 };
    let client = A::start().connect(options(&peer).backoff(backoff)).unwrap();
    let mut events = client.events();
    listening.raise();
    let mut delays = Vec::new();
    loop {
        match events.next().unwrap() {
            ClientEvent::Waiting { delay } => delays.push(delay),
            ClientEvent::Connected { .. } if !delays.is_empty() => break,
            _ => {}
        }
    }
    let expected = [20, 40, 50, 50].map(Duration::from_millis);
    let fits = |(delay, expected): (&Duration, Duration)| {
        // A moment of it has passed when it is told.
        (expected / 2..=expected).contains(delay)
    };
    assert!(delays.iter().zip(expected).all(fits) && delays.len() == 4, "{delays:?}");
    client.disconnect();
}

pub(crate) fn being_taken_over_is_told<A: Adapter>(trial: &Trial) {
    let listening = Signal::new();
    let go = listening.clone();
    let peer = trial.peer(move |broker| {
        let mut connection = broker.open(false);
        go.wait();
        connection.disconnect(ReasonCode::SessionTakenOver, &[]);
        connection.expect_end();
        broker.open(true).expect_disconnect(ReasonCode::NormalDisconnection);
    });
    let [first, longest] = [20, 50].map(Duration::from_millis);
    let backoff = Backoff::Exponential { first, longest, jitter_percent: 0 };
    let client = A::start().connect(options(&peer).backoff(backoff)).unwrap();
    let mut events = client.events();
    listening.raise();
    wait_for(&mut events, |event| matches!(event, ClientEvent::TakenOver));
    match events.next() {
        Some(ClientEvent::Waiting { delay }) => assert!(delay > longest, "{delay:?}"),
        event => panic!("{event:?}"),
    }
    wait_for(&mut events, |event| matches!(event, ClientEvent::Connected { .. }));
    client.disconnect();
}

pub(crate) fn the_broker_may_say_why_it_disconnects<A: Adapter>(trial: &Trial) {
    let listening = Signal::new();
    let go = listening.clone();
    let (_peer, client) = connected::<A>(trial, move |broker| {
        let mut connection = broker.open(false);
        go.wait();
        let why = [Property::ReasonString("back at noon")];
        connection.disconnect(ReasonCode::ServerShuttingDown, &why);
        connection.expect_end();
        broker.open(true).expect_disconnect(ReasonCode::NormalDisconnection);
    });
    let mut events = client.events();
    listening.raise();
    match wait_for(&mut events, |event| matches!(event, ClientEvent::ServerDisconnect(_))) {
        ClientEvent::ServerDisconnect(rejection) => {
            assert_eq!(rejection.reason, ReasonCode::ServerShuttingDown);
            assert_eq!(rejection.reason_string.as_deref(), Some("back at noon"));
        }
        event => panic!("{event:?}"),
    }
    match events.next() {
        Some(ClientEvent::Disconnected { reason: CloseReason::Disconnected(reason) }) => {
            assert_eq!(reason, ReasonCode::ServerShuttingDown);
        }
        event => panic!("{event:?}"),
    }
    wait_for(&mut events, |event| matches!(event, ClientEvent::Connected { .. }));
    client.disconnect();
}

pub(crate) fn a_malformed_packet_ends_the_connection<A: Adapter>(trial: &Trial) {
    let listening = Signal::new();
    let go = listening.clone();
    let (_peer, client) = connected::<A>(trial, move |broker| {
        let mut connection = broker.open(false);
        go.wait();
        // PUBLISH of QoS 3.
        connection.send_bytes(&[0x36, 0x05, 0x00, 0x01, b'a', 0x00, 0x01]);
        connection.expect_disconnect(ReasonCode::MalformedPacket);
        broker.open(true).expect_disconnect(ReasonCode::NormalDisconnection);
    });
    let mut events = client.events();
    listening.raise();
    match wait_for(&mut events, |event| matches!(event, ClientEvent::Disconnected { .. })) {
        ClientEvent::Disconnected { reason: CloseReason::Violation(_) } => {}
        event => panic!("{event:?}"),
    }
    wait_for(&mut events, |event| matches!(event, ClientEvent::Connected { .. }));
    assert_eq!(client.stats().protocol_errors, 1);
    client.disconnect();
}
