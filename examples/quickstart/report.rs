//! What was sent, what arrived, and what that means.

use std::fmt;
use std::io;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use mqtt_adapter_tokio::{
    ClientEvent, ConnectError, OptionsError, PublishError, QoS, SubscribeError,
};

/// Why a run could not be made.
#[derive(Debug)]
pub(crate) enum Error {
    Options(OptionsError),
    Broker(io::Error),
    Unreachable { upstream: String, error: io::Error },
    Connect(ConnectError),
    Subscribe(SubscribeError),
    Publish(PublishError),
    Io(io::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Options(error) => error.fmt(f),
            Error::Broker(error) => {
                write!(f, "{error}; or name one: --broker mqtt://host:port")
            }
            Error::Unreachable { upstream, error } => write!(f, "no broker at {upstream}: {error}"),
            Error::Connect(error) => error.fmt(f),
            Error::Subscribe(error) => error.fmt(f),
            Error::Publish(error) => error.fmt(f),
            Error::Io(error) => error.fmt(f),
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
    /// How often the connection is cut in mid-stream.
    cuts: u32,
}

impl Phase {
    pub(crate) fn new(qos: QoS, messages: u32, cuts: u32) -> Phase {
        Phase { qos, messages, cuts }
    }

    /// Whether to cut before the message with this number is sent.
    pub(crate) fn cuts_before(&self, number: u32) -> bool {
        let step = self.messages / (self.cuts + 1);
        number > 0 && number.is_multiple_of(step) && number / step <= self.cuts
    }
}

/// Counts the messages of one phase as they arrive.
#[derive(Debug)]
pub(crate) struct Tally {
    phase: Phase,
    started: Instant,
    seen: Vec<u32>,
    received: u32,
    bar: ProgressBar,
}

impl Tally {
    pub(crate) fn start(phase: Phase) -> Tally {
        let bar = ProgressBar::new(u64::from(phase.messages));
        let template = "{msg} [{bar:40}] {pos}/{len} {per_sec}";
        bar.set_style(ProgressStyle::with_template(template).expect("the template is valid"));
        bar.set_message(format!("QoS {}", phase.qos as u8));
        let seen = vec![0; phase.messages as usize];
        Tally { phase, started: Instant::now(), seen, received: 0, bar }
    }

    /// Counts a message of this phase; `true` for one that was not seen before.
    pub(crate) fn count(&mut self, payload: &[u8]) -> bool {
        let Some(seen) =
            number(payload, self.phase.qos).and_then(|number| self.seen.get_mut(number as usize))
        else {
            return false;
        };
        *seen += 1;
        if *seen == 1 {
            self.received += 1;
            self.bar.inc(1);
        }
        *seen == 1
    }

    pub(crate) fn is_complete(&self) -> bool {
        self.received == self.phase.messages
    }

    pub(crate) fn finish(self) -> Row {
        self.bar.finish_and_clear();
        let copies: u32 = self.seen.iter().map(|seen| seen.saturating_sub(1)).sum();
        Row {
            qos: self.phase.qos,
            sent: self.phase.messages,
            received: self.received,
            duplicated: copies,
            lost: self.phase.messages - self.received,
            elapsed: self.started.elapsed(),
        }
    }
}

/// The payload of a message: its QoS and number.
pub(crate) fn payload(qos: QoS, number: u32) -> String {
    format!("{} {number}", qos as u8)
}

fn number(payload: &[u8], qos: QoS) -> Option<u32> {
    let (its_qos, number) = std::str::from_utf8(payload).ok()?.split_once(' ')?;
    (its_qos == (qos as u8).to_string()).then_some(())?;
    number.parse().ok()
}

/// The result of one phase.
#[derive(Debug)]
pub(crate) struct Row {
    qos: QoS,
    sent: u32,
    received: u32,
    duplicated: u32,
    lost: u32,
    elapsed: Duration,
}

/// The result of a run.
#[derive(Debug, Default)]
pub(crate) struct Report {
    rows: Vec<Row>,
    cut: u32,
    resumed: u32,
}

impl Report {
    pub(crate) fn add(&mut self, row: Row) {
        self.rows.push(row);
    }

    /// Counts connections that ended, and those that found their session.
    pub(crate) fn note(&mut self, event: &ClientEvent) {
        match event {
            ClientEvent::Disconnected { .. } => self.cut += 1,
            ClientEvent::Connected { session_present: true } => self.resumed += 1,
            _ => {}
        }
    }

    /// QoS 1 lost nothing; QoS 2 lost and duplicated nothing.
    pub(crate) fn kept_its_promises(&self) -> bool {
        self.rows.iter().all(|row| match row.qos {
            QoS::AtMostOnce => true,
            QoS::AtLeastOnce => row.lost == 0,
            QoS::ExactlyOnce => row.lost == 0 && row.duplicated == 0,
        })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "QoS     sent  received  duplicated  lost  messages/s")?;
        for row in &self.rows {
            let rate = f64::from(row.received) / row.elapsed.as_secs_f64();
            writeln!(
                f,
                "{:<3} {:>8} {:>9} {:>11} {:>5} {rate:>11.0}",
                row.qos as u8, row.sent, row.received, row.duplicated, row.lost
            )?;
        }
        writeln!(f, "cut {} times, resumed {} times", self.cut, self.resumed)?;
        let verdict = if self.kept_its_promises() { "every promise kept" } else { "FAILED" };
        writeln!(f, "{verdict}")
    }
}
