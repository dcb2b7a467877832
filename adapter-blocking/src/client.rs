//! The calls of a client.

use std::io;
use std::time::{Duration, Instant};

use mqtt_client::{
    ConnectError, ConnectionState, Drained, Limits, Message, OptionsError, Publish, PublishError,
    QoS, ReasonCode, ReauthenticateError, Stats, SubscribeError, SubscribeOptions, TryPublishError,
    Unacknowledged, UnsubscribeError,
};

use crate::InCallback;
use crate::mover::{Mover, deadline};
use crate::publishing::{Publication, PublishHandle};
use crate::reactor::in_callback;
use crate::readiness::Readiness;
use crate::receiving::{CallbackSubscription, Events, Subscription};

/// One MQTT client. Clones are handles of the same client.
///
/// All calls may be made from any thread; those that wait block it. Where waiting can take long
/// there is a form with a timeout, which says what holds when the time is over. Inside a callback
/// a call that waits returns `InCallback` at once and does nothing; the others work.
///
/// Clients and subscriptions keep the connection up: when the last of them is dropped, it is
/// closed without DISCONNECT, the broker publishes the will, and the client's thread ends by
/// itself, moments later. [`Client::disconnect`] and [`Client::drain`] take leave properly.
#[derive(Clone, Debug)]
pub struct Client {
    client: mqtt_client::Client,
    mover: Mover,
}

impl Client {
    pub(crate) fn new(client: mqtt_client::Client, mover: Mover) -> Client {
        Client { client, mover }
    }

    /// Waits until the broker has accepted the first connection, or the client has ended. From then
    /// on this returns at once, whether that connection is up or not: [`Client::state`] says so.
    pub fn connected(&self) -> Result<(), ConnectError> {
        self.mover.call(self.client.connected())
    }

    /// Publishes a message and waits for its outcome: QoS 0 is done when it is queued, or written
    /// ([`qos0_completion`](crate::Options::qos0_completion)), QoS 1 at PUBACK, QoS 2 at PUBCOMP.
    /// While the send queue is full this waits, in the order of the calls.
    ///
    /// QoS 0 that is queued when the connection ends, or expires, is not sent; see
    /// [`Stats::unsent`](crate::Stats::unsent).
    ///
    /// The result is [`ReasonCode::Success`], or [`ReasonCode::NoMatchingSubscribers`] if the
    /// broker says so.
    pub fn publish(&self, publish: Publish<'_>) -> Result<ReasonCode, PublishError> {
        self.mover.call(self.client.publish(publish))
    }

    /// As [`Client::publish`], for `timeout` at most.
    ///
    /// When the time is over nothing is lost: [`PublishError::TimedOut`] means that there was no
    /// room and nothing was sent, [`Publication::Pending`] that the message was accepted and is
    /// delivered nevertheless.
    pub fn publish_timeout(
        &self,
        publish: Publish<'_>,
        timeout: Duration,
    ) -> Result<Publication, PublishError> {
        if in_callback() {
            return Err(PublishError::InCallback);
        }
        let deadline = deadline(timeout);
        let accepted = self.enqueue_until(deadline, publish);
        let mut handle = accepted.map_err(|refused| refused.error)?;
        match handle.wait_until(deadline) {
            Some(outcome) => outcome.map(Publication::Done),
            None => Ok(Publication::Pending(handle)),
        }
    }

