//! Which messages the application still owes an acknowledgement, and from how many holders.

use mqtt_session::Delivery;
use mqtt_session::proto::ReasonCode;

/// The unacknowledged messages, by the index of their delivery.
#[derive(Debug, Default)]
pub(crate) struct Holds {
    places: Vec<Option<Hold>>,
}

#[derive(Debug)]
struct Hold {
    delivery: Delivery,
    /// Subscriptions that have not acknowledged it yet.
    holders: usize,
    /// The first reason given that is an error, or Success.
    reason: ReasonCode,
}

impl Holds {
    /// A message went to this many subscriptions.
    pub(crate) fn hold(&mut self, delivery: Delivery, holders: usize) {
        let index = delivery.index();
        if self.places.len() <= index {
            self.places.resize_with(index + 1, || None);
        }
        if let Some(place) = self.places.get_mut(index) {
            *place = Some(Hold { delivery, holders, reason: ReasonCode::Success });
        }
    }

    /// One holder acknowledged it. Returns the reason for the broker when it was the last; a
    /// message of an earlier session is not known any more.
    pub(crate) fn answer(&mut self, delivery: Delivery, reason: ReasonCode) -> Option<ReasonCode> {
        let place = self.places.get_mut(delivery.index())?;
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
}
