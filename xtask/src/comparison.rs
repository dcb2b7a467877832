//! The model broker beside mosquitto: `docs/model-broker.md` is about one version of it.

use std::path::Path;
use std::process::Command;
use std::{fs, io};

use mqtt_testkit::mosquitto::VARIABLE;

use crate::command::{cargo_test, root};
use crate::runner::Runner;

pub(crate) const NAME: &str = "comparison with mosquitto";
const PAGE: &str = "docs/model-broker.md";

/// Compares the two, if `program` is the version that the page is about.
pub(crate) fn run(runner: &mut Runner, program: &Path) {
    let versions = fs::read_to_string(root().join(PAGE))
        .and_then(|page| Ok((version(&page)?.to_owned(), version(&help(program)?)?.to_owned())));
    match versions {
        Ok((known, found)) if known == found => {
            let mut command = cargo_test("--test comparison");
            command.env(VARIABLE, program);
            runner.tests(NAME, command);
        }
        Ok((known, found)) => {
            let reason = format!("this is mosquitto {found}, and {PAGE} is about {known}");
            runner.skip(NAME, &reason, &format!("{VARIABLE}=/path/to/mosquitto-{known}"));
        }
        Err(error) => runner.fail(NAME, &error.to_string()),
    }
}

/// What the program says of itself, and how it is used.
fn help(program: &Path) -> io::Result<String> {
    let output = Command::new(program).arg("-h").output()?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The first version number behind a word `mosquitto`, or `mosquitto version`.
fn version(text: &str) -> io::Result<&str> {
    let mut versions = text.split("mosquitto ").skip(1).filter_map(|rest| {
        let rest = rest.strip_prefix("version ").unwrap_or(rest);
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let number = rest.get(..end)?.trim_end_matches('.');
        (!number.is_empty()).then_some(number)
    });
    versions.next().ok_or_else(|| io::Error::other("no version of mosquitto is named"))
}

#[cfg(test)]
mod tests {
    use super::version;

    #[test]
    fn the_version_is_found_in_prose_and_in_help() {
        let prose = "beside mosquitto and it. The table is about mosquitto 2.0.11. With another";
        assert_eq!(version(prose).unwrap(), "2.0.11");
        assert_eq!(version("mosquitto version 2.1.2\n\nmosquitto is").unwrap(), "2.1.2");
        assert!(version("mosquitto is an MQTT broker").is_err());
    }
}