    /// Has a message accepted if that is possible at once; never waits. An error hands the message
    /// back.
    pub fn try_publish<'a>(
        &self,
        publish: Publish<'a>,
    ) -> Result<PublishHandle, TryPublishError<'a>> {
        let handle = self.client.try_publish(publish)?;
        Ok(PublishHandle::new(handle, &self.mover))
    }

    /// Has a message accepted and returns a handle on its outcome. While the send queue is full
    /// this waits, in the order of the calls. An error hands the message back.
    pub fn enqueue<'a>(&self, publish: Publish<'a>) -> Result<PublishHandle, TryPublishError<'a>> {
        self.enqueue_until(None, publish)
    }

    /// As [`Client::enqueue`], for `timeout` at most. [`PublishError::TimedOut`]: there was no
    /// room, and nothing was sent.
    pub fn enqueue_timeout<'a>(
        &self,
        publish: Publish<'a>,
        timeout: Duration,
    ) -> Result<PublishHandle, TryPublishError<'a>> {
        self.enqueue_until(deadline(timeout), publish)
    }

    /// Subscribes to a Topic Filter and waits until the broker granted it; see
    /// [`Client::subscribe_with`].
    pub fn subscribe(
        &self,
        filter: impl Into<String>,
        qos: QoS,
    ) -> Result<Subscription, SubscribeError> {
        self.subscribe_with(SubscribeOptions::new(filter).qos(qos))
    }

    /// Subscribes and waits until the broker granted it, now or on the next connection. The
    /// subscription is made again when the broker loses the session.
    pub fn subscribe_with(
        &self,
        options: SubscribeOptions,
    ) -> Result<Subscription, SubscribeError> {
        self.subscribe_until(None, options)
    }

    /// As [`Client::subscribe_with`], for `timeout` at most. [`SubscribeError::TimedOut`]: there
    /// is no subscription; one that the broker still grants is ended again.
    pub fn subscribe_timeout(
        &self,
        options: SubscribeOptions,
        timeout: Duration,
    ) -> Result<Subscription, SubscribeError> {
        self.subscribe_until(deadline(timeout), options)
    }

    /// Subscribes and has `callback` called for every message, on the client's thread: it must not
    /// block, for nothing else of the client goes on meanwhile. A message is acknowledged when
    /// `callback` returns, unless the subscription says otherwise. Calls that do not wait
    /// ([`Client::try_publish`], [`Message::ack`]) work in it; one that waits returns `InCallback`.
    ///
    /// A callback that panics ends the client. One that owns a [`Client`] keeps it alive for ever.
    pub fn subscribe_callback(
        &self,
        options: SubscribeOptions,
        callback: impl FnMut(&Message) + Send + 'static,
    ) -> Result<CallbackSubscription, SubscribeError> {
        let subscription = self.mover.call(self.client.subscribe_callback(options, callback))?;
        Ok(CallbackSubscription::new(subscription, &self.mover))
    }

    /// Ends all subscriptions of this client to a Topic Filter and waits until the broker has
    /// ended it. Their streams give what has arrived, and then end.
    pub fn unsubscribe(&self, filter: &str) -> Result<(), UnsubscribeError> {
        self.mover.call(self.client.unsubscribe(filter))
    }

    /// As [`Client::unsubscribe`], for `timeout` at most. [`UnsubscribeError::TimedOut`]: if there
    /// was room, the subscriptions end nevertheless; else nothing was sent.
    pub fn unsubscribe_timeout(
        &self,
        filter: &str,
        timeout: Duration,
    ) -> Result<(), UnsubscribeError> {
        self.mover.call_until(deadline(timeout), self.client.unsubscribe(filter))
    }

    /// Takes leave of the broker and ends the client: sends the acknowledgements already given and
    /// what was accepted and may be sent, then DISCONNECT, and waits until the connection is closed
    /// (section 3.14). Takes at most `disconnect_flush` and 500 ms. Idempotent.
    ///
    /// Publishes that still wait end with [`PublishError::Closed`]; unfinished ones stay in the
    /// broker's session. Messages that arrived can still be read.
    ///
    /// A client does not connect again: make a new one. With the same
    /// [`client_id`](crate::Options::client_id) and [`clean_start(false)`](crate::Options::clean_start) it
    /// goes on with the session at the broker, which sends what it has not been acknowledged. What ended
    /// here with `Closed` is for the application to publish again, and what it subscribed to as well.
    pub fn disconnect(&self) -> Result<(), InCallback> {
        self.mover.call(async {
            self.client.disconnect().await;
            Ok(())
        })
    }

    /// Takes leave as [`Client::disconnect`] does, but first waits until all that was accepted has
    /// its outcome, for `timeout` at most, on this connection or on later ones. Returns what stayed
    /// without one: those calls end with [`PublishError::Closed`] and its like.
    ///
    /// From now on publishing, subscribing and unsubscribing fail with `Closed`, as do such calls
    /// that wait for room; messages are still received and acknowledged. QoS 0 that is done when it
    /// is queued has its outcome: it is written as `disconnect` says.
    ///
    /// Ends early when [`Client::disconnect`] is called or the client gives up reconnecting. Of
    /// several calls the earliest end holds, and all return the same.
    pub fn drain(&self, timeout: Duration) -> Result<Drained, InCallback> {
        self.mover.call(async { Ok(self.client.drain(timeout).await) })
    }

    /// Turns the loop of a client made by [`start_without_thread`](crate::start_without_thread)
    /// once: waits for the network or the next thing to do, `timeout` at most, and does it. Returns
    /// `false` when the client has ended.
    ///
    /// A client that is not turned does nothing: not even its keep-alive goes on. Calls that wait
    /// turn it themselves. Several threads may turn it; one does, the others wait for that turn.
    ///
    /// An error ends the client. It is [`Unsupported`](io::ErrorKind::Unsupported), and changes
    /// nothing, for a client that has a thread and inside a callback.
    pub fn turn(&self, timeout: Duration) -> io::Result<bool> {
        match self.mover.own_loop() {
            Some(own_loop) if !in_callback() => own_loop.turn(deadline(timeout)),
            Some(_) | None => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    /// What a loop of one's own waits for on behalf of a client made by
    /// [`start_without_thread`](crate::start_without_thread), beside its own descriptors. To be asked
    /// before every wait.
    ///
    /// Calls of other threads end the wait where they leave the loop something to do. Only the loop
    /// calls [`Client::turn`] then, and after it looks at whatever it takes from the client.
    ///
    /// It is [`Unsupported`](io::ErrorKind::Unsupported) for a client that has a thread.
    pub fn readiness(&self) -> io::Result<Readiness> {
        let own_loop = self.mover.own_loop();
        own_loop.map(|own_loop| own_loop.readiness()).ok_or(io::ErrorKind::Unsupported.into())
    }

    /// Replaces the list of brokers by that of these URLs, at least one and without credentials. A
    /// connection that is open or being made stays; the next attempt begins with the first.
    pub fn set_brokers<U: AsRef<str>>(
        &self,
        urls: impl IntoIterator<Item = U>,
    ) -> Result<(), OptionsError> {
        self.client.set_brokers(urls)
    }

    /// Has the broker forget this client's session with the next CONNECT (Clean Start, section
    /// 3.1.2.4); does not wait. A connection that is open, or whose CONNECT is on its way, stays as it
    /// is. Then all is as after any loss of a session.
    pub fn reset_session(&self) {
        self.client.reset_session();
    }

    /// Has the authenticator begin a re-authentication (section 4.12.1), unless one runs; does not
    /// wait. [`ClientEvent::Reauthenticated`](crate::ClientEvent::Reauthenticated) tells when it
    /// succeeded; whatever fails in it ends the connection.
    pub fn reauthenticate(&self) -> Result<(), ReauthenticateError> {
        self.client.reauthenticate()
    }

    /// How the client stands with its broker.
    pub fn state(&self) -> ConnectionState {
        self.client.state()
    }

    /// What the broker granted; `None` while there is no connection.
    pub fn limits(&self) -> Option<Limits> {
        self.client.limits()
    }

    /// The Client Identifier of the last connection: the broker's when it assigned one. Empty
    /// before.
    pub fn client_id(&self) -> String {
        self.client.client_id()
    }

    /// What the client did so far and holds now.
    pub fn stats(&self) -> Stats {
        self.client.stats()
    }

    /// The most bytes a broker can make the protocol take, whatever it sends: above all the receive
    /// buffer, which follows [`maximum_packet_size`](crate::Options::maximum_packet_size). Messages
    /// on their way to the application come on top: those of QoS 0 are limited by
    /// [`held_bytes`](crate::Options::held_bytes), those of QoS 1/2 on each connection by
    /// [`receive_maximum`](crate::Options::receive_maximum).
    pub fn memory_bound(&self) -> usize {
        self.client.memory_bound()
    }

    /// The oldest QoS 1/2 message that was received and is not acknowledged, be it in the hands of
    /// the application or still unread. One that stays here for long holds back the
    /// acknowledgements of all that came after it.
    pub fn oldest_unacknowledged(&self) -> Option<Unacknowledged> {
        self.client.oldest_unacknowledged()
    }

    /// What happens to the connection from now on.
    pub fn events(&self) -> Events {
        Events::new(self.client.events(), &self.mover)
    }

    fn enqueue_until<'a>(
        &self,
        deadline: Option<Instant>,
        publish: Publish<'a>,
    ) -> Result<PublishHandle, TryPublishError<'a>> {
        let publish = match self.try_publish(publish) {
            Err(TryPublishError { error: PublishError::Full, publish }) => publish,
            result => return result,
        };
        let accepted = self.client.enqueue(publish.clone());
        let accepted = async { accepted.await.map_err(|refused| refused.error) };
        match self.mover.call_until(deadline, accepted) {
            Ok(handle) => Ok(PublishHandle::new(handle, &self.mover)),
            Err(error) => Err(TryPublishError { error, publish }),
        }
    }

    fn subscribe_until(
        &self,
        deadline: Option<Instant>,
        options: SubscribeOptions,
    ) -> Result<Subscription, SubscribeError> {
        let subscribed = self.mover.call_until(deadline, self.client.subscribe_with(options))?;
        Ok(Subscription::new(subscribed, &self.mover))
    }
}
