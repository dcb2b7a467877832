//! Compares the clients: interleaved rounds of every workload, then the counts and the codecs.
//!
//! Prints the figures as Markdown and, after a complete run, puts them into
//! `docs/bench/README.md`.
#![expect(clippy::print_stdout, reason = "the figures are its output")]

mod codec;
mod counts;
mod figures;
mod machine;
mod programs;
mod rounds;
mod statistics;

use std::path::Path;
use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use mqtt_benches::{Result, Workload};

use figures::Figures;
use programs::Programs;

/// Rounds that a published figure is the median of, at least.
const ENOUGH_ROUNDS: usize = 5;

/// Measures what a message costs each client, with a neutral peer on loopback.
#[derive(Parser)]
struct Args {
    /// Rounds of every client and workload.
    #[arg(long, default_value_t = ENOUGH_ROUNDS)]
    rounds: usize,
    /// One round with a tenth of the messages: shows that all works.
    #[arg(long)]
    quick: bool,
    /// Only this workload, and no codec.
    #[arg(long)]
    only: Option<Workload>,
    /// Messages of a run at QoS 0.
    #[arg(long, default_value_t = 1_000_000)]
    messages_qos0: u64,
    /// Messages of a run at QoS 1.
    #[arg(long, default_value_t = 300_000)]
    messages_qos1: u64,
}

/// How much to measure.
struct Extent {
    rounds: usize,
    workloads: Vec<Workload>,
    messages: [u64; 2],
    /// All that is published.
    complete: bool,
}

impl Args {
    fn extent(&self) -> Extent {
        let share = if self.quick { 10 } else { 1 };
        let rounds = if self.quick { 1 } else { self.rounds.max(1) };
        Extent {
            rounds,
            workloads: self
                .only
                .map_or(Workload::value_variants().to_vec(), |workload| vec![workload]),
            messages: [self.messages_qos0 / share, self.messages_qos1 / share],
            complete: self.only.is_none() && rounds >= ENOUGH_ROUNDS,
        }
    }
}

fn measure(extent: &Extent) -> Result<Figures> {
    let machine = machine::describe()?;
    let programs = Programs::build()?;
    let rows = rounds::run(&programs, extent);
    let counts = counts::run(&programs, &rows)?;
    let codecs =
        if extent.workloads.len() > 1 { codec::run(&programs, extent.rounds)? } else { vec![] };
    Ok(Figures { machine, rounds: extent.rounds, messages: extent.messages, rows, counts, codecs })
}

fn main() -> Result<ExitCode> {
    let extent = Args::parse().extent();
    let figures = measure(&extent)?;
    println!("{figures}");
    if extent.complete {
        let document = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/bench/README.md");
        figures.write_into(&document)?;
    } else {
        eprintln!("docs/bench/README.md is left as it is: this was not a complete run");
    }
    Ok(if figures.is_void() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
