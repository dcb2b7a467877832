//! Brokers that are started again.

use mqtt_adapter_blocking::{Ack, ClientEvent, QoS, SessionExpiry};
use mqtt_testkit::Proxy;
use mqtt_tests::adapter::{Adapter, Client, Subscription};

use crate::broker::Saved;
use crate::{
    Deviation, Row, V3_1, Verdict, everything, expect, next_number, number_of, numbered,
    pass_until, wait_for, wait_until_connected,
};

/// What there is after a restart.
#[derive(Debug, PartialEq, Eq)]
struct After {
    session_present: bool,
    /// What came first: 1, queued before, or 3, sent after.
    queued: u32,
    /// What came first: 2, retained before, or 4, sent after.
    greeting: u32,
}

/// When the broker kept everything.
const KEPT: After = After { session_present: true, queued: 1, greeting: 2 };
/// When it kept retained messages alone.
const FORGOTTEN: After = After { session_present: false, queued: 3, greeting: 2 };

const FORGETFUL: [(After, Deviation); 2] =
    [(FORGOTTEN, Deviation::ForgetsSessions), (LOST, Deviation::KeepsNothing)];
/// When it kept nothing.
const LOST: After = After { session_present: false, queued: 3, greeting: 4 };

pub(crate) fn a_broker_that_kept_its_sessions_goes_on_with_them<A: Adapter>(
    row: &Row<A>,
) -> Verdict {
    let after = restarted(row, Saved::Kept, false);
    expect("after it", &after, &KEPT, &FORGETFUL)
}

pub(crate) fn a_session_that_began_clean_outlives_a_restart<A: Adapter>(row: &Row<A>) -> Verdict {
    let after = restarted(row, Saved::Kept, true);
    expect("after it", &after, &KEPT, &FORGETFUL)
}

pub(crate) fn a_broker_that_lost_its_sessions_gets_them_anew<A: Adapter>(row: &Row<A>) -> Verdict {
    let after = restarted(row, Saved::Lost, false);
    assert_eq!(after, LOST);
    Ok(())
}

/// It was for the session that held the message.
pub(crate) fn an_ack_for_a_lost_session_changes_nothing<A: Adapter>(row: &Row<A>) -> Verdict {
    let mut broker = (row.broker.start)().expect("a broker");
    let options = row.options_at(&broker.address(), "client").ack(Ack::Manual);
    let client = row.adapter.connect(options).unwrap();
    let mut events = client.events();
    let topic = row.topic("a");
    let mut stream = client.subscribe(everything(&topic)).unwrap();
    client.publish(numbered(&topic, 1, QoS::ExactlyOnce)).unwrap();
    let held = stream.recv().unwrap();
    assert_eq!(number_of(&held), 1);
    broker.restart(Saved::Lost).expect("the broker again");
    wait_until_connected(&mut events);
    held.ack();
    for number in [2, 3] {
        client.publish(numbered(&topic, number, QoS::ExactlyOnce)).unwrap();
        let message = stream.recv().unwrap();
        assert_eq!(number_of(&message), number);
        // The second time changes nothing, either.
        message.ack();
        message.ack();
        held.ack();
    }
    // 3.1 does not say that the session is lost, and a copy might come.
    if row.version != V3_1 {
        pass_until(&client, || client.stats().unacknowledged == 0);
    }
    assert_eq!(client.stats().connects, 2);
    client.disconnect();
    Ok(())
}

/// The first of two ends, and the second is kept when its connection is cut.
pub(crate) fn the_next_broker_is_taken_and_kept<A: Adapter>(row: &Row<A>) -> Verdict {
    let first = (row.broker.start)().expect("a broker");
    let proxy = Proxy::start(&row.address()).expect("a proxy");
    let options = row.options_at(&first.address(), "client").broker(proxy.url()).unwrap();
    let client = row.adapter.connect(options.session_expiry(SessionExpiry::Immediately)).unwrap();
    let mut events = client.events();
    let topic = row.topic("a");
    let mut stream = client.subscribe(everything(&topic)).unwrap();
    drop(first);
    wait_until_connected(&mut events);
    proxy.cut();
    wait_for(&mut events, |event| match event {
        ClientEvent::Connected { .. } => Some(()),
        ClientEvent::ConnectFailed(error) => panic!("the second is not kept: {error}"),
        _ => None,
    });
    let watcher = row.connect("watcher");
    let mut watched = watcher.subscribe(everything(&topic)).unwrap();
    client.publish(numbered(&topic, 1, QoS::AtLeastOnce)).unwrap();
    assert_eq!([next_number(&mut stream), next_number(&mut watched)], [1, 1]);
    client.disconnect();
    watcher.disconnect();
    Ok(())
}

/// One client is there, and its subscription is there afterwards; another one is away.
fn restarted<A: Adapter>(row: &Row<A>, saved: Saved, clean_start: bool) -> After {
    let mut broker = (row.broker.start)().expect("a broker");
    let address = broker.address();
    let connect = |name, clean_start| {
        let options = row.options_at(&address, name).clean_start(clean_start);
        row.adapter.connect(options).unwrap()
    };
    let [queued, state, live] = ["queued", "state", "live"].map(|topic| row.topic(topic));
    let absent = connect("absent", clean_start);
    let _stream = absent.subscribe(everything(&queued)).unwrap();
    absent.disconnect();
    let client = connect("client", clean_start);
    let mut events = client.events();
    let mut stream = client.subscribe(everything(&live)).unwrap();
    client.publish(numbered(&queued, 1, QoS::AtLeastOnce)).unwrap();
    client.publish(numbered(&state, 2, QoS::AtLeastOnce).retain(true)).unwrap();

    broker.restart(saved).expect("the broker again");
    let session_present = wait_until_connected(&mut events);
    client.publish(numbered(&live, 5, QoS::ExactlyOnce)).unwrap();
    assert_eq!(next_number(&mut stream), 5);
    let absent = connect("absent", false);
    let queued = first_number(&absent, &queued, 3);
    // 3.1 does not say.
    let session_present = if row.version == V3_1 { queued == 1 } else { session_present };
    let after = After { session_present, queued, greeting: first_number(&client, &state, 4) };
    absent.disconnect();
    client.disconnect();
    after
}

/// Subscribes and publishes this number; what comes first.
fn first_number(client: &impl Client, topic: &str, number: u32) -> u32 {
    let mut stream = client.subscribe(everything(topic)).unwrap();
    client.publish(numbered(topic, number, QoS::AtLeastOnce)).unwrap();
    next_number(&mut stream)
}
