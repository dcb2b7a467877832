use std::vec::Vec;

use proptest::prelude::*;

use super::*;

type Growing = Inbound<crate::Heap>;
#[cfg(feature = "fixed")]
type Bounded = Inbound<crate::Fixed<1, 1, 1, 64>>;

/// Uses up `n` bytes, as a session does: what is left starts a packet of which more must come.
fn take<M: Memory>(inbound: &mut Inbound<M>, n: usize) -> Vec<u8> {
    let Parts { bytes, used, wanted, .. } = inbound.parts();
    let taken = bytes[..n.min(bytes.len())].to_vec();
    *used += taken.len();
    *wanted = bytes.len() - taken.len() + 1;
    taken
}

#[test]
fn it_grows_while_reads_fill_it_and_no_further_than_steady() {
    let mut inbound = Growing::default();
    assert_eq!(inbound.capacity(), 0);
    let mut sizes = Vec::new();
    for _ in 0..10 {
        let n = inbound.space().len();
        sizes.push(n);
        inbound.handle_received(Time::ZERO, n);
        take(&mut inbound, n);
    }
    assert_eq!(sizes[..3], [FIRST, 2 * FIRST, 4 * FIRST]);
    assert_eq!(sizes[9], STEADY);
    assert_eq!(inbound.capacity(), STEADY);
}

#[test]
fn asking_for_space_again_does_not_grow_it() {
    let mut inbound = Growing::default();
    let n = inbound.space().len();
    inbound.handle_received(Time::ZERO, n);
    take(&mut inbound, n);
    let grown = inbound.space().len();
    for _ in 0..10 {
        assert_eq!(inbound.space().len(), grown);
        inbound.handle_received(Time::ZERO, 0);
    }
}

/// Promises: BAD-3
#[test]
#[cfg_attr(miri, ignore = "too many bytes for Miri")]
fn a_packet_longer_than_steady_grows_it_as_bytes_arrive_and_not_for_good() {
    let mut inbound = Growing::default();
    let long = std::vec![7; 3 * STEADY];
    for part in long.chunks(1000) {
        assert_eq!(inbound.handle_input(Time::ZERO, part), part.len());
        // Twice what arrived is the most it takes.
        assert!(inbound.capacity() <= 2 * inbound.len().max(FIRST));
    }
    assert_eq!(take(&mut inbound, long.len()), long);
    assert!(inbound.is_empty());
    inbound.space();
    assert_eq!(inbound.capacity(), STEADY);
    assert!(inbound.buffer.capacity() <= STEADY);
}

/// Reads bytes as a reader of a socket does.
fn read(inbound: &mut Growing, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        inbound.wanted = inbound.len() + bytes.len();
        let space = inbound.space();
        let n = space.len().min(bytes.len());
        space[..n].copy_from_slice(&bytes[..n]);
        inbound.handle_received(Time::ZERO, n);
        bytes = &bytes[n..];
    }
}

#[test]
#[cfg_attr(miri, ignore = "too many bytes for Miri")]
fn a_large_payload_is_handed_over_without_a_copy() {
    let long: Vec<u8> = (0..100_000u32).map(|n| (n % 251) as u8).collect();
    let mut inbound = Growing::default();
    for _ in 0..3 {
        read(&mut inbound, &long);
        let place = inbound.buffer.as_ptr();
        take(&mut inbound, long.len());
        let payload = inbound.take_payload(90_000);
        assert_eq!((payload.as_ptr(), payload.capacity()), (place, long.len()));
        assert_eq!(payload, long);
        assert_eq!((inbound.len(), inbound.capacity()), (0, STEADY));
    }
}

#[test]
#[cfg_attr(miri, ignore = "too many bytes for Miri")]
fn a_payload_that_is_small_or_not_alone_is_copied() {
    let long: Vec<u8> = (0..300_000u32).map(|n| (n % 251) as u8).collect();
    // Something behind it, much before it, and a small one.
    for (used, len) in [(299_999, 200_000), (300_000, 100_000), (300_000, 10)] {
        let mut inbound = Growing::default();
        read(&mut inbound, &long);
        take(&mut inbound, used);
        assert_eq!(inbound.take_payload(len), long[used - len..used]);
        assert_eq!(inbound.len(), long.len() - used);
        assert_eq!(take(&mut inbound, 9), long[used..]);
    }
    assert!(Growing::default().take_payload(1 << 20).is_empty());
}

