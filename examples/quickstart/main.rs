//! Publishes and receives at every QoS while its connection is cut, and counts what arrived.
//!
//! `cargo run --release --example quickstart -- --broker mqtt://host:port`
//! `cargo run --release --example quickstart -- --broker mqtts://host:port --ca ca.pem`

mod report;
mod target;
mod with_blocking;
mod with_smol;
mod with_tokio;

use std::hash::{BuildHasher, RandomState};
use std::io::{self, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use mqtt_adapter_tokio::{Backoff, Options, QoS, SessionExpiry, Version, VersionChoice};
use mqtt_testkit::broker::Settings;
use mqtt_testkit::{Proxy, TcpBroker};

use crate::report::{Error, Phase, Report, json_of_error};
use crate::target::Target;

/// Publishes and receives at every QoS while its connection is cut.
#[derive(Debug, Parser)]
struct Arguments {
    /// The broker, as mqtt://host:port, or mqtts://host:port for TLS; without it the testkit's model
    /// broker is started.
    #[arg(long)]
    broker: Option<String>,
    /// The CA of a broker that speaks TLS, a file in PEM.
    #[arg(long, requires = "broker")]
    ca: Option<PathBuf>,
    /// What runs the client.
    #[arg(long, value_enum, default_value = "tokio")]
    runtime: Runtime,
    /// The protocol version.
    #[arg(long, value_enum, default_value = "5")]
    version: ProtocolVersion,
    /// Messages per QoS.
    #[arg(long, default_value_t = 3000, value_parser = clap::value_parser!(u32).range(10..=1_000_000))]
    messages: u32,
    /// What random choices are drawn from: when the connection is cut, how long the client waits to
    /// connect again. Without it the system chooses one, which is printed.
    #[arg(long)]
    seed: Option<u32>,
    /// Print one JSON object and no progress: `verdict` ("kept", "broken" or "error"), `seed`, and
    /// either `error` or `phases` (each with `qos`, `sent`, `received`, `duplicated`, `lost`,
    /// `messages_per_second`), `cuts` and `resumed`.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Runtime {
    Tokio,
    Smol,
    AsyncStd,
    Blocking,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ProtocolVersion {
    #[value(name = "5")]
    V5,
    #[value(name = "3.1.1")]
    V3_1_1,
    /// 5.0, or 3.1.1 with a broker that refuses it.
    Auto,
}

/// Messages on their way at once: sent and not yet received.
const ON_THEIR_WAY: usize = 500;
/// What does not arrive for so long is lost.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a run needs.
#[derive(Debug)]
pub(crate) struct Plan {
    options: Options,
    /// Of the client that ends the session.
    parting: Options,
    proxy: Proxy,
    topic: String,
    messages: u32,
    seed: u32,
    shows_progress: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let interrupted = || {
        eprintln!("\nquickstart: interrupted");
        std::process::exit(130);
    };
    if let Err(error) = ctrlc::set_handler(interrupted) {
        eprintln!("quickstart: Ctrl-C will end this without a word: {error}");
    }
    let seed = arguments.seed.unwrap_or_else(random);
    let outcome = run(&arguments, seed);
    let kept = outcome.as_ref().is_ok_and(Report::kept_its_promises);
    let written = match &outcome {
        Ok(report) if arguments.json => writeln!(io::stdout(), "{}", report.json(seed)),
        Err(error) if arguments.json => {
            writeln!(io::stdout(), "{}", json_of_error(seed, error))
        }
        Ok(report) => write!(io::stdout(), "{report}"),
        Err(_) => Ok(()),
    };
    if let Err(error) = outcome {
        eprintln!("quickstart: {error}");
    }
    if kept && written.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn run(arguments: &Arguments, seed: u32) -> Result<Report, Error> {
    // Ends with this function.
    let (_broker, url) = match &arguments.broker {
        Some(url) => (None, url.clone()),
        None => {
            let broker = TcpBroker::start(Settings { seed, ..Settings::default() });
            let broker = broker.map_err(Error::Broker)?;
            let url = broker.url();
            (Some(broker), url)
        }
    };
    let plan = plan(&url, arguments, seed)?;
    match arguments.runtime {
        Runtime::Tokio => with_tokio::run(&plan),
        Runtime::Smol => with_smol::run(&plan),
        Runtime::AsyncStd => with_smol::run_on_async_std(&plan),
        Runtime::Blocking => with_blocking::run(&plan),
    }
}

/// A seed from the operating system.
fn random() -> u32 {
    u32::try_from(RandomState::new().hash_one(0) >> 32).unwrap_or_default()
}

/// The client connects through a proxy, which can cut the connection in mid-stream.
fn plan(url: &str, arguments: &Arguments, seed: u32) -> Result<Plan, Error> {
    drop(Options::new(url)?);
    let target = Target::of(url);
    let upstream = target.upstream();
    if let Err(error) = TcpStream::connect(&upstream) {
        return Err(Error::Unreachable { upstream, error });
    }
    let version = arguments.version.name();
    if !arguments.json {
        let runtime = arguments.runtime;
        writeln!(io::stdout(), "broker {upstream}, {runtime:?}, MQTT {version}, --seed {seed}")?;
    }
    let proxy = Proxy::start_seeded(&upstream, seed.into())?;
    let run = std::process::id();
    let [first, longest] = [50, 30_000].map(Duration::from_millis);
    let backoff = Backoff::Exponential { first, longest, jitter_percent: 20 };
    let options = target
        .options(proxy.address(), arguments.ca.as_deref())?
        .client_id(format!("quickstart-{run}"))
        .version(arguments.version)
        .backoff(backoff)
        .seed(seed.into());
    let parting = options.clone().clean_start(true).session_expiry(SessionExpiry::Immediately);
    let topic = format!("quickstart/{run}");
    let (messages, shows_progress) = (arguments.messages, !arguments.json);
    Ok(Plan { options, parting, proxy, topic, messages, seed, shows_progress })
}

impl ProtocolVersion {
    fn name(self) -> &'static str {
        match self {
            ProtocolVersion::V5 => "5.0",
            ProtocolVersion::V3_1_1 => "3.1.1",
            ProtocolVersion::Auto => "of the broker's choice",
        }
    }
}

impl From<ProtocolVersion> for VersionChoice {
    fn from(version: ProtocolVersion) -> VersionChoice {
        match version {
            ProtocolVersion::V5 => VersionChoice::Only(Version::V5),
            ProtocolVersion::V3_1_1 => VersionChoice::Only(Version::V3_1_1),
            ProtocolVersion::Auto => VersionChoice::Auto,
        }
    }
}

impl Plan {
    /// What is sent in turn; a phase with a seed has its connection cut in mid-stream.
    fn phases(&self) -> [Phase; 3] {
        [
            Phase::new(QoS::AtMostOnce, self.messages, None),
            Phase::new(QoS::AtLeastOnce, self.messages, Some(self.seed)),
            Phase::new(QoS::ExactlyOnce, self.messages, Some(self.seed.rotate_left(16))),
        ]
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_arguments_do_not_contradict_each_other() {
        Arguments::command().debug_assert();
    }
}
