//! What one run of a client took.

use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

use crate::Workload;
use crate::clients::Client;

/// The one line that the `client` program prints, as JSON.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Report {
    /// Which client ran.
    pub client: Client,
    /// What it did.
    pub workload: Workload,
    /// How many messages it published or received.
    pub messages: u64,
    /// Time that passed, in nanoseconds.
    pub wall_ns: u64,
    /// Processor time of the whole process, user and system, in nanoseconds.
    pub cpu_ns: u64,
}

/// Measures from here on.
#[derive(Debug)]
pub struct Stopwatch {
    wall: Instant,
    cpu: Duration,
}

impl Stopwatch {
    /// Starts now.
    pub fn start() -> Self {
        Self { wall: Instant::now(), cpu: process_cpu() }
    }

    /// Wall time and processor time since the start.
    pub fn stop(&self) -> (Duration, Duration) {
        (self.wall.elapsed(), process_cpu() - self.cpu)
    }
}

/// User and system time of all threads so far.
fn process_cpu() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}
