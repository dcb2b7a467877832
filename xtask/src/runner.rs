//! Runs one step after the other, or beside others, and keeps the account.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::process::{Command, ExitCode, ExitStatus, Stdio};
use std::thread;
use std::time::Instant;

use crate::command::line;
use crate::report::{Outcome, Report, Step};
use crate::tally::Tally;

/// A sequence of steps. A failed step does not end it; [`Runner::finish`] tells.
#[derive(Debug, Default)]
pub(crate) struct Runner {
    report: Report,
    screen: Screen,
}

/// Where output goes.
#[derive(Debug, Default)]
enum Screen {
    /// To standard output, as it comes.
    #[default]
    Open,
    /// Here, until others are done.
    Kept(Vec<u8>),
}

impl Runner {
    /// Runs a command that counts as one; returns whether its exit status was 0.
    pub(crate) fn check(&mut self, name: &str, mut command: Command) -> bool {
        self.step(name, &line(&command), |screen| {
            Outcome::of_check(ended(screen.run(&mut command)))
        })
    }

    /// Runs a `cargo test`, whose tests count one by one; returns their account.
    pub(crate) fn tests(&mut self, name: &str, mut command: Command) -> Tally {
        let mut tally = Tally::default();
        self.step(name, &line(&command), |screen| {
            let result = ended(screen.run_tests(&mut command, &mut tally));
            judge(result, &tally)
        });
        if tally.ignored() > 0 {
            let reason = format!("{} marked as ignored", tally.ignored());
            self.skip(name, &reason, &format!("{} -- --ignored", line(&command)));
        }
        tally
    }

    /// Runs a check of this program that counts as one; returns whether it passed.
    pub(crate) fn own(
        &mut self,
        name: &str,
        what: &str,
        check: impl FnOnce() -> Result<(), String>,
    ) -> bool {
        self.step(name, what, |_| Outcome::of_check(check()))
    }

    /// Counts a failure that no command was needed to find.
    pub(crate) fn fail(&mut self, name: &str, problem: &str) {
        self.step(name, problem, |_| Outcome::of_check(Err(problem.to_owned())));
    }

    /// Leaves something out, with the command that would let it run.
    pub(crate) fn skip(&mut self, name: &str, reason: &str, remedy: &str) {
        self.report.skip(name, reason, remedy);
    }

    /// Runs some steps beside others. What the commands of the former print comes after the latter;
    /// checks of this program print at once.
    pub(crate) fn beside(
        &mut self,
        aside: impl FnOnce(&mut Runner) + Send,
        ahead: impl FnOnce(&mut Runner),
    ) {
        thread::scope(|scope| {
            let aside = scope.spawn(|| {
                let screen = Screen::Kept(Vec::new());
                let mut runner = Runner { screen, ..Runner::default() };
                aside(&mut runner);
                runner
            });
            ahead(self);
            let Ok(aside) = aside.join() else {
                return self.fail("steps beside others", "a panic, see above");
            };
            self.screen.show(aside.screen);
            self.report.append(aside.report);
        });
    }

    /// Prints the account; the exit code is 0 if something passed and nothing failed.
    pub(crate) fn finish(self) -> ExitCode {
        println!("\n{}", self.report);
        if self.report.succeeded() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }

    fn step(&mut self, name: &str, what: &str, run: impl FnOnce(&mut Screen) -> Outcome) -> bool {
        let title = format!("\n==> {name}: {what}");
        println!("{title}");
        self.screen.keep(&title);
        let start = Instant::now();
        let outcome = run(&mut self.screen);
        let step = Step { name: name.to_owned(), time: start.elapsed(), outcome };
        println!("<== {step}");
        let passed = step.outcome.problem.is_none();
        self.report.add(step);
        passed
    }
}

impl Screen {
    fn run(&mut self, command: &mut Command) -> io::Result<ExitStatus> {
        match self {
            Screen::Open => command.status(),
            Screen::Kept(kept) => {
                let output = command.output()?;
                kept.extend([output.stderr, output.stdout].concat());
                Ok(output.status)
            }
        }
    }

    /// As [`Screen::run`], and the tally reads standard output.
    fn run_tests(&mut self, command: &mut Command, tally: &mut Tally) -> io::Result<ExitStatus> {
        match self {
            Screen::Open => stream(command, tally),
            Screen::Kept(kept) => {
                let output = command.output()?;
                kept.extend_from_slice(&output.stderr);
                copy(output.stdout.as_slice(), kept, tally)?;
                Ok(output.status)
            }
        }
    }

    /// Keeps a line for what follows it, where that is kept.
    fn keep(&mut self, line: &str) {
        match self {
            Screen::Open => {}
            Screen::Kept(kept) => kept.extend(format!("{line}\n").into_bytes()),
        }
    }

