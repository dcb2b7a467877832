//! aedes, of Node.js: it refuses a CONNECT of 5.0 with return code 1.

use std::env;
use std::fs;
use std::io;
use std::process::Command;
use std::sync::OnceLock;

use mqtt_adapter_blocking::Version;

use super::served::{Place, Program, Served};
use super::{Broker, Instances, Largest, always, known, sometimes};
use crate::Deviation;

pub(crate) static AEDES: Broker = Broker {
    name: "aedes",
    speaks_5: false,
    unspoken: Some(Version::V5),
    credentials: ("alice", "x"),
    wrong_credentials: ("alice", "y"),
    refused_client_id: Some("refused"),
    largest: Largest::OfMqtt,
    start: || Ok(Box::new(Served::start(&PROGRAM)?)),
    narrow: None,
    instances: Instances::One(OnceLock::new()),
    deviations: &[
        known("what_an_earlier_process_left_open_is_finished", always, Deviation::SwallowsQoS2),
        known("a_message_held_over_a_cut_comes_once", always, Deviation::SendsAgainAsNew),
        known("a_shared_subscription_is_shared", always, Deviation::NoSharedSubscriptions),
        // What is sent again is sent as new, with another identifier.
        sometimes("a_cut_connection_loses_and_repeats_nothing", always, Deviation::RepeatsQoS2),
        sometimes("a_retained_message_greets_subscribers", always, Deviation::RoutesLate),
        sometimes("a_retained_message_goes_to_who_asked_for_it", always, Deviation::RoutesLate),
        sometimes("overlapping_filters_each_get_their_messages", always, Deviation::Reorders),
        sometimes("what_was_queued_meanwhile_comes_at_resumption", always, Deviation::Reorders),
        known("a_message_that_is_not_allowed_is_rejected", always, Deviation::HangsUp),
        known("a_broker_that_kept_its_sessions_goes_on_with_them", always, Deviation::KeepsNothing),
        known("a_session_that_began_clean_outlives_a_restart", always, Deviation::KeepsNothing),
    ],
};

static PROGRAM: Program =
    Program { name: "aedes", username: "alice", keeper: KEEPER, configure, saved: "nothing" };

const KEEPER: &str = r#"node aedes.mjs "$AEDES" "$PORT" & read -r kept; kill $!; wait $!"#;

/// Names the folder it was installed in.
const VARIABLE: &str = "MQTT_TEST_AEDES";

fn configure(place: &Place, keeper: &mut Command) -> io::Result<()> {
    let Some(folder) = env::var_os(VARIABLE) else {
        let problem = format!("{VARIABLE} names no folder; use cargo xtask interop");
        return Err(io::Error::new(io::ErrorKind::NotFound, problem));
    };
    fs::write(place.folder.join("aedes.mjs"), include_str!("aedes.mjs"))?;
    keeper.env("AEDES", folder);
    Ok(())
}
