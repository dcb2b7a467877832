//! One mistake: what the client says to it, and that it goes on.

use mqtt_session::proto::{Packet, ReasonCode, Version};
use mqtt_session::{
    Action, Backoff, CloseReason, Closing, FailureClass, Phase, Refusal, Retry, Supervisor,
    SupervisorConfig, VersionChoice, ViolationKind,
};

use super::hex::bytes;
use super::promised::Promised;
use super::{Cause, Outcome::*, Row, Table};
use crate::packets::*;
use crate::pair::{Pair, Seen, TestMemory};

/// One row, split at one byte. Says which it is if it fails.
pub(super) struct Trial<'t> {
    pub(super) table: &'t Table,
    pub(super) row: &'t Row<'t>,
    pub(super) bytes: &'t [u8],
    pub(super) split: usize,
}

impl Drop for Trial<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let Trial { table: Table { version, state, .. }, row, bytes, split } = self;
            eprintln!("{version:?}, {state:?}: {}: {bytes:02X?}, split at {split}", row.mistake);
        }
    }
}

impl Trial<'_> {
    pub(super) fn run<M: TestMemory>(&self) {
        let (mut pair, mut promised) = Promised::begin::<M>(self.table);
        let mut supervisor = supervisor(&pair);
        let (first, second) = self.bytes.split_at(self.split);
        pair.send_bytes(first);
        let mut events = pair.events();
        pair.send_bytes(second);
        events.extend(pair.events());
        let ended = match self.row.outcome.refusal() {
            Some((code, cause)) => {
                assert_eq!(events, []);
                let violation = violated(&mut pair, code, &mut promised);
                let found = match violation {
                    ViolationKind::Packet(error) => Cause::Packet(error.violation),
                    kind => Cause::Session(kind),
                };
                assert_eq!(found, cause);
                Some(CloseReason::Violation(violation))
            }
            None => self.tolerated(&mut pair, &events, &mut promised),
        };
        if let Some(reason) = ended {
            dial_again(&mut pair, &mut supervisor, &reason);
            promised.resume(&mut pair, self.table);
        }
        promised.complete(&mut pair);
    }

    /// Checks what follows a mistake that is let pass; why the connection ended, if it did.
    fn tolerated<M: TestMemory>(
        &self,
        pair: &mut Pair<M>,
        events: &[Seen],
        promised: &mut Promised,
    ) -> Option<CloseReason> {
        match self.row.outcome {
            Malformed(_) | Protocol(_) | AliasZero | Refused(..) => unreachable!(),
            Ignored => assert_eq!(events, []),
            Answered(answer) => {
                assert_eq!(events, []);
                assert_eq!(pair.transmitted(), bytes(answer));
            }
            Delivered(payload) => take_message(pair, events, payload),
            Downgraded => assert_eq!(events, [Seen::Downgraded(promised.forget_exactly_once())]),
            Accepted => {
                assert_eq!(events, [Seen::Connected { session_present: true }]);
                promised.expect_again(pair);
            }
            Rejected(reason) => {
                assert_eq!(events, [Seen::Refused(reason)]);
                return Some(ended(pair, CloseReason::Refused(Refusal { reason })));
            }
            Disconnected(code) => {
                assert_eq!(events, [Seen::Disconnect(code)]);
                return Some(ended(pair, CloseReason::Disconnected(code)));
            }
        }
        pair.expect(&[]);
        assert_eq!(pair.session.closing(), Closing::No);
        None
    }
}

/// The client has the message and acknowledges it.
fn take_message<M: TestMemory>(pair: &mut Pair<M>, events: &[Seen], expected: &str) {
    let [Seen::Message { payload, delivery, .. }] = events else { panic!("{events:?}") };
    assert_eq!(payload, expected);
    let Some(delivery) = *delivery else { return };
    pair.ack(delivery);
    let sent = pair.transmitted();
    match decode(&sent, pair.version)[..] {
        [Packet::PubAck(_)] => {}
        [Packet::PubRec(ref ack)] => {
            let id = ack.0.packet_id.get();
            pair.exchange(&pubrel(id), &[pubcomp(id)]);
        }
        ref sent => panic!("{sent:?}"),
    }
}

/// The connection ended by a violation: DISCONNECT with this code left, or before 5.0 nothing.
fn violated<M: TestMemory>(
    pair: &mut Pair<M>,
    code: ReasonCode,
    promised: &mut Promised,
) -> ViolationKind {
    assert!(!pair.session.wants_input());
    pair.send(&publish(QOS0, 0, "behind it"));
    pair.expect_events(&[]);
    promised.publish_late(pair);
    if pair.version == Version::V5 {
        assert_eq!(pair.session.closing(), Closing::No);
        pair.expect(&[disconnect(code)]);
        assert_eq!(pair.session.closing(), Closing::AfterFlush);
    } else {
        assert_eq!(pair.session.closing(), Closing::Now);
    }
    pair.expect(&[]);
    let events = pair.close();
    let [Seen::Closed(CloseReason::Violation(violation))] = events[..] else {
        panic!("{events:?}")
    };
    violation
}

/// The broker ended the connection.
fn ended<M: TestMemory>(pair: &mut Pair<M>, reason: CloseReason) -> CloseReason {
    pair.expect(&[]);
    assert_eq!(pair.session.closing(), Closing::Now);
    assert_eq!(pair.close(), [Seen::Closed(reason)]);
    reason
}

/// A supervisor that made the connection of the pair.
fn supervisor<M: TestMemory>(pair: &Pair<M>) -> Supervisor {
    let config = SupervisorConfig {
        backoff: Backoff::default(),
        version: VersionChoice::Only(pair.version),
        max_attempts: None,
        stop_on_refusal: false,
        reconnect: true,
        follow_redirects: false,
        seed: 1,
    };
    let mut supervisor = Supervisor::new(config, 1);
    supervisor.start(pair.now);
    assert!(matches!(supervisor.poll(pair.now), Action::Dial { .. }));
    if pair.session.phase() == Phase::Connected {
        supervisor.handle_connected(pair.now);
    }
    supervisor
}

/// Waits until the supervisor dials the same broker again.
fn dial_again<M: TestMemory>(
    pair: &mut Pair<M>,
    supervisor: &mut Supervisor,
    reason: &CloseReason,
) {
    let retry = supervisor.handle_failed(pair.now, FailureClass::of(reason));
    let Retry::Later(_) = retry else { panic!("{retry:?}") };
    let action = supervisor.poll(pair.now);
    let Action::Wait(until) = action else { panic!("{action:?}") };
    pair.now = until;
    let action = supervisor.poll(pair.now);
    assert!(matches!(action, Action::Dial { .. }), "{action:?}");
}
