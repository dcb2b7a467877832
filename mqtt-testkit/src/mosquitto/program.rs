//! Which program the broker is.

use std::ffi::OsStr;
use std::path::{self, Path, PathBuf};
use std::{env, fmt};

/// The variable that names the broker program when another one than the first found is wanted.
pub const VARIABLE: &str = "MQTT_TEST_MOSQUITTO";

/// Where packages put it and users' `PATH` often does not look.
const SYSTEM_FOLDERS: [&str; 2] = ["/usr/sbin", "/usr/local/sbin"];

/// Why there is no broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Missing {
    /// There is none in `PATH` or the system's folders.
    NotInstalled,
    /// [`VARIABLE`] does not name a program.
    WronglyNamed(PathBuf),
}

/// The program named by [`VARIABLE`], else the first `mosquitto` in `PATH`, `/usr/sbin` or
/// `/usr/local/sbin`.
pub fn find() -> Result<PathBuf, Missing> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path).chain(SYSTEM_FOLDERS.map(PathBuf::from));
    find_in(env::var_os(VARIABLE).as_deref(), folders)
}

impl Missing {
    /// What the user can do about it.
    pub fn remedy(&self) -> &'static str {
        match self {
            Missing::NotInstalled => "on Debian: apt-get install mosquitto",
            Missing::WronglyNamed(_) => "unset MQTT_TEST_MOSQUITTO, or name a program",
        }
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Missing::NotInstalled => write!(f, "there is no mosquitto on this machine"),
            Missing::WronglyNamed(path) => {
                write!(f, "{VARIABLE} names no program: {}", path.display())
            }
        }
    }
}

impl std::error::Error for Missing {}

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
