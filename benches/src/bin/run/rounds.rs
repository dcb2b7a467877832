//! The rounds: every client in every workload, one after the other, then again.

use clap::ValueEnum;
use mqtt_benches::clients::Client;
use mqtt_benches::{Report, Workload};

use crate::Extent;
use crate::programs::{Programs, Run};
use crate::statistics::Spread;

/// What one client took for one workload.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) client: Client,
    pub(crate) workload: Workload,
    reports: Vec<Report>,
    /// Why the row does not count.
    pub(crate) void: Option<String>,
}

impl Row {
    /// Processor time of the client per message, in nanoseconds.
    pub(crate) fn cpu(&self) -> Option<Spread> {
        Spread::of(self.reports.iter().map(|r| r.cpu_ns as f64 / r.messages as f64).collect())
    }

    /// Time that passed per message, in nanoseconds.
    pub(crate) fn wall(&self) -> Option<Spread> {
        Spread::of(self.reports.iter().map(|r| r.wall_ns as f64 / r.messages as f64).collect())
    }
}

/// Runs all rounds. A row stops at its first void run.
pub(crate) fn run(programs: &Programs, extent: &Extent) -> Vec<Row> {
    let mut rows = Vec::new();
    for &workload in &extent.workloads {
        for client in
            Client::value_variants().iter().copied().filter(|client| client.runs(workload))
        {
            rows.push(Row { client, workload, reports: Vec::new(), void: None });
        }
    }
    for round in 1..=extent.rounds {
        eprintln!("round {round} of {}", extent.rounds);
        for row in rows.iter_mut().filter(|row| row.void.is_none()) {
            let messages = extent.messages[usize::from(row.workload.qos())];
            let run = Run { client: row.client, workload: row.workload, messages };
            match programs.run(&[], run) {
                Ok(report) => row.reports.push(report),
                Err(why) => row.void = Some(why.to_string()),
            }
        }
    }
    check_floor(&mut rows);
    rows
}

/// A floor that costs more than a fifth of rumqttc at publish is no floor.
fn check_floor(rows: &mut [Row]) {
    for workload in [Workload::PublishQos0, Workload::PublishQos1] {
        let cpu = |client| {
            let row = rows.iter().find(|row| (row.client, row.workload) == (client, workload))?;
            row.cpu().map(|cpu| cpu.median)
        };
        let (Some(floor), Some(rumqttc)) = (cpu(Client::Floor), cpu(Client::Rumqttc)) else {
            continue;
        };
        if floor * 5.0 > rumqttc {
            let row =
                rows.iter_mut().find(|row| (row.client, row.workload) == (Client::Floor, workload));
            row.expect("found above").void = Some("more than a fifth of rumqttc".into());
        }
    }
}
