//! The clock.

use mqtt_client::Time;

/// A clock that never goes back.
///
/// On Linux and Android it is `CLOCK_BOOTTIME`, which goes on while the machine is suspended, so
/// that a connection is known to be overdue after it. Elsewhere it is the one of
/// [`std::time::Instant`], which may stand still meanwhile: then a dead connection is found
/// one keep-alive interval later.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    start: std::time::Instant,
}

#[cfg(any(target_os = "linux", target_os = "android"))]
impl Clock {
    pub(crate) fn new() -> Clock {
        Clock {}
    }

    pub(crate) fn now(self) -> Time {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
        let micros = u64::try_from(time.tv_nsec / 1000).unwrap_or_default();
        Time::from_micros(seconds.saturating_mul(1_000_000).saturating_add(micros))
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
impl Clock {
    pub(crate) fn new() -> Clock {
        Clock { start: std::time::Instant::now() }
    }

    pub(crate) fn now(self) -> Time {
        Time::ZERO.after(self.start.elapsed())
    }
}
