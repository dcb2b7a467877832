//! `cargo xtask test`: everything a change must pass.

use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use mqtt_testkit::Mosquitto;
use mqtt_testkit::mosquitto::{self, Missing};

use crate::command::{BARE_TARGETS, cargo, cargo_test, succeeds};
use crate::comparison;
use crate::conformance;
use crate::fuzz;
use crate::miri;
use crate::mosquitto::install;
use crate::mutants;
use crate::promises;
use crate::quickstart::{RUNTIMES, endings, under_tls};
use crate::runner::Runner;
use crate::runtimes;
use crate::simulate;
use crate::sizes;
use crate::soak;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Install Debian's mosquitto if there is none (needs root; starts no service)
    #[arg(long)]
    install: bool,
    /// Fail instead of skipping what needs mosquitto if there is none
    #[arg(long)]
    require_brokers: bool,
}

/// Workspaces of their own, which the commands for the main one leave out.
const OTHER_WORKSPACES: [&str; 3] = ["benches", "fuzz", "no-alloc"];

/// How long each fuzz target runs, in seconds.
const FUZZING: u32 = 20;

/// Seeds the simulation runs: more than five million steps.
const SEEDS: NonZeroU64 = NonZeroU64::new(2000).expect("not 0");

/// How often every fault strikes and every promise is checked there, at least.
const LEAST: u64 = 1000;

/// Runs every step, whether the ones before it failed or not.
pub(crate) fn run(args: &Args) -> ExitCode {
    let mut runner = Runner::default();
    format(&mut runner);
    lints(&mut runner);
    docs(&mut runner);
    runner.own("promises", "cargo xtask promises", promises::check);
    runner.own("conformance", "cargo xtask conformance", conformance::check);
    runner.own("planted defects", "git apply --check mutants/*.patch", mutants::check);
    runner.own("adapter sizes", "lines of code of each runtime", sizes::check);
    tests(&mut runner);
    runner.check("simulation", simulate::command(SEEDS, 0, LEAST));
    link_check(&mut runner);
    dependencies(&mut runner);
    runner.beside(one_core, |runner| {
        quickstart(runner, None);
        endings(runner);
        brokers(runner, args);
    });
    runner.finish()
}

fn format(runner: &mut Runner) {
    runner.check("format", cargo("fmt --all --check"));
    for workspace in OTHER_WORKSPACES {
        let line = format!("fmt --manifest-path {workspace}/Cargo.toml --all --check");
        runner.check(&format!("format of {workspace}"), cargo(&line));
    }
}

fn lints(runner: &mut Runner) {
    let lines = [
        ("lints", "--workspace --all-targets --all-features"),
        (
            "lints of the tests with brokers",
            "--workspace --all-features --test brokers --test comparison --test soak",
        ),
        ("lints of the session without memory", "-p mqtt-session --no-default-features"),
        (
            "lints of the session with fixed memory",
            "-p mqtt-session --no-default-features --features fixed",
        ),
        (
            "lints of the adapters without TLS",
            "-p mqtt-adapter-tokio -p mqtt-adapter-smol -p mqtt-adapter-blocking",
        ),
        ("lints of benches", "--manifest-path benches/Cargo.toml --workspace --all-targets"),
        // `panic = "abort"`, which it does not compile without, may be the release profile's alone.
        ("lints of no-alloc", "--manifest-path no-alloc/Cargo.toml --release"),
    ];
    for (name, scope) in lines {
        runner.check(name, cargo(&format!("clippy {scope} -- -D warnings")));
    }
}

fn docs(runner: &mut Runner) {
    let mut command = cargo("doc --workspace --no-deps --all-features");
    command.env("RUSTDOCFLAGS", "-D warnings");
    runner.check("docs", command);
}

/// The tests that need nothing from the machine.
fn tests(runner: &mut Runner) {
    let tally = runner.tests("tests", cargo_test(""));
    runner.own("runtimes", "cargo xtask runtimes", || runtimes::check(&tally));
    let benches = "test --manifest-path benches/Cargo.toml --workspace --lib --bins --no-fail-fast";
    runner.tests("tests of benches", cargo(benches));
}

