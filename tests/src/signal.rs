//! A flag that scripts and clients wait for, whatever the runtime.

use std::future::{self, Future};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

use mqtt_client::park_on;

/// Raised once; everybody who waits for it goes on.
#[derive(Clone, Debug, Default)]
pub struct Signal {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    raised: bool,
    waiters: Vec<Waker>,
}

impl Signal {
    /// A signal that is not raised.
    pub fn new() -> Signal {
        Signal::default()
    }

    /// Lets everybody go on who waits now or later.
    pub fn raise(&self) {
        let waiters = {
            let mut state = self.lock();
            state.raised = true;
            std::mem::take(&mut state.waiters)
        };
        waiters.into_iter().for_each(Waker::wake);
    }

    /// Whether it was raised.
    pub fn is_raised(&self) -> bool {
        self.lock().raised
    }

    /// Ends when the signal is raised.
    pub fn raised(&self) -> impl Future<Output = ()> + Send + use<> {
        let signal = self.clone();
        future::poll_fn(move |cx| {
            let mut state = signal.lock();
            if state.raised {
                return Poll::Ready(());
            }
            state.waiters.push(cx.waker().clone());
            Poll::Pending
        })
    }

    /// Blocks the thread until the signal is raised.
    pub fn wait(&self) {
        block_on(self.raised());
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Raises its signal when it is dropped, whoever owned it.
#[derive(Debug)]
pub struct RaiseOnDrop(pub Signal);

impl Drop for RaiseOnDrop {
    fn drop(&mut self) {
        self.0.raise();
    }
}

/// Runs a future on this thread, which does nothing else meanwhile.
pub fn block_on<F: Future>(future: F) -> F::Output {
    park_on(future, None).expect("there is no deadline")
}
