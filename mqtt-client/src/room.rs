//! Calls that wait for room in the session, in the order they came.

use std::collections::VecDeque;
use std::mem;
use std::task::Waker;

use mqtt_session::proto::QoS;

/// What kind of room a call waits for: each has an order of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lane {
    /// Bytes to be written.
    QoS0,
    /// The window and the queue behind it.
    QoS12,
    /// SUBSCRIBE and UNSUBSCRIBE.
    Requests,
}

/// The waiting calls of all lanes.
#[derive(Debug, Default)]
pub(crate) struct Room {
    lanes: [Waiting; 3],
}

/// A place in a lane; never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place(u64);

/// The calls of one lane. Only the first may try: it holds the grant once there was room.
#[derive(Debug, Default)]
struct Waiting {
    calls: VecDeque<Call>,
    next: u64,
    granted: bool,
}

#[derive(Debug)]
struct Call {
    place: Place,
    waker: Option<Waker>,
}

impl Lane {
    pub(crate) fn of(qos: QoS) -> Lane {
        match qos {
            QoS::AtMostOnce => Lane::QoS0,
            QoS::AtLeastOnce | QoS::ExactlyOnce => Lane::QoS12,
        }
    }
}

impl Room {
    /// Whether a call that has no place yet may try at once.
    pub(crate) fn is_free(&self, lane: Lane) -> bool {
        self.lane(lane).calls.is_empty()
    }

    /// Whether the call at `place` may try.
    pub(crate) fn is_granted(&self, lane: Lane, place: Place) -> bool {
        let waiting = self.lane(lane);
        waiting.granted && waiting.calls.front().is_some_and(|call| call.place == place)
    }

    /// The last place.
    pub(crate) fn join(&mut self, lane: Lane, waker: Option<Waker>) -> Place {
        let waiting = self.lane_mut(lane);
        let place = Place(waiting.next);
        waiting.next += 1;
        waiting.calls.push_back(Call { place, waker });
        place
    }

    /// The call at `place` waits on; its grant, if it had it, was of no use. The waker kept before
    /// is left in `waker`.
    pub(crate) fn wait_on(&mut self, lane: Lane, place: Place, waker: &mut Option<Waker>) {
        let waiting = self.lane_mut(lane);
        if let Some(index) = waiting.index(place) {
            waiting.granted &= index != 0;
            if let Some(call) = waiting.calls.get_mut(index) {
                mem::swap(&mut call.waker, waker);
            }
        }
    }

    /// The call at `place` is done, or given up. What it may have left goes to the next one, whom
    /// to wake is returned. Its own waker is left in `waker`.
    pub(crate) fn leave(
        &mut self,
        lane: Lane,
        place: Place,
        waker: &mut Option<Waker>,
    ) -> Option<Waker> {
        let waiting = self.lane_mut(lane);
        let index = waiting.index(place)?;
        *waker = waiting.calls.remove(index).and_then(|call| call.waker);
        if index == 0 && mem::take(&mut waiting.granted) { waiting.grant() } else { None }
    }

    /// There is room: the first of every lane may try. `wake` is given whom to wake.
    pub(crate) fn grant_all(&mut self, mut wake: impl FnMut(Option<Waker>)) {
        self.lanes.iter_mut().for_each(|waiting| wake(waiting.grant()));
    }

    /// Whether a call waits.
    pub(crate) fn is_awaited(&self) -> bool {
        self.lanes.iter().any(|waiting| !waiting.calls.is_empty())
    }

    /// Nobody has to wait any more. `wake` is given whom to wake.
    pub(crate) fn end_all(&mut self, mut wake: impl FnMut(Option<Waker>)) {
        for waiting in &mut self.lanes {
            waiting.calls.drain(..).for_each(|call| wake(call.waker));
        }
    }

    fn lane(&self, lane: Lane) -> &Waiting {
        let [qos0, qos12, requests] = &self.lanes;
        match lane {
            Lane::QoS0 => qos0,
            Lane::QoS12 => qos12,
            Lane::Requests => requests,
        }
    }

    fn lane_mut(&mut self, lane: Lane) -> &mut Waiting {
        let [qos0, qos12, requests] = &mut self.lanes;
        match lane {
            Lane::QoS0 => qos0,
            Lane::QoS12 => qos12,
            Lane::Requests => requests,
        }
    }
}

impl Waiting {
    fn grant(&mut self) -> Option<Waker> {
        let first = self.calls.front_mut()?;
        self.granted = true;
        first.waker.take()
    }

    fn index(&self, place: Place) -> Option<usize> {
        self.calls.binary_search_by_key(&place, |call| call.place).ok()
    }
}

#[cfg(test)]
mod tests;
