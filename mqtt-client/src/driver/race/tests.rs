//! Races in virtual time.

use super::*;

fn v6(n: u16) -> SocketAddr {
    SocketAddr::from(([0xFD00, 0, 0, 0, 0, 0, 0, n], 1883))
}

fn v4(n: u8) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, n], 1883))
}

fn at(milliseconds: u64) -> Time {
    Time::from_micros(1000 * milliseconds)
}

/// The order in which a race in which everything fails dials.
fn order(addresses: &[SocketAddr]) -> Vec<SocketAddr> {
    let mut race = Race::new(at(0), addresses.to_vec());
    let mut dialled = Vec::new();
    while let Move::Dial(address) = race.poll(at(0)) {
        dialled.push(address);
        race.handle_failed(at(0));
    }
    assert_eq!(race.poll(at(0)), Move::Lost);
    dialled
}

/// Promises: CON-4
#[test]
fn families_take_turns_beginning_with_the_first() {
    let six_first = [v6(1), v6(2), v6(3), v4(1), v4(2)];
    assert_eq!(order(&six_first), [v6(1), v4(1), v6(2), v4(2), v6(3)]);
    let four_first = [v4(1), v6(1), v6(2), v6(3)];
    assert_eq!(order(&four_first), [v4(1), v6(1), v6(2), v6(3)]);
    assert_eq!(order(&[v4(2), v4(1)]), [v4(2), v4(1)]);
    assert_eq!(order(&[]), []);
}

/// Promises: CON-4
#[test]
fn an_address_that_does_not_answer_has_a_head_start_and_no_more() {
    let mut race = Race::new(at(7), vec![v6(1), v4(1), v4(2)]);
    assert_eq!(race.poll(at(7)), Move::Dial(v6(1)));
    assert_eq!(race.poll(at(7)), Move::Wait(at(257)));
    assert_eq!(race.poll(at(256)), Move::Wait(at(257)));
    assert_eq!(race.poll(at(257)), Move::Dial(v4(1)));
    // Asked late, the next has its whole head start all the same.
    assert_eq!(race.poll(at(600)), Move::Dial(v4(2)));
    assert_eq!(race.poll(at(600)), Move::WaitOn);
}

/// Promises: CON-4
#[test]
fn a_failure_has_the_next_dialled_at_once() {
    let mut race = Race::new(at(0), vec![v6(1), v4(1), v6(2)]);
    assert_eq!(race.poll(at(0)), Move::Dial(v6(1)));
    race.handle_failed(at(20));
    assert_eq!(race.poll(at(20)), Move::Dial(v4(1)));
    assert_eq!(race.poll(at(20)), Move::Wait(at(270)));
    assert_eq!(race.poll(at(270)), Move::Dial(v6(2)));
    race.handle_failed(at(300));
    assert_eq!(race.poll(at(300)), Move::WaitOn, "one still runs");
    race.handle_failed(at(900));
    assert_eq!(race.poll(at(900)), Move::Lost);
}

/// Two failures at once are one reason to dial the next, which keeps its head start.
#[test]
fn two_failures_have_one_address_dialled() {
    let mut race = Race::new(at(0), vec![v6(1), v4(1), v6(2), v4(2)]);
    assert_eq!(race.poll(at(0)), Move::Dial(v6(1)));
    assert_eq!(race.poll(at(250)), Move::Dial(v4(1)));
    race.handle_failed(at(300));
    race.handle_failed(at(300));
    assert_eq!(race.poll(at(300)), Move::Dial(v6(2)));
    assert_eq!(race.poll(at(300)), Move::Wait(at(550)));
}
