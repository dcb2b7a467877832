//! Closing a connection so that the broker gets the last packet: a socket closed while there is
//! something to read resets the connection, and with it what was sent.

use std::future::poll_fn;
use std::task::{Context, Poll};

use mqtt_session::Time;

use super::connection::{Connection, Progress};
use super::{READ_REST, Work};
use crate::over::Dialled;
use crate::runtime::{Runtime, Timer};

impl<R: Runtime> Work<R> {
    /// Writes what is left, ends the sending half, reads until the peer has ended its own. Neither
    /// takes longer than it may.
    pub(super) async fn farewell(&mut self, connection: &mut Connection<Dialled<R::Transport>>) {
        let flush = self.options.sending.disconnect_flush;
        let deadline = connection.leave_by.unwrap_or_else(|| self.runtime.now().after(flush));
        if poll_fn(|cx| self.poll_flush(cx, connection, deadline)).await.is_err() {
            return;
        }
        let deadline = self.runtime.now().after(READ_REST);
        poll_fn(|cx| self.poll_rest(cx, connection, deadline)).await;
    }

    /// `Err` when not everything could be written.
    fn poll_flush(
        &mut self,
        cx: &mut Context<'_>,
        connection: &mut Connection<Dialled<R::Transport>>,
        deadline: Time,
    ) -> Poll<Result<(), ()>> {
        loop {
            let now = self.runtime.now();
            let sent = connection.take_moved().sent;
            let out = &mut connection.out;
            self.with(|state| {
                state.handle_sent(now, sent);
                state.collect(now, out);
            });
            let had_output = connection.has_output();
            let progress = connection.write(cx);
            if connection.is_broken() {
                return Poll::Ready(Err(()));
            }
            match progress {
                Progress::More if !had_output => return Poll::Ready(Ok(())),
                Progress::More => {}
                Progress::Blocked if self.timer.poll_deadline(cx, deadline).is_ready() => {
                    return Poll::Ready(Err(()));
                }
                Progress::Blocked => return Poll::Pending,
            }
        }
    }

    /// Ends the sending half and reads until the peer has ended its own.
    pub(super) fn poll_rest(
        &mut self,
        cx: &mut Context<'_>,
        connection: &mut Connection<Dialled<R::Transport>>,
        deadline: Time,
    ) -> Poll<()> {
        if connection.close(cx) == Progress::More {
            while connection.discard(cx) == Progress::More {
                if connection.has_ended() || connection.is_broken() {
                    return Poll::Ready(());
                }
                if deadline <= self.runtime.now() {
                    return Poll::Ready(());
                }
            }
        }
        self.timer.poll_deadline(cx, deadline)
    }
}
