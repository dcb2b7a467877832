//! Every adapter, in every version, against real brokers.
//!
//! The suite is a table, as in `behaviours`: the ids of the promises, and the row that shows them.
//! Each row is one test per broker, adapter and version. What a broker does in its own way has a
//! name ([`Deviation`]) and is known for that broker ([`Broker`]): a row fails when it sees anything
//! else, and when a broker no longer deviates.

mod broker;
mod deviation;
mod ending;
mod limits;
mod messages;
mod offline;
mod properties;
mod reasons;
mod refusals;
mod restarts;
mod retained;
mod row;
mod sessions;
mod sizes;
mod staying;
mod subscriptions;
mod tls;
mod unread;
mod versions;
mod wills;

use std::time::{Duration, Instant};

use mqtt_adapter_blocking::{
    ClientEvent, Message, Publish, QoS, SubscribeOptions, Version, VersionChoice,
};
use mqtt_tests::adapter::{Client, Events, Handle, Subscription};

use deviation::Deviation;
use row::{Row, Verdict, expect};

/// The rows of a table as tests of one broker, adapter and version.
macro_rules! rows {
    (
        $module:ident: $broker:ident, $adapter:ident, $version:ident;
        $([$($promise:literal),*] $group:ident::$row:ident;)*
    ) => {
        mod $module {
            $(#[test]
            fn $row() {
                let (broker, version) = (&crate::broker::$broker, crate::$version);
                let name = concat!(stringify!($row), "/", stringify!($module));
                let row = crate::Row::<mqtt_tests::adapter::$adapter>::start(broker, version, name);
                mqtt_tests::Trial::run_within(crate::LIMIT, |trial| {
                    trial.note(concat!("shows", $(" ", $promise),*));
                    row.judge(crate::$group::$row);
                });
            })*
        }
    };
}

macro_rules! suite {
    (
        any { $($any:tt)* } only_5 { $($only_5:tt)* } before_5 { $($before_5:tt)* }
        auto { $($auto:tt)* } once { $($once:tt)* }
    ) => {
        mod mosquitto {
            rows! { tokio_current_5: MOSQUITTO, TokioCurrent, V5; $($any)* $($only_5)* }
            rows! { tokio_current_3_1_1: MOSQUITTO, TokioCurrent, V3_1_1; $($any)* $($before_5)* }
            rows! { tokio_multi_5: MOSQUITTO, TokioMulti, V5; $($any)* $($only_5)* }
            rows! { tokio_multi_3_1_1: MOSQUITTO, TokioMulti, V3_1_1; $($any)* $($before_5)* }
            rows! { tokio_multi_auto: MOSQUITTO, TokioMulti, AUTO; $($auto)* }
            rows! { smol_5: MOSQUITTO, Smol, V5; $($any)* $($only_5)* }
            rows! { smol_3_1_1: MOSQUITTO, Smol, V3_1_1; $($any)* $($before_5)* }
            rows! { async_std_5: MOSQUITTO, AsyncStd, V5; $($any)* $($only_5)* }
            rows! { async_std_3_1_1: MOSQUITTO, AsyncStd, V3_1_1; $($any)* $($before_5)* }
            rows! { smol_auto: MOSQUITTO, Smol, AUTO; $($auto)* }
            rows! { blocking_5: MOSQUITTO, Blocking, V5; $($any)* $($only_5)* }
            rows! { blocking_3_1_1: MOSQUITTO, Blocking, V3_1_1; $($any)* $($before_5)* }
            rows! { blocking_auto: MOSQUITTO, Blocking, AUTO; $($auto)* $($once)* }
            rows! { blocking_own_loop_5: MOSQUITTO, OwnLoop, V5; $($any)* $($only_5)* }
            rows! { blocking_own_loop_3_1_1: MOSQUITTO, OwnLoop, V3_1_1; $($any)* $($before_5)* }
            rows! { tokio_multi_3_1: MOSQUITTO, TokioMulti, V3_1; $($any)* $($before_5)* }
        }
        mod ejabberd {
            rows! { tokio_multi_5: EJABBERD, TokioMulti, V5; $($any)* $($only_5)* }
            rows! { tokio_multi_3_1_1: EJABBERD, TokioMulti, V3_1_1; $($any)* $($before_5)* }
            rows! { tokio_multi_auto: EJABBERD, TokioMulti, AUTO; $($auto)* }
            rows! { smol_5: EJABBERD, Smol, V5; $($any)* $($only_5)* }
            rows! { smol_3_1_1: EJABBERD, Smol, V3_1_1; $($any)* $($before_5)* }
            rows! { smol_auto: EJABBERD, Smol, AUTO; $($auto)* }
            rows! { blocking_5: EJABBERD, Blocking, V5; $($any)* $($only_5)* }
            rows! { blocking_3_1_1: EJABBERD, Blocking, V3_1_1; $($any)* $($before_5)* }
            rows! { blocking_auto: EJABBERD, Blocking, AUTO; $($auto)* $($once)* }
        }
        mod rabbitmq {
            rows! { tokio_multi_3_1_1: RABBITMQ, TokioMulti, V3_1_1; $($any)* $($before_5)* }
            rows! { tokio_multi_auto: RABBITMQ, TokioMulti, AUTO; $($auto)* }
            rows! { smol_3_1_1: RABBITMQ, Smol, V3_1_1; $($any)* $($before_5)* }
            rows! { smol_auto: RABBITMQ, Smol, AUTO; $($auto)* }
            rows! { blocking_3_1_1: RABBITMQ, Blocking, V3_1_1; $($any)* $($before_5)* }
            rows! { blocking_auto: RABBITMQ, Blocking, AUTO; $($auto)* $($once)* }
            rows! { blocking_3_1: RABBITMQ, Blocking, V3_1; $($any)* $($before_5)* }
        }
        mod aedes {
            rows! { tokio_multi_3_1_1: AEDES, TokioMulti, V3_1_1; $($any)* $($before_5)* }
            rows! { tokio_multi_auto: AEDES, TokioMulti, AUTO; $($auto)* }
            rows! { smol_3_1_1: AEDES, Smol, V3_1_1; $($any)* $($before_5)* }
            rows! { smol_auto: AEDES, Smol, AUTO; $($auto)* }
            rows! { blocking_3_1_1: AEDES, Blocking, V3_1_1; $($any)* $($before_5)* }
            rows! { blocking_auto: AEDES, Blocking, AUTO; $($auto)* $($once)* }
            rows! { smol_3_1: AEDES, Smol, V3_1; $($any)* $($before_5)* }
        }
    };
}

