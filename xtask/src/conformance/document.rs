//! The document: counts, then every statement that binds a client with its tests.

use std::fmt;

use super::statements::{Statement, Version};
use super::{Listing, Tolerance, UNTESTED, Untested, Why};

const HEAD: &str = "\
# Conformance

Written by `cargo xtask conformance` from the statements in [`docs/conformance`](docs/conformance) and
the tests that name them. Below stand those that bind a client; the others are for servers alone.
";

const LET_PASS: &str = "\
By default a broker that breaks one of these is not disconnected for it.

| statement | what happens | until |
|---|---|---|";

/// How a statement that binds a client is looked after.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    Tested,
    Later,
    Unobservable,
    Missing,
}

impl Standing {
    const ALL: [Standing; 4] =
        [Standing::Tested, Standing::Later, Standing::Unobservable, Standing::Missing];

    const fn heading(self) -> &'static str {
        match self {
            Standing::Tested => "Enforced by tests",
            Standing::Later => "Not covered yet",
            Standing::Unobservable => "Impossible to observe",
            Standing::Missing => "Without a test",
        }
    }
}

impl fmt::Display for Listing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{HEAD}")?;
        self.counts(f)?;
        self.tolerated(f)?;
        for version in Version::ALL {
            writeln!(f, "\n## MQTT {version}\n")?;
            writeln!(f, "| statement | what it says | tests |\n|---|---|---|")?;
            for statement in self.of_client().filter(|statement| statement.version == version) {
                let text = statement.text.replace('|', "\\|");
                write!(f, "| {} | {text} | ", statement.id)?;
                self.evidence(statement, f)?;
                writeln!(f, " |")?;
            }
        }
        Ok(())
    }
}

impl Listing {
    fn counts(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| | MQTT 5.0 | MQTT 3.1.1 |\n|---|--:|--:|")?;
        let row = |f: &mut fmt::Formatter<'_>, name, statements: &[&Statement]| {
            let [v5, v3] = Version::ALL
                .map(|version| statements.iter().filter(|it| it.version == version).count());
            writeln!(f, "| {name} | {v5} | {v3} |")
        };
        let of_client: Vec<&Statement> = self.of_client().collect();
        row(f, "Statements", &self.statements.iter().collect::<Vec<_>>())?;
        row(f, "which bind a client", &of_client)?;
        for standing in Standing::ALL {
            let mut so = of_client.clone();
            so.retain(|statement| self.standing(statement) == standing);
            row(f, standing.heading(), &so)?;
        }
        writeln!(f, "\nWhat has no test, and why, is in [`{UNTESTED}`]({UNTESTED}).")
    }

    fn tolerated(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\n## What is let pass\n\n{LET_PASS}")?;
        for Tolerance { name, passes, until } in &self.tolerances {
            let until = until.as_ref().map(|until| format!("`{until}`")).unwrap_or_default();
            writeln!(f, "| {name} | {passes} | {until} |")?;
        }
        Ok(())
    }

    fn standing(&self, statement: &Statement) -> Standing {
        match (self.untested(statement), self.tests(statement).next()) {
            (Some(Untested { why: Why::Later, .. }), _) => Standing::Later,
            (Some(Untested { why: Why::Unobservable, .. }), _) => Standing::Unobservable,
            (None, Some(_)) => Standing::Tested,
            (None, None) => Standing::Missing,
        }
    }

    /// The tests by file, or why there is none.
    fn evidence(&self, statement: &Statement, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(Untested { reason, .. }) = self.untested(statement) {
            write!(f, "{}: {reason}", self.standing(statement).heading())?;
        }
        let mut file = None;
        for claim in self.tests(statement) {
            if file == Some(&claim.file) {
                write!(f, ", `{}`", claim.test)?;
            } else {
                let new_line = if file.is_some() { "<br>" } else { "" };
                write!(f, "{new_line}[{0}]({0}): `{1}`", claim.file, claim.test)?;
            }
            file = Some(&claim.file);
        }
        Ok(())
    }
}
