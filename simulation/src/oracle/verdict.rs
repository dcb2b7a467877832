//! What came of everything, once it is calm.

use super::Oracle;
use super::operation::{Ended, Kind, Life};
use crate::message::Name;
use crate::tally::{Fault, Promise};

impl Oracle {
    /// The first operation without its outcome. QoS 0 has none.
    pub(crate) fn first_open(&self) -> Option<usize> {
        let are_restored_done = self.restored_open() <= self.nameless;
        self.operations.iter().position(|operation| {
            if operation.life == Life::Restored && are_restored_done {
                return false;
            }
            let has_outcome = match &operation.kind {
                Kind::Publish(publish) => publish.qos > 0,
                Kind::Subscribe(_) | Kind::Unsubscribe(_) => true,
            };
            has_outcome && operation.is_open()
        })
    }

    /// The tight limits of the connection there is.
    pub(crate) fn tight_limits(&self) -> Vec<Fault> {
        let Some(connection) = &self.connection else { return Vec::new() };
        let Some(limits) = connection.limits() else { return Vec::new() };
        let is_v5 = self.facts.level == 5;
        let own = connection.announced;
        let is_one = limits.receive_maximum == 1 || own.receive_maximum == 1;
        let is_small = limits.packet_size <= 300 || own.packet_size <= 300;
        let found = [
            (is_one, Fault::WindowOfOne),
            (is_small, Fault::SmallPackets),
            (limits.alias_maximum == 0 && self.facts.wants_aliases, Fault::NoAliases),
            (!limits.retain, Fault::NoRetain),
            (limits.maximum_qos < 2, Fault::LowQoS),
        ];
        found
            .into_iter()
            .filter(|(is_there, _)| *is_there && is_v5)
            .map(|(_, fault)| fault)
            .collect()
    }

    /// The broker took everything as often as it should; `count` says how often.
    pub(crate) fn judge(&mut self, count: &dyn Fn(Name) -> u32) {
        for number in 0..self.operations.len() {
            let name = Name {
                client: self.facts.number,
                number: u32::try_from(number).unwrap_or(u32::MAX),
            };
            self.judge_one(number, count(name));
        }
    }

    fn judge_one(&mut self, at: usize, taken: u32) {
        let operation = &self.operations[at];
        let Some(qos) = operation.publish().map(|publish| publish.qos) else { return };
        let (outcome, life, may_double) = (operation.outcome, operation.life, operation.may_double);
        let promise = if life == Life::Awaited { Promise::Send1 } else { Promise::Sto2 };
        // In a session that was lost without a word, PUBREL is answered whatever became of the message.
        let is_excused = operation.is_given_up || (qos == 2 && may_double);
        if outcome == Some(Ended::Delivered) && !is_excused {
            self.check(promise, taken > 0, || format!("{at} of QoS {qos} was lost"));
        }
        if outcome == Some(Ended::Rejected) {
            self.check(Promise::Send1, taken == 0, || format!("{at} was rejected and taken"));
        }
        let is_once = taken <= 1 || qos == 1 || (qos == 2 && may_double);
        self.check(promise, is_once, || format!("{at} of QoS {qos} was taken {taken} times"));
    }
}
