//! `cargo xtask soak`: messages through mosquitto, over connections that break at random.

use std::path::Path;
use std::process::ExitCode;

use mqtt_testkit::mosquitto;

use crate::command::cargo;
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

const NAME: &str = "soak with mosquitto";

pub(crate) fn run(args: &Args) -> ExitCode {
    let mut runner = Runner::default();
    match mosquitto::find() {
        Ok(program) => soak(&mut runner, args, &program),
        Err(missing) => runner.skip(NAME, &missing.to_string(), missing.remedy()),
    }
    runner.finish()
}

fn soak(runner: &mut Runner, args: &Args, program: &Path) {
    let mut command =
        cargo("test --release -p mqtt-tests --features brokers --test soak -- --nocapture");
    command.env(mosquitto::VARIABLE, program);
    command.env("MQTT_SOAK_SECONDS", args.seconds.to_string());
    command.env("MQTT_SOAK_SEED", args.seed.to_string());
    runner.tests(NAME, command);
}
