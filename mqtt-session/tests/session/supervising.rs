//! A session whose connections a supervisor decides on.

use mqtt_session::proto::{Property, ReasonCode, Version};
use mqtt_session::{
    Action, Backoff, CloseReason, Connect, FailureClass, Redirect, Refusal, Retry, Supervisor,
    SupervisorConfig, Target, VersionChoice,
};

use crate::packets::*;
use crate::pair::{Pair, Seen, TestMemory};

fn supervisor(brokers: usize) -> Supervisor {
    let config = SupervisorConfig {
        backoff: Backoff::default(),
        version: VersionChoice::Auto,
        max_attempts: None,
        stop_on_refusal: false,
        reconnect: true,
        follow_redirects: true,
        seed: 1,
    };
    Supervisor::new(config, brokers)
}

/// Obeys the supervisor: dials this at once and sends CONNECT.
#[track_caller]
fn dial<M: TestMemory>(pair: &mut Pair<M>, supervisor: &mut Supervisor, to: (Target, Version)) {
    let Action::Dial { target, version, attempt: 0 } = supervisor.poll(pair.now) else {
        panic!("nothing to dial");
    };
    assert_eq!((target, version), to);
    pair.open(&Connect { version, clean_start: false, ..Connect::new("client") });
}

/// The connection ended; the supervisor hears of it.
#[track_caller]
fn end<M: TestMemory>(pair: &mut Pair<M>, supervisor: &mut Supervisor, reason: CloseReason) {
    assert_eq!(pair.close(), [Seen::Closed(reason)]);
    let retry = supervisor.handle_failed(pair.now, FailureClass::of(&reason));
    assert_eq!(retry, Retry::AtOnce);
}

/// Promises: VER-1, SEND-5
fn what_was_queued_for_5_0_goes_to_a_broker_of_3_1_1<M: TestMemory>() {
    let mut pair = Pair::<M>::new();
    let token = pair.publish(QOS1, "a");
    let mut supervisor = supervisor(2);
    supervisor.start(pair.now);
    for _ in 0..2 {
        dial(&mut pair, &mut supervisor, (Target::Listed(0), Version::V5));
        end(&mut pair, &mut supervisor, CloseReason::NoConnAck);
    }
    dial(&mut pair, &mut supervisor, (Target::Listed(0), Version::V3_1_1));
    pair.send(&connack(false));
    pair.expect_event(&Seen::Connected { session_present: false });
    supervisor.handle_connected(pair.now);
    pair.expect(&[publish(QOS1, 1, "a")]);
    pair.send(&puback(1));
    pair.expect_delivered(token);
}

/// Promises: VER-1
fn a_refusal_in_the_form_of_either_version_will_do<M: TestMemory>() {
    let refusals: [&[u8]; 2] = [&[0x20, 0x02, 0x00, 0x01], &[0x20, 0x03, 0x00, 0x84, 0x00]];
    for refusal in refusals {
        let mut pair = Pair::<M>::new();
        let mut supervisor = supervisor(1);
        supervisor.start(pair.now);
        dial(&mut pair, &mut supervisor, (Target::Listed(0), Version::V5));
        pair.send_bytes(refusal);
        let reason = ReasonCode::UnsupportedProtocolVersion;
        pair.expect_event(&Seen::Refused(reason));
        end(&mut pair, &mut supervisor, CloseReason::Refused(Refusal { reason }));
        dial(&mut pair, &mut supervisor, (Target::Listed(0), Version::V3_1_1));
    }
}

/// Promises: LIVE-5
fn the_broker_says_where_to_go<M: TestMemory>() {
    let mut pair = Pair::<M>::new();
    let mut supervisor = supervisor(3);
    supervisor.start(pair.now);
    dial(&mut pair, &mut supervisor, (Target::Listed(0), Version::V5));
    let reason = ReasonCode::UseAnotherServer;
    let reference = [Property::ServerReference("other.example:1883")];
    pair.send(&mqtt_session::proto::ConnAck { reason, ..granting(&reference) });
    pair.expect_event(&Seen::Refused(reason));
    assert!(supervisor.handle_redirect(pair.now, Redirect::Once));
    end(&mut pair, &mut supervisor, CloseReason::Refused(Refusal { reason }));
    dial(&mut pair, &mut supervisor, (Target::Redirect, Version::V5));
    pair.send(&connack(false));
    pair.expect_event(&Seen::Connected { session_present: false });
    supervisor.handle_connected(pair.now);
    let reason = ReasonCode::ServerMoved;
    pair.send(&disconnect(reason));
    pair.expect_event(&Seen::Disconnect(reason));
    assert!(supervisor.handle_redirect(pair.now, Redirect::Moved { brokers: 2 }));
    end(&mut pair, &mut supervisor, CloseReason::Disconnected(reason));
    dial(&mut pair, &mut supervisor, (Target::Listed(0), Version::V5));
}

crate::on_both_memories! {
    what_was_queued_for_5_0_goes_to_a_broker_of_3_1_1
    a_refusal_in_the_form_of_either_version_will_do
    the_broker_says_where_to_go
}
