//! What was sent, what arrived, and what that means.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use mqtt_adapter_tokio::{
    ClientEvent, ConnectError, OptionsError, PublishError, QoS, SubscribeError,
};

/// Why a run could not be made, or not be brought to its end.
#[derive(Debug)]
pub(crate) enum Error {
    Options(OptionsError),
    Broker(io::Error),
    /// The URL takes TLS, and nobody says whom to trust.
    NoCa,
    Ca {
        path: PathBuf,
        error: io::Error,
    },
    Unreachable {
        upstream: String,
        error: io::Error,
    },
    Connect(ConnectError),
    Subscribe(SubscribeError),
    Publish(PublishError),
    Io(io::Error),
    /// Nothing came for so long.
    Silence(Duration),
    /// It broke off; and why the last attempt to connect again failed.
    BrokeOff {
        error: Box<Error>,
        attempt: ConnectError,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Options(error) => error.fmt(f),
            Error::Broker(error) => write!(f, "the model broker does not start: {error}"),
            Error::NoCa => f.write_str("mqtts:// takes --ca, the broker's CA in PEM"),
            Error::Ca { path, error } => write!(f, "--ca {}: {error}", path.display()),
            Error::Unreachable { upstream, error } => write!(f, "no broker at {upstream}: {error}"),
            Error::Connect(error) => error.fmt(f),
            Error::Subscribe(error) => error.fmt(f),
            Error::Publish(error) => error.fmt(f),
            Error::Io(error) => error.fmt(f),
            Error::Silence(time) => {
                write!(f, "the broker did not answer for {} s", time.as_secs())
            }
            Error::BrokeOff { error, attempt } => {
                write!(f, "{error}; the last attempt to connect failed: {attempt}")
            }
        }
    }
}

macro_rules! from {
    ($($variant:ident($error:ty)),* $(,)?) => {
        $(impl From<$error> for Error {
            fn from(error: $error) -> Error {
                Error::$variant(error)
            }
        })*
    };
}

from! {
    Options(OptionsError),
    Connect(ConnectError),
    Subscribe(SubscribeError),
    Publish(PublishError),
    Io(io::Error),
}

/// One QoS in turn.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Phase {
    pub(crate) qos: QoS,
    pub(crate) messages: u32,
    /// Before which message the connection is cut.
    cut_before: Option<u32>,
}

impl Phase {
    /// With a seed the connection is cut, somewhere between the first and the last quarter.
    pub(crate) fn new(qos: QoS, messages: u32, seed: Option<u32>) -> Phase {
        let somewhere = |seed: u32| messages / 4 + seed % (messages / 2);
        Phase { qos, messages, cut_before: seed.map(somewhere) }
    }

    /// Whether to cut before the message with this number is sent.
    pub(crate) fn cuts_before(&self, number: u32) -> bool {
        self.cut_before == Some(number)
    }
}

/// Counts the messages of one phase, from the first one sent to the last one of the run.
#[derive(Debug)]
struct Tally {
    phase: Phase,
    started: Instant,
    elapsed: Duration,
    /// How often each number arrived.
    seen: Vec<u32>,
    received: u32,
    bar: ProgressBar,
}

impl Tally {
    fn start(phase: Phase, shows_progress: bool) -> Tally {
        let bar = match shows_progress {
            true => ProgressBar::new(u64::from(phase.messages)),
            false => ProgressBar::hidden(),
        };
        let template = "{msg} [{bar:40}] {pos}/{len} {per_sec}";
        bar.set_style(ProgressStyle::with_template(template).expect("the template is valid"));
        bar.set_message(format!("QoS {}", phase.qos as u8));
        let seen = vec![0; phase.messages as usize];
        Tally { phase, started: Instant::now(), elapsed: Duration::ZERO, seen, received: 0, bar }
    }

    /// `true` for a number that did not arrive before.
    fn count(&mut self, number: u32) -> bool {
        let Some(seen) = self.seen.get_mut(number as usize) else { return false };
        *seen += 1;
        if *seen == 1 {
            self.received += 1;
            self.bar.inc(1);
        }
        *seen == 1
    }

    fn lost(&self) -> u32 {
        self.phase.messages - self.received
    }

    fn duplicated(&self) -> u32 {
        self.seen.iter().map(|seen| seen.saturating_sub(1)).sum()
    }
}

/// The payload of a message: its QoS and number.
pub(crate) fn payload(qos: QoS, number: u32) -> String {
    format!("{} {number}", qos as u8)
}

/// The payload of the last message: what comes before it on the topic has come.
pub(crate) const LAST: &str = "last";

/// The result of a run.
#[derive(Debug, Default)]
pub(crate) struct Report {
    tallies: Vec<Tally>,
    /// How often the connection was cut on purpose.
    cuts: u32,
    /// Connections that ended, and those that found their session.
    ended: u32,
    resumed: u32,
    attempt: Option<ConnectError>,
    shows_progress: bool,
}

