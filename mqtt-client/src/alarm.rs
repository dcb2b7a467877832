//! The timer of a driver, on the sleep of a runtime.

use std::task::{Context, Poll};
use std::time::Duration;

use mqtt_session::Time;

use crate::clock::Clock;
use crate::runtime::{LONGEST_SLEEP, Timer};

/// The sleep of a runtime, used again and again. It may stand still while the machine is suspended.
pub trait Sleep: Send + Unpin + 'static {
    /// Fires after so long, instead of when it was to fire before.
    fn reset(&mut self, after: Duration);

    /// Ready once it has fired; else the waker of `cx` is woken then. Not called before the first
    /// [`Sleep::reset`], nor again before another one once it was ready.
    fn poll_fired(&mut self, cx: &mut Context<'_>) -> Poll<()>;
}

/// A [`Timer`] that wakes by a [`Sleep`] and tells the time by a [`Clock`].
///
/// A deadline that moves away, as that of the keep-alive does with every packet, does not touch
/// the sleep: it fires at the earlier time, and is armed again only then.
#[derive(Debug)]
pub struct Alarm<S> {
    clock: Clock,
    sleep: S,
    /// When `sleep` fires, unless the machine is suspended.
    armed: Option<Time>,
}

impl<S: Sleep> Alarm<S> {
    /// An alarm that is not armed.
    pub fn new(clock: Clock, sleep: S) -> Alarm<S> {
        Alarm { clock, sleep, armed: None }
    }
}

impl<S: Sleep> Timer for Alarm<S> {
    fn poll_deadline(&mut self, cx: &mut Context<'_>, at: Time) -> Poll<()> {
        loop {
            let now = self.clock.now();
            if at <= now {
                return Poll::Ready(());
            }
            // One that should have fired stood still, with all of the runtime's time.
            if self.armed.is_none_or(|armed| at < armed || armed <= now) {
                let time = at.since(now).min(LONGEST_SLEEP);
                self.sleep.reset(time);
                self.armed = Some(now.after(time));
            }
            if self.sleep.poll_fired(cx).is_pending() {
                return Poll::Pending;
            }
            self.armed = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;
    use std::thread;

    use super::*;

    const STEP: Duration = Duration::from_millis(20);

    /// A sleep that never fires, as while the machine is suspended, and what it was set to.
    #[derive(Debug, Default)]
    struct Still(Vec<Duration>);

    impl Sleep for Still {
        fn reset(&mut self, after: Duration) {
            self.0.push(after);
        }

        fn poll_fired(&mut self, _: &mut Context<'_>) -> Poll<()> {
            Poll::Pending
        }
    }

    fn poll(alarm: &mut Alarm<Still>, at: Time) -> Poll<()> {
        alarm.poll_deadline(&mut Context::from_waker(Waker::noop()), at)
    }

    #[test]
    fn a_deadline_that_moves_away_leaves_the_sleep_alone() {
        let clock = Clock::start();
        let mut alarm = Alarm::new(clock, Still::default());
        let near = clock.now().after(Duration::from_secs(3));
        assert!(poll(&mut alarm, near).is_pending());
        assert!(poll(&mut alarm, near.after(STEP)).is_pending());
        assert_eq!(alarm.sleep.0.len(), 1);
    }

    /// While the machine is suspended the sleep stands still, and the clock goes on.
    ///
    /// Promises: LIVE-4
    #[test]
    fn a_suspend_delays_no_deadline() {
        let clock = Clock::start();
        let mut alarm = Alarm::new(clock, Still::default());
        assert!(poll(&mut alarm, clock.now().after(Duration::from_secs(36_000))).is_pending());
        assert_eq!(alarm.sleep.0, [LONGEST_SLEEP], "the clock is looked at now and then");
        let near = clock.now().after(STEP);
        assert!(poll(&mut alarm, near).is_pending());
        thread::sleep(2 * STEP);
        assert!(poll(&mut alarm, near).is_ready());
        assert!(poll(&mut alarm, near.after(LONGEST_SLEEP)).is_pending());
        let [_, first, left] = alarm.sleep.0[..] else { panic!("{alarm:?}") };
        assert!(first <= STEP && left <= LONGEST_SLEEP - STEP, "what is left of it: {alarm:?}");
    }
}
