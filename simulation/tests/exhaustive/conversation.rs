//! The reference conversations: what an application does, as values.

use mqtt_session::proto::{QoS, Version};

use Step::{Disconnect, Publish, Reauthenticate, Receive, Subscribe, Unsubscribe};

const QOS1: QoS = QoS::AtLeastOnce;
const QOS2: QoS = QoS::ExactlyOnce;

/// Where the client gets its messages from.
pub(crate) const INBOX: &str = "inbox";

/// Another filter.
const NEWS: &str = "news/#";

/// What an application does. Each has its end: an outcome, an answer, a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Publishes a message.
    Publish(QoS),
    /// The broker publishes a message to the inbox, which the application acknowledges.
    Receive(QoS),
    Subscribe(&'static str),
    Unsubscribe(&'static str),
    Reauthenticate,
    Disconnect,
}

/// Rounds of steps: those of a round begin together, once those before have come to their ends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Conversation {
    pub(crate) name: &'static str,
    pub(crate) rounds: &'static [&'static [Step]],
}

/// All of them.
const CONVERSATIONS: [Conversation; 11] = [
    Conversation { name: "connect", rounds: &[] },
    Conversation { name: "publish QoS 1", rounds: &[&[Publish(QOS1), Publish(QOS1)]] },
    Conversation { name: "publish QoS 2", rounds: &[&[Publish(QOS2), Publish(QOS2)]] },
    Conversation {
        name: "receive QoS 1",
        rounds: &[&[Subscribe(INBOX)], &[Receive(QOS1), Receive(QOS1)]],
    },
    Conversation {
        name: "receive QoS 2",
        rounds: &[&[Subscribe(INBOX)], &[Receive(QOS2), Receive(QOS2)]],
    },
    Conversation { name: "subscribe", rounds: &[&[Subscribe(INBOX), Subscribe(NEWS)]] },
    Conversation {
        name: "unsubscribe",
        rounds: &[&[Subscribe(INBOX), Subscribe(NEWS)], &[Unsubscribe(NEWS)]],
    },
    Conversation { name: "re-authenticate", rounds: &[&[Reauthenticate], &[Reauthenticate]] },
    Conversation { name: "disconnect", rounds: &[&[Publish(QOS2)], &[Disconnect]] },
    Conversation {
        name: "disconnect amid",
        rounds: &[&[Publish(QOS1), Publish(QOS2), Subscribe(INBOX), Disconnect]],
    },
    Conversation {
        name: "all together",
        rounds: &[
            &[Subscribe(INBOX), Subscribe(NEWS), Publish(QOS2)],
            &[
                Publish(QOS1),
                Receive(QOS2),
                Publish(QOS2),
                Receive(QOS1),
                Reauthenticate,
                Unsubscribe(NEWS),
                Publish(QOS2),
            ],
            &[Publish(QOS1), Receive(QOS2)],
            &[Disconnect],
        ],
    },
];

impl Conversation {
    /// Those that this version can hold. What it has no packet for is left out.
    pub(crate) fn all(version: Version) -> impl Iterator<Item = Conversation> {
        CONVERSATIONS.into_iter().filter(move |conversation| {
            let mut steps = conversation.steps(version).peekable();
            conversation.rounds.is_empty() || steps.peek().is_some()
        })
    }

    /// Its steps, each with the number of its round.
    pub(crate) fn steps(self, version: Version) -> impl Iterator<Item = (usize, Step)> {
        let rounds = self.rounds.iter().enumerate();
        let steps = rounds.flat_map(|(round, steps)| steps.iter().map(move |step| (round, *step)));
        steps.filter(move |(_, step)| version == Version::V5 || *step != Reauthenticate)
    }

    pub(crate) fn authenticates(self, version: Version) -> bool {
        self.steps(version).any(|(_, step)| step == Reauthenticate)
    }

    /// The filters that are subscribed to in the end.
    pub(crate) fn filters(self) -> Vec<&'static str> {
        let mut filters = Vec::new();
        for (_, step) in self.steps(Version::V5) {
            match step {
                Subscribe(filter) => filters.push(filter),
                Unsubscribe(filter) => filters.retain(|there| *there != filter),
                Publish(_) | Receive(_) | Reauthenticate | Disconnect => {}
            }
        }
        filters.sort_unstable();
        filters
    }
}
