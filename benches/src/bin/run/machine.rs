//! What the figures were measured on.

use std::fs;
use std::process::Command;
use std::thread;

use mqtt_benches::Result;

/// One line: date, processor, kernel, compiler, commit.
pub(crate) fn describe() -> Result<String> {
    let cpuinfo = fs::read_to_string("/proc/cpuinfo")?;
    let model = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    let model = model.map_or("unknown processor", |(_, model)| model.trim());
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease")?;
    let date = first_line("date", &["-u", "+%F"])?;
    let compiler = first_line("rustc", &["--version"])?;
    let commit = first_line("git", &["describe", "--always", "--dirty"]);
    let commit = commit.map_or_else(|_| String::new(), |commit| format!(", commit {commit}"));
    let processors = thread::available_parallelism()?;
    Ok(format!("{date}, {processors} × {model}, Linux {}, {compiler}{commit}", kernel.trim()))
}

fn first_line(program: &str, arguments: &[&str]) -> Result<String> {
    let output = Command::new(program).args(arguments).output()?;
    let text = String::from_utf8(output.stdout)?;
    match text.lines().next() {
        Some(line) if output.status.success() => Ok(line.to_owned()),
        _ => Err(format!("{program} says nothing").into()),
    }
}
