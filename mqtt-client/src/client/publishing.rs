//! Publishing.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use mqtt_session::proto::ReasonCode;

use super::Client;
use super::admission::Admission;
use crate::operations::OperationKey;
use crate::room::Lane;
use crate::shared::Shared;
use crate::{Publish, PublishError, TryPublishError};

impl Client {
    /// Publishes a message and waits for its outcome: QoS 0 is done when it is queued, or written
    /// ([`qos0_completion`](crate::Options::qos0_completion)), QoS 1 at PUBACK, QoS 2 at PUBCOMP.
    /// While the send queue is full this waits, in the order of the calls.
    ///
    /// QoS 0 that is queued when the connection ends, unless it is kept
    /// ([`offline_qos0`](crate::Options::offline_qos0)), or that expires, is not sent; see
    /// [`Stats::unsent`](crate::Stats::unsent).
    ///
    /// The result is [`ReasonCode::Success`], or [`ReasonCode::NoMatchingSubscribers`] if the
    /// broker says so. A broker of 3.1.1 that answers QoS 2 as if it were QoS 1 has it delivered,
    /// too: [`Stats::downgraded`](crate::Stats::downgraded) counts that.
    ///
    /// Cancelling while it waits for room: nothing was sent. After that only the waiting ends, and
    /// the message is delivered nevertheless.
    pub async fn publish(&self, publish: Publish<'_>) -> Result<ReasonCode, PublishError> {
        match self.enqueue(publish).await {
            Ok(handle) => handle.await,
            Err(refused) => Err(refused.error),
        }
    }

    /// Has a message accepted and returns a handle on its outcome. While the send queue is full
    /// this waits, in the order of the calls.
    ///
    /// Cancelling while it waits: nothing was sent.
    #[inline]
    pub fn enqueue<'c, 'a: 'c>(&'c self, mut publish: Publish<'a>) -> Enqueue<'c, 'a> {
        publish.set_default_qos(self.handle.default_qos());
        let admission = Admission::new(&self.handle, Lane::of(publish.quality()));
        Enqueue { shared: &self.handle, admission, publish: Some(publish) }
    }

    /// Has a message accepted if that is possible at once; never waits. An error hands the message
    /// back.
    pub fn try_publish<'a>(
        &self,
        mut publish: Publish<'a>,
    ) -> Result<PublishHandle, TryPublishError<'a>> {
        publish.set_default_qos(self.handle.default_qos());
        let now = publish.expires().then(|| self.handle.now());
        let accepted = self.handle.with(|state| {
            if state.takes_work() && !state.room.is_free(Lane::of(publish.quality())) {
                return Err(PublishError::Full);
            }
            state.publish(now, &publish)
        });
        match accepted {
            Ok(operation) => Ok(PublishHandle::new(&self.handle, operation)),
            Err(error) => Err(TryPublishError { error, publish }),
        }
    }
}

/// A message that is to be accepted: what [`Client::enqueue`] returns. Dropped before it is ready,
/// nothing was sent.
#[must_use = "a message is accepted when this is awaited"]
pub struct Enqueue<'c, 'a> {
    shared: &'c Arc<Shared>,
    admission: Admission<'c>,
    /// Until it is accepted or refused.
    publish: Option<Publish<'a>>,
}

impl<'a> Future for Enqueue<'_, 'a> {
    type Output = Result<PublishHandle, TryPublishError<'a>>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Enqueue { shared, admission, publish } = &mut *self;
        let Some(message) = publish else { return Poll::Pending };
        let now = message.expires().then(|| shared.now());
        match ready!(admission.poll(cx, |state| state.publish(now, message))) {
            Ok(operation) => {
                *publish = None;
                Poll::Ready(Ok(PublishHandle::new(shared, operation)))
            }
            Err(error) => match publish.take() {
                Some(publish) => Poll::Ready(Err(TryPublishError { error, publish })),
                None => Poll::Pending,
            },
        }
    }
}

impl fmt::Debug for Enqueue<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Enqueue").field("publish", &self.publish).finish_non_exhaustive()
    }
}

/// The outcome of a message that was accepted: a future of what [`Client::publish`] returns. Polled
/// again it says the same.
///
/// Dropping it changes nothing about the message. It does not keep the client alive.
#[must_use = "await it to know whether the message was delivered, or drop it not to know"]
pub struct PublishHandle {
    progress: Progress,
}

/// What a handle knows of its message.
enum Progress {
    Open(Arc<Shared>, OperationKey),
    Done(Result<ReasonCode, PublishError>),
}

impl PublishHandle {
    #[inline]
    fn new(shared: &Arc<Shared>, operation: Option<OperationKey>) -> PublishHandle {
        let progress = match operation {
            Some(key) => Progress::Open(Arc::clone(shared), key),
            None => Progress::Done(Ok(ReasonCode::Success)),
        };
        PublishHandle { progress }
    }
}

impl PublishHandle {
    /// Says that nobody wants to know the outcome.
    pub fn detach(self) {}
}

impl Future for PublishHandle {
    type Output = Result<ReasonCode, PublishError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let (shared, key) = match &self.progress {
            Progress::Open(shared, key) => (shared, *key),
            Progress::Done(outcome) => return Poll::Ready(outcome.clone()),
        };
        let mut waker = Some(cx.waker().clone());
        match shared.with(|state| state.poll_operation(key, &mut waker)) {
            None => Poll::Pending,
            Some(answer) => {
                let outcome = answer.map_err(PublishError::from);
                self.progress = Progress::Done(outcome.clone());
                Poll::Ready(outcome)
            }
        }
    }
}

impl Drop for PublishHandle {
    #[inline]
    fn drop(&mut self) {
        match &self.progress {
            Progress::Open(shared, key) => give_up(shared, *key),
            Progress::Done(_) => {}
        }
    }
}

/// Nobody waits for the outcome any more.
fn give_up(shared: &Shared, key: OperationKey) {
    let mut waker = None;
    shared.with(|state| state.operations.give_up(key, &mut waker));
}

impl fmt::Debug for PublishHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PublishHandle").finish_non_exhaustive()
    }
}
