//! The handle of an application.

mod admission;
mod draining;
mod publishing;
mod subscribing;

use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};

use mqtt_session::Limits;

use crate::driver::Driver;
use crate::error::{ConnectError, OptionsError, ReauthenticateError};
use crate::event::Events;
use crate::options::{Broker, Options};
use crate::over::Over;
use crate::runtime::Runtime;
use crate::security::Security;
use crate::shared::{Handle, Shared};
use crate::state::{Lifecycle, State};
use crate::stats::{Stats, Unacknowledged};
use crate::table::Key;

pub use draining::Drained;
pub use publishing::{Enqueue, PublishHandle};
pub(crate) use subscribing::unsubscribe_one;

/// A client, and the driver that the adapter is to run to its end.
///
/// Nothing happens before the driver is polled; then it connects. [`Client::connected`] waits for
/// the first outcome.
pub fn client<R: Runtime>(
    runtime: R,
    mut options: Options,
) -> Result<(Client, Driver<R>), OptionsError> {
    let seed = options.seed_or_random();
    options.complete();
    options.validate()?;
    let security = Security::new(&options)?;
    let runtime = Arc::new(runtime);
    let clock = Arc::clone(&runtime);
    let state = State::new(&options, security, seed, runtime.now());
    let shared = Shared::new(state, move || clock.now(), options.sending.default_qos);
    let runtime = Over::new(runtime, options.dialer.take());
    let driver = Driver::new(runtime, Arc::clone(&shared), options);
    Ok((Client { handle: Handle::new(shared) }, driver))
}

/// One MQTT client. Clones are handles of the same client.
///
/// All calls may be made from any task or thread. They wait with wakers, so they need no
/// particular runtime, and may be dropped at any time; each says what dropping does.
///
/// Clients and subscriptions keep the connection up: when the last of them is dropped, it is
/// closed without DISCONNECT, and the broker publishes the will. [`Client::disconnect`] and
/// [`Client::drain`] take leave properly.
#[derive(Clone)]
pub struct Client {
    handle: Handle,
}

/// How a client stands with its broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ConnectionState {
    /// There is no connection; one is being made, or will be.
    Connecting,
    /// The broker accepted the connection.
    Connected,
    /// The client takes leave, or drains first.
    Closing,
    /// The client has ended.
    Closed,
}

impl Client {
    /// Waits until the broker has accepted the first connection, or the client has ended. From then
    /// on this is ready at once, whether that connection is up or not: [`Client::state`] says so.
    ///
    /// Cancelling ends the waiting only.
    pub async fn connected(&self) -> Result<(), ConnectError> {
        let mut watch = Watch::new(&self.handle);
        poll_fn(|cx| {
            watch.poll(cx, |state| match &state.lifecycle {
                Lifecycle::Ended(why) => Some(Err(why.clone())),
                Lifecycle::Running | Lifecycle::Draining { .. } if state.attempt.ever_accepted => {
                    Some(Ok(()))
                }
                Lifecycle::Running
                | Lifecycle::Draining { .. }
                | Lifecycle::Leaving
                | Lifecycle::Abandoned => None,
            })
        })
        .await
    }

    /// Takes leave of the broker and ends the client: sends the acknowledgements already given and
    /// what was accepted and may be sent, then DISCONNECT, and waits until the connection is closed
    /// (section 3.14). Takes at most `disconnect_flush` and 500 ms. Idempotent.
    ///
    /// Calls that wait for an outcome end with [`Closed`](crate::PublishError::Closed); what was
    /// not finished stays in the broker's session. Messages that arrived can still be read.
    ///
    /// A client does not connect again: make a new one. With the same
    /// [`client_id`](crate::Options::client_id) and [`clean_start(false)`](crate::Options::clean_start) it
    /// goes on with the session at the broker, which sends what it has not been acknowledged. What ended
    /// here with `Closed` is for the application to publish again, and what it subscribed to as well: so
    /// that messages find their way, even where the broker still has the subscription.
    ///
    /// Cancelling ends the waiting only: the client ends nevertheless.
    pub async fn disconnect(&self) {
        let now = self.handle.now();
        self.handle.with(|state| state.disconnect(now));
        let mut watch = Watch::new(&self.handle);
        poll_fn(|cx| watch.poll(cx, |state| state.has_ended().then_some(()))).await;
    }