#[test]
fn a_partial_packet_moves_to_the_front_when_the_end_is_reached() {
    let mut inbound = Growing::default();
    let n = inbound.space().len();
    inbound.space().fill(1);
    inbound.handle_received(Time::ZERO, n);
    inbound.filled_up = false;
    take(&mut inbound, n - 3);
    assert_eq!(inbound.space().len(), n - 3);
    assert_eq!((inbound.len(), inbound.capacity()), (3, n));
}

/// Promises: BAD-3
#[test]
fn whole_packets_that_nobody_polls_do_not_make_it_grow() {
    let mut inbound = Growing::default();
    for _ in 0..100 {
        let n = inbound.space().len();
        inbound.handle_received(Time::ZERO, n);
    }
    assert!(inbound.space().is_empty());
    assert_eq!(inbound.capacity(), STEADY);
}

#[test]
fn it_knows_when_the_last_byte_came() {
    let mut inbound = Growing::default();
    let at = Time::from_micros;
    inbound.handle_input(at(5), b"ab");
    inbound.handle_input(at(3), b"c");
    inbound.handle_received(at(9), 0);
    assert_eq!(inbound.received(), (3, at(5)));
}

#[test]
fn a_sign_of_life_is_no_byte() {
    let mut inbound = Growing::default();
    inbound.handle_input(Time::ZERO, b"ab");
    inbound.handle_sign_of_life(Time::from_micros(5));
    assert_eq!(inbound.received(), (3, Time::from_micros(5)));
    assert_eq!(inbound.len(), 2);
}

#[cfg(feature = "fixed")]
#[test]
fn a_bounded_one_takes_what_fits() {
    let mut inbound = Bounded::default();
    assert_eq!(inbound.handle_input(Time::ZERO, &[1; 100]), 64);
    assert!(inbound.space().is_empty());
    assert_eq!(inbound.handle_input(Time::ZERO, &[2; 10]), 0);
    take(&mut inbound, 60);
    assert_eq!(inbound.handle_input(Time::ZERO, &[2; 100]), 60);
    assert_eq!(take(&mut inbound, 64)[..6], [1, 1, 1, 1, 2, 2]);
    assert_eq!(inbound.space().len(), 64);
}

/// What goes in comes out, however it is split.
fn passes_all_bytes_on<M: Memory>(parts: &[(usize, usize)]) {
    let mut inbound = Inbound::<M>::default();
    let mut bytes = (0u32..).map(|n| (n % 251) as u8);
    let mut waiting: Vec<u8> = Vec::new();
    let mut given = Vec::new();
    let mut taken = Vec::new();
    for (arriving, used) in parts {
        waiting.extend(bytes.by_ref().take(*arriving));
        let n = inbound.handle_input(Time::ZERO, &waiting);
        given.extend(waiting.drain(..n));
        taken.extend(take(&mut inbound, *used));
        assert_eq!(inbound.len(), given.len() - taken.len());
    }
    let rest = inbound.len();
    taken.extend(take(&mut inbound, rest));
    assert_eq!(given, taken);
}

proptest! {
    #[test]
    #[cfg_attr(miri, ignore = "too many bytes for Miri")]
    fn bytes_pass_in_order(parts in prop::collection::vec((0..9000usize, 0..9000usize), 0..40)) {
        passes_all_bytes_on::<crate::Heap>(&parts);
    }

    #[cfg(feature = "fixed")]
    #[test]
    fn bytes_pass_a_bounded_one_in_order(
        parts in prop::collection::vec((0..90usize, 0..90usize), 0..40),
    ) {
        passes_all_bytes_on::<crate::Fixed<1, 1, 1, 64>>(&parts);
    }
}
