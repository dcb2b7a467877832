//! Getting the brokers that the tests run against.

use std::process::Command;

use crate::command::root;

/// Installs Debian's package; no service is started. Needs root.
pub(crate) fn install() -> Command {
    install_packages(&["mosquitto"])
}

/// As [`install`], for the packages of several brokers.
pub(crate) fn install_packages(packages: &[&str]) -> Command {
    let mut command = Command::new("sh");
    command.arg("xtask/src/mosquitto/install.sh").args(packages).current_dir(root());
    command
}
