//! `cargo xtask embedded`: what the session takes in flash and RAM of a microcontroller.

mod elf;

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use crate::command::{BARE_TARGETS, cargo, root, target};
use elf::Section;

/// What stands between these lines of the document is written by this command.
const BEGIN: &str = "<!-- figures: written by `cargo xtask embedded` -->";
const END: &str = "<!-- end of figures -->";

const DOCUMENT: &str = "docs/embedded.md";

/// What `SIZES` of the program tells, in its order.
const EXAMPLES: [&str; 3] =
    ["Fixed<2, 1, 1, 256>", "Fixed<8, 4, 2, 512>", "Fixed<32, 16, 8, 4096>"];
const NUMBERS: [&str; 4] = ["FLOWS", "HELD", "FILTERS", "BYTES"];

/// What the program takes on one target, in bytes.
struct Figures {
    target: &'static str,
    code: usize,
    constants: usize,
    sizes: Vec<usize>,
}

/// Builds the program for every target and writes its figures into the document.
pub(crate) fn run() -> ExitCode {
    match measure().and_then(|figures| write_into(&root().join(DOCUMENT), &figures)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("{problem}");
            ExitCode::FAILURE
        }
    }
}

fn measure() -> Result<String, String> {
    let figures = BARE_TARGETS.iter().map(|target| build(target));
    let figures = figures.collect::<Result<Vec<_>, _>>()?;
    let text = markdown(&figures).map_err(|error| error.to_string())?;
    println!("{text}");
    Ok(text)
}

fn build(target: &'static str) -> Result<Figures, String> {
    // What the C runtime would call is the entry, so all it reaches is linked and nothing else.
    let line = "rustc --release --manifest-path no-alloc/Cargo.toml --bin no-alloc --target";
    let mut command = cargo(line);
    command.args([target, "--", "-C", "link-arg=--entry=main"]);
    command.env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "z");
    command.env("CARGO_TARGET_DIR", folder());
    match command.status() {
        Ok(status) if status.success() => {}
        Ok(_) => return Err(format!("{target}: is it there? rustup target add {target}")),
        Err(error) => return Err(format!("cargo did not run: {error}")),
    }
    let path = folder().join(target).join("release/no-alloc");
    let program = fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    read(target, &program).ok_or_else(|| format!("{}: not understood", path.display()))
}

/// Where the program is built: beside what is built with other options.
fn folder() -> PathBuf {
    target().join("embedded")
}

fn read(target: &'static str, program: &[u8]) -> Option<Figures> {
    let sections = elf::sections(program)?;
    let find = |name| sections.iter().find(move |section: &&Section<'_>| section.name == name);
    let (sizes, _) = find(".sizes")?.bytes.as_chunks();
    let sizes = sizes.iter().map(|size| u32::from_le_bytes(*size) as usize).collect::<Vec<_>>();
    let (code, constants) = (find(".text")?.bytes.len(), find(".rodata")?.bytes.len());
    (sizes.len() == 2 * EXAMPLES.len() + NUMBERS.len()).then_some(Figures {
        target,
        code,
        constants,
        sizes,
    })
}

fn markdown(figures: &[Figures]) -> Result<String, std::fmt::Error> {
    let mut text =
        format!("{}, {}.\n", first_line("date", "+%F"), first_line("rustc", "--version"));
    writeln!(text, "\n| program | code | constants | together |\n|---|---:|---:|---:|")?;
    for Figures { target, code, constants, .. } in figures {
        writeln!(text, "| `{target}` | {code} | {constants} | {} |", code + constants)?;
    }
    // Both have pointers of 32 bits: the sizes are the same.
    let sizes = figures.first().map_or(&[][..], |figures| &figures.sizes);
    let (pairs, _) = sizes.as_chunks::<2>();
    writeln!(text, "\n| memory | `Session` | `Inbound` | together |\n|---|---:|---:|---:|")?;
    for (memory, [session, inbound]) in EXAMPLES.iter().zip(pairs) {
        writeln!(text, "| `{memory}` | {session} | {inbound} | {} |", session + inbound)?;
    }
    writeln!(text, "\n| one more of | costs |\n|---|---:|")?;
    for (number, cost) in NUMBERS.iter().zip(sizes.iter().skip(2 * EXAMPLES.len())) {
        writeln!(text, "| `{number}` | {cost} |")?;
    }
    Ok(text)
}

fn first_line(program: &str, argument: &str) -> String {
    let output = Command::new(program).arg(argument).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    text.unwrap_or_default().lines().next().unwrap_or("unknown").to_owned()
}

fn write_into(document: &Path, figures: &str) -> Result<(), String> {
    let text = fs::read_to_string(document).map_err(|error| error.to_string())?;
    let missing = || format!("{} lacks its markers", document.display());
    let (before, rest) = text.split_once(BEGIN).ok_or_else(missing)?;
    let (_, after) = rest.split_once(END).ok_or_else(missing)?;
    fs::write(document, format!("{before}{BEGIN}\n{figures}{END}{after}"))
        .map_err(|error| error.to_string())
}
