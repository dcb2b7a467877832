//! From the name of a broker to a transport.

use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use mqtt_session::Time;

use super::{Woken, Work};
use crate::ConnectError;
use crate::options::Broker;
use crate::runtime::Runtime;

impl<R: Runtime> Work<R> {
    /// Resolves the name and tries its addresses one after another. Each has an even share of the
    /// time that is left, so one that does not answer does not keep the others from being tried.
    pub(super) async fn dial(
        &mut self,
        broker: &Broker,
        deadline: Time,
    ) -> Result<R::Transport, ConnectError> {
        let addresses = self.resolve(broker, deadline).await?;
        let unresolved = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
        let mut failure = refused(broker, unresolved);
        for (left, address) in (1..=addresses.len()).rev().zip(addresses) {
            let now = self.runtime.now();
            let share = deadline.since(now) / u32::try_from(left).unwrap_or(u32::MAX);
            let runtime = Arc::clone(&self.runtime);
            let dialled = self.by(broker, now.after(share), runtime.dial(address)).await;
            failure = match dialled {
                Ok(Ok(transport)) => return Ok(transport),
                Ok(Err(error)) => refused(broker, error),
                Err(late @ ConnectError::TimedOut { .. }) => late,
                Err(ended) => return Err(ended),
            };
        }
        Err(failure)
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

fn refused(broker: &Broker, error: io::Error) -> ConnectError {
    ConnectError::Dial { broker: broker.to_string(), cause: Arc::new(error) }
}
