//! Publishes and receives at every QoS while its connection is cut, and counts what arrived.
//!
//! `cargo run --release --example quickstart -- --broker mqtt://host:port`

mod report;
mod with_blocking;
mod with_smol;
mod with_tokio;

use std::io::{self, Write};
use std::net::TcpStream;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use mqtt_adapter_tokio::{Backoff, Options, QoS, SessionExpiry, Version, VersionChoice};
use mqtt_testkit::broker::Settings;
use mqtt_testkit::{Proxy, TcpBroker};

use crate::report::{Error, Phase, Report};

/// Publishes and receives at every QoS while its connection is cut.
#[derive(Debug, Parser)]
struct Arguments {
    /// The broker, as mqtt://host:port; without it the testkit's model broker is started.
    #[arg(long)]
    broker: Option<String>,
    /// What runs the client.
    #[arg(long, value_enum, default_value = "tokio")]
    runtime: Runtime,
    /// The protocol version.
    #[arg(long, value_enum, default_value = "5")]
    version: ProtocolVersion,
    /// Messages per QoS.
    #[arg(long, default_value_t = 3000, value_parser = clap::value_parser!(u32).range(10..=1_000_000))]
    messages: u32,
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
    match run(&arguments) {
        Ok(report) => {
            let written = write!(io::stdout(), "{report}");
            let is_success = report.kept_its_promises() && written.is_ok();
            if is_success { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            eprintln!("quickstart: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<Report, Error> {
    // Ends with this function.
    let (_broker, url) = match &arguments.broker {
        Some(url) => (None, url.clone()),
        None => {
            let broker = TcpBroker::start(Settings::default()).map_err(Error::Broker)?;
            let url = broker.url();
            (Some(broker), url)
        }
    };
    let plan = plan(&url, arguments)?;
    match arguments.runtime {
        Runtime::Tokio => with_tokio::run(&plan),
        Runtime::Smol => with_smol::run(&plan),
        Runtime::AsyncStd => with_smol::run_on_async_std(&plan),
        Runtime::Blocking => with_blocking::run(&plan),
    }
}

/// The client connects through a proxy, which can cut the connection in mid-stream.
fn plan(url: &str, arguments: &Arguments) -> Result<Plan, Error> {
    drop(Options::new(url)?);
    let (credentials, upstream) = split_authority(url);
    if let Err(error) = TcpStream::connect(&upstream) {
        return Err(Error::Unreachable { upstream, error });
    }
    let version = arguments.version.name();
    writeln!(io::stdout(), "broker {upstream}, {:?}, MQTT {version}", arguments.runtime)?;
    let proxy = Proxy::start(&upstream)?;
    let run = std::process::id();
    let [first, longest] = [50, 30_000].map(Duration::from_millis);
    let backoff = Backoff::Exponential { first, longest, jitter_percent: 20 };
    let options = Options::new(format!("mqtt://{credentials}{}", proxy.address()))?
        .client_id(format!("quickstart-{run}"))
        .version(arguments.version)
        .backoff(backoff);
    let parting = options.clone().clean_start(true).session_expiry(SessionExpiry::Immediately);
    let topic = format!("quickstart/{run}");
    Ok(Plan { options, parting, proxy, topic, messages: arguments.messages })
}

/// User and password with their `@`, and `host:port`, of a URL that was checked.
fn split_authority(url: &str) -> (&str, String) {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest).trim_end_matches('/');
    let host_at = rest.rfind('@').map_or(0, |at| at + 1);
    let (credentials, host) = rest.split_at(host_at);
    let has_port = host.rsplit_once(':').is_some_and(|(_, port)| !port.contains(']'));
    let upstream = if has_port { host.to_owned() } else { format!("{host}:1883") };
    (credentials, upstream)
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
    /// What is sent in turn, and how often the connection is cut meanwhile.
    fn phases(&self) -> [Phase; 3] {
        [
            Phase::new(QoS::AtMostOnce, self.messages, 0),
            Phase::new(QoS::AtLeastOnce, self.messages, 1),
            Phase::new(QoS::ExactlyOnce, self.messages, 1),
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
