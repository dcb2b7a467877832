//! Runs seeds, and says what was checked and what struck.

#![allow(clippy::print_stdout, reason = "it tells its user what came of it")]

use std::num::NonZeroU64;
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use mqtt_simulation::{Seeds, run, run_all};

/// Simulates sessions and the model broker under faults drawn from seeds, and checks the promises.
#[derive(Debug, Parser)]
#[command(name = "mqtt-simulation")]
struct Args {
    /// How many seeds to run
    #[arg(long, value_name = "N")]
    seeds: NonZeroU64,
    /// The first of them
    #[arg(long, value_name = "S", default_value_t = 0)]
    from: u64,
    /// Threads; as many as the machine has, unless given
    #[arg(long, value_name = "N")]
    threads: Option<NonZeroU64>,
    /// How often at least each promise must have been checked and each fault have struck
    #[arg(long, value_name = "N", default_value_t = 0)]
    least: u64,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let Some(seeds) = Seeds::new(args.from, args.seeds) else {
        println!("error: there are no {} seeds from {} on", args.seeds, args.from);
        return ExitCode::from(2);
    };
    let threads = args.threads.and_then(|threads| usize::try_from(threads.get()).ok());
    let start = Instant::now();
    let report = run_all(seeds, threads);
    println!("{}", report.tally);
    let seconds = start.elapsed().as_secs_f64();
    println!("{} seeds from {} on in {seconds:.1} s", report.seeds, args.from);
    if let Some(outcome) = report.failed {
        let seed = outcome.seed;
        let again = run(seed, true);
        match (&again.failure, again.hash == outcome.hash) {
            (Some(failure), true) => println!("\n{failure}"),
            (failure, is_same) => {
                println!("\nthe seed replays differently: same bytes: {is_same}, {failure:?}");
            }
        }
        println!("\nseed {seed} failed; again: cargo xtask simulate --seeds 1 --from {seed}");
        return ExitCode::FAILURE;
    }
    let below = report.tally.below(args.least);
    if !below.is_empty() {
        println!("checked or struck less than {} times: {}", args.least, below.join(", "));
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
