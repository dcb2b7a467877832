//! `cargo xtask simulate`: sessions and the model broker under faults drawn from seeds.

use std::num::NonZeroU64;
use std::process::{Command, ExitCode};

use crate::command::cargo;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// How many seeds to run
    #[arg(long, value_name = "N")]
    seeds: NonZeroU64,
    /// The first of them
    #[arg(long, value_name = "S", default_value_t = 0)]
    from: u64,
    /// How often at least each promise must have been checked and each fault have struck
    #[arg(long, value_name = "N", default_value_t = 0)]
    least: u64,
}

pub(crate) fn run(args: &Args) -> ExitCode {
    match command(args.seeds, args.from, args.least).status() {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            println!("cargo did not run: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The program with these seeds.
pub(crate) fn command(seeds: NonZeroU64, from: u64, least: u64) -> Command {
    let line = "run -p mqtt-simulation --profile simulation --";
    cargo(&format!("{line} --seeds {seeds} --from {from} --least {least}"))
}
