//! Mosquitto 2.0: the reference.

use std::io;

use mqtt_testkit::Mosquitto;

use super::{Broker, Instance, Instances, Largest, Saved, always, known, only_5};
use crate::Deviation;

pub(crate) static MOSQUITTO: Broker = Broker {
    name: "mosquitto",
    speaks_5: true,
    unspoken: None,
    credentials: ("alice", "x"),
    wrong_credentials: ("alice", "y"),
    refused_client_id: Some(""),
    largest: Largest::OfMqtt,
    start: || Ok(Box::new(Mosquitto::start_with(GUARDED)?)),
    narrow: Some(|| Ok(Box::new(Mosquitto::start_with(&[GUARDED, LIMITS].concat())?))),
    instances: Instances::Many,
    deviations: &[
        known("wrong_credentials_are_refused", always, Deviation::NamesAnotherReason),
        known("a_client_identifier_is_refused", only_5, Deviation::NamesAnotherReason),
        known("a_version_it_does_not_speak_is_refused", always, Deviation::SpeaksEveryVersion),
        // It sends two for each acknowledgement.
        known("no_more_comes_than_receive_maximum", always, Deviation::ExceedsReceiveMaximum),
        known("a_client_taken_over_is_told", always, Deviation::TakesOverInSilence),
        known("aliases_stand_for_topics_on_the_way_in", always, Deviation::UsesNoAliases),
        known(
            "a_subscription_that_is_not_allowed_is_refused",
            always,
            Deviation::GrantsWhatItDenies,
        ),
        // One that began with Clean Start.
        known("a_session_that_began_clean_outlives_a_restart", only_5, Deviation::ForgetsSessions),
    ],
};

/// Who is not alice, or has another password than `x`, is refused.
const GUARDED: &[&str] = &[
    "allow_anonymous false",
    concat!(
        "password_file ",
        env!("CARGO_MANIFEST_DIR"),
        "/tests/brokers/broker/mosquitto.passwords"
    ),
];

const LIMITS: &[&str] = &[
    "max_packet_size 100000",
    "max_qos 1",
    "retain_available false",
    "max_inflight_messages 1",
    "allow_zero_length_clientid false",
];

impl Instance for Mosquitto {
    fn address(&self) -> String {
        Mosquitto::address(self).to_string()
    }

    fn restart(&mut self, saved: Saved) -> io::Result<()> {
        match saved {
            Saved::Kept => Mosquitto::restart(self),
            Saved::Lost => self.restart_empty(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Mosquitto;
    use crate::LIMIT;

    #[test]
    fn it_ends_as_soon_as_it_has_begun() {
        mqtt_tests::Trial::run_within(LIMIT, |_| {
            for _ in 0..20 {
                drop(Mosquitto::start().expect("a broker"));
            }
        });
    }
}
