//! Messages no subscription matches, while their subscription may still be made.

use std::collections::VecDeque;
use std::time::Duration;

use mqtt_session::Time;
use mqtt_session::proto::TopicFilter;

use crate::message::Arrived;

/// QoS 1/2 messages that wait for a subscription for a while after the connection came up.
#[derive(Debug)]
pub(crate) struct Unrouted {
    messages: VecDeque<Arrived>,
    hold: Duration,
    limit: usize,
    /// While connected: until when messages are kept.
    until: Option<Time>,
}

impl Unrouted {
    pub(crate) fn new(hold: Duration, limit: usize) -> Unrouted {
        Unrouted { messages: VecDeque::new(), hold, limit, until: None }
    }

    /// A connection came up. Without the session what was kept cannot be acknowledged any more.
    pub(crate) fn handle_connected(&mut self, now: Time, session_present: bool) {
        self.until = Some(now.after(self.hold));
        if !session_present {
            self.messages.clear();
        }
    }

    /// Whether one more message can be kept.
    pub(crate) fn has_room(&self, now: Time) -> bool {
        self.until.is_some_and(|until| now < until) && self.messages.len() < self.limit
    }

    pub(crate) fn keep(&mut self, arrived: Arrived) {
        self.messages.push_back(arrived);
    }

    /// The messages that `filter` matches, in the order they came.
    pub(crate) fn claim(&mut self, filter: TopicFilter<'_>) -> Vec<Arrived> {
        let filter = filter.without_share();
        let (claimed, kept) = std::mem::take(&mut self.messages)
            .into_iter()
            .partition(|arrived| filter.matches(arrived.content.topic()));
        self.messages = kept;
        Vec::from_iter::<VecDeque<_>>(claimed)
    }

    /// When the messages are to be given up.
    pub(crate) fn deadline(&self) -> Option<Time> {
        self.until.filter(|_| !self.messages.is_empty())
    }

    /// Messages nobody claimed in time.
    pub(crate) fn expire(&mut self, now: Time) -> Option<Arrived> {
        self.until.filter(|until| *until <= now).and_then(|_| self.messages.pop_front())
    }
}
