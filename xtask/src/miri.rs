//! Miri over the unit tests of the crates without `std`, where nightly has it.

use crate::command::{rustup, succeeds};
use crate::runner::Runner;

const NAME: &str = "unit tests under Miri";

const TESTS: &str =
    "run nightly cargo miri test -p mqtt-proto -p mqtt-session --all-features --lib --no-fail-fast";

/// Cases of a property test: Miri takes as long for one as the processor for hundreds.
const CASES: &str = "4";

/// Runs the unit tests under Miri, or leaves them out by name.
pub(crate) fn check(runner: &mut Runner) {
    if !succeeds(rustup("run nightly cargo miri --version")) {
        let remedy = "rustup toolchain install nightly --component miri,rust-src";
        return runner.skip(NAME, "nightly with Miri is not installed", remedy);
    }
    let mut command = rustup(TESTS);
    // Property tests look for files with cases that failed before.
    command.env("MIRIFLAGS", "-Zmiri-disable-isolation").env("PROPTEST_CASES", CASES);
    runner.tests(NAME, command);
}
