//! The sleep of a driver.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use mqtt_client::Sleep;
use smol::Timer;

/// One `Timer` of smol.
#[derive(Debug)]
pub(crate) struct SmolSleep {
    timer: Timer,
}

impl Default for SmolSleep {
    fn default() -> SmolSleep {
        SmolSleep { timer: Timer::never() }
    }
}

impl Sleep for SmolSleep {
    fn reset(&mut self, after: Duration) {
        self.timer.set_after(after);
    }

    fn poll_fired(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.timer).poll(cx).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use mqtt_client::{Alarm, Clock, Timer as _};

    use super::*;

    const STEP: Duration = Duration::from_millis(20);

    /// A deadline that moved away does not fire at its earlier time, one that came nearer does.
    #[test]
    fn a_deadline_can_move() {
        let clock = Clock::start();
        let mut timer = Alarm::new(clock, SmolSleep::default());
        let start = clock.now();
        let (near, far) = (start.after(STEP), start.after(3 * STEP));
        smol::block_on(poll_fn(|cx| {
            assert!(timer.poll_deadline(cx, near).is_pending());
            Poll::Ready(())
        }));
        smol::block_on(poll_fn(|cx| timer.poll_deadline(cx, far)));
        assert!(clock.now() >= far);
        let (near, far) = (clock.now().after(STEP), clock.now().after(Duration::from_secs(3600)));
        smol::block_on(poll_fn(|cx| {
            assert!(timer.poll_deadline(cx, far).is_pending());
            timer.poll_deadline(cx, near)
        }));
        assert!(clock.now() >= near);
        smol::block_on(poll_fn(|cx| timer.poll_deadline(cx, start)));
    }
}
