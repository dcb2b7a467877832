//! The brokers of the suite, as values.

mod aedes;
mod ejabberd;
mod mosquitto;
mod rabbitmq;
mod served;

use std::io;
use std::sync::OnceLock;

use mqtt_adapter_blocking::{Version, VersionChoice};

use crate::{Deviation, V5};

pub(crate) use aedes::AEDES;
pub(crate) use ejabberd::EJABBERD;
pub(crate) use mosquitto::MOSQUITTO;
pub(crate) use rabbitmq::RABBITMQ;

/// A broker program, and what is known of it.
pub(crate) struct Broker {
    pub(crate) name: &'static str,
    /// Whether it speaks 5.0; else it speaks 3.1.1.
    pub(crate) speaks_5: bool,
    /// A version it does not speak.
    pub(crate) unspoken: Option<Version>,
    /// User Name and Password it takes.
    pub(crate) credentials: (&'static str, &'static str),
    /// Such as it refuses.
    pub(crate) wrong_credentials: (&'static str, &'static str),
    /// A Client Identifier it refuses, if it is narrow where it can be.
    pub(crate) refused_client_id: Option<&'static str>,
    pub(crate) largest: Largest,
    /// Starts it with a folder and a port of its own.
    pub(crate) start: Start,
    /// Starts it with the limits it can be told, one for the size of packets among them: [`NARROW`].
    pub(crate) narrow: Option<Start>,
    pub(crate) instances: Instances,
    pub(crate) deviations: &'static [Known],
}

/// How a broker is started.
type Start = fn() -> io::Result<Box<dyn Instance>>;

/// The largest payload it takes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Largest {
    /// It has no limit of its own: the packet may be as long as MQTT has it.
    OfMqtt,
    /// So many bytes.
    Own(usize),
}

/// Bytes of the largest packet, or payload, of a narrow broker.
pub(crate) const NARROW: usize = 100_000;

/// A row in which a broker is known to deviate.
pub(crate) struct Known {
    pub(crate) row: &'static str,
    /// In these versions.
    pub(crate) when: fn(VersionChoice) -> bool,
    pub(crate) deviation: Deviation,
    pub(crate) occurrence: Occurrence,
}

/// Whether a deviation is seen each time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Occurrence {
    Always,
    /// It depends on the moment of a fault.
    Sometimes,
}

/// How many of them there are.
pub(crate) enum Instances {
    /// One for each row.
    Many,
    /// Those that take long to start are shared by all rows, but for one that starts it again.
    One(OnceLock<Result<Box<dyn Instance>, String>>),
}

/// What a row has of a broker.
pub(crate) enum Running {
    Own(Box<dyn Instance>),
    Shared(&'static dyn Instance),
}

/// A running broker, which ends when it is dropped, or this process ends.
pub(crate) trait Instance: Send + Sync {
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
    /// One for a row.
    pub(crate) fn instance(&'static self) -> Running {
        let start = || (self.start)().map_err(|error| error.to_string());
        match &self.instances {
            Instances::Many => Running::Own(start().expect("a broker")),
            Instances::One(one) => match one.get_or_init(start) {
                Ok(instance) => Running::Shared(&**instance),
                Err(error) => panic!("no broker: {error}"),
            },
        }
    }

    /// How it deviates in this row, as far as is known.
    pub(crate) fn deviation(&self, row: &str, version: VersionChoice) -> Option<&Known> {
        self.deviations.iter().find(|known| known.row == row && (known.when)(version))
    }
}

impl Running {
    pub(crate) fn address(&self) -> String {
        match self {
            Running::Own(instance) => instance.address(),
            Running::Shared(instance) => instance.address(),
        }
    }
}

const fn known(row: &'static str, when: fn(VersionChoice) -> bool, deviation: Deviation) -> Known {
    Known { row, when, deviation, occurrence: Occurrence::Always }
}

const fn sometimes(
    row: &'static str,
    when: fn(VersionChoice) -> bool,
    deviation: Deviation,
) -> Known {
    Known { row, when, deviation, occurrence: Occurrence::Sometimes }
}

fn always(_: VersionChoice) -> bool {
    true
}

fn only_5(version: VersionChoice) -> bool {
    version == V5
}

fn before_5(version: VersionChoice) -> bool {
    !only_5(version)
}
