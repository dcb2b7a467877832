//! Mosquitto 2.0: the reference.

use std::io;

use mqtt_testkit::Mosquitto;

use super::{Broker, Instance, Instances, Saved, always, known, only_5};
use crate::Deviation;

pub(crate) static MOSQUITTO: Broker = Broker {
    name: "mosquitto",
    speaks_5: true,
    username: None,
    denies: true,
    start: || Ok(Box::new(Mosquitto::start()?)),
    instances: Instances::Many,
    deviations: &[
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
