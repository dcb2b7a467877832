use std::future;
use std::thread;
use std::time::Instant;

use super::*;

const MOMENT: Duration = Duration::from_millis(20);

/// A reactor with a driver that only sleeps, and was polled already.
fn idle() -> Reactor<future::Pending<()>> {
    let mut reactor = Poller::new().unwrap().drive(future::pending());
    assert!(reactor.turn(None).unwrap().is_pending());
    reactor
}

/// How long a turn waits.
fn turn<D: Future<Output = ()>>(reactor: &mut Reactor<D>, timeout: Option<Duration>) -> Duration {
    let start = Instant::now();
    assert!(reactor.turn(timeout).unwrap().is_pending());
    start.elapsed()
}

#[test]
fn a_turn_waits_for_its_timeout() {
    assert!(turn(&mut idle(), Some(MOMENT)) >= MOMENT);
}

#[test]
fn many_wakes_are_one_turn() {
    let mut reactor = idle();
    (0..100).for_each(|_| reactor.waker().wake_by_ref());
    turn(&mut reactor, None);
    assert!(turn(&mut reactor, Some(MOMENT)) >= MOMENT);
}

#[test]
fn a_wake_interrupts_a_turn() {
    let mut reactor = idle();
    let waker = reactor.waker().clone();
    let shared = Arc::clone(&reactor.shared);
    let waking = thread::spawn(move || {
        while shared.state.load(Ordering::Acquire) != PARKED {
            thread::yield_now();
        }
        waker.wake();
    });
    turn(&mut reactor, None);
    waking.join().unwrap();
}

#[test]
fn a_deadline_ends_a_turn_once() {
    let mut reactor = idle();
    let now = reactor.shared.clock().now();
    reactor.shared.set_deadline(now.after(MOMENT));
    assert!(turn(&mut reactor, None) >= MOMENT / 2);
    assert!(turn(&mut reactor, Some(MOMENT)) >= MOMENT);
}

/// The poller's time may stand still while the machine is suspended: the clock is looked at now and
/// then.
#[test]
fn no_turn_sleeps_for_long_before_a_deadline() {
    let reactor = idle();
    let shared = &reactor.shared;
    assert_eq!(shared.park(), None, "nothing is due");
    shared.unpark();
    shared.set_deadline(shared.clock().now().after(Duration::from_secs(3600)));
    assert_eq!(shared.park(), Some(LONGEST_SLEEP));
}

#[test]
fn a_driver_is_known_as_a_callback() {
    assert!(!in_callback());
    let driver = future::poll_fn(|_| {
        assert!(in_callback());
        Poll::Ready(())
    });
    assert!(Poller::new().unwrap().drive(driver).turn(None).unwrap().is_ready());
    assert!(!in_callback());
}

/// A wait elsewhere: what comes before it, and what comes meanwhile, is not missed.
#[test]
fn a_wait_elsewhere_misses_no_wake_and_no_deadline() {
    let mut reactor = idle();
    reactor.shared.catch_up();
    assert_eq!(reactor.shared.prepare(), None, "nothing is due");
    assert_eq!(reactor.shared.prepare(), None, "and asking changes nothing");
    reactor.waker().wake_by_ref();
    assert_eq!(reactor.shared.prepare(), Some(Duration::ZERO), "a wake came first");
    turn(&mut reactor, None);
    reactor.shared.catch_up();
    reactor.shared.set_deadline(reactor.shared.clock().now());
    assert_eq!(reactor.shared.prepare(), Some(Duration::ZERO));
    turn(&mut reactor, None);
    reactor.shared.catch_up();
    assert_eq!(reactor.shared.prepare(), None, "a deadline is told once");
}

/// A turn that is not the loop's own is news to it if there was anything to do, and to its wait in
/// any case.
#[test]
fn a_wait_elsewhere_misses_no_turn_of_a_call() {
    let mut reactor = idle();
    assert_eq!(reactor.shared.prepare(), Some(Duration::ZERO), "the first turn was a call's");
    reactor.shared.catch_up();
    turn(&mut reactor, Some(Duration::ZERO));
    assert_eq!(reactor.shared.prepare(), None, "nothing came of that turn");
    turn(&mut reactor, Some(Duration::ZERO));
    drop(Leaving(&reactor.shared));
    reactor.poll.poll(&mut reactor.events, Some(MOMENT)).unwrap();
    assert!(!reactor.events.is_empty(), "the wait is over");
}
