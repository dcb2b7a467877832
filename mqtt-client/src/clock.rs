//! The clock of the adapters.

#[cfg(feature = "test-clock")]
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use mqtt_session::Time;

/// A clock that never goes back, for [`Runtime::now`](crate::Runtime::now).
///
/// On Linux and Android it is `CLOCK_BOOTTIME`, which goes on while the machine is suspended, so
/// that a connection is known to be overdue after it. Elsewhere it is the one of
/// [`std::time::Instant`], which may stand still meanwhile: then a dead connection is found
/// one keep-alive interval later.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    start: std::time::Instant,
}

#[cfg(any(target_os = "linux", target_os = "android"))]
impl Clock {
    /// A clock. Times of two are not to be compared.
    pub fn start() -> Clock {
        Clock {}
    }

    /// The time now.
    pub fn now(self) -> Time {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
        let micros = u64::try_from(time.tv_nsec / 1000).unwrap_or_default();
        Time::from_micros(seconds.saturating_mul(1_000_000).saturating_add(micros))
            .after(suspended())
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
impl Clock {
    /// A clock. Times of two are not to be compared.
    pub fn start() -> Clock {
        Clock { start: std::time::Instant::now() }
    }

    /// The time now.
    pub fn now(self) -> Time {
        Time::ZERO.after(self.start.elapsed()).after(suspended())
    }
}

/// What tests add to the clocks of this process, in microseconds.
#[cfg(feature = "test-clock")]
static SUSPENDED: AtomicU64 = AtomicU64::new(0);

#[cfg(feature = "test-clock")]
impl Clock {
    /// Moves all clocks of this process on, for a test: as when the machine is suspended, timers
    /// know nothing of it.
    pub fn suspend(time: Duration) {
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        SUSPENDED.fetch_add(micros, Ordering::Relaxed);
    }
}

#[cfg(feature = "test-clock")]
fn suspended() -> Duration {
    Duration::from_micros(SUSPENDED.load(Ordering::Relaxed))
}

#[cfg(not(feature = "test-clock"))]
fn suspended() -> Duration {
    Duration::ZERO
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_does_not_go_back() {
        let clock = Clock::start();
        let times: Vec<_> = (0..1000).map(|_| clock.now()).collect();
        assert!(times.is_sorted());
    }

    /// LIVE-4: the time of suspend counts, as it does in `/proc/uptime`.
    #[cfg(target_os = "linux")]
    #[test]
    fn it_counts_suspend() {
        let before = Clock::start().now().as_micros();
        let text = std::fs::read_to_string("/proc/uptime").unwrap();
        let seconds: f64 = text.split(' ').next().unwrap().parse().unwrap();
        let uptime = (seconds * 1e6) as u64;
        assert!(before.abs_diff(uptime) < 5_000_000, "{before} µs, {uptime} µs");
    }
}
