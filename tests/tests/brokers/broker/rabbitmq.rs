//! RabbitMQ with `rabbitmq_mqtt`: it hangs up on a CONNECT of 5.0.

use std::fs;
use std::io;
use std::process::Command;
use std::sync::OnceLock;

use super::served::{Place, Program, Served, free_port};
use super::{Broker, Instances, always, known, sometimes};
use crate::Deviation;

pub(crate) static RABBITMQ: Broker = Broker {
    name: "rabbitmq",
    speaks_5: false,
    username: None,
    denies: false,
    start: || Ok(Box::new(Served::start(&PROGRAM)?)),
    instances: Instances::One(OnceLock::new()),
    deviations: &[
        known("qos_2_comes_round_in_order", always, Deviation::NoQoS2),
        known("a_shared_subscription_is_shared", always, Deviation::NoSharedSubscriptions),
        sometimes("a_cut_connection_loses_and_repeats_nothing", always, Deviation::RepeatsQoS2),
        // Topics are denied by a command that only its management knows.
        known("a_message_that_is_not_allowed_is_rejected", always, Deviation::DeniesNothing),
        known("a_subscription_that_is_not_allowed_is_refused", always, Deviation::DeniesNothing),
    ],
};

static PROGRAM: Program = Program { name: "rabbitmq", keeper: KEEPER, configure, saved: "mnesia" };

/// With an epmd of its own.
const KEEPER: &str = r"
epmd -port $ERL_EPMD_PORT -address 127.0.0.1 & epmd=$!
/usr/lib/rabbitmq/bin/rabbitmq-server & server=$!
read -r _
kill $server; wait $server
kill $epmd; wait $epmd
";

fn configure(place: &Place, keeper: &mut Command) -> io::Result<()> {
    let file = |name| place.folder.join(name);
    let listener = format!("mqtt.listeners.tcp.1 = 127.0.0.1:{}\n", place.port);
    fs::write(file("rabbitmq.conf"), format!("listeners.tcp = none\n{listener}"))?;
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
