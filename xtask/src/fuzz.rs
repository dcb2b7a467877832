//! `cargo xtask fuzz`: the fuzz targets, where nightly and cargo-fuzz are installed.

use std::process::ExitCode;
use std::{fs, io};

use crate::command::{root, rustup, succeeds, target as built};
use crate::runner::Runner;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// How long each target is fuzzed
    #[arg(long, default_value_t = 60)]
    seconds: u32,
    /// One target; all if there is none
    target: Option<String>,
}

/// For libFuzzer this means that it draws one.
const NEW_SEED: u32 = 0;

const SAME_SEED: u32 = 1;

/// Fuzzes, and fails where that cannot be.
pub(crate) fn run(args: &Args) -> ExitCode {
    let mut runner = Runner::default();
    match (missing(), &args.target) {
        (Some((what, remedy)), _) => runner.fail("fuzzing", &format!("{what}: {remedy}")),
        (None, Some(target)) => fuzz(&mut runner, target, args.seconds, NEW_SEED),
        (None, None) => {
            each(&mut runner, |runner, target| fuzz(runner, target, args.seconds, NEW_SEED));
        }
    }
    runner.finish()
}

/// Fuzzes each target for so long, or leaves it out by name. One commit gives one verdict, as far as
/// time allows: new seeds are for `cargo xtask fuzz`.
pub(crate) fn check(runner: &mut Runner, seconds: u32) {
    let missing = missing();
    each(runner, |runner, target| match missing {
        Some((what, remedy)) => runner.skip(&step(target), what, remedy),
        None => fuzz(runner, target, seconds, SAME_SEED),
    });
}

fn each(runner: &mut Runner, act: impl Fn(&mut Runner, &str)) {
    match targets() {
        Ok(targets) => targets.iter().for_each(|target| act(runner, target)),
        Err(error) => runner.fail("fuzzing", &format!("no list of targets: {error}")),
    }
}

/// The names of the targets, in order.
fn targets() -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(root().join("fuzz/fuzz_targets"))? {
        let path = entry?.path();
        names.extend(path.file_stem().map(|name| name.to_string_lossy().into_owned()));
    }
    names.sort();
    Ok(names)
}

fn step(target: &str) -> String {
    format!("fuzzing of {target}")
}

/// What is not installed, and the command that installs it.
fn missing() -> Option<(&'static str, &'static str)> {
    if !succeeds(rustup("run nightly cargo --version")) {
        Some(("nightly is not installed", "rustup toolchain install nightly"))
    } else if !succeeds(rustup("run nightly cargo fuzz --version")) {
        Some(("cargo-fuzz is not installed", "cargo install --locked cargo-fuzz"))
    } else {
        None
    }
}

/// Fuzzes one target from the inputs kept. What it finds on the way stays with what was built.
fn fuzz(runner: &mut Runner, target: &str, seconds: u32, seed: u32) {
    let found = built().join("corpus").join(target);
    if let Err(error) = fs::create_dir_all(&found) {
        return runner.fail(&step(target), &format!("{}: {error}", found.display()));
    }
    // All code of the project is safe, and without the sanitizer it runs several times as fast.
    let mut command = rustup(&format!("run nightly cargo fuzz run --sanitizer none {target}"));
    command.arg(found).arg(format!("fuzz/corpus/{target}")).arg("--");
    command.args([format!("-seed={seed}"), format!("-max_total_time={seconds}")]);
    command.args(["-max_len=4096", "-timeout=20", "-print_final_stats=1"]);
    runner.check(&step(target), command);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_targets_are_found() {
        let targets = targets().expect("the folder of the targets");
        assert!(targets.contains(&"decode".to_owned()), "{targets:?}");
    }
}
