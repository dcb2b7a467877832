//! A byte line that blocks, such as a serial one: bytes and nothing else, without connections.

use std::collections::VecDeque;
use std::io::{self, IoSlice, Read, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread;

use mqtt_adapter_blocking::Transport;

/// The line. One thread reads it for as long as there is one, whoever listens.
pub(crate) struct Line {
    shared: Arc<Shared>,
}

struct Shared {
    input: Mutex<Input>,
    output: Mutex<Box<dyn Write + Send>>,
}

#[derive(Default)]
struct Input {
    bytes: VecDeque<u8>,
    /// The line is gone.
    ended: bool,
    waiting: Option<Waker>,
}

impl Line {
    /// A line with both directions; for a device the same file, twice.
    pub(crate) fn new(
        mut input: impl Read + Send + 'static,
        output: impl Write + Send + 'static,
    ) -> io::Result<Line> {
        let output = Mutex::new(Box::new(output) as Box<dyn Write + Send>);
        let shared = Arc::new(Shared { input: Mutex::default(), output });
        let reader = Arc::clone(&shared);
        thread::Builder::new().name("line".to_owned()).spawn(move || {
            let mut buffer = [0; 256];
            while let Ok(read @ 1..) = input.read(&mut buffer) {
                reader.change(|input| input.bytes.extend(&buffer[..read]));
            }
            reader.change(|input| input.ended = true);
        })?;
        Ok(Line { shared })
    }

    /// The line for one attempt: what arrived before is nothing of it.
    pub(crate) fn open(&self) -> Attempt {
        self.shared.lock().bytes.clear();
        Attempt { shared: Arc::clone(&self.shared) }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Input> {
        self.input.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut Input)) {
        let mut input = self.lock();
        change(&mut input);
        let waiting = input.waiting.take();
        drop(input);
        waiting.into_iter().for_each(Waker::wake);
    }
}

/// The line while one connection uses it.
pub(crate) struct Attempt {
    shared: Arc<Shared>,
}

impl Transport for Attempt {
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut input = self.shared.lock();
        if input.bytes.is_empty() && !input.ended {
            input.waiting = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let read = buf.len().min(input.bytes.len());
        buf.iter_mut().zip(input.bytes.drain(..read)).for_each(|(to, byte)| *to = byte);
        Poll::Ready(Ok(read))
    }

    /// Blocks for as long as the line takes for so many bytes: a small number.
    fn poll_write(&mut self, _: &mut Context<'_>, bufs: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let bytes = bufs.iter().find(|buf| !buf.is_empty()).map_or(&[][..], |buf| buf);
        let some = bytes.get(..bytes.len().min(64)).unwrap_or_default();
        let mut output = self.shared.output.lock().unwrap_or_else(PoisonError::into_inner);
        Poll::Ready(output.write(some))
    }

    fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut output = self.shared.output.lock().unwrap_or_else(PoisonError::into_inner);
        Poll::Ready(output.flush())
    }

    /// There is no half to end: the other side has seen DISCONNECT.
    fn poll_close(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
