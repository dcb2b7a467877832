//! Counts per message: system calls, instructions, allocations.
//!
//! Each is the difference between a long and a short run, so that starting, connecting and
//! warming up cancel. Other programs count, in runs that are not timed.

use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use mqtt_benches::clients::Client;
use mqtt_benches::{Result, Workload};

use crate::programs::{Programs, Run};
use crate::rounds::Row;

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Quantity {
    SystemCalls,
    Instructions,
    Allocations,
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SystemCalls => "system calls",
            Self::Instructions => "instructions",
            Self::Allocations => "allocations",
        })
    }
}

/// A program that runs the client and counts.
struct Counter {
    quantity: Quantity,
    name: &'static str,
    /// Messages of the short and of the long run.
    lengths: [u64; 2],
    /// `FILE` stands for where it writes.
    command: &'static [&'static str],
    read: fn(&str) -> Option<u64>,
}

const FILE: &str = "FILE";

/// For each quantity the first that works is used.
const COUNTERS: [Counter; 4] = [
    Counter {
        quantity: Quantity::SystemCalls,
        name: "perf stat",
        lengths: [50_000, 550_000],
        command: &["perf", "stat", "-x,", "-e", "raw_syscalls:sys_enter", "-o", FILE, "--"],
        read: |text| {
            text.lines().find(|l| l.contains("sys_enter"))?.split(',').next()?.parse().ok()
        },
    },
    Counter {
        quantity: Quantity::SystemCalls,
        name: "strace",
        lengths: [10_000, 60_000],
        command: &["strace", "-f", "-qq", "-c", "-U", "calls,name", "-o", FILE, "--"],
        read: |text| text.lines().last()?.trim().strip_suffix("total")?.trim().parse().ok(),
    },
    Counter {
        quantity: Quantity::Instructions,
        name: "callgrind",
        lengths: [5_000, 30_000],
        command: &[
            "valgrind",
            "--tool=callgrind",
            "--callgrind-out-file=/dev/null",
            "--log-file=FILE",
            "--",
        ],
        read: |text| number_after(text, "Collected :"),
    },
    Counter {
        quantity: Quantity::Allocations,
        name: "memcheck",
        lengths: [2_000, 12_000],
        command: &[
            "valgrind",
            "--leak-check=no",
            "--undef-value-errors=no",
            "--log-file=FILE",
            "--",
        ],
        read: |text| number_after(text, "total heap usage:"),
    },
];

/// All counts, per message, and who counted.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    values: Vec<(Client, Workload, Quantity, f64)>,
    pub(crate) counters: Vec<(Quantity, &'static str)>,
}

impl Counts {
    pub(crate) fn get(
        &self,
        client: Client,
        workload: Workload,
        quantity: Quantity,
    ) -> Option<f64> {
        let key = (client, workload, quantity);
        self.values.iter().find(|&&(c, w, q, _)| (c, w, q) == key).map(|&(.., value)| value)
    }
}

/// Counts all that can be counted here, for every row that is not void.
pub(crate) fn run(programs: &Programs, rows: &[Row]) -> Result<Counts> {
    let directory = tempfile::tempdir()?;
    let file = directory.path().join("count");
    let mut counts = Counts::default();
    for quantity in [Quantity::SystemCalls, Quantity::Instructions, Quantity::Allocations] {
        let mut candidates = COUNTERS.iter().filter(|counter| counter.quantity == quantity);
        let Some(counter) = candidates.find(|counter| counter.works(&file)) else {
            eprintln!("skipped: {quantity}: nothing here counts them (see docs/bench/README.md)");
            continue;
        };
        eprintln!("{quantity} with {}", counter.name);
        counts.counters.push((quantity, counter.name));
        for row in rows.iter().filter(|row| row.void.is_none()) {
            match counter.per_message(programs, row, &file) {
                Ok(value) => counts.values.push((row.client, row.workload, quantity, value)),
                Err(why) => eprintln!("skipped: {} {}: {why}", row.client.name(), row.workload),
            }
        }
    }
    Ok(counts)
}

impl Counter {
    fn wrapper(&self, file: &Path) -> Vec<OsString> {
        let file = file.to_string_lossy();
        self.command.iter().map(|word| word.replace(FILE, &file).into()).collect()
    }

    /// Whether it counts anything in a program that does nothing.
    fn works(&self, file: &Path) -> bool {
        let wrapper = self.wrapper(file);
        let mut command = Command::new(&wrapper[0]);
        command.args(&wrapper[1..]).arg("true").stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success()) && self.count(file).is_ok()
    }

    fn count(&self, file: &Path) -> Result<u64> {
        let text = fs::read_to_string(file)?;
        (self.read)(&text).ok_or_else(|| format!("{} has not counted", self.name).into())
    }

    fn per_message(&self, programs: &Programs, row: &Row, file: &Path) -> Result<f64> {
        let wrapper = self.wrapper(file);
        let mut counts = [0.0; 2];
        for (count, messages) in counts.iter_mut().zip(self.lengths) {
            let run = Run { client: row.client, workload: row.workload, messages };
            programs.run(&wrapper, run)?;
            *count = self.count(file)? as f64;
        }
        Ok((counts[1] - counts[0]) / (self.lengths[1] - self.lengths[0]) as f64)
    }
}

/// The number after `label`, whose thousands may be set apart by commas.
fn number_after(text: &str, label: &str) -> Option<u64> {
    let (_, rest) = text.split_once(label)?;
    rest.split_whitespace().next()?.replace(',', "").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_found_in_what_the_counters_write() {
        let written = [
            "# started on Sat Nov 21\n\n29,,raw_syscalls:sys_enter,506794,100.00,,\n",
            "    calls syscall\n--------- ----------------\n        2 close\n       29 total\n",
            "==7== Events    : Ir\n==7== Collected : 29\n==7== \n",
            "==7==   total heap usage: 29 allocs, 4 frees, 1,234 bytes allocated\n",
        ];
        for (counter, text) in COUNTERS.iter().zip(written) {
            assert_eq!((counter.read)(text), Some(29), "{}", counter.name);
            assert_eq!((counter.read)(""), None, "{}", counter.name);
        }
        assert_eq!(number_after("heap usage: 1,234,567 allocs", "usage:"), Some(1_234_567));
    }
}
