//! `cargo xtask mutants`: plants known defects into a copy, one at a time, and sees whether the
//! checks notice.

mod copy;
mod defect;

use std::io::{self, Write};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};
use std::{fmt, thread};

use crate::command::{cargo, root};
use copy::Copy;
use defect::Defect;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Plant these defects only (the names of the files in mutants/, without `.patch`)
    #[arg(value_name = "DEFECT")]
    names: Vec<String>,
}

/// A check that a defect has to fail.
struct Check {
    name: &'static str,
    build: &'static str,
    run: &'static str,
}

/// The first that fails is the one reported.
const CHECKS: [Check; 4] = [
    Check {
        name: "simulation",
        build: "build --quiet -p mqtt-simulation --profile simulation",
        run: "run --quiet -p mqtt-simulation --profile simulation -- --seeds 500",
    },
    Check {
        name: "tests of the session",
        build: "test --quiet -p mqtt-session --all-features --test session --no-run",
        run: "test --quiet -p mqtt-session --all-features --test session",
    },
    Check {
        name: "unit tests of the session",
        build: "test --quiet -p mqtt-session --all-features --lib --no-run",
        run: "test --quiet -p mqtt-session --all-features --lib",
    },
    Check {
        name: "tests of the codec",
        build: "test --quiet -p mqtt-proto --all-features --tests --no-run",
        run: "test --quiet -p mqtt-proto --all-features --tests",
    },
];

/// Cases of each property test: what a planted defect breaks is found by few.
const CASES: &str = "128";

/// A check that takes longer hangs, which is a failure too: so long because the machine may be busy.
const LONGEST: Duration = Duration::from_secs(600);

/// Plants every defect, or those that are named; fails if one is missed.
pub(crate) fn run(args: &Args) -> ExitCode {
    match plant_all(&args.names) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(missed) => {
            eprintln!("missed: {missed}");
            ExitCode::FAILURE
        }
        Err(problem) => {
            eprintln!("{problem}");
            ExitCode::FAILURE
        }
    }
}

/// Whether every defect can still be planted.
pub(crate) fn check() -> Result<(), String> {
    let copy = Copy::of(&root())?;
    let defects = Defect::all(&root())?;
    defects.iter().try_for_each(|defect| copy.check(defect))
}

/// Gives how many were missed.
fn plant_all(names: &[String]) -> Result<usize, String> {
    let defects = chosen(Defect::all(&root())?, names)?;
    let copy = Copy::of(&root())?;
    println!("without a defect:");
    if let Verdict::Caught { by, .. } = judge(&copy)? {
        return Err(format!("without a defect caught by the {by}"));
    }
    let mut missed = 0;
    for defect in &defects {
        print!("{:28} ", defect.name);
        io::stdout().flush().map_err(|error| error.to_string())?;
        copy.plant(defect)?;
        let verdict = judge(&copy).map_err(|problem| format!("{}: {problem}", defect.name));
        copy.take_back(defect)?;
        let verdict = verdict?;
        println!("{verdict}: {}", defect.title);
        missed += usize::from(matches!(verdict, Verdict::Missed));
    }
    println!("\n{} planted, {} caught, {missed} missed", defects.len(), defects.len() - missed);
    Ok(missed)
}

/// Those with these names; all, without names.
fn chosen(defects: Vec<Defect>, names: &[String]) -> Result<Vec<Defect>, String> {
    let unknown = names.iter().find(|name| defects.iter().all(|defect| defect.name != **name));
    if let Some(name) = unknown {
        return Err(format!("there is no mutants/{name}.patch"));
    }
    let is_chosen = |defect: &Defect| names.is_empty() || names.contains(&defect.name);
    Ok(defects.into_iter().filter(is_chosen).collect())
}

enum Verdict {
    Caught { by: &'static str, hangs: bool },
    Missed,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Verdict::Caught { by, hangs: false } => write!(f, "caught by the {by}"),
            Verdict::Caught { by, hangs: true } => write!(f, "caught by the {by}, without an end"),
            Verdict::Missed => f.write_str("MISSED"),
        }
    }
}

/// Runs the checks on the copy as it is now. What does not build is no defect but a mistake.
fn judge(copy: &Copy) -> Result<Verdict, String> {
    for Check { name, build, run } in &CHECKS {
        match end(quiet(copy, build))? {
            End::Passed => {}
            End::Failed | End::Hangs => return Err(format!("does not build: cargo {build}")),
        }
        match end(quiet(copy, run))? {
            End::Passed => {}
            End::Failed => return Ok(Verdict::Caught { by: name, hangs: false }),
            End::Hangs => return Ok(Verdict::Caught { by: name, hangs: true }),
        }
    }
    Ok(Verdict::Missed)
}

fn quiet(copy: &Copy, line: &str) -> Command {
    let mut command = cargo(line);
    command.current_dir(copy.tree()).env("CARGO_TARGET_DIR", copy.target());
    command.env("PROPTEST_CASES", CASES);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

enum End {
    Passed,
    Failed,
    Hangs,
}

/// Runs a command to its end, or for as long as it may take.
fn end(mut command: Command) -> Result<End, String> {
    let mut child = isolated(&mut command).spawn().map_err(|error| error.to_string())?;
    let start = Instant::now();
    loop {
        match child.try_wait().map_err(|error| error.to_string())? {
            Some(status) if status.success() => return Ok(End::Passed),
            Some(_) => return Ok(End::Failed),
            None if start.elapsed() > LONGEST => break,
            None => thread::sleep(Duration::from_millis(20)),
        }
    }
    stop(&child);
    child.wait().map_err(|error| error.to_string())?;
    Ok(End::Hangs)
}

/// In a group of its own, so that what cargo started ends with it.
#[cfg(unix)]
fn isolated(command: &mut Command) -> &mut Command {
    std::os::unix::process::CommandExt::process_group(command, 0)
}

#[cfg(not(unix))]
fn isolated(command: &mut Command) -> &mut Command {
    command
}

/// Ends the group. What is left of it if that fails is the caller's to wait for.
fn stop(child: &std::process::Child) {
    let group = format!("-{}", child.id());
    let stopped = Command::new("kill").args(["-KILL", "--", &group]).status();
    if !stopped.is_ok_and(|status| status.success()) {
        eprintln!("process group {} goes on", child.id());
    }
}
