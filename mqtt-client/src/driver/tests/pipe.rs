//! A connection in memory.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use super::world::Sky;
use crate::Transport;

/// A connection in memory.
#[derive(Default)]
pub(super) struct Pipe {
    state: Mutex<PipeState>,
}

#[derive(Default)]
pub(super) struct PipeState {
    to_client: VecDeque<u8>,
    from_client: Vec<u8>,
    /// Bytes the client may still write.
    pub(super) room: usize,
    /// The broker has closed its end.
    pub(super) broker_closed: bool,
    /// The client has ended its sending half.
    pub(super) client_finished: bool,
    /// The client has dropped its end.
    pub(super) client_dropped: bool,
    /// Calls that wrote something, and the parts they were given.
    pub(super) writes: usize,
    pub(super) slices: usize,
    /// Bytes written since the last flush.
    pub(super) unflushed: usize,
    /// Flushing does not come to an end.
    pub(super) holds: bool,
    waker: Option<Waker>,
}

impl Pipe {
    /// One that takes all that is written.
    pub(super) fn new() -> Arc<Pipe> {
        let pipe = Pipe::default();
        pipe.change(|state| state.room = usize::MAX);
        Arc::new(pipe)
    }

    /// Sends bytes to the client.
    pub(super) fn send(&self, bytes: &[u8]) {
        self.change(|state| state.to_client.extend(bytes));
    }

    /// What the client has written.
    pub(super) fn take_sent(&self) -> Vec<u8> {
        std::mem::take(&mut self.state.lock().unwrap().from_client)
    }

    /// The start of a packet that is not whole yet.
    pub(super) fn put_back(&self, bytes: Vec<u8>) {
        self.state.lock().unwrap().from_client.splice(..0, bytes);
    }

    /// Changes what the client sees, and wakes it.
    pub(super) fn change<T>(&self, change: impl FnOnce(&mut PipeState) -> T) -> T {
        let mut state = self.state.lock().unwrap();
        let result = change(&mut state);
        let waker = state.waker.take();
        drop(state);
        waker.into_iter().for_each(Waker::wake);
        result
    }

    /// Looks at it.
    pub(super) fn look<T>(&self, look: impl FnOnce(&PipeState) -> T) -> T {
        look(&self.state.lock().unwrap())
    }

    /// Bytes the client has not read.
    pub(super) fn unread(&self) -> usize {
        self.look(|state| state.to_client.len())
    }
}

/// The client's end of it.
pub(super) struct End {
    pipe: Arc<Pipe>,
    sky: Arc<Sky>,
}

impl End {
    pub(super) fn new(pipe: Arc<Pipe>, sky: &Arc<Sky>) -> End {
        End { pipe, sky: Arc::clone(sky) }
    }
}

impl Transport for End {
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        self.sky.check_lock();
        assert!(!buf.is_empty());
        let mut state = self.pipe.state.lock().unwrap();
        if state.to_client.is_empty() && !state.broker_closed {
            state.waker = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let n = buf.len().min(state.to_client.len());
        buf.iter_mut().zip(state.to_client.drain(..n)).for_each(|(to, from)| *to = from);
        Poll::Ready(Ok(n))
    }

    fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.sky.check_lock();
        assert!(bufs.iter().any(|buf| !buf.is_empty()));
        let mut state = self.pipe.state.lock().unwrap();
        if state.broker_closed {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        if state.room == 0 {
            state.waker = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let mut taken = 0;
        for buf in bufs {
            let n = buf.len().min(state.room);
            state.from_client.extend_from_slice(&buf[..n]);
            state.room -= n;
            taken += n;
        }
        state.writes += 1;
        state.slices += bufs.len();
        state.unflushed += taken;
        Poll::Ready(Ok(taken))
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.sky.check_lock();
        let mut state = self.pipe.state.lock().unwrap();
        if state.holds && !state.broker_closed {
            state.waker = Some(cx.waker().clone());
            return Poll::Pending;
        }
        state.unflushed = 0;
        Poll::Ready(if state.holds { Err(io::ErrorKind::BrokenPipe.into()) } else { Ok(()) })
    }

    fn poll_close(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.sky.check_lock();
        self.pipe.state.lock().unwrap().client_finished = true;
        Poll::Ready(Ok(()))
    }
}

impl Drop for End {
    fn drop(&mut self) {
        self.sky.check_lock();
        self.pipe.state.lock().unwrap().client_dropped = true;
    }
}
