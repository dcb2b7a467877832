//! Tests in processes of their own.

use std::env;
use std::process::Command;

/// Names the test that a process is for.
const ALONE: &str = "MQTT_TEST_ALONE";

/// Runs a test, given its name, in a process of its own: it changes or counts what belongs to the
/// whole process.
///
/// # Panics
/// When the test does; what it said comes with it.
pub fn alone(test: &str, body: impl FnOnce()) {
    if env::var_os(ALONE).is_some_and(|name| name == test) {
        return body();
    }
    let program = env::current_exe().expect("the program of the tests");
    let mut command = Command::new(program);
    command.args([test, "--exact", "--nocapture"]).env(ALONE, test);
    let output = command.output().expect("a process of its own");
    let said = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("1 passed"), "{said}\n{errors}");
}
