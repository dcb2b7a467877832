//! A step and its deadline.

use std::fmt;
use std::time::Duration;

use mqtt_session::Time;

use super::step::{Progress, Stage, Step};

/// A step, and how long it may take.
pub(super) struct Planned {
    pub(super) step: Step,
    limit: Limit,
}

/// How long a step may take from when it is its turn.
#[derive(Clone, Copy)]
enum Limit {
    None,
    Within(Duration),
    /// A `Within` that has begun, and when it is over.
    Until(Duration, Time),
}

impl Planned {
    pub(super) fn new(step: Step) -> Planned {
        Planned { step, limit: Limit::None }
    }

    pub(super) fn limit(&mut self, duration: Duration) {
        self.limit = Limit::Within(duration);
    }

    /// When it is taken, or fails, if nothing comes.
    pub(super) fn deadline(&self) -> Option<Time> {
        let limit = match self.limit {
            Limit::None | Limit::Within(_) => None,
            Limit::Until(_, at) => Some(at),
        };
        [limit, self.step.deadline()].into_iter().flatten().min()
    }

    /// Takes the step, if it can be taken now.
    pub(super) fn play(&mut self, now: Time, stage: &mut Stage) -> Progress {
        if let Limit::Within(duration) = self.limit {
            self.limit = Limit::Until(duration, now.after(duration));
        }
        let progress = self.step.play(now, stage);
        let Limit::Until(_, at) = self.limit else { return progress };
        match progress {
            Progress::Done if now > at => Progress::Failed("it too late".to_owned()),
            Progress::Waiting if now >= at => Progress::Failed("nothing in that time".to_owned()),
            Progress::Done | Progress::Waiting | Progress::Failed(_) => progress,
        }
    }
}

impl fmt::Display for Planned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.step)?;
        match self.limit {
            Limit::None => Ok(()),
            Limit::Within(duration) | Limit::Until(duration, _) => {
                write!(f, " within {duration:?}")
            }
        }
    }
}
