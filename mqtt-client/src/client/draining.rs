//! Taking leave when everything has its outcome.

use std::future::poll_fn;
use std::time::Duration;

use super::{Client, Watch};

impl Client {
    /// Takes leave as [`Client::disconnect`] does, but first waits until all that was accepted has
    /// its outcome, for `timeout` at most, on this connection or on later ones. Returns what stayed
    /// without one: those calls end with [`Closed`](crate::PublishError::Closed).
    ///
    /// From now on publishing, subscribing and unsubscribing fail with `Closed`, as do such calls
    /// that wait for room; messages are still received and acknowledged. QoS 0 that is done when it
    /// is queued has its outcome: it is written as `disconnect` says. Where it is kept for a connection
    /// ([`OfflineQoS0::Keep`](crate::OfflineQoS0::Keep)) it is waited for all the same, until it is
    /// given to the transport.
    ///
    /// Ends early when [`Client::disconnect`] is called or the client gives up reconnecting. Of
    /// several calls the earliest end holds, and all return the same.
    ///
    /// Cancelling ends the waiting only: the client drains on and ends nevertheless, even without
    /// handles.
    pub async fn drain(&self, timeout: Duration) -> Drained {
        let until = self.handle.now().after(timeout);
        self.handle.with(|state| state.begin_draining(until));
        let mut watch = Watch::new(&self.handle);
        poll_fn(|cx| watch.poll(cx, |state| state.has_ended().then_some(state.left))).await
    }
}

/// What stayed without its outcome when a client ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Drained {
    /// Publishes: those of QoS 1/2 may have been delivered. With
    /// [`OfflineQoS0::Keep`](crate::OfflineQoS0::Keep) also QoS 0 that was not sent.
    pub publishes: usize,
    /// Subscribing and unsubscribing.
    pub requests: usize,
}

impl Drained {
    /// Whether nothing did.
    pub fn is_complete(&self) -> bool {
        let Drained { publishes, requests } = *self;
        publishes == 0 && requests == 0
    }
}
