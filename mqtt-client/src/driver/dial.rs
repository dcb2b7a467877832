//! From the name of a broker to a transport.

use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use mqtt_session::Time;

use super::race::{Move, Race};
use super::{Woken, Work};
use crate::ConnectError;
use crate::options::Broker;
use crate::over::Dialled;
use crate::runtime::Runtime;

impl<R: Runtime> Work<R> {
    /// Opens the application's own transport; or resolves the name and races its addresses: the
    /// first that answers is taken, and the attempts at the others are dropped.
    pub(super) async fn dial(
        &mut self,
        broker: &Broker,
        deadline: Time,
    ) -> Result<Dialled<R::Transport>, ConnectError> {
        if let Some(opening) = self.runtime.open(broker) {
            let opened = self.by(broker, deadline, opening).await?;
            return opened.map_err(|error| refused(broker, Some(error)));
        }
        let addresses = self.resolve(broker, deadline).await?;
        let runtime = Arc::clone(&self.runtime);
        let mut race = Race::new(runtime.now(), addresses);
        let mut attempts = Attempts::new();
        let mut last = None;
        poll_fn(|cx| {
            loop {
                match attempts.poll(cx) {
                    Poll::Ready(Ok(transport)) => return Poll::Ready(Ok(transport)),
                    Poll::Ready(Err(error)) => {
                        last = Some(error);
                        race.handle_failed(runtime.now());
                        continue;
                    }
                    Poll::Pending => {}
                }
                let until = match race.poll(runtime.now()) {
                    Move::Dial(address) => {
                        attempts.start(runtime.dial(address));
                        continue;
                    }
                    Move::Wait(at) => at.min(deadline),
                    Move::WaitOn => deadline,
                    Move::Lost => return Poll::Ready(Err(refused(broker, last.take()))),
                };
                match ready!(self.poll_idle(cx, Some(until))) {
                    Woken::TimedOut if until < deadline => {}
                    Woken::TimedOut => return Poll::Ready(Err(self.timed_out(broker))),
                    Woken::Stopped | Woken::Dial(_) => {
                        return Poll::Ready(Err(ConnectError::Ended));
                    }
                }
            }
        })
        .await
    }

    async fn resolve(
        &mut self,
        broker: &Broker,
        deadline: Time,
    ) -> Result<Vec<SocketAddr>, ConnectError> {
        let runtime = Arc::clone(&self.runtime);
        let resolved =
            self.by(broker, deadline, runtime.resolve(&broker.host, broker.port)).await?;
        resolved.map_err(|error| ConnectError::Resolve {
            host: broker.host.clone(),
            cause: Arc::new(error),
        })
    }

    /// What `future` gives, unless the client ends or the time is over first.
    pub(super) async fn by<T>(
        &mut self,
        broker: &Broker,
        deadline: Time,
        future: impl Future<Output = T>,
    ) -> Result<T, ConnectError> {
        let mut future = pin!(future);
        poll_fn(|cx| {
            if let Poll::Ready(result) = future.as_mut().poll(cx) {
                return Poll::Ready(Ok(result));
            }
            self.poll_idle(cx, Some(deadline)).map(|woken| match woken {
                Woken::TimedOut => Err(self.timed_out(broker)),
                Woken::Stopped | Woken::Dial(_) => Err(ConnectError::Ended),
            })
        })
        .await
    }
}

/// The attempt that failed last says why; without any, there was no address.
fn refused(broker: &Broker, last: Option<io::Error>) -> ConnectError {
    let none = || io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    let cause = Arc::new(last.unwrap_or_else(none));
    ConnectError::Dial { broker: broker.to_string(), cause }
}

/// Attempts at addresses, side by side. Dropping it gives up all that have not ended.
struct Attempts<F> {
    running: Vec<Pin<Box<F>>>,
}

impl<F: Future> Attempts<F> {
    const fn new() -> Attempts<F> {
        Attempts { running: Vec::new() }
    }

    fn start(&mut self, attempt: F) {
        self.running.push(Box::pin(attempt));
    }

    /// The result of an attempt that has ended, the earliest first.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<F::Output> {
        let attempts = self.running.iter_mut().enumerate();
        let mut ended =
            attempts.map(|(at, attempt)| attempt.as_mut().poll(cx).map(|result| (at, result)));
        let Some(Poll::Ready((at, result))) = ended.find(Poll::is_ready) else {
            return Poll::Pending;
        };
        drop(self.running.remove(at));
        Poll::Ready(result)
    }
}
