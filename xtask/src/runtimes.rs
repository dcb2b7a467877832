//! `cargo xtask runtimes`: what was shown on which runtime.

mod table;

use std::fs;
use std::process::ExitCode;

use crate::command::{cargo_test, root};
use crate::promises;
use crate::runner::Runner;
use crate::tally::Tally;
use table::Table;

/// Where the table is kept.
const PAGE: &str = "docs/runtimes.md";

/// What stands before the table.
const INTRODUCTION: &str = "# What holds on which runtime

One suite of behaviours runs on every runtime, against scripted brokers and the model broker over real sockets:
[`tests/tests/behaviours`](../tests/tests/behaviours/main.rs). Rows are the [promises](promises.tsv) an adapter could
break, cells how many behaviours showed them there. `cargo xtask test` prints this table from its own results and fails
when a cell is empty or this page is out of date; `cargo xtask runtimes` writes it. Each runtime runs the same
behaviours, but for what only one kind has: a future that is dropped, a runtime that is shut down, or a call that would
block in a callback.

| Column | Means |
|---|---|
| tokio 1 | tokio with one thread, whose tasks run while a call does |
| tokio n | tokio with worker threads |
| smol | smol's global executor |
| async-std | the adapter for smol, its task spawned on async-std |
| blocking | std threads, one for each client |
| own loop | std threads, the client's loop turned by whoever waits |
";

/// Runs the suite and writes the page; fails if a test did, or a cell is empty.
pub(crate) fn run() -> ExitCode {
    let mut runner = Runner::default();
    let tally = runner.tests("behaviours", cargo_test("--test behaviours"));
    runner.own("runtimes", PAGE, || {
        let table = read(&tally)?;
        println!("{table}");
        table.check()?;
        fs::write(root().join(PAGE), page(&table)).map_err(|error| error.to_string())
    });
    runner.finish()
}

/// Prints the table of a run of all tests; whether it has no gap and the page says the same.
pub(crate) fn check(tally: &Tally) -> Result<(), String> {
    let table = read(tally)?;
    println!("{table}");
    table.check()?;
    let kept = fs::read_to_string(root().join(PAGE)).unwrap_or_default();
    if kept == page(&table) {
        Ok(())
    } else {
        Err(format!("{PAGE} is out of date: cargo xtask runtimes"))
    }
}

fn read(tally: &Tally) -> Result<Table, String> {
    let behaviours = promises::behaviours().map_err(|error| error.to_string())?;
    Ok(Table::of(&behaviours, tally.results()))
}

fn page(table: &Table) -> String {
    format!("{INTRODUCTION}\n{table}")
}
