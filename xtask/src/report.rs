//! What a run of steps came to.

use std::fmt;
use std::time::Duration;

/// Steps in the order they ran, those beside others behind them, and what was left out.
#[derive(Debug, Default)]
pub(crate) struct Report {
    steps: Vec<Step>,
    skipped: Vec<Skipped>,
}

/// One step that ran.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) name: String,
    pub(crate) time: Duration,
    pub(crate) outcome: Outcome,
}

/// What a step adds to the totals. It failed exactly if it has a `problem`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) problem: Option<String>,
}

/// Something that did not run, why, and the command that would let it run.
#[derive(Debug)]
struct Skipped {
    name: String,
    reason: String,
    remedy: String,
}

impl Report {
    pub(crate) fn add(&mut self, step: Step) {
        self.steps.push(step);
    }

    pub(crate) fn skip(&mut self, name: &str, reason: &str, remedy: &str) {
        self.skipped.push(Skipped {
            name: name.to_owned(),
            reason: reason.to_owned(),
            remedy: remedy.to_owned(),
        });
    }

    /// Adds what others did.
    pub(crate) fn append(&mut self, mut other: Report) {
        self.steps.append(&mut other.steps);
        self.skipped.append(&mut other.skipped);
    }

    /// Whether something passed and nothing failed.
    pub(crate) fn succeeded(&self) -> bool {
        self.passed() > 0 && self.failed() == 0
    }

    fn passed(&self) -> u64 {
        self.steps.iter().map(|step| step.outcome.passed).sum()
    }

    fn failed(&self) -> u64 {
        self.steps.iter().map(|step| step.outcome.failed).sum()
    }
}

/// Ends with the line `N passed, N failed`, without a line feed.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "steps:")?;
        for step in &self.steps {
            writeln!(f, "  {step}")?;
        }
        if !self.skipped.is_empty() {
            writeln!(f, "\nskipped:")?;
        }
        for Skipped { name, reason, remedy } in &self.skipped {
            writeln!(f, "  {name}: {reason}\n      {remedy}")?;
        }
        let mut failed = self.steps.iter().filter_map(Step::problem).peekable();
        if failed.peek().is_some() {
            writeln!(f, "\nfailed:")?;
        }
        for (name, problem) in failed {
            writeln!(f, "  {name}: {problem}")?;
        }
        write!(f, "\n{} passed, {} failed", self.passed(), self.failed())
    }
}

impl Step {
    fn problem(&self) -> Option<(&str, &str)> {
        Some((&self.name, self.outcome.problem.as_deref()?))
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = if self.outcome.problem.is_some() { "FAILED" } else { "passed" };
        write!(f, "{verdict} {:7.1} s  {}", self.time.as_secs_f64(), self.name)?;
        match &self.outcome {
            Outcome { passed: 0 | 1, failed: 0 | 1, .. } => Ok(()),
            Outcome { passed, failed, .. } => write!(f, " ({passed} passed, {failed} failed)"),
        }
    }
}

impl Outcome {
    /// A step that counts as one.
    pub(crate) fn of_check(result: Result<(), String>) -> Self {
        let (passed, failed) = if result.is_ok() { (1, 0) } else { (0, 1) };
        Self { passed, failed, problem: result.err() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(outcomes: impl IntoIterator<Item = Outcome>) -> Report {
        let mut report = Report::default();
        for outcome in outcomes {
            let time = Duration::from_millis(1250);
            report.add(Step { name: "lints".to_owned(), time, outcome });
        }
        report
    }

    #[test]
    fn nothing_is_not_a_success() {
        assert!(!Report::default().succeeded());
    }

    #[test]
    fn the_last_line_sums_up() {
        let tests = Outcome { passed: 41, failed: 0, problem: None };
        let report = report([Outcome::of_check(Ok(())), tests]);
        assert!(report.succeeded());
        assert_eq!(report.to_string().lines().last(), Some("42 passed, 0 failed"));
        assert!(!report.to_string().contains("failed:"));
    }

    #[test]
    fn what_failed_and_what_was_skipped_is_named() {
        let mut report = report([Outcome::of_check(Err("exit status: 101".to_owned()))]);
        report.skip("dependencies", "cargo-deny is not installed", "cargo install cargo-deny");
        assert!(!report.succeeded());
        assert_eq!(
            report.to_string(),
            "steps:\n  FAILED     1.2 s  lints\n\n\
             skipped:\n  dependencies: cargo-deny is not installed\n      \
             cargo install cargo-deny\n\n\
             failed:\n  lints: exit status: 101\n\n\
             0 passed, 1 failed"
        );
    }
}
