//! RabbitMQ with `rabbitmq_mqtt`: it hangs up on a CONNECT of 5.0.

use std::fs;
use std::io;
use std::process::Command;
use std::sync::OnceLock;

use mqtt_adapter_blocking::Version;

use super::served::{Place, Program, Served, free_port};
use super::{Broker, Instances, Largest, always, known, sometimes};
use crate::Deviation;

pub(crate) static RABBITMQ: Broker = Broker {
    name: "rabbitmq",
    speaks_5: false,
    unspoken: Some(Version::V5),
    credentials: ("alice", "x"),
    wrong_credentials: ("alice", "y"),
    refused_client_id: None,
    // What `max_message_size` is by default.
    largest: Largest::Own(128 << 20),
    start: || Ok(Box::new(Served::start(&PROGRAM)?)),
    narrow: None,
    instances: Instances::One(OnceLock::new()),
    deviations: &[
        known("a_client_without_credentials_is_refused", always, Deviation::NamesAnotherReason),
        known("a_message_that_is_not_allowed_is_rejected", always, Deviation::HangsUp),
        known("a_subscription_that_is_not_allowed_is_refused", always, Deviation::HangsUp),
        known("a_client_identifier_is_refused", always, Deviation::TakesEveryClientIdentifier),
        known("a_version_it_does_not_speak_is_refused", always, Deviation::HangsUp),
        known("qos_2_comes_round_in_order", always, Deviation::NoQoS2),
        known("a_shared_subscription_is_shared", always, Deviation::NoSharedSubscriptions),
        sometimes("a_cut_connection_loses_and_repeats_nothing", always, Deviation::RepeatsQoS2),
    ],
};

static PROGRAM: Program =
    Program { name: "rabbitmq", username: "alice", keeper: KEEPER, configure, saved: "mnesia" };

/// Who there is, and that `forbidden` topics are denied.
const DEFINITIONS: &str = include_str!("rabbitmq.json");

/// With an epmd of its own.
const KEEPER: &str = r"
epmd -port $ERL_EPMD_PORT -address 127.0.0.1 & epmd=$!
/usr/lib/rabbitmq/bin/rabbitmq-server & server=$!
read -r kept
kill $server; wait $server
kill $epmd; wait $epmd
";

fn configure(place: &Place, keeper: &mut Command) -> io::Result<()> {
    let file = |name| place.folder.join(name);
    let configuration = format!(
        "listeners.tcp = none\nmqtt.listeners.tcp.1 = 127.0.0.1:{}\nmqtt.allow_anonymous = false\n\
         load_definitions = {}\n",
        place.port,
        file("definitions.json").display(),
    );
    fs::write(file("rabbitmq.conf"), configuration)?;
    fs::write(file("definitions.json"), DEFINITIONS)?;
    fs::write(file("enabled_plugins"), "[rabbitmq_mqtt].\n")?;
    keeper.env("RABBITMQ_NODENAME", format!("mqtt{}@localhost", place.port));
    keeper.env("RABBITMQ_CONFIG_FILE", file("rabbitmq.conf"));
    keeper.env("RABBITMQ_ENABLED_PLUGINS_FILE", file("enabled_plugins"));
    keeper.env("RABBITMQ_MNESIA_BASE", file("mnesia"));
    keeper.env("RABBITMQ_LOG_BASE", file("logs"));
    keeper.env("RABBITMQ_LOGS", "-");
    keeper.env("RABBITMQ_PID_FILE", file("pid"));
    keeper.env("RABBITMQ_PLUGINS_EXPAND_DIR", file("plugins"));
    keeper.env("RABBITMQ_GENERATED_CONFIG_DIR", file("generated"));
    keeper.env("RABBITMQ_ADVANCED_CONFIG_FILE", file("advanced.config"));
    keeper.env("RABBITMQ_CONF_ENV_FILE", file("environment"));
    keeper.env("RABBITMQ_DIST_PORT", free_port()?.to_string());
    keeper
        .env("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", "-kernel inet_dist_use_interface {127,0,0,1}");
    keeper.env("ERL_EPMD_PORT", free_port()?.to_string());
    keeper.env("ERL_EPMD_ADDRESS", "127.0.0.1");
    Ok(())
}
