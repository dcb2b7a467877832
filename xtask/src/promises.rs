//! `cargo xtask promises`: what the client promises, and which tests show it.

use std::path::Path;
use std::process::ExitCode;
use std::{fmt, fs, io};

use crate::command::root;
use crate::scan::{self, Claim, Notation};

/// The promises, one per line.
const TABLE: &str = "docs/promises.tsv";

/// What a doc comment names promises with.
const LABEL: &str = "Promises:";

/// Prints every promise with its tests; fails if promises and tests disagree.
pub(crate) fn run() -> ExitCode {
    let listing = match Listing::read(&root()) {
        Ok(listing) => listing,
        Err(error) => {
            eprintln!("{TABLE} or the tests cannot be read: {error}");
            return ExitCode::FAILURE;
        }
    };
    println!("{listing}");
    if listing.problems().is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Whether promises and tests agree, and what is wrong if not.
pub(crate) fn check() -> Result<(), String> {
    let listing = Listing::read(&root()).map_err(|error| error.to_string())?;
    let problems = listing.problems();
    if problems.is_empty() { Ok(()) } else { Err(problems.join("; ")) }
}

/// What an adapter could break: a promise, and the behaviours of the whole-system tests that show it.
#[derive(Debug)]
pub(crate) struct Behaviours {
    pub(crate) id: String,
    /// Whether nothing below the adapters keeps it whole.
    pub(crate) is_the_adapters: bool,
    /// `group::behaviour`, each once.
    pub(crate) names: Vec<String>,
}

/// What the tables of the whole-system tests say, in the order of the promises.
pub(crate) fn behaviours() -> io::Result<Vec<Behaviours>> {
    let listing = Listing::read(&root())?;
    let of = |promise: &Promise| {
        let in_tables =
            |claim: &&Claim| claim.file.starts_with("tests/tests/") && claim.test.contains("::");
        let claims = listing.tests(&promise.id).filter(in_tables);
        let mut names: Vec<String> = claims.map(|claim| claim.test.clone()).collect();
        names.sort();
        names.dedup();
        let is_the_adapters = promise.layer == Layer::Adapters;
        Behaviours { id: promise.id.clone(), is_the_adapters, names }
    };
    Ok(listing.promises.iter().map(of).collect())
}

/// One line of the table.
#[derive(Debug)]
struct Promise {
    id: String,
    layer: Layer,
    text: String,
}

/// The lowest layer that can keep a promise whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Layer {
    Session,
    Client,
    Adapters,
    /// Nothing keeps it yet.
    Later,
}

/// The promises and the tests that name them.
#[derive(Debug)]
struct Listing {
    promises: Vec<Promise>,
    claims: Vec<Claim>,
}

impl Listing {
    fn read(root: &Path) -> io::Result<Listing> {
        let promises = parse(&fs::read_to_string(root.join(TABLE))?)?;
        let families = promises.iter().filter_map(|promise| promise.id.split_once('-'));
        let mut families: Vec<&str> = families.map(|(family, _)| family).collect();
        families.dedup();
        let claims = scan::folder(root, Notation { label: LABEL, families: &families })?;
        Ok(Listing { promises, claims })
    }

    /// The tests that name `id`.
    fn tests<'a>(&'a self, id: &'a str) -> impl Iterator<Item = &'a Claim> {
        self.claims.iter().filter(move |claim| claim.ids.iter().any(|named| named == id))
    }

    fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        for Promise { id, layer, .. } in &self.promises {
            match (layer, self.tests(id).next()) {
                (Layer::Session | Layer::Client, None) => {
                    problems.push(format!("{id} has no test"));
                }
                (Layer::Later, Some(claim)) => {
                    problems.push(format!("{id} is for later, and {claim} names it"));
                }
                (Layer::Session | Layer::Client | Layer::Adapters, Some(_))
                | (Layer::Adapters | Layer::Later, None) => {}
            }
        }
        for claim in &self.claims {
            let known = |id: &&String| self.promises.iter().any(|promise| promise.id == **id);
            for id in claim.ids.iter().filter(|id| !known(id)) {
                problems.push(format!("{claim} names {id:?}, which is no promise"));
            }
        }
        problems
    }
}

