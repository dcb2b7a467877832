//! Subscriptions that are made again after a restart.

use mqtt_session::proto::ReasonCode;

use crate::packets::*;
use crate::pair::{Seen, TestMemory};
use crate::store::{stored, with_store};

const OK: ReasonCode = ReasonCode::Success;

/// A crash between the record of a subscription and the end of the one it replaced leaves two to one
/// filter: what ends one of them ends both.
///
/// Promises: STO-2, RES-3
fn equal_subscriptions_end_together<M: TestMemory>() {
    let (mut pair, mut store) = stored::<M>();
    for id in [1, 2] {
        pair.subscribe("a");
        pair.transmitted();
        pair.send(&suback(id, &[OK]));
        pair.poll();
        store.sync(&mut pair);
    }
    let deleted = store.log.len() - 1;
    assert_eq!(store.log[deleted].value, None);
    for (answer, left) in [(unsuback(1, &[OK]), 0), (suback(1, &[OK]), 1)] {
        let mut after = store.crash(deleted);
        let mut pair = after.restore::<M>(with_store()).unwrap();
        pair.resume(true);
        match left {
            0 => pair.unsubscribe("a"),
            _ => pair.subscribe("a"),
        };
        pair.transmitted();
        pair.send(&answer);
        pair.poll();
        after.sync(&mut pair);
        // The session is recorded, too.
        assert_eq!(after.content(after.log.len()).len(), 1 + left);
        pair.cut();
        pair.resume(false);
        pair.expect(&[subscribe(2, &[filter("a")])][..left]);
    }
    let mut pair = store.crash(deleted).restore::<M>(with_store()).unwrap();
    pair.unsubscribe("a");
    pair.resume(false);
    pair.expect(&[unsubscribe(1, &["a"])]);
}

/// Records of subscriptions follow what the broker granted.
///
/// Promises: STO-1, RES-3
fn subscriptions_are_stored<M: TestMemory>() {
    let (mut pair, mut store) = stored::<M>();
    for (id, text) in [(1, "a"), (2, "b"), (3, "a")] {
        pair.subscribe(text);
        pair.transmitted();
        pair.send(&suback(id, &[OK]));
        pair.poll();
    }
    pair.unsubscribe("b");
    pair.transmitted();
    pair.send(&unsuback(4, &[OK]));
    pair.poll();
    store.sync(&mut pair);
    // Session, and one subscription.
    assert_eq!(store.content(store.log.len()).len(), 2);
    let mut pair = store.restore::<M>(with_store()).unwrap();
    pair.resume(false);
    pair.expect(&[subscribe(1, &[filter("a")])]);
    pair.send(&suback(1, &[ReasonCode::NotAuthorized]));
    pair.expect_events(&[Seen::SubscriptionLost(ReasonCode::NotAuthorized)]);
    let mut after = store.crash(store.log.len());
    after.sync(&mut pair);
    assert_eq!(after.content(after.log.len()).len(), 1);
}

crate::on_both_memories! {
    equal_subscriptions_end_together
    subscriptions_are_stored
}
