//! Which version which broker speaks.

use mqtt_proto::Version;

use super::{FailureClass, Target};

/// The version of the connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VersionChoice {
    /// Always this one.
    Only(Version),
    /// 5.0, and 3.1.1 with brokers that refuse 5.0 or close twice in a row after its CONNECT without
    /// CONNACK. What a CONNACK accepted is remembered for each of the first 64 brokers of the list.
    Auto,
}

impl From<Version> for VersionChoice {
    fn from(version: Version) -> VersionChoice {
        VersionChoice::Only(version)
    }
}

/// How many brokers are remembered.
const REMEMBERED: usize = 64;

/// So many closes in a row after CONNECT are a refusal.
const CLOSES: u8 = 2;

/// What is known of the brokers of the list.
#[derive(Debug)]
pub(super) struct Versions {
    choice: VersionChoice,
    /// What each accepted last.
    accepted: [Option<Version>; REMEMBERED],
}

/// What an attempt dials.
#[derive(Clone, Copy, Debug)]
pub(super) struct Goal {
    pub(super) target: Target,
    pub(super) version: Version,
    /// How often in a row it closed after this CONNECT without CONNACK.
    closes: u8,
}

impl Versions {
    pub(super) fn new(choice: VersionChoice) -> Versions {
        Versions { choice, accepted: [None; REMEMBERED] }
    }

    /// The list was replaced.
    pub(super) fn forget(&mut self) {
        self.accepted = [None; REMEMBERED];
    }

    /// The first attempt with a broker.
    ///
    /// ```text
    ///   accepted before: that version           CONNACK: accepted
    ///   otherwise: 5.0 --closed--> 5.0 again --closed--> 3.1.1
    ///               |                |                     ^
    ///               +----------------+--refused, any time--+
    /// ```
    pub(super) fn first(&self, target: Target) -> Goal {
        let version = match self.choice {
            VersionChoice::Only(version) => version,
            VersionChoice::Auto => self.accepted(target).unwrap_or(Version::V5),
        };
        Goal { target, version, closes: 0 }
    }

    pub(super) fn handle_connected(&mut self, goal: Goal) {
        self.set_accepted(goal.target, Some(goal.version));
    }

    /// An attempt failed. Gives the next with the same broker, if that one is to follow at once.
    pub(super) fn handle_failed(&mut self, goal: Goal, class: FailureClass) -> Option<Goal> {
        let older = Goal { version: Version::V3_1_1, closes: 0, ..goal };
        let is_choice = self.choice == VersionChoice::Auto && goal.version == Version::V5;
        match class {
            FailureClass::VersionRefused => {
                self.set_accepted(goal.target, None);
                is_choice.then_some(older)
            }
            // A broker that accepted the version before has another reason to close.
            FailureClass::NoConnAck if is_choice && self.accepted(goal.target).is_none() => {
                let closes = goal.closes + 1;
                Some(if closes < CLOSES { Goal { closes, ..goal } } else { older })
            }
            FailureClass::NoConnAck
            | FailureClass::Transient
            | FailureClass::Permanent
            | FailureClass::TakenOver
            | FailureClass::Dropped => None,
        }
    }

    fn accepted(&self, target: Target) -> Option<Version> {
        match target {
            Target::Listed(broker) => self.accepted.get(broker).copied().flatten(),
            Target::Redirect => None,
        }
    }

    fn set_accepted(&mut self, target: Target, version: Option<Version>) {
        let place = match target {
            Target::Listed(broker) => self.accepted.get_mut(broker),
            Target::Redirect => None,
        };
        if let Some(place) = place {
            *place = version;
        }
    }
}