    /// Replaces the list of brokers by that of these URLs, at least one and without credentials. A
    /// connection that is open or being made stays; the next attempt begins with the first. They
    /// must share sessions with those before, as [`Options::broker`](crate::Options::broker) says.
    pub fn set_brokers<U: AsRef<str>>(
        &self,
        urls: impl IntoIterator<Item = U>,
    ) -> Result<(), OptionsError> {
        let brokers = Broker::parse_list(urls, "brokers")?;
        self.handle.with(|state| state.set_brokers(brokers))
    }

    /// Has the broker forget this client's session with the next CONNECT (Clean Start, section
    /// 3.1.2.4; before 5.0 a clean connect of its own). A connection that is open, or whose CONNECT is
    /// on its way, stays as it is. Then all is as after any loss of a session: messages that no
    /// connection carried are sent, [`session_loss`](crate::Options::session_loss) decides about the
    /// others, and subscriptions are made again.
    pub fn reset_session(&self) {
        self.handle.with(|state| state.attempt.clean_start.is_due = true);
    }

    /// Has the authenticator begin a re-authentication (section 4.12.1), unless one runs.
    /// [`ClientEvent::Reauthenticated`](crate::ClientEvent::Reauthenticated) tells when it
    /// succeeded; whatever fails in it ends the connection.
    pub fn reauthenticate(&self) -> Result<(), ReauthenticateError> {
        self.handle.with(State::reauthenticate)
    }

    /// How the client stands with its broker.
    pub fn state(&self) -> ConnectionState {
        self.handle.with(|state| state.connection_state())
    }

    /// What the broker granted; `None` while there is no connection.
    pub fn limits(&self) -> Option<Limits> {
        self.handle.with(|state| state.session.limits().copied())
    }

    /// The Client Identifier of the last connection: the broker's when it assigned one. Empty before.
    pub fn client_id(&self) -> String {
        self.handle.with(|state| state.session.client_id().to_owned())
    }

    /// What the client did so far and holds now.
    pub fn stats(&self) -> Stats {
        self.handle.with(|state| state.stats())
    }

    /// The most bytes a broker can make the protocol take, whatever it sends: above all the receive
    /// buffer, which follows [`maximum_packet_size`](crate::Options::maximum_packet_size). Messages
    /// on their way to the application come on top: those of QoS 0 are limited by
    /// [`held_bytes`](crate::Options::held_bytes), those of QoS 1/2 on each connection by
    /// [`receive_maximum`](crate::Options::receive_maximum).
    pub fn memory_bound(&self) -> usize {
        self.handle.with(|state| state.session.memory_bound())
    }

    /// The oldest QoS 1/2 message that was received and is not acknowledged, be it in the hands of
    /// the application or still unread. One that stays here for long holds back the
    /// acknowledgements of all that came after it.
    pub fn oldest_unacknowledged(&self) -> Option<Unacknowledged> {
        let now = self.handle.now();
        self.handle.with(|state| {
            let (since, topic) = state.delivery.oldest_unacknowledged()?;
            Some(Unacknowledged { age: now.since(since), topic: topic.to_owned() })
        })
    }

    /// What happens to the connection from now on.
    pub fn events(&self) -> Events {
        Events::new(&self.handle)
    }

    #[cfg(test)]
    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.handle
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("state", &self.state()).finish_non_exhaustive()
    }
}

/// A call that waits until the client is connected or has ended.
struct Watch<'a> {
    shared: &'a Shared,
    /// Where its waker is.
    key: Option<Key>,
}

impl<'a> Watch<'a> {
    fn new(shared: &'a Shared) -> Watch<'a> {
        Watch { shared, key: None }
    }

    /// Waits until `find` gives something.
    fn poll<T>(&mut self, cx: &mut Context<'_>, find: impl FnOnce(&State) -> Option<T>) -> Poll<T> {
        let mut waker = Some(cx.waker().clone());
        self.shared.with(|state| match find(state) {
            Some(found) => Poll::Ready(found),
            None => {
                state.watch(&mut self.key, &mut waker);
                Poll::Pending
            }
        })
    }
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            drop(self.shared.with(|state| state.watchers.remove(key)));
        }
    }
}