suite! {
    any {
        ["VER-2", "SEND-1", "RECV-1"] messages::qos_0_comes_round_in_order;
        ["VER-2", "SEND-1", "RECV-1"] messages::qos_1_comes_round_in_order;
        ["VER-2", "SEND-1", "RECV-1"] messages::qos_2_comes_round_in_order;
        ["RECV-1"] messages::each_message_has_the_lower_of_two_qos;
        ["RECV-6"] sizes::a_large_payload_comes_round;

        ["LIVE-3"] refusals::wrong_credentials_are_refused;
        ["LIVE-3"] refusals::a_client_without_credentials_is_refused;
        ["LIVE-3"] refusals::a_client_identifier_is_refused;
        ["CON-1"] refusals::a_hook_has_credentials_for_each_attempt;

        ["RECV-7"] subscriptions::a_wildcard_subscription_gets_what_matches;
        ["RECV-7"] subscriptions::overlapping_filters_each_get_their_messages;
        ["RECV-7"] subscriptions::after_unsubscribing_nothing_comes;
        [] subscriptions::a_shared_subscription_is_shared;

        [] retained::a_retained_message_greets_subscribers;
        [] retained::a_cleared_message_greets_nobody;
        ["RECV-7"] retained::a_retained_message_goes_to_who_asked_for_it;

        ["RES-1"] sessions::a_cut_connection_loses_and_repeats_nothing;
        ["RES-3"] sessions::a_request_without_an_answer_is_made_again;
        ["LIVE-3"] sessions::a_client_id_belongs_to_the_last_who_took_it;
        ["LIVE-3"] sessions::clients_of_one_name_do_not_fight_for_ever;
        ["CON-3"] sessions::what_an_earlier_process_left_open_is_finished;
        ["CON-3", "RECV-8"] sessions::what_was_queued_meanwhile_comes_at_resumption;
        [] sessions::a_clean_start_forgets_the_session;
        ["RES-2"] sessions::a_session_that_ends_with_its_connection_is_gone;

        ["END-3"] wills::a_client_that_is_dropped_leaves_its_will;
        ["END-1"] wills::a_client_that_takes_leave_leaves_no_will;
        [] wills::a_retained_will_greets_subscribers;
        ["END-1"] ending::a_client_with_much_unread_leaves_no_will;
        ["END-1"] ending::draining_waits_for_every_outcome;
        ["END-1", "END-2"] ending::draining_ends_at_its_deadline;

        ["RECV-8"] unread::a_default_handler_gets_what_has_no_route;
        ["RECV-8"] unread::what_nobody_asks_for_is_given_up;
        ["RES-1", "RECV-3", "RECV-9"] unread::a_message_held_over_a_cut_comes_once;
        ["RECV-4"] unread::a_stream_nobody_reads_holds_up_no_other;
        ["SEND-9", "RECV-5"] unread::a_callback_may_publish;
        ["SEND-3"] unread::a_publish_given_up_is_sent;

        ["LIVE-1"] staying::an_idle_connection_is_kept_alive;
        ["LIVE-1"] staying::a_dead_connection_is_replaced;
        ["LIVE-2"] restarts::a_broker_that_kept_its_sessions_goes_on_with_them;
        [] restarts::a_session_that_began_clean_outlives_a_restart;
        ["RES-2", "RES-3"] restarts::a_broker_that_lost_its_sessions_gets_them_anew;
        ["RECV-2"] restarts::an_ack_for_a_lost_session_changes_nothing;
        ["LIVE-5"] restarts::the_next_broker_is_taken_and_kept;
        ["SEND-5"] offline::what_is_published_offline_comes_after;
        ["RES-2", "SEND-2"] offline::what_a_lost_session_held_has_its_outcome;

        ["SEND-4"] limits::no_more_is_in_flight_than_the_broker_takes;
        ["SEND-2", "SEND-10"] reasons::a_message_that_is_not_allowed_is_rejected;
        ["SEND-2", "SEND-11", "BAD-1"] reasons::a_subscription_that_is_not_allowed_is_refused;
    }
    only_5 {
        ["VER-2"] properties::every_property_comes_round_byte_for_byte;
        ["VER-2"] properties::a_request_is_answered_at_its_response_topic;
        ["SEND-6"] properties::what_expired_meanwhile_does_not_come;
        ["SEND-6"] offline::what_expires_before_it_is_sent_fails;
        ["SEND-7"] properties::aliases_stand_for_topics_on_the_way_out;
        ["SEND-7"] properties::aliases_end_with_their_connection;
        [] properties::aliases_stand_for_topics_on_the_way_in;

        ["RECV-7"] retained::retain_handling_says_who_is_greeted;
        ["RECV-7"] retained::retain_as_published_keeps_the_flag;
        ["RECV-7"] subscriptions::no_local_leaves_out_what_one_publishes;

        ["RECV-4", "BAD-2"] limits::no_more_comes_than_receive_maximum;
        ["BAD-1"] limits::no_packet_comes_above_maximum_packet_size;
        ["CON-2"] sizes::a_packet_above_the_limit_fails_alone;
        ["CON-2"] sizes::what_the_broker_rules_out_fails;
        ["CON-2"] sessions::an_assigned_identifier_is_kept;

        [] sessions::an_expired_session_is_gone;
        [] sessions::a_client_taken_over_is_told;
        [] wills::a_will_comes_after_its_delay;
        [] wills::who_comes_back_in_time_leaves_no_will;
        [] wills::a_will_has_its_properties;

        ["SEND-1"] reasons::a_message_for_nobody_is_reported;
    }
    before_5 {
        ["BAD-3"] limits::a_message_above_the_limit_is_skipped;
    }
    auto {
        ["VER-1"] versions::the_best_version_is_found;
        ["LIVE-3"] refusals::a_version_it_does_not_speak_is_refused;
    }
    once {
        ["RECV-6"] sizes::the_largest_payload_comes_round;
    }
}

