//! What was seen, as a table of rows and brokers.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

/// The ends of the names that adapters have in the results, and the versions they mean.
const VERSIONS: [(&str, &str); 4] =
    [("_3_1", "3.1"), ("_3_1_1", "3.1.1"), ("_5", "5.0"), ("_auto", "auto")];

/// A broker in one version: a column.
type Column = (String, &'static str);

/// What the rows saw.
#[derive(Debug, Default)]
pub(super) struct Table {
    columns: Vec<Column>,
    /// In the order they came first.
    rows: Vec<String>,
    cells: BTreeMap<(String, Column), Cell>,
    /// By broker and row.
    notes: BTreeMap<(String, String), String>,
}

/// What the adapters saw of one broker, version and row.
#[derive(Debug, Default)]
struct Cell {
    adapters: Vec<String>,
    /// The deviation, and what was seen of it first; none for a row that always passed.
    deviation: Option<(String, String)>,
}

impl Table {
    /// Reads the lines the tests wrote: broker, row, adapter and version, deviation, what was seen.
    pub(super) fn read(results: &str) -> Result<Table, String> {
        let mut table = Table::default();
        for line in results.lines() {
            table.add(line).ok_or_else(|| format!("a result that cannot be read: {line}"))?;
        }
        table.rows.sort();
        Ok(table)
    }

    fn add(&mut self, line: &str) -> Option<()> {
        let mut fields = line.split('\t');
        let (broker, row) = (fields.next()?, fields.next()?);
        let on = fields.next()?;
        let named = |(end, version)| Some((on.strip_suffix(end)?, version));
        let (adapter, version) = VERSIONS.into_iter().find_map(named)?;
        let (deviation, what) = (fields.next()?, fields.next()?);
        let column = (broker.to_owned(), version);
        if !self.columns.contains(&column) {
            self.columns.push(column.clone());
        }
        if !self.rows.iter().any(|known| known == row) {
            self.rows.push(row.to_owned());
        }
        let cell = self.cells.entry((row.to_owned(), column)).or_default();
        if deviation.is_empty() && !what.is_empty() {
            self.notes.insert((broker.to_owned(), row.to_owned()), what.to_owned());
        }
        let seen = (!deviation.is_empty()).then(|| (deviation.to_owned(), what.to_owned()));
        cell.adapters.push(adapter.to_owned());
        cell.deviation = cell.deviation.take().or(seen);
        Some(())
    }

    /// The whole document.
    pub(super) fn document(&self, versions: &[String], date: &str) -> String {
        let mut adapters: Vec<_> = self.cells.values().flat_map(|cell| &cell.adapters).collect();
        adapters.sort();
        adapters.dedup();
        let adapters: Vec<_> = adapters.iter().map(|name| name.replace('_', " ")).collect();
        let mut text = format!(
            "# Real brokers\n\n\
             What `cargo xtask interop` saw on {date}; it writes this file when every broker ran. Each row\n\
             of `tests/tests/brokers` is one test per broker, version and runtime ({}).\n\
             A row passes or sees a deviation known by name: anything else fails, and so does a deviation\n\
             that is no longer seen.\n\n",
            adapters.join(", ")
        );
        for version in versions {
            text += &format!("- {version}\n");
        }
        text += &format!(
            "\n## Rows\n\n`+` passed, `≠` deviates (below), empty: not in this version.\n\n{self}"
        );
        if !self.notes.is_empty() {
            text += "\n## Measured\n\n";
        }
        for ((broker, row), what) in &self.notes {
            text += &format!("- {broker}: `{row}`: {what}\n");
        }
        text + "\n## Differences\n\nThese are the broker's own, against the standard or within it.\n"
            + &self.differences()
    }

    fn differences(&self) -> String {
        let mut text = String::new();
        let mut brokers: Vec<&str> = self.columns.iter().map(|(broker, _)| &**broker).collect();
        brokers.dedup();
        for broker in brokers {
            let mut lines: BTreeMap<String, Vec<&str>> = BTreeMap::new();
            for ((row, (of, version)), cell) in &self.cells {
                if let Some((deviation, what)) = cell.deviation.as_ref().filter(|_| of == broker) {
                    let line = format!("{deviation} (`{row}`: {what})");
                    lines.entry(line).or_default().push(version);
                }
            }
            text += &format!("\n### {broker}\n\n");
            for (line, versions) in lines {
                text += &format!("- {line}; in {}\n", versions.join(", "));
            }
        }
        text
    }
}

/// In Markdown.
impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut head = "| row |".to_owned();
        let mut rule = "|---|".to_owned();
        for (broker, version) in &self.columns {
            write!(head, " {broker} {version} |")?;
            rule += ":-:|";
        }
        writeln!(f, "{head}\n{rule}")?;
        for row in &self.rows {
            write!(f, "| {} |", row.replace('_', " "))?;
            for column in &self.columns {
                let cell = self.cells.get(&(row.clone(), column.clone()));
                f.write_str(match cell.map(|cell| &cell.deviation) {
                    None => "  |",
                    Some(None) => " + |",
                    Some(Some(_)) => " ≠ |",
                })?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RESULTS: &str = "a\trow_1\ttokio_5\t\t\na\trow_1\tsmol_5\t\t\n\
                           b\trow_1\ttokio_3_1_1\tis late\t2 s\na\trow_2\ttokio_auto\t\t\n";

    #[test]
    fn results_become_a_table() {
        let table = Table::read(RESULTS).expect("a table");
        assert_eq!(
            table.to_string(),
            "| row | a 5.0 | b 3.1.1 | a auto |\n|---|:-:|:-:|:-:|\n\
             | row 1 | + | ≠ |  |\n| row 2 |  |  | + |\n"
        );
        assert!(table.differences().contains("### b\n\n- is late (`row_1`: 2 s); in 3.1.1\n"));
    }

    #[test]
    fn what_one_adapter_saw_was_seen() {
        let results = "a\trow\ttokio_5\t\t\na\trow\tsmol_5\tis late\t2 s\n";
        let table = Table::read(results).expect("a table");
        assert!(table.to_string().contains("| row | ≠ |"));
        assert!(table.notes.is_empty());
        let table = Table::read("a\trow\ttokio_auto\t\t2 MB\n").expect("a table");
        assert!(table.document(&[], "today").contains("\n## Measured\n\n- a: `row`: 2 MB\n"));
        assert!(Table::read("a\trow\ttokio_6\t\t\n").is_err());
    }
}
