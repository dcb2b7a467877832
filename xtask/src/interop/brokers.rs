//! The brokers, and whether they are there.

use std::fs;
use std::path::Path;
use std::process::Command;

use mqtt_testkit::mosquitto;

/// Where a broker comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    Debian,
    Npm,
}

/// A broker of the suite.
#[derive(Debug)]
pub(super) struct Broker {
    /// As the tests call it.
    pub(super) name: &'static str,
    pub(super) package: &'static str,
    pub(super) source: Source,
}

/// All of them, the reference first.
pub(super) const BROKERS: [Broker; 4] = [
    Broker { name: "mosquitto", package: "mosquitto", source: Source::Debian },
    Broker { name: "ejabberd", package: "ejabberd", source: Source::Debian },
    Broker { name: "rabbitmq", package: "rabbitmq-server", source: Source::Debian },
    Broker { name: "aedes", package: "aedes", source: Source::Npm },
];

impl Broker {
    /// Whether it is there; an error says what is missing. `folder` holds what npm installed.
    pub(super) fn find(&self, folder: &Path) -> Result<(), String> {
        let is_there = match self.source {
            Source::Debian if self.name == "mosquitto" => mosquitto::find().is_ok(),
            Source::Debian => self.debian_version().is_some(),
            Source::Npm => self.npm_version(folder).is_ok() && has_node(),
        };
        let missing = || format!("there is no {} on this machine", self.package);
        if is_there { Ok(()) } else { Err(missing()) }
    }

    /// The command that gets it.
    pub(super) fn remedy(&self) -> String {
        let by_hand = match self.source {
            Source::Debian => format!("on Debian: apt-get install {}", self.package),
            Source::Npm => "install Node.js and npm".to_owned(),
        };
        format!("{by_hand}; then or instead: cargo xtask interop --install")
    }

    /// Its name and version, and where it is from.
    pub(super) fn version(&self, folder: &Path) -> Result<String, String> {
        let unknown = || format!("the version of {} is unknown", self.package);
        match self.source {
            Source::Debian => {
                let version = self.debian_version().ok_or_else(unknown)?;
                Ok(format!("{} {version} (Debian's `{}`)", self.name, self.package))
            }
            Source::Npm => {
                let version = self.npm_version(folder)?;
                Ok(format!("{} {version} (npm's `{}`)", self.name, self.package))
            }
        }
    }

    fn debian_version(&self) -> Option<String> {
        let mut query = Command::new("dpkg-query");
        query.args(["--show", "--showformat=${db:Status-Status} ${Version}", self.package]);
        let version = output(&mut query).ok()?;
        version.strip_prefix("installed ").map(str::to_owned)
    }

    /// What its `package.json` says.
    fn npm_version(&self, folder: &Path) -> Result<String, String> {
        let path = folder.join("node_modules").join(self.package).join("package.json");
        let text = fs::read_to_string(&path).map_err(|error| error.to_string())?;
        let version = text.split_once("\"version\"").and_then(|(_, rest)| rest.split('"').nth(1));
        version.map(str::to_owned).ok_or_else(|| format!("{} has no version", path.display()))
    }
}

fn has_node() -> bool {
    output(Command::new("node").arg("--version")).is_ok()
}

/// What a command that succeeds prints, without the line feed.
pub(super) fn output(command: &mut Command) -> Result<String, String> {
    let output = command.stderr(std::process::Stdio::null()).output();
    let output = output.map_err(|error| error.to_string())?;
    if !output.status.success() {
        return Err(format!("{:?}: {}", command.get_program(), output.status));
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
}