const V5: VersionChoice = VersionChoice::Only(Version::V5);
const V3_1_1: VersionChoice = VersionChoice::Only(Version::V3_1_1);
const V3_1: VersionChoice = VersionChoice::Only(Version::V3_1);
const AUTO: VersionChoice = VersionChoice::Auto;

/// No row takes so long, even when it has a slow broker start twice.
const LIMIT: Duration = Duration::from_secs(180);
/// What surely comes, if it comes at all, comes so soon.
const PATIENCE: Duration = Duration::from_secs(20);
/// What has not come by then is taken for not coming.
const SHORT: Duration = Duration::from_millis(300);

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

/// Waits for an event and passes over all others.
fn wait_for<T>(events: &mut impl Events, pick: impl Fn(&ClientEvent) -> Option<T>) -> T {
    loop {
        if let Some(picked) = pick(&events.next().expect("an event")) {
            return picked;
        }
    }
}

/// Waits for a new connection; whether it has its session.
fn wait_until_connected(events: &mut impl Events) -> bool {
    wait_for(events, |event| match event {
        ClientEvent::Connected { session_present } => Some(*session_present),
        _ => None,
    })
}

/// Lets time pass until it is so.
fn pass_until(client: &impl Client, mut is_so: impl FnMut() -> bool) {
    let mut waited = Duration::ZERO;
    while !is_so() {
        assert!(waited < PATIENCE, "not after {waited:?}: {:?}", client.stats());
        client.pass(SHORT / 30);
        waited += SHORT / 30;
    }
}

/// Waits for the outcomes of all.
fn wait_for_all(handles: impl IntoIterator<Item = impl Handle>) {
    for handle in handles {
        handle.wait().unwrap();
    }
}

/// The numbers that come, until it is enough or the time is over: for each stream those it got.
/// Streams are read in turn, for some brokers send nothing more before all is acknowledged.
fn gather(
    client: &impl Client,
    streams: &mut [impl Subscription],
    patience: Duration,
    is_enough: impl Fn(&[Vec<u32>]) -> bool,
) -> Vec<Vec<u32>> {
    let deadline = Instant::now() + patience;
    let mut gathered = vec![Vec::new(); streams.len()];
    while !is_enough(&gathered) && Instant::now() < deadline {
        let before: usize = gathered.iter().map(Vec::len).sum();
        for (stream, numbers) in streams.iter_mut().zip(&mut gathered) {
            numbers.extend(stream.try_recv().iter().map(number_of));
        }
        if gathered.iter().map(Vec::len).sum::<usize>() == before {
            client.pass(Duration::from_millis(5));
        }
    }
    gathered
}
