//! The figures as Markdown.

use std::fmt::{self, Write as _};
use std::fs;
use std::path::Path;

use clap::ValueEnum;
use mqtt_benches::clients::Client;
use mqtt_benches::{Direction, Result, Workload};

use crate::codec::{BASELINE, Codec};
use crate::counts::{Counts, Quantity};
use crate::rounds::Row;

/// What stands between these lines of the document is written by this program.
const BEGIN: &str = "<!-- figures: written by `run` -->";
const END: &str = "<!-- end of figures -->";

/// All that one run of this program found.
pub(crate) struct Figures {
    pub(crate) machine: String,
    pub(crate) rounds: usize,
    /// Messages of a run at QoS 0 and at QoS 1.
    pub(crate) messages: [u64; 2],
    pub(crate) rows: Vec<Row>,
    pub(crate) counts: Counts,
    pub(crate) codecs: Vec<Codec>,
}

impl Figures {
    /// Whether any row does not count.
    pub(crate) fn is_void(&self) -> bool {
        self.rows.iter().any(|row| row.void.is_some())
    }

    /// Replaces the figures in the document.
    pub(crate) fn write_into(&self, document: &Path) -> Result<()> {
        let text = fs::read_to_string(document)?;
        let missing = || format!("{} lacks its markers", document.display());
        let (before, rest) = text.split_once(BEGIN).ok_or_else(missing)?;
        let (_, after) = rest.split_once(END).ok_or_else(missing)?;
        fs::write(document, format!("{before}{BEGIN}\n{self}\n{END}{after}"))?;
        Ok(())
    }

    fn row(&self, client: Client, workload: Workload) -> Option<&Row> {
        self.rows.iter().find(|row| (row.client, row.workload) == (client, workload))
    }

    /// Median processor time, if the row counts.
    fn cpu(&self, client: Client, workload: Workload) -> Option<f64> {
        let row = self.row(client, workload).filter(|row| row.void.is_none())?;
        row.cpu().map(|cpu| cpu.median)
    }

    fn workload(&self, f: &mut fmt::Formatter<'_>, workload: Workload) -> fmt::Result {
        let queued = workload.direction() == Direction::Receive;
        writeln!(f, "\n### {workload}\n")?;
        let (queue_head, queue_line) =
            if queued { (" CPU ÷ floor with queue |", "---:|") } else { ("", "") };
        writeln!(
            f,
            "| client | CPU ns | min–max | wall ns | CPU ÷ floor |{queue_head} rumqttc ÷ CPU | system calls | instructions | allocations |"
        )?;
        writeln!(f, "|---|---:|---:|---:|---:|{queue_line}---:|---:|---:|---:|")?;
        for row in self.rows.iter().filter(|row| row.workload == workload) {
            self.client(f, row, queued)?;
        }
        Ok(())
    }

    fn client(&self, f: &mut fmt::Formatter<'_>, row: &Row, queued: bool) -> fmt::Result {
        let (client, workload) = (row.client, row.workload);
        if let Some(why) = &row.void {
            return writeln!(f, "| {} | void: {why} |", client.name());
        }
        let (Some(cpu), Some(wall)) = (row.cpu(), row.wall()) else {
            return Ok(());
        };
        let ratio = |over: Option<f64>, under: Option<f64>| match (over, under) {
            (Some(over), Some(under)) => format!("{:.2}", over / under),
            _ => "–".into(),
        };
        let other = |client| self.cpu(client, workload);
        let own = Some(cpu.median);
        let (min, max) = (nanoseconds(cpu.min), nanoseconds(cpu.max));
        write!(f, "| {} | {} | {min}–{max} |", client.name(), nanoseconds(cpu.median))?;
        write!(f, " {} | {} |", nanoseconds(wall.median), ratio(own, other(Client::Floor)))?;
        if queued {
            write!(f, " {} |", ratio(own, other(Client::FloorQueue)))?;
        }
        write!(f, " {} |", ratio(other(Client::Rumqttc), own))?;
        let count = |quantity| self.counts.get(client, workload, quantity);
        let cell = |value: Option<f64>, decimals| match value {
            None => "–".to_owned(),
            Some(0.0) => "0".to_owned(),
            Some(value) => format!("{value:.decimals$}"),
        };
        let system_calls = cell(count(Quantity::SystemCalls), 4);
        let instructions = cell(count(Quantity::Instructions), 0);
        let allocations = cell(count(Quantity::Allocations), 3);
        writeln!(f, " {system_calls} | {instructions} | {allocations} |")
    }

    fn codec(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(baseline) = self.codecs.iter().find(|codec| codec.name == BASELINE) else {
            return Ok(());
        };
        writeln!(f, "\n### Codec, PUBLISH of 64 bytes\n")?;
        writeln!(
            f,
            "| codec | decode ns | ÷ {BASELINE} | decode and read six properties ns | ÷ {BASELINE} | encode ns | ÷ {BASELINE} |"
        )?;
        writeln!(f, "|---|---:|---:|---:|---:|---:|---:|")?;
        for codec in &self.codecs {
            write!(f, "| {} |", codec.name)?;
            let columns = [
                (codec.decode, baseline.decode),
                (codec.properties, baseline.properties),
                (codec.encode, baseline.encode),
            ];
            for (own, baseline) in columns {
                let (ns, ratio) = (own.median, own.median / baseline.median);
                write!(f, " {ns:.1} | {ratio:.2} |")?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut counters = String::new();
        for (quantity, name) in &self.counts.counters {
            write!(counters, "; {quantity} by {name}")?;
        }
        let [qos0, qos1] = self.messages;
        writeln!(f, "{}.", self.machine)?;
        writeln!(
            f,
            "Median of {} interleaved rounds of {qos0} messages at QoS 0 and {qos1} at QoS 1{counters}.",
            self.rounds
        )?;
        for &workload in Workload::value_variants() {
            if self.rows.iter().any(|row| row.workload == workload) {
                self.workload(f, workload)?;
            }
        }
        self.codec(f)
    }
}

/// Three digits are what such a measurement can tell.
fn nanoseconds(value: f64) -> String {
    if value < 100.0 { format!("{value:.1}") } else { format!("{value:.0}") }
}
