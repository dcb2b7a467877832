//! Reads the test harness's own account out of what `cargo test` prints.

use std::mem;

/// Tests of one cargo run, summed over its test programs.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Tests the programs said they would run.
    announced: u64,
    passed: u64,
    failed: u64,
    ignored: u64,
    /// Tests that ran, by name, and whether they passed.
    results: Vec<(String, bool)>,
    /// The line that is still being read.
    partial: Vec<u8>,
}

impl Tally {
    pub(crate) fn passed(&self) -> u64 {
        self.passed
    }

    pub(crate) fn failed(&self) -> u64 {
        self.failed
    }

    pub(crate) fn ignored(&self) -> u64 {
        self.ignored
    }

    /// Tests that were announced and have no result: their program ended before it said one.
    pub(crate) fn unaccounted(&self) -> u64 {
        self.announced.saturating_sub(self.passed + self.failed + self.ignored)
    }

    /// The tests that ran, by name, and whether they passed.
    pub(crate) fn results(&self) -> &[(String, bool)] {
        &self.results
    }

    /// Takes the next piece of output, cut anywhere.
    pub(crate) fn read(&mut self, output: &[u8]) {
        for piece in output.split_inclusive(|&byte| byte == b'\n') {
            self.partial.extend_from_slice(piece);
            if piece.ends_with(b"\n") {
                let line = mem::take(&mut self.partial);
                self.read_line(String::from_utf8_lossy(&line).trim_end());
            }
        }
    }

    fn read_line(&mut self, line: &str) {
        if let Some(tests) = announced(line) {
            self.announced += tests;
        } else if let Some(results) = line.strip_prefix("test result: ") {
            self.read_results(results);
        } else if let Some(result) = result(line) {
            self.results.push(result);
        }
    }

    /// Adds up `ok. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s`.
    fn read_results(&mut self, results: &str) {
        let Some((_verdict, counts)) = results.split_once(". ") else {
            return;
        };
        for (count, outcome) in counts.split("; ").filter_map(|field| field.split_once(' ')) {
            let Ok(count) = count.parse::<u64>() else {
                continue;
            };
            match outcome {
                "passed" | "measured" => self.passed += count,
                "failed" => self.failed += count,
                "ignored" => self.ignored += count,
                _ => {}
            }
        }
    }
}

/// The number in `running 12 tests`.
fn announced(line: &str) -> Option<u64> {
    let (count, noun) = line.strip_prefix("running ")?.split_once(' ')?;
    matches!(noun, "test" | "tests").then(|| count.parse().ok())?
}

/// The name in `test a::b ... ok`, and whether it passed.
fn result(line: &str) -> Option<(String, bool)> {
    let (name, outcome) = line.strip_prefix("test ")?.split_once(" ... ")?;
    let passed = match outcome {
        "ok" => true,
        "FAILED" => false,
        _ => return None,
    };
    Some((name.to_owned(), passed))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO_PROGRAMS: &str = "
running 4 tests
test a ... ok
test b ... FAILED
test c ... ignored
test d ... ok

test result: FAILED. 2 passed; 1 failed; 1 ignored; 0 measured; 7 filtered out; finished in 0.01s

   Doc-tests example

running 1 test
test src/lib.rs - f (line 3) ... ok

test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.20s
";

    /// Passed, failed, ignored, unaccounted.
    fn counts(tally: &Tally) -> [u64; 4] {
        [tally.passed(), tally.failed(), tally.ignored(), tally.unaccounted()]
    }

    fn tally(output: &str) -> Tally {
        let mut tally = Tally::default();
        tally.read(output.as_bytes());
        tally
    }

    #[test]
    fn programs_add_up() {
        assert_eq!(counts(&tally(TWO_PROGRAMS)), [3, 1, 1, 0]);
    }

    #[test]
    fn results_have_names() {
        let results = [("a", true), ("b", false), ("d", true), ("src/lib.rs - f (line 3)", true)];
        assert_eq!(tally(TWO_PROGRAMS).results(), results.map(|(name, ok)| (name.to_owned(), ok)));
    }

    #[test]
    fn any_cut_gives_the_same_counts() {
        for cut in 0..TWO_PROGRAMS.len() {
            let (first, rest) = TWO_PROGRAMS.as_bytes().split_at(cut);
            let mut tally = Tally::default();
            tally.read(first);
            tally.read(rest);
            assert_eq!(counts(&tally), [3, 1, 1, 0], "cut at {cut}");
        }
    }

    #[test]
    fn a_program_that_dies_leaves_its_tests_unaccounted() {
        assert_eq!(counts(&tally("running 3 tests\ntest a ... ok\n")), [0, 0, 0, 3]);
    }

    #[test]
    fn benchmarks_count_as_passed() {
        let output = "running 2 tests\n\
            test result: ok. 0 passed; 0 failed; 0 ignored; 2 measured; 0 filtered out\n";
        assert_eq!(counts(&tally(output)), [2, 0, 0, 0]);
    }

    #[test]
    fn other_lines_say_nothing() {
        let output = "test result of the broker: 3 passed\nrunning late\nrunning 2 brokers\n\
            test 4 passed; 5 failed ... ok\ntest result: \n\u{fffd}\n";
        assert_eq!(counts(&tally(output)), [0, 0, 0, 0]);
    }
}
