//! Which messages the application still owes an acknowledgement, and from how many holders.

use mqtt_session::proto::ReasonCode;
use mqtt_session::{Delivery, Time};

/// The unacknowledged messages, by the index of their delivery.
#[derive(Debug, Default)]
pub(crate) struct Holds {
    places: Vec<Place>,
    /// Counts messages.
    serial: u64,
}

#[derive(Debug, Default)]
struct Place {
    hold: Option<Hold>,
    /// The topic of the last message here; its memory is used again.
    topic: String,
}

#[derive(Debug)]
struct Hold {
    delivery: Delivery,
    /// Subscriptions that have not answered yet. With none left it was given up.
    holders: usize,
    verdict: Verdict,
    serial: u64,
    since: Time,
}

/// What one holder of a message says to it, and what all of them together do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The broker is told so.
    Acknowledged(ReasonCode),
    /// The message stays unacknowledged, and comes again after a resume.
    GivenUp,
}

impl Verdict {
    /// One that gave it up is decisive, then the first error.
    fn and(self, other: Verdict) -> Verdict {
        match (self, other) {
            (Verdict::GivenUp, _) | (_, Verdict::GivenUp) => Verdict::GivenUp,
            (Verdict::Acknowledged(first), _) if first.is_error() => self,
            (Verdict::Acknowledged(_), Verdict::Acknowledged(_)) => other,
        }
    }
}

impl Holds {
    /// A message went to this many subscriptions.
    pub(crate) fn hold(&mut self, now: Time, delivery: Delivery, holders: usize, topic: &str) {
        let index = delivery.index();
        if self.places.len() <= index {
            self.places.resize_with(index + 1, Place::default);
        }
        self.serial += 1;
        if let Some(place) = self.places.get_mut(index) {
            let verdict = Verdict::Acknowledged(ReasonCode::Success);
            let (serial, since) = (self.serial, now);
            place.hold = Some(Hold { delivery, holders, verdict, serial, since });
            place.topic.clear();
            place.topic.shrink_to(KEPT);
            place.topic.push_str(topic);
        }
    }

    /// One holder answered it. Returns what all of them say when it was the last; a message of an
    /// earlier session is not known any more. One that was given up stays visible.
    pub(crate) fn answer(&mut self, delivery: Delivery, verdict: Verdict) -> Option<Verdict> {
        let place = &mut self.places.get_mut(delivery.index())?.hold;
        let hold = place.as_mut().filter(|hold| hold.delivery == delivery)?;
        hold.verdict = hold.verdict.and(verdict);
        hold.holders = hold.holders.saturating_sub(1);
        if hold.holders > 0 {
            return None;
        }
        let verdict = hold.verdict;
        if verdict != Verdict::GivenUp {
            *place = None;
        }
        Some(verdict)
    }

    /// The session goes on with another connection: what was given up comes again, or never.
    pub(crate) fn forget_given_up(&mut self) {
        for place in &mut self.places {
            place.hold.take_if(|hold| hold.holders == 0);
        }
    }

    /// The session is lost: nothing is owed any more.
    pub(crate) fn clear(&mut self) {
        self.places.iter_mut().for_each(|place| place.hold = None);
    }

    /// Since when the oldest has waited, and its topic.
    pub(crate) fn oldest(&self) -> Option<(Time, &str)> {
        let holds = self.places.iter().filter_map(|place| Some((place.hold.as_ref()?, place)));
        let (hold, place) = holds.min_by_key(|(hold, _)| hold.serial)?;
        Some((hold.since, &place.topic))
    }
}

/// Bytes of a topic whose memory is kept.
const KEPT: usize = 256;
