//! The project's chores: `cargo xtask <command>`, one module per command.

#![allow(clippy::print_stdout, reason = "a chore tells its user what it does")]

mod command;
mod comparison;
mod conformance;
mod embedded;
mod fuzz;
mod interop;
mod miri;
mod mosquitto;
mod mutants;
mod promises;
mod quickstart;
mod report;
mod runner;
mod runtimes;
mod scan;
mod simulate;
mod sizes;
mod soak;
mod tally;
mod test;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", about = "The project's chores")]
struct Cli {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Debug, Subcommand)]
enum Chore {
    /// Run everything a change must pass: format, lints, docs, tests, link check, real brokers
    Test(test::Args),
    /// List what the client promises and the tests that show it
    Promises,
    /// Write CONFORMANCE.md: the statements of the standard and the tests that enforce them
    Conformance(conformance::Args),
    /// Plant known defects into a copy, one at a time, and see whether the checks notice
    Mutants(mutants::Args),
    /// Run the behaviours on every runtime, and write what they showed into docs/runtimes.md
    Runtimes,
    /// Simulate sessions and the model broker under faults drawn from seeds
    Simulate(simulate::Args),
    /// Run the rows for real brokers against all that can be had, and write docs/brokers.md
    Interop(interop::Args),
    /// Send through mosquitto over connections that break at random
    Soak(soak::Args),
    /// Measure what the session takes on microcontrollers, and write it into docs/embedded.md
    Embedded,
    /// Fuzz each target, or one (needs nightly and cargo-fuzz)
    Fuzz(fuzz::Args),
}

fn main() -> ExitCode {
    match Cli::parse().chore {
        Chore::Test(args) => test::run(&args),
        Chore::Promises => promises::run(),
        Chore::Conformance(args) => conformance::run(&args),
        Chore::Mutants(args) => mutants::run(&args),
        Chore::Runtimes => runtimes::run(),
        Chore::Simulate(args) => simulate::run(&args),
        Chore::Interop(args) => interop::run(&args),
        Chore::Soak(args) => soak::run(&args),
        Chore::Embedded => embedded::run(),
        Chore::Fuzz(args) => fuzz::run(&args),
    }
}
