//! Waiting without a runtime: the thread sleeps.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Instant;

/// Runs a call to its end on this thread, which sleeps meanwhile: somebody else must run the driver.
/// `None` when `deadline` passed first; the call is polled once at least.
pub fn park_on<F: Future>(call: F, deadline: Option<Instant>) -> Option<F::Output> {
    let mut call = pin!(call);
    let parker = PARKER.with(Arc::clone);
    let waker = Waker::from(Arc::clone(&parker));
    loop {
        if let Poll::Ready(output) = call.as_mut().poll(&mut Context::from_waker(&waker)) {
            return Some(output);
        }
        if !parker.park(deadline) {
            return None;
        }
    }
}

thread_local! {
    /// One per thread, so that a wait allocates nothing.
    static PARKER: Arc<Parker> = Arc::new(Parker {
        thread: thread::current(),
        woken: AtomicBool::new(false),
    });
}

/// Wakes the thread it was made on. It has a flag of its own, since what a call runs (an
/// application's drop, say) may park the thread, too.
struct Parker {
    thread: Thread,
    woken: AtomicBool,
}

impl Parker {
    /// Waits for a wake; `false` when `deadline` passed first.
    fn park(&self, deadline: Option<Instant>) -> bool {
        while !self.woken.swap(false, Ordering::AcqRel) {
            match deadline {
                None => thread::park(),
                Some(deadline) => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return false;
                    }
                    thread::park_timeout(left);
                }
            }
        }
        true
    }
}

impl Wake for Parker {
    fn wake(self: Arc<Self>) {
        if !self.woken.swap(true, Ordering::AcqRel) {
            self.thread.unpark();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, poll_fn, ready};
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_call_is_polled_before_its_deadline_is_looked_at() {
        let past = Some(Instant::now());
        assert_eq!(park_on(ready(7), past), Some(7));
        assert_eq!(park_on(pending::<()>(), past), None);
    }

    /// The wake came while the thread was parked by something else, which took its token.
    #[test]
    fn a_wake_is_not_lost_to_another_wait_of_the_thread() {
        let mut polls = 0;
        let call = poll_fn(|cx| {
            polls += 1;
            cx.waker().wake_by_ref();
            thread::park_timeout(Duration::from_millis(1));
            if polls == 3 { Poll::Ready(()) } else { Poll::Pending }
        });
        let limit = Instant::now() + Duration::from_secs(30);
        assert_eq!(park_on(call, Some(limit)), Some(()));
        assert!(Instant::now() < limit);
    }
}
