use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Wake, Waker};

use super::{Lane, Room};

#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Count {
    fn new() -> (Arc<Count>, Option<Waker>) {
        let count = Arc::new(Count::default());
        (Arc::clone(&count), Some(count.into()))
    }

    fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}

#[test]
fn room_goes_to_the_first() {
    let mut room = Room::default();
    let (a, waker_a) = Count::new();
    let (b, waker_b) = Count::new();
    let first = room.join(Lane::QoS12, waker_a);
    let second = room.join(Lane::QoS12, waker_b);
    room.grant_all(wake);
    assert_eq!((a.get(), b.get()), (1, 0));
    assert!(room.is_granted(Lane::QoS12, first) && !room.is_granted(Lane::QoS12, second));
    wake(room.leave(Lane::QoS12, first, &mut None));
    assert_eq!(b.get(), 1, "there may be more room");
    assert!(room.is_granted(Lane::QoS12, second));
}

#[test]
fn a_call_that_goes_away_passes_its_grant_on() {
    let mut room = Room::default();
    let [first, second, third] = [(); 3].map(|()| room.join(Lane::QoS0, None));
    room.grant_all(wake);
    room.leave(Lane::QoS0, second, &mut None);
    assert!(room.is_granted(Lane::QoS0, first));
    room.leave(Lane::QoS0, first, &mut None);
    assert!(room.is_granted(Lane::QoS0, third));
    room.leave(Lane::QoS0, third, &mut None);
    assert!(room.is_free(Lane::QoS0) && !room.is_awaited());
}

#[test]
fn a_call_without_grant_that_goes_away_grants_nothing() {
    let mut room = Room::default();
    let [first, second] = [(); 2].map(|()| room.join(Lane::QoS0, None));
    room.leave(Lane::QoS0, first, &mut None);
    assert!(!room.is_granted(Lane::QoS0, second));
}

#[test]
fn full_again_keeps_the_place() {
    let mut room = Room::default();
    let (count, waker) = Count::new();
    let first = room.join(Lane::Requests, None);
    let second = room.join(Lane::Requests, None);
    room.grant_all(wake);
    room.wait_on(Lane::Requests, first, &mut waker.clone());
    assert!(!room.is_granted(Lane::Requests, first));
    room.wait_on(Lane::Requests, second, &mut None);
    room.grant_all(wake);
    assert_eq!(count.get(), 1);
    assert!(room.is_granted(Lane::Requests, first));
}

#[test]
fn lanes_do_not_wait_for_each_other() {
    let mut room = Room::default();
    let window = room.join(Lane::QoS12, None);
    let bytes = room.join(Lane::QoS0, None);
    room.grant_all(wake);
    assert!(room.is_granted(Lane::QoS12, window) && room.is_granted(Lane::QoS0, bytes));
    assert!(room.is_free(Lane::Requests));
}

#[test]
fn the_end_wakes_everybody() {
    let mut room = Room::default();
    let (a, waker_a) = Count::new();
    let (b, waker_b) = Count::new();
    room.join(Lane::QoS0, waker_a);
    room.join(Lane::Requests, waker_b);
    room.end_all(wake);
    assert_eq!((a.get(), b.get()), (1, 1));
    assert!(!room.is_awaited());
}
