//! The timer of a driver.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use mqtt_client::{Clock, LONGEST_SLEEP, Time, Timer};
use tokio::time::{Instant, Sleep, sleep};

/// One `Sleep`, used again and again.
///
/// A deadline that moves away, as that of the keep-alive does with every packet, does not touch
/// it: it fires at the earlier time, and is armed again only then.
#[derive(Debug)]
pub(crate) struct TokioTimer {
    clock: Clock,
    sleep: Option<Pin<Box<Sleep>>>,
    /// When `sleep` fires, unless the machine is suspended.
    armed: Option<Time>,
}

impl TokioTimer {
    pub(crate) fn new(clock: Clock) -> TokioTimer {
        TokioTimer { clock, sleep: None, armed: None }
    }
}

impl Timer for TokioTimer {
    fn poll_deadline(&mut self, cx: &mut Context<'_>, at: Time) -> Poll<()> {
        loop {
            let now = self.clock.now();
            if at <= now {
                return Poll::Ready(());
            }
            let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep(Duration::ZERO)));
            // One that should have fired stood still, with all of tokio's time.
            if self.armed.is_none_or(|armed| at < armed || armed <= now) {
                let time = at.since(now).min(LONGEST_SLEEP);
                sleep.as_mut().reset(Instant::now() + time);
                self.armed = Some(now.after(time));
            }
            if sleep.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            self.armed = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    const STEP: Duration = Duration::from_millis(20);

    /// A deadline that moved away does not fire at its earlier time, one that came nearer does.
    #[tokio::test]
    async fn a_deadline_can_move() {
        let clock = Clock::start();
        let mut timer = TokioTimer::new(clock);
        let start = clock.now();
        let (near, far) = (start.after(STEP), start.after(3 * STEP));
        poll_fn(|cx| {
            assert!(timer.poll_deadline(cx, near).is_pending());
            Poll::Ready(())
        })
        .await;
        poll_fn(|cx| timer.poll_deadline(cx, far)).await;
        assert!(clock.now() >= far);
        let (near, far) = (clock.now().after(STEP), clock.now().after(Duration::from_secs(3600)));
        poll_fn(|cx| {
            assert!(timer.poll_deadline(cx, far).is_pending());
            timer.poll_deadline(cx, near)
        })
        .await;
        assert!(clock.now() >= near);
        poll_fn(|cx| timer.poll_deadline(cx, start)).await;
    }

    /// While the machine is suspended tokio's time stands still, as here, and the clock goes on.
    #[tokio::test(start_paused = true)]
    async fn a_suspend_delays_no_deadline() {
        let clock = Clock::start();
        let mut timer = TokioTimer::new(clock);
        let left = |timer: &TokioTimer| {
            timer.sleep.as_ref().map(|sleep| sleep.deadline().duration_since(Instant::now()))
        };
        poll_fn(|cx| {
            let hours = clock.now().after(Duration::from_secs(36_000));
            assert!(timer.poll_deadline(cx, hours).is_pending());
            assert!(left(&timer) <= Some(LONGEST_SLEEP), "the clock is looked at now and then");
            let (near, next) = (clock.now().after(STEP), clock.now().after(3 * STEP));
            assert!(timer.poll_deadline(cx, near).is_pending());
            std::thread::sleep(2 * STEP);
            assert!(timer.poll_deadline(cx, next).is_pending());
            assert!(left(&timer) <= Some(STEP), "what is left of it, not what was before");
            Poll::Ready(())
        })
        .await;
    }
}
