//! The table of promises and runtimes.

use std::fmt;

use crate::promises::Behaviours;

/// The modules of the suite and what the page calls them.
const COLUMNS: [(&str, &str); 6] = [
    ("tokio_current", "tokio 1"),
    ("tokio_multi", "tokio n"),
    ("smol", "smol"),
    ("async_std", "async-std"),
    ("blocking", "blocking"),
    ("blocking_own_loop", "own loop"),
];

/// Rows are promises, columns runtimes.
#[derive(Debug)]
pub(super) struct Table {
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    id: String,
    cells: [Cell; COLUMNS.len()],
}

/// What the behaviours of one promise came to on one runtime.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cell {
    /// None ran.
    Empty,
    /// So many passed.
    Passed(usize),
    Failed,
}

impl Table {
    /// The promises that behaviours showed, and those that only adapters keep, from the results of
    /// tests by name.
    pub(super) fn of(behaviours: &[Behaviours], results: &[(String, bool)]) -> Table {
        let row = |promise: &Behaviours| {
            let cells = COLUMNS.map(|(module, _)| Cell::of(&promise.names, module, results));
            let is_shown = cells.iter().any(|cell| *cell != Cell::Empty);
            (is_shown || promise.is_the_adapters).then(|| Row { id: promise.id.clone(), cells })
        };
        Table { rows: behaviours.iter().filter_map(row).collect() }
    }

    /// Whether every promise was shown on every runtime.
    pub(super) fn check(&self) -> Result<(), String> {
        let mut problems = Vec::new();
        for Row { id, cells } in &self.rows {
            for ((_, column), cell) in COLUMNS.iter().zip(cells) {
                match cell {
                    Cell::Passed(_) => {}
                    Cell::Empty => problems.push(format!("{id} was not shown on {column}")),
                    Cell::Failed => problems.push(format!("{id} does not hold on {column}")),
                }
            }
        }
        if self.rows.is_empty() {
            problems.push("no behaviour ran".to_owned());
        }
        if problems.is_empty() { Ok(()) } else { Err(problems.join("; ")) }
    }
}

impl Cell {
    fn of(behaviours: &[String], module: &str, results: &[(String, bool)]) -> Cell {
        let mut passed = 0;
        for (test, ok) in results {
            let is_claimed = |behaviour: &String| {
                let name = behaviour.rsplit("::").next().unwrap_or(behaviour);
                let mut path = test.rsplit("::");
                path.next() == Some(name) && path.next() == Some(module)
            };
            match (behaviours.iter().any(is_claimed), ok) {
                (false, _) => {}
                (true, true) => passed += 1,
                (true, false) => return Cell::Failed,
            }
        }
        if passed == 0 { Cell::Empty } else { Cell::Passed(passed) }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "| {:<8} |", "Promise")?;
        COLUMNS.iter().try_for_each(|(_, name)| write!(f, " {name:>9} |"))?;
        write!(f, "\n|{:-<10}|", "")?;
        COLUMNS.iter().try_for_each(|_| write!(f, "{:->10}:|", ""))?;
        writeln!(f)?;
        for Row { id, cells } in &self.rows {
            write!(f, "| {id:<8} |")?;
            cells.iter().try_for_each(|cell| write!(f, " {:>9} |", cell.to_string()))?;
            writeln!(f)?;
        }
        Ok(())
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Cell::Empty => f.write_str("none"),
            Cell::Passed(behaviours) => behaviours.fmt(f),
            Cell::Failed => f.write_str("FAILED"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn behaviours(id: &str, is_the_adapters: bool, names: &[&str]) -> Behaviours {
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        Behaviours { id: id.to_owned(), is_the_adapters, names }
    }

    /// The behaviours of a group, passed on every runtime but these.
    fn results(names: &[&str], but: &[(&str, bool)]) -> Vec<(String, bool)> {
        let on = |name: &str| COLUMNS.map(|(module, _)| (format!("{module}::{name}"), true));
        let mut results: Vec<_> = names.iter().flat_map(|name| on(name)).collect();
        results.retain(|(test, _)| but.iter().all(|(other, _)| test != other));
        results
            .extend(but.iter().filter(|(_, ran)| *ran).map(|(name, _)| (name.to_string(), false)));
        results
    }

    #[test]
    fn what_passed_everywhere_has_no_gap() {
        let promises = [behaviours("A-1", false, &["g::x", "g::y"]), behaviours("A-2", false, &[])];
        let table = Table::of(&promises, &results(&["x", "y", "z"], &[]));
        assert_eq!(table.check(), Ok(()));
        assert_eq!(table.rows.len(), 1, "what the session keeps alone is no row");
        assert_eq!(table.rows[0].cells, [Cell::Passed(2); 6]);
        let lines: Vec<String> = table.to_string().lines().map(str::to_owned).collect();
        assert!(lines.iter().all(|line| line.len() == lines[0].len()), "{table}");
    }

    #[test]
    fn a_behaviour_that_did_not_run_is_a_gap() {
        let promises = [behaviours("A-1", false, &["g::x"])];
        let table = Table::of(&promises, &results(&["x"], &[("smol::x", false)]));
        assert_eq!(table.check(), Err("A-1 was not shown on smol".to_owned()));
    }

    #[test]
    fn a_behaviour_that_failed_is_named() {
        let promises = [behaviours("A-1", false, &["g::x", "g::y"])];
        let table = Table::of(&promises, &results(&["x", "y"], &[("blocking::x", true)]));
        assert_eq!(table.check(), Err("A-1 does not hold on blocking".to_owned()));
    }

    #[test]
    fn what_only_adapters_keep_must_be_shown() {
        let table = Table::of(&[behaviours("A-1", true, &[])], &[]);
        assert!(table.check().unwrap_err().starts_with("A-1 was not shown on tokio 1; "));
        assert!(Table::of(&[], &[]).check().is_err(), "nothing ran");
    }

    #[test]
    fn modules_around_the_runtime_do_not_matter() {
        let promises = [behaviours("A-1", false, &["x"])];
        let results: Vec<_> = results(&["x"], &[])
            .into_iter()
            .map(|(test, passed)| (format!("alone::{test}"), passed))
            .collect();
        assert_eq!(Table::of(&promises, &results).check(), Ok(()));
    }
}
