//! Command lines: how they are built, and how they are shown so that they can be typed again.

use std::ffi::OsStr;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, thread};

/// Targets without an operating system that the core must build for.
pub(crate) const BARE_TARGETS: [&str; 2] = ["thumbv7em-none-eabihf", "thumbv6m-none-eabi"];

/// `cargo` with `line`, split at blanks, as its arguments; the cargo that runs this program.
pub(crate) fn cargo(line: &str) -> Command {
    let program = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    command.args(line.split_whitespace()).current_dir(root());
    command
}

/// `cargo test` with `line`: always of the same packages with the same features, so that one build
/// serves all runs, and with at least eight tests at once, since many mostly wait.
pub(crate) fn cargo_test(line: &str) -> Command {
    let mut command = cargo(&format!("test --workspace --all-features --no-fail-fast {line}"));
    if env::var_os(TEST_THREADS).is_none() {
        let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        command.env(TEST_THREADS, cores.max(8).to_string());
    }
    command
}

const TEST_THREADS: &str = "RUST_TEST_THREADS";

/// `rustup` with `line`, as [`cargo`]: the cargo that runs this program is of another toolchain.
pub(crate) fn rustup(line: &str) -> Command {
    let mut command = Command::new("rustup");
    command.args(line.split_whitespace()).current_dir(root());
    command
}

/// Whether the command is there and says yes, without showing a word of it.
pub(crate) fn succeeds(mut command: Command) -> bool {
    let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

/// The root of the repository `cargo xtask` was called in, where every command runs.
///
/// Asked at run time: checkouts that share a target directory may share this program.
pub(crate) fn root() -> PathBuf {
    let package = env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    package.parent().unwrap_or(&package).to_path_buf()
}

/// Where cargo builds; a relative folder is one of the root, where every cargo runs.
pub(crate) fn target() -> PathBuf {
    root().join(env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into()))
}

/// The command as one would type it in the root: variables, program, arguments.
pub(crate) fn line(command: &Command) -> String {
    let variables = command
        .get_envs()
        .filter_map(|(name, value)| Some(format!("{}={}", text(name), word(value?))));
    let program = Path::new(command.get_program()).file_stem().map(word);
    let arguments = command.get_args().map(word);
    let words: Vec<String> = variables.chain(program).chain(arguments).collect();
    words.join(" ")
}

fn word(value: &OsStr) -> String {
    let value = text(value);
    if value.is_empty() || value.contains(char::is_whitespace) {
        format!("'{value}'")
    } else {
        value
    }
}

fn text(value: &OsStr) -> String {
    value.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shown_line_can_be_typed_again() {
        let mut command = cargo("doc --workspace");
        command.env("RUSTDOCFLAGS", "-D warnings");
        assert_eq!(line(&command), "RUSTDOCFLAGS='-D warnings' cargo doc --workspace");
    }

    #[test]
    fn the_root_holds_the_workspace() {
        assert!(root().join("xtask/Cargo.toml").is_file());
    }
}
