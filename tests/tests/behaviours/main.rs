//! What the client promises, shown on every adapter with a scripted broker on a real socket.
//!
//! The suite is a table: the ids of the promises, as `"SEND-9"`, and the behaviour that shows
//! them. Every line is one test per adapter.

#[cfg(target_os = "linux")]
mod alone;
mod authenticating;
mod blocking_only;
mod cancelling;
mod connecting;
mod dependencies;
mod ending;
mod futures;
mod limits;
mod many;
mod pressure;
mod progress;
mod publishing;
mod receiving;
mod redirects;
mod resuming;
mod shut_down;
mod staying;
mod subscribing;
mod tls;
mod transports;
mod versions;
mod wire;

use std::time::Duration;

use mqtt_adapter_blocking::{Backoff, ClientEvent, Options, Publish, QoS, SubscribeOptions};
use mqtt_tests::adapter::{Adapter, Events};
use mqtt_tests::{Broker, Peer, Trial};

macro_rules! suite {
    ($module:ident: $adapter:ty, $([$($promise:literal),*] $group:ident::$behaviour:ident;)*) => {
        mod $module {
            $(#[test]
            fn $behaviour() {
                mqtt_tests::Trial::run(|trial| {
                    trial.note(concat!("shows", $(" ", $promise),*));
                    crate::$group::$behaviour::<$adapter>(trial);
                });
            })*
        }
    };
    ($($table:tt)*) => {
        suite! { tokio_current: mqtt_tests::adapter::TokioCurrent, $($table)* }
        suite! { tokio_multi: mqtt_tests::adapter::TokioMulti, $($table)* }
        suite! { smol: mqtt_tests::adapter::Smol, $($table)* }
        suite! { async_std: mqtt_tests::adapter::AsyncStd, $($table)* }
        suite! { blocking: mqtt_tests::adapter::Blocking, $($table)* }
        suite! { blocking_own_loop: mqtt_tests::adapter::OwnLoop, $($table)* }
    };
}