    /// Shows what was kept.
    fn show(&mut self, other: Screen) {
        match (self, other) {
            (_, Screen::Open) => {}
            (Screen::Open, Screen::Kept(output)) => print!("{}", String::from_utf8_lossy(&output)),
            (Screen::Kept(kept), Screen::Kept(output)) => kept.extend(output),
        }
    }
}

/// Runs a command, copying its standard output through as it comes.
fn stream(command: &mut Command, tally: &mut Tally) -> io::Result<ExitStatus> {
    let mut child = command.stdout(Stdio::piped()).spawn()?;
    let copied = child.stdout.take().map_or(Ok(()), |output| copy(output, io::stdout(), tally));
    let status = child.wait()?;
    copied.map(|()| status)
}

fn copy(output: impl Read, mut screen: impl Write, tally: &mut Tally) -> io::Result<()> {
    let mut output = BufReader::new(output);
    loop {
        let bytes = output.fill_buf()?;
        if bytes.is_empty() {
            return Ok(());
        }
        screen.write_all(bytes)?;
        screen.flush()?;
        tally.read(bytes);
        let read = bytes.len();
        output.consume(read);
    }
}

fn ended(status: io::Result<ExitStatus>) -> Result<(), String> {
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(status.to_string()),
        Err(error) => Err(format!("did not run: {error}")),
    }
}

/// A run of tests passes if it says so, every announced test has a result, and there is one.
fn judge(result: Result<(), String>, tally: &Tally) -> Outcome {
    let problem = if tally.failed() > 0 {
        Some(format!("tests failed: {}", tally.failed()))
    } else if let Err(ended) = result {
        Some(ended)
    } else if tally.unaccounted() > 0 {
        Some(format!("tests without a result: {}", tally.unaccounted()))
    } else if tally.passed() == 0 {
        Some("no test ran".to_owned())
    } else {
        None
    };
    let least = u64::from(problem.is_some());
    Outcome { passed: tally.passed(), failed: tally.failed().max(least), problem }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;

    use crate::command::cargo;

    use super::*;

    fn judged(result: Result<(), String>, output: &str) -> Outcome {
        let (mut screen, mut tally) = (Vec::new(), Tally::default());
        copy(output.as_bytes(), &mut screen, &mut tally).expect("copied");
        assert_eq!(screen, output.as_bytes());
        judge(result, &tally)
    }

    #[test]
    fn passed_tests_count_one_by_one() {
        let outcome = judged(Ok(()), "running 2 tests\ntest result: ok. 2 passed; 0 failed\n");
        assert_eq!(outcome, Outcome { passed: 2, failed: 0, problem: None });
    }

    #[test]
    fn failed_tests_count_one_by_one() {
        let output = "running 5 tests\ntest result: FAILED. 3 passed; 2 failed\n";
        let outcome = judged(Err("exit status: 101".to_owned()), output);
        assert_eq!((outcome.passed, outcome.failed), (3, 2));
        assert_eq!(outcome.problem.as_deref(), Some("tests failed: 2"));
    }

    #[test]
    fn a_build_that_fails_counts_as_one() {
        let outcome = judged(Err("exit status: 101".to_owned()), "");
        assert_eq!(outcome, Outcome::of_check(Err("exit status: 101".to_owned())));
    }

    #[test]
    fn a_test_program_without_a_result_fails() {
        let outcome = judged(Ok(()), "running 1 test\n");
        assert_eq!(outcome, Outcome::of_check(Err("tests without a result: 1".to_owned())));
    }

    /// Neither would come to its end alone.
    #[test]
    fn what_runs_beside_others_is_counted_behind_them() {
        let (mut runner, meeting) = (Runner::default(), Barrier::new(2));
        runner.beside(
            |runner| {
                runner.own("aside", "meets the other", || {
                    meeting.wait();
                    Err("fails".to_owned())
                });
                runner.check("cargo", cargo("--version"));
            },
            |runner| {
                runner.own("ahead", "meets the other", || {
                    meeting.wait();
                    Ok(())
                });
            },
        );
        let report = runner.report.to_string();
        let names = report.lines().filter_map(|line| line.split(" s  ").nth(1));
        assert_eq!(names.collect::<Vec<_>>(), ["ahead", "aside", "cargo"]);
        assert!(report.contains("\n  aside: fails\n\n2 passed, 1 failed"), "{report}");
    }

    #[test]
    fn no_test_is_a_failure() {
        let outcome = judged(Ok(()), "running 0 tests\ntest result: ok. 0 passed; 0 failed\n");
        assert_eq!(outcome, Outcome::of_check(Err("no test ran".to_owned())));
    }
}
