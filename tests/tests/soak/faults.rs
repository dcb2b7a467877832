//! What happens to a connection, drawn from a seed.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use mqtt_testkit::{Chunking, Direction, Proxy};

/// How often each fault struck.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Struck {
    pub(crate) cuts: u64,
    /// Cuts behind a certain byte, mostly inside a packet.
    pub(crate) cuts_inside: u64,
    pub(crate) stalls: u64,
    /// Stalls that outlast the client's patience.
    pub(crate) long_stalls: u64,
}

/// Bytes of the longest piece while the network is slow.
const PIECE: NonZeroUsize = NonZeroUsize::new(700).expect("above 0");

/// How many attempts fail behind a cut.
const ATTEMPT: NonZeroUsize = NonZeroUsize::MIN;

/// `SplitMix64`.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % limit
    }

    fn milliseconds(&mut self, from: u64, to: u64) -> Duration {
        Duration::from_millis(from + self.below(to - from))
    }
}

/// Breaks the connections of a proxy until it is to be quiet.
pub(crate) fn strike(proxy: &Proxy, seed: u64, quiet: &AtomicBool) -> Struck {
    let mut random = Random(seed);
    let mut struck = Struck::default();
    while !quiet.load(Ordering::Relaxed) {
        thread::sleep(random.milliseconds(50, 700));
        let is_slow = random.below(4) == 0;
        let delay = if is_slow { random.milliseconds(1, 20) } else { Duration::ZERO };
        let direction = [Direction::ToServer, Direction::ToClient][random.below(2) as usize];
        proxy.set_delay(direction, Duration::ZERO..=delay);
        proxy.set_chunking(if is_slow { Chunking::UpTo(PIECE) } else { Chunking::AsSent });
        match random.below(8) {
            0..=2 => {
                struck.cuts += 1;
                cut(proxy);
            }
            3..=5 => {
                struck.cuts += 1;
                struck.cuts_inside += 1;
                proxy.refuse_next(ATTEMPT);
                proxy.cut_after(direction, random.below(3000) as usize);
                thread::sleep(random.milliseconds(20, 100));
                cut(proxy);
            }
            6 => {
                struck.stalls += 1;
                proxy.stall();
                thread::sleep(random.milliseconds(20, 500));
                proxy.resume();
            }
            _ => {
                struck.stalls += 1;
                struck.long_stalls += 1;
                proxy.stall();
                thread::sleep(random.milliseconds(1500, 2500));
                cut(proxy);
                proxy.resume();
            }
        }
    }
    for direction in [Direction::ToServer, Direction::ToClient] {
        proxy.set_delay(direction, Duration::ZERO..=Duration::ZERO);
    }
    proxy.set_chunking(Chunking::AsSent);
    struck
}

/// And nobody gets through at the next attempt: a broker that never failed one, and ends connections
/// so often, would be taken for one with another client of the same name.
fn cut(proxy: &Proxy) {
    proxy.refuse_next(ATTEMPT);
    proxy.cut();
}
