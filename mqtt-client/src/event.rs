//! What happens to a client, as a stream to watch.

use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures_core::Stream;
use mqtt_session::CloseReason;
use mqtt_session::proto::ReasonCode;

use crate::shared::Shared;
use crate::{ConnectError, Rejection, TryRecvError};

/// Something that happened to the connection of a client.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ClientEvent {
    /// The broker accepted a connection; what was pending is on its way.
    Connected {
        /// Session Present: the broker had the session. 3.1 does not say; there it is taken to have
        /// the one of an earlier connection.
        session_present: bool,
    },
    /// An accepted connection ended, and not by [`Client::disconnect`](crate::Client::disconnect).
    Disconnected {
        /// Why.
        reason: CloseReason,
    },
    /// The broker sent DISCONNECT; [`ClientEvent::Disconnected`] follows.
    ServerDisconnect(Box<Rejection>),
    /// Another client has the name of this one: the broker said so, or three connections in a row
    /// were dropped within 10 s without a word. Follows [`ClientEvent::Disconnected`]. Each time in a
    /// row the delay before the next attempt is four times as long, up to an hour.
    TakenOver,
    /// The broker wants another one to be used (section 4.11). Comes before the end of the connection
    /// or attempt is told.
    Redirected {
        /// From now on (0x9D), or for the next attempt (0x9C).
        permanent: bool,
        /// The brokers it names, as `host:port`; what is not a host is left out.
        to: Vec<String>,
        /// Whether the next attempt goes there: only with
        /// [`follow_redirects`](crate::Options::follow_redirects).
        followed: bool,
    },
    /// The broker accepted a re-authentication, and so did the authenticator.
    Reauthenticated,
    /// The authenticator gave up in a re-authentication. [`ClientEvent::Disconnected`] follows, and
    /// the next attempt comes at the longest delay.
    ReauthenticationFailed {
        /// Why.
        cause: String,
    },
    /// An attempt to connect failed.
    ConnectFailed(ConnectError),
    /// The next attempt is made after this delay.
    Waiting {
        /// Until then.
        delay: Duration,
    },
    /// A broker of 3.1.1 sent a message above `maximum_packet_size`: it is acknowledged, and nobody
    /// gets it.
    Skipped {
        /// Its Topic Name.
        topic: String,
        /// Bytes of the packet.
        len: usize,
    },
    /// A subscription was refused when it was made again after the broker lost the session. Its
    /// stream ends.
    SubscriptionRefused {
        /// The Topic Filter.
        filter: String,
        /// The broker's reason.
        reason: ReasonCode,
    },
    /// A QoS 1/2 message that no subscription matched was given up: acknowledged (5.0: with 0x83)
    /// and counted. Only the first of a connection is told.
    Unrouted {
        /// Its topic.
        topic: String,
    },
    /// The client has ended: the last event.
    Closed,
}

/// The events of a client from the moment this was made.
///
/// At most 256 are kept for a listener that does not look: then the oldest are dropped and counted
/// by [`Events::missed`]. Does not keep the client alive.
pub struct Events {
    shared: Arc<Shared>,
    key: usize,
}

impl Events {
    pub(crate) fn new(shared: &Arc<Shared>) -> Events {
        let key = shared.with(|state| state.listeners.add(state.has_ended()));
        Events { shared: Arc::clone(shared), key }
    }

    /// Waits for the next event; `None` after [`ClientEvent::Closed`].
    ///
    /// Cancelling loses nothing.
    pub async fn next(&mut self) -> Option<ClientEvent> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    /// As [`Events::next`], for callers that poll.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<ClientEvent>> {
        let mut waker = Some(cx.waker().clone());
        self.shared.with(|state| state.listeners.poll(self.key, &mut waker))
    }

    /// The next event, if something has happened.
    pub fn try_next(&mut self) -> Result<ClientEvent, TryRecvError> {
        self.shared.with(|state| state.listeners.take(self.key))
    }

    /// How many events were dropped.
    pub fn missed(&self) -> u64 {
        self.shared.with(|state| state.listeners.missed(self.key))
    }
}

/// As [`Events::poll_next`].
impl Stream for Events {
    type Item = ClientEvent;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<ClientEvent>> {
        Events::poll_next(self.get_mut(), cx)
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        drop(self.shared.with(|state| state.listeners.remove(self.key)));
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events").finish_non_exhaustive()
    }
}

/// Everybody who watches.
#[derive(Debug, Default)]
pub(crate) struct Listeners {
    places: Vec<Option<Listener>>,
}

#[derive(Debug, Default)]
pub(crate) struct Listener {
    events: VecDeque<ClientEvent>,
    waker: Option<Waker>,
    missed: u64,
    ended: bool,
}

impl Listeners {
    /// Tells all; `wake` is given whom to wake.
    pub(crate) fn tell(&mut self, event: &ClientEvent, mut wake: impl FnMut(Option<Waker>)) {
        for listener in self.places.iter_mut().flatten() {
            if listener.events.len() == KEPT {
                listener.events.pop_front();
                listener.missed += 1;
            }
            listener.events.push_back(event.clone());
            listener.ended |= matches!(event, ClientEvent::Closed);
            wake(listener.waker.take());
        }
    }

    fn add(&mut self, ended: bool) -> usize {
        let listener = Some(Listener { ended, ..Listener::default() });
        match self.places.iter_mut().position(|place| place.is_none()) {
            Some(key) => {
                self.places[key] = listener;
                key
            }
            None => {
                self.places.push(listener);
                self.places.len() - 1
            }
        }
    }

    /// The next event; without one, `waker` is kept until there is.
    fn poll(&mut self, key: usize, waker: &mut Option<Waker>) -> Poll<Option<ClientEvent>> {
        match self.take(key) {
            Ok(event) => Poll::Ready(Some(event)),
            Err(TryRecvError::Ended) => Poll::Ready(None),
            Err(TryRecvError::Empty) => {
                if let Some(Some(listener)) = self.places.get_mut(key) {
                    mem::swap(&mut listener.waker, waker);
                }
                Poll::Pending
            }
        }
    }

    fn take(&mut self, key: usize) -> Result<ClientEvent, TryRecvError> {
        let listener = self.places.get_mut(key).and_then(Option::as_mut);
        let listener = listener.ok_or(TryRecvError::Ended)?;
        let none = if listener.ended { TryRecvError::Ended } else { TryRecvError::Empty };
        listener.events.pop_front().ok_or(none)
    }

    fn missed(&self, key: usize) -> u64 {
        self.places.get(key).and_then(Option::as_ref).map_or(0, |listener| listener.missed)
    }

    fn remove(&mut self, key: usize) -> Option<Listener> {
        self.places.get_mut(key).and_then(Option::take)
    }
}

/// Events kept for a listener that does not look.
const KEPT: usize = 256;
