//! The clean start of a session that is to be kept, before 5.0: a connection of its own that only
//! ends the broker's old session (3.1.1, section 3.1.2.4).

use std::future::poll_fn;
use std::task::{Context, Poll};

use bytes::Bytes;
use mqtt_session::proto::{ReasonCode, Version};
use mqtt_session::{Closing, Config, Connect, Event, Heap, OpenError, Session, Time};

use super::connection::{Connection, Progress};
use super::{READ_REST, Woken, Work};
use crate::options::{Broker, Greeting};
use crate::over::Dialled;
use crate::runtime::{Runtime, Transport};
use crate::{ConnectChanges, ConnectError, Rejection};

impl<R: Runtime> Work<R> {
    /// Connects with a clean session and disconnects.
    pub(super) async fn forget_session(
        &mut self,
        broker: &Broker,
        version: Version,
        changes: &ConnectChanges,
        deadline: Time,
    ) -> Result<(), ConnectError> {
        let stream = self.connect(broker, deadline).await?;
        let mut session = Session::new(Config::new(0));
        let now = self.runtime.now();
        let greeting =
            Greeting { version, clean_start: true, named: false, response: None, changes };
        let opened = self.options.connect.with(&greeting, |connect| {
            session.open(now, &Connect { session_expiry: 0, will: None, ..*connect })
        });
        let inbound = opened.map_err(|error| match error {
            OpenError::Connect(error) => ConnectError::Connect(error),
            OpenError::AlreadyOpen | OpenError::Full => ConnectError::Ended,
        })?;
        let mut connection = Connection::new(stream, inbound);
        poll_fn(|cx| self.poll_forget(cx, broker, &mut session, &mut connection, deadline)).await?;
        let deadline = deadline.min(self.runtime.now().after(READ_REST));
        poll_fn(|cx| self.poll_rest(cx, &mut connection, deadline)).await;
        Ok(())
    }

    /// Ready when DISCONNECT was written behind an accepted CONNECT.
    fn poll_forget(
        &mut self,
        cx: &mut Context<'_>,
        broker: &Broker,
        session: &mut Session<Heap<Bytes>>,
        connection: &mut Connection<Dialled<R::Transport>>,
        deadline: Time,
    ) -> Poll<Result<(), ConnectError>> {
        loop {
            let now = self.runtime.now();
            let read = connection.read(cx, now);
            if connection.has_ended() {
                session.handle_closed(now);
            }
            if let Err(error) = act(now, broker, session, connection) {
                return Poll::Ready(Err(error));
            }
            connection.out.collect(now, session);
            let has_output = connection.has_output();
            let written = connection.write(cx);
            if session.closing() == Closing::AfterFlush && connection.out.is_empty() {
                return Poll::Ready(Ok(()));
            }
            if read == Progress::More || (has_output && written == Progress::More) {
                continue;
            }
            return self.poll_idle(cx, Some(deadline)).map(|woken| match woken {
                Woken::TimedOut => Err(self.timed_out(broker)),
                Woken::Stopped | Woken::Dial(_) => Err(ConnectError::Ended),
            });
        }
    }
}

/// Acts on what came.
fn act<T: Transport>(
    now: Time,
    broker: &Broker,
    session: &mut Session<Heap<Bytes>>,
    connection: &mut Connection<T>,
) -> Result<(), ConnectError> {
    let mut accepted = false;
    while let Some(event) = session.poll_event(now, &mut connection.inbound) {
        match event {
            Event::Connected(_) => accepted = true,
            Event::Refused(connack) => {
                let rejection = Rejection::new(connack.reason, connack.properties);
                return Err(ConnectError::Refused(rejection));
            }
            Event::Closed(reason) => {
                let broker = broker.to_string();
                return Err(match connection.take_tls_failure() {
                    Some((failure, cause)) => ConnectError::Tls { broker, failure, cause },
                    None => ConnectError::Closed { broker, reason },
                });
            }
            Event::Authenticate(_)
            | Event::Reauthenticated(_)
            | Event::Message(_)
            | Event::Skipped { .. }
            | Event::Published { .. }
            | Event::Subscribed { .. }
            | Event::Unsubscribed { .. }
            | Event::RequestFailed { .. }
            | Event::SubscriptionLost { .. }
            | Event::Writable
            | Event::Disconnect(_) => {}
        }
    }
    if accepted && session.disconnect(now, ReasonCode::NormalDisconnection, &[]).is_err() {
        return Err(ConnectError::Ended);
    }
    Ok(())
}
