//! Mosquitto 2.0: the reference.

use std::io;

use mqtt_testkit::Mosquitto;

use super::{Broker, Instance, Known, Saved, always, only_5};
use crate::Deviation;

pub(crate) static MOSQUITTO: Broker = Broker {
    name: "mosquitto",
    speaks_5: true,
    username: None,
    start: || Ok(Box::new(Mosquitto::start()?)),
    deviations: &[
        Known {
            row: "no_more_comes_than_receive_maximum",
            when: always,
            // It sends two for each acknowledgement.
            deviation: Deviation::ExceedsReceiveMaximum,
        },
        Known {
            row: "a_client_taken_over_is_told",
            when: always,
            deviation: Deviation::TakesOverInSilence,
        },
        Known {
            row: "aliases_stand_for_topics_on_the_way_in",
            when: always,
            deviation: Deviation::UsesNoAliases,
        },
        Known {
            row: "a_subscription_that_is_not_allowed_is_refused",
            when: always,
            deviation: Deviation::GrantsWhatItDenies,
        },
        Known {
            row: "a_session_that_began_clean_outlives_a_restart",
            when: only_5,
            deviation: Deviation::ForgetsCleanSessions,
        },
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
