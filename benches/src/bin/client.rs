//! Runs one client through one workload against a `peer` and prints its report as JSON.
#![expect(clippy::print_stdout, reason = "its report is its output")]

use clap::Parser;
use mqtt_benches::clients::{self, Client};
use mqtt_benches::{Plan, Result, Workload};

/// Runs one client through one workload against a peer that listens on loopback.
#[derive(Parser)]
struct Args {
    /// The client under test.
    client: Client,
    /// What it does.
    workload: Workload,
    /// How many messages.
    messages: u64,
    /// The port that the peer printed.
    port: u16,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let Args { client, workload, messages, port } = Args::parse();
    let report = clients::run(client, &Plan { workload, messages, port }).await?;
    println!("{}", serde_json::to_string(&report)?);
    Ok(())
}
