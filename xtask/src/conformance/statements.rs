//! The tables of statements.

use std::path::Path;
use std::{fmt, fs, io};

/// A version of the standard, each with statements and numbers of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    V5,
    V3_1_1,
}

impl Version {
    pub(super) const ALL: [Version; 2] = [Version::V5, Version::V3_1_1];

    const fn table(self) -> &'static str {
        match self {
            Version::V5 => "docs/conformance/mqtt5.tsv",
            Version::V3_1_1 => "docs/conformance/mqtt311.tsv",
        }
    }

    /// What a test writes behind the id of a statement.
    const fn mark(self) -> &'static str {
        match self {
            Version::V5 => "",
            Version::V3_1_1 => " (3.1.1)",
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Version::V5 => "5.0",
            Version::V3_1_1 => "3.1.1",
        })
    }
}

/// Whom a statement binds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Binds {
    /// The client, in what it sends or in what it makes of what it receives.
    Client,
    Server,
}

/// One line of a table.
#[derive(Debug)]
pub(super) struct Statement {
    pub(super) version: Version,
    pub(super) id: String,
    pub(super) binds: Binds,
    pub(super) text: String,
}

impl Statement {
    /// As tests name it: the versions give the same id to different statements.
    pub(super) fn name(&self) -> String {
        format!("{}{}", self.id, self.version.mark())
    }
}

/// The statements of a version.
pub(super) fn read(root: &Path, version: Version) -> io::Result<Vec<Statement>> {
    let table = fs::read_to_string(root.join(version.table()))?;
    parse(&table, |line| statement(version, line))
}

/// Reads a table: comments, a line of headings, then what `line` understands.
pub(super) fn parse<T>(table: &str, line: impl Fn(&str) -> Option<T>) -> io::Result<Vec<T>> {
    let lines = table.lines().filter(|line| !line.starts_with('#')).skip(1);
    lines
        .map(|text| line(text).ok_or_else(|| io::Error::other(format!("not understood: {text}"))))
        .collect()
}

fn statement(version: Version, line: &str) -> Option<Statement> {
    let [id, _section, applies, text] = columns(line)?;
    let binds = match applies {
        "client-send" | "client-receive" | "both" => Binds::Client,
        "server-only" => Binds::Server,
        _ => return None,
    };
    Some(Statement { version, id: id.to_owned(), binds, text: text.to_owned() })
}

/// A line of exactly so many columns, none of them empty.
pub(super) fn columns<const N: usize>(line: &str) -> Option<[&str; N]> {
    let columns: Vec<&str> = line.split('\t').collect();
    let columns = <[&str; N]>::try_from(columns).ok()?;
    columns.iter().all(|column| !column.is_empty()).then_some(columns)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::root;

    #[test]
    fn every_line_has_its_columns() {
        for line in ["A", "A\t1\tboth", "A\t1\tnobody\tx", "A\t1\tboth\t", "A\t1\tboth\tx\ty"] {
            assert!(statement(Version::V5, line).is_none(), "{line}");
        }
        assert!(statement(Version::V5, "A\t1\tboth\tx").is_some());
    }

    #[test]
    fn every_statement_stands_once() {
        for (version, count) in [(Version::V5, 251), (Version::V3_1_1, 141)] {
            let statements = read(&root(), version).unwrap();
            let mut names: Vec<String> = statements.iter().map(Statement::name).collect();
            names.sort();
            names.dedup();
            assert_eq!((names.len(), statements.len()), (count, count), "{version}");
        }
    }
}
