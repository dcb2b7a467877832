use std::collections::BTreeMap;
use std::vec::Vec;

use proptest::prelude::*;

use super::*;

const LISTS: usize = 3;

type Growing = Table<u32, u8, Vec<Slot<u32, u8>>, Vec<u32>, LISTS>;
#[cfg(feature = "fixed")]
type Bounded = Table<u32, u8, heapless::Vec<Slot<u32, u8>, 4>, heapless::Vec<u32, 4>, LISTS>;

fn values<S: List<Slot<u32, u8>>, B: List<u32>>(
    table: &Table<u32, u8, S, B, LISTS>,
    list: u8,
) -> Vec<u32> {
    table.iter(list).filter_map(|index| table.get(index).copied()).collect()
}

#[test]
fn lists_keep_the_order_of_arrival() {
    let mut table = Growing::new();
    let first = table.insert(0, 10).unwrap();
    let second = table.insert(0, 11).unwrap();
    let third = table.insert(0, 12).unwrap();
    table.move_to(first, 1);
    table.move_to(third, 1);
    assert_eq!(values(&table, 0), [11]);
    assert_eq!(values(&table, 1), [10, 12]);
    table.move_to(first, 1);
    assert_eq!(values(&table, 1), [12, 10]);
    assert_eq!((table.first(0), table.list_of(second)), (Some(second), Some(0)));
    assert_eq!((table.len(1), table.total(), table.is_empty(2)), (2, 3, true));
}

#[test]
fn prepend_puts_all_of_a_list_before_another() {
    let mut table = Growing::new();
    for value in [1, 2] {
        table.insert(0, value).unwrap();
    }
    for value in [3, 4] {
        table.insert(1, value).unwrap();
    }
    table.prepend(0, 1);
    assert_eq!((values(&table, 0), values(&table, 1)), (Vec::new(), Vec::from([1, 2, 3, 4])));
    table.prepend(0, 1);
    table.prepend(1, 2);
    assert_eq!(values(&table, 2), [1, 2, 3, 4]);
}

#[test]
fn a_slot_used_again_has_another_generation() {
    let mut table = Growing::new();
    let index = table.insert(0, 1).unwrap();
    let generation = table.generation(index);
    assert!(table.is_current(index, generation));
    assert_eq!(table.remove(index), Some(1));
    assert_eq!(table.remove(index), None);
    assert!(!table.is_current(index, generation));
    assert_eq!(table.insert(0, 2), Ok(index));
    assert!(!table.is_current(index, generation));
}

#[test]
fn a_removed_value_takes_its_key_along() {
    let mut table = Growing::new();
    let index = table.insert(0, 1).unwrap();
    table.set_key(index, 7);
    assert_eq!((table.find(7), table.keys()), (Some(index), 1));
    table.remove(index);
    assert_eq!((table.find(7), table.keys()), (None, 0));
    assert_eq!(table.find(0), None);
}

#[cfg(feature = "fixed")]
#[test]
fn a_bounded_table_refuses_what_it_has_no_slot_for() {
    let mut table = Bounded::new();
    for value in 0..4 {
        let index = table.insert(0, value).unwrap();
        table.set_key(index, 8 * (value as u16 + 1));
    }
    assert!(!table.has_room());
    assert_eq!(table.insert(0, 4), Err(Full));
    assert_eq!(table.find(24), Some(2));
    table.remove(2);
    assert!(table.has_room());
    assert_eq!(table.insert(1, 5), Ok(2));
    assert_eq!((values(&table, 0), values(&table, 1)), (Vec::from([0, 1, 3]), Vec::from([5])));
}

#[derive(Clone, Debug)]
enum Step {
    Insert { list: u8 },
    Remove { nth: usize },
    Move { nth: usize, list: u8 },
    Prepend { from: u8, to: u8 },
    SetKey { nth: usize, key: u16 },
    ClearKey { nth: usize },
}

fn step() -> impl Strategy<Value = Step> {
    let list = 0..u8::try_from(LISTS).unwrap();
    prop_oneof![
        4 => list.clone().prop_map(|list| Step::Insert { list }),
        2 => (0..64usize).prop_map(|nth| Step::Remove { nth }),
        2 => (0..64usize, list.clone()).prop_map(|(nth, list)| Step::Move { nth, list }),
        1 => (list.clone(), list).prop_map(|(from, to)| Step::Prepend { from, to }),
        3 => (0..64usize, 1..40u16).prop_map(|(nth, key)| Step::SetKey { nth, key }),
        1 => (0..64usize).prop_map(|nth| Step::ClearKey { nth }),
    ]
}

