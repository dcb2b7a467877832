//! What a conversation is, and how it runs on both brokers.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use mqtt_proto::Version;
use mqtt_testkit::broker::Settings;

use crate::side::Side;
use crate::talk::Talk;

/// What clients say to a broker, whatever it answers.
pub(crate) struct Conversation {
    pub(crate) name: &'static str,
    pub(crate) versions: &'static [Version],
    pub(crate) limits: Limits,
    pub(crate) run: fn(&mut Talk),
}

/// What a broker is told beyond its defaults, in the words of each.
#[derive(Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) model: fn(&mut Settings),
    pub(crate) mosquitto: &'static [&'static str],
}

/// One conversation in one version: what was said and heard on each broker.
pub(crate) struct Heard {
    pub(crate) name: &'static str,
    pub(crate) version: Version,
    /// By connection.
    pub(crate) mosquitto: Vec<Vec<String>>,
    pub(crate) model: Vec<Vec<String>>,
}

impl Limits {
    pub(crate) const NONE: Limits = Limits { model: |_| {}, mosquitto: &[] };
}

impl Conversation {
    /// In 5.0 and 3.1.1.
    pub(crate) const fn both(name: &'static str, run: fn(&mut Talk)) -> Conversation {
        let versions = &[Version::V5, Version::V3_1_1];
        Conversation { name, versions, limits: Limits::NONE, run }
    }

    /// In 5.0 alone.
    pub(crate) const fn current(name: &'static str, run: fn(&mut Talk)) -> Conversation {
        Conversation { name, versions: &[Version::V5], limits: Limits::NONE, run }
    }

    /// In all versions there are.
    pub(crate) const fn all(name: &'static str, run: fn(&mut Talk)) -> Conversation {
        let versions = &[Version::V5, Version::V3_1_1, Version::V3_1];
        Conversation { name, versions, limits: Limits::NONE, run }
    }

    /// In 3.1.1 alone.
    pub(crate) const fn old(name: &'static str, run: fn(&mut Talk)) -> Conversation {
        Conversation { name, versions: &[Version::V3_1_1], limits: Limits::NONE, run }
    }

    pub(crate) const fn limits(mut self, limits: Limits) -> Conversation {
        self.limits = limits;
        self
    }

    fn hear(&self, version: Version) -> Heard {
        let on = |side| {
            let mut talk = Talk::new(side, version);
            (self.run)(&mut talk);
            talk.into_traces()
        };
        let model = on(Side::model(&self.limits));
        let mosquitto = on(Side::mosquitto(&self.limits));
        Heard { name: self.name, version, mosquitto, model }
    }
}

/// Runs conversations, each on brokers of its own, several at a time: most of their time is waiting.
pub(crate) fn hear_all(conversations: &[Conversation]) -> Vec<Heard> {
    const AT_A_TIME: usize = 12;
    let next = AtomicUsize::new(0);
    let runs: Vec<_> = conversations
        .iter()
        .flat_map(|conversation| conversation.versions.iter().map(move |&it| (conversation, it)))
        .collect();
    let heard = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..AT_A_TIME {
            scope.spawn(|| {
                while let Some((conversation, version)) =
                    runs.get(next.fetch_add(1, Ordering::Relaxed))
                {
                    let one = conversation.hear(*version);
                    heard.lock().unwrap_or_else(PoisonError::into_inner).push(one);
                }
            });
        }
    });
    let mut heard = heard.into_inner().unwrap_or_else(PoisonError::into_inner);
    heard.sort_by_key(|heard| (heard.name, heard.version));
    heard
}
