//! Subscribing and unsubscribing.

use std::future::poll_fn;
use std::task::{Context, Poll};

use mqtt_session::proto::QoS;

use super::Client;
use super::admission::Admission;
use crate::delivery::{Callback, Sink, SubscriptionKey};
use crate::operations::{Answer, OperationKey};
use crate::room::Lane;
use crate::shared::{Handle, Shared};
use crate::state::Admitted;
use crate::{
    CallbackSubscription, Message, SubscribeError, SubscribeOptions, Subscription, UnsubscribeError,
};

impl Client {
    /// Subscribes to a Topic Filter and waits until the broker granted it; see
    /// [`Client::subscribe_with`].
    pub async fn subscribe(
        &self,
        filter: impl Into<String>,
        qos: QoS,
    ) -> Result<Subscription, SubscribeError> {
        self.subscribe_with(SubscribeOptions::new(filter).qos(qos)).await
    }

    /// Subscribes and waits until the broker granted it, now or on the next connection. The
    /// subscription is made again when the broker loses the session.
    ///
    /// Several subscriptions to one filter each get every message; the broker is asked for the
    /// highest QoS among them. Retained messages that answer the newest go to it alone, where the
    /// broker has Subscription Identifiers (5.0). There filters may also overlap: each subscription
    /// gets its messages once. Elsewhere every copy goes to all that match.
    ///
    /// Cancelling while it waits for room: nothing was sent. After that the subscription is ended
    /// again as soon as the broker has answered.
    pub async fn subscribe_with(
        &self,
        options: SubscribeOptions,
    ) -> Result<Subscription, SubscribeError> {
        let made = self.make(&options, None).await?;
        Ok(Subscription::new(self.handle.clone(), made.key, made.ack, options))
    }

    /// Subscribes and has `callback` called for every message, by the driver: it must not block,
    /// for nothing else of the client goes on meanwhile. A message is acknowledged when `callback`
    /// returns, unless the subscription says otherwise. Calls that do not wait
    /// ([`Client::try_publish`], [`Message::ack`]) work in it.
    ///
    /// A callback that panics ends the client. One that owns a [`Client`] keeps it alive for ever.
    ///
    /// Cancelling is as with [`Client::subscribe_with`].
    pub async fn subscribe_callback(
        &self,
        options: SubscribeOptions,
        callback: impl FnMut(&Message) + Send + 'static,
    ) -> Result<CallbackSubscription, SubscribeError> {
        let sink = Sink::Callback(Callback::new(callback));
        let made = self.make(&options, Some(sink)).await?;
        Ok(CallbackSubscription::new(self.handle.clone(), made.key, options))
    }

    /// Ends all subscriptions of this client to a Topic Filter and waits until the broker has
    /// ended it. Their streams give what has arrived, and then end.
    ///
    /// Cancelling while it waits for room: nothing was sent. After that only the waiting ends.
    pub async fn unsubscribe(&self, filter: &str) -> Result<(), UnsubscribeError> {
        let mut admission = Admission::new(&self.handle, Lane::Requests);
        let operation = poll_fn(|cx| {
            let now = self.handle.now();
            admission.poll(cx, |state| state.unsubscribe(now, filter))
        })
        .await
        .map_err(SubscribeError::from)?;
        finish_unsubscribe(&self.handle, operation).await
    }

    async fn make(
        &self,
        options: &SubscribeOptions,
        mut sink: Option<Sink>,
    ) -> Result<Admitted, SubscribeError> {
        let mut admission = Admission::new(&self.handle, Lane::Requests);
        let admitted = poll_fn(|cx| {
            let now = self.handle.now();
            admission.poll(cx, |state| state.subscribe(now, options, &mut sink))
        })
        .await?;
        let mut open = OpenSubscribe { shared: &self.handle, admitted: Some(&admitted) };
        poll_fn(|cx| open.poll(cx)).await?;
        Ok(admitted)
    }
}

/// Ends one subscription; see [`Subscription::unsubscribe`].
pub(crate) async fn unsubscribe_one(
    handle: &Handle,
    key: SubscriptionKey,
) -> Result<(), UnsubscribeError> {
    let mut admission = Admission::new(handle, Lane::Requests);
    let operation = poll_fn(|cx| {
        let now = handle.now();
        admission.poll(cx, |state| state.unsubscribe_one(now, key))
    })
    .await
    .map_err(SubscribeError::from)?;
    match operation {
        None => Ok(()),
        Some(operation) => finish_unsubscribe(handle, operation).await,
    }
}

async fn finish_unsubscribe(
    shared: &Shared,
    operation: OperationKey,
) -> Result<(), UnsubscribeError> {
    let mut open = OpenUnsubscribe { shared, operation: Some(operation) };
    match poll_fn(|cx| open.poll(cx)).await {
        Ok(_) => Ok(()),
        Err(why) => Err(SubscribeError::from(why).into()),
    }
}

/// A SUBSCRIBE without an answer. Dropped, the subscription does not stay.
struct OpenSubscribe<'a> {
    shared: &'a Shared,
    admitted: Option<&'a Admitted>,
}

impl OpenSubscribe<'_> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Answer> {
        let Some(admitted) = self.admitted else { return Poll::Pending };
        let answer = poll_answer(self.shared, cx, admitted.operation);
        if answer.is_ready() {
            self.admitted = None;
        }
        answer
    }
}

impl Drop for OpenSubscribe<'_> {
    fn drop(&mut self) {
        if let Some(admitted) = self.admitted {
            drop(self.shared.with(|state| state.give_up_subscribe(admitted)));
        }
    }
}

/// An UNSUBSCRIBE without an answer.
struct OpenUnsubscribe<'a> {
    shared: &'a Shared,
    operation: Option<OperationKey>,
}

impl OpenUnsubscribe<'_> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Answer> {
        let Some(operation) = self.operation else { return Poll::Pending };
        let answer = poll_answer(self.shared, cx, operation);
        if answer.is_ready() {
            self.operation = None;
        }
        answer
    }
}

impl Drop for OpenUnsubscribe<'_> {
    fn drop(&mut self) {
        if let Some(operation) = self.operation {
            let mut waker = None;
            self.shared.with(|state| state.operations.give_up(operation, &mut waker));
        }
    }
}

fn poll_answer(shared: &Shared, cx: &mut Context<'_>, operation: OperationKey) -> Poll<Answer> {
    let mut waker = Some(cx.waker().clone());
    match shared.with(|state| state.poll_operation(operation, &mut waker)) {
        Some(answer) => Poll::Ready(answer),
        None => Poll::Pending,
    }
}
