//! What happened in a test, to be shown when it fails.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The packets of a test, in the order its scripts saw them, and what the scripts wait for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trace {
    log: Arc<Mutex<Log>>,
}

#[derive(Debug, Default)]
struct Log {
    lines: Vec<String>,
    waiting: BTreeMap<String, String>,
}

impl Trace {
    /// Adds a line.
    pub(crate) fn line(&self, line: impl Display) {
        let mut start = Start { text: String::new(), left: LONGEST };
        if write!(start, "{line}").is_err() {
            start.text.push('…');
        }
        self.lock().lines.push(start.text);
    }

    /// `who` waits for `what` until the wait is dropped.
    pub(crate) fn wait(&self, who: &str, what: impl Display) -> Wait {
        self.lock().waiting.insert(who.to_owned(), what.to_string());
        Wait { trace: self.clone(), who: who.to_owned() }
    }

    fn lock(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let log = self.lock();
        for line in &log.lines {
            writeln!(f, "  {line}")?;
        }
        for (who, what) in &log.waiting {
            writeln!(f, "  {who} waits for {what}")?;
        }
        Ok(())
    }
}

/// See [`Trace::wait`].
pub(crate) struct Wait {
    trace: Trace,
    who: String,
}

impl Drop for Wait {
    fn drop(&mut self) {
        self.trace.lock().waiting.remove(&self.who);
    }
}

/// The start of what is written: a large payload fills no screen, and takes no time.
struct Start {
    text: String,
    /// Characters there is room for.
    left: usize,
}

impl Write for Start {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut chars = text.chars();
        while self.left > 0
            && let Some(char) = chars.next()
        {
            self.text.push(char);
            self.left -= 1;
        }
        if chars.next().is_some() { Err(fmt::Error) } else { Ok(()) }
    }
}

/// Characters of a line.
const LONGEST: usize = 400;
