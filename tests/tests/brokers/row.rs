//! One row: a broker, an adapter and a version, and what was seen of them.

use std::fmt::Debug;
use std::fs::OpenOptions;
use std::io::Write;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use std::{env, fmt, io};

use mqtt_adapter_blocking::{Backoff, Options, VersionChoice};
use mqtt_testkit::Proxy;
use mqtt_tests::adapter::Adapter;

use crate::broker::{Broker, Instance, Occurrence, Running};
use crate::{Deviation, V5};

/// Where results are written, one line each, when this variable names a file.
const RESULTS: &str = "MQTT_TEST_RESULTS";

/// Nothing, or a deviation and what was seen. Whatever else is wrong panics.
pub(crate) type Verdict = Result<(), Seen>;

/// A deviation that was seen.
#[derive(Debug)]
pub(crate) struct Seen {
    deviation: Deviation,
    what: String,
}

/// What a row runs on.
pub(crate) struct Row<A> {
    pub(crate) adapter: A,
    pub(crate) broker: &'static Broker,
    pub(crate) version: VersionChoice,
    /// `row/adapter_version`: the start of all its topics, for brokers are shared.
    name: &'static str,
    /// The end of its Client Identifiers, which 3.1 wants short.
    number: u32,
    instance: Running,
    /// What is worth telling of a row that passed.
    note: Mutex<String>,
}

impl<A: Adapter> Row<A> {
    pub(crate) fn start(
        broker: &'static Broker,
        version: VersionChoice,
        name: &'static str,
    ) -> Row<A> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let instance = broker.instance();
        Row { adapter: A::start(), broker, version, name, number, instance, note: Mutex::default() }
    }

    /// Runs it; fails when what was seen is not what is known.
    pub(crate) fn judge(self, row: fn(&Row<A>) -> Verdict) {
        let verdict = row(&self);
        let (name, _) = self.name.split_once('/').expect("a name of two parts");
        let known = self.broker.deviation(name, self.version);
        match (&verdict, known) {
            (Ok(()), None) => {}
            (Ok(()), Some(known)) => assert!(
                known.occurrence == Occurrence::Sometimes,
                "{} no longer deviates: {}",
                self.broker.name,
                known.deviation
            ),
            (Err(seen), Some(known)) if seen.deviation == known.deviation => {}
            (Err(seen), _) => panic!("{} deviates: {seen}", self.broker.name),
        }
        self.record(&verdict).expect("the result is written");
    }

    /// Options for a client of this name, which reconnects soon.
    pub(crate) fn options(&self, client: &str) -> Options {
        self.options_at(&self.address(), client)
    }

    /// As [`Row::options`], for a proxy, or another instance of the broker.
    pub(crate) fn options_at(&self, address: &str, client: &str) -> Options {
        let (username, password) = self.broker.credentials;
        self.anonymous(address, client).username(username).password(password)
    }

    /// As [`Row::options_at`], without credentials.
    pub(crate) fn anonymous(&self, address: &str, client: &str) -> Options {
        let [first, longest] = [20, 200].map(Duration::from_millis);
        let backoff = Backoff::Exponential { first, longest, jitter_percent: 20 };
        let options = Options::new(format!("mqtt://{address}")).unwrap();
        let client_id = format!("{client}{}", self.number);
        options.client_id(client_id).version(self.version).backoff(backoff)
    }

    /// The broker with the limits it can have, where it can.
    pub(crate) fn narrow(&self) -> Option<Box<dyn Instance>> {
        self.broker.narrow.map(|start| start().expect("a broker"))
    }

    /// As [`Row::options`], through a proxy.
    pub(crate) fn proxied(&self, client: &str) -> (Proxy, Options) {
        let proxy = Proxy::start(&self.address()).expect("a proxy");
        let options = self.options_at(&proxy.address().to_string(), client);
        (proxy, options)
    }

    /// A connected client of this name.
    pub(crate) fn connect(&self, client: &str) -> A::Client {
        self.adapter.connect(self.options(client)).unwrap()
    }

    pub(crate) fn address(&self) -> String {
        self.instance.address()
    }

    /// A topic of this row alone.
    pub(crate) fn topic(&self, topic: &str) -> String {
        format!("rows/{}/{topic}", self.name)
    }

    /// Puts a line into the document, unless the row deviates.
    pub(crate) fn note(&self, line: impl Into<String>) {
        *self.note.lock().expect("nobody panicked") = line.into();
    }

    pub(crate) fn is_5(&self) -> bool {
        self.version == V5
    }

    /// Adds a line to the results: broker, row, adapter and version, deviation if there was one,
    /// what was seen.
    fn record(&self, verdict: &Verdict) -> io::Result<()> {
        let Some(path) = env::var_os(RESULTS) else { return Ok(()) };
        let (row, on) = self.name.split_once('/').unwrap_or((self.name, ""));
        let note = self.note.lock().expect("nobody panicked");
        let (deviation, what) = match verdict {
            Ok(()) => (String::new(), note.as_str()),
            Err(seen) => (seen.deviation.to_string(), seen.what.as_str()),
        };
        let line = format!("{}\t{row}\t{on}\t{deviation}\t{what}\n", self.broker.name);
        OpenOptions::new().create(true).append(true).open(path)?.write_all(line.as_bytes())
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (seen: {})", self.deviation, self.what)
    }
}

impl Deviation {
    /// The verdict of a row that saw it.
    pub(crate) fn seen(self, what: impl Into<String>) -> Verdict {
        Err(Seen { deviation: self, what: what.into() })
    }
}

/// Whether what was seen is what should be, or what brokers with a deviation show instead.
///
/// # Panics
/// When it is neither.
pub(crate) fn expect<T: PartialEq + Debug>(
    what: &str,
    seen: &T,
    wanted: &T,
    otherwise: &[(T, Deviation)],
) -> Verdict {
    if seen == wanted {
        return Ok(());
    }
    match otherwise.iter().find(|(other, _)| other == seen) {
        Some((_, deviation)) => deviation.seen(format!("{what}: {seen:?}")),
        None => panic!("{what}: {seen:?} instead of {wanted:?}"),
    }
}
