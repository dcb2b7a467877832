//! The brokers of the suite, as values.

mod mosquitto;

use std::io;

use mqtt_adapter_blocking::VersionChoice;

use crate::{Deviation, V5};

pub(crate) use mosquitto::MOSQUITTO;

/// A broker program, and what is known of it.
pub(crate) struct Broker {
    pub(crate) name: &'static str,
    /// Whether it speaks 5.0; else it speaks 3.1.1.
    pub(crate) speaks_5: bool,
    /// The User Name it wants.
    pub(crate) username: Option<&'static str>,
    /// Starts it with a folder and a port of its own.
    pub(crate) start: fn() -> io::Result<Box<dyn Instance>>,
    pub(crate) deviations: &'static [Known],
}

/// A row in which a broker is known to deviate.
pub(crate) struct Known {
    pub(crate) row: &'static str,
    /// In these versions.
    pub(crate) when: fn(VersionChoice) -> bool,
    pub(crate) deviation: Deviation,
}

/// A running broker, which ends when it is dropped.
pub(crate) trait Instance: Send {
    /// Its address, as `host:port`.
    fn address(&self) -> String;

    /// Stops it and starts it again, with or without what it saved.
    fn restart(&mut self, saved: Saved) -> io::Result<()>;
}

/// What becomes of sessions and retained messages when a broker is started again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Saved {
    Kept,
    Lost,
}

impl Broker {
    /// How it deviates in this row, as far as is known.
    pub(crate) fn deviation(&self, row: &str, version: VersionChoice) -> Option<Deviation> {
        let mut known = self.deviations.iter();
        let found = known.find(|known| known.row == row && (known.when)(version));
        found.map(|known| known.deviation)
    }
}

fn always(_: VersionChoice) -> bool {
    true
}

fn only_5(version: VersionChoice) -> bool {
    version == V5
}
