//! What a script says when something else came.

use std::error::Error;
use std::fmt;

/// A step that was not taken, and all packets up to then.
#[derive(Clone, PartialEq, Eq)]
pub struct Failure {
    /// The number of the step, from 1; one more than there are when something came after the last.
    pub step: usize,
    /// How many steps the script has.
    pub steps: usize,
    /// What the step is.
    pub expected: String,
    /// What came.
    pub seen: String,
    /// The packets of both directions, one per line, with their times.
    pub trace: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Failure { step, steps, expected, seen, trace } = self;
        if step > steps {
            writeln!(f, "after the last of {steps} steps")?;
        } else {
            writeln!(f, "at step {step} of {steps}")?;
        }
        write!(f, "  expected: {expected}\n  but got:  {seen}\n{trace}")
    }
}

/// As it is displayed: this is what `unwrap` shows.
impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl Error for Failure {}
