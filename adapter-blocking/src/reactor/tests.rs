use std::future;
use std::thread;
use std::time::Instant;

use super::*;

const MOMENT: Duration = Duration::from_millis(20);

/// A reactor with a driver that only sleeps, and was polled already.
fn idle() -> Reactor<future::Pending<()>> {
    let mut reactor = driving(future::pending());
    assert_eq!(reactor.turn(None).unwrap(), Turned::Worked, "the first turn waits for nothing");
    reactor
}

fn driving<D: Future<Output = ()>>(driver: D) -> Reactor<D> {
    let (poll, shared) = Shared::new().unwrap();
    Reactor::new(poll, shared, driver)
}

/// How long a turn waits.
fn turn<D: Future<Output = ()>>(reactor: &mut Reactor<D>, timeout: Option<Duration>) -> Duration {
    let start = Instant::now();
    assert_ne!(reactor.turn(timeout).unwrap(), Turned::Ended);
    start.elapsed()
}

#[test]
fn a_turn_waits_for_its_timeout() {
    assert!(turn(&mut idle(), Some(MOMENT)) >= MOMENT);
}

#[test]
fn many_wakes_are_one_turn() {
    let mut reactor = idle();
    (0..100).for_each(|_| Arc::clone(&reactor.shared).wake());
    turn(&mut reactor, None);
    assert!(turn(&mut reactor, Some(MOMENT)) >= MOMENT);
}

#[test]
fn a_wake_interrupts_a_turn() {
    let mut reactor = idle();
    let waker = Arc::clone(&reactor.shared);
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
    let now = reactor.shared.clock.now();
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
    shared.set_deadline(shared.clock.now().after(Duration::from_secs(3600)));
    assert_eq!(shared.park(), Some(LONGEST_SLEEP));
}

#[test]
fn a_driver_is_known_as_a_callback() {
    assert!(!in_callback());
    let driver = future::poll_fn(|_| {
        assert!(in_callback());
        Poll::Ready(())
    });
    assert_eq!(driving(driver).turn(None).unwrap(), Turned::Ended);
    assert!(!in_callback());
}

/// A wait elsewhere: what comes before it, and what comes meanwhile, is not missed.
#[test]
fn a_wait_elsewhere_misses_no_wake_and_no_deadline() {
    let mut reactor = idle();
    assert_eq!(reactor.shared.park(), None, "nothing is due");
    assert_eq!(reactor.shared.park(), None, "and asking changes nothing");
    Arc::clone(&reactor.shared).wake();
    assert_eq!(reactor.shared.park(), Some(Duration::ZERO), "a wake came first");
    turn(&mut reactor, None);
    reactor.shared.set_deadline(reactor.shared.clock.now());
    assert_eq!(reactor.shared.park(), Some(Duration::ZERO));
    turn(&mut reactor, None);
    assert_eq!(reactor.shared.park(), None, "a deadline is told once");
}

#[test]
fn a_turn_tells_whether_there_was_something_to_do() {
    let mut reactor = idle();
    assert_eq!(reactor.turn(Some(Duration::ZERO)).unwrap(), Turned::Idle);
    Arc::clone(&reactor.shared).wake();
    assert_eq!(reactor.turn(None).unwrap(), Turned::Worked);
    reactor.shared.set_deadline(reactor.shared.clock.now());
    assert_eq!(reactor.turn(None).unwrap(), Turned::Worked);
    assert_eq!(reactor.turn(Some(Duration::ZERO)).unwrap(), Turned::Idle);
    reactor.shared.park();
    reactor.shared.interrupt();
    assert_eq!(reactor.turn(None).unwrap(), Turned::Worked);
}
