//! Getting the broker that the tests run against.

use std::process::Command;

use crate::command::root;

/// Installs Debian's package; no service is started. Needs root.
pub(crate) fn install() -> Command {
    let mut command = Command::new("sh");
    command.arg("xtask/src/mosquitto/install.sh").current_dir(root());
    command
}
