//! One test: a body, the scripts of its peers, a trace, and a watchdog over all of them.

use std::any::Any;
use std::fmt::Display;
use std::panic::{self, AssertUnwindSafe};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::peer::{Broker, Peer};
use crate::trace::Trace;

/// How long a test may take altogether, unless it says so. Far more than any needs: it ends what would hang.
const LIMIT: Duration = Duration::from_secs(60);

/// What the parts of a running test share.
#[derive(Clone, Debug)]
pub struct Trial {
    trace: Trace,
    running: Arc<Mutex<Vec<String>>>,
    ends: mpsc::Sender<End>,
}

/// How a part of the test ended.
struct End {
    part: String,
    outcome: thread::Result<()>,
}

impl Trial {
    /// Runs a test: `body` and the scripts it starts. It fails, with the trace, as soon as one of
    /// them panics, or when one still runs after a minute.
    pub fn run(body: impl FnOnce(&Trial) + Send + 'static) {
        Trial::run_within(LIMIT, body);
    }

    /// As [`run`](Trial::run), for at most so long.
    pub fn run_within(limit: Duration, body: impl FnOnce(&Trial) + Send + 'static) {
        let (ends, ended) = mpsc::channel();
        let trial = Trial { trace: Trace::default(), running: Arc::default(), ends };
        let handed = trial.clone();
        trial.start("the test", move || body(&handed));

        let deadline = Instant::now() + limit;
        while let Some(part) = trial.first_running() {
            let left = deadline.saturating_duration_since(Instant::now());
            match ended.recv_timeout(left) {
                Ok(End { part, outcome: Ok(()) }) => trial.lock().retain(|other| *other != part),
                Ok(End { part, outcome: Err(cause) }) => trial.fail(&part, message(&*cause)),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    trial.fail(&part, "it still runs, and should have ended long ago");
                }
            }
        }
    }

    /// Starts a scripted broker on a free loopback port. The test is over when all its scripts
    /// are, and fails when one does.
    pub fn peer(&self, script: impl FnOnce(&Broker) + Send + 'static) -> Peer {
        let broker = Broker::bind(self.trace.clone());
        let peer = broker.peer().clone();
        let finished = peer.finished().clone();
        self.start(&format!("the script of {}", peer.address()), move || {
            script(&broker);
            finished.raise();
        });
        peer
    }

    /// Runs a further part of the test on a thread of its own.
    pub fn part(&self, name: &str, part: impl FnOnce() + Send + 'static) {
        self.start(name, part);
    }

    /// Adds a line to what a failure shows.
    pub fn note(&self, line: impl Display) {
        self.trace.line(line);
    }

    fn start(&self, part: &str, run: impl FnOnce() + Send + 'static) {
        let part = part.to_owned();
        self.lock().push(part.clone());
        let ends = self.ends.clone();
        let builder = thread::Builder::new().name(part.clone());
        let run = move || {
            let outcome = panic::catch_unwind(AssertUnwindSafe(run));
            // Nobody listens any more when another part failed first.
            drop(ends.send(End { part, outcome }));
        };
        builder.spawn(run).expect("a thread for a part of the test");
    }

    fn first_running(&self) -> Option<String> {
        self.lock().first().cloned()
    }

    fn fail(&self, part: &str, message: &str) -> ! {
        panic!("{part}: {message}\nwhat happened:\n{}", self.trace);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<String>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn message(cause: &(dyn Any + Send)) -> &str {
    match (cause.downcast_ref::<String>(), cause.downcast_ref::<&str>()) {
        (Some(message), _) => message,
        (None, Some(message)) => message,
        (None, None) => "it panicked",
    }
}
