//! A byte stream in memory, both ends of it.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use mqtt_adapter_blocking::Transport;

/// The most bytes on their way in one direction.
const CAPACITY: usize = 64 << 10;

/// A pipe: what is written to one end can be read from the other.
pub(crate) fn pipe() -> (End, End) {
    let [to, from] = [(); 2].map(|()| Arc::new(Lane::default()));
    let there = End { incoming: Arc::clone(&to), outgoing: Arc::clone(&from) };
    (End { incoming: from, outgoing: to }, there)
}

/// One end of a pipe. Dropped, it ends both directions.
pub(crate) struct End {
    incoming: Arc<Lane>,
    outgoing: Arc<Lane>,
}

/// One direction.
#[derive(Default)]
struct Lane(Mutex<State>);

#[derive(Default)]
struct State {
    bytes: VecDeque<u8>,
    ended: bool,
    /// Who waits: the reader of an empty lane, or the writer of a full one.
    waiting: Option<Waker>,
}

impl Lane {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end(&self) {
        let mut state = self.lock();
        state.ended = true;
        wake(state);
    }
}

/// Lets the other side go on, without the lock.
fn wake(mut state: MutexGuard<'_, State>) {
    let waiting = state.waiting.take();
    drop(state);
    waiting.into_iter().for_each(Waker::wake);
}

impl Transport for End {
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut state = self.incoming.lock();
        if state.bytes.is_empty() && !state.ended {
            state.waiting = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let read = buf.len().min(state.bytes.len());
        buf.iter_mut().zip(state.bytes.drain(..read)).for_each(|(to, byte)| *to = byte);
        if read > 0 {
            wake(state);
        }
        Poll::Ready(Ok(read))
    }

    fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut state = self.outgoing.lock();
        if state.ended {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let room = CAPACITY - state.bytes.len();
        if room == 0 {
            state.waiting = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let before = state.bytes.len();
        state.bytes.extend(bufs.iter().flat_map(|buf| buf.iter()).take(room));
        let written = state.bytes.len() - before;
        wake(state);
        Poll::Ready(Ok(written))
    }

    fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.outgoing.end();
        Poll::Ready(Ok(()))
    }
}

impl Drop for End {
    fn drop(&mut self) {
        self.outgoing.end();
        self.incoming.end();
    }
}
