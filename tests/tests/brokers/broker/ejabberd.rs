//! ejabberd with `mod_mqtt`: a second broker of 5.0.

use std::fs;
use std::io;
use std::process::Command;
use std::sync::OnceLock;

use mqtt_adapter_blocking::Version;

use super::served::{Place, Program, Served};
use super::{Broker, Instances, Largest, always, before_5, known, only_5};
use crate::Deviation;

pub(crate) static EJABBERD: Broker = Broker {
    name: "ejabberd",
    speaks_5: true,
    unspoken: Some(Version::V3_1),
    credentials: ("alice@localhost", "x"),
    wrong_credentials: ("alice@guarded", "x"),
    refused_client_id: None,
    largest: Largest::OfMqtt,
    start: || Ok(Box::new(Served::start(&PROGRAM)?)),
    narrow: None,
    instances: Instances::One(OnceLock::new()),
    deviations: &[
        known("a_packet_above_the_limit_fails_alone", only_5, Deviation::AnnouncesNoLimit),
        known("wrong_credentials_are_refused", always, Deviation::NamesAnotherReason),
        known("what_the_broker_rules_out_fails", always, Deviation::RulesNothingOut),
        known("a_client_identifier_is_refused", always, Deviation::TakesEveryClientIdentifier),
        known("no_more_comes_than_receive_maximum", always, Deviation::OneAtATime),
        known(
            "no_packet_comes_above_maximum_packet_size",
            always,
            Deviation::IgnoresMaximumPacketSize,
        ),
        known("what_expired_meanwhile_does_not_come", always, Deviation::DeliversExpired),
        known("aliases_stand_for_topics_on_the_way_in", always, Deviation::UsesNoAliases),
        known("a_shared_subscription_is_shared", only_5, Deviation::NoSharedSubscriptions),
        known("a_shared_subscription_is_shared", before_5, Deviation::HangsUp),
        known("a_message_that_is_not_allowed_is_rejected", only_5, Deviation::NamesAnotherReason),
        known(
            "a_subscription_that_is_not_allowed_is_refused",
            only_5,
            Deviation::NamesAnotherReason,
        ),
        known("a_subscription_that_is_not_allowed_is_refused", before_5, Deviation::AnswersAsIn5),
        known(
            "a_broker_that_kept_its_sessions_goes_on_with_them",
            always,
            Deviation::ForgetsSessions,
        ),
        known("a_session_that_began_clean_outlives_a_restart", always, Deviation::ForgetsSessions),
    ],
};

static PROGRAM: Program = Program {
    name: "ejabberd",
    username: "alice@localhost",
    keeper: KEEPER,
    configure,
    saved: "spool",
};

/// As a node without a name it needs no epmd.
const KEEPER: &str = r#"
for folder in /usr/lib/*/ejabberd-*; do ERL_LIBS=${folder%/*}; done
export ERL_LIBS
erl -noinput -mnesia dir '"spool"' -s ejabberd & read -r kept; kill $!; wait $!
"#;

const CONFIGURATION: &str = include_str!("ejabberd.yml");

fn configure(place: &Place, keeper: &mut Command) -> io::Result<()> {
    let configuration = place.folder.join("ejabberd.yml");
    let text = CONFIGURATION.replace("PORT", &place.port.to_string());
    fs::write(&configuration, text)?;
    keeper.env("EJABBERD_CONFIG_PATH", configuration);
    keeper.env("EJABBERD_LOG_PATH", place.folder.join("ejabberd.log"));
    Ok(())
}