impl Report {
    pub(crate) fn new(shows_progress: bool) -> Report {
        Report { shows_progress, ..Report::default() }
    }

    /// A phase begins.
    pub(crate) fn start(&mut self, phase: Phase) {
        self.cuts += u32::from(phase.cut_before.is_some());
        self.tallies.push(Tally::start(phase, self.shows_progress));
    }

    /// The phase is over.
    pub(crate) fn finish_phase(&mut self) {
        if let Some(tally) = self.tallies.last_mut() {
            tally.elapsed = tally.started.elapsed();
            tally.bar.finish_and_clear();
        }
    }

    /// Counts a message, which may be a late one of an earlier phase; `true` for one that did not
    /// arrive before.
    pub(crate) fn count(&mut self, payload: &[u8]) -> bool {
        let text = std::str::from_utf8(payload).ok();
        let Some((qos, number)) = text.and_then(|text| text.split_once(' ')) else { return false };
        let Ok(number) = number.parse() else { return false };
        let mut tallies = self.tallies.iter_mut();
        let tally = tallies.find(|tally| (tally.phase.qos as u8).to_string() == qos);
        tally.is_some_and(|tally| tally.count(number))
    }

    /// Whether all messages of the phase arrived.
    pub(crate) fn is_phase_complete(&self) -> bool {
        self.tallies.last().is_none_or(|tally| tally.lost() == 0)
    }

    pub(crate) fn note(&mut self, event: &ClientEvent) {
        match event {
            ClientEvent::Disconnected { .. } => self.ended += 1,
            ClientEvent::Connected { session_present: true } => self.resumed += 1,
            ClientEvent::ConnectFailed(error) => self.attempt = Some(error.clone()),
            _ => {}
        }
    }

    /// The error with what is known about its cause.
    pub(crate) fn explain(self, error: Error) -> Error {
        match self.attempt {
            Some(attempt) => Error::BrokeOff { error: Box::new(error), attempt },
            None => error,
        }
    }

    /// QoS 1 lost nothing, QoS 2 lost and duplicated nothing, and that over connections that were
    /// cut and found their session again.
    pub(crate) fn kept_its_promises(&self) -> bool {
        let was_tried = self.ended >= self.cuts && self.resumed == self.ended;
        was_tried
            && self.tallies.iter().all(|tally| match tally.phase.qos {
                QoS::AtMostOnce => true,
                QoS::AtLeastOnce => tally.lost() == 0,
                QoS::ExactlyOnce => tally.lost() == 0 && tally.duplicated() == 0,
            })
    }
}

impl Report {
    /// As one JSON object, with the seed it was drawn from.
    pub(crate) fn json(&self, seed: u32) -> String {
        let phases: Vec<_> = self.tallies.iter().map(Tally::json).collect();
        let verdict = if self.kept_its_promises() { "kept" } else { "broken" };
        format!(
            r#"{{"verdict":"{verdict}","seed":{seed},"phases":[{}],"cuts":{},"resumed":{}}}"#,
            phases.join(","),
            self.ended,
            self.resumed
        )
    }
}

impl Tally {
    fn per_second(&self) -> f64 {
        f64::from(self.received) / self.elapsed.as_secs_f64()
    }

    fn json(&self) -> String {
        let (qos, sent, received) = (self.phase.qos as u8, self.phase.messages, self.received);
        let (duplicated, lost) = (self.duplicated(), self.lost());
        let rate = self.per_second();
        format!(
            r#"{{"qos":{qos},"sent":{sent},"received":{received},"duplicated":{duplicated},"lost":{lost},"messages_per_second":{rate:.0}}}"#
        )
    }
}

/// The JSON object of a run that could not be made, or not be brought to its end.
pub(crate) fn json_of_error(seed: u32, error: &Error) -> String {
    let text = error.to_string().replace('\\', "\\\\").replace('"', "\\\"");
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    format!(r#"{{"verdict":"error","seed":{seed},"error":"{text}"}}"#)
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "QoS     sent  received  duplicated  lost  messages/s")?;
        for tally in &self.tallies {
            writeln!(
                f,
                "{:<3} {:>8} {:>9} {:>11} {:>5} {:>11.0}",
                tally.phase.qos as u8,
                tally.phase.messages,
                tally.received,
                tally.duplicated(),
                tally.lost(),
                tally.per_second(),
            )?;
        }
        writeln!(f, "cut {} times, resumed {} times", self.ended, self.resumed)?;
        let verdict = if self.kept_its_promises() { "every promise kept" } else { "FAILED" };
        writeln!(f, "{verdict}")
    }
}
