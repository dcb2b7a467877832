//! `cargo xtask conformance`: the statements of the standard, and which tests enforce them.

mod document;
mod draw;
mod statements;

use std::path::Path;
use std::process::ExitCode;
use std::{fs, io};

use crate::command::root;
use crate::scan::{self, Claim, Notation};
use statements::{Binds, Statement, Version, columns, parse};

/// What this command writes.
const DOCUMENT: &str = "CONFORMANCE.md";

/// The statements that bind a client and have no test, each with a reason.
const UNTESTED: &str = "docs/conformance/untested.tsv";

/// The statements that a broker may break unpunished.
const TOLERANCES: &str = "docs/conformance/tolerances.tsv";

/// What a doc comment names statements with.
const LABEL: &str = "Enforces:";

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Instead of writing, draw so many statements that have tests
    #[arg(long, value_name = "COUNT")]
    draw: Option<usize>,
    /// What is drawn: the same seed, the same statements
    #[arg(long, default_value_t = 1, requires = "draw")]
    seed: u64,
}

/// Writes the document and prints what is wrong; or draws statements.
pub(crate) fn run(args: &Args) -> ExitCode {
    let listing = match Listing::read(&root()) {
        Ok(listing) => listing,
        Err(error) => {
            eprintln!("the statements or the tests cannot be read: {error}");
            return ExitCode::FAILURE;
        }
    };
    if let Some(count) = args.draw {
        for statement in draw::draw(&listing, count, args.seed) {
            println!("{}: {}", statement.name(), statement.text);
            for claim in listing.tests(statement) {
                println!("    {claim}");
            }
        }
        return ExitCode::SUCCESS;
    }
    if let Err(error) = fs::write(root().join(DOCUMENT), listing.to_string()) {
        eprintln!("{DOCUMENT}: {error}");
        return ExitCode::FAILURE;
    }
    let problems = listing.problems();
    for problem in &problems {
        println!("wrong: {problem}");
    }
    println!("{DOCUMENT} is written");
    if problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Whether every statement has its test, every test a statement, and the document says so.
pub(crate) fn check() -> Result<(), String> {
    let listing = Listing::read(&root()).map_err(|error| error.to_string())?;
    let mut problems = listing.problems();
    let document = fs::read_to_string(root().join(DOCUMENT)).unwrap_or_default();
    if document != listing.to_string() {
        problems.push(format!("{DOCUMENT} is not what `cargo xtask conformance` writes"));
    }
    if problems.is_empty() { Ok(()) } else { Err(problems.join("; ")) }
}

/// The statements, the tests that name them, and why some are named by none.
#[derive(Debug)]
struct Listing {
    statements: Vec<Statement>,
    untested: Vec<Untested>,
    tolerances: Vec<Tolerance>,
    claims: Vec<Claim>,
}

/// A statement that has no test.
#[derive(Debug)]
struct Untested {
    /// As tests would name it.
    name: String,
    why: Why,
    reason: String,
}

/// A statement that is not held against a broker.
#[derive(Debug)]
struct Tolerance {
    /// As tests name it.
    name: String,
    passes: String,
    /// The setting that ends it.
    until: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Why {
    /// Nothing keeps it yet.
    Later,
    /// No test can tell whether it is kept.
    Unobservable,
}

impl Listing {
    fn read(root: &Path) -> io::Result<Listing> {
        let mut all = Vec::new();
        for version in Version::ALL {
            all.extend(statements::read(root, version)?);
        }
        let untested = parse(&fs::read_to_string(root.join(UNTESTED))?, untested)?;
        let tolerances = parse(&fs::read_to_string(root.join(TOLERANCES))?, tolerance)?;
        let claims = scan::folder(root, Notation { label: LABEL, families: &[] })?;
        Ok(Listing { statements: all, untested, tolerances, claims })
    }

    /// The tests that name the statement.
    fn tests<'a>(&'a self, statement: &Statement) -> impl Iterator<Item = &'a Claim> + use<'a> {
        let name = statement.name();
        self.claims.iter().filter(move |claim| claim.ids.contains(&name))
    }

    fn untested(&self, statement: &Statement) -> Option<&Untested> {
        self.untested.iter().find(|untested| untested.name == statement.name())
    }

    fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        for statement in self.of_client() {
            let name = statement.name();
            match (self.untested(statement), self.tests(statement).next()) {
                (None, None) => problems.push(format!("{name} has no test")),
                (Some(_), Some(claim)) => {
                    problems.push(format!("{name} is listed as untested, and {claim} names it"));
                }
                (Some(_), None) | (None, Some(_)) => {}
            }
        }
        for claim in &self.claims {
            for id in claim.ids.iter().filter(|id| !self.binds_client(id)) {
                problems.push(format!("{claim} names {id:?}, which is no statement for clients"));
            }
        }
        let untested = self.untested.iter().map(|untested| (UNTESTED, &untested.name));
        let tolerated = self.tolerances.iter().map(|tolerance| (TOLERANCES, &tolerance.name));
        for (table, name) in untested.chain(tolerated).filter(|(_, name)| !self.binds_client(name))
        {
            problems.push(format!("{table} has {name:?}, which is no statement for clients"));
        }
        problems
    }

    fn of_client(&self) -> impl Iterator<Item = &Statement> {
        self.statements.iter().filter(|statement| statement.binds == Binds::Client)
    }

    fn binds_client(&self, name: &str) -> bool {
        self.of_client().any(|statement| statement.name() == name)
    }
}

fn untested(line: &str) -> Option<Untested> {
    let [name, why, reason] = columns(line)?;
    let why = match why {
        "later" => Why::Later,
        "unobservable" => Why::Unobservable,
        _ => return None,
    };
    Some(Untested { name: name.to_owned(), why, reason: reason.to_owned() })
}

fn tolerance(line: &str) -> Option<Tolerance> {
    let [name, passes, until] = columns(line)?;
    let until = (until != "-").then(|| until.to_owned());
    Some(Tolerance { name: name.to_owned(), passes: passes.to_owned(), until })
}

#[cfg(test)]
mod tests;
