//! The broker that the tests run against.

use std::ffi::OsStr;
use std::path::{self, Path, PathBuf};
use std::process::Command;
use std::{env, fmt};

use crate::command::root;

/// Names the broker program: to the tests, and by the user to have another one than found.
pub(crate) const VARIABLE: &str = "MQTT_TEST_MOSQUITTO";

/// Where packages put it and users' `PATH` often does not look.
const SYSTEM_FOLDERS: [&str; 2] = ["/usr/sbin", "/usr/local/sbin"];

/// Why there is no broker.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Missing {
    NotInstalled,
    /// [`VARIABLE`] does not name a program.
    WronglyNamed(PathBuf),
}

/// The broker named by [`VARIABLE`], else the first in `PATH` or the system's folders.
pub(crate) fn find() -> Result<PathBuf, Missing> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path).chain(SYSTEM_FOLDERS.map(PathBuf::from));
    find_in(env::var_os(VARIABLE).as_deref(), folders)
}

/// Installs Debian's package; no service is started. Needs root.
pub(crate) fn install() -> Command {
    let mut command = Command::new("sh");
    command.arg("xtask/src/mosquitto/install.sh").current_dir(root());
    command
}

impl Missing {
    /// What the user can do about it.
    pub(crate) fn remedy(&self) -> &'static str {
        match self {
            Self::NotInstalled => "apt-get install mosquitto, or: cargo xtask test --install",
            Self::WronglyNamed(_) => "unset MQTT_TEST_MOSQUITTO, or name a program",
        }
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotInstalled => write!(f, "mosquitto is not installed"),
            Self::WronglyNamed(path) => {
                write!(f, "{VARIABLE} names no program: {}", path.display())
            }
        }
    }
}

fn find_in(
    named: Option<&OsStr>,
    mut folders: impl Iterator<Item = PathBuf>,
) -> Result<PathBuf, Missing> {
    if let Some(named) = named.map(Path::new) {
        return program(named).ok_or_else(|| Missing::WronglyNamed(named.to_owned()));
    }
    let name = format!("mosquitto{}", env::consts::EXE_SUFFIX);
    folders.find_map(|folder| program(&folder.join(&name))).ok_or(Missing::NotInstalled)
}

/// The absolute path, if a program is there.
fn program(path: &Path) -> Option<PathBuf> {
    if is_program(path) { path::absolute(path).ok() } else { None }
}

#[cfg(unix)]
fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata().is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_program(path: &Path) -> bool {
    path.is_file()
}

#[cfg(all(test, unix))]
mod tests;
