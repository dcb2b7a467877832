//! Other brokers, be they named by the application or by a broker.

use mqtt_adapter_blocking::{ClientEvent, ReasonCode};
use mqtt_proto::Property;
use mqtt_tests::adapter::{Adapter, Client, Events};
use mqtt_tests::{Signal, Trial};

use crate::{connected, options, wait_for};

/// The redirect that is told next.
fn redirect(events: &mut impl Events) -> (bool, Vec<String>, bool) {
    match wait_for(events, |event| matches!(event, ClientEvent::Redirected { .. })) {
        ClientEvent::Redirected { permanent, to, followed } => (permanent, to, followed),
        event => panic!("{event:?}"),
    }
}

pub(crate) fn a_redirect_is_followed_when_asked_for<A: Adapter>(trial: &Trial) {
    let other = trial.peer(|broker| {
        broker.open(false).expect_disconnect(ReasonCode::NormalDisconnection);
    });
    let reference = other.address().to_string();
    let peer = trial.peer(move |broker| {
        let mut connection = broker.accept();
        connection.expect_connect();
        let to = [Property::ServerReference(&reference)];
        connection.connack(false, ReasonCode::UseAnotherServer, &to);
        connection.expect_end();
    });
    let client = A::start().connect(options(&peer).follow_redirects(true)).unwrap();
    client.disconnect();
}

pub(crate) fn a_broker_that_moved_is_not_asked_again<A: Adapter>(trial: &Trial) {
    let other = trial.peer(|broker| {
        broker.open(false).cut();
        broker.open(true).expect_disconnect(ReasonCode::NormalDisconnection);
    });
    let address = other.address().to_string();
    let (reference, listening) = (format!("mqtt/ {address}"), Signal::new());
    let go = listening.clone();
    let peer = trial.peer(move |broker| {
        let mut connection = broker.open(false);
        go.wait();
        connection.disconnect(ReasonCode::ServerMoved, &[Property::ServerReference(&reference)]);
        connection.expect_end();
    });
    let client = A::start().connect(options(&peer).follow_redirects(true)).unwrap();
    let mut events = client.events();
    listening.raise();
    assert_eq!(redirect(&mut events), (true, vec![address], true));
    wait_for(&mut events, |event| {
        matches!(event, ClientEvent::Connected { session_present: true })
    });
    client.disconnect();
}

pub(crate) fn a_redirect_is_only_reported_unless_asked_for<A: Adapter>(trial: &Trial) {
    let listening = Signal::new();
    let go = listening.clone();
    let (_peer, client) = connected::<A>(trial, move |broker| {
        let mut connection = broker.open(false);
        go.wait();
        let to = [Property::ServerReference("elsewhere.invalid")];
        connection.disconnect(ReasonCode::UseAnotherServer, &to);
        connection.expect_end();
        broker.open(true).expect_disconnect(ReasonCode::NormalDisconnection);
    });
    let mut events = client.events();
    listening.raise();
    let to = vec!["elsewhere.invalid:1883".to_owned()];
    assert_eq!(redirect(&mut events), (false, to, false));
    wait_for(&mut events, |event| matches!(event, ClientEvent::Connected { .. }));
    client.disconnect();
}

pub(crate) fn the_list_of_brokers_can_be_replaced<A: Adapter>(trial: &Trial) {
    let other = trial.peer(|broker| {
        broker.open(false).expect_disconnect(ReasonCode::NormalDisconnection);
    });
    let listening = Signal::new();
    let go = listening.clone();
    let (_peer, client) = connected::<A>(trial, move |broker| {
        let connection = broker.open(false);
        go.wait();
        connection.cut();
    });
    let mut events = client.events();
    client.set_brokers(&[&other.url()]);
    listening.raise();
    wait_for(&mut events, |event| matches!(event, ClientEvent::Connected { .. }));
    client.disconnect();
}
