//! Delays between attempts.

use core::time::Duration;

/// How the delay between attempts grows.
#[derive(Clone, Copy, Debug)]
pub enum Backoff {
    /// It doubles from `first` to `longest`.
    Exponential {
        /// Delay before the first retry.
        first: Duration,
        /// The longest delay, but for a client that was taken over.
        longest: Duration,
        /// How far a delay is moved at random, in percent of itself, up or down; at most 100.
        jitter_percent: u8,
    },
    /// Likewise, and each delay is anything from nothing to that.
    FullJitter {
        /// The most before the first retry.
        first: Duration,
        /// The longest delay, but for a client that was taken over.
        longest: Duration,
    },
    /// It stays the same.
    Constant(Duration),
    /// Given by a function of the number of retries before and of a random number.
    /// `u32::MAX` retries ask for the longest delay.
    Custom(fn(retries: u32, random: u64) -> Duration),
}

impl Default for Backoff {
    /// 1 s doubling to 30 s, moved by up to 20 %.
    fn default() -> Backoff {
        Backoff::Exponential {
            first: Duration::from_secs(1),
            longest: Duration::from_secs(30),
            jitter_percent: 20,
        }
    }
}

/// The longest delay after being taken over.
pub(super) const TAKEN_OVER_LONGEST: Duration = Duration::from_secs(3600);

impl Backoff {
    /// The delay after so many retries.
    pub(super) fn delay(&self, retries: u32, random: &mut Random) -> Duration {
        match *self {
            Backoff::Exponential { first, longest, .. } => {
                self.jittered(doubled(first, retries).min(longest), random)
            }
            Backoff::FullJitter { first, longest } => {
                random.between(Duration::ZERO, doubled(first, retries).min(longest))
            }
            Backoff::Constant(delay) => delay,
            Backoff::Custom(delay) => delay(retries, random.next()),
        }
    }

    /// The longest of them.
    pub(super) fn longest(&self, random: &mut Random) -> Duration {
        match *self {
            Backoff::Exponential { longest, .. } | Backoff::FullJitter { longest, .. } => {
                self.jittered(longest, random)
            }
            Backoff::Constant(_) | Backoff::Custom(_) => self.delay(u32::MAX, random),
        }
    }

    /// The delay after being taken over so many times: each is four times as long, up to an hour.
    pub(super) fn taken_over(&self, times: u32, random: &mut Random) -> Duration {
        let (first, longest) = match *self {
            Backoff::Exponential { first, longest, .. }
            | Backoff::FullJitter { first, longest } => (first, longest),
            Backoff::Constant(delay) => (delay, delay),
            Backoff::Custom(delay) => (delay(0, random.next()), delay(u32::MAX, random.next())),
        };
        let quadrupled = doubled(first, times.saturating_mul(2));
        self.jittered(quadrupled.min(longest.max(TAKEN_OVER_LONGEST)), random)
    }

    /// `delay` moved as far as it may be.
    fn jittered(&self, delay: Duration, random: &mut Random) -> Duration {
        let percent = match *self {
            Backoff::Exponential { jitter_percent, .. } => u32::from(jitter_percent.min(100)),
            Backoff::FullJitter { .. } | Backoff::Constant(_) | Backoff::Custom(_) => 0,
        };
        let most = (delay / 100).saturating_mul(percent);
        random.between(delay.saturating_sub(most), delay.saturating_add(most))
    }
}

fn doubled(delay: Duration, times: u32) -> Duration {
    delay.saturating_mul(1u32.checked_shl(times).unwrap_or(u32::MAX))
}

/// Random numbers: `SplitMix64`, whose every seed, 0 included, gives a full-period sequence.
#[derive(Debug)]
pub(super) struct Random(pub(super) u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Evenly from one to the other, both possible.
    fn between(&mut self, least: Duration, most: Duration) -> Duration {
        let micros = |delay: Duration| u64::try_from(delay.as_micros()).unwrap_or(u64::MAX);
        let (least, most) = (micros(least), micros(most));
        let random = self.next() % (most.saturating_sub(least)).saturating_add(1);
        Duration::from_micros(least.saturating_add(random))
    }
}
