//! Many seeds, on all cores.

use std::num::NonZeroU64;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use crate::{Outcome, Tally, run};

/// Seeds in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seeds {
    from: u64,
    count: u64,
}

/// What came of many seeds.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Of all that ran.
    pub tally: Tally,
    /// How many ran.
    pub seeds: u64,
    /// The first that failed: no further ones were begun.
    pub failed: Option<Outcome>,
}

impl Seeds {
    /// So many from this one on; `None` when there are no such numbers.
    pub fn new(from: u64, count: NonZeroU64) -> Option<Seeds> {
        from.checked_add(count.get())?;
        Some(Seeds { from, count: count.get() })
    }
}

/// Runs them on so many threads, or as many as the machine has, until one fails.
///
/// What is in the report does not depend on the threads, unless one fails.
pub fn run_all(seeds: Seeds, threads: Option<usize>) -> Report {
    let next = AtomicU64::new(0);
    let report = Mutex::new(Report::default());
    let threads =
        threads.or_else(|| Some(thread::available_parallelism().ok()?.get())).unwrap_or(1);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let own = work(seeds, &next);
                let mut report = report.lock().unwrap_or_else(PoisonError::into_inner);
                report.add(own);
            });
        }
    });
    report.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// Takes one seed after the other.
fn work(seeds: Seeds, next: &AtomicU64) -> Report {
    let mut report = Report::default();
    loop {
        let at = next.fetch_add(1, Ordering::Relaxed);
        if at >= seeds.count {
            return report;
        }
        let outcome = run(seeds.from + at, false);
        report.seeds += 1;
        report.tally.add(&outcome.tally);
        if outcome.failure.is_some() {
            // Nobody begins another one.
            next.store(seeds.count, Ordering::Relaxed);
            report.failed = Some(outcome);
            return report;
        }
    }
}

impl Report {
    fn add(&mut self, other: Report) {
        self.tally.add(&other.tally);
        self.seeds += other.seeds;
        let first = |outcome: &Outcome| outcome.seed;
        self.failed = [self.failed.take(), other.failed].into_iter().flatten().min_by_key(first);
    }
}
