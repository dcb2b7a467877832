use super::*;
use crate::Token;

const DELETE: RecordRef = RecordRef::Delete { key: crate::RecordKey([0; 9]) };
const MESSAGE: RecordRef = RecordRef::Message { token: Token { index: 0, generation: 0 }, id: 0 };

type Growing = Journal<crate::Heap>;
#[cfg(feature = "fixed")]
type Bounded = Journal<crate::Fixed<1, 1, 1, 64>>;

#[test]
fn without_a_store_every_record_counts_as_stored() {
    let mut journal = Growing::new(false);
    assert_eq!(journal.push(DELETE), Ok(0));
    assert!(journal.is_stored(0));
    assert!(journal.pop().is_none());
}

#[test]
fn numbers_count_up_from_one_and_receipts_never_outrun_polls() {
    let mut journal = Growing::new(true);
    assert_eq!((journal.push(DELETE), journal.push(MESSAGE)), (Ok(1), Ok(2)));
    journal.handle_stored(2);
    assert!(!journal.is_stored(1));
    assert_eq!(journal.pop().map(|(number, _)| number), Some(1));
    journal.handle_stored(2);
    assert!(journal.is_stored(1) && !journal.is_stored(2));
    assert_eq!(journal.pop().map(|(number, _)| number), Some(2));
    journal.handle_stored(2);
    journal.handle_stored(1);
    assert!(journal.is_stored(2));
    assert_eq!(journal.push(DELETE), Ok(3));
}

#[test]
fn it_counts_on_from_what_was_restored() {
    let mut journal = Growing::new(true);
    journal.count_from(5);
    assert_eq!(journal.push(DELETE), Ok(6));
    journal.count_from(9);
    journal.count_from(2);
    assert_eq!(journal.push(DELETE), Ok(11));
    assert!(journal.is_stored(9) && !journal.is_stored(10));
    let numbers = [journal.pop(), journal.pop()].map(|record| record.map(|(number, _)| number));
    assert_eq!(numbers, [Some(10), Some(11)]);
}

/// Promises: STO-1
#[test]
fn messages_that_fail_do_not_end_it() {
    let mut journal = Growing::new(true);
    for record in [DELETE, MESSAGE, MESSAGE, DELETE] {
        journal.push(record).unwrap();
    }
    for _ in 0..3 {
        journal.pop();
    }
    journal.handle_stored(1);
    journal.handle_failed(2);
    // What was not polled was not tried.
    assert_eq!([1, 2, 3, 4].map(|number| journal.is_lost(2, number)), [false, true, true, false]);
    assert!(!journal.has_failed());
    assert_eq!(journal.pop().map(|(number, _)| number), Some(4));
}

/// Promises: STO-1
#[test]
fn any_other_record_that_fails_ends_it() {
    let mut journal = Growing::new(true);
    for record in [DELETE, MESSAGE, DELETE, MESSAGE] {
        journal.push(record).unwrap();
    }
    for _ in 0..3 {
        journal.pop();
    }
    journal.handle_stored(1);
    journal.handle_failed(2);
    assert!(journal.has_failed());
    assert_eq!([1, 2, 4].map(|number| journal.is_lost(2, number)), [false, true, true]);
    assert!(journal.pop().is_none());
    let never = journal.push(DELETE).unwrap();
    assert!(!journal.is_stored(never));
    assert!(journal.pop().is_none());
}

#[cfg(feature = "fixed")]
#[test]
fn without_room_it_says_so_and_loses_nothing() {
    let mut journal = Bounded::new(true);
    let mut made = 0;
    while journal.push(DELETE).is_ok() {
        made += 1;
    }
    assert!(made >= RECORDS_PER_PACKET);
    assert!(!journal.has_room(1));
    assert!(journal.pop().is_some());
    assert!(journal.has_room(1) && !journal.has_room(2));
    assert_eq!(journal.push(MESSAGE), Ok(made as u64 + 1));
}
