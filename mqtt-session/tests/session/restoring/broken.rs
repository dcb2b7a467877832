//! Records that no session wrote.

use std::collections::BTreeMap;

use mqtt_session::{RecordKey, RestoreError, Session, Time};

use super::in_every_stage;
use crate::packets::*;
use crate::pair::{Pair, TestMemory};
use crate::store::with_store;

/// What no version of this crate wrote is refused with its key.
fn unreadable_records_are_refused<M: TestMemory>() {
    let store = in_every_stage::<M>();
    let content = store.content(store.log.len());
    let restore = |content: &BTreeMap<RecordKey, Vec<u8>>| {
        let records = content.iter().map(|(key, value)| (*key, &value[..]));
        Session::<M>::restore(with_store(), Time::ZERO, records).map(|_| ())
    };
    assert_eq!(restore(&content), Ok(()));
    for (key, value) in &content {
        let mut broken = content.clone();
        // Another format.
        broken.insert(*key, [&[0xFF], &value[1..]].concat());
        assert_eq!(restore(&broken), Err(RestoreError::Unreadable { key: *key }));
        broken.insert(*key, Vec::new());
        assert_eq!(restore(&broken), Err(RestoreError::Unreadable { key: *key }));
    }
    for unknown in [RecordKey([9; 9]), RecordKey([1, 255, 255, 255, 255, 255, 255, 255, 255])] {
        let mut broken = content.clone();
        broken.insert(unknown, vec![1, 5]);
        assert_eq!(restore(&broken), Err(RestoreError::Unreadable { key: unknown }));
    }
    let (first, last) = (content.iter().next().unwrap(), content.iter().last().unwrap());
    let disordered = [last, first].map(|(key, value)| (*key, &value[..]));
    let restored = Session::<M>::restore(with_store(), Time::ZERO, disordered).map(|_| ());
    assert_eq!(restored, Err(RestoreError::Order { key: *first.0 }));
}

/// Whatever the bytes are, restoring them is an answer and no panic.
fn broken_values_never_panic<M: TestMemory>() {
    let store = in_every_stage::<M>();
    let content = store.content(store.log.len());
    for (key, value) in &content {
        for at in 0..value.len() {
            for broken in [
                value[..at].to_vec(),
                [&value[..at], &[value[at] ^ 0xFF], &value[at + 1..]].concat(),
            ] {
                let mut content = content.clone();
                content.insert(*key, broken);
                let records = content.iter().map(|(key, value)| (*key, &value[..]));
                let session = Session::<M>::restore(with_store(), Time::ZERO, records);
                let Ok(session) = session else { continue };
                let mut pair = Pair::<M>::new();
                pair.session = session;
                if pair.session.open(pair.now, &pair.clean()).is_err() {
                    continue;
                }
                pair.session.poll_transmit(pair.now, &mut Vec::new()).unwrap();
                pair.send(&connack(false));
                pair.events();
                pair.session.poll_transmit(pair.now, &mut Vec::new()).unwrap();
            }
        }
    }
}

crate::on_both_memories! {
    unreadable_records_are_refused
    broken_values_never_panic
}