impl fmt::Display for Listing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Promise { id, layer, text } in &self.promises {
            writeln!(f, "{id} ({layer}): {text}")?;
            let mut file = None;
            for claim in self.tests(id) {
                if file != Some(&claim.file) {
                    file = Some(&claim.file);
                    writeln!(f, "    {}", claim.file)?;
                }
                writeln!(f, "        {}", claim.test)?;
            }
        }
        let unshown = |layer| {
            let of_layer = self.promises.iter().filter(move |promise| promise.layer == layer);
            let ids = of_layer.filter(|promise| self.tests(&promise.id).next().is_none());
            ids.map(|promise| promise.id.as_str()).collect::<Vec<_>>().join(", ")
        };
        writeln!(f)?;
        for layer in [Layer::Session, Layer::Client, Layer::Adapters, Layer::Later] {
            let ids = unshown(layer);
            if !ids.is_empty() {
                writeln!(f, "without a test ({layer}): {ids}")?;
            }
        }
        for problem in self.problems() {
            writeln!(f, "wrong: {problem}")?;
        }
        let shown = self.promises.iter().filter(|promise| self.tests(&promise.id).next().is_some());
        write!(f, "{} of {} promises have tests", shown.count(), self.promises.len())
    }
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Layer::Session => "session",
            Layer::Client => "client",
            Layer::Adapters => "adapters",
            Layer::Later => "later",
        })
    }
}

/// Reads the table: comments, a line of headings, then id, section, layer and sentence.
fn parse(table: &str) -> io::Result<Vec<Promise>> {
    let lines = table.lines().filter(|line| !line.starts_with('#')).skip(1);
    let promises: Option<Vec<Promise>> = lines.map(parse_line).collect();
    promises.ok_or_else(|| io::Error::other("a line without its four columns"))
}

fn parse_line(line: &str) -> Option<Promise> {
    let mut columns = line.split('\t');
    let (id, _section) = (columns.next()?, columns.next()?);
    let layer = match columns.next()? {
        "session" => Layer::Session,
        "client" => Layer::Client,
        "adapters" => Layer::Adapters,
        "later" => Layer::Later,
        _ => return None,
    };
    let text = columns.next()?.to_owned();
    columns.next().is_none().then(|| Promise { id: id.to_owned(), layer, text })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listing(table: &str, tests: &str) -> Listing {
        let table = format!("# about\nid\tsection\tlayer\tpromise\n{table}");
        let mut claims = Vec::new();
        let notation = Notation { label: LABEL, families: &["A"] };
        scan::source("tests/a.rs", tests, notation, &mut claims);
        Listing { promises: parse(&table).unwrap(), claims }
    }

    #[test]
    fn a_promise_kept_below_the_adapters_without_a_test_is_wrong() {
        let table = "A-1\t-\tsession\tx\nA-2\t4\tclient\ty\nA-3\t-\tadapters\tz";
        assert_eq!(listing(table, "").problems(), ["A-1 has no test", "A-2 has no test"]);
    }

    #[test]
    fn a_test_of_no_promise_and_one_too_early_are_wrong() {
        let listing = listing("A-1\t-\tlater\tx", "/// Promises: A-1, A-9\nfn shows() {}\n");
        let problems = listing.problems();
        assert_eq!(problems.len(), 2);
        assert_eq!(problems[0], "A-1 is for later, and tests/a.rs shows names it");
        assert_eq!(problems[1], "tests/a.rs shows names \"A-9\", which is no promise");
    }

    #[test]
    fn every_line_has_its_columns() {
        for line in ["A-1", "A-1\t-\tsession", "A-1\t-\tnowhere\tx", "A-1\t-\tsession\tx\ty"] {
            assert!(parse_line(line).is_none(), "{line}");
        }
        let table = fs::read_to_string(root().join(TABLE)).unwrap();
        let mut ids: Vec<String> =
            parse(&table).unwrap().into_iter().map(|promise| promise.id).collect();
        let all = ids.len();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), all, "an id stands twice");
    }
}
