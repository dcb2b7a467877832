//! Random numbers from a seed.

use std::num::NonZeroUsize;
use std::ops::RangeInclusive;
use std::time::Duration;

/// `SplitMix64`, whose every seed, 0 included, gives a full-period sequence.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) const fn new(seed: u64) -> Random {
        Random(seed)
    }

    pub(crate) const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// From 1 to `most`.
    pub(crate) fn up_to(&mut self, most: NonZeroUsize) -> usize {
        let below = u64::try_from(most.get()).unwrap_or(u64::MAX);
        usize::try_from(self.next() % below).unwrap_or(0) + 1
    }

    /// Within the range, in whole microseconds; its start when it is empty.
    pub(crate) fn within(&mut self, range: &RangeInclusive<Duration>) -> Duration {
        let width = range.end().saturating_sub(*range.start()).as_micros();
        let width = u64::try_from(width).unwrap_or(u64::MAX);
        let more = if width == 0 { 0 } else { self.next() % width.saturating_add(1) };
        range.start().saturating_add(Duration::from_micros(more))
    }
}
