//! Disconnecting, coming again, and the Wills of connections.

use mqtt_session::proto::ReasonCode;
use mqtt_session::{Memory, Phase, Time};
use mqtt_testkit::Broker;
use mqtt_testkit::broker::{ConnectionId, LogEvent};

use super::Client;
use crate::client::dialling::Dialling;
use crate::message::Name;
use crate::tally::{Fault, Promise};

/// Wills have the numbers from here on.
const WILLS: u32 = 1 << 31;

impl<M: Memory> Client<M> {
    /// The application disconnects, amid whatever it does.
    pub(super) fn leave(&mut self, now: Time) {
        let reason = if self.plan.facts.level == 5 {
            self.random.pick([
                ReasonCode::NormalDisconnection,
                ReasonCode::NormalDisconnection,
                ReasonCode::DisconnectWithWillMessage,
            ])
        } else {
            ReasonCode::NormalDisconnection
        };
        // It may be leaving for a reason of its own, and then says that one.
        let leaves_already = self.endpoint.session.phase() == Phase::Closing;
        let left = self.endpoint.session.disconnect(now, reason, &[]);
        if left.is_ok() && !leaves_already {
            self.oracle.note(now, format_args!("the application disconnects: {reason}"));
            self.oracle.note_leaving(reason.to_u8());
            self.oracle.tally.strike(Fault::Left);
        }
    }

    /// The application has left, and comes again with its session.
    pub(super) fn go_away(&mut self, now: Time) {
        self.supervisor.stop();
        let back = now.after(self.random.millis(0..=20_000));
        self.dialling = Dialling::away_until(back);
    }

    /// The Will of the next connection: each has its own.
    pub(super) fn will(&self) -> Name {
        let ordinal = u32::try_from(self.wills.len()).unwrap_or(u32::MAX);
        Name { client: self.plan.facts.number, number: WILLS + ordinal }
    }

    /// A DISCONNECT that arrived whole says what becomes of the Will; `count` says how often the
    /// broker published it.
    pub(super) fn judge_wills(&mut self, broker: &Broker, count: &dyn Fn(Name) -> u32) {
        let said = |connection: ConnectionId| {
            broker.log().find_map(|entry| match entry.event {
                LogEvent::Disconnected { connection: there, reason } if there == connection => {
                    Some(reason)
                }
                _ => None,
            })
        };
        for (connection, will) in std::mem::take(&mut self.wills) {
            let (reason, published) = (said(connection), count(will));
            let holds = match reason {
                Some(ReasonCode::NormalDisconnection) => published == 0,
                Some(ReasonCode::DisconnectWithWillMessage) => published == 1,
                Some(_) | None => published <= 1,
            };
            self.oracle.check(Promise::End1, holds, || {
                format!("{will:?} was published {published} times, DISCONNECT: {reason:?}")
            });
        }
    }
}
