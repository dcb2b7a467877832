//! `cargo xtask soak`: messages through mosquitto, over connections that break at random.

use std::path::Path;
use std::process::ExitCode;

use mqtt_testkit::mosquitto;

use crate::command::cargo_test;
use crate::runner::Runner;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// How long connections break
    #[arg(long, default_value_t = 600)]
    seconds: u64,
    /// Where the faults are drawn from
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// The soak of the test command.
const SHORT: Args = Args { seconds: 30, seed: 1 };

pub(crate) const NAME: &str = "soak with mosquitto";

/// Soaks, or leaves it out by name.
pub(crate) fn run(args: &Args) -> ExitCode {
    let mut runner = Runner::default();
    match mosquitto::find() {
        Ok(program) => soak(&mut runner, "--release ", args, &program),
        Err(missing) => runner.skip(NAME, &missing.to_string(), missing.remedy()),
    }
    runner.finish()
}

/// Soaks for half a minute, with what the tests with brokers built already.
pub(crate) fn check(runner: &mut Runner, program: &Path) {
    soak(runner, "", &SHORT, program);
}

fn soak(runner: &mut Runner, profile: &str, args: &Args, program: &Path) {
    let mut command = cargo_test(&format!("{profile}--test soak -- --nocapture"));
    command.env(mosquitto::VARIABLE, program);
    command.env("MQTT_SOAK_SECONDS", args.seconds.to_string());
    command.env("MQTT_SOAK_SEED", args.seed.to_string());
    runner.tests(NAME, command);
}
