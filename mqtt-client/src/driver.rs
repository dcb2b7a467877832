//! The one task of a client: connects, moves bytes, keeps time.

mod authenticating;
mod connection;
mod dial;
mod farewell;
mod forget;
mod hook;
mod out;
mod race;
mod secure;
mod turns;

use std::fmt;
use std::future::{Future, poll_fn};
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use mqtt_session::proto::Version;
use mqtt_session::{Heap, Inbound, OpenError, Time};

use crate::delivery::Call;
use crate::options::{Broker, Greeting, Options};
use crate::over::{Dialled, Over};
use crate::runtime::{Runtime, Timer};
use crate::shared::{After, Shared};
use crate::state::{Dial, Idle, State};
use crate::stream::Stream;
use crate::{ConnectChanges, ConnectError, Message};

use connection::Connection;
pub(crate) use out::OutBuffer;

/// The driver of a client: a future that an adapter runs until it is ready.
///
/// It is ready when the client has ended: disconnected, given up, or without handles. Dropped
/// before, it ends the client, and so does a callback that panics in it.
pub struct Driver<R: Runtime> {
    run: Pin<Box<dyn Future<Output = ()> + Send>>,
    runtime: PhantomData<fn() -> R>,
}

impl<R: Runtime> Driver<R> {
    pub(crate) fn new(runtime: Over<R>, shared: Arc<Shared>, options: Options) -> Driver<R> {
        let timer = runtime.timer();
        let seat = Seat(Arc::clone(&shared));
        let (after, calls, idle) = (After::default(), Vec::new(), Inbound::default());
        let work = Work { runtime: Arc::new(runtime), shared, options, timer, idle, after, calls };
        let run = Box::pin(async move {
            let _seat = seat;
            work.run().await;
        });
        Driver { run, runtime: PhantomData }
    }
}

impl<R: Runtime> Future for Driver<R> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.run.as_mut().poll(cx)
    }
}

impl<R: Runtime> fmt::Debug for Driver<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Driver").finish_non_exhaustive()
    }
}

/// Ends the client when the driver goes, whatever the reason.
struct Seat(Arc<Shared>);

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.with(|state| {
            let failure = state.attempt.failure.take();
            state.end(failure.unwrap_or(ConnectError::Ended));
        });
    }
}

/// What the driver works with.
struct Work<R: Runtime> {
    runtime: Arc<Over<R>>,
    shared: Arc<Shared>,
    options: Options,
    timer: R::Timer,
    /// For polling events while there is no connection.
    idle: Inbound<Heap<Bytes>>,
    /// Capacity for what follows a lock.
    after: After,
    /// Capacity for callbacks to call.
    calls: Vec<Call>,
}

impl<R: Runtime> Work<R> {
    async fn run(mut self) {
        while let Woken::Dial(dial) = poll_fn(|cx| self.poll_idle(cx, None)).await {
            self.attempt(dial).await;
        }
    }

    /// One attempt, and the connection if it becomes one.
    async fn attempt(&mut self, dial: Dial) {
        let timeout = self.options.attempts.connect_timeout;
        let deadline = self.runtime.now().after(timeout);
        match self.reach(&dial, deadline).await {
            Ok(connection) => self.converse(connection, deadline).await,
            Err(error) => {
                let now = self.runtime.now();
                self.with(|state| state.handle_attempt_failed(now, error));
            }
        }
    }

    /// A stream on which the session's connection has started.
    async fn reach(
        &mut self,
        dial: &Dial,
        deadline: Time,
    ) -> Result<Connection<Dialled<R::Transport>>, ConnectError> {
        let changes = self.ask_hook(dial, deadline).await?;
        let (broker, version) = (changes.broker.as_ref().unwrap_or(&dial.broker), dial.version);
        let clean_start = self.with(|state| {
            let asked = state.attempt.clean_start.is_due;
            state.attempt.clean_start.is_asked = asked;
            asked.then_some(state.attempt.ever_accepted)
        });
        let connect = &self.options.connect;
        if clean_start.is_some_and(|has_session| connect.needs_clean_connect(version, has_session))
        {
            self.forget_session(broker, version, &changes, deadline).await?;
        }
        let stream = self.connect(broker, deadline).await?;
        self.open(stream, version, &changes)
    }

    fn timed_out(&self, broker: &Broker) -> ConnectError {
        let after = self.options.attempts.connect_timeout;
        ConnectError::TimedOut { broker: broker.to_string(), after }
    }

    /// Starts the session's connection on a stream.
    fn open(
        &mut self,
        stream: Stream<Dialled<R::Transport>>,
        version: Version,
        changes: &ConnectChanges,
    ) -> Result<Connection<Dialled<R::Transport>>, ConnectError> {
        let response = self.start_authenticator()?;
        let now = self.runtime.now();
        let Work { options, shared, after, .. } = self;
        let opened = shared.with_after(after, |state| {
            let clean_start = state.attempt.clean_start.is_asked;
            let named = !state.session.client_id().is_empty();
            let response = response.as_ref();
            let greeting = Greeting { version, clean_start, named, response, changes };
            let inbound =
                options.connect.with(&greeting, |connect| state.session.open(now, connect))?;
            if let Some(response) = response {
                state.authentication.begin(now, response);
            }
            Ok(inbound)
        });
        match opened {
            Ok(inbound) => Ok(Connection::new(stream, inbound)),
            Err(OpenError::Connect(error)) => Err(ConnectError::Connect(error)),
            // Neither can be: the driver closes before it opens, and the heap grows.
            Err(OpenError::AlreadyOpen | OpenError::Full) => Err(ConnectError::Ended),
        }
    }

    /// While there is no connection: keeps time until there is something to do.
    fn poll_idle(&mut self, cx: &mut Context<'_>, deadline: Option<Time>) -> Poll<Woken> {
        for _ in 0..ROUNDS {
            let now = self.runtime.now();
            if deadline.is_some_and(|deadline| deadline <= now) {
                return Poll::Ready(Woken::TimedOut);
            }
            let mut waker = Some(cx.waker().clone());
            let Work { shared, after, idle, calls, .. } = self;
            let idle =
                shared.with_after(after, |state| state.idle_step(now, idle, calls, &mut waker));
            self.run_calls();
            let until = match idle {
                Idle::Dial(dial) => return Poll::Ready(Woken::Dial(dial)),
                Idle::Stopped => return Poll::Ready(Woken::Stopped),
                Idle::Again => continue,
                Idle::Until(until) => until.into_iter().chain(deadline).min(),
            };
            match until {
                None => return Poll::Pending,
                Some(until) if self.timer.poll_deadline(cx, until).is_pending() => {
                    return Poll::Pending;
                }
                Some(_) => {}
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Calls the callbacks a step collected. Each message is acknowledged after its call.
    fn run_calls(&mut self) {
        for Call { callback, arrived, ack } in self.calls.drain(..) {
            let message = Message::hand_out(arrived, ack, &self.shared);
            callback.call(&message);
        }
    }

    fn with<T>(&mut self, change: impl FnOnce(&mut State) -> T) -> T {
        self.shared.with_after(&mut self.after, change)
    }
}

/// Why the driver goes on after it had nothing to do.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Woken {
    /// An attempt is to be made.
    Dial(Dial),
    /// The client ends.
    Stopped,
    /// The deadline is over.
    TimedOut,
}

/// How long a peer may take to end its half of a connection that is being closed.
const READ_REST: Duration = Duration::from_millis(500);
/// Rounds in one poll: then other tasks come to their turn.
const ROUNDS: usize = 16;

#[cfg(test)]
mod tests;
