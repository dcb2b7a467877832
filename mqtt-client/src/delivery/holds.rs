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
    /// Subscriptions that have not acknowledged it yet.
    holders: usize,
    /// The first reason given that is an error, or Success.
    reason: ReasonCode,
    serial: u64,
    since: Time,
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
            let (reason, serial, since) = (ReasonCode::Success, self.serial, now);
            place.hold = Some(Hold { delivery, holders, reason, serial, since });
            place.topic.clear();
            place.topic.shrink_to(KEPT);
            place.topic.push_str(topic);
        }
    }

    /// One holder acknowledged it. Returns the reason for the broker when it was the last; a
    /// message of an earlier session is not known any more.
    pub(crate) fn answer(&mut self, delivery: Delivery, reason: ReasonCode) -> Option<ReasonCode> {
        let place = &mut self.places.get_mut(delivery.index())?.hold;
        let hold = place.as_mut().filter(|hold| hold.delivery == delivery)?;
        if !hold.reason.is_error() {
            hold.reason = reason;
        }
        hold.holders = hold.holders.saturating_sub(1);
        if hold.holders > 0 {
            return None;
        }
        place.take().map(|hold| hold.reason)
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
