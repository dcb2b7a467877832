//! The sleep of a driver.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use mqtt_client::Sleep;
use tokio::time::{self, Instant};

/// One `Sleep` of tokio, made on the runtime when it is first needed.
#[derive(Debug, Default)]
pub(crate) struct TokioSleep {
    sleep: Option<Pin<Box<time::Sleep>>>,
}

impl Sleep for TokioSleep {
    fn reset(&mut self, after: Duration) {
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(time::sleep(Duration::ZERO)));
        sleep.as_mut().reset(Instant::now() + after);
    }

    fn poll_fired(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.sleep.as_mut().map_or(Poll::Ready(()), |sleep| sleep.as_mut().poll(cx))
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use mqtt_client::{Alarm, Clock, Timer};

    use super::*;

    const STEP: Duration = Duration::from_millis(20);

    /// A deadline that moved away does not fire at its earlier time, one that came nearer does.
    #[tokio::test]
    async fn a_deadline_can_move() {
        let clock = Clock::start();
        let mut timer = Alarm::new(clock, TokioSleep::default());
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
}
