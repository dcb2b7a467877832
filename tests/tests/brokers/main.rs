//! Every adapter and both versions against a real mosquitto.
//!
//! The suite is a table, as in `behaviours`: the ids of the promises, and what shows them.

mod messages;
mod sessions;

use std::time::Duration;

use mqtt_adapter_blocking::{
    Backoff, ClientEvent, Message, Options, Publish, QoS, SubscribeOptions, Version,
};
use mqtt_tests::adapter::{Events, Handle, Subscription};

macro_rules! suite {
    (
        $module:ident: $adapter:ty, $version:ident,
        $([$($promise:literal),*] $group:ident::$behaviour:ident;)*
    ) => {
        mod $module {
            $(#[test]
            fn $behaviour() {
                mqtt_tests::Trial::run(|trial| {
                    trial.note(concat!("shows", $(" ", $promise),*));
                    crate::$group::$behaviour::<$adapter>(mqtt_adapter_blocking::Version::$version);
                });
            })*
        }
    };
    ($($table:tt)*) => {
        suite! { tokio_current_5: mqtt_tests::adapter::TokioCurrent, V5, $($table)* }
        suite! { tokio_current_3_1_1: mqtt_tests::adapter::TokioCurrent, V3_1_1, $($table)* }
        suite! { tokio_multi_5: mqtt_tests::adapter::TokioMulti, V5, $($table)* }
        suite! { tokio_multi_3_1_1: mqtt_tests::adapter::TokioMulti, V3_1_1, $($table)* }
        suite! { smol_5: mqtt_tests::adapter::Smol, V5, $($table)* }
        suite! { smol_3_1_1: mqtt_tests::adapter::Smol, V3_1_1, $($table)* }
        suite! { async_std_5: mqtt_tests::adapter::AsyncStd, V5, $($table)* }
        suite! { async_std_3_1_1: mqtt_tests::adapter::AsyncStd, V3_1_1, $($table)* }
        suite! { blocking_5: mqtt_tests::adapter::Blocking, V5, $($table)* }
        suite! { blocking_3_1_1: mqtt_tests::adapter::Blocking, V3_1_1, $($table)* }
        suite! { blocking_own_loop_5: mqtt_tests::adapter::OwnLoop, V5, $($table)* }
        suite! { blocking_own_loop_3_1_1: mqtt_tests::adapter::OwnLoop, V3_1_1, $($table)* }
    };
}

suite! {
    ["VER-2", "SEND-1", "RECV-1"] messages::each_qos_comes_round_in_order;
    ["RECV-6"] messages::a_large_payload_comes_round;
    ["RECV-7"] messages::a_wildcard_subscription_gets_what_matches;
    ["RECV-7"] messages::overlapping_filters_each_get_their_messages;
    ["RECV-7"] messages::after_unsubscribing_nothing_comes;
    ["RECV-7"] messages::a_retained_message_goes_to_who_asked_for_it;
    [] messages::a_retained_message_greets_subscribers;

    ["RES-1"] sessions::a_cut_connection_loses_and_repeats_nothing;
    [] sessions::a_client_id_belongs_to_the_last_who_took_it;
    ["LIVE-2", "RES-3"] sessions::a_restarted_broker_is_found_again;
}

/// Options that reconnect soon.
fn options(url: &str, client_id: &str, version: Version) -> Options {
    let [first, longest] = [20, 200].map(Duration::from_millis);
    let backoff = Backoff::Exponential { first, longest, jitter_percent: 20 };
    Options::new(url).unwrap().client_id(client_id).version(version).backoff(backoff)
}

/// A subscription of QoS 2.
fn everything(filter: &str) -> SubscribeOptions {
    SubscribeOptions::new(filter).qos(QoS::ExactlyOnce)
}

/// A number as a message.
fn numbered(topic: &str, number: u32, qos: QoS) -> Publish<'_> {
    Publish::new(topic, number.to_be_bytes().to_vec()).qos(qos)
}

/// The number of the next message.
fn next_number(stream: &mut impl Subscription) -> u32 {
    number_of(&stream.recv().expect("a message"))
}

/// The number a message is.
fn number_of(message: &Message) -> u32 {
    u32::from_be_bytes(message.payload().try_into().expect("a number"))
}

/// Waits for a new connection.
fn wait_until_connected(events: &mut impl Events) {
    while !matches!(events.next(), Some(ClientEvent::Connected { .. })) {}
}

/// Waits for the outcomes of all.
fn wait_for_all(handles: impl IntoIterator<Item = impl Handle>) {
    for handle in handles {
        handle.wait().unwrap();
    }
}
