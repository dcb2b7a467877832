//! `cargo xtask interop`: the rows for real brokers, against all that can be had.

mod brokers;
mod table;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use crate::command::{cargo_test, root, target};
use crate::mosquitto::install_packages;
use crate::runner::Runner;
use brokers::{BROKERS, Broker, Source};
use table::Table;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Install what is missing: Debian's packages (needs root; starts no service), and what npm has
    /// into the target folder
    #[arg(long)]
    install: bool,
}

const DOCUMENT: &str = "docs/brokers.md";

/// Runs each broker there is; writes the document when it ran all of them and nothing failed.
pub(crate) fn run(args: &Args) -> ExitCode {
    let mut runner = Runner::default();
    let results = folder().join("results.tsv");
    if let Err(error) = fs::create_dir_all(folder()).and_then(|()| fs::write(&results, "")) {
        eprintln!("{} cannot be written: {error}", results.display());
        return ExitCode::FAILURE;
    }
    if args.install {
        install(&mut runner);
    }
    let mut is_whole = true;
    for broker in &BROKERS {
        is_whole &= check(&mut runner, broker, &results);
    }
    if is_whole {
        runner.own("document", DOCUMENT, || write(&results));
    } else {
        runner.skip(DOCUMENT, "not every broker ran and passed", "cargo xtask interop --install");
    }
    runner.finish()
}

/// Where brokers from npm are installed, and results are kept.
fn folder() -> PathBuf {
    target().join("interop")
}

fn install(runner: &mut Runner) {
    let mut packages = Vec::new();
    for broker in BROKERS.iter().filter(|broker| broker.find(&folder()).is_err()) {
        match broker.source {
            Source::Debian => packages.push(broker.package),
            Source::Npm => {
                let mut npm = Command::new("npm");
                npm.args(["install", "--no-audit", "--no-fund", "--prefix"]);
                npm.arg(folder()).arg(broker.package);
                runner.check(&format!("installation of {}", broker.name), npm);
            }
        }
    }
    if !packages.is_empty() {
        let name = format!("installation of {}", packages.join(", "));
        runner.check(&name, install_packages(&packages));
    }
}

/// Runs the rows with this broker; whether it was there and they passed.
fn check(runner: &mut Runner, broker: &Broker, results: &Path) -> bool {
    if let Err(missing) = broker.find(&folder()) {
        runner.skip(broker.name, &missing, &broker.remedy());
        return false;
    }
    let mut command = cargo_test(&format!("--test brokers -- {}:: --test-threads=4", broker.name));
    command.env("MQTT_TEST_RESULTS", results).env("MQTT_TEST_AEDES", folder());
    let tally = runner.tests(broker.name, command);
    tally.passed() > 0 && tally.failed() + tally.unaccounted() == 0
}

fn write(results: &Path) -> Result<(), String> {
    let results = fs::read_to_string(results).map_err(|error| error.to_string())?;
    let table = Table::read(&results)?;
    println!("{table}");
    let versions = BROKERS.iter().map(|broker| broker.version(&folder()));
    let versions = versions.collect::<Result<Vec<_>, _>>()?;
    let text =
        table.document(&versions, &brokers::output(Command::new("date").args(["-u", "+%F"]))?);
    fs::write(root().join(DOCUMENT), text).map_err(|error| error.to_string())
}
