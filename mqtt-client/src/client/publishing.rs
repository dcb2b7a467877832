//! Publishing.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use mqtt_session::proto::ReasonCode;

use super::Client;
use super::admission::Admission;
use crate::operations::OperationKey;
use crate::room::Lane;
use crate::shared::Shared;
use crate::{Publish, PublishError, TryPublishError};

impl Client {
    /// Publishes a message and waits for its outcome: QoS 0 is done when it is queued, QoS 1 at
    /// PUBACK, QoS 2 at PUBCOMP. While the send queue is full this waits, in the order of the
    /// calls.
    ///
    /// The result is [`ReasonCode::Success`], or [`ReasonCode::NoMatchingSubscribers`] if the
    /// broker says so.
    ///
    /// Cancelling while it waits for room: nothing was sent. After that only the waiting ends, and
    /// the message is delivered nevertheless.
    pub async fn publish(&self, publish: Publish<'_>) -> Result<ReasonCode, PublishError> {
        self.admit(&publish).await?.await
    }

    /// Has a message accepted and returns a handle on its outcome. While the send queue is full
    /// this waits, in the order of the calls.
    ///
    /// Cancelling while it waits: nothing was sent.
    pub async fn enqueue<'a>(
        &self,
        publish: Publish<'a>,
    ) -> Result<PublishHandle, TryPublishError<'a>> {
        match self.admit(&publish).await {
            Ok(handle) => Ok(handle),
            Err(error) => Err(TryPublishError { error, publish }),
        }
    }

    /// Has a message accepted if that is possible at once; never waits. An error hands the message
    /// back.
    pub fn try_publish<'a>(
        &self,
        publish: Publish<'a>,
    ) -> Result<PublishHandle, TryPublishError<'a>> {
        let now = publish.expires().then(|| self.handle.now());
        let accepted = self.handle.with(|state| {
            if state.is_running() && !state.room.is_free(Lane::of(publish.quality())) {
                return Err(PublishError::Full);
            }
            state.publish(now, &publish)
        });
        match accepted {
            Ok(operation) => Ok(PublishHandle::new(&self.handle, operation)),
            Err(error) => Err(TryPublishError { error, publish }),
        }
    }

    async fn admit(&self, publish: &Publish<'_>) -> Result<PublishHandle, PublishError> {
        let mut admission = Admission::new(&self.handle, Lane::of(publish.quality()));
        let operation = poll_fn(|cx| {
            let now = publish.expires().then(|| self.handle.now());
            admission.poll(cx, |state| state.publish(now, publish))
        })
        .await?;
        Ok(PublishHandle::new(&self.handle, operation))
    }
}

/// The outcome of a message that was accepted: a future of what [`Client::publish`] returns.
///
/// Dropping it changes nothing about the message. It does not keep the client alive.
#[must_use = "await it to know whether the message was delivered, or drop it not to know"]
pub struct PublishHandle {
    /// `None` when there is nothing to wait for (any more).
    operation: Option<(Arc<Shared>, OperationKey)>,
}

impl PublishHandle {
    fn new(shared: &Arc<Shared>, operation: Option<OperationKey>) -> PublishHandle {
        PublishHandle { operation: operation.map(|key| (Arc::clone(shared), key)) }
    }
}

impl PublishHandle {
    /// Says that nobody wants to know the outcome.
    pub fn detach(self) {}
}

impl Future for PublishHandle {
    type Output = Result<ReasonCode, PublishError>;

    /// Not to be polled again once it was ready, as with any future: it says Success then.
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some((shared, key)) = &self.operation else {
            return Poll::Ready(Ok(ReasonCode::Success));
        };
        let mut waker = Some(cx.waker().clone());
        match shared.with(|state| state.poll_operation(*key, &mut waker)) {
            None => Poll::Pending,
            Some(answer) => {
                self.operation = None;
                Poll::Ready(answer.map_err(PublishError::from))
            }
        }
    }
}

impl Drop for PublishHandle {
    fn drop(&mut self) {
        if let Some((shared, key)) = self.operation.take() {
            let mut waker = None;
            shared.with(|state| state.operations.give_up(key, &mut waker));
        }
    }
}

impl fmt::Debug for PublishHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PublishHandle").finish_non_exhaustive()
    }
}
