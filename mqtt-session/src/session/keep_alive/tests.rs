use super::*;

const PING_TIMEOUT: Duration = Duration::from_secs(10);

fn at(millis: u64) -> Time {
    Time::from_micros(millis * 1000)
}

fn started(seconds: u16) -> KeepAlive {
    let mut keep_alive = KeepAlive::new(at(0), PING_TIMEOUT);
    keep_alive.start(at(0), seconds);
    keep_alive
}

/// Due at `millis`, transmitted at once.
fn pinged(keep_alive: &mut KeepAlive, millis: u64) {
    assert!(!keep_alive.handle_timeout(at(millis)));
    assert!(keep_alive.wants_ping());
    keep_alive.handle_ping_transmitted(at(millis));
    assert!(!keep_alive.wants_ping());
}

/// Promises: LIVE-1
#[test]
fn the_margin_is_a_tenth_and_at_most_a_second() {
    assert_eq!(started(30).deadline(), Some(Deadline::Ping(at(29_000))));
    assert_eq!(started(5).deadline(), Some(Deadline::Ping(at(4_500))));
    assert_eq!(started(1).deadline(), Some(Deadline::Ping(at(900))));
    assert_eq!(started(u16::MAX).deadline(), Some(Deadline::Ping(at(65_534_000))));
    assert_eq!(started(0).deadline(), None);
}

/// Promises: LIVE-1
#[test]
fn either_direction_being_quiet_is_enough() {
    let mut sending = started(30);
    sending.handle_sent(at(10_000));
    assert_eq!(sending.deadline(), Some(Deadline::Ping(at(29_000))));
    let mut receiving = started(30);
    receiving.handle_received((1, at(10_000)));
    assert_eq!(receiving.deadline(), Some(Deadline::Ping(at(29_000))));
    receiving.handle_sent(at(5_000));
    assert_eq!(receiving.deadline(), Some(Deadline::Ping(at(34_000))));
}

/// Promises: LIVE-1
#[test]
fn any_new_byte_is_life() {
    let mut keep_alive = started(30);
    pinged(&mut keep_alive, 29_000);
    assert_eq!(keep_alive.deadline(), Some(Deadline::Answer(at(39_000))));
    keep_alive.handle_received((0, at(30_000)));
    assert_eq!(keep_alive.deadline(), Some(Deadline::Answer(at(39_000))));
    keep_alive.handle_received((1, at(30_000)));
    assert_eq!(keep_alive.deadline(), Some(Deadline::Ping(at(58_000))));
}

/// Promises: LIVE-1
#[test]
fn no_life_within_the_ping_timeout_is_death() {
    let mut keep_alive = started(30);
    pinged(&mut keep_alive, 29_000);
    assert!(!keep_alive.handle_timeout(at(38_999)));
    assert!(keep_alive.handle_timeout(at(39_000)));
}

/// Promises: LIVE-1
#[test]
fn a_ping_that_cannot_leave_does_not_hide_death() {
    let mut keep_alive = started(30);
    assert!(!keep_alive.handle_timeout(at(29_000)));
    assert!(keep_alive.wants_ping());
    assert!(keep_alive.handle_timeout(at(39_000)));
}

/// Promises: LIVE-1
#[test]
fn what_arrives_does_not_stop_a_ping_this_end_owes() {
    let mut keep_alive = started(30);
    assert!(!keep_alive.handle_timeout(at(29_000)));
    keep_alive.handle_received((1, at(29_000)));
    assert!(keep_alive.wants_ping());
    // There was life; if PINGREQ cannot leave, that is looked at again in time.
    assert_eq!(keep_alive.deadline(), Some(Deadline::Ping(at(58_000))));
    assert!(!keep_alive.handle_timeout(at(58_000)));
    assert_eq!(keep_alive.deadline(), Some(Deadline::Answer(at(68_000))));
}

/// Within one moment it makes no difference what comes first.
///
/// Promises: LIVE-1
#[test]
fn an_answer_in_the_same_moment_counts_before_and_after_the_ping_left() {
    let mut before = started(30);
    assert!(!before.handle_timeout(at(29_000)));
    before.handle_received((1, at(29_000)));
    before.handle_ping_transmitted(at(29_000));
    let mut after = started(30);
    pinged(&mut after, 29_000);
    after.handle_received((1, at(29_000)));
    assert_eq!(before.deadline(), Some(Deadline::Ping(at(58_000))));
    assert_eq!(after.deadline(), before.deadline());
}

/// Promises: LIVE-1
#[test]
fn while_reading_is_paused_silence_proves_nothing_but_pings_go_on() {
    let mut keep_alive = started(30);
    pinged(&mut keep_alive, 29_000);
    keep_alive.set_paused(at(30_000), true);
    assert_eq!(keep_alive.deadline(), Some(Deadline::Ping(at(58_000))));
    assert!(!keep_alive.handle_timeout(at(50_000)));
    pinged(&mut keep_alive, 58_000);
    keep_alive.set_paused(at(60_000), false);
    assert_eq!(keep_alive.deadline(), Some(Deadline::Answer(at(70_000))));
    assert!(keep_alive.handle_timeout(at(70_000)));
}

/// Promises: LIVE-1
#[test]
fn a_long_ping_timeout_does_not_starve_the_broker_of_pings() {
    let mut keep_alive = KeepAlive::new(at(0), Duration::from_secs(100));
    keep_alive.start(at(0), 30);
    pinged(&mut keep_alive, 29_000);
    pinged(&mut keep_alive, 58_000);
    assert_eq!(keep_alive.deadline(), Some(Deadline::Ping(at(87_000))));
    pinged(&mut keep_alive, 87_000);
    pinged(&mut keep_alive, 116_000);
    assert_eq!(keep_alive.deadline(), Some(Deadline::Answer(at(129_000))));
}

/// Promises: LIVE-4
#[test]
fn a_jump_of_the_clock_is_time_passed() {
    let mut keep_alive = started(30);
    pinged(&mut keep_alive, 3_600_000);
    assert_eq!(keep_alive.deadline(), Some(Deadline::Answer(at(3_610_000))));
}

/// Promises: LIVE-1
#[test]
fn a_deadline_is_always_later_than_the_time_it_was_handled_at() {
    for timeout in [Duration::ZERO, Duration::from_secs(1), Duration::from_secs(1000)] {
        let mut keep_alive = KeepAlive::new(at(0), timeout);
        keep_alive.start(at(0), 10);
        for seconds in 0..100 {
            let now = at(seconds * 1000);
            if keep_alive.handle_timeout(now) {
                break;
            }
            let (Deadline::Ping(deadline) | Deadline::Answer(deadline)) =
                keep_alive.deadline().unwrap();
            assert!(deadline > now, "{deadline:?} at {now:?}");
            if seconds % 3 == 0 {
                keep_alive.handle_ping_transmitted(now);
            }
        }
    }
}