/// The same by searching: each list is a vector of slots, keys are a map.
#[derive(Default)]
struct Model {
    lists: [Vec<u32>; LISTS],
    values: BTreeMap<u32, u32>,
    keys: BTreeMap<u16, u32>,
}

impl Model {
    fn nth(&self, nth: usize) -> Option<u32> {
        let all: Vec<u32> = self.values.keys().copied().collect();
        all.get(nth.checked_rem(all.len())?).copied()
    }

    fn unlink(&mut self, index: u32) {
        for list in &mut self.lists {
            list.retain(|one| *one != index);
        }
    }

    fn key(&self, index: u32) -> u16 {
        self.keys.iter().find(|(_, at)| **at == index).map_or(0, |(key, _)| *key)
    }
}

fn run<S: List<Slot<u32, u8>>, B: List<u32>>(steps: &[Step]) {
    let mut table = Table::<u32, u8, S, B, LISTS>::new();
    let mut model = Model::default();
    for (value, step) in (100..).zip(steps) {
        apply(&mut table, &mut model, value, step);
        check(&table, &model);
    }
}

fn apply<S: List<Slot<u32, u8>>, B: List<u32>>(
    table: &mut Table<u32, u8, S, B, LISTS>,
    model: &mut Model,
    value: u32,
    step: &Step,
) {
    match *step {
        Step::Insert { list } => {
            let had_room = table.has_room();
            let inserted = table.insert(list, value);
            assert_eq!(inserted.is_ok(), had_room);
            if let Ok(index) = inserted {
                assert_eq!(model.values.insert(index, value), None, "slot {index} was taken");
                model.lists[usize::from(list)].push(index);
            }
        }
        Step::Remove { nth } => {
            let Some(index) = model.nth(nth) else { return };
            assert_eq!(table.remove(index), model.values.remove(&index));
            model.unlink(index);
            model.keys.retain(|_, at| *at != index);
        }
        Step::Move { nth, list } => {
            let Some(index) = model.nth(nth) else { return };
            table.move_to(index, list);
            model.unlink(index);
            model.lists[usize::from(list)].push(index);
        }
        Step::Prepend { from, to } => {
            if from != to {
                table.prepend(from, to);
                let mut moved = std::mem::take(&mut model.lists[usize::from(from)]);
                moved.append(&mut model.lists[usize::from(to)]);
                model.lists[usize::from(to)] = moved;
            }
        }
        Step::SetKey { nth, key } => {
            let Some(index) = model.nth(nth) else { return };
            if model.key(index) == 0 && !model.keys.contains_key(&key) {
                table.set_key(index, key);
                model.keys.insert(key, index);
            }
        }
        Step::ClearKey { nth } => {
            let Some(index) = model.nth(nth) else { return };
            table.clear_key(index);
            model.keys.retain(|_, at| *at != index);
        }
    }
}

fn check<S: List<Slot<u32, u8>>, B: List<u32>>(table: &Table<u32, u8, S, B, LISTS>, model: &Model) {
    for (list, expected) in (0u8..).zip(&model.lists) {
        assert_eq!(&table.iter(list).collect::<Vec<_>>(), expected);
        assert_eq!(
            (table.len(list), table.first(list)),
            (expected.len(), expected.first().copied())
        );
    }
    for (index, value) in &model.values {
        assert_eq!(table.get(*index), Some(value));
        assert_eq!(table.key(*index), model.key(*index));
    }
    for key in 0..40 {
        assert_eq!(table.find(key), model.keys.get(&key).copied());
    }
    assert_eq!((table.total(), table.keys()), (model.values.len(), model.keys.len()));
}

proptest! {
    #[test]
    #[cfg_attr(miri, ignore = "too many steps for Miri")]
    fn it_does_what_searching_does(steps in prop::collection::vec(step(), 0..80)) {
        run::<Vec<Slot<u32, u8>>, Vec<u32>>(&steps);
    }

    #[cfg(feature = "fixed")]
    #[test]
    #[cfg_attr(miri, ignore = "too many steps for Miri")]
    fn so_does_a_bounded_one(steps in prop::collection::vec(step(), 0..80)) {
        run::<heapless::Vec<Slot<u32, u8>, 6>, heapless::Vec<u32, 6>>(&steps);
    }
}
