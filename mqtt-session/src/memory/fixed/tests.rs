use std::vec::Vec;

use proptest::prelude::*;

use super::*;

const BYTES: usize = 256;

/// The blocks in their order: length and whether taken.
fn layout(blocks: &Blocks<BYTES>) -> Vec<(usize, bool)> {
    let mut at = 0;
    let mut layout = Vec::new();
    while let Some((len, taken)) = blocks.header(at) {
        layout.push((len, taken));
        at += HEADER + len;
    }
    assert_eq!(at, BYTES, "{layout:?}");
    layout
}

#[test]
fn a_part_of_a_block_is_copied() {
    let mut blocks = Blocks::<BYTES>::default();
    let mut block = blocks.take(6).unwrap();
    blocks.bytes_mut(&mut block).copy_from_slice(b"abcdef");
    let copy = blocks.copy(&block, 2, 3).unwrap();
    assert_eq!((blocks.bytes(&copy), blocks.bytes(&block)), (&b"cde"[..], &b"abcdef"[..]));
}

#[test]
fn one_block_can_take_it_all() {
    let mut blocks = Blocks::<BYTES>::default();
    let limit = <Blocks<BYTES> as Arena>::LIMIT;
    assert_eq!(limit, BYTES - HEADER);
    assert!(blocks.take(limit + 1).is_err());
    let all = blocks.take(limit).unwrap();
    assert_eq!(blocks.bytes(&all).len(), limit);
    assert!(blocks.take(0).is_err());
    blocks.give_back(all);
    assert_eq!(layout(&blocks), [(limit, false)]);
}

#[test]
fn free_neighbours_become_one_again() {
    let mut blocks = Blocks::<BYTES>::default();
    let taken: Vec<Span> = (0..4).map(|_| blocks.take(59).unwrap()).collect();
    assert!(blocks.take(1).is_err());
    let mut taken = taken.into_iter();
    let (first, second) = (taken.next().unwrap(), taken.next().unwrap());
    blocks.give_back(second);
    blocks.give_back(first);
    let both = blocks.take(59 + HEADER + 59).unwrap();
    assert_eq!(blocks.bytes(&both).len(), 122);
}

#[test]
fn a_rest_too_short_for_a_block_stays_with_its_neighbour() {
    let mut blocks = Blocks::<BYTES>::default();
    let most = BYTES - HEADER;
    let block = blocks.take(most - HEADER).unwrap();
    assert_eq!(blocks.bytes(&block).len(), most - HEADER);
    assert_eq!(layout(&blocks), [(most, true)]);
    blocks.give_back(block);
    assert_eq!(layout(&blocks), [(most, false)]);
}

#[test]
fn memory_too_small_for_a_header_gives_nothing() {
    let mut blocks = Blocks::<3>::default();
    assert!(blocks.take(0).is_err());
}

#[derive(Clone, Debug)]
enum Step {
    Take { len: usize },
    GiveBack { nth: usize },
    Write { nth: usize },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0..90usize).prop_map(|len| Step::Take { len }),
        2 => (0..32usize).prop_map(|nth| Step::GiveBack { nth }),
        2 => (0..32usize).prop_map(|nth| Step::Write { nth }),
    ]
}

proptest! {
    /// The naive model: every block is a vector of its own.
    #[test]
    fn blocks_never_overlap_and_come_back_whole(steps in prop::collection::vec(step(), 0..60)) {
        let mut blocks = Blocks::<BYTES>::default();
        let mut model: Vec<(Span, Vec<u8>)> = Vec::new();
        for (mark, step) in (0u8..).zip(steps) {
            match step {
                Step::Take { len } => {
                    let largest = layout(&blocks)
                        .split(|(_, taken)| *taken)
                        .map(|free| free.iter().map(|(len, _)| len + HEADER).sum::<usize>())
                        .max()
                        .unwrap_or(0);
                    let taken = blocks.take(len);
                    prop_assert_eq!(taken.is_ok(), len + HEADER <= largest);
                    if let Ok(mut block) = taken {
                        blocks.bytes_mut(&mut block).fill(mark);
                        model.push((block, std::vec![mark; len]));
                    }
                }
                Step::GiveBack { nth } if !model.is_empty() => {
                    let (block, _) = model.swap_remove(nth % model.len());
                    blocks.give_back(block);
                }
                Step::Write { nth } if !model.is_empty() => {
                    let nth = nth % model.len();
                    let (block, bytes) = &mut model[nth];
                    blocks.bytes_mut(block).fill(mark);
                    bytes.fill(mark);
                }
                Step::GiveBack { .. } | Step::Write { .. } => {}
            }
            for (block, bytes) in &model {
                prop_assert_eq!(blocks.bytes(block), &bytes[..]);
            }
        }
        for (block, _) in model {
            blocks.give_back(block);
        }
        let all = blocks.take(BYTES - HEADER);
        prop_assert!(all.is_ok());
    }
}
