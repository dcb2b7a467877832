//! The model broker and mosquitto, put through the same conversations.
//!
//! Each conversation runs on both. What the clients say does not depend on what they hear, so the
//! two traces differ only where the brokers do. Every difference stands in `docs/model-broker.md`
//! with the paragraph of the standard that decides it; one that does not, and one that no longer
//! occurs, fails.

mod conversation;
mod difference;
mod normal;
mod packets;
mod page;
mod side;
mod talk;

mod connecting;
mod delivering;
mod ending;
mod limiting;
mod publishing;
mod retaining;
mod sessions;
mod sharing;
mod subscribing;
mod violating;
mod wills;

use std::fmt::Write;

use conversation::{Conversation, hear_all};
use difference::differences;
use page::Row;

const GROUPS: &[&[Conversation]] = &[
    connecting::CONVERSATIONS,
    delivering::CONVERSATIONS,
    ending::CONVERSATIONS,
    limiting::CONVERSATIONS,
    publishing::CONVERSATIONS,
    retaining::CONVERSATIONS,
    sessions::CONVERSATIONS,
    sharing::CONVERSATIONS,
    subscribing::CONVERSATIONS,
    violating::CONVERSATIONS,
    wills::CONVERSATIONS,
];

macro_rules! groups {
    ($($group:ident)*) => {
        $(#[test]
        fn $group() {
            compare($group::CONVERSATIONS);
        })*
    };
}

groups! {
    connecting delivering ending limiting publishing retaining sessions sharing subscribing
    violating wills
}

/// The brokers differ exactly where the page says so.
fn compare(conversations: &[Conversation]) {
    let names = |row: &Row| conversations.iter().any(|it| it.name == row.conversation);
    let rows: Vec<Row> = page::rows().into_iter().filter(names).collect();
    let mut missed: Vec<Row> = rows.clone();
    let mut report = String::new();
    for heard in hear_all(conversations) {
        for difference in differences(&heard) {
            missed.retain(|row| !row.is_about(&difference));
            if !rows.iter().any(|row| row.is_about(&difference)) {
                writeln!(report, "{difference}").unwrap();
            }
        }
    }
    for row in missed {
        writeln!(report, "no longer so: {row:?}").unwrap();
    }
    assert!(report.is_empty(), "not as docs/model-broker.md says:\n{report}");
}

#[test]
fn the_page_is_about_conversations_there_are() {
    for row in page::rows() {
        let mut all = GROUPS.iter().copied().flatten();
        assert!(all.any(|it| it.name == row.conversation), "{row:?}");
    }
}
