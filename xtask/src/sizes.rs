//! How large the adapters are: what is in them is no longer below them.

use std::path::Path;
use std::{fs, io};

use crate::command::root;

/// Lines of code a runtime may have, without tests, comments and blank lines.
const MOST: usize = 600;

/// The calls, each a line over that of `mqtt-client`, and their errors: what an adapter for an async
/// runtime re-exports, and one for blocking code has to write.
const CALLS: [&str; 4] = ["client.rs", "error.rs", "publishing.rs", "receiving.rs"];

/// Layers an adapter does not name: what they decide is the protocol.
const BELOW: [&str; 2] = ["mqtt-proto", "mqtt-session"];

/// Prints the size of every adapter; whether each is small enough and knows `mqtt-client` alone.
pub(crate) fn check() -> Result<(), String> {
    let problems = problems(&root()).map_err(|error| error.to_string())?;
    if problems.is_empty() { Ok(()) } else { Err(problems.join("; ")) }
}

fn problems(root: &Path) -> io::Result<Vec<String>> {
    let (mut problems, mut adapters) = (Vec::new(), 0);
    for name in adapters_in(root)? {
        let folder = root.join(&name);
        let Size { runtime, calls } = Size::of(&folder.join("src"))?;
        println!("{name:<17} {runtime:>4} lines of runtime, {calls:>4} of calls");
        if runtime > MOST {
            problems.push(format!("{name} has {runtime} lines of runtime, above {MOST}"));
        }
        let manifest = fs::read_to_string(folder.join("Cargo.toml"))?;
        let below = BELOW.iter().filter(|layer| manifest.contains(*layer));
        problems.extend(below.map(|layer| format!("{name} names {layer}")));
        adapters += 1;
    }
    if adapters == 0 {
        problems.push("there is no adapter".to_owned());
    }
    Ok(problems)
}

fn adapters_in(root: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(root)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name.starts_with("adapter-") {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

/// Lines of code below a folder.
#[derive(Debug, Default)]
struct Size {
    runtime: usize,
    calls: usize,
}

impl Size {
    fn of(folder: &Path) -> io::Result<Size> {
        let mut size = Size::default();
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let (path, name) = (entry.path(), entry.file_name());
            if entry.file_type()?.is_dir() {
                let below = Size::of(&path)?;
                size.runtime += below.runtime;
                size.calls += below.calls;
            } else if name != "tests.rs" {
                let is_calls = CALLS.iter().any(|calls| name == *calls);
                let lines = if is_calls { &mut size.calls } else { &mut size.runtime };
                *lines += lines_of(&fs::read_to_string(&path)?);
            }
        }
        Ok(size)
    }
}

/// The lines of code of one file, whose tests stand at its end. What it passes on is none.
fn lines_of(source: &str) -> usize {
    let code = source.split("#[cfg(test)]").next().unwrap_or_default();
    let (mut lines, mut passes_on) = (0, false);
    for line in code.lines().map(str::trim) {
        passes_on |= line.starts_with("pub use ");
        lines += usize::from(!passes_on && !line.is_empty() && !line.starts_with("//"));
        passes_on &= !line.ends_with(';');
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_blank_lines_reexports_and_tests_are_no_code() {
        let source = "//! About.\n\nuse a;\npub use e::{\n    F, G,\n};\npub use h;\n\n/// B.\nfn b() {\n    // Why.\n    c();\n}\n\
                      \n#[cfg(test)]\nmod tests {\n    fn d() {}\n}\n";
        assert_eq!(lines_of(source), 4);
    }

    #[test]
    fn the_adapters_are_found_and_small_enough() {
        let names = adapters_in(&root()).unwrap();
        assert_eq!(names, ["adapter-blocking", "adapter-smol", "adapter-tokio"]);
        assert_eq!(problems(&root()).unwrap(), [""; 0]);
    }
}