suite! {
    ["CON-1", "END-1", "END-2"] connecting::connects_and_disconnects;
    ["CON-1"] connecting::a_refusal_says_why;
    ["CON-1"] connecting::a_port_without_a_broker_is_an_error;
    ["CON-1"] connecting::a_silent_broker_is_given_up;
    ["CON-1"] connecting::an_address_that_does_not_answer_is_given_up;
    ["CON-1"] connecting::a_broker_that_hangs_up_is_an_error;
    ["CON-1"] connecting::every_attempt_has_a_connect_of_its_own;
    ["CON-4"] connecting::a_name_is_resolved;
    ["CON-1"] transports::a_stream_of_the_runtime_serves;
    ["CON-1"] transports::a_pipe_in_memory_serves;
    ["CON-1"] transports::a_line_that_blocks_serves;
    ["CON-1"] transports::a_dialer_without_an_answer_is_given_up;
    ["CON-1"] transports::a_dialer_that_fails_is_asked_again;
    ["CON-1", "SEND-3"] connecting::a_connect_given_up_anywhere_leaves_nothing;
    ["LIVE-2"] connecting::the_first_connection_is_retried_when_asked_for;
    ["CON-2"] connecting::what_the_broker_cannot_do_is_an_error;

    ["VER-1"] versions::a_broker_that_refuses_5_0_is_asked_in_3_1_1;
    ["VER-1"] versions::a_broker_that_knows_only_3_1_1_is_asked_in_it;
    ["VER-1"] versions::a_broker_that_closes_twice_is_asked_in_3_1_1;
    ["VER-1"] versions::a_name_is_made_up_for_3_1_1;
    ["VER-1", "VER-2"] versions::what_3_1_1_cannot_say_fails;

    ["CON-1"] authenticating::a_client_authenticates_and_does_so_again;
    ["CON-1"] authenticating::a_broker_that_proves_nothing_is_left;
    [] authenticating::a_failed_reauthentication_ends_the_connection;
    [] authenticating::without_an_authenticator_there_is_nothing_to_renew;

    ["LIVE-5"] redirects::a_redirect_is_followed_when_asked_for;
    ["LIVE-5"] redirects::a_broker_that_moved_is_not_asked_again;
    ["LIVE-5"] redirects::a_redirect_is_only_reported_unless_asked_for;
    ["LIVE-5"] redirects::the_list_of_brokers_can_be_replaced;

    ["SEND-1"] publishing::each_qos_is_done_at_its_answer;
    ["SEND-1"] publishing::qos0_is_done_when_it_is_written;
    ["SEND-1", "SEND-2"] publishing::a_rejection_is_an_error_with_its_code;
    ["SEND-4", "CON-2"] publishing::publishes_wait_for_quota_in_order;
    ["SEND-4"] publishing::a_full_queue_is_back_pressure;
    ["SEND-5", "LIVE-2"] publishing::qos0_without_a_connection_fails_and_qos1_is_kept;
    ["SEND-5"] publishing::qos0_is_kept_when_asked_for;
    ["SEND-3"] publishing::a_publish_given_up_anywhere_does_no_harm;

    ["SEND-2"] subscribing::a_refused_subscription_is_an_error;
    ["SEND-2"] subscribing::unsubscribing_ends_the_stream;
    ["RECV-7"] subscribing::unsuback_ends_no_later_subscription;
    ["RECV-7"] subscribing::overlapping_filters_get_each_message_once;
    ["RECV-7", "CON-2"] subscribing::a_broker_without_identifiers_gets_none;
    ["RECV-7"] subscribing::retained_messages_go_to_who_asked_for_them;
    ["SEND-3"] subscribing::a_subscribe_given_up_is_undone;
    ["SEND-3"] subscribing::a_subscribe_given_up_anywhere_does_no_harm;
    ["SEND-3"] subscribing::an_unsubscribe_given_up_is_finished;

    ["RECV-1", "RECV-2"] receiving::each_qos_is_acknowledged_its_way;
    ["RECV-1"] receiving::acknowledgements_leave_in_the_order_of_arrival;
    ["RECV-2"] receiving::any_thread_may_acknowledge_any_number_of_times;
    ["RECV-3"] receiving::a_held_message_sent_again_comes_once;
    ["RECV-4"] receiving::a_wait_given_up_anywhere_loses_no_message;
    ["RECV-5", "SEND-9"] receiving::a_callback_gets_messages_and_may_publish;
    ["RECV-6"] receiving::a_message_outlives_its_client;

    ["RECV-4", "RECV-5"] limits::a_slow_consumer_drops_at_its_hold_limit;
    ["RECV-5"] limits::a_queue_drops_at_its_size;
    ["RECV-8"] limits::a_default_handler_gets_what_has_no_route;
    ["RECV-8"] limits::what_nobody_subscribed_to_is_given_up;
    ["RECV-9"] limits::the_oldest_unacknowledged_message_is_visible;

    ["SEND-9"] progress::publishing_in_the_receive_loop_with_no_room_to_spare;
    ["SEND-9", "RECV-4"] progress::an_answer_comes_through_behind_messages_nobody_reads;
    ["RECV-4"] progress::a_fast_stream_beside_a_stalled_one;
    ["RECV-1", "RECV-4"] progress::a_fast_stream_of_qos1_beside_a_stalled_one;
    ["RECV-4", "BAD-3"] pressure::reading_pauses_while_nobody_takes_messages;
    ["SEND-4"] pressure::writing_pauses_while_the_broker_reads_nothing;
    ["SEND-2", "RECV-2"] many::threads_share_a_client;
    ["CON-1", "END-1"] many::two_hundred_clients_share_a_process;

    ["SEND-3", "SEND-4"] cancelling::an_enqueue_given_up_anywhere_sends_nothing;
    ["SEND-2", "SEND-3"] cancelling::an_outcome_given_up_anywhere_comes_nevertheless;
    [] cancelling::a_wait_given_up_anywhere_loses_no_event;
    ["END-1", "SEND-2"] cancelling::a_drain_nobody_waits_for_is_finished;

    ["LIVE-1"] staying::an_idle_connection_is_kept_alive;
    ["LIVE-1"] staying::a_dead_connection_is_replaced;
    ["LIVE-2"] staying::a_broker_that_ends_its_half_is_left;
    ["LIVE-2"] staying::delays_between_attempts_grow;
    ["LIVE-3"] staying::being_taken_over_is_told;
    [] staying::the_broker_may_say_why_it_disconnects;
    ["BAD-1", "BAD-4"] staying::a_malformed_packet_ends_the_connection;

    ["RES-1"] resuming::unfinished_publishes_are_sent_again;
    ["RES-2", "RES-3"] resuming::a_lost_session_is_made_anew;
    ["RES-3"] resuming::a_subscribe_without_an_answer_is_made_again;
    ["RECV-1", "RES-1"] resuming::a_message_dropped_unacknowledged_comes_again;
    ["RES-1", "RECV-3"] resuming::an_acknowledgement_given_meanwhile_answers_the_copy;

    ["SEND-7"] wire::aliases_stand_for_topics_both_ways;
    ["BAD-2"] wire::a_broker_beyond_receive_maximum_passes;
    ["BAD-2"] wire::strict_lets_nothing_pass;
    ["BAD-2"] wire::lenient_lets_more_pass;

    ["CON-4", "END-1"] tls::each_version_of_tls_carries_both_ways;
    ["LIVE-3"] tls::a_certificate_that_is_not_accepted_is_an_error;
    ["CON-4"] tls::a_certificate_is_accepted_as_the_options_say;
    ["LIVE-3"] tls::a_client_certificate_is_shown_when_asked_for;
    ["LIVE-3"] tls::a_broker_that_does_not_agree_is_an_error;
    [] tls::a_protocol_is_agreed_on;
    ["LIVE-3"] tls::a_bad_certificate_is_retried_at_the_longest_delay;
    ["CON-1"] tls::a_peer_silent_in_the_handshake_is_given_up;
    ["END-3"] tls::dropped_during_the_handshake_it_ends;
    ["CON-1"] tls::a_peer_without_tls_is_an_error;
    [] tls::a_url_without_tls_stays_without;
    [] tls::a_stream_of_the_applications_own_takes_tls;
    ["RES-1"] tls::a_cut_in_a_record_loses_nothing;
    [] tls::close_notify_is_an_end;
    [] tls::a_megabyte_goes_both_ways;
    ["RECV-4"] tls::back_pressure_loses_nothing;

    ["END-3"] ending::the_last_handle_closes_without_disconnect;
    ["END-3"] ending::dropped_before_it_is_connected_it_ends;
    ["END-3"] ending::dropped_during_an_attempt_it_ends;
    ["END-1", "END-3"] ending::dropped_while_it_leaves_it_takes_leave;
    ["END-1"] ending::a_disconnect_nobody_waits_for_is_finished;
    ["END-2"] ending::disconnecting_ends_publishes_and_keeps_messages;
    ["END-1", "SEND-2"] ending::what_was_published_leaves_before_disconnect;
    ["END-1"] ending::draining_waits_for_answers_on_any_connection;
    ["END-1", "END-2"] ending::draining_ends_at_its_deadline;
    ["END-3"] ending::a_panicking_callback_ends_waiting_calls;
}

/// Options for a scripted broker: reconnects at once.
fn options(peer: &Peer) -> Options {
    let backoff = Backoff::Constant(Duration::from_millis(10));
    Options::new(peer.url()).unwrap().client_id("client").backoff(backoff)
}

/// A client connected to the broker that plays this script.
fn connected<A: Adapter>(
    trial: &Trial,
    script: impl FnOnce(&Broker) + Send + 'static,
) -> (Peer, A::Client) {
    let peer = trial.peer(script);
    let client = A::start().connect(options(&peer)).unwrap();
    (peer, client)
}

/// An empty message of QoS 1.
fn qos1(topic: &str) -> Publish<'_> {
    Publish::new(topic, "").qos(QoS::AtLeastOnce)
}

/// A subscription of QoS 2.
fn everything(filter: &str) -> SubscribeOptions {
    SubscribeOptions::new(filter).qos(QoS::ExactlyOnce)
}

/// Waits for an event and passes over all others.
fn wait_for(events: &mut impl Events, wanted: impl Fn(&ClientEvent) -> bool) -> ClientEvent {
    loop {
        let event = events.next().expect("an event");
        if wanted(&event) {
            return event;
        }
    }
}