/// A program without an allocator links and runs here, and its library builds for bare targets.
fn link_check(runner: &mut Runner) {
    let manifest = "--release --manifest-path no-alloc/Cargo.toml";
    runner.check("link check", cargo(&format!("run {manifest}")));
    for target in BARE_TARGETS {
        let name = format!("link check for {target}");
        if has_target(target) {
            runner.check(&name, cargo(&format!("build {manifest} --lib --target {target}")));
        } else {
            let remedy = format!("rustup target add {target}");
            runner.skip(&name, "the target is not installed", &remedy);
        }
    }
}

fn has_target(target: &str) -> bool {
    let output =
        Command::new("rustc").args(["--print", "target-libdir", "--target", target]).output();
    output.is_ok_and(|output| {
        output.status.success()
            && Path::new(String::from_utf8_lossy(&output.stdout).trim()).is_dir()
    })
}

/// What takes one core once it is built, while brokers and their tests mostly wait.
fn one_core(runner: &mut Runner) {
    miri::check(runner);
    fuzz::check(runner, FUZZING);
}

fn dependencies(runner: &mut Runner) {
    if succeeds(cargo("deny --version")) {
        runner.check("dependencies", cargo("deny check"));
    } else {
        let remedy = "cargo install --locked cargo-deny";
        runner.skip("dependencies", "cargo-deny is not installed", remedy);
    }
}

fn brokers(runner: &mut Runner, args: &Args) {
    match broker(runner, args) {
        Ok(program) => {
            // A payload of 256 MiB keeps all others waiting: that row is for `interop`.
            let rows = "mosquitto:: --skip the_largest_payload";
            let mut command = cargo_test(&format!("--test brokers -- {rows}"));
            command.env(mosquitto::VARIABLE, &program);
            runner.tests("real-broker tests", command);
            comparison::run(runner, &program);
            soak::check(runner, &program);
            match Mosquitto::start() {
                Ok(mosquitto) => quickstart(runner, Some(&mosquitto.url())),
                Err(error) => runner.fail("mosquitto", &error.to_string()),
            }
            under_tls(runner);
        }
        Err(missing) => {
            let reason = missing.to_string();
            if args.require_brokers {
                runner.fail("broker", &reason);
            }
            let quickstart = "quickstart with mosquitto";
            let under_tls = "quickstart with mosquitto under TLS";
            let names = ["real-broker tests", comparison::NAME, soak::NAME, quickstart, under_tls];
            for name in names {
                runner.skip(name, &reason, &remedy(&missing));
            }
        }
    }
}

fn remedy(missing: &Missing) -> String {
    match missing {
        Missing::NotInstalled => format!("{}, or: cargo xtask test --install", missing.remedy()),
        Missing::WronglyNamed(_) => missing.remedy().to_owned(),
    }
}

/// Finds the broker, installing it first if that was asked for and is needed.
fn broker(runner: &mut Runner, args: &Args) -> Result<PathBuf, Missing> {
    let found = mosquitto::find();
    if args.install && found == Err(Missing::NotInstalled) {
        runner.check("installation of mosquitto", install());
        return mosquitto::find();
    }
    found
}

/// The example of the README, with the broker at `url` or with the testkit's own.
fn quickstart(runner: &mut Runner, url: Option<&str>) {
    let (with, broker) = match url {
        Some(url) => ("mosquitto", format!(" --broker {url}")),
        None => ("the model broker", String::new()),
    };
    let build = format!("quickstart with {with}");
    if !runner.check(&build, cargo("build --example quickstart")) {
        let remedy = "cargo build --example quickstart";
        return runner.skip(&format!("runs of {build}"), "it does not build", remedy);
    }
    for runtime in RUNTIMES {
        for version in ["5", "3.1.1"] {
            let line = format!(
                "run --example quickstart -- --runtime {runtime} --version {version}{broker}"
            );
            runner.check(&format!("{build} on {runtime}, MQTT {version}"), cargo(&line));
        }
    }
}
